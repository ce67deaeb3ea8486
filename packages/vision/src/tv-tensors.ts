// Tensors that say what they show, so that a transform knows what to do with them.
import { ArgumentError, Tensor } from '@flambeau/core'
import { describe } from '@flambeau/core/errors'
import type { BoxFormat } from './ops/boxes.js'

/**
 * A tensor with a meaning. It shares memory and history with the tensor that it is made of. Operators give plain
 * tensors, as TorchVision's do, and so does a worker thread; transforms keep the meaning.
 */
export abstract class TVTensor extends Tensor {
  constructor(data: Tensor) {
    if (!(data instanceof Tensor))
      throw new ArgumentError(`${new.target.name}: expected a tensor, got ${describe(data)}`)
    // A view of a leaf has a node, where gradients are asked for.
    const source = data.requiresGrad && data.isLeaf ? data.view(data.shape) : data
    super(source.storage, source.dtype, source.shape, source.strides, source.offset)
    this.node = source.node
    this.output = source.output
  }
}

/** An image or a batch of images, [..., C, H, W]. */
export class Image extends TVTensor {}

/** A video, [..., frames, C, H, W]. */
export class Video extends TVTensor {}

/** A mask or masks, [..., H, W]: resized without interpolation, never brightened. */
export class Mask extends TVTensor {
  constructor(data: Tensor) {
    if (data instanceof Tensor && data.ndim < 2)
      throw new ArgumentError(`Mask: expected a tensor [..., H, W], got ${describe(data)}`)
    super(data)
  }
}

/** The options of `BoundingBoxes`. */
export interface BoundingBoxesOptions {
  /** How the four numbers are meant. */
  readonly format: BoxFormat
  /** The image that the boxes lie in. */
  readonly canvasSize: readonly [height: number, width: number]
}

/**
 * Boxes of an image, [N, 4] or [4].
 *
 * @example
 * ```ts
 * import { tensor } from '@flambeau/core'
 * import { transforms, tvTensors } from '@flambeau/vision'
 * const boxes = new tvTensors.BoundingBoxes(tensor([[1, 2, 5, 6]]), { format: 'xyxy', canvasSize: [10, 20] })
 * console.log(transforms.functional.horizontalFlip(boxes).toArray()) // → [ [ 15, 2, 19, 6 ] ]
 * ```
 */
export class BoundingBoxes extends TVTensor {
  readonly format: BoxFormat
  readonly canvasSize: readonly [height: number, width: number]

  constructor(data: Tensor, { format, canvasSize }: BoundingBoxesOptions) {
    if (data instanceof Tensor && (data.ndim < 1 || data.ndim > 2 || data.shape[data.ndim - 1] !== 4))
      throw new ArgumentError(`BoundingBoxes: expected boxes [N, 4] or [4], got ${describe(data)}`)
    if (!['xyxy', 'xywh', 'cxcywh'].includes(format))
      throw new ArgumentError(`BoundingBoxes: expected format 'xyxy', 'xywh' or 'cxcywh', got ${describe(format)}`)
    if (!Array.isArray(canvasSize) || canvasSize.length !== 2 || !canvasSize.every((n) => Number.isInteger(n) && n > 0))
      throw new ArgumentError(`BoundingBoxes: expected [height, width] for canvasSize, got ${describe(canvasSize)}`)
    super(data)
    this.format = format
    this.canvasSize = [canvasSize[0], canvasSize[1]]
  }
}

/** `data` with the meaning of `like`; plain where `like` has none. */
export function wrap(data: Tensor, like: Tensor, boxes: Partial<BoundingBoxesOptions> = {}): Tensor {
  if (like instanceof BoundingBoxes)
    return new BoundingBoxes(data, { format: like.format, canvasSize: like.canvasSize, ...boxes })
  if (like instanceof Mask) return new Mask(data)
  if (like instanceof Video) return new Video(data)
  return like instanceof Image ? new Image(data) : data
}
