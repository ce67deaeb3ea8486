// What the metrics of classes take: the task, and predictions and targets checked and in one form.
import { ArgumentError, describe, ShapeError } from '../../errors.js'
import { tensor, where } from '../../ops/index.js'
import { isDifferentiable } from '../../tensor/dtype.js'
import { formatShape, sameShape } from '../../tensor/shape.js'
import { Tensor } from '../../tensor/tensor.js'

/** Two classes, one of several classes, or any of several labels. */
export type Task = 'binary' | 'multiclass' | 'multilabel'

/** How the values of classes become one: over all decisions, their mean, their mean by frequency, or not at all. */
export type Average = 'micro' | 'macro' | 'weighted' | 'none'

/** The options of every metric of classes. */
export interface TaskOptions {
  readonly task: Task
  /** Probabilities above it are positive; for 'binary' and 'multilabel'. Default 0.5. */
  readonly threshold?: number
  /** For 'multiclass'. */
  readonly numClasses?: number
  /** For 'multilabel'. */
  readonly numLabels?: number
  /** Positions with this target do not count. */
  readonly ignoreIndex?: number | null
  /** Whether predictions and targets are looked at: their range, and NaN. Default true. */
  readonly validateArgs?: boolean
}

/** The options of a metric that counts right and wrong decisions. */
export interface ScoreOptions extends TaskOptions {
  /** Default 'micro'. Of no meaning for 'binary'. */
  readonly average?: Average | null
  /** A prediction of several classes is right where the target is among the `topK` likeliest. Default 1. */
  readonly topK?: number
  /** One value over all, or one for each sample. Default 'global'. */
  readonly multidimAverage?: 'global' | 'samplewise'
}

const TASKS: readonly unknown[] = ['binary', 'multiclass', 'multilabel']
const AVERAGES: readonly unknown[] = ['micro', 'macro', 'weighted', 'none', null, undefined]

/** Throws unless the options fit the task. */
export function checkTask(metric: string, options: TaskOptions): void {
  if (typeof options !== 'object' || options === null)
    throw new ArgumentError(`${metric}: expected options such as { task: 'binary' }, got ${describe(options)}`)
  const { task, threshold = 0.5, numClasses, numLabels, ignoreIndex } = options
  if (!TASKS.includes(task))
    throw new ArgumentError(`${metric}: expected task 'binary', 'multiclass' or 'multilabel', got ${describe(task)}`)
  const need = (name: string, value: unknown): void => {
    if (!Number.isInteger(value) || (value as number) < 2)
      throw new ArgumentError(`${metric}: expected ${name} ≥ 2 for task '${task}', got ${describe(value)}`)
  }
  if (task === 'multiclass') need('numClasses', numClasses)
  if (task === 'multilabel') need('numLabels', numLabels)
  if (!(typeof threshold === 'number' && threshold >= 0 && threshold <= 1))
    throw new ArgumentError(`${metric}: expected threshold in [0, 1], got ${describe(threshold)}`)
  if (ignoreIndex !== undefined && ignoreIndex !== null && !Number.isInteger(ignoreIndex))
    throw new ArgumentError(`${metric}: expected ignoreIndex to be an integer, got ${describe(ignoreIndex)}`)
}

/** Throws unless the average is one. */
export function checkAverage(metric: string, average: unknown): void {
  if (!AVERAGES.includes(average))
    throw new ArgumentError(
      `${metric}: expected average 'micro', 'macro', 'weighted' or 'none', got ${describe(average)}`,
    )
}

/** Throws unless the options fit a metric that counts decisions. */
export function checkScores(metric: string, options: ScoreOptions): void {
  checkTask(metric, options)
  const { average, topK = 1, multidimAverage = 'global', numClasses = 1, task } = options
  checkAverage(metric, average)
  const most = task === 'multiclass' ? numClasses : 1
  if (!Number.isInteger(topK) || topK < 1 || topK > most)
    throw new ArgumentError(`${metric}: expected topK in [1, ${most}], got ${describe(topK)}`)
  if (multidimAverage !== 'global' && multidimAverage !== 'samplewise')
    throw new ArgumentError(
      `${metric}: expected multidimAverage 'global' or 'samplewise', got ${describe(multidimAverage)}`,
    )
}

/** Probabilities of logits; what lies within [0, 1] already is probabilities. */
export function toProbabilities(preds: Tensor, by: 'sigmoid' | 'softmax'): Tensor {
  if (preds.numel() === 0 || preds.ge(0).logicalAnd(preds.le(1)).all().item()) return preds
  return by === 'sigmoid' ? preds.sigmoid() : preds.softmax(1)
}

