// Exponentials, logarithms, trigonometry and their inverses, with their derivatives.

import { isComplex } from '../tensor/dtype.js'
import type { Tensor } from '../tensor/tensor.js'
import { add, divConj, mul, mulConj, neg, rsub, sub, zeroGrad } from './arithmetic.js'
import { conj } from './complex.js'
import { fillRaw } from './creation.js'
import { type BinaryOp, binary, type TernaryOp, ternary, type UnaryOp, unary } from './pointwise.js'
import { reciprocal, rsqrt, sqrt, square } from './powers.js'
import type { Program } from './programs.js'
import type { Operand } from './promotion.js'
import type { InplaceOp, Op } from './record.js'

/** A function of one tensor with values that are not whole numbers: integers become the default dtype. */
const analytic = (
  name: string,
  derivative: (grad: Tensor, x: Tensor) => Tensor,
  saves: 'operand' | 'result' = 'operand',
): UnaryOp => unary({ signature: `${name}(self)`, program: name as Program, result: 'float', saves, derivative })

/** `e` to the power of each element. */
export const exp: UnaryOp = analytic('exp', (g, y) => mulConj(g, y), 'result')
/** 2 to the power of each element. */
export const exp2: UnaryOp = analytic('exp2', (g, y) => mulConj(g, mul(y, Math.LN2)), 'result')
/** `exp(x) - 1`, accurate near 0. */
export const expm1: UnaryOp = analytic('expm1', (g, y) => mulConj(g, add(y, 1)), 'result')
/** The natural logarithm. */
export const log: UnaryOp = analytic('log', (g, x) => divConj(g, x))
/** The logarithm to base 2. */
export const log2: UnaryOp = analytic('log2', (g, x) => divConj(g, mul(x, Math.LN2)))
/** The logarithm to base 10. */
export const log10: UnaryOp = analytic('log10', (g, x) => divConj(g, mul(x, Math.LN10)))
/** `log(1 + x)`, accurate near 0. */
export const log1p: UnaryOp = analytic('log1p', (g, x) => divConj(g, add(x, 1)))

/** The sine. */
export const sin: UnaryOp = analytic('sin', (g, x) => mulConj(g, cos(x)))
/** The cosine. */
export const cos: UnaryOp = analytic('cos', (g, x) => neg(mulConj(g, sin(x))))
/** The tangent. */
export const tan: UnaryOp = analytic('tan', (g, y) => mulConj(g, add(square(y), 1)), 'result')
/** The inverse sine. */
export const asin: UnaryOp = analytic('asin', (g, x) => mulConj(g, rsqrt(rsub(square(x), 1))))
/** The inverse cosine. */
export const acos: UnaryOp = analytic('acos', (g, x) => neg(mulConj(g, rsqrt(rsub(square(x), 1)))))
/** The inverse tangent. */
export const atan: UnaryOp = analytic('atan', (g, x) => divConj(g, add(square(x), 1)))
/** The hyperbolic sine. */
export const sinh: UnaryOp = analytic('sinh', (g, x) => mulConj(g, cosh(x)))
/** The hyperbolic cosine. */
export const cosh: UnaryOp = analytic('cosh', (g, x) => mulConj(g, sinh(x)))
/** The inverse hyperbolic sine. */
export const asinh: UnaryOp = analytic('asinh', (g, x) => divConj(g, sqrt(add(square(x), 1))))
/** The inverse hyperbolic cosine. */
export const acosh: UnaryOp = analytic('acosh', (g, x) =>
  // The branch cut needs two roots; real numbers below -1 have a gradient of one.
  isComplex(x.dtype) ? divConj(g, mul(sqrt(sub(x, 1)), sqrt(add(x, 1)))) : mul(g, rsqrt(sub(square(x), 1))),
)
/** The inverse hyperbolic tangent. */
export const atanh: UnaryOp = analytic('atanh', (g, x) => divConj(g, rsub(square(x), 1)))

/** `grad · (1 - y²)` for `y = tanh x`. */
const tanhBackward: BinaryOp = binary({
  signature: '_tanh_backward(grad, result)',
  program: (p, g, y) => p.op('mulConj', g, p.op('sub', p.constant(1), p.op('square', y))),
  derivatives: [
    (gg, _g, y) => mul(gg, rsub(square(y as Tensor), 1)),
    (gg, g, y) => mulConj(mulConj(mul(g, -2), y), gg),
  ],
})
/** The hyperbolic tangent. */
export const tanh: UnaryOp = analytic('tanh', tanhBackward, 'result')

