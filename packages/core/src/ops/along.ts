// Elements picked along one dimension by position: what the gradients of selections (max, sort, median…) are made of.
import type { Tensor } from '../tensor/tensor.js'
import { fillRaw } from './creation.js'
import { scatterAdd } from './indexing.js'
import { keptShape } from './reduce.js'
import { reshape } from './views.js'

/** Zeros of `size` along `dim`, with `source` added at `indices`. */
export function putAlong(source: Tensor, indices: Tensor, dim: number, size: number): Tensor {
  const shape = [...source.shape]
  if (shape.length > 0) shape[dim] = size
  return scatterAdd(fillRaw(shape, 0, source.dtype, source.device), dim, indices, source)
}

/** The gradient of a tensor of `shape` from that of one selected element a line. */
export function selectedGrad(grad: Tensor, indices: Tensor, shape: readonly number[], dim: number): Tensor {
  const kept = keptShape(shape, [dim])
  return putAlong(reshape(grad, kept), reshape(indices, kept), dim, shape[dim] ?? 1)
}