/** Throws unless both are tensors that fit the task, and their values are what the task has. */
export function checkInputs(metric: string, preds: Tensor, target: Tensor, options: TaskOptions): void {
  for (const [name, t] of [
    ['preds', preds],
    ['target', target],
  ] as const)
    if (!(t instanceof Tensor)) throw new ArgumentError(`${metric}: expected a tensor for ${name}, got ${describe(t)}`)
  checkShapes(metric, preds, target, options)
  if (options.validateArgs === false) return
  if (isDifferentiable(target.dtype))
    throw new ArgumentError(`${metric}: expected integers or bools for target, got ${target.dtype}`)
  const classes = options.task === 'multiclass' ? (options.numClasses ?? 0) : 2
  checkLabels(metric, 'target', target, classes, options.ignoreIndex)
  if (!isDifferentiable(preds.dtype)) checkLabels(metric, 'preds', preds, classes, options.ignoreIndex)
  else checkNan(metric, preds)
}

function checkShapes(
  metric: string,
  preds: Tensor,
  target: Tensor,
  { task, numClasses, numLabels }: TaskOptions,
): void {
  const got = `got preds ${formatShape(preds.shape)} and target ${formatShape(target.shape)}`
  if (task === 'multiclass' && preds.ndim === target.ndim + 1) {
    if (!isDifferentiable(preds.dtype))
      throw new ArgumentError(
        `${metric}: expected probabilities or logits for preds of shape [N, C, …], got ${preds.dtype}`,
      )
    const [n, c, ...rest] = preds.shape
    if (c !== numClasses || !sameShape([n, ...rest], target.shape))
      throw new ShapeError(`${metric}: expected preds [N, ${numClasses}, …] and target [N, …], ${got}`)
    return
  }
  if (!sameShape(preds.shape, target.shape))
    throw new ShapeError(
      `${metric}: expected ${task === 'multiclass' ? `preds [N, ${numClasses}, …] or ` : ''}preds and target of one shape, ${got}`,
    )
  if (task === 'multilabel' && (preds.ndim < 2 || preds.shape[1] !== numLabels))
    throw new ShapeError(`${metric}: expected preds and target [N, ${numLabels}, …], ${got}`)
}

function checkLabels(metric: string, name: string, labels: Tensor, classes: number, ignore?: number | null): void {
  if (labels.dtype === 'bool' || labels.numel() === 0) return
  let bad = labels.lt(0).logicalOr(labels.ge(classes))
  if (ignore !== undefined && ignore !== null) bad = bad.logicalAnd(labels.ne(ignore))
  if (!bad.any().item()) return
  const values = [...new Set(labels.maskedSelect(bad).reshape([-1]).toArray() as number[])].slice(0, 5)
  const remedy = name === 'target' ? '; set ignoreIndex where one of them marks what does not count' : ''
  throw new ArgumentError(
    `${metric}: expected classes 0 to ${classes - 1} in ${name}, got ${values.join(', ')}${remedy}`,
  )
}

function checkNan(metric: string, preds: Tensor): void {
  const nan = preds.isnan()
  if (!nan.any().item()) return
  throw new ArgumentError(
    `${metric}: ${nan.sum().item()} of ${preds.numel()} values of preds are NaN, which are of no class: the model has diverged ` +
      '(a smaller learning rate, gradient clipping), or its input has NaN',
  )
}

/** Which positions count; null where all do. */
export const countable = (target: Tensor, ignore: number | null | undefined): Tensor | null =>
  ignore === undefined || ignore === null ? null : target.ne(ignore)

/** The decisions of probabilities, logits or labels: bool. */
export const positive = (preds: Tensor, threshold: number): Tensor =>
  isDifferentiable(preds.dtype) ? toProbabilities(preds, 'sigmoid').gt(threshold) : preds.ne(0)

/** Class labels of scores or labels; with `topK`, the target where it is among the likeliest. */
export function classesOf(preds: Tensor, target: Tensor, topK: number): Tensor {
  if (preds.ndim !== target.ndim + 1) return preds
  if (topK === 1) return preds.argmax(1)
  const best = preds.topk(topK, 1).indices
  const among = best.eq(target.unsqueeze(1)).any(1)
  return where(among, target.to('int64'), best.select(1, 0))
}

/** Integers, whatever the dtype was. */
export const labels = (t: Tensor): Tensor => t.to('int64')

/** A float32 tensor of numbers. */
export const values = (numbers: readonly number[]): Tensor => tensor([...numbers], { dtype: 'float32' })
