// The namespace `nn.utils.parametrizations`.
import { noGrad } from '../../autograd/mode.js'
import { ArgumentError, describe } from '../../errors.js'
import { mv } from '../../ops/index.js'
import type { Tensor } from '../../tensor/tensor.js'
import { type AnyModule, Module } from '../module.js'
import { migrations } from '../state.js'
import { asMatrix, normalized, normExceptDim, outputDim, tensorAt, wrapDim } from './entries.js'
import { registerParametrization } from './parametrize.js'
import { direction, type SpectralNormOptions } from './spectral-norm.js'
import { weightOf } from './weight-norm.js'

export { type OrthogonalMap, type OrthogonalOptions, orthogonal } from './orthogonal.js'

class WeightNorm extends Module<[g: Tensor, v: Tensor]> {
  readonly dim: number | null

  constructor(dim: number | null) {
    super()
    this.dim = dim === -1 ? null : dim
  }

  override forward(g: Tensor, v: Tensor): Tensor {
    return weightOf(v, g, this.dim)
  }

  rightInverse(weight: Tensor): Tensor[] {
    return [normExceptDim(weight, this.dim), weight]
  }
}

/**
 * Takes a weight apart into its length, `parametrizations.weight.original0`, and its direction, `original1`.
 * [Salimans and Kingma, 2016](https://arxiv.org/abs/1602.07868)
 *
 * @param dim what has a length of its own: each slice along this dimension, or with null the weight as a whole
 * @returns `module`
 */
export function weightNorm<M extends AnyModule>(module: M, name = 'weight', dim: number | null = 0): M {
  const weight = tensorAt('weightNorm', module, name)
  const kept = dim === null || dim === -1 ? null : wrapDim('weightNorm', dim, weight)
  registerParametrization(module, name, new WeightNorm(kept), { unsafe: true })
  // Checkpoints of the older `nn.utils.weightNorm` can be loaded.
  const migrate = (given: Map<string, unknown>, prefix: string): void => {
    const keys = [`${prefix}${name}_g`, `${prefix}${name}_v`]
    if (!keys.every((key) => given.has(key))) return
    keys.forEach((key, i) => {
      given.set(`${prefix}parametrizations.${name}.original${i}`, given.get(key))
      given.delete(key)
    })
  }
  migrations.set(module, [...(migrations.get(module) ?? []), migrate])
  return module
}

class SpectralNorm extends Module {
  readonly dim: number
  readonly eps: number
  readonly nPowerIterations: number

  constructor(weight: Tensor, nPowerIterations: number, dim: number, eps: number) {
    super()
    this.dim = dim
    this.eps = eps
    this.nPowerIterations = nPowerIterations
    if (weight.ndim < 2) return
    const matrix = asMatrix(weight.detach(), dim)
    this.registerBuffer('_u', direction(weight, matrix.shape[0], eps))
    this.registerBuffer('_v', direction(weight, matrix.shape[1], eps))
    this.#iterate(matrix, 15)
  }

  #iterate(matrix: Tensor, steps: number): void {
    noGrad(() => {
      const u = this.getBuffer('_u')
      const v = this.getBuffer('_v')
      for (let i = 0; i < steps; i++) {
        u.copy_(normalized(mv(matrix, v), this.eps))
        v.copy_(normalized(mv(matrix.t(), u), this.eps))
      }
    })
  }

  override forward(weight: Tensor): Tensor {
    if (weight.ndim < 2) return normalized(weight, this.eps)
    const matrix = asMatrix(weight, this.dim)
    if (this.training) this.#iterate(matrix, this.nPowerIterations)
    // Copies: the next call changes the buffers, and the gradient still needs these.
    const u = this.getBuffer('_u').clone()
    return weight.div(u.mul(mv(matrix, this.getBuffer('_v').clone())).sum())
  }

  rightInverse(value: Tensor): Tensor {
    return value
  }
}

/**
 * Divides a weight by its largest singular value, which a power iteration follows.
 * [Miyato et al., 2018](https://arxiv.org/abs/1802.05957)
 *
 * @returns `module`
 */
export function spectralNorm<M extends AnyModule>(module: M, name = 'weight', options: SpectralNormOptions = {}): M {
  const { nPowerIterations = 1, eps = 1e-12 } = options
  if (!Number.isInteger(nPowerIterations) || nPowerIterations < 1)
    throw new ArgumentError(
      `spectralNorm: expected nPowerIterations to be an integer ≥ 1, got ${describe(nPowerIterations)}`,
    )
  const weight = tensorAt('spectralNorm', module, name)
  const dim = wrapDim('spectralNorm', options.dim ?? outputDim(module), weight)
  return registerParametrization(module, name, new SpectralNorm(weight, nPowerIterations, dim, eps))
}
