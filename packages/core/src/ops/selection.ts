// Elements chosen by their order: extremes with positions, medians, sorting, the k largest.
import * as kernels from '../binding/kernels.gen.js'
import { ArgumentError, DTypeError, describe, IndexError } from '../errors.js'
import { allocate } from '../tensor/create.js'
import { isComplex, isDifferentiable } from '../tensor/dtype.js'
import { wrapDim } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import { putAlong, selectedGrad } from './along.js'
import { div, mul } from './arithmetic.js'
import { eq, isnan } from './comparison.js'
import { where } from './conditional.js'
import { composite, primitive } from './dispatch.js'
import { maximum, minimum } from './extrema.js'
import { type AnyRecord, type FunctionOp, type Op, saving } from './record.js'
import { dropDims, type KeepdimOptions, keptShape } from './reduce.js'
import { amax, amin, checkNonEmpty, sum } from './reductions.js'
import type { ValuesIndices } from './scans.js'
import { reshape } from './views.js'

/** Throws for complex numbers, which have no order. */
function checkOrdered(operation: string, self: Tensor): void {
  if (isComplex(self.dtype)) throw new DTypeError(`${operation}: expected a dtype with an order, got ${self.dtype}`)
}

type SelectOne = FunctionOp<[self: Tensor, dim: number, keepdim: boolean, k: number], Tensor[]>

/** An operator that picks one element a line, with its position. */
const selectOne = (
  name: string,
  kernel: (values: Tensor, indices: Tensor, self: Tensor, dim: number, k: number) => void,
): SelectOne =>
  primitive({
    signature: `_${name}(input, dim, keepdim, k)`,
    forward(input: Tensor, dim: number, keepdim: boolean, k: number) {
      checkOrdered(name, input)
      checkNonEmpty(name, input, [dim])
      const shape = keptShape(input.shape, [dim])
      const values = allocate(shape, input.dtype, input.device)
      const indices = allocate(shape, 'int64', input.device)
      kernel(values, indices, input, dim, k)
      if (!keepdim) for (const t of [values, indices]) dropDims(t, [dim])
      return saving([values, indices], indices, input.shape, dim)
    },
    backward: ([grad], [indices, shape, dim]) => [grad && selectedGrad(grad, indices, shape, dim)],
  })

const maxAlong = selectOne('max', (values, indices, self, dim) => kernels.argExtreme(indices, values, self, dim, true))
const minAlong = selectOne('min', (values, indices, self, dim) => kernels.argExtreme(indices, values, self, dim, false))
const kthAlong = selectOne('kthvalue', kernels.kthValue)
const modeAlong = selectOne('mode', (values, indices, self, dim) => kernels.mode(values, indices, self, dim))

const pair = ([values, indices]: readonly Tensor[]): ValuesIndices => ({ values, indices })

/** `max` and `min`: of all, along a dimension, or of two tensors. */
export interface ExtremeOp {
  /** The extreme of all elements; ties share the gradient evenly. */
  (self: Tensor): Tensor
  /** The extreme along `dim`, and its first position. */
  (self: Tensor, dim: number, options?: KeepdimOptions): ValuesIndices
  /** The elementwise extreme of two tensors. */
  (self: Tensor, other: Tensor): Tensor
  readonly record: AnyRecord
}

/** The methods whose result depends on the kind of argument. */
export interface SelectionMethods {
  /** @see max */
  max(): Tensor
  max(dim: number, options?: KeepdimOptions): ValuesIndices
  max(other: Tensor): Tensor
  /** @see min */
  min(): Tensor
  min(dim: number, options?: KeepdimOptions): ValuesIndices
  min(other: Tensor): Tensor
  /** @see median */
  median(): Tensor
  median(dim: number, options?: KeepdimOptions): ValuesIndices
  /** @see nanmedian */
  nanmedian(): Tensor
  nanmedian(dim: number, options?: KeepdimOptions): ValuesIndices
}

const extreme = (
  name: 'max' | 'min',
  along: SelectOne,
  ofAll: (self: Tensor) => Tensor,
  ofTwo: (self: Tensor, other: Tensor) => Tensor,
) =>
  composite(
    `${name}(self, dim, {keepdim})`,
    (self: Tensor, dim?: number | Tensor | null, { keepdim = false }: KeepdimOptions = {}): Tensor | ValuesIndices => {
      if (dim instanceof Tensor) return ofTwo(self, dim)
      checkOrdered(name, self)
      if (dim === undefined || dim === null) return ofAll(self)
      return pair(along(self, wrapDim(name, dim, self.ndim), keepdim, 0))
    },
  ) as ExtremeOp & FunctionOp<[self: Tensor], Tensor | ValuesIndices>

