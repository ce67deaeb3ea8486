// as_strided, and views of complex numbers.
import * as kernels from '../binding/kernels.gen.js'
import { ArgumentError, DTypeError, describe, ShapeError } from '../errors.js'
import { alias } from '../tensor/create.js'
import { DTYPES, toComplex, toReal } from '../tensor/dtype.js'
import { checkShape, formatShape, numelOf } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import { contiguous } from './copies.js'
import { fillRaw } from './creation.js'
import { composite, primitive } from './dispatch.js'
import { type Op, saving } from './record.js'

/** The position after the last element that is read, from the offset on. */
const extent = (size: readonly number[], stride: readonly number[]): number =>
  numelOf(size) === 0 ? 0 : size.reduce((n, s, i) => n + (s - 1) * stride[i], 1)

/** Reads the storage of `self` with any shape, strides and offset; a view. */
export const asStrided: Op<
  [self: Tensor, size: readonly number[], stride: readonly number[], storageOffset?: number | null]
> = primitive({
  signature: 'as_strided(self, size, stride, storageOffset)',
  view: true,
  forward(self: Tensor, size: readonly number[], stride: readonly number[], storageOffset: number | null = null) {
    checkShape('as_strided', size)
    if (!Array.isArray(stride) || stride.length !== size.length || stride.some((s) => !Number.isInteger(s) || s < 0))
      throw new ShapeError(`as_strided: expected ${size.length} strides ≥ 0, got ${describe(stride)}`)
    const offset = storageOffset ?? self.offset
    if (!Number.isInteger(offset) || offset < 0)
      throw new ArgumentError(`as_strided: expected storageOffset to be an integer ≥ 0, got ${describe(storageOffset)}`)
    const end = extent(size, stride) === 0 ? 0 : offset + extent(size, stride)
    const held = self.storage.nbytes / DTYPES[self.dtype].size
    if (end > held)
      throw new ShapeError(
        `as_strided: shape ${formatShape(size)}, strides ${formatShape(stride)} and offset ${offset} need ${end} elements, the storage has ${Math.floor(held)}`,
      )
    return saving(alias(self, size, stride, offset), self.shape, self.strides, self.offset, size, stride, offset)
  },
  backward(grad, [shape, strides, offset, size, stride, viewOffset]) {
    // Both read one storage from `low` on: the gradient is summed into it, then read as the input reads it.
    const low = Math.min(offset, viewOffset)
    const length = Math.max(offset + extent(shape, strides), viewOffset + extent(size, stride)) - low
    const memory = stridedAdd(grad, [length], stride, viewOffset - low)
    const read = asStrided(memory, shape, strides, offset - low)
    // An element that the input itself reads several times shares its gradient between them.
    const overlaps = strides.some((s, i) => s === 0 && shape[i] > 1) || extent(shape, strides) < numelOf(shape)
    if (!overlaps) return [read]
    const ones = fillRaw(shape, 1, toReal(grad.dtype), grad.device)
    return [read.div(asStrided(stridedAdd(ones, [length], strides, offset - low), shape, strides, offset - low))]
  },
})

/** Zeros of shape `size` to which `self` is added where a view with these strides and offset reads. */
export const stridedAdd: Op<[self: Tensor, size: readonly number[], strides: readonly number[], offset?: number]> =
  primitive({
    signature: '_strided_add(self, size, strides, offset)',
    forward(self: Tensor, size: readonly number[], strides: readonly number[], offset = 0) {
      const out = fillRaw(size, 0, self.dtype, self.device)
      if (numelOf(self.shape) > 0) kernels.stridedAdd(alias(out, self.shape, strides, offset), self)
      return saving(out, self.shape, strides, offset)
    },
    backward: (grad, [shape, strides, offset]) => [
      asStrided(contiguous(grad), shape, strides, contiguousOffset(grad) + offset),
    ],
  })

/** The offset that `contiguous` leaves: a copy begins at 0. */
const contiguousOffset = (t: Tensor): number => (t.isContiguous() ? t.offset : 0)

const checkComplex = (operation: string, self: Tensor): void => {
  if (!self.isComplex()) throw new DTypeError(`${operation}: expected a complex tensor, got ${self.dtype}`)
}

/** A view of every second number of complex elements, from `first` on. */
const partOf = (self: Tensor, first: 0 | 1): Tensor =>
  new Tensor(
    self.storage,
    toReal(self.dtype),
    self.shape,
    self.strides.map((s) => 2 * s),
    2 * self.offset + first,
  )

/** Complex numbers whose given part is `self` and whose other part is zero. */
const fromPart: Op<[self: Tensor, first: 0 | 1]> = primitive({
  signature: '_from_part(self, first)',
  forward(self: Tensor, first: 0 | 1) {
    const out = fillRaw(self.shape, 0, toComplex(self.dtype), self.device)
    kernels.copy(partOf(out, first), self)
    return saving(out, first)
  },
  backward: (grad, [first]) => [part(grad, first)],
})

const part: Op<[self: Tensor, first: 0 | 1]> = primitive({
  signature: '_part(self, first)',
  view: true,
  forward: (self: Tensor, first: 0 | 1) => saving(partOf(self, first), first),
  backward: (grad, [first]) => [fromPart(grad, first)],
})

/** The real parts, as a view; a real tensor is its own. */
export const real: Op<[self: Tensor]> = composite(
  'real(self)',
  (self: Tensor): Tensor => (self.isComplex() ? part(self, 0) : self),
)

/** The imaginary parts, as a view. @throws DTypeError for a real tensor */
export const imag: Op<[self: Tensor]> = composite('imag(self)', (self: Tensor): Tensor => {
  checkComplex('imag', self)
  return part(self, 1)
})

/** Complex numbers as pairs of real ones, in a last dimension of size 2; a view. */
export const viewAsReal: Op<[self: Tensor]> = primitive({
  signature: 'view_as_real(self)',
  view: true,
  forward(self: Tensor) {
    checkComplex('view_as_real', self)
    return saving(
      new Tensor(
        self.storage,
        toReal(self.dtype),
        [...self.shape, 2],
        [...self.strides.map((s) => 2 * s), 1],
        2 * self.offset,
      ),
    )
  },
  backward: (grad) => [viewAsComplex(contiguous(grad))],
})

/** Pairs of real numbers, in a last dimension of size 2, as complex ones; a view. */
export const viewAsComplex: Op<[self: Tensor]> = primitive({
  signature: 'view_as_complex(self)',
  view: true,
  forward(self: Tensor) {
    if (self.dtype !== 'float16' && self.dtype !== 'float32' && self.dtype !== 'float64')
      throw new DTypeError(`view_as_complex: expected float16, float32 or float64, got ${self.dtype}`)
    const { shape, strides, offset } = self
    const last = shape.length - 1
    if (last < 0 || shape[last] !== 2)
      throw new ShapeError(`view_as_complex: expected a last dimension of size 2, got shape ${formatShape(shape)}`)
    if (strides[last] !== 1 || strides.slice(0, last).some((s) => s % 2 !== 0) || offset % 2 !== 0)
      throw new ShapeError(
        `view_as_complex: expected pairs that lie together at even positions, got strides ${formatShape(strides)}; use contiguous()`,
      )
    return saving(
      new Tensor(
        self.storage,
        toComplex(self.dtype),
        shape.slice(0, last),
        strides.slice(0, last).map((s) => s / 2),
        offset / 2,
      ),
    )
  },
  backward: (grad) => [viewAsReal(grad)],
})
