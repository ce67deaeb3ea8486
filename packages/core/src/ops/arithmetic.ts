// Addition, multiplication, division, powers and their kin.
import { ArgumentError, DTypeError, describe } from '../errors.js'
import { isComplex, isFloating, toReal } from '../tensor/dtype.js'
import { Tensor } from '../tensor/tensor.js'
import { to } from './copies.js'
import { fillRaw } from './creation.js'
import { inplaceComposite, inplacePrimitive } from './dispatch.js'
import {
  type BinaryOp,
  binary,
  binaryRecord,
  choosing,
  FloatScalar,
  multiRecord,
  type Operand,
  resultType,
  type Scalar,
  type TernaryOp,
  ternary,
  type UnaryOp,
  unary,
  unaryRecord,
} from './pointwise.js'
import { type InplaceOp, saving } from './record.js'
import { trunc } from './rounding.js'
import { log } from './transcendental.js'

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

const isWhole = (value: Scalar | FloatScalar): boolean =>
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
  return alpha instanceof FloatScalar ? alpha.value : alpha
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
  program: (p, self, other, alpha) => p.op('add', self, p.op('mul', other, alpha)),
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
const nonzeroOnly: BinaryOp = binary({
  signature: '_nonzero_only(value, self)',
  scalars: 'any',
  program: (p, value, self) => p.op('where', p.op('ne', self, p.constant(0)), value, p.constant(0)),
  derivatives: [(g, _value, self) => nonzeroOnly(g, self), zeroGrad],
})

const squares = unaryRecord({
  signature: 'square(self)',
  program: 'square',
  derivative: (g, self) => mulConj(g, mul(self, 2)),
})
const countedSquares = unaryRecord({ signature: 'square(self)', program: 'square', result: 'count' })
/** Elementwise square; of bool, int64. */
export const square: UnaryOp = choosing('square(self)', squares, (self: Tensor) =>
  self.dtype === 'bool' ? [countedSquares, self] : null,
)

/** Elementwise square root. */
export const sqrt: UnaryOp = unary({
  signature: 'sqrt(self)',
  program: 'sqrt',
  result: 'float',
  saves: 'result',
  derivative: (g, y) => divConj(g, mul(y, 2)),
})

/** Elementwise `1 / √self`. */
export const rsqrt: UnaryOp = unary({
  signature: 'rsqrt(self)',
  program: 'rsqrt',
  result: 'float',
  saves: 'result',
  derivative: (g, y) => mulConj(g, mul(pow(y, 3), -0.5)),
})

/** Elementwise `1 / self`. */
export const reciprocal: UnaryOp = unary({
  signature: 'reciprocal(self)',
  program: 'reciprocal',
  result: 'float',
  saves: 'result',
  derivative: (g, y) => neg(mulConj(g, square(y))),
})

const derivativeOfBase = (g: Tensor, self: Tensor, exponent: Operand): Tensor => {
  if (exponent instanceof Tensor)
    return whereNonzero(exponent, mulConj(g, mul(pow(self, sub(floated(exponent), 1)), exponent)))
  const e = plain(exponent)
  if (typeof e === 'object') return mulConj(g, mul(pow(self, { re: e.re - 1, im: e.im }), e))
  const n = Number(e)
  return n === 0 ? zeroGrad(g) : mulConj(g, mul(n === 2 ? self : pow(self, new FloatScalar(n - 1)), n))
}
const floated = (t: Tensor): Tensor => (isFloating(t.dtype) || isComplex(t.dtype) ? t : to(t, 'float32'))
const plain = (value: Scalar | FloatScalar): Scalar => (value instanceof FloatScalar ? value.value : value)

/** `value` where `condition` is not 0, otherwise 0. */
const whereNonzero = (condition: Tensor, value: Tensor): Tensor => nonzeroOnly(value, condition)

/** The gradient of the exponent vanishes where a base of 0 meets an exponent that is not negative. */
const powerMask: TernaryOp = ternary({
  signature: '_power_mask(term, base, exponent)',
  scalars: 'any',
  program: (p, term, base, exponent) =>
    p.op(
      'where',
      p.op('logicalAnd', p.op('eq', base, p.constant(0)), p.op('eq', p.op('abs', exponent), exponent)),
      p.constant(0),
      term,
    ),
  derivatives: [(g, _term, base, exponent) => powerMask(g, base, exponent), zeroGrad, zeroGrad],
})

const general = binaryRecord({
  signature: 'pow(self, exponent)',
  scalars: 'any',
  program: 'pow',
  refuses: ['bool'],
  derivatives: [
    derivativeOfBase,
    (g, self, exponent) => {
      const base: Operand = self
      const logarithm = base instanceof Tensor ? log(floated(base)) : logOf(base)
      return mulConj(g, powerMask(mul(pow(self, exponent), logarithm), base, exponent))
    },
  ],
})
const logOf = (base: Scalar | FloatScalar): Scalar => {
  const b = plain(base)
  if (typeof b === 'object') return { re: Math.log(Math.hypot(b.re, b.im)), im: Math.atan2(b.im, b.re) }
  return Math.log(Number(b))
}

