// What the reductions share: dimensions, result shapes, the kernel call, and the way back for gradients.
import * as kernels from '../binding/kernels.gen.js'
import { DTypeError } from '../errors.js'
import { allocate } from '../tensor/create.js'
import { checkDType, type DType, isComplex, isFloating } from '../tensor/dtype.js'
import { contiguousStrides, wrapDims } from '../tensor/shape.js'
import type { Tensor } from '../tensor/tensor.js'
import { expand, reshape } from './views.js'

/** The dimensions to reduce: one, several, or all for null. */
export type Dim = number | readonly number[] | null

export interface KeepdimOptions {
  /** Keep the reduced dimensions, with size 1. Default false. */
  readonly keepdim?: boolean
}

export interface ReduceOptions extends KeepdimOptions {
  /** Convert to this dtype first; the result has it. */
  readonly dtype?: DType
}

/** ReduceOp of native/src/cpu/reduce.cpp. */
export const REDUCE = {
  sum: 0,
  mean: 1,
  prod: 2,
  amax: 3,
  amin: 4,
  any: 5,
  all: 6,
  countNonzero: 7,
  nansum: 8,
  norm1: 9,
  norm2: 10,
  normInf: 11,
  normNegInf: 12,
  normP: 13,
} as const

/** The shape with size 1 in `dims`. */
export function keptShape(shape: readonly number[], dims: readonly number[]): number[] {
  const kept = [...shape]
  for (const d of dims) if (d < kept.length) kept[d] = 1
  return kept
}

/** The shape without `dims`. */
export const droppedShape = (shape: readonly number[], dims: readonly number[]): number[] =>
  shape.filter((_, d) => !dims.includes(d))

/** Dimensions in [0, ndim) of a reduction. A scalar may be reduced over dimension 0 or -1. */
export const reducedDims = (operation: string, dim: Dim | undefined, ndim: number): number[] =>
  wrapDims(operation, dim, ndim)

/** Drops `dims`, of size 1, from a fresh contiguous result. */
export function dropDims(out: Tensor, dims: readonly number[]): Tensor {
  out.shape = droppedShape(out.shape, dims)
  out.strides = contiguousStrides(out.shape)
  return out
}

/** Runs the reduction kernel. */
export function reduceRaw(
  op: keyof typeof REDUCE,
  self: Tensor,
  dims: readonly number[],
  keepdim: boolean,
  dtype: DType,
  param = 0,
): Tensor {
  const out = allocate(keptShape(self.shape, dims), dtype, self.device)
  kernels.reduce(out, self, REDUCE[op], param)
  return keepdim ? out : dropDims(out, dims)
}

/** The values in another dtype, without history. */
export function castRaw(t: Tensor, dtype: DType): Tensor {
  if (t.dtype === dtype) return t
  const out = allocate(t.shape, dtype, t.device)
  kernels.copy(out, t)
  return out
}

/** A result of a reduction with its dimensions of size 1 back. */
export const unreduce = (t: Tensor, shape: readonly number[], dims: readonly number[], keepdim: boolean): Tensor =>
  keepdim || shape.length === 0 ? t : reshape(t, keptShape(shape, dims))

/** A gradient of the result, repeated to the shape of the input. */
export const expandReduced = (
  grad: Tensor,
  shape: readonly number[],
  dims: readonly number[],
  keepdim: boolean,
): Tensor => expand(unreduce(grad, shape, dims, keepdim), shape)

/** The `dtype` option, checked. */
export const dtypeOption = (operation: string, dtype: DType | undefined): DType | undefined =>
  dtype === undefined || dtype === null ? undefined : checkDType(operation, dtype)

/** Throws unless `dtype` is floating-point or complex. */
export function checkInexact(operation: string, dtype: DType, what = 'input'): void {
  if (!isFloating(dtype) && !isComplex(dtype))
    throw new DTypeError(
      `${operation}: expected a floating-point or complex dtype for ${what}, got ${dtype}; convert it or pass a dtype`,
    )
}
