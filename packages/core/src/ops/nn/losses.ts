// Losses of real numbers, probabilities, distances and margins.
import { ArgumentError, describe, ShapeError } from '../../errors.js'
import { broadcastShapes, formatShape, sameShape } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { abs, add, div, mul, neg, rsub, sub } from '../arithmetic.js'
import { eq, ge, gt, le, logicalAnd, logicalNot, lt, ne } from '../comparison.js'
import { where } from '../conditional.js'
import { to } from '../copies.js'
import { fillRaw } from '../creation.js'
import { composite, primitive } from '../dispatch.js'
import { clampMin, minimum } from '../extrema.js'
import { gather, scatterAdd } from '../indexing.js'
import { sqrt, square } from '../powers.js'
import { float, unwrap } from '../promotion.js'
import { type FunctionOp, saving } from '../record.js'
import { all, mean, sum } from '../reductions.js'
import { cumprod } from '../scans.js'
import { exp, log, log1p, xlogy } from '../transcendental.js'
import { expand, reshape } from '../views.js'
import { logsigmoid, softplus } from './activations.js'
import { checkReduction, type Reduction } from './classLosses.js'
import { logitLoss, squaredDifference, takesElements } from './elementLosses.js'
import { pairwiseDistance } from './layerNorm.js'

/** The `reduction` that losses share. */
export interface LossOptions {
  /** Default 'mean'. */
  readonly reduction?: Reduction
}

function reduceLoss(operation: string, losses: Tensor, reduction: Reduction = 'mean'): Tensor {
  const how = checkReduction(operation, reduction)
  if (how === 'none') return losses
  const reduced = how === 'sum' ? sum(losses) : mean(losses)
  // Nobody else's: the backward pass can have its memory while it is in the caches.
  losses.dispose()
  return reduced
}

/** A loss of an input and a target. */
type Loss<O> = FunctionOp<[input: Tensor, target: Tensor, options?: O], Tensor>

export interface WeightedLossOptions extends LossOptions {
  /** A factor an element; it broadcasts. */
  readonly weight?: Tensor | null
}

/** Reduces weighted losses, the mean being over the weights. */
function reduceWeighted(
  operation: string,
  losses: Tensor,
  weight: Tensor | null | undefined,
  reduction: Reduction = 'mean',
): Tensor {
  if (!weight) return reduceLoss(operation, losses, reduction)
  if (!sameShape(weight.shape, losses.shape))
    throw new ShapeError(
      `${operation}: expected weight of shape ${formatShape(losses.shape)}, got ${formatShape(weight.shape)}`,
    )
  const weighted = mul(losses, weight)
  return checkReduction(operation, reduction) === 'mean'
    ? div(sum(weighted), sum(weight))
    : reduceLoss(operation, weighted, reduction)
}

/** The mean of squared differences. */
export const mseLoss: Loss<WeightedLossOptions> = composite(
  'nn.functional.mse_loss(input, target, {reduction, weight})',
  (input: Tensor, target: Tensor, { reduction, weight }: WeightedLossOptions = {}): Tensor =>
    reduceWeighted(
      'mse_loss',
      takesElements(input, target) ? squaredDifference(input, target) : square(sub(input, target)),
      weight,
      reduction,
    ),
)

/** The mean of absolute differences. */
export const l1Loss: Loss<WeightedLossOptions> = composite(
  'nn.functional.l1_loss(input, target, {reduction, weight})',
  (input: Tensor, target: Tensor, { reduction, weight }: WeightedLossOptions = {}): Tensor =>
    reduceWeighted('l1_loss', abs(sub(input, target)), weight, reduction),
)

export interface SmoothL1Options extends LossOptions {
  /** Where the square becomes a line. Default 1. */
  readonly beta?: number
}

/** A square near zero, a line beyond `beta`: d² / 2β, else |d| - β/2. */
export const smoothL1Loss: Loss<SmoothL1Options> = composite(
  'nn.functional.smooth_l1_loss(input, target, {reduction, beta})',
  (input: Tensor, target: Tensor, { reduction, beta = 1 }: SmoothL1Options = {}): Tensor => {
    if (!(beta >= 0)) throw new ArgumentError(`smooth_l1_loss: expected beta ≥ 0, got ${describe(beta)}`)
    const d = abs(sub(input, target))
    const losses = beta === 0 ? d : where(lt(d, beta), div(square(d), 2 * beta), sub(d, beta / 2))
    return reduceLoss('smooth_l1_loss', losses, reduction)
  },
)

export interface HuberOptions extends WeightedLossOptions {
  /** Where the square becomes a line. Default 1. */
  readonly delta?: number
}

