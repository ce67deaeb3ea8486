// Features as Kaldi computes them, to within rounding. https://kaldi-asr.org/doc/feat.html
import {
  ArgumentError,
  arange,
  cat,
  F,
  fft,
  finfo,
  hammingWindow,
  hannWindow,
  maximum,
  minimum,
  ones,
  randn,
  ShapeError,
  type Tensor,
  tensor,
  where,
  zeros,
  zerosLike,
} from '@flambeau/core'
import { describe, formatShape } from '@flambeau/core/errors'
import { floating, oneOf, positive, whole } from '../check.js'
import { createDct } from '../functional/mel.js'

/** Kaldi's windows; its own, 'povey', is Hann's to the power of 0.85. */
export type KaldiWindow = 'hamming' | 'hanning' | 'povey' | 'rectangular' | 'blackman'

const WINDOWS: readonly KaldiWindow[] = ['hamming', 'hanning', 'povey', 'rectangular', 'blackman']

/** The options of all features, with Kaldi's defaults. */
export interface FrameOptions {
  /** Default 0.42. */
  readonly blackmanCoeff?: number
  /** Which channel; -1, the default, is the first. */
  readonly channel?: number
  /** The standard deviation of noise that is added. Default 0: none. */
  readonly dither?: number
  /** The least energy. Default 1. */
  readonly energyFloor?: number
  /** Milliseconds. Default 25. */
  readonly frameLength?: number
  /** Milliseconds. Default 10. */
  readonly frameShift?: number
  /** Seconds; shorter sounds give no frames. Default 0. */
  readonly minDuration?: number
  /** Default 0.97. */
  readonly preemphasisCoefficient?: number
  /** Whether the energy is that before emphasis and window. Default true. */
  readonly rawEnergy?: boolean
  /** Whether each frame's mean is subtracted. Default true. */
  readonly removeDcOffset?: boolean
  /** Whether transforms have a power of two points. Default true. */
  readonly roundToPowerOfTwo?: boolean
  /** Hz. Default 16000. */
  readonly sampleFrequency?: number
  /** Only frames that lie inside of the sound; otherwise its ends are mirrored. Default true. */
  readonly snipEdges?: boolean
  /** Whether each feature's mean over time is subtracted. Default false. */
  readonly subtractMean?: boolean
  /** Default 'povey'. */
  readonly windowType?: KaldiWindow
}

/** The options of `fbank`. */
export interface FbankOptions extends FrameOptions {
  /** Hz; 0 or less counts from the Nyquist frequency. Default 0. */
  readonly highFreq?: number
  /** Hz. Default 20. */
  readonly lowFreq?: number
  /** Whether the energy comes last. Default false. */
  readonly htkCompat?: boolean
  /** Default 23. */
  readonly numMelBins?: number
  /** Whether the energy is a feature too. Default false. */
  readonly useEnergy?: boolean
  /** Logarithms. Default true. */
  readonly useLogFbank?: boolean
  /** Power rather than magnitude. Default true. */
  readonly usePower?: boolean
  /** Hz; below 0 counts from the Nyquist frequency. Default -500. */
  readonly vtlnHigh?: number
  /** Hz. Default 100. */
  readonly vtlnLow?: number
  /** The speaker's warp. Default 1. */
  readonly vtlnWarp?: number
}

/** The options of `mfcc`. */
export interface MfccOptions extends Omit<FbankOptions, 'useLogFbank' | 'usePower'> {
  /** Default 22; 0 leaves cepstra as they are. */
  readonly cepstralLifter?: number
  /** Default 13. */
  readonly numCeps?: number
}

interface Frames {
  /** Windowed and padded, [frames, points]. */
  readonly frames: Tensor
  /** [frames]. */
  readonly logEnergy: Tensor
  readonly points: number
}

const epsilonOf = (t: Tensor): Tensor => tensor(finfo('float32').eps, { dtype: t.dtype })

