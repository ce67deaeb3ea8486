// Spectrograms and what is made of them.
import {
  ArgumentError,
  arange,
  cat,
  F,
  full,
  istft,
  linspace,
  polar,
  rand,
  ShapeError,
  stft,
  type Tensor,
  tidy,
  viewAsReal,
} from '@flambeau/core'
import { describe, formatShape } from '@flambeau/core/errors'
import { floating, packed, positive, whole } from '../check.js'

/** How ends are padded. */
export type PadMode = 'constant' | 'reflect' | 'replicate' | 'circular'

/** What frames are made of. */
export interface FrameOptions {
  /** The window, shape [winLength]. */
  readonly window: Tensor
  /** Points of a transform. */
  readonly nFft: number
  /** Samples between frames. */
  readonly hopLength: number
  readonly winLength: number
}

/** By what spectra are divided: 'window' (or true) by its Euclidean norm, 'frame_length' by √nFft. */
export type SpectrogramNorm = boolean | 'window' | 'frame_length'

/** The options of `spectrogram`. */
export interface SpectrogramOptions extends FrameOptions {
  /** Zeros added on both sides. Default 0. */
  readonly pad?: number
  /** The exponent of the magnitudes; null gives complex spectra. Default 2. */
  readonly power?: number | null
  /** Default false. */
  readonly normalized?: SpectrogramNorm
  /** Frame t is centred at sample `t · hopLength`. Default true. */
  readonly center?: boolean
  /** How the ends are padded where `center` is set. Default 'reflect'. */
  readonly padMode?: PadMode
  /** The first half of each spectrum, which says all of a real signal. Default true. */
  readonly onesided?: boolean
}

function norms(operation: string, normalized: SpectrogramNorm): { frame: boolean; window: boolean } {
  if (![true, false, 'window', 'frame_length'].includes(normalized))
    throw new ArgumentError(
      `${operation}: expected normalized to be true, false, 'window' or 'frame_length', got ${describe(normalized)}`,
    )
  return { frame: normalized === 'frame_length', window: normalized === true || normalized === 'window' }
}

const energy = (window: Tensor): Tensor => window.square().sum().sqrt()

/** Checks what a transform needs and what the signal is too short for. */
function checkFrames(operation: string, { nFft, hopLength, winLength }: FrameOptions): void {
  whole(operation, 'nFft', nFft)
  whole(operation, 'hopLength', hopLength)
  whole(operation, 'winLength', winLength)
}

/**
 * The spectrogram of a sound: the magnitudes of its short-time spectra raised to `power`, or the spectra themselves.
 *
 * @param waveform shape [..., time]
 * @returns shape [..., nFft / 2 + 1, frames]
 * @throws ShapeError for a sound that is too short to be padded
 * @example
 * ```ts
 * import { hannWindow, randn } from '@flambeau/core'
 * import { functional } from '@flambeau/audio'
 * const options = { window: hannWindow(400), nFft: 400, hopLength: 200, winLength: 400 }
 * console.log(functional.spectrogram(randn([2, 16000]), options).shape) // → [ 2, 201, 81 ]
 * ```
 */
export function spectrogram(waveform: Tensor, options: SpectrogramOptions): Tensor {
  const { window, nFft, hopLength, winLength, pad = 0, power = 2, normalized = false } = options
  const { center = true, padMode = 'reflect', onesided = true } = options
  floating('spectrogram', 'waveform', waveform)
  checkFrames('spectrogram', options)
  if (power !== null) positive('spectrogram', 'power', power)
  const by = norms('spectrogram', normalized)
  const padded = whole('spectrogram', 'pad', pad, 0) > 0 ? F.pad(waveform, [pad, pad]) : waveform
  const { batch, unpack } = packed(padded, 1)
  const length = batch.shape[1]
  if (center && padMode === 'reflect' && length <= Math.floor(nFft / 2))
    throw new ShapeError(
      `spectrogram: expected a waveform of more than nFft / 2 = ${Math.floor(nFft / 2)} samples to mirror its ends, got shape ${formatShape(padded.shape)}; choose a smaller nFft, pad, or padMode 'constant'`,
    )
  // The frames and all else on the way are large: their memory goes back at once.
  return tidy(() => {
    const mirrors = center && padMode === 'reflect'
    const spectra = stft(mirrors ? mirrored(batch, Math.floor(nFft / 2)) : batch, nFft, {
      hopLength,
      winLength,
      window,
      center: center && !mirrors,
      padMode,
      normalized: by.frame,
      onesided,
      returnComplex: true,
    })
    const scaled = by.window ? spectra.div(energy(window)) : spectra
    return unpack(power === null ? scaled : magnitudes(scaled, power))
  })
}

