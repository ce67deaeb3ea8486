// Further ways to make and lay out tensors.
import { ArgumentError, describe, ShapeError } from '../errors.js'
import { formatShape } from '../tensor/shape.js'
import type { Tensor } from '../tensor/tensor.js'
import { onesLike } from './creation.js'
import { composite } from './dispatch.js'
import { cat } from './joining.js'
import { outer } from './matmul.js'
import { flip } from './rearrange.js'
import type { FunctionOp, Op } from './record.js'
import { cumprod } from './scans.js'
import { narrow } from './slicing.js'
import { expand, unsqueeze } from './views.js'

/** Another name of `outer`. */
export const ger: Op<[self: Tensor, vec2: Tensor]> = composite(
  'ger(self, vec2)',
  (self: Tensor, vec2: Tensor): Tensor => outer(self, vec2),
)

/** The conjugate transposes of matrices: the last two dimensions exchanged. @see Tensor.mH */
export const adjoint: Op<[self: Tensor]> = composite('adjoint(self)', (self: Tensor): Tensor => self.mH)

/** The options of `vander`. */
export interface VanderOptions {
  /** The number of columns. Default: as many as rows. */
  readonly N?: number | null
  /** Whether the powers ascend from left to right. Default false. */
  readonly increasing?: boolean
}

/**
 * Vandermonde's matrix: a column is a power of the vector.
 *
 * @param x shape [n]
 * @returns shape [n, N]
 * @example
 * ```ts
 * import { tensor, vander } from '@flambeau/core'
 * console.log(vander(tensor([1, 2, 3])).toArray()) // → [ [ 1, 1, 1 ], [ 4, 2, 1 ], [ 9, 3, 1 ] ]
 * ```
 */
export const vander: FunctionOp<[x: Tensor, options?: VanderOptions], Tensor> = composite(
  'vander(x, {N, increasing})',
  (x: Tensor, { N, increasing = false }: VanderOptions = {}): Tensor => {
    if (x.ndim !== 1) throw new ShapeError(`vander: expected a vector, got shape ${formatShape(x.shape)}`)
    const columns = N ?? x.shape[0]
    if (!Number.isInteger(columns) || columns < 0)
      throw new ArgumentError(`vander: expected an integer ≥ 0 for N, got ${describe(N)}`)
    const column = unsqueeze(x, 1)
    const ones = onesLike(column)
    const powers = columns < 2 ? ones : cat([ones, cumprod(expand(column, [x.shape[0], columns - 1]), 1)], 1)
    const kept = narrow(powers, 1, 0, columns)
    return increasing ? kept : flip(kept, [1])
  },
)
