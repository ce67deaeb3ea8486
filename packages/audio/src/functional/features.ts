// What is made of features: their changes in time, their normalization, and masks over them.
import {
  ArgumentError,
  arange,
  cat,
  DTypeError,
  F,
  IndexError,
  rand,
  type Tensor,
  tensor,
  where,
  zerosLike,
} from '@flambeau/core'
import { describe } from '@flambeau/core/errors'
import { floating, packed, positive, whole } from '../check.js'
import type { PadMode } from './spectral.js'

/** The options of `computeDeltas`. */
export interface DeltaOptions {
  /** Frames that a change is computed of. Default 5. */
  readonly winLength?: number
  /** How the ends are padded. Default 'replicate'. */
  readonly mode?: PadMode
}

/**
 * Changes in time: `d[t] = Σₙ n (c[t + n] - c[t - n]) / 2 Σₙ n²` for n up to half of `winLength`.
 *
 * @param specgram shape [..., freq, time]
 * @returns the same shape
 */
export function computeDeltas(specgram: Tensor, { winLength = 5, mode = 'replicate' }: DeltaOptions = {}): Tensor {
  floating('computeDeltas', 'specgram', specgram)
  whole('computeDeltas', 'winLength', winLength, 3)
  const reach = Math.floor((winLength - 1) / 2)
  const { batch, unpack } = packed(specgram, 1)
  const time = batch.shape[1]
  const padded = F.pad(batch.unsqueeze(0), [reach, reach], { mode }).squeeze(0)
  const at = (shift: number): Tensor => padded.narrow(1, reach + shift, time)
  let total = at(1).sub(at(-1))
  for (let n = 2; n <= reach; n++) total = total.add(at(n).sub(at(-n)).mul(n))
  return unpack(total.div((reach * (reach + 1) * (2 * reach + 1)) / 3))
}

/** The options of `slidingWindowCmn`. */
export interface CmnOptions {
  /** Frames of the window. Default 600. */
  readonly cmnWindow?: number
  /** Frames that it has at least, at the beginning; without `center`. Default 100. */
  readonly minCmnWindow?: number
  /** Whether the window is around a frame rather than before it. Default false. */
  readonly center?: boolean
  /** Whether variances become 1 as well. Default false. */
  readonly normVars?: boolean
}

/**
 * Subtracts the mean of a sliding window, as Kaldi does.
 *
 * @param specgram shape [..., time, freq]
 * @returns the same shape
 */
export function slidingWindowCmn(specgram: Tensor, options: CmnOptions = {}): Tensor {
  const { cmnWindow = 600, minCmnWindow = 100, center = false, normVars = false } = options
  floating('slidingWindowCmn', 'specgram', specgram, 2)
  whole('slidingWindowCmn', 'cmnWindow', cmnWindow)
  whole('slidingWindowCmn', 'minCmnWindow', minCmnWindow, 0)
  const { batch, unpack } = packed(specgram, 2)
  const frames = batch.shape[1]
  const starts: number[] = []
  const ends: number[] = []
  for (let t = 0; t < frames; t++) {
    let start = center ? t - Math.floor(cmnWindow / 2) : t - cmnWindow
    let end = center ? start + cmnWindow : t + 1
    if (start < 0) {
      end -= start
      start = 0
    }
    if (!center && end > t) end = Math.max(t + 1, minCmnWindow)
    if (end > frames) {
      start = Math.max(0, start - (end - frames))
      end = frames
    }
    starts.push(start)
    ends.push(end)
  }
  const index = (list: number[]): Tensor => tensor(list, { dtype: 'int64' })
  const [from, to] = [index(starts), index(ends)]
  // Differences of running sums, in double precision so that they lose nothing.
  const wide = batch.to('float64')
  const counts = tensor(
    ends.map((end, t) => end - starts[t]),
    { dtype: 'float64' },
  ).unsqueeze(1)
  const windowed = (x: Tensor): Tensor => {
    const running = F.pad(x, [0, 0, 1, 0]).cumsum(1)
    return running.indexSelect(1, to).sub(running.indexSelect(1, from)).div(counts)
  }
  const mean = windowed(wide)
  let out = wide.sub(mean)
  if (normVars) {
    const variance = windowed(wide.square()).sub(mean.square())
    out = where(counts.eq(1), zerosLike(out), out.mul(variance.pow(-0.5)))
  }
  return unpack(out.to(specgram.dtype))
}