/** Exponents for which there is something faster than the general power. */
const POWERS = new Map(
  (
    [
      [0.5, 'sqrt'],
      [-0.5, 'rsqrt'],
      [-1, 'reciprocal'],
      [2, 'square'],
      [3, 'cube'],
    ] as const
  ).map(([exponent, program]): readonly [number, ReturnType<typeof binaryRecord>] => [
    exponent,
    binaryRecord({
      signature: 'pow(self, exponent)',
      scalars: 'any',
      program: (p, x) => (program === 'cube' ? p.op('mul', p.op('square', x), x) : p.op(program, x)),
      refuses: ['bool'],
      derivatives: [derivativeOfBase, derivativeOfBase],
    }),
  ]),
)

/**
 * Elementwise `self` to the power `exponent`. Either may be a number.
 *
 * @throws ArgumentError when an integer tensor meets a negative whole number
 */
export const pow: InplaceOp<[self: Tensor, exponent: Operand]> = choosing(
  'pow(self, exponent)',
  general,
  (self: Tensor, exponent: Operand) => {
    if (exponent instanceof Tensor || !(self instanceof Tensor)) return null
    const e = plain(exponent)
    if (typeof e === 'object') return null
    const n = Number(e)
    const exact = isFloating(self.dtype) || isComplex(self.dtype)
    if (!exact && !(exponent instanceof FloatScalar) && Number.isInteger(n) && n < 0)
      throw new ArgumentError(
        `pow: integers cannot be raised to a negative integer power (${n}); convert to a floating-point dtype`,
      )
    const fast = n === 2 || n === 3 || exact ? POWERS.get(n) : undefined
    return fast === undefined ? null : [fast, self, exponent]
  },
)

const wide = (value: Operand): Operand =>
  value instanceof Tensor ? to(value, isComplex(value.dtype) ? 'complex128' : 'float64') : value

/** `self` to the power `exponent`, computed and returned in float64 or complex128. */
export const floatPower: InplaceOp<[self: Tensor, exponent: Operand]> = inplaceComposite(
  'float_power(self, exponent)',
  (self: Tensor, exponent: Operand): Tensor => {
    const e = wide(exponent)
    return pow(wide(self) as Tensor, typeof e === 'number' ? new FloatScalar(e) : e)
  },
)

/** The options of `addcmul` and `addcdiv`. */
export interface ValueOptions {
  /** Multiplies the product or quotient. Default 1. */
  readonly value?: Scalar | FloatScalar
}

function factorOf(operation: string, operands: readonly Tensor[], { value = 1 }: ValueOptions = {}): Scalar {
  const dtype = resultType(operation, operands)
  if (!isFloating(dtype) && !isComplex(dtype) && !isWhole(value))
    throw new ArgumentError(`${operation}: expected a whole value for ${dtype} tensors, got ${describe(plain(value))}`)
  return plain(value)
}

const product = multiRecord(
  {
    signature: 'addcmul(self, tensor1, tensor2)',
    program: (p, self, a, b, value) => p.op('add', self, p.op('mul', p.op('mul', value, a), b)),
    refuses: ['bool'],
  },
  3,
  [
    (g: Tensor) => g,
    (g: Tensor, _self: Tensor, _a: Tensor, b: Tensor, value: number) => mulConj(g, mul(b, value)),
    (g: Tensor, _self: Tensor, a: Tensor, _b: Tensor, value: number) => mulConj(g, mul(a, value)),
  ],
)

/** Elementwise `self + value · tensor1 · tensor2`. */
export const addcmul: InplaceOp<[self: Tensor, tensor1: Tensor, tensor2: Tensor, options?: ValueOptions]> = choosing(
  'addcmul(self, tensor1, tensor2, {value})',
  product,
  (self: Tensor, a: Tensor, b: Tensor, options?: ValueOptions) => [
    product,
    self,
    a,
    b,
    factorOf('addcmul', [self, a, b], options),
  ],
)

const quotient = multiRecord(
  {
    signature: 'addcdiv(self, tensor1, tensor2)',
    program: (p, self, a, b, value) => p.op('add', self, p.op('div', p.op('mul', value, a), b)),
  },
  3,
  [
    (g: Tensor) => g,
    (g: Tensor, _self: Tensor, _a: Tensor, b: Tensor, value: number) => mulConj(g, mul(reciprocal(b), value)),
    (g: Tensor, _self: Tensor, a: Tensor, b: Tensor, value: number) => neg(mulConj(g, div(mul(a, value), mul(b, b)))),
  ],
)

/** Elementwise `self + value · tensor1 / tensor2`. */
export const addcdiv: InplaceOp<[self: Tensor, tensor1: Tensor, tensor2: Tensor, options?: ValueOptions]> = choosing(
  'addcdiv(self, tensor1, tensor2, {value})',
  quotient,
  (self: Tensor, a: Tensor, b: Tensor, options?: ValueOptions) => [
    quotient,
    self,
    a,
    b,
    factorOf('addcdiv', [self, a, b], options),
  ],
)

