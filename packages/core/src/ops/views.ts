// Operators that read the same storage in another arrangement: pure TypeScript, no native call.
import { alias } from '../tensor/create.js'
import { checkShape, formatShape, isContiguous, numelOf, sameShape, wrapDim } from '../tensor/shape.js'
import { ArgumentError, describe, ShapeError } from '../errors.js'
import type { Tensor } from '../tensor/tensor.js'
import { composite, primitive } from './dispatch.js'
import { type Op, saving } from './record.js'
import { sumToSize } from './reductions.js'
import { clone } from './copies.js'

/**
 * Reads the tensor as if its dimensions of size 1 were repeated, without copying.
 *
 * @param self shape that broadcasts to `size`
 * @param size the new shape; -1 keeps a dimension
 * @returns a view of shape `size`
 * @throws ShapeError when a dimension that is not 1 would change
 * @example
 * ```ts
 * import { tensor } from '@flambeau/core'
 * console.log(tensor([[1], [2]]).expand([2, 3]).shape) // → [ 2, 3 ]
 * ```
 */
export const expand: Op<[self: Tensor, size: readonly number[]]> = primitive({
  signature: 'expand(self, size)',
  view: true,
  forward(self: Tensor, size: readonly number[]) {
    const lead = size.length - self.shape.length
    if (lead < 0) throw new ShapeError(`expand: expected at least ${self.shape.length} sizes for a tensor of shape ${formatShape(self.shape)}, got ${formatShape(size)}`)
    const shape = size.map((n, i) => (n === -1 && i >= lead ? self.shape[i - lead] : n))
    checkShape('expand', shape)
    const strides = shape.map((n, i) => {
      if (i < lead) return 0
      const old = self.shape[i - lead]
      if (old === n) return self.strides[i - lead]
      if (old !== 1) throw new ShapeError(`expand: dimension ${i} of ${formatShape(size)} must be ${old} for a tensor of shape ${formatShape(self.shape)}`)
      return 0
    })
    return saving(alias(self, shape, strides), self.shape)
  },
  backward: (grad, [shape]) => [sumToSize(grad, shape)],
})

/** The strides that read a tensor in another shape without copying, or null where that cannot be. */
export function viewStrides(shape: readonly number[], strides: readonly number[], to: readonly number[]): number[] | null {
  const result = new Array<number>(to.length)
  if (numelOf(shape) === 0) {
    let stride = 1
    for (let i = to.length - 1; i >= 0; i--) {
      result[i] = stride
      stride *= Math.max(to[i], 1)
    }
    return result
  }
  let at = to.length - 1
  let chunk = 1
  let base = 1
  let open = false
  // Walk the old dimensions from the last; each run that lies evenly in memory must be filled by new dimensions.
  for (let i = shape.length - 1; i >= 0; i--) {
    if (!open) {
      base = strides[i]
      open = true
    }
    chunk *= shape[i]
    if (i > 0 && (shape[i - 1] === 1 || strides[i - 1] === chunk * base)) continue
    let filled = 1
    while (at >= 0 && (filled < chunk || to[at] === 1)) {
      result[at] = filled * base
      filled *= to[at]
      at--
    }
    if (filled !== chunk) return null
    chunk = 1
    open = false
  }
  while (at >= 0 && to[at] === 1) result[at--] = 1
  return at < 0 ? result : null
}

/** Fills in -1 and checks the number of elements. */
export function inferSize(operation: string, self: Tensor, shape: readonly number[]): number[] {
  if (!Array.isArray(shape)) throw new ShapeError(`${operation}: expected a shape such as [2, -1], got ${describe(shape)}`)
  const unknown = shape.indexOf(-1)
  const known = shape.reduce((n, size, i) => (i === unknown ? n : n * size), 1)
  const numel = self.numel()
  const sizes = [...shape]
  if (unknown >= 0 && known > 0 && numel % known === 0) sizes[unknown] = numel / known
  if (sizes.some((n) => !Number.isInteger(n) || n < 0) || numelOf(sizes) !== numel)
    throw new ShapeError(`${operation}: shape ${formatShape(shape)} does not fit the ${numel} elements of a tensor of shape ${formatShape(self.shape)}`)
  return sizes
}

/**
 * Reads the tensor in another shape, without copying.
 *
 * @param shape the new shape, of the same number of elements; one size may be -1
 * @throws ShapeError when the elements do not lie as the shape needs them; `reshape` copies then
 */
export const view: Op<[self: Tensor, shape: readonly number[]]> = primitive({
  signature: 'view(self, shape)',
  view: true,
  forward(self: Tensor, shape: readonly number[]) {
    const sizes = inferSize('view', self, shape)
    const strides = viewStrides(self.shape, self.strides, sizes)
    if (strides === null)
      throw new ShapeError(`view: a tensor of shape ${formatShape(self.shape)} and strides ${formatShape(self.strides)} cannot be read as ${formatShape(sizes)}; use reshape()`)
    return saving(alias(self, sizes, strides), self.shape)
  },
  backward: (grad, [shape]) => [reshape(grad, shape)],
})

/**
 * The tensor in another shape: a view where that is possible, a copy otherwise.
 *
 * @param shape the new shape, of the same number of elements; one size may be -1
 */
export const reshape: Op<[self: Tensor, shape: readonly number[]]> = composite('reshape(self, shape)', (self: Tensor, shape: readonly number[]): Tensor => {
  const sizes = inferSize('reshape', self, shape)
  if (sameShape(sizes, self.shape) && isContiguous(self.shape, self.strides)) return view(self, sizes)
  return viewStrides(self.shape, self.strides, sizes) ? view(self, sizes) : view(clone(self), sizes)
})

/** Reorders the dimensions, without copying. @param dims a permutation of 0 … ndim-1 */
export const permute: Op<[self: Tensor, dims: readonly number[]]> = primitive({
  signature: 'permute(self, dims)',
  view: true,
  forward(self: Tensor, dims: readonly number[]) {
    if (!Array.isArray(dims) || dims.length !== self.ndim) throw new ArgumentError(`permute: expected ${self.ndim} dims, got ${describe(dims)}`)
    const order = dims.map((d) => wrapDim('permute', d, self.ndim))
    if (new Set(order).size !== order.length) throw new ArgumentError(`permute: a dim appears twice in ${describe(dims)}`)
    return saving(alias(self, order.map((d) => self.shape[d]), order.map((d) => self.strides[d])), order)
  },
  backward(grad, [order]) {
    const inverse = new Array<number>(order.length)
    order.forEach((d, i) => {
      inverse[d] = i
    })
    return [permute(grad, inverse)]
  },
})

