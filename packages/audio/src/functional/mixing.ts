// Sounds put together: convolution, noise, emphasis, loudness.
import {
  ArgumentError,
  arange,
  broadcastShapes,
  countNonzero,
  F,
  fft,
  linearFilter,
  onesLike,
  ShapeError,
  type Tensor,
  tensor,
} from '@flambeau/core'
import { describe, formatShape } from '@flambeau/core/errors'
import { floating, oneOf, positive } from '../check.js'
import { highpassBiquad, trebleBiquad } from './biquads.js'
import { lfilter } from './filtering.js'

/** Which part of a convolution: all of it, where both overlap fully, or as much as the first is long. */
export type ConvolveMode = 'full' | 'valid' | 'same'

function checkConvolve(operation: string, x: Tensor, y: Tensor, mode: ConvolveMode): void {
  floating(operation, 'x', x)
  floating(operation, 'y', y)
  oneOf(operation, 'mode', mode, ['full', 'valid', 'same'])
  if (x.ndim !== y.ndim || x.shape.at(-1) === 0 || y.shape.at(-1) === 0)
    throw new ShapeError(
      `${operation}: expected x and y with as many dimensions and at least one sample, got shapes ${formatShape(x.shape)} and ${formatShape(y.shape)}`,
    )
}

function part(full: Tensor, x: number, y: number, mode: ConvolveMode): Tensor {
  const length = x + y - 1
  const wanted = mode === 'full' ? length : mode === 'same' ? x : Math.max(x, y) - Math.min(x, y) + 1
  return full.narrow(-1, Math.floor((length - wanted) / 2), wanted)
}

/**
 * The convolution along time, sample by sample: for short filters.
 *
 * @param x shape [..., n]
 * @param y shape [..., m], with leading dimensions that broadcast
 * @returns shape [..., n + m - 1] where `mode` is 'full', the default
 */
export function convolve(x: Tensor, y: Tensor, mode: ConvolveMode = 'full'): Tensor {
  checkConvolve('convolve', x, y, mode)
  const [n, m] = [x.shape[x.ndim - 1], y.shape[y.ndim - 1]]
  const lead = broadcastShapes(x.shape.slice(0, -1), y.shape.slice(0, -1))
  const count = lead.reduce((product, size) => product * size, 1)
  const [long, short] = n >= m ? [x, y] : [y, x]
  const lines = (t: Tensor): Tensor => t.expand([...lead, t.shape[t.ndim - 1]]).reshape([1, count, -1])
  const filters = lines(short).squeeze(0)
  const input = F.pad(lines(long), [0, Math.min(n, m) - 1])
  const full = linearFilter(input, onesLike(filters.narrow(1, 0, 1)), filters)
  return part(full.reshape([...lead, n + m - 1]), n, m, mode)
}

/**
 * The convolution along time by Fourier transforms: for long filters, such as the response of a room.
 *
 * @param x shape [..., n]
 * @param y shape [..., m], with leading dimensions that broadcast
 * @returns shape [..., n + m - 1] where `mode` is 'full', the default
 */
export function fftconvolve(x: Tensor, y: Tensor, mode: ConvolveMode = 'full'): Tensor {
  checkConvolve('fftconvolve', x, y, mode)
  const [n, m] = [x.shape[x.ndim - 1], y.shape[y.ndim - 1]]
  const size = n + m - 1
  return part(fft.irfft(fft.rfft(x, size).mul(fft.rfft(y, size)), size), n, m, mode)
}

/**
 * Adds noise at a signal-to-noise ratio.
 *
 * @param waveform shape [..., time]
 * @param noise shape [..., time], which broadcasts
 * @param snr decibels, shape [...]
 * @param lengths valid samples of each, shape [...]; the ratio is that of those
 * @returns shape [..., time]
 */