/** A square near zero, a line beyond `delta`: d² / 2, else δ (|d| - δ/2). */
export const huberLoss: Loss<HuberOptions> = composite(
  'nn.functional.huber_loss(input, target, {reduction, delta, weight})',
  (input: Tensor, target: Tensor, { reduction, delta = 1, weight }: HuberOptions = {}): Tensor => {
    if (!(delta > 0)) throw new ArgumentError(`huber_loss: expected delta > 0, got ${describe(delta)}`)
    const d = abs(sub(input, target))
    return reduceWeighted(
      'huber_loss',
      where(le(d, delta), mul(square(d), 0.5), mul(sub(d, delta / 2), delta)),
      weight,
      reduction,
    )
  },
)

const bceOf: FunctionOp<[input: Tensor, target: Tensor], Tensor> = primitive({
  signature: '_binary_cross_entropy(input, target)',
  forward(input: Tensor, target: Tensor) {
    if (!all(logicalAnd(ge(input, 0), le(input, 1))).item<boolean>())
      throw new ArgumentError('binary_cross_entropy: expected every element of input in [0, 1]')
    // Logarithms are bounded below, so that a wrong certainty costs 100 and not infinity.
    const certain = mul(sub(target, 1), clampMin(log1p(neg(input)), -100))
    return saving(sub(certain, mul(target, clampMin(log(input), -100))), input, target)
  },
  backward: (grad, [input, target], needs) => [
    mul(grad, div(sub(input, target), clampMin(mul(rsub(input, 1), input), 1e-12))),
    needs(1) ? mul(grad, sub(clampMin(log1p(neg(input)), -100), clampMin(log(input), -100))) : null,
  ],
})

function checkSameShape(operation: string, input: Tensor, target: Tensor): void {
  if (!sameShape(input.shape, target.shape))
    throw new ShapeError(
      `${operation}: expected target of the input's shape ${formatShape(input.shape)}, got ${formatShape(target.shape)}`,
    )
}

/** Binary cross entropy of probabilities: -(t log x + (1 - t) log(1 - x)). */
export const binaryCrossEntropy: Loss<WeightedLossOptions> = composite(
  'nn.functional.binary_cross_entropy(input, target, {weight, reduction})',
  (input: Tensor, target: Tensor, { weight, reduction }: WeightedLossOptions = {}): Tensor => {
    checkSameShape('binary_cross_entropy', input, target)
    const losses = bceOf(input, target)
    return reduceLoss('binary_cross_entropy', weight ? mul(losses, weight) : losses, reduction)
  },
)

export interface BceWithLogitsOptions extends WeightedLossOptions {
  /** A factor on the positive examples; it broadcasts. */
  readonly posWeight?: Tensor | null
}

/** Binary cross entropy of logits, without overflow. */
export const binaryCrossEntropyWithLogits: Loss<BceWithLogitsOptions> = composite(
  'nn.functional.binary_cross_entropy_with_logits(input, target, {weight, reduction, pos_weight})',
  (input: Tensor, target: Tensor, { weight, reduction, posWeight }: BceWithLogitsOptions = {}): Tensor => {
    checkSameShape('binary_cross_entropy_with_logits', input, target)
    const positive = (weight: Tensor): Tensor => add(mul(sub(weight, 1), target), 1)
    const losses =
      !posWeight && takesElements(input, target)
        ? logitLoss(input, target)
        : sub(mul(rsub(target, 1), input), posWeight ? mul(logsigmoid(input), positive(posWeight)) : logsigmoid(input))
    return reduceLoss('binary_cross_entropy_with_logits', weight ? mul(losses, weight) : losses, reduction)
  },
)

export interface KlDivOptions {
  /** Default 'mean': over all elements; 'batchmean' divides by the first size, as the mathematics has it. */
  readonly reduction?: Reduction | 'batchmean'
  /** The target is in the logarithm. Default false. */
  readonly logTarget?: boolean
}

/** The Kullback-Leibler divergence of a target from log-probabilities: t (log t - input). */
export const klDiv: Loss<KlDivOptions> = composite(
  'nn.functional.kl_div(input, target, {reduction, log_target})',
  (input: Tensor, target: Tensor, { reduction = 'mean', logTarget = false }: KlDivOptions = {}): Tensor => {
    const losses = logTarget ? mul(exp(target), sub(target, input)) : sub(xlogy(target, target), mul(target, input))
    if (reduction !== 'batchmean') return reduceLoss('kl_div', losses, reduction)
    return div(sum(losses), input.ndim === 0 ? 1 : input.shape[0])
  },
)

