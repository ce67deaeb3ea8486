// The gamma distribution and what is made of it.
import { noGrad } from '../autograd/mode.js'
import { igamma, sampleDirichlet, stack, standardGamma, where, zerosLike } from '../ops/index.js'
import type { Tensor } from '../tensor/tensor.js'
import { type Constraint, independent, nonnegative, positive, real, simplex, unitInterval } from './constraints.js'
import {
  broadcastAll,
  Distribution,
  type DistributionOptions,
  filled,
  finfo,
  type Param,
  type Shape,
  standardNormal,
} from './distribution.js'
import { ExponentialFamily } from './exponential-family.js'
import { TransformedDistribution } from './transformed.js'
import { PowerTransform } from './transforms.js'

/** The gamma distribution. */
export class Gamma extends ExponentialFamily {
  override get hasRsample(): boolean {
    return true
  }
  readonly concentration: Tensor
  readonly rate: Tensor

  /** @param concentration the shape parameter, often α  @param rate the inverse of the scale, often β */
  constructor(concentration: Param, rate: Param, options?: DistributionOptions) {
    const [c, r] = broadcastAll('Gamma', concentration, rate)
    super(c.shape, [], options)
    this.concentration = c
    this.rate = r
    this.checkArguments('concentration', 'rate')
  }
  override get argConstraints(): Record<string, Constraint> {
    return { concentration: positive, rate: positive }
  }
  override get support(): Constraint {
    return nonnegative
  }
  override expand(shape: Shape): Gamma {
    return new Gamma(this.concentration.expand(shape), this.rate.expand(shape), { validateArgs: this.validateArgs })
  }
  override get mean(): Tensor {
    return this.concentration.div(this.rate)
  }
  override get mode(): Tensor {
    return this.concentration.sub(1).div(this.rate).clampMin(0)
  }
  override get variance(): Tensor {
    return this.concentration.div(this.rate.square())
  }
  override rsample(shape: Shape = []): Tensor {
    const size = this.extended(shape)
    const value = standardGamma(this.concentration.expand(size)).div(this.rate.expand(size))
    // Only the value is kept off 0: the gradient is that of the draw.
    noGrad(() => value.detach().clamp_(finfo(value.dtype).tiny))
    return value
  }
  override logProb(value: Tensor): Tensor {
    this.checkSample(value)
    const { concentration: c, rate } = this
    return c.xlogy(rate).add(c.sub(1).xlogy(value)).sub(rate.mul(value)).sub(c.lgamma())
  }
  override cdf(value: Tensor): Tensor {
    this.checkSample(value)
    return igamma(this.concentration, this.rate.mul(value))
  }
  override entropy(): Tensor {
    const { concentration: c, rate } = this
    return c.sub(rate.log()).add(c.lgamma()).add(c.neg().add(1).mul(c.digamma()))
  }
  override get naturalParams(): Tensor[] {
    return [this.concentration.sub(1), this.rate.neg()]
  }
  override logNormalizer(x: Tensor, y: Tensor): Tensor {
    return x.add(1).lgamma().add(x.add(1).mul(y.reciprocal().neg().log()))
  }
}

/** The sum of `df` squared standard normal variables. */
export class Chi2 extends Gamma {
  constructor(df: Param, options?: DistributionOptions) {
    const [d] = broadcastAll('Chi2', df)
    super(d.mul(0.5), 0.5, options)
  }
  /** The degrees of freedom. */
  get df(): Tensor {
    return this.concentration.mul(2)
  }
  override expand(shape: Shape): Chi2 {
    return new Chi2(this.df.expand(shape), { validateArgs: this.validateArgs })
  }
}

/** The exponential distribution. */
export class Exponential extends ExponentialFamily {
  override get hasRsample(): boolean {
    return true
  }
  readonly rate: Tensor

