// What the numbers of a dtype can be.
import { DTypeError } from '../errors.js'
import { checkDType, DTYPES, type DType, type FloatDType, isFloating, isInteger, toReal } from './dtype.js'

/** The limits of a floating-point dtype. */
export interface FloatInfo {
  readonly dtype: FloatDType
  /** Bits an element. */
  readonly bits: number
  /** The step from 1 to the next number. */
  readonly eps: number
  /** The greatest number. */
  readonly max: number
  /** The least number. */
  readonly min: number
  /** The smallest positive number of full precision. */
  readonly smallestNormal: number
  /** Another name of `smallestNormal`. */
  readonly tiny: number
  /** A power of ten that decimal digits resolve. */
  readonly resolution: number
}

/** Bits of the fraction, the greatest exponent, and the resolution. */
const FORMATS: { readonly [D in FloatDType]: readonly [fraction: number, exponent: number, resolution: number] } = {
  float64: [52, 1023, 1e-15],
  float32: [23, 127, 1e-6],
  float16: [10, 15, 1e-3],
  bfloat16: [7, 127, 1e-2],
}

/**
 * The limits of a floating-point dtype, or of the parts of a complex one.
 *
 * @throws DTypeError for integers and bool
 * @example
 * ```ts
 * import { finfo } from '@flambeau/core'
 * console.log(finfo('float16').max) // → 65504
 * ```
 */
export function finfo(dtype: DType): FloatInfo {
  const real = toReal(checkDType('finfo', dtype))
  if (!isFloating(real))
    throw new DTypeError(`finfo: expected a floating-point or complex dtype, got ${dtype}; use iinfo`)
  const name = real as FloatDType
  const [fraction, exponent, resolution] = FORMATS[name]
  const eps = 2 ** -fraction
  const max = (2 - eps) * 2 ** exponent
  const smallestNormal = 2 ** (1 - exponent)
  return {
    dtype: name,
    bits: 8 * DTYPES[name].size,
    eps,
    max,
    min: -max,
    smallestNormal,
    tiny: smallestNormal,
    resolution,
  }
}

/** The limits of an integer dtype; exact, hence bigints. */
export interface IntInfo {
  readonly dtype: DType
  /** Bits an element. */
  readonly bits: number
  /** The greatest number. */
  readonly max: bigint
  /** The least number. */
  readonly min: bigint
}

/**
 * The limits of an integer dtype.
 *
 * @throws DTypeError for bool, fractions and complex numbers
 * @example
 * ```ts
 * import { iinfo } from '@flambeau/core'
 * console.log(iinfo('int8').min) // → -128n
 * ```
 */
export function iinfo(dtype: DType): IntInfo {
  if (!isInteger(checkDType('iinfo', dtype))) throw new DTypeError(`iinfo: expected an integer dtype, got ${dtype}`)
  const bits = 8 * DTYPES[dtype].size
  if (dtype === 'uint8') return { dtype, bits, max: 255n, min: 0n }
  const half = 1n << BigInt(bits - 1)
  return { dtype, bits, max: half - 1n, min: -half }
}