/** The options of the masks. */
export interface MaskOptions {
  /** At most this part of the axis is masked. Default 1. */
  readonly p?: number
}

function checkMask(
  operation: string,
  specgram: Tensor,
  maskParam: number,
  axis: number,
  least: number,
  p: number,
): number {
  floating(operation, 'specgram', specgram, least)
  whole(operation, 'maskParam', maskParam, 0)
  if (axis !== specgram.ndim - 2 && axis !== specgram.ndim - 1)
    throw new IndexError(
      `${operation}: expected axis ${specgram.ndim - 2} (frequency) or ${specgram.ndim - 1} (time), got ${describe(axis)}`,
    )
  if (!(p >= 0 && p <= 1)) throw new ArgumentError(`${operation}: expected p in [0, 1], got ${describe(p)}`)
  return p === 1 ? maskParam : Math.min(maskParam, Math.trunc(specgram.shape[axis] * p))
}

/**
 * Masks a random range along an axis, the same for all of a batch. Its length is uniform in [0, maskParam).
 *
 * @param specgram shape [..., freq, time]
 * @param axis the last but one for frequency, the last for time
 */
export function maskAlongAxis(
  specgram: Tensor,
  maskParam: number,
  maskValue: number,
  axis: number,
  { p = 1 }: MaskOptions = {},
): Tensor {
  const most = checkMask('maskAlongAxis', specgram, maskParam, axis, 2, p)
  if (most < 1) return specgram
  const size = specgram.shape[axis]
  const length = rand([1], { dtype: 'float32' }).mul(most)
  const start = Math.trunc(rand([1], { dtype: 'float32' }).mul(length.neg().add(size)).item() as number)
  const end = start + Math.trunc(length.item() as number)
  const places = arange(size)
  const mask = places.ge(start).logicalAnd(places.lt(end))
  return specgram.maskedFill(axis === specgram.ndim - 2 ? mask.unsqueeze(-1) : mask, maskValue)
}

/**
 * Masks a random range along an axis, another for each sound and channel.
 *
 * @param specgrams shape [..., freq, time] with three dimensions at least
 */
export function maskAlongAxisIid(
  specgrams: Tensor,
  maskParam: number,
  maskValue: number,
  axis: number,
  { p = 1 }: MaskOptions = {},
): Tensor {
  const most = checkMask('maskAlongAxisIid', specgrams, maskParam, axis, 3, p)
  if (most < 1) return specgrams
  const size = specgrams.shape[axis]
  const { dtype } = specgrams
  const lead = specgrams.shape.slice(0, -2)
  const length = rand(lead, { dtype }).mul(most)
  const start = rand(lead, { dtype }).mul(length.neg().add(size)).to('int64')
  const end = start.add(length.to('int64'))
  const places = arange(size)
  const mask = places.ge(start.unsqueeze(-1)).logicalAnd(places.lt(end.unsqueeze(-1)))
  return specgrams.maskedFill(mask.unsqueeze(axis === specgrams.ndim - 2 ? -1 : -2), maskValue)
}

/**
 * The least number of insertions, deletions and substitutions that make one sequence of the other.
 *
 * @example
 * ```ts
 * import { functional } from '@flambeau/audio'
 * console.log(functional.editDistance('kitten', 'sitting')) // → 3
 * ```
 */
