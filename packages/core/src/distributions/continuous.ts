// Continuous distributions that stand by themselves.
import { noGrad } from '../autograd/mode.js'
import { ArgumentError } from '../errors.js'
import { maximum, rand, special, unbind, where, zeros } from '../ops/index.js'
import type { Tensor } from '../tensor/tensor.js'
import { type Constraint, greaterThanEq, interval, positive, real, unitInterval } from './constraints.js'
import {
  broadcastAll,
  clampProbs,
  Distribution,
  type DistributionOptions,
  filled,
  finfo,
  logitsToProbs,
  masked,
  type Param,
  placeOf,
  probsToLogits,
  type Shape,
} from './distribution.js'
import { ExponentialFamily } from './exponential-family.js'
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

/** log I₀ and log I₁. */
const logBessel0 = (x: Tensor): Tensor => special.i0e(x).log().add(x)
const logBessel1 = (x: Tensor): Tensor => special.i1e(x).log().add(x)

/** The von Mises distribution of angles. */
export class VonMises extends Distribution {
  readonly loc: Tensor
  readonly concentration: Tensor

  constructor(loc: Param, concentration: Param, options?: DistributionOptions) {
    const [l, c] = broadcastAll('VonMises', loc, concentration)
    super(l.shape, [], options)
    this.loc = l
    this.concentration = c
    this.checkArguments('loc', 'concentration')
  }
  override get argConstraints(): Record<string, Constraint> {
    return { loc: real, concentration: positive }
  }
  override get support(): Constraint {
    return real
  }
  override expand(shape: Shape): VonMises {
    return new VonMises(this.loc.expand(shape), this.concentration.expand(shape), { validateArgs: this.validateArgs })
  }
  override get mean(): Tensor {
    return this.loc
  }
  override get mode(): Tensor {
    return this.loc
  }
  /** The circular variance. */
  override get variance(): Tensor {
    const { concentration: c } = this
    return logBessel1(c).sub(logBessel0(c)).exp().neg().add(1)
  }
  /** By rejection, in double precision. [Best and Fisher, 1979](https://doi.org/10.2307/2346732) */
  override sample(shape: Shape = []): Tensor {
    return noGrad(() => {
      const size = this.extended(shape)
      const loc = this.loc.to('float64')
      const kappa = this.concentration.to('float64')
      const tau = kappa.square().mul(4).add(1).sqrt().add(1)
      const rho = tau.sub(tau.mul(2).sqrt()).div(kappa.mul(2))
      const exact = rho.square().add(1).div(rho.mul(2))
      const r = where(kappa.lt(1e-5), kappa.reciprocal().add(kappa), exact)
      let x = zeros(size, placeOf(loc))
      let done = zeros(size, { dtype: 'bool', device: loc.device })
      while (!done.all().item()) {
        const [u1, u2, u3] = unbind(rand([3, ...size], placeOf(loc)))
        const z = u1.mul(Math.PI).cos()
        const f = r.mul(z).add(1).div(r.add(z))
        const c = kappa.mul(r.sub(f))
        const accepted = c.mul(c.neg().add(2)).sub(u2).gt(0).logicalOr(c.div(u2).log().add(1).sub(c).ge(0))
        x = where(accepted, u3.sub(0.5).sign().mul(f.acos()), x)
        done = done.logicalOr(accepted)
      }
      return x
        .add(Math.PI)
        .add(loc)
        .remainder(2 * Math.PI)
        .sub(Math.PI)
        .to(this.loc.dtype)
    })
  }
  override logProb(value: Tensor): Tensor {
    this.checkSample(value)
    const { concentration: c } = this
    return c
      .mul(value.sub(this.loc).cos())
      .sub(Math.log(2 * Math.PI))
      .sub(logBessel0(c))
  }
}

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

/** The one of two parameters that is given. */
export function oneOf<T>(operation: string, probs: T | undefined, logits: T | undefined): T {
  if ((probs === undefined) === (logits === undefined))
    throw new ArgumentError(`${operation}: expected exactly one of probs and logits`)
  return (probs ?? logits) as T
}
