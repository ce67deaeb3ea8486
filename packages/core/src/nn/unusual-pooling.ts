// Pooling beside means and maxima: powers, windows at random places, and the way back.
import { F } from '../ops/index.js'
import type { FractionalMaxPoolOp, FractionalMaxPoolOptions } from '../ops/nn/fractionalPool.js'
import type { LpPoolOp, LpPoolOptions } from '../ops/nn/lpPool.js'
import type { MaxPoolResult } from '../ops/nn/pooling.js'
import type { Sizes } from '../ops/nn/spatial.js'
import type { MaxUnpoolOp } from '../ops/nn/unpooling.js'
import type { Tensor } from '../tensor/tensor.js'
import { Module } from './module.js'
import { showAll } from './shapes.js'

abstract class LPPool extends Module {
  readonly normType: number
  readonly kernelSize: Sizes
  readonly stride: Sizes
  readonly ceilMode: boolean

  constructor(normType: number, kernelSize: Sizes, { stride, ceilMode = false }: LpPoolOptions = {}) {
    super()
    this.normType = normType
    this.kernelSize = kernelSize
    this.stride = stride ?? kernelSize
    this.ceilMode = ceilMode
  }

  protected abstract readonly op: LpPoolOp

  override forward(input: Tensor): Tensor {
    const { stride, ceilMode } = this
    return this.op(input, this.normType, this.kernelSize, { stride, ceilMode })
  }

  override extraRepr(): string {
    const { normType, kernelSize, stride, ceilMode } = this
    return showAll({ normType, kernelSize, stride, ceilMode })
  }
}

/** `(Σ xᵖ)^(1/p)` of each window. Input: [N, C, L] or [C, L]. */
export class LPPool1d extends LPPool {
  static readonly signature: string = 'LPPool1d(norm_type, kernel_size, {stride, ceil_mode})'
  protected override readonly op = F.lpPool1d
}

/**
 * `(Σ xᵖ)^(1/p)` of each window. Input: [N, C, H, W] or [C, H, W].
 *
 * @example
 * ```ts
 * import { nn, tensor } from '@flambeau/core'
 * console.log(new nn.LPPool2d(2, 2).forward(tensor([[[3, 0], [0, 4]]])).item()) // → 5
 * ```
 */
export class LPPool2d extends LPPool {
  static readonly signature: string = 'LPPool2d(norm_type, kernel_size, {stride, ceil_mode})'
  protected override readonly op = F.lpPool2d
}

/** `(Σ xᵖ)^(1/p)` of each window. Input: [N, C, D, H, W] or [C, D, H, W]. */
export class LPPool3d extends LPPool {
  static readonly signature: string = 'LPPool3d(norm_type, kernel_size, {stride, ceil_mode})'
  protected override readonly op = F.lpPool3d
}

export interface MaxUnpoolOptions {
  /** Default: the size of the window. */
  readonly stride?: Sizes | null
  /** Default 0. */
  readonly padding?: Sizes
}

abstract class MaxUnpool extends Module<
  [input: Tensor, indices: Tensor, outputSize?: readonly number[] | null],
  Tensor
> {
  readonly kernelSize: Sizes
  readonly stride: Sizes
  readonly padding: Sizes

  constructor(kernelSize: Sizes, { stride, padding = 0 }: MaxUnpoolOptions = {}) {
    super()
    this.kernelSize = kernelSize
    this.stride = stride ?? kernelSize
    this.padding = padding
  }

  protected abstract readonly op: MaxUnpoolOp

  override forward(input: Tensor, indices: Tensor, outputSize: readonly number[] | null = null): Tensor {
    const { stride, padding } = this
    return this.op(input, indices, this.kernelSize, { stride, padding, ...(outputSize !== null && { outputSize }) })
  }

  override extraRepr(): string {
    const { kernelSize, stride, padding } = this
    return showAll({ kernelSize, stride, padding })
  }
}

