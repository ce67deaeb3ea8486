// Operators on masks, and where elements are not zero: the sizes of their results depend on values, so they count first.
import * as kernels from '../binding/kernels.gen.js'
import { ArgumentError, DTypeError, describe, ShapeError } from '../errors.js'
import { alias, allocate } from '../tensor/create.js'
import { broadcastShapes, broadcastStrides, formatShape, sameShape } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import { clone } from './copies.js'
import { fillRaw, zeros } from './creation.js'
import { composite, inplacePrimitive, primitive } from './dispatch.js'
import { checkingRange } from './indexing.js'
import { contiguousRaw } from './inplace.js'
import { item } from './reading.js'
import { type InplaceOp, type Op, saving } from './record.js'
import { unbind } from './slicing.js'
import { expand, reshape } from './views.js'

/** How many elements are not zero. */
function count(t: Tensor): number {
  const total = allocate([], 'int64', t.device)
  kernels.countNonzeroElements(total, t)
  const n = Number(item(total))
  total.dispose()
  return n
}

function coordinates(self: Tensor): Tensor {
  if (self.storage.meta)
    throw new ArgumentError('nonzero: the number of elements that are not zero is unknown for a meta tensor')
  const out = allocate([count(self), self.ndim], 'int64', self.device)
  kernels.nonzero(out, self)
  return out
}

const matrix: Op<[self: Tensor]> = primitive({
  signature: '_nonzero(self)',
  forward: (self: Tensor) => saving(coordinates(self)),
})

/** What `nonzero` takes. */
export interface NonzeroOptions {
  /** A vector for each dimension instead of one matrix. Default false. */
  readonly asTuple?: boolean
}

/**
 * The coordinates of the elements that are not zero, in row-major order.
 *
 * @returns int64, shape `[count, ndim]`; with `asTuple` a vector of positions for each dimension
 */
export const nonzero: Op<[self: Tensor, options?: NonzeroOptions], Tensor & Tensor[]> = composite(
  'nonzero(self, {asTuple})',
  (self: Tensor, { asTuple = false }: NonzeroOptions = {}) => {
    const found = asTuple ? unbind(matrix(self.ndim === 0 ? reshape(self, [1]) : self), 1) : matrix(self)
    return found as Tensor & Tensor[]
  },
)

/** Another name of `nonzero`. */
export const argwhere: Op<[self: Tensor]> = composite('argwhere(self)', (self: Tensor): Tensor => nonzero(self))

/** What `nonzeroStatic` takes. */
export interface NonzeroStaticOptions {
  readonly size: number
  /** Default -1. */
  readonly fillValue?: number
}

/** `nonzero` cut or filled to `size` rows. */
export const nonzeroStatic: Op<[self: Tensor, options: NonzeroStaticOptions]> = primitive({
  signature: 'nonzero_static(self, {size, fillValue})',
  forward(self: Tensor, { size, fillValue = -1 }: NonzeroStaticOptions) {
    if (!Number.isInteger(size) || size < 0)
      throw new ArgumentError(`nonzero_static: expected size to be an integer ≥ 0, got ${describe(size)}`)
    const out = fillRaw([size, self.ndim], fillValue, 'int64', self.device)
    kernels.nonzero(out, self)
    return saving(out)
  },
})

function checkMask(operation: string, mask: unknown): asserts mask is Tensor {
  if (!(mask instanceof Tensor))
    throw new ArgumentError(`${operation}: expected a tensor for mask, got ${describe(mask)}`)
  if (mask.dtype !== 'bool') throw new DTypeError(`${operation}: expected a mask of dtype bool, got ${mask.dtype}`)
}

const broadcast = (t: Tensor, shape: readonly number[]): Tensor =>
  sameShape(t.shape, shape) ? t : alias(t, shape, broadcastStrides(t.shape, t.strides, shape))

