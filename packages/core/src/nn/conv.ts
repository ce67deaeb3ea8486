// Convolutions and transposed convolutions.
import { ArgumentError, describe, ShapeError } from '../errors.js'
import { empty, F } from '../ops/index.js'
import type {
  ConvOptions as FunctionalOptions,
  ConvTransposeOptions as FunctionalTransposeOptions,
} from '../ops/nn/conv.js'
import type { Sizes } from '../ops/nn/spatial.js'
import { Parameter } from '../tensor/parameter.js'
import { formatShape } from '../tensor/shape.js'
import type { Tensor } from '../tensor/tensor.js'
import { calculateFanInAndFanOut, kaimingUniform_, uniform_ } from './init.js'
import { type LayerOptions, Module } from './module.js'
import { checkSize, showAll, spread } from './shapes.js'

/** What the border is filled with. */
export type PaddingMode = 'zeros' | 'reflect' | 'replicate' | 'circular'

export interface ConvOptions extends LayerOptions {
  /** Default 1. */
  readonly stride?: Sizes
  /** On both sides of each dimension; `'same'` keeps the sizes. Default 0. */
  readonly padding?: Sizes | 'same' | 'valid'
  /** Steps between the kernel's elements. Default 1. */
  readonly dilation?: Sizes
  /** Groups of channels that do not see each other. Default 1. */
  readonly groups?: number
  /** Whether there is a bias. Default true. */
  readonly bias?: boolean
  /** Default 'zeros'. */
  readonly paddingMode?: PaddingMode
}

export interface ConvTransposeOptions extends LayerOptions {
  /** Default 1. */
  readonly stride?: Sizes
  /** What is cut from both sides of each dimension of the result. Default 0. */
  readonly padding?: Sizes
  /** Added to one side of each dimension of the result. Default 0. */
  readonly outputPadding?: Sizes
  /** Groups of channels that do not see each other. Default 1. */
  readonly groups?: number
  /** Whether there is a bias. Default true. */
  readonly bias?: boolean
  /** Steps between the kernel's elements. Default 1. */
  readonly dilation?: Sizes
}

/** What convolutions of both kinds share. */
abstract class ConvBase<Args extends unknown[]> extends Module<Args> {
  readonly inChannels: number
  readonly outChannels: number
  readonly kernelSize: readonly number[]
  readonly stride: readonly number[]
  readonly dilation: readonly number[]
  readonly groups: number
  /** The kernels. */
  weight: Parameter
  /** Shape [outChannels]. */
  bias: Parameter | null

  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: Sizes,
    spatial: number,
    transposed: boolean,
    { stride = 1, dilation = 1, groups = 1, bias = true, device, dtype }: Omit<ConvOptions, 'padding' | 'paddingMode'>,
  ) {
    super()
    const { name } = new.target
    this.inChannels = checkSize(name, 'inChannels', inChannels, 1)
    this.outChannels = checkSize(name, 'outChannels', outChannels, 1)
    this.groups = checkSize(name, 'groups', groups, 1)
    if (inChannels % groups !== 0 || outChannels % groups !== 0)
      throw new ArgumentError(
        `${name}: expected channels that ${groups} groups divide, got ${inChannels} and ${outChannels}`,
      )
    this.kernelSize = spread(name, 'kernelSize', kernelSize, spatial, 1)
    this.stride = spread(name, 'stride', stride, spatial, 1)
    this.dilation = spread(name, 'dilation', dilation, spatial, 1)
    const channels = transposed ? [inChannels, outChannels / groups] : [outChannels, inChannels / groups]
    const options = { ...(device && { device }), ...(dtype && { dtype }) }
    this.weight = new Parameter(empty([...channels, ...this.kernelSize], options))
    this.bias = bias ? new Parameter(empty([outChannels], options)) : null
    this.resetParameters()
  }

  /** Draws weight and bias anew. */
  resetParameters(): void {
    kaimingUniform_(this.weight, { a: Math.sqrt(5) })
    if (this.bias === null) return
    const { fanIn } = calculateFanInAndFanOut(this.weight)
    if (fanIn > 0) uniform_(this.bias, -1 / Math.sqrt(fanIn), 1 / Math.sqrt(fanIn))
  }
}

abstract class Conv extends ConvBase<[input: Tensor]> {
  readonly padding: readonly number[] | 'same' | 'valid'
  readonly paddingMode: PaddingMode
  /** The border of each dimension before and after, the last dimension first, where it is not filled with zeros. */
  readonly #border: readonly number[]

