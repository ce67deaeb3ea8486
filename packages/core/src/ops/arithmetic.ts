// Addition, multiplication, division and their kin.
import { ArgumentError, DTypeError, describe } from '../errors.js'
import { isComplex, isFloating, toReal } from '../tensor/dtype.js'
import { Tensor } from '../tensor/tensor.js'
import { to } from './copies.js'
import { fillRaw } from './creation.js'
import { inplaceComposite } from './dispatch.js'
import { type BinaryOp, binary, binaryRecord, choosing, type UnaryOp, unary } from './pointwise.js'
import { FloatScalar, type Operand, resultType, type Scalar, unwrap } from './promotion.js'
import type { InplaceOp } from './record.js'
import { trunc } from './rounding.js'

/** A gradient of zeros, for operators that are constant almost everywhere. */
export function zeroGrad(grad: Tensor): Tensor {
  return fillRaw(grad.shape, 0, grad.dtype, grad.device)
}

/** `self · conj(other)`: how the gradient of a product flows. */
export const mulConj: BinaryOp = binary({
  signature: '_mul_conj(self, other)',
  scalars: 'any',
  program: 'mulConj',
  derivatives: [(g, _self, other) => mul(g, other), (g, self) => mulConj(self, g)],
})

/** `self / conj(other)`: how the gradient of a quotient flows. */
export const divConj: BinaryOp = binary({
  signature: '_div_conj(self, other)',
  scalars: 'any',
  program: 'divConj',
  result: 'float',
  derivatives: [
    (g, _self, other) => div(g, other),
    (g, self, other) => neg(mulConj(divConj(divConj(self, other), other), g)),
  ],
})

export const isWhole = (value: Scalar | FloatScalar): boolean =>
  typeof value === 'bigint' || typeof value === 'boolean' || (typeof value === 'number' && Number.isInteger(value))

/** The options of `add` and `sub`. */
export interface AlphaOptions {
  /** Multiplies `other`. Default 1. */
  readonly alpha?: Scalar | FloatScalar
}

function alphaOf(operation: string, self: Operand, other: Operand, { alpha = 1 }: AlphaOptions): Scalar {
  const dtype = resultType(operation, [self, other])
  if (!isFloating(dtype) && !isComplex(dtype) && !isWhole(alpha))
    throw new ArgumentError(
      `${operation}: expected a whole alpha for ${dtype} tensors, got ${alpha instanceof FloatScalar ? alpha.value : describe(alpha)}`,
    )
  if (typeof alpha === 'boolean' && dtype !== 'bool')
    throw new ArgumentError(`${operation}: expected a number for alpha, got ${alpha}; a boolean fits bool tensors only`)
  if (typeof alpha === 'object' && 're' in alpha && !isComplex(dtype))
    throw new ArgumentError(`${operation}: expected a real alpha for ${dtype} tensors, got a complex one`)
  return unwrap(alpha)
}

const plainAdd = binaryRecord({
  signature: 'add(self, other)',
  scalars: 'all',
  program: 'add',
  saves: 'none',
  derivatives: [(g) => g, (g) => g],
})
const scaledAdd = binaryRecord({
  signature: 'add(self, other)',
  scalars: 'all',
  program: (p, self, other, alpha) => p.op('mulAdd', other, alpha, self),
  saves: 'none',
  derivatives: [(g) => g, (g, _self, _other, alpha) => mulConj(g, alpha)],
})

/**
 * Elementwise `self + alpha · other`, broadcast and promoted.
 *
 * @example
 * ```ts
 * import { ones } from '@flambeau/core'
 * console.log(ones([2]).add(ones([2]), { alpha: 3 }).dtype) // → float32
 * ```
 */
export const add: InplaceOp<[self: Tensor, other: Operand, options?: AlphaOptions]> = choosing(
  'add(self, other, {alpha})',
  plainAdd,
  (self: Tensor, other: Operand, options?: AlphaOptions) =>
    options === undefined ? null : [scaledAdd, self, other, alphaOf('add', self, other, options)],
)

