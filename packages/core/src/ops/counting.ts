// Distinct values, places in sorted sequences, histograms, quantiles.
import * as kernels from '../binding/kernels.gen.js'
import { ArgumentError, DTypeError, describe, ShapeError } from '../errors.js'
import { alias, allocate } from '../tensor/create.js'
import { isComplex, isFloating, isInteger } from '../tensor/dtype.js'
import { contiguousStrides, formatShape, sameShape, wrapDim } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import { mul, sub } from './arithmetic.js'
import { isnan, logicalNot } from './comparison.js'
import { where } from './conditional.js'
import { to } from './copies.js'
import { fillRaw } from './creation.js'
import { composite } from './dispatch.js'
import { clampMin } from './extrema.js'
import { gather, indexSelect } from './indexing.js'
import { contiguousRaw } from './inplace.js'
import type { AnyRecord, FunctionOp, Op } from './record.js'
import type { KeepdimOptions } from './reduce.js'
import { any, sum } from './reductions.js'
import { ceil, floor, round } from './rounding.js'
import { max, min, sort } from './selection.js'
import { narrow } from './slicing.js'
import { expand, permute, reshape } from './views.js'

/** The distinct values, and for what was asked: where each element went, and how often each value occurs. */
export interface UniqueResult {
  readonly values: Tensor
  /** For each element (each slice along `dim`), the position of its value. */
  readonly inverse?: Tensor
  /** How often each value occurs. */
  readonly counts?: Tensor
}

/** What else `unique` tells. */
export interface UniqueFlags {
  readonly returnInverse?: boolean
  readonly returnCounts?: boolean
}

export interface UniqueConsecutiveOptions extends UniqueFlags {
  /** Compare slices along this dimension. Default: elements. */
  readonly dim?: number | null
}

export interface UniqueOptions extends UniqueConsecutiveOptions {
  /** Ascending values; they always are. */
  readonly sorted?: boolean
}

/** `unique` and `uniqueConsecutive`: the values alone, or with what else was asked for. */
export interface UniqueOp<O extends UniqueFlags> {
  (self: Tensor, options?: O & { returnInverse?: false; returnCounts?: false }): Tensor
  (self: Tensor, options: O & { returnInverse: true }): UniqueResult & { readonly inverse: Tensor }
  (self: Tensor, options: O): UniqueResult
  readonly record: AnyRecord
}

/** The methods whose result depends on the options. */
export interface CountingMethods {
  /** @see unique */
  unique(options?: UniqueOptions & { returnInverse?: false; returnCounts?: false }): Tensor
  unique(options: UniqueOptions): UniqueResult
  /** @see uniqueConsecutive */
  uniqueConsecutive(options?: UniqueConsecutiveOptions & { returnInverse?: false; returnCounts?: false }): Tensor
  uniqueConsecutive(options: UniqueConsecutiveOptions): UniqueResult
}

function distinct(name: string, self: Tensor, options: UniqueOptions, consecutive: boolean): Tensor | UniqueResult {
  const { dim, returnInverse = false, returnCounts = false } = options
  if (isComplex(self.dtype)) throw new DTypeError(`${name}: expected a dtype with an order, got ${self.dtype}`)
  const input = self.detach()
  const whole = dim === undefined || dim === null
  const d = whole ? 0 : wrapDim(name, dim, input.ndim)
  const source = whole ? reshape(input, [-1]) : input
  const n = source.ndim === 0 ? 1 : source.shape[d]
  if (!whole && n === 0 && source.numel() === 0 && source.shape.some((size, i) => i !== d && size === 0))
    throw new ShapeError(
      `${name}: expected slices with elements along dim ${d}, got a tensor of shape ${formatShape(self.shape)}`,
    )
  const front = source.ndim < 2 ? source : permute(source, [d, ...source.shape.map((_, i) => i).filter((i) => i !== d)])
  const rows = contiguousRaw(front)
  const shape = [n, n === 0 ? 0 : rows.numel() / n]
  const flat = alias(rows, shape, contiguousStrides(shape))
  const make = (size: readonly number[]): Tensor => allocate(size, 'int64', self.device)
  let order: Tensor | null = null
  if (!consecutive) {
    order = make([n])
    if (shape[1] === 1) order = sort(reshape(flat, [n]), 0, { stable: true }).indices
    else kernels.sortRows(order, flat)
  }
  const [run, first, count] = [make([n]), make([n]), make([1])]
  kernels.findRuns(run, first, count, flat, order)
  const runs = Number(count.itemBigInt())
  const values = source.ndim === 0 ? reshape(source, [1]) : indexSelect(source, d, narrow(first, 0, 0, runs))
  if (!returnInverse && !returnCounts) return values
  const inverse = whole ? reshape(run, self.shape) : run
  return {
    values,
    ...(returnInverse && { inverse }),
    ...(returnCounts && { counts: bincount(run, null, runs) }),
  }
}

