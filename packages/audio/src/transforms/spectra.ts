// Spectrograms as modules, with the window as a buffer.
import { ArgumentError, hannWindow, linspace, nn, optim, rand, ShapeError, type Tensor, tidy } from '@flambeau/core'
import { describe, formatShape } from '@flambeau/core/errors'
import { oneOf, positive, whole } from '../check.js'
import { amplitudeToDB } from '../functional/levels.js'
import { createDct, linearFbanks, type MelScaleName, melscaleFbanks } from '../functional/mel.js'
import {
  griffinlim,
  inverseSpectrogram,
  type PadMode,
  phaseVocoder,
  type SpectrogramNorm,
  spectralCentroid,
  spectrogram,
} from '../functional/spectral.js'

/** The options of all modules that cut a sound into frames. */
export interface FrameOptions {
  /** Points of a transform. Default 400. */
  readonly nFft?: number
  /** Default: `nFft`. */
  readonly winLength?: number | null
  /** Samples between frames. Default: half of `winLength`. */
  readonly hopLength?: number | null
  /** Makes the window. Default: `hannWindow`. */
  readonly windowFn?: (length: number) => Tensor
}

interface Frames {
  readonly nFft: number
  readonly winLength: number
  readonly hopLength: number
  readonly window: Tensor
}

function framesOf(
  operation: string,
  { nFft = 400, winLength, hopLength, windowFn = hannWindow }: FrameOptions,
): Frames {
  whole(operation, 'nFft', nFft)
  const length = whole(operation, 'winLength', winLength ?? nFft)
  const hop = whole(operation, 'hopLength', hopLength ?? Math.floor(length / 2))
  const window = windowFn(length)
  if (window.ndim !== 1 || window.shape[0] !== length)
    throw new ShapeError(`${operation}: expected windowFn to give shape [${length}], got ${formatShape(window.shape)}`)
  return { nFft, winLength: length, hopLength: hop, window }
}

/** What all of these modules know about their frames. */
abstract class Framed<Args extends unknown[] = [Tensor]> extends nn.Module<Args> {
  readonly nFft: number
  readonly winLength: number
  readonly hopLength: number
  readonly window: Tensor

  constructor(options: FrameOptions) {
    super()
    const { nFft, winLength, hopLength, window } = framesOf(new.target.name, options)
    this.nFft = nFft
    this.winLength = winLength
    this.hopLength = hopLength
    this.window = this.registerBuffer('window', window)
  }

  protected get frames(): Frames {
    const { nFft, winLength, hopLength, window } = this
    return { nFft, winLength, hopLength, window }
  }

  override extraRepr(): string {
    return `nFft=${this.nFft}, winLength=${this.winLength}, hopLength=${this.hopLength}`
  }
}

/** The options of `Spectrogram`. */
export interface SpectrogramOptions extends FrameOptions {
  /** Zeros added on both sides. Default 0. */
  readonly pad?: number
  /** The exponent of the magnitudes; null gives complex spectra. Default 2. */
  readonly power?: number | null
  /** Default false. @see functional.spectrogram */
  readonly normalized?: SpectrogramNorm
  /** Frame t is centred at sample `t · hopLength`. Default true. */
  readonly center?: boolean
  /** Default 'reflect'. */
  readonly padMode?: PadMode
  /** Default true. */
  readonly onesided?: boolean
}

/**
 * Spectrograms of sounds.
 *
 * Shape: [..., time] → [..., nFft / 2 + 1, frames]
 *
 * @example
 * ```ts
 * import { randn } from '@flambeau/core'
 * import { transforms } from '@flambeau/audio'
 * console.log(new transforms.Spectrogram({ nFft: 512 }).forward(randn([1, 16000])).shape) // → [ 1, 257, 63 ]
 * ```
 */
export class Spectrogram extends Framed {
  readonly #options: SpectrogramOptions

  constructor(options: SpectrogramOptions = {}) {
    super(options)
    this.#options = options
  }

  override forward(waveform: Tensor): Tensor {
    const { pad, power, normalized, center, padMode, onesided } = this.#options
    return spectrogram(waveform, { ...this.frames, pad, power, normalized, center, padMode, onesided })
  }
}

