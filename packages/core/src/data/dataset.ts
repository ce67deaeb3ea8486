// Data sets: what a sample is and how many there are.
import { ArgumentError, describe, IndexError, ShapeError } from '../errors.js'
import { type Generator, indexSelect, randperm, select, tensor } from '../ops/index.js'
import { formatShape } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'

/** What a loader reads by index: a `Dataset`, or anything with the same two members. */
export interface MapStyle<T> {
  /** The number of samples. */
  readonly length: number
  /** The sample at `index`, now or later. */
  get(index: number): T | Promise<T>
  /**
   * The collated batch at `indices`, where the data set makes it faster than sample by sample. A loader with a
   * `collateFn` of its own does not use it.
   */
  getBatch?(indices: readonly number[]): unknown
}

/**
 * A data set that knows its length and gives any sample by its index.
 *
 * @example
 * ```ts
 * import { data, type Tensor, tensor } from '@flambeau/core'
 * class Squares extends data.Dataset<[Tensor, number]> {
 *   readonly length = 100
 *   get(index: number): [Tensor, number] {
 *     return [tensor([index / 100]), index * index]
 *   }
 * }
 * const loader = new data.DataLoader(new Squares(), { batchSize: 32 })
 * for await (const [x, y] of loader) console.log(x.shape, y.shape)
 * ```
 */
export abstract class Dataset<T> implements MapStyle<T> {
  abstract readonly length: number
  abstract get(index: number): T | Promise<T>
}

/**
 * A data set that is read from its beginning: a stream, a file too large to index, records from a network. With
 * several workers each reads a copy of its own; `getWorkerInfo()` tells it which part to give.
 */
export abstract class IterableDataset<T> {
  abstract [Symbol.iterator](): Iterator<T>
}

/** An `IterableDataset` whose samples arrive asynchronously. */
export abstract class AsyncIterableDataset<T> {
  abstract [Symbol.asyncIterator](): AsyncIterator<T>
}

/** Throws unless `index` is one of `length`; a negative one counts from the end. @returns an index from 0 */
export function checkIndex(operation: string, index: number, length: number): number {
  if (!Number.isInteger(index))
    throw new ArgumentError(`${operation}: expected an integer index, got ${describe(index)}`)
  if (index < -length || index >= length)
    throw new IndexError(
      `${operation}: expected an index in [${-length}, ${length - 1}] for ${length} samples, got ${index}`,
    )
  return index < 0 ? index + length : index
}

/** The tensors of a `TensorDataset`, one sample each. */
type Rows<T extends readonly Tensor[]> = { -readonly [K in keyof T]: Tensor }

/**
 * Samples that are rows of tensors: sample i is `[tensors[0][i], tensors[1][i], …]`. Batches are gathered in one
 * operation a tensor.
 *
 * @throws ShapeError when the tensors' first dimensions differ
 */
export class TensorDataset<T extends readonly Tensor[]> extends Dataset<Rows<T>> {
  readonly tensors: T

  constructor(...tensors: T) {
    super()
    if (tensors.length === 0) throw new ArgumentError('TensorDataset: expected at least one tensor')
    for (const t of tensors)
      if (!(t instanceof Tensor)) throw new ArgumentError(`TensorDataset: expected tensors, got ${describe(t)}`)
    if (tensors.some((t) => t.ndim === 0 || t.shape[0] !== tensors[0].shape[0]))
      throw new ShapeError(
        `TensorDataset: expected tensors with equal first dimensions, got ${tensors.map((t) => formatShape(t.shape)).join(', ')}`,
      )
    this.tensors = tensors
  }

  get length(): number {
    return this.tensors[0].shape[0]
  }

  get(index: number): Rows<T> {
    const at = checkIndex('TensorDataset', index, this.length)
    return this.tensors.map((t) => select(t, 0, at)) as Rows<T>
  }

  getBatch(indices: readonly number[]): Rows<T> {
    const { length } = this
    const at = tensor(
      indices.map((index) => checkIndex('TensorDataset', index, length)),
      { dtype: 'int64' },
    )
    const rows = this.tensors.map((t) => indexSelect(t, 0, t.device === 'cpu' ? at : at.to(t.device))) as Rows<T>
    at.dispose()
    return rows
  }
}

/** Several data sets, one after the other. */
export class ConcatDataset<T> extends Dataset<T> {
  readonly datasets: readonly MapStyle<T>[]
  /** Where each data set ends. */
  readonly cumulativeSizes: readonly number[]

  constructor(datasets: readonly MapStyle<T>[]) {
    super()
    if (datasets.length === 0) throw new ArgumentError('ConcatDataset: expected at least one data set')
    this.datasets = datasets.map((dataset) => checkMapStyle('ConcatDataset', dataset))
    let end = 0
    this.cumulativeSizes = datasets.map((dataset) => {
      end += dataset.length
      return end
    })
  }

  get length(): number {
    return this.cumulativeSizes[this.cumulativeSizes.length - 1]
  }

  get(index: number): T | Promise<T> {
    const at = checkIndex('ConcatDataset', index, this.length)
    const which = this.cumulativeSizes.findIndex((end) => at < end)
    return this.datasets[which].get(which === 0 ? at : at - this.cumulativeSizes[which - 1])
  }
}

/** The samples of several data sets of equal length side by side, as an array or, given an object, by its names. */
export class StackDataset<
  D extends readonly MapStyle<unknown>[] | Readonly<Record<string, MapStyle<unknown>>>,
