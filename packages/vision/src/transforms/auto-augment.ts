// Augmentations that were searched for, or drawn from a list.
import { ArgumentError, arange, linspace, type Tensor } from '@flambeau/core'
import { describe } from '@flambeau/core/errors'
import { checkInteger } from '../check.js'
import { BoundingBoxes, Mask } from '../tv-tensors.js'
import { drawInteger, drawUniform, Transform } from './base.js'
import { boundOf, type Fill } from './functional/common.js'
import * as F from './functional/index.js'
import { POLICIES } from './policies.js'
import { querySize } from './structure.js'

/** What can be done to an image. */
export type AugmentName =
  | 'Identity'
  | 'ShearX'
  | 'ShearY'
  | 'TranslateX'
  | 'TranslateY'
  | 'Rotate'
  | 'Brightness'
  | 'Color'
  | 'Contrast'
  | 'Sharpness'
  | 'Posterize'
  | 'Solarize'
  | 'AutoContrast'
  | 'Equalize'
  | 'Invert'

/** The options of the augmentations. */
export interface AugmentOptions {
  /** Default 'nearest'. */
  readonly interpolation?: 'nearest' | 'bilinear'
  /** What shows where the image does not reach. Default null: 0. */
  readonly fill?: Fill
}

/** The strengths of an augmentation, weakest first, and whether its sign is drawn; null where it has none. */
type Strengths = readonly [
  values: (bins: number, size: readonly [number, number]) => readonly number[],
  signed: boolean,
]
type Space = readonly (readonly [AugmentName, Strengths | null])[]

const even =
  (to: number, from = 0) =>
  (bins: number) =>
    linspace(from, to, bins).toArray() as number[]
const moves =
  (axis: 0 | 1, share: number) =>
  (bins: number, size: readonly [number, number]): number[] =>
    linspace(0, share * size[axis], bins).toArray() as number[]
/** Bits that are left. */
const bits = (by: number) => (bins: number) =>
  arange(bins)
    .div((bins - 1) / by)
    .neg()
    .add(8)
    .round()
    .toArray() as number[]

const strongest = (
  factor: number,
  shear: number,
  turn: number,
  by: number,
  move: readonly [Strengths[0], Strengths[0]],
): Space => [
  ['ShearX', [even(shear), true]],
  ['ShearY', [even(shear), true]],
  ['TranslateX', [move[0], true]],
  ['TranslateY', [move[1], true]],
  ['Rotate', [even(turn), true]],
  ['Brightness', [even(factor), true]],
  ['Color', [even(factor), true]],
  ['Contrast', [even(factor), true]],
  ['Sharpness', [even(factor), true]],
  ['Posterize', [bits(by), false]],
  ['Solarize', [even(0, 1), false]],
  ['AutoContrast', null],
  ['Equalize', null],
]

const relative = [moves(1, 150 / 331), moves(0, 150 / 331)] as const
const NORMAL: Space = strongest(0.9, 0.3, 30, 4, relative)
const WIDE: Space = strongest(0.99, 0.99, 135, 6, [even(32), even(32)])

function applyTo(
  image: Tensor,
  name: AugmentName,
  strength: number,
  { interpolation = 'nearest', fill = null }: AugmentOptions,
): Tensor {
  const degrees = (Math.atan(strength) * 180) / Math.PI
  const move = { angle: 0, translate: [0, 0], scale: 1, shear: [0, 0], interpolation, fill } as const
  switch (name) {
    case 'Identity':
      return image
    case 'ShearX':
      return F.affine(image, { ...move, shear: [degrees, 0], center: [0, 0] })
    case 'ShearY':
      return F.affine(image, { ...move, shear: [0, degrees], center: [0, 0] })
    case 'TranslateX':
      return F.affine(image, { ...move, translate: [Math.trunc(strength), 0] })
    case 'TranslateY':
      return F.affine(image, { ...move, translate: [0, Math.trunc(strength)] })
    case 'Rotate':
      return F.rotate(image, strength, { interpolation, fill })
    case 'Brightness':
      return F.adjustBrightness(image, 1 + strength)
    case 'Color':
      return F.adjustSaturation(image, 1 + strength)
    case 'Contrast':
      return F.adjustContrast(image, 1 + strength)
    case 'Sharpness':
      return F.adjustSharpness(image, 1 + strength)
    case 'Posterize':
      return F.posterize(image, Math.trunc(strength))
    case 'Solarize':
      return F.solarize(image, boundOf(image) * strength)
    case 'AutoContrast':
      return F.autocontrast(image)
    case 'Equalize':
      return F.equalize(image)
    case 'Invert':
      return F.invert(image)
    default:
      throw new ArgumentError(`augment: unknown augmentation ${describe(name satisfies never)}`)
  }
}

type Step = readonly [name: AugmentName, strength: number]

abstract class Augment extends Transform<readonly Step[]> {
  readonly options: AugmentOptions

