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

/** An uninitialised, contiguous tensor of the shape and on the device of `t`, which is contiguous. */
export function allocateSame(t: Tensor, dtype: DType): Tensor {
  const { shape, storage } = t
  const made = Storage.allocate(numelOf(shape) * DTYPES[dtype].size, storage.device)
  // Only dimensions of one element, or of none, leave a contiguous tensor a choice of strides.
  let strides = t.strides
  for (let i = 0; i < shape.length; i++) if (shape[i] < 2) strides = contiguousStrides(shape)
  return new Tensor(made, dtype, shape, strides, 0)
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

/**
 * Strides of a dense tensor of `shape` whose dimensions lie in memory as those of the operands do, of which `strides` has each
 * one's after broadcasting: the first that tells two dimensions apart decides.
 */
export function agreedStrides(shape: readonly number[], strides: readonly (readonly number[])[]): readonly number[] {
  // Innermost first; 0 strides say nothing about the order, so those dimensions stay where they are.
  const order = shape.map((_, i) => shape.length - 1 - i)
  const after = (a: number, b: number): number => {
    for (const s of strides) {
      if (s[a] === 0 || s[b] === 0) continue
      const difference = s[a] - s[b] || Math.max(shape[a] - shape[b], 0)
      if (difference !== 0) return difference
    }
    return 0
  }
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
  const result = new Array<number>(shape.length)
  let next = 1
  for (const dim of order) {
    result[dim] = next
    next *= Math.max(shape[dim], 1)
  }
  return result
}

/** Strides of a dense tensor whose dimensions lie in memory in the order of `t`'s: PyTorch's preserve_format. */
export const preservedStrides = ({ shape, strides }: Tensor): readonly number[] => agreedStrides(shape, [strides])

/** An uninitialised, dense tensor that lies in memory as `t` does. */
export function allocatePreserving(t: Tensor, dtype: DType, device: Device): Tensor {
  const out = allocate(t.shape, dtype, device)
  if (!t.isContiguous()) out.strides = preservedStrides(t)
  return out
}
