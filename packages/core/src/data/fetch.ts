// Reading batches from a data set: the same code in a worker thread and without one.
import { ArgumentError, describe } from '../errors.js'
import { isIterable, isMapStyle, isPromise, type MapStyle } from './dataset.js'

/** A sample that could not be read, and which. */
export class FetchError extends Error {
  readonly index: number | readonly number[]

  constructor(index: number | readonly number[], cause: unknown) {
    super('a sample could not be read', { cause })
    this.index = index
  }
}

/** What a loader reads: by index, or from the beginning. */
export type Source = MapStyle<unknown> | Iterable<unknown> | AsyncIterable<unknown>

export function checkSource(operation: string, value: unknown): Source {
  if (isMapStyle(value) || isIterable(value)) return value
  throw new ArgumentError(
    `${operation}: expected a data set with length and get(index), or an iterable, got ${describe(value)}`,
  )
}

/** How samples become a batch; without it, the loader gives single samples. */
export interface Batching {
  readonly collate: (samples: unknown[]) => unknown
  /** Whether `collate` is the default, which a data set's own `getBatch` may replace. */
  readonly standard: boolean
}

/** Calls `read`; what it throws, now or later, comes with the index. */
function at<R>(index: number | readonly number[], read: () => R): R {
  const fail = (error: unknown): never => {
    throw error instanceof FetchError ? error : new FetchError(index, error)
  }
  try {
    const value = read()
    return isPromise(value) ? (value.catch(fail) as R) : value
  } catch (error) {
    return fail(error)
  }
}

/** The batch at `indices`, or the sample at the only one. A promise where the data set gives one. */
export function fetchIndices(
  source: MapStyle<unknown>,
  indices: readonly number[],
  batching: Batching | null,
): unknown {
  if (batching === null) return at(indices[0], () => source.get(indices[0]))
  const { getBatch } = source
  if (batching.standard && getBatch !== undefined) return at(indices, () => getBatch.call(source, indices))
  const samples = indices.map((index) => at(index, () => source.get(index)))
  const collate = (list: unknown[]) => at(indices, () => batching.collate(list))
  return samples.some(isPromise) ? Promise.all(samples).then(collate) : collate(samples)
}

/** Reads an iterable data set batch by batch. */
export class StreamReader {
  readonly #iterator: Iterator<unknown> | AsyncIterator<unknown>
  readonly #batching: Batching | null
  readonly #size: number
  readonly #dropLast: boolean
  #count = 0
  #ended = false

  constructor(
    source: Iterable<unknown> | AsyncIterable<unknown>,
    batching: Batching | null,
    size: number,
    dropLast: boolean,
  ) {
    this.#iterator = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
    this.#batching = batching
    this.#size = batching === null ? 1 : size
    this.#dropLast = dropLast
  }

  /** The next batch, or undefined after the last. */
  async next(): Promise<{ value: unknown } | undefined> {
    const samples: unknown[] = []
    const first = this.#count
    while (!this.#ended && samples.length < this.#size) {
      const { value, done } = await at(this.#count, () => this.#iterator.next())
      if (done) this.#ended = true
      else {
        samples.push(value)
        this.#count++
      }
    }
    if (samples.length === 0 || (samples.length < this.#size && this.#dropLast)) return undefined
    const { collate } = this.#batching ?? {}
    if (!collate) return { value: samples[0] }
    return {
      value: await at(
        samples.map((_, i) => first + i),
        () => collate(samples),
      ),
    }
  }

  /** Ends the data set's iteration early. */
  async close(): Promise<void> {
    if (!this.#ended) await this.#iterator.return?.()
    this.#ended = true
  }
}