  constructor(options: AugmentOptions) {
    super()
    this.options = options
  }

  protected makeParams(leaves: readonly unknown[]): readonly Step[] {
    if (leaves.some((leaf) => leaf instanceof BoundingBoxes || leaf instanceof Mask))
      throw new ArgumentError(
        `${this.constructor.name}: expected images alone, got boxes or masks: they would not fit any more`,
      )
    return this.steps(querySize(this.constructor.name, leaves))
  }

  /** Draws what is done to an image of a size. */
  protected abstract steps(size: readonly [number, number]): readonly Step[]

  protected transform(input: Tensor, steps: readonly Step[]): Tensor {
    return steps.reduce((image, [name, strength]) => applyTo(image, name, strength, this.options), input)
  }
}

const signed = (strength: number, drawn: boolean): number => (drawn && drawUniform() <= 0.5 ? -strength : strength)
const pick = <T>(list: readonly T[]): T => list[drawInteger(0, list.length)]

/** The options of `RandAugment`. */
export interface RandAugmentOptions extends AugmentOptions {
  /** Augmentations one after the other. Default 2. */
  readonly numOps?: number
  /** The strength. Default 9. */
  readonly magnitude?: number
  /** How many strengths there are. Default 31. */
  readonly numMagnitudeBins?: number
}

/** Some augmentations of one strength. [Cubuk et al., 2019](https://arxiv.org/abs/1909.13719) */
export class RandAugment extends Augment {
  readonly numOps: number
  readonly magnitude: number
  readonly numMagnitudeBins: number

  constructor({ numOps = 2, magnitude = 9, numMagnitudeBins = 31, ...options }: RandAugmentOptions = {}) {
    super(options)
    this.numOps = checkInteger('RandAugment', 'numOps', numOps, 0)
    this.numMagnitudeBins = checkInteger('RandAugment', 'numMagnitudeBins', numMagnitudeBins, 2)
    this.magnitude = checkInteger('RandAugment', 'magnitude', magnitude, 0)
    if (magnitude >= numMagnitudeBins)
      throw new ArgumentError(`RandAugment: expected a magnitude below ${numMagnitudeBins}, got ${magnitude}`)
  }

  protected steps(size: readonly [number, number]): readonly Step[] {
    return Array.from({ length: this.numOps }, (): Step => {
      const [name, strengths] = pick<Space[number]>([['Identity', null], ...NORMAL])
      if (strengths === null) return [name, 0]
      return [name, signed(strengths[0](this.numMagnitudeBins, size)[this.magnitude], strengths[1])]
    })
  }

  override extraRepr(): string {
    return `numOps=${this.numOps}, magnitude=${this.magnitude}`
  }
}

/** The options of `TrivialAugmentWide`. */
export interface TrivialAugmentOptions extends AugmentOptions {
  /** How many strengths there are. Default 31. */
  readonly numMagnitudeBins?: number
}

/** One augmentation of a random strength. [Müller and Hutter, 2021](https://arxiv.org/abs/2103.10158) */
export class TrivialAugmentWide extends Augment {
  readonly numMagnitudeBins: number

  constructor({ numMagnitudeBins = 31, ...options }: TrivialAugmentOptions = {}) {
    super(options)
    this.numMagnitudeBins = checkInteger('TrivialAugmentWide', 'numMagnitudeBins', numMagnitudeBins, 2)
  }

  protected steps(size: readonly [number, number]): readonly Step[] {
    const [name, strengths] = pick<Space[number]>([['Identity', null], ...WIDE])
    if (strengths === null) return [[name, 0]]
    return [[name, signed(pick(strengths[0](this.numMagnitudeBins, size)), strengths[1])]]
  }
}

/** What `AutoAugment`'s policy was searched on. */
export type AutoAugmentPolicy = keyof typeof POLICIES

/** One of 25 pairs of augmentations. [Cubuk et al., 2018](https://arxiv.org/abs/1805.09501) */
export class AutoAugment extends Augment {
  readonly policy: AutoAugmentPolicy

  constructor(policy: AutoAugmentPolicy = 'imagenet', options: AugmentOptions = {}) {
    super(options)
    if (!(policy in POLICIES))
      throw new ArgumentError(
        `AutoAugment: expected policy ${Object.keys(POLICIES).join(', ')}, got ${describe(policy)}`,
      )
    this.policy = policy
  }

  protected steps(size: readonly [number, number]): readonly Step[] {
    return pick(POLICIES[this.policy]).flatMap(([name, probability, at]): Step[] => {
      if (!(drawUniform() <= probability)) return []
      const strengths = NORMAL.find(([known]) => known === name)?.[1] ?? null
      if (strengths === null || at === null) return [[name, 0]]
      return [[name, signed(strengths[0](10, size)[at], strengths[1])]]
    })
  }

  override extraRepr(): string {
    return `policy=${this.policy}`
  }
}
