// Divergences of multivariate normal distributions.
import { ShapeError } from '../errors.js'
import { formatShape } from '../tensor/shape.js'
import type { Tensor } from '../tensor/tensor.js'
import type { Distribution } from './distribution.js'
import { registerKl } from './kl.js'
import {
  LowRankMultivariateNormal,
  logDiagonal,
  MultivariateNormal,
  mahalanobis,
  mT,
  solveLower,
} from './multivariate.js'

/** The trace of `X Xᵀ`. */
const traceOfSquare = (x: Tensor): Tensor => x.square().sum([-2, -1])

function sizeOf(p: Distribution, q: Distribution): number {
  if (p.eventShape[0] !== q.eventShape[0])
    throw new ShapeError(
      `klDivergence: expected events of one size, got ${formatShape(p.eventShape)} and ${formatShape(q.eventShape)}`,
    )
  return p.eventShape[0]
}

registerKl(MultivariateNormal, MultivariateNormal, (p, q) => {
  const n = sizeOf(p, q)
  const logs = logDiagonal(q.factor).sub(logDiagonal(p.factor))
  const trace = traceOfSquare(solveLower(q.factor, p.factor))
  return logs.add(
    trace
      .add(mahalanobis(q.factor, q.loc.sub(p.loc)))
      .sub(n)
      .mul(0.5),
  )
})
/** The projection of the second distribution that takes off what its low rank part explains. */
const projectionOf = (q: LowRankMultivariateNormal): Tensor =>
  solveLower(q.capacitanceTril, mT(q.covFactor).div(q.covDiag.unsqueeze(-2)))

registerKl(LowRankMultivariateNormal, LowRankMultivariateNormal, (p, q) => {
  const n = sizeOf(p, q)
  const a = projectionOf(q)
  const trace = p.covDiag
    .div(q.covDiag)
    .sum(-1)
    .add(traceOfSquare(p.covFactor.mul(q.covDiag.rsqrt().unsqueeze(-1))))
    .sub(traceOfSquare(a.mul(p.covDiag.sqrt().unsqueeze(-2))))
    .sub(traceOfSquare(a.matmul(p.covFactor)))
  return q
    .logDet()
    .sub(p.logDet())
    .add(trace)
    .add(q.mahalanobis(q.loc.sub(p.loc)))
    .sub(n)
    .mul(0.5)
})
registerKl(MultivariateNormal, LowRankMultivariateNormal, (p, q) => {
  const n = sizeOf(p, q)
  const whole = traceOfSquare(p.factor.mul(q.covDiag.rsqrt().unsqueeze(-1)))
  const trace = whole.sub(traceOfSquare(projectionOf(q).matmul(p.factor)))
  const logs = q.logDet().sub(logDiagonal(p.factor).mul(2))
  return logs
    .add(trace)
    .add(q.mahalanobis(q.loc.sub(p.loc)))
    .sub(n)
    .mul(0.5)
})
registerKl(LowRankMultivariateNormal, MultivariateNormal, (p, q) => {
  const n = sizeOf(p, q)
  const low = traceOfSquare(solveLower(q.factor, p.covFactor))
  const trace = low.add(traceOfSquare(solveLower(q.factor, p.covDiag.sqrt().diagEmbed())))
  const logs = logDiagonal(q.factor).mul(2).sub(p.logDet())
  return logs
    .add(trace)
    .add(mahalanobis(q.factor, q.loc.sub(p.loc)))
    .sub(n)
    .mul(0.5)
})
