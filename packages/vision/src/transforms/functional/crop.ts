// Parts of images, borders around them, and mirror images.
import { ArgumentError, F, stack, type Tensor, tensor } from '@flambeau/core'
import { describe } from '@flambeau/core/errors'
import { checkInteger } from '../../check.js'
import { BoundingBoxes, Mask } from '../../tv-tensors.js'
import { sizeOf } from '../structure.js'
import { asBatch, checkSize, dispatchKind, type Fill, type FillOf, fillsOf } from './common.js'
import { type ResizeOptions, resize } from './resize.js'

const shifted = (boxes: Tensor, x: number, y: number): Tensor => boxes.add(tensor([x, y, x, y], { dtype: boxes.dtype }))

/** The part of `height` × `width` pixels from (`left`, `top`) on; what lies outside is 0. */
export function crop(inpt: Tensor, top: number, left: number, height: number, width: number): Tensor {
  for (const [name, value] of Object.entries({ height, width })) checkInteger('crop', name, value, 1)
  for (const [name, value] of Object.entries({ top, left })) checkInteger('crop', name, value, -Infinity)
  return dispatchKind(inpt, {
    image: (image) => {
      const [h, w] = image.shape.slice(-2)
      const [bottom, right] = [top + height, left + width]
      if (top >= 0 && left >= 0 && bottom <= h && right <= w)
        return image.narrow(-2, top, height).narrow(-1, left, width)
      return F.pad(image, [-left, right - w, -top, bottom - h])
    },
    boxes: (boxes) => shifted(boxes, -left, -top),
    size: () => [height, width],
  })
}

/** How a border is filled. */
export type PaddingMode = 'constant' | 'edge' | 'reflect' | 'symmetric'

/** The options of `pad`. */
export interface PadOptions {
  /** Of a constant border: one value, one a channel, or one for each kind. Default 0. */
  readonly fill?: FillOf
  /** Default 'constant'. Boxes know no other. */
  readonly paddingMode?: PaddingMode
}

/** One number for all sides, two for left and right, top and bottom, or left, top, right and bottom. */
export type Padding = number | readonly number[]

export function sidesOf(padding: Padding): [left: number, top: number, right: number, bottom: number] {
  const list = typeof padding === 'number' ? [padding] : [...padding]
  if (![1, 2, 4].includes(list.length) || !list.every(Number.isInteger))
    throw new ArgumentError(`pad: expected 1, 2 or 4 integers for padding, got ${describe(padding)}`)
  if (list.length === 1) return [list[0], list[0], list[0], list[0]]
  if (list.length === 2) return [list[0], list[1], list[0], list[1]]
  return [list[0], list[1], list[2], list[3]]
}

function padded(image: Tensor, [left, top, right, bottom]: number[], fill: Fill, mode: PaddingMode): Tensor {
  const sides = [left, right, top, bottom]
  if (mode === 'constant') {
    if (fill === null || typeof fill === 'number') return F.pad(image, sides, { value: fill ?? 0 })
    const values = tensor([...fill], { dtype: 'float64' }).view([-1, 1, 1])
    const inside = F.pad(image.mul(0).add(1).to('bool'), sides)
    return F.pad(image, sides).where(inside, values.to(image.dtype))
  }
  if (sides.some((n) => n < 0)) throw new ArgumentError(`pad: expected padding ≥ 0 with mode '${mode}'`)
  if (mode === 'symmetric') {
    const mirrored = (t: Tensor, dim: number, before: number, after: number): Tensor => {
      const size = t.shape[t.ndim + dim]
      const at = Array.from({ length: before + size + after }, (_, i) => {
        const folded = (((i - before) % (2 * size)) + 2 * size) % (2 * size)
        return folded < size ? folded : 2 * size - 1 - folded
      })
      return t.indexSelect(t.ndim + dim, tensor(at, { dtype: 'int64' }))
    }
    return mirrored(mirrored(image, -1, left, right), -2, top, bottom)
  }
  const [height, width] = image.shape.slice(-2)
  if (mode === 'reflect' && (left >= width || right >= width || top >= height || bottom >= height))
    throw new ArgumentError(`pad: expected padding below the image's ${height} × ${width} pixels with mode 'reflect'`)
  const direct = image.isFloatingPoint()
  const out = F.pad(direct ? image : image.to('float64'), sides, { mode: mode === 'edge' ? 'replicate' : 'reflect' })
  return direct ? out : out.to(image.dtype)
}

