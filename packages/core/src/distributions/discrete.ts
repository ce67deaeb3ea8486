// Distributions of whole numbers.
import { noGrad } from '../autograd/mode.js'
import { arange, bernoulli, binomial, F, poisson } from '../ops/index.js'
import type { Tensor } from '../tensor/tensor.js'
import {
  boolean,
  type Constraint,
  greaterThanEq,
  halfOpenInterval,
  integerInterval,
  nonnegative,
  nonnegativeInteger,
  real,
  unitInterval,
} from './constraints.js'
import {
  broadcastAll,
  Distribution,
  type DistributionOptions,
  enumerated,
  filled,
  finfo,
  logitsToProbs,
  NotImplementedError,
  type Param,
  placeOf,
  probsToLogits,
  type Shape,
} from './distribution.js'
import { ExponentialFamily } from './exponential-family.js'
import { Gamma } from './gamma.js'
import { oneOf } from './one-of.js'

/** Exactly one of the two. */
export interface ProbsOptions extends DistributionOptions {
  readonly probs?: Param
  /** The log-odds. */
  readonly logits?: Param
}

/** A probability, given by itself or by its log-odds. */
export class Odds {
  readonly given: 'probs' | 'logits'
  readonly param: Tensor
  constructor(given: 'probs' | 'logits', param: Tensor) {
    this.given = given
    this.param = param
  }
  get probs(): Tensor {
    return this.given === 'probs' ? this.param : logitsToProbs(this.param, true)
  }
  get logits(): Tensor {
    return this.given === 'logits' ? this.param : probsToLogits(this.param, true)
  }
  /** The option that makes the same in a larger batch. */
  expanded(shape: Shape): ProbsOptions {
    return { [this.given]: this.param.expand(shape) }
  }
}
/** -log p(value) of a Bernoulli variable. */
const crossEntropy = (logits: Tensor, value: Tensor): Tensor =>
  logits.clampMin(0).sub(logits.mul(value)).add(logits.abs().neg().exp().log1p())

/** 1 with a probability, else 0. */
export class Bernoulli extends ExponentialFamily {
  override get hasEnumerateSupport(): boolean {
    return true
  }
  readonly #odds: Odds

