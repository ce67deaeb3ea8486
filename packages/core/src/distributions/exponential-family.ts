import { grad } from '../autograd/engine.js'
import { enableGrad } from '../autograd/mode.js'
import type { Tensor } from '../tensor/tensor.js'
import { Distribution, sumRightmost } from './distribution.js'
import { addN } from './sums.js'

/**
 * Distributions of the form `exp(⟨t(x), θ⟩ - F(θ) + k(x))`: entropy and divergence follow from the log normalizer F.
 */
export abstract class ExponentialFamily extends Distribution {
  /** θ */
  abstract get naturalParams(): Tensor[]
  /** F(θ) */
  abstract logNormalizer(...params: Tensor[]): Tensor
  /** The mean of k(x). */
  protected get meanCarrierMeasure(): number {
    return 0
  }

  /** By Bregman divergence: `F(θ) - ⟨θ, F'(θ)⟩ - E k(x)`. */
  override entropy(): Tensor {
    return enableGrad(() => {
      const params = this.naturalParams.map((p) => p.detach().requiresGrad_())
      const normalizer = this.logNormalizer(...params)
      const gradients = grad(normalizer.sum(), params, { createGraph: true })
      const terms = params.map((p, i) => sumRightmost(p.mul(gradients[i]).neg(), this.eventShape.length))
      return addN([normalizer.sub(this.meanCarrierMeasure), ...terms])
    })
  }
}
