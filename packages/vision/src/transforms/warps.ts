// Random rotations, affine maps and perspectives.
import { ArgumentError, type Tensor } from '@flambeau/core'
import { describe } from '@flambeau/core/errors'
import { checkProbability } from '../check.js'
import { drawBetween, drawInteger, RandomApplied, Transform } from './base.js'
import { type FillOf, roundHalfEven } from './functional/common.js'
import * as F from './functional/index.js'
import { checkRange } from './geometry.js'
import { querySize } from './structure.js'

type Range = readonly [number, number]

function rangeOf(operation: string, name: string, value: number | readonly number[]): Range {
  if (typeof value === 'number') {
    if (!(value >= 0))
      throw new ArgumentError(`${operation}: expected a number ≥ 0 for ${name}, got ${describe(value)}`)
    return [-value, value]
  }
  checkRange(operation, name, value, -Infinity)
  return [value[0], value[1]]
}

/** The options of `RandomRotation`. */
export interface RandomRotationOptions extends F.RotateOptions {}

/** Turns by a random angle. */
export class RandomRotation extends Transform<number> {
  readonly degrees: Range
  readonly options: RandomRotationOptions

  /** @param degrees the range; one number for as much in both directions */
  constructor(degrees: number | readonly number[], options: RandomRotationOptions = {}) {
    super()
    this.degrees = rangeOf('RandomRotation', 'degrees', degrees)
    this.options = options
  }

  protected makeParams(): number {
    return drawBetween(...this.degrees)
  }

  protected transform(input: Tensor, angle: number): Tensor {
    return F.rotate(input, angle, { fill: 0, ...this.options })
  }

  override extraRepr(): string {
    return `degrees=${describe(this.degrees)}`
  }
}

/** The options of `RandomAffine`. */
export interface RandomAffineOptions extends F.WarpOptions {
  /** The largest shares of width and height to move by. */
  readonly translate?: Range | null
  readonly scale?: Range | null
  /** Degrees: one number or two for x, four for x and y. */
  readonly shear?: number | readonly number[] | null
  readonly center?: Range | null
}

type AffineParams = Pick<F.AffineOptions, 'angle' | 'translate' | 'scale' | 'shear'>

/** Turns, moves, scales and shears at random. */
export class RandomAffine extends Transform<AffineParams> {
  readonly degrees: Range
  readonly shear: readonly number[] | null
  readonly options: RandomAffineOptions

  constructor(degrees: number | readonly number[], options: RandomAffineOptions = {}) {
    super()
    this.degrees = rangeOf('RandomAffine', 'degrees', degrees)
    const { translate = null, scale = null, shear = null } = options
    if (translate !== null) for (const share of translate) checkProbability('RandomAffine', 'translate', share)
    if (scale !== null) checkRange('RandomAffine', 'scale', scale, 0)
    if (shear !== null && typeof shear !== 'number' && shear.length !== 2 && shear.length !== 4)
      throw new ArgumentError(`RandomAffine: expected 1, 2 or 4 numbers for shear, got ${describe(shear)}`)
    this.shear = typeof shear === 'number' ? rangeOf('RandomAffine', 'shear', shear) : shear
    this.options = options
  }

  protected makeParams(leaves: readonly unknown[]): AffineParams {
    const [height, width] = querySize('RandomAffine', leaves)
    const { translate = null, scale = null } = this.options
    const angle = drawBetween(...this.degrees)
    const moved = (share: number, size: number): number => roundHalfEven(drawBetween(-share * size, share * size))
    const offset: Range = translate === null ? [0, 0] : [moved(translate[0], width), moved(translate[1], height)]
    const factor = scale === null ? 1 : drawBetween(...scale)
    const { shear } = this
    const sheared: Range =
      shear === null
        ? [0, 0]
        : [drawBetween(shear[0], shear[1]), shear.length === 4 ? drawBetween(shear[2], shear[3]) : 0]
    return { angle, translate: offset, scale: factor, shear: sheared }
  }

  protected transform(input: Tensor, params: AffineParams): Tensor {
    const { interpolation = 'nearest', fill = 0, center = null } = this.options
    return F.affine(input, { ...params, interpolation, fill, center })
  }

  override extraRepr(): string {
    return `degrees=${describe(this.degrees)}`
  }
}

/** The options of `RandomPerspective`. */
export interface RandomPerspectiveOptions extends F.WarpOptions {
  /** How far the corners may move, in [0, 1]. Default 0.5. */
  readonly distortionScale?: number
  /** Default 0.5. */
  readonly p?: number
}

type Points = readonly (readonly [number, number])[]

/** Shows a share of the samples as seen from elsewhere. */
export class RandomPerspective extends RandomApplied<readonly [Points, Points]> {
  readonly distortionScale: number
  readonly options: F.WarpOptions

  constructor({ distortionScale = 0.5, p = 0.5, ...options }: RandomPerspectiveOptions = {}) {
    super(p)
    this.distortionScale = checkProbability('RandomPerspective', 'distortionScale', distortionScale)
    this.options = options
  }

  protected makeParams(leaves: readonly unknown[]): readonly [Points, Points] {
    const [height, width] = querySize('RandomPerspective', leaves)
    const dy = Math.floor(this.distortionScale * Math.floor(height / 2)) + 1
    const dx = Math.floor(this.distortionScale * Math.floor(width / 2)) + 1
    const left = (): number => drawInteger(0, dx)
    const right = (): number => drawInteger(width - dx, width)
    const top = (): number => drawInteger(0, dy)
    const bottom = (): number => drawInteger(height - dy, height)
    const end: Points = [
      [left(), top()],
      [right(), top()],
      [right(), bottom()],
      [left(), bottom()],
    ]
    const start: Points = [
      [0, 0],
      [width - 1, 0],
      [width - 1, height - 1],
      [0, height - 1],
    ]
    return [start, end]
  }

  protected transform(input: Tensor, [start, end]: readonly [Points, Points]): Tensor {
    return F.perspective(input, start, end, { fill: 0 as FillOf, ...this.options })
  }
}
