// Pooling: windows over the last dimensions.
import { F } from '../ops/index.js'
import type { AvgPoolOp, AvgPoolOptions, MaxPoolOptions, MaxPoolResult, OutputSizes } from '../ops/nn/pooling.js'
import type { Sizes } from '../ops/nn/spatial.js'
import type { Tensor } from '../tensor/tensor.js'
import { Module } from './module.js'
import { showAll } from './shapes.js'

type Pooled = Tensor | MaxPoolResult

abstract class MaxPool<Out extends Pooled> extends Module<[input: Tensor], Out> {
  readonly kernelSize: Sizes
  readonly stride: Sizes
  readonly padding: Sizes
  readonly dilation: Sizes
  readonly returnIndices: boolean
  readonly ceilMode: boolean

  constructor(
    kernelSize: Sizes,
    { stride, padding = 0, dilation = 1, returnIndices = false, ceilMode = false }: MaxPoolOptions = {},
  ) {
    super()
    this.kernelSize = kernelSize
    this.stride = stride ?? kernelSize
    this.padding = padding
    this.dilation = dilation
    this.returnIndices = returnIndices
    this.ceilMode = ceilMode
  }

  protected run(
    op: (input: Tensor, kernelSize: Sizes, options: MaxPoolOptions & { readonly returnIndices: true }) => MaxPoolResult,
    plain: (input: Tensor, kernelSize: Sizes, options: MaxPoolOptions & { readonly returnIndices: false }) => Tensor,
    input: Tensor,
  ): Out {
    const { stride, padding, dilation, ceilMode } = this
    const options = { stride, padding, dilation, ceilMode }
    const result: Pooled = this.returnIndices
      ? op(input, this.kernelSize, { ...options, returnIndices: true })
      : plain(input, this.kernelSize, { ...options, returnIndices: false })
    return result as Out
  }

  override extraRepr(): string {
    const { kernelSize, stride, padding, dilation, ceilMode } = this
    return showAll({ kernelSize, stride, padding, dilation, ceilMode })
  }
}

/** The largest value of each window. Input: [N, C, L] or [C, L]. With `returnIndices`, the type argument is `MaxPoolResult`. */
export class MaxPool1d<Out extends Pooled = Tensor> extends MaxPool<Out> {
  static readonly signature: string = 'MaxPool1d(kernel_size, {stride, padding, dilation, return_indices, ceil_mode})'
  override forward(input: Tensor): Out {
    return this.run(F.maxPool1d, F.maxPool1d, input)
  }
}

/**
 * The largest value of each window. Input: [N, C, H, W] or [C, H, W]. With `returnIndices`, the type argument is `MaxPoolResult`.
 *
 * @example
 * ```ts
 * import { nn, ones } from '@flambeau/core'
 * console.log(new nn.MaxPool2d(2).forward(ones([1, 8, 28, 28])).shape) // → [ 1, 8, 14, 14 ]
 * ```
 */
export class MaxPool2d<Out extends Pooled = Tensor> extends MaxPool<Out> {
  static readonly signature: string = 'MaxPool2d(kernel_size, {stride, padding, dilation, return_indices, ceil_mode})'
  override forward(input: Tensor): Out {
    return this.run(F.maxPool2d, F.maxPool2d, input)
  }
}

/** The largest value of each window. Input: [N, C, D, H, W] or [C, D, H, W]. With `returnIndices`, the type argument is `MaxPoolResult`. */
export class MaxPool3d<Out extends Pooled = Tensor> extends MaxPool<Out> {
  static readonly signature: string = 'MaxPool3d(kernel_size, {stride, padding, dilation, return_indices, ceil_mode})'
  override forward(input: Tensor): Out {
    return this.run(F.maxPool3d, F.maxPool3d, input)
  }
}

abstract class AvgPool extends Module {
  readonly kernelSize: Sizes
  readonly stride: Sizes
  readonly padding: Sizes
  readonly ceilMode: boolean
  readonly countIncludePad: boolean
  readonly divisorOverride: number | null

  constructor(
    kernelSize: Sizes,
    { stride, padding = 0, ceilMode = false, countIncludePad = true, divisorOverride = null }: AvgPoolOptions = {},
  ) {
    super()
    this.kernelSize = kernelSize
    this.stride = stride ?? kernelSize
    this.padding = padding
    this.ceilMode = ceilMode
    this.countIncludePad = countIncludePad
    this.divisorOverride = divisorOverride
  }

  protected abstract readonly op: AvgPoolOp

  override forward(input: Tensor): Tensor {
    const { stride, padding, ceilMode, countIncludePad, divisorOverride } = this
    const options = { stride, padding, ceilMode, countIncludePad }
    return this.op(input, this.kernelSize, divisorOverride === null ? options : { ...options, divisorOverride })
  }

