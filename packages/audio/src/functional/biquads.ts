// Filters of second order by what they do. https://webaudio.github.io/Audio-EQ-Cookbook/audio-eq-cookbook.html
import { ArgumentError, Tensor, tensor } from '@flambeau/core'
import { floating, positive } from '../check.js'
import { biquad, type Coefficient } from './filtering.js'

/** The options of most filters. */
export interface BiquadOptions {
  /** The quality: the higher, the narrower. Default 0.707. */
  readonly Q?: Coefficient
}

interface Angles {
  readonly cos: Tensor
  readonly alpha: Tensor
}

/** TorchAudio's default quality: 1/√2, rounded as it has it. */
// biome-ignore lint/suspicious/noApproximativeNumericConstant: rounded
const FLAT = 0.707

const asTensor = (waveform: Tensor, value: Coefficient): Tensor =>
  value instanceof Tensor ? value.to(waveform.dtype) : tensor(value, { dtype: waveform.dtype })

/** What all formulas begin with: ω₀ = 2π f / rate, its cosine, and α = sin ω₀ / 2Q. */
function anglesOf(operation: string, waveform: Tensor, sampleRate: number, freq: Coefficient, Q: Coefficient): Angles {
  floating(operation, 'waveform', waveform)
  positive(operation, 'sampleRate', sampleRate)
  if (typeof freq === 'number') positive(operation, 'the frequency', freq)
  if (typeof Q === 'number') positive(operation, 'Q', Q)
  const w0 = asTensor(waveform, freq)
    .mul(2 * Math.PI)
    .div(sampleRate)
  return { cos: w0.cos(), alpha: w0.sin().div(2).div(asTensor(waveform, Q)) }
}

/** 1 ± α and -2 cos ω₀: the feedback of most of them. */
const denominator = ({ cos, alpha }: Angles): [Tensor, Tensor, Tensor] => [
  alpha.add(1),
  cos.mul(-2),
  alpha.neg().add(1),
]

/** What is below `cutoffFreq` passes. @param waveform shape [..., time] */
export function lowpassBiquad(
  waveform: Tensor,
  sampleRate: number,
  cutoffFreq: Coefficient,
  { Q = FLAT }: BiquadOptions = {},
): Tensor {
  const angles = anglesOf('lowpassBiquad', waveform, sampleRate, cutoffFreq, Q)
  const b1 = angles.cos.neg().add(1)
  return biquad(waveform, b1.div(2), b1, b1.div(2), ...denominator(angles))
}

/** What is above `cutoffFreq` passes. @param waveform shape [..., time] */
export function highpassBiquad(
  waveform: Tensor,
  sampleRate: number,
  cutoffFreq: Coefficient,
  { Q = FLAT }: BiquadOptions = {},
): Tensor {
  const angles = anglesOf('highpassBiquad', waveform, sampleRate, cutoffFreq, Q)
  const sum = angles.cos.add(1)
  return biquad(waveform, sum.div(2), sum.neg(), sum.div(2), ...denominator(angles))
}

/** All passes, with other phases around `centralFreq`. @param waveform shape [..., time] */
export function allpassBiquad(
  waveform: Tensor,
  sampleRate: number,
  centralFreq: Coefficient,
  { Q = FLAT }: BiquadOptions = {},
): Tensor {
  const angles = anglesOf('allpassBiquad', waveform, sampleRate, centralFreq, Q)
  const [a0, a1, a2] = denominator(angles)
  return biquad(waveform, a2, a1, a0, a0, a1, a2)
}

/** What is around `centralFreq` passes. @param waveform shape [..., time] */
export function bandpassBiquad(
  waveform: Tensor,
  sampleRate: number,
  centralFreq: Coefficient,
  { Q = FLAT, constSkirtGain = false }: BiquadOptions & { readonly constSkirtGain?: boolean } = {},
): Tensor {
  const angles = anglesOf('bandpassBiquad', waveform, sampleRate, centralFreq, Q)
  // sin ω₀ / 2 keeps the skirts' gain, α the peak's.
  const b0 = constSkirtGain ? angles.alpha.mul(asTensor(waveform, Q)) : angles.alpha
  return biquad(waveform, b0, 0, b0.neg(), ...denominator(angles))
}

