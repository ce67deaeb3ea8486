// Kullback-Leibler divergences: which pairs of classes have a formula.
import { grad } from '../autograd/engine.js'
import { enableGrad } from '../autograd/mode.js'
import type { Tensor } from '../tensor/tensor.js'
import { type Distribution, filled, NotImplementedError, sumRightmost } from './distribution.js'
import { ExponentialFamily } from './exponential-family.js'
import { addN } from './sums.js'
import { Independent, TransformedDistribution } from './transformed.js'
import { ComposeTransform } from './transforms.js'

type Class<D extends Distribution> = abstract new (...args: never[]) => D
type Formula = (p: Distribution, q: Distribution) => Tensor

interface Entry {
  readonly p: Class<Distribution>
  readonly q: Class<Distribution>
  readonly formula: Formula
}
const registry: Entry[] = []
let known = new WeakMap<object, Map<object, Formula | null>>()

/** Says how the divergence of two classes, and of those derived from them, is computed. */
export function registerKl<P extends Distribution, Q extends Distribution>(
  p: Class<P>,
  q: Class<Q>,
  formula: (p: P, q: Q) => Tensor,
): void {
  // It is called only with objects of these classes.
  registry.push({ p, q, formula: (a, b) => formula(a as P, b as Q) })
  known = new WeakMap()
}

/** How many steps up the chain of prototypes a class is from an object's own; Infinity where it is none of them. */
function distance(of: Distribution, target: Class<Distribution>): number {
  let steps = 0
  for (let proto: unknown = Object.getPrototypeOf(of); typeof proto === 'object' && proto !== null; steps++) {
    if (proto === target.prototype) return steps
    proto = Object.getPrototypeOf(proto)
  }
  return Number.POSITIVE_INFINITY
}

/** The nearest formula: that whose first class is nearest, then whose second is. */
function find(p: Distribution, q: Distribution): Formula | null {
  let best: Formula | null = null
  let least: [number, number] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
  for (const entry of registry) {
    const reach: [number, number] = [distance(p, entry.p), distance(q, entry.q)]
    if (!Number.isFinite(reach[0]) || !Number.isFinite(reach[1])) continue
    if (best === null || reach[0] < least[0] || (reach[0] === least[0] && reach[1] <= least[1])) {
      best = entry.formula
      least = reach
    }
  }
  return best
}

/**
 * The Kullback-Leibler divergence `KL(p ‖ q) = ∫ p(x) log (p(x) / q(x)) dx`.
 *
 * @returns a batch of values, of the shape that both batches broadcast to
 * @throws NotImplementedError for pairs without a formula
 */
export function klDivergence(p: Distribution, q: Distribution): Tensor {
  const byQ = known.get(p.constructor) ?? new Map<object, Formula | null>()
  known.set(p.constructor, byQ)
  let formula = byQ.get(q.constructor)
  if (formula === undefined) {
    formula = find(p, q)
    byQ.set(q.constructor, formula)
  }
  if (formula === null)
    throw new NotImplementedError(
      `klDivergence: there is no formula for ${p.constructor.name} and ${q.constructor.name}`,
    )
  return formula(p, q)
}

registerKl(ExponentialFamily, ExponentialFamily, (p, q) => {
  if (p.constructor !== q.constructor)
    throw new NotImplementedError(
      `klDivergence: there is no formula for ${p.constructor.name} and ${q.constructor.name}`,
    )
  return enableGrad(() => {
    const own = p.naturalParams.map((t) => t.detach().requiresGrad_())
    const other = q.naturalParams
    const normalizer = p.logNormalizer(...own)
    const gradients = grad(normalizer.sum(), own, { createGraph: true })
    const terms = own.map((t, i) => sumRightmost(t.sub(other[i]).mul(gradients[i]), q.eventShape.length))
    return addN([q.logNormalizer(...other).sub(normalizer), ...terms])
  })
})

registerKl(TransformedDistribution, TransformedDistribution, (p, q) => {
  if (!new ComposeTransform(p.transforms).equals(new ComposeTransform(q.transforms)))
    throw new NotImplementedError('klDivergence: the transforms differ')
  if (String(p.eventShape) !== String(q.eventShape)) throw new NotImplementedError('klDivergence: the events differ')
  return klDivergence(p.baseDist, q.baseDist)
})

registerKl(Independent, Independent, (p, q) => {
  if (p.reinterpretedBatchNdims !== q.reinterpretedBatchNdims)
    throw new NotImplementedError('klDivergence: the numbers of dimensions of the events differ')
  return sumRightmost(klDivergence(p.baseDist, q.baseDist), p.reinterpretedBatchNdims)
})

/** Infinity wherever a mask holds. */
export const infiniteWhere = (t: Tensor, mask: Tensor): Tensor => {
  const wide = t.add(mask.to(t.dtype).mul(0))
  return wide.maskedFill(mask.expandAs(wide), Number.POSITIVE_INFINITY)
}
/** Infinity everywhere. */
export const infiniteLike = (t: Tensor): Tensor => filled(t, Number.POSITIVE_INFINITY)