  constructor(rate: Param, options?: DistributionOptions) {
    const [r] = broadcastAll('Exponential', rate)
    super(r.shape, [], options)
    this.rate = r
    this.checkArguments('rate')
  }
  override get argConstraints(): Record<string, Constraint> {
    return { rate: positive }
  }
  override get support(): Constraint {
    return nonnegative
  }
  override expand(shape: Shape): Exponential {
    return new Exponential(this.rate.expand(shape), { validateArgs: this.validateArgs })
  }
  override get mean(): Tensor {
    return this.rate.reciprocal()
  }
  override get mode(): Tensor {
    return filled(this.rate, 0)
  }
  override get stddev(): Tensor {
    return this.rate.reciprocal()
  }
  override get variance(): Tensor {
    return this.rate.pow(-2)
  }
  override rsample(shape: Shape = []): Tensor {
    return filled(this.rate.expand(this.extended(shape)), 0)
      .exponential_()
      .div(this.rate)
  }
  override logProb(value: Tensor): Tensor {
    this.checkSample(value)
    return this.rate.log().sub(this.rate.mul(value))
  }
  override cdf(value: Tensor): Tensor {
    this.checkSample(value)
    return this.rate.mul(value).neg().exp().neg().add(1)
  }
  override icdf(value: Tensor): Tensor {
    return value.neg().log1p().neg().div(this.rate)
  }
  override entropy(): Tensor {
    return this.rate.log().neg().add(1)
  }
  override get naturalParams(): Tensor[] {
    return [this.rate.neg()]
  }
  override logNormalizer(x: Tensor): Tensor {
    return x.neg().log().neg()
  }
}

/** The reciprocal of a gamma variable. */
export class InverseGamma extends TransformedDistribution {
  declare readonly baseDist: Gamma

  constructor(concentration: Param, rate: Param, options?: DistributionOptions) {
    const base = new Gamma(concentration, rate, options)
    super(base, new PowerTransform(-1), options)
  }
  get concentration(): Tensor {
    return this.baseDist.concentration
  }
  get rate(): Tensor {
    return this.baseDist.rate
  }
  override get argConstraints(): Record<string, Constraint> {
    return { concentration: positive, rate: positive }
  }
  override get support(): Constraint {
    return positive
  }
  override expand(shape: Shape): InverseGamma {
    return new InverseGamma(this.concentration.expand(shape), this.rate.expand(shape), {
      validateArgs: this.validateArgs,
    })
  }
  override get mean(): Tensor {
    const result = this.rate.div(this.concentration.sub(1))
    return where(this.concentration.gt(1), result, filled(result, Number.POSITIVE_INFINITY))
  }
  override get mode(): Tensor {
    return this.rate.div(this.concentration.add(1))
  }
  override get variance(): Tensor {
    const c = this.concentration
    const result = this.rate.square().div(c.sub(1).square().mul(c.sub(2)))
    return where(c.gt(2), result, filled(result, Number.POSITIVE_INFINITY))
  }
  override entropy(): Tensor {
    const { concentration: c, rate } = this
    return c.add(rate.log()).add(c.lgamma()).sub(c.add(1).mul(c.digamma()))
  }
}

/** The Dirichlet distribution over the simplex. */
export class Dirichlet extends ExponentialFamily {
  override get hasRsample(): boolean {
    return true
  }
  readonly concentration: Tensor

  /** @param concentration shape [*, k] */
  constructor(concentration: Tensor, options?: DistributionOptions) {
    const { shape } = concentration
    super(shape.slice(0, -1), shape.slice(-1), options)
    this.concentration = concentration
    this.checkArguments('concentration')
  }
  override get argConstraints(): Record<string, Constraint> {
    return { concentration: independent(positive, 1) }
  }
  override get support(): Constraint {
    return simplex
  }
  override expand(shape: Shape): Dirichlet {
    return new Dirichlet(this.concentration.expand([...shape, ...this.eventShape]), { validateArgs: this.validateArgs })
  }
  override get mean(): Tensor {
    return this.concentration.div(this.concentration.sum(-1, { keepdim: true }))
  }
  override get mode(): Tensor {
    const less = this.concentration.sub(1).clampMin(0)
    const mode = less.div(less.sum(-1, { keepdim: true }))
    const none = this.concentration.lt(1).all(-1, { keepdim: true })
    const highest = zerosLike(mode).scatter(-1, this.concentration.argmax(-1, { keepdim: true }), 1)
    return where(none, highest, mode)
  }
  override get variance(): Tensor {
    const total = this.concentration.sum(-1, { keepdim: true })
    return this.concentration.mul(total.sub(this.concentration)).div(total.square().mul(total.add(1)))
  }
  override rsample(shape: Shape = []): Tensor {
    return sampleDirichlet(this.concentration.expand(this.extended(shape)))
  }
  override logProb(value: Tensor): Tensor {
    this.checkSample(value)
    const c = this.concentration
    return c.sub(1).xlogy(value).sum(-1).add(c.sum(-1).lgamma()).sub(c.lgamma().sum(-1))
  }
  override entropy(): Tensor {
    const c = this.concentration
    const k = c.shape[c.ndim - 1]
    const total = c.sum(-1)
    return c
      .lgamma()
      .sum(-1)
      .sub(total.lgamma())
      .sub(total.neg().add(k).mul(total.digamma()))
      .sub(c.sub(1).mul(c.digamma()).sum(-1))
  }
  override get naturalParams(): Tensor[] {
    return [this.concentration]
  }
  override logNormalizer(x: Tensor): Tensor {
    return x.lgamma().sum(-1).sub(x.sum(-1).lgamma())
  }
}

