import { noGrad } from '../autograd/mode.js'
import { ArgumentError } from '../errors.js'
import { maximum, rand, where } from '../ops/index.js'
import type { Tensor } from '../tensor/tensor.js'
import { type Constraint, real, unitInterval } from './constraints.js'
import {
  broadcastAll,
  clampProbs,
  type DistributionOptions,
  filled,
  logitsToProbs,
  type Param,
  placeOf,
  probsToLogits,
  type Shape,
} from './distribution.js'
import { ExponentialFamily } from './exponential-family.js'
import { oneOf } from './one-of.js'

export interface ContinuousBernoulliOptions extends DistributionOptions {
  readonly probs?: Param
  readonly logits?: Param
  /** Within these probabilities, which are near ½, expansions are used. Default [0.499, 0.501]. */
  readonly lims?: readonly [number, number]
}

/**
 * The continuous Bernoulli distribution over [0, 1].
 * [Loaiza-Ganem and Cunningham, 2019](https://arxiv.org/abs/1907.06845)
 */
export class ContinuousBernoulli extends ExponentialFamily {
  override get hasRsample(): boolean {
    return true
  }
  readonly lims: readonly [number, number]
  readonly #given: 'probs' | 'logits'
  readonly #param: Tensor

  /** @param options exactly one of `probs` and `logits` */
  constructor(options: ContinuousBernoulliOptions) {
    const { probs, logits, lims = [0.499, 0.501] } = options
    const [param] = broadcastAll('ContinuousBernoulli', oneOf('ContinuousBernoulli', probs, logits))
    super(param.shape, [], options)
    this.lims = lims
    this.#given = probs === undefined ? 'logits' : 'probs'
    if (this.validateArgs && probs !== undefined && !noGrad(() => unitInterval.check(param).all().item()))
      throw new ArgumentError('ContinuousBernoulli: expected probs in [0, 1]')
    this.#param = probs === undefined ? param : clampProbs(param)
  }
  get probs(): Tensor {
    return this.#given === 'probs' ? this.#param : clampProbs(logitsToProbs(this.#param, true))
  }
  get logits(): Tensor {
    return this.#given === 'logits' ? this.#param : probsToLogits(this.#param, true)
  }
  override get argConstraints(): Record<string, Constraint> {
    return { probs: unitInterval, logits: real }
  }
  override get support(): Constraint {
    return unitInterval
  }
  override expand(shape: Shape): ContinuousBernoulli {
    return new ContinuousBernoulli({
      [this.#given]: this.#param.expand(shape),
      lims: this.lims,
      validateArgs: this.validateArgs,
    })
  }
  /** Probabilities off ½, and where they are. */
  #cut(): { outside: Tensor; cut: Tensor } {
    const { probs, lims } = this
    const outside = probs.le(lims[0]).logicalOr(probs.gt(lims[1]))
    return { outside, cut: where(outside, probs, filled(probs, lims[0])) }
  }
  /** The logarithm of the normalizing constant. */
  logNorm(): Tensor {
    const { outside, cut } = this.#cut()
    const low = where(cut.le(0.5), cut, filled(cut, 0))
    const high = where(cut.ge(0.5), cut, filled(cut, 1))
    const log = cut
      .neg()
      .log1p()
      .sub(cut.log())
      .abs()
      .log()
      .sub(where(cut.le(0.5), low.mul(-2).log1p(), high.mul(2).sub(1).log()))
    const x = this.probs.sub(0.5).square()
    return where(
      outside,
      log,
      x
        .mul(104 / 45)
        .add(4 / 3)
        .mul(x)
        .add(Math.LN2),
    )
  }
  override get mean(): Tensor {
    const { outside, cut } = this.#cut()
    const mean = cut.div(cut.mul(2).sub(1)).add(cut.neg().log1p().sub(cut.log()).reciprocal())
    const x = this.probs.sub(0.5)
    return where(
      outside,
      mean,
      x
        .square()
        .mul(16 / 45)
        .add(1 / 3)
        .mul(x)
        .add(0.5),
    )
  }
  override get variance(): Tensor {
    const { outside, cut } = this.#cut()
    const variance = cut
      .mul(cut.sub(1))
      .div(cut.mul(-2).add(1).square())
      .add(cut.neg().log1p().sub(cut.log()).square().reciprocal())
    const x = this.probs.sub(0.5).square()
    return where(
      outside,
      variance,
      x
        .mul(128 / 945)
        .neg()
        .add(1 / 15)
        .mul(x)
        .neg()
        .add(1 / 12),
    )
  }
  override rsample(shape: Shape = []): Tensor {
    return this.icdf(rand(this.extended(shape), placeOf(this.probs)))
  }
  override logProb(value: Tensor): Tensor {
    this.checkSample(value)
    const { logits } = this
    // -binary cross-entropy of the logits
    const entropy = maximum(logits, filled(logits, 0)).sub(logits.mul(value)).add(logits.abs().neg().exp().log1p())
    return entropy.neg().add(this.logNorm())
  }
  override cdf(value: Tensor): Tensor {
    this.checkSample(value)
    const { outside, cut } = this.#cut()
    const off = cut.neg().add(1)
    const inner = cut
      .pow(value)
      .mul(off.pow(value.neg().add(1)))
      .add(cut)
      .sub(1)
      .div(cut.mul(2).sub(1))
    const unbounded = where(outside, inner, value)
    const below = unbounded.maskedFill(value.le(0).expandAs(unbounded), 0)
    return below.maskedFill(value.ge(1).expandAs(below), 1)
  }
  override icdf(value: Tensor): Tensor {
    const { outside, cut } = this.#cut()
    const inner = cut
      .neg()
      .add(value.mul(cut.mul(2).sub(1)))
      .log1p()
      .sub(cut.neg().log1p())
      .div(cut.log().sub(cut.neg().log1p()))
    return where(outside, inner, value)
  }
  override entropy(): Tensor {
    const log0 = this.probs.neg().log1p()
    const log1 = this.probs.log()
    return this.mean.mul(log0.sub(log1)).sub(this.logNorm()).sub(log0)
  }
  override get naturalParams(): Tensor[] {
    return [this.logits]
  }
  override logNormalizer(x: Tensor): Tensor {
    const outside = x.le(this.lims[0] - 0.5).logicalOr(x.gt(this.lims[1] - 0.5))
    const cut = where(outside, x, filled(x, this.lims[0] - 0.5))
    const log = cut.expm1().abs().log().sub(cut.abs().log())
    const near = x.mul(0.5).add(x.square().div(24)).sub(x.pow(4).div(2880))
    return where(outside, log, near)
  }
}
