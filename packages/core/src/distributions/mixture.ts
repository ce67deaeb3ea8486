import { noGrad } from '../autograd/mode.js'
import { ArgumentError, ShapeError } from '../errors.js'
import { formatShape } from '../tensor/shape.js'
import type { Tensor } from '../tensor/tensor.js'
import { Categorical } from './categorical.js'
import { type Constraint, MixtureSameFamilyConstraint, realVector, simplex } from './constraints.js'
import { Distribution, type DistributionOptions, type Param, type Shape } from './distribution.js'
import { Normal } from './normal.js'
import { TransformedDistribution } from './transformed.js'
import { StickBreakingTransform } from './transforms.js'

/** One of several distributions of a family, chosen by a categorical one. */
export class MixtureSameFamily extends Distribution {
  readonly mixtureDistribution: Categorical
  readonly componentDistribution: Distribution
  readonly #eventNdims: number

  /** @param component its batch ends with the components */
  constructor(mixture: Categorical, component: Distribution, options?: DistributionOptions) {
    if (!(mixture instanceof Categorical))
      throw new ArgumentError('MixtureSameFamily: expected a Categorical for mixture')
    const { batchShape, eventShape } = component
    const k = batchShape[batchShape.length - 1]
    if (batchShape.length < 1 || k !== mixture.numEvents)
      throw new ShapeError(
        `MixtureSameFamily: expected ${mixture.numEvents} components last in the batch, got ${formatShape(batchShape)}`,
      )
    super(batchShape.slice(0, -1), eventShape, options)
    this.mixtureDistribution = mixture
    this.componentDistribution = component
    this.#eventNdims = eventShape.length
  }
  override get argConstraints(): Record<string, Constraint> {
    return {}
  }
  override get support(): Constraint {
    return new MixtureSameFamilyConstraint(this.componentDistribution.support)
  }
  override expand(shape: Shape): MixtureSameFamily {
    const { mixtureDistribution: mixture, componentDistribution: component } = this
    const options = { validateArgs: this.validateArgs }
    return new MixtureSameFamily(mixture.expand(shape), component.expand([...shape, mixture.numEvents]), options)
  }
  /** Weights with the dimensions of an event after them. */
  #weights(): Tensor {
    const { probs, batchShape } = this.mixtureDistribution
    const missing = batchShape.length === 1 ? 0 : this.batchShape.length - batchShape.length
    const head = probs.shape.slice(0, -1)
    const ones = (n: number): number[] => new Array<number>(n).fill(1)
    return probs.reshape([...head, ...ones(missing), probs.shape[probs.ndim - 1], ...ones(this.#eventNdims)])
  }
  #pad(t: Tensor): Tensor {
    return t.unsqueeze(-1 - this.#eventNdims)
  }
  #mix(values: Tensor): Tensor {
    return this.#weights()
      .mul(values)
      .sum(-1 - this.#eventNdims)
  }
  override get mean(): Tensor {
    return this.#mix(this.componentDistribution.mean)
  }
  /** By the law of total variance. */
  override get variance(): Tensor {
    const { mean, variance } = this.componentDistribution
    return this.#mix(variance).add(this.#mix(mean.sub(this.#pad(this.mean)).square()))
  }
  override cdf(value: Tensor): Tensor {
    return this.componentDistribution.cdf(this.#pad(value)).mul(this.mixtureDistribution.probs).sum(-1)
  }
  override logProb(value: Tensor): Tensor {
    this.checkSample(value)
    const log = this.componentDistribution.logProb(this.#pad(value))
    return log.add(this.mixtureDistribution.logits.logSoftmax(-1)).logsumexp(-1)
  }
  override sample(shape: Shape = []): Tensor {
    return noGrad(() => {
      const dim = shape.length + this.batchShape.length
      const chosen = this.mixtureDistribution.sample(shape)
      const drawn = this.componentDistribution.sample(shape)
      const index = chosen.reshape([...chosen.shape, 1, ...this.eventShape.map(() => 1)])
      const whole = index.expand([...chosen.shape, 1, ...this.eventShape])
      return drawn.gather(dim, whole).squeeze(dim)
    })
  }
}

/** The softmax of normal variables, with one more category that is fixed at 0. */
export class LogisticNormal extends TransformedDistribution {
  readonly loc: Tensor
  readonly scale: Tensor

  constructor(loc: Param, scale: Param, options?: DistributionOptions) {
    const base = new Normal(loc, scale, options)
    super(base.batchShape.length === 0 ? base.expand([1]) : base, new StickBreakingTransform(), options)
    this.loc = base.loc
    this.scale = base.scale
  }
  override get argConstraints(): Record<string, Constraint> {
    return { loc: realVector, scale: realVector }
  }
  override get support(): Constraint {
    return simplex
  }
  override expand(shape: Shape): LogisticNormal {
    const size = [...shape, this.loc.shape[this.loc.ndim - 1]]
    return new LogisticNormal(this.loc.expand(size), this.scale.expand(size), { validateArgs: this.validateArgs })
  }
}
