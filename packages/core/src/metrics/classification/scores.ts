// Accuracy, precision, recall and F-beta: formulas of the counts.
import { ArgumentError, describe } from '../../errors.js'
import type { Tensor } from '../../tensor/tensor.js'
import {
  averaged,
  CountMetric,
  type Counts,
  countDecisions,
  isPooled,
  pooled,
  safeDivide,
  unpack,
} from './stat-scores.js'
import { checkScores, type ScoreOptions } from './task.js'

/** The options of precision, recall and F-beta. */
export interface ZeroDivisionOptions extends ScoreOptions {
  /** The value of 0 / 0: 0 or 1. Default 0. */
  readonly zeroDivision?: 0 | 1
}

/** The options of `FBetaScore`. */
export interface FBetaOptions extends ZeroDivisionOptions {
  /** How much more recall matters than precision. Default 1. */
  readonly beta?: number
}

/** A formula of counts, which are of each class or of all. */
type Formula<O extends ScoreOptions> = (counts: Counts, options: O) => Tensor

/** The value of a formula over counts: averaged over classes as the options say. */
function score<O extends ScoreOptions>(all: Tensor, options: O, formula: Formula<O>, forTopK = true): Tensor {
  const counts = unpack(all)
  const value = formula(pooled(counts, options), options)
  return isPooled(options) ? value.to('float32') : averaged(value, counts, options, forTopK)
}

const accuracyOf: Formula<ScoreOptions> = ({ tp, fp, tn, fn }, { task }) =>
  task === 'multiclass' ? safeDivide(tp, tp.add(fn)) : safeDivide(tp.add(tn), tp.add(tn).add(fp).add(fn))

const precisionOf: Formula<ZeroDivisionOptions> = ({ tp, fp }, { zeroDivision = 0 }) =>
  safeDivide(tp, tp.add(fp), zeroDivision)

const recallOf: Formula<ZeroDivisionOptions> = ({ tp, fn }, { zeroDivision = 0 }) =>
  safeDivide(tp, tp.add(fn), zeroDivision)

const fbetaOf: Formula<FBetaOptions> = ({ tp, fp, fn }, { beta = 1, zeroDivision = 0 }) => {
  const weighed = tp.mul(1 + beta * beta)
  return safeDivide(weighed, weighed.add(fn.mul(beta * beta)).add(fp), zeroDivision)
}

function checkZeroDivision(metric: string, options: ZeroDivisionOptions): void {
  checkScores(metric, options)
  const { zeroDivision = 0 } = options
  if (zeroDivision !== 0 && zeroDivision !== 1)
    throw new ArgumentError(`${metric}: expected zeroDivision 0 or 1, got ${describe(zeroDivision)}`)
}

function checkBeta(metric: string, options: FBetaOptions): void {
  checkZeroDivision(metric, options)
  const { beta = 1 } = options
  if (!(typeof beta === 'number' && beta > 0 && Number.isFinite(beta)))
    throw new ArgumentError(`${metric}: expected beta > 0, got ${describe(beta)}`)
}

/**
 * The share of decisions that are right.
 *
 * @param preds labels of the target's shape, or probabilities or logits: of shape [N, …] for 'binary', [N, C, …] otherwise
 * @param target integers: [N, …], for 'multilabel' [N, L, …]
 * @returns float32: one value, or one for each class with `average: 'none'`
 * @example
 * ```ts
 * import { tensor } from '@flambeau/core'
 * import { functional } from '@flambeau/core/metrics'
 * const target = tensor([0n, 1n, 2n])
 * const preds = tensor([0n, 1n, 1n])
 * const right = functional.accuracy(preds, target, { task: 'multiclass', numClasses: 3 })
 * console.log(right.item().toFixed(4)) // → 0.6667
 * ```
 */
export function accuracy(preds: Tensor, target: Tensor, options: ScoreOptions): Tensor {
  checkScores('accuracy', options)
  return score(countDecisions('accuracy', preds, target, options), options, accuracyOf)
}

/** Of what was predicted as a class, the share that is of it: tp / (tp + fp). @see accuracy */
export function precision(preds: Tensor, target: Tensor, options: ZeroDivisionOptions): Tensor {
  checkZeroDivision('precision', options)
  return score(countDecisions('precision', preds, target, options), options, precisionOf)
}

/** Of what is of a class, the share that was predicted as it: tp / (tp + fn). @see accuracy */
export function recall(preds: Tensor, target: Tensor, options: ZeroDivisionOptions): Tensor {
  checkZeroDivision('recall', options)
  return score(countDecisions('recall', preds, target, options), options, recallOf)
}

/** The weighted harmonic mean of precision and recall: (1 + β²) tp / ((1 + β²) tp + β² fn + fp). @see accuracy */
export function fbetaScore(preds: Tensor, target: Tensor, options: FBetaOptions): Tensor {
  checkBeta('fbetaScore', options)
  return score(countDecisions('fbetaScore', preds, target, options), options, fbetaOf, false)
}

/** `fbetaScore` with β = 1. @see fbetaScore */
export function f1Score(preds: Tensor, target: Tensor, options: ZeroDivisionOptions): Tensor {
  return fbetaScore(preds, target, { ...options, beta: 1 })
}

/** A formula of the counts of all batches. */
abstract class Score<O extends ScoreOptions> extends CountMetric<O> {
  override readonly higherIsBetter = true
  /** Not private by #, so that a clone has them too. */
  private readonly formula: Formula<O>
  private readonly forTopK: boolean

  constructor(options: O, check: (metric: string, options: O) => void, formula: Formula<O>, forTopK = true) {
    check(new.target.name, options)
    super(options)
    this.formula = formula
    this.forTopK = forTopK
  }

  override compute(): Tensor {
    return score(this.counts(), this.options, this.formula, this.forTopK)
  }
}

/**
 * The share of decisions that are right.
 *
 * @example
 * ```ts
 * import { tensor } from '@flambeau/core'
 * import { Accuracy } from '@flambeau/core/metrics'
 * const accuracy = new Accuracy({ task: 'multiclass', numClasses: 3 })
 * accuracy.update(tensor([0n, 1n, 1n]), tensor([0n, 1n, 2n]))
 * accuracy.update(tensor([2n]), tensor([2n]))
 * console.log(accuracy.compute().item()) // → 0.75
 * ```
 */
export class Accuracy extends Score<ScoreOptions> {
  constructor(options: ScoreOptions) {
    super(options, checkScores, accuracyOf)
  }
}

/** Of what was predicted as a class, the share that is of it. */
export class Precision extends Score<ZeroDivisionOptions> {
  constructor(options: ZeroDivisionOptions) {
    super(options, checkZeroDivision, precisionOf)
  }
}

/** Of what is of a class, the share that was predicted as it. */
export class Recall extends Score<ZeroDivisionOptions> {
  constructor(options: ZeroDivisionOptions) {
    super(options, checkZeroDivision, recallOf)
  }
}

/** The weighted harmonic mean of precision and recall. */
export class FBetaScore extends Score<FBetaOptions> {
  constructor(options: FBetaOptions) {
    super(options, checkBeta, fbetaOf, false)
  }
}

/** The harmonic mean of precision and recall. */
export class F1Score extends FBetaScore {
  constructor(options: ZeroDivisionOptions) {
    super({ ...options, beta: 1 })
  }
}
