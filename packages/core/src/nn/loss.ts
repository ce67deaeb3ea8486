// Losses: each calls the function of the same name.
import { F } from '../ops/index.js'
import type { Tensor } from '../tensor/tensor.js'
import { Module } from './module.js'

/** Whether the loss is given for each element, as the mean of all, or as their sum. */
export type Reduction = 'none' | 'mean' | 'sum'

export interface LossOptions {
  /** Default 'mean'. */
  readonly reduction?: Reduction
}

export interface WeightedLossOptions extends LossOptions {
  /** A factor for each class or element. Default none. */
  readonly weight?: Tensor | null
}

/** A loss with options; a weight among them is a buffer. */
abstract class Loss<
  O extends LossOptions,
  Args extends Tensor[] = [input: Tensor, target: Tensor],
> extends Module<Args> {
  /** @internal */
  readonly options: O

  constructor(options: O) {
    super()
    const { reduction = 'mean' } = options
    this.options = { ...options, reduction }
  }

  get reduction(): Reduction {
    return this.options.reduction ?? 'mean'
  }
}

abstract class WeightedLoss<O extends WeightedLossOptions> extends Loss<O> {
  constructor(options: O) {
    const { weight = null, ...rest } = options
    super(rest as O)
    this.registerBuffer('weight', weight)
  }

  /** The options with the weight where it is now. */
  protected get weighted(): O {
    const buffer: unknown = Reflect.get(this, 'weight')
    return buffer === null ? this.options : { ...this.options, weight: buffer as Tensor }
  }
}

/** The mean squared difference. */
export class MSELoss extends Loss<LossOptions> {
  static readonly signature: string = 'MSELoss({reduction})'
  constructor(options: LossOptions = {}) {
    super(options)
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    return F.mseLoss(input, target, this.options)
  }
}

/** The mean absolute difference. */
export class L1Loss extends Loss<LossOptions> {
  static readonly signature: string = 'L1Loss({reduction})'
  constructor(options: LossOptions = {}) {
    super(options)
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    return F.l1Loss(input, target, this.options)
  }
}

export interface SmoothL1LossOptions extends LossOptions {
  /** Where the square turns into a line. Default 1. */
  readonly beta?: number
}

/** Squares of small differences, absolute values of large ones. [Girshick, 2015](https://arxiv.org/abs/1504.08083) */
export class SmoothL1Loss extends Loss<SmoothL1LossOptions> {
  static readonly signature: string = 'SmoothL1Loss({reduction, beta})'
  constructor(options: SmoothL1LossOptions = {}) {
    super(options)
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    return F.smoothL1Loss(input, target, this.options)
  }
}

export interface HuberLossOptions extends LossOptions {
  /** Where the square turns into a line. Default 1. */
  readonly delta?: number
}

/** Huber's loss: half the square of small differences, a line for large ones. */
export class HuberLoss extends Loss<HuberLossOptions> {
  static readonly signature: string = 'HuberLoss({reduction, delta})'
  constructor(options: HuberLossOptions = {}) {
    super(options)
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    return F.huberLoss(input, target, this.options)
  }
}

export interface NLLLossOptions extends WeightedLossOptions {
  /** Targets of this class do not count. Default -100. */
  readonly ignoreIndex?: number
}

/** The negative log likelihood. Input: log-probabilities [N, C, *]; target: classes [N, *]. */
export class NLLLoss extends WeightedLoss<NLLLossOptions> {
  static readonly signature: string = 'NLLLoss({weight, ignore_index, reduction})'
  constructor(options: NLLLossOptions = {}) {
    super(options)
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    return F.nllLoss(input, target, this.weighted)
  }
}

/** `NLLLoss` by a former name. @see NLLLoss */
export class NLLLoss2d extends NLLLoss {
  static override readonly signature: string = 'NLLLoss2d({weight, ignore_index, reduction})'
}

export interface CrossEntropyLossOptions extends NLLLossOptions {
  /** How much of the target is spread over all classes. Default 0. */
  readonly labelSmoothing?: number
}

/**
 * The cross entropy of logits. Input: [N, C, *]; target: classes [N, *], or probabilities [N, C, *].
 *
 * @example
 * ```ts
 * import { nn, tensor } from '@flambeau/core'
 * const loss = new nn.CrossEntropyLoss()
 * console.log(loss.forward(tensor([[2, 0]]), tensor([0n])).item().toFixed(4)) // → 0.1269
 * ```
 */