/**
 * The distinct values in ascending order, or the distinct slices along `dim`.
 *
 * @example
 * ```ts
 * import { tensor } from '@flambeau/core'
 * console.log(tensor([3, 1, 3]).unique().toArray()) // → [ 1, 3 ]
 * ```
 */
export const unique: UniqueOp<UniqueOptions> = composite(
  'unique(self, {sorted, return_inverse, return_counts, dim})',
  (self: Tensor, options: UniqueOptions = {}) => distinct('unique', self, options, false),
) as UniqueOp<UniqueOptions> & FunctionOp<[self: Tensor], Tensor | UniqueResult>

/** The values, or the slices along `dim`, without those that equal the one before. */
export const uniqueConsecutive: UniqueOp<UniqueConsecutiveOptions> = composite(
  'unique_consecutive(self, {return_inverse, return_counts, dim})',
  (self: Tensor, options: UniqueConsecutiveOptions = {}) => distinct('unique_consecutive', self, options, true),
) as UniqueOp<UniqueConsecutiveOptions> & FunctionOp<[self: Tensor], Tensor | UniqueResult>

/** The options of `bucketize`. */
export interface BucketizeOptions {
  /** int32 results. Default false: int64. */
  readonly outInt32?: boolean
  /** After equal elements rather than before. Default false. */
  readonly right?: boolean
}

export interface SearchsortedOptions extends BucketizeOptions {
  /** 'right' is `right: true`. */
  readonly side?: 'left' | 'right' | null
  /** The order that sorts the sequence, where it is not sorted. */
  readonly sorter?: Tensor | null
}

/**
 * Where values would be inserted into a sorted sequence.
 *
 * @param sortedSequence one dimension, or as many as `input` with all but the last agreeing
 * @returns int64, the shape of `input`
 */
export const searchsorted: FunctionOp<
  [sortedSequence: Tensor, input: Tensor | number, options?: SearchsortedOptions],
  Tensor
> = composite(
  'searchsorted(sorted_sequence, input, {out_int32, right, side, sorter})',
  (sequence: Tensor, input: Tensor | number, options: SearchsortedOptions = {}): Tensor => {
    const { outInt32 = false, right = false, side, sorter } = options
    const name = 'searchsorted'
    if (side !== undefined && side !== null && side !== 'left' && side !== 'right')
      throw new ArgumentError(`${name}: expected side 'left' or 'right', got ${describe(side)}`)
    if (side === 'left' && right) throw new ArgumentError(`${name}: side 'left' and right: true contradict each other`)
    const values = input instanceof Tensor ? input : fillRaw([], input, sequence.dtype, sequence.device)
    if (values.dtype !== sequence.dtype)
      throw new DTypeError(`${name}: expected values of the sequence's dtype ${sequence.dtype}, got ${values.dtype}`)
    if (sequence.ndim === 0) throw new ShapeError(`${name}: expected a sequence of at least 1 dimension`)
    const lead = (t: Tensor): number[] => t.shape.slice(0, -1)
    if (sequence.ndim > 1 && !(values.ndim === sequence.ndim && sameShape(lead(sequence), lead(values))))
      throw new ShapeError(
        `${name}: expected a sequence of 1 dimension, or values of shape [${[...lead(sequence), '*'].join(', ')}], got sequence ${formatShape(sequence.shape)} and values ${formatShape(values.shape)}`,
      )
    if (sorter) {
      if (sorter.dtype !== 'int64') throw new DTypeError(`${name}: expected an int64 sorter, got ${sorter.dtype}`)
      if (!sameShape(sorter.shape, sequence.shape))
        throw new ShapeError(
          `${name}: expected sorter of shape ${formatShape(sequence.shape)}, got ${formatShape(sorter.shape)}`,
        )
    }
    if (outInt32 && sequence.shape[sequence.ndim - 1] > 2 ** 31 - 1)
      throw new ArgumentError(`${name}: the sequence is too long for int32 results`)
    const out = allocate(values.shape, outInt32 ? 'int32' : 'int64', values.device)
    kernels.searchsorted(
      out,
      contiguousRaw(sequence),
      contiguousRaw(values),
      sorter ? contiguousRaw(sorter) : null,
      right || side === 'right',
    )
    return out
  },
)

