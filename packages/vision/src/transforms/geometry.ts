// Sizes, crops, borders and mirror images.
import { ArgumentError, type Tensor, tensor } from '@flambeau/core'
import { describe } from '@flambeau/core/errors'
import { boxConvert, boxIou } from '../ops/boxes.js'
import { BoundingBoxes, wrap } from '../tv-tensors.js'
import { drawBetween, drawInteger, drawUniform, FixedTransform, RandomApplied, Transform } from './base.js'
import { checkSize, type FillOf, roundHalfEven } from './functional/common.js'
import { type Padding, type PaddingMode, sidesOf } from './functional/crop.js'
import * as F from './functional/index.js'
import { type ResizeOptions, resizedSize } from './functional/resize.js'
import { querySize } from './structure.js'

/** Resizes. @see functional.resize */
export class Resize extends FixedTransform {
  readonly size: number | readonly number[] | null
  readonly options: ResizeOptions

  /** @param size of the shorter edge, or [height, width] */
  constructor(size: number | readonly number[] | null, options: ResizeOptions = {}) {
    super()
    // Refused here rather than at the first sample.
    resizedSize([100, 100], size, options.maxSize)
    this.size = size
    this.options = options
  }

  protected transform(input: Tensor): Tensor {
    return F.resize(input, this.size, this.options)
  }

  override extraRepr(): string {
    return `size=${describe(this.size)}, interpolation=${this.options.interpolation ?? 'bilinear'}`
  }
}

/** The middle part. @see functional.centerCrop */
export class CenterCrop extends FixedTransform {
  readonly size: readonly [number, number]

  constructor(size: number | readonly number[]) {
    super()
    this.size = checkSize('CenterCrop', size)
  }

  protected transform(input: Tensor): Tensor {
    return F.centerCrop(input, this.size)
  }

  override extraRepr(): string {
    return `size=${describe(this.size)}`
  }
}

/** The four corners and the middle of an image, as a list. */
export class FiveCrop extends FixedTransform {
  readonly size: readonly [number, number]

  constructor(size: number | readonly number[]) {
    super()
    this.size = checkSize('FiveCrop', size)
  }

  protected transform(input: Tensor): Tensor[] {
    return F.fiveCrop(input, this.size)
  }
}

/** The four corners and the middle of an image and of its mirror image, as a list. */
export class TenCrop extends FixedTransform {
  readonly size: readonly [number, number]
  readonly verticalFlip: boolean

  constructor(size: number | readonly number[], { verticalFlip = false }: { readonly verticalFlip?: boolean } = {}) {
    super()
    this.size = checkSize('TenCrop', size)
    this.verticalFlip = verticalFlip
  }

  protected transform(input: Tensor): Tensor[] {
    return F.tenCrop(input, this.size, this.verticalFlip)
  }
}

/** The options of `Pad`. */
export interface PadTransformOptions {
  readonly fill?: FillOf
  readonly paddingMode?: PaddingMode
}

/** A border. @see functional.pad */
export class Pad extends FixedTransform {
  readonly padding: Padding
  readonly options: PadTransformOptions

  constructor(padding: Padding, options: PadTransformOptions = {}) {
    super()
    sidesOf(padding)
    this.padding = padding
    this.options = options
  }

  protected transform(input: Tensor): Tensor {
    return F.pad(input, this.padding, this.options)
  }

  override extraRepr(): string {
    return `padding=${describe(this.padding)}`
  }
}

/** The options of `RandomCrop`. */
export interface RandomCropOptions extends PadTransformOptions {
  /** A border before cropping. Default: none. */
  readonly padding?: Padding | null
  /** Add a border where the image is smaller than the crop. Default false. */
  readonly padIfNeeded?: boolean
}

interface CropPlace {
  readonly top: number
  readonly left: number
  readonly border: readonly number[]
}

/** A part at a random place. */
export class RandomCrop extends Transform<CropPlace> {
  readonly size: readonly [height: number, width: number]
  readonly options: RandomCropOptions

  constructor(size: number | readonly number[], options: RandomCropOptions = {}) {
    super()
    this.size = checkSize('RandomCrop', size)
    if (options.padding !== undefined && options.padding !== null) sidesOf(options.padding)
    this.options = options
  }