  constructor(inChannels: number, outChannels: number, kernelSize: Sizes, spatial: number, options: ConvOptions) {
    super(inChannels, outChannels, kernelSize, spatial, false, options)
    const { padding = 0, paddingMode = 'zeros' } = options
    const { name } = new.target
    if (!['zeros', 'reflect', 'replicate', 'circular'].includes(paddingMode))
      throw new ArgumentError(
        `${name}: expected paddingMode 'zeros', 'reflect', 'replicate' or 'circular', got ${describe(paddingMode)}`,
      )
    if (typeof padding === 'string') {
      if (padding !== 'same' && padding !== 'valid')
        throw new ArgumentError(`${name}: expected padding 'same' or 'valid', got ${describe(padding)}`)
      if (padding === 'same' && this.stride.some((s) => s !== 1))
        throw new ArgumentError(`${name}: expected stride 1 with padding 'same', got ${formatShape(this.stride)}`)
      this.padding = padding
    } else {
      this.padding = spread(name, 'padding', padding, spatial, 0)
    }
    this.paddingMode = paddingMode
    this.#border = this.kernelSize
      .map((size, i) => {
        if (this.padding === 'valid') return [0, 0]
        if (this.padding !== 'same') return [this.padding[i], this.padding[i]]
        const total = this.dilation[i] * (size - 1)
        return [Math.floor(total / 2), total - Math.floor(total / 2)]
      })
      .reverse()
      .flat()
  }

  protected run(op: (input: Tensor, weight: Tensor, options?: FunctionalOptions) => Tensor, input: Tensor): Tensor {
    const { weight, bias, stride, dilation, groups, paddingMode } = this
    if (paddingMode === 'zeros') return op(input, weight, { bias, stride, padding: this.padding, dilation, groups })
    return op(F.pad(input, this.#border, { mode: paddingMode }), weight, { bias, stride, padding: 0, dilation, groups })
  }

  override extraRepr(): string {
    const { inChannels, outChannels, kernelSize, stride, padding, dilation, groups, bias, paddingMode } = this
    const shown = { kernelSize, stride }
    return [
      `${inChannels}, ${outChannels}`,
      showAll({
        ...shown,
        ...(typeof padding === 'string' || padding.some((n) => n !== 0) ? { padding } : {}),
        ...(dilation.some((n) => n !== 1) ? { dilation } : {}),
        ...(groups !== 1 ? { groups } : {}),
        ...(bias === null ? { bias: false } : {}),
        ...(paddingMode !== 'zeros' ? { paddingMode } : {}),
      }),
    ].join(', ')
  }
}

/** The 1-D convolution of signals. Input: [N, inChannels, L] or [inChannels, L]; weight: [outChannels, inChannels / groups, K]. */
export class Conv1d extends Conv {
  static readonly signature: string =
    'Conv1d(in_channels, out_channels, kernel_size, {stride, padding, dilation, groups, bias, padding_mode, device, dtype})'

  constructor(inChannels: number, outChannels: number, kernelSize: Sizes, options: ConvOptions = {}) {
    super(inChannels, outChannels, kernelSize, 1, options)
  }

  override forward(input: Tensor): Tensor {
    return this.run(F.conv1d, input)
  }
}

/**
 * The 2-D convolution of images. Input: [N, inChannels, H, W] or [inChannels, H, W]; weight: [outChannels, inChannels / groups, K_h, K_w].
 *
 * @example
 * ```ts
 * import { nn, ones } from '@flambeau/core'
 * const conv = new nn.Conv2d(3, 16, 3, { padding: 1 })
 * console.log(conv.forward(ones([1, 3, 32, 32])).shape) // → [ 1, 16, 32, 32 ]
 * ```
 */
export class Conv2d extends Conv {
  static readonly signature: string =
    'Conv2d(in_channels, out_channels, kernel_size, {stride, padding, dilation, groups, bias, padding_mode, device, dtype})'

  constructor(inChannels: number, outChannels: number, kernelSize: Sizes, options: ConvOptions = {}) {
    super(inChannels, outChannels, kernelSize, 2, options)
  }

  override forward(input: Tensor): Tensor {
    return this.run(F.conv2d, input)
  }
}

/** The 3-D convolution of volumes. Input: [N, inChannels, D, H, W] or [inChannels, D, H, W]; weight: [outChannels, inChannels / groups, K_d, K_h, K_w]. */
export class Conv3d extends Conv {
  static readonly signature: string =
    'Conv3d(in_channels, out_channels, kernel_size, {stride, padding, dilation, groups, bias, padding_mode, device, dtype})'

  constructor(inChannels: number, outChannels: number, kernelSize: Sizes, options: ConvOptions = {}) {
    super(inChannels, outChannels, kernelSize, 3, options)
  }

  override forward(input: Tensor): Tensor {
    return this.run(F.conv3d, input)
  }
}

abstract class ConvTranspose extends ConvBase<[input: Tensor, outputSize?: readonly number[] | null]> {
  readonly padding: readonly number[]
  readonly outputPadding: readonly number[]

  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: Sizes,
    spatial: number,
    options: ConvTransposeOptions,
  ) {
    super(inChannels, outChannels, kernelSize, spatial, true, options)
    const { name } = new.target
    this.padding = spread(name, 'padding', options.padding ?? 0, spatial, 0)
    this.outputPadding = spread(name, 'outputPadding', options.outputPadding ?? 0, spatial, 0)
  }

  protected run(
    op: (input: Tensor, weight: Tensor, options?: FunctionalTransposeOptions) => Tensor,
    input: Tensor,
    outputSize: readonly number[] | null,
  ): Tensor {
    const { weight, bias, stride, padding, dilation, groups } = this
    const outputPadding = outputSize === null ? this.outputPadding : this.#paddingFor(input, outputSize)
    return op(input, weight, { bias, stride, padding, outputPadding, dilation, groups })
  }

  /** The padding of the result that gives it the wanted sizes: several sizes lead to one input. */
  #paddingFor(input: Tensor, outputSize: readonly number[]): number[] {
    const spatial = this.kernelSize.length
    const wanted = outputSize.length === spatial ? outputSize : outputSize.slice(-spatial)
    const sizes = input.shape.slice(-spatial)
    return sizes.map((n, i) => {
      const least = (n - 1) * this.stride[i] - 2 * this.padding[i] + this.dilation[i] * (this.kernelSize[i] - 1) + 1
      if (wanted[i] < least || wanted[i] >= least + this.stride[i])
        throw new ShapeError(
          `${this.constructor.name}: expected outputSize[${i}] in [${least}, ${least + this.stride[i] - 1}], got ${describe(wanted[i])}`,
        )
      return wanted[i] - least
    })
  }

