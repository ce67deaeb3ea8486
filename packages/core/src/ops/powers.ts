// Powers and roots, and numbers taken apart: exponents, signs, neighbours.
import { ArgumentError } from '../errors.js'
import { isComplex, isFloating } from '../tensor/dtype.js'
import { Tensor } from '../tensor/tensor.js'
import { div, divConj, mul, mulConj, neg, nonzeroOnly, sub, zeroGrad } from './arithmetic.js'
import { to } from './copies.js'
import { inplaceComposite, inplacePrimitive } from './dispatch.js'
import {
  type BinaryOp,
  binary,
  binaryRecord,
  choosing,
  type TernaryOp,
  ternary,
  type UnaryOp,
  unary,
  unaryRecord,
} from './pointwise.js'
import { FloatScalar, type Operand, type Scalar, unwrap } from './promotion.js'
import { type InplaceOp, saving } from './record.js'
import { log } from './transcendental.js'

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
  const e = unwrap(exponent)
  if (typeof e === 'object') return mulConj(g, mul(pow(self, { re: e.re - 1, im: e.im }), e))
  const n = Number(e)
  return n === 0 ? zeroGrad(g) : mulConj(g, mul(n === 2 ? self : pow(self, new FloatScalar(n - 1)), n))
}
const floated = (t: Tensor): Tensor => (isFloating(t.dtype) || isComplex(t.dtype) ? t : to(t, 'float32'))

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
  const b = unwrap(base)
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
    const e = unwrap(exponent)
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
  derivatives: [zeroGrad, zeroGrad],
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
