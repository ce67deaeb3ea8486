// True and false positives and negatives: what most metrics of classes are made of.
import { noGrad } from '../../autograd/mode.js'
import { bincount, cat, F, onesLike, stack, where, zeros } from '../../ops/index.js'
import type { Tensor } from '../../tensor/tensor.js'
import { Metric } from '../metric.js'
import { checkInputs, checkScores, classesOf, countable, labels, positive, type ScoreOptions } from './task.js'

/** Counts of decisions; each of shape [], [classes], [samples] or [samples, classes]. */
export interface Counts {
  readonly tp: Tensor
  readonly fp: Tensor
  readonly tn: Tensor
  readonly fn: Tensor
}

/** Counts in the last dimension, in the order of `Counts`. */
export function countDecisions(metric: string, preds: Tensor, target: Tensor, options: ScoreOptions): Tensor {
  checkInputs(metric, preds, target, options)
  return noGrad(() => {
    const { task, threshold = 0.5, numClasses = 2, topK = 1, multidimAverage = 'global', ignoreIndex } = options
    const samplewise = multidimAverage === 'samplewise'
    const counts = countable(target, ignoreIndex)
    if (task === 'multiclass') {
      const predicted = classesOf(preds, target, topK)
      return samplewise
        ? countSamples(labels(predicted), labels(target), counts, numClasses)
        : countClasses(labels(predicted), labels(target), counts, numClasses)
    }
    const keep = task === 'multilabel' ? 2 : 1
    const flat = (t: Tensor): Tensor => t.reshape([...t.shape.slice(0, keep), lengthFrom(t, keep)])
    const dims = samplewise ? [keep] : [0, keep]
    return countWhere(flat(positive(preds, threshold)), flat(target.eq(1)), counts && flat(counts), dims)
  })
}

const lengthFrom = (t: Tensor, dim: number): number => t.shape.slice(dim).reduce((a, b) => a * b, 1)

function countWhere(predicted: Tensor, actual: Tensor, counts: Tensor | null, dims: readonly number[]): Tensor {
  const count = (p: Tensor, a: Tensor): Tensor => {
    const both = p.logicalAnd(a)
    return (counts ? both.logicalAnd(counts) : both).sum([...dims])
  }
  const [no, wrong] = [predicted.logicalNot(), actual.logicalNot()]
  return stack([count(predicted, actual), count(predicted, wrong), count(no, wrong), count(no, actual)], -1)
}

/** How often each target [C] was predicted as each class: [C, C]. */
export function confusions(predicted: Tensor, target: Tensor, counts: Tensor | null, classes: number): Tensor {
  const pairs = target.mul(classes).add(predicted).reshape([-1])
  const kept = counts === null ? pairs : pairs.maskedSelect(counts.reshape([-1]))
  return bincount(kept, null, classes * classes).reshape([classes, classes])
}

function countClasses(predicted: Tensor, target: Tensor, counts: Tensor | null, classes: number): Tensor {
  const matrix = confusions(predicted, target, counts, classes)
  const tp = matrix.diagonal()
  const fp = matrix.sum(0).sub(tp)
  const fn = matrix.sum(1).sub(tp)
  return stack([tp, fp, matrix.sum().sub(tp).sub(fp).sub(fn), fn], -1)
}

/** The same for each sample: [N, C, 4]. */
function countSamples(predicted: Tensor, target: Tensor, counts: Tensor | null, classes: number): Tensor {
  const n = target.shape[0]
  const flat = (t: Tensor): Tensor => t.reshape([n, lengthFrom(t, 1), 1])
  // What does not count may be no class at all.
  const inRange = (t: Tensor): Tensor => F.oneHot(t.clamp(0, classes - 1), classes).ne(0)
  const spread = (t: Tensor): Tensor => inRange(t).reshape([n, lengthFrom(t, 1), classes])
  return countWhere(spread(predicted), spread(target), counts && flat(counts), [1])
}

/** The four counts of a tensor that has them in its last dimension, in double precision. */
export function unpack(counts: Tensor): Counts {
  const [tp, fp, tn, fn] = [0, 1, 2, 3].map((i) => counts.select(-1, i).to('float64'))
  return { tp, fp, tn, fn }
}

