// Continuous distributions that stand by themselves.
import { noGrad } from '../autograd/mode.js'
import { ArgumentError } from '../errors.js'
import { rand, where } from '../ops/index.js'
import type { Tensor } from '../tensor/tensor.js'
import { type Constraint, greaterThanEq, interval, positive, real, unitInterval } from './constraints.js'
import {
  broadcastAll,
  Distribution,
  type DistributionOptions,
  filled,
  finfo,
  masked,
  type Param,
  placeOf,
  type Shape,
} from './distribution.js'
import { Exponential } from './gamma.js'
import { TransformedDistribution } from './transformed.js'
import { AffineTransform, ExpTransform, PowerTransform } from './transforms.js'

/** Euler's constant. */
export const EULER = 0.5772156649015329

/** Evenly drawn from [low, high). */
export class Uniform extends Distribution {
  override get hasRsample(): boolean {
    return true
  }
  readonly low: Tensor
  readonly high: Tensor

  constructor(low: Param, high: Param, options?: DistributionOptions) {
    const [l, h] = broadcastAll('Uniform', low, high)
    super(l.shape, [], options)
    this.low = l
    this.high = h
    this.checkArguments('low', 'high')
    if (this.validateArgs && !noGrad(() => l.lt(h).all().item()))
      throw new ArgumentError('Uniform: expected low < high everywhere')
  }
  override get argConstraints(): Record<string, Constraint> {
    return { low: real, high: real }
  }
  override get support(): Constraint {
    return interval(this.low, this.high)
  }
  override expand(shape: Shape): Uniform {
    return new Uniform(this.low.expand(shape), this.high.expand(shape), { validateArgs: this.validateArgs })
  }
  override get mean(): Tensor {
    return this.high.add(this.low).div(2)
  }
  override get mode(): Tensor {
    return filled(this.high, Number.NaN)
  }
  override get stddev(): Tensor {
    return this.high.sub(this.low).div(Math.sqrt(12))
  }
  override get variance(): Tensor {
    return this.high.sub(this.low).square().div(12)
  }
  override rsample(shape: Shape = []): Tensor {
    return this.low.add(rand(this.extended(shape), placeOf(this.low)).mul(this.high.sub(this.low)))
  }
  override logProb(value: Tensor): Tensor {
    this.checkSample(value)
    const inside = this.low.le(value).to(this.low.dtype).mul(this.high.gt(value).to(this.low.dtype))
    return inside.log().sub(this.high.sub(this.low).log())
  }
  override cdf(value: Tensor): Tensor {
    this.checkSample(value)
    return value.sub(this.low).div(this.high.sub(this.low)).clamp(0, 1)
  }
  override icdf(value: Tensor): Tensor {
    return value.mul(this.high.sub(this.low)).add(this.low)
  }
  override entropy(): Tensor {
    return this.high.sub(this.low).log()
  }
}

/** The Laplace distribution: exponential to both sides. */
export class Laplace extends Distribution {
  override get hasRsample(): boolean {
    return true
  }
  readonly loc: Tensor
  readonly scale: Tensor