/** Puts the maxima of a `MaxPool1d` back, zeros elsewhere. Input and indices: [N, C, L] or [C, L]. */
export class MaxUnpool1d extends MaxUnpool {
  static readonly signature: string = 'MaxUnpool1d(kernel_size, {stride, padding})'
  static readonly forwardSignature: string = 'forward(input, indices, output_size)'
  protected override readonly op = F.maxUnpool1d
}

/**
 * Puts the maxima of a `MaxPool2d` back, zeros elsewhere. Input and indices: [N, C, H, W] or [C, H, W].
 *
 * @example
 * ```ts
 * import { type F, nn, tensor } from '@flambeau/core'
 * const pool = new nn.MaxPool2d<F.MaxPoolResult>(2, { returnIndices: true })
 * const { values, indices } = pool.forward(tensor([[[1, 2], [3, 4]]]))
 * console.log(new nn.MaxUnpool2d(2).forward(values, indices).toArray()) // → [ [ [ 0, 0 ], [ 0, 4 ] ] ]
 * ```
 */
export class MaxUnpool2d extends MaxUnpool {
  static readonly signature: string = 'MaxUnpool2d(kernel_size, {stride, padding})'
  static readonly forwardSignature: string = 'forward(input, indices, output_size)'
  protected override readonly op = F.maxUnpool2d
}

/** Puts the maxima of a `MaxPool3d` back, zeros elsewhere. Input and indices: [N, C, D, H, W] or [C, D, H, W]. */
export class MaxUnpool3d extends MaxUnpool {
  static readonly signature: string = 'MaxUnpool3d(kernel_size, {stride, padding})'
  static readonly forwardSignature: string = 'forward(input, indices, output_size)'
  protected override readonly op = F.maxUnpool3d
}

abstract class FractionalMaxPool<Out extends Tensor | MaxPoolResult> extends Module<[input: Tensor], Out> {
  readonly kernelSize: Sizes
  readonly options: FractionalMaxPoolOptions

  constructor(kernelSize: Sizes, options: FractionalMaxPoolOptions) {
    super()
    this.kernelSize = kernelSize
    this.options = options
  }

  protected abstract readonly op: FractionalMaxPoolOp

  override forward(input: Tensor): Out {
    const { returnIndices = false, ...options } = this.options
    const result: Tensor | MaxPoolResult = returnIndices
      ? this.op(input, this.kernelSize, { ...options, returnIndices: true })
      : this.op(input, this.kernelSize, options)
    return result as Out
  }

  override extraRepr(): string {
    const { outputSize, outputRatio } = this.options
    const size = outputSize === undefined || outputSize === null ? { outputRatio } : { outputSize }
    return showAll({ kernelSize: this.kernelSize, ...size })
  }
}

/**
 * Maxima over windows at pseudo-random places. Input: [N, C, H, W] or [C, H, W]. With `returnIndices`, the type argument
 * is `MaxPoolResult`. [Graham, 2014](https://arxiv.org/abs/1412.6071)
 *
 * @example
 * ```ts
 * import { nn, ones } from '@flambeau/core'
 * console.log(new nn.FractionalMaxPool2d(3, { outputRatio: 0.5 }).forward(ones([20, 16, 50, 32])).shape) // → [ 20, 16, 25, 16 ]
 * ```
 */
export class FractionalMaxPool2d<Out extends Tensor | MaxPoolResult = Tensor> extends FractionalMaxPool<Out> {
  static readonly signature: string =
    'FractionalMaxPool2d(kernel_size, {output_size, output_ratio, return_indices, _random_samples})'
  protected override readonly op = F.fractionalMaxPool2d
}

/** Maxima over windows at pseudo-random places. Input: [N, C, D, H, W] or [C, D, H, W]. With `returnIndices`, the type argument is `MaxPoolResult`. */
export class FractionalMaxPool3d<Out extends Tensor | MaxPoolResult = Tensor> extends FractionalMaxPool<Out> {
  static readonly signature: string =
    'FractionalMaxPool3d(kernel_size, {output_size, output_ratio, return_indices, _random_samples})'
  protected override readonly op = F.fractionalMaxPool3d
}