> extends Dataset<Stacked<D>> {
  readonly datasets: D
  readonly length: number

  constructor(datasets: D) {
    super()
    const list = Object.values<MapStyle<unknown>>(datasets)
    if (list.length === 0) throw new ArgumentError('StackDataset: expected at least one data set')
    for (const dataset of list) checkMapStyle('StackDataset', dataset)
    if (list.some(({ length }) => length !== list[0].length))
      throw new ArgumentError(
        `StackDataset: expected data sets of one length, got ${list.map(({ length }) => length).join(', ')}`,
      )
    this.datasets = datasets
    this.length = list[0].length
  }

  get(index: number): Stacked<D> | Promise<Stacked<D>> {
    const at = checkIndex('StackDataset', index, this.length)
    const names = Object.keys(this.datasets)
    const samples = Object.values<MapStyle<unknown>>(this.datasets).map((dataset) => dataset.get(at))
    const join = (values: unknown[]): Stacked<D> =>
      (Array.isArray(this.datasets)
        ? values
        : Object.fromEntries(names.map((name, i) => [name, values[i]]))) as Stacked<D>
    return samples.some(isPromise) ? Promise.all(samples).then(join) : join(samples)
  }
}

type Stacked<D> = { -readonly [K in keyof D]: D[K] extends MapStyle<infer T> ? T : never }

/** Some samples of a data set, in the order of `indices`. */
export class Subset<T> extends Dataset<T> {
  readonly dataset: MapStyle<T>
  readonly indices: readonly number[]

  constructor(dataset: MapStyle<T>, indices: readonly number[]) {
    super()
    this.dataset = checkMapStyle('Subset', dataset)
    this.indices = indices
    const { getBatch } = dataset
    if (getBatch)
      this.getBatch = (at) =>
        getBatch.call(
          dataset,
          at.map((index) => this.#at(index)),
        )
  }

  getBatch?: (indices: readonly number[]) => unknown

  get length(): number {
    return this.indices.length
  }

  get(index: number): T | Promise<T> {
    return this.dataset.get(this.#at(index))
  }

  #at(index: number): number {
    return this.indices[checkIndex('Subset', index, this.length)]
  }
}

/**
 * Splits a data set at random into parts that do not overlap, as PyTorch's `random_split` does with the same seed.
 *
 * @param lengths the size of each part, or fractions that sum to 1; what remains goes to the first parts
 * @param options.generator where the permutation comes from
 * @throws ArgumentError when the lengths do not add up
 * @example
 * ```ts
 * import { data } from '@flambeau/core'
 * const [train, test] = data.randomSplit(data.fromArray([0, 1, 2, 3, 4]), [0.8, 0.2])
 * console.log(train.length, test.length) // → 4 1
 * ```
 */
export function randomSplit<T>(
  dataset: MapStyle<T>,
  lengths: readonly number[],
  options: { readonly generator?: Generator } = {},
): Subset<T>[] {
  const total = checkMapStyle('randomSplit', dataset).length
  const sizes = splitSizes(total, lengths)
  const order = randperm(total, options).toArray() as number[]
  let begin = 0
  return sizes.map((size) => {
    const part = new Subset(dataset, order.slice(begin, begin + size))
    begin += size
    return part
  })
}

function splitSizes(total: number, lengths: readonly number[]): number[] {
  const wrong = (why: string) => new ArgumentError(`randomSplit: ${why}, got ${describe(lengths)} for ${total} samples`)
  if (!Array.isArray(lengths) || !lengths.every((n) => typeof n === 'number' && n >= 0))
    throw wrong('expected lengths or fractions')
  const sum = lengths.reduce((a, b) => a + b, 0)
  if (sum <= 1 && Math.abs(sum - 1) <= 1e-9) {
    const sizes = lengths.map((fraction) => Math.floor(total * fraction))
    let rest = total - sizes.reduce((a, b) => a + b, 0)
    for (let i = 0; rest > 0; i = (i + 1) % sizes.length, rest--) sizes[i]++
    return sizes
  }
  if (!lengths.every(Number.isInteger)) throw wrong('expected integers, or fractions that sum to 1')
  if (sum !== total) throw wrong(`expected lengths that sum to the data set's length`)
  return [...lengths]
}

/** An array as a data set. */
export function fromArray<T>(samples: readonly T[]): Dataset<T> {
  return new ArrayDataset(samples)
}

class ArrayDataset<T> extends Dataset<T> {
  readonly #samples: readonly T[]

  constructor(samples: readonly T[]) {
    super()
    this.#samples = samples
  }

  get length(): number {
    return this.#samples.length
  }

  get(index: number): T {
    return this.#samples[checkIndex('fromArray', index, this.length)]
  }
}

export const isPromise = (value: unknown): value is Promise<unknown> =>
  typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'

export function isMapStyle(value: unknown): value is MapStyle<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    'get' in value &&
    typeof value.get === 'function' &&
    'length' in value &&
    typeof value.length === 'number'
  )
}

export function isIterable(value: unknown): value is Iterable<unknown> | AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && (Symbol.asyncIterator in value || Symbol.iterator in value)
}

function checkMapStyle<T>(operation: string, dataset: MapStyle<T>): MapStyle<T> {
  if (!isMapStyle(dataset))
    throw new ArgumentError(`${operation}: expected a data set with a length and get(index), got ${describe(dataset)}`)
  return dataset
}