/** The sound cut into frames. @returns null where it is shorter than `minDuration` */
function framesOf(operation: string, waveform: Tensor, options: FrameOptions): Frames | null {
  const { frameLength = 25, frameShift = 10, sampleFrequency = 16000, minDuration = 0, channel = -1 } = options
  const { dither = 0, removeDcOffset = true, rawEnergy = true, preemphasisCoefficient = 0.97 } = options
  floating(operation, 'waveform', waveform, 2)
  positive(operation, 'sampleFrequency', sampleFrequency)
  const index = Math.max(channel, 0)
  if (waveform.ndim !== 2 || index >= waveform.shape[0])
    throw new ShapeError(
      `${operation}: expected a waveform [channels, time] with a channel ${index}, got shape ${formatShape(waveform.shape)}`,
    )
  const sound = waveform.select(0, index)
  const shift = Math.trunc(sampleFrequency * frameShift * 0.001)
  const size = Math.trunc(sampleFrequency * frameLength * 0.001)
  if (sound.shape[0] < minDuration * sampleFrequency) return null
  if (size < 2 || size > sound.shape[0])
    throw new ArgumentError(
      `${operation}: expected a frame of between 2 and ${sound.shape[0]} samples, the sound's length, got ${size}; change frameLength or sampleFrequency`,
    )
  if (shift < 1) throw new ArgumentError(`${operation}: expected frameShift of a sample at least, got ${frameShift} ms`)
  if (!(preemphasisCoefficient >= 0 && preemphasisCoefficient <= 1))
    throw new ArgumentError(
      `${operation}: expected preemphasisCoefficient in [0, 1], got ${describe(preemphasisCoefficient)}`,
    )
  const points = (options.roundToPowerOfTwo ?? true) ? 2 ** Math.ceil(Math.log2(size)) : size
  if (points % 2 !== 0)
    throw new ArgumentError(
      `${operation}: expected frames of an even number of samples, got ${points}; set roundToPowerOfTwo`,
    )
  let frames = cut(sound, size, shift, options.snipEdges ?? true)
  if (dither !== 0) frames = frames.add(randn(frames.shape, { dtype: frames.dtype }).mul(dither))
  if (removeDcOffset) frames = frames.sub(frames.mean(1, { keepdim: true }))
  const early = rawEnergy ? logEnergy(frames, options) : null
  if (preemphasisCoefficient !== 0) {
    const before = cat([frames.narrow(1, 0, 1), frames.narrow(1, 0, size - 1)], 1)
    frames = frames.sub(before.mul(preemphasisCoefficient))
  }
  frames = frames.mul(windowOf(operation, size, frames, options))
  if (points !== size) frames = F.pad(frames, [0, points - size])
  return { frames, logEnergy: early ?? logEnergy(frames, options), points }
}

function cut(sound: Tensor, size: number, shift: number, snipEdges: boolean): Tensor {
  if (snipEdges) return sound.unfold(0, size, shift)
  const samples = sound.shape[0]
  const count = Math.floor((samples + Math.floor(shift / 2)) / shift)
  const mirrored = sound.flip([0])
  const pad = Math.floor(size / 2) - Math.floor(shift / 2)
  const extended =
    pad > 0
      ? cat([mirrored.narrow(0, samples - pad, pad), sound, mirrored], 0)
      : cat([sound.narrow(0, -pad, samples + pad), mirrored], 0)
  return extended.unfold(0, size, shift).narrow(0, 0, count)
}

function windowOf(operation: string, size: number, { dtype }: Tensor, options: FrameOptions): Tensor {
  const { windowType = 'povey', blackmanCoeff = 0.42 } = options
  switch (oneOf(operation, 'windowType', windowType, WINDOWS)) {
    case 'hanning':
      return hannWindow(size, false, { dtype })
    case 'hamming':
      return hammingWindow(size, false, 0.54, 0.46, { dtype })
    case 'povey':
      return hannWindow(size, false, { dtype }).pow(0.85)
    case 'rectangular':
      return ones([size], { dtype })
    case 'blackman': {
      const angle = arange(size, { dtype }).mul((2 * Math.PI) / (size - 1))
      return angle
        .cos()
        .mul(-0.5)
        .add(blackmanCoeff)
        .add(
          angle
            .mul(2)
            .cos()
            .mul(0.5 - blackmanCoeff),
        )
    }
  }
}

