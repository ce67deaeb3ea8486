// EfficientNet (Tan and Le, 2019, arXiv:1905.11946) and its second version (arXiv:2104.00298).
import { nn, type Tensor } from '@flambeau/core'
import type { Layer } from '../layer.js'
import { Conv2dNormActivation, type NormLayer, SqueezeExcitation, StochasticDepth } from '../ops/index.js'
import { type ClassifierOptions, FeatureClassifier, initConvolutions, makeDivisible, slowBatchNorm } from './common.js'
import { register } from './registry.js'

const silu = (options: { readonly inplace?: boolean }): Layer => new nn.SiLU(options)

/** A stage of equal blocks. */
interface Stage {
  /** Expand and convolve in one go. */
  readonly fused: boolean
  readonly expandRatio: number
  readonly kernelSize: number
  readonly stride: number
  readonly from: number
  readonly to: number
  readonly layers: number
}

abstract class Block extends nn.Module {
  readonly block: nn.Sequential
  readonly stochastic_depth: StochasticDepth
  readonly #residual: boolean

  constructor({ stride, from, to }: Stage, layers: Layer[], dropProbability: number) {
    super()
    this.block = new nn.Sequential(...layers)
    this.stochastic_depth = new StochasticDepth(dropProbability, 'row')
    this.#residual = stride === 1 && from === to
  }

  override forward(input: Tensor): Tensor {
    const out = this.block.forward(input)
    return this.#residual ? this.stochastic_depth.forward(out).add(input) : out
  }
}

class MBConv extends Block {
  constructor(stage: Stage, dropProbability: number, normLayer: NormLayer) {
    const { from, to, kernelSize, stride } = stage
    const expanded = makeDivisible(from * stage.expandRatio, 8)
    const common = { normLayer, activationLayer: silu }
    const layers: Layer[] = []
    if (expanded !== from) layers.push(new Conv2dNormActivation(from, expanded, { ...common, kernelSize: 1 }))
    layers.push(
      new Conv2dNormActivation(expanded, expanded, { ...common, kernelSize, stride, groups: expanded }),
      new SqueezeExcitation(expanded, Math.max(1, Math.floor(from / 4)), {
        activation: () => new nn.SiLU({ inplace: true }),
      }),
      new Conv2dNormActivation(expanded, to, { kernelSize: 1, normLayer, activationLayer: null }),
    )
    super(stage, layers, dropProbability)
  }
}

class FusedMBConv extends Block {
  constructor(stage: Stage, dropProbability: number, normLayer: NormLayer) {
    const { from, to, kernelSize, stride } = stage
    const expanded = makeDivisible(from * stage.expandRatio, 8)
    const wide = expanded === from ? to : expanded
    const layers: Layer[] = [
      new Conv2dNormActivation(from, wide, { kernelSize, stride, normLayer, activationLayer: silu }),
    ]
    if (expanded !== from)
      layers.push(new Conv2dNormActivation(expanded, to, { kernelSize: 1, normLayer, activationLayer: null }))
    super(stage, layers, dropProbability)
  }
}

/** The options of `EfficientNet`. */
export interface EfficientNetOptions extends ClassifierOptions {
  /** By default the network's own. */
  readonly dropout?: number
  /** Of the last block; it grows from 0 at the first. Default 0.2. */
  readonly stochasticDepthProb?: number
  /** By default the network's own. */
  readonly normLayer?: NormLayer
}

/** A network whose depth, width and resolution grow together. */
export class EfficientNet extends FeatureClassifier {
  readonly features: nn.Sequential
  readonly avgpool: nn.AdaptiveAvgPool2d
  readonly classifier: nn.Sequential

  constructor(stages: readonly Stage[], lastChannel: number | null, options: EfficientNetOptions = {}) {
    super()
    const { numClasses = 1000, dropout = 0.2, stochasticDepthProb = 0.2 } = options
    const normLayer = options.normLayer ?? ((channels) => new nn.BatchNorm2d(channels))
    const layers: Layer[] = [
      new Conv2dNormActivation(3, stages[0].from, { stride: 2, normLayer, activationLayer: silu }),
    ]
    const total = stages.reduce((n, stage) => n + stage.layers, 0)
    let block = 0
    for (const stage of stages) {
      const blocks = Array.from({ length: stage.layers }, (_, i) => {
        const own = i === 0 ? stage : { ...stage, from: stage.to, stride: 1 }
        const probability = (stochasticDepthProb * block++) / total
        return own.fused ? new FusedMBConv(own, probability, normLayer) : new MBConv(own, probability, normLayer)
      })
      layers.push(new nn.Sequential(...blocks))
    }
    const from = stages[stages.length - 1].to
    const last = lastChannel ?? 4 * from
    layers.push(new Conv2dNormActivation(from, last, { kernelSize: 1, normLayer, activationLayer: silu }))
    this.features = new nn.Sequential(...layers)
    this.avgpool = new nn.AdaptiveAvgPool2d(1)
    this.classifier = new nn.Sequential(new nn.Dropout(dropout, { inplace: true }), new nn.Linear(last, numClasses))
    initConvolutions(this)
    for (const module of this.classifier.modules())
      if (module instanceof nn.Linear) {
        const range = 1 / Math.sqrt(module.outFeatures)
        nn.init.uniform_(module.weight, -range, range)
        if (module.bias !== null) nn.init.zeros_(module.bias)
      }
  }
}

