// LU factorization with row exchanges, and what solves systems with it.
import * as kernels from '../../binding/kernels.gen.js'
import { explaining } from '../../binding/status.js'
import { ArgumentError, DTypeError, describe, IndexError, ShapeError } from '../../errors.js'
import { allocate } from '../../tensor/create.js'
import { broadcastShapes, formatShape } from '../../tensor/shape.js'
import { Tensor } from '../../tensor/tensor.js'
import { add, sub } from '../arithmetic.js'
import { eq } from '../comparison.js'
import { arange } from '../creation.js'
import { composite, primitive } from '../dispatch.js'
import { contiguousRaw } from '../inplace.js'
import { cat } from '../joining.js'
import { tril, triu } from '../masks.js'
import { matmul } from '../matmul.js'
import { type FunctionOp, type Op, saving } from '../record.js'
import { castRaw } from '../reduce.js'
import { narrow } from '../slicing.js'
import { expand, unsqueeze } from '../views.js'
import {
  adjoint,
  allocateInfo,
  asColumns,
  batchOf,
  checkInfo,
  checkLapack,
  checkMatrices,
  checkSquare,
  colsOf,
  columns,
  expandBatch,
  identity,
  rowsOf,
} from './shared.js'
import { triangular } from './triangular.js'

/** The factors of `PA = LU` in one matrix, and the row exchanges. */
export interface LuFactors {
  /** L below the diagonal, U on it and above; shape […, M, N] */
  readonly LU: Tensor
  /** The row that each step was exchanged with, from 1; int32 of shape […, min(M, N)] */
  readonly pivots: Tensor
}

/** The factors, and LAPACK's answer. */
export interface LuFactorsInfo extends LuFactors {
  /** 0, or the first zero on the diagonal of U, from 1; int32 of the batch's shape */
  readonly info: Tensor
}

/** The gradient of the packed factors, as that of the matrix. */
function luBackward(grad: Tensor, lu: Tensor, pivots: Tensor): Tensor {
  const m = rowsOf(lu)
  const n = colsOf(lu)
  const k = Math.min(m, n)
  const square = narrow(narrow(lu, -2, 0, k), -1, 0, k)
  const lower = unitLower(square)
  const upper = triu(square)
  const g = narrow(narrow(grad, -2, 0, k), -1, 0, k)
  let left = matmul(adjoint(lower), tril(g, -1))
  let right = matmul(triu(g), adjoint(upper))
  let rest: Tensor | null = null
  if (n > m) {
    // U₂ = L⁻¹A₂
    const gU2 = narrow(grad, -1, k, n - k)
    rest = triangular(adjoint(lower), gU2, true, true, true)
    left = sub(left, matmul(gU2, adjoint(narrow(lu, -1, k, n - k))))
  } else if (m > n) {
    // L₂ = A₂U⁻¹
    const gL2 = narrow(grad, -2, k, m - k)
    rest = triangular(adjoint(upper), gL2, false, false, false)
    right = sub(right, matmul(adjoint(narrow(lu, -2, k, m - k)), gL2))
  }
  // P·L⁻ᴴ(tril(Lᴴ·gL, -1) + triu(gU·Uᴴ))U⁻ᴴ
  const middle = add(tril(left, -1), triu(right))
  const inner = triangular(adjoint(upper), middle, false, false, false)
  const first = triangular(adjoint(lower), inner, true, true, true)
  const all = rest === null ? first : cat([first, rest], n > m ? -1 : -2)
  return matmul(permutationOf(pivots, m, lu), all)
}

const unitLower = (t: Tensor): Tensor => {
  const k = Math.min(rowsOf(t), colsOf(t))
  const part = tril(narrow(t, -1, 0, k), -1)
  return add(part, diagonalOnes(rowsOf(t), k, t))
}

/** A matrix of ones on the diagonal and zeros elsewhere. */
function diagonalOnes(rows: number, cols: number, like: Tensor): Tensor {
  const square = identity([], Math.max(rows, cols), like.dtype, like.device)
  return narrow(narrow(square, 0, 0, rows), 1, 0, cols)
}