/** The number of the interval that each value falls into. @see searchsorted */
export const bucketize: FunctionOp<[input: Tensor | number, boundaries: Tensor, options?: BucketizeOptions], Tensor> =
  composite(
    'bucketize(input, boundaries, {out_int32, right})',
    (input: Tensor | number, boundaries: Tensor, options: BucketizeOptions = {}): Tensor => {
      if (boundaries.ndim !== 1)
        throw new ShapeError(`bucketize: expected boundaries of 1 dimension, got ${formatShape(boundaries.shape)}`)
      return searchsorted(boundaries, input, options)
    },
  )

/** How many values fall into each of `bins` equal intervals from `low` to `high`; from the data where both are 0. */
export const histc: Op<[self: Tensor, bins?: number, low?: number, high?: number]> = composite(
  'histc(self, bins, min, max)',
  (self: Tensor, bins = 100, low = 0, high = 0): Tensor => {
    if (!Number.isInteger(bins) || bins <= 0) throw new ArgumentError(`histc: expected bins > 0, got ${describe(bins)}`)
    if (isComplex(self.dtype) || self.dtype === 'bool')
      throw new DTypeError(`histc: expected a real dtype, got ${self.dtype}`)
    const half = self.dtype === 'float16' || self.dtype === 'bfloat16'
    const input = contiguousRaw(half ? to(self.detach(), 'float32') : self)
    let [from, until] = [low, high]
    if (from === until && input.numel() > 0) {
      from = Number(min(input).item())
      until = Number(max(input).item())
    }
    if (from === until) {
      from -= 1
      until += 1
    }
    if (!Number.isFinite(from) || !Number.isFinite(until) || from > until)
      throw new ArgumentError(`histc: expected a finite range with min ≤ max, got [${from}, ${until}]`)
    const out = fillRaw([bins], 0, input.dtype, self.device)
    kernels.histc(out, input, from, until)
    return half ? to(out, self.dtype) : out
  },
)

/**
 * How often each integer from 0 on occurs, or the sum of the weights of its occurrences.
 *
 * @param weights of the input's shape; the result is then float64, or float32 for float32 weights
 * @param minlength the least size of the result
 */
export const bincount: Op<[self: Tensor, weights?: Tensor | null, minlength?: number]> = composite(
  'bincount(self, weights, minlength)',
  (self: Tensor, weights?: Tensor | null, minlength = 0): Tensor => {
    if (!isInteger(self.dtype)) throw new DTypeError(`bincount: expected integers, got ${self.dtype}`)
    if (self.ndim !== 1) throw new ShapeError(`bincount: expected 1 dimension, got ${formatShape(self.shape)}`)
    if (!Number.isInteger(minlength) || minlength < 0)
      throw new ArgumentError(`bincount: expected minlength ≥ 0, got ${describe(minlength)}`)
    if (weights && !sameShape(weights.shape, self.shape))
      throw new ShapeError(
        `bincount: expected weights of shape ${formatShape(self.shape)}, got ${formatShape(weights.shape)}`,
      )
    const input = contiguousRaw(to(self, 'int64'))
    const empty = self.numel() === 0
    if (!empty && min(input).itemBigInt() < 0n)
      throw new ArgumentError('bincount: expected integers that are not negative')
    const size = Math.max(minlength, empty ? 0 : Number(max(input).itemBigInt()) + 1)
    const dtype = !weights || empty ? 'int64' : weights.dtype === 'float32' ? 'float32' : 'float64'
    const out = fillRaw([size], 0, dtype, self.device)
    kernels.bincount(out, input, weights && !empty ? contiguousRaw(to(weights.detach(), dtype)) : null)
    return out
  },
)

/** Between two neighbours of a quantile. */
export type Interpolation = 'linear' | 'lower' | 'higher' | 'nearest' | 'midpoint'

export interface QuantileOptions extends KeepdimOptions {
  /** Default 'linear'. */
  readonly interpolation?: Interpolation
}