  /** @param options exactly one of `probs` and `logits` */
  constructor(options: ProbsOptions) {
    const [param] = broadcastAll('Bernoulli', oneOf('Bernoulli', options.probs, options.logits))
    super(param.shape, [], options)
    this.#odds = new Odds(options.probs === undefined ? 'logits' : 'probs', param)
    this.checkArguments(this.#odds.given)
  }
  get probs(): Tensor {
    return this.#odds.probs
  }
  get logits(): Tensor {
    return this.#odds.logits
  }
  override get argConstraints(): Record<string, Constraint> {
    return { probs: unitInterval, logits: real }
  }
  override get support(): Constraint {
    return boolean
  }
  override expand(shape: Shape): Bernoulli {
    return new Bernoulli({ ...this.#odds.expanded(shape), validateArgs: this.validateArgs })
  }
  override get mean(): Tensor {
    return this.probs
  }
  override get mode(): Tensor {
    const { probs } = this
    return probs.ge(0.5).to(probs.dtype).maskedFill(probs.eq(0.5), Number.NaN)
  }
  override get variance(): Tensor {
    return this.probs.mul(this.probs.neg().add(1))
  }
  override sample(shape: Shape = []): Tensor {
    return noGrad(() => bernoulli(this.probs.expand(this.extended(shape))))
  }
  override logProb(value: Tensor): Tensor {
    this.checkSample(value)
    return crossEntropy(this.logits, value).neg()
  }
  override entropy(): Tensor {
    return crossEntropy(this.logits, this.probs)
  }
  override enumerateSupport(expand = true): Tensor {
    return enumerated(arange(2, placeOf(this.#odds.param)), this.batchShape, expand)
  }
  override get naturalParams(): Tensor[] {
    return [this.logits]
  }
  override logNormalizer(x: Tensor): Tensor {
    return x.exp().log1p()
  }
}

/** The number of failures before the first success. */
export class Geometric extends Distribution {
  readonly #odds: Odds

  /** @param options exactly one of `probs` and `logits` */
  constructor(options: ProbsOptions) {
    const [param] = broadcastAll('Geometric', oneOf('Geometric', options.probs, options.logits))
    super(param.shape, [], options)
    this.#odds = new Odds(options.probs === undefined ? 'logits' : 'probs', param)
    this.checkArguments(this.#odds.given)
  }
  get probs(): Tensor {
    return this.#odds.probs
  }
  get logits(): Tensor {
    return this.#odds.logits
  }
  override get argConstraints(): Record<string, Constraint> {
    return { probs: unitInterval, logits: real }
  }
  override get support(): Constraint {
    return nonnegativeInteger
  }
  override expand(shape: Shape): Geometric {
    return new Geometric({ ...this.#odds.expanded(shape), validateArgs: this.validateArgs })
  }
  override get mean(): Tensor {
    return this.probs.reciprocal().sub(1)
  }
  override get mode(): Tensor {
    return filled(this.probs, 0)
  }
  override get variance(): Tensor {
    return this.probs.reciprocal().sub(1).div(this.probs)
  }
  override sample(shape: Shape = []): Tensor {
    return noGrad(() => {
      const { probs } = this
      const u = filled(probs.expand(this.extended(shape)), 0).uniform_(finfo(probs.dtype).tiny, 1)
      return u.log().div(probs.neg().log1p()).floor()
    })
  }
  override logProb(value: Tensor): Tensor {
    this.checkSample(value)
    const { probs } = this
    const edge = probs.eq(1).logicalAnd(value.eq(0))
    const safe = probs.expand(edge.shape).maskedFill(edge, 0)
    return value.mul(safe.neg().log1p()).add(probs.log())
  }
  override entropy(): Tensor {
    return crossEntropy(this.logits, this.probs).div(this.probs)
  }
}

/** The number of successes in `totalCount` trials. */
export class Binomial extends Distribution {
  override get hasEnumerateSupport(): boolean {
    return true
  }
  readonly totalCount: Tensor
  readonly #odds: Odds

  /** @param options exactly one of `probs` and `logits` */
  constructor(totalCount: Param, options: ProbsOptions) {
    const given = oneOf('Binomial', options.probs, options.logits)
    const [param, count] = broadcastAll('Binomial', given, totalCount)
    super(param.shape, [], options)
    this.totalCount = count.to(param.dtype)
    this.#odds = new Odds(options.probs === undefined ? 'logits' : 'probs', param)
    this.checkArguments('totalCount', this.#odds.given)
  }
  get probs(): Tensor {
    return this.#odds.probs
  }
  get logits(): Tensor {
    return this.#odds.logits
  }
  override get argConstraints(): Record<string, Constraint> {
    return { totalCount: nonnegativeInteger, probs: unitInterval, logits: real }
  }
  override get support(): Constraint {
    return integerInterval(0, this.totalCount)
  }
  override expand(shape: Shape): Binomial {
    return new Binomial(this.totalCount.expand(shape), {
      ...this.#odds.expanded(shape),
      validateArgs: this.validateArgs,
    })
  }
  override get mean(): Tensor {
    return this.totalCount.mul(this.probs)
  }
  override get mode(): Tensor {
    return this.totalCount.add(1).mul(this.probs).floor().minimum(this.totalCount)
  }
  override get variance(): Tensor {
    return this.totalCount.mul(this.probs).mul(this.probs.neg().add(1))
  }
  override sample(shape: Shape = []): Tensor {
    const size = this.extended(shape)
    return noGrad(() => binomial(this.totalCount.expand(size), this.probs.expand(size)))
  }
  override logProb(value: Tensor): Tensor {
    this.checkSample(value)
    const { totalCount: n, logits } = this
    const normal = logits.clampMin(0).add(logits.abs().neg().exp().log1p()).mul(n)
    const ways = n.add(1).lgamma().sub(value.add(1).lgamma()).sub(n.sub(value).add(1).lgamma())
    return value.mul(logits).add(ways).sub(normal)
  }
  #common(): number {
    const { totalCount } = this
    const most = noGrad(() => totalCount.max().item<number>())
    if (noGrad(() => totalCount.min().item<number>()) !== most)
      throw new NotImplementedError('Binomial: counts that differ have no common support')
    return most
  }
  override entropy(): Tensor {
    this.#common()
    const log = this.logProb(this.enumerateSupport(false))
    return log.exp().mul(log).sum(0).neg()
  }
  override enumerateSupport(expand = true): Tensor {
    return enumerated(arange(this.#common() + 1, placeOf(this.#odds.param)), this.batchShape, expand)
  }
}

/** The number of successes before `totalCount` failures. */
export class NegativeBinomial extends Distribution {
  readonly totalCount: Tensor
  readonly #odds: Odds

  /** @param options exactly one of `probs`, of a success, and `logits` */
  constructor(totalCount: Param, options: ProbsOptions) {
    const given = oneOf('NegativeBinomial', options.probs, options.logits)
    const [param, count] = broadcastAll('NegativeBinomial', given, totalCount)
    super(param.shape, [], options)
    this.totalCount = count.to(param.dtype)
    this.#odds = new Odds(options.probs === undefined ? 'logits' : 'probs', param)
    this.checkArguments('totalCount', this.#odds.given)
  }
  get probs(): Tensor {
    return this.#odds.probs
  }
  get logits(): Tensor {
    return this.#odds.logits
  }
  override get argConstraints(): Record<string, Constraint> {
    return { totalCount: greaterThanEq(0), probs: halfOpenInterval(0, 1), logits: real }
  }
  override get support(): Constraint {
    return nonnegativeInteger
  }
  override expand(shape: Shape): NegativeBinomial {
    const options = { ...this.#odds.expanded(shape), validateArgs: this.validateArgs }
    return new NegativeBinomial(this.totalCount.expand(shape), options)
  }
  override get mean(): Tensor {
    return this.totalCount.mul(this.logits.exp())
  }
  override get mode(): Tensor {
    return this.totalCount.sub(1).mul(this.logits.exp()).floor().clampMin(0)
  }
  override get variance(): Tensor {
    return this.mean.div(this.logits.neg().sigmoid())
  }
  override sample(shape: Shape = []): Tensor {
    return noGrad(() => {
      const rates = new Gamma(this.totalCount, this.logits.neg().exp(), { validateArgs: false })
      return poisson(rates.sample(shape))
    })
  }
  override logProb(value: Tensor): Tensor {
    this.checkSample(value)
    const { totalCount: n, logits } = this
    const unnormalized = n.mul(F.logsigmoid(logits.neg())).add(value.mul(F.logsigmoid(logits)))
    const normalization = n.add(value).lgamma().neg().add(value.add(1).lgamma()).add(n.lgamma())
    return unnormalized.sub(normalization.maskedFill(n.add(value).eq(0), 0))
  }
}

/** The number of events at a rate. */
export class Poisson extends ExponentialFamily {
  readonly rate: Tensor

  constructor(rate: Param, options?: DistributionOptions) {
    const [r] = broadcastAll('Poisson', rate)
    super(r.shape, [], options)
    this.rate = r
    this.checkArguments('rate')
  }
  override get argConstraints(): Record<string, Constraint> {
    return { rate: nonnegative }
  }
  override get support(): Constraint {
    return nonnegativeInteger
  }
  override expand(shape: Shape): Poisson {
    return new Poisson(this.rate.expand(shape), { validateArgs: this.validateArgs })
  }
  override get mean(): Tensor {
    return this.rate
  }
  override get mode(): Tensor {
    return this.rate.floor()
  }
  override get variance(): Tensor {
    return this.rate
  }
  override sample(shape: Shape = []): Tensor {
    return noGrad(() => poisson(this.rate.expand(this.extended(shape))))
  }
  override logProb(value: Tensor): Tensor {
    this.checkSample(value)
    return value.xlogy(this.rate).sub(this.rate).sub(value.add(1).lgamma())
  }
  override entropy(): never {
    throw new NotImplementedError('Poisson: has no entropy')
  }
  override get naturalParams(): Tensor[] {
    return [this.rate.log()]
  }
  override logNormalizer(x: Tensor): Tensor {
    return x.exp()
  }
}