/** The options of `InverseSpectrogram`. */
export type InverseSpectrogramOptions = Omit<SpectrogramOptions, 'power' | 'padMode'>

/**
 * Sounds of complex spectrograms.
 *
 * Shape: [..., nFft / 2 + 1, frames] → [..., time]; `forward` takes the length as well
 */
export class InverseSpectrogram extends Framed<[spectrogram: Tensor, length?: number | null]> {
  readonly #options: InverseSpectrogramOptions

  constructor(options: InverseSpectrogramOptions = {}) {
    super(options)
    this.#options = options
  }

  override forward(spectrogram: Tensor, length: number | null = null): Tensor {
    const { pad, normalized, center, onesided } = this.#options
    return inverseSpectrogram(spectrogram, { ...this.frames, length, pad, normalized, center, onesided })
  }
}

/** The options of `GriffinLim`. */
export interface GriffinLimOptions extends FrameOptions {
  /** Rounds. Default 32. */
  readonly nIter?: number
  /** The exponent of the magnitudes. Default 2. */
  readonly power?: number
  /** Default 0.99. */
  readonly momentum?: number
  readonly length?: number | null
  /** Default true. */
  readonly randInit?: boolean
}

/** Sounds of magnitudes, whose phases are guessed. Shape: [..., nFft / 2 + 1, frames] → [..., time] */
export class GriffinLim extends Framed {
  readonly #options: GriffinLimOptions

  constructor(options: GriffinLimOptions = {}) {
    super(options)
    const { momentum = 0.99 } = options
    if (!(momentum >= 0 && momentum < 1))
      throw new ArgumentError(`GriffinLim: expected momentum in [0, 1), got ${describe(momentum)}`)
    this.#options = options
  }

  override forward(specgram: Tensor): Tensor {
    const { nIter, power, momentum, length, randInit } = this.#options
    return griffinlim(specgram, { ...this.frames, nIter, power, momentum, length, randInit })
  }
}

/** The centre of gravity of each frame's spectrum. Shape: [..., time] → [..., frames] */
export class SpectralCentroid extends Framed {
  readonly sampleRate: number
  readonly pad: number

  constructor(sampleRate: number, options: FrameOptions & { readonly pad?: number } = {}) {
    super(options)
    this.sampleRate = positive('SpectralCentroid', 'sampleRate', sampleRate)
    this.pad = options.pad ?? 0
  }

  override forward(waveform: Tensor): Tensor {
    return spectralCentroid(waveform, this.sampleRate, { ...this.frames, pad: this.pad })
  }
}

/** The options of `AmplitudeToDB`. */
export interface AmplitudeToDBOptions {
  /** What the spectrogram holds: 'power', the default, or 'magnitude'. */
  readonly stype?: 'power' | 'magnitude'
  /** Nothing is more decibels below the loudest. Default null: no limit. */
  readonly topDb?: number | null
}

/** Decibels. Shape: [..., freq, time] → the same */
export class AmplitudeToDB extends nn.Module {
  readonly stype: 'power' | 'magnitude'
  readonly topDb: number | null

  constructor({ stype = 'power', topDb = null }: AmplitudeToDBOptions = {}) {
    super()
    this.stype = oneOf('AmplitudeToDB', 'stype', stype, ['power', 'magnitude'])
    if (topDb !== null && !(topDb >= 0))
      throw new ArgumentError(`AmplitudeToDB: expected topDb to be a number ≥ 0, got ${describe(topDb)}`)
    this.topDb = topDb
  }

  override forward(x: Tensor): Tensor {
    return amplitudeToDB(x, { multiplier: this.stype === 'power' ? 10 : 20, topDb: this.topDb })
  }
}

/** The options of `MelScale`. */
export interface MelScaleOptions {
  /** Filters. Default 128. */
  readonly nMels?: number
  /** Default 16000. */
  readonly sampleRate?: number
  /** Hz. Default 0. */
  readonly fMin?: number
  /** Hz. Default: half of the sample rate. */
  readonly fMax?: number | null
  /** Terms of a spectrum. Default 201. */
  readonly nStft?: number
  /** 'slaney' gives each filter the area 1. Default null. */
  readonly norm?: 'slaney' | null
  /** Default 'htk'. */
  readonly melScale?: MelScaleName
}