/** What is around `centralFreq` is taken out. @param waveform shape [..., time] */
export function bandrejectBiquad(
  waveform: Tensor,
  sampleRate: number,
  centralFreq: Coefficient,
  { Q = FLAT }: BiquadOptions = {},
): Tensor {
  const angles = anglesOf('bandrejectBiquad', waveform, sampleRate, centralFreq, Q)
  return biquad(waveform, 1, angles.cos.mul(-2), 1, ...denominator(angles))
}

/** What is around `centralFreq` passes, as in SoX's `band`; `noise` is for sounds without pitch. */
export function bandBiquad(
  waveform: Tensor,
  sampleRate: number,
  centralFreq: Coefficient,
  { Q = FLAT, noise = false }: BiquadOptions & { readonly noise?: boolean } = {},
): Tensor {
  const { cos } = anglesOf('bandBiquad', waveform, sampleRate, centralFreq, Q)
  const bandwidth = asTensor(waveform, centralFreq).div(asTensor(waveform, Q))
  const a2 = bandwidth.mul((-2 * Math.PI) / sampleRate).exp()
  const a1 = a2.mul(-4).div(a2.add(1)).mul(cos)
  const rest = a2.neg().add(1)
  const b0 = a1.square().div(a2.mul(4)).neg().add(1).sqrt().mul(rest)
  if (!noise) return biquad(waveform, b0, 0, 0, 1, a1, a2)
  const sum = a2.add(1)
  return biquad(waveform, sum.square().sub(a1.square()).mul(rest).div(sum).sqrt(), 0, 0, 1, a1, a2)
}

/** What is around `centerFreq` is made louder by `gain` decibels. @param waveform shape [..., time] */
export function equalizerBiquad(
  waveform: Tensor,
  sampleRate: number,
  centerFreq: Coefficient,
  gain: Coefficient,
  { Q = FLAT }: BiquadOptions = {},
): Tensor {
  const { cos, alpha } = anglesOf('equalizerBiquad', waveform, sampleRate, centerFreq, Q)
  const A = amplitude(waveform, gain)
  const [up, down] = [alpha.mul(A), alpha.div(A)]
  const a1 = cos.mul(-2)
  return biquad(waveform, up.add(1), a1, up.neg().add(1), down.add(1), a1, down.neg().add(1))
}

/** The root of the gain that `decibels` are. */
const amplitude = (waveform: Tensor, decibels: Coefficient): Tensor =>
  asTensor(waveform, decibels)
    .mul(Math.LN10 / 40)
    .exp()

/** A shelf: what is on one side of a frequency is made louder. `side` is 1 for the lower one, -1 for the upper. */
function shelf(waveform: Tensor, { cos, alpha }: Angles, A: Tensor, side: 1 | -1): Tensor {
  const slope = A.sqrt().mul(2).mul(alpha)
  const minus = A.sub(1).mul(cos).mul(side)
  const plus = A.add(1).mul(cos).mul(side)
  const a0 = A.add(1).add(minus).add(slope)
  return biquad(
    waveform,
    A.mul(A.add(1).sub(minus).add(slope)).div(a0),
    A.mul(A.sub(1).sub(plus))
      .mul(2 * side)
      .div(a0),
    A.mul(A.add(1).sub(minus).sub(slope)).div(a0),
    1,
    A.sub(1)
      .add(plus)
      .mul(-2 * side)
      .div(a0),
    A.add(1).add(minus).sub(slope).div(a0),
  )
}

/** The options of the shelves. */
export interface ShelfOptions extends BiquadOptions {
  /** In Hz. Default 100 for bass, 3000 for treble. */
  readonly centralFreq?: Coefficient
}