/** Both ends continued by what is next to them, in reverse. */
function mirrored(batch: Tensor, side: number): Tensor {
  if (side === 0) return batch
  const before = batch.narrow(1, 1, side).flip([1])
  const after = batch.narrow(1, batch.shape[1] - 1 - side, side).flip([1])
  return cat([before, batch, after], 1)
}

function magnitudes(spectra: Tensor, power: number): Tensor {
  if (power === 1) return spectra.abs()
  if (power === 2) {
    // |z|² has no root to take. In the order of memory: the terms of a frame lie side by side.
    const squares = viewAsReal(spectra.transpose(1, 2)).square()
    return squares.select(-1, 0).add(squares.select(-1, 1)).transpose(1, 2)
  }
  return spectra.abs().pow(power)
}

/** The options of `inverseSpectrogram`. */
export interface InverseSpectrogramOptions extends FrameOptions {
  /** Samples to return; null returns what the frames cover. Default null. */
  readonly length?: number | null
  /** What `spectrogram` added on both sides, taken away where `length` is given. Default 0. */
  readonly pad?: number
  /** As in `spectrogram`. Default false. */
  readonly normalized?: SpectrogramNorm
  readonly center?: boolean
  readonly onesided?: boolean
}

/**
 * The sound of complex spectra, by the least squares.
 *
 * @param spectrogram complex, shape [..., nFft / 2 + 1, frames]
 * @returns shape [..., time]
 */
export function inverseSpectrogram(spectrogram: Tensor, options: InverseSpectrogramOptions): Tensor {
  const { window, nFft, hopLength, winLength, length = null, pad = 0, normalized = false } = options
  const { center = true, onesided = true } = options
  checkSpectra('inverseSpectrogram', spectrogram)
  checkFrames('inverseSpectrogram', options)
  whole('inverseSpectrogram', 'pad', pad, 0)
  if (length !== null) whole('inverseSpectrogram', 'length', length, 0)
  const by = norms('inverseSpectrogram', normalized)
  const { batch, unpack } = packed(by.window ? spectrogram.mul(energy(window)) : spectrogram, 2)
  const total = length === null ? null : length + 2 * pad
  const sound = istft(batch, nFft, {
    hopLength,
    winLength,
    window,
    center,
    normalized: by.frame,
    onesided,
    length: total,
  })
  return unpack(length !== null && pad > 0 ? sound.narrow(1, pad, length) : sound)
}

function checkSpectra(operation: string, spectra: Tensor): void {
  if (!spectra.isComplex())
    throw new ArgumentError(
      `${operation}: expected a complex spectrogram, got ${spectra.dtype}; make it with power: null`,
    )
  if (spectra.ndim < 2)
    throw new ShapeError(`${operation}: expected shape [..., terms, frames], got ${formatShape(spectra.shape)}`)
}

/** The options of `griffinlim`. */
export interface GriffinLimOptions extends FrameOptions {
  /** The exponent of the magnitudes. Default 2. */
  readonly power?: number
  /** Rounds. Default 32. */
  readonly nIter?: number
  /** Of the fast variant, in [0, 1); 0 is the original. Default 0.99. */
  readonly momentum?: number
  /** Samples to return. */
  readonly length?: number | null
  /** Random phases to begin with, or none. Default true. */
  readonly randInit?: boolean
}

/**
 * A sound whose spectrogram has these magnitudes: phases are guessed, and made consistent in rounds.
 * [Griffin and Lim, 1984](https://doi.org/10.1109/TASSP.1984.1164317);
 * [Perraudin et al., 2013](https://doi.org/10.1109/WASPAA.2013.6701851)
 *
 * @param specgram shape [..., nFft / 2 + 1, frames]
 * @returns shape [..., time]
 */