/**
 * The largest of all elements, along a dimension with its first position, or of two tensors; NaN where there is one.
 *
 * @example
 * ```ts
 * import { tensor } from '@flambeau/core'
 * const { values, indices } = tensor([[1, 5, 2], [9, 0, 3]]).max(1)
 * console.log(values.toArray(), indices.toArray()) // → [ 5, 9 ] [ 1, 0 ]
 * ```
 */
export const max: ExtremeOp = extreme('max', maxAlong, (t) => amax(t), maximum)

/** The smallest of all elements, along a dimension with its first position, or of two tensors. @see max */
export const min: ExtremeOp = extreme('min', minAlong, (t) => amin(t), minimum)

const argExtreme = (
  name: string,
  largest: boolean,
): Op<[self: Tensor, dim?: number | null, options?: KeepdimOptions]> =>
  primitive({
    signature: `${name}(self, dim, {keepdim})`,
    forward(self: Tensor, dim?: number | null, { keepdim = false }: KeepdimOptions = {}) {
      checkOrdered(name, self)
      const all = dim === undefined || dim === null
      const input = all ? reshape(self, [-1]) : self
      const d = all ? 0 : wrapDim(name, dim, self.ndim)
      checkNonEmpty(name, input, [d])
      const out = allocate(keptShape(input.shape, [d]), 'int64', self.device)
      kernels.argExtreme(out, null, input, d, largest)
      if (!keepdim) return saving(dropDims(out, [d]))
      return saving(
        all
          ? reshape(
              out,
              self.shape.map(() => 1),
            )
          : out,
      )
    },
  })

/** The position of the largest along `dim`, or among all elements in row-major order; the first among equals. */
export const argmax: Op<[self: Tensor, dim?: number | null, options?: KeepdimOptions]> = argExtreme('argmax', true)

/** The position of the smallest along `dim`, or among all elements in row-major order; the first among equals. */
export const argmin: Op<[self: Tensor, dim?: number | null, options?: KeepdimOptions]> = argExtreme('argmin', false)

const wholeMedian: FunctionOp<[self: Tensor, k: number], Tensor> = primitive({
  signature: '_median(input, k)',
  forward(input: Tensor, k: number) {
    const flat = reshape(input, [-1])
    const value = allocate([1], input.dtype, input.device)
    if (flat.shape[0] === 0) kernels.fill(value, isDifferentiable(input.dtype) ? Number.NaN : -(2n ** 63n))
    else kernels.kthValue(value, allocate([1], 'int64', input.device), flat, 0, k)
    const out = dropDims(value, [0])
    return saving(out, input, out)
  },
  backward(grad, [input, out]) {
    const mask = where(isnan(out), isnan(input), eq(input, out))
    return [div(mul(grad, mask), sum(mask))]
  },
})

/** `median` and `nanmedian`: of all elements, or along a dimension with its position. */
export interface MedianOp {
  /** The median of all elements. */
  (self: Tensor): Tensor
  /** The median along `dim`, and its position. */
  (self: Tensor, dim: number, options?: KeepdimOptions): ValuesIndices
  readonly record: AnyRecord
}

const medians = (name: 'median' | 'nanmedian', k: number) =>
  composite(
    `${name}(self, dim, {keepdim})`,
    (self: Tensor, dim?: number | null, { keepdim = false }: KeepdimOptions = {}): Tensor | ValuesIndices => {
      checkOrdered(name, self)
      if (dim === undefined || dim === null) return wholeMedian(self, k)
      return pair(kthAlong(self, wrapDim(name, dim, self.ndim), keepdim, k))
    },
  ) as MedianOp & FunctionOp<[self: Tensor], Tensor | ValuesIndices>

/** The median, the lower one of an even number of elements; NaN where there is one. */
export const median: MedianOp = medians('median', -1)

/** The median of what is not NaN. */
export const nanmedian: MedianOp = medians('nanmedian', -2)

/** The most frequent value along `dim`, the smallest of several, and a position of it. */
export const mode: Op<[self: Tensor, dim?: number, options?: KeepdimOptions], ValuesIndices> = composite(
  'mode(self, dim, {keepdim})',
  (self: Tensor, dim = -1, { keepdim = false }: KeepdimOptions = {}): ValuesIndices =>
    pair(modeAlong(self, wrapDim('mode', dim, self.ndim), keepdim, 0)),
)

