// Divergences of distributions of two kinds.
import { where } from '../ops/index.js'
import type { Tensor } from '../tensor/tensor.js'
import { EULER, Gumbel, Laplace, Pareto, Uniform } from './continuous.js'
import { ContinuousBernoulli } from './continuous-bernoulli.js'
import { Bernoulli, Binomial, Poisson } from './discrete.js'
import type { Distribution } from './distribution.js'
import { Beta, Exponential, Gamma } from './gamma.js'
import { infiniteLike, infiniteWhere, registerKl } from './kl.js'
import { Normal } from './normal.js'

const xLogX = (x: Tensor): Tensor => x.xlogy(x)
const LOG_2PI = Math.log(2 * Math.PI)

registerKl(Bernoulli, Poisson, (p, q) => p.entropy().neg().sub(p.probs.mul(q.rate.log()).sub(q.rate)))

const meanOf = (p: Beta): Tensor => p.concentration1.div(p.concentration1.add(p.concentration0))
registerKl(Beta, ContinuousBernoulli, (p, q) =>
  p.entropy().neg().sub(p.mean.mul(q.logits)).sub(q.probs.neg().log1p()).sub(q.logNorm()),
)
registerKl(Beta, Exponential, (p, q) =>
  p
    .entropy()
    .neg()
    .sub(q.rate.log())
    .add(q.rate.mul(meanOf(p))),
)
registerKl(Beta, Gamma, (p, q) => {
  const t2 = q.concentration.lgamma().sub(q.concentration.mul(q.rate.log()))
  const logs = p.concentration1.digamma().sub(p.concentration1.add(p.concentration0).digamma())
  return p
    .entropy()
    .neg()
    .add(t2)
    .sub(q.concentration.sub(1).mul(logs))
    .add(q.rate.mul(meanOf(p)))
})
registerKl(Beta, Normal, (p, q) => {
  const mean = meanOf(p)
  const variance = q.scale.square()
  const t2 = variance
    .mul(2 * Math.PI)
    .log()
    .mul(0.5)
  const total = p.concentration1.add(p.concentration0).add(1)
  const t3 = mean.mul(mean.neg().add(1)).div(total).add(mean.square()).mul(0.5)
  const rest = t3.sub(q.loc.mul(mean)).add(q.loc.square().mul(0.5)).div(variance)
  return p.entropy().neg().add(t2).add(rest)
})
registerKl(Beta, Uniform, (p, q) =>
  infiniteWhere(p.entropy().neg().add(q.high.sub(q.low).log()), q.low.gt(0).logicalOr(q.high.lt(1))),
)

registerKl(ContinuousBernoulli, Exponential, (p, q) => p.entropy().neg().sub(q.rate.log()).add(q.rate.mul(p.mean)))
registerKl(ContinuousBernoulli, Normal, (p, q) => {
  const t2 = q.loc.div(q.scale).square().add(LOG_2PI).mul(0.5).add(q.scale.log())
  const t3 = p.variance.add(p.mean.square()).sub(q.loc.mul(p.mean).mul(2)).div(q.scale.square().mul(2))
  return p.entropy().neg().add(t2).add(t3)
})
registerKl(ContinuousBernoulli, Uniform, (p, q) => {
  const result = p.entropy().neg().add(q.high.sub(q.low).log())
  return where(q.low.ge(0).logicalOr(q.high.le(1)), infiniteLike(result), result)
})

registerKl(Exponential, Gamma, (p, q) => {
  const ratio = q.rate.div(p.rate)
  const t1 = q.concentration.neg().mul(ratio.log())
  return t1
    .add(ratio)
    .add(q.concentration.lgamma())
    .add(q.concentration.mul(EULER))
    .sub(1 + EULER)
})
registerKl(Exponential, Gumbel, (p, q) => {
  const product = p.rate.mul(q.scale)
  const ratio = q.loc.div(q.scale)
  const t2 = ratio.exp().mul(product).div(product.add(1))
  return product.log().sub(1).sub(ratio).add(t2).add(product.reciprocal())
})
registerKl(Exponential, Normal, (p, q) => {
  const variance = q.scale.square()
  const squared = p.rate.square()
  const t1 = squared
    .mul(variance)
    .mul(2 * Math.PI)
    .log()
    .mul(0.5)
  const rest = squared.reciprocal().sub(q.loc.div(p.rate)).add(q.loc.square().mul(0.5)).div(variance)
  return t1.sub(1).add(rest)
})