  constructor(loc: Param, scale: Param, options?: DistributionOptions) {
    const [l, s] = broadcastAll('Laplace', loc, scale)
    super(l.shape, [], options)
    this.loc = l
    this.scale = s
    this.checkArguments('loc', 'scale')
  }
  override get argConstraints(): Record<string, Constraint> {
    return { loc: real, scale: positive }
  }
  override get support(): Constraint {
    return real
  }
  override expand(shape: Shape): Laplace {
    return new Laplace(this.loc.expand(shape), this.scale.expand(shape), { validateArgs: this.validateArgs })
  }
  override get mean(): Tensor {
    return this.loc
  }
  override get mode(): Tensor {
    return this.loc
  }
  override get stddev(): Tensor {
    return this.scale.mul(Math.SQRT2)
  }
  override get variance(): Tensor {
    return this.scale.square().mul(2)
  }
  override rsample(shape: Shape = []): Tensor {
    const { eps } = finfo(this.loc.dtype)
    const u = filled(this.loc.expand(this.extended(shape)), 0).uniform_(eps - 1, 1)
    return this.loc.sub(this.scale.mul(u.sign()).mul(u.abs().neg().log1p()))
  }
  override logProb(value: Tensor): Tensor {
    this.checkSample(value)
    return this.scale.mul(2).log().neg().sub(value.sub(this.loc).abs().div(this.scale))
  }
  override cdf(value: Tensor): Tensor {
    this.checkSample(value)
    const d = value.sub(this.loc)
    return d.sign().mul(-0.5).mul(d.abs().neg().div(this.scale).expm1()).add(0.5)
  }
  override icdf(value: Tensor): Tensor {
    const term = value.sub(0.5)
    return this.loc.sub(this.scale.mul(term.sign()).mul(term.abs().mul(-2).log1p()))
  }
  override entropy(): Tensor {
    return this.scale.mul(2).log().add(1)
  }
}

/** The Gumbel distribution of extremes. */
export class Gumbel extends TransformedDistribution {
  readonly loc: Tensor
  readonly scale: Tensor

  constructor(loc: Param, scale: Param, options?: DistributionOptions) {
    const [l, s] = broadcastAll('Gumbel', loc, scale)
    const { tiny, eps } = finfo(l.dtype)
    const base = new Uniform(filled(l, tiny), filled(l, 1 - eps), options)
    const negated = new AffineTransform(0, filled(s, -1))
    super(base, [new ExpTransform().inv, negated, new ExpTransform().inv, new AffineTransform(l, s.neg())], options)
    this.loc = l
    this.scale = s
    this.checkArguments('loc', 'scale')
  }
  override get argConstraints(): Record<string, Constraint> {
    return { loc: real, scale: positive }
  }
  override get support(): Constraint {
    return real
  }
  override expand(shape: Shape): Gumbel {
    return new Gumbel(this.loc.expand(shape), this.scale.expand(shape), { validateArgs: this.validateArgs })
  }
  override get mean(): Tensor {
    return this.loc.add(this.scale.mul(EULER))
  }
  override get mode(): Tensor {
    return this.loc
  }
  override get stddev(): Tensor {
    return this.scale.mul(Math.PI / Math.sqrt(6))
  }
  override get variance(): Tensor {
    return this.stddev.square()
  }
  override logProb(value: Tensor): Tensor {
    this.checkSample(value)
    const y = this.loc.sub(value).div(this.scale)
    return y.sub(y.exp()).sub(this.scale.log())
  }
  override entropy(): Tensor {
    return this.scale.log().add(1 + EULER)
  }
}

/** The Pareto distribution of type 1. */
export class Pareto extends TransformedDistribution {
  readonly scale: Tensor
  readonly alpha: Tensor

  /** @param scale the least value  @param alpha how fast the tail falls */
  constructor(scale: Param, alpha: Param, options?: DistributionOptions) {
    const [s, a] = broadcastAll('Pareto', scale, alpha)
    super(new Exponential(a, options), [new ExpTransform(), new AffineTransform(0, s)], options)
    this.scale = s
    this.alpha = a
    this.checkArguments('scale', 'alpha')
  }
  override get argConstraints(): Record<string, Constraint> {
    return { alpha: positive, scale: positive }
  }
  override get support(): Constraint {
    return greaterThanEq(this.scale)
  }
  override expand(shape: Shape): Pareto {
    return new Pareto(this.scale.expand(shape), this.alpha.expand(shape), { validateArgs: this.validateArgs })
  }
  override get mean(): Tensor {
    const a = this.alpha.clampMin(1)
    return a.mul(this.scale).div(a.sub(1))
  }
  override get mode(): Tensor {
    return this.scale
  }
  override get variance(): Tensor {
    const a = this.alpha.clampMin(2)
    return this.scale
      .square()
      .mul(a)
      .div(a.sub(1).square().mul(a.sub(2)))
  }
  override entropy(): Tensor {
    return this.scale.div(this.alpha).log().add(this.alpha.reciprocal().add(1))
  }
}

