// Areas under curves over all thresholds: ROC and precision-recall.
import { noGrad } from '../../autograd/mode.js'
import { ArgumentError, describe, ShapeError } from '../../errors.js'
import { bincount, cat, cumsum, flip, linspace, searchsorted, stack, tensor } from '../../ops/index.js'
import { isDifferentiable } from '../../tensor/dtype.js'
import { formatShape } from '../../tensor/shape.js'
import { Tensor } from '../../tensor/tensor.js'
import { Metric } from '../metric.js'
import {
  type Average,
  checkInputs,
  checkTask,
  countable,
  labels,
  type TaskOptions,
  toProbabilities,
  values,
} from './task.js'

/** The options of metrics over all thresholds. */
export interface CurveOptions extends Omit<TaskOptions, 'threshold'> {
  /** How the values of classes become one; 'micro' for 'multilabel' alone. Default 'macro'. */
  readonly average?: Average | null
  /**
   * How many thresholds between 0 and 1, or which, in ascending order: the state then stays small. Default: every
   * value that occurs, for which all predictions are kept.
   */
  readonly thresholds?: number | readonly number[] | Tensor | null
}

/** The options of `AUROC`. */
export interface AurocOptions extends CurveOptions {
  /** The area up to this false-positive rate alone, standardized; for 'binary'. Default 1. */
  readonly maxFpr?: number | null
}

/** Positives and negatives above each threshold, from the highest threshold to the lowest. */
interface Curve {
  readonly tps: ArrayLike<number>
  readonly fps: ArrayLike<number>
  readonly positives: number
  readonly negatives: number
  /** Whether every value that occurs is a threshold: then the curve begins at (0, 0). */
  readonly exact: boolean
  /** What torchmetrics takes for a target without positives. */
  readonly recallIsOne: boolean
}

function checkCurve(metric: string, options: CurveOptions): void {
  checkTask(metric, options)
  const { average = 'macro', task, thresholds = null } = options
  const known: unknown[] = ['macro', 'weighted', 'none', null, ...(task === 'multilabel' ? ['micro'] : [])]
  if (task !== 'binary' && !known.includes(average))
    throw new ArgumentError(
      `${metric}: expected average ${known.filter((name) => name !== null).join(', ')} for task '${task}', got ${describe(average)}`,
    )
  if (typeof thresholds === 'number' && !(Number.isInteger(thresholds) && thresholds >= 2))
    throw new ArgumentError(`${metric}: expected at least 2 thresholds, got ${describe(thresholds)}`)
}

function checkAuroc(metric: string, options: AurocOptions): void {
  checkCurve(metric, options)
  const { maxFpr = null } = options
  if (maxFpr !== null && !(typeof maxFpr === 'number' && maxFpr > 0 && maxFpr <= 1))
    throw new ArgumentError(`${metric}: expected maxFpr in (0, 1], got ${describe(maxFpr)}`)
}

function thresholdsOf(metric: string, { thresholds = null }: CurveOptions): Tensor | null {
  if (thresholds === null) return null
  if (typeof thresholds === 'number') return linspace(0, 1, thresholds)
  const given = thresholds instanceof Tensor ? thresholds.to('float32') : tensor([...thresholds], { dtype: 'float32' })
  if (given.ndim !== 1 || given.numel() < 1)
    throw new ShapeError(`${metric}: expected thresholds in one dimension, got ${formatShape(given.shape)}`)
  const list = given.toArray() as number[]
  if (list.some((t, i) => !(t >= 0 && t <= 1) || (i > 0 && t < list[i - 1])))
    throw new ArgumentError(`${metric}: expected thresholds in [0, 1] in ascending order, got ${describe(list)}`)
  return given
}