export interface PoissonNllOptions extends LossOptions {
  /** The input is the logarithm of the rate. Default true. */
  readonly logInput?: boolean
  /** Add Stirling's term. Default false. */
  readonly full?: boolean
  /** Added to the rate before its logarithm. Default 1e-8. */
  readonly eps?: number
}

/** The negative log likelihood of counts of a Poisson distribution. */
export const poissonNllLoss: Loss<PoissonNllOptions> = composite(
  'nn.functional.poisson_nll_loss(input, target, {log_input, full, eps, reduction})',
  (input: Tensor, target: Tensor, options: PoissonNllOptions = {}): Tensor => {
    const { logInput = true, full = false, eps = 1e-8, reduction } = options
    let losses = logInput ? sub(exp(input), mul(target, input)) : sub(input, mul(target, log(add(input, eps))))
    if (full) {
      const stirling = add(sub(mul(target, log(target)), target), mul(log(mul(target, 2 * Math.PI)), 0.5))
      losses = add(losses, stirling.maskedFill(le(target, 1), 0))
    }
    return reduceLoss('poisson_nll_loss', losses, reduction)
  },
)

export interface GaussianNllOptions extends LossOptions {
  /** Add log(2π)/2. Default false. */
  readonly full?: boolean
  /** The least variance. Default 1e-6. */
  readonly eps?: number
}

/**
 * The negative log likelihood of a normal distribution.
 *
 * @param variance the shape of `input`, or with a last dimension of size 1, or without the last one; or a number
 */
export const gaussianNllLoss: FunctionOp<
  [input: Tensor, target: Tensor, variance: Tensor | number, options?: GaussianNllOptions],
  Tensor
> = composite(
  'nn.functional.gaussian_nll_loss(input, target, var, {full, eps, reduction})',
  (
    input: Tensor,
    target: Tensor,
    variance: Tensor | number,
    { full = false, eps = 1e-6, reduction }: GaussianNllOptions = {},
  ): Tensor => {
    let spread = typeof variance === 'number' ? fillRaw(input.shape, variance, input.dtype, input.device) : variance
    if (!sameShape(spread.shape, input.shape)) {
      if (sameShape(spread.shape, input.shape.slice(0, -1))) spread = reshape(spread, [...spread.shape, 1])
      else if (
        spread.ndim !== input.ndim ||
        spread.shape.reduce((n, size, d) => (size === input.shape[d] ? n : n + size), 0) !== 1
      )
        throw new ShapeError(
          `gaussian_nll_loss: expected var of shape ${formatShape(input.shape)}, got ${formatShape(spread.shape)}`,
        )
    }
    if (!all(ge(spread, 0)).item<boolean>())
      throw new ArgumentError('gaussian_nll_loss: expected var without negative elements')
    // The bound takes no part in the gradient, as in PyTorch.
    const bounded = add(spread, sub(clampMin(spread, eps), spread).detach())
    const losses = mul(add(log(bounded), div(square(sub(input, target)), bounded)), 0.5)
    return reduceLoss('gaussian_nll_loss', full ? add(losses, 0.5 * Math.log(2 * Math.PI)) : losses, reduction)
  },
)

export interface MarginOptions extends LossOptions {
  readonly margin?: number
}

/** x where the target is 1, max(0, margin - x) where it is -1. */
export const hingeEmbeddingLoss: Loss<MarginOptions> = composite(
  'nn.functional.hinge_embedding_loss(input, target, {margin, reduction})',
  (input: Tensor, target: Tensor, { margin = 1, reduction }: MarginOptions = {}): Tensor => {
    const negative = where(ne(target, 1), clampMin(rsub(input, margin), 0), 0)
    return reduceLoss('hinge_embedding_loss', add(negative, where(ne(target, -1), input, 0)), reduction)
  },
)

/** max(0, -target (x1 - x2) + margin). */
export const marginRankingLoss: FunctionOp<
  [input1: Tensor, input2: Tensor, target: Tensor, options?: MarginOptions],
  Tensor
> = composite(
  'nn.functional.margin_ranking_loss(input1, input2, target, {margin, reduction})',
  (input1: Tensor, input2: Tensor, target: Tensor, { margin = 0, reduction }: MarginOptions = {}): Tensor => {
    if (input1.ndim !== input2.ndim || input1.ndim !== target.ndim)
      throw new ShapeError(
        `margin_ranking_loss: expected tensors of equally many dimensions, got ${[input1, input2, target].map((t) => formatShape(t.shape)).join(', ')}`,
      )
    return reduceLoss(
      'margin_ranking_loss',
      clampMin(add(mul(neg(target), sub(input1, input2)), float(unwrap(margin))), 0),
      reduction,
    )
  },
)