/** The generalized Pareto distribution of excesses over a threshold. */
export class GeneralizedPareto extends Distribution {
  override get hasRsample(): boolean {
    return true
  }
  readonly loc: Tensor
  readonly scale: Tensor
  readonly concentration: Tensor

  constructor(loc: Param, scale: Param, concentration: Param, options?: DistributionOptions) {
    const [l, s, c] = broadcastAll('GeneralizedPareto', loc, scale, concentration)
    super(l.shape, [], options)
    this.loc = l
    this.scale = s
    this.concentration = c
    this.checkArguments('loc', 'scale', 'concentration')
  }
  override get argConstraints(): Record<string, Constraint> {
    return { loc: real, scale: positive, concentration: real }
  }
  override get support(): Constraint {
    const c = this.concentration
    const upper = this.loc.sub(this.scale.div(c))
    return interval(this.loc, where(c.lt(0), upper, filled(upper, Number.POSITIVE_INFINITY)))
  }
  override expand(shape: Shape): GeneralizedPareto {
    const options = { validateArgs: this.validateArgs }
    return new GeneralizedPareto(
      this.loc.expand(shape),
      this.scale.expand(shape),
      this.concentration.expand(shape),
      options,
    )
  }
  /** Where the concentration counts as 0, and a concentration that can be divided by. */
  get #parts(): { none: Tensor; safe: Tensor } {
    const none = this.concentration.abs().le(1e-8)
    return { none, safe: this.concentration.maskedFill(none, 1) }
  }
  override get mean(): Tensor {
    const valid = this.concentration.lt(1)
    const safe = where(valid, this.concentration, filled(this.concentration, 0.5))
    return masked(this.loc.add(this.scale.div(safe.neg().add(1))), valid.logicalNot(), Number.NaN)
  }
  override get mode(): Tensor {
    return this.loc
  }
  override get variance(): Tensor {
    const valid = this.concentration.lt(0.5)
    const safe = where(valid, this.concentration, filled(this.concentration, 0.25))
    const result = this.scale.square().div(safe.neg().add(1).square().mul(safe.mul(-2).add(1)))
    return masked(result, valid.logicalNot(), Number.NaN)
  }
  override rsample(shape: Shape = []): Tensor {
    return this.icdf(rand(this.extended(shape), placeOf(this.loc)))
  }
  override logProb(value: Tensor): Tensor {
    this.checkSample(value)
    const z = value.sub(this.loc).div(this.scale)
    const { none, safe } = this.#parts
    const y = safe.reciprocal().add(1)
    const product = y.mul(safe.mul(z).log1p())
    const some = product.maskedFill(y.eq(0).expandAs(product), 0)
    return this.scale
      .log()
      .neg()
      .sub(where(none, z, some))
  }
  /** The logarithm of the probability of larger values. */
  logSurvivalFunction(value: Tensor): Tensor {
    this.checkSample(value)
    const z = value.sub(this.loc).div(this.scale)
    const { none, safe } = this.#parts
    return where(none, z.neg(), safe.mul(z).log1p().neg().div(safe))
  }
  /** The logarithm of `cdf`. */
  logCdf(value: Tensor): Tensor {
    return this.logSurvivalFunction(value).exp().neg().log1p()
  }
  override cdf(value: Tensor): Tensor {
    return this.logCdf(value).exp()
  }
  override icdf(value: Tensor): Tensor {
    const { none, safe } = this.#parts
    const log = value.neg().log1p()
    const some = this.loc.add(this.scale.div(safe).mul(safe.neg().mul(log).expm1()))
    return where(none, this.loc.sub(this.scale.mul(log)), some)
  }
  override entropy(): Tensor {
    return this.scale.log().add(this.concentration).add(1)
  }
}