  protected makeParams(leaves: readonly unknown[]): CropPlace {
    const [h, w] = querySize('RandomCrop', leaves)
    const [height, width] = this.size
    const { padding = null, padIfNeeded = false } = this.options
    let [left, top, right, bottom] = padding === null ? [0, 0, 0, 0] : sidesOf(padding)
    if (padIfNeeded) {
      const [moreX, moreY] = [Math.max(0, width - (w + left + right)), Math.max(0, height - (h + top + bottom))]
      left += moreX
      right += moreX
      top += moreY
      bottom += moreY
    }
    const [fullHeight, fullWidth] = [h + top + bottom, w + left + right]
    if (fullHeight < height || fullWidth < width)
      throw new ArgumentError(
        `RandomCrop: expected an image of at least ${height} × ${width}, got ${fullHeight} × ${fullWidth} with its border; use padIfNeeded`,
      )
    return {
      border: [left, top, right, bottom],
      top: fullHeight > height ? drawInteger(0, fullHeight - height + 1) : 0,
      left: fullWidth > width ? drawInteger(0, fullWidth - width + 1) : 0,
    }
  }

  protected transform(input: Tensor, { top, left, border }: CropPlace): Tensor {
    const { fill = 0, paddingMode = 'constant' } = this.options
    const source = border.some((n) => n !== 0) ? F.pad(input, border, { fill, paddingMode }) : input
    return F.crop(source, top, left, ...this.size)
  }

  override extraRepr(): string {
    return `size=${describe(this.size)}`
  }
}

interface Part {
  readonly top: number
  readonly left: number
  readonly height: number
  readonly width: number
}

/** The options of `RandomResizedCrop`. */
export interface RandomResizedCropOptions extends Omit<ResizeOptions, 'maxSize'> {
  /** The part's share of the image's area. Default [0.08, 1]. */
  readonly scale?: readonly [number, number]
  /** The part's width over its height. Default [3 / 4, 4 / 3]. */
  readonly ratio?: readonly [number, number]
}

function checkRange(operation: string, name: string, range: readonly number[], least: number): void {
  if (range.length !== 2 || !(range[0] >= least) || !(range[0] <= range[1]))
    throw new ArgumentError(
      `${operation}: expected two numbers ≥ ${least} in order for ${name}, got ${describe(range)}`,
    )
}

/** A part of random place, size and shape, resized: what networks are trained on. */
export class RandomResizedCrop extends Transform<Part> {
  readonly size: readonly [number, number]
  readonly options: RandomResizedCropOptions

  constructor(size: number | readonly number[], options: RandomResizedCropOptions = {}) {
    super()
    this.size = checkSize('RandomResizedCrop', size)
    const { scale = [0.08, 1], ratio = [3 / 4, 4 / 3] } = options
    checkRange('RandomResizedCrop', 'scale', scale, 0)
    checkRange('RandomResizedCrop', 'ratio', ratio, 0)
    this.options = options
  }

  protected makeParams(leaves: readonly unknown[]): Part {
    return randomPart(querySize('RandomResizedCrop', leaves), this.options)
  }

  protected transform(input: Tensor, { top, left, height, width }: Part): Tensor {
    return F.resizedCrop(input, top, left, height, width, this.size, this.options)
  }

  override extraRepr(): string {
    const { scale = [0.08, 1], ratio = [3 / 4, 4 / 3] } = this.options
    return `size=${describe(this.size)}, scale=${describe(scale)}, ratio=${describe(ratio)}`
  }
}

/** A part whose area and shape lie in the given ranges; the middle where none fits. */
export function randomPart(
  [height, width]: readonly [number, number],
  { scale = [0.08, 1], ratio = [3 / 4, 4 / 3] }: RandomResizedCropOptions,
): Part {
  const log = ratio.map((r) => Math.fround(Math.log(Math.fround(r))))
  for (let tries = 0; tries < 10; tries++) {
    const area = height * width * drawBetween(scale[0], scale[1])
    const shape = Math.fround(Math.exp(drawBetween(log[0], log[1])))
    const w = roundHalfEven(Math.sqrt(area * shape))
    const h = roundHalfEven(Math.sqrt(area / shape))
    if (w > 0 && w <= width && h > 0 && h <= height)
      return { top: drawInteger(0, height - h + 1), left: drawInteger(0, width - w + 1), height: h, width: w }
  }
  const own = width / height
  const w = own > ratio[1] ? roundHalfEven(height * ratio[1]) : width
  const h = own < ratio[0] ? roundHalfEven(width / ratio[0]) : height
  return { top: Math.floor((height - h) / 2), left: Math.floor((width - w) / 2), height: h, width: w }
}

