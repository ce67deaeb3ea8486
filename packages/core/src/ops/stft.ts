// Short-time Fourier transforms.
import { ArgumentError, DTypeError, describe, ShapeError } from '../errors.js'
import { isComplex, isDifferentiable, toReal } from '../tensor/dtype.js'
import { contiguousStrides, formatShape } from '../tensor/shape.js'
import type { Tensor } from '../tensor/tensor.js'
import { abs, div, mul } from './arithmetic.js'
import { ones } from './creation.js'
import { composite } from './dispatch.js'
import { fft } from './fft.js'
import { type PadMode, pad } from './nn/padding.js'
import { square } from './powers.js'
import { item } from './reading.js'
import type { Op } from './record.js'
import { amin } from './reductions.js'
import { narrow, unfold } from './slicing.js'
import { stridedAdd, viewAsReal } from './strided.js'
import { expand, reshape, squeeze, transpose, unsqueeze } from './views.js'

interface FrameOptions {
  /** Samples between frames. Default: a quarter of `nFft`. */
  readonly hopLength?: number | null
  /** The window's size; it stands in the middle of `nFft` samples. Default: `nFft`. */
  readonly winLength?: number | null
  /** Shape `[winLength]`. Default: ones. */
  readonly window?: Tensor | null
  /** Frame t is centred at sample `t · hopLength`. Default true. */
  readonly center?: boolean
  /** Scales by `1 / √nFft`. Default false. */
  readonly normalized?: boolean
  /** Whether only the first half of each spectrum is there. Default: where the signal and the window are real. */
  readonly onesided?: boolean | null
}

/** The options of `stft`. */
export interface StftOptions extends FrameOptions {
  /** How both ends are padded where `center` is set. Default 'reflect'. */
  readonly padMode?: PadMode
  /** Complex spectra, or pairs of real numbers in a last dimension of size 2. Needed where the signal is real. */
  readonly returnComplex?: boolean | null
  /** Frames begin where the window does, not where its padding to `nFft` does; only without `center`. */
  readonly alignToWindow?: boolean | null
}

/** The options of `istft`. */
export interface IstftOptions extends FrameOptions {
  /** The signal's length; longer ones are cut, shorter ones padded with zeros. */
  readonly length?: number | null
  /** Whether the signal is complex. Default false. */
  readonly returnComplex?: boolean
}

function checkPoints(operation: string, nFft: unknown): void {
  if (typeof nFft !== 'number' || !Number.isInteger(nFft) || nFft < 1)
    throw new ArgumentError(`${operation}: expected nFft to be a whole number ≥ 1, got ${describe(nFft)}`)
}

interface Frames {
  readonly hop: number
  readonly size: number
  readonly window: Tensor
}

/** Checks sizes, and gives the window `nFft` points. */
function framesOf(operation: string, input: Tensor, nFft: number, options: FrameOptions): Frames {
  const { window } = options
  const hop = options.hopLength ?? Math.floor(nFft / 4)
  const size = options.winLength ?? nFft
  if (!Number.isInteger(hop) || hop < 1)
    throw new ArgumentError(`${operation}: expected hopLength to be a whole number ≥ 1, got ${describe(hop)}`)
  if (!Number.isInteger(size) || size < 1 || size > nFft)
    throw new ArgumentError(`${operation}: expected winLength between 1 and nFft ${nFft}, got ${describe(size)}`)
  if (window && (window.ndim !== 1 || window.shape[0] !== size))
    throw new ShapeError(`${operation}: expected a window of shape [${size}], got ${formatShape(window.shape)}`)
  const full = window ?? ones([size], { dtype: toReal(input.dtype), device: input.device })
  const left = Math.floor((nFft - size) / 2)
  return { hop, size, window: size === nFft ? full : pad(full, [left, nFft - size - left]) }
}

/**
 * The short-time Fourier transform: `X[k, t] = Σ window[j] input[t · hopLength + j] exp(-2πi jk / nFft)`.
 *
 * @param self shape `[time]` or `[batch, time]`
 * @param nFft samples a transform
 * @returns `[batch?, nFft / 2 + 1 or nFft, frames]`, complex, or with a last dimension of size 2
 * @throws ArgumentError where the signal is shorter than `nFft`
 * @example
 * ```ts
 * import { ones } from '@flambeau/core'
 * const spectra = ones([32]).stft(8, { hopLength: 4, center: false, returnComplex: true })
 * console.log(spectra.shape) // → [ 5, 7 ]
 * ```
 */
