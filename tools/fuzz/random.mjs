// A small generator (mulberry32) of which one number is the whole state: a case can be made again from its number.
export class Random {
  #state

  constructor(seed) {
    this.#state = seed >>> 0
  }
  /** In [0, 1). */
  next() {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  /** An integer in [low, high]. */
  int(low, high) {
    return low + Math.floor(this.next() * (high - low + 1))
  }
  chance(p) {
    return this.next() < p
  }
  pick(list) {
    return list[this.int(0, list.length - 1)]
  }
  list(low, high, make) {
    return Array.from({ length: this.int(low, high) }, () => make())
  }
}
