// Changing the number of pixels.
import { ArgumentError, F, type Tensor, tensor } from '@flambeau/core'
import { describe } from '@flambeau/core/errors'
import { checkInteger } from '../../check.js'
import { asBatch, checkSize, dispatchKind, type Interpolation } from './common.js'

/** The options of `resize`. */
export interface ResizeOptions {
  /** Default 'bilinear'. Masks are always 'nearest'. */
  readonly interpolation?: Interpolation
  /** The most that the longer edge may become, where `size` is that of the shorter one. */
  readonly maxSize?: number | null
  /** Smooth when shrinking, with 'bilinear' and 'bicubic'. Default true. */
  readonly antialias?: boolean
}

/** Height and width that an image of `from` is resized to. */
export function resizedSize(
  from: readonly [number, number],
  size: number | readonly number[] | null,
  maxSize: number | null = null,
): [number, number] {
  if (size === null || typeof size === 'number' || size.length === 1) {
    const [height, width] = from
    const [short, long] = height < width ? [height, width] : [width, height]
    if (size === null) {
      if (maxSize === null) throw new ArgumentError('resize: expected size or maxSize, got neither')
      const shrunk = Math.floor((maxSize * short) / long)
      return height < width ? [shrunk, maxSize] : [maxSize, shrunk]
    }
    const wanted = checkInteger('resize', 'size', typeof size === 'number' ? size : size[0], 1)
    if (maxSize !== null && maxSize <= wanted)
      throw new ArgumentError(`resize: expected maxSize above size ${wanted}, got ${maxSize}`)
    let newShort = wanted
    let newLong = Math.floor((wanted * long) / short)
    if (maxSize !== null && newLong > maxSize) {
      newShort = Math.floor((maxSize * newShort) / newLong)
      newLong = maxSize
    }
    return width <= height
      ? [Math.max(1, newLong), Math.max(1, newShort)]
      : [Math.max(1, newShort), Math.max(1, newLong)]
  }
  if (maxSize !== null) throw new ArgumentError('resize: maxSize goes with a size of one number')
  return checkSize('resize', size)
}

function interpolate(batch: Tensor, size: readonly number[], mode: Interpolation, antialias: boolean): Tensor {
  if (mode === 'nearest' || mode === 'nearest-exact') {
    const direct = batch.isFloatingPoint() || batch.dtype === 'uint8'
    const out = F.interpolate(direct ? batch : batch.to('float64'), { size: [...size], mode })
    return direct ? out : out.to(batch.dtype)
  }
  const options = { size: [...size], mode, antialias, alignCorners: false }
  if (batch.isFloatingPoint() || batch.dtype === 'uint8') return F.interpolate(batch, options)
  return F.interpolate(batch.to('float32'), options).round().to(batch.dtype)
}

/**
 * Resizes an image, masks or boxes.
 *
 * @param inpt [..., C, H, W], masks [..., H, W] or boxes
 * @param size of the shorter edge, or [height, width]
 */
export function resize(
  inpt: Tensor,
  size: number | readonly number[] | null,
  { interpolation = 'bilinear', maxSize = null, antialias = true }: ResizeOptions = {},
): Tensor {
  if (!['nearest', 'nearest-exact', 'bilinear', 'bicubic'].includes(interpolation))
    throw new ArgumentError(
      `resize: expected 'nearest', 'nearest-exact', 'bilinear' or 'bicubic' for interpolation, got ${describe(interpolation)}`,
    )
  const to = (t: Tensor, mode: Interpolation): Tensor =>
    asBatch(t, (batch) => {
      const made = resizedSize([batch.shape[2], batch.shape[3]], size, maxSize)
      if (made[0] === batch.shape[2] && made[1] === batch.shape[3]) return batch
      return interpolate(batch, made, mode, antialias)
    })
  return dispatchKind(inpt, {
    image: (t) => to(t, interpolation),
    mask: (t) => to(t, 'nearest'),
    boxes: (boxes, from) => {
      const [height, width] = resizedSize(from, size, maxSize)
      const [y, x] = [height / from[0], width / from[1]]
      return boxes.mul(tensor([x, y, x, y], { dtype: boxes.dtype }))
    },
    size: (from) => resizedSize(from, size, maxSize),
  })
}