/** The `k`-th smallest along `dim`, counted from 1, and its position. */
export const kthvalue: Op<[self: Tensor, k: number, dim?: number, options?: KeepdimOptions], ValuesIndices> = composite(
  'kthvalue(self, k, dim, {keepdim})',
  (self: Tensor, k: number, dim = -1, { keepdim = false }: KeepdimOptions = {}): ValuesIndices => {
    const d = wrapDim('kthvalue', dim, self.ndim)
    const size = self.ndim === 0 ? 1 : self.shape[d]
    if (!Number.isInteger(k) || k < 1 || k > size)
      throw new IndexError(`kthvalue: expected k in [1, ${size}] for dimension ${d}, got ${describe(k)}`)
    return pair(kthAlong(self, d, keepdim, k - 1))
  },
)

const sorted: FunctionOp<[input: Tensor, dim: number, descending: boolean, stable: boolean], Tensor[]> = primitive({
  signature: '_sort(input, dim, descending, stable)',
  forward(input: Tensor, dim: number, descending: boolean, stable: boolean) {
    checkOrdered('sort', input)
    const values = allocate(input.shape, input.dtype, input.device)
    const indices = allocate(input.shape, 'int64', input.device)
    kernels.sort(values, indices, input, dim, descending, stable)
    return saving([values, indices], indices, dim, input.shape[dim] ?? 1)
  },
  backward: ([grad], [indices, dim, size]) => [grad && putAlong(grad, indices, dim, size)],
})

/** The options of `sort`. */
export interface SortOptions {
  /** Largest first. Default false. */
  readonly descending?: boolean
  /** Keep the order of equal elements. Default false. */
  readonly stable?: boolean
}

/**
 * The values in order along `dim`, and where each was. NaN counts as the largest.
 *
 * @param dim default: the last
 */
export const sort: Op<[self: Tensor, dim?: number, options?: SortOptions], ValuesIndices> = composite(
  'sort(self, dim, {descending, stable})',
  (self: Tensor, dim = -1, { descending = false, stable = false }: SortOptions = {}): ValuesIndices =>
    pair(sorted(self, wrapDim('sort', dim, self.ndim), descending, stable)),
)

/** The positions that sort the tensor along `dim`. @see sort */
export const argsort: Op<[self: Tensor, dim?: number, options?: SortOptions]> = composite(
  'argsort(self, dim, {descending, stable})',
  (self: Tensor, dim = -1, { descending = false, stable = false }: SortOptions = {}): Tensor =>
    sorted(self, wrapDim('argsort', dim, self.ndim), descending, stable)[1],
)

/** The values in order along the first dimension. */
export const msort: Op<[self: Tensor]> = composite('msort(self)', (self: Tensor): Tensor => sort(self, 0).values)

const topkAlong: FunctionOp<[input: Tensor, k: number, dim: number, largest: boolean, inOrder: boolean], Tensor[]> =
  primitive({
    signature: '_topk(input, k, dim, largest, sorted)',
    forward(input: Tensor, k: number, dim: number, largest: boolean, inOrder: boolean) {
      checkOrdered('topk', input)
      const shape = [...input.shape]
      if (shape.length > 0) shape[dim] = k
      const values = allocate(shape, input.dtype, input.device)
      const indices = allocate(shape, 'int64', input.device)
      kernels.topk(values, indices, input, dim, largest, inOrder)
      return saving([values, indices], indices, dim, input.shape[dim] ?? 1)
    },
    backward: ([grad], [indices, dim, size]) => [grad && putAlong(grad, indices, dim, size)],
  })

/** The options of `topk`. */
export interface TopkOptions {
  /** The largest, or else the smallest. Default true. */
  readonly largest?: boolean
  /** Results in order. Default true. */
  readonly sorted?: boolean
}

/** The `k` largest along `dim`, and where they are. */
export const topk: Op<[self: Tensor, k: number, dim?: number, options?: TopkOptions], ValuesIndices> = composite(
  'topk(self, k, dim, {largest, sorted})',
  (self: Tensor, k: number, dim = -1, { largest = true, sorted: inOrder = true }: TopkOptions = {}): ValuesIndices => {
    const d = wrapDim('topk', dim, self.ndim)
    const size = self.ndim === 0 ? 1 : self.shape[d]
    if (!Number.isInteger(k) || k < 0 || k > size)
      throw new ArgumentError(`topk: expected k in [0, ${size}] for dimension ${d}, got ${describe(k)}`)
    return pair(topkAlong(self, k, d, largest, inOrder))
  },
)