function melFilters(operation: string, options: MelScaleOptions): Tensor {
  const { nMels = 128, sampleRate = 16000, fMin = 0, fMax, nStft = 201, norm = null, melScale = 'htk' } = options
  positive(operation, 'sampleRate', sampleRate)
  return melscaleFbanks(nStft, fMin, fMax ?? Math.floor(sampleRate / 2), nMels, sampleRate, { norm, melScale })
}

/** [..., n, time] times a matrix [n, m], along n: one product of matrices, whatever the batch. */
function along(x: Tensor, matrix: Tensor): Tensor {
  const lines = x.transpose(-1, -2)
  const [n, m] = matrix.shape
  if (lines.shape[lines.ndim - 1] !== n)
    throw new ShapeError(
      `MelScale: expected ${n} terms in the last but one dimension, got shape ${formatShape(x.shape)}`,
    )
  return tidy(() =>
    lines
      .reshape([-1, n])
      .matmul(matrix)
      .reshape([...lines.shape.slice(0, -1), m])
      .transpose(-1, -2),
  )
}

/**
 * `use(t)`, where `t` is what `from` gave: its memory goes back at once, unless a hook may have kept it (a module with
 * hooks has a `forward` of its own).
 */
function passOn(from: nn.AnyModule, t: Tensor, use: (t: Tensor) => Tensor): Tensor {
  const out = use(t)
  if (!Object.hasOwn(from, 'forward')) t.dispose()
  return out
}

/** Spectra on the mel scale. Shape: [..., nStft, time] → [..., nMels, time] */
export class MelScale extends nn.Module {
  readonly fb: Tensor

  constructor(options: MelScaleOptions = {}) {
    super()
    this.fb = this.registerBuffer('fb', melFilters('MelScale', options))
  }

  override forward(specgram: Tensor): Tensor {
    return along(specgram, this.fb)
  }
}

/** The options of `InverseMelScale`. */
export interface InverseMelScaleOptions extends Omit<MelScaleOptions, 'nStft'> {
  /** Steps at most. Default 100,000. */
  readonly maxIter?: number
  /** The loss that is good enough. Default 1e-5. */
  readonly toleranceLoss?: number
  /** The change of the loss that is small enough to end. Default 1e-8. */
  readonly toleranceChange?: number
  /** Default: learning rate 0.1, momentum 0.9. */
  readonly sgdargs?: { readonly lr?: number; readonly momentum?: number }
}

/** Spectra of spectra on the mel scale, by gradient descent. Shape: [..., nMels, time] → [..., nStft, time] */
export class InverseMelScale extends nn.Module {
  readonly fb: Tensor
  readonly #options: InverseMelScaleOptions

  constructor(nStft: number, options: InverseMelScaleOptions = {}) {
    super()
    this.fb = this.registerBuffer('fb', melFilters('InverseMelScale', { ...options, nStft }))
    this.#options = options
  }

  override forward(melspec: Tensor): Tensor {
    const { maxIter = 100000, toleranceLoss = 1e-5, toleranceChange = 1e-8 } = this.#options
    const [freq, mels] = this.fb.shape
    if (melspec.ndim < 2 || melspec.shape[melspec.ndim - 2] !== mels)
      throw new ShapeError(`InverseMelScale: expected shape [..., ${mels}, time], got ${formatShape(melspec.shape)}`)
    const lead = melspec.shape.slice(0, -2)
    const target = melspec
      .detach()
      .reshape([-1, ...melspec.shape.slice(-2)])
      .transpose(-1, -2)
    const [batch, time] = target.shape
    const specgram = rand([batch, time, freq], { dtype: melspec.dtype }).requiresGrad_()
    const { lr = 0.1, momentum = 0.9 } = this.#options.sgdargs ?? {}
    const descent = new optim.SGD([specgram], { lr, momentum })
    let before = Number.POSITIVE_INFINITY
    for (let i = 0; i < maxIter; i++) {
      descent.zeroGrad()
      const loss = target.sub(specgram.matmul(this.fb)).square().sum(-1).mean()
      loss.backward()
      descent.step()
      specgram.detach().clamp_(0)
      const now = loss.item() as number
      if (now < toleranceLoss || Math.abs(before - now) < toleranceChange) break
      before = now
    }
    return specgram
      .detach()
      .clampMin(0)
      .transpose(-1, -2)
      .reshape([...lead, freq, time])
  }
}

