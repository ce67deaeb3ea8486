// Tensors inside of arrays and plain objects.
import { Tensor } from '@flambeau/core'

/** The same structure, with `fn` of each tensor. */
export function mapTensors(value: unknown, fn: (t: Tensor) => Tensor): unknown {
  if (value instanceof Tensor) return fn(value)
  if (Array.isArray(value)) return value.map((item) => mapTensors(item, fn))
  if (isPlain(value)) return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mapTensors(item, fn)]))
  return value
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  // Objects of other realms have another Object.prototype, but theirs has no prototype either.
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

/** The number of samples of a batch: the first size of the first tensor that has one. */
export function batchSizeOf(batch: unknown): number {
  if (batch instanceof Tensor) return batch.shape[0] ?? 1
  const items: unknown[] = Array.isArray(batch) ? batch : isPlain(batch) ? Object.values(batch) : []
  for (const item of items) {
    if (item instanceof Tensor ? item.ndim > 0 : typeof item === 'object') return batchSizeOf(item)
  }
  return 1
}