export function editDistance<T>(seq1: ArrayLike<T>, seq2: ArrayLike<T>): number {
  let before = Array.from({ length: seq2.length + 1 }, (_, j) => j)
  for (let i = 1; i <= seq1.length; i++) {
    const now = [i]
    for (let j = 1; j <= seq2.length; j++)
      now.push(seq1[i - 1] === seq2[j - 1] ? before[j - 1] : 1 + Math.min(before[j - 1], now[j - 1], before[j]))
    before = now
  }
  return before[seq2.length]
}

/** The options of `detectPitchFrequency`. */
export interface PitchOptions {
  /** Seconds a frame. Default 0.01. */
  readonly frameTime?: number
  /** Frames of the median that smooths. Default 30. */
  readonly winLength?: number
  /** Hz. Default 85. */
  readonly freqLow?: number
  /** Hz. Default 3400. */
  readonly freqHigh?: number
}

/**
 * The pitch of each frame, in Hz: where the normalized cross-correlation is largest, smoothed by a median.
 *
 * @param waveform shape [..., time]
 * @returns shape [..., frames]
 */
export function detectPitchFrequency(waveform: Tensor, sampleRate: number, options: PitchOptions = {}): Tensor {
  const { frameTime = 0.01, winLength = 30, freqLow = 85, freqHigh = 3400 } = options
  const name = 'detectPitchFrequency'
  floating(name, 'waveform', waveform)
  positive(name, 'sampleRate', sampleRate)
  positive(name, 'frameTime', frameTime)
  positive(name, 'freqLow', freqLow)
  if (!(freqHigh > freqLow))
    throw new ArgumentError(`${name}: expected freqHigh above freqLow, got ${describe(freqHigh)}`)
  whole(name, 'winLength', winLength)
  const { batch, unpack } = packed(waveform, 1)
  const lags = Math.ceil(sampleRate / freqLow)
  const frame = Math.ceil(sampleRate * frameTime)
  const frames = Math.ceil(batch.shape[1] / frame)
  const shortest = Math.ceil(sampleRate / freqHigh)
  if (frames < 1 || Math.floor(lags / 2) <= shortest)
    throw new ArgumentError(
      `${name}: expected a sound, and freqHigh of more than twice freqLow, got ${batch.shape[1]} samples`,
    )
  const padded = F.pad(batch, [0, lags + frames * frame - batch.shape[1]])
  const framed = (start: number, length: number): Tensor =>
    padded.narrow(1, start, length).unfold(-1, frame, frame).narrow(1, 0, frames)
  const tiny = 1e-9
  const length = padded.shape[1]
  const correlation = cat(
    Array.from({ length: lags }, (_, i) => {
      const [a, b] = [framed(0, length - i - 1), framed(i + 1, length - i - 1)]
      const norm = (x: Tensor): Tensor => x.square().sum(-1).sqrt().add(tiny).square()
      return a.mul(b).sum(-1).div(norm(a)).div(norm(b)).unsqueeze(-1)
    }),
    -1,
  )
  const best = correlation.narrow(-1, shortest, lags - shortest).max(-1)
  const half = correlation.narrow(-1, shortest, Math.floor(lags / 2) - shortest).max(-1)
  // A shorter period that is nearly as good is the pitch; the longer one is its octave below.
  const picked = where(half.values.gt(best.values.mul(0.99)), half.indices, best.indices).add(shortest + 1)
  const pad = Math.floor((winLength - 1) / 2)
  if (pad > frames - 1 && pad > 0)
    throw new ArgumentError(`${name}: expected at least ${pad + 1} frames for winLength ${winLength}, got ${frames}`)
  const first = picked.narrow(-1, 0, 1).expand([picked.shape[0], pad])
  const smooth = cat([first, picked], -1).unfold(-1, winLength, 1).median(-1).values
  if (smooth.isFloatingPoint()) throw new DTypeError(`${name}: expected whole periods`)
  return unpack(smooth.to('float32').add(tiny).reciprocal().mul(sampleRate))
}
