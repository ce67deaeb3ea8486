// The normal distribution and its kin.

import { noGrad } from '../autograd/mode.js'
import { normal as drawNormal } from '../ops/index.js'
import type { Tensor } from '../tensor/tensor.js'
import { type Constraint, nonnegative, positive, real } from './constraints.js'
import {
  broadcastAll,
  Distribution,
  type DistributionOptions,
  filled,
  type Param,
  type Shape,
  standardNormal,
} from './distribution.js'
import { ExponentialFamily } from './exponential-family.js'
import { TransformedDistribution } from './transformed.js'
import { AbsTransform, ExpTransform } from './transforms.js'

const LOG_SQRT_2PI = Math.log(Math.sqrt(2 * Math.PI))

/**
 * The normal distribution.
 *
 * @example
 * ```ts
 * import { manualSeed, tensor } from '@flambeau/core'
 * import * as distributions from '@flambeau/core/distributions'
 * const n = new distributions.Normal(0, tensor([1, 2]))
 * manualSeed(0)
 * console.log(n.sample([3]).shape, n.logProb(tensor(0)).shape) // → [ 3, 2 ] [ 2 ]
 * ```
 */
export class Normal extends ExponentialFamily {
  override get hasRsample(): boolean {
    return true
  }
  readonly loc: Tensor
  readonly scale: Tensor

  /** @param scale the standard deviation */
  constructor(loc: Param, scale: Param, options?: DistributionOptions) {
    const [l, s] = broadcastAll('Normal', loc, scale)
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
  override expand(shape: Shape): Normal {
    return new Normal(this.loc.expand(shape), this.scale.expand(shape), { validateArgs: this.validateArgs })
  }
  override get mean(): Tensor {
    return this.loc
  }
  override get mode(): Tensor {
    return this.loc
  }
  override get stddev(): Tensor {
    return this.scale
  }
  override get variance(): Tensor {
    return this.scale.square()
  }
  override sample(shape: Shape = []): Tensor {
    const size = this.extended(shape)
    return noGrad(() => drawNormal(this.loc.expand(size), this.scale.expand(size)))
  }
  override rsample(shape: Shape = []): Tensor {
    return this.loc.add(standardNormal(this.extended(shape), this.loc).mul(this.scale))
  }
  override logProb(value: Tensor): Tensor {
    this.checkSample(value)
    const { loc, scale } = this
    return value.sub(loc).square().neg().div(scale.square().mul(2)).sub(scale.log()).sub(LOG_SQRT_2PI)
  }
  override cdf(value: Tensor): Tensor {
    this.checkSample(value)
    return value.sub(this.loc).mul(this.scale.reciprocal()).div(Math.SQRT2).erf().add(1).mul(0.5)
  }
  override icdf(value: Tensor): Tensor {
    return this.loc.add(this.scale.mul(value.mul(2).sub(1).erfinv()).mul(Math.SQRT2))
  }
  override entropy(): Tensor {
    return this.scale.log().add(0.5 + 0.5 * Math.log(2 * Math.PI))
  }
  override get naturalParams(): Tensor[] {
    return [this.loc.div(this.scale.square()), this.scale.square().reciprocal().mul(-0.5)]
  }
  override logNormalizer(x: Tensor, y: Tensor): Tensor {
    return x.square().mul(-0.25).div(y).add(y.reciprocal().mul(-Math.PI).log().mul(0.5))
  }
}

/** The exponential of a normal variable. */
export class LogNormal extends TransformedDistribution {
  declare readonly baseDist: Normal

  constructor(loc: Param, scale: Param, options?: DistributionOptions) {
    super(new Normal(loc, scale, options), new ExpTransform(), options)
  }
  get loc(): Tensor {
    return this.baseDist.loc
  }
  get scale(): Tensor {
    return this.baseDist.scale
  }
  override get argConstraints(): Record<string, Constraint> {
    return { loc: real, scale: positive }
  }
  override get support(): Constraint {
    return positive
  }
  override expand(shape: Shape): LogNormal {
    return new LogNormal(this.loc.expand(shape), this.scale.expand(shape), { validateArgs: this.validateArgs })
  }
  override get mean(): Tensor {
    return this.loc.add(this.scale.square().div(2)).exp()
  }
  override get mode(): Tensor {
    return this.loc.sub(this.scale.square()).exp()
  }
  override get variance(): Tensor {
    const s2 = this.scale.square()
    return s2.expm1().mul(this.loc.mul(2).add(s2).exp())
  }
  override entropy(): Tensor {
    return this.baseDist.entropy().add(this.loc)
  }
}

/** The absolute value of a centred normal variable. */
export class HalfNormal extends TransformedDistribution {
  declare readonly baseDist: Normal

