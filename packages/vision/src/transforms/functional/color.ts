// Colours: brightness, contrast, saturation, hue and their kin. Boxes and masks pass unchanged.
import { ArgumentError, F, full, stack, type Tensor, tensor, where } from '@flambeau/core'
import { describe } from '@flambeau/core/errors'
import { checkInteger } from '../../check.js'
import { asBatch, boundOf, checkFactor, dispatchColour } from './common.js'

/** Luma, ITU-R 601. */
const LUMA = [0.2989, 0.587, 0.114] as const

const channelsOf = (image: Tensor): number => (image.ndim < 3 ? 1 : image.shape[image.ndim - 3])

function checkChannels(operation: string, image: Tensor): number {
  const channels = channelsOf(image)
  if (channels !== 1 && channels !== 3)
    throw new ArgumentError(`${operation}: expected an image of 1 or 3 channels, got ${describe(image)}`)
  return channels
}

const floating = (image: Tensor): Tensor => (image.isFloatingPoint() ? image : image.to('float32'))
/** Back to the dtype of `like`; integers are cut off. */
const back = (t: Tensor, like: Tensor): Tensor => (like.isFloatingPoint() ? t : t.to(like.dtype))

/** Grey values of an RGB image, one channel; of integers, whole numbers that are still floating point. */
function luma(image: Tensor): Tensor {
  const [r, g, b] = floating(image).unbind(-3)
  const grey = r.mul(LUMA[0]).add(g.mul(LUMA[1])).add(b.mul(LUMA[2])).unsqueeze(-3)
  return image.isFloatingPoint() ? grey : grey.floor()
}

/** `ratio · image + (1 - ratio) · other`, within the bounds. */
function blend(image: Tensor, other: Tensor | null, ratio: number): Tensor {
  const scaled = floating(image).mul(ratio)
  const mixed = other === null ? scaled : scaled.add(floating(other).mul(1 - ratio))
  return back(mixed.clamp(0, boundOf(image)), image)
}

/** Grey, of as many channels as asked for. @param numOutputChannels 1 or 3 */
export function rgbToGrayscale(inpt: Tensor, numOutputChannels: 1 | 3 = 1): Tensor {
  if (numOutputChannels !== 1 && numOutputChannels !== 3)
    throw new ArgumentError(`rgbToGrayscale: expected 1 or 3 for numOutputChannels, got ${describe(numOutputChannels)}`)
  return dispatchColour(inpt, (image) => {
    const grey = checkChannels('rgbToGrayscale', image) === 1 ? image : back(luma(image), image)
    if (numOutputChannels === 1 || image.ndim < 3) return grey
    return grey.expand([...image.shape.slice(0, -3), 3, ...image.shape.slice(-2)]).clone()
  })
}

/** Multiplies values. @param brightnessFactor 0 gives black, 1 the image */
export function adjustBrightness(inpt: Tensor, brightnessFactor: number): Tensor {
  checkFactor('adjustBrightness', 'brightnessFactor', brightnessFactor)
  return dispatchColour(inpt, (image) => blend(image, null, brightnessFactor))
}

/** Moves values away from their mean. @param contrastFactor 0 gives grey, 1 the image */
export function adjustContrast(inpt: Tensor, contrastFactor: number): Tensor {
  checkFactor('adjustContrast', 'contrastFactor', contrastFactor)
  return dispatchColour(inpt, (image) => {
    const grey = checkChannels('adjustContrast', image) === 3 ? luma(image) : floating(image)
    return blend(image, grey.mean(image.ndim < 3 ? [-2, -1] : [-3, -2, -1], { keepdim: true }), contrastFactor)
  })
}

/** Moves colours away from grey. @param saturationFactor 0 gives grey, 1 the image */
export function adjustSaturation(inpt: Tensor, saturationFactor: number): Tensor {
  checkFactor('adjustSaturation', 'saturationFactor', saturationFactor)
  return dispatchColour(inpt, (image) =>
    checkChannels('adjustSaturation', image) === 1 ? image : blend(image, luma(image), saturationFactor),
  )
}

