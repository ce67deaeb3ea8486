// Sums, means and their kin.

import { ShapeError } from '../errors.js'
import { type DType, isDifferentiable } from '../tensor/dtype.js'
import { checkShape, formatShape, numelOf, sameShape } from '../tensor/shape.js'
import type { Tensor } from '../tensor/tensor.js'
import { div } from './arithmetic.js'
import { composite, primitive } from './dispatch.js'
import { type Op, saving } from './record.js'
import {
  castRaw,
  checkInexact,
  type Dim,
  dtypeOption,
  expandReduced,
  type ReduceOptions,
  reducedDims,
  reduceRaw,
} from './reduce.js'
import { reshape } from './views.js'

/** The dtype of a sum or product: integers and bool are summed in int64. */
const sumDType = (dtype: DType): DType => (isDifferentiable(dtype) ? dtype : 'int64')

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
    const result = dtypeOption('sum', dtype) ?? sumDType(self.dtype)
    const input = isDifferentiable(result) || dtype ? castRaw(self, result) : self
    return saving(reduceRaw('sum', input, dims, keepdim, result), self.shape, dims, keepdim)
  },
  backward: (grad, [shape, dims, keepdim]) => [expandReduced(grad, shape, dims, keepdim)],
})

/** The mean over `dim`, or of all elements. @throws DTypeError for integers without `dtype` */
export const mean: Op<[self: Tensor, dim?: Dim, options?: ReduceOptions]> = primitive({
  signature: 'mean(self, dim, {keepdim, dtype})',
  forward(self: Tensor, dim?: Dim, { keepdim = false, dtype }: ReduceOptions = {}) {
    const dims = reducedDims('mean', dim, self.ndim)
    const input = castRaw(self, dtypeOption('mean', dtype) ?? self.dtype)
    checkInexact('mean', input.dtype)
    return saving(reduceRaw('mean', input, dims, keepdim, input.dtype), self.shape, dims, keepdim)
  },
  backward: (grad, [shape, dims, keepdim]) => [
    div(expandReduced(grad, shape, dims, keepdim), Math.max(1, numelOf(dims.map((d) => shape[d] ?? 1)))),
  ],
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
    const summed = dims.length > 0 ? sum(self, dims, { keepdim: true }) : self
    return lead > 0 ? reshape(summed, shape) : summed
  },
)
