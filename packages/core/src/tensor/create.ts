// Making tensors and aliases of storages: the host decides shape and dtype, and allocates.
import type { Device } from './device.js'
import { DTYPES, type DType } from './dtype.js'
import { contiguousStrides, numelOf } from './shape.js'
import { Storage } from './storage.js'
import { Tensor } from './tensor.js'

/** An uninitialised, contiguous tensor. */
export function allocate(shape: readonly number[], dtype: DType, device: Device): Tensor {
  const storage = Storage.allocate(numelOf(shape) * DTYPES[dtype].size, device)
  return new Tensor(storage, dtype, shape, contiguousStrides(shape), 0)
}

/** Another view of the same storage, without history. */
export function alias(
  t: Tensor,
  shape: readonly number[] = t.shape,
  strides: readonly number[] = t.strides,
  offset: number = t.offset,
): Tensor {
  return new Tensor(t.storage, t.dtype, shape, strides, offset)
}

/** Strides of a dense tensor whose dimensions lie in memory in the order of `t`'s: PyTorch's preserve_format. */
export function preservedStrides({ shape, strides }: Tensor): readonly number[] {
  // Innermost first; 0 strides say nothing about the order, so those dimensions stay where they are.
  const order = shape.map((_, i) => shape.length - 1 - i)
  const after = (a: number, b: number): number =>
    strides[a] === 0 || strides[b] === 0 ? 0 : strides[a] - strides[b] || Math.max(shape[a] - shape[b], 0)
  for (let i = 1; i < order.length; i++) {
    let at = i
    for (let before = i - 1; before >= 0; before--) {
      const comparison = after(order[before], order[at])
      if (comparison < 0) break
      if (comparison === 0) continue
      ;[order[before], order[at]] = [order[at], order[before]]
      at = before
    }
  }
  const result = [...strides]
  let next = 1
  for (const dim of order) {
    result[dim] = next
    next *= Math.max(shape[dim], 1)
  }
  return result
}

/** An uninitialised, dense tensor that lies in memory as `t` does. */
export function allocatePreserving(t: Tensor, dtype: DType, device: Device): Tensor {
  const out = allocate(t.shape, dtype, device)
  if (!t.isContiguous()) out.strides = preservedStrides(t)
  return out
}
