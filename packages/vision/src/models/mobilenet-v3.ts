// MobileNet V3 (Howard et al., 2019, arXiv:1905.02244).
import { nn, type Tensor } from '@flambeau/core'
import type { Layer } from '../layer.js'
import { Conv2dNormActivation, type NormLayer, SqueezeExcitation } from '../ops/index.js'
import {
  type ClassifierOptions,
  FeatureClassifier,
  initConvolutions,
  initLinear,
  makeDivisible,
  slowBatchNorm,
} from './common.js'
import { register } from './registry.js'

/** A block: channels in, kernel, expanded, out, whether it squeezes, hardswish, stride, dilation. */
type Config = readonly [number, number, number, number, boolean, boolean, number, number]

const hardswish = (options: { readonly inplace?: boolean }): Layer => new nn.Hardswish(options)
const relu = (options: { readonly inplace?: boolean }): Layer => new nn.ReLU(options)

/** A block whose stride, where it is above 1, marks where the image is halved. */
export class InvertedResidualV3 extends nn.Module {
  readonly block: nn.Sequential
  readonly outChannels: number
  /** Whether a stage of the network ends before this block. */
  readonly isStrided: boolean
  readonly #residual: boolean

  constructor(config: Config, normLayer: NormLayer) {
    super()
    const [from, kernelSize, expanded, to, squeezes, hard, strides, dilation] = config
    const activationLayer = hard ? hardswish : relu
    const layers: Layer[] = []
    if (expanded !== from)
      layers.push(new Conv2dNormActivation(from, expanded, { kernelSize: 1, normLayer, activationLayer }))
    const stride = dilation > 1 ? 1 : strides
    layers.push(
      new Conv2dNormActivation(expanded, expanded, {
        kernelSize,
        stride,
        dilation,
        groups: expanded,
        normLayer,
        activationLayer,
      }),
    )
    if (squeezes)
      layers.push(
        new SqueezeExcitation(expanded, makeDivisible(Math.floor(expanded / 4), 8), {
          scaleActivation: () => new nn.Hardsigmoid(),
        }),
      )
    layers.push(new Conv2dNormActivation(expanded, to, { kernelSize: 1, normLayer, activationLayer: null }))
    this.block = new nn.Sequential(...layers)
    this.outChannels = to
    this.isStrided = strides > 1
    this.#residual = strides === 1 && from === to
  }

  override forward(input: Tensor): Tensor {
    const out = this.block.forward(input)
    return this.#residual ? out.add(input) : out
  }
}

/** The options of `MobileNetV3`. */
export interface MobileNetV3Options extends ClassifierOptions {
  /** Default 0.2. */
  readonly dropout?: number
  /** Default 1. */
  readonly widthMult?: number
  /** Halve the channels of the last stage. Default false. */
  readonly reducedTail?: boolean
  /** Dilate the last stage instead of halving the image. Default false. */
  readonly dilated?: boolean
  /** Default: batch normalization with eps 0.001 and momentum 0.01. */
  readonly normLayer?: NormLayer
}

function configs(size: 'large' | 'small', { reducedTail = false, dilated = false }: MobileNetV3Options): Config[] {
  const by = reducedTail ? 2 : 1
  const d = dilated ? 2 : 1
  if (size === 'large')
    return [
      [16, 3, 16, 16, false, false, 1, 1],
      [16, 3, 64, 24, false, false, 2, 1],
      [24, 3, 72, 24, false, false, 1, 1],
      [24, 5, 72, 40, true, false, 2, 1],
      [40, 5, 120, 40, true, false, 1, 1],
      [40, 5, 120, 40, true, false, 1, 1],
      [40, 3, 240, 80, false, true, 2, 1],
      [80, 3, 200, 80, false, true, 1, 1],
      [80, 3, 184, 80, false, true, 1, 1],
      [80, 3, 184, 80, false, true, 1, 1],
      [80, 3, 480, 112, true, true, 1, 1],
      [112, 3, 672, 112, true, true, 1, 1],
      [112, 5, 672, 160 / by, true, true, 2, d],
      [160 / by, 5, 960 / by, 160 / by, true, true, 1, d],
      [160 / by, 5, 960 / by, 160 / by, true, true, 1, d],
    ]
  return [
    [16, 3, 16, 16, true, false, 2, 1],
    [16, 3, 72, 24, false, false, 2, 1],
    [24, 3, 88, 24, false, false, 1, 1],
    [24, 5, 96, 40, true, true, 2, 1],
    [40, 5, 240, 40, true, true, 1, 1],
    [40, 5, 240, 40, true, true, 1, 1],
    [40, 5, 120, 48, true, true, 1, 1],
    [48, 5, 144, 48, true, true, 1, 1],
    [48, 5, 288, 96 / by, true, true, 2, d],
    [96 / by, 5, 576 / by, 96 / by, true, true, 1, d],
    [96 / by, 5, 576 / by, 96 / by, true, true, 1, d],
  ]
}

/** A small network found by search. */
export class MobileNetV3 extends FeatureClassifier {
  readonly features: nn.Sequential
  readonly avgpool: nn.AdaptiveAvgPool2d
  readonly classifier: nn.Sequential

  constructor(size: 'large' | 'small', options: MobileNetV3Options = {}) {
    super()
    const { numClasses = 1000, dropout = 0.2, widthMult = 1, normLayer = slowBatchNorm, reducedTail = false } = options
    const adjust = (channels: number): number => makeDivisible(channels * widthMult, 8)
    const blocks = configs(size, options).map(
      ([from, kernel, expanded, to, ...rest]): Config => [adjust(from), kernel, adjust(expanded), adjust(to), ...rest],
    )
    const to = blocks[blocks.length - 1][3]
    const wide = 6 * to
    const last = adjust((size === 'large' ? 1280 : 1024) / (reducedTail ? 2 : 1))
    this.features = new nn.Sequential(
      new Conv2dNormActivation(3, blocks[0][0], { stride: 2, normLayer, activationLayer: hardswish }),
      ...blocks.map((config) => new InvertedResidualV3(config, normLayer)),
      new Conv2dNormActivation(to, wide, { kernelSize: 1, normLayer, activationLayer: hardswish }),
    )
    this.avgpool = new nn.AdaptiveAvgPool2d(1)
    this.classifier = new nn.Sequential(
      new nn.Linear(wide, last),
      new nn.Hardswish({ inplace: true }),
      new nn.Dropout(dropout, { inplace: true }),
      new nn.Linear(last, numClasses),
    )
    initConvolutions(this)
    initLinear(this, 0.01)
  }
}

type Builder = (options?: MobileNetV3Options) => MobileNetV3

/** MobileNet V3, the large one. */
export const mobilenet_v3_large: Builder = register(
  'mobilenet_v3_large',
  (options: MobileNetV3Options = {}) => new MobileNetV3('large', options),
)
/** MobileNet V3, the small one. */
export const mobilenet_v3_small: Builder = register(
  'mobilenet_v3_small',
  (options: MobileNetV3Options = {}) => new MobileNetV3('small', options),
)