  override extraRepr(): string {
    const { inChannels, outChannels, kernelSize, stride, padding, outputPadding, dilation, groups, bias } = this
    return [
      `${inChannels}, ${outChannels}`,
      showAll({
        kernelSize,
        stride,
        ...(padding.some((n) => n !== 0) ? { padding } : {}),
        ...(dilation.some((n) => n !== 1) ? { dilation } : {}),
        ...(outputPadding.some((n) => n !== 0) ? { outputPadding } : {}),
        ...(groups !== 1 ? { groups } : {}),
        ...(bias === null ? { bias: false } : {}),
      }),
    ].join(', ')
  }
}

/** The transposed 1-D convolution. Input: [N, inChannels, L] or [inChannels, L]; weight: [inChannels, outChannels / groups, K]. */
export class ConvTranspose1d extends ConvTranspose {
  static readonly signature: string =
    'ConvTranspose1d(in_channels, out_channels, kernel_size, {stride, padding, output_padding, groups, bias, dilation, padding_mode, device, dtype})'
  static readonly forwardSignature: string = 'forward(input, output_size)'

  constructor(inChannels: number, outChannels: number, kernelSize: Sizes, options: ConvTransposeOptions = {}) {
    super(inChannels, outChannels, kernelSize, 1, options)
  }

  override forward(input: Tensor, outputSize: readonly number[] | null = null): Tensor {
    return this.run(F.convTranspose1d, input, outputSize)
  }
}

/** The transposed 2-D convolution. Input: [N, inChannels, H, W] or [inChannels, H, W]; weight: [inChannels, outChannels / groups, K_h, K_w]. */
export class ConvTranspose2d extends ConvTranspose {
  static readonly signature: string =
    'ConvTranspose2d(in_channels, out_channels, kernel_size, {stride, padding, output_padding, groups, bias, dilation, padding_mode, device, dtype})'
  static readonly forwardSignature: string = 'forward(input, output_size)'

  constructor(inChannels: number, outChannels: number, kernelSize: Sizes, options: ConvTransposeOptions = {}) {
    super(inChannels, outChannels, kernelSize, 2, options)
  }

  override forward(input: Tensor, outputSize: readonly number[] | null = null): Tensor {
    return this.run(F.convTranspose2d, input, outputSize)
  }
}

/** The transposed 3-D convolution. Input: [N, inChannels, D, H, W] or [inChannels, D, H, W]; weight: [inChannels, outChannels / groups, …]. */
export class ConvTranspose3d extends ConvTranspose {
  static readonly signature: string =
    'ConvTranspose3d(in_channels, out_channels, kernel_size, {stride, padding, output_padding, groups, bias, dilation, padding_mode, device, dtype})'
  static readonly forwardSignature: string = 'forward(input, output_size)'

  constructor(inChannels: number, outChannels: number, kernelSize: Sizes, options: ConvTransposeOptions = {}) {
    super(inChannels, outChannels, kernelSize, 3, options)
  }

  override forward(input: Tensor, outputSize: readonly number[] | null = null): Tensor {
    return this.run(F.convTranspose3d, input, outputSize)
  }
}