const plainSub = binaryRecord({
  signature: 'sub(self, other)',
  scalars: 'all',
  program: 'sub',
  refuses: ['bool'],
  saves: 'none',
  derivatives: [(g) => g, (g) => neg(g)],
})
const scaledSub = binaryRecord({
  signature: 'sub(self, other)',
  scalars: 'all',
  program: (p, self, other, alpha) => p.op('sub', self, p.op('mul', other, alpha)),
  refuses: ['bool'],
  saves: 'none',
  derivatives: [(g) => g, (g, _self, _other, alpha) => neg(mulConj(g, alpha))],
})

function checkSub(operation: string, self: Operand, other: Operand): void {
  if (
    (self instanceof Tensor && self.dtype === 'bool') ||
    (other instanceof Tensor && other.dtype === 'bool') ||
    typeof other === 'boolean'
  )
    throw new DTypeError(
      `${operation}: bool tensors cannot be subtracted; use bitwiseXor or logicalXor, or bitwiseNot for 1 - x`,
    )
}

/** Elementwise `self - alpha · other`, broadcast and promoted. */
export const sub: InplaceOp<[self: Tensor, other: Operand, options?: AlphaOptions]> = choosing(
  'sub(self, other, {alpha})',
  plainSub,
  (self: Tensor, other: Operand, options?: AlphaOptions) => {
    checkSub('sub', self, other)
    return options === undefined ? null : [scaledSub, self, other, alphaOf('sub', self, other, options)]
  },
)

const plainRsub = binaryRecord({
  signature: 'rsub(self, other)',
  program: (p, self, other) => p.op('sub', other, self),
  saves: 'none',
  derivatives: [(g) => neg(g), (g) => g],
})
const scaledRsub = binaryRecord({
  signature: 'rsub(self, other)',
  program: (p, self, other, alpha) => p.op('sub', other, p.op('mul', self, alpha)),
  saves: 'none',
  derivatives: [(g, _self, _other, alpha) => neg(mulConj(g, alpha)), (g) => g],
})

/** Elementwise `other - alpha · self`. */
export const rsub: InplaceOp<[self: Tensor, other: Operand, options?: AlphaOptions]> = choosing(
  'rsub(self, other, {alpha})',
  plainRsub,
  (self: Tensor, other: Operand, options?: AlphaOptions) => {
    checkSub('rsub', self, other)
    return options === undefined ? null : [scaledRsub, self, other, alphaOf('rsub', self, other, options)]
  },
)

/** Elementwise `self * other`, broadcast and promoted. */
export const mul: BinaryOp = binary({
  signature: 'mul(self, other)',
  scalars: 'all',
  program: 'mul',
  saves: 'crossed',
  derivatives: [(g, _self, other) => mulConj(g, other), (g, self) => mulConj(g, self)],
})

/** How a quotient is rounded to an integer: toward zero or down. */
export type RoundingMode = 'trunc' | 'floor'

const noDivision = (): ArgumentError => new ArgumentError('div: integer division by zero')
const zeroDerivatives = [zeroGrad, zeroGrad] as const
const trueQuotient = binaryRecord({
  signature: 'div(self, other)',
  scalars: 'all',
  program: 'div',
  result: 'float',
  derivatives: [
    (g, _self, other) => divConj(g, other),
    (g, self, other) => neg(mulConj(g, div(div(self, other), other))),
  ],
})
const truncQuotient = binaryRecord({
  signature: 'div(self, other)',
  scalars: 'all',
  program: 'truncDivide',
  explain: noDivision,
  saves: 'none',
  derivatives: zeroDerivatives,
})
const floorQuotient = binaryRecord({
  signature: 'div(self, other)',
  scalars: 'all',
  program: 'floorDivide',
  explain: noDivision,
  saves: 'none',
  derivatives: zeroDerivatives,
})

/**
 * Elementwise `self / other`; integers become the default dtype unless the quotient is rounded.
 *
 * @param options `roundingMode`: `'trunc'` rounds toward zero, `'floor'` down
 * @throws ArgumentError when an integer is divided by zero with a rounding mode
 */
export const div: InplaceOp<[self: Tensor, other: Operand, options?: { readonly roundingMode?: RoundingMode | null }]> =
  choosing(
    'div(self, other, {rounding_mode})',
    trueQuotient,
    (self: Tensor, other: Operand, options?: { readonly roundingMode?: RoundingMode | null }) => {
      const mode = options?.roundingMode ?? null
      if (mode === null) return null
      if (mode !== 'trunc' && mode !== 'floor')
        throw new ArgumentError(`div: expected roundingMode 'trunc', 'floor' or null, got ${describe(mode)}`)
      return [mode === 'trunc' ? truncQuotient : floorQuotient, self, other]
    },
  )

