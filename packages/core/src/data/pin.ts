// Batches in pinned memory.
import { Tensor } from '../tensor/tensor.js'

/** What pins its own tensors, as batches of a `collateFn` of one's own may. */
interface Pinnable {
  pinMemory(): unknown
}
const isPinnable = (value: object): value is Pinnable => 'pinMemory' in value && typeof value.pinMemory === 'function'

/** The batch with the CPU's tensors among its arrays and plain objects in pinned memory. */
export function pinned(batch: unknown): unknown {
  if (batch instanceof Tensor) return batch.device === 'cpu' ? batch.pinMemory() : batch
  if (Array.isArray(batch)) return batch.map(pinned)
  if (typeof batch !== 'object' || batch === null) return batch
  if (isPinnable(batch)) return batch.pinMemory()
  const prototype: unknown = Object.getPrototypeOf(batch)
  // Objects of other realms have another Object.prototype, but theirs has no prototype either.
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) return batch
  return Object.fromEntries(Object.entries(batch).map(([name, item]) => [name, pinned(item)]))
}
