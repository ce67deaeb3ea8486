// Metrics of numbers: squared and absolute errors, and the coefficient of determination.
import { noGrad } from '../autograd/mode.js'
import { ArgumentError, describe, ShapeError } from '../errors.js'
import { onesLike, where } from '../ops/index.js'
import { formatShape } from '../tensor/shape.js'
import type { Tensor } from '../tensor/tensor.js'
import { checkPair } from './check.js'
import { Metric, summed } from './metric.js'

/** The options of `MeanSquaredError`. */
export interface MeanSquaredErrorOptions extends ErrorOptions {
  /** Whether the root is not taken. Default true. */
  readonly squared?: boolean
}

/** The options of `MeanAbsoluteError`. */
export interface ErrorOptions {
  /** How many values a sample has, each with an error of its own. Default 1: one error over all. */
  readonly numOutputs?: number
}

/** The options of `R2Score`. */
export interface R2ScoreOptions {
  /** The number of independent regressors by which the score is adjusted. Default 0. */
  readonly adjusted?: number
  /** How the scores of several outputs become one. Default 'uniform_average'. */
  readonly multioutput?: 'raw_values' | 'uniform_average' | 'variance_weighted'
}

/** The sum over samples of an error, and their number. */
function summedError(
  metric: string,
  preds: Tensor,
  target: Tensor,
  numOutputs: number,
  error: (difference: Tensor) => Tensor,
): { sum: Tensor; count: number } {
  checkPair(metric, preds, target)
  const flat = (t: Tensor): Tensor => (numOutputs === 1 ? t.reshape([-1]) : t).to('float64')
  return {
    sum: error(flat(preds).sub(flat(target))).sum(0),
    count: numOutputs === 1 ? target.numel() : target.shape[0],
  }
}

/** A NaN is no error of a metric, but nobody should look for its cause in the wrong place. */
function warnOfNan(metric: string, result: Tensor, count: number): Tensor {
  if (count > 0 && result.isnan().any().item())
    process.emitWarning(
      `${metric} is NaN, because preds or target had NaN: look for the first batch with \`preds.isnan().any()\`, ` +
        'and for what it is made from (a division by 0, a diverged model)',
      'MetricWarning',
    )
  return result
}

const square = (t: Tensor): Tensor => t.mul(t)
const magnitude = (t: Tensor): Tensor => t.abs()

/** The mean of squared differences. @returns float32 []; [numOutputs] for several outputs */
export function meanSquaredError(preds: Tensor, target: Tensor, options: MeanSquaredErrorOptions = {}): Tensor {
  const { squared = true, numOutputs = 1 } = options
  const { sum, count } = summedError('meanSquaredError', preds, target, numOutputs, square)
  const mean = sum.div(count)
  return (squared ? mean : mean.sqrt()).to('float32')
}

/** The mean of absolute differences. @returns float32 []; [numOutputs] for several outputs */
export function meanAbsoluteError(preds: Tensor, target: Tensor, options: ErrorOptions = {}): Tensor {
  const { sum, count } = summedError('meanAbsoluteError', preds, target, options.numOutputs ?? 1, magnitude)
  return sum.div(count).to('float32')
}

function checkOutputs(metric: string, numOutputs: number): number {
  if (!Number.isInteger(numOutputs) || numOutputs < 1)
    throw new ArgumentError(`${metric}: expected numOutputs ≥ 1, got ${describe(numOutputs)}`)
  return numOutputs
}

/**
 * The mean of squared differences.
 *
 * @example
 * ```ts
 * import { tensor } from '@flambeau/core'
 * import { MeanSquaredError } from '@flambeau/core/metrics'
 * const error = new MeanSquaredError()
 * error.update(tensor([1, 2]), tensor([1, 4]))
 * console.log(error.compute().item()) // → 2
 * ```
 */
export class MeanSquaredError extends Metric<{ sum: Tensor; count: Tensor }> {
  override readonly higherIsBetter = false
  readonly squared: boolean
  readonly numOutputs: number

  constructor({ squared = true, numOutputs = 1 }: MeanSquaredErrorOptions = {}) {
    super({ sum: summed(numOutputs === 1 ? [] : [numOutputs], 'float64'), count: summed([], 'int64') })
    this.squared = squared
    this.numOutputs = checkOutputs('MeanSquaredError', numOutputs)
  }

  override update(preds: Tensor, target: Tensor): void {
    noGrad(() => {
      const { sum, count } = summedError('MeanSquaredError', preds, target, this.numOutputs, square)
      this.add('sum', sum)
      this.add('count', count)
    })
  }

  override compute(): Tensor {
    const mean = this.state.sum.div(this.state.count)
    return warnOfNan(
      'MeanSquaredError',
      (this.squared ? mean : mean.sqrt()).to('float32'),
      this.state.count.item<number>(),
    )
  }
}

