// Views as copies, and writing to where a view reads: PyTorch's `*_copy` and `*_scatter`.

import * as kernels from '../binding/kernels.gen.js'
import { ShapeError } from '../errors.js'
import { allocate } from '../tensor/create.js'
import { formatShape, sameShape } from '../tensor/shape.js'
import type { Tensor } from '../tensor/tensor.js'
import { clone } from './copies.js'
import { type FillValue, fillRaw, fullLike, zeros } from './creation.js'
import { composite, inplacePrimitive, primitive } from './dispatch.js'
import { type InplaceOp, type Op, saving } from './record.js'
import { chunk, diagonal, embed, narrow, select, sliceAlong, split, splitWithSizes, unbind, unfold } from './slicing.js'
import { asStrided } from './strided.js'
import { expand, permute, squeeze, t, transpose, unsqueeze, view } from './views.js'

function copyOf<A extends unknown[]>(op: Op<[self: Tensor, ...args: A]>): Op<[self: Tensor, ...args: A]> {
  const { signature, name } = op.record
  return composite(
    signature.replace(name, `${name}_copy`),
    (self: Tensor, ...args: A): Tensor => clone(op(self, ...args)),
  ) as Op<[self: Tensor, ...args: A]>
}
function copiesOf<A extends unknown[]>(
  op: Op<[self: Tensor, ...args: A], Tensor[]>,
): Op<[self: Tensor, ...args: A], Tensor[]> {
  const { signature, name } = op.record
  return composite(signature.replace(name, `${name}_copy`), (self: Tensor, ...args: A): Tensor[] =>
    op(self, ...args).map((x) => clone(x)),
  ) as Op<[self: Tensor, ...args: A], Tensor[]>
}

/** `expand` as a copy. */
export const expandCopy: typeof expand = copyOf(expand)
/** `permute` as a copy. */
export const permuteCopy: typeof permute = copyOf(permute)
/** `transpose` as a copy. */
export const transposeCopy: typeof transpose = copyOf(transpose)
/** `t` as a copy. */
export const tCopy: typeof t = copyOf(t)
/** `squeeze` as a copy. */
export const squeezeCopy: typeof squeeze = copyOf(squeeze)
/** `unsqueeze` as a copy. */
export const unsqueezeCopy: typeof unsqueeze = copyOf(unsqueeze)
/** `view` as a copy. */
export const viewCopy: typeof view = copyOf(view)
/** `narrow` as a copy. */
export const narrowCopy: typeof narrow = copyOf(narrow)
/** `select` as a copy. */
export const selectCopy: typeof select = copyOf(select)
/** `diagonal` as a copy. */
export const diagonalCopy: typeof diagonal = copyOf(diagonal)
/** `unfold` as a copy. */
export const unfoldCopy: typeof unfold = copyOf(unfold)
/** `asStrided` as a copy. */
export const asStridedCopy: typeof asStrided = copyOf(asStrided)
/** `unbind` as copies. */
export const unbindCopy: typeof unbind = copiesOf(unbind)
/** `splitWithSizes` as copies. */
export const splitWithSizesCopy: typeof splitWithSizes = copiesOf(splitWithSizes)
/** The tensor as a copy. */
export const aliasCopy: Op<[self: Tensor]> = composite('alias_copy(self)', (self: Tensor): Tensor => clone(self))
/** Another name of `chunk`. */
export const unsafeChunk: typeof chunk = composite(
  'unsafe_chunk(self, chunks, dim)',
  (self: Tensor, chunks: number, dim?: number) => chunk(self, chunks, dim),
)
/** Another name of `split`. */
export const unsafeSplit: typeof split = composite(
  'unsafe_split(self, splitSize, dim)',
  (self: Tensor, size: number | readonly number[], dim?: number) => split(self, size, dim),
)

