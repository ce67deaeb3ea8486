// Metrics of values as they come: their mean, sum, extremes, or all of them.
import { noGrad } from '../autograd/mode.js'
import { ArgumentError, describe } from '../errors.js'
import { broadcastTo, cat, full, maximum, minimum, tensor } from '../ops/index.js'
import { isDifferentiable } from '../tensor/dtype.js'
import { Tensor } from '../tensor/tensor.js'
import { collected, Metric, type MetricState, type StateEntries, type StateEntry, summed } from './metric.js'

/** What becomes of NaN: an error, left out with a warning, left out, kept, or replaced by a number. */
export type NanStrategy = 'error' | 'warn' | 'ignore' | 'disable' | number

/** The options of an aggregation. */
export interface AggregationOptions {
  /** Default 'warn'. */
  readonly nanStrategy?: NanStrategy
}

const STRATEGIES: readonly unknown[] = ['error', 'warn', 'ignore', 'disable']

function checkStrategy(metric: string, strategy: NanStrategy): NanStrategy {
  if (typeof strategy !== 'number' && !STRATEGIES.includes(strategy))
    throw new ArgumentError(
      `${metric}: expected nanStrategy 'error', 'warn', 'ignore', 'disable' or a number, got ${describe(strategy)}`,
    )
  return strategy
}

const floating = (value: Tensor | number): Tensor => {
  const t = value instanceof Tensor ? value.detach() : tensor(value, { dtype: 'float32' })
  return isDifferentiable(t.dtype) ? t : t.to('float32')
}

abstract class Aggregation<S extends MetricState> extends Metric<
  S,
  [value: Tensor | number, weight?: Tensor | number]
> {
  readonly nanStrategy: NanStrategy

  constructor(entries: StateEntries<S>, { nanStrategy = 'warn' }: AggregationOptions) {
    super(entries)
    this.nanStrategy = checkStrategy(this.constructor.name, nanStrategy)
  }

  /** The values in one dimension, each with its weight, with NaN dealt with. */
  protected clean(value: Tensor | number, weight: Tensor | number = 1): { values: Tensor; weights: Tensor } {
    const name = this.constructor.name
    let values = floating(value)
    let weights = broadcastTo(floating(weight).to(values.device), values.shape).reshape([-1])
    values = values.reshape([-1])
    if (this.nanStrategy === 'disable') return { values, weights }
    const bad = values.isnan().logicalOr(weights.isnan())
    if (!bad.any().item()) return { values, weights }
    if (this.nanStrategy === 'error')
      throw new ArgumentError(
        `${name}: got NaN; look for the step at which it first occurs, or leave it out by { nanStrategy: 'ignore' }`,
      )
    if (typeof this.nanStrategy === 'number') {
      values = values.maskedFill(bad, this.nanStrategy)
      weights = weights.maskedFill(bad, 1)
    } else {
      if (this.nanStrategy === 'warn')
        process.emitWarning(
          `${name}: ${bad.sum().item()} values are NaN and are left out; look for the step at which the first occurs, ` +
            `or set nanStrategy: 'error' to stop there, 'ignore' to be silent`,
          'MetricWarning',
        )
      const good = bad.logicalNot()
      values = values.maskedSelect(good)
      weights = weights.maskedSelect(good)
    }
    return { values, weights }
  }
}

/**
 * The mean of all values, each with its weight.
 *
 * @example
 * ```ts
 * import { tensor } from '@flambeau/core'
 * import { MeanMetric } from '@flambeau/core/metrics'
 * const mean = new MeanMetric()
 * mean.update(1)
 * mean.update(tensor([2, 3]))
 * console.log(mean.compute().item()) // → 2
 * ```
 */
export class MeanMetric extends Aggregation<{ sum: Tensor; weight: Tensor }> {
  constructor(options: AggregationOptions = {}) {
    super({ sum: summed(), weight: summed() }, options)
  }

  /** Takes values in. @param weight of each value. Default 1 */
  override update(value: Tensor | number, weight?: Tensor | number): void {
    const { values, weights } = this.clean(value, weight)
    if (values.numel() === 0) return
    this.add('sum', values.mul(weights).sum())
    this.add('weight', weights.sum())
  }

  override compute(): Tensor {
    return this.state.sum.div(this.state.weight)
  }
}

/** The sum of all values. */
export class SumMetric extends Aggregation<{ sum: Tensor }> {
  constructor(options: AggregationOptions = {}) {
    super({ sum: summed() }, options)
  }

  override update(value: Tensor | number): void {
    this.add('sum', this.clean(value).values.sum())
  }

  override compute(): Tensor {
    return this.state.sum
  }
}

const extreme = (start: number, reduction: 'max' | 'min'): StateEntry<Tensor> => ({
  initial: () => full([], start, { dtype: 'float32' }),
  reduction,
})

abstract class Extreme extends Aggregation<{ value: Tensor }> {
  protected abstract of(values: Tensor): Tensor
  protected abstract either(a: Tensor, b: Tensor): Tensor

  override update(value: Tensor | number): void {
    const { values } = this.clean(value)
    if (values.numel() === 0) return
    noGrad(() => {
      this.state.value = this.either(this.state.value.to(values.device), this.of(values))
    })
  }

  override compute(): Tensor {
    return this.state.value
  }
}

/** The largest of all values; −∞ before there is one. */
export class MaxMetric extends Extreme {
  override readonly higherIsBetter = true

  constructor(options: AggregationOptions = {}) {
    super({ value: extreme(Number.NEGATIVE_INFINITY, 'max') }, options)
  }

  protected of(values: Tensor): Tensor {
    return values.amax()
  }

  protected either(a: Tensor, b: Tensor): Tensor {
    return maximum(a, b)
  }
}

/** The smallest of all values; ∞ before there is one. */
export class MinMetric extends Extreme {
  override readonly higherIsBetter = false

  constructor(options: AggregationOptions = {}) {
    super({ value: extreme(Number.POSITIVE_INFINITY, 'min') }, options)
  }

  protected of(values: Tensor): Tensor {
    return values.amin()
  }

  protected either(a: Tensor, b: Tensor): Tensor {
    return minimum(a, b)
  }
}

/** All values, one after the other. */
export class CatMetric extends Aggregation<{ value: Tensor[] }> {
  constructor(options: AggregationOptions = {}) {
    super({ value: collected() }, options)
  }

  override update(value: Tensor | number): void {
    const { values } = this.clean(value)
    if (values.numel() > 0) this.append('value', values)
  }

  override compute(): Tensor {
    return this.state.value.length === 0 ? tensor([]) : cat(this.state.value)
  }
}
