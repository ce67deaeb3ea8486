// Layers that learn the number of their input features from the first input.
import { ArgumentError, ShapeError } from '../errors.js'
import type { Sizes } from '../ops/nn/spatial.js'
import type { Parameter } from '../tensor/parameter.js'
import { formatShape } from '../tensor/shape.js'
import type { Tensor } from '../tensor/tensor.js'
import { become, hasUninitialized } from './becoming.js'
import {
  Conv1d,
  Conv2d,
  Conv3d,
  type ConvOptions,
  ConvTranspose1d,
  ConvTranspose2d,
  ConvTranspose3d,
  type ConvTransposeOptions,
} from './conv.js'
import { Linear, type LinearOptions } from './linear.js'
import type { LayerOptions } from './module.js'
import { checkSize } from './shapes.js'
import { isLazy, UninitializedParameter } from './uninitialized.js'

/** Puts parameters without a shape in the place of weight and bias. */
function postpone(module: { weight: Parameter; bias: Parameter | null }, { device, dtype }: LayerOptions): void {
  const options = { ...(device && { device }), ...(dtype && { dtype }) }
  module.weight = new UninitializedParameter(options)
  if (module.bias !== null) module.bias = new UninitializedParameter(options)
}

const shape = (parameter: Parameter | null, size: readonly number[]): void => {
  if (isLazy(parameter)) parameter.materialize(size)
}

/**
 * An affine map whose number of input features is that of the first input.
 *
 * @example
 * ```ts
 * import { nn, ones } from '@flambeau/core'
 * const layer = new nn.LazyLinear(3)
 * console.log(layer.forward(ones([2, 5])).shape, layer.weight.shape, String(layer)) // → [ 2, 3 ] [ 3, 5 ] Linear(inFeatures=5, outFeatures=3, bias=true)
 * ```
 */
export class LazyLinear extends Linear {
  static override readonly signature: string = 'LazyLinear(out_features, {bias, device, dtype})'

  constructor(outFeatures: number, options: LinearOptions = {}) {
    super(0, checkSize('LazyLinear', 'outFeatures', outFeatures, 0), options)
    postpone(this, options)
  }

  // There is nothing to draw before the first input, and the stream of random numbers stays where it is.
  override resetParameters(): void {}

  /** Gives the parameters the shape that `input` asks for, and draws them. */
  initializeParameters(input: Tensor): void {
    const fresh = hasUninitialized(this)
    if (fresh) {
      shape(this.weight, [this.outFeatures, input.shape[input.ndim - 1]])
      shape(this.bias, [this.outFeatures])
    }
    Object.assign(this, { inFeatures: this.weight.shape[1] })
    if (fresh) super.resetParameters()
  }

  override forward(input: Tensor): Tensor {
    become(this, Linear, () => this.initializeParameters(input))
    return super.forward(input)
  }
}

interface AnyConv {
  readonly outChannels: number
  readonly groups: number
  readonly kernelSize: readonly number[]
  weight: Parameter
  bias: Parameter | null
}

/** Gives a convolution the channels of `input`, or those of the weight that was loaded; whether it must be drawn. */
function shapeChannels(
  module: AnyConv & Parameters<typeof hasUninitialized>[0],
  input: Tensor,
  spatial: number,
  transposed: boolean,
): boolean {
  const { outChannels, groups, kernelSize } = module
  const { name } = module.constructor
  const fresh = hasUninitialized(module)
  if (fresh) {
    if (input.ndim !== spatial + 1 && input.ndim !== spatial + 2)
      throw new ShapeError(
        `${name}: expected input of ${spatial + 1} or ${spatial + 2} dimensions, got shape ${formatShape(input.shape)}`,
      )
    const channels = input.shape[input.ndim - spatial - 1]
    if (channels === 0 || channels % groups !== 0)
      throw new ArgumentError(`${name}: expected channels that ${groups} groups divide, got ${channels}`)
    const leading = transposed ? [channels, outChannels / groups] : [outChannels, channels / groups]
    shape(module.weight, [...leading, ...kernelSize])
    shape(module.bias, [outChannels])
  }
  const inChannels = transposed ? module.weight.shape[0] : module.weight.shape[1] * groups
  Object.assign(module, { inChannels })
  return fresh
}

/** `Conv1d` whose number of input channels is that of the first input, [N, C, L] or [C, L]. */
export class LazyConv1d extends Conv1d {
  static override readonly signature: string =
    'LazyConv1d(out_channels, kernel_size, {stride, padding, dilation, groups, bias, padding_mode, device, dtype})'

  constructor(outChannels: number, kernelSize: Sizes, options: ConvOptions = {}) {
    // As few channels as the groups allow stand in for those that are not known.
    super(options.groups ?? 1, outChannels, kernelSize, options)
    postpone(this, options)
  }

  override resetParameters(): void {}

  /** Gives the parameters the shape that `input` asks for, and draws them. */
  initializeParameters(input: Tensor): void {
    if (shapeChannels(this, input, 1, false)) super.resetParameters()
  }

  override forward(input: Tensor): Tensor {
    become(this, Conv1d, () => this.initializeParameters(input))
    return super.forward(input)
  }
}

