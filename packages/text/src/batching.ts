// Batches of texts that are about equally long, so that little is filled up.
import { ArgumentError, data, type Generator, nn, randperm, type Tensor, tensor } from '@flambeau/core'
import { describe } from '@flambeau/core/errors'

export interface BucketOptions {
  /** Samples a batch. */
  readonly batchSize?: number
  /** Or as many samples as have so many tokens together, filled up to the longest. */
  readonly maxTokens?: number
  /** Samples that are ordered by length together. Default 100 batches, or all with `maxTokens`. */
  readonly bucketSize?: number
  /** A new order each epoch: of samples and of batches. Default true. */
  readonly shuffle?: boolean
  /** Leave out a last batch that is not full. Default false. */
  readonly dropLast?: boolean
  /** Where the order comes from. Default: the global generator. */
  readonly generator?: Generator
}

/**
 * Batches of indices of samples that are about equally long, for a loader's `batchSampler`.
 *
 * @example
 * ```ts
 * import { BucketBatchSampler } from '@flambeau/text'
 * const sampler = new BucketBatchSampler([9, 1, 8, 2], { batchSize: 2, shuffle: false })
 * console.log([...sampler]) // → [ [ 1, 3 ], [ 2, 0 ] ]
 * ```
 */
export class BucketBatchSampler implements Iterable<number[]> {
  readonly #lengths: readonly number[]
  readonly #options: BucketOptions

  /** @param lengths of all samples */
  constructor(lengths: readonly number[], options: BucketOptions) {
    const { batchSize, bucketSize, maxTokens } = options
    if ((batchSize === undefined) === (maxTokens === undefined))
      throw new ArgumentError('BucketBatchSampler: expected either batchSize or maxTokens')
    for (const [name, value] of Object.entries({ batchSize, maxTokens, bucketSize }))
      if (value !== undefined && !(Number.isInteger(value) && value > 0))
        throw new ArgumentError(`BucketBatchSampler: expected ${name} to be a positive integer, got ${describe(value)}`)
    const wrong = lengths.find((length) => !(Number.isInteger(length) && length >= 0))
    if (wrong !== undefined) throw new ArgumentError(`BucketBatchSampler: expected lengths ≥ 0, got ${describe(wrong)}`)
    this.#lengths = lengths
    this.#options = options
  }

  *[Symbol.iterator](): IterableIterator<number[]> {
    const { batchSize, dropLast = false, generator, maxTokens, shuffle = true } = this.#options
    const count = this.#lengths.length
    const order = shuffle
      ? (randperm(count, { generator }).toArray() as number[])
      : Array.from({ length: count }, (_, i) => i)
    const bucket = this.#options.bucketSize ?? (batchSize === undefined ? Math.max(1, count) : 100 * batchSize)
    const batches: number[][] = []
    let open: number[] = []
    const close = (): void => {
      if (open.length > 0) batches.push(open)
      open = []
    }
    for (let start = 0; start < count; start += bucket) {
      const part = order.slice(start, start + bucket).sort((a, b) => this.#lengths[a] - this.#lengths[b])
      for (const index of part) {
        // They come in the order of their lengths: this one is the longest.
        if (maxTokens !== undefined && (open.length + 1) * this.#lengths[index] > maxTokens) close()
        open.push(index)
        if (open.length === batchSize) close()
      }
      if (batchSize === undefined) close()
    }
    if (open.length > 0 && !(dropLast && batchSize !== undefined)) close()
    const turns = shuffle ? (randperm(batches.length, { generator }).toArray() as number[]) : batches.keys()
    for (const turn of turns) yield batches[turn]
  }

  /** The number of batches; undefined where it depends on the order. */
  get length(): number | undefined {
    const { batchSize, dropLast = false } = this.#options
    if (batchSize === undefined) return undefined
    return dropLast ? Math.floor(this.#lengths.length / batchSize) : Math.ceil(this.#lengths.length / batchSize)
  }
}

/**
 * Sequences of different lengths as one tensor, with their mask.
 *
 * @returns ids of shape [B, L], filled up with `padId`, and a mask of 1 where they are not
 */
export function padBatch(
  sequences: readonly (readonly number[] | Tensor)[],
  { padId = 0, paddingSide = 'right' }: { readonly padId?: number; readonly paddingSide?: 'left' | 'right' } = {},
): { readonly inputIds: Tensor; readonly attentionMask: Tensor } {
  const rows = sequences.map((row) =>
    Array.isArray(row) ? tensor(row as number[], { dtype: 'int64' }) : (row as Tensor),
  )
  const { padSequence } = nn.utils.rnn
  const options = { batchFirst: true, paddingSide }
  return {
    inputIds: padSequence(rows, { ...options, paddingValue: padId }),
    attentionMask: padSequence(
      rows.map((row) => row.detach().mul(0).add(1)),
      { ...options, paddingValue: 0 },
    ),
  }
}

/** A loader of samples that are about equally long. @param lengths of the samples, by index */
export function bucketLoader<T, B>(
  dataset: data.MapStyle<T>,
  lengths: readonly number[],
  options: BucketOptions & { readonly collateFn: (samples: T[]) => B },
): data.DataLoader<T, B> {
  if (lengths.length !== dataset.length)
    throw new ArgumentError(`bucketLoader: expected ${dataset.length} lengths, got ${lengths.length}`)
  return new data.DataLoader<T, B>(dataset, {
    batchSampler: new BucketBatchSampler(lengths, options),
    collateFn: options.collateFn,
  })
}