registerKl(Gamma, Exponential, (p, q) =>
  p.entropy().neg().sub(q.rate.log()).add(q.rate.mul(p.concentration).div(p.rate)),
)
registerKl(Gamma, Gumbel, (p, q) => {
  const c = p.concentration
  const product = p.rate.mul(q.scale)
  const ratio = q.loc.div(q.scale)
  const t1 = c.sub(1).mul(c.digamma()).sub(c.lgamma()).sub(c)
  const t2 = product.log().add(c.div(product))
  return t1
    .add(t2)
    .add(ratio.exp().mul(product.reciprocal().add(1).pow(c.neg())))
    .sub(ratio)
})
registerKl(Gamma, Normal, (p, q) => {
  const c = p.concentration
  const variance = q.scale.square()
  const squared = p.rate.square()
  const t1 = squared
    .mul(variance)
    .mul(2 * Math.PI)
    .log()
    .mul(0.5)
    .sub(c)
    .sub(c.lgamma())
  const t2 = c.square().add(c).mul(0.5).div(squared)
  const rest = t2.sub(q.loc.mul(c).div(p.rate)).add(q.loc.square().mul(0.5)).div(variance)
  return t1.add(c.sub(1).mul(c.digamma())).add(rest)
})

registerKl(Gumbel, Normal, (p, q) => {
  const ratio = p.scale.div(q.scale)
  const t1 = ratio.div(Math.sqrt(2 * Math.PI)).log()
  const t2 = ratio
    .mul(Math.PI * 0.5)
    .square()
    .div(3)
  const t3 = p.loc.add(p.scale.mul(EULER)).sub(q.loc).div(q.scale).square().mul(0.5)
  return t1
    .neg()
    .add(t2)
    .add(t3)
    .sub(EULER + 1)
})
registerKl(Laplace, Normal, (p, q) => {
  const variance = q.scale.square()
  const ratio = p.scale.square().div(variance)
  const t1 = ratio
    .mul(2 / Math.PI)
    .log()
    .mul(0.5)
  const rest = p.loc.square().mul(0.5).sub(p.loc.mul(q.loc)).add(q.loc.square().mul(0.5)).div(variance)
  return t1.neg().add(ratio).add(rest).sub(1)
})
registerKl(Normal, Gumbel, (p, q) => {
  const mean = p.loc.div(q.scale)
  const ratio = p.scale.div(q.scale).square()
  const loc = q.loc.div(q.scale)
  const t3 = mean.neg().add(ratio.mul(0.5)).add(loc).exp()
  return ratio
    .log()
    .mul(-0.5)
    .add(mean.sub(loc))
    .add(t3)
    .sub(0.5 * (1 + LOG_2PI))
})
registerKl(Normal, Laplace, (p, q) => {
  const far = p.loc.sub(q.loc)
  const z = far.div(p.scale)
  const t2 = p.scale.mul(Math.sqrt(2 / Math.PI)).mul(z.square().mul(-0.5).exp())
  const t3 = far.mul(z.mul(Math.sqrt(0.5)).erf())
  const t1 = p.scale.div(q.scale).log()
  return t1
    .neg()
    .add(t2.add(t3).div(q.scale))
    .sub(0.5 * (1 + Math.log(0.5 * Math.PI)))
})

registerKl(Pareto, Exponential, (p, q) => {
  const product = p.scale.mul(q.rate)
  const t3 = p.alpha.mul(product).div(p.alpha.sub(1))
  const result = p.alpha.div(product).log().sub(p.alpha.reciprocal()).add(t3).sub(1)
  return infiniteWhere(result, p.alpha.le(1))
})
registerKl(Pareto, Gamma, (p, q) => {
  const common = p.scale.log().add(p.alpha.reciprocal())
  const t2 = q.concentration.lgamma().sub(q.concentration.mul(q.rate.log()))
  const t3 = q.concentration.neg().add(1).mul(common)
  const t4 = q.rate.mul(p.alpha).mul(p.scale).div(p.alpha.sub(1))
  const result = p.alpha.log().sub(common).add(t2).add(t3).add(t4).sub(1)
  return infiniteWhere(result, p.alpha.le(1))
})
registerKl(Pareto, Normal, (p, q) => {
  const variance = q.scale.square().mul(2)
  const common = p.scale.div(p.alpha.sub(1))
  const t1 = q.scale
    .mul(Math.sqrt(2 * Math.PI))
    .mul(p.alpha)
    .div(p.scale)
    .log()
  const t3 = p.alpha.mul(common.square()).div(p.alpha.sub(2))
  const t4 = p.alpha.mul(common).sub(q.loc).square()
  const result = t1.sub(p.alpha.reciprocal()).add(t3.add(t4).div(variance)).sub(1)
  return infiniteWhere(result, p.alpha.le(2))
})

