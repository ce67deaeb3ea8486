// Special functions: gamma, Bessel, normal distribution, orthogonal polynomials. `special.*` has PyTorch's names there.
import { ArgumentError, describe } from '../errors.js'
import { type DType, getDefaultDtype, isFloating } from '../tensor/dtype.js'
import type { Tensor } from '../tensor/tensor.js'
import { add, div, mul, neg, sub, zeroGrad } from './arithmetic.js'
import { arange } from './creation.js'
import { inplaceComposite } from './dispatch.js'
import {
  type BinaryOp,
  binary,
  choosing,
  type TernaryOp,
  ternary,
  type UnaryOp,
  unary,
  unaryRecord,
} from './pointwise.js'
import { square } from './powers.js'
import type { Program } from './programs.js'
import { FloatScalar, unwrap } from './promotion.js'
import type { InplaceOp } from './record.js'
import { sum } from './reductions.js'
import { round } from './rounding.js'
import { logSoftmax, softmax } from './softmax.js'
import { logsumexp } from './statistics.js'
import { erf, erfc, erfinv, exp, exp2, expm1, log1p, sigmoid, sinc, xlogy } from './transcendental.js'
import { unsqueeze } from './views.js'

const HALVES: readonly DType[] = ['float16', 'bfloat16']

/** A function of one tensor; integers become the default dtype. */
const analytic = (
  name: string,
  program: Program,
  derivative?: (grad: Tensor, x: Tensor) => Tensor,
  { refuses = [], saves = 'operand' }: { refuses?: readonly DType[]; saves?: 'operand' | 'result' } = {},
): UnaryOp =>
  unary({ signature: `${name}(self)`, program, result: 'float', refuses, saves, ...(derivative && { derivative }) })

/** The logarithm of the absolute value of the gamma function. */
export const lgamma: UnaryOp = analytic('lgamma', 'lgamma', (g, x) => mul(g, digamma(x)))
/** The derivative of `lgamma`. */
export const digamma: UnaryOp = analytic('digamma', 'digamma', (g, x) => mul(g, derived(x, 1)))

const derived: InplaceOp<[self: Tensor, n: number]> = unary<[n: number]>({
  signature: '_polygamma(self, n)',
  program: (p, x, n) => p.op('polygamma', n, x),
  result: 'float',
  derivative: (g, x, n) => mul(g, derived(x, n + 1)),
})
function polygammaOf(name: string): InplaceOp<[self: Tensor, n: number]> {
  return inplaceComposite(`${name}(self, n)`, (self: Tensor, n: number): Tensor => {
    if (!Number.isInteger(n) || n < 0) throw new ArgumentError(`polygamma: expected a whole n ≥ 0, got ${describe(n)}`)
    return derived(self, n)
  })
}
/** The `n`-th derivative of `digamma`. The tensor comes first, unlike in PyTorch's function. */
export const polygamma: InplaceOp<[self: Tensor, n: number]> = polygammaOf('polygamma')

/** The logarithm of the multivariate gamma function of dimension `p`. */
export const mvlgamma: InplaceOp<[self: Tensor, p: number]> = inplaceComposite(
  'mvlgamma(self, p)',
  (self: Tensor, p: number): Tensor => {
    if (!Number.isInteger(p) || p < 1) throw new ArgumentError(`mvlgamma: expected a whole p ≥ 1, got ${describe(p)}`)
    const dtype = isFloating(self.dtype) ? self.dtype : getDefaultDtype()
    const halves = arange(0, p / 2, 0.5, { dtype, device: self.device })
    return add(sum(lgamma(sub(unsqueeze(self, -1), halves)), -1), (p * (p - 1) * Math.log(Math.PI)) / 4)
  },
)

