// What elementwise operators take, and in which dtype they compute: PyTorch's promotion of tensors and numbers.
import type { Complex, Scalar } from '../binding/call.js'
import { ArgumentError, describe } from '../errors.js'
import { DTYPES, type DType, getDefaultDtype, isComplex, isFloating, promoteTypes, toComplex } from '../tensor/dtype.js'
import { Tensor } from '../tensor/tensor.js'

export type { Complex, Scalar }

/** A number that counts as floating-point in promotion, also when it is whole: JavaScript's 2 and 2.0 are the same. */
export class FloatScalar {
  readonly value: number
  constructor(value: number) {
    this.value = value
  }
}

/** Marks a number as floating-point: `ints.mul(float(2))` is float32 where `ints.mul(2)` stays an integer. */
export function float(value: number): FloatScalar {
  if (typeof value !== 'number') throw new ArgumentError(`float: expected a number, got ${describe(value)}`)
  return new FloatScalar(value)
}

/** The number itself. */
export const unwrap = <T extends Scalar>(value: T | FloatScalar): T | number =>
  value instanceof FloatScalar ? value.value : value

/** What an elementwise operator takes: a tensor, or a number that broadcasts. */
export type Operand = Tensor | Scalar | FloatScalar

/** The scalar as it takes part in promotion. */
export function scalarDType(operation: string, value: Scalar | FloatScalar): DType {
  switch (typeof value) {
    case 'number':
      return Number.isInteger(value) ? 'int64' : getDefaultDtype()
    case 'bigint':
      return 'int64'
    case 'boolean':
      return 'bool'
    default:
      if (value instanceof FloatScalar) return getDefaultDtype()
      if (typeof value === 'object' && value !== null && typeof value.re === 'number' && typeof value.im === 'number')
        return toComplex(getDefaultDtype())
      throw new ArgumentError(`${operation}: expected a tensor or a number, got ${describe(value)}`)
  }
}

const CATEGORY = { bool: 0, int: 1, float: 2, complex: 3 } as const
const category = (d: DType): number => CATEGORY[DTYPES[d].kind]

/** PyTorch's rule: a lower priority only counts where its kind is higher. */
function combine(higher: DType | null, lower: DType | null): DType | null {
  if (higher === null) return lower
  if (lower === null) return higher
  if (category(lower) <= category(higher)) return higher
  return isComplex(lower) && isFloating(higher) ? toComplex(higher) : lower
}

/** The dtype that an elementwise operator on these operands has: tensors with dimensions first, then 0-d ones, then numbers. */
export function resultType(operation: string, operands: readonly Operand[]): DType {
  let dims: DType | null = null
  let zero: DType | null = null
  let numbers: DType | null = null
  for (const operand of operands) {
    if (operand instanceof Tensor) {
      if (operand.shape.length > 0) dims = dims === null ? operand.dtype : promoteTypes(dims, operand.dtype)
      else zero = zero === null ? operand.dtype : promoteTypes(zero, operand.dtype)
    } else {
      const dtype = scalarDType(operation, operand)
      numbers = numbers === null ? dtype : promoteTypes(numbers, dtype)
    }
  }
  return combine(dims, combine(zero, numbers)) ?? getDefaultDtype()
}

/** A number as a constant of the compute type. */
export function constant(value: Scalar | FloatScalar, compute: DType): Scalar {
  if (value instanceof FloatScalar) return value.value
  if (typeof value === 'number' && compute === 'int64' && !Number.isSafeInteger(value))
    return Number.isInteger(value) ? BigInt(value) : value
  // Integers wrap, as those in tensors do.
  if (
    compute === 'int32' &&
    (typeof value === 'bigint' || (typeof value === 'number' && value !== (value | 0) && Number.isInteger(value)))
  )
    return Number(BigInt.asIntN(32, BigInt(value)))
  return value
}
/** Whether an in-place result may be stored: the kind must not be lowered. */
export const canCast = (from: DType, to: DType): boolean => category(from) <= category(to)
