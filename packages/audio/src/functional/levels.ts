// Loudness in its many scales: decibels, µ-law, gain.
import { ArgumentError, amax, maximum, type Tensor, tidy } from '@flambeau/core'
import { describe } from '@flambeau/core/errors'
import { floating, positive, whole } from '../check.js'

/** The options of `amplitudeToDB`. */
export interface DecibelOptions {
  /** 10 for power, 20 for amplitude. Default 10. */
  readonly multiplier?: number
  /** The least value that counts. Default 1e-10. */
  readonly amin?: number
  /** `log10` of the reference. Default 0. */
  readonly dbMultiplier?: number
  /** Nothing in a sound is more decibels below its loudest. Default null: no limit. */
  readonly topDb?: number | null
}

/**
 * Decibels: `multiplier · (log10(max(x, amin)) - dbMultiplier)`, at least the largest less `topDb`.
 *
 * @param x shape [..., freq, time]; with more than two dimensions, the largest is that of [channel, freq, time]
 */
export function amplitudeToDB(x: Tensor, options: DecibelOptions = {}): Tensor {
  const { multiplier = 10, amin = 1e-10, dbMultiplier = 0, topDb = null } = options
  floating('amplitudeToDB', 'x', x, topDb === null ? 0 : 2)
  positive('amplitudeToDB', 'amin', amin)
  if (topDb !== null && !(topDb >= 0))
    throw new ArgumentError(`amplitudeToDB: expected topDb to be a number ≥ 0, got ${describe(topDb)}`)
  return tidy(() => {
    // In place where no gradient needs what was there: a spectrogram is larger than the caches.
    const db = x.clampMin(amin).log10().mul_(multiplier)
    if (dbMultiplier !== 0) db.sub_(multiplier * dbMultiplier)
    if (topDb === null || db.numel() === 0) return db
    const channels = db.ndim > 2 ? (db.shape.at(-3) as number) : 1
    const packed = db.reshape([-1, channels, ...db.shape.slice(-2)])
    // Of the full shape: a result of operands with equal shapes keeps their order in memory.
    const least = amax(packed, [1, 2, 3], { keepdim: true }).sub(topDb).expand(packed.shape)
    return maximum(packed, least).reshape(db.shape)
  })
}

/** Back from decibels: `ref · (10^(x / 10))^power`; a power of 1 gives power, 0.5 amplitude. */
export function dbToAmplitude(x: Tensor, ref: number, power: number): Tensor {
  floating('dbToAmplitude', 'x', x, 0)
  return x
    .mul(0.1 * power * Math.LN10)
    .exp()
    .mul(ref)
}

/**
 * µ-law codes of sounds between -1 and 1.
 *
 * @returns int64 in [0, quantizationChannels)
 */
export function muLawEncoding(x: Tensor, quantizationChannels = 256): Tensor {
  floating('muLawEncoding', 'x', x, 0)
  const mu = whole('muLawEncoding', 'quantizationChannels', quantizationChannels, 2) - 1
  const scaled = x.sign().mul(x.abs().mul(mu).log1p()).div(Math.log1p(mu))
  return scaled.add(1).div(2).mul(mu).add(0.5).to('int64')
}

/**
 * Sounds between -1 and 1 of µ-law codes.
 *
 * @param xMu integers in [0, quantizationChannels), or such numbers as floating point
 */
export function muLawDecoding(xMu: Tensor, quantizationChannels = 256): Tensor {
  const mu = whole('muLawDecoding', 'quantizationChannels', quantizationChannels, 2) - 1
  const codes = xMu.isFloatingPoint() ? xMu : xMu.to('float32')
  const x = codes.div(mu).mul(2).sub(1)
  return x
    .sign()
    .mul(x.abs().mul(Math.log1p(mu)).exp().sub(1))
    .div(mu)
}

/** Louder by `gainDb` decibels. */
export function gain(waveform: Tensor, gainDb = 1): Tensor {
  floating('gain', 'waveform', waveform, 0)
  return gainDb === 0 ? waveform : waveform.mul(10 ** (gainDb / 20))
}
