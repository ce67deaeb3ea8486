// Distributions over categories, and their continuous relaxations.
import { noGrad } from '../autograd/mode.js'
import { ArgumentError, describe } from '../errors.js'
import { arange, multinomial, onesLike, rand, zeros } from '../ops/index.js'
import type { Tensor } from '../tensor/tensor.js'
import {
  type Constraint,
  integerInterval,
  multinomial as multinomialConstraint,
  oneHot,
  positive,
  real,
  realVector,
  simplex,
  unitInterval,
} from './constraints.js'
import { Binomial, Odds, type ProbsOptions } from './discrete.js'
import {
  broadcastAll,
  clampProbs,
  Distribution,
  type DistributionOptions,
  enumerated,
  filled,
  finfo,
  logitsToProbs,
  type Param,
  placeOf,
  probsToLogits,
  type Shape,
} from './distribution.js'
import { oneOf } from './one-of.js'
import { TransformedDistribution } from './transformed.js'
import { ExpTransform, SigmoidTransform } from './transforms.js'

/** Exactly one of the two, of shape [*, categories]. */
export interface CategoricalOptions extends DistributionOptions {
  /** Weights ≥ 0; they are divided by their sum. */
  readonly probs?: Tensor
  /** Logarithms of weights. */
  readonly logits?: Tensor
}

/** The index of a category. */
export class Categorical extends Distribution {
  override get hasEnumerateSupport(): boolean {
    return true
  }
  readonly #given: 'probs' | 'logits'
  readonly #param: Tensor

