// Pseudo-inverses.
import type { Tensor } from '../../tensor/tensor.js'
import { abs, add, mul, sub } from '../arithmetic.js'
import { gt } from '../comparison.js'
import { where } from '../conditional.js'
import { zeros } from '../creation.js'
import { composite, primitive } from '../dispatch.js'
import { matmul } from '../matmul.js'
import { reciprocal } from '../powers.js'
import { type FunctionOp, type Op, saving } from '../record.js'
import { amax } from '../reductions.js'
import { unsqueeze } from '../views.js'
import { eigh } from './eigen.js'
import { type ToleranceOptions, toleranceOf } from './rank.js'
import { adjoint, batchOf, checkLapack, checkMatrices, checkSquare, colsOf, perColumn, rowsOf } from './shared.js'
import { svdFull } from './svd.js'

/**
 * The gradient of a pseudo-inverse P where the rank does not change (Golub and Pereyra 1973, "The differentiation of
 * pseudo-inverses"); products are taken so that they are small.
 */
export function pinvBackward(grad: Tensor, P: Tensor, A: Tensor): Tensor {
  const Ph = adjoint(P)
  const gh = adjoint(grad)
  if (rowsOf(A) <= colsOf(A)) {
    const K = matmul(gh, P)
    const KPh = matmul(K, Ph)
    const first = sub(KPh, adjoint(matmul(P, K)))
    const second = matmul(matmul(A, P), KPh)
    return add(sub(first, second), matmul(matmul(Ph, P), sub(gh, matmul(K, A))))
  }
  const K = matmul(P, gh)
  const PhK = matmul(Ph, K)
  const first = sub(PhK, adjoint(matmul(K, P)))
  const second = matmul(matmul(PhK, P), A)
  return add(sub(first, second), matmul(matmul(sub(gh, matmul(A, K)), P), Ph))
}

/** The pseudo-inverse without history. */
function pinvRaw(operation: string, A: Tensor, options: ToleranceOptions): Tensor {
  const inverted = (values: Tensor, sizes: Tensor): Tensor => {
    const bound = unsqueeze(toleranceOf(operation, A, amax(sizes, -1), options), -1)
    return where(gt(sizes, bound), reciprocal(values), 0)
  }
  if (options.hermitian) {
    const { eigenvalues, eigenvectors } = eigh(A)
    return matmul(mul(eigenvectors, perColumn(inverted(eigenvalues, abs(eigenvalues)))), adjoint(eigenvectors))
  }
  const { U, S, Vh } = svdFull(A, false, operation)
  return matmul(mul(adjoint(Vh), perColumn(inverted(S, S))), adjoint(U))
}

const pseudoInverse: FunctionOp<[A: Tensor, operation: string, options: ToleranceOptions], Tensor> = primitive({
  signature: '_pinv(A, operation, options)',
  forward(A: Tensor, operation: string, options: ToleranceOptions) {
    const out =
      rowsOf(A) === 0 || colsOf(A) === 0
        ? zeros([...batchOf(A), colsOf(A), rowsOf(A)], { dtype: A.dtype, device: A.device })
        : pinvRaw(operation, A, options)
    return saving(out, A, out)
  },
  backward: (grad, [A, out]) => [pinvBackward(grad, out, A)],
})

export function pinvChecked(operation: string, A: Tensor, options: ToleranceOptions): Tensor {
  checkMatrices(operation, A)
  checkLapack(operation, A)
  if (options.hermitian) checkSquare(operation, A)
  return pseudoInverse(A, operation, options)
}

/**
 * The pseudo-inverses (Moore-Penrose) of matrices; singular values up to max(atol, rtol·σ₁) count as zero.
 *
 * @param A shape […, M, N]
 * @returns shape […, N, M]
 */
export const pinv: FunctionOp<[A: Tensor, options?: ToleranceOptions], Tensor> = composite(
  'linalg.pinv(A, {atol, rtol, hermitian})',
  (A: Tensor, options: ToleranceOptions = {}): Tensor => pinvChecked('linalg.pinv', A, options),
)

/** The pseudo-inverses of matrices. @param rcond the relative bound; default 1e-15 @see linalg.pinv */
export const pinverse: Op<[self: Tensor, rcond?: number]> = composite(
  'pinverse(self, rcond)',
  (self: Tensor, rcond: number = 1e-15): Tensor => pinvChecked('pinverse', self, { atol: 0, rtol: rcond }),
)
