// Seldom-used operators of indexing and joining that PyTorch's own code is built on.
import { ArgumentError, describe, ShapeError } from '../errors.js'
import { formatShape, wrapDim } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import { div, remainder } from './arithmetic.js'
import { at, indexPut, slice } from './at.js'
import { logicalNot } from './comparison.js'
import { maskedFill } from './conditional.js'
import { to } from './copies.js'
import { zeros } from './creation.js'
import { composite } from './dispatch.js'
import { clamp } from './extrema.js'
import { cat } from './joining.js'
import type { Operand } from './promotion.js'
import type { FunctionOp } from './record.js'
import { reshape } from './views.js'

/** The coordinates of flat positions in a tensor of shape `shape`, a tensor for each dimension. */
export const unravelIndex: FunctionOp<[indices: Tensor, shape: readonly (number | bigint)[] | number], Tensor[]> =
  composite(
    'unravel_index(indices, shape)',
    (indices: Tensor, shape: readonly (number | bigint)[] | number): Tensor[] => {
      if (!(indices instanceof Tensor) || indices.isFloatingPoint() || indices.isComplex() || indices.dtype === 'bool')
        throw new ArgumentError('unravel_index: expected a tensor of integers for indices')
      const sizes = typeof shape === 'number' ? [shape] : shape
      if (!Array.isArray(sizes) || sizes.some((n) => (typeof n !== 'bigint' && !Number.isInteger(n)) || n < 0))
        throw new ShapeError(`unravel_index: expected sizes that are integers ≥ 0, got ${describe(shape)}`)
      let rest = to(indices, 'int64')
      const result: Tensor[] = []
      for (const size of [...sizes].reverse()) {
        result.unshift(remainder(rest, size))
        rest = div(rest, size, { roundingMode: 'floor' })
      }
      return result
    },
  )

/** Each tensor padded and cut into `numChunks` along `dim`, what follows laid flat, the chunks joined side by side. */
export const chunkCat: FunctionOp<[tensors: readonly Tensor[], dim: number, numChunks: number], Tensor> = composite(
  '_chunk_cat(tensors, dim, numChunks)',
  (tensors: readonly Tensor[], dim: number, numChunks: number): Tensor => {
    if (!Array.isArray(tensors) || tensors.length === 0 || !tensors.every((x) => x instanceof Tensor))
      throw new ArgumentError(`_chunk_cat: expected a list of at least one tensor, got ${describe(tensors)}`)
    if (!Number.isInteger(numChunks) || numChunks < 1)
      throw new ArgumentError(`_chunk_cat: expected numChunks to be an integer ≥ 1, got ${describe(numChunks)}`)
    const lead = tensors[0]
    const along = wrapDim('_chunk_cat', dim, lead.ndim)
    const parts = tensors.map((x: Tensor) => {
      if (x.numel() === 0) throw new ShapeError('_chunk_cat: expected tensors with elements')
      if (x.dtype !== lead.dtype) throw new ArgumentError('_chunk_cat: expected tensors of one dtype')
      if (x.ndim <= along || x.shape.slice(0, along).some((n, d) => n !== lead.shape[d]))
        throw new ShapeError(
          `_chunk_cat: expected the same sizes before dimension ${along}, got ${formatShape(lead.shape)} and ${formatShape(x.shape)}`,
        )
      const pad = Math.ceil(x.shape[along] / numChunks) * numChunks - x.shape[along]
      const filler = x.shape.map((n, d) => (d === along ? pad : n))
      const whole = pad === 0 ? x : cat([x, zeros(filler, { dtype: x.dtype, device: x.device })], along)
      return reshape(whole, [...x.shape.slice(0, along), numChunks, -1])
    })
    return cat(parts, along + 1)
  },
)

/** Index tensors held inside of the range; what a mask excludes may be outside of it. */
const held = (self: Tensor, indices: readonly (Tensor | null)[]): (Tensor | null)[] =>
  indices.map((index, d) => (index === null ? null : clamp(index, -self.shape[d], self.shape[d] - 1)))

/** The elements at `indices` where `mask` holds, `fill` elsewhere. */
export const unsafeMaskedIndex: FunctionOp<
  [self: Tensor, mask: Tensor, indices: readonly (Tensor | null)[], fill: Operand],
  Tensor
> = composite(
  '_unsafe_masked_index(self, mask, indices, fill)',
  (self: Tensor, mask: Tensor, indices: readonly (Tensor | null)[], fill: Operand): Tensor => {
    const picked = at(self, ...held(self, indices).map((index) => index ?? slice()))
    return maskedFill(picked, logicalNot(mask), fill)
  },
)

/** A copy of `self` to which `values` are added at `indices` where `mask` holds. */
export const unsafeMaskedIndexPutAccumulate: FunctionOp<
  [self: Tensor, mask: Tensor, indices: readonly (Tensor | null)[], values: Tensor],
  Tensor
> = composite(
  '_unsafe_masked_index_put_accumulate(self, mask, indices, values)',
  (self: Tensor, mask: Tensor, indices: readonly (Tensor | null)[], values: Tensor): Tensor =>
    indexPut(self, held(self, indices), maskedFill(values, logicalNot(mask), 0), true),
)