/** Puts a border around an image, masks or boxes. @param padding see `Padding` */
export function pad(inpt: Tensor, padding: Padding, { fill = 0, paddingMode = 'constant' }: PadOptions = {}): Tensor {
  const sides = sidesOf(padding)
  const [left, top, right, bottom] = sides
  if (!['constant', 'edge', 'reflect', 'symmetric'].includes(paddingMode))
    throw new ArgumentError(
      `pad: expected 'constant', 'edge', 'reflect' or 'symmetric' for paddingMode, got ${describe(paddingMode)}`,
    )
  if (inpt instanceof BoundingBoxes && paddingMode !== 'constant')
    throw new ArgumentError(`pad: boxes know paddingMode 'constant' alone, got '${paddingMode}'`)
  const { images, masks } = fillsOf('pad', fill)
  return dispatchKind(inpt, {
    image: (image) => asBatch(image, (batch) => padded(batch, sides, images, paddingMode)),
    mask: (mask) => asBatch(mask, (batch) => padded(batch, sides, masks(), paddingMode)),
    boxes: (boxes) => shifted(boxes, left, top),
    size: ([height, width]) => [height + top + bottom, width + left + right],
  })
}

/** The middle part; a border of 0 where the image is smaller. @param outputSize one number, or [height, width] */
export function centerCrop(inpt: Tensor, outputSize: number | readonly number[]): Tensor {
  const [height, width] = checkSize('centerCrop', outputSize)
  let [h, w] = sizeOf(inpt)
  let source = inpt
  if (height > h || width > w) {
    const half = (want: number, have: number): [number, number] =>
      want > have ? [Math.floor((want - have) / 2), Math.floor((want - have + 1) / 2)] : [0, 0]
    const [[left, right], [top, bottom]] = [half(width, w), half(height, h)]
    source = pad(inpt, [left, top, right, bottom])
    ;[h, w] = sizeOf(source)
  }
  const middle = (have: number, want: number): number => {
    // Python's rounding of halves.
    const at = (have - want) / 2
    const down = Math.floor(at)
    return at - down === 0.5 && down % 2 !== 0 ? down + 1 : down
  }
  return crop(source, middle(h, height), middle(w, width), height, width)
}

/** `crop`, then `resize`. */
export function resizedCrop(
  inpt: Tensor,
  top: number,
  left: number,
  height: number,
  width: number,
  size: number | readonly number[],
  options: Omit<ResizeOptions, 'maxSize'> = {},
): Tensor {
  return resize(crop(inpt, top, left, height, width), size, options)
}

/** The four corners and the middle. @returns top left, top right, bottom left, bottom right, middle */
export function fiveCrop(inpt: Tensor, size: number | readonly number[]): [Tensor, Tensor, Tensor, Tensor, Tensor] {
  const [height, width] = checkSize('fiveCrop', size)
  const [h, w] = sizeOf(inpt)
  if (inpt instanceof BoundingBoxes || inpt instanceof Mask)
    throw new ArgumentError('fiveCrop: expected an image, got boxes or a mask')
  if (height > h || width > w)
    throw new ArgumentError(`fiveCrop: expected a size of at most ${h} × ${w}, got ${height} × ${width}`)
  return [
    crop(inpt, 0, 0, height, width),
    crop(inpt, 0, w - width, height, width),
    crop(inpt, h - height, 0, height, width),
    crop(inpt, h - height, w - width, height, width),
    centerCrop(inpt, [height, width]),
  ]
}

/** `fiveCrop` of the image and of its mirror image. @param vertical turn it upside down instead */
export function tenCrop(inpt: Tensor, size: number | readonly number[], vertical = false): Tensor[] {
  return [...fiveCrop(inpt, size), ...fiveCrop(vertical ? verticalFlip(inpt) : horizontalFlip(inpt), size)]
}

/** The mirror image. */
export function horizontalFlip(inpt: Tensor): Tensor {
  return dispatchKind(inpt, {
    image: (image) => image.flip(-1),
    boxes: (boxes, [, width]) => {
      const [x1, y1, x2, y2] = boxes.unbind(1)
      return stack([x2.neg().add(width), y1, x1.neg().add(width), y2], 1)
    },
  })
}

/** Upside down. */
export function verticalFlip(inpt: Tensor): Tensor {
  return dispatchKind(inpt, {
    image: (image) => image.flip(-2),
    boxes: (boxes, [height]) => {
      const [x1, y1, x2, y2] = boxes.unbind(1)
      return stack([x1, y2.neg().add(height), x2, y1.neg().add(height)], 1)
    },
  })
}
