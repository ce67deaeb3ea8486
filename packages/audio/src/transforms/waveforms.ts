// Modules from sounds to sounds.
import { ArgumentError, cat, linspace, nn, ones, type Tensor } from '@flambeau/core'
import { describe } from '@flambeau/core/errors'
import { oneOf, positive, whole } from '../check.js'
import { gain, muLawDecoding, muLawEncoding } from '../functional/levels.js'
import {
  addNoise,
  type ConvolveMode,
  convolve,
  deemphasis,
  fftconvolve,
  loudness,
  preemphasis,
} from '../functional/mixing.js'
import {
  applySincBank,
  type PitchShiftOptions,
  pitchShift,
  type ResampleOptions,
  type SincBank,
  sincBank,
  speed,
} from '../functional/resample.js'

/** µ-law codes. Shape: [...] → [...], int64 */
export class MuLawEncoding extends nn.Module {
  readonly quantizationChannels: number

  constructor(quantizationChannels = 256) {
    super()
    this.quantizationChannels = whole('MuLawEncoding', 'quantizationChannels', quantizationChannels, 2)
  }

  override forward(x: Tensor): Tensor {
    return muLawEncoding(x, this.quantizationChannels)
  }
}

/** Sounds of µ-law codes. Shape: [...] → [...] */
export class MuLawDecoding extends nn.Module {
  readonly quantizationChannels: number

  constructor(quantizationChannels = 256) {
    super()
    this.quantizationChannels = whole('MuLawDecoding', 'quantizationChannels', quantizationChannels, 2)
  }

  override forward(xMu: Tensor): Tensor {
    return muLawDecoding(xMu, this.quantizationChannels)
  }
}

/** Another sample rate, with the filters computed once, in double precision. Shape: [..., time] → [..., newTime] */
export class Resample extends nn.Module {
  readonly origFreq: number
  readonly newFreq: number
  readonly #bank: SincBank | null

  constructor(origFreq = 16000, newFreq = 16000, options: ResampleOptions = {}) {
    super()
    this.origFreq = whole('Resample', 'origFreq', origFreq)
    this.newFreq = whole('Resample', 'newFreq', newFreq)
    const bank = origFreq === newFreq ? null : sincBank('Resample', origFreq, newFreq, 'float64', options)
    this.#bank = bank && {
      ...bank,
      groups: bank.groups.map(({ start, matrix }) => ({ start, matrix: matrix.to('float32') })),
    }
  }

  override forward(waveform: Tensor): Tensor {
    return this.#bank === null ? waveform : applySincBank('Resample', waveform, this.#bank)
  }

  override extraRepr(): string {
    return `origFreq=${this.origFreq}, newFreq=${this.newFreq}`
  }
}

/** Sounds played faster: shorter and higher. Shape: [..., time] → [..., newTime], and the valid lengths */
export class Speed extends nn.Module<
  [waveform: Tensor, lengths?: Tensor | null],
  [waveform: Tensor, lengths: Tensor | null]
> {
  readonly origFreq: number
  readonly factor: number

  constructor(origFreq: number, factor: number) {
    super()
    this.origFreq = whole('Speed', 'origFreq', origFreq)
    this.factor = positive('Speed', 'factor', factor)
  }

  override forward(waveform: Tensor, lengths: Tensor | null = null): [Tensor, Tensor | null] {
    return speed(waveform, this.origFreq, this.factor, lengths)
  }
}

/** Another pitch. Shape: [..., time] → the same */
export class PitchShift extends nn.Module {
  readonly sampleRate: number
  readonly nSteps: number
  readonly #options: PitchShiftOptions

  constructor(sampleRate: number, nSteps: number, options: PitchShiftOptions = {}) {
    super()
    this.sampleRate = whole('PitchShift', 'sampleRate', sampleRate)
    this.nSteps = nSteps
    this.#options = options
  }

  override forward(waveform: Tensor): Tensor {
    return pitchShift(waveform, this.sampleRate, this.nSteps, this.#options)
  }
}

/** How the loudness of a fade changes. */
export type FadeShape = 'linear' | 'exponential' | 'logarithmic' | 'quarter_sine' | 'half_sine'

const SHAPES: Readonly<Record<FadeShape, { in: (x: Tensor) => Tensor; out: (x: Tensor) => Tensor }>> = {
  linear: { in: (x) => x, out: (x) => x.neg().add(1) },
  exponential: {
    in: (x) => x.sub(1).mul(Math.LN2).exp().mul(x),
    out: (x) => x.mul(-Math.LN2).exp().mul(x.neg().add(1)),
  },
  logarithmic: { in: (x) => x.add(0.1).log10().add(1), out: (x) => x.neg().add(1.1).log10().add(1) },
  quarter_sine: {
    in: (x) => x.mul(Math.PI / 2).sin(),
    out: (x) =>
      x
        .mul(Math.PI / 2)
        .add(Math.PI / 2)
        .sin(),
  },
  half_sine: {
    in: (x) =>
      x
        .mul(Math.PI)
        .sub(Math.PI / 2)
        .sin()
        .div(2)
        .add(0.5),
    out: (x) =>
      x
        .mul(Math.PI)
        .add(Math.PI / 2)
        .sin()
        .div(2)
        .add(0.5),
  },
}

/** The options of `Fade`. */
export interface FadeOptions {
  /** Samples. Default 0. */
  readonly fadeInLen?: number
  /** Samples. Default 0. */
  readonly fadeOutLen?: number
  /** Default 'linear'. */
  readonly fadeShape?: FadeShape
}

/** Louder at the beginning, softer at the end. Shape: [..., time] → the same */
export class Fade extends nn.Module {
  readonly fadeInLen: number
  readonly fadeOutLen: number
  readonly fadeShape: FadeShape

