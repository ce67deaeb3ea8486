// Random changes of colours.
import { ArgumentError, randperm, type Tensor } from '@flambeau/core'
import { describe } from '@flambeau/core/errors'
import { drawBetween, FixedTransform, RandomApplied, Transform } from './base.js'
import * as F from './functional/index.js'
import { checkRange } from './geometry.js'
import { queryChannels } from './structure.js'

/** A range, or how far from the middle a factor may be; 0 for none. */
export type JitterRange = number | readonly [number, number]

/** The options of `ColorJitter`. */
export interface ColorJitterOptions {
  readonly brightness?: JitterRange
  readonly contrast?: JitterRange
  readonly saturation?: JitterRange
  /** At most 0.5. */
  readonly hue?: JitterRange
}

const KINDS = ['brightness', 'contrast', 'saturation', 'hue'] as const
type Kind = (typeof KINDS)[number]

function rangeOf(name: Kind, value: JitterRange = 0): readonly [number, number] | null {
  const [middle, least, most] = name === 'hue' ? [0, -0.5, 0.5] : [1, 0, Infinity]
  if (typeof value === 'number' && !(value >= 0))
    throw new ArgumentError(`ColorJitter: expected a number ≥ 0 for ${name}, got ${describe(value)}`)
  const range: readonly [number, number] =
    typeof value === 'number' ? [name === 'hue' ? -value : Math.max(0, middle - value), middle + value] : value
  checkRange('ColorJitter', name, range, least)
  if (range[1] > most)
    throw new ArgumentError(`ColorJitter: expected ${name} within [${least}, ${most}], got ${describe(range)}`)
  return range[0] === middle && range[1] === middle ? null : range
}

/** Brightness, contrast, saturation and hue change at random, in random order. */
export class ColorJitter extends Transform<readonly [Kind, number][]> {
  readonly ranges: Readonly<Record<Kind, readonly [number, number] | null>>

  constructor(options: ColorJitterOptions = {}) {
    super()
    this.ranges = {
      brightness: rangeOf('brightness', options.brightness),
      contrast: rangeOf('contrast', options.contrast),
      saturation: rangeOf('saturation', options.saturation),
      hue: rangeOf('hue', options.hue),
    }
  }

  protected makeParams(): readonly [Kind, number][] {
    const order = randperm(4).toArray() as number[]
    const factors = KINDS.map((kind) => {
      const range = this.ranges[kind]
      return range === null ? null : drawBetween(...range)
    })
    return order.flatMap((i): [Kind, number][] => {
      const factor = factors[i]
      return factor === null ? [] : [[KINDS[i], factor]]
    })
  }

  protected transform(input: Tensor, steps: readonly [Kind, number][]): Tensor {
    const adjust: Readonly<Record<Kind, (t: Tensor, factor: number) => Tensor>> = {
      brightness: F.adjustBrightness,
      contrast: F.adjustContrast,
      saturation: F.adjustSaturation,
      hue: F.adjustHue,
    }
    return steps.reduce((image, [kind, factor]) => adjust[kind](image, factor), input)
  }

  override extraRepr(): string {
    return KINDS.flatMap((kind) => (this.ranges[kind] === null ? [] : [`${kind}=${describe(this.ranges[kind])}`])).join(
      ', ',
    )
  }
}

/** Grey images. */
export class Grayscale extends FixedTransform {
  readonly numOutputChannels: 1 | 3

  constructor(numOutputChannels: 1 | 3 = 1) {
    super()
    this.numOutputChannels = numOutputChannels
  }

  protected transform(input: Tensor): Tensor {
    return F.rgbToGrayscale(input, this.numOutputChannels)
  }
}

/** A share of the images in grey, with as many channels as before. */
export class RandomGrayscale extends RandomApplied<number> {
  constructor(p = 0.1) {
    super(p)
  }

  protected makeParams(leaves: readonly unknown[]): number {
    return queryChannels('RandomGrayscale', leaves)
  }

  protected transform(input: Tensor, channels: number): Tensor {
    return F.rgbToGrayscale(input, channels === 3 ? 3 : 1)
  }
}

/** Blurs by a random width. */
export class GaussianBlur extends Transform<number> {
  readonly kernelSize: number | readonly number[]
  readonly sigma: readonly [number, number]

  /** @param sigma pixels: one number, or a range. Default [0.1, 2] */
  constructor(kernelSize: number | readonly number[], sigma: number | readonly [number, number] = [0.1, 2]) {
    super()
    const sizes = typeof kernelSize === 'number' ? [kernelSize] : kernelSize
    if (!sizes.every((k) => Number.isInteger(k) && k > 0 && k % 2 === 1))
      throw new ArgumentError(`GaussianBlur: expected odd integers for kernelSize, got ${describe(kernelSize)}`)
    this.kernelSize = kernelSize
    this.sigma = typeof sigma === 'number' ? [sigma, sigma] : sigma
    checkRange('GaussianBlur', 'sigma', this.sigma, 0)
    if (!(this.sigma[0] > 0)) throw new ArgumentError(`GaussianBlur: expected sigma above 0, got ${describe(sigma)}`)
  }

  protected makeParams(): number {
    return drawBetween(...this.sigma)
  }

  protected transform(input: Tensor, sigma: number): Tensor {
    return F.gaussianBlur(input, this.kernelSize, sigma)
  }
}

/** A change that happens to a share of the images. */
abstract class RandomChange extends RandomApplied {
  protected makeParams(): undefined {
    return undefined
  }
}

/** The negative of a share of the images. */
export class RandomInvert extends RandomChange {
  constructor(p = 0.5) {
    super(p)
  }

  protected transform(input: Tensor): Tensor {
    return F.invert(input)
  }
}

/** Fewer bits a channel for a share of the images. */
export class RandomPosterize extends RandomChange {
  readonly bits: number

  constructor(bits: number, p = 0.5) {
    super(p)
    this.bits = bits
  }

  protected transform(input: Tensor): Tensor {
    return F.posterize(input, this.bits)
  }
}

/** The negative of high values for a share of the images. */
export class RandomSolarize extends RandomChange {
  readonly threshold: number

  constructor(threshold: number, p = 0.5) {
    super(p)
    this.threshold = threshold
  }

  protected transform(input: Tensor): Tensor {
    return F.solarize(input, this.threshold)
  }
}

/** Sharpens or blurs a share of the images. */
export class RandomAdjustSharpness extends RandomChange {
  readonly sharpnessFactor: number

  constructor(sharpnessFactor: number, p = 0.5) {
    super(p)
    this.sharpnessFactor = sharpnessFactor
  }

  protected transform(input: Tensor): Tensor {
    return F.adjustSharpness(input, this.sharpnessFactor)
  }
}

/** Stretches the contrast of a share of the images. */
export class RandomAutocontrast extends RandomChange {
  constructor(p = 0.5) {
    super(p)
  }

  protected transform(input: Tensor): Tensor {
    return F.autocontrast(input)
  }
}

/** Spreads the values of a share of the images evenly. */
export class RandomEqualize extends RandomChange {
  constructor(p = 0.5) {
    super(p)
  }

  protected transform(input: Tensor): Tensor {
    return F.equalize(input)
  }
}

/** The channels in random order. */
export class RandomChannelPermutation extends Transform<readonly number[]> {
  protected makeParams(leaves: readonly unknown[]): readonly number[] {
    return randperm(queryChannels('RandomChannelPermutation', leaves)).toArray() as number[]
  }

  protected transform(input: Tensor, permutation: readonly number[]): Tensor {
    return F.permuteChannels(input, permutation)
  }
}