/** Scores and targets in the form in which they are kept: [M] for 'binary', otherwise [M, C]; targets are [M] or [M, L]. */
function prepare(metric: string, preds: Tensor, target: Tensor, options: CurveOptions): [Tensor, Tensor] {
  checkInputs(metric, preds, target, options)
  if (!isDifferentiable(preds.dtype))
    throw new ArgumentError(`${metric}: expected probabilities or logits for preds, got ${preds.dtype}`)
  if (options.task === 'multiclass' && preds.ndim !== target.ndim + 1)
    throw new ShapeError(
      `${metric}: expected preds [N, ${options.numClasses}, …] for target ${formatShape(target.shape)}, got ${formatShape(preds.shape)}`,
    )
  return noGrad(() => {
    const { task, ignoreIndex } = options
    const rows = (t: Tensor): Tensor => t.detach().movedim(1, -1).reshape([-1, t.shape[1]])
    let scores = task === 'binary' ? preds.detach().reshape([-1]) : rows(preds)
    let truth = labels(task === 'multilabel' ? rows(target) : target.detach().reshape([-1]))
    const counts = task === 'multilabel' ? null : countable(truth, ignoreIndex)
    if (counts !== null) {
      const kept = counts.nonzero().reshape([-1])
      scores = scores.indexSelect(0, kept)
      truth = truth.indexSelect(0, kept)
    }
    return [toProbabilities(scores, task === 'multiclass' ? 'softmax' : 'sigmoid'), truth]
  })
}

/** A list of class [M], or all of them, as columns: scores and whether each is positive, and which count. */
function* columns(scores: Tensor, truth: Tensor, { task, ignoreIndex }: CurveOptions): Iterable<[Tensor, Tensor]> {
  if (task === 'binary') yield [scores, truth.eq(1)]
  else if (task === 'multiclass') for (let c = 0; c < scores.shape[1]; c++) yield [scores.select(1, c), truth.eq(c)]
  else for (let l = 0; l < scores.shape[1]; l++) yield counted(scores.select(1, l), truth.select(1, l), ignoreIndex)
}

function counted(scores: Tensor, truth: Tensor, ignore: number | null | undefined): [Tensor, Tensor] {
  const counts = countable(truth, ignore)
  if (counts === null) return [scores, truth.eq(1)]
  return [scores.maskedSelect(counts), truth.maskedSelect(counts).eq(1)]
}

/** The curve of one class over every score that occurs. */
function exactCurve(scores: Tensor, positive: Tensor, recallIsOne: boolean): Curve {
  const n = scores.numel()
  const { values: sorted, indices } = scores.sort(0, { descending: true })
  const ordered = sorted.to('float64').data()
  const hits = positive.to('uint8').indexSelect(0, indices).data()
  const tps: number[] = []
  const fps: number[] = []
  let found = 0
  for (let i = 0; i < n; i++) {
    found += Number(hits[i])
    if (i + 1 < n && ordered[i + 1] === ordered[i]) continue
    tps.push(found)
    fps.push(i + 1 - found)
  }
  return { tps, fps, positives: found, negatives: n - found, exact: true, recallIsOne: recallIsOne || found === 0 }
}

/** For each threshold and class, how many are at or above it and how many below: [T, C, 2, 2]. */
function binned(scores: Tensor, truth: Tensor, thresholds: Tensor, options: CurveOptions): Tensor {
  const bins = thresholds.numel() + 1
  const each = [...columns(scores, truth, options)].map(([column, positive]) => {
    // How many thresholds a score reaches.
    const reached = searchsorted(thresholds.to(column.device), column.to('float32').contiguous(), { right: true })
    const counts = bincount(positive.to('int64').mul(bins).add(reached), null, 2 * bins).reshape([2, bins])
    const above = flip(cumsum(flip(counts, [1]), 1), [1]).narrow(1, 1, bins - 1) // [2, T]
    const below = counts.sum(1, { keepdim: true }).sub(above)
    return stack([below, above], -1).permute([1, 0, 2]) // [T, target, prediction]
  })
  return stack(each, 1)
}

/** The curves of each class from counts [T, C, 2, 2]. */
function binnedCurves(counts: Tensor): Curve[] {
  const [size, classes] = counts.shape
  const all = counts.flip([0]).to('float64').data() as Float64Array
  return Array.from({ length: classes }, (_, c) => {
    const at = (i: number, truth: number, above: number): number => all[((i * classes + c) * 2 + truth) * 2 + above]
    const list = (truth: number): number[] => Array.from({ length: size }, (_, i) => at(i, truth, 1))
    return {
      tps: list(1),
      fps: list(0),
      positives: at(0, 1, 0) + at(0, 1, 1),
      negatives: at(0, 0, 0) + at(0, 0, 1),
      exact: false,
      recallIsOne: false,
    }
  })
}

const rates = (counts: ArrayLike<number>, total: number): number[] =>
  Array.from(counts, (count) => (total > 0 ? count / total : 0))

