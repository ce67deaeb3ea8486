// The Cholesky factorization, and what solves systems with it.
import * as kernels from '../../binding/kernels.gen.js'
import { ShapeError } from '../../errors.js'
import { formatShape } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { add, mul, neg } from '../arithmetic.js'
import { eq } from '../comparison.js'
import { composite, primitive } from '../dispatch.js'
import { tril, triu } from '../masks.js'
import { matmul } from '../matmul.js'
import { type FunctionOp, type Op, saving } from '../record.js'
import { castRaw } from '../reduce.js'
import { any } from '../reductions.js'
import type { CheckErrorsOptions } from './lu.js'
import {
  adjoint,
  allocateInfo,
  batchOf,
  broadcastBatch,
  checkInfo,
  checkLapack,
  checkMatrices,
  checkSquare,
  columns,
  diagonals,
  identity,
  rowsOf,
} from './shared.js'
import { triangular } from './triangular.js'

const factored: FunctionOp<[A: Tensor, upper: boolean], Tensor[]> = primitive({
  signature: '_cholesky(A, upper)',
  forward(A: Tensor, upper: boolean) {
    const factor = columns(A)
    const info = allocateInfo(batchOf(A), A.device)
    kernels.choleskyFactor(factor, info, upper)
    return saving([factor, info], factor, upper)
  },
  // gA = ½·L⁻ᴴ·H·L⁻¹, where H has the lower triangle of Lᴴ·gL on both sides (Murray 2016, "Differentiation of the Cholesky
  // decomposition").
  backward([grad], [factor, upper]) {
    if (grad === null) return [null]
    const L = upper ? adjoint(factor) : factor
    const gL = upper ? adjoint(grad) : grad
    const lower = matmul(adjoint(L), gL)
    const symmetric = mul(add(tril(lower), adjoint(tril(lower, -1))), 0.5)
    return [triangular(L, triangular(adjoint(L), symmetric, true, true, false), false, false, false)]
  },
})

const notPositive = (order: number): string =>
  `the matrix is not positive-definite (its leading minor of order ${order} is not)`

function factorChecked(operation: string, A: Tensor, upper: boolean): Tensor[] {
  checkSquare(operation, A)
  checkLapack(operation, A)
  return factored(A, upper)
}

/** The options of the Cholesky factorization. */
export interface CholeskyOptions {
  /** The upper factor U, of `A = UᴴU`. Default false. */
  readonly upper?: boolean
}

/** A factor, and LAPACK's answer. */
export interface CholeskyInfo {
  /** shape […, N, N] */
  readonly L: Tensor
  /** 0, or the order of the first leading minor that is not positive-definite; int32 of the batch's shape */
  readonly info: Tensor
}

/**
 * The Cholesky factorization, with an `info` instead of an error where a matrix is not positive-definite.
 *
 * @see linalg.cholesky
 */
export const choleskyEx: FunctionOp<[A: Tensor, options?: CholeskyOptions & CheckErrorsOptions], CholeskyInfo> =
  composite(
    'linalg.cholesky_ex(A, {upper, check_errors})',
    (A: Tensor, { upper = false, checkErrors = false }: CholeskyOptions & CheckErrorsOptions = {}): CholeskyInfo => {
      const [L, info] = factorChecked('linalg.cholesky_ex', A, upper)
      if (checkErrors) checkInfo('linalg.cholesky_ex', info, notPositive)
      return { L, info }
    },
  )

function choleskyNamed(operation: string, A: Tensor, upper: boolean): Tensor {
  const [L, info] = factorChecked(operation, A, upper)
  checkInfo(operation, info, notPositive)
  return L
}

const choleskyFull: FunctionOp<[A: Tensor, options?: CholeskyOptions], Tensor> = composite(
  'linalg.cholesky(A, {upper})',
  (A: Tensor, { upper = false }: CholeskyOptions = {}): Tensor => choleskyNamed('linalg.cholesky', A, upper),
)