function logEnergy(frames: Tensor, { energyFloor = 1 }: FrameOptions): Tensor {
  const energy = maximum(frames.square().sum(1), epsilonOf(frames)).log()
  return energyFloor === 0 ? energy : energy.clampMin(Math.log(energyFloor))
}

const centred = (features: Tensor, subtract = false): Tensor =>
  subtract ? features.sub(features.mean(0, { keepdim: true })) : features

/**
 * Logarithms of power spectra, with the energy in the place of the first term.
 *
 * @param waveform shape [channels, time]
 * @returns shape [frames, points / 2 + 1]
 */
export function spectrogram(waveform: Tensor, options: FrameOptions = {}): Tensor {
  const cutUp = framesOf('kaldi.spectrogram', waveform, options)
  if (cutUp === null) return zeros([0])
  const power = maximum(fft.rfft(cutUp.frames).abs().square(), epsilonOf(waveform)).log()
  const rest = power.narrow(1, 1, power.shape[1] - 1)
  return centred(cat([cutUp.logEnergy.unsqueeze(1), rest], 1), options.subtractMean)
}

const melOf = (hz: number): number => 1127 * Math.log(1 + hz / 700)
const hzOf = (mel: Tensor): Tensor => mel.div(1127).exp().sub(1).mul(700)
const melsOf = (hz: Tensor): Tensor => hz.div(700).add(1).log().mul(1127)

interface Vtln {
  readonly low: number
  readonly high: number
  readonly lowFreq: number
  readonly highFreq: number
  readonly warp: number
}

/** Frequencies warped for a speaker: by 1 / warp in the middle, straight lines to both ends. */
function warped(mel: Tensor, { low, high, lowFreq, highFreq, warp }: Vtln): Tensor {
  const freq = hzOf(mel)
  const l = low * Math.max(1, warp)
  const h = high * Math.min(1, warp)
  const scale = 1 / warp
  const left = (scale * l - lowFreq) / (l - lowFreq)
  const right = (highFreq - scale * h) / (highFreq - h)
  const middle = where(freq.lt(h), freq.mul(scale), freq.sub(highFreq).mul(right).add(highFreq))
  const inside = where(freq.lt(l), freq.sub(lowFreq).mul(left).add(lowFreq), middle)
  return melsOf(where(freq.lt(lowFreq).logicalOr(freq.gt(highFreq)), freq, inside))
}

/** Triangular filters. @returns [bins, points / 2] */
function melBanks(operation: string, points: number, options: FbankOptions): Tensor {
  const { numMelBins = 23, sampleFrequency = 16000, lowFreq = 20, vtlnLow = 100, vtlnWarp = 1 } = options
  whole(operation, 'numMelBins', numMelBins, 4)
  const nyquist = sampleFrequency / 2
  const highFreq = (options.highFreq ?? 0) <= 0 ? (options.highFreq ?? 0) + nyquist : (options.highFreq ?? 0)
  const vtlnHigh = (options.vtlnHigh ?? -500) < 0 ? (options.vtlnHigh ?? -500) + nyquist : (options.vtlnHigh ?? -500)
  if (!(lowFreq >= 0 && lowFreq < highFreq && highFreq <= nyquist))
    throw new ArgumentError(
      `${operation}: expected 0 ≤ lowFreq < highFreq ≤ ${nyquist}, half of the sample frequency, got ${lowFreq} and ${highFreq}`,
    )
  if (vtlnWarp !== 1 && !(lowFreq < vtlnLow && vtlnLow < vtlnHigh && vtlnHigh < highFreq))
    throw new ArgumentError(
      `${operation}: expected lowFreq < vtlnLow < vtlnHigh < highFreq, got ${lowFreq}, ${vtlnLow}, ${vtlnHigh} and ${highFreq}`,
    )
  const start = melOf(lowFreq)
  const step = (melOf(highFreq) - start) / (numMelBins + 1)
  const bins = arange(numMelBins, { dtype: 'float32' }).unsqueeze(1)
  const edge = (offset: number): Tensor => {
    const mel = bins.add(offset).mul(step).add(start)
    return vtlnWarp === 1 ? mel : warped(mel, { low: vtlnLow, high: vtlnHigh, lowFreq, highFreq, warp: vtlnWarp })
  }
  const [left, center, right] = [edge(0), edge(1), edge(2)]
  const mel = melsOf(arange(points / 2, { dtype: 'float32' }).mul(sampleFrequency / points)).unsqueeze(0)
  const up = mel.sub(left).div(center.sub(left))
  const down = right.sub(mel).div(right.sub(center))
  if (vtlnWarp === 1) return maximum(minimum(up, down), zerosLike(up))
  // Warped edges may be equal: what is in neither range is zero.
  const rising = mel.gt(left).logicalAnd(mel.le(center))
  const falling = mel.gt(center).logicalAnd(mel.lt(right))
  return where(rising, up, where(falling, down, zerosLike(up)))
}