function rocArea({ tps, fps, positives, negatives, exact }: Curve, maxFpr: number | null = null): number {
  const start = exact ? [0] : []
  let tpr = [...start, ...rates(tps, positives)]
  let fpr = [...start, ...rates(fps, negatives)]
  const sum = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0)
  if (maxFpr === null || maxFpr === 1 || sum(fpr) === 0 || sum(tpr) === 0) return area(fpr, tpr)
  const found = fpr.findIndex((rate) => rate > maxFpr)
  const stop = found < 0 ? fpr.length - 1 : found
  const weight = (maxFpr - fpr[stop - 1]) / (fpr[stop] - fpr[stop - 1])
  tpr = [...tpr.slice(0, stop), tpr[stop - 1] + weight * (tpr[stop] - tpr[stop - 1])]
  fpr = [...fpr.slice(0, stop), maxFpr]
  const least = 0.5 * maxFpr ** 2
  return 0.5 * (1 + (area(fpr, tpr) - least) / (maxFpr - least))
}

/** By trapezoids. */
function area(x: readonly number[], y: readonly number[]): number {
  let sum = 0
  for (let i = 1; i < x.length; i++) sum += ((x[i] - x[i - 1]) * (y[i] + y[i - 1])) / 2
  return sum
}

/** The sum of precisions, each by how much recall grows at it; NaN where recall is not defined. */
function precisionArea({ tps, fps, positives, exact, recallIsOne }: Curve): number {
  let sum = 0
  let before = 0
  for (let i = 0; i < tps.length; i++) {
    const above = tps[i] + fps[i]
    const recall = recallIsOne && exact ? 1 : exact || positives > 0 ? tps[i] / positives : 0
    sum += (recall - before) * (above > 0 ? tps[i] / above : 0)
    before = recall
  }
  return sum
}

/** What is computed from the curve of a class. */
type OfCurve = (curve: Curve) => number

/** The value over kept scores and targets. */
function ofScores(metric: string, scores: Tensor, truth: Tensor, options: CurveOptions, value: OfCurve): Tensor {
  if (scores.numel() === 0)
    throw new ArgumentError(`${metric}: expected at least one sample that counts, got none; call update before compute`)
  const { task, average = 'macro', ignoreIndex } = options
  if (task === 'multilabel' && average === 'micro') {
    const [flat, positive] = counted(scores.reshape([-1]), truth.reshape([-1]), ignoreIndex)
    return values([value(exactCurve(flat, positive, false))]).reshape([])
  }
  // torchmetrics takes targets that are all of class 0 for targets without positives, whichever class it looks at.
  const allZero = task === 'multiclass' && truth.eq(0).all().item<boolean>()
  const curves = Array.from(columns(scores, truth, options), ([column, positive]) => {
    const curve = exactCurve(column, positive, allZero)
    return task === 'multiclass' ? { ...curve, recallIsOne: allZero } : curve
  })
  const weights =
    task === 'multiclass'
      ? bincount(truth, null, scores.shape[1])
      : task === 'multilabel'
        ? truth.eq(1).sum(0)
        : values([1])
  return combined(curves.map(value), weights.to('float64').toArray() as number[], options)
}

/** The value over counts [T, C, 2, 2]. */
function ofCounts(counts: Tensor, options: CurveOptions, value: OfCurve): Tensor {
  const { task, average = 'macro' } = options
  if (task === 'multilabel' && average === 'micro')
    return values(binnedCurves(counts.sum(1, { keepdim: true })).map(value)).reshape([])
  const curves = binnedCurves(counts)
  return combined(
    curves.map(value),
    curves.map(({ positives }) => positives),
    options,
  )
}

/** One value of those of the classes; classes without a value do not count. */
function combined(
  each: readonly number[],
  weights: readonly number[],
  { task, average = 'macro' }: CurveOptions,
): Tensor {
  if (task === 'binary') return values(each).reshape([])
  if (average === null || average === 'none') return values(each)
  const defined = each.map((v, i) => ({ v, w: weights[i] })).filter(({ v }) => !Number.isNaN(v))
  const total = defined.reduce((sum, { w }) => sum + (average === 'weighted' ? w : 1), 0)
  const sum = defined.reduce((s, { v, w }) => s + v * (average === 'weighted' ? w : 1), 0)
  const result = average === 'weighted' && total === 0 ? 0 : sum / total
  return values([result]).reshape([])
}