/** `grad · y(1 - y)` for `y = sigmoid x`. */
export const sigmoidBackward: BinaryOp = binary({
  signature: '_sigmoid_backward(grad, result)',
  program: (p, g, y) => p.op('mulConj', g, p.op('mul', p.op('sub', p.constant(1), y), y)),
  derivatives: [
    (gg, _g, y) => mul(gg, mul(rsub(y as Tensor, 1), y)),
    (gg, g, y) => mulConj(mulConj(g, rsub(mul(y as Tensor, 2), 1)), gg),
  ],
})
/** The logistic function, `1 / (1 + exp(-x))`. */
export const sigmoid: UnaryOp = analytic('sigmoid', sigmoidBackward, 'result')

/** `sin(πx) / πx`, 1 at 0. */
export const sinc: UnaryOp = analytic('sinc', (g, x) => sincBackward(g, x))
const sincBackward: BinaryOp = binary({
  signature: '_sinc_backward(grad, self)',
  // (cos(πx)·πx - sin(πx)) / (πx²), 0 at 0.
  program: (p, g, x) => {
    const scaled = p.op('mul', x, p.constant(Math.PI))
    const slope = p.op(
      'div',
      p.op('sub', p.op('mul', p.op('cos', scaled), scaled), p.op('sin', scaled)),
      p.op('mul', scaled, x),
    )
    return p.op('mulConj', g, p.op('where', p.op('eq', x, p.constant(0)), p.constant(0), slope))
  },
  derivatives: [
    (gg, _g, x) => mul(gg, sincSlope(x as Tensor)),
    (gg, g, x) => mulConj(mulConj(g, gg), sincCurve(x as Tensor)),
  ],
})
// The conjugate of a slope is the slope at the conjugate.
const sincSlope = (x: Tensor): Tensor => sincBackward(fillRaw(x.shape, 1, x.dtype, x.device), conj(x))
// s″ = -π²·s - 2·s′/x, and -π²/3 at 0.
const sincCurve = (x: Tensor): Tensor => curve(sinc(x), sincSlope(x), x)
const curve: TernaryOp = ternary({
  signature: '_sinc_curve(sinc, slope, self)',
  program: (p, s, slope, x) =>
    p.op(
      'where',
      p.op('eq', x, p.constant(0)),
      p.constant(-(Math.PI ** 2) / 3),
      p.op('sub', p.op('mul', s, p.constant(-(Math.PI ** 2))), p.op('div', p.op('mul', slope, p.constant(2)), x)),
    ),
})

/** The angle of the point (`other`, `self`), in (-π, π]. */
export const atan2: InplaceOp<[self: Tensor, other: Tensor]> = binary({
  signature: 'atan2(self, other)',
  scalars: 'none',
  program: 'atan2',
  result: 'float',
  derivatives: [
    (g, y, x) => mul(g, mul(x as Tensor, safeReciprocal(y, x))),
    (g, y, x) => mul(g, neg(mul(y, safeReciprocal(y, x)))),
  ],
})
const safeReciprocal = (y: Tensor, x: Operand): Tensor => atZero(add(square(y), square(x as Tensor)))
const atZero: UnaryOp = unary({
  signature: '_reciprocal_or_zero(self)',
  program: (p, x) => p.op('where', p.op('eq', x, p.constant(0)), p.constant(0), p.op('div', p.constant(1), x)),
  saves: 'result',
  derivative: (g, y) => neg(mul(g, square(y))),
})