/** The mirror image of a share of the samples. */
export class RandomHorizontalFlip extends RandomApplied {
  constructor(p = 0.5) {
    super(p)
  }

  protected makeParams(): undefined {
    return undefined
  }

  protected transform(input: Tensor): Tensor {
    return F.horizontalFlip(input)
  }

  override extraRepr(): string {
    return `p=${this.p}`
  }
}

/** A share of the samples upside down. */
export class RandomVerticalFlip extends RandomApplied {
  constructor(p = 0.5) {
    super(p)
  }

  protected makeParams(): undefined {
    return undefined
  }

  protected transform(input: Tensor): Tensor {
    return F.verticalFlip(input)
  }

  override extraRepr(): string {
    return `p=${this.p}`
  }
}

/** The options of `RandomZoomOut`. */
export interface RandomZoomOutOptions {
  readonly fill?: FillOf
  /** How many times as large the canvas becomes. Default [1, 4]. */
  readonly sideRange?: readonly [number, number]
  /** Default 0.5. */
  readonly p?: number
}

/** Places a share of the images somewhere on a larger canvas. [Liu et al., 2015](https://arxiv.org/abs/1512.02325) */
export class RandomZoomOut extends RandomApplied<readonly number[]> {
  readonly fill: FillOf
  readonly sideRange: readonly [number, number]

  constructor({ fill = 0, sideRange = [1, 4], p = 0.5 }: RandomZoomOutOptions = {}) {
    super(p)
    checkRange('RandomZoomOut', 'sideRange', sideRange, 1)
    this.fill = fill
    this.sideRange = sideRange
  }

  protected makeParams(leaves: readonly unknown[]): readonly number[] {
    const [height, width] = querySize('RandomZoomOut', leaves)
    const [low, high] = this.sideRange
    const times = low + drawUniform() * (high - low)
    const [canvasWidth, canvasHeight] = [Math.floor(width * times), Math.floor(height * times)]
    const left = Math.floor((canvasWidth - width) * drawUniform())
    const top = Math.floor((canvasHeight - height) * drawUniform())
    return [left, top, canvasWidth - (left + width), canvasHeight - (top + height)]
  }

  protected transform(input: Tensor, border: readonly number[]): Tensor {
    return F.pad(input, border, { fill: this.fill })
  }
}

/** The options of `RandomIoUCrop`. */
export interface RandomIoUCropOptions {
  /** Default 0.3 and 1. */
  readonly minScale?: number
  readonly maxScale?: number
  /** Default 0.5 and 2. */
  readonly minAspectRatio?: number
  readonly maxAspectRatio?: number
  /** What the best box must at least overlap by; from 1 on, the sample stays as it is. Default [0, 0.1, 0.3, 0.5, 0.7, 0.9, 1]. */
  readonly samplerOptions?: readonly number[]
  /** Default 40. */
  readonly trials?: number
}

interface IoUPart extends Part {
  /** Which boxes have their centre inside. */
  readonly inside: Tensor
}

/** A part that holds enough of a box. Boxes whose centre is outside collapse: see `SanitizeBoundingBoxes`. [Liu et al., 2015](https://arxiv.org/abs/1512.02325) */
export class RandomIoUCrop extends Transform<IoUPart | null> {
  readonly options: RandomIoUCropOptions

  constructor(options: RandomIoUCropOptions = {}) {
    super()
    this.options = options
  }

