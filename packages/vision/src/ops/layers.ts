// Blocks that many networks are made of.
import { F, nn, ones, type Tensor, zeros } from '@flambeau/core'
import type { Layer } from '../layer.js'

/** Makes a normalization of as many channels. */
export type NormLayer = (channels: number) => Layer
/** Makes an activation. */
export type ActivationLayer = (options: { readonly inplace?: boolean }) => Layer

const batchNorm: NormLayer = (channels) => new nn.BatchNorm2d(channels)
const relu: ActivationLayer = (options) => new nn.ReLU(options)

/** The options of `Conv2dNormActivation`. */
export interface ConvNormActivationOptions {
  /** Default 3. */
  readonly kernelSize?: number | readonly number[]
  /** Default 1. */
  readonly stride?: number | readonly number[]
  /** By default what keeps the size at stride 1. */
  readonly padding?: number | readonly number[] | null
  /** Default 1. */
  readonly groups?: number
  /** Makes the normalization; null for none. Default: batch normalization. */
  readonly normLayer?: NormLayer | null
  /** Makes the activation; null for none. Default: ReLU. */
  readonly activationLayer?: ActivationLayer | null
  /** Default 1. */
  readonly dilation?: number | readonly number[]
  /** Whether the activation overwrites its input. Default true. */
  readonly inplace?: boolean
  /** Default: where there is no normalization. */
  readonly bias?: boolean | null
}

type Make = (inChannels: number, outChannels: number, kernel: number[], options: nn.ConvOptions) => Layer

function convNormActivation(
  inChannels: number,
  outChannels: number,
  options: ConvNormActivationOptions,
  spatial: number,
  norm: NormLayer,
  conv: Make,
): Layer[] {
  const { kernelSize = 3, stride = 1, padding = null, groups = 1, dilation = 1, inplace = true } = options
  const { normLayer = norm, activationLayer = relu } = options
  const spread = (value: number | readonly number[]): number[] =>
    typeof value === 'number' ? Array<number>(spatial).fill(value) : [...value]
  const kernel = spread(kernelSize)
  const step = spread(dilation)
  const layers = [
    conv(inChannels, outChannels, kernel, {
      stride: spread(stride),
      padding: spread(padding ?? kernel.map((k, i) => Math.floor((k - 1) / 2) * step[i])),
      dilation: step,
      groups,
      bias: options.bias ?? normLayer === null,
    }),
  ]
  if (normLayer !== null) layers.push(normLayer(outChannels))
  if (activationLayer !== null) layers.push(activationLayer({ inplace }))
  return layers
}

/** Convolution, normalization and activation of images, one after the other. */
export class Conv2dNormActivation extends nn.Sequential {
  readonly outChannels: number

  constructor(inChannels: number, outChannels: number, options: ConvNormActivationOptions = {}) {
    super(
      ...convNormActivation(inChannels, outChannels, options, 2, batchNorm, (i, o, k, c) => new nn.Conv2d(i, o, k, c)),
    )
    this.outChannels = outChannels
  }
}

/** Convolution, normalization and activation of volumes, one after the other. */
export class Conv3dNormActivation extends nn.Sequential {
  readonly outChannels: number

  constructor(inChannels: number, outChannels: number, options: ConvNormActivationOptions = {}) {
    const norm: NormLayer = (channels) => new nn.BatchNorm3d(channels)
    super(...convNormActivation(inChannels, outChannels, options, 3, norm, (i, o, k, c) => new nn.Conv3d(i, o, k, c)))
    this.outChannels = outChannels
  }
}

/** The options of `SqueezeExcitation`. */
export interface SqueezeExcitationOptions {
  /** Between the two convolutions. Default: ReLU. */
  readonly activation?: () => Layer
  /** What makes factors of the result. Default: sigmoid. */
  readonly scaleActivation?: () => Layer
}

/** Scales each channel by a factor that is computed from the means of all. [Hu et al., 2017](https://arxiv.org/abs/1709.01507) */
export class SqueezeExcitation extends nn.Module {
  readonly avgpool: nn.AdaptiveAvgPool2d = new nn.AdaptiveAvgPool2d(1)
  readonly fc1: nn.Conv2d
  readonly fc2: nn.Conv2d
  readonly activation: Layer
  readonly scale_activation: Layer

  constructor(inputChannels: number, squeezeChannels: number, options: SqueezeExcitationOptions = {}) {
    super()
    this.fc1 = new nn.Conv2d(inputChannels, squeezeChannels, 1)
    this.fc2 = new nn.Conv2d(squeezeChannels, inputChannels, 1)
    this.activation = options.activation?.() ?? new nn.ReLU()
    this.scale_activation = options.scaleActivation?.() ?? new nn.Sigmoid()
  }

  /** @param input [N, C, H, W] */
  override forward(input: Tensor): Tensor {
    const squeezed = this.activation.forward(this.fc1.forward(this.avgpool.forward(input)))
    return input.mul(this.scale_activation.forward(this.fc2.forward(squeezed)))
  }
}

/** The options of `MLP`. */
export interface MLPOptions {
  /** Default: none. */
  readonly normLayer?: NormLayer | null
  /** Default: ReLU. */
  readonly activationLayer?: ActivationLayer
  readonly inplace?: boolean
  /** Default true. */
  readonly bias?: boolean
  /** The probability of dropout behind each layer. Default 0. */
  readonly dropout?: number
}

/** Linear layers with activations and dropout between them. */
export class MLP extends nn.Sequential {
  constructor(inChannels: number, hiddenChannels: readonly number[], options: MLPOptions = {}) {
    const { normLayer = null, activationLayer = relu, bias = true, dropout = 0 } = options
    const inplace = options.inplace === undefined ? {} : { inplace: options.inplace }
    const layers: Layer[] = []
    let width = inChannels
    for (const [i, hidden] of hiddenChannels.entries()) {
      layers.push(new nn.Linear(width, hidden, { bias }))
      if (i < hiddenChannels.length - 1) {
        if (normLayer !== null) layers.push(normLayer(hidden))
        layers.push(activationLayer(inplace))
      }
      layers.push(new nn.Dropout(dropout, inplace))
      width = hidden
    }
    super(...layers)
  }
}

/** Reorders dimensions. */
export class Permute extends nn.Module {
  readonly dims: readonly number[]

  constructor(dims: readonly number[]) {
    super()
    this.dims = dims
  }

  override forward(x: Tensor): Tensor {
    return x.permute([...this.dims])
  }
}

/** Batch normalization whose statistics, scale and shift never change. */
export class FrozenBatchNorm2d extends nn.Module {
  readonly numFeatures: number
  readonly eps: number

  constructor(numFeatures: number, { eps = 1e-5 }: { readonly eps?: number } = {}) {
    super()
    this.numFeatures = numFeatures
    this.eps = eps
    this.registerBuffer('weight', ones([numFeatures]))
    this.registerBuffer('bias', zeros([numFeatures]))
    this.registerBuffer('running_mean', zeros([numFeatures]))
    this.registerBuffer('running_var', ones([numFeatures]))
    this.registerLoadStateDictPreHook((state, prefix) => state.delete(`${prefix}num_batches_tracked`))
  }

  /** @param x [N, C, H, W] */
  override forward(x: Tensor): Tensor {
    return F.batchNorm(x, this.getBuffer('running_mean'), this.getBuffer('running_var'), {
      weight: this.getBuffer('weight'),
      bias: this.getBuffer('bias'),
      training: false,
      eps: this.eps,
    })
  }

  override extraRepr(): string {
    return `${this.numFeatures}, eps=${this.eps}`
  }
}
