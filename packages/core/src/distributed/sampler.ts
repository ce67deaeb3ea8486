// Each process reads its own part of a data set.
import { Sampler } from '../data/index.js'
import { ArgumentError, describe } from '../errors.js'
import { Generator, randperm } from '../ops/index.js'
import { checkInteger } from './failures.js'
import { getRank, getWorldSize } from './process-group.js'

export interface DistributedSamplerOptions {
  /** How many parts. Default: the number of processes. */
  readonly numReplicas?: number
  /** Which part is this process's. Default: its rank. */
  readonly rank?: number
  /** Default true. */
  readonly shuffle?: boolean
  /** The same on every process. Default 0. */
  readonly seed?: number
  /** Leave the tail out, instead of repeating some samples, where parts would differ in size. Default false. */
  readonly dropLast?: boolean
}

/**
 * The indices that one of several processes reads: every `numReplicas`-th of an order that all have in common, the one that
 * PyTorch's draws. Call `setEpoch` before each epoch, so that the orders differ.
 *
 * @example
 * ```ts
 * import * as distributed from '@flambeau/core/distributed'
 * const part = new distributed.DistributedSampler({ length: 10 }, { numReplicas: 3, rank: 1, shuffle: false })
 * console.log([...part]) // → [ 1, 4, 7, 0 ]
 * ```
 */
export class DistributedSampler extends Sampler {
  readonly #source: { readonly length: number }
  readonly #replicas: number
  readonly #rank: number
  readonly #shuffle: boolean
  readonly #seed: number
  readonly #dropLast: boolean
  #epoch = 0

  constructor(source: { readonly length: number }, options: DistributedSamplerOptions = {}) {
    super()
    const name = 'DistributedSampler'
    if (typeof source?.length !== 'number')
      throw new ArgumentError(`${name}: expected a data set with a length, got ${describe(source)}`)
    const { shuffle = true, seed = 0, dropLast = false } = options
    this.#source = source
    this.#replicas = checkInteger(name, 'numReplicas', options.numReplicas ?? getWorldSize(), 1, 2 ** 31)
    this.#rank = checkInteger(name, 'rank', options.rank ?? getRank(), 0, this.#replicas - 1)
    this.#shuffle = shuffle
    this.#seed = checkInteger(name, 'seed', seed, 0, Number.MAX_SAFE_INTEGER)
    this.#dropLast = dropLast
  }

  get length(): number {
    const n = this.#source.length / this.#replicas
    return this.#dropLast ? Math.floor(n) : Math.ceil(n)
  }

  /** Chooses the order of the next epoch. */
  setEpoch(epoch: number): void {
    this.#epoch = checkInteger('DistributedSampler.setEpoch', 'epoch', epoch, 0, Number.MAX_SAFE_INTEGER)
  }

  *[Symbol.iterator](): Iterator<number> {
    const n = this.#source.length
    if (n === 0) return
    const generator = new Generator().manualSeed(this.#seed + this.#epoch)
    const order = this.#shuffle ? (randperm(n, { generator }).toArray() as number[]) : null
    const total = this.length * this.#replicas
    // What is missing at the end is taken from the beginning, as often as it takes.
    for (let i = this.#rank; i < total; i += this.#replicas) yield order === null ? i % n : order[i % n]
  }
}
