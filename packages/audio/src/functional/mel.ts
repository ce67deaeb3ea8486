// Filter banks and the cosine transform behind cepstral coefficients.
import { ArgumentError, arange, linspace, maximum, minimum, type Tensor, tensor, where } from '@flambeau/core'
import { describe } from '@flambeau/core/errors'
import { oneOf, positive, whole } from '../check.js'

/** 'htk' is logarithmic throughout; 'slaney' is linear below 1 kHz. */
export type MelScaleName = 'htk' | 'slaney'

const SCALES: readonly MelScaleName[] = ['htk', 'slaney']
/** Of Slaney's scale: Hz a mel below 1 kHz, and the logarithmic step above. */
const LINEAR = 200 / 3
const BREAK_HZ = 1000
const BREAK_MEL = BREAK_HZ / LINEAR
const LOG_STEP = Math.log(6.4) / 27

function hzToMel(hz: number, scale: MelScaleName): number {
  if (scale === 'htk') return 2595 * Math.log10(1 + hz / 700)
  return hz >= BREAK_HZ ? BREAK_MEL + Math.log(hz / BREAK_HZ) / LOG_STEP : hz / LINEAR
}

function melToHz(mels: Tensor, scale: MelScaleName): Tensor {
  if (scale === 'htk') return tensor(10, { dtype: mels.dtype }).pow(mels.div(2595)).sub(1).mul(700)
  const above = mels.sub(BREAK_MEL).mul(LOG_STEP).exp().mul(BREAK_HZ)
  return where(mels.ge(BREAK_MEL), above, mels.mul(LINEAR))
}

/** Triangles over `points`, each from its left neighbour to its right. @returns [frequencies, filters] */
function triangles(frequencies: Tensor, points: Tensor): Tensor {
  const n = points.shape[0]
  const widths = points.narrow(0, 1, n - 1).sub(points.narrow(0, 0, n - 1))
  const slopes = points.unsqueeze(0).sub(frequencies.unsqueeze(1))
  const down = slopes
    .narrow(1, 0, n - 2)
    .neg()
    .div(widths.narrow(0, 0, n - 2))
  const up = slopes.narrow(1, 2, n - 2).div(widths.narrow(0, 1, n - 2))
  return maximum(minimum(down, up), tensor(0, { dtype: up.dtype }))
}

function checkRange(operation: string, fMin: number, fMax: number): void {
  if (!(Number.isFinite(fMin) && Number.isFinite(fMax) && fMin >= 0 && fMin <= fMax))
    throw new ArgumentError(
      `${operation}: expected 0 ≤ fMin ≤ fMax, got fMin ${describe(fMin)} and fMax ${describe(fMax)}`,
    )
}

/** The options of `melscaleFbanks`. */
export interface FbankOptions {
  /** 'slaney' gives each filter the area 1. Default null. */
  readonly norm?: 'slaney' | null
  /** Default 'htk'. */
  readonly melScale?: MelScaleName
}

/**
 * Triangular filters of equal width on the mel scale.
 *
 * @param nFreqs terms of a spectrum
 * @returns shape [nFreqs, nMels]
 */
export function melscaleFbanks(
  nFreqs: number,
  fMin: number,
  fMax: number,
  nMels: number,
  sampleRate: number,
  { norm = null, melScale = 'htk' }: FbankOptions = {},
): Tensor {
  whole('melscaleFbanks', 'nFreqs', nFreqs)
  whole('melscaleFbanks', 'nMels', nMels)
  positive('melscaleFbanks', 'sampleRate', sampleRate)
  checkRange('melscaleFbanks', fMin, fMax)
  oneOf('melscaleFbanks', 'melScale', melScale, SCALES)
  if (norm !== null) oneOf('melscaleFbanks', 'norm', norm, ['slaney'])
  const frequencies = linspace(0, Math.floor(sampleRate / 2), nFreqs, { dtype: 'float32' })
  const mels = linspace(hzToMel(fMin, melScale), hzToMel(fMax, melScale), nMels + 2, { dtype: 'float32' })
  const points = melToHz(mels, melScale)
  const filters = triangles(frequencies, points)
  if (norm === null) return filters
  return filters.mul(
    points
      .narrow(0, 2, nMels)
      .sub(points.narrow(0, 0, nMels))
      .reciprocal()
      .mul(2)
      .unsqueeze(0),
  )
}

/**
 * Triangular filters of equal width in Hz.
 *
 * @returns shape [nFreqs, nFilter]
 */
export function linearFbanks(nFreqs: number, fMin: number, fMax: number, nFilter: number, sampleRate: number): Tensor {
  whole('linearFbanks', 'nFreqs', nFreqs)
  whole('linearFbanks', 'nFilter', nFilter)
  positive('linearFbanks', 'sampleRate', sampleRate)
  checkRange('linearFbanks', fMin, fMax)
  const frequencies = linspace(0, Math.floor(sampleRate / 2), nFreqs, { dtype: 'float32' })
  return triangles(frequencies, linspace(fMin, fMax, nFilter + 2, { dtype: 'float32' }))
}

/**
 * The matrix of the discrete cosine transform of type 2, to multiply from the right.
 *
 * @param norm 'ortho' makes it orthonormal
 * @returns shape [nMels, nMfcc]
 */
export function createDct(nMfcc: number, nMels: number, norm: 'ortho' | null): Tensor {
  whole('createDct', 'nMfcc', nMfcc)
  whole('createDct', 'nMels', nMels)
  if (norm !== null) oneOf('createDct', 'norm', norm, ['ortho'])
  const n = arange(nMels, { dtype: 'float32' }).add(0.5)
  const k = arange(nMfcc, { dtype: 'float32' }).unsqueeze(1)
  const dct = n
    .mul(Math.PI / nMels)
    .mul(k)
    .cos()
  if (norm === null) return dct.mul(2).t()
  const scale = Array.from({ length: nMfcc }, (_, i) => Math.sqrt(2 / nMels) * (i === 0 ? Math.SQRT1_2 : 1))
  return dct.mul(tensor(scale, { dtype: 'float32' }).unsqueeze(1)).t()
}