/** The options of `MelSpectrogram`. */
export interface MelSpectrogramOptions extends SpectrogramOptions, Omit<MelScaleOptions, 'nStft'> {}

/**
 * Spectrograms on the mel scale.
 *
 * Shape: [..., time] → [..., nMels, frames]
 *
 * @example
 * ```ts
 * import { randn } from '@flambeau/core'
 * import { transforms } from '@flambeau/audio'
 * const mel = new transforms.MelSpectrogram({ sampleRate: 16000, nFft: 512, hopLength: 160, nMels: 64 })
 * console.log(mel.forward(randn([2, 16000])).shape) // → [ 2, 64, 101 ]
 * ```
 */
export class MelSpectrogram extends nn.Module {
  readonly spectrogram: Spectrogram
  readonly mel_scale: MelScale
  readonly nMels: number

  constructor(options: MelSpectrogramOptions = {}) {
    super()
    const { nFft = 400, power = 2 } = options
    if (power === null) throw new ArgumentError('MelSpectrogram: expected power to be a number, got null')
    this.nMels = options.nMels ?? 128
    this.spectrogram = new Spectrogram(options)
    this.mel_scale = new MelScale({ ...options, nStft: Math.floor(nFft / 2) + 1 })
  }

  override forward(waveform: Tensor): Tensor {
    return passOn(this.spectrogram, this.spectrogram.forward(waveform), (s) => this.mel_scale.forward(s))
  }
}

/** Decibels, or the logarithm, of filter-bank energies, and then the cosine transform. */
function cepstra(energies: Tensor, dct: Tensor, decibels: AmplitudeToDB, log: boolean): Tensor {
  if (log) return tidy(() => along(energies.add(1e-6).log(), dct))
  return passOn(decibels, decibels.forward(energies), (db) => along(db, dct))
}

/** The options of `MFCC`. */
export interface MFCCOptions {
  /** Default 16000. */
  readonly sampleRate?: number
  /** Coefficients. Default 40. */
  readonly nMfcc?: number
  /** Of the cosine transform: 2, the only one. */
  readonly dctType?: 2
  /** Default 'ortho'. */
  readonly norm?: 'ortho' | null
  /** Natural logarithms rather than decibels. Default false. */
  readonly logMels?: boolean
  /** Options of the `MelSpectrogram`. */
  readonly melkwargs?: MelSpectrogramOptions
}

/** Mel-frequency cepstral coefficients. Shape: [..., time] → [..., nMfcc, frames] */
export class MFCC extends nn.Module {
  readonly amplitude_to_DB = new AmplitudeToDB({ topDb: 80 })
  readonly MelSpectrogram: MelSpectrogram
  readonly dct_mat: Tensor
  readonly logMels: boolean

  constructor(options: MFCCOptions = {}) {
    super()
    const { sampleRate = 16000, nMfcc = 40, dctType = 2, norm = 'ortho', logMels = false, melkwargs = {} } = options
    checkDct('MFCC', dctType)
    this.MelSpectrogram = new MelSpectrogram({ sampleRate, ...melkwargs })
    const { nMels } = this.MelSpectrogram
    if (whole('MFCC', 'nMfcc', nMfcc) > nMels)
      throw new ArgumentError(`MFCC: expected nMfcc of at most nMels ${nMels}, got ${nMfcc}`)
    this.dct_mat = this.registerBuffer('dct_mat', createDct(nMfcc, nMels, norm))
    this.logMels = logMels
  }

  override forward(waveform: Tensor): Tensor {
    return passOn(this.MelSpectrogram, this.MelSpectrogram.forward(waveform), (mel) =>
      cepstra(mel, this.dct_mat, this.amplitude_to_DB, this.logMels),
    )
  }
}