/** The beta distribution over [0, 1]. */
export class Beta extends ExponentialFamily {
  override get hasRsample(): boolean {
    return true
  }
  readonly #dirichlet: Dirichlet

  /** @param concentration1 often α  @param concentration0 often β */
  constructor(concentration1: Param, concentration0: Param, options?: DistributionOptions) {
    const both = stack(broadcastAll('Beta', concentration1, concentration0), -1)
    super(both.shape.slice(0, -1), [], options)
    this.#dirichlet = new Dirichlet(both, { validateArgs: false })
    this.checkArguments('concentration1', 'concentration0')
  }
  get concentration1(): Tensor {
    return this.#dirichlet.concentration.select(-1, 0)
  }
  get concentration0(): Tensor {
    return this.#dirichlet.concentration.select(-1, 1)
  }
  override get argConstraints(): Record<string, Constraint> {
    return { concentration1: positive, concentration0: positive }
  }
  override get support(): Constraint {
    return unitInterval
  }
  override expand(shape: Shape): Beta {
    return new Beta(this.concentration1.expand(shape), this.concentration0.expand(shape), {
      validateArgs: this.validateArgs,
    })
  }
  override get mean(): Tensor {
    return this.concentration1.div(this.concentration1.add(this.concentration0))
  }
  override get mode(): Tensor {
    return this.#dirichlet.mode.select(-1, 0)
  }
  override get variance(): Tensor {
    const total = this.concentration1.add(this.concentration0)
    return this.concentration1.mul(this.concentration0).div(total.square().mul(total.add(1)))
  }
  override rsample(shape: Shape = []): Tensor {
    return this.#dirichlet.rsample(shape).select(-1, 0)
  }
  override logProb(value: Tensor): Tensor {
    this.checkSample(value)
    return this.#dirichlet.logProb(stack([value, value.neg().add(1)], -1))
  }
  override entropy(): Tensor {
    return this.#dirichlet.entropy()
  }
  override get naturalParams(): Tensor[] {
    return [this.concentration1, this.concentration0]
  }
  override logNormalizer(x: Tensor, y: Tensor): Tensor {
    return x.lgamma().add(y.lgamma()).sub(x.add(y).lgamma())
  }
}

/** The ratio of two chi-squared variables over their degrees of freedom. */
export class FisherSnedecor extends Distribution {
  override get hasRsample(): boolean {
    return true
  }
  readonly df1: Tensor
  readonly df2: Tensor
  readonly #gamma1: Gamma
  readonly #gamma2: Gamma

