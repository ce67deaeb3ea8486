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
