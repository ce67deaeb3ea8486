// What the models share.
import { nn, type Tensor } from '@flambeau/core'
import type { Layer } from '../layer.js'

/** The options of a classifier's builder. */
export interface ClassifierOptions {
  /** Default 1000, those of ImageNet. */
  readonly numClasses?: number
}

/** The nearest multiple of `divisor`, that is not more than a tenth below. */
export function makeDivisible(value: number, divisor: number): number {
  const rounded = Math.max(divisor, Math.floor((value + divisor / 2) / divisor) * divisor)
  return rounded < 0.9 * value ? rounded + divisor : rounded
}

/** Batch normalization with TorchVision's numbers for MobileNet V3 and later networks. */
export const slowBatchNorm = (channels: number): nn.BatchNorm2d =>
  new nn.BatchNorm2d(channels, { eps: 0.001, momentum: 0.01 })

/** Draws convolutions by their outputs' number, and leaves normalizations as they are. */
export function initConvolutions(model: nn.AnyModule): void {
  for (const module of model.modules())
    if (module instanceof nn.Conv2d) {
      nn.init.kaimingNormal_(module.weight, { mode: 'fan_out' })
      if (module.bias !== null) nn.init.zeros_(module.bias)
    }
}

/** Draws linear layers from a normal distribution. */
export function initLinear(model: nn.AnyModule, std: number): void {
  for (const module of model.modules())
    if (module instanceof nn.Linear) {
      nn.init.normal_(module.weight, 0, std)
      if (module.bias !== null) nn.init.zeros_(module.bias)
    }
}

/** A classifier of features, their mean over the image, and linear layers. */
export abstract class FeatureClassifier extends nn.Module {
  abstract readonly features: nn.Sequential
  abstract readonly avgpool: Layer
  abstract readonly classifier: nn.Sequential

  /** @param x images, [N, 3, H, W] @returns scores, [N, numClasses] */
  override forward(x: Tensor): Tensor {
    return this.classifier.forward(this.avgpool.forward(this.features.forward(x)).flatten(1))
  }
}