export function addNoise(waveform: Tensor, noise: Tensor, snr: Tensor, lengths: Tensor | null = null): Tensor {
  floating('addNoise', 'waveform', waveform)
  floating('addNoise', 'noise', noise)
  if (waveform.ndim !== noise.ndim || waveform.ndim - 1 !== snr.ndim || (lengths !== null && lengths.ndim !== snr.ndim))
    throw new ShapeError(
      `addNoise: expected waveform and noise [..., time] and snr [...], got ${formatShape(waveform.shape)}, ${formatShape(noise.shape)} and ${formatShape(snr.shape)}`,
    )
  const time = waveform.shape[waveform.ndim - 1]
  if (noise.shape[noise.ndim - 1] !== time)
    throw new ShapeError(
      `addNoise: expected noise as long as the waveform, ${time} samples, got shape ${formatShape(noise.shape)}; cut or repeat it`,
    )
  const valid = lengths === null ? null : arange(time).lt(lengths.unsqueeze(-1)).to(waveform.dtype)
  const decibels = (x: Tensor): Tensor => (valid === null ? x : x.mul(valid)).square().sum(-1).log10().mul(10)
  const excess = decibels(waveform).sub(decibels(noise)).sub(snr)
  return waveform.add(
    excess
      .mul(Math.LN10 / 20)
      .exp()
      .unsqueeze(-1)
      .mul(noise),
  )
}

/** High frequencies made louder: `y[t] = x[t] - coeff · x[t - 1]`. @param waveform shape [..., time] */
export function preemphasis(waveform: Tensor, coeff = 0.97): Tensor {
  floating('preemphasis', 'waveform', waveform)
  const time = waveform.shape[waveform.ndim - 1]
  if (time === 0) return waveform
  return waveform.sub(F.pad(waveform.narrow(-1, 0, time - 1), [1, 0]).mul(coeff))
}

/** Undoes `preemphasis`, clipped to [-1, 1]. @param waveform shape [..., time] */
export function deemphasis(waveform: Tensor, coeff = 0.97): Tensor {
  floating('deemphasis', 'waveform', waveform)
  const { dtype } = waveform
  return lfilter(waveform, tensor([1, -coeff], { dtype }), tensor([1, 0], { dtype }))
}

/** Seconds that loudness is measured over, and by how much of it these blocks move on. */
const GATE = 0.4
const OVERLAP = 0.75
/** LKFS below which a block is silence. */
const SILENCE = -70
const BIAS = -0.691

/**
 * The loudness in LKFS, by ITU-R BS.1770-4: K-weighted energy of blocks that are not silent.
 *
 * @param waveform shape [..., channels, time] with at most 5 channels
 * @returns shape [...]
 */
export function loudness(waveform: Tensor, sampleRate: number): Tensor {
  floating('loudness', 'waveform', waveform, 2)
  positive('loudness', 'sampleRate', sampleRate)
  const channels = waveform.shape[waveform.ndim - 2]
  const time = waveform.shape[waveform.ndim - 1]
  if (channels < 1 || channels > 5)
    throw new ArgumentError(`loudness: expected between 1 and 5 channels, got shape ${formatShape(waveform.shape)}`)
  const size = Math.round(GATE * sampleRate)
  const step = Math.round(size * (1 - OVERLAP))
  if (time < size || step < 1)
    throw new ArgumentError(`loudness: expected at least ${GATE} s of sound, got ${describe(time)} samples`)
  const treble = trebleBiquad(waveform, sampleRate, 4, { centralFreq: 1500, Q: Math.SQRT1_2 })
  const weighted = highpassBiquad(treble, sampleRate, 38, { Q: 0.5 })
  const energy = weighted.square().unfold(-1, size, step).mean(-1)
  const gains = tensor([1, 1, 1, 1.41, 1.41], { dtype: waveform.dtype }).narrow(0, 0, channels)
  const decibels = (e: Tensor): Tensor => e.log10().mul(10).add(BIAS)
  const blocks = decibels(gains.unsqueeze(-1).mul(energy).sum(-2))
  const gated = (kept: Tensor): Tensor => {
    const mask = kept.unsqueeze(-2)
    const mean = mask.mul(energy).sum(-1).div(countNonzero(mask, -1))
    return decibels(gains.mul(mean).sum(-1))
  }
  const audible = blocks.gt(SILENCE)
  // A second gate, 10 LU below what the first one gives.
  return gated(audible.logicalAnd(blocks.gt(gated(audible).sub(10).unsqueeze(-1))))
}
