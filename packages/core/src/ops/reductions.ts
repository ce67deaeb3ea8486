// Sums, means, products, extremes and truth over dimensions.
import { ArgumentError, IndexError, ShapeError } from '../errors.js'
import { DTYPES, type DType, isComplex, isDifferentiable } from '../tensor/dtype.js'
import { checkShape, formatShape, numelOf, sameShape } from '../tensor/shape.js'
import type { Tensor } from '../tensor/tensor.js'
import { div, mul } from './arithmetic.js'
import { eq, isnan, logicalNot, logicalOr } from './comparison.js'
import { conj } from './complex.js'
import { to } from './copies.js'
import { composite, primitive } from './dispatch.js'
import { type Op, saving } from './record.js'
import {
  castRaw,
  checkInexact,
  type Dim,
  dtypeOption,
  expandReduced,
  type KeepdimOptions,
  type ReduceOptions,
  reducedDims,
  reduceRaw,
  unreduce,
} from './reduce.js'
import { exclusiveProduct } from './scans.js'
import { reshape } from './views.js'

/** The dtype of a sum or product: integers and bool are summed in int64. */
const sumDType = (dtype: DType): DType => (isDifferentiable(dtype) ? dtype : 'int64')

/** The input of a sum or product, converted as the `dtype` option says, and the dtype of the result. */
function summed(operation: string, self: Tensor, dtype: DType | undefined): { input: Tensor; result: DType } {
  const result = dtypeOption(operation, dtype) ?? sumDType(self.dtype)
  return { input: dtype || isDifferentiable(result) ? castRaw(self, result) : self, result }
}

/**
 * The sum over `dim`, or of all elements. Integers and bool are summed as int64.
 *
 * @param dim the dimensions to sum over; null for all
 * @returns the shape without `dim`, or with size 1 there if `keepdim` is set
 * @example
 * ```ts
 * import { tensor } from '@flambeau/core'
 * const x = tensor([[1, 2], [3, 4]])
 * console.log(x.sum().item(), x.sum(0).toArray()) // → 10 [ 4, 6 ]
 * ```
 */
export const sum: Op<[self: Tensor, dim?: Dim, options?: ReduceOptions]> = primitive({
  signature: 'sum(self, dim, {keepdim, dtype})',
  forward(self: Tensor, dim?: Dim, { keepdim = false, dtype }: ReduceOptions = {}) {
    const dims = reducedDims('sum', dim, self.ndim)
    const { input, result } = summed('sum', self, dtype)
    return saving(reduceRaw('sum', input, dims, keepdim, result), self.shape, dims, keepdim)
  },
  backward: (grad, [shape, dims, keepdim]) => [expandReduced(grad, shape, dims, keepdim)],
})

/** The sum of what is not NaN. @see sum */
export const nansum: Op<[self: Tensor, dim?: Dim, options?: ReduceOptions]> = primitive({
  signature: 'nansum(self, dim, {keepdim, dtype})',
  forward(self: Tensor, dim?: Dim, { keepdim = false, dtype }: ReduceOptions = {}) {
    const dims = reducedDims('nansum', dim, self.ndim)
    const { input, result } = summed('nansum', self, dtype)
    if (isComplex(input.dtype)) throw new ArgumentError(`nansum: expected a real dtype, got ${input.dtype}`)
    return saving(reduceRaw('nansum', input, dims, keepdim, result), self, dims, keepdim)
  },
  backward: (grad, [self, dims, keepdim]) => [
    mul(expandReduced(grad, self.shape, dims, keepdim), logicalNot(isnan(self))),
  ],
})

/** How many elements are reduced into one. */
const reducedCount = (shape: readonly number[], dims: readonly number[]): number =>
  numelOf(dims.map((d) => shape[d] ?? 1))

/**
 * The mean over `dim`, or of all elements.
 *
 * @param dim the dimensions to average over; null for all
 * @throws DTypeError for integers without `dtype`
 */
