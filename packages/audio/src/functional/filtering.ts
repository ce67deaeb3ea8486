// Filters with coefficients: the difference equation, both ways in time, and sections of second order.
import { ArgumentError, cat, linearFilter, ShapeError, stack, Tensor, tensor, tidy } from '@flambeau/core'
import { describe, formatShape } from '@flambeau/core/errors'
import { floating } from '../check.js'

/** The options of `lfilter`. */
export interface LfilterOptions {
  /** Clips the result to [-1, 1]. Default true. */
  readonly clamp?: boolean
  /**
   * With several filters: filter i is for channel i, rather than each for all of the waveform, which gives a new
   * dimension before the last. Default true.
   */
  readonly batching?: boolean
}

/**
 * The linear filter `a[0] y[t] = Σ b[k] x[t - k] - Σ a[k > 0] y[t - k]` along time, from rest. Gradients reach the sound
 * and the coefficients.
 *
 * @param waveform shape [..., time], or [..., filters, time]
 * @param aCoeffs what feeds back, shape [order + 1] or [filters, order + 1]
 * @param bCoeffs what feeds forward, of the same shape
 * @returns the waveform's shape
 * @example
 * ```ts
 * import { tensor } from '@flambeau/core'
 * import { functional } from '@flambeau/audio'
 * const y = functional.lfilter(tensor([1, 0, 0, 0]), tensor([1, -0.5]), tensor([0.5, 0]))
 * console.log(y.toArray()) // → [ 0.5, 0.25, 0.125, 0.0625 ]
 * ```
 */
export function lfilter(
  waveform: Tensor,
  aCoeffs: Tensor,
  bCoeffs: Tensor,
  { clamp = true, batching = true }: LfilterOptions = {},
): Tensor {
  floating('lfilter', 'waveform', waveform)
  floating('lfilter', 'aCoeffs', aCoeffs)
  if (String(aCoeffs.shape) !== String(bCoeffs.shape))
    throw new ShapeError(
      `lfilter: expected aCoeffs and bCoeffs of one shape, got ${formatShape(aCoeffs.shape)} and ${formatShape(bCoeffs.shape)}`,
    )
  if (aCoeffs.ndim > 2 || aCoeffs.numel() === 0)
    throw new ShapeError(
      `lfilter: expected coefficients of shape [order + 1] or [filters, order + 1], got ${formatShape(aCoeffs.shape)}`,
    )
  const several = aCoeffs.ndim === 2
  const [a, b] = several ? [aCoeffs, bCoeffs] : [aCoeffs.unsqueeze(0), bCoeffs.unsqueeze(0)]
  const filters = a.shape[0]
  let signals = waveform
  if (several && !batching) signals = stack(Array<Tensor>(filters).fill(waveform), -2)
  else if (several && (waveform.ndim < 2 || waveform.shape.at(-2) !== filters))
    throw new ShapeError(
      `lfilter: expected a waveform of shape [..., ${filters}, time] for ${filters} filters, got ${formatShape(waveform.shape)}; batching: false applies each to all of it`,
    )
  return tidy(() => {
    const lines = signals.reshape([-1, filters, signals.shape[signals.ndim - 1]])
    const half = lines.dtype !== 'float32' && lines.dtype !== 'float64'
    const computed = half
      ? linearFilter(lines.to('float32'), a.to('float32'), b.to('float32')).to(lines.dtype)
      : linearFilter(lines, a, b)
    return (clamp ? computed.clamp(-1, 1) : computed).reshape(signals.shape)
  })
}

/** `lfilter` forward and then backward in time: no delay, and twice the attenuation. */
export function filtfilt(
  waveform: Tensor,
  aCoeffs: Tensor,
  bCoeffs: Tensor,
  { clamp = true }: Pick<LfilterOptions, 'clamp'> = {},
): Tensor {
  const forward = lfilter(waveform, aCoeffs, bCoeffs, { clamp: false })
  return lfilter(forward.flip([-1]), aCoeffs, bCoeffs, { clamp }).flip([-1])
}

/** A coefficient: a number, or a tensor of one element, to which gradients flow. */
export type Coefficient = number | Tensor

/** A filter of second order, clipped to [-1, 1]: `(b0 + b1 z⁻¹ + b2 z⁻²) / (a0 + a1 z⁻¹ + a2 z⁻²)`. */
export function biquad(
  waveform: Tensor,
  b0: Coefficient,
  b1: Coefficient,
  b2: Coefficient,
  a0: Coefficient,
  a1: Coefficient,
  a2: Coefficient,
): Tensor {
  floating('biquad', 'waveform', waveform)
  const one = (value: Coefficient): Tensor => {
    if (value instanceof Tensor) return value.to(waveform.dtype).reshape([1])
    if (typeof value !== 'number' || Number.isNaN(value))
      throw new ArgumentError(`biquad: expected coefficients to be numbers or tensors, got ${describe(value)}`)
    return tensor([value], { dtype: waveform.dtype })
  }
  return lfilter(waveform, cat([one(a0), one(a1), one(a2)]), cat([one(b0), one(b1), one(b2)]))
}