const INTERPOLATIONS: readonly string[] = ['linear', 'lower', 'higher', 'nearest', 'midpoint'] satisfies Interpolation[]

function quantiles(
  name: string,
  self: Tensor,
  q: Tensor | number,
  dim: number | null | undefined,
  { keepdim = false, interpolation = 'linear' }: QuantileOptions,
  ignoreNan: boolean,
): Tensor {
  if (self.dtype !== 'float32' && self.dtype !== 'float64')
    throw new DTypeError(`${name}: expected float32 or float64, got ${self.dtype}`)
  if (self.numel() === 0)
    throw new ShapeError(`${name}: expected a tensor with elements, got ${formatShape(self.shape)}`)
  if (!INTERPOLATIONS.includes(interpolation))
    throw new ArgumentError(
      `${name}: expected interpolation ${INTERPOLATIONS.join(', ')}, got ${describe(interpolation)}`,
    )
  const points = q instanceof Tensor ? q : fillRaw([], q, self.dtype, self.device)
  if (points.ndim > 1)
    throw new ShapeError(`${name}: expected q of at most 1 dimension, got ${formatShape(points.shape)}`)
  if (points.dtype !== self.dtype || !isFloating(points.dtype))
    throw new DTypeError(`${name}: expected q of dtype ${self.dtype}, got ${points.dtype}`)
  for (const value of points.detach().reshape([-1]).data())
    if (!(Number(value) >= 0 && Number(value) <= 1))
      throw new ArgumentError(`${name}: expected q in [0, 1], got ${value}`)

  const whole = dim === null || dim === undefined
  const d = whole ? 0 : wrapDim(name, dim, self.ndim)
  const source = whole || self.ndim === 0 ? reshape(self, [-1]) : self
  const others = source.shape.map((_, i) => i).filter((i) => i !== d)
  const lines = permute(source, [...others, d])
  const last = lines.ndim - 1
  const { values } = sort(lines, last)
  const size = lines.shape[last]
  // A line with a NaN is NaN, which is last; or else only what is before the NaNs counts.
  const nan = isnan(lines)
  const flat = reshape(points, [-1])
  const count = flat.shape[0]
  const shape = [...lines.shape.slice(0, -1), count]
  const lengths = ignoreNan ? to(sum(logicalNot(nan), last, { keepdim: true }), self.dtype) : null
  const places = lengths
    ? clampMin(mul(flat, sub(lengths, 1)), 0)
    : where(any(nan, last, { keepdim: true }), size - 1, mul(flat, size - 1))
  const ranks = expand(places, shape)
  const pick = (at: Tensor): Tensor => gather(values, last, to(at, 'int64'))
  let result: Tensor
  if (interpolation === 'lower') result = pick(floor(ranks))
  else if (interpolation === 'higher') result = pick(ceil(ranks))
  else if (interpolation === 'nearest') result = pick(round(ranks))
  else {
    const [below, above] = [pick(floor(ranks)), pick(ceil(ranks))]
    const weight = interpolation === 'midpoint' ? 0.5 : sub(ranks, floor(ranks))
    result = below.lerp(above, weight)
  }
  result = permute(result, [last, ...others.map((_, i) => i)])
  const kept = whole ? self.shape.map(() => 1) : self.shape.map((n, i) => (i === d ? 1 : n))
  const tail = keepdim ? kept : result.shape.slice(1)
  return reshape(result, points.ndim === 0 ? tail : [count, ...tail])
}

type QuantileOp = Op<[self: Tensor, q: Tensor | number, dim?: number | null, options?: QuantileOptions]>

/** The q-quantiles along `dim`, or of all elements; NaN where there is one. @returns the shape of `q`, then the rest */
export const quantile: QuantileOp = composite(
  'quantile(self, q, dim, {keepdim, interpolation})',
  (self: Tensor, q: Tensor | number, dim?: number | null, options: QuantileOptions = {}): Tensor =>
    quantiles('quantile', self, q, dim, options, false),
)

/** The q-quantiles of what is not NaN. @see quantile */
export const nanquantile: QuantileOp = composite(
  'nanquantile(self, q, dim, {keepdim, interpolation})',
  (self: Tensor, q: Tensor | number, dim?: number | null, options: QuantileOptions = {}): Tensor =>
    quantiles('nanquantile', self, q, dim, options, true),
)
