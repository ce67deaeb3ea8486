// Comparison, predicates, logic on elements, and selection.
import { ArgumentError, DTypeError } from '../errors.js'
import { type DType, getDefaultDtype, isComplex, isFloating } from '../tensor/dtype.js'
import { Tensor } from '../tensor/tensor.js'
import { abs, add, mul, sub } from './arithmetic.js'
import { to } from './copies.js'
import { composite } from './dispatch.js'
import { type BinaryOp, binary, choosing, type UnaryOp, unary, unaryRecord } from './pointwise.js'
import { float } from './promotion.js'
import type { InplaceOp, Op } from './record.js'

const compare = (name: string): BinaryOp =>
  binary({ signature: `${name}(self, other)`, program: name as 'eq', result: 'bool' })

/** Whether the elements are equal. @returns bool, of the broadcast shape */
export const eq: BinaryOp = compare('eq')
/** Whether the elements differ. @returns bool, of the broadcast shape */
export const ne: BinaryOp = compare('ne')
/** Whether `self < other`. @returns bool, of the broadcast shape */
export const lt: BinaryOp = compare('lt')
/** Whether `self ≤ other`. @returns bool, of the broadcast shape */
export const le: BinaryOp = compare('le')
/** Whether `self > other`. @returns bool, of the broadcast shape */
export const gt: BinaryOp = compare('gt')
/** Whether `self ≥ other`. @returns bool, of the broadcast shape */
export const ge: BinaryOp = compare('ge')

export const notEqual = ne
export const less = lt
export const lessEqual = le
export const greater = gt
export const greaterEqual = ge

/** Whether both elements are nonzero. @returns bool */
export const logicalAnd: InplaceOp<[self: Tensor, other: Tensor]> = binary({
  signature: 'logical_and(self, other)',
  scalars: 'none',
  program: 'logicalAnd',
  result: 'bool',
})
/** Whether one of the elements is nonzero. @returns bool */
export const logicalOr: InplaceOp<[self: Tensor, other: Tensor]> = binary({
  signature: 'logical_or(self, other)',
  scalars: 'none',
  program: 'logicalOr',
  result: 'bool',
})
/** Whether exactly one of the elements is nonzero. @returns bool */
export const logicalXor: InplaceOp<[self: Tensor, other: Tensor]> = binary({
  signature: 'logical_xor(self, other)',
  scalars: 'none',
  program: 'logicalXor',
  result: 'bool',
})
/** Whether the element is zero. @returns bool */
export const logicalNot: UnaryOp = unary({ signature: 'logical_not(self)', program: 'logicalNot', result: 'bool' })

/** Bits set in both. Integers and bool. */
export const bitwiseAnd: BinaryOp = binary({
  signature: 'bitwise_and(self, other)',
  scalars: 'any',
  program: 'bitwiseAnd',
})
/** Bits set in one or both. Integers and bool. */
export const bitwiseOr: BinaryOp = binary({
  signature: 'bitwise_or(self, other)',
  scalars: 'any',
  program: 'bitwiseOr',
})
/** Bits set in exactly one. Integers and bool. */
export const bitwiseXor: BinaryOp = binary({
  signature: 'bitwise_xor(self, other)',
  scalars: 'any',
  program: 'bitwiseXor',
})

const complement = unaryRecord({ signature: 'bitwise_not(self)', program: 'bitwiseNot' })
const opposite = unaryRecord({ signature: 'bitwise_not(self)', program: 'logicalNot' })
/** The complement of each bit; of bool, the opposite. */
export const bitwiseNot: UnaryOp = choosing('bitwise_not(self)', complement, (self: Tensor) =>
  self.dtype === 'bool' ? [opposite, self] : null,
)

/** `self · 2^other` by shifting bits; 0 where `other` is negative or as large as the width. */
export const bitwiseLeftShift: BinaryOp = binary({
  signature: 'bitwise_left_shift(self, other)',
  scalars: 'any',
  program: 'leftShift',
  refuses: ['bool'],
})
/** `self / 2^other` by shifting bits, keeping the sign. */
export const bitwiseRightShift: BinaryOp = binary({
  signature: 'bitwise_right_shift(self, other)',
  scalars: 'any',
  program: 'rightShift',
  refuses: ['bool'],
})

const predicate = (name: string, refuses: readonly DType[] = []): Op<[self: Tensor]> =>
  unary({ signature: `${name}(self)`, program: name as 'isnan', result: 'bool', refuses })

/** Whether the element is NaN. @returns bool */
export const isnan: Op<[self: Tensor]> = predicate('isnan')
/** Whether the element, or a part of it, is infinite. @returns bool */
export const isinf: Op<[self: Tensor]> = predicate('isinf')
/** Whether the element is neither infinite nor NaN. @returns bool */
export const isfinite: Op<[self: Tensor]> = predicate('isfinite')
/** Whether the element is +∞. @returns bool */
export const isposinf: Op<[self: Tensor]> = predicate('isposinf')
/** Whether the element is -∞. @returns bool */
export const isneginf: Op<[self: Tensor]> = predicate('isneginf')
/** Whether the sign bit is set, that of -0 too. @returns bool */
export const signbit: Op<[self: Tensor]> = predicate('signbit')
/** Whether the element has no imaginary part. @returns bool */
export const isreal: Op<[self: Tensor]> = unary({
  signature: 'isreal(self)',
  program: (p, x) => p.op('eq', p.op('imag', x), p.constant(0)),
  result: 'bool',
})

/** How close is close: `|self - other| ≤ atol + rtol · |other|`. */
export interface Closeness {
  /** Relative tolerance. Default 1e-5. */
  readonly rtol?: number
  /** Absolute tolerance. Default 1e-8. */
  readonly atol?: number
  /** Whether NaN is close to NaN. Default false. */
  readonly equalNan?: boolean
}

/** Whether `|self - other| ≤ atol + rtol · |other|`; infinities are close to themselves. @returns bool */
export const isclose: Op<[self: Tensor, other: Tensor, options?: Closeness]> = composite(
  'isclose(self, other, {rtol, atol, equal_nan})',
  (self: Tensor, other: Tensor, { rtol = 1e-5, atol = 1e-8, equalNan = false }: Closeness = {}): Tensor => {
    if (!(self instanceof Tensor) || !(other instanceof Tensor))
      throw new ArgumentError('isclose: expected two tensors')
    if (self.dtype !== other.dtype)
      throw new DTypeError(`isclose: expected two tensors of one dtype, got ${self.dtype} and ${other.dtype}`)
    if (!(rtol >= 0) || !(atol >= 0))
      throw new ArgumentError(`isclose: expected tolerances that are not negative, got rtol ${rtol} and atol ${atol}`)
    const exact = !isFloating(self.dtype) && !isComplex(self.dtype)
    let close = eq(self, other)
    if (equalNan && !exact) close = logicalOr(close, logicalAnd(isnan(self), isnan(other)))
    if (rtol === 0 && atol === 0) return close
    const a = exact ? to(self, getDefaultDtype()) : self
    const b = exact ? to(other, getDefaultDtype()) : other
    const allowed = add(abs(mul(b, float(rtol))), float(atol))
    const error = abs(sub(a, b))
    return logicalOr(close, logicalAnd(isfinite(error), le(error, allowed)))
  },
)