/** The mean of absolute differences. */
export class MeanAbsoluteError extends Metric<{ sum: Tensor; count: Tensor }> {
  override readonly higherIsBetter = false
  readonly numOutputs: number

  constructor({ numOutputs = 1 }: ErrorOptions = {}) {
    super({ sum: summed(numOutputs === 1 ? [] : [numOutputs], 'float64'), count: summed([], 'int64') })
    this.numOutputs = checkOutputs('MeanAbsoluteError', numOutputs)
  }

  override update(preds: Tensor, target: Tensor): void {
    noGrad(() => {
      const { sum, count } = summedError('MeanAbsoluteError', preds, target, this.numOutputs, magnitude)
      this.add('sum', sum)
      this.add('count', count)
    })
  }

  override compute(): Tensor {
    const mean = this.state.sum.div(this.state.count).to('float32')
    return warnOfNan('MeanAbsoluteError', mean, this.state.count.item<number>())
  }
}

type R2Sums = { squares: Tensor; sum: Tensor; residuals: Tensor }

function r2Sums(metric: string, preds: Tensor, target: Tensor): R2Sums {
  checkPair(metric, preds, target)
  if (preds.ndim < 1 || preds.ndim > 2)
    throw new ShapeError(`${metric}: expected preds [N] or [N, outputs], got ${formatShape(preds.shape)}`)
  const truth = target.to('float64')
  const residual = truth.sub(preds.to('float64'))
  return { squares: square(truth).sum(0), sum: truth.sum(0), residuals: square(residual).sum(0) }
}

const MULTIOUTPUTS: readonly unknown[] = ['raw_values', 'uniform_average', 'variance_weighted']

function checkR2(metric: string, { adjusted = 0, multioutput = 'uniform_average' }: R2ScoreOptions): void {
  if (!Number.isInteger(adjusted) || adjusted < 0)
    throw new ArgumentError(`${metric}: expected adjusted to be an integer ≥ 0, got ${describe(adjusted)}`)
  if (!MULTIOUTPUTS.includes(multioutput))
    throw new ArgumentError(`${metric}: expected multioutput ${MULTIOUTPUTS.join(', ')}, got ${describe(multioutput)}`)
}

function r2Of(metric: string, { squares, sum, residuals }: R2Sums, count: number, options: R2ScoreOptions): Tensor {
  const { adjusted = 0, multioutput = 'uniform_average' } = options
  if (count < 2) throw new ArgumentError(`${metric}: expected at least 2 samples, got ${count}`)
  const total = squares.sub(sum.mul(sum.div(count)))
  // Below this a sum of squares counts as 0, as in torchmetrics.
  const [residual, varied] = [residuals.abs().le(1e-4).logicalNot(), total.abs().le(1e-4).logicalNot()]
  const one = onesLike(residuals)
  const scores = where(residual, where(varied, one.sub(residuals.div(total)), one.mul(0)), one)
  let r2 = scores
  if (multioutput === 'uniform_average') r2 = scores.mean()
  else if (multioutput === 'variance_weighted') r2 = total.div(total.sum()).mul(scores).sum()
  if (adjusted >= count - 1 && adjusted > 0)
    process.emitWarning(
      `${metric}: adjusted is ${adjusted} for ${count} samples, so the score is not adjusted; take more samples`,
      'MetricWarning',
    )
  else if (adjusted > 0)
    r2 = r2
      .mul(-1)
      .add(1)
      .mul(-(count - 1) / (count - adjusted - 1))
      .add(1)
  return r2.to('float32')
}

/** The coefficient of determination: 1 − Σ(y − ŷ)² / Σ(y − ȳ)². @see R2Score */
export function r2Score(preds: Tensor, target: Tensor, options: R2ScoreOptions = {}): Tensor {
  checkR2('r2Score', options)
  return r2Of('r2Score', r2Sums('r2Score', preds, target), target.shape[0], options)
}

/** The coefficient of determination: 1 − Σ(y − ŷ)² / Σ(y − ȳ)². */
export class R2Score extends Metric<{ squares: Tensor; sum: Tensor; residuals: Tensor; count: Tensor }> {
  override readonly higherIsBetter = true
  readonly options: R2ScoreOptions

  constructor(options: R2ScoreOptions = {}) {
    checkR2('R2Score', options)
    super({
      squares: summed([], 'float64'),
      sum: summed([], 'float64'),
      residuals: summed([], 'float64'),
      count: summed([], 'int64'),
    })
    this.options = options
  }

  override update(preds: Tensor, target: Tensor): void {
    noGrad(() => {
      const { squares, sum, residuals } = r2Sums('R2Score', preds, target)
      this.add('squares', squares)
      this.add('sum', sum)
      this.add('residuals', residuals)
      this.add('count', target.shape[0])
    })
  }

  override compute(): Tensor {
    const count = this.state.count.item<number>()
    return warnOfNan('R2Score', r2Of('R2Score', this.state, count, this.options), count)
  }
}
