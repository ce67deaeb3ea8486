// ConvNeXt (Liu et al., 2022, arXiv:2201.03545).
import { F, full, nn, type Tensor } from '@flambeau/core'
import type { Layer } from '../layer.js'
import { Conv2dNormActivation, Permute, StochasticDepth } from '../ops/index.js'
import { type ClassifierOptions, FeatureClassifier } from './common.js'
import { register } from './registry.js'

/** Layer normalization of the channels of [N, C, H, W]. */
class LayerNorm2d extends nn.LayerNorm {
  override forward(x: Tensor): Tensor {
    const { normalizedShape, weight, bias, eps } = this
    const options = { ...(weight && { weight }), ...(bias && { bias }), eps }
    return F.layerNorm(x.permute([0, 2, 3, 1]), normalizedShape, options).permute([0, 3, 1, 2])
  }
}

const norm = (channels: number): LayerNorm2d => new LayerNorm2d(channels, { eps: 1e-6 })

class CNBlock extends nn.Module {
  readonly layer_scale: nn.Parameter
  readonly block: nn.Sequential
  readonly stochastic_depth: StochasticDepth

  constructor(dim: number, layerScale: number, dropProbability: number) {
    super()
    this.layer_scale = new nn.Parameter(full([dim, 1, 1], layerScale))
    this.block = new nn.Sequential(
      new nn.Conv2d(dim, dim, 7, { padding: 3, groups: dim }),
      new Permute([0, 2, 3, 1]),
      new nn.LayerNorm(dim, { eps: 1e-6 }),
      new nn.Linear(dim, 4 * dim),
      new nn.GELU(),
      new nn.Linear(4 * dim, dim),
      new Permute([0, 3, 1, 2]),
    )
    this.stochastic_depth = new StochasticDepth(dropProbability, 'row')
  }

  override forward(input: Tensor): Tensor {
    return this.stochastic_depth.forward(this.block.forward(input).mul(this.layer_scale)).add(input)
  }
}

/** The options of `ConvNeXt`. */
export interface ConvNeXtOptions extends ClassifierOptions {
  /** Of the last block; it grows from 0 at the first. By default the network's own. */
  readonly stochasticDepthProb?: number
  /** What the residual branches begin with. Default 1e-6. */
  readonly layerScale?: number
}

/** A network of large depthwise convolutions and layer normalization. */
export class ConvNeXt extends FeatureClassifier {
  readonly features: nn.Sequential
  readonly avgpool: nn.AdaptiveAvgPool2d
  readonly classifier: nn.Sequential

  /** @param stages channels and blocks of each stage */
  constructor(stages: readonly (readonly [channels: number, blocks: number])[], options: ConvNeXtOptions = {}) {
    super()
    const { numClasses = 1000, stochasticDepthProb = 0, layerScale = 1e-6 } = options
    const [first] = stages[0]
    const layers: Layer[] = [
      new Conv2dNormActivation(3, first, {
        kernelSize: 4,
        stride: 4,
        padding: 0,
        normLayer: norm,
        activationLayer: null,
        bias: true,
      }),
    ]
    const total = stages.reduce((n, [, blocks]) => n + blocks, 0)
    let block = 0
    for (const [i, [channels, blocks]] of stages.entries()) {
      const made = Array.from(
        { length: blocks },
        () => new CNBlock(channels, layerScale, (stochasticDepthProb * block++) / (total - 1)),
      )
      layers.push(new nn.Sequential(...made))
      if (i + 1 < stages.length)
        layers.push(new nn.Sequential(norm(channels), new nn.Conv2d(channels, stages[i + 1][0], 2, { stride: 2 })))
    }
    const [last] = stages[stages.length - 1]
    this.features = new nn.Sequential(...layers)
    this.avgpool = new nn.AdaptiveAvgPool2d(1)
    this.classifier = new nn.Sequential(norm(last), new nn.Flatten(1), new nn.Linear(last, numClasses))
    for (const module of this.modules())
      if (module instanceof nn.Conv2d || module instanceof nn.Linear) {
        nn.init.truncNormal_(module.weight, 0, 0.02)
        if (module.bias !== null) nn.init.zeros_(module.bias)
      }
  }

  override forward(x: Tensor): Tensor {
    return this.classifier.forward(this.avgpool.forward(this.features.forward(x)))
  }
}

type Builder = (options?: ConvNeXtOptions) => ConvNeXt
const convnext = (name: string, stages: readonly (readonly [number, number])[], stochasticDepthProb: number): Builder =>
  register(name, (options: ConvNeXtOptions = {}) => new ConvNeXt(stages, { stochasticDepthProb, ...options }))

const stagesOf = (width: number, third: number): (readonly [number, number])[] => [
  [width, 3],
  [2 * width, 3],
  [4 * width, third],
  [8 * width, 3],
]

/** ConvNeXt, tiny. */
export const convnext_tiny: Builder = convnext('convnext_tiny', stagesOf(96, 9), 0.1)
/** ConvNeXt, small. */
export const convnext_small: Builder = convnext('convnext_small', stagesOf(96, 27), 0.4)
/** ConvNeXt, base. */
export const convnext_base: Builder = convnext('convnext_base', stagesOf(128, 27), 0.5)
/** ConvNeXt, large. */
export const convnext_large: Builder = convnext('convnext_large', stagesOf(192, 27), 0.5)
