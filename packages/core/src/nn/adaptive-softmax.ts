import { ArgumentError, describe, IndexError, ShapeError } from '../errors.js'
import { cat, F } from '../ops/index.js'
import { formatShape } from '../tensor/shape.js'
import type { Tensor } from '../tensor/tensor.js'
import { ModuleList, Sequential } from './containers.js'
import { Linear } from './linear.js'
import { type LayerOptions, Module } from './module.js'
import { checkSize } from './shapes.js'

export interface AdaptiveLogSoftmaxOptions extends LayerOptions {
  /** How much smaller the features of each further cluster are. Default 4. */
  readonly divValue?: number
  /** Whether the head has a bias. Default false. */
  readonly headBias?: boolean
}

/** What `AdaptiveLogSoftmaxWithLoss` gives. */
export interface AdaptiveLogSoftmaxResult {
  /** The log-probability of each target: [N], or a number. */
  readonly output: Tensor
  /** Minus the mean of them. */
  readonly loss: Tensor
}

/**
 * An approximation of the softmax over many classes, sorted by frequency: frequent ones in a head, rarer ones in clusters
 * of fewer features. [Grave et al., 2016](https://arxiv.org/abs/1609.04309)
 *
 * Input: [N, inFeatures] or [inFeatures]; target: classes [N] or a number.
 *
 * @example
 * ```ts
 * import { nn, randn, tensor } from '@flambeau/core'
 * const softmax = new nn.AdaptiveLogSoftmaxWithLoss(16, 100, [10, 50])
 * const { output, loss } = softmax.forward(randn([3, 16]), tensor([1n, 20n, 99n]))
 * console.log(output.shape, loss.shape, softmax.logProb(randn([3, 16])).shape) // → [ 3 ] [] [ 3, 100 ]
 * ```
 */
export class AdaptiveLogSoftmaxWithLoss extends Module<[input: Tensor, target: Tensor], AdaptiveLogSoftmaxResult> {
  static readonly signature: string =
    'AdaptiveLogSoftmaxWithLoss(in_features, n_classes, cutoffs, {div_value, head_bias, device, dtype})'
  readonly inFeatures: number
  readonly nClasses: number
  /** Where each part ends, the number of classes last. */
  readonly cutoffs: readonly number[]
  readonly divValue: number
  /** Scores of the frequent classes, and one for each cluster. */
  head: Linear
  tail: ModuleList<Sequential>

  constructor(
    inFeatures: number,
    nClasses: number,
    cutoffs: readonly number[],
    { divValue = 4, headBias = false, ...options }: AdaptiveLogSoftmaxOptions = {},
  ) {
    super()
    this.inFeatures = checkSize('AdaptiveLogSoftmaxWithLoss', 'inFeatures', inFeatures, 1)
    this.nClasses = checkSize('AdaptiveLogSoftmaxWithLoss', 'nClasses', nClasses, 2)
    const grows = (n: number, i: number): boolean =>
      Number.isInteger(n) && n > (i === 0 ? 0 : cutoffs[i - 1]) && n < nClasses
    if (!Array.isArray(cutoffs) || cutoffs.length === 0 || !cutoffs.every(grows))
      throw new ArgumentError(
        `AdaptiveLogSoftmaxWithLoss: expected increasing integers between 1 and ${nClasses - 1} for cutoffs, got ${describe(cutoffs)}`,
      )
    this.cutoffs = [...cutoffs, nClasses]
    this.divValue = divValue
    this.head = new Linear(inFeatures, cutoffs[0] + cutoffs.length, { ...options, bias: headBias })
    const clusters = cutoffs.map((begin, i) => {
      const hidden = Math.floor(inFeatures / divValue ** (i + 1))
      const size = this.cutoffs[i + 1] - begin
      return new Sequential(
        new Linear(inFeatures, hidden, { ...options, bias: false }),
        new Linear(hidden, size, { ...options, bias: false }),
      )
    })
    this.tail = new ModuleList(clusters)
  }

  /** Draws all weights anew. */
  resetParameters(): void {
    this.head.resetParameters()
    for (const cluster of this.tail) for (const layer of cluster) if (layer instanceof Linear) layer.resetParameters()
  }

  override forward(input: Tensor, target: Tensor): AdaptiveLogSoftmaxResult {
    if (target.ndim > 1 || input.ndim !== target.ndim + 1 || (target.ndim === 1 && target.shape[0] !== input.shape[0]))
      throw new ShapeError(
        `AdaptiveLogSoftmaxWithLoss: expected an input [N, ${this.inFeatures}] and a target [N], or both without N, got ${formatShape(input.shape)} and ${formatShape(target.shape)}`,
      )
    const rows = target.ndim === 1 ? input : input.unsqueeze(0)
    const classes = target.ndim === 1 ? target : target.unsqueeze(0)
    const outside = classes.lt(0).logicalOr(classes.ge(this.nClasses))
    if (outside.any().item())
      throw new IndexError(`AdaptiveLogSoftmaxWithLoss: expected classes in [0, ${this.nClasses})`)
    const [frequent] = this.cutoffs
    let position = classes
    let local: Tensor | null = null
    for (let i = 0; i < this.tail.length; i++) {
      const [begin, end] = [this.cutoffs[i], this.cutoffs[i + 1]]
      const member = classes.ge(begin).logicalAnd(classes.lt(end))
      const at = member.nonzero().squeeze(1)
      if (at.numel() === 0) continue
      const logProbs = F.logSoftmax(this.tail.at(i).forward(rows.indexSelect(0, at)), 1)
      const own = logProbs.gather(1, classes.indexSelect(0, at).sub(begin).unsqueeze(1)).squeeze(1)
      const base: Tensor = local ?? rows.newZeros([rows.shape[0]])
      local = base.indexCopy(0, at, own)
      position = position.maskedFill(member, frequent + i)
    }
    const inHead = F.logSoftmax(this.head.forward(rows), 1).gather(1, position.unsqueeze(1)).squeeze(1)
    const logProbs = local === null ? inHead : inHead.add(local)
    return { output: target.ndim === 1 ? logProbs : logProbs.squeeze(0), loss: logProbs.neg().mean() }
  }

  /** The log-probabilities of all classes. @param input [N, inFeatures] @returns [N, nClasses] */
  logProb(input: Tensor): Tensor {
    const [frequent] = this.cutoffs
    const head = F.logSoftmax(this.head.forward(input), 1)
    const parts = [head.narrow(1, 0, frequent)]
    for (let i = 0; i < this.tail.length; i++)
      parts.push(F.logSoftmax(this.tail.at(i).forward(input), 1).add(head.narrow(1, frequent + i, 1)))
    return cat(parts, 1)
  }

  /** The most probable class of each row. @param input [N, inFeatures] @returns [N] */
  predict(input: Tensor): Tensor {
    return this.logProb(input).argmax(1)
  }
}