// d/dx P(a, x) = x^(a-1)·e^-x / Γ(a)
const gammaDensity: BinaryOp = binary({
  signature: '_gamma_density(self, other)',
  program: (p, a, x) =>
    p.op('exp', p.op('sub', p.op('sub', p.op('mul', p.op('sub', a, 1), p.op('log', x)), x), p.op('lgamma', a))),
  derivatives: [zeroGrad, (g, a, x) => mul(g, mul(gammaDensity(a, x), sub(div(sub(a, 1), x), 1)))],
})
const withoutGradient = (operation: string) => (): Tensor => {
  throw new ArgumentError(`${operation}: the gradient with respect to its first argument is not implemented`)
}
/** The regularised lower incomplete gamma function P(self, other). */
export const igamma: InplaceOp<[self: Tensor, other: Tensor]> = binary({
  signature: 'igamma(self, other)',
  scalars: 'none',
  program: 'igamma',
  derivatives: [withoutGradient('igamma'), (g, a, x) => mul(g, gammaDensity(a, x))],
})
/** The regularised upper incomplete gamma function Q(self, other). */
export const igammac: InplaceOp<[self: Tensor, other: Tensor]> = binary({
  signature: 'igammac(self, other)',
  scalars: 'none',
  program: 'igammac',
  derivatives: [withoutGradient('igammac'), (g, a, x) => neg(mul(g, gammaDensity(a, x)))],
})

/** The modified Bessel function of the first kind, of order 0. */
export const i0: UnaryOp = analytic('i0', 'i0', (g, x) => mul(g, i1(x)))
const i1: UnaryOp = analytic('special.i1', 'i1', (g, x) => mul(g, sub(i0(x), quotientOr(i1(x), x))))
const i0e: UnaryOp = analytic('special.i0e', 'i0e', (g, x) => mul(g, sub(i1e(x), mul(signOf(x), i0e(x)))))
const i1e: UnaryOp = analytic('special.i1e', 'i1e', (g, x) =>
  mul(g, sub(sub(i0e(x), mul(signOf(x), i1e(x))), quotientOr(i1e(x), x))),
)
const signOf: UnaryOp = unary({ signature: '_sign(self)', program: 'sign', saves: 'none', derivative: zeroGrad })
/** `value / x`, and the limit ½ at 0 of what is divided here. */
const quotientOr: BinaryOp = binary({
  signature: '_quotient_or_half(value, self)',
  program: (p, v, x) => p.op('where', p.op('eq', x, 0), 0.5, p.op('div', v, x)),
  derivatives: [(g, _v, x) => quotientOrZero(g, x), (g, v, x) => neg(mul(g, quotientOrZero(quotientOrZero(v, x), x)))],
})
const quotientOrZero: BinaryOp = binary({
  signature: '_quotient_or_zero(value, self)',
  program: (p, v, x) => p.op('where', p.op('eq', x, 0), 0, p.op('div', v, x)),
  derivatives: [(g, _v, x) => quotientOrZero(g, x), (g, v, x) => neg(mul(g, quotientOrZero(quotientOrZero(v, x), x)))],
})

const erfcx: UnaryOp = analytic(
  'special.erfcx',
  'erfcx',
  (g, x) => mul(g, sub(mul(mul(x, 2), erfcx(x)), 2 / Math.sqrt(Math.PI))),
  { refuses: HALVES },
)
const ndtr: UnaryOp = analytic(
  'special.ndtr',
  (p, x) => p.op('mul', p.op('erfc', p.op('mul', x, -Math.SQRT1_2)), 0.5),
  (g, x) => mul(g, normalDensity(x)),
)
const normalDensity: UnaryOp = analytic(
  '_normal_density',
  (p, x) => p.op('mul', p.op('exp', p.op('mul', p.op('square', x), -0.5)), 1 / Math.sqrt(2 * Math.PI)),
  (g, x) => neg(mul(g, mul(x, normalDensity(x)))),
)
const ndtri: UnaryOp = analytic(
  'special.ndtri',
  'ndtri',
  (g, y) => mul(g, mul(exp(div(square(y), 2)), Math.sqrt(2 * Math.PI))),
  { refuses: HALVES, saves: 'result' },
)
const logNdtr: UnaryOp = analytic(
  'special.log_ndtr',
  'logNdtr',
  (g, x) => mul(div(g, erfcx(mul(x, -Math.SQRT1_2))), Math.sqrt(2 / Math.PI)),
  { refuses: HALVES },
)
const entr: UnaryOp = analytic(
  'special.entr',
  (p, x) => {
    const inside = p.op('where', p.op('eq', x, 0), 0, p.op('mul', p.op('neg', x), p.op('log', x)))
    return p.op('where', p.op('isnan', x), x, p.op('where', p.op('lt', x, 0), -Infinity, inside))
  },
  (g, x) => mul(g, sub(neg(logOf(x)), 1)),
)
const logOf: UnaryOp = analytic('_log', 'log', (g, x) => div(g, x))