/** `self · log(other)`, 0 where `self` is 0. */
export const xlogy: BinaryOp = binary({
  signature: 'xlogy(self, other)',
  scalars: 'any',
  program: 'xlogy',
  result: 'float',
  derivatives: [(g, x, y) => maskedLog(g, x, y), (g, x, y) => mul(g, divOrScalar(x, y))],
})
const divOrScalar = (x: Operand, y: Operand): Tensor => mul(reciprocal(y as Tensor), x)
const maskedLog: TernaryOp = ternary({
  signature: '_xlogy_backward(grad, self, other)',
  scalars: 'any',
  program: (p, g, x, y) =>
    p.op(
      'mul',
      g,
      p.op(
        'where',
        p.op('logicalAnd', p.op('eq', x, p.constant(0)), p.op('le', y, p.constant(0))),
        p.constant(0),
        p.op('log', y),
      ),
    ),
  result: 'float',
  derivatives: [
    (gg, _g, x, y) => maskedLog(gg, x, y),
    zeroGrad,
    (gg, g, _x, y) => mul(gg, mul(g, reciprocal(y as Tensor))),
  ],
})

/** `log(exp(self) + exp(other))` without overflow. */
export const logaddexp: InplaceOp<[self: Tensor, other: Tensor]> = binary({
  signature: 'logaddexp(self, other)',
  scalars: 'none',
  program: 'logaddexp',
  result: 'float',
  derivatives: [(g, x, y) => mulConj(g, sigmoid(sub(x, y))), (g, x, y) => mulConj(g, sigmoid(sub(y as Tensor, x)))],
})

/** `log2(2^self + 2^other)` without overflow. */
export const logaddexp2: InplaceOp<[self: Tensor, other: Tensor]> = binary({
  signature: 'logaddexp2(self, other)',
  scalars: 'none',
  program: 'logaddexp2',
  result: 'float',
  derivatives: [
    (g, x, y) => mul(g, sigmoid(mul(sub(x, y), Math.LN2))),
    (g, x, y) => mul(g, sigmoid(mul(sub(y as Tensor, x), Math.LN2))),
  ],
})

/** Radians from degrees. */
export const deg2rad: UnaryOp = unary({
  signature: 'deg2rad(self)',
  program: (p, x) => p.op('mul', x, p.constant(Math.PI / 180)),
  result: 'float',
  saves: 'none',
  derivative: (g) => deg2rad(g),
})
/** Degrees from radians. */
export const rad2deg: UnaryOp = unary({
  signature: 'rad2deg(self)',
  program: (p, x) => p.op('mul', x, p.constant(180 / Math.PI)),
  result: 'float',
  saves: 'none',
  derivative: (g) => rad2deg(g),
})

const twoOverRootPi = 2 / Math.sqrt(Math.PI)
/** The error function. */
export const erf: UnaryOp = analytic('erf', (g, x) => mul(g, gaussian(x)))
/** `1 - erf(x)`, accurate for large x. */
export const erfc: UnaryOp = analytic('erfc', (g, x) => neg(mul(g, gaussian(x))))
/** The inverse error function. */
export const erfinv: UnaryOp = analytic('erfinv', (g, y) => mul(g, inverseGaussian(y)), 'result')
/** `2/√π · exp(-x²)` */
const gaussian: UnaryOp = unary({
  signature: '_erf_slope(self)',
  program: (p, x) => p.op('mul', p.op('exp', p.op('neg', p.op('square', x))), p.constant(twoOverRootPi)),
  result: 'float',
  derivative: (g, x) => mul(g, mul(mul(x, -2), gaussian(x))),
})
/** `√π/2 · exp(y²)` */
const inverseGaussian: UnaryOp = unary({
  signature: '_erfinv_slope(self)',
  program: (p, y) => p.op('mul', p.op('exp', p.op('square', y)), p.constant(1 / twoOverRootPi)),
  result: 'float',
  derivative: (g, y) => mul(g, mul(mul(y, 2), inverseGaussian(y))),
})

/** `max(x, 0)`. */
export const relu: UnaryOp = unary({
  signature: 'relu(self)',
  program: 'relu',
  refuses: ['bool'],
  saves: 'result',
  derivative: (g, y) => reluBackward(g, y),
})
/** `grad` where the result is positive or NaN, otherwise 0. */
export const reluBackward: Op<[grad: Tensor, result: Tensor]> = binary({
  signature: '_relu_backward(grad, result)',
  program: (p, g, y) => p.op('where', p.op('le', y, p.constant(0)), p.constant(0), g),
  derivatives: [(gg, _g, y) => reluBackward(gg, y as Tensor), zeroGrad],
})

export const arcsin = asin
export const arccos = acos
export const arctan = atan
export const arctan2 = atan2
export const arcsinh = asinh
export const arccosh = acosh
export const arctanh = atanh
