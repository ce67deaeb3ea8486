import { ArgumentError, describe, ShapeError } from '../../errors.js'
import { formatShape } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { composite } from '../dispatch.js'
import type { FunctionOp } from '../record.js'
import { reshape } from '../views.js'
import { pad } from './padding.js'
import { avgPool2d } from './pooling.js'

/** The options of `localResponseNorm`. */
export interface LocalResponseNormOptions {
  /** Default 1e-4. */
  readonly alpha?: number
  /** The exponent. Default 0.75. */
  readonly beta?: number
  /** Default 1. */
  readonly k?: number
}

/**
 * Divides by what neighbouring channels hold: `x / (k + α·mean(x²))^β`, the mean over `size` channels around each.
 * [Krizhevsky et al., 2012](https://papers.nips.cc/paper/4824)
 *
 * @param input shape [N, C, *]
 * @param size how many channels count; those beyond the first and the last are zeros
 * @returns the shape of the input
 * @throws ShapeError when the input has fewer than 3 dimensions
 * @example
 * ```ts
 * import { F, ones } from '@flambeau/core'
 * console.log(F.localResponseNorm(ones([1, 3, 1]), 3, { alpha: 3, beta: 1 }).flatten().toArray()) // → [ 0.3333333432674408, 0.25, 0.3333333432674408 ]
 * ```
 */
export const localResponseNorm: FunctionOp<[input: Tensor, size: number, options?: LocalResponseNormOptions], Tensor> =
  composite(
    'nn.functional.local_response_norm(input, size, {alpha, beta, k})',
    (input: Tensor, size: number, { alpha = 1e-4, beta = 0.75, k = 1 }: LocalResponseNormOptions = {}): Tensor => {
      if (input.ndim < 3)
        throw new ShapeError(
          `localResponseNorm: expected an input of at least 3 dimensions, [N, C, *], got shape ${formatShape(input.shape)}`,
        )
      if (typeof size !== 'number' || !Number.isInteger(size) || size < 1)
        throw new ArgumentError(`localResponseNorm: expected size to be an integer ≥ 1, got ${describe(size)}`)
      if (input.numel() === 0) return input
      const [batch, channels] = input.shape
      const squares = reshape(input.mul(input), [batch, 1, channels, -1])
      const padded = pad(squares, [0, 0, Math.floor(size / 2), Math.floor((size - 1) / 2)])
      const means = reshape(avgPool2d(padded, [size, 1], { stride: 1 }), input.shape)
      return input.div(means.mul(alpha).add(k).pow(beta))
    },
  )