/** `self · log(1 + other)`, 0 where `self` is 0. */
const xlog1py: BinaryOp = binary({
  signature: 'special.xlog1py(self, other)',
  scalars: 'any',
  program: 'xlog1py',
  result: 'float',
  derivatives: [(g, x, y) => maskedLog1p(g, x, y), (g, x, y) => mul(g, mul(reciprocal1p(y as Tensor), x))],
})
const reciprocal1p: UnaryOp = analytic(
  '_reciprocal1p',
  (p, y) => p.op('reciprocal', p.op('add', y, 1)),
  (g, y) => neg(mul(g, square(y))),
  { saves: 'result' },
)
const maskedLog1p: TernaryOp = ternary({
  signature: '_xlog1py_backward(grad, self, other)',
  scalars: 'any',
  program: (p, g, x, y) =>
    p.op('mul', g, p.op('where', p.op('logicalAnd', p.op('eq', x, 0), p.op('le', y, -1)), 0, p.op('log1p', y))),
  result: 'float',
  derivatives: [
    (gg, _g, x, y) => maskedLog1p(gg, x, y),
    zeroGrad,
    (gg, g, _x, y) => mul(gg, mul(g, reciprocal1p(y as Tensor))),
  ],
})

const zeta: BinaryOp = binary({
  signature: 'special.zeta(self, other)',
  scalars: 'any',
  program: 'zeta',
  result: 'float',
  derivatives: [withoutGradient('zeta'), (g, x, q) => neg(mul(g, mul(zeta(add(x, 1), q), x)))],
})

const plainLogit = unaryRecord({
  signature: 'logit(self)',
  program: (p, x) => p.op('log', p.op('div', x, p.op('sub', p.constant(1), x))),
  result: 'float',
  derivative: (g, x) => logitBackward(g, x, 0, 1, Number.NaN),
})
const boundedLogit = unaryRecord({
  signature: 'logit(self)',
  program: (p, x, eps) => {
    const z = p.op('clamp', x, eps, p.op('sub', p.constant(1), eps))
    return p.op('log', p.op('div', z, p.op('sub', p.constant(1), z)))
  },
  result: 'float',
  derivative: (g, x, eps) => logitBackward(g, x, eps, 1 - eps, 0),
})
const logitBackward: InplaceOp<[grad: Tensor, self: Tensor, low: number, high: number, outside: number]> = binary<
  [low: number, high: number, outside: number]
>({
  signature: '_logit_backward(grad, self, low, high, outside)',
  program: (p, g, x, low, high, outside) => {
    const inside = p.op('logicalAnd', p.op('ge', x, low), p.op('le', x, high))
    return p.op('where', inside, p.op('div', g, p.op('mul', x, p.op('sub', p.constant(1), x))), outside)
  },
  derivatives: [
    (gg, _g, x, low, high, outside) => logitBackward(gg, x as Tensor, low, high, outside),
    // d/dx 1/(x(1-x)) = (2x - 1)/(x(1-x))²
    (gg, g, x, low, high, outside) =>
      mul(
        logitBackward(mul(g, gg), x as Tensor, low, high, outside),
        logitBackward(sub(mul(x as Tensor, 2), 1), x as Tensor, low, high, outside),
      ),
  ],
})
/** `log(x / (1 - x))`, the inverse of sigmoid. @param options `eps`: limits x to `eps … 1 - eps` first */
export const logit: InplaceOp<[self: Tensor, options?: { readonly eps?: number | null }]> = choosing(
  'logit(self, {eps})',
  plainLogit,
  (self: Tensor, options?: { readonly eps?: number | null }) => {
    const eps: unknown = options?.eps ?? null
    if (eps === null) return null
    if (typeof eps !== 'number' && !(eps instanceof FloatScalar))
      throw new ArgumentError(`logit: expected a number for eps, got ${describe(eps)}`)
    return [boundedLogit, self, unwrap(eps)]
  },
)

