import { DTYPE_NAMES } from '../binding/status.js'
import { DTypeError, describe } from '../errors.js'

/** The element type of a tensor, by PyTorch's names. */
export type DType = (typeof DTYPE_NAMES)[number]

/** The element types that gradients flow through. */
export type FloatDType = 'float32' | 'float64' | 'float16' | 'bfloat16'

type Kind = 'bool' | 'int' | 'float' | 'complex'

/** What a typed array over the elements is; half types read as their bits. */
type ElementArray =
  | typeof Float32Array
  | typeof Float64Array
  | typeof Uint16Array
  | typeof Int8Array
  | typeof Uint8Array
  | typeof Int16Array
  | typeof Int32Array
  | typeof BigInt64Array

interface DTypeInfo {
  readonly code: number
  /** Bytes an element. */
  readonly size: number
  readonly kind: Kind
  /** The typed array of `data()`; a complex element is two of its elements. */
  readonly array: ElementArray
  /** The dtype in which elementwise arithmetic is done. */
  readonly compute: DType
}

/** One row a dtype. */
export const DTYPES: { readonly [D in DType]: DTypeInfo } = {
  float32: { code: 0, size: 4, kind: 'float', array: Float32Array, compute: 'float32' },
  float64: { code: 1, size: 8, kind: 'float', array: Float64Array, compute: 'float64' },
  float16: { code: 2, size: 2, kind: 'float', array: Uint16Array, compute: 'float32' },
  bfloat16: { code: 3, size: 2, kind: 'float', array: Uint16Array, compute: 'float32' },
  int8: { code: 4, size: 1, kind: 'int', array: Int8Array, compute: 'int32' },
  uint8: { code: 5, size: 1, kind: 'int', array: Uint8Array, compute: 'int32' },
  int16: { code: 6, size: 2, kind: 'int', array: Int16Array, compute: 'int32' },
  int32: { code: 7, size: 4, kind: 'int', array: Int32Array, compute: 'int32' },
  int64: { code: 8, size: 8, kind: 'int', array: BigInt64Array, compute: 'int64' },
  bool: { code: 9, size: 1, kind: 'bool', array: Uint8Array, compute: 'int32' },
  complex64: { code: 10, size: 8, kind: 'complex', array: Float32Array, compute: 'complex64' },
  complex128: { code: 11, size: 16, kind: 'complex', array: Float64Array, compute: 'complex128' },
  complex32: { code: 12, size: 4, kind: 'complex', array: Uint16Array, compute: 'complex64' },
}

export const isFloating = (d: DType): boolean => DTYPES[d].kind === 'float'
export const isComplex = (d: DType): boolean => DTYPES[d].kind === 'complex'
/** int8 … int64 and uint8; bool is not one. */
export const isInteger = (d: DType): boolean => DTYPES[d].kind === 'int'
/** Whether gradients flow through this dtype. */
export const isDifferentiable = (d: DType): boolean => isFloating(d) || isComplex(d)

/** The complex dtype whose parts are `d`, and the other way round. */
export function toComplex(d: DType): DType {
  if (d === 'float64' || d === 'complex128') return 'complex128'
  return d === 'float16' || d === 'complex32' ? 'complex32' : 'complex64'
}
export function toReal(d: DType): DType {
  return d === 'complex128' ? 'float64' : d === 'complex64' ? 'float32' : d === 'complex32' ? 'float16' : d
}

const RANK: { readonly [K in Kind]: number } = { bool: 0, int: 1, float: 2, complex: 3 }

function promoteOnce(a: DType, b: DType): DType {
  if (a === b) return a
  const [low, high] = RANK[DTYPES[a].kind] <= RANK[DTYPES[b].kind] ? [a, b] : [b, a]
  if (isComplex(low)) return DTYPES[low].size > DTYPES[high].size ? low : high
  if (isComplex(high)) {
    const least = isFloating(low) ? toComplex(low) : high
    return DTYPES[least].size > DTYPES[high].size ? least : high
  }
  if (DTYPES[low].kind !== DTYPES[high].kind) return high
  const sizeLow = DTYPES[low].size
  const sizeHigh = DTYPES[high].size
  if (isFloating(high)) return sizeLow === sizeHigh ? 'float32' : sizeLow > sizeHigh ? low : high
  // Integers: uint8 with int8 needs int16; otherwise the wider one holds both.
  if (sizeLow === sizeHigh) return 'int16'
  return sizeLow > sizeHigh ? low : high
}

const PROMOTED: readonly (readonly DType[])[] = DTYPE_NAMES.map((a) => DTYPE_NAMES.map((b) => promoteOnce(a, b)))

/**
 * The smallest dtype that holds the values of both, by PyTorch's rules.
 *
 * @example
 * ```ts
 * import { promoteTypes } from '@flambeau/core'
 * console.log(promoteTypes('uint8', 'int8')) // → int16
 * ```
 */
export function promoteTypes(a: DType, b: DType): DType {
  return a === b ? a : PROMOTED[dtypeCode(a)][dtypeCode(b)]
}

const dtypeCode = (d: DType): number => DTYPES[checkDType('promoteTypes', d)].code

/** Throws unless `value` names a dtype. */
export function checkDType(operation: string, value: unknown): DType {
  if (typeof value === 'string' && value in DTYPES) return value as DType
  throw new DTypeError(`${operation}: expected a dtype (${DTYPE_NAMES.join(', ')}), got ${describe(value)}`)
}

let defaultDType: FloatDType = 'float32'

/** The dtype of new tensors made from fractions; `'float32'` unless changed. */
export const getDefaultDtype = (): FloatDType => defaultDType

/** Sets the dtype of new tensors made from fractions. */
export function setDefaultDtype(dtype: FloatDType): void {
  if (!isFloating(checkDType('setDefaultDtype', dtype)))
    throw new DTypeError(`setDefaultDtype: expected a floating-point dtype, got '${dtype}'`)
  defaultDType = dtype
}