/**
 * Filter-bank energies on the mel scale.
 *
 * @param waveform shape [channels, time]
 * @returns shape [frames, numMelBins], with one more where `useEnergy` is set
 * @example
 * ```ts
 * import { randn } from '@flambeau/core'
 * import { compliance } from '@flambeau/audio'
 * console.log(compliance.kaldi.fbank(randn([1, 16000]), { numMelBins: 40 }).shape) // → [ 98, 40 ]
 * ```
 */
export function fbank(waveform: Tensor, options: FbankOptions = {}): Tensor {
  return banks('kaldi.fbank', waveform, options)
}

function banks(operation: string, waveform: Tensor, options: FbankOptions): Tensor {
  const { useEnergy = false, useLogFbank = true, usePower = true, htkCompat = false } = options
  const cutUp = framesOf(operation, waveform, options)
  if (cutUp === null) return zeros([0])
  const magnitude = fft.rfft(cutUp.frames).abs()
  const filters = F.pad(melBanks(operation, cutUp.points, options), [0, 1]).to(waveform.dtype)
  let energies = (usePower ? magnitude.square() : magnitude).matmul(filters.t())
  if (useLogFbank) energies = maximum(energies, epsilonOf(waveform)).log()
  if (useEnergy) {
    const energy = cutUp.logEnergy.unsqueeze(1)
    energies = cat(htkCompat ? [energies, energy] : [energy, energies], 1)
  }
  return centred(energies, options.subtractMean)
}

/**
 * Mel-frequency cepstral coefficients.
 *
 * @param waveform shape [channels, time]
 * @returns shape [frames, numCeps]
 */
export function mfcc(waveform: Tensor, options: MfccOptions = {}): Tensor {
  const { numCeps = 13, numMelBins = 23, cepstralLifter = 22, useEnergy = false, htkCompat = false } = options
  whole('kaldi.mfcc', 'numCeps', numCeps)
  if (numCeps > numMelBins)
    throw new ArgumentError(`kaldi.mfcc: expected numCeps of at most numMelBins ${numMelBins}, got ${numCeps}`)
  const features = banks('kaldi.mfcc', waveform, { ...options, subtractMean: false })
  if (features.ndim === 1) return features
  const mels = features.narrow(1, useEnergy && !htkCompat ? 1 : 0, numMelBins)
  const dct = createDct(numMelBins, numMelBins, 'ortho')
  const first = tensor(Math.sqrt(1 / numMelBins)).expand([numMelBins, 1])
  const matrix = cat([first, dct.narrow(1, 1, numMelBins - 1)], 1)
    .narrow(1, 0, numCeps)
    .to(waveform.dtype)
  let cepstra = mels.matmul(matrix)
  if (cepstralLifter !== 0) {
    const angle = arange(numCeps, { dtype: waveform.dtype }).mul(Math.PI / cepstralLifter)
    cepstra = cepstra.mul(
      angle
        .sin()
        .mul(0.5 * cepstralLifter)
        .add(1),
    )
  }
  let energy = cepstra.narrow(1, 0, 1)
  if (useEnergy) energy = features.narrow(1, htkCompat ? numMelBins : 0, 1)
  const rest = cepstra.narrow(1, 1, numCeps - 1)
  // HTK has the energy, or the first coefficient scaled by √2, at the end.
  const out = htkCompat ? cat([rest, useEnergy ? energy : energy.mul(Math.SQRT2)], 1) : cat([energy, rest], 1)
  return centred(out, options.subtractMean)
}