/** `a / b`, and `zero` where b is 0. */
export const safeDivide = (a: Tensor, b: Tensor, zero = 0): Tensor =>
  where(b.eq(0), zeros([], { dtype: 'float64', device: b.device }).add(zero), a.div(b))

/** Makes one value of those of the classes; float32. */
export function averaged(score: Tensor, counts: Counts, options: ScoreOptions, forTopK = true): Tensor {
  const { average = 'micro', task, topK = 1 } = options
  const { tp, fp, fn } = counts
  if (average === null || average === 'none') return score.to('float32')
  let weights = tp.add(fn)
  if (average !== 'weighted') {
    weights = onesLike(score)
    // A class that neither occurs nor was predicted says nothing.
    const absent = topK === 1 || !forTopK ? tp.add(fp).add(fn).eq(0) : tp.add(fn).eq(0)
    if (task !== 'multilabel') weights = weights.maskedFill(absent, 0)
  }
  return safeDivide(weights.mul(score), weights.sum(-1, { keepdim: true }))
    .sum(-1)
    .to('float32')
}

/** The counts that a formula is applied to: over all classes with 'micro', otherwise of each. */
export function pooled(counts: Counts, { task, average = 'micro' }: ScoreOptions): Counts {
  if (task === 'binary' || average !== 'micro') return counts
  const { tp, fp, tn, fn } = counts
  return { tp: tp.sum(-1), fp: fp.sum(-1), tn: tn.sum(-1), fn: fn.sum(-1) }
}

/** Whether a formula's value is the result as it is. */
export const isPooled = ({ task, average = 'micro' }: ScoreOptions): boolean => task === 'binary' || average === 'micro'

const shapeOf = ({ task, numClasses = 0, numLabels = 0 }: ScoreOptions): number[] =>
  task === 'binary' ? [4] : [task === 'multiclass' ? numClasses : numLabels, 4]

/** The base of metrics that are a formula of counts. */
export abstract class CountMetric<O extends ScoreOptions> extends Metric<{ counts: Tensor | Tensor[] }> {
  readonly options: O

  constructor(options: O) {
    const samplewise = options?.multidimAverage === 'samplewise'
    super({
      counts: samplewise
        ? { initial: () => [], reduction: 'cat' }
        : { initial: () => zeros(shapeOf(options), { dtype: 'int64', device: 'cpu' }), reduction: 'sum' },
    })
    this.options = options
  }

  override update(preds: Tensor, target: Tensor): void {
    const counts = countDecisions(this.constructor.name, preds, target, this.options)
    if (Array.isArray(this.state.counts)) this.append('counts', counts)
    else this.add('counts', counts)
  }

  /** The counts of everything so far. */
  protected counts(): Tensor {
    const { counts } = this.state
    if (!Array.isArray(counts)) return counts
    return counts.length > 0 ? cat(counts, 0) : zeros([0, ...shapeOf(this.options)], { dtype: 'int64' })
  }
}

/** The counts themselves: [tp, fp, tn, fn, tp + fn] in the last dimension. */
export function statScores(preds: Tensor, target: Tensor, options: ScoreOptions): Tensor {
  checkScores('statScores', options)
  return showCounts(countDecisions('statScores', preds, target, options), options)
}

function showCounts(counts: Tensor, options: ScoreOptions): Tensor {
  const { task, average = 'micro' } = options
  const support = counts.select(-1, 0).add(counts.select(-1, 3)).unsqueeze(-1)
  const result = cat([counts, support], -1)
  if (task === 'binary' || average === null || average === 'none') return result
  if (average === 'micro') return result.sum(-2)
  const exact = result.to('float64')
  if (average === 'macro') return exact.mean(-2).to('float32')
  const weights = support.to('float64')
  // torchmetrics divides those of labels by the sum over all samples.
  const all = task === 'multilabel' ? weights.sum() : weights.sum(-2, { keepdim: true })
  return exact.mul(weights.div(all)).sum(-2).to('float32')
}

/** True and false positives and negatives, and how often a class occurs: [tp, fp, tn, fn, tp + fn] in the last dimension. */
export class StatScores extends CountMetric<ScoreOptions> {
  constructor(options: ScoreOptions) {
    checkScores('StatScores', options)
    super(options)
  }

  override compute(): Tensor {
    return showCounts(this.counts(), this.options)
  }
}