/** The matrix P of a sequence of row exchanges, so that A = P·L·U. */
function permutationOf(pivots: Tensor, rows: number, like: Tensor): Tensor {
  const order = allocate([...pivots.shape.slice(0, -1), rows], 'int64', pivots.device)
  const exchanges = contiguousRaw(castRaw(pivots, 'int32'))
  explaining(
    ({ value }) => new IndexError(`lu_unpack: expected pivots in [1, ${rows}], got ${value}`),
    () => kernels.pivotsToPermutation(order, exchanges),
  )
  const index = arange(0, rows, { device: like.device })
  return castRaw(eq(unsqueeze(index, -1), unsqueeze(order, -2)), like.dtype)
}

const factored: FunctionOp<[A: Tensor], Tensor[]> = primitive({
  signature: '_lu_factor(A)',
  forward(A: Tensor) {
    const lu = columns(A)
    const pivots = allocate([...batchOf(A), Math.min(rowsOf(A), colsOf(A))], 'int32', A.device)
    const info = allocateInfo(batchOf(A), A.device)
    kernels.luFactor(lu, pivots, info)
    return saving([lu, pivots, info], lu, pivots)
  },
  backward: ([grad], [lu, pivots]) => [grad && luBackward(grad, lu, pivots)],
})

function factorChecked(operation: string, A: Tensor, pivot: boolean): LuFactorsInfo {
  checkMatrices(operation, A)
  checkLapack(operation, A)
  if (!pivot)
    throw new ArgumentError(`${operation}: expected pivot = true, LAPACK has no factorization without, got false`)
  const [LU, pivots, info] = factored(A)
  return { LU, pivots, info }
}

const zeroPivot = (i: number): string =>
  `U[${i}, ${i}], counted from 1, is zero: the matrix is singular, and a system with it has no solution`

/** The options of the LU factorizations. */
export interface LuOptions {
  /** Exchange rows; without, there is no factorization on the CPU. Default true. */
  readonly pivot?: boolean
}

/** The options of the forms that report instead of throwing. */
export interface CheckErrorsOptions {
  /** Throw a LinAlgError where info is not 0. Default false. */
  readonly checkErrors?: boolean
}

/**
 * The LU factorization `A = PLU` in packed form, without a check for zeros on the diagonal of U.
 *
 * @param A shape […, M, N]
 */
export const luFactorEx: FunctionOp<[A: Tensor, options?: LuOptions & CheckErrorsOptions], LuFactorsInfo> = composite(
  'linalg.lu_factor_ex(A, {pivot, check_errors})',
  (A: Tensor, { pivot = true, checkErrors = false }: LuOptions & CheckErrorsOptions = {}): LuFactorsInfo => {
    const result = factorChecked('linalg.lu_factor_ex', A, pivot)
    if (checkErrors) checkInfo('linalg.lu_factor_ex', result.info, zeroPivot)
    return result
  },
)

/**
 * The LU factorization `A = PLU` in packed form, for `luSolve`.
 *
 * @param A shape […, M, N]
 * @returns LU of shape […, M, N], pivots of shape […, min(M, N)]
 * @throws LinAlgError when U has a zero on its diagonal
 * @example
 * ```ts
 * import { linalg, tensor } from '@flambeau/core'
 * const { LU, pivots } = linalg.luFactor(tensor([[1, 2], [2, 2]]))
 * console.log(LU.toArray(), pivots.toArray()) // → [ [ 2, 2 ], [ 0.5, 1 ] ] [ 2, 2 ]
 * ```
 */
export const luFactor: FunctionOp<[A: Tensor, options?: LuOptions], LuFactors> = composite(
  'linalg.lu_factor(A, {pivot})',
  (A: Tensor, { pivot = true }: LuOptions = {}): LuFactors => {
    const { LU, pivots, info } = factorChecked('linalg.lu_factor', A, pivot)
    checkInfo('linalg.lu_factor', info, zeroPivot)
    return { LU, pivots }
  },
)

