// Limits on norms, and numbers as mantissas and exponents.
import { noGrad } from '../autograd/mode.js'
import { ArgumentError, DTypeError, describe, ShapeError } from '../errors.js'
import { isFloating } from '../tensor/dtype.js'
import { formatShape, wrapDim } from '../tensor/shape.js'
import type { Tensor } from '../tensor/tensor.js'
import { abs, add, mul, neg, sub } from './arithmetic.js'
import { ge, gt, isfinite, logicalAnd, lt, ne } from './comparison.js'
import { where } from './conditional.js'
import { to } from './copies.js'
import { fillRaw } from './creation.js'
import { composite, inplaceComposite } from './dispatch.js'
import { norm } from './linalg/norms.js'
import { pow, reciprocal } from './powers.js'
import type { InplaceOp, Op } from './record.js'
import { checkInexact } from './reduce.js'
import { floor } from './rounding.js'
import { log2 } from './transcendental.js'

/**
 * Scales each slice along `dim` whose `p`-norm is above `maxnorm` down to it.
 *
 * @throws ShapeError for fewer than two dimensions
 * @example
 * ```ts
 * import { tensor } from '@flambeau/core'
 * console.log(tensor([[1, 1], [3, 3]]).renorm(1, 0, 2).toArray()) // → [ [ 1, 1 ], [ 1, 1 ] ]
 * ```
 */
export const renorm: InplaceOp<[self: Tensor, p: number, dim: number, maxnorm: number]> = inplaceComposite(
  'renorm(self, p, dim, maxnorm)',
  (self: Tensor, p: number, dim: number, maxnorm: number): Tensor => {
    checkInexact('renorm', self.dtype)
    if (typeof p !== 'number' || !(p > 0)) throw new ArgumentError(`renorm: expected p > 0, got ${describe(p)}`)
    if (typeof maxnorm !== 'number' || !(maxnorm >= 0))
      throw new ArgumentError(`renorm: expected maxnorm ≥ 0, got ${describe(maxnorm)}`)
    if (self.ndim < 2)
      throw new ShapeError(`renorm: expected at least 2 dimensions, got shape ${formatShape(self.shape)}`)
    const along = wrapDim('renorm', dim, self.ndim)
    const others = self.shape.map((_, d) => d).filter((d) => d !== along)
    const half = self.dtype === 'float16' || self.dtype === 'bfloat16'
    const size = norm(half ? to(self, 'float32') : self, p, others, { keepdim: true })
    const factor = where(gt(size, maxnorm), mul(reciprocal(add(size, 1e-7)), maxnorm), 1)
    return mul(self, half ? to(factor, self.dtype) : factor)
  },
)

/**
 * Each number as `mantissa · 2^exponent` with a mantissa in [0.5, 1) or (-1, -0.5]; zeros, infinities and NaN are their own.
 *
 * @returns `mantissa` of the dtype of `self`, `exponent` of int32
 * @throws DTypeError unless floating-point
 * @example
 * ```ts
 * import { tensor } from '@flambeau/core'
 * const { mantissa, exponent } = tensor([6, -0.25]).frexp()
 * console.log(mantissa.toArray(), exponent.toArray()) // → [ 0.75, -0.5 ] [ 3, -1 ]
 * ```
 */
export const frexp: Op<[self: Tensor], { mantissa: Tensor; exponent: Tensor }> = composite(
  'frexp(self)',
  (self: Tensor) => {
    if (!isFloating(self.dtype)) throw new DTypeError(`frexp: expected a floating-point dtype, got ${self.dtype}`)
    const wide = to(self, 'float64')
    // Powers of two are exact in float64, and so are the products; the smallest numbers go up first.
    const { lift, exponent, scale } = noGrad(() => {
      const two = fillRaw([], 2, 'float64', self.device)
      const plain = logicalAnd(isfinite(wide), ne(wide, 0))
      const tiny = logicalAnd(plain, lt(abs(wide), 2 ** -900))
      const lift = where(tiny, 2 ** 200, 1)
      const size = abs(mul(wide, lift))
      const first = add(floor(log2(where(plain, size, 1))), 1)
      const guess = mul(size, pow(two, neg(first)))
      // The logarithm may be rounded across a power of two.
      const power = where(ge(guess, 1), add(first, 1), where(lt(guess, 0.5), sub(first, 1), first))
      const exponent = where(plain, sub(power, where(tiny, 200, 0)), 0)
      return { lift, exponent: to(exponent, 'int32'), scale: where(plain, pow(two, neg(power)), 1) }
    })
    return { mantissa: to(mul(mul(wide, lift), scale), self.dtype), exponent }
  },
)
