// What happens to images before a detector and to boxes after it.
import { ArgumentError, empty, F, nn, type Tensor, tensor, zeros } from '@flambeau/core'
import { describe } from '@flambeau/core/errors'
import { checkBoxes } from '../../check.js'

/** Images of a batch, padded to one size, and the size of each. */
export interface ImageList {
  /** [N, C, H, W] */
  readonly tensors: Tensor
  readonly sizes: readonly (readonly [height: number, width: number])[]
}

/** What is in an image. */
export interface Target {
  /** Corners, [N, 4]. */
  readonly boxes: Tensor
  /** int64, [N], from 1 on: 0 is the background. */
  readonly labels: Tensor
}

/** What was found in an image, the best first. */
export interface Detection extends Target {
  /** [N], in [0, 1]. */
  readonly scores: Tensor
}

/** The options of `GeneralizedRCNNTransform`. */
export interface DetectionTransformOptions {
  /** What the shorter edge becomes; several to choose from in training. Default 800. */
  readonly minSize?: number | readonly number[]
  /** What the longer edge may become. Default 1333. */
  readonly maxSize?: number
  readonly imageMean?: readonly number[]
  readonly imageStd?: readonly number[]
  /** Sizes of batches are multiples of this. Default 32. */
  readonly sizeDivisible?: number
}

/** Normalizes, resizes and batches images, and takes boxes back to the images' own sizes. */
export class GeneralizedRCNNTransform extends nn.Module<
  [images: readonly Tensor[], targets: readonly Target[] | null],
  [images: ImageList, targets: Target[] | null]
> {
  readonly minSize: readonly number[]
  readonly maxSize: number
  readonly imageMean: readonly number[]
  readonly imageStd: readonly number[]
  readonly sizeDivisible: number

  constructor(options: DetectionTransformOptions = {}) {
    super()
    const { minSize = 800, maxSize = 1333, sizeDivisible = 32 } = options
    this.minSize = typeof minSize === 'number' ? [minSize] : minSize
    this.maxSize = maxSize
    this.imageMean = options.imageMean ?? [0.485, 0.456, 0.406]
    this.imageStd = options.imageStd ?? [0.229, 0.224, 0.225]
    this.sizeDivisible = sizeDivisible
  }

  override forward(images: readonly Tensor[], targets: readonly Target[] | null): [ImageList, Target[] | null] {
    const column = (values: readonly number[]): Tensor => tensor([...values]).view([-1, 1, 1])
    const [mean, std] = [column(this.imageMean), column(this.imageStd)]
    const resized = images.map((image, i) => {
      if (image.ndim !== 3 || !image.isFloatingPoint())
        throw new ArgumentError(
          `detection: expected floating-point images [C, H, W] with values in [0, 1], got ${describe(image)} for image ${i}`,
        )
      return this.#resize(image.sub(mean).div(std))
    })
    const sizes = resized.map(({ shape }): [number, number] => [shape[1], shape[2]])
    const scaled =
      targets?.map((target, i) => ({ ...target, boxes: rescale(target.boxes, sizeOf(images[i]), sizes[i]) })) ?? null
    return [{ tensors: this.#batch(resized), sizes }, scaled]
  }

  #resize(image: Tensor): Tensor {
    const [height, width] = sizeOf(image)
    const { minSize, training } = this
    const size = training
      ? minSize[Math.floor(empty([1]).uniform_(0, minSize.length).item<number>())]
      : minSize[minSize.length - 1]
    const factor = Math.min(size / Math.min(height, width), this.maxSize / Math.max(height, width))
    const options = {
      scaleFactor: Math.fround(factor),
      mode: 'bilinear',
      recomputeScaleFactor: true,
      alignCorners: false,
    } as const
    return F.interpolate(image.unsqueeze(0), options).squeeze(0)
  }

  #batch(images: readonly Tensor[]): Tensor {
    const up = (n: number): number => Math.ceil(n / this.sizeDivisible) * this.sizeDivisible
    const most = (d: number): number => Math.max(...images.map(({ shape }) => shape[d]))
    const batch = zeros([images.length, most(0), up(most(1)), up(most(2))], {
      dtype: images[0].dtype,
      device: images[0].device,
    })
    for (const [i, image] of images.entries())
      batch.select(0, i).narrow(1, 0, image.shape[1]).narrow(2, 0, image.shape[2]).copy_(image)
    return batch
  }

  /** Boxes in the coordinates of the images as they were given. */
  postprocess(detections: readonly Detection[], sizes: ImageList['sizes'], originals: ImageList['sizes']): Detection[] {
    return detections.map((found, i) => ({ ...found, boxes: rescale(found.boxes, sizes[i], originals[i]) }))
  }
}

export const sizeOf = (image: Tensor): [number, number] => [image.shape[image.ndim - 2], image.shape[image.ndim - 1]]

function rescale(boxes: Tensor, from: readonly [number, number], to: readonly [number, number]): Tensor {
  const [y, x] = [to[0] / from[0], to[1] / from[1]].map(Math.fround)
  return boxes.to('float32').mul(tensor([x, y, x, y]))
}

/** Throws for targets that a detector cannot learn from. */
export function checkTargets(images: readonly Tensor[], targets: readonly Target[]): void {
  if (targets.length !== images.length)
    throw new ArgumentError(`detection: expected targets for each of ${images.length} images, got ${targets.length}`)
  for (const [i, { boxes, labels }] of targets.entries()) {
    checkBoxes(`detection: target ${i}`, 'boxes', boxes)
    if (labels.ndim !== 1 || labels.shape[0] !== boxes.shape[0] || labels.dtype !== 'int64')
      throw new ArgumentError(
        `detection: expected ${boxes.shape[0]} int64 labels for target ${i}, one a box, got ${describe(labels)}`,
      )
    const rows = boxes.toArray() as number[][]
    const flat = rows.findIndex(([x1, y1, x2, y2]) => !(x2 > x1 && y2 > y1))
    if (flat >= 0)
      throw new ArgumentError(
        `detection: expected boxes with positive width and height, got [${rows[flat].join(', ')}] for box ${flat} of target ${i}`,
      )
  }
}