const plain = (name: string, program: Program): UnaryOp =>
  analytic(`special.${name}`, program, undefined, { refuses: HALVES })
const polynomial = (name: string, program: Program): BinaryOp =>
  binary({ signature: `special.${name}(self, n)`, scalars: 'any', program, result: 'float', refuses: HALVES })
const shifted =
  (name: 'chebyshevT' | 'chebyshevU' | 'chebyshevV' | 'chebyshevW'): Program =>
  (p, x, n) =>
    p.op(name, p.op('sub', p.op('add', x, x), 1), n)

/** The functions of `torch.special`; those that are at the top too are the same here, some by another name. */
export const special = {
  airyAi: plain('airy_ai', 'airyAi'),
  besselJ0: plain('bessel_j0', 'besselJ0'),
  besselJ1: plain('bessel_j1', 'besselJ1'),
  besselY0: plain('bessel_y0', 'besselY0'),
  besselY1: plain('bessel_y1', 'besselY1'),
  modifiedBesselI0: plain('modified_bessel_i0', 'i0'),
  modifiedBesselI1: plain('modified_bessel_i1', 'i1'),
  modifiedBesselK0: plain('modified_bessel_k0', 'modifiedBesselK0'),
  modifiedBesselK1: plain('modified_bessel_k1', 'modifiedBesselK1'),
  scaledModifiedBesselK0: plain('scaled_modified_bessel_k0', 'scaledModifiedBesselK0'),
  scaledModifiedBesselK1: plain('scaled_modified_bessel_k1', 'scaledModifiedBesselK1'),
  sphericalBesselJ0: plain('spherical_bessel_j0', 'sphericalBesselJ0'),
  chebyshevPolynomialT: polynomial('chebyshev_polynomial_t', 'chebyshevT'),
  chebyshevPolynomialU: polynomial('chebyshev_polynomial_u', 'chebyshevU'),
  chebyshevPolynomialV: polynomial('chebyshev_polynomial_v', 'chebyshevV'),
  chebyshevPolynomialW: polynomial('chebyshev_polynomial_w', 'chebyshevW'),
  shiftedChebyshevPolynomialT: polynomial('shifted_chebyshev_polynomial_t', shifted('chebyshevT')),
  shiftedChebyshevPolynomialU: polynomial('shifted_chebyshev_polynomial_u', shifted('chebyshevU')),
  shiftedChebyshevPolynomialV: polynomial('shifted_chebyshev_polynomial_v', shifted('chebyshevV')),
  shiftedChebyshevPolynomialW: polynomial('shifted_chebyshev_polynomial_w', shifted('chebyshevW')),
  hermitePolynomialH: polynomial('hermite_polynomial_h', 'hermiteH'),
  hermitePolynomialHe: polynomial('hermite_polynomial_he', 'hermiteHe'),
  laguerrePolynomialL: polynomial('laguerre_polynomial_l', 'laguerre'),
  legendrePolynomialP: polynomial('legendre_polynomial_p', 'legendre'),
  digamma,
  entr,
  erf,
  erfc,
  erfcx,
  erfinv,
  exp2,
  expit: sigmoid,
  expm1,
  gammainc: igamma,
  gammaincc: igammac,
  gammaln: lgamma,
  i0,
  i0e,
  i1,
  i1e,
  log1p,
  logNdtr,
  logSoftmax,
  logit,
  logsumexp,
  multigammaln: mvlgamma,
  ndtr,
  ndtri,
  polygamma: polygammaOf('special.polygamma'),
  psi: digamma,
  round,
  sinc,
  softmax,
  xlog1py,
  xlogy,
  zeta,
}