/** log(1 + exp(-target x)). */
export const softMarginLoss: Loss<LossOptions> = composite(
  'nn.functional.soft_margin_loss(input, target, {reduction})',
  (input: Tensor, target: Tensor, { reduction }: LossOptions = {}): Tensor =>
    reduceLoss('soft_margin_loss', softplus(mul(neg(target), input)), reduction),
)

/** 1 - cos where the target is 1, max(0, cos - margin) where it is -1. */
export const cosineEmbeddingLoss: FunctionOp<
  [input1: Tensor, input2: Tensor, target: Tensor, options?: MarginOptions],
  Tensor
> = composite(
  'nn.functional.cosine_embedding_loss(input1, input2, target, {margin, reduction})',
  (input1: Tensor, input2: Tensor, target: Tensor, { margin = 0, reduction }: MarginOptions = {}): Tensor => {
    const name = 'cosine_embedding_loss'
    if (target.ndim > 1)
      throw new ShapeError(`${name}: expected target of at most 1 dimension, got ${formatShape(target.shape)}`)
    for (const t of [input1, input2])
      if (t.ndim !== target.ndim + 1)
        throw new ShapeError(`${name}: expected inputs of ${target.ndim + 1} dimensions, got ${formatShape(t.shape)}`)
    broadcastShapes(name, input1.shape, input2.shape)
    const dot = (a: Tensor, b: Tensor): Tensor => sum(mul(a, b), target.ndim)
    const squares = mul(add(dot(input1, input1), 1e-12), add(dot(input2, input2), 1e-12))
    const cosine = div(dot(input1, input2), sqrt(squares))
    const positive = where(eq(target, 1), rsub(cosine, 1), 0)
    const negative = where(eq(target, -1), clampMin(sub(cosine, margin), 0), 0)
    return reduceLoss(name, add(positive, negative), reduction)
  },
)

export interface TripletOptions extends MarginOptions {
  /** The exponent of the norm. Default 2. */
  readonly p?: number
  /** Added to the differences. Default 1e-6. */
  readonly eps?: number
  /** Take the smaller of the negative's two distances. Default false. */
  readonly swap?: boolean
}

type Triplet<O> = FunctionOp<[anchor: Tensor, positive: Tensor, negative: Tensor, options?: O], Tensor>

function tripletLoss(
  name: string,
  distance: (a: Tensor, b: Tensor) => Tensor,
  [anchor, positive, negative]: readonly Tensor[],
  { margin = 1, swap = false, reduction }: TripletOptions,
): Tensor {
  if (anchor.ndim !== positive.ndim || anchor.ndim !== negative.ndim)
    throw new ShapeError(
      `${name}: expected tensors of equally many dimensions, got ${[anchor, positive, negative].map((t) => formatShape(t.shape)).join(', ')}`,
    )
  if (!(margin > 0)) throw new ArgumentError(`${name}: expected margin > 0, got ${describe(margin)}`)
  const far = distance(anchor, negative)
  const away = swap ? minimum(far, distance(positive, negative)) : far
  return reduceLoss(name, clampMin(add(sub(distance(anchor, positive), away), margin), 0), reduction)
}

/** max(0, d(anchor, positive) - d(anchor, negative) + margin). */
export const tripletMarginLoss: Triplet<TripletOptions> = composite(
  'nn.functional.triplet_margin_loss(anchor, positive, negative, {margin, p, eps, swap, reduction})',
  (anchor: Tensor, positive: Tensor, negative: Tensor, options: TripletOptions = {}): Tensor => {
    const { p = 2, eps = 1e-6 } = options
    const distance = (a: Tensor, b: Tensor): Tensor => pairwiseDistance(a, b, { p, eps })
    return tripletLoss('triplet_margin_loss', distance, [anchor, positive, negative], options)
  },
)

export interface TripletDistanceOptions extends MarginOptions {
  /** Default: `pairwiseDistance`. */
  readonly distanceFunction?: ((a: Tensor, b: Tensor) => Tensor) | null
  readonly swap?: boolean
}

/** The triplet loss with a distance of one's own. @see tripletMarginLoss */
export const tripletMarginWithDistanceLoss: Triplet<TripletDistanceOptions> = composite(
  'nn.functional.triplet_margin_with_distance_loss(anchor, positive, negative, {distance_function, margin, swap, reduction})',
  (
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    { distanceFunction, ...options }: TripletDistanceOptions = {},
  ): Tensor =>
    tripletLoss(
      'triplet_margin_with_distance_loss',
      distanceFunction ?? ((a, b) => pairwiseDistance(a, b)),
      [anchor, positive, negative],
      options,
    ),
)

