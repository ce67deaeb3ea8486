// The LDL factorization of symmetric and Hermitian matrices that need not be positive-definite.
import * as kernels from '../../binding/kernels.gen.js'
import { explaining } from '../../binding/status.js'
import { DTypeError, describe, IndexError, ShapeError } from '../../errors.js'
import { allocate } from '../../tensor/create.js'
import { broadcastShapes, formatShape, sameShape } from '../../tensor/shape.js'
import { Tensor } from '../../tensor/tensor.js'
import { composite, primitive } from '../dispatch.js'
import { contiguousRaw } from '../inplace.js'
import { type FunctionOp, saving } from '../record.js'
import type { CheckErrorsOptions } from './lu.js'
import {
  allocateInfo,
  asColumns,
  batchOf,
  checkInfo,
  checkLapack,
  checkMatrices,
  checkSquare,
  columns,
  expandBatch,
  rowsOf,
} from './shared.js'

const factored: FunctionOp<[A: Tensor, hermitian: boolean], Tensor[]> = primitive({
  signature: '_ldl_factor(A, hermitian)',
  forward(A: Tensor, hermitian: boolean) {
    const ld = columns(A)
    const pivots = allocate(A.shape.slice(0, -1), 'int32', A.device)
    const info = allocateInfo(batchOf(A), A.device)
    kernels.ldlFactor(ld, pivots, info, hermitian)
    return saving([ld, pivots, info])
  },
})

/** The factors of `A = LDLᴴ` (or `LDLᵀ`) in one matrix, and the exchanges. */
export interface LdlFactors {
  /** L and the blocks of D in the lower triangle; shape […, N, N] */
  readonly LD: Tensor
  /** int32 of shape […, N]: exchanges from 1; two equal negative ones mark a block of 2×2 */
  readonly pivots: Tensor
}

/** The factors, and LAPACK's answer. */
export interface LdlFactorsInfo extends LdlFactors {
  /** 0, or the first zero on the diagonal of D, from 1; int32 of the batch's shape */
  readonly info: Tensor
}

/** The options of the LDL operators. */
export interface LdlOptions {
  /** A is Hermitian; otherwise symmetric, also where it is complex. Default false. */
  readonly hermitian?: boolean
}

const zeroBlock = (i: number): string => `D[${i}, ${i}], counted from 1, is zero: the matrix is singular`

function factorChecked(operation: string, A: Tensor, hermitian: boolean): LdlFactorsInfo {
  checkSquare(operation, A)
  checkLapack(operation, A)
  const [LD, pivots, info] = factored(A, hermitian)
  return { LD, pivots, info }
}

/** `ldlFactor` with an `info` instead of an error. @see linalg.ldlFactor */
export const ldlFactorEx: FunctionOp<[A: Tensor, options?: LdlOptions & CheckErrorsOptions], LdlFactorsInfo> =
  composite(
    'linalg.ldl_factor_ex(A, {hermitian, check_errors})',
    (A: Tensor, { hermitian = false, checkErrors = false }: LdlOptions & CheckErrorsOptions = {}): LdlFactorsInfo => {
      const result = factorChecked('linalg.ldl_factor_ex', A, hermitian)
      if (checkErrors) checkInfo('linalg.ldl_factor_ex', result.info, zeroBlock)
      return result
    },
  )

/**
 * The LDL factorization of symmetric (or Hermitian) matrices, of which the lower triangle is read; without a gradient.
 *
 * @param A shape […, N, N]
 * @throws LinAlgError when D has a zero on its diagonal
 */
export const ldlFactor: FunctionOp<[A: Tensor, options?: LdlOptions], LdlFactors> = composite(
  'linalg.ldl_factor(A, {hermitian})',
  (A: Tensor, { hermitian = false }: LdlOptions = {}): LdlFactors => {
    const { LD, pivots, info } = factorChecked('linalg.ldl_factor', A, hermitian)
    checkInfo('linalg.ldl_factor', info, zeroBlock)
    return { LD, pivots }
  },
)

const solved: FunctionOp<[B: Tensor, LD: Tensor, pivots: Tensor, hermitian: boolean], Tensor> = primitive({
  signature: '_ldl_solve(B, LD, pivots, hermitian)',
  forward(B: Tensor, LD: Tensor, pivots: Tensor, hermitian: boolean) {
    const x = columns(B)
    const exchanges = contiguousRaw(pivots)
    explaining(
      ({ position, value, limit }) =>
        new IndexError(
          `linalg.ldl_solve: expected pivots in [-${limit}, ${limit}], without 0 and with negative ones in equal pairs, got ${value} at position ${position}`,
        ),
      () => kernels.ldlSolve(x, asColumns(LD), exchanges, hermitian),
    )
    return saving(x)
  },
})

/**
 * The solution X of `AX = B` for a matrix factorized by `ldlFactor`; without a gradient.
 *
 * @param LD shape […, N, N]
 * @param pivots shape […, N]
 * @param B shape […, N, K]; batches broadcast
 */
export const ldlSolve: FunctionOp<[LD: Tensor, pivots: Tensor, B: Tensor, options?: LdlOptions], Tensor> = composite(
  'linalg.ldl_solve(LD, pivots, B, {hermitian})',
  (LD: Tensor, pivots: Tensor, B: Tensor, { hermitian = false }: LdlOptions = {}): Tensor => {
    const operation = 'linalg.ldl_solve'
    checkSquare(operation, LD, 'LD')
    checkMatrices(operation, B, 'B')
    checkLapack(operation, LD, B)
    if (!(pivots instanceof Tensor) || pivots.dtype !== 'int32')
      throw new DTypeError(
        `${operation}: expected int32 pivots, got ${pivots instanceof Tensor ? pivots.dtype : describe(pivots)}`,
      )
    if (!sameShape(pivots.shape, LD.shape.slice(0, -1)) || rowsOf(B) !== rowsOf(LD))
      throw new ShapeError(
        `${operation}: expected pivots of shape ${formatShape(LD.shape.slice(0, -1))} and B with ${rowsOf(LD)} rows, got shapes ${formatShape(pivots.shape)} and ${formatShape(B.shape)}`,
      )
    const batch = broadcastShapes(operation, batchOf(LD), batchOf(B))
    const exchanges = pivots.expand([...batch, rowsOf(LD)])
    return solved(expandBatch(B, batch), expandBatch(LD, batch), exchanges, hermitian)
  },
)