/** `Conv2d` whose number of input channels is that of the first input, [N, C, H, W] or [C, H, W]. */
export class LazyConv2d extends Conv2d {
  static override readonly signature: string =
    'LazyConv2d(out_channels, kernel_size, {stride, padding, dilation, groups, bias, padding_mode, device, dtype})'

  constructor(outChannels: number, kernelSize: Sizes, options: ConvOptions = {}) {
    // As few channels as the groups allow stand in for those that are not known.
    super(options.groups ?? 1, outChannels, kernelSize, options)
    postpone(this, options)
  }

  override resetParameters(): void {}

  /** Gives the parameters the shape that `input` asks for, and draws them. */
  initializeParameters(input: Tensor): void {
    if (shapeChannels(this, input, 2, false)) super.resetParameters()
  }

  override forward(input: Tensor): Tensor {
    become(this, Conv2d, () => this.initializeParameters(input))
    return super.forward(input)
  }
}

/** `Conv3d` whose number of input channels is that of the first input, [N, C, D, H, W] or [C, D, H, W]. */
export class LazyConv3d extends Conv3d {
  static override readonly signature: string =
    'LazyConv3d(out_channels, kernel_size, {stride, padding, dilation, groups, bias, padding_mode, device, dtype})'

  constructor(outChannels: number, kernelSize: Sizes, options: ConvOptions = {}) {
    // As few channels as the groups allow stand in for those that are not known.
    super(options.groups ?? 1, outChannels, kernelSize, options)
    postpone(this, options)
  }

  override resetParameters(): void {}

  /** Gives the parameters the shape that `input` asks for, and draws them. */
  initializeParameters(input: Tensor): void {
    if (shapeChannels(this, input, 3, false)) super.resetParameters()
  }

  override forward(input: Tensor): Tensor {
    become(this, Conv3d, () => this.initializeParameters(input))
    return super.forward(input)
  }
}

/** `ConvTranspose1d` whose number of input channels is that of the first input, [N, C, L] or [C, L]. */
export class LazyConvTranspose1d extends ConvTranspose1d {
  static override readonly signature: string =
    'LazyConvTranspose1d(out_channels, kernel_size, {stride, padding, output_padding, groups, bias, dilation, padding_mode, device, dtype})'
  static override readonly forwardSignature: string = 'forward(input, output_size)'

  constructor(outChannels: number, kernelSize: Sizes, options: ConvTransposeOptions = {}) {
    // As few channels as the groups allow stand in for those that are not known.
    super(options.groups ?? 1, outChannels, kernelSize, options)
    postpone(this, options)
  }

  override resetParameters(): void {}

  /** Gives the parameters the shape that `input` asks for, and draws them. */
  initializeParameters(input: Tensor): void {
    if (shapeChannels(this, input, 1, true)) super.resetParameters()
  }

  override forward(input: Tensor, outputSize: readonly number[] | null = null): Tensor {
    become(this, ConvTranspose1d, () => this.initializeParameters(input))
    return super.forward(input, outputSize)
  }
}

/** `ConvTranspose2d` whose number of input channels is that of the first input, [N, C, H, W] or [C, H, W]. */
export class LazyConvTranspose2d extends ConvTranspose2d {
  static override readonly signature: string =
    'LazyConvTranspose2d(out_channels, kernel_size, {stride, padding, output_padding, groups, bias, dilation, padding_mode, device, dtype})'
  static override readonly forwardSignature: string = 'forward(input, output_size)'

  constructor(outChannels: number, kernelSize: Sizes, options: ConvTransposeOptions = {}) {
    // As few channels as the groups allow stand in for those that are not known.
    super(options.groups ?? 1, outChannels, kernelSize, options)
    postpone(this, options)
  }

  override resetParameters(): void {}

  /** Gives the parameters the shape that `input` asks for, and draws them. */
  initializeParameters(input: Tensor): void {
    if (shapeChannels(this, input, 2, true)) super.resetParameters()
  }

  override forward(input: Tensor, outputSize: readonly number[] | null = null): Tensor {
    become(this, ConvTranspose2d, () => this.initializeParameters(input))
    return super.forward(input, outputSize)
  }
}

/** `ConvTranspose3d` whose number of input channels is that of the first input, [N, C, D, H, W] or [C, D, H, W]. */
export class LazyConvTranspose3d extends ConvTranspose3d {
  static override readonly signature: string =
    'LazyConvTranspose3d(out_channels, kernel_size, {stride, padding, output_padding, groups, bias, dilation, padding_mode, device, dtype})'
  static override readonly forwardSignature: string = 'forward(input, output_size)'

  constructor(outChannels: number, kernelSize: Sizes, options: ConvTransposeOptions = {}) {
    // As few channels as the groups allow stand in for those that are not known.
    super(options.groups ?? 1, outChannels, kernelSize, options)
    postpone(this, options)
  }

  override resetParameters(): void {}

  /** Gives the parameters the shape that `input` asks for, and draws them. */
  initializeParameters(input: Tensor): void {
    if (shapeChannels(this, input, 3, true)) super.resetParameters()
  }

  override forward(input: Tensor, outputSize: readonly number[] | null = null): Tensor {
    become(this, ConvTranspose3d, () => this.initializeParameters(input))
    return super.forward(input, outputSize)
  }
}