/** expansion, kernel, stride, channels in and out, blocks */
type Row = readonly [number, number, number, number, number, number]

const V1: readonly Row[] = [
  [1, 3, 1, 32, 16, 1],
  [6, 3, 2, 16, 24, 2],
  [6, 5, 2, 24, 40, 2],
  [6, 3, 2, 40, 80, 3],
  [6, 5, 1, 80, 112, 3],
  [6, 5, 2, 112, 192, 4],
  [6, 3, 1, 192, 320, 1],
]

const stagesOf = (rows: readonly Row[], fused: number): Stage[] =>
  rows.map(([expandRatio, kernelSize, stride, from, to, layers], i) => ({
    fused: i < fused,
    expandRatio,
    kernelSize,
    stride,
    from,
    to,
    layers,
  }))

type Builder = (options?: EfficientNetOptions) => EfficientNet

function first(name: string, width: number, depth: number, dropout: number, slow = false): Builder {
  return register(name, (options: EfficientNetOptions = {}) => {
    const stages = stagesOf(V1, 0).map((stage) => ({
      ...stage,
      from: makeDivisible(stage.from * width, 8),
      to: makeDivisible(stage.to * width, 8),
      layers: Math.ceil(stage.layers * depth),
    }))
    return new EfficientNet(stages, null, { dropout, ...(slow && { normLayer: slowBatchNorm }), ...options })
  })
}

function second(name: string, rows: readonly Row[], dropout: number): Builder {
  const normLayer: NormLayer = (channels) => new nn.BatchNorm2d(channels, { eps: 1e-3 })
  return register(
    name,
    (options: EfficientNetOptions = {}) =>
      new EfficientNet(stagesOf(rows, 3), 1280, { dropout, normLayer, ...options }),
  )
}

/** EfficientNet B0, for images of 224 pixels. */
export const efficientnet_b0: Builder = first('efficientnet_b0', 1, 1, 0.2)
/** EfficientNet B1, for images of 240 pixels. */
export const efficientnet_b1: Builder = first('efficientnet_b1', 1, 1.1, 0.2)
/** EfficientNet B2, for images of 288 pixels. */
export const efficientnet_b2: Builder = first('efficientnet_b2', 1.1, 1.2, 0.3)
/** EfficientNet B3, for images of 300 pixels. */
export const efficientnet_b3: Builder = first('efficientnet_b3', 1.2, 1.4, 0.3)
/** EfficientNet B4, for images of 380 pixels. */
export const efficientnet_b4: Builder = first('efficientnet_b4', 1.4, 1.8, 0.4)
/** EfficientNet B5, for images of 456 pixels. */
export const efficientnet_b5: Builder = first('efficientnet_b5', 1.6, 2.2, 0.4, true)
/** EfficientNet B6, for images of 528 pixels. */
export const efficientnet_b6: Builder = first('efficientnet_b6', 1.8, 2.6, 0.5, true)
/** EfficientNet B7, for images of 600 pixels. */
export const efficientnet_b7: Builder = first('efficientnet_b7', 2, 3.1, 0.5, true)
/** EfficientNet V2, small. */
export const efficientnet_v2_s: Builder = second(
  'efficientnet_v2_s',
  [
    [1, 3, 1, 24, 24, 2],
    [4, 3, 2, 24, 48, 4],
    [4, 3, 2, 48, 64, 4],
    [4, 3, 2, 64, 128, 6],
    [6, 3, 1, 128, 160, 9],
    [6, 3, 2, 160, 256, 15],
  ],
  0.2,
)
/** EfficientNet V2, of medium size. */
export const efficientnet_v2_m: Builder = second(
  'efficientnet_v2_m',
  [
    [1, 3, 1, 24, 24, 3],
    [4, 3, 2, 24, 48, 5],
    [4, 3, 2, 48, 80, 5],
    [4, 3, 2, 80, 160, 7],
    [6, 3, 1, 160, 176, 14],
    [6, 3, 2, 176, 304, 18],
    [6, 3, 1, 304, 512, 5],
  ],
  0.3,
)
/** EfficientNet V2, large. */
export const efficientnet_v2_l: Builder = second(
  'efficientnet_v2_l',
  [
    [1, 3, 1, 32, 32, 4],
    [4, 3, 2, 32, 64, 7],
    [4, 3, 2, 64, 96, 7],
    [4, 3, 2, 96, 192, 10],
    [6, 3, 1, 192, 224, 19],
    [6, 3, 2, 224, 384, 25],
    [6, 3, 1, 384, 640, 7],
  ],
  0.4,
)