export function griffinlim(specgram: Tensor, options: GriffinLimOptions): Tensor {
  const { window, nFft, hopLength, winLength, power = 2, nIter = 32, momentum = 0.99 } = options
  const { length = null, randInit = true } = options
  floating('griffinlim', 'specgram', specgram, 2)
  checkFrames('griffinlim', options)
  positive('griffinlim', 'power', power)
  whole('griffinlim', 'nIter', nIter, 0)
  if (!(momentum >= 0 && momentum < 1))
    throw new ArgumentError(`griffinlim: expected momentum in [0, 1), got ${describe(momentum)}`)
  const { batch, unpack } = packed(specgram, 2)
  const magnitude = batch.pow(1 / power)
  const dtype = specgram.dtype === 'float64' ? 'complex128' : 'complex64'
  let angles = randInit ? rand(magnitude.shape, { dtype }) : full(magnitude.shape, 1, { dtype })
  const frames = { hopLength, winLength, window }
  const weight = momentum / (1 + momentum)
  let previous: Tensor | null = null
  for (let i = 0; i < nIter; i++) {
    const sound = istft(magnitude.mul(angles), nFft, { ...frames, length })
    const rebuilt = stft(sound, nFft, { ...frames, returnComplex: true })
    const ahead: Tensor = previous === null || weight === 0 ? rebuilt : rebuilt.sub(previous.mul(weight))
    angles = ahead.div(ahead.abs().add(1e-16))
    previous = rebuilt
  }
  return unpack(istft(magnitude.mul(angles), nFft, { ...frames, length }))
}

/**
 * Spectra at another speed without another pitch: frames are interpolated, and phases advanced.
 *
 * @param complexSpecgrams shape [..., terms, frames]
 * @param rate how much faster
 * @param phaseAdvance what each term turns in a hop, shape [terms, 1]
 * @returns shape [..., terms, ⌈frames / rate⌉]
 */
export function phaseVocoder(complexSpecgrams: Tensor, rate: number, phaseAdvance: Tensor): Tensor {
  checkSpectra('phaseVocoder', complexSpecgrams)
  positive('phaseVocoder', 'rate', rate)
  if (rate === 1) return complexSpecgrams
  const { batch, unpack } = packed(complexSpecgrams, 2)
  const steps = arange(0, batch.shape[2], rate, { dtype: batch.dtype === 'complex128' ? 'float64' : 'float32' })
  const alphas = steps.remainder(1)
  const padded = F.pad(batch, [0, 2])
  const at = (offset: number): Tensor => padded.indexSelect(-1, steps.add(offset).to('int64'))
  const [from, to] = [at(0), at(1)]
  const turned = to.angle().sub(from.angle()).sub(phaseAdvance)
  const whole = turned
    .div(2 * Math.PI)
    .round()
    .mul(2 * Math.PI)
  const phase = turned.sub(whole).add(phaseAdvance)
  const first = batch.narrow(-1, 0, 1).angle()
  const phases = cat([first, phase.narrow(-1, 0, phase.shape[2] - 1)], -1).cumsum(-1)
  const magnitude = alphas.mul(to.abs()).add(alphas.neg().add(1).mul(from.abs()))
  return unpack(polar(magnitude, phases))
}

/**
 * The centre of gravity of each frame's spectrum, in Hz.
 *
 * @param waveform shape [..., time]
 * @returns shape [..., frames]
 */
export function spectralCentroid(
  waveform: Tensor,
  sampleRate: number,
  options: FrameOptions & { readonly pad?: number },
): Tensor {
  positive('spectralCentroid', 'sampleRate', sampleRate)
  const magnitude = spectrogram(waveform, { ...options, power: 1 })
  const { dtype } = magnitude
  const frequencies = linspace(0, Math.floor(sampleRate / 2), 1 + Math.floor(options.nFft / 2), { dtype }).reshape([
    -1, 1,
  ])
  return frequencies.mul(magnitude).sum(-2).div(magnitude.sum(-2))
}