const lerpDerivatives = [
  (g: Tensor, _self: Tensor, _end: Tensor, weight: Operand) =>
    mulConj(g, weight instanceof Tensor ? rsub(weight, 1) : oneMinus(weight)),
  (g: Tensor, _self: Tensor, _end: Tensor, weight: Operand) => mulConj(g, weight),
  (g: Tensor, self: Tensor, end: Tensor) => mulConj(g, sub(end, self)),
]
const realLerp = multiRecord(
  {
    signature: 'lerp(self, end, weight)',
    // From the nearer end, so that both ends are met exactly.
    program: (p, self, end, weight) => {
      const difference = p.op('sub', end, self)
      const far = p.op('sub', end, p.op('mul', difference, p.op('sub', p.constant(1), weight)))
      return p.op(
        'where',
        p.op('lt', p.op('abs', weight), 0.5),
        p.op('add', self, p.op('mul', weight, difference)),
        far,
      )
    },
  },
  3,
  lerpDerivatives,
)
const complexLerp = multiRecord(
  {
    signature: 'lerp(self, end, weight)',
    program: (p, self, end, weight) => p.op('add', self, p.op('mul', weight, p.op('sub', end, self))),
  },
  3,
  lerpDerivatives,
)
/** Linear interpolation, `self + weight · (end - self)`. @param weight a tensor or a number */
export const lerp: InplaceOp<[self: Tensor, end: Tensor, weight: Operand]> = choosing(
  'lerp(self, end, weight)',
  realLerp,
  (self: Tensor, end: Tensor, weight: Operand) => {
    const others = weight instanceof Tensor ? [end, weight] : [end]
    for (const t of others)
      if (!(t instanceof Tensor) || t.dtype !== self.dtype)
        throw new DTypeError(
          `lerp: expected end and weight of dtype ${self.dtype}, got ${t instanceof Tensor ? t.dtype : describe(t)}`,
        )
    return isComplex(self.dtype) ? [complexLerp, self, end, weight] : null
  },
)
const oneMinus = (value: Scalar | FloatScalar): Scalar => {
  const v = plain(value)
  return typeof v === 'object' ? { re: 1 - v.re, im: -v.im } : 1 - Number(v)
}

const powerOf2 = (exponent: Tensor): Tensor => pow(new FloatScalar(2) as Operand as Tensor, exponent)

/** Elementwise `self · 2^other`. */
export const ldexp: InplaceOp<[self: Tensor, other: Tensor]> = inplacePrimitive({
  signature: 'ldexp(self, other)',
  forward(self: Tensor, other: Tensor) {
    if (!(self instanceof Tensor) || !(other instanceof Tensor)) throw new ArgumentError('ldexp: expected two tensors')
    const out = mul(self, powerOf2(other))
    return saving(out, other, out)
  },
  backward: (grad, [other, out], needs) => [
    needs(0) ? mulConj(grad, powerOf2(other)) : null,
    needs(1) ? mul(mulConj(grad, out), Math.LN2) : null,
  ],
})

/** `√(self² + other²)` without overflow. */
export const hypot: InplaceOp<[self: Tensor, other: Tensor]> = binary({
  signature: 'hypot(self, other)',
  scalars: 'none',
  program: 'hypot',
  derivatives: [
    (g, self, other) => mul(g, div(self, hypot(self, other as Tensor))),
    (g, self, other) => mul(g, div(other as Tensor, hypot(self, other as Tensor))),
  ],
})

/** The magnitude of `self` with the sign of `other`. */
export const copysign: BinaryOp = binary({
  signature: 'copysign(self, other)',
  program: 'copysign',
  result: 'float',
  derivatives: [(g, self, other) => mul(g, copysignRatio(self, other)), (g) => zeroGrad(g)],
})
const copysignRatio: BinaryOp = binary({
  signature: '_copysign_ratio(self, other)',
  scalars: 'any',
  program: (p, self, other) => p.op('where', p.op('eq', self, 0), 0, p.op('div', p.op('copysign', self, other), self)),
  result: 'float',
  saves: 'none',
  derivatives: zeroDerivatives,
})

/** 0, `values` or 1 as `self` is negative, zero or positive. */
export const heaviside: InplaceOp<[self: Tensor, values: Tensor]> = binary({
  signature: 'heaviside(self, values)',
  scalars: 'none',
  program: 'heaviside',
})

/** The next representable number after `self` towards `other`. */
export const nextafter: InplaceOp<[self: Tensor, other: Tensor]> = binary({
  signature: 'nextafter(self, other)',
  scalars: 'none',
  program: 'nextafter',
  derivatives: [(g, self, other) => whereDifferent(g, self, other), zeroGrad],
})

const whereDifferent: TernaryOp = ternary({
  signature: '_where_different(grad, self, other)',
  program: (p, g, a, b) => p.op('where', p.op('eq', a, b), 0, g),
  derivatives: [(g, _grad, a, b) => whereDifferent(g, a, b), zeroGrad, zeroGrad],
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