function checkDct(operation: string, type: number): void {
  if (type !== 2) throw new ArgumentError(`${operation}: expected dctType 2, got ${describe(type)}`)
}

/** The options of `LFCC`. */
export interface LFCCOptions {
  /** Default 16000. */
  readonly sampleRate?: number
  /** Filters. Default 128. */
  readonly nFilter?: number
  /** Hz. Default 0. */
  readonly fMin?: number
  /** Hz. Default: half of the sample rate. */
  readonly fMax?: number | null
  /** Coefficients. Default 40. */
  readonly nLfcc?: number
  readonly dctType?: 2
  /** Default 'ortho'. */
  readonly norm?: 'ortho' | null
  /** Natural logarithms rather than decibels. Default false. */
  readonly logLf?: boolean
  /** Options of the `Spectrogram`. */
  readonly speckwargs?: SpectrogramOptions
}

/** Linear-frequency cepstral coefficients. Shape: [..., time] → [..., nLfcc, frames] */
export class LFCC extends nn.Module {
  readonly amplitude_to_DB = new AmplitudeToDB({ topDb: 80 })
  readonly Spectrogram: Spectrogram
  readonly filter_mat: Tensor
  readonly dct_mat: Tensor
  readonly logLf: boolean

  constructor(options: LFCCOptions = {}) {
    super()
    const { sampleRate = 16000, nFilter = 128, fMin = 0, fMax, nLfcc = 40, dctType = 2, norm = 'ortho' } = options
    const { logLf = false, speckwargs = {} } = options
    checkDct('LFCC', dctType)
    positive('LFCC', 'sampleRate', sampleRate)
    this.Spectrogram = new Spectrogram(speckwargs)
    const { nFft } = this.Spectrogram
    if (whole('LFCC', 'nLfcc', nLfcc) > nFft)
      throw new ArgumentError(`LFCC: expected nLfcc of at most nFft ${nFft}, got ${nLfcc}`)
    const top = fMax ?? Math.floor(sampleRate / 2)
    this.filter_mat = this.registerBuffer(
      'filter_mat',
      linearFbanks(Math.floor(nFft / 2) + 1, fMin, top, nFilter, sampleRate),
    )
    this.dct_mat = this.registerBuffer('dct_mat', createDct(nLfcc, nFilter, norm))
    this.logLf = logLf
  }

  override forward(waveform: Tensor): Tensor {
    const { Spectrogram: spectrogram, filter_mat, dct_mat } = this
    const filtered = passOn(spectrogram, spectrogram.forward(waveform), (s) => along(s, filter_mat))
    return cepstra(filtered, dct_mat, this.amplitude_to_DB, this.logLf)
  }
}

/** The options of `TimeStretch`. */
export interface TimeStretchOptions {
  /** Default: `nFreq - 1`. */
  readonly hopLength?: number | null
  /** Terms of a spectrum. Default 201. */
  readonly nFreq?: number
  /** How much faster, where `forward` is not told. */
  readonly fixedRate?: number | null
}

/** Complex spectrograms at another speed. Shape: [..., nFreq, frames] → [..., nFreq, ⌈frames / rate⌉] */
export class TimeStretch extends nn.Module<[complexSpecgrams: Tensor, overridingRate?: number | null]> {
  readonly fixedRate: number | null
  readonly phase_advance: Tensor

  constructor({ hopLength, nFreq = 201, fixedRate = null }: TimeStretchOptions = {}) {
    super()
    whole('TimeStretch', 'nFreq', nFreq, 2)
    this.fixedRate = fixedRate
    const hop = whole('TimeStretch', 'hopLength', hopLength ?? nFreq - 1)
    this.phase_advance = this.registerBuffer('phase_advance', linspace(0, Math.PI * hop, nFreq).unsqueeze(1))
  }

  override forward(complexSpecgrams: Tensor, overridingRate: number | null = null): Tensor {
    const rate = overridingRate ?? this.fixedRate
    if (rate === null)
      throw new ArgumentError('TimeStretch: expected a rate, of the constructor or of forward, got none')
    return phaseVocoder(complexSpecgrams, rate, this.phase_advance)
  }
}