/** The Weibull distribution. */
export class Weibull extends TransformedDistribution {
  readonly scale: Tensor
  readonly concentration: Tensor

  constructor(scale: Param, concentration: Param, options?: DistributionOptions) {
    const [s, c] = broadcastAll('Weibull', scale, concentration)
    const base = new Exponential(filled(s, 1), options)
    super(base, [new PowerTransform(c.reciprocal()), new AffineTransform(0, s)], options)
    this.scale = s
    this.concentration = c
    this.checkArguments('scale', 'concentration')
  }
  override get argConstraints(): Record<string, Constraint> {
    return { scale: positive, concentration: positive }
  }
  override get support(): Constraint {
    return positive
  }
  override expand(shape: Shape): Weibull {
    return new Weibull(this.scale.expand(shape), this.concentration.expand(shape), { validateArgs: this.validateArgs })
  }
  override get mean(): Tensor {
    return this.scale.mul(this.concentration.reciprocal().add(1).lgamma().exp())
  }
  override get mode(): Tensor {
    const c = this.concentration
    return this.scale.mul(c.sub(1).div(c).pow(c.reciprocal()))
  }
  override get variance(): Tensor {
    const r = this.concentration.reciprocal()
    return this.scale.square().mul(r.mul(2).add(1).lgamma().exp().sub(r.add(1).lgamma().mul(2).exp()))
  }
  override entropy(): Tensor {
    const r = this.concentration.reciprocal()
    return r.neg().add(1).mul(EULER).add(this.scale.mul(r).log()).add(1)
  }
}

/** The Kumaraswamy distribution over [0, 1]. */
export class Kumaraswamy extends TransformedDistribution {
  readonly concentration1: Tensor
  readonly concentration0: Tensor

  constructor(concentration1: Param, concentration0: Param, options?: DistributionOptions) {
    const [a, b] = broadcastAll('Kumaraswamy', concentration1, concentration0)
    const base = new Uniform(filled(b, 0), filled(b, 1), options)
    const steps = [new PowerTransform(b.reciprocal()), new AffineTransform(1, -1), new PowerTransform(a.reciprocal())]
    super(base, steps, options)
    this.concentration1 = a
    this.concentration0 = b
    this.checkArguments('concentration1', 'concentration0')
  }
  override get argConstraints(): Record<string, Constraint> {
    return { concentration1: positive, concentration0: positive }
  }
  override get support(): Constraint {
    return unitInterval
  }
  override expand(shape: Shape): Kumaraswamy {
    const options = { validateArgs: this.validateArgs }
    return new Kumaraswamy(this.concentration1.expand(shape), this.concentration0.expand(shape), options)
  }
  /** The mean of the n-th power. */
  #moment(n: number): Tensor {
    const { concentration1: a, concentration0: b } = this
    const r = a.reciprocal().mul(n).add(1)
    return r.lgamma().add(b.lgamma()).sub(r.add(b).lgamma()).exp().mul(b)
  }
  override get mean(): Tensor {
    return this.#moment(1)
  }
  override get mode(): Tensor {
    const { concentration1: a, concentration0: b } = this
    const log = a
      .reciprocal()
      .mul(b.neg().log1p())
      .sub(a.reciprocal().mul(a.mul(b).neg().log1p()))
    return masked(log.exp(), a.lt(1).logicalOr(b.lt(1)), Number.NaN)
  }
  override get variance(): Tensor {
    return this.#moment(2).sub(this.#moment(1).square())
  }
  override entropy(): Tensor {
    const { concentration1: a, concentration0: b } = this
    const t1 = a.reciprocal().neg().add(1)
    const t0 = b.reciprocal().neg().add(1)
    const harmonic = b.add(1).digamma().add(EULER)
    return t0.add(t1.mul(harmonic)).sub(a.log()).sub(b.log())
  }
}
