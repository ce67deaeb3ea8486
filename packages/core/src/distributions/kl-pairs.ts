// Divergences of distributions of one kind.
import { F } from '../ops/index.js'
import type { Tensor } from '../tensor/tensor.js'
import { Categorical, OneHotCategorical } from './categorical.js'
import { EULER, Gumbel, Laplace, Pareto, Uniform } from './continuous.js'
import { ContinuousBernoulli } from './continuous-bernoulli.js'
import { Bernoulli, Binomial, Geometric, Poisson } from './discrete.js'
import { NotImplementedError } from './distribution.js'
import { Beta, Dirichlet, Exponential, Gamma } from './gamma.js'
import { infiniteWhere, klDivergence, registerKl } from './kl.js'
import { Cauchy, HalfNormal, Normal } from './normal.js'

/** `t` with a value in places. */
const put = (t: Tensor, mask: Tensor, value: number): Tensor => {
  const wide = t.add(mask.to(t.dtype).mul(0))
  return wide.maskedFill(mask.expandAs(wide), value)
}

registerKl(Bernoulli, Bernoulli, (p, q) => {
  const ones = p.probs.mul(F.softplus(q.logits.neg()).sub(F.softplus(p.logits.neg())))
  const zeros = p.probs
    .neg()
    .add(1)
    .mul(F.softplus(q.logits).sub(F.softplus(p.logits)))
  const first = put(put(ones, q.probs.eq(0), Number.POSITIVE_INFINITY), p.probs.eq(0), 0)
  return first.add(put(put(zeros, q.probs.eq(1), Number.POSITIVE_INFINITY), p.probs.eq(1), 0))
})
registerKl(Beta, Beta, (p, q) => {
  const totalP = p.concentration1.add(p.concentration0)
  const totalQ = q.concentration1.add(q.concentration0)
  const t1 = q.concentration1.lgamma().add(q.concentration0.lgamma()).add(totalP.lgamma())
  const t2 = p.concentration1.lgamma().add(p.concentration0.lgamma()).add(totalQ.lgamma())
  const t3 = p.concentration1.sub(q.concentration1).mul(p.concentration1.digamma())
  const t4 = p.concentration0.sub(q.concentration0).mul(p.concentration0.digamma())
  return t1.sub(t2).add(t3).add(t4).add(totalQ.sub(totalP).mul(totalP.digamma()))
})
registerKl(Binomial, Binomial, (p, q) => {
  if (p.totalCount.lt(q.totalCount).any().item())
    throw new NotImplementedError('klDivergence: there is no formula for Binomials of which the second has more trials')
  const each = p.probs.mul(p.logits.sub(q.logits)).add(p.probs.neg().log1p()).sub(q.probs.neg().log1p())
  return infiniteWhere(p.totalCount.mul(each), p.totalCount.gt(q.totalCount))
})
registerKl(Categorical, Categorical, (p, q) => {
  const t = p.probs.mul(p.logits.sub(q.logits))
  return put(put(t, q.probs.eq(0), Number.POSITIVE_INFINITY), p.probs.eq(0), 0).sum(-1)
})
registerKl(OneHotCategorical, OneHotCategorical, (p, q) => klDivergence(p.categorical, q.categorical))
registerKl(ContinuousBernoulli, ContinuousBernoulli, (p, q) =>
  p.mean
    .mul(p.logits.sub(q.logits))
    .add(p.logNorm())
    .add(p.probs.neg().log1p())
    .sub(q.logNorm())
    .sub(q.probs.neg().log1p()),
)
registerKl(Dirichlet, Dirichlet, (p, q) => {
  const totalP = p.concentration.sum(-1)
  const t1 = totalP.lgamma().sub(q.concentration.sum(-1).lgamma())
  const t2 = p.concentration.lgamma().sub(q.concentration.lgamma()).sum(-1)
  const t4 = p.concentration.digamma().sub(totalP.digamma().unsqueeze(-1))
  return t1.sub(t2).add(p.concentration.sub(q.concentration).mul(t4).sum(-1))
})
registerKl(Exponential, Exponential, (p, q) => {
  const ratio = q.rate.div(p.rate)
  return ratio.log().neg().add(ratio).sub(1)
})
registerKl(Gamma, Gamma, (p, q) => {
  const t1 = q.concentration.mul(p.rate.div(q.rate).log())
  const t2 = q.concentration.lgamma().sub(p.concentration.lgamma())
  const t3 = p.concentration.sub(q.concentration).mul(p.concentration.digamma())
  return t1
    .add(t2)
    .add(t3)
    .add(q.rate.sub(p.rate).mul(p.concentration.div(p.rate)))
})
registerKl(Gumbel, Gumbel, (p, q) => {
  const ratio = p.scale.div(q.scale)
  const [a, b] = [q.loc.div(q.scale), p.loc.div(q.scale)]
  const t3 = a.add(ratio.add(1).lgamma()).sub(b).exp()
  return ratio
    .log()
    .neg()
    .sub(a)
    .add(b)
    .add(ratio.mul(EULER))
    .add(t3)
    .sub(1 + EULER)
})
registerKl(Geometric, Geometric, (p, q) => p.entropy().neg().sub(q.probs.neg().log1p().div(p.probs)).sub(q.logits))
registerKl(HalfNormal, HalfNormal, (p, q) => klDivergence(p.baseDist, q.baseDist))
registerKl(Laplace, Laplace, (p, q) => {
  const ratio = p.scale.div(q.scale)
  const far = p.loc.sub(q.loc).abs()
  return ratio
    .log()
    .neg()
    .add(far.div(q.scale))
    .add(ratio.mul(far.neg().div(p.scale).exp()))
    .sub(1)
})
registerKl(Normal, Normal, (p, q) => {
  const ratio = p.scale.div(q.scale).square()
  const t1 = p.loc.sub(q.loc).div(q.scale).square()
  return ratio.add(t1).sub(1).sub(ratio.log()).mul(0.5)
})
registerKl(Pareto, Pareto, (p, q) => {
  const ratio = q.alpha.div(p.alpha)
  const result = q.alpha.mul(p.scale.div(q.scale).log()).sub(ratio.log()).add(ratio).sub(1)
  return infiniteWhere(result, p.scale.lt(q.scale))
})
registerKl(Poisson, Poisson, (p, q) => p.rate.mul(p.rate.log().sub(q.rate.log())).sub(p.rate.sub(q.rate)))
registerKl(Uniform, Uniform, (p, q) =>
  infiniteWhere(q.high.sub(q.low).div(p.high.sub(p.low)).log(), q.low.gt(p.low).logicalOr(q.high.lt(p.high))),
)
registerKl(Cauchy, Cauchy, (p, q) => {
  const t1 = p.scale.add(q.scale).square().add(p.loc.sub(q.loc).square()).log()
  return t1.sub(p.scale.mul(q.scale).mul(4).log())
})
