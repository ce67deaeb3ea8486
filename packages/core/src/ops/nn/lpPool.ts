// Power-average pooling.
import { ArgumentError, describe } from '../../errors.js'
import type { Tensor } from '../../tensor/tensor.js'
import { composite } from '../dispatch.js'
import type { FunctionOp } from '../record.js'
import { relu } from './activations.js'
import { type AvgPoolOp, avgPool1d, avgPool2d, avgPool3d } from './pooling.js'
import { type Sizes, spread } from './spatial.js'

/** The options of power-average pooling. */
export interface LpPoolOptions {
  /** Default: the size of the window. */
  readonly stride?: Sizes | null
  /** Round the size of the result up. Default false. */
  readonly ceilMode?: boolean
}

/** Power-average pooling. */
export type LpPoolOp = FunctionOp<[input: Tensor, normType: number, kernelSize: Sizes, options?: LpPoolOptions], Tensor>

const lpPoolOp = (name: string, operation: string, spatial: number, average: AvgPoolOp): LpPoolOp =>
  composite(
    `nn.functional.${name}(input, norm_type, kernel_size, {stride, ceil_mode})`,
    (input: Tensor, normType: number, kernelSize: Sizes, options: LpPoolOptions = {}) => {
      if (typeof normType !== 'number' || normType === 0)
        throw new ArgumentError(`${operation}: expected a number other than 0 for normType, got ${describe(normType)}`)
      const kernel = spread(operation, 'kernelSize', kernelSize, spatial, 1)
      const size = kernel.reduce((n, k) => n * k, 1)
      const mean = average(input.pow(normType), kernel, options)
      // A negative mean, of an odd power, has no root: it stays out as 0.
      return relu(mean.abs())
        .mul(mean.sign())
        .mul(size)
        .pow(1 / normType)
    },
  )

/** `(Σ xᵖ)^(1/p)` over windows of a signal. @param input [N, C, L] or [C, L] @param normType p */
export const lpPool1d: LpPoolOp = lpPoolOp('lp_pool1d', 'lpPool1d', 1, avgPool1d)
/**
 * `(Σ xᵖ)^(1/p)` over windows of an image: sums for p = 1, maxima for p → ∞.
 *
 * @param input shape [N, C, H, W] or [C, H, W]
 * @param normType p
 * @param kernelSize the size of a window
 * @returns shape [N, C, H_out, W_out]
 * @example
 * ```ts
 * import { F, tensor } from '@flambeau/core'
 * console.log(F.lpPool2d(tensor([[[3, 0], [0, 4]]]), 2, 2).toArray()) // → [ [ [ 5 ] ] ]
 * ```
 */
export const lpPool2d: LpPoolOp = lpPoolOp('lp_pool2d', 'lpPool2d', 2, avgPool2d)
/** `(Σ xᵖ)^(1/p)` over windows of a volume. @param input [N, C, D, H, W] or [C, D, H, W] @param normType p */
export const lpPool3d: LpPoolOp = lpPoolOp('lp_pool3d', 'lpPool3d', 3, avgPool3d)
