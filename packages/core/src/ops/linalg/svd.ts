// Singular values and vectors.
import * as kernels from '../../binding/kernels.gen.js'
import { ArgumentError } from '../../errors.js'
import { allocate } from '../../tensor/create.js'
import { isComplex, toReal } from '../../tensor/dtype.js'
import type { Tensor } from '../../tensor/tensor.js'
import { add, div, mul, sub } from '../arithmetic.js'
import { to } from '../copies.js'
import { fillRaw } from '../creation.js'
import { composite, primitive } from '../dispatch.js'
import { matmul } from '../matmul.js'
import { diagEmbed } from '../rearrange.js'
import { type Forward, type FunctionOp, type Op, saving } from '../record.js'
import { narrow } from '../slicing.js'
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
  diagonals,
  identity,
  perColumn,
  perRow,
  rowsOf,
} from './shared.js'

/** X - Xᴴ */
const skew = (t: Tensor): Tensor => sub(t, adjoint(t))

/** The gradient of a thin decomposition, where U, V and their gradients have k columns. */
function svdBackward(
  gU: Tensor | null,
  gS: Tensor | null,
  gVh: Tensor | null,
  U: Tensor,
  S: Tensor,
  Vh: Tensor,
): Tensor {
  const m = rowsOf(U)
  const n = colsOf(Vh)
  const k = S.shape[S.ndim - 1]
  if (!gU && !gVh) return matmul(mul(U, perColumn(gS ?? S)), Vh)
  // S²ⱼ - S²ᵢ at [i, j], and 1 on the diagonal, where what it divides is zero or handled apart.
  const squares = mul(S, S)
  const E = add(sub(perColumn(squares), perRow(squares)), identity([], k, S.dtype, S.device))
  let inner: Tensor | null = gS && diagEmbed(to(gS, U.dtype))
  const plus = (t: Tensor): void => {
    inner = inner === null ? t : add(inner, t)
  }
  if (gU) {
    const skewU = skew(matmul(adjoint(U), gU))
    plus(mul(div(skewU, E), perColumn(S)))
    // The phase that U and V share: half of the imaginary diagonal, all of it in U's gradient.
    if (isComplex(U.dtype)) {
      const diagonal = diagonals(skewU)
      plus(diagEmbed(sub(div(diagonal, mul(S, 2)), mul(diagonal, S))))
    }
  }
  if (gVh) {
    const skewV = skew(matmul(Vh, adjoint(gVh)))
    const part = mul(div(skewV, E), perRow(S))
    plus(isComplex(U.dtype) ? sub(part, diagEmbed(diagonals(part))) : part)
  }
  const middle = inner ?? diagEmbed(mul(S, 0))
  let left = matmul(U, middle)
  if (gU && m > k) {
    const scaled = div(gU, perColumn(S))
    left = add(left, sub(scaled, matmul(U, matmul(adjoint(U), scaled))))
  }
  const whole = matmul(left, Vh)
  if (!gVh || n === k) return whole
  const scaled = div(gVh, perRow(S))
  return add(whole, matmul(U, sub(scaled, matmul(matmul(scaled, adjoint(Vh)), Vh))))
}

/** [S, info] or [S, info, U, Vh]. */
const decomposed: FunctionOp<[A: Tensor, full: boolean, vectors: boolean], Tensor[]> = primitive({
  signature: '_svd(A, full, vectors)',
  forward(A: Tensor, full: boolean, vectors: boolean): Forward<Tensor[], [Tensor, Tensor | null, Tensor | null]> {
    const batch = batchOf(A)
    const m = rowsOf(A)
    const n = colsOf(A)
    const k = Math.min(m, n)
    const S = allocate([...batch, k], toReal(A.dtype), A.device)
    const info = allocateInfo(batch, A.device)
    if (!vectors) {
      kernels.singularValues(S, null, null, info, columns(A))
      return saving([S, info], S, null, null)
    }
    const U = allocateColumns([...batch, m, full ? m : k], A.dtype, A.device)
    const Vh = allocateColumns([...batch, full ? n : k, n], A.dtype, A.device)
    kernels.singularValues(S, U, Vh, info, columns(A))
    if (k === 0) {
      // Nothing to decompose: any orthonormal basis will do.
      for (const t of [U, Vh]) if (t.numel() > 0) kernels.copy(t, identity(batch, rowsOf(t), t.dtype, t.device))
    }
    return saving([S, info, U, Vh], S, U, Vh)
  },
  backward([gS, , gU, gVh], [S, U, Vh]) {
    if (U === null || Vh === null || (!gS && !gU && !gVh)) return [null]
    // Beyond the first k, vectors are any basis of the rest: they have no gradient.
    const k = S.shape[S.ndim - 1]
    return [
      svdBackward(
        gU ? narrow(gU, -1, 0, k) : null,
        gS ?? null,
        gVh ? narrow(gVh, -2, 0, k) : null,
        narrow(U, -1, 0, k),
        S,
        narrow(Vh, -2, 0, k),
      ),
    ]
  },
})

