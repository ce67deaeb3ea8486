// Norms of matrices, and condition numbers.
import { ArgumentError, DTypeError, describe, ShapeError } from '../../errors.js'
import { type DType, isComplex, toReal } from '../../tensor/dtype.js'
import { formatShape, wrapDim } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { div, mul } from '../arithmetic.js'
import { ne } from '../comparison.js'
import { maskedFill } from '../conditional.js'
import { to } from '../copies.js'
import { zeros } from '../creation.js'
import { composite } from '../dispatch.js'
import type { FunctionOp, Op } from '../record.js'
import { checkInexact, type Dim, dtypeOption, type ReduceOptions } from '../reduce.js'
import { amax, amin, sum } from '../reductions.js'
import { select } from '../slicing.js'
import { vectorNorm, vectorNormChecked } from '../statistics.js'
import { movedim, unsqueeze } from '../views.js'
import { batchOf, checkLapack, checkMatrices, checkSquare } from './shared.js'
import { invEx } from './solve.js'
import { svdvals } from './svd.js'

/** A norm of matrices: 'fro', 'nuc', ±2 of the singular values; ±1 and ±Infinity of the sums of columns and rows. */
export type MatrixOrder = 'fro' | 'nuc' | 1 | -1 | 2 | -2 | number

function convertedTo(operation: string, A: Tensor, dtype: DType | undefined): Tensor {
  const wanted = dtypeOption(operation, dtype)
  if (wanted === undefined) return A
  if (isComplex(A.dtype) !== isComplex(wanted))
    throw new DTypeError(`${operation}: expected a ${isComplex(A.dtype) ? 'complex' : 'real'} dtype, got ${wanted}`)
  return to(A, wanted)
}

function matrixNormOf(
  operation: string,
  A: Tensor,
  ord: MatrixOrder,
  dim: readonly number[],
  { keepdim = false, dtype }: ReduceOptions,
): Tensor {
  if (A.ndim < 2)
    throw new ShapeError(`${operation}: expected a tensor of at least 2 dimensions, got shape ${formatShape(A.shape)}`)
  checkInexact(operation, A.dtype)
  if (!Array.isArray(dim) || dim.length !== 2)
    throw new ArgumentError(`${operation}: expected two dimensions for dim, got ${describe(dim)}`)
  const [row, col] = dim.map((d: number) => wrapDim(operation, d, A.ndim))
  if (row === col)
    throw new ArgumentError(`${operation}: expected two different dimensions for dim, got ${describe(dim)}`)
  const x = convertedTo(operation, A, dtype)
  if (ord === 'fro') return vectorNorm(x, 2, [row, col], { keepdim })
  const known = typeof ord === 'number' ? [1, 2, Infinity].includes(Math.abs(ord)) : ord === 'nuc'
  if (!known)
    throw new ArgumentError(`${operation}: expected 'fro', 'nuc', ±1, ±2 or ±Infinity for ord, got ${describe(ord)}`)
  if (ord === 'nuc' || ord === 2 || ord === -2) {
    const S = svdvals(movedim(x, [row, col], [-2, -1]))
    const out = ord === 'nuc' ? sum(S, -1) : ord === 2 ? amax(S, -1) : amin(S, -1)
    if (!keepdim) return out
    const [first, second] = row < col ? [row, col] : [col, row]
    return unsqueeze(unsqueeze(out, first), second)
  }
  const [summed, searched] = Math.abs(ord as number) === 1 ? [row, col] : [col, row]
  const sums = vectorNorm(x, 1, summed, { keepdim: true })
  const out = (ord as number) > 0 ? amax(sums, searched, { keepdim: true }) : amin(sums, searched, { keepdim: true })
  if (keepdim) return out
  const [first, second] = row < col ? [row, col] : [col, row]
  return select(select(out, second, 0), first, 0)
}

/**
 * A norm of matrices.
 *
 * @param A shape […, M, N]
 * @param ord 'fro' (default): √Σ|x|²; 'nuc': the sum of the singular values; 2 and -2: the largest and smallest singular
 * value; 1 and -1: the largest and smallest sum of a column's magnitudes; ±Infinity: of a row's
 * @param dim the dimensions of rows and columns; default [-2, -1]
 * @example
 * ```ts
 * import { linalg, tensor } from '@flambeau/core'
 * console.log(linalg.matrixNorm(tensor([[1, -7], [2, 3]]), 1).item()) // → 10
 * ```
 */
export const matrixNorm: FunctionOp<
  [A: Tensor, ord?: MatrixOrder, dim?: readonly [number, number], options?: ReduceOptions],
  Tensor
