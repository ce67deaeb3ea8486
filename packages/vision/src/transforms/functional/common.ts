// What the functional transforms share.
import { ArgumentError, type Tensor } from '@flambeau/core'
import { describe } from '@flambeau/core/errors'
import { boxConvert, clipBoxesToImage } from '../../ops/boxes.js'
import { BoundingBoxes, Mask, wrap } from '../../tv-tensors.js'

/** How a resized or warped pixel is made of its neighbours. */
export type Interpolation = 'nearest' | 'nearest-exact' | 'bilinear' | 'bicubic'

/** What fills what was outside: one value, or one a channel; null is 0 without a soft edge. */
export type Fill = number | readonly number[] | null

/** What fills images and masks alike, or each kind; one that is not named gets 0. */
export type FillOf = Fill | { readonly images?: Fill; readonly masks?: Fill }

/** What fills each kind. @param fill a mask takes a number alone: its leading dimension has no channels */
export function fillsOf(
  operation: string,
  fill: FillOf,
): { readonly images: Fill; readonly masks: () => number | null } {
  const apart = typeof fill === 'object' && fill !== null && !('length' in fill)
  const { images = 0, masks = 0 } = apart ? fill : { images: fill, masks: fill }
  return {
    images,
    masks: () => {
      if (masks === null || typeof masks === 'number') return masks
      throw new ArgumentError(
        `${operation}: expected a number to fill masks with, got ${describe(masks)}; give fill as { images, masks }`,
      )
    },
  }
}

/** Python's rounding: halves go to the even neighbour. */
export function roundHalfEven(x: number): number {
  const down = Math.floor(x)
  const rest = x - down
  return rest > 0.5 || (rest === 0.5 && down % 2 !== 0) ? down + 1 : down
}

/** What a geometric transform does to each kind. */
export interface Kernels {
  image(image: Tensor): Tensor
  /** Default: as images. */
  mask?(mask: Tensor): Tensor
  /** Corners in, corners out. */
  boxes(corners: Tensor, size: readonly [number, number]): Tensor
  /** The size of the canvas after. Default: as before. */
  size?(size: readonly [number, number]): readonly [number, number]
}

/** Applies the kernel for a tensor's kind; boxes are cut off at the edges of the image. */
export function dispatchKind(input: Tensor, kernels: Kernels): Tensor {
  if (input instanceof BoundingBoxes) {
    const { format } = input
    const canvasSize = kernels.size?.(input.canvasSize) ?? input.canvasSize
    const exact = input.isFloatingPoint() ? input : input.to('float32')
    const corners = kernels.boxes(boxConvert(exact.reshape([-1, 4]), format, 'xyxy'), input.canvasSize)
    const clipped = boxConvert(clipBoxesToImage(corners, canvasSize), 'xyxy', format).reshape(input.shape)
    return wrap(input.isFloatingPoint() ? clipped : clipped.round().to(input.dtype), input, { canvasSize })
  }
  if (input instanceof Mask && kernels.mask !== undefined) return wrap(kernels.mask(input), input)
  return wrap(kernels.image(input), input)
}

/** Leaves boxes and masks alone: a change of colours. */
export const dispatchColour = (input: Tensor, kernel: (image: Tensor) => Tensor): Tensor =>
  input instanceof BoundingBoxes || input instanceof Mask ? input : wrap(kernel(input), input)

/** Runs `body` on [N, C, H, W], whatever the leading dimensions. */
export function asBatch(image: Tensor, body: (batch: Tensor) => Tensor): Tensor {
  if (image.ndim < 2) throw new ArgumentError(`expected an image [..., H, W], got ${describe(image)}`)
  const [h, w] = image.shape.slice(-2)
  const channels = image.ndim > 2 ? image.shape[image.ndim - 3] : 1
  const lead = image.shape.slice(0, -3)
  const out = body(image.reshape([lead.reduce((n, d) => n * d, 1), channels, h, w]))
  const shape = [...lead, ...(image.ndim > 2 ? [out.shape[1]] : []), ...out.shape.slice(-2)]
  return out.reshape(shape)
}

/** Runs `body` in floating point, and rounds back to integers. */
export function inFloat(image: Tensor, body: (image: Tensor) => Tensor): Tensor {
  if (image.isFloatingPoint()) return body(image)
  const out = body(image.to('float32'))
  return out.round().to(image.dtype)
}

/** The largest value that a channel can have: 1 for floating point. */
export function boundOf(image: Tensor): number {
  switch (image.dtype) {
    case 'uint8':
      return 255
    case 'int8':
      return 127
    case 'int16':
      return 32767
    case 'int32':
      return 2 ** 31 - 1
    case 'int64':
      return Number.MAX_SAFE_INTEGER
    default:
      return 1
  }
}

export function checkFactor(operation: string, name: string, value: number): number {
  if (!(value >= 0 && Number.isFinite(value)))
    throw new ArgumentError(`${operation}: expected a number ≥ 0 for ${name}, got ${describe(value)}`)
  return value
}

/** Height and width of a size that is one number for both or one each. */
export function checkSize(operation: string, size: number | readonly number[]): [number, number] {
  const list = typeof size === 'number' ? [size, size] : size.length === 1 ? [size[0], size[0]] : [...size]
  if (list.length !== 2 || !list.every((n) => Number.isInteger(n) && n > 0))
    throw new ArgumentError(`${operation}: expected an integer ≥ 1 or [height, width] for size, got ${describe(size)}`)
  return [list[0], list[1]]
}