/** A copy of `self` in which the part that `part` reads holds `src`. */
const overwrite: Op<[self: Tensor, src: Tensor, name: string, part: (whole: Tensor) => Tensor]> = primitive({
  signature: '_overwrite(self, src, name, part)',
  forward(self: Tensor, src: Tensor, name: string, part: (whole: Tensor) => Tensor) {
    const out = allocate(self.shape, self.dtype, self.device)
    kernels.copy(out, self)
    const target = part(out)
    if (!sameShape(target.shape, src.shape))
      throw new ShapeError(`${name}: expected src of shape ${formatShape(target.shape)}, got ${formatShape(src.shape)}`)
    kernels.copy(target, src)
    return saving(out, name, part)
  },
  backward(grad, [name, part], needs) {
    const read = part(grad)
    return [
      needs(0) ? overwrite(grad, zeros(read.shape, { dtype: grad.dtype, device: grad.device }), name, part) : null,
      read,
    ]
  },
})

/** A copy of `self` with `src` at `index` of `dim`. */
export const selectScatter: Op<[self: Tensor, src: Tensor, dim: number, index: number]> = composite(
  'select_scatter(self, src, dim, index)',
  (self: Tensor, src: Tensor, dim: number, index: number) =>
    overwrite(self, src, 'select_scatter', (whole) => select(whole, dim, index)),
)
/** A copy of `self` with `src` in a slice of `dim`. */
export const sliceScatter: Op<
  [self: Tensor, src: Tensor, dim?: number, start?: number | null, end?: number | null, step?: number]
> = composite(
  'slice_scatter(self, src, dim, start, end, step)',
  (self: Tensor, src: Tensor, dim = 0, start: number | null = null, end: number | null = null, step = 1) =>
    overwrite(self, src, 'slice_scatter', (whole) => sliceAlong(whole, dim, start, end, step)),
)
/** A copy of `self` with `src` on a diagonal. */
export const diagonalScatter: Op<[self: Tensor, src: Tensor, offset?: number, dim1?: number, dim2?: number]> =
  composite(
    'diagonal_scatter(self, src, offset, dim1, dim2)',
    (self: Tensor, src: Tensor, offset = 0, dim1 = 0, dim2 = 1) =>
      overwrite(self, src, 'diagonal_scatter', (whole) => diagonal(whole, offset, dim1, dim2)),
  )
const stridedScatter: Op<
  [self: Tensor, src: Tensor, size: readonly number[], stride: readonly number[], offset: number]
> = primitive({
  signature: '_as_strided_scatter(self, src, size, stride, offset)',
  forward(self: Tensor, src: Tensor, size: readonly number[], stride: readonly number[], offset: number) {
    const out = clone(self)
    const target = asStrided(out, size, stride, offset)
    if (!sameShape(target.shape, src.shape))
      throw new ShapeError(
        `as_strided_scatter: expected src of shape ${formatShape(target.shape)}, got ${formatShape(src.shape)}`,
      )
    kernels.copy(target, src)
    return saving(out, self.shape, size, stride, offset)
  },
  // The first gradient is PyTorch's: what the part reads stays, the rest is zero.
  backward(grad, [shape, size, stride, offset]) {
    const part = (whole: Tensor): Tensor => asStrided(whole, size, stride, offset)
    const read = part(clone(grad))
    return [embed(read, shape, grad.dtype, part), read]
  },
})

/** A copy of `self` with `src` where `asStrided` reads. */
export const asStridedScatter: Op<
  [self: Tensor, src: Tensor, size: readonly number[], stride: readonly number[], storageOffset?: number | null]
> = composite(
  'as_strided_scatter(self, src, size, stride, storageOffset)',
  (
    self: Tensor,
    src: Tensor,
    size: readonly number[],
    stride: readonly number[],
    storageOffset: number | null = null,
  ): Tensor => stridedScatter(self, src, size, stride, storageOffset ?? self.offset),
)

/** The tensor filled with one value; `fill_` writes it there. @param value a number or a 0-d tensor */
export const fill: InplaceOp<[self: Tensor, value: FillValue]> = inplacePrimitive({
  signature: 'fill(self, value)',
  forward: (self: Tensor, value: FillValue) => saving(fullLike(self, value), self.shape),
  into(self: Tensor, value: FillValue) {
    kernels.copy(self, expand(fullLike(fillRaw([], 0, self.dtype, self.device), value), self.shape))
  },
  backward: (grad) => [zeros(grad.shape, { dtype: grad.dtype, device: grad.device }), grad.sum()],
})