/** The mean of `x log x`'s integral over the interval of a uniform distribution. */
const meanLog = (p: Uniform): Tensor => {
  const width = p.high.sub(p.low)
  return xLogX(p.high).sub(xLogX(p.low)).sub(width).div(width)
}
registerKl(Uniform, Beta, (p, q) => {
  const width = p.high.sub(p.low)
  const t2 = q.concentration1.sub(1).mul(meanLog(p))
  const [high, low] = [p.high.neg().add(1), p.low.neg().add(1)]
  const t3 = q.concentration0
    .sub(1)
    .mul(xLogX(high).sub(xLogX(low)).add(width))
    .div(width)
  const total = q.concentration1.add(q.concentration0)
  const t4 = q.concentration1.lgamma().add(q.concentration0.lgamma()).sub(total.lgamma())
  return infiniteWhere(t3.add(t4).sub(width.log()).sub(t2), p.high.gt(1).logicalOr(p.low.lt(0)))
})
registerKl(Uniform, ContinuousBernoulli, (p, q) => {
  const result = p.entropy().neg().sub(p.mean.mul(q.logits)).sub(q.probs.neg().log1p()).sub(q.logNorm())
  return where(p.high.ge(1).logicalOr(p.low.le(0)), infiniteLike(result), result)
})
registerKl(Uniform, Exponential, (p, q) => {
  const result = q.rate.mul(p.high.add(p.low)).div(2).sub(p.high.sub(p.low).mul(q.rate).log())
  return infiniteWhere(result, p.low.lt(0))
})
registerKl(Uniform, Gamma, (p, q) => {
  const t2 = q.concentration.lgamma().sub(q.concentration.mul(q.rate.log()))
  const t3 = q.concentration.neg().add(1).mul(meanLog(p))
  const t4 = q.rate.mul(p.high.add(p.low)).div(2)
  return infiniteWhere(p.high.sub(p.low).log().neg().add(t2).add(t3).add(t4), p.low.lt(0))
})
registerKl(Uniform, Gumbel, (p, q) => {
  const common = q.scale.div(p.high.sub(p.low))
  const high = p.high.sub(q.loc).div(q.scale)
  const low = p.low.sub(q.loc).div(q.scale)
  return common
    .log()
    .add(high.add(low).mul(0.5))
    .sub(common.mul(high.neg().exp().sub(low.neg().exp())))
})
registerKl(Uniform, Normal, (p, q) => {
  const width = p.high.sub(p.low)
  const t1 = q.scale
    .mul(Math.sqrt(Math.PI * 2))
    .div(width)
    .log()
  const t3 = p.high.add(p.low).sub(q.loc.mul(2)).div(2).square()
  return t1.add(width.square().div(12).add(t3).mul(0.5).div(q.scale.square()))
})
registerKl(Uniform, Pareto, (p, q) => {
  const t1 = q.alpha.mul(q.scale.pow(q.alpha)).mul(p.high.sub(p.low)).log()
  return infiniteWhere(meanLog(p).mul(q.alpha.add(1)).sub(t1), p.low.lt(q.scale))
})

// The second one gives no probability to values that the first one has.
registerKl(Beta, Pareto, (p) => infiniteLike(p.concentration1))
registerKl(ContinuousBernoulli, Pareto, (p) => infiniteLike(p.probs))
for (const q of [Beta, ContinuousBernoulli, Pareto, Uniform]) {
  registerKl<Exponential, Distribution>(Exponential, q, (p) => infiniteLike(p.rate))
  registerKl<Gamma, Distribution>(Gamma, q, (p) => infiniteLike(p.concentration))
}
for (const q of [Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform])
  for (const p of [Gumbel, Laplace, Normal])
    registerKl<Distribution & { readonly loc: Tensor }, Distribution>(p, q, (d) => infiniteLike(d.loc))
for (const q of [Beta, ContinuousBernoulli, Uniform])
  registerKl<Pareto, Distribution>(Pareto, q, (p) => infiniteLike(p.scale))
for (const q of [Bernoulli, Binomial]) registerKl<Poisson, Distribution>(Poisson, q, (p) => infiniteLike(p.rate))
