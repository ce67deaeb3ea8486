// Types, normalization, erasing, boxes.
import { ArgumentError, type DType, type data, empty, Tensor, tensor } from '@flambeau/core'
import { describe } from '@flambeau/core/errors'
import { type BoxFormat, boxConvert } from '../ops/boxes.js'
import { BoundingBoxes, Mask, Video, wrap } from '../tv-tensors.js'
import { drawBetween, drawInteger, FixedTransform, RandomApplied } from './base.js'
import { roundHalfEven } from './functional/common.js'
import * as F from './functional/index.js'
import { checkRange } from './geometry.js'
import { isImage, leavesOf, mapLeaves } from './structure.js'

/** Says of the sample's plain tensor that it is an image. */
export class ToImage extends FixedTransform {
  protected transform(input: Tensor): Tensor {
    return isImage(input) ? F.toImage(input) : input
  }
}

/** Takes from tensors what they are known to show. */
export class ToPureTensor extends FixedTransform {
  protected transform(input: Tensor): Tensor {
    return F.toPureTensor(input)
  }
}

/** What a dtype is given for. */
export type DTypeOf = DType | { readonly images?: DType; readonly masks?: DType; readonly boxes?: DType }

/** Converts images, or as an object says each kind, to a dtype. */
export class ToDtype extends FixedTransform {
  readonly dtype: DTypeOf
  readonly scale: boolean

  /** @param options `scale`: bring images into the dtype's range, [0, 1] for floating point. Default false */
  constructor(dtype: DTypeOf, { scale = false }: { readonly scale?: boolean } = {}) {
    super()
    this.dtype = dtype
    this.scale = scale
  }

  protected transform(input: Tensor): Tensor {
    const { dtype } = this
    const { images, masks, boxes } = typeof dtype === 'string' ? { images: dtype } : dtype
    const own = input instanceof Mask ? masks : input instanceof BoundingBoxes ? boxes : images
    return own === undefined ? input : F.toDtype(input, own, this.scale)
  }

  override extraRepr(): string {
    return `dtype=${describe(this.dtype)}, scale=${this.scale}`
  }
}

/** `(image - mean) / std` for each channel. */
export class Normalize extends FixedTransform {
  readonly mean: readonly number[]
  readonly std: readonly number[]

  constructor(mean: readonly number[], std: readonly number[]) {
    super()
    if (std.some((s) => !(s > 0)))
      throw new ArgumentError(`Normalize: expected numbers above 0 for std, got ${describe(std)}`)
    this.mean = mean
    this.std = std
  }

  protected transform(input: Tensor): Tensor {
    return F.normalize(input, this.mean, this.std)
  }

  override extraRepr(): string {
    return `mean=${describe(this.mean)}, std=${describe(this.std)}`
  }
}

/** The options of `RandomErasing`. */
export interface RandomErasingOptions {
  /** Default 0.5. */
  readonly p?: number
  /** The part's share of the image's area. Default [0.02, 0.33]. */
  readonly scale?: readonly [number, number]
  /** The part's height over its width. Default [0.3, 3.3]. */
  readonly ratio?: readonly [number, number]
  /** What is written: one value, one a channel, or normal noise. Default 0. */
  readonly value?: number | readonly number[] | 'random'
  readonly inplace?: boolean
}

interface Erased {
  readonly i: number
  readonly j: number
  readonly h: number
  readonly w: number
  readonly v: Tensor
}

/** Overwrites a part of a share of the images. [Zhong et al., 2017](https://arxiv.org/abs/1708.04896) */
export class RandomErasing extends RandomApplied<Erased | null> {
  readonly options: RandomErasingOptions

  constructor(options: RandomErasingOptions = {}) {
    super(options.p ?? 0.5)
    checkRange('RandomErasing', 'scale', options.scale ?? [0.02, 0.33], 0)
    if ((options.scale ?? [0, 0])[1] > 1)
      throw new ArgumentError(`RandomErasing: expected scale within [0, 1], got ${describe(options.scale)}`)
    checkRange('RandomErasing', 'ratio', options.ratio ?? [0.3, 3.3], 0)
    this.options = options
  }

  protected makeParams(leaves: readonly unknown[]): Erased | null {
    const { scale = [0.02, 0.33], ratio = [0.3, 3.3], value = 0 } = this.options
    const image = leaves.find((leaf): leaf is Tensor => leaf instanceof Tensor && isImage(leaf))
    if (image === undefined) throw new ArgumentError('RandomErasing: expected an image in the sample, got none')
    const [channels, height, width] = image.shape.slice(-3)
    const log = ratio.map((r) => Math.fround(Math.log(Math.fround(r))))
    for (let tries = 0; tries < 10; tries++) {
      const area = height * width * drawBetween(scale[0], scale[1])
      const shape = Math.fround(Math.exp(drawBetween(log[0], log[1])))
      const h = roundHalfEven(Math.sqrt(area * shape))
      const w = roundHalfEven(Math.sqrt(area / shape))
      if (!(h < height && w < width)) continue
      const v =
        value === 'random'
          ? empty([channels, h, w]).normal_()
          : tensor(typeof value === 'number' ? [value] : [...value]).view([-1, 1, 1])
      if (v.shape[0] !== 1 && v.shape[0] !== channels)
        throw new ArgumentError(`RandomErasing: expected 1 or ${channels} numbers for value, got ${v.shape[0]}`)
      return { i: drawInteger(0, height - h + 1), j: drawInteger(0, width - w + 1), h, w, v }
    }
    return null
  }