/** Hue, saturation and value, each in [0, 1]. */
function toHsv(image: Tensor): [h: Tensor, s: Tensor, v: Tensor] {
  const [r, g, b] = image.unbind(-3)
  const high = image.amax(-3)
  const low = image.amin(-3)
  const flat = high.eq(low)
  const range = high.sub(low)
  const one = full([], 1, { dtype: image.dtype })
  const s = range.div(where(flat, one, high))
  const divisor = where(flat, one, range)
  const [rc, gc, bc] = [r, g, b].map((c) => high.sub(c).div(divisor))
  const isRed = high.eq(r)
  const isGreen = high.eq(g)
  const zero = full([], 0, { dtype: image.dtype })
  const hr = where(isRed, bc.sub(gc), zero)
  const hg = where(isGreen.logicalAnd(isRed.logicalNot()), rc.add(2).sub(bc), zero)
  const hb = where(isGreen.logicalNot().logicalAnd(isRed.logicalNot()), gc.add(4).sub(rc), zero)
  return [hr.add(hg).add(hb).div(6).add(1).fmod(1), s, high]
}

function fromHsv(h: Tensor, s: Tensor, v: Tensor): Tensor {
  const sector = h.mul(6).floor()
  const f = h.mul(6).sub(sector)
  const one = (t: Tensor): Tensor => t.neg().add(1)
  const p = v.mul(one(s)).clamp(0, 1)
  const q = v.mul(one(s.mul(f))).clamp(0, 1)
  const t = v.mul(one(s.mul(one(f)))).clamp(0, 1)
  const i = sector.remainder(6)
  const pick = (choices: readonly Tensor[]): Tensor =>
    choices.reduce((sum, choice, k) => sum.add(choice.mul(i.eq(k).to(choice.dtype))), v.mul(0))
  return stack([pick([v, q, p, p, t, v]), pick([t, v, v, q, p, p]), pick([p, p, t, v, v, q])], -3)
}

/** Turns the colour circle. @param hueFactor in [-0.5, 0.5]; 0 gives the image */
export function adjustHue(inpt: Tensor, hueFactor: number): Tensor {
  if (!(hueFactor >= -0.5 && hueFactor <= 0.5))
    throw new ArgumentError(`adjustHue: expected a number in [-0.5, 0.5] for hueFactor, got ${describe(hueFactor)}`)
  return dispatchColour(inpt, (image) => {
    if (checkChannels('adjustHue', image) === 1 || image.numel() === 0) return image
    const [h, s, v] = toHsv(image.isFloatingPoint() ? image : image.to('float32').div(boundOf(image)))
    const out = fromHsv(h.add(hueFactor).remainder(1), s, v)
    return image.isFloatingPoint() ? out : out.mul(boundOf(image) + 1 - 1e-3).to(image.dtype)
  })
}

/** Blurs, or sharpens. @param sharpnessFactor 0 gives a blurred image, 1 the image */
export function adjustSharpness(inpt: Tensor, sharpnessFactor: number): Tensor {
  checkFactor('adjustSharpness', 'sharpnessFactor', sharpnessFactor)
  return dispatchColour(inpt, (image) => {
    const [height, width] = image.shape.slice(-2)
    if (height <= 2 || width <= 2) return image
    return asBatch(image, (batch) => {
      const channels = batch.shape[1]
      const kernel = full([3, 3], 1 / 13, { dtype: floating(batch).dtype })
      kernel.put([1, 1], 5 / 13)
      const smooth = F.conv2d(floating(batch), kernel.expand([channels, 1, 3, 3]), { groups: channels })
      const blurred = floating(batch).clone()
      blurred
        .narrow(2, 1, height - 2)
        .narrow(3, 1, width - 2)
        .copy_(batch.isFloatingPoint() ? smooth : smooth.round())
      return blend(batch, blurred, sharpnessFactor)
    })
  })
}

