// A data set that worker threads make for themselves, from the arguments that the loader names.
import { data } from '@flambeau/core'

/** For each number below `length`: the number, and whether it is prime. */
export class Primes extends data.Dataset<{ number: number; prime: boolean }> {
  constructor(readonly length: number) {
    super()
  }
  get(index: number): { number: number; prime: boolean } {
    let prime = index > 1
    for (let divisor = 2; prime && divisor * divisor <= index; divisor++) prime = index % divisor !== 0
    return { number: index, prime }
  }
}
