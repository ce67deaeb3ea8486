// Other sample rates, by a windowed sinc. https://ccrma.stanford.edu/~jos/resample/
import {
  ArgumentError,
  arange,
  cat,
  type DType,
  F,
  hannWindow,
  istft,
  linspace,
  special,
  stft,
  type Tensor,
  tensor,
  tidy,
  where,
} from '@flambeau/core'
import { describe } from '@flambeau/core/errors'
import { floating, oneOf, packed, positive, whole } from '../check.js'
import { phaseVocoder } from './spectral.js'

/** The window over the sinc; TorchAudio's older names mean the same. */
export type ResamplingMethod = 'sinc_interp_hann' | 'sinc_interp_kaiser' | 'sinc_interpolation' | 'kaiser_window'

const METHODS: readonly ResamplingMethod[] = [
  'sinc_interp_hann',
  'sinc_interp_kaiser',
  'sinc_interpolation',
  'kaiser_window',
]

/** The options of `resample`. */
export interface ResampleOptions {
  /** Zero crossings of the sinc on either side: more are sharper and slower. Default 6. */
  readonly lowpassFilterWidth?: number
  /** The cut-off as a part of the Nyquist frequency. Default 0.99. */
  readonly rolloff?: number
  /** Default 'sinc_interp_hann'. */
  readonly resamplingMethod?: ResamplingMethod
  /** Of the Kaiser window. Default 14.769656459379492. */
  readonly beta?: number | null
}

/** Outputs that are computed together: `matrix` times the inputs from `start` on. */
interface Group {
  readonly start: number
  /** Shape [inputs, outputs]. */
  readonly matrix: Tensor
}

/**
 * @internal The filters for two sample rates. An output needs few inputs, another few for each of the outputs of a
 * period, so a group of outputs that are close to each other is a small product of matrices.
 */
export interface SincBank {
  /** Samples of input and output of a block; the next has the same filters. */
  readonly inputs: number
  readonly outputs: number
  readonly groups: readonly Group[]
  readonly origFreq: number
  readonly newFreq: number
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b)
}

/** Outputs of a group at least: fewer make the products too small. */
const GROUP = 32

/** @internal The filters for two sample rates, computed in `dtype`. */
export function sincBank(
  operation: string,
  originalFreq: number,
  targetFreq: number,
  dtype: DType,
  options: ResampleOptions,
): SincBank {
  const { lowpassFilterWidth = 6, rolloff = 0.99, resamplingMethod = 'sinc_interp_hann' } = options
  whole(operation, 'origFreq', originalFreq)
  whole(operation, 'newFreq', targetFreq)
  whole(operation, 'lowpassFilterWidth', lowpassFilterWidth)
  positive(operation, 'rolloff', rolloff)
  oneOf(operation, 'resamplingMethod', resamplingMethod, METHODS)
  const gcd = greatestCommonDivisor(originalFreq, targetFreq)
  const [origFreq, newFreq] = [originalFreq / gcd, targetFreq / gcd]
  const baseFreq = Math.min(origFreq, newFreq) * rolloff
  const reach = (lowpassFilterWidth * origFreq) / baseFreq
  if (reach * newFreq > 2 ** 24)
    throw new ArgumentError(
      `${operation}: expected sample rates with a larger common divisor, got ${originalFreq} and ${targetFreq}; round one of them`,
    )
  const periods = Math.ceil(GROUP / newFreq)
  const outputs = newFreq * periods
  const size = Math.min(outputs, Math.max(GROUP, Math.ceil((2 * reach * newFreq) / origFreq)))
  const column = (list: number[], of: number): Tensor => tensor(list, { dtype }).div(of)
  const groups = Array.from({ length: Math.ceil(outputs / size) }, (_, g): Group => {
    const first = g * size
    const count = Math.min(size, outputs - first)
    const start = Math.ceil((first * origFreq) / newFreq - reach)
    const end = Math.floor(((first + count - 1) * origFreq) / newFreq + reach)
    const at = arange(start, end + 1, { dtype })
      .div(origFreq)
      .unsqueeze(1)
    const places = Array.from({ length: count }, (_, i) => first + i)
    const period = column(
      places.map((n) => Math.floor(n / newFreq)),
      1,
    )
    const phase = column(
      places.map((n) => n % newFreq),
      newFreq,
    )
    const t = at.sub(period).sub(phase).mul(baseFreq).clamp(-lowpassFilterWidth, lowpassFilterWidth)
    const window = resamplingMethod.includes('kaiser')
      ? kaiser(t, lowpassFilterWidth, options.beta ?? 14.769656459379492)
      : t
          .mul(Math.PI / lowpassFilterWidth / 2)
          .cos()
          .square()
    const x = t.mul(Math.PI)
    const sinc = where(x.eq(0), tensor(1, { dtype }), x.sin().div(x))
    return { start, matrix: sinc.mul(window.mul(baseFreq / origFreq)) }
  })
  return { inputs: origFreq * periods, outputs, groups, origFreq, newFreq }
}

function kaiser(t: Tensor, width: number, beta: number): Tensor {
  const top = special.i0(tensor(beta, { dtype: t.dtype }))
  return special.i0(t.div(width).square().neg().add(1).clampMin(0).sqrt().mul(beta)).div(top)
}