/** The elements where the mask holds, in row-major order; both broadcast. @returns a vector */
export const maskedSelect: Op<[self: Tensor, mask: Tensor]> = primitive({
  signature: 'masked_select(self, mask)',
  forward(self: Tensor, mask: Tensor) {
    checkMask('masked_select', mask)
    const shape = broadcastShapes('masked_select', self.shape, mask.shape)
    const wide = broadcast(mask, shape)
    const out = allocate([count(wide)], self.dtype, self.device)
    if (out.shape[0] > 0) kernels.maskedGather(out, broadcast(self, shape), wide)
    return saving(out, shape, mask)
  },
  backward: (grad, [shape, mask]) => [
    maskedScatter(zeros(shape, { dtype: grad.dtype, device: grad.device }), mask, grad),
  ],
})

/** A copy of `self` whose elements where the mask holds come from the front of `source`. */
export const maskedScatter: InplaceOp<[self: Tensor, mask: Tensor, source: Tensor]> = inplacePrimitive({
  signature: 'masked_scatter(self, mask, source)',
  forward(self: Tensor, mask: Tensor, source: Tensor) {
    checkMask('masked_scatter', mask)
    if (!(source instanceof Tensor))
      throw new ArgumentError(`masked_scatter: expected a tensor for source, got ${describe(source)}`)
    if (source.dtype !== self.dtype)
      throw new DTypeError(`masked_scatter: expected source of dtype ${self.dtype}, got ${source.dtype}`)
    const shape = broadcastShapes('masked_scatter', self.shape, mask.shape)
    const out = clone(sameShape(shape, self.shape) ? self : expand(self, shape))
    checkingRange('masked_scatter', () => kernels.maskedPut(out, broadcast(mask, shape), contiguousRaw(source)))
    return saving(out, mask, source.shape)
  },
  backward(grad, [mask, shape], needs) {
    const rest = needs(0)
      ? maskedScatter(grad, mask, zeros(grad.shape, { dtype: grad.dtype, device: grad.device }))
      : null
    if (!needs(2)) return [rest, null, null]
    // The gradient of the elements of source that were used, then zeros.
    const used = maskedSelect(grad, mask)
    const n = shape.reduce((a, b) => a * b, 1)
    const filled = used.shape[0] === n ? used : embedFront(used, n)
    return [rest, null, reshape(filled, shape)]
  },
})

const embedFront: Op<[self: Tensor, n: number]> = primitive({
  signature: '_embed_front(self, n)',
  forward(self: Tensor, n: number) {
    const out = fillRaw([n], 0, self.dtype, self.device)
    kernels.copy(alias(out, self.shape, [1]), self)
    return saving(out, self.shape[0])
  },
  backward: (grad, [used]) => [grad.narrow(0, 0, used)],
})

/** Zeros the elements above (`tril`) or below (`triu`) a diagonal of the last two dimensions. */
function triangular(name: 'tril' | 'triu'): InplaceOp<[self: Tensor, diagonal?: number]> {
  const op: InplaceOp<[self: Tensor, diagonal?: number]> = inplacePrimitive({
    signature: `${name}(self, diagonal)`,
    forward(self: Tensor, diagonal = 0) {
      if (self.ndim < 2)
        throw new ShapeError(`${name}: expected at least 2 dimensions, got shape ${formatShape(self.shape)}`)
      if (!Number.isInteger(diagonal))
        throw new ArgumentError(`${name}: expected an integer for diagonal, got ${describe(diagonal)}`)
      const out = allocate(self.shape, self.dtype, self.device)
      kernels.triangle(out, self, diagonal, name === 'triu')
      return saving(out, diagonal)
    },
    backward: (grad, [diagonal]) => [op(grad, diagonal)],
  })
  return op
}
/** The lower triangle of matrices, zeros elsewhere. @param diagonal the last diagonal that is kept: > 0 above the main one */
export const tril: InplaceOp<[self: Tensor, diagonal?: number]> = triangular('tril')
/** The upper triangle of matrices, zeros elsewhere. @param diagonal the first diagonal that is kept: > 0 above the main one */
export const triu: InplaceOp<[self: Tensor, diagonal?: number]> = triangular('triu')