  /** @param options exactly one of `probs` and `logits` */
  constructor(options: CategoricalOptions) {
    const param = oneOf('Categorical', options.probs, options.logits)
    if (param.ndim < 1) throw new ArgumentError('Categorical: expected at least one dimension')
    super(param.shape.slice(0, -1), [], options)
    this.#given = options.probs === undefined ? 'logits' : 'probs'
    this.#param =
      options.probs === undefined
        ? param.sub(param.logsumexp(-1, { keepdim: true }))
        : param.div(param.sum(-1, { keepdim: true }))
    this.checkArguments(this.#given)
  }
  get probs(): Tensor {
    return this.#given === 'probs' ? this.#param : logitsToProbs(this.#param)
  }
  /** Normalized. */
  get logits(): Tensor {
    return this.#given === 'logits' ? this.#param : probsToLogits(this.#param)
  }
  /** The parameter that was given, normalized. */
  get param(): Tensor {
    return this.#param
  }
  /** How many categories there are. */
  get numEvents(): number {
    return this.#param.shape[this.#param.ndim - 1]
  }
  override get argConstraints(): Record<string, Constraint> {
    return { probs: simplex, logits: realVector }
  }
  override get support(): Constraint {
    return integerInterval(0, this.numEvents - 1)
  }
  override expand(shape: Shape): Categorical {
    return new Categorical({
      [this.#given]: this.#param.expand([...shape, this.numEvents]),
      validateArgs: this.validateArgs,
    })
  }
  override get mean(): Tensor {
    return filled(this.#param.select(-1, 0), Number.NaN)
  }
  override get mode(): Tensor {
    return this.probs.argmax(-1)
  }
  override get variance(): Tensor {
    return filled(this.#param.select(-1, 0), Number.NaN)
  }
  override sample(shape: Shape = []): Tensor {
    return noGrad(() => {
      const count = shape.reduce((n, d) => n * d, 1)
      const rows = this.probs.reshape([-1, this.numEvents])
      return multinomial(rows, count, true).t().reshape(this.extended(shape))
    })
  }
  override logProb(value: Tensor): Tensor {
    this.checkSample(value)
    const { logits } = this
    const [index, rows] = broadcastAll('Categorical', value.to('int64').unsqueeze(-1), logits)
    return rows.gather(-1, index.narrow(-1, 0, 1)).squeeze(-1)
  }
  override entropy(): Tensor {
    const { logits } = this
    const finite = logits.clampMin(-finfo(logits.dtype).max)
    return finite.mul(this.probs).sum(-1).neg()
  }
  override enumerateSupport(expand = true): Tensor {
    return enumerated(arange(this.numEvents, { dtype: 'int64', device: this.#param.device }), this.batchShape, expand)
  }
}

/** A category as a vector of one 1 and zeros. */
export class OneHotCategorical extends Distribution {
  override get hasEnumerateSupport(): boolean {
    return true
  }
  /** @internal */
  readonly categorical: Categorical

  /** @param options exactly one of `probs` and `logits` */
  constructor(options: CategoricalOptions) {
    const categorical = new Categorical(options)
    super(categorical.batchShape, [categorical.numEvents], options)
    this.categorical = categorical
  }
  get probs(): Tensor {
    return this.categorical.probs
  }
  get logits(): Tensor {
    return this.categorical.logits
  }
  override get argConstraints(): Record<string, Constraint> {
    return { probs: simplex, logits: realVector }
  }
  override get support(): Constraint {
    return oneHot
  }
  protected like(shape: Shape): CategoricalOptions {
    const { param } = this.categorical.expand(shape)
    const given = this.categorical.probs === this.categorical.param ? 'probs' : 'logits'
    return { [given]: param, validateArgs: this.validateArgs }
  }
  override expand(shape: Shape): OneHotCategorical {
    return new OneHotCategorical(this.like(shape))
  }
  override get mean(): Tensor {
    return this.probs
  }
  override get mode(): Tensor {
    return this.#hot(this.probs.argmax(-1))
  }
  override get variance(): Tensor {
    return this.probs.mul(this.probs.neg().add(1))
  }
  #hot(indices: Tensor): Tensor {
    const { param } = this.categorical
    const none = zeros([...indices.shape, this.categorical.numEvents], placeOf(param))
    return none.scatter(-1, indices.unsqueeze(-1), 1)
  }
  override sample(shape: Shape = []): Tensor {
    return noGrad(() => this.#hot(this.categorical.sample(shape)))
  }
  override logProb(value: Tensor): Tensor {
    this.checkSample(value)
    return this.categorical.logProb(value.argmax(-1))
  }
  override entropy(): Tensor {
    return this.categorical.entropy()
  }
  override enumerateSupport(expand = true): Tensor {
    const n = this.categorical.numEvents
    const rows = this.#hot(arange(n, { dtype: 'int64', device: this.categorical.param.device }))
    const shaped = rows.reshape([n, ...this.batchShape.map(() => 1), n])
    return expand ? shaped.expand([n, ...this.batchShape, n]) : shaped
  }
}

/** `OneHotCategorical` whose draws have the gradient of the probabilities. [Bengio et al., 2013](https://arxiv.org/abs/1308.3432) */
export class OneHotCategoricalStraightThrough extends OneHotCategorical {
  override get hasRsample(): boolean {
    return true
  }
  override expand(shape: Shape): OneHotCategoricalStraightThrough {
    return new OneHotCategoricalStraightThrough(this.like(shape))
  }
  override rsample(shape: Shape = []): Tensor {
    const { probs } = this
    return this.sample(shape).add(probs.sub(probs.detach()))
  }
}

/** How often each category comes up in `totalCount` draws. */
export class Multinomial extends Distribution {
  readonly totalCount: number
  readonly #categorical: Categorical
  readonly #options: CategoricalOptions

  /** @param options exactly one of `probs` and `logits` */
  constructor(totalCount: number, options: CategoricalOptions) {
    if (!Number.isInteger(totalCount) || totalCount < 0)
      throw new ArgumentError(`Multinomial: expected totalCount to be an integer ≥ 0, got ${describe(totalCount)}`)
    const categorical = new Categorical(options)
    super(categorical.batchShape, [categorical.numEvents], options)
    this.totalCount = totalCount
    this.#categorical = categorical
    this.#options = options
  }
  get probs(): Tensor {
    return this.#categorical.probs
  }
  get logits(): Tensor {
    return this.#categorical.logits
  }
  override get argConstraints(): Record<string, Constraint> {
    return { probs: simplex, logits: realVector }
  }
  override get support(): Constraint {
    return multinomialConstraint(this.totalCount)
  }
  override expand(shape: Shape): Multinomial {
    const given = this.#options.probs === undefined ? 'logits' : 'probs'
    const { param } = this.#categorical.expand(shape)
    return new Multinomial(this.totalCount, { [given]: param, validateArgs: this.validateArgs })
  }
  override get mean(): Tensor {
    return this.probs.mul(this.totalCount)
  }
  override get variance(): Tensor {
    return this.probs.mul(this.totalCount).mul(this.probs.neg().add(1))
  }
  override sample(shape: Shape = []): Tensor {
    return noGrad(() => {
      const drawn = this.#categorical.sample([this.totalCount, ...shape]).movedim(0, -1)
      const none = zeros(this.extended(shape), { dtype: 'int64', device: drawn.device })
      return none.scatterAdd(-1, drawn, onesLike(drawn)).to(this.probs.dtype)
    })
  }
  override logProb(value: Tensor): Tensor {
    this.checkSample(value)
    const [logits, counts] = broadcastAll('Multinomial', this.logits, value)
    const none = counts.eq(0).logicalAnd(logits.eq(Number.NEGATIVE_INFINITY))
    const ways = counts.sum(-1).add(1).lgamma().sub(counts.add(1).lgamma().sum(-1))
    return ways.add(logits.maskedFill(none, 0).mul(counts).sum(-1))
  }
  override entropy(): Tensor {
    const n = this.totalCount
    const binomial = new Binomial(n, { probs: this.probs, validateArgs: false })
    const support = binomial.enumerateSupport(false).narrow(0, 1, n)
    const probabilities = binomial.logProb(support).exp()
    const weights = support.add(1).lgamma()
    const total = this.#categorical.entropy().mul(n)
    return total.sub(filled(total, n + 1).lgamma()).add(probabilities.mul(weights).sum([0, -1]))
  }
}

/** `Bernoulli`, relaxed, before the sigmoid. */
export class LogitRelaxedBernoulli extends Distribution {
  override get hasRsample(): boolean {
    return true
  }
  readonly temperature: Tensor
  readonly #odds: Odds

  constructor(temperature: Param, options: ProbsOptions) {
    const given = oneOf('LogitRelaxedBernoulli', options.probs, options.logits)
    const [param] = broadcastAll('LogitRelaxedBernoulli', given)
    super(param.shape, [], options)
    this.temperature = broadcastAll('LogitRelaxedBernoulli', temperature, param)[0]
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
    return real
  }
  override expand(shape: Shape): LogitRelaxedBernoulli {
    const options = { ...this.#odds.expanded(shape), validateArgs: this.validateArgs }
    return new LogitRelaxedBernoulli(this.temperature.expand(shape), options)
  }
  override rsample(shape: Shape = []): Tensor {
    const size = this.extended(shape)
    const probs = clampProbs(this.probs.expand(size))
    const u = clampProbs(rand(size, placeOf(probs)))
    const noise = u.log().sub(u.neg().log1p())
    return noise.add(probs.log()).sub(probs.neg().log1p()).div(this.temperature)
  }
  override logProb(value: Tensor): Tensor {
    this.checkSample(value)
    const diff = this.logits.sub(value.mul(this.temperature))
    return this.temperature.log().add(diff).sub(diff.exp().log1p().mul(2))
  }
}

/** `Bernoulli`, relaxed to (0, 1): draws that gradients flow through. [Maddison et al., 2016](https://arxiv.org/abs/1611.00712) */
export class RelaxedBernoulli extends TransformedDistribution {
  override get hasRsample(): boolean {
    return true
  }
  declare readonly baseDist: LogitRelaxedBernoulli

  /** @param temperature the lower, the nearer to 0 and 1  @param options exactly one of `probs` and `logits` */
  constructor(temperature: Param, options: ProbsOptions) {
    super(new LogitRelaxedBernoulli(temperature, options), new SigmoidTransform(), options)
  }
  get temperature(): Tensor {
    return this.baseDist.temperature
  }
  get probs(): Tensor {
    return this.baseDist.probs
  }
  get logits(): Tensor {
    return this.baseDist.logits
  }
  override get support(): Constraint {
    return unitInterval
  }
}

/** `OneHotCategorical`, relaxed, in logarithms. */
export class ExpRelaxedCategorical extends Distribution {
  override get hasRsample(): boolean {
    return true
  }
  readonly temperature: Tensor
  readonly #categorical: Categorical
  readonly #options: CategoricalOptions

  constructor(temperature: Param, options: CategoricalOptions) {
    const categorical = new Categorical(options)
    super(categorical.batchShape, [categorical.numEvents], options)
    this.temperature = broadcastAll('ExpRelaxedCategorical', temperature, categorical.param.select(-1, 0).detach())[0]
    this.#categorical = categorical
    this.#options = options
  }
  get probs(): Tensor {
    return this.#categorical.probs
  }
  get logits(): Tensor {
    return this.#categorical.logits
  }
  override get argConstraints(): Record<string, Constraint> {
    return { probs: simplex, logits: realVector, temperature: positive }
  }
  override get support(): Constraint {
    return realVector
  }
  override expand(shape: Shape): ExpRelaxedCategorical {
    const given = this.#options.probs === undefined ? 'logits' : 'probs'
    const { param } = this.#categorical.expand(shape)
    return new ExpRelaxedCategorical(this.temperature.expand(shape), {
      [given]: param,
      validateArgs: this.validateArgs,
    })
  }
  override rsample(shape: Shape = []): Tensor {
    const { logits } = this
    const u = clampProbs(rand(this.extended(shape), placeOf(logits)))
    const scores = logits.sub(u.log().neg().log()).div(this.temperature.unsqueeze(-1))
    return scores.sub(scores.logsumexp(-1, { keepdim: true }))
  }
  override logProb(value: Tensor): Tensor {
    this.checkSample(value)
    const k = this.#categorical.numEvents
    const [logits, values] = broadcastAll('ExpRelaxedCategorical', this.logits, value)
    const t = this.temperature
    const scale = filled(t, k)
      .lgamma()
      .sub(t.log().mul(-(k - 1)))
    const score = logits.sub(values.mul(t.unsqueeze(-1)))
    return score
      .sub(score.logsumexp(-1, { keepdim: true }))
      .sum(-1)
      .add(scale)
  }
}

/** `OneHotCategorical`, relaxed to the simplex: draws that gradients flow through. [Jang et al., 2016](https://arxiv.org/abs/1611.01144) */
export class RelaxedOneHotCategorical extends TransformedDistribution {
  override get hasRsample(): boolean {
    return true
  }
  declare readonly baseDist: ExpRelaxedCategorical

  /** @param temperature the lower, the nearer to the corners  @param options exactly one of `probs` and `logits` */
  constructor(temperature: Param, options: CategoricalOptions) {
    super(new ExpRelaxedCategorical(temperature, options), new ExpTransform(), options)
  }
  get temperature(): Tensor {
    return this.baseDist.temperature
  }
  get probs(): Tensor {
    return this.baseDist.probs
  }
  get logits(): Tensor {
    return this.baseDist.logits
  }
  override get support(): Constraint {
    return simplex
  }
}
