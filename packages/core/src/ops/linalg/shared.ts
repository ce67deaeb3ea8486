// What the linear algebra operators share: checks, column-major copies for LAPACK, and small matrix helpers.
import * as kernels from '../../binding/kernels.gen.js'
import { explaining, type Failure } from '../../binding/status.js'
import { DeviceError, DTypeError, describe, LinAlgError, NativeError, ShapeError } from '../../errors.js'
import { alias, allocate } from '../../tensor/create.js'
import type { Device } from '../../tensor/device.js'
import { DTYPES, type DType, isDifferentiable } from '../../tensor/dtype.js'
import { broadcastShapes, formatShape, numelOf, sameShape } from '../../tensor/shape.js'
import { Tensor } from '../../tensor/tensor.js'
import { conj } from '../complex.js'
import { fillRaw } from '../creation.js'
import { diagonal } from '../slicing.js'
import { expand, permute, unsqueeze } from '../views.js'

export const swapLast = (shape: readonly number[]): number[] => [
  ...shape.slice(0, -2),
  shape[shape.length - 1],
  shape[shape.length - 2],
]

/** The transposes of the matrices in the last two dimensions. */
export const transposed = (t: Tensor): Tensor =>
  permute(t, [...Array.from({ length: t.ndim - 2 }, (_, i) => i), t.ndim - 1, t.ndim - 2])

/** The conjugate transposes of the matrices in the last two dimensions. */
export const adjoint = (t: Tensor): Tensor => conj(transposed(t))

/** The diagonals of the matrices in the last two dimensions. */
export const diagonals = (t: Tensor): Tensor => diagonal(t, 0, -2, -1)

/** A vector's elements as factors of the columns, and of the rows, of matrices. */
export const perColumn = (t: Tensor): Tensor => unsqueeze(t, -2)
export const perRow = (t: Tensor): Tensor => unsqueeze(t, -1)

export const rowsOf = (t: Tensor): number => t.shape[t.ndim - 2]
export const colsOf = (t: Tensor): number => t.shape[t.ndim - 1]
export const batchOf = (t: Tensor): readonly number[] => t.shape.slice(0, -2)

/** Throws unless `t` is a tensor of matrices. */
export function checkMatrices(operation: string, t: Tensor, name = 'A'): void {
  if (!(t instanceof Tensor)) throw new ShapeError(`${operation}: expected a tensor for ${name}, got ${describe(t)}`)
  if (t.ndim < 2)
    throw new ShapeError(
      `${operation}: expected ${name} of at least 2 dimensions, whose last two are matrices, got shape ${formatShape(t.shape)}`,
    )
}

/** Throws unless `t` is a tensor of square matrices. */
export function checkSquare(operation: string, t: Tensor, name = 'A'): void {
  checkMatrices(operation, t, name)
  if (rowsOf(t) !== colsOf(t))
    throw new ShapeError(`${operation}: expected square matrices for ${name}, got shape ${formatShape(t.shape)}`)
}

/** Throws unless LAPACK has the dtype of all, and they share it and their device. */
export function checkLapack(operation: string, ...tensors: Tensor[]): void {
  const [first] = tensors
  for (const t of tensors) {
    if (!isDifferentiable(t.dtype) || DTYPES[t.dtype].compute !== t.dtype)
      throw new DTypeError(
        `${operation}: expected float32, float64, complex64 or complex128, got ${t.dtype}; convert it first`,
      )
    if (t.dtype !== first.dtype)
      throw new DTypeError(`${operation}: expected tensors of one dtype, got ${first.dtype} and ${t.dtype}`)
    if (t.device !== first.device)
      throw new DeviceError(`${operation}: expected tensors on one device, got ${first.device} and ${t.device}`)
  }
}

/** An uninitialised batch of matrices, each column-major, as LAPACK writes them. */
export function allocateColumns(shape: readonly number[], dtype: DType, device: Device): Tensor {
  const out = allocate(swapLast(shape), dtype, device)
  out.shape = shape
  out.strides = swapLast(out.strides)
  return out
}

/** A column-major copy, to be worked on. */
export function columns(t: Tensor): Tensor {
  const out = allocateColumns(t.shape, t.dtype, t.device)
  kernels.copy(out, t)
  return out
}

/** Whether the matrices lie column-major, one after another. */
export function isColumns(t: Tensor): boolean {
  let expected = 1
  for (let i = 0; i < t.ndim; i++) {
    // The rows vary fastest, then the columns, then the batch from its last dimension.
    const d = i === 0 ? t.ndim - 2 : i === 1 ? t.ndim - 1 : t.ndim - 1 - i
    if (t.shape[d] !== 1 && t.strides[d] !== expected) return numelOf(t.shape) === 0
    expected *= t.shape[d]
  }
  return true
}

/** The tensor itself where it is column-major, else such a copy; to be read. */
export const asColumns = (t: Tensor): Tensor => (isColumns(t) ? t : columns(t))

/** One of LAPACK's answers a matrix. */
export const allocateInfo = (batch: readonly number[], device: Device): Tensor => allocate(batch, 'int32', device)

/** Throws a LinAlgError where one of LAPACK's answers is not 0; `reason` says what its value means. */
export function checkInfo(operation: string, info: Tensor, reason: (value: number) => string): void {
  explaining(
    (failure: Failure) => {
      if (failure.code !== 'singular') return new NativeError(`${operation}: the check of its result failed`)
      const which = info.ndim === 0 ? '' : `(matrix ${failure.position} of the batch) `
      return failure.value < 0
        ? new LinAlgError(`${operation}: ${which}the input has values that are not finite`)
        : new LinAlgError(`${operation}: ${which}${reason(failure.value)}`)
    },
    () => kernels.checkInfo(info),
  )
}

/** Both with the same leading dimensions, and these. */
export function broadcastBatch(operation: string, a: Tensor, b: Tensor): [Tensor, Tensor] {
  const batch = broadcastShapes(operation, batchOf(a), batchOf(b))
  return [expandBatch(a, batch), expandBatch(b, batch)]
}

/** The tensor with its leading dimensions expanded to `batch`. */
export const expandBatch = (t: Tensor, batch: readonly number[]): Tensor =>
  sameShape(batchOf(t), batch) ? t : expand(t, [...batch, ...t.shape.slice(-2)])

/** Identity matrices, without history. */
export function identity(batch: readonly number[], n: number, dtype: DType, device: Device): Tensor {
  const out = fillRaw([...batch, n, n], 0, dtype, device)
  const step = n + 1
  const strides = [...out.strides.slice(0, -2), step]
  if (numelOf(out.shape) > 0) kernels.fill(alias(out, [...batch, n], strides), 1)
  return out
}