type CurveState = { preds: Tensor[]; target: Tensor[]; confmat: Tensor }

/** The base: keeps scores and targets, or counts at given thresholds. */
abstract class CurveMetric<O extends CurveOptions> extends Metric<CurveState> {
  override readonly higherIsBetter = true
  readonly options: O
  readonly thresholds: Tensor | null

  constructor(metric: string, options: O) {
    const list = { initial: (): Tensor[] => [], reduction: 'cat' } as const
    super({
      preds: list,
      target: list,
      confmat: { initial: () => tensor(0, { dtype: 'int64' }), reduction: 'sum' },
    })
    this.options = options
    this.thresholds = thresholdsOf(metric, options)
  }

  protected abstract value(curve: Curve): number

  override update(preds: Tensor, target: Tensor): void {
    const [scores, truth] = prepare(this.constructor.name, preds, target, this.options)
    if (this.thresholds !== null) this.add('confmat', binned(scores, truth, this.thresholds, this.options))
    else {
      this.append('preds', scores)
      this.append('target', truth)
    }
  }

  override compute(): Tensor {
    const { preds, target, confmat } = this.state
    const value = (curve: Curve): number => this.value(curve)
    if (this.thresholds === null) {
      if (preds.length === 0)
        throw new ArgumentError(`${this.constructor.name}: expected an update before compute, got none`)
      return ofScores(this.constructor.name, cat(preds, 0), cat(target, 0), this.options, value)
    }
    if (confmat.ndim === 0)
      throw new ArgumentError(`${this.constructor.name}: expected an update before compute, got none`)
    return ofCounts(confmat, this.options, value)
  }
}

function once(metric: string, preds: Tensor, target: Tensor, options: CurveOptions, value: OfCurve): Tensor {
  const thresholds = thresholdsOf(metric, options)
  const [scores, truth] = prepare(metric, preds, target, options)
  return thresholds === null
    ? ofScores(metric, scores, truth, options, value)
    : ofCounts(binned(scores, truth, thresholds, options), options, value)
}

/**
 * The area under the ROC curve: the probability that a positive is scored higher than a negative.
 *
 * @param preds probabilities or logits: [N, …] for 'binary', otherwise [N, C, …]
 * @param target integers: [N, …], for 'multilabel' [N, L, …]
 * @returns float32: one value, or one for each class with `average: 'none'`
 */
export function auroc(preds: Tensor, target: Tensor, options: AurocOptions): Tensor {
  checkAuroc('auroc', options)
  return once('auroc', preds, target, options, (curve) => rocArea(curve, binaryLimit(options)))
}

const binaryLimit = ({ task, maxFpr = null }: AurocOptions): number | null => (task === 'binary' ? maxFpr : null)

/** The mean of precision over recall: a summary of the precision-recall curve. @see auroc */
export function averagePrecision(preds: Tensor, target: Tensor, options: CurveOptions): Tensor {
  checkCurve('averagePrecision', options)
  return once('averagePrecision', preds, target, options, (curve) => summarized(precisionArea(curve), options))
}

/** torchmetrics takes what is not defined as 0 for 'binary'. */
const summarized = (value: number, { task }: CurveOptions): number =>
  task === 'binary' && Number.isNaN(value) ? 0 : value

/**
 * The area under the ROC curve.
 *
 * @example
 * ```ts
 * import { tensor } from '@flambeau/core'
 * import { AUROC } from '@flambeau/core/metrics'
 * const auroc = new AUROC({ task: 'binary' })
 * auroc.update(tensor([0.1, 0.4, 0.35, 0.8]), tensor([0n, 0n, 1n, 1n]))
 * console.log(auroc.compute().item()) // → 0.75
 * ```
 */
export class AUROC extends CurveMetric<AurocOptions> {
  constructor(options: AurocOptions) {
    checkAuroc('AUROC', options)
    super('AUROC', options)
  }

  protected value(curve: Curve): number {
    return rocArea(curve, binaryLimit(this.options))
  }
}

/** The mean of precision over recall. */
export class AveragePrecision extends CurveMetric<CurveOptions> {
  constructor(options: CurveOptions) {
    checkCurve('AveragePrecision', options)
    super('AveragePrecision', options)
  }

  protected value(curve: Curve): number {
    return summarized(precisionArea(curve), this.options)
  }
}