/**
 * The lower triangular L with `A = LLᴴ` of Hermitian positive-definite matrices, of which one triangle is read.
 *
 * @param A shape […, N, N]
 * @returns shape […, N, N]
 * @throws LinAlgError when a matrix is not positive-definite
 * @example
 * ```ts
 * import { linalg, tensor } from '@flambeau/core'
 * console.log(linalg.cholesky(tensor([[4, 2], [2, 5]])).toArray()) // → [ [ 2, 0 ], [ 1, 2 ] ]
 * ```
 */
export { choleskyFull }

/** The Cholesky factor of Hermitian positive-definite matrices. @see linalg.cholesky */
export const cholesky: Op<[self: Tensor, upper?: boolean]> = composite(
  'cholesky(self, upper)',
  (self: Tensor, upper: boolean = false): Tensor => choleskyNamed('cholesky', self, upper),
)

/** A⁻¹B of the factor of A; the batches are the same. */
const solved: FunctionOp<[B: Tensor, factor: Tensor, upper: boolean], Tensor> = primitive({
  signature: '_cholesky_solve(B, factor, upper)',
  forward(B: Tensor, factor: Tensor, upper: boolean) {
    const other = adjoint(factor)
    const [lower, above] = upper ? [other, factor] : [factor, other]
    const X = triangular(above, triangular(lower, B, false, true, false), true, true, false)
    return saving(X, factor, X, upper)
  },
  // gB = A⁻¹·gX, and gL = -(C + Cᴴ)L with C = gB·Xᴴ, as PyTorch has it: also beyond the triangle that was read.
  backward(grad, [factor, X, upper], needs) {
    const L = upper ? triu(factor) : tril(factor)
    const gB = solved(grad, L, upper)
    if (!needs(1)) return [gB, null]
    const half = matmul(gB, adjoint(X))
    const both = neg(add(half, adjoint(half)))
    return [gB, upper ? matmul(L, both) : matmul(both, L)]
  },
})

/** As `solved`, with batches that broadcast. */
function solveFactored(B: Tensor, factor: Tensor, upper: boolean): Tensor {
  const [b, f] = broadcastBatch('cholesky_solve', B, factor)
  return solved(b, f, upper)
}

/**
 * The solution X of `AX = B` for a matrix of which the Cholesky factor is given.
 *
 * @param self B, of shape […, N, K]
 * @param L shape […, N, N]; batches broadcast
 * @param upper whether L is the upper factor; default false
 */
export const choleskySolve: Op<[self: Tensor, L: Tensor, upper?: boolean]> = composite(
  'cholesky_solve(self, L, upper)',
  (self: Tensor, L: Tensor, upper: boolean = false): Tensor => {
    checkMatrices('cholesky_solve', self, 'B')
    checkSquare('cholesky_solve', L, 'L')
    checkLapack('cholesky_solve', self, L)
    if (rowsOf(self) !== rowsOf(L))
      throw new ShapeError(
        `cholesky_solve: expected B with ${rowsOf(L)} rows (L is ${formatShape(L.shape)}), got shape ${formatShape(self.shape)}`,
      )
    return solveFactored(self, L, upper)
  },
)

/**
 * The inverse of a matrix of which the Cholesky factor is given.
 *
 * @param self the factor, of shape […, N, N]
 * @param upper whether it is the upper factor; default false
 * @throws LinAlgError when the factor has a zero on its diagonal
 */
export const choleskyInverse: Op<[self: Tensor, upper?: boolean]> = composite(
  'cholesky_inverse(self, upper)',
  (self: Tensor, upper: boolean = false): Tensor => {
    checkSquare('cholesky_inverse', self, 'L')
    checkLapack('cholesky_inverse', self)
    const zeros = castRaw(any(eq(diagonals(self.detach()), 0), -1), 'int32')
    checkInfo('cholesky_inverse', zeros, () => 'the factor has a zero on its diagonal: the matrix is singular')
    return solveFactored(identity(batchOf(self), rowsOf(self), self.dtype, self.device), self, upper)
  },
)