const failed = (): string =>
  'the iteration did not converge: the matrix is ill-conditioned or has too many repeated singular values'

/** The factors of `A = U·diag(S)·Vᴴ`. */
export interface SingularVectors {
  /** Columns are left singular vectors; shape […, M, M], or […, M, K] where thin, with K = min(M, N) */
  readonly U: Tensor
  /** Singular values in descending order; shape […, K] */
  readonly S: Tensor
  /** Rows are the conjugates of right singular vectors; shape […, N, N], or […, K, N] where thin */
  readonly Vh: Tensor
}

function checkSvd(operation: string, A: Tensor, driver: unknown): void {
  checkMatrices(operation, A)
  checkLapack(operation, A)
  if (driver !== undefined && driver !== null)
    throw new ArgumentError(`${operation}: a driver can be chosen on CUDA only; leave it out on the cpu`)
}

/** The decomposition without dispatch of its own, for other operators. */
export function svdFull(A: Tensor, full = true, operation = 'linalg.svd'): SingularVectors {
  const [S, info, U, Vh] = decomposed(A, full, true)
  checkInfo(operation, info, failed)
  return { U, S, Vh }
}

/** The options of `linalg.svd`. */
export interface SvdOptions {
  /** An algorithm of CUDA's; must be left out on the CPU. */
  readonly driver?: string | null
}

const svdOf: FunctionOp<[A: Tensor, fullMatrices?: boolean, options?: SvdOptions], SingularVectors> = composite(
  'linalg.svd(A, full_matrices, {driver})',
  (A: Tensor, fullMatrices: boolean = true, { driver }: SvdOptions = {}): SingularVectors => {
    checkSvd('linalg.svd', A, driver)
    return svdFull(A, fullMatrices)
  },
)

/**
 * The singular value decomposition `A = U·diag(S)·Vᴴ`.
 *
 * Singular vectors are unique only up to a common factor of modulus 1 of each pair; a gradient through them is that of
 * a function that does not depend on the choice, and not finite at repeated singular values.
 *
 * @param A shape […, M, N]
 * @param fullMatrices square U and Vh; otherwise thin ones. Default true.
 * @throws LinAlgError when A has values that are not finite, or the iteration does not converge
 * @example
 * ```ts
 * import { linalg, tensor } from '@flambeau/core'
 * console.log(linalg.svd(tensor([[3, 0], [0, 4]])).S.toArray()) // → [ 4, 3 ]
 * ```
 */
export { svdOf }

/** The singular values of matrices, in descending order. @see svd */
export const svdvals: FunctionOp<[A: Tensor, options?: SvdOptions], Tensor> = composite(
  'linalg.svdvals(A, {driver})',
  (A: Tensor, { driver }: SvdOptions = {}): Tensor => {
    checkSvd('linalg.svdvals', A, driver)
    // The gradient needs the vectors.
    const [S, info] = decomposed(A, false, A.requiresGrad)
    checkInfo('linalg.svdvals', info, failed)
    return S
  },
)

/** The factors of `A = U·diag(S)·Vᴴ`, with V itself. */
export interface SingularVectorsV {
  readonly U: Tensor
  readonly S: Tensor
  readonly V: Tensor
}

/**
 * The singular value decomposition `A = U·diag(S)·Vᴴ`, with V. @see linalg.svd
 *
 * @param some thin U and V; default true
 * @param computeUv false gives zeros for U and V; default true
 */
export const svd: Op<[self: Tensor, some?: boolean, computeUv?: boolean], SingularVectorsV> = composite(
  'svd(self, some, compute_uv)',
  (self: Tensor, some: boolean = true, computeUv: boolean = true): SingularVectorsV => {
    checkSvd('svd', self, null)
    if (computeUv) {
      const { U, S, Vh } = svdFull(self, !some, 'svd')
      return { U, S, V: adjoint(Vh) }
    }
    const zeros = (n: number): Tensor => fillRaw([...batchOf(self), n, n], 0, self.dtype, self.device)
    return { U: zeros(rowsOf(self)), S: svdvals(self), V: zeros(colsOf(self)) }
  },
)
