// Samplers: in which order a loader reads. Given the same generator they draw what PyTorch's draw.
import { ArgumentError, describe } from '../errors.js'
import { Generator, multinomial, randint, randperm, tensor } from '../ops/index.js'

/** Indices in the order in which a loader reads them; each iteration is an epoch. */
export abstract class Sampler<I = number> implements Iterable<I> {
  abstract [Symbol.iterator](): Iterator<I>
  /** How many an epoch has. */
  abstract readonly length: number
}

/** What has a length, such as a data set. */
interface Sized {
  readonly length: number
}

function checkCount(operation: string, name: string, value: unknown): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value <= 0)
    throw new ArgumentError(`${operation}: expected a positive integer for ${name}, got ${describe(value)}`)
  return value
}

/** 0, 1, 2, … */
export class SequentialSampler extends Sampler {
  readonly #source: Sized

  constructor(source: Sized) {
    super()
    this.#source = source
  }

  get length(): number {
    return this.#source.length
  }

  *[Symbol.iterator](): Iterator<number> {
    const { length } = this
    for (let i = 0; i < length; i++) yield i
  }
}

/** The options of `RandomSampler`. */
export interface RandomSamplerOptions {
  /** Draw each index independently, so that some come twice. Default false. */
  readonly replacement?: boolean
  /** Default: the length of the data set. */
  readonly numSamples?: number
  /** Default: a new one each epoch, seeded by the global one. */
  readonly generator?: Generator
}

/** All indices in random order, or `numSamples` of them. */
export class RandomSampler extends Sampler {
  readonly #source: Sized
  readonly #options: RandomSamplerOptions

  constructor(source: Sized, options: RandomSamplerOptions = {}) {
    super()
    if (options.numSamples !== undefined) checkCount('RandomSampler', 'numSamples', options.numSamples)
    this.#source = source
    this.#options = options
  }

  get length(): number {
    return this.#options.numSamples ?? this.#source.length
  }

  /** Where the order comes from, if not from the global generator. */
  get generator(): Generator | undefined {
    return this.#options.generator
  }

  *[Symbol.iterator](): Iterator<number> {
    const n = this.#source.length
    if (n === 0) return
    const generator = this.#options.generator ?? new Generator().manualSeed(randomSeed())
    const { length } = this
    if (this.#options.replacement) {
      for (let left = length; left > 0; left -= 32)
        yield* randint(0, n, [Math.min(32, left)], { generator }).toArray() as number[]
      return
    }
    let left = length
    for (; left >= n; left -= n) yield* randperm(n, { generator }).toArray() as number[]
    // Drawn even where nothing is left, as PyTorch does.
    yield* (randperm(n, { generator }).toArray() as number[]).slice(0, left)
  }
}

/** A seed drawn from `generator`, or the global one. */
export function randomSeed(generator?: Generator): bigint {
  return tensor(0, { dtype: 'int64' }).random_(undefined, undefined, { generator }).itemBigInt()
}

/** The given indices in random order. */
export class SubsetRandomSampler extends Sampler {
  readonly #indices: readonly number[]
  /** Where the order comes from, if not from the global generator. */
  readonly generator: Generator | undefined

  constructor(indices: readonly number[], options: { readonly generator?: Generator } = {}) {
    super()
    this.#indices = indices
    this.generator = options.generator
  }

  get length(): number {
    return this.#indices.length
  }

  *[Symbol.iterator](): Iterator<number> {
    for (const i of randperm(this.length, { generator: this.generator }).toArray() as number[]) yield this.#indices[i]
  }
}

/** The options of `WeightedRandomSampler`. */
export interface WeightedRandomSamplerOptions {
  /** Default true. */
  readonly replacement?: boolean
  readonly generator?: Generator
}

/** Indices drawn with probabilities in proportion to `weights`, which need not sum to 1. */
export class WeightedRandomSampler extends Sampler {
  readonly #weights: readonly number[]
  readonly #options: WeightedRandomSamplerOptions
  readonly length: number

  constructor(weights: readonly number[], numSamples: number, options: WeightedRandomSamplerOptions = {}) {
    super()
    if (!Array.isArray(weights) || !weights.every((w) => typeof w === 'number'))
      throw new ArgumentError(`WeightedRandomSampler: expected an array of weights, got ${describe(weights)}`)
    this.#weights = weights
    this.#options = options
    this.length = checkCount('WeightedRandomSampler', 'numSamples', numSamples)
  }

  /** Where the indices come from, if not from the global generator. */
  get generator(): Generator | undefined {
    return this.#options.generator
  }

  *[Symbol.iterator](): Iterator<number> {
    const { replacement = true, generator } = this.#options
    const weights = tensor(this.#weights, { dtype: 'float64' })
    yield* multinomial(weights, this.length, replacement, { generator }).toArray() as number[]
  }
}

/** Another sampler's indices in lists of `batchSize`. */
export class BatchSampler extends Sampler<number[]> {
  readonly #sampler: Iterable<number> & Partial<Sized>
  readonly batchSize: number
  readonly dropLast: boolean

  constructor(sampler: Iterable<number> & Partial<Sized>, batchSize: number, dropLast = false) {
    super()
    this.#sampler = sampler
    this.batchSize = checkCount('BatchSampler', 'batchSize', batchSize)
    this.dropLast = dropLast
  }

  get length(): number {
    const { length } = this.#sampler
    if (length === undefined) throw new ArgumentError('BatchSampler: the sampler has no length')
    return this.dropLast ? Math.floor(length / this.batchSize) : Math.ceil(length / this.batchSize)
  }

  *[Symbol.iterator](): Iterator<number[]> {
    let batch: number[] = []
    for (const index of this.#sampler) {
      if (batch.push(index) < this.batchSize) continue
      yield batch
      batch = []
    }
    if (batch.length > 0 && !this.dropLast) yield batch
  }
}
