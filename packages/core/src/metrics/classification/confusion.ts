// Confusion matrices, and the Jaccard index that is computed from them.
import { noGrad } from '../../autograd/mode.js'
import { ArgumentError, describe } from '../../errors.js'
import { onesLike, stack } from '../../ops/index.js'
import type { Tensor } from '../../tensor/tensor.js'
import { Metric, summed } from '../metric.js'
import { confusions, safeDivide } from './stat-scores.js'
import {
  type Average,
  checkAverage,
  checkInputs,
  checkTask,
  classesOf,
  countable,
  labels,
  positive,
  type TaskOptions,
} from './task.js'

/** The options of `ConfusionMatrix`. */
export interface ConfusionMatrixOptions extends TaskOptions {
  /** Shares of each target, of each prediction, or of all, in place of counts. Default 'none'. */
  readonly normalize?: 'true' | 'pred' | 'all' | 'none' | null
}

/** The options of `JaccardIndex`. */
export interface JaccardOptions extends TaskOptions {
  /** Default 'macro'. */
  readonly average?: Average | null
  /** The value of 0 / 0. Default 0. */
  readonly zeroDivision?: number
}

const NORMALIZATIONS: readonly unknown[] = ['true', 'pred', 'all', 'none', null, undefined]

function checkMatrix(metric: string, options: ConfusionMatrixOptions): void {
  checkTask(metric, options)
  if (!NORMALIZATIONS.includes(options.normalize))
    throw new ArgumentError(
      `${metric}: expected normalize 'true', 'pred', 'all' or 'none', got ${describe(options.normalize)}`,
    )
}

function checkJaccard(metric: string, options: JaccardOptions): void {
  checkTask(metric, options)
  checkAverage(metric, options.average)
}

/** Counts: rows are targets, columns predictions. */
function countMatrix(metric: string, preds: Tensor, target: Tensor, options: TaskOptions): Tensor {
  checkInputs(metric, preds, target, options)
  return noGrad(() => {
    const { task, threshold = 0.5, numClasses = 2, ignoreIndex } = options
    const counts = countable(target, ignoreIndex)
    if (task === 'multiclass')
      return confusions(labels(classesOf(preds, target, 1)), labels(target), counts, numClasses)
    const predicted = labels(positive(preds, threshold))
    const actual = labels(target.eq(1))
    if (task === 'binary') return confusions(predicted, actual, counts, 2)
    const each = Array.from({ length: preds.shape[1] }, (_, i) =>
      confusions(predicted.select(1, i), actual.select(1, i), counts?.select(1, i) ?? null, 2),
    )
    return stack(each)
  })
}

function normalized(matrix: Tensor, normalize: ConfusionMatrixOptions['normalize']): Tensor {
  if (normalize === undefined || normalize === null || normalize === 'none') return matrix
  const exact = matrix.to('float64')
  const dims = normalize === 'true' ? [-1] : normalize === 'pred' ? [-2] : [-2, -1]
  return safeDivide(exact, exact.sum(dims, { keepdim: true })).to('float32')
}

/** The shape of a matrix: [2, 2], [C, C], or [L, 2, 2]. */
const shapeOf = ({ task, numClasses = 2, numLabels = 2 }: TaskOptions): number[] =>
  task === 'binary' ? [2, 2] : task === 'multiclass' ? [numClasses, numClasses] : [numLabels, 2, 2]

/**
 * How often each class was predicted as each: rows are targets, columns predictions.
 *
 * @returns int64 [2, 2], [C, C], or for 'multilabel' [L, 2, 2]; float32 where it is normalized
 */
export function confusionMatrix(preds: Tensor, target: Tensor, options: ConfusionMatrixOptions): Tensor {
  checkMatrix('confusionMatrix', options)
  return normalized(countMatrix('confusionMatrix', preds, target, options), options.normalize)
}

/**
 * How often each class was predicted as each.
 *
 * @example
 * ```ts
 * import { tensor } from '@flambeau/core'
 * import { ConfusionMatrix } from '@flambeau/core/metrics'
 * const matrix = new ConfusionMatrix({ task: 'binary' })
 * matrix.update(tensor([0.9, 0.2, 0.7]), tensor([1n, 0n, 0n]))
 * console.log(matrix.compute().toArray()) // → [ [ 1, 1 ], [ 0, 1 ] ]
 * ```
 */
export class ConfusionMatrix extends Metric<{ confmat: Tensor }> {
  readonly options: ConfusionMatrixOptions

  constructor(options: ConfusionMatrixOptions) {
    checkMatrix('ConfusionMatrix', options)
    super({ confmat: summed(shapeOf(options), 'int64') })
    this.options = options
  }

  override update(preds: Tensor, target: Tensor): void {
    this.add('confmat', countMatrix('ConfusionMatrix', preds, target, this.options))
  }

  override compute(): Tensor {
    return normalized(this.state.confmat, this.options.normalize)
  }
}

function jaccardOf(matrix: Tensor, options: JaccardOptions): Tensor {
  const { task, average = 'macro', ignoreIndex, zeroDivision = 0 } = options
  const m = matrix.to('float64')
  if (task === 'binary') {
    const hits = m.at(1, 1)
    return safeDivide(hits, hits.add(m.at(0, 1)).add(m.at(1, 0)), zeroDivision).to('float32')
  }
  const multilabel = task === 'multilabel'
  const [rows, columns] = [m.sum(1), m.sum(0)]
  let hits = multilabel ? m.select(1, 1).select(1, 1) : m.diagonal()
  let union = multilabel
    ? hits.add(m.select(1, 0).select(1, 1)).add(m.select(1, 1).select(1, 0))
    : rows.add(columns).sub(hits)
  const ignored = typeof ignoreIndex === 'number' && ignoreIndex >= 0 && ignoreIndex < m.shape[0] ? ignoreIndex : null
  if (average === 'micro') {
    hits = hits.sum()
    union = ignored === null ? union.sum() : union.sum().sub(union.select(0, ignored))
  }
  const jaccard = safeDivide(hits, union, zeroDivision)
  if (average === null || average === 'none' || average === 'micro') return jaccard.to('float32')
  let weights: Tensor
  if (average === 'weighted') weights = multilabel ? m.select(1, 1).sum(-1) : rows
  else {
    weights = onesLike(jaccard)
    if (ignored !== null) weights.select(0, ignored).zero_()
    if (!multilabel) weights = weights.maskedFill(rows.add(columns).eq(0), 0)
  }
  return weights.mul(jaccard).div(weights.sum()).sum().to('float32')
}

/** The overlap of what is of a class and what was predicted as it, by their union: tp / (tp + fp + fn). */
export function jaccardIndex(preds: Tensor, target: Tensor, options: JaccardOptions): Tensor {
  checkJaccard('jaccardIndex', options)
  return jaccardOf(countMatrix('jaccardIndex', preds, target, options), options)
}

/** The overlap of what is of a class and what was predicted as it, by their union: the IoU of segmentation. */
export class JaccardIndex extends Metric<{ confmat: Tensor }> {
  override readonly higherIsBetter = true
  readonly options: JaccardOptions

  constructor(options: JaccardOptions) {
    checkJaccard('JaccardIndex', options)
    super({ confmat: summed(shapeOf(options), 'int64') })
    this.options = options
  }

  override update(preds: Tensor, target: Tensor): void {
    this.add('confmat', countMatrix('JaccardIndex', preds, target, this.options))
  }

  override compute(): Tensor {
    return jaccardOf(this.state.confmat, this.options)
  }
}
