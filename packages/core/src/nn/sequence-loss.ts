// Losses of sequences and of large vocabularies.
import { ArgumentError, describe, ShapeError } from '../errors.js'
import { F } from '../ops/index.js'
import type { CtcLossOptions } from '../ops/nn/ctcLoss.js'
import type { LinearCrossEntropyChunks } from '../ops/nn/linearCrossEntropy.js'
import { formatShape } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import { Linear } from './linear.js'
import type { WeightedLossOptions } from './loss.js'
import { type LayerOptions, Module } from './module.js'
import { checkSize, showAll } from './shapes.js'

type Lengths = Tensor | readonly number[] | number

/**
 * Connectionist temporal classification. Log-probabilities: [T, N, C] or [T, C]; targets: [N, S], or all in one vector;
 * lengths: integers [N]. [Graves et al., 2006](https://www.cs.toronto.edu/~graves/icml_2006.pdf)
 *
 * @example
 * ```ts
 * import { F, nn, randint, randn } from '@flambeau/core'
 * const logProbs = F.logSoftmax(randn([50, 2, 20]), 2)
 * const loss = new nn.CTCLoss().forward(logProbs, randint(1, 20, [2, 30]), [50, 50], [30, 10])
 * console.log(loss.shape) // → []
 * ```
 */
export class CTCLoss extends Module<
  [logProbs: Tensor, targets: Tensor, inputLengths: Lengths, targetLengths: Lengths]
> {
  static readonly signature: string = 'CTCLoss({blank, reduction, zero_infinity})'
  static readonly forwardSignature: string = 'forward(log_probs, targets, input_lengths, target_lengths)'
  readonly options: CtcLossOptions

  constructor({ blank = 0, reduction = 'mean', zeroInfinity = false }: CtcLossOptions = {}) {
    super()
    this.options = { blank, reduction, zeroInfinity }
  }

  override forward(logProbs: Tensor, targets: Tensor, inputLengths: Lengths, targetLengths: Lengths): Tensor {
    return F.ctcLoss(logProbs, targets, inputLengths, targetLengths, this.options)
  }
}

export interface LinearCrossEntropyLossOptions extends WeightedLossOptions, LayerOptions {
  /** Further dimensions: several losses a sample. Default none. */
  readonly outFeatures?: readonly number[]
  /** Whether the linear map has a bias. Default false. */
  readonly bias?: boolean
  /** Targets of this class do not count. Default -100 for classes as targets. */
  readonly ignoreIndex?: number | null
  /** How much of the target is spread over all classes. Default 0. */
  readonly labelSmoothing?: number
  /** Compute by chunks of the batch. */
  readonly options?: LinearCrossEntropyChunks | null
}

/**
 * A linear map to classes with its cross entropy, which can do without all logits at once.
 * Input: [N, K] or [K]; target: classes [N, …] or probabilities [N, C, …].
 *
 * @example
 * ```ts
 * import { nn, randn, tensor } from '@flambeau/core'
 * const loss = new nn.LinearCrossEntropyLoss(16, 1000, { options: { batchChunkSize: 1 } })
 * console.log(loss.forward(randn([2, 16]), tensor([5n, 7n])).shape) // → []
 * ```
 */
export class LinearCrossEntropyLoss extends Module<[input: Tensor, target: Tensor]> {
  static readonly signature: string =
    'LinearCrossEntropyLoss(in_features, num_classes, {out_features, bias, device, dtype, reduction, weight, ignore_index, label_smoothing, options})'
  readonly numClasses: number
  readonly outFeatures: readonly number[]
  readonly options: Omit<LinearCrossEntropyLossOptions, 'outFeatures' | 'bias' | 'weight' | keyof LayerOptions>
  /** Its weight has a row for each class and further position. */
  linear: Linear

  constructor(
    inFeatures: number,
    numClasses: number,
    { outFeatures = [], bias = false, weight = null, device, dtype, ...options }: LinearCrossEntropyLossOptions = {},
  ) {
    super()
    const { reduction = 'mean', labelSmoothing = 0 } = options
    this.numClasses = checkSize('LinearCrossEntropyLoss', 'numClasses', numClasses, 1)
    this.outFeatures = outFeatures.map((n) => checkSize('LinearCrossEntropyLoss', 'outFeatures', n, 1))
    if (weight !== null && (weight.ndim !== 1 || weight.shape[0] !== numClasses))
      throw new ShapeError(`LinearCrossEntropyLoss: expected weight [${numClasses}], got ${formatShape(weight.shape)}`)
    if (!(labelSmoothing >= 0 && labelSmoothing <= 1))
      throw new ArgumentError(
        `LinearCrossEntropyLoss: expected labelSmoothing in [0, 1], got ${describe(labelSmoothing)}`,
      )
    this.options = { ...options, reduction, labelSmoothing }
    this.registerBuffer('weight', weight)
    const rows = this.outFeatures.reduce((n, size) => n * size, numClasses)
    this.linear = new Linear(inFeatures, rows, {
      bias,
      ...(device !== undefined && { device }),
      ...(dtype !== undefined && { dtype }),
    })
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    const classes = [this.numClasses, ...this.outFeatures]
    const { weight, bias, inFeatures } = this.linear
    const classWeight: unknown = Reflect.get(this, 'weight')
    return F.linearCrossEntropy(input, weight.reshape([...classes, inFeatures]), target, {
      ...this.options,
      ...(bias !== null && { linearBias: bias.reshape(classes) }),
      ...(classWeight instanceof Tensor && { weight: classWeight }),
    })
  }

  override extraRepr(): string {
    const { numClasses, outFeatures } = this
    return showAll({ numClasses, ...(outFeatures.length > 0 && { outFeatures }) })
  }
}
