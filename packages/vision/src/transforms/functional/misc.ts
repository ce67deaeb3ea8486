// Blurring, normalizing, converting, erasing.
import { ArgumentError, type DType, DTypeError, F, linspace, type Tensor, tensor } from '@flambeau/core'
import { describe } from '@flambeau/core/errors'
import { checkInteger } from '../../check.js'
import { type BoxFormat, boxConvert, clipBoxesToImage } from '../../ops/boxes.js'
import { BoundingBoxes, Image, Mask, TVTensor, wrap } from '../../tv-tensors.js'
import { asBatch, dispatchColour, inFloat } from './common.js'

/** Weights of a blur. */
function gaussian(size: number, sigma: number): Tensor {
  const half = (size - 1) * 0.5
  const x = linspace(-half, half, size).div(sigma)
  const weights = x.mul(x).mul(-0.5).exp()
  return weights.div(weights.sum())
}

/**
 * Blurs an image.
 *
 * @param kernelSize odd; one number or [x, y]
 * @param sigma pixels; one number or [x, y]. By default from the size
 */
export function gaussianBlur(
  inpt: Tensor,
  kernelSize: number | readonly number[],
  sigma: number | readonly number[] | null = null,
): Tensor {
  const sizes = typeof kernelSize === 'number' ? [kernelSize, kernelSize] : [...kernelSize]
  if (sizes.length !== 2 || !sizes.every((k) => Number.isInteger(k) && k > 0 && k % 2 === 1))
    throw new ArgumentError(`gaussianBlur: expected odd integers for kernelSize, got ${describe(kernelSize)}`)
  const sigmas =
    sigma === null ? sizes.map((k) => k * 0.15 + 0.35) : typeof sigma === 'number' ? [sigma, sigma] : [...sigma]
  if (sigmas.length !== 2 || !sigmas.every((s) => s > 0 && Number.isFinite(s)))
    throw new ArgumentError(`gaussianBlur: expected numbers above 0 for sigma, got ${describe(sigma)}`)
  const [kx, ky] = sizes
  return dispatchColour(inpt, (image) =>
    asBatch(image, (batch) =>
      inFloat(batch, (pixels) => {
        const channels = batch.shape[1]
        const [x, y] = [gaussian(kx, sigmas[0]), gaussian(ky, sigmas[1])].map((k) => k.to(pixels.dtype))
        const [px, py] = [kx >> 1, ky >> 1]
        const padded = F.pad(pixels, [px, px, py, py], { mode: 'reflect' })
        // One dimension after the other.
        const rows = F.conv2d(padded, x.view([1, 1, 1, kx]).expand([channels, 1, 1, kx]), { groups: channels })
        return F.conv2d(rows, y.view([1, 1, ky, 1]).expand([channels, 1, ky, 1]), { groups: channels })
      }),
    ),
  )
}

/** `(image - mean) / std` for each channel. @param inpt floating point */
export function normalize(inpt: Tensor, mean: readonly number[], std: readonly number[]): Tensor {
  return dispatchColour(inpt, (image) => {
    if (!image.isFloatingPoint())
      throw new DTypeError(
        `normalize: expected a floating-point image, got ${image.dtype}; use ToDtype with scale first`,
      )
    if (std.some((s) => s === 0))
      throw new ArgumentError(`normalize: expected numbers other than 0 for std, got ${describe(std)}`)
    const channels = image.shape[image.ndim - 3]
    for (const [name, values] of Object.entries({ mean, std }))
      if (values.length !== 1 && values.length !== channels)
        throw new ArgumentError(`normalize: expected ${channels} numbers for ${name}, got ${values.length}`)
    const column = (values: readonly number[]): Tensor => tensor([...values], { dtype: image.dtype }).view([-1, 1, 1])
    return image.sub(column(mean)).div_(column(std))
  })
}

const BITS: Readonly<Partial<Record<DType, number>>> = { uint8: 8, int8: 7, int16: 15, int32: 31, int64: 63 }

function convert(image: Tensor, dtype: DType, scale: boolean): Tensor {
  if (image.dtype === dtype || !scale) return image.to(dtype)
  const floats = /^b?float/.test(dtype)
  const [from, to] = [BITS[image.dtype], BITS[dtype]]
  if (image.isFloatingPoint()) {
    if (floats) return image.to(dtype)
    if (to === undefined) throw new DTypeError(`toDtype: expected a number's dtype to scale to, got ${dtype}`)
    if ((image.dtype === 'float32' && to >= 31) || (image.dtype === 'float64' && to === 63))
      throw new DTypeError(`toDtype: ${image.dtype} values cannot be scaled to ${dtype} without loss`)
    return image.mul(2 ** to - 1e-3).to(dtype)
  }
  if (from === undefined) throw new DTypeError(`toDtype: expected a number's dtype to scale from, got ${image.dtype}`)
  // `to` has made a tensor of its own.
  if (floats) return image.to(dtype).div_(2 ** from - 1)
  if (to === undefined) throw new DTypeError(`toDtype: expected a number's dtype to scale to, got ${dtype}`)
  return from > to ? image.bitwiseRightShift(from - to).to(dtype) : image.to(dtype).bitwiseLeftShift(to - from)
}

/** Converts to a dtype. @param scale bring values into the dtype's range: [0, 1] for floating point. Images alone are scaled */
export function toDtype(inpt: Tensor, dtype: DType, scale = false): Tensor {
  const scaled = scale && !(inpt instanceof BoundingBoxes) && !(inpt instanceof Mask)
  return wrap(convert(inpt, dtype, scaled), inpt)
}

/** Says of a tensor that it is an image. @param inpt [..., C, H, W], or [H, W] */
export function toImage(inpt: Tensor): Image {
  if (inpt.ndim < 2) throw new ArgumentError(`toImage: expected a tensor [..., H, W], got ${describe(inpt)}`)
  return new Image(inpt.ndim === 2 ? inpt.unsqueeze(0) : inpt)
}

/** The tensor without what it is known to show. */
export const toPureTensor = (inpt: Tensor): Tensor => (inpt instanceof TVTensor ? inpt.view(inpt.shape) : inpt)

/** Writes `v` over a part. @param v of a shape that fits [C, h, w] @param inplace write into the image. Default false */
export function erase(inpt: Tensor, i: number, j: number, h: number, w: number, v: Tensor, inplace = false): Tensor {
  for (const [name, value] of Object.entries({ i, j, h, w })) checkInteger('erase', name, value, 0)
  return dispatchColour(inpt, (image) => {
    const target = inplace ? image : image.clone()
    target.narrow(-2, i, h).narrow(-1, j, w).copy_(v)
    return target
  })
}

/** Boxes cut off at the edges of their image. */
export function clampBoundingBoxes(inpt: BoundingBoxes): BoundingBoxes {
  const corners = clipBoxesToImage(boxConvert(inpt, inpt.format, 'xyxy'), inpt.canvasSize)
  return new BoundingBoxes(boxConvert(corners, 'xyxy', inpt.format), inpt)
}

/** Boxes in another format. */
export const convertBoundingBoxFormat = (inpt: BoundingBoxes, newFormat: BoxFormat): BoundingBoxes =>
  new BoundingBoxes(boxConvert(inpt, inpt.format, newFormat), { format: newFormat, canvasSize: inpt.canvasSize })
