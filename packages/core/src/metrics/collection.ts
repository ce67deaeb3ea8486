// Several metrics of the same predictions, as one.
import { ArgumentError, describe } from '../errors.js'
import type { Tensor } from '../tensor/tensor.js'
import { type AnyMetric, Metric } from './metric.js'

/** The options of a `MetricCollection`. */
export interface MetricCollectionOptions {
  /** Comes before every name of a result. */
  readonly prefix?: string
  /** Comes after every name of a result. */
  readonly postfix?: string
}

/**
 * Metrics by name, all updated with the same arguments; `compute` gives their values by name.
 *
 * @example
 * ```ts
 * import { tensor } from '@flambeau/core'
 * import { Accuracy, MetricCollection, Precision } from '@flambeau/core/metrics'
 * const metrics = new MetricCollection(
 *   { accuracy: new Accuracy({ task: 'binary' }), precision: new Precision({ task: 'binary' }) },
 *   { prefix: 'val_' },
 * )
 * metrics.update(tensor([0.9, 0.8, 0.1]), tensor([1n, 0n, 0n]))
 * console.log(Object.keys(metrics.compute())) // → [ 'val_accuracy', 'val_precision' ]
 * ```
 */
export class MetricCollection<Args extends unknown[] = [preds: Tensor, target: Tensor]> {
  readonly metrics: Readonly<Record<string, AnyMetric>>
  readonly prefix: string
  readonly postfix: string

  /** @param metrics by name, or a list, whose names are those of the classes */
  constructor(
    metrics: Readonly<Record<string, AnyMetric>> | readonly AnyMetric[],
    options: MetricCollectionOptions = {},
  ) {
    this.metrics = Array.isArray(metrics) ? named(metrics) : { ...(metrics as Record<string, AnyMetric>) }
    for (const [name, metric] of Object.entries(this.metrics))
      if (!(metric instanceof Metric))
        throw new ArgumentError(`MetricCollection: expected a metric as '${name}', got ${describe(metric)}`)
    this.prefix = options.prefix ?? ''
    this.postfix = options.postfix ?? ''
  }

  /** Takes a batch into every metric. */
  update(...args: Args): void {
    for (const metric of Object.values(this.metrics)) metric.update(...args)
  }

  /** The value of each metric by name; those of a metric that gives several are each a value. */
  compute(): Record<string, unknown> {
    return this.#collect((metric) => metric.compute())
  }

  /** Takes a batch into every metric. @returns the values of this batch alone */
  forward(...args: Args): Record<string, unknown> {
    return this.#collect((metric) => metric.forward(...args))
  }

  #collect(value: (metric: AnyMetric) => unknown): Record<string, unknown> {
    const result: Record<string, unknown> = {}
    for (const [name, metric] of Object.entries(this.metrics))
      result[`${this.prefix}${name}${this.postfix}`] = value(metric)
    return result
  }

  /** Begins all anew. */
  reset(): void {
    for (const metric of Object.values(this.metrics)) metric.reset()
  }

  /** A collection like this one with states of its own, and other names for its results. */
  clone(options: MetricCollectionOptions = {}): MetricCollection<Args> {
    const copies = Object.fromEntries(Object.entries(this.metrics).map(([name, metric]) => [name, metric.clone()]))
    return new MetricCollection(copies, { prefix: this.prefix, postfix: this.postfix, ...options })
  }

  /** The states by the metrics' names. */
  stateDict(): Record<string, unknown> {
    return Object.fromEntries(Object.entries(this.metrics).map(([name, metric]) => [name, metric.stateDict()]))
  }

  /** Goes on from states. @throws ArgumentError where a metric's is missing */
  loadStateDict(state: { readonly [name: string]: unknown }): void {
    for (const name of Object.keys(this.metrics))
      if (typeof state?.[name] !== 'object' || state[name] === null)
        throw new ArgumentError(
          `MetricCollection.loadStateDict: expected the state of '${name}', got ${describe(state?.[name])}`,
        )
    for (const [name, metric] of Object.entries(this.metrics))
      metric.loadStateDict(state[name] as Record<string, unknown>)
  }
}

function named(metrics: readonly AnyMetric[]): Record<string, AnyMetric> {
  const result: Record<string, AnyMetric> = {}
  for (const metric of metrics) {
    const name = metric instanceof Metric ? metric.constructor.name : describe(metric)
    if (name in result)
      throw new ArgumentError(`MetricCollection: two metrics are named ${name}; give them as { name: metric }`)
    result[name] = metric
  }
  return result
}
