// What convolutions and pooling share: sizes along spatial dimensions, batches that are not there, blocked layouts.
import * as kernels from '../../binding/kernels.gen.js'
import { native } from '../../binding/native.js'
import { ArgumentError, describe, ShapeError } from '../../errors.js'
import { allocate } from '../../tensor/create.js'
import { isCuda } from '../../tensor/device.js'
import type { DType } from '../../tensor/dtype.js'
import { formatShape } from '../../tensor/shape.js'
import { blockedStrides } from '../../tensor/storage.js'
import type { Tensor } from '../../tensor/tensor.js'
import { contiguousRaw } from '../inplace.js'
import { reshape } from '../views.js'

/** A number for every spatial dimension, or one for all. */
export type Sizes = number | readonly number[]

/** The sizes spread out. @throws ArgumentError when one is not an integer of at least `least` */
export function spread(operation: string, name: string, value: unknown, spatial: number, least: number): number[] {
  const list = typeof value === 'number' ? new Array<number>(spatial).fill(value) : value
  const wanted = `${spatial === 1 ? 'an integer' : `${spatial} integers`} ≥ ${least}`
  if (!Array.isArray(list))
    throw new ArgumentError(`${operation}: expected ${wanted} for ${name}, got ${describe(value)}`)
  const full: unknown[] = list.length === 1 ? new Array<unknown>(spatial).fill(list[0]) : list
  if (full.length !== spatial || full.some((n) => typeof n !== 'number' || !Number.isInteger(n) || n < least))
    throw new ArgumentError(`${operation}: expected ${wanted} for ${name}, got ${describe(value)}`)
  return full as number[]
}

/** Runs `body` on a batch: an input without a batch dimension gets one for the call. */
export function batched(operation: string, input: Tensor, spatial: number, body: (batch: Tensor) => Tensor): Tensor {
  if (input.ndim === spatial + 2) return body(input)
  if (input.ndim !== spatial + 1)
    throw new ShapeError(
      `${operation}: expected an input of ${spatial + 2} dimensions, or ${spatial + 1} without a batch, got shape ${formatShape(input.shape)}`,
    )
  const out = body(reshape(input, [1, ...input.shape]))
  return reshape(out, out.shape.slice(1))
}

/** Floats in a block of channels on this machine; 0 where blocks bring nothing. */
const block = native.preferredBlock

/** An uninitialised result of [N, C, …]: in blocks of channels where convolutions gain from them. */
export function allocateActivation(shape: readonly number[], dtype: DType, like: Tensor): Tensor {
  const out = allocate(shape, dtype, like.device)
  if (
    block > 0 &&
    !isCuda(like.device) &&
    dtype === 'float32' &&
    shape[1] % block === 0 &&
    shape[1] > 0 &&
    out.numel() > 0
  )
    out.storage.makeBlocked(block, shape, out.code)
  return out
}

/** An uninitialised tensor of the given shape in the layout of `like`, whose channels are as many. */
export function allocateInLayoutOf(like: Tensor, shape: readonly number[], dtype: DType = like.dtype): Tensor {
  const out = allocate(shape, dtype, like.device)
  if (like.storage.layout !== 0) out.storage.makeBlocked(like.storage.layout, shape, out.code)
  return out
}

/** The tensor as the kernels of this folder read it: blocked, or contiguous. */
export const dense = (t: Tensor): Tensor => (t.storage.layout !== 0 ? t : contiguousRaw(t))

/** The tensor in the layout of `like`, whose channels are as many: itself, or a copy. */
export function inLayoutOf(like: Tensor, t: Tensor): Tensor {
  const { layout } = like.storage
  if (t.storage.layout === layout) return dense(t)
  t.storage.makeStrided()
  const source = contiguousRaw(t)
  if (layout === 0) return source
  const out = allocateInLayoutOf(like, t.shape, t.dtype)
  const { split, plain, blocked } = blockedStrides(t.shape, layout)
  const { handle, device, base, meta } = out.storage
  kernels.copy(
    { storage: { handle, device, base, meta, layout: 0 }, code: out.code, shape: split, strides: blocked, offset: 0 },
    { storage: source.storage, code: source.code, shape: split, strides: plain, offset: source.offset },
  )
  return out
}