/** What is low is made louder by `gain` decibels. @param waveform shape [..., time] */
export function bassBiquad(
  waveform: Tensor,
  sampleRate: number,
  gain: Coefficient,
  { centralFreq = 100, Q = FLAT }: ShelfOptions = {},
): Tensor {
  const angles = anglesOf('bassBiquad', waveform, sampleRate, centralFreq, Q)
  return shelf(waveform, angles, amplitude(waveform, gain), 1)
}

/** What is high is made louder by `gain` decibels. @param waveform shape [..., time] */
export function trebleBiquad(
  waveform: Tensor,
  sampleRate: number,
  gain: Coefficient,
  { centralFreq = 3000, Q = FLAT }: ShelfOptions = {},
): Tensor {
  const angles = anglesOf('trebleBiquad', waveform, sampleRate, centralFreq, Q)
  return shelf(waveform, angles, amplitude(waveform, gain), -1)
}

/** Undoes the emphasis of compact discs: an upper shelf. @param sampleRate 44100 or 48000 */
export function deemphBiquad(waveform: Tensor, sampleRate: number): Tensor {
  floating('deemphBiquad', 'waveform', waveform)
  const curves: Readonly<Record<number, readonly [freq: number, slope: number, gain: number]>> = {
    44100: [5283, 0.4845, -9.477],
    48000: [5356, 0.479, -9.62],
  }
  const curve = curves[sampleRate]
  if (curve === undefined)
    throw new ArgumentError(`deemphBiquad: expected sampleRate 44100 or 48000, got ${String(sampleRate)}`)
  const [freq, slope, gain] = curve
  const w0 = (2 * Math.PI * freq) / sampleRate
  const A = Math.exp((gain / 40) * Math.LN10)
  const alpha = (Math.sin(w0) / 2) * Math.sqrt((A + 1 / A) * (1 / slope - 1) + 2)
  const double = (value: number): Tensor => tensor(value, { dtype: 'float64' })
  return shelf(waveform, { cos: double(Math.cos(w0)), alpha: double(alpha) }, double(A), -1)
}

/** Zeros and poles of the curve of long-playing records. */
const RIAA: Readonly<Record<number, { readonly zeros: readonly number[]; readonly poles: readonly number[] }>> = {
  44100: { zeros: [-0.2014898, 0.923382], poles: [0.7083149, 0.9924091] },
  48000: { zeros: [-0.1766069, 0.932159], poles: [0.7396325, 0.993133] },
  88200: { zeros: [-0.1168735, 0.9648312], poles: [0.8590646, 0.9964002] },
  96000: { zeros: [-0.1141486, 0.9676817], poles: [0.8699137, 0.9966946] },
}

/** Undoes the curve of long-playing records. @param sampleRate 44100, 48000, 88200 or 96000 */
export function riaaBiquad(waveform: Tensor, sampleRate: number): Tensor {
  floating('riaaBiquad', 'waveform', waveform)
  const curve = RIAA[sampleRate]
  if (curve === undefined)
    throw new ArgumentError(
      `riaaBiquad: expected sampleRate ${Object.keys(RIAA).join(', ')}, got ${String(sampleRate)}`,
    )
  const polynomial = ([p, q]: readonly number[]): [number, number, number] => [1, -(p + q), p * q]
  const b = polynomial(curve.zeros)
  const a = polynomial(curve.poles)
  // The gain at 1 kHz becomes 1.
  const y = (2 * Math.PI * 1000) / sampleRate
  const power = ([c0, c1, c2]: readonly number[]): number =>
    (c0 + c1 * Math.cos(y) + c2 * Math.cos(2 * y)) ** 2 + (c1 * Math.sin(y) + c2 * Math.sin(2 * y)) ** 2
  const g = Math.sqrt(power(a) / power(b))
  return biquad(waveform, b[0] * g, b[1] * g, b[2] * g, ...a)
}