  constructor({ fadeInLen = 0, fadeOutLen = 0, fadeShape = 'linear' }: FadeOptions = {}) {
    super()
    this.fadeInLen = whole('Fade', 'fadeInLen', fadeInLen, 0)
    this.fadeOutLen = whole('Fade', 'fadeOutLen', fadeOutLen, 0)
    this.fadeShape = oneOf('Fade', 'fadeShape', fadeShape, Object.keys(SHAPES) as FadeShape[])
  }

  override forward(waveform: Tensor): Tensor {
    const time = waveform.shape[waveform.ndim - 1]
    if (time < Math.max(this.fadeInLen, this.fadeOutLen))
      throw new ArgumentError(
        `Fade: expected at least ${Math.max(this.fadeInLen, this.fadeOutLen)} samples, got ${time}`,
      )
    const { dtype } = waveform
    const shape = SHAPES[this.fadeShape]
    const rest = (length: number): Tensor => ones([time - length], { dtype })
    const fadeIn = cat([shape.in(linspace(0, 1, this.fadeInLen, { dtype })), rest(this.fadeInLen)]).clamp(0, 1)
    const fadeOut = cat([rest(this.fadeOutLen), shape.out(linspace(0, 1, this.fadeOutLen, { dtype }))]).clamp(0, 1)
    return fadeIn.mul(fadeOut).mul(waveform)
  }
}

/** Another volume, clipped to [-1, 1]. Shape: [...] → the same */
export class Vol extends nn.Module {
  readonly gain: number
  readonly gainType: 'amplitude' | 'power' | 'db'

  constructor(gain: number, gainType: 'amplitude' | 'power' | 'db' = 'amplitude') {
    super()
    this.gainType = oneOf('Vol', 'gainType', gainType, ['amplitude', 'power', 'db'])
    if (!Number.isFinite(gain) || (gainType !== 'db' && gain < 0))
      throw new ArgumentError(
        `Vol: expected gain to be a number${gainType === 'db' ? '' : ' ≥ 0'}, got ${describe(gain)}`,
      )
    this.gain = gain
  }

  override forward(waveform: Tensor): Tensor {
    const { gain: by, gainType } = this
    const louder =
      gainType === 'amplitude' ? waveform.mul(by) : gain(waveform, gainType === 'db' ? by : 10 * Math.log10(by))
    return louder.clamp(-1, 1)
  }
}

/** The loudness in LKFS. Shape: [..., channels, time] → [...] */
export class Loudness extends nn.Module {
  readonly sampleRate: number

  constructor(sampleRate: number) {
    super()
    this.sampleRate = positive('Loudness', 'sampleRate', sampleRate)
  }

  override forward(waveform: Tensor): Tensor {
    return loudness(waveform, this.sampleRate)
  }
}

/** The convolution along time, sample by sample. @see functional.convolve */
export class Convolve extends nn.Module<[x: Tensor, y: Tensor]> {
  readonly mode: ConvolveMode

  constructor(mode: ConvolveMode = 'full') {
    super()
    this.mode = oneOf('Convolve', 'mode', mode, ['full', 'valid', 'same'])
  }

  override forward(x: Tensor, y: Tensor): Tensor {
    return convolve(x, y, this.mode)
  }
}

/** The convolution along time by Fourier transforms. @see functional.fftconvolve */
export class FFTConvolve extends nn.Module<[x: Tensor, y: Tensor]> {
  readonly mode: ConvolveMode

  constructor(mode: ConvolveMode = 'full') {
    super()
    this.mode = oneOf('FFTConvolve', 'mode', mode, ['full', 'valid', 'same'])
  }

  override forward(x: Tensor, y: Tensor): Tensor {
    return fftconvolve(x, y, this.mode)
  }
}

/** Noise at a signal-to-noise ratio. @see functional.addNoise */
export class AddNoise extends nn.Module<[waveform: Tensor, noise: Tensor, snr: Tensor, lengths?: Tensor | null]> {
  override forward(waveform: Tensor, noise: Tensor, snr: Tensor, lengths: Tensor | null = null): Tensor {
    return addNoise(waveform, noise, snr, lengths)
  }
}

/** High frequencies made louder. Shape: [..., time] → the same */
export class Preemphasis extends nn.Module {
  readonly coeff: number

  constructor(coeff = 0.97) {
    super()
    this.coeff = coeff
  }

  override forward(waveform: Tensor): Tensor {
    return preemphasis(waveform, this.coeff)
  }
}

/** Undoes `Preemphasis`. Shape: [..., time] → the same */
export class Deemphasis extends nn.Module {
  readonly coeff: number

  constructor(coeff = 0.97) {
    super()
    this.coeff = coeff
  }

  override forward(waveform: Tensor): Tensor {
    return deemphasis(waveform, this.coeff)
  }
}