  override extraRepr(): string {
    const { kernelSize, stride, padding } = this
    return showAll({ kernelSize, stride, padding })
  }
}

/** The mean of each window. Input: [N, C, L] or [C, L]. */
export class AvgPool1d extends AvgPool {
  static readonly signature: string = 'AvgPool1d(kernel_size, {stride, padding, ceil_mode, count_include_pad})'
  protected override readonly op = F.avgPool1d
}

/** The mean of each window. Input: [N, C, H, W] or [C, H, W]. */
export class AvgPool2d extends AvgPool {
  static readonly signature: string =
    'AvgPool2d(kernel_size, {stride, padding, ceil_mode, count_include_pad, divisor_override})'
  protected override readonly op = F.avgPool2d
}

/** The mean of each window. Input: [N, C, D, H, W] or [C, D, H, W]. */
export class AvgPool3d extends AvgPool {
  static readonly signature: string =
    'AvgPool3d(kernel_size, {stride, padding, ceil_mode, count_include_pad, divisor_override})'
  protected override readonly op = F.avgPool3d
}

abstract class Adaptive<Out> extends Module<[input: Tensor], Out> {
  /** The sizes of the result; null keeps a dimension's. */
  readonly outputSize: OutputSizes

  constructor(outputSize: OutputSizes) {
    super()
    this.outputSize = outputSize
  }

  override extraRepr(): string {
    return showAll({ outputSize: this.outputSize })
  }
}

/** Means over windows such that the result has the given size. Input: [N, C, L] or [C, L]. */
export class AdaptiveAvgPool1d extends Adaptive<Tensor> {
  static readonly signature: string = 'AdaptiveAvgPool1d(output_size)'
  override forward(input: Tensor): Tensor {
    return F.adaptiveAvgPool1d(input, this.outputSize)
  }
}

/** Means over windows such that the result has the given sizes. Input: [N, C, H, W] or [C, H, W]. */
export class AdaptiveAvgPool2d extends Adaptive<Tensor> {
  static readonly signature: string = 'AdaptiveAvgPool2d(output_size)'
  override forward(input: Tensor): Tensor {
    return F.adaptiveAvgPool2d(input, this.outputSize)
  }
}

/** Means over windows such that the result has the given sizes. Input: [N, C, D, H, W] or [C, D, H, W]. */
export class AdaptiveAvgPool3d extends Adaptive<Tensor> {
  static readonly signature: string = 'AdaptiveAvgPool3d(output_size)'
  override forward(input: Tensor): Tensor {
    return F.adaptiveAvgPool3d(input, this.outputSize)
  }
}

abstract class AdaptiveMax<Out extends Pooled> extends Adaptive<Out> {
  readonly returnIndices: boolean

  constructor(outputSize: OutputSizes, { returnIndices = false }: { readonly returnIndices?: boolean } = {}) {
    super(outputSize)
    this.returnIndices = returnIndices
  }
}

/** Maxima over windows such that the result has the given size. Input: [N, C, L] or [C, L]. */
export class AdaptiveMaxPool1d<Out extends Pooled = Tensor> extends AdaptiveMax<Out> {
  static readonly signature: string = 'AdaptiveMaxPool1d(output_size, {return_indices})'
  override forward(input: Tensor): Out {
    const { outputSize } = this
    return (
      this.returnIndices
        ? F.adaptiveMaxPool1d(input, outputSize, { returnIndices: true })
        : F.adaptiveMaxPool1d(input, outputSize)
    ) as Out
  }
}

/** Maxima over windows such that the result has the given sizes. Input: [N, C, H, W] or [C, H, W]. */
export class AdaptiveMaxPool2d<Out extends Pooled = Tensor> extends AdaptiveMax<Out> {
  static readonly signature: string = 'AdaptiveMaxPool2d(output_size, {return_indices})'
  override forward(input: Tensor): Out {
    const { outputSize } = this
    return (
      this.returnIndices
        ? F.adaptiveMaxPool2d(input, outputSize, { returnIndices: true })
        : F.adaptiveMaxPool2d(input, outputSize)
    ) as Out
  }
}

/** Maxima over windows such that the result has the given sizes. Input: [N, C, D, H, W] or [C, D, H, W]. */
export class AdaptiveMaxPool3d<Out extends Pooled = Tensor> extends AdaptiveMax<Out> {
  static readonly signature: string = 'AdaptiveMaxPool3d(output_size, {return_indices})'
  override forward(input: Tensor): Out {
    const { outputSize } = this
    return (
      this.returnIndices
        ? F.adaptiveMaxPool3d(input, outputSize, { returnIndices: true })
        : F.adaptiveMaxPool3d(input, outputSize)
    ) as Out
  }
}