/** The three factors of `A = PLU`. */
export interface PermutedFactors {
  readonly P: Tensor
  readonly L: Tensor
  readonly U: Tensor
}

/** What packed factors hold. */
const unpacked = (LU: Tensor, pivots: Tensor): PermutedFactors => ({
  P: permutationOf(pivots, rowsOf(LU), LU),
  L: unitLower(LU),
  U: triu(narrow(LU, -2, 0, Math.min(rowsOf(LU), colsOf(LU)))),
})

const luFull: FunctionOp<[A: Tensor, options?: LuOptions], PermutedFactors> = composite(
  'linalg.lu(A, {pivot})',
  (A: Tensor, { pivot = true }: LuOptions = {}): PermutedFactors => {
    const { LU, pivots } = factorChecked('linalg.lu', A, pivot)
    return unpacked(LU, pivots)
  },
)

/**
 * The factors of `A = PLU`: a permutation, a lower triangle with ones on its diagonal, and an upper one.
 *
 * @param A shape […, M, N]
 * @returns P [..., M, M], L […, M, K] and U […, K, N], where K = min(M, N)
 */
export { luFull }

/** The options of `luUnpack`. */
export interface LuUnpackOptions {
  /** Make L and U; otherwise they are empty. Default true. */
  readonly unpackData?: boolean
  /** Make P; otherwise it is empty. Default true. */
  readonly unpackPivots?: boolean
}

/** The factors P, L and U of packed ones. @see linalg.luFactor */
export const luUnpack: FunctionOp<
  [LUData: Tensor, LUPivots: Tensor, unpackData?: boolean, unpackPivots?: boolean],
  PermutedFactors
> = composite(
  'lu_unpack(LU_data, LU_pivots, unpack_data, unpack_pivots)',
  (LU: Tensor, pivots: Tensor, unpackData: boolean = true, unpackPivots: boolean = true): PermutedFactors => {
    checkMatrices('lu_unpack', LU, 'LU_data')
    if (unpackPivots) checkPivots('lu_unpack', LU, pivots)
    const none = allocate([0], LU.dtype, LU.device)
    const k = Math.min(rowsOf(LU), colsOf(LU))
    return {
      P: unpackPivots ? permutationOf(pivots, rowsOf(LU), LU) : none,
      L: unpackData ? unitLower(LU) : none,
      U: unpackData ? triu(narrow(LU, -2, 0, k)) : none,
    }
  },
)

function checkPivots(operation: string, LU: Tensor, pivots: Tensor): void {
  if (!(pivots instanceof Tensor) || pivots.dtype !== 'int32')
    throw new DTypeError(
      `${operation}: expected int32 pivots, got ${pivots instanceof Tensor ? pivots.dtype : describe(pivots)}`,
    )
  const want = [...batchOf(LU), Math.min(rowsOf(LU), colsOf(LU))]
  if (pivots.shape.length !== want.length || want.some((n, i) => n !== pivots.shape[i]))
    throw new ShapeError(
      `${operation}: expected pivots of shape ${formatShape(want)} for LU of shape ${formatShape(LU.shape)}, got ${formatShape(pivots.shape)}`,
    )
}

/** (PLU)⁻¹B, or that of the adjoint; all of one batch. */
const solved: FunctionOp<[B: Tensor, LU: Tensor, pivots: Tensor, adjoint: boolean], Tensor> = primitive({
  signature: '_lu_solve(B, LU, pivots, adjoint)',
  forward(B: Tensor, LU: Tensor, pivots: Tensor, isAdjoint: boolean) {
    const x = columns(B)
    const exchanges = contiguousRaw(pivots)
    explaining(
      ({ value, limit }) => new IndexError(`linalg.lu_solve: expected pivots in [1, ${limit}], got ${value}`),
      () => kernels.luSolve(x, asColumns(LU), exchanges, isAdjoint ? 2 : 0),
    )
    return saving(x, LU, pivots, isAdjoint)
  },
  // Of the right-hand side only: factors that want a gradient go through their triangles.
  backward: (grad, [LU, pivots, isAdjoint]) => [solved(grad, LU, pivots, !isAdjoint), null],
})