/** The negative. */
export const invert = (inpt: Tensor): Tensor =>
  dispatchColour(inpt, (image) => (image.dtype === 'uint8' ? image.bitwiseNot() : image.neg().add(boundOf(image))))

/** Keeps the upper bits of each value. @param bits from 0 to 8 */
export function posterize(inpt: Tensor, bits: number): Tensor {
  checkInteger('posterize', 'bits', bits, 0)
  return dispatchColour(inpt, (image) => {
    if (image.isFloatingPoint()) {
      const levels = 2 ** bits
      return image
        .mul(levels)
        .floor()
        .clamp(0, levels - 1)
        .div(levels)
    }
    if (image.dtype !== 'uint8')
      throw new ArgumentError(`posterize: expected uint8 or floating point, got ${image.dtype}`)
    return bits >= 8 ? image : image.bitwiseAnd(256 - 2 ** (8 - bits))
  })
}

/** The negative of values from a threshold on. */
export function solarize(inpt: Tensor, threshold: number): Tensor {
  if (typeof threshold !== 'number' || Number.isNaN(threshold))
    throw new ArgumentError(`solarize: expected a number for threshold, got ${describe(threshold)}`)
  return dispatchColour(inpt, (image) => {
    if (threshold > boundOf(image))
      throw new ArgumentError(`solarize: expected a threshold of at most ${boundOf(image)}, got ${threshold}`)
    return where(image.ge(threshold), invert(image), image)
  })
}

/** Stretches each channel over the whole range. */
export const autocontrast = (inpt: Tensor): Tensor =>
  dispatchColour(inpt, (image) => {
    checkChannels('autocontrast', image)
    const bound = boundOf(image)
    const values = floating(image)
    const low = values.amin([-2, -1], { keepdim: true })
    const high = values.amax([-2, -1], { keepdim: true })
    const flat = high.eq(low)
    const scale = where(flat, full([], 1, { dtype: values.dtype }), high.sub(low).pow(-1).mul(bound))
    const floor = where(flat, full([], 0, { dtype: values.dtype }), low)
    return back(values.sub(floor).mul(scale).clamp(0, bound), image)
  })

/** Spreads each channel's values evenly. */
export const equalize = (inpt: Tensor): Tensor =>
  dispatchColour(inpt, (image) => {
    checkChannels('equalize', image)
    if (image.isFloatingPoint())
      return equalizeBytes(image.mul(256 - 1e-3).to('uint8'))
        .to(image.dtype)
        .div(255)
    if (image.dtype !== 'uint8')
      throw new ArgumentError(`equalize: expected uint8 or floating point, got ${image.dtype}`)
    return equalizeBytes(image)
  })

function equalizeBytes(image: Tensor): Tensor {
  const pixels = image.contiguous().data() as Uint8Array
  const out = new Uint8Array(pixels.length)
  const plane = image.shape.slice(-2).reduce((n, d) => n * d, 1)
  for (let start = 0; start < pixels.length; start += plane) {
    const histogram = new Int32Array(256)
    for (let i = start; i < start + plane; i++) histogram[pixels[i]]++
    const last = histogram[histogram.findLastIndex((n) => n > 0)]
    const step = Math.floor((plane - last) / 255)
    const table = new Uint8Array(256)
    for (let value = 0, sum = 0; value < 256; sum += histogram[value++])
      table[value] = step === 0 ? value : value === 0 ? 0 : Math.min(255, Math.floor((sum + (step >> 1)) / step))
    for (let i = start; i < start + plane; i++) out[i] = table[pixels[i]]
  }
  return tensor(out).reshape([...image.shape])
}

/** Reorders channels. @param permutation the position that each channel comes from */
export const permuteChannels = (inpt: Tensor, permutation: readonly number[]): Tensor =>
  dispatchColour(inpt, (image) => image.indexSelect(image.ndim - 3, tensor([...permutation], { dtype: 'int64' })))
