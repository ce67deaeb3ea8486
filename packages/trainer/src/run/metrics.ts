// The metrics that a module has: their states are part of what a run must go on from.
import { type AnyMetric, Metric, MetricCollection } from '@flambeau/core/metrics'
import type { AnyLightningModule } from '../types.js'

/** Metrics and collections that are properties of the module or of modules below it, alone or in a list, by path. */
export function metricsOf(module: AnyLightningModule): Map<string, AnyMetric | MetricCollection> {
  const found = new Map<string, AnyMetric | MetricCollection>()
  const look = (path: string, value: unknown): void => {
    if (value instanceof Metric || value instanceof MetricCollection) found.set(path, value)
  }
  for (const [prefix, owner] of module.namedModules())
    for (const [key, value] of Object.entries(owner)) {
      const path = prefix === '' ? key : `${prefix}.${key}`
      look(path, value)
      if (Array.isArray(value)) for (const [i, item] of value.entries()) look(`${path}.${i}`, item)
    }
  return found
}

/** Every single metric by its path, those within collections included. */
export function singleMetricsOf(module: AnyLightningModule): Map<string, AnyMetric> {
  const found = new Map<string, AnyMetric>()
  for (const [path, metric] of metricsOf(module))
    if (metric instanceof Metric) found.set(path, metric)
    else for (const [name, inner] of Object.entries(metric.metrics)) found.set(`${path}.${name}`, inner)
  return found
}