/** As `solved`, by triangular systems, which have derivatives with respect to the factors. */
function solvedByTriangles(B: Tensor, LU: Tensor, pivots: Tensor, isAdjoint: boolean): Tensor {
  const P = permutationOf(pivots, rowsOf(LU), LU)
  if (!isAdjoint) return triangular(LU, triangular(LU, matmul(adjoint(P), B), false, true, true), true, true, false)
  const upper = triangular(adjoint(LU), B, false, true, false)
  return matmul(P, triangular(adjoint(LU), upper, true, true, true))
}

/** The options of `linalg.luSolve`. */
export interface LuSolveOptions {
  /** Solve AX = B; otherwise XA = B. Default true. */
  readonly left?: boolean
  /** With the conjugate transpose of A. Default false. */
  readonly adjoint?: boolean
}

function luSolveChecked(
  operation: string,
  LU: Tensor,
  pivots: Tensor,
  B: Tensor,
  { left = true, adjoint: isAdjoint = false }: LuSolveOptions,
): Tensor {
  checkSquare(operation, LU, 'LU')
  checkMatrices(operation, B, 'B')
  checkLapack(operation, LU, B)
  checkPivots(operation, LU, pivots)
  if ((left ? rowsOf(B) : colsOf(B)) !== rowsOf(LU))
    throw new ShapeError(
      `${operation}: expected B with ${rowsOf(LU)} ${left ? 'rows' : 'columns'} (LU is ${formatShape(LU.shape)}), got shape ${formatShape(B.shape)}`,
    )
  const batch = broadcastShapes(operation, batchOf(LU), batchOf(B))
  const factors = expandBatch(LU, batch)
  const exchanges = expand(pivots, [...batch, colsOf(pivots)])
  const solve = LU.requiresGrad ? solvedByTriangles : solved
  // XA = B is AᴴXᴴ = Bᴴ.
  return left
    ? solve(expandBatch(B, batch), factors, exchanges, isAdjoint)
    : adjoint(solve(adjoint(expandBatch(B, batch)), factors, exchanges, !isAdjoint))
}

const luSolveFull: FunctionOp<[LU: Tensor, pivots: Tensor, B: Tensor, options?: LuSolveOptions], Tensor> = composite(
  'linalg.lu_solve(LU, pivots, B, {left, adjoint})',
  (LU: Tensor, pivots: Tensor, B: Tensor, options: LuSolveOptions = {}): Tensor =>
    luSolveChecked('linalg.lu_solve', LU, pivots, B, options),
)

/**
 * The solution X of `AX = B` (or `XA = B`) for a matrix factorized by `luFactor`.
 *
 * @param LU shape […, N, N]
 * @param pivots shape […, N]
 * @param B shape […, N, K], or […, K, N] with `left: false`; batches broadcast
 */
export { luSolveFull }

/** The solution X of `AX = b` for a matrix factorized by `lu`. @see linalg.luSolve */
export const luSolve: Op<[self: Tensor, LUData: Tensor, LUPivots: Tensor]> = composite(
  'lu_solve(self, LU_data, LU_pivots)',
  (self: Tensor, LU: Tensor, pivots: Tensor): Tensor => luSolveChecked('lu_solve', LU, pivots, self, {}),
)

/**
 * The LU factorization in packed form: [LU, pivots], and with `getInfos` LAPACK's answers.
 *
 * @throws LinAlgError without `getInfos`, when U has a zero on its diagonal
 * @see linalg.luFactor
 */
export const lu: Op<[self: Tensor, pivot?: boolean, getInfos?: boolean], Tensor[]> = composite(
  'lu(self, pivot, get_infos)',
  (self: Tensor, pivot: boolean = true, getInfos: boolean = false): Tensor[] => {
    const { LU, pivots, info } = factorChecked('lu', self, pivot)
    if (getInfos) return [LU, pivots, info]
    checkInfo('lu', info, zeroPivot)
    return [LU, pivots]
  },
)