export class CrossEntropyLoss extends WeightedLoss<CrossEntropyLossOptions> {
  static readonly signature: string = 'CrossEntropyLoss({weight, ignore_index, reduction, label_smoothing})'
  constructor(options: CrossEntropyLossOptions = {}) {
    super(options)
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    return F.crossEntropy(input, target, this.weighted)
  }
}

/** The binary cross entropy of probabilities. */
export class BCELoss extends WeightedLoss<WeightedLossOptions> {
  static readonly signature: string = 'BCELoss({weight, reduction})'
  constructor(options: WeightedLossOptions = {}) {
    super(options)
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    return F.binaryCrossEntropy(input, target, this.weighted)
  }
}

export interface BCEWithLogitsLossOptions extends WeightedLossOptions {
  /** A factor for positive examples. Default none. */
  readonly posWeight?: Tensor | null
}

/** The binary cross entropy of logits. */
export class BCEWithLogitsLoss extends WeightedLoss<BCEWithLogitsLossOptions> {
  static readonly signature: string = 'BCEWithLogitsLoss({weight, reduction, pos_weight})'
  constructor({ posWeight = null, ...options }: BCEWithLogitsLossOptions = {}) {
    super(options)
    this.registerBuffer('pos_weight', posWeight)
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    const posWeight: unknown = Reflect.get(this, 'pos_weight')
    const options = this.weighted
    return F.binaryCrossEntropyWithLogits(
      input,
      target,
      posWeight === null ? options : { ...options, posWeight: posWeight as Tensor },
    )
  }
}

export interface KLDivLossOptions {
  /** `'batchmean'` divides the sum by the batch's size, as the definition has it. Default 'mean'. */
  readonly reduction?: Reduction | 'batchmean'
  /** Whether the target is in logarithms too. Default false. */
  readonly logTarget?: boolean
}

/** The Kullback–Leibler divergence. Input: log-probabilities; target: probabilities. */
export class KLDivLoss extends Module<[input: Tensor, target: Tensor]> {
  static readonly signature: string = 'KLDivLoss({reduction, log_target})'
  readonly reduction: Reduction | 'batchmean'
  readonly logTarget: boolean

  constructor({ reduction = 'mean', logTarget = false }: KLDivLossOptions = {}) {
    super()
    this.reduction = reduction
    this.logTarget = logTarget
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    return F.klDiv(input, target, { reduction: this.reduction, logTarget: this.logTarget })
  }
}

export interface PoissonNLLLossOptions extends LossOptions {
  /** Whether the input is the logarithm of the rate. Default true. */
  readonly logInput?: boolean
  /** Add Stirling's approximation. Default false. */
  readonly full?: boolean
  /** Keeps the logarithm of 0 away. Default 1e-8. */
  readonly eps?: number
}

/** The negative log likelihood of a Poisson distribution. */
export class PoissonNLLLoss extends Loss<PoissonNLLLossOptions> {
  static readonly signature: string = 'PoissonNLLLoss({log_input, full, eps, reduction})'
  constructor(options: PoissonNLLLossOptions = {}) {
    super(options)
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    return F.poissonNllLoss(input, target, this.options)
  }
}

export interface GaussianNLLLossOptions extends LossOptions {
  /** Add the constant term. Default false. */
  readonly full?: boolean
  /** The smallest variance. Default 1e-6. */
  readonly eps?: number
}

/** The negative log likelihood of a normal distribution with the given variances. */
export class GaussianNLLLoss extends Loss<GaussianNLLLossOptions, [input: Tensor, target: Tensor, variance: Tensor]> {
  static readonly signature: string = 'GaussianNLLLoss({full, eps, reduction})'
  static readonly forwardSignature: string = 'forward(input, target, var)'
  constructor(options: GaussianNLLLossOptions = {}) {
    super(options)
  }

  override forward(input: Tensor, target: Tensor, variance: Tensor): Tensor {
    return F.gaussianNllLoss(input, target, variance, this.options)
  }
}

export interface MarginLossOptions extends LossOptions {
  /** The distance that is asked for. */
  readonly margin?: number
}

/** The input where the target is 1, `max(0, margin - input)` where it is -1. */
export class HingeEmbeddingLoss extends Loss<MarginLossOptions> {
  static readonly signature: string = 'HingeEmbeddingLoss({margin, reduction})'
  constructor(options: MarginLossOptions = {}) {
    super(options)
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    return F.hingeEmbeddingLoss(input, target, this.options)
  }
}

/** `max(0, -target · (input1 - input2) + margin)`. */
export class MarginRankingLoss extends Loss<MarginLossOptions, [input1: Tensor, input2: Tensor, target: Tensor]> {
  static readonly signature: string = 'MarginRankingLoss({margin, reduction})'
  static readonly forwardSignature: string = 'forward(input1, input2, target)'
  constructor(options: MarginLossOptions = {}) {
    super(options)
  }