  constructor(scale: Param, options?: DistributionOptions) {
    super(new Normal(0, scale, { ...options, validateArgs: false }), new AbsTransform(), options)
    this.checkArguments('scale')
  }
  get scale(): Tensor {
    return this.baseDist.scale
  }
  override get argConstraints(): Record<string, Constraint> {
    return { scale: positive }
  }
  override get support(): Constraint {
    return nonnegative
  }
  override expand(shape: Shape): HalfNormal {
    return new HalfNormal(this.scale.expand(shape), { validateArgs: this.validateArgs })
  }
  override get mean(): Tensor {
    return this.scale.mul(Math.sqrt(2 / Math.PI))
  }
  override get mode(): Tensor {
    return filled(this.scale, 0)
  }
  override get variance(): Tensor {
    return this.scale.square().mul(1 - 2 / Math.PI)
  }
  override logProb(value: Tensor): Tensor {
    this.checkSample(value)
    const inside = this.baseDist.logProb(value).add(Math.LN2)
    return inside.maskedFill(value.lt(0).expandAs(inside), Number.NEGATIVE_INFINITY)
  }
  override cdf(value: Tensor): Tensor {
    this.checkSample(value)
    return this.baseDist.cdf(value).mul(2).sub(1)
  }
  override icdf(value: Tensor): Tensor {
    return this.baseDist.icdf(value.add(1).div(2))
  }
  override entropy(): Tensor {
    return this.baseDist.entropy().sub(Math.LN2)
  }
}

/** The Cauchy distribution: the ratio of two centred normal variables. */
export class Cauchy extends Distribution {
  override get hasRsample(): boolean {
    return true
  }
  readonly loc: Tensor
  readonly scale: Tensor

  /** @param loc the median  @param scale half the width at half the height */
  constructor(loc: Param, scale: Param, options?: DistributionOptions) {
    const [l, s] = broadcastAll('Cauchy', loc, scale)
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
  override expand(shape: Shape): Cauchy {
    return new Cauchy(this.loc.expand(shape), this.scale.expand(shape), { validateArgs: this.validateArgs })
  }
  override get mean(): Tensor {
    return filled(this.loc, Number.NaN)
  }
  override get mode(): Tensor {
    return this.loc
  }
  override get variance(): Tensor {
    return filled(this.loc, Number.POSITIVE_INFINITY)
  }
  override rsample(shape: Shape = []): Tensor {
    const eps = filled(this.loc.expand(this.extended(shape)), 0).cauchy_()
    return this.loc.add(eps.mul(this.scale))
  }
  override logProb(value: Tensor): Tensor {
    this.checkSample(value)
    const z = value.sub(this.loc).div(this.scale)
    return this.scale.log().neg().sub(Math.log(Math.PI)).sub(z.square().log1p())
  }
  override cdf(value: Tensor): Tensor {
    this.checkSample(value)
    return value.sub(this.loc).div(this.scale).atan().div(Math.PI).add(0.5)
  }
  override icdf(value: Tensor): Tensor {
    return value.sub(0.5).mul(Math.PI).tan().mul(this.scale).add(this.loc)
  }
  override entropy(): Tensor {
    return this.scale.log().add(Math.log(4 * Math.PI))
  }
}

/** The absolute value of a centred Cauchy variable. */
export class HalfCauchy extends TransformedDistribution {
  declare readonly baseDist: Cauchy

  constructor(scale: Param, options?: DistributionOptions) {
    super(new Cauchy(0, scale, { ...options, validateArgs: false }), new AbsTransform(), options)
    this.checkArguments('scale')
  }
  get scale(): Tensor {
    return this.baseDist.scale
  }
  override get argConstraints(): Record<string, Constraint> {
    return { scale: positive }
  }
  override get support(): Constraint {
    return nonnegative
  }
  override expand(shape: Shape): HalfCauchy {
    return new HalfCauchy(this.scale.expand(shape), { validateArgs: this.validateArgs })
  }
  override get mean(): Tensor {
    return filled(this.scale, Number.POSITIVE_INFINITY)
  }
  override get mode(): Tensor {
    return filled(this.scale, 0)
  }
  override get variance(): Tensor {
    return filled(this.scale, Number.POSITIVE_INFINITY)
  }
  override logProb(value: Tensor): Tensor {
    this.checkSample(value)
    const inside = this.baseDist.logProb(value).add(Math.LN2)
    return inside.maskedFill(value.lt(0).expandAs(inside), Number.NEGATIVE_INFINITY)
  }
  override cdf(value: Tensor): Tensor {
    this.checkSample(value)
    return this.baseDist.cdf(value).mul(2).sub(1)
  }
  override icdf(value: Tensor): Tensor {
    return this.baseDist.icdf(value.add(1).div(2))
  }
  override entropy(): Tensor {
    return this.baseDist.entropy().sub(Math.LN2)
  }
}
