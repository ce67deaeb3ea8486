// Mixing the images of a batch, and their labels with them.
import { ArgumentError, nn, F as nnF, Tensor } from '@flambeau/core'
import { Beta } from '@flambeau/core/distributions'
import { describe } from '@flambeau/core/errors'
import { checkInteger } from '../check.js'
import { wrap } from '../tv-tensors.js'
import { drawInteger } from './base.js'
import { isImage, leavesOf, mapLeaves } from './structure.js'

/** The options of `MixUp` and `CutMix`. */
export interface MixOptions {
  /** The shape of the Beta distribution that shares are drawn from. Default 1. */
  readonly alpha?: number
  /** The number of classes, where labels are integers. */
  readonly numClasses?: number | null
}

/** A mix of a batch's images with those that come before them; labels become shares of each class. */
abstract class Mix<P> extends nn.Module<unknown[], unknown> {
  readonly alpha: number
  readonly numClasses: number | null

  constructor({ alpha = 1, numClasses = null }: MixOptions = {}) {
    super()
    if (!(alpha > 0))
      throw new ArgumentError(`${new.target.name}: expected a number above 0 for alpha, got ${describe(alpha)}`)
    this.alpha = alpha
    this.numClasses = numClasses === null ? null : checkInteger(new.target.name, 'numClasses', numClasses, 1)
  }

  protected abstract draw(share: number, height: number, width: number): P
  /** The images, mixed with the others, and the share that they keep. */
  protected abstract mix(images: Tensor, others: Tensor, params: P): Tensor
  protected abstract shareOf(params: P): number

  /** @param sample a batch of images [N, C, H, W] and labels [N] (integers) or [N, numClasses] */
  override forward<T>(sample: T): T
  override forward<T extends readonly unknown[]>(...samples: T): T
  override forward(...samples: unknown[]): unknown {
    const { name } = this.constructor
    const sample = samples.length === 1 ? samples[0] : samples
    const tensors = leavesOf(sample).filter((leaf) => leaf instanceof Tensor)
    const images = tensors.find((t) => isImage(t) && t.ndim === 4)
    if (images === undefined)
      throw new ArgumentError(`${name}: expected a batch of images [N, C, H, W] in the sample, got none`)
    const [count, , height, width] = images.shape
    const labels = tensors.find((t) => t !== images && (t.ndim === 1 || t.ndim === 2) && t.shape[0] === count)
    if (labels === undefined)
      throw new ArgumentError(`${name}: expected labels [${count}] or [${count}, classes] in the sample, got none`)
    const shares = this.#shares(labels)
    const share = new Beta(this.alpha, this.alpha).sample().item<number>()
    const params = this.draw(share, height, width)
    const kept = this.shareOf(params)
    return mapLeaves(sample, (leaf) => {
      if (leaf === images) return wrap(this.mix(images, images.roll(1, 0), params), images)
      return leaf === labels ? shares.mul(kept).add(shares.roll(1, 0).mul(1 - kept)) : leaf
    })
  }

  #shares(labels: Tensor): Tensor {
    if (labels.ndim === 2) {
      if (!labels.isFloatingPoint())
        throw new ArgumentError(
          `${this.constructor.name}: expected labels of two dimensions to be floating point, got ${labels.dtype}`,
        )
      return labels
    }
    if (this.numClasses === null)
      throw new ArgumentError(`${this.constructor.name}: expected numClasses, since the labels are integers`)
    return nnF.oneHot(labels, this.numClasses).to('float32')
  }
}

/** Adds to each image another one, faintly. [Zhang et al., 2017](https://arxiv.org/abs/1710.09412) */
export class MixUp extends Mix<number> {
  protected draw(share: number): number {
    return share
  }

  protected shareOf(share: number): number {
    return share
  }

  protected mix(images: Tensor, others: Tensor, share: number): Tensor {
    if (!images.isFloatingPoint())
      throw new ArgumentError(
        `MixUp: expected floating-point images, got ${images.dtype}; use ToDtype with scale first`,
      )
    return others.mul(1 - share).add(images.mul(share))
  }
}

interface Window {
  readonly x1: number
  readonly y1: number
  readonly x2: number
  readonly y2: number
  readonly share: number
}

/** Puts a part of another image into each. [Yun et al., 2019](https://arxiv.org/abs/1905.04899) */
export class CutMix extends Mix<Window> {
  protected draw(share: number, height: number, width: number): Window {
    const [x, y] = [drawInteger(0, width), drawInteger(0, height)]
    const r = 0.5 * Math.sqrt(1 - share)
    const [w, h] = [Math.floor(r * width), Math.floor(r * height)]
    const [x1, y1, x2, y2] = [Math.max(0, x - w), Math.max(0, y - h), Math.min(width, x + w), Math.min(height, y + h)]
    return { x1, y1, x2, y2, share: 1 - ((x2 - x1) * (y2 - y1)) / (width * height) }
  }

  protected shareOf({ share }: Window): number {
    return share
  }

  protected mix(images: Tensor, others: Tensor, { x1, y1, x2, y2 }: Window): Tensor {
    const out = images.clone()
    const part = (t: Tensor): Tensor => t.narrow(-2, y1, y2 - y1).narrow(-1, x1, x2 - x1)
    if (x2 > x1 && y2 > y1) part(out).copy_(part(others))
    return out
  }
}