  override forward(input1: Tensor, input2: Tensor, target: Tensor): Tensor {
    return F.marginRankingLoss(input1, input2, target, this.options)
  }
}

/** `log(1 + exp(-target · input))`. */
export class SoftMarginLoss extends Loss<LossOptions> {
  static readonly signature: string = 'SoftMarginLoss({reduction})'
  constructor(options: LossOptions = {}) {
    super(options)
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    return F.softMarginLoss(input, target, this.options)
  }
}

/** One minus the cosine where the target is 1, `max(0, cosine - margin)` where it is -1. */
export class CosineEmbeddingLoss extends Loss<MarginLossOptions, [input1: Tensor, input2: Tensor, target: Tensor]> {
  static readonly signature: string = 'CosineEmbeddingLoss({margin, reduction})'
  static readonly forwardSignature: string = 'forward(input1, input2, target)'
  constructor(options: MarginLossOptions = {}) {
    super(options)
  }

  override forward(input1: Tensor, input2: Tensor, target: Tensor): Tensor {
    return F.cosineEmbeddingLoss(input1, input2, target, this.options)
  }
}

export interface TripletMarginLossOptions extends MarginLossOptions {
  /** The p of the distance. Default 2. */
  readonly p?: number
  /** Added to the differences. Default 1e-6. */
  readonly eps?: number
  /** Take the negative's distance to the nearer of anchor and positive. Default false. */
  readonly swap?: boolean
}

/** `max(0, d(anchor, positive) - d(anchor, negative) + margin)`. */
export class TripletMarginLoss extends Loss<
  TripletMarginLossOptions,
  [anchor: Tensor, positive: Tensor, negative: Tensor]
> {
  static readonly signature: string = 'TripletMarginLoss({margin, p, eps, swap, reduction})'
  static readonly forwardSignature: string = 'forward(anchor, positive, negative)'
  constructor(options: TripletMarginLossOptions = {}) {
    super(options)
  }

  override forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    return F.tripletMarginLoss(anchor, positive, negative, this.options)
  }
}

export interface TripletMarginWithDistanceLossOptions extends MarginLossOptions {
  /** Distances [N] of vectors. Default: `F.pairwiseDistance`. */
  readonly distanceFunction?: (a: Tensor, b: Tensor) => Tensor
  /** Take the negative's distance to the nearer of anchor and positive. Default false. */
  readonly swap?: boolean
}

/** `max(0, d(anchor, positive) - d(anchor, negative) + margin)` of a distance of one's own. */
export class TripletMarginWithDistanceLoss extends Loss<
  TripletMarginWithDistanceLossOptions,
  [anchor: Tensor, positive: Tensor, negative: Tensor]
> {
  static readonly signature: string = 'TripletMarginWithDistanceLoss({distance_function, margin, swap, reduction})'
  static readonly forwardSignature: string = 'forward(anchor, positive, negative)'
  constructor(options: TripletMarginWithDistanceLossOptions = {}) {
    super(options)
  }

  override forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    return F.tripletMarginWithDistanceLoss(anchor, positive, negative, this.options)
  }
}

export interface MultiMarginLossOptions extends WeightedLossOptions, MarginLossOptions {
  /** The power of each term, 1 or 2. Default 1. */
  readonly p?: number
}

/** The hinge loss of classes. Input: [N, C]; target: [N]. */
export class MultiMarginLoss extends WeightedLoss<MultiMarginLossOptions> {
  static readonly signature: string = 'MultiMarginLoss({p, margin, weight, reduction})'
  constructor(options: MultiMarginLossOptions = {}) {
    super(options)
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    return F.multiMarginLoss(input, target, this.weighted)
  }
}

/** The hinge loss of several classes a sample. Input and target: [N, C]; targets end at the first -1. */
export class MultiLabelMarginLoss extends Loss<LossOptions> {
  static readonly signature: string = 'MultiLabelMarginLoss({reduction})'
  constructor(options: LossOptions = {}) {
    super(options)
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    return F.multilabelMarginLoss(input, target, this.options)
  }
}

/** The binary cross entropy of several classes a sample. */
export class MultiLabelSoftMarginLoss extends WeightedLoss<WeightedLossOptions> {
  static readonly signature: string = 'MultiLabelSoftMarginLoss({weight, reduction})'
  constructor(options: WeightedLossOptions = {}) {
    super(options)
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    return F.multilabelSoftMarginLoss(input, target, this.weighted)
  }
}
