// Least squares.
import * as kernels from '../../binding/kernels.gen.js'
import { ArgumentError, describe, ShapeError } from '../../errors.js'
import { allocate } from '../../tensor/create.js'
import { toReal } from '../../tensor/dtype.js'
import { broadcastShapes, formatShape, sameShape } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { abs, add, mul, sub } from '../arithmetic.js'
import { eq } from '../comparison.js'
import { composite, primitive } from '../dispatch.js'
import { matmul } from '../matmul.js'
import { pow } from '../powers.js'
import { type FunctionOp, saving } from '../record.js'
import { all, sum } from '../reductions.js'
import { narrow } from '../slicing.js'
import { squeeze, unsqueeze } from '../views.js'
import { pinv, pinvBackward } from './pinv.js'
import { epsilonOf } from './rank.js'
import {
  adjoint,
  allocateColumns,
  allocateInfo,
  batchOf,
  checkInfo,
  checkLapack,
  checkMatrices,
  colsOf,
  columns,
  expandBatch,
  perColumn,
  rowsOf,
} from './shared.js'

/** LAPACK's algorithms, by the number that the kernel knows them by. */
const DRIVERS = { gels: 0, gelsy: 1, gelsd: 2, gelss: 3 } as const

/** Which of LAPACK's algorithms: gels takes matrices of full rank only. */
export type LstsqDriver = keyof typeof DRIVERS

const solved: FunctionOp<[A: Tensor, B: Tensor, rcond: number, driver: LstsqDriver], Tensor[]> = primitive({
  signature: '_lstsq(A, B, rcond, driver)',
  forward(A: Tensor, B: Tensor, rcond: number, driver: LstsqDriver) {
    const m = rowsOf(A)
    const n = colsOf(A)
    const batch = batchOf(A)
    const real = toReal(A.dtype)
    // X overwrites B, and may be larger.
    const x = allocateColumns([...batch, Math.max(m, n), colsOf(B)], B.dtype, B.device)
    if (n > m) kernels.fill(x, 0)
    kernels.copy(narrow(x, -2, 0, m), B)
    const rank = driver === 'gels' ? null : allocate(batch, 'int64', A.device)
    const singular =
      driver === 'gelsd' || driver === 'gelss' ? allocate([...batch, Math.min(m, n)], real, A.device) : null
    const info = allocateInfo(batch, A.device)
    kernels.leastSquares(x, columns(A), rank, singular, info, DRIVERS[driver], rcond)
    if (m === 0 || n === 0) kernels.fill(x, 0)
    const X = columns(narrow(x, -2, 0, n))
    const none = (dtype: 'int64' | typeof real) => allocate([0], dtype, A.device)
    const out = [X, residualsOf(A, B, X, rank, driver), rank ?? none('int64'), singular ?? none(real), info]
    return saving(out, A, B, X)
  },
  // X = A⁺B, and the residuals are Σ|AX - B|², in which X is at its minimum.
  backward([gX, gResiduals], [A, B, X], needs) {
    let gA: Tensor | null = null
    let gB: Tensor | null = null
    if (gX) {
      const P = pinv(A)
      if (needs(0)) gA = pinvBackward(matmul(gX, adjoint(B)), P, A)
      if (needs(1)) gB = matmul(adjoint(P), gX)
    }
    if (gResiduals && gResiduals.numel() > 0) {
      const toward = mul(sub(matmul(A, X), B), perColumn(mul(gResiduals, 2)))
      const fromA = matmul(toward, adjoint(X))
      if (needs(0)) gA = gA ? add(gA, fromA) : fromA
      if (needs(1)) gB = gB ? sub(gB, toward) : mul(toward, -1)
    }
    return [gA, gB]
  },
})

/** Σ|AX - B|² of each column, where there are more equations than unknowns, all of full rank; empty otherwise. */
function residualsOf(A: Tensor, B: Tensor, X: Tensor, rank: Tensor | null, driver: LstsqDriver): Tensor {
  const n = colsOf(A)
  const full = rank === null || driver === 'gelsy' || all(eq(rank, n)).item() !== 0
  if (rowsOf(A) <= n || driver === 'gelsy' || !full) return allocate([0], toReal(A.dtype), A.device)
  return sum(pow(abs(sub(matmul(A, X), B)), 2), -2)
}

/** A least squares solution, and what is known of the matrix. */
export interface LeastSquares {
  /** shape […, N, K] */
  readonly solution: Tensor
  /** Σ|AX - B|² of each column, where M > N and A has full rank; empty otherwise, and for the driver gelsy */
  readonly residuals: Tensor
  /** int64 of the batch's shape; empty for the driver gels */
  readonly rank: Tensor
  /** shape […, min(M, N)]; empty for the drivers gels and gelsy */
  readonly singularValues: Tensor
}

/** The options of `lstsq`. */
export interface LstsqOptions {
  /** Default 'gelsy'. */
  readonly driver?: LstsqDriver | null
}

/**
 * The solution of `min ‖AX - B‖` by LAPACK.
 *
 * @param A shape […, M, N]
 * @param B shape […, M, K], or vectors […, M]; batches broadcast
 * @param rcond singular values up to rcond·σ₁ count as zero (but for gels); default max(M, N)·ε
 * @example
 * ```ts
 * import { linalg, tensor } from '@flambeau/core'
 * // A line through three points.
 * const { solution } = linalg.lstsq(tensor([[1, 0], [1, 1], [1, 2]]), tensor([[1], [3], [5]]))
 * console.log(solution.round().toArray()) // → [ [ 1 ], [ 2 ] ]
 * ```
 */
export const lstsq: FunctionOp<[A: Tensor, B: Tensor, rcond?: number | null, options?: LstsqOptions], LeastSquares> =
  composite(
    'linalg.lstsq(A, B, rcond, {driver})',
    (A: Tensor, B: Tensor, rcond?: number | null, { driver }: LstsqOptions = {}): LeastSquares => {
      const operation = 'linalg.lstsq'
      checkMatrices(operation, A)
      checkLapack(operation, A, B)
      const used = driver ?? 'gelsy'
      if (!(used in DRIVERS))
        throw new ArgumentError(
          `${operation}: expected ${Object.keys(DRIVERS).join(', ')} for driver, got ${describe(used)}`,
        )
      if (rcond !== undefined && rcond !== null && typeof rcond !== 'number')
        throw new ArgumentError(`${operation}: expected a number for rcond, got ${describe(rcond)}`)
      const vectors = B.ndim === 1 || (A.ndim - 1 === B.ndim && sameShape(B.shape, A.shape.slice(0, -1)))
      const right = vectors ? unsqueeze(B, -1) : B
      checkMatrices(operation, right, 'B')
      if (rowsOf(right) !== rowsOf(A))
        throw new ShapeError(
          `${operation}: expected B with ${rowsOf(A)} rows (A is ${formatShape(A.shape)}), got shape ${formatShape(B.shape)}`,
        )
      const batch = broadcastShapes(operation, batchOf(A), batchOf(right))
      const bound = rcond ?? Math.max(rowsOf(A), colsOf(A)) * epsilonOf(A.dtype)
      const [X, residuals, rank, singularValues, info] = solved(
        expandBatch(A, batch),
        expandBatch(right, batch),
        bound,
        used,
      )
      checkInfo(operation, info, () => 'the matrix has no full rank, or the iteration did not converge')
      return { solution: vectors ? squeeze(X, -1) : X, residuals, rank, singularValues: singularValues.detach() }
    },
  )