  protected makeParams(leaves: readonly unknown[]): IoUPart | null {
    const { minScale = 0.3, maxScale = 1, minAspectRatio = 0.5, maxAspectRatio = 2, trials = 40 } = this.options
    const { samplerOptions = [0, 0.1, 0.3, 0.5, 0.7, 0.9, 1] } = this.options
    const [height, width] = querySize('RandomIoUCrop', leaves)
    const boxes = leaves.find((leaf) => leaf instanceof BoundingBoxes)
    if (boxes === undefined) throw new ArgumentError('RandomIoUCrop: expected BoundingBoxes in the sample, got none')
    const corners = boxConvert(boxes.to('float32').reshape([-1, 4]), boxes.format, 'xyxy')
    const centres = boxConvert(corners, 'xyxy', 'cxcywh')
    for (;;) {
      const least = samplerOptions[drawInteger(0, samplerOptions.length)]
      if (least >= 1) return null
      for (let trial = 0; trial < trials; trial++) {
        const r = [drawUniform(), drawUniform()]
        const w = Math.floor(width * (minScale + (maxScale - minScale) * r[0]))
        const h = Math.floor(height * (minScale + (maxScale - minScale) * r[1]))
        if (w < 1 || h < 1 || !(minAspectRatio <= w / h && w / h <= maxAspectRatio)) continue
        const left = Math.floor((width - w) * drawUniform())
        const top = Math.floor((height - h) * drawUniform())
        const [x, y] = centres.unbind(1)
        const inside = x
          .gt(left)
          .logicalAnd(x.lt(left + w))
          .logicalAnd(y.gt(top))
          .logicalAnd(y.lt(top + h))
        if (!inside.any().item<boolean>()) continue
        const part = tensor([[left, top, left + w, top + h]], { dtype: 'float32' })
        const kept = corners.indexSelect(0, inside.nonzero().reshape([-1]))
        if (boxIou(kept, part).max().item<number>() < least) continue
        return { top, left, height: h, width: w, inside }
      }
    }
  }

  protected transform(input: Tensor, part: IoUPart | null): Tensor {
    if (part === null) return input
    const out = F.crop(input, part.top, part.left, part.height, part.width)
    return out instanceof BoundingBoxes ? wrap(out.mul(part.inside.to(out.dtype).unsqueeze(1)), out) : out
  }
}

/** The options of `ScaleJitter`. */
export interface ScaleJitterOptions extends Omit<ResizeOptions, 'maxSize'> {
  /** Default [0.1, 2]. */
  readonly scaleRange?: readonly [number, number]
}

/** Resizes by a random factor, relative to what fits into a target. [Ghiasi et al., 2020](https://arxiv.org/abs/2012.07177) */
export class ScaleJitter extends Transform<readonly [number, number]> {
  readonly targetSize: readonly [height: number, width: number]
  readonly options: ScaleJitterOptions

  constructor(targetSize: readonly [height: number, width: number], options: ScaleJitterOptions = {}) {
    super()
    this.targetSize = checkSize('ScaleJitter', targetSize)
    this.options = options
  }

  protected makeParams(leaves: readonly unknown[]): readonly [number, number] {
    const [height, width] = querySize('ScaleJitter', leaves)
    const [low, high] = this.options.scaleRange ?? [0.1, 2]
    const factor = low + drawUniform() * (high - low)
    const r = Math.min(this.targetSize[1] / height, this.targetSize[0] / width) * factor
    return [Math.max(1, Math.floor(height * r)), Math.max(1, Math.floor(width * r))]
  }

  protected transform(input: Tensor, size: readonly [number, number]): Tensor {
    return F.resize(input, size, this.options)
  }
}

/** Resizes to a random one of several sizes of the shorter edge. */
export class RandomShortestSize extends Transform<readonly [number, number]> {
  readonly minSize: readonly number[]
  readonly maxSize: number | null
  readonly options: Omit<ResizeOptions, 'maxSize'>

  constructor(
    minSize: number | readonly number[],
    maxSize: number | null = null,
    options: Omit<ResizeOptions, 'maxSize'> = {},
  ) {
    super()
    this.minSize = typeof minSize === 'number' ? [minSize] : minSize
    this.maxSize = maxSize
    this.options = options
  }

  protected makeParams(leaves: readonly unknown[]): readonly [number, number] {
    const [height, width] = querySize('RandomShortestSize', leaves)
    const wanted = this.minSize[drawInteger(0, this.minSize.length)]
    const r = Math.min(wanted / Math.min(height, width), (this.maxSize ?? Infinity) / Math.max(height, width))
    return [Math.max(1, Math.floor(height * r)), Math.max(1, Math.floor(width * r))]
  }

  protected transform(input: Tensor, size: readonly [number, number]): Tensor {
    return F.resize(input, size, this.options)
  }
}

export { checkRange }