/** @internal */
export function applySincBank(operation: string, waveform: Tensor, bank: SincBank): Tensor {
  floating(operation, 'waveform', waveform)
  const { inputs, outputs, groups } = bank
  const { batch, unpack } = packed(waveform, 1)
  const length = Math.ceil((bank.newFreq * batch.shape[1]) / bank.origFreq)
  const blocks = Math.ceil(length / outputs)
  if (blocks === 0) return unpack(batch)
  const left = Math.max(0, ...groups.map(({ start }) => -start))
  const right = Math.max(...groups.map(({ start, matrix }) => start + matrix.shape[0]))
  const total = (blocks - 1) * inputs + right
  return tidy(() => {
    const padded = F.pad(batch, [left, Math.max(0, total - batch.shape[1])])
    const parts = groups.map(({ start, matrix }) => {
      const taps = matrix.shape[0]
      const frames = padded.narrow(1, left + start, (blocks - 1) * inputs + taps).unfold(1, taps, inputs)
      return frames.matmul(matrix.dtype === waveform.dtype ? matrix : matrix.to(waveform.dtype))
    })
    const sound = parts.length === 1 ? parts[0] : cat(parts, -1)
    return unpack(sound.reshape([batch.shape[0], blocks * outputs]).narrow(1, 0, length))
  })
}

/**
 * A sound at another sample rate, by interpolation with a windowed sinc.
 *
 * @param waveform shape [..., time]
 * @param origFreq its sample rate, a whole number
 * @param newFreq the one wanted, a whole number
 * @returns shape [..., ⌈time · newFreq / origFreq⌉]
 * @example
 * ```ts
 * import { randn } from '@flambeau/core'
 * import { functional } from '@flambeau/audio'
 * console.log(functional.resample(randn([2, 44100]), 44100, 16000).shape) // → [ 2, 16000 ]
 * ```
 */
export function resample(waveform: Tensor, origFreq: number, newFreq: number, options: ResampleOptions = {}): Tensor {
  floating('resample', 'waveform', waveform)
  whole('resample', 'origFreq', origFreq)
  whole('resample', 'newFreq', newFreq)
  if (origFreq === newFreq) return waveform
  return applySincBank('resample', waveform, sincBank('resample', origFreq, newFreq, waveform.dtype, options))
}

/** The options of `pitchShift`. */
export interface PitchShiftOptions {
  /** Steps an octave. Default 12. */
  readonly binsPerOctave?: number
  /** Default 512. */
  readonly nFft?: number
  /** Default: `nFft`. */
  readonly winLength?: number
  /** Default: a quarter of `nFft`. */
  readonly hopLength?: number
  /** Shape [winLength]. Default: a Hann window. */
  readonly window?: Tensor
}

/** @internal The sound stretched by what the pitch is to be shifted by. */
export function stretchWaveform(
  operation: string,
  waveform: Tensor,
  nSteps: number,
  options: PitchShiftOptions,
): Tensor {
  const { binsPerOctave = 12, nFft = 512, winLength = nFft, hopLength = Math.floor(nFft / 4) } = options
  floating(operation, 'waveform', waveform)
  if (!Number.isFinite(nSteps))
    throw new ArgumentError(`${operation}: expected nSteps to be a number, got ${describe(nSteps)}`)
  whole(operation, 'binsPerOctave', binsPerOctave)
  whole(operation, 'nFft', nFft)
  const { dtype } = waveform
  const window = options.window ?? hannWindow(winLength, { dtype })
  const frames = { hopLength, winLength, window }
  const { batch, unpack } = packed(waveform, 1)
  const rate = 2 ** (-nSteps / binsPerOctave)
  const spectra = stft(batch, nFft, { ...frames, returnComplex: true })
  const advance = linspace(0, Math.PI * hopLength, spectra.shape[1], { dtype }).unsqueeze(1)
  const length = Math.round(batch.shape[1] / rate)
  return unpack(istft(phaseVocoder(spectra, rate, advance), nFft, { ...frames, length }))
}

/** @internal Cut or padded to a length. */
export function fitLength(waveform: Tensor, length: number): Tensor {
  const now = waveform.shape[waveform.ndim - 1]
  return now >= length ? waveform.narrow(-1, 0, length) : F.pad(waveform, [0, length - now])
}

/** @internal The sample rate that the stretched sound is taken for. */
export const shiftedRate = (sampleRate: number, nSteps: number, binsPerOctave = 12): number =>
  Math.trunc(sampleRate / 2 ** (-nSteps / binsPerOctave))

/**
 * A sound with another pitch and the same length.
 *
 * @param waveform shape [..., time]
 * @param nSteps how much higher, in steps of which `binsPerOctave` make an octave
 * @returns shape [..., time]
 */
export function pitchShift(
  waveform: Tensor,
  sampleRate: number,
  nSteps: number,
  options: PitchShiftOptions = {},
): Tensor {
  whole('pitchShift', 'sampleRate', sampleRate)
  const stretched = stretchWaveform('pitchShift', waveform, nSteps, options)
  const from = shiftedRate(sampleRate, nSteps, options.binsPerOctave)
  return fitLength(resample(stretched, from, sampleRate), waveform.shape[waveform.ndim - 1])
}

/**
 * A sound played faster: shorter and higher.
 *
 * @param waveform shape [..., time]
 * @param lengths valid samples of each, shape [...]; null where all are
 * @param factor how much faster
 * @returns the sound and its valid lengths
 */
export function speed(
  waveform: Tensor,
  origFreq: number,
  factor: number,
  lengths: Tensor | null = null,
): [waveform: Tensor, lengths: Tensor | null] {
  positive('speed', 'factor', factor)
  whole('speed', 'origFreq', origFreq)
  const source = Math.trunc(factor * origFreq)
  const gcd = greatestCommonDivisor(source, origFreq)
  const [from, to] = [source / gcd, origFreq / gcd]
  if (from === 0) throw new ArgumentError(`speed: expected a factor of at least 1 / origFreq, got ${factor}`)
  const valid = lengths === null ? null : lengths.mul(to).div(from).ceil().to(lengths.dtype)
  return [resample(waveform, from, to), valid]
}