export interface MultiMarginOptions extends MarginOptions {
  /** 1 or 2. Default 1. */
  readonly p?: number
  /** A factor a class. */
  readonly weight?: Tensor | null
}

/** Σ over the other classes of max(0, margin - x[y] + x[j])ᵖ / C. */
export const multiMarginLoss: Loss<MultiMarginOptions> = composite(
  'nn.functional.multi_margin_loss(input, target, {p, margin, weight, reduction})',
  (input: Tensor, target: Tensor, { p = 1, margin = 1, weight, reduction }: MultiMarginOptions = {}): Tensor => {
    const name = 'multi_margin_loss'
    if (p !== 1 && p !== 2) throw new ArgumentError(`${name}: expected p of 1 or 2, got ${describe(p)}`)
    if (input.ndim > 2 || input.shape[input.ndim - 1] === 0)
      throw new ShapeError(`${name}: expected input [C] or [N, C] with classes, got ${formatShape(input.shape)}`)
    const rows = input.ndim === 2 ? input : reshape(input, [1, -1])
    const [batch, classes] = rows.shape
    if (target.numel() !== batch || target.ndim > 1)
      throw new ShapeError(`${name}: expected target of shape [${batch}], got ${formatShape(target.shape)}`)
    if (weight && !sameShape(weight.shape, [classes]))
      throw new ShapeError(`${name}: expected weight of shape [${classes}], got ${formatShape(weight.shape)}`)
    const labels = reshape(target, [batch, 1])
    const gap = clampMin(add(sub(rows, gather(rows, 1, labels)), margin), 0)
    let terms = p === 2 ? square(gap) : gap
    if (weight) terms = mul(terms, gather(expand(weight, [batch, classes]), 1, labels))
    const own = to(
      scatterAdd(
        fillRaw([batch, classes], 0, 'int64', input.device),
        1,
        labels,
        fillRaw([batch, 1], 1, 'int64', input.device),
      ),
      'bool',
    )
    const losses = div(sum(where(own, 0, terms), 1), classes)
    return reduceLoss(name, input.ndim === 2 ? losses : reshape(losses, target.ndim === 0 ? [] : [1]), reduction)
  },
)

/** Σ over a sample's classes t and the other classes j of max(0, 1 - x[t] + x[j]) / C; a target list ends at its first -1. */
export const multilabelMarginLoss: Loss<LossOptions> = composite(
  'nn.functional.multilabel_margin_loss(input, target, {reduction})',
  (input: Tensor, target: Tensor, { reduction }: LossOptions = {}): Tensor => {
    const name = 'multilabel_margin_loss'
    checkSameShape(name, input, target)
    if (input.ndim > 2) throw new ShapeError(`${name}: expected input [C] or [N, C], got ${formatShape(input.shape)}`)
    const classes = input.ndim === 0 ? 1 : input.shape[input.ndim - 1]
    const rows = reshape(input, [-1, classes])
    const [batch] = rows.shape
    const given = cumprod(to(ge(reshape(target, [batch, classes]), 0), 'int64'), 1)
    const labels = clampMin(mul(reshape(target, [batch, classes]), given), 0)
    const own = gt(scatterAdd(fillRaw([batch, classes], 0, 'int64', input.device), 1, labels, given), 0)
    const gap = clampMin(
      add(sub(reshape(rows, [batch, 1, classes]), reshape(gather(rows, 1, labels), [batch, classes, 1])), 1),
      0,
    )
    const counts = logicalAnd(
      reshape(to(given, 'bool'), [batch, classes, 1]),
      reshape(logicalNot(own), [batch, 1, classes]),
    )
    const losses = div(sum(where(counts, gap, 0), [1, 2]), classes)
    return reduceLoss(name, input.ndim === 2 ? losses : reshape(losses, []), reduction)
  },
)

/** Binary cross entropy of logits for each class, averaged over the classes. */
export const multilabelSoftMarginLoss: Loss<WeightedLossOptions> = composite(
  'nn.functional.multilabel_soft_margin_loss(input, target, {weight, reduction})',
  (input: Tensor, target: Tensor, { weight, reduction }: WeightedLossOptions = {}): Tensor => {
    const terms = neg(add(mul(target, logsigmoid(input)), mul(rsub(target, 1), logsigmoid(neg(input)))))
    return reduceLoss('multilabel_soft_margin_loss', mean(weight ? mul(terms, weight) : terms, -1), reduction)
  },
)