  constructor(df1: Param, df2: Param, options?: DistributionOptions) {
    const [a, b] = broadcastAll('FisherSnedecor', df1, df2)
    super(a.shape, [], options)
    this.df1 = a
    this.df2 = b
    this.checkArguments('df1', 'df2')
    this.#gamma1 = new Gamma(a.mul(0.5), a, { validateArgs: false })
    this.#gamma2 = new Gamma(b.mul(0.5), b, { validateArgs: false })
  }
  override get argConstraints(): Record<string, Constraint> {
    return { df1: positive, df2: positive }
  }
  override get support(): Constraint {
    return positive
  }
  override expand(shape: Shape): FisherSnedecor {
    return new FisherSnedecor(this.df1.expand(shape), this.df2.expand(shape), { validateArgs: this.validateArgs })
  }
  override get mean(): Tensor {
    const df2 = this.df2.maskedFill(this.df2.le(2), Number.NaN)
    return df2.div(df2.sub(2))
  }
  override get mode(): Tensor {
    const mode = this.df1.sub(2).div(this.df1).mul(this.df2).div(this.df2.add(2))
    return mode.maskedFill(this.df1.le(2), Number.NaN)
  }
  override get variance(): Tensor {
    const { df1 } = this
    const df2 = this.df2.maskedFill(this.df2.le(4), Number.NaN)
    return df2
      .square()
      .mul(2)
      .mul(df1.add(df2).sub(2))
      .div(df1.mul(df2.sub(2).square()).mul(df2.sub(4)))
  }
  override rsample(shape: Shape = []): Tensor {
    const { tiny } = finfo(this.df1.dtype)
    const above = this.#gamma1.rsample(shape)
    const below = this.#gamma2.rsample(shape)
    return above.div(below.clampMin(tiny)).clampMin(tiny)
  }
  override logProb(value: Tensor): Tensor {
    this.checkSample(value)
    const half1 = this.df1.mul(0.5)
    const half2 = this.df2.mul(0.5)
    const ratio = this.df1.div(this.df2)
    const t1 = half1.add(half2).lgamma().sub(half1.lgamma()).sub(half2.lgamma())
    const t2 = half1.mul(ratio.log()).add(half1.sub(1).mul(value.log()))
    return t1.add(t2).sub(half1.add(half2).mul(ratio.mul(value).log1p()))
  }
}

/** Student's t-distribution. */
export class StudentT extends Distribution {
  override get hasRsample(): boolean {
    return true
  }
  readonly df: Tensor
  readonly loc: Tensor
  readonly scale: Tensor
  readonly #chi2: Chi2

  constructor(df: Param, loc: Param = 0, scale: Param = 1, options?: DistributionOptions) {
    const [d, l, s] = broadcastAll('StudentT', df, loc, scale)
    super(d.shape, [], options)
    this.df = d
    this.loc = l
    this.scale = s
    this.checkArguments('df', 'loc', 'scale')
    this.#chi2 = new Chi2(d, { validateArgs: false })
  }
  override get argConstraints(): Record<string, Constraint> {
    return { df: positive, loc: real, scale: positive }
  }
  override get support(): Constraint {
    return real
  }
  override expand(shape: Shape): StudentT {
    return new StudentT(this.df.expand(shape), this.loc.expand(shape), this.scale.expand(shape), {
      validateArgs: this.validateArgs,
    })
  }
  override get mean(): Tensor {
    return this.loc.maskedFill(this.df.le(1), Number.NaN)
  }
  override get mode(): Tensor {
    return this.loc
  }
  override get variance(): Tensor {
    const { df } = this
    const finite = this.scale.square().mul(df).div(df.sub(2))
    return finite.maskedFill(df.le(2), Number.POSITIVE_INFINITY).maskedFill(df.le(1), Number.NaN)
  }
  override rsample(shape: Shape = []): Tensor {
    const x = standardNormal(this.extended(shape), this.loc)
    const y = x.mul(this.#chi2.rsample(shape).div(this.df).rsqrt())
    return this.loc.add(this.scale.mul(y))
  }
  override logProb(value: Tensor): Tensor {
    this.checkSample(value)
    const { df } = this
    const y = value.sub(this.loc).div(this.scale)
    const z = this.scale
      .log()
      .add(df.log().mul(0.5))
      .add(0.5 * Math.log(Math.PI))
      .add(df.mul(0.5).lgamma())
      .sub(df.add(1).mul(0.5).lgamma())
    return df.add(1).mul(-0.5).mul(y.square().div(df).log1p()).sub(z)
  }
  override entropy(): Tensor {
    const { df } = this
    const half = df.mul(0.5)
    const beta = half
      .lgamma()
      .add(Math.log(Math.PI) / 2)
      .sub(half.add(0.5).lgamma())
    return this.scale
      .log()
      .add(df.add(1).mul(0.5).mul(df.add(1).mul(0.5).digamma().sub(half.digamma())))
      .add(df.log().mul(0.5))
      .add(beta)
  }
}
