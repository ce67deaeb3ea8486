// VGG (Simonyan and Zisserman, 2014, arXiv:1409.1556).
import { nn } from '@flambeau/core'
import type { Layer } from '../layer.js'
import { type ClassifierOptions, FeatureClassifier, initLinear } from './common.js'
import { register } from './registry.js'

/** Channels of the convolutions; 'M' for a pooling. */
const LAYERS = {
  A: [64, 'M', 128, 'M', 256, 256, 'M', 512, 512, 'M', 512, 512, 'M'],
  B: [64, 64, 'M', 128, 128, 'M', 256, 256, 'M', 512, 512, 'M', 512, 512, 'M'],
  D: [64, 64, 'M', 128, 128, 'M', 256, 256, 256, 'M', 512, 512, 512, 'M', 512, 512, 512, 'M'],
  E: [64, 64, 'M', 128, 128, 'M', 256, 256, 256, 256, 'M', 512, 512, 512, 512, 'M', 512, 512, 512, 512, 'M'],
} as const

/** The options of `VGG`. */
export interface VGGOptions extends ClassifierOptions {
  /** Default 0.5. */
  readonly dropout?: number
}

function convolutions(layers: readonly (number | 'M')[], batchNorm: boolean): nn.Sequential {
  const made: Layer[] = []
  let channels = 3
  for (const width of layers) {
    if (width === 'M') {
      made.push(new nn.MaxPool2d(2, { stride: 2 }))
      continue
    }
    made.push(new nn.Conv2d(channels, width, 3, { padding: 1 }))
    if (batchNorm) made.push(new nn.BatchNorm2d(width))
    made.push(new nn.ReLU({ inplace: true }))
    channels = width
  }
  return new nn.Sequential(...made)
}

/** A network of 3 × 3 convolutions and three linear layers. */
export class VGG extends FeatureClassifier {
  readonly features: nn.Sequential
  readonly avgpool: nn.AdaptiveAvgPool2d
  readonly classifier: nn.Sequential

  constructor(layers: keyof typeof LAYERS, batchNorm: boolean, { numClasses = 1000, dropout = 0.5 }: VGGOptions = {}) {
    super()
    this.features = convolutions(LAYERS[layers], batchNorm)
    this.avgpool = new nn.AdaptiveAvgPool2d([7, 7])
    this.classifier = new nn.Sequential(
      new nn.Linear(512 * 7 * 7, 4096),
      new nn.ReLU({ inplace: true }),
      new nn.Dropout(dropout),
      new nn.Linear(4096, 4096),
      new nn.ReLU({ inplace: true }),
      new nn.Dropout(dropout),
      new nn.Linear(4096, numClasses),
    )
    for (const module of this.features.modules())
      if (module instanceof nn.Conv2d) {
        nn.init.kaimingNormal_(module.weight, { mode: 'fan_out', nonlinearity: 'relu' })
        if (module.bias !== null) nn.init.zeros_(module.bias)
      }
    initLinear(this, 0.01)
  }
}

type Builder = (options?: VGGOptions) => VGG
const vgg = (name: string, layers: keyof typeof LAYERS, batchNorm: boolean): Builder =>
  register(name, (options: VGGOptions = {}) => new VGG(layers, batchNorm, options))

/** VGG of 11 layers. */
export const vgg11: Builder = vgg('vgg11', 'A', false)
/** VGG of 11 layers with batch normalization. */
export const vgg11_bn: Builder = vgg('vgg11_bn', 'A', true)
/** VGG of 13 layers. */
export const vgg13: Builder = vgg('vgg13', 'B', false)
/** VGG of 13 layers with batch normalization. */
export const vgg13_bn: Builder = vgg('vgg13_bn', 'B', true)
/** VGG of 16 layers. */
export const vgg16: Builder = vgg('vgg16', 'D', false)
/** VGG of 16 layers with batch normalization. */
export const vgg16_bn: Builder = vgg('vgg16_bn', 'D', true)
/** VGG of 19 layers. */
export const vgg19: Builder = vgg('vgg19', 'E', false)
/** VGG of 19 layers with batch normalization. */
export const vgg19_bn: Builder = vgg('vgg19_bn', 'E', true)