export const mean: Op<[self: Tensor, dim?: Dim, options?: ReduceOptions]> = primitive({
  signature: 'mean(self, dim, {keepdim, dtype})',
  forward(self: Tensor, dim?: Dim, { keepdim = false, dtype }: ReduceOptions = {}) {
    const dims = reducedDims('mean', dim, self.ndim)
    const input = castRaw(self, dtypeOption('mean', dtype) ?? self.dtype)
    checkInexact('mean', input.dtype)
    return saving(reduceRaw('mean', input, dims, keepdim, input.dtype), self.shape, dims, keepdim)
  },
  backward: (grad, [shape, dims, keepdim]) => [
    expandReduced(div(grad, Math.max(1, reducedCount(shape, dims))), shape, dims, keepdim),
  ],
})

/** The mean of what is not NaN. @see mean */
export const nanmean: Op<[self: Tensor, dim?: Dim, options?: ReduceOptions]> = composite(
  'nanmean(self, dim, {keepdim, dtype})',
  (self: Tensor, dim?: Dim, options: ReduceOptions = {}): Tensor => {
    checkInexact('nanmean', self.dtype)
    const count = sum(logicalNot(isnan(self)), dim, { keepdim: options.keepdim })
    return div(nansum(self, dim, options), count)
  },
)

/**
 * The product over `dim`, or of all elements. Integers and bool are multiplied as int64.
 *
 * @param dim one dimension; null for all
 */
export const prod: Op<[self: Tensor, dim?: number | null, options?: ReduceOptions]> = primitive({
  signature: 'prod(self, dim, {keepdim, dtype})',
  forward(self: Tensor, dim?: number | null, { keepdim = false, dtype }: ReduceOptions = {}) {
    const dims = reducedDims('prod', dim, self.ndim)
    const { input, result } = summed('prod', self, dtype)
    const out = reduceRaw('prod', input, dims, keepdim, result)
    return saving(out, self, out, dims, keepdim)
  },
  backward(grad, [self, out, dims, keepdim]) {
    const spread = expandReduced(grad, self.shape, dims, keepdim)
    const zeros = to(eq(self, 0), 'int64')
    if (sum(zeros).itemBigInt() === 0n)
      return [mul(spread, conj(div(expandReduced(out, self.shape, dims, keepdim), self)))]
    const others =
      dims.length === 1 && self.ndim > 0
        ? exclusiveProduct(self, dims[0])
        : reshape(exclusiveProduct(reshape(self, [-1]), 0), self.shape)
    return [mul(spread, conj(others))]
  },
})

/** Shares a gradient out evenly among the elements that equal the result. */
function evenly(grad: Tensor, self: Tensor, out: Tensor, dims: readonly number[], keepdim: boolean): Tensor {
  const result = unreduce(out, self.shape, dims, keepdim)
  // Where the result is NaN, nothing equals it; where it is not, nothing is NaN.
  const mask = logicalOr(eq(self, result), isnan(self))
  const half = DTYPES[self.dtype].size < 4
  const count = sum(half ? mask : to(mask, self.dtype), dims, { keepdim: true })
  return div(mul(unreduce(grad, self.shape, dims, keepdim), mask), count)
}

const extremes = (name: 'amax' | 'amin'): Op<[self: Tensor, dim?: Dim, options?: KeepdimOptions]> =>
  primitive({
    signature: `${name}(self, dim, {keepdim})`,
    forward(self: Tensor, dim?: Dim, { keepdim = false }: KeepdimOptions = {}) {
      const dims = reducedDims(name, dim, self.ndim)
      checkNonEmpty(name, self, dims)
      const out = reduceRaw(name, self, dims, keepdim, self.dtype)
      return saving(out, self, out, dims, keepdim)
    },
    backward: (grad, [self, out, dims, keepdim]) => [evenly(grad, self, out, dims, keepdim)],
  })