export const stft: Op<[self: Tensor, nFft: number, options?: StftOptions]> = composite(
  'stft(self, nFft, {hopLength, winLength, window, center, padMode, normalized, onesided, returnComplex, alignToWindow})',
  (self: Tensor, nFft: number, options: StftOptions = {}): Tensor => {
    const { center = true, padMode = 'reflect', normalized = false } = options
    if (!isDifferentiable(self.dtype))
      throw new DTypeError(`stft: expected a floating-point or complex signal, got ${self.dtype}`)
    if (self.ndim !== 1 && self.ndim !== 2)
      throw new ShapeError(`stft: expected shape [time] or [batch, time], got ${formatShape(self.shape)}`)
    checkPoints('stft', nFft)
    const complex = isComplex(self.dtype) || (options.window ? isComplex(options.window.dtype) : false)
    const returnComplex = options.returnComplex ?? (complex ? true : null)
    if (returnComplex === null) throw new ArgumentError('stft: expected returnComplex to be set for a real signal')
    let signal = self.ndim === 1 ? unsqueeze(self, 0) : self
    if (center) {
      if (options.alignToWindow) throw new ArgumentError('stft: alignToWindow is for center: false')
      const side = Math.floor(nFft / 2)
      // One channel, since only two dimensions and more can be mirrored.
      signal = squeeze(pad(unsqueeze(signal, 1), [side, side], { mode: padMode }), 1)
    }
    const length = signal.shape[1]
    if (nFft > length)
      throw new ArgumentError(`stft: expected nFft of at most the signal's length ${length}, got ${nFft}`)
    const { hop, size, window } = framesOf('stft', self, nFft, options)
    const onesided = options.onesided ?? !complex
    if (onesided && complex) throw new ArgumentError('stft: a complex signal or window has no onesided spectrum')
    if (options.alignToWindow) {
      const left = Math.floor((nFft - size) / 2)
      signal = pad(signal, [left, nFft - size - left])
    }
    const frames = mul(unfold(signal, 1, nFft, hop), window)
    const norm = normalized ? 'ortho' : 'backward'
    const spectra = onesided ? fft.rfft(frames, null, -1, { norm }) : fft.fft(frames, null, -1, { norm })
    const out = transpose(spectra, 1, 2)
    const result = self.ndim === 1 ? squeeze(out, 0) : out
    return returnComplex ? result : viewAsReal(result)
  },
)

/** Adds frames `[batch, frames, size]` where they lie, `hop` apart. @returns `[batch, length]` */
function overlapAdd(frames: Tensor, hop: number): Tensor {
  const [batch, count, size] = frames.shape
  const length = size + hop * (count - 1)
  return stridedAdd(frames, [batch, length], [contiguousStrides([batch, length])[0], hop, 1])
}

/**
 * The inverse of `stft`, by the least squares: overlapping frames are added and divided by the sum of squared windows.
 *
 * @param self complex, shape `[nFft / 2 + 1 or nFft, frames]` or `[batch, …]`
 * @returns `[time]` or `[batch, time]`
 * @throws ArgumentError where the squared windows add up to zero somewhere
 */
export const istft: Op<[self: Tensor, nFft: number, options?: IstftOptions]> = composite(
  'istft(self, nFft, {hopLength, winLength, window, center, normalized, onesided, length, returnComplex})',
  (self: Tensor, nFft: number, options: IstftOptions = {}): Tensor => {
    const { center = true, normalized = false, length = null, returnComplex = false } = options
    if (!isComplex(self.dtype))
      throw new DTypeError(`istft: expected a complex input, as stft with returnComplex gives, got ${self.dtype}`)
    if ((self.ndim !== 2 && self.ndim !== 3) || self.numel() === 0)
      throw new ShapeError(
        `istft: expected shape [terms, frames] or [batch, terms, frames], got ${formatShape(self.shape)}`,
      )
    const spectra = transpose(self.ndim === 2 ? unsqueeze(self, 0) : self, 1, 2)
    const [, count, terms] = spectra.shape
    checkPoints('istft', nFft)
    const onesided = options.onesided ?? terms !== nFft
    if (terms !== (onesided ? Math.floor(nFft / 2) + 1 : nFft))
      throw new ShapeError(
        `istft: expected ${onesided ? Math.floor(nFft / 2) + 1 : nFft} terms for nFft ${nFft}, got ${formatShape(self.shape)}`,
      )
    const { hop, size, window } = framesOf('istft', self, nFft, options)
    if (hop > size) throw new ArgumentError(`istft: expected hopLength of at most winLength ${size}, got ${hop}`)
    if (returnComplex && onesided)
      throw new ArgumentError('istft: a complex signal has no onesided spectrum; set onesided to false')
    if (!returnComplex && isComplex(window.dtype))
      throw new ArgumentError('istft: a complex window needs returnComplex')
    const norm = normalized ? 'ortho' : 'backward'
    const frames = returnComplex
      ? fft.ifft(spectra, null, -1, { norm })
      : fft.irfft(onesided ? spectra : narrow(spectra, -1, 0, Math.floor(nFft / 2) + 1), nFft, -1, { norm })
    const total = nFft + hop * (count - 1)
    const start = center ? Math.floor(nFft / 2) : 0
    const end = Math.min(total, length !== null ? start + length : center ? total - Math.floor(nFft / 2) : total)
    if (end <= start) throw new ArgumentError(`istft: nothing is left between samples ${start} and ${end}`)
    const kept = (t: Tensor): Tensor => narrow(t, 1, start, end - start)
    const weight = kept(overlapAdd(expand(reshape(square(window), [1, 1, nFft]), [1, count, nFft]), hop))
    const lowest = item(amin(abs(weight)))
    if (!(typeof lowest === 'number' && lowest > 1e-11))
      throw new ArgumentError(`istft: the squared windows add up to ${lowest} somewhere; expected more than 1e-11`)
    let out = div(kept(overlapAdd(mul(frames, window), hop)), weight)
    if (length !== null && length > end - start) out = pad(out, [0, length - (end - start)])
    return self.ndim === 2 ? squeeze(out, 0) : out
  },
)
