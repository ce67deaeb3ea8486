// Covariance and correlation of variables.
import { ArgumentError, DTypeError, describe, ShapeError } from '../errors.js'
import { isComplex, isFloating, isInteger } from '../tensor/dtype.js'
import { formatShape } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import { div, mul, sub } from './arithmetic.js'
import { lt } from './comparison.js'
import { complex, conj } from './complex.js'
import { composite } from './dispatch.js'
import { clamp, clampMin } from './extrema.js'
import { matmul } from './matmul.js'
import { sqrt } from './powers.js'
import type { Op } from './record.js'
import { any, sum } from './reductions.js'
import { diagonal } from './slicing.js'
import { imag, real } from './strided.js'
import { reshape, squeeze, transpose, unsqueeze } from './views.js'

/** The options of `cov`. */
export interface CovOptions {
  /** Divide by the number (or weight) of the observations less this. Default 1. */
  readonly correction?: number
  /** How often each observation was made: integers, shape [N]. */
  readonly fweights?: Tensor | null
  /** How much each observation weighs: fractions, shape [N]. */
  readonly aweights?: Tensor | null
}

/** Weights of `count` observations, checked; null where there are none. */
function weights(name: 'fweights' | 'aweights', given: Tensor | null | undefined, count: number): Tensor | null {
  if (given === null || given === undefined) return null
  if (!(given instanceof Tensor)) throw new ArgumentError(`cov: expected a tensor for ${name}, got ${describe(given)}`)
  if (given.ndim > 1)
    throw new ShapeError(`cov: expected ${name} of at most 1 dimension, got shape ${formatShape(given.shape)}`)
  if (name === 'fweights' ? !isInteger(given.dtype) : !isFloating(given.dtype))
    throw new DTypeError(
      `cov: expected ${name} of ${name === 'fweights' ? 'an integer' : 'a floating-point'} dtype, got ${given.dtype}`,
    )
  if (given.numel() !== count)
    throw new ShapeError(`cov: expected ${name} of shape [${count}], got ${formatShape(given.shape)}`)
  if (count > 0 && any(lt(given, 0)).item<boolean>())
    throw new ArgumentError(`cov: expected ${name} that are not negative`)
  return reshape(given, [count])
}

/** The covariances: cᵢⱼ = Σ wₙ (xᵢₙ - x̄ᵢ) conj(xⱼₙ - x̄ⱼ) / d, with d the degrees of freedom. */
function covariance(x: Tensor, correction: number, fweights: Tensor | null, aweights: Tensor | null): Tensor {
  const count = x.shape[1]
  const weight = fweights && aweights ? mul(fweights, aweights) : (fweights ?? aweights)
  if (weight === null) {
    const centered = sub(x, div(sum(x, 1, { keepdim: true }), count))
    return div(matmul(centered, conj(transpose(centered, 0, 1))), Math.max(0, count - correction))
  }
  const total = sum(weight)
  if (count > 0 && total.item() === 0) throw new ArgumentError('cov: expected weights with a sum other than zero')
  const centered = sub(x, div(sum(mul(x, weight), 1, { keepdim: true }), total))
  const less =
    correction === 0 || aweights === null ? correction : mul(div(sum(mul(weight, aweights)), total), correction)
  const degrees = clampMin(sub(total, less), 0)
  return div(matmul(centered, conj(transpose(mul(centered, weight), 0, 1))), degrees)
}

/**
 * The covariance matrix of variables: a row a variable, a column an observation.
 *
 * @param self shape [V, N], or [N] for one variable
 * @returns shape [V, V]; without dimensions for one variable
 * @throws DTypeError for bool
 * @example
 * ```ts
 * import { tensor } from '@flambeau/core'
 * console.log(tensor([[0, 1, 2], [2, 1, 0]]).cov().toArray()) // → [ [ 1, -1 ], [ -1, 1 ] ]
 * ```
 */
export const cov: Op<[self: Tensor, options?: CovOptions]> = composite(
  'cov(self, {correction, fweights, aweights})',
  (self: Tensor, { correction = 1, fweights, aweights }: CovOptions = {}): Tensor => {
    if (self.ndim > 2)
      throw new ShapeError(`cov: expected an input of at most 2 dimensions, got shape ${formatShape(self.shape)}`)
    if (self.dtype === 'bool') throw new DTypeError('cov: expected numbers, got bool')
    if (!Number.isInteger(correction))
      throw new ArgumentError(`cov: expected an integer for correction, got ${describe(correction)}`)
    const x = self.ndim < 2 ? reshape(self, [1, self.numel()]) : self
    const count = x.shape[1]
    return squeeze(
      covariance(x, correction, weights('fweights', fweights, count), weights('aweights', aweights, count)),
    )
  },
)

/**
 * Pearson's correlation coefficients of variables: cᵢⱼ / √(cᵢᵢ cⱼⱼ), with the covariances c.
 *
 * @param self shape [V, N], or [N] for one variable
 * @returns shape [V, V]; without dimensions for one variable
 * @see cov
 */
export const corrcoef: Op<[self: Tensor]> = composite('corrcoef(self)', (self: Tensor): Tensor => {
  if (self.ndim > 2)
    throw new ShapeError(`corrcoef: expected an input of at most 2 dimensions, got shape ${formatShape(self.shape)}`)
  const c = cov(self)
  if (c.ndim === 0) return div(c, c)
  const deviations = sqrt(real(diagonal(c)))
  const r = div(div(c, unsqueeze(deviations, 1)), unsqueeze(deviations, 0))
  return isComplex(r.dtype) ? complex(clamp(real(r), -1, 1), clamp(imag(r), -1, 1)) : clamp(r, -1, 1)
})
