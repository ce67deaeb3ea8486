// MobileNet V2 (Sandler et al., 2018, arXiv:1801.04381).
import { nn, type Tensor } from '@flambeau/core'
import type { Layer } from '../layer.js'
import { Conv2dNormActivation } from '../ops/index.js'
import { type ClassifierOptions, initConvolutions, initLinear, makeDivisible } from './common.js'
import { register } from './registry.js'

const relu6 = (options: { readonly inplace?: boolean }): Layer => new nn.ReLU6(options)

class InvertedResidual extends nn.Module {
  readonly conv: nn.Sequential
  readonly #residual: boolean

  constructor(from: number, to: number, stride: number, expandRatio: number) {
    super()
    const hidden = Math.round(from * expandRatio)
    const layers: Layer[] = []
    if (expandRatio !== 1)
      layers.push(new Conv2dNormActivation(from, hidden, { kernelSize: 1, activationLayer: relu6 }))
    layers.push(
      new Conv2dNormActivation(hidden, hidden, { stride, groups: hidden, activationLayer: relu6 }),
      new nn.Conv2d(hidden, to, 1, { bias: false }),
      new nn.BatchNorm2d(to),
    )
    this.conv = new nn.Sequential(...layers)
    this.#residual = stride === 1 && from === to
  }

  override forward(x: Tensor): Tensor {
    return this.#residual ? x.add(this.conv.forward(x)) : this.conv.forward(x)
  }
}

/** Expansion, channels, blocks and first stride of each stage. */
const STAGES: readonly (readonly [number, number, number, number])[] = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
]

/** The options of `MobileNetV2`. */
export interface MobileNetV2Options extends ClassifierOptions {
  /** Default 1. */
  readonly widthMult?: number
  /** Channels are multiples of this. Default 8. */
  readonly roundNearest?: number
  /** Default 0.2. */
  readonly dropout?: number
}

/** A small network of inverted residual blocks. */
export class MobileNetV2 extends nn.Module {
  readonly features: nn.Sequential
  readonly classifier: nn.Sequential

  constructor({ numClasses = 1000, widthMult = 1, roundNearest = 8, dropout = 0.2 }: MobileNetV2Options = {}) {
    super()
    let channels = makeDivisible(32 * widthMult, roundNearest)
    const last = makeDivisible(1280 * Math.max(1, widthMult), roundNearest)
    const layers: Layer[] = [new Conv2dNormActivation(3, channels, { stride: 2, activationLayer: relu6 })]
    for (const [expansion, width, blocks, stride] of STAGES) {
      const to = makeDivisible(width * widthMult, roundNearest)
      for (let i = 0; i < blocks; i++) {
        layers.push(new InvertedResidual(channels, to, i === 0 ? stride : 1, expansion))
        channels = to
      }
    }
    layers.push(new Conv2dNormActivation(channels, last, { kernelSize: 1, activationLayer: relu6 }))
    this.features = new nn.Sequential(...layers)
    this.classifier = new nn.Sequential(new nn.Dropout(dropout), new nn.Linear(last, numClasses))
    initConvolutions(this)
    initLinear(this, 0.01)
  }

  /** @param x images, [N, 3, H, W] @returns scores, [N, numClasses] */
  override forward(x: Tensor): Tensor {
    return this.classifier.forward(this.features.forward(x).mean([2, 3]))
  }
}

/** MobileNet V2. */
export const mobilenet_v2: (options?: MobileNetV2Options) => MobileNetV2 = register(
  'mobilenet_v2',
  (options: MobileNetV2Options = {}) => new MobileNetV2(options),
)