> = composite(
  'linalg.matrix_norm(A, ord, dim, {keepdim, dtype})',
  (
    A: Tensor,
    ord: MatrixOrder = 'fro',
    dim: readonly [number, number] = [-2, -1],
    options: ReduceOptions = {},
  ): Tensor => matrixNormOf('linalg.matrix_norm', A, ord ?? 'fro', dim ?? [-2, -1], options),
)

const normOf: FunctionOp<[A: Tensor, ord?: MatrixOrder | null, dim?: Dim, options?: ReduceOptions], Tensor> = composite(
  'linalg.norm(A, ord, dim, {keepdim, dtype})',
  (A: Tensor, ord?: MatrixOrder | null, dim?: Dim, options: ReduceOptions = {}): Tensor => {
    const operation = 'linalg.norm'
    const list = dim === undefined || dim === null ? null : typeof dim === 'number' ? [dim] : dim
    if (list !== null && list.length !== 1 && list.length !== 2)
      throw new ArgumentError(`${operation}: expected one dimension or two for dim, got ${describe(dim)}`)
    if (ord === undefined || ord === null) return vectorNormChecked(operation, A, 2, list, options)
    if (list === null && A.ndim !== 1 && A.ndim !== 2)
      throw new ShapeError(
        `${operation}: expected a vector or matrix for ord ${describe(ord)} without dim, got shape ${formatShape(A.shape)}`,
      )
    const dims = list ?? (A.ndim === 2 ? [0, 1] : [0])
    if (dims.length === 2) return matrixNormOf(operation, A, ord, dims, options)
    if (typeof ord !== 'number')
      throw new ArgumentError(`${operation}: expected a number for the ord of a vector norm, got ${describe(ord)}`)
    return vectorNormChecked(operation, A, ord, dims, options)
  },
)

/**
 * A norm: of vectors along one dimension, of matrices in two, or without `ord` of all elements as one vector.
 *
 * @see vectorNorm, matrixNorm
 */
export { normOf }

/**
 * The p-norm over `dim`, or of all elements. @see linalg.vectorNorm
 *
 * @param p the exponent; 'fro' is 2, 'nuc' the nuclear norm of matrices
 */
export const norm: Op<[self: Tensor, p?: number | 'fro' | 'nuc' | null, dim?: Dim, options?: ReduceOptions]> =
  composite(
    'norm(self, p, dim, {keepdim, dtype})',
    (self: Tensor, p: number | 'fro' | 'nuc' | null = 'fro', dim?: Dim, options: ReduceOptions = {}): Tensor => {
      if (p === 'nuc') {
        const dims = dim ?? [0, 1]
        if (dim === undefined || dim === null) checkMatrix('norm', self)
        return matrixNormOf('norm', self, 'nuc', dims as readonly number[], options)
      }
      if (typeof p === 'string' && p !== 'fro')
        throw new ArgumentError(`norm: expected a number, 'fro' or 'nuc' for p, got ${describe(p)}`)
      return vectorNormChecked('norm', self, p === 'fro' || p === null ? 2 : p, dim, options)
    },
  )

function checkMatrix(operation: string, A: Tensor): void {
  if (A.ndim !== 2) throw new ShapeError(`${operation}: expected a matrix, got shape ${formatShape(A.shape)}`)
}

/**
 * The condition number κ(A) = ‖A‖·‖A⁻¹‖; Infinity for singular matrices.
 *
 * @param A shape […, M, N]; square but for the norms 2 and -2
 * @param p the norm; default 2: the ratio of the largest and the smallest singular value
 * @returns the batch's shape
 */
export const cond: FunctionOp<[A: Tensor, p?: MatrixOrder | null], Tensor> = composite(
  'linalg.cond(A, p)',
  (A: Tensor, p?: MatrixOrder | null): Tensor => {
    const operation = 'linalg.cond'
    checkMatrices(operation, A)
    checkLapack(operation, A)
    const ord = p ?? 2
    if (typeof ord === 'string' ? ord !== 'fro' && ord !== 'nuc' : ![1, 2, Infinity].includes(Math.abs(ord)))
      throw new ArgumentError(`${operation}: expected 'fro', 'nuc', ±1, ±2 or ±Infinity for p, got ${describe(p)}`)
    if (ord !== 2 && ord !== -2) checkSquare(operation, A)
    if (A.numel() === 0) return zeros([...batchOf(A)], { dtype: toReal(A.dtype), device: A.device })
    if (ord === 2 || ord === -2) {
      const S = svdvals(A)
      const [first, last] = [select(S, -1, 0), select(S, -1, S.shape[S.ndim - 1] - 1)]
      return ord === 2 ? div(first, last) : div(last, first)
    }
    const { inverse, info } = invEx(A)
    const singular = unsqueeze(unsqueeze(ne(info, 0), -1), -1)
    const known = maskedFill(inverse, singular, Infinity)
    return mul(matrixNorm(A, ord), matrixNorm(known, ord))
  },
)
