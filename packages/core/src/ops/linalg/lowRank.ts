// Approximate decompositions of low rank, by random projections (Halko, Martinsson and Tropp 2011).
import { ArgumentError, describe } from '../../errors.js'
import { formatShape } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { sub } from '../arithmetic.js'
import { composite } from '../dispatch.js'
import { matmul } from '../matmul.js'
import { randn } from '../random.js'
import type { FunctionOp } from '../record.js'
import { mean } from '../reductions.js'
import { qrOf } from './qr.js'
import { adjoint, checkLapack, checkMatrices, colsOf, rowsOf } from './shared.js'
import { type SingularVectorsV, svdFull } from './svd.js'

/** Orthonormal columns that span about what the q largest singular values of A do. */
function basis(A: Tensor, q: number, niter: number, M: Tensor | null): Tensor {
  const reduced = (t: Tensor): Tensor => (M === null ? t : sub(t, M))
  const a = reduced(A)
  const R = randn([colsOf(A), q], { dtype: A.dtype, device: A.device })
  let Q = qrOf(matmul(a, R)).Q
  for (let i = 0; i < niter; i++) {
    Q = qrOf(matmul(adjoint(a), Q)).Q
    Q = qrOf(matmul(a, Q)).Q
  }
  return Q
}

function lowRank(A: Tensor, q: number, niter: number, M: Tensor | null): SingularVectorsV {
  // The shorter side is projected.
  const wide = rowsOf(A) < colsOf(A)
  const tall = wide ? adjoint(A) : A
  const less = M === null ? null : wide ? adjoint(M) : M
  const Q = basis(tall, q, niter, less)
  const B = matmul(adjoint(Q), less === null ? tall : sub(tall, less))
  const { U, S, Vh } = svdFull(B, false, 'svd_lowrank')
  const left = matmul(Q, U)
  const right = adjoint(Vh)
  return wide ? { U: right, S, V: left } : { U: left, S, V: right }
}

/** A few steps are enough; each is recorded, so that more than this would only fill memory. */
const MOST_STEPS = 10_000

function checkRank(operation: string, A: Tensor, q: number, niter: number): void {
  const most = Math.min(rowsOf(A), colsOf(A))
  if (!Number.isInteger(q) || q < 0 || q > most)
    throw new ArgumentError(
      `${operation}: expected q in [0, ${most}] for shape ${formatShape(A.shape)}, got ${describe(q)}`,
    )
  if (!Number.isInteger(niter) || niter < 0 || niter > MOST_STEPS)
    throw new ArgumentError(`${operation}: expected an integer in [0, ${MOST_STEPS}] for niter, got ${describe(niter)}`)
}

/**
 * About the `q` largest singular values of A (less M) and their vectors, by random projections.
 *
 * @param A shape […, M, N]
 * @param q an estimate of the rank, a little above; default 6
 * @param niter steps of subspace iteration; default 2
 * @param M taken from A; broadcasts to its shape
 * @returns U […, M, q], S […, q] and V […, N, q]
 */
export const svdLowrank: FunctionOp<
  [A: Tensor, q?: number | null, niter?: number | null, M?: Tensor | null],
  SingularVectorsV
> = composite(
  'svd_lowrank(A, q, niter, M)',
  (A: Tensor, q?: number | null, niter?: number | null, M?: Tensor | null): SingularVectorsV => {
    checkMatrices('svd_lowrank', A)
    checkLapack('svd_lowrank', A)
    const rank = q ?? 6
    checkRank('svd_lowrank', A, rank, niter ?? 2)
    const less = M === undefined || M === null ? null : M.broadcastTo([...A.shape])
    return lowRank(A, rank, niter ?? 2, less)
  },
)

/** A principal component analysis of rows: about the `q` largest components. @see svdLowrank */
export const pcaLowrank: FunctionOp<
  [A: Tensor, q?: number | null, center?: boolean, niter?: number],
  SingularVectorsV
> = composite(
  'pca_lowrank(A, q, center, niter)',
  (A: Tensor, q?: number | null, center: boolean = true, niter: number = 2): SingularVectorsV => {
    checkMatrices('pca_lowrank', A)
    checkLapack('pca_lowrank', A)
    const rank = q ?? Math.min(6, rowsOf(A), colsOf(A))
    checkRank('pca_lowrank', A, rank, niter)
    return lowRank(center ? sub(A, mean(A, -2, { keepdim: true })) : A, rank, niter, null)
  },
)
