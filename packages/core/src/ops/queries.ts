// Questions about tensors, dtypes and numbers that PyTorch answers by functions.
import { ArgumentError, describe } from '../errors.js'
import { checkDType, DTYPES, type DType } from '../tensor/dtype.js'
import { sameShape } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import { canCast as castable, type Operand, resultType as promoted } from './promotion.js'

function checked(operation: string, value: unknown): Tensor {
  if (!Tensor.is(value)) throw new ArgumentError(`${operation}: expected a tensor, got ${describe(value)}`)
  return value
}

/** Whether `value` is a tensor. */
export const isTensor = (value: unknown): value is Tensor => Tensor.is(value)

/** Whether the tensor holds fractions; complex numbers do not count. */
export const isFloatingPoint = (input: Tensor): boolean => checked('isFloatingPoint', input).isFloatingPoint()

/** Whether the tensor holds complex numbers. */
export const isComplex = (input: Tensor): boolean => checked('isComplex', input).isComplex()

/** Whether the tensor's dtype has negative numbers. */
export const isSigned = (input: Tensor): boolean => {
  const { dtype } = checked('isSigned', input)
  return dtype !== 'uint8' && DTYPES[dtype].kind !== 'bool'
}

/** Whether the one element of the tensor is not zero. @throws ArgumentError for any other number of elements */
export function isNonzero(input: Tensor): boolean {
  if (checked('isNonzero', input).numel() !== 1)
    throw new ArgumentError(`isNonzero: expected one element, got shape [${input.shape.join(', ')}]`)
  return input.to({ dtype: 'bool' }).item<boolean>()
}

/** Whether two tensors have one shape. */
export const isSameSize = (self: Tensor, other: Tensor): boolean =>
  sameShape(checked('isSameSize', self).shape, checked('isSameSize', other).shape)

/** Whether the tensor was made in inference mode. */
export const isInference = (input: Tensor): boolean => checked('isInference', input).inference

/** The number of elements. */
export const numel = (input: Tensor): number => checked('numel', input).numel()

/**
 * Whether values of dtype `from` may be written to a tensor of dtype `to`: the kind may not be lowered, from complex
 * numbers over fractions and integers down to bool.
 *
 * @example
 * ```ts
 * import { canCast } from '@flambeau/core'
 * console.log(canCast('float64', 'float32'), canCast('float32', 'int64')) // → true false
 * ```
 */
export const canCast = (from: DType, to: DType): boolean =>
  castable(checkDType('canCast', from), checkDType('canCast', to))

/**
 * The dtype that an operator of both gives: tensors with dimensions come before those without, and those before numbers.
 *
 * @example
 * ```ts
 * import { ones, resultType } from '@flambeau/core'
 * console.log(resultType(ones([2], { dtype: 'int32' }), 1.5)) // → float32
 * ```
 */
export function resultType(a: Operand, b: Operand): DType {
  for (const operand of [a, b]) if (operand instanceof Tensor) checked('resultType', operand)
  return promoted('resultType', [a, b])
}