/** Throws where an extreme of no elements is asked for. */
export function checkNonEmpty(operation: string, self: Tensor, dims: readonly number[]): void {
  for (const d of dims)
    if (self.shape[d] === 0)
      throw new IndexError(
        `${operation}: expected dimension ${d} to have elements, got a tensor of shape ${formatShape(self.shape)}; an empty set has no extreme`,
      )
}

/** The largest over `dim`, or of all elements; NaN where there is one. Ties share the gradient evenly. */
export const amax: Op<[self: Tensor, dim?: Dim, options?: KeepdimOptions]> = extremes('amax')

/** The smallest over `dim`, or of all elements; NaN where there is one. Ties share the gradient evenly. */
export const amin: Op<[self: Tensor, dim?: Dim, options?: KeepdimOptions]> = extremes('amin')

/** The options of `aminmax`. */
export interface AminmaxOptions extends KeepdimOptions {
  /** Default: all. */
  readonly dim?: number | null
}

/** The smallest and the largest. @see amin */
export const aminmax: Op<[self: Tensor, options?: AminmaxOptions], { min: Tensor; max: Tensor }> = composite(
  'aminmax(self, {dim, keepdim})',
  (self: Tensor, { dim = null, keepdim = false }: AminmaxOptions = {}) => ({
    min: amin(self, dim, { keepdim }),
    max: amax(self, dim, { keepdim }),
  }),
)

const truth = (name: 'any' | 'all'): Op<[self: Tensor, dim?: Dim, options?: KeepdimOptions]> =>
  primitive({
    signature: `${name}(self, dim, {keepdim})`,
    forward(self: Tensor, dim?: Dim, { keepdim = false }: KeepdimOptions = {}) {
      const dims = reducedDims(name, dim, self.ndim)
      return saving(reduceRaw(name, self, dims, keepdim, self.dtype === 'uint8' ? 'uint8' : 'bool'))
    },
  })

/** Whether an element is not zero, over `dim` or of all. @returns bool (uint8 for uint8) */
export const any: Op<[self: Tensor, dim?: Dim, options?: KeepdimOptions]> = truth('any')

/** Whether every element is not zero, over `dim` or of all. @returns bool (uint8 for uint8) */
export const all: Op<[self: Tensor, dim?: Dim, options?: KeepdimOptions]> = truth('all')

/** How many elements are not zero, over `dim` or of all. @returns int64 */
export const countNonzero: Op<[self: Tensor, dim?: Dim]> = primitive({
  signature: 'count_nonzero(self, dim)',
  forward(self: Tensor, dim?: Dim) {
    return saving(reduceRaw('countNonzero', self, reducedDims('count_nonzero', dim, self.ndim), false, 'int64'))
  },
})

/**
 * The sum over the dimensions that broadcasting to the tensor's shape would have added or repeated.
 *
 * @param size a shape that broadcasts to the tensor's
 */
export const sumToSize: Op<[self: Tensor, size: number | readonly number[]]> = composite(
  'sum_to_size(self, size)',
  (self: Tensor, size: number | readonly number[]): Tensor => {
    const shape = checkShape('sum_to_size', typeof size === 'number' ? [size] : size)
    if (shape.length === 0) return sum(self)
    if (sameShape(self.shape, shape)) return self
    const lead = self.ndim - shape.length
    const dims = self.shape.flatMap((n, i) => (i < lead || (shape[i - lead] === 1 && n !== 1) ? [i] : []))
    if (lead < 0 || shape.some((n, i) => n !== 1 && n !== self.shape[lead + i]))
      throw new ShapeError(
        `sum_to_size: expected a size that broadcasts to ${formatShape(self.shape)}, got ${formatShape(shape)}`,
      )
    const total = dims.length > 0 ? sum(self, dims, { keepdim: true }) : self
    return lead > 0 ? reshape(total, shape) : total
  },
)