  protected transform(input: Tensor, part: Erased | null): Tensor {
    if (part === null || !isImage(input)) return input
    return F.erase(input, part.i, part.j, part.h, part.w, part.v.to(input.dtype), this.options.inplace ?? false)
  }
}

/** Cuts boxes off at the edges of their image. */
export class ClampBoundingBoxes extends FixedTransform {
  protected transform(input: Tensor): Tensor {
    return input instanceof BoundingBoxes ? F.clampBoundingBoxes(input) : input
  }
}

/** Boxes in another format. */
export class ConvertBoundingBoxFormat extends FixedTransform {
  readonly format: BoxFormat

  constructor(format: BoxFormat) {
    super()
    this.format = format
  }

  protected transform(input: Tensor): Tensor {
    return input instanceof BoundingBoxes ? F.convertBoundingBoxFormat(input, this.format) : input
  }
}

/** The options of `SanitizeBoundingBoxes`. */
export interface SanitizeOptions {
  /** The least width and height. Default 1. */
  readonly minSize?: number
  /** The names under which tensors of a value a box lie beside the boxes. Default ['labels']. */
  readonly labels?: readonly string[]
}

/** Removes boxes that are too small or lie outside of their image, and with them their labels and masks. */
export class SanitizeBoundingBoxes extends FixedTransform {
  readonly minSize: number
  readonly labels: readonly string[]

  constructor({ minSize = 1, labels = ['labels'] }: SanitizeOptions = {}) {
    super()
    if (!(minSize >= 1))
      throw new ArgumentError(`SanitizeBoundingBoxes: expected minSize ≥ 1, got ${describe(minSize)}`)
    this.minSize = minSize
    this.labels = labels
  }

  override forward<T>(sample: T): T
  override forward<T extends readonly unknown[]>(...samples: T): T
  override forward(...samples: unknown[]): unknown {
    const sample = samples.length === 1 ? samples[0] : samples
    const boxes = leavesOf(sample).find((leaf) => leaf instanceof BoundingBoxes)
    if (boxes === undefined)
      throw new ArgumentError('SanitizeBoundingBoxes: expected BoundingBoxes in the sample, got none')
    const [height, width] = boxes.canvasSize
    const [x1, y1, x2, y2] = boxConvert(boxes.reshape([-1, 4]), boxes.format, 'xyxy').unbind(1)
    const valid = x2
      .sub(x1)
      .ge(this.minSize)
      .logicalAnd(y2.sub(y1).ge(this.minSize))
      .logicalAnd(x1.ge(0))
      .logicalAnd(y1.ge(0))
      .logicalAnd(x2.le(width))
      .logicalAnd(y2.le(height))
    const kept = valid.nonzero().reshape([-1])
    const labels = new Set(this.#labelsOf(sample))
    return mapLeaves(sample, (leaf) => {
      const goesAlong = leaf === boxes || leaf instanceof Mask || labels.has(leaf)
      if (!goesAlong || !(leaf instanceof Tensor)) return leaf
      if (leaf.shape[0] !== valid.shape[0])
        throw new ArgumentError(
          `SanitizeBoundingBoxes: expected ${valid.shape[0]} masks and labels, one a box, got ${describe(leaf)}`,
        )
      return wrap(leaf.indexSelect(0, kept), leaf)
    })
  }

  #labelsOf(sample: unknown): unknown[] {
    if (Array.isArray(sample)) return sample.flatMap((item) => this.#labelsOf(item))
    if (typeof sample !== 'object' || sample === null || sample instanceof Tensor) return []
    return Object.entries(sample).flatMap(([name, value]) =>
      this.labels.includes(name) ? [value] : this.#labelsOf(value),
    )
  }

  protected transform(input: Tensor): Tensor {
    return input
  }
}

/** A function as a transform, for the kinds of tensors that are named. */
export class Lambda extends FixedTransform {
  readonly lambd: (input: Tensor) => unknown
  readonly types: readonly ('image' | 'video' | 'mask' | 'boxes')[]

  /** @param types which tensors it is for. Default: all */
  constructor(lambd: (input: Tensor) => unknown, ...types: ('image' | 'video' | 'mask' | 'boxes')[]) {
    super()
    if (typeof lambd !== 'function') throw new ArgumentError(`Lambda: expected a function, got ${describe(lambd)}`)
    this.lambd = lambd
    this.types = types
  }

  protected transform(input: Tensor): unknown {
    const kind =
      input instanceof Mask
        ? 'mask'
        : input instanceof BoundingBoxes
          ? 'boxes'
          : input instanceof Video
            ? 'video'
            : 'image'
    return this.types.length === 0 || this.types.includes(kind) ? this.lambd(input) : input
  }
}

/** What the transforms of published weights are made of. */
export interface ClassificationPreset {
  readonly cropSize: number
  /** Default 256. */
  readonly resizeSize?: number
  readonly interpolation?: 'bilinear' | 'bicubic'
  readonly mean?: readonly number[]
  readonly std?: readonly number[]
}

/** What a network with published weights expects: resized, cropped, scaled and normalized images. @param preset `meta.transform` of the weights */
export function imageClassification(preset: ClassificationPreset): data.Transform<Tensor, Tensor> {
  const { cropSize, resizeSize = 256, interpolation = 'bilinear' } = preset
  const { mean = [0.485, 0.456, 0.406], std = [0.229, 0.224, 0.225] } = preset
  return (image) => {
    const resized = F.resize(image, resizeSize, { interpolation })
    return F.normalize(F.toDtype(F.centerCrop(resized, cropSize), 'float32', true), mean, std)
  }
}