/** Elementwise quotient rounded down. @throws ArgumentError when an integer is divided by zero */
export const floorDivide: BinaryOp = binary({
  signature: 'floor_divide(self, other)',
  scalars: 'all',
  program: 'floorDivide',
  explain: () => new ArgumentError('floor_divide: integer division by zero'),
  saves: 'none',
  derivatives: zeroDerivatives,
})

/** The remainder of division that has the divisor's sign, as in Python. @throws ArgumentError when an integer is divided by zero */
export const remainder: BinaryOp = binary({
  signature: 'remainder(self, other)',
  scalars: 'any',
  program: 'remainder',
  refuses: ['bool'],
  explain: () => new ArgumentError('remainder: integer division by zero'),
  derivatives: [(g) => g, (g, self, other) => neg(mul(g, div(self, other, { roundingMode: 'floor' })))],
})

/** The remainder of division that has the dividend's sign, as in C. @throws ArgumentError when an integer is divided by zero */
export const fmod: BinaryOp = binary({
  signature: 'fmod(self, other)',
  program: 'fmod',
  refuses: ['bool'],
  explain: () => new ArgumentError('fmod: integer division by zero'),
  derivatives: [(g) => g, (g, self, other) => neg(mul(g, trunc(div(self, other))))],
})

/** Elementwise `-self`. */
export const neg: UnaryOp = unary({
  signature: 'neg(self)',
  program: 'neg',
  refuses: ['bool'],
  saves: 'none',
  derivative: (g) => neg(g),
})

/** The tensor itself. */
export const positive: UnaryOp = inplaceComposite('positive(self)', (self: Tensor): Tensor => {
  if (self.dtype === 'bool') throw new DTypeError('positive: not implemented for bool')
  return self
})

/** Elementwise absolute value; of a complex tensor, the real modulus. */
export const abs: UnaryOp = unary({
  signature: 'abs(self)',
  program: 'abs',
  result: 'real',
  derivative: (g, self) => mul(g, sgn(self)),
})

/** -1, 0 or 1 by the sign of each element; 0 for NaN. */
export const sign: UnaryOp = unary({ signature: 'sign(self)', program: 'sign', saves: 'none', derivative: zeroGrad })

/** The sign of each element; of a complex one, `self / |self|`. */
export const sgn: UnaryOp = unary({
  signature: 'sgn(self)',
  program: 'sgn',
  derivative(g, self) {
    if (!isComplex(self.dtype)) return zeroGrad(g)
    // (g/|z| - re(g·conj(s))·s/|z|) with s = z/|z|, half of each direction along z falls away.
    const s = sgn(self)
    const along = mulConj(g, s)
    const scaled = div(sub(g, mul(to(to(along, toReal(self.dtype)), self.dtype), s)), abs(self))
    return nonzeroOnly(scaled, self)
  },
})

/** `value` where `self` is not 0, otherwise 0. */
export const nonzeroOnly: BinaryOp = binary({
  signature: '_nonzero_only(value, self)',
  scalars: 'any',
  program: (p, value, self) => p.op('where', p.op('ne', self, p.constant(0)), value, p.constant(0)),
  derivatives: [(g, _value, self) => nonzeroOnly(g, self), zeroGrad],
})

/** The greatest common divisor of integers. */
export const gcd: InplaceOp<[self: Tensor, other: Tensor]> = binary({
  signature: 'gcd(self, other)',
  scalars: 'none',
  program: 'gcd',
  refuses: ['bool'],
})

/** The least common multiple of integers. */
export const lcm: InplaceOp<[self: Tensor, other: Tensor]> = binary({
  signature: 'lcm(self, other)',
  scalars: 'none',
  program: 'lcm',
  refuses: ['bool'],
})

export const subtract = sub
export const multiply = mul
export const divide = div
export const trueDivide: BinaryOp = inplaceComposite(
  'true_divide(self, other)',
  (self: Tensor, other: Operand): Tensor => div(self, other),
)
export const negative = neg
export const absolute = abs
