// Which singular values count: tolerances, ranks.
import { ArgumentError, describe } from '../../errors.js'
import type { DType } from '../../tensor/dtype.js'
import { Tensor } from '../../tensor/tensor.js'
import { abs, mul } from '../arithmetic.js'
import { gt } from '../comparison.js'
import { full, zeros } from '../creation.js'
import { composite } from '../dispatch.js'
import { maximum } from '../extrema.js'
import type { FunctionOp } from '../record.js'
import { castRaw } from '../reduce.js'
import { amax, sum } from '../reductions.js'
import { unsqueeze } from '../views.js'
import { eigvalsh } from './eigen.js'
import { batchOf, checkLapack, checkMatrices, checkSquare, colsOf, rowsOf } from './shared.js'
import { svdvals } from './svd.js'

/** The distance from 1 to the next number of the dtype's real part. */
export const epsilonOf = (dtype: DType): number =>
  dtype === 'float64' || dtype === 'complex128'
    ? 2 ** -52
    : dtype === 'bfloat16'
      ? 2 ** -7
      : dtype === 'float16'
        ? 2 ** -10
        : 2 ** -23

/** Bounds below which a singular value counts as zero. */
export interface ToleranceOptions {
  /** An absolute bound; of the batch's shape where it is a tensor. Default 0. */
  readonly atol?: number | Tensor | null
  /** A bound relative to the largest singular value. Default max(M, N)·ε, or 0 where atol is given and positive. */
  readonly rtol?: number | Tensor | null
  /** The matrices are Hermitian: their eigenvalues tell. Default false. */
  readonly hermitian?: boolean
}

/** max(atol, rtol·largest), of the shape of `largest`, which has the batch's. */
export function toleranceOf(operation: string, A: Tensor, largest: Tensor, { atol, rtol }: ToleranceOptions): Tensor {
  const real = (name: string, value: number | Tensor): Tensor => {
    if (value instanceof Tensor) return castRaw(value.detach(), largest.dtype)
    if (typeof value !== 'number')
      throw new ArgumentError(`${operation}: expected a number or tensor for ${name}, got ${describe(value)}`)
    return full([], value, { dtype: largest.dtype, device: A.device })
  }
  const absolute = real('atol', atol ?? 0)
  const fallback = Math.max(rowsOf(A), colsOf(A)) * epsilonOf(A.dtype)
  let relative: Tensor
  if (rtol !== undefined && rtol !== null) relative = real('rtol', rtol)
  else if (atol instanceof Tensor) relative = mul(castRaw(gt(absolute, 0).logicalNot(), largest.dtype), fallback)
  else relative = real('rtol', typeof atol === 'number' && atol > 0 ? 0 : fallback)
  return maximum(absolute, mul(relative, largest))
}

/**
 * The number of singular values that are greater than max(atol, rtol·σ₁).
 *
 * @param A shape […, M, N]
 * @returns int64 of the batch's shape
 */
export const matrixRank: FunctionOp<[A: Tensor, options?: ToleranceOptions], Tensor> = composite(
  'linalg.matrix_rank(A, {atol, rtol, hermitian})',
  (A: Tensor, options: ToleranceOptions = {}): Tensor => {
    const { hermitian = false } = options
    checkMatrices('linalg.matrix_rank', A)
    checkLapack('linalg.matrix_rank', A)
    if (hermitian) checkSquare('linalg.matrix_rank', A)
    if (rowsOf(A) === 0 || colsOf(A) === 0) return zeros([...batchOf(A)], { dtype: 'int64', device: A.device })
    const data = A.detach()
    const S = hermitian ? abs(eigvalsh(data)) : svdvals(data)
    const bound = toleranceOf('linalg.matrix_rank', A, amax(S, -1), options)
    return sum(gt(S, unsqueeze(bound, -1)), -1)
  },
)
