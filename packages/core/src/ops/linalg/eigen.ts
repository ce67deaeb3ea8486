// Eigenvalues and eigenvectors.
import * as kernels from '../../binding/kernels.gen.js'
import { explaining } from '../../binding/status.js'
import { ArgumentError, describe, LinAlgError } from '../../errors.js'
import { allocate } from '../../tensor/create.js'
import { toComplex, toReal } from '../../tensor/dtype.js'
import type { Tensor } from '../../tensor/tensor.js'
import { add, div, mul, sub } from '../arithmetic.js'
import { conj } from '../complex.js'
import { to } from '../copies.js'
import { composite, primitive } from '../dispatch.js'
import { matmul } from '../matmul.js'
import { diagEmbed } from '../rearrange.js'
import { type FunctionOp, saving } from '../record.js'
import { real } from '../strided.js'
import {
  adjoint,
  allocateColumns,
  allocateInfo,
  batchOf,
  checkInfo,
  checkLapack,
  checkSquare,
  columns,
  diagonals,
  identity,
  perColumn,
  perRow,
} from './shared.js'
import { solveEx } from './solve.js'

/** λⱼ - λᵢ at [i, j], and 1 on the diagonal. */
function gaps(values: Tensor): Tensor {
  const n = values.shape[values.ndim - 1]
  return add(sub(perColumn(values), perRow(values)), identity([], n, values.dtype, values.device))
}

/** The matrix with other values on its diagonal. */
const withDiagonal = (t: Tensor, values: Tensor): Tensor => add(t, diagEmbed(sub(values, diagonals(t))))

const failed = (): string =>
  'the iteration did not converge: the matrix is ill-conditioned or has too many repeated eigenvalues'

const hermitian: FunctionOp<[A: Tensor, upper: boolean, vectors: boolean], Tensor[]> = primitive({
  signature: '_eigh(A, upper, vectors)',
  forward(A: Tensor, upper: boolean, vectors: boolean) {
    const v = columns(A)
    const w = allocate(A.shape.slice(0, -1), toReal(A.dtype), A.device)
    const info = allocateInfo(batchOf(A), A.device)
    kernels.eigenHermitian(v, w, info, upper, vectors)
    return saving(vectors ? [w, info, v] : [w, info], w, v)
  },
  // gA = V(diag(gλ) + (Vᴴ·gV)/(λⱼ - λᵢ))Vᴴ
  backward([gradW, , gradV], [w, V]) {
    if (!gradW && !gradV) return [null]
    if (!gradV) return [gradW && matmul(mul(V, perColumn(gradW)), adjoint(V))]
    const inner = div(matmul(adjoint(V), gradV), gaps(w))
    const middle = withDiagonal(inner, gradW ? to(gradW, V.dtype) : mul(diagonals(inner), 0))
    return [matmul(V, matmul(middle, adjoint(V)))]
  },
})

/** Eigenvalues and their vectors, which are columns. */
export interface Eigen {
  /** shape […, N] */
  readonly eigenvalues: Tensor
  /** shape […, N, N] */
  readonly eigenvectors: Tensor
}

function isUpper(operation: string, UPLO: unknown): boolean {
  if (typeof UPLO !== 'string' || !/^[ULul]$/.test(UPLO))
    throw new ArgumentError(`${operation}: expected 'L' or 'U' for UPLO, got ${describe(UPLO)}`)
  return UPLO.toUpperCase() === 'U'
}

/**
 * The eigenvalues, in ascending order, and eigenvectors of Hermitian or symmetric matrices: `A = V·diag(λ)·Vᴴ`.
 *
 * Eigenvectors are unique only up to a factor of modulus 1, and not even that where eigenvalues are repeated; a gradient
 * through them is that of a function that does not depend on the choice, and not finite at repeated eigenvalues.
 *
 * @param A shape […, N, N]
 * @param UPLO which triangle is read; default 'L'
 * @throws LinAlgError when the iteration does not converge
 * @example
 * ```ts
 * import { linalg, tensor } from '@flambeau/core'
 * console.log(linalg.eigh(tensor([[2, 0], [0, 1]])).eigenvalues.toArray()) // → [ 1, 2 ]
 * ```
 */
export const eigh: FunctionOp<[A: Tensor, UPLO?: 'L' | 'U'], Eigen> = composite(
  'linalg.eigh(A, UPLO)',
  (A: Tensor, UPLO: 'L' | 'U' = 'L'): Eigen => {
    checkSquare('linalg.eigh', A)
    checkLapack('linalg.eigh', A)
    const [eigenvalues, info, eigenvectors] = hermitian(A, isUpper('linalg.eigh', UPLO), true)
    checkInfo('linalg.eigh', info, failed)
    return { eigenvalues, eigenvectors }
  },
)

/** The eigenvalues of Hermitian or symmetric matrices, in ascending order. @see eigh */
export const eigvalsh: FunctionOp<[A: Tensor, UPLO?: 'L' | 'U'], Tensor> = composite(
  'linalg.eigvalsh(A, UPLO)',
  (A: Tensor, UPLO: 'L' | 'U' = 'L'): Tensor => {
    checkSquare('linalg.eigvalsh', A)
    checkLapack('linalg.eigvalsh', A)
    // The gradient needs the vectors.
    const [eigenvalues, info] = hermitian(A, isUpper('linalg.eigvalsh', UPLO), A.requiresGrad)
    checkInfo('linalg.eigvalsh', info, failed)
    return eigenvalues
  },
)

const general: FunctionOp<[A: Tensor, vectors: boolean], Tensor[]> = primitive({
  signature: '_eig(A, vectors)',
  forward(A: Tensor, vectors: boolean) {
    const dtype = toComplex(A.dtype)
    const w = allocate(A.shape.slice(0, -1), dtype, A.device)
    const v = vectors ? allocateColumns(A.shape, dtype, A.device) : null
    const info = allocateInfo(batchOf(A), A.device)
    kernels.eigen(w, v, info, columns(A))
    return saving(v ? [w, info, v] : [w, info], w, v)
  },
  // gA = V⁻ᴴ(diag(gλ) + (Vᴴ·gV - VᴴV·diag(Re(Vᴴ·gV)))/conj(λⱼ - λᵢ))Vᴴ
  backward([gradW, , gradV], [w, V]) {
    if (V === null || (!gradW && !gradV)) return [null]
    const Vh = adjoint(V)
    if (!gradV) return [gradW && solveEx(Vh, mul(perRow(gradW), Vh)).result]
    const toVectors = matmul(Vh, gradV)
    const scaled = mul(matmul(Vh, V), perColumn(to(real(diagonals(toVectors)), V.dtype)))
    const inner = div(sub(toVectors, scaled), conj(gaps(w)))
    const middle = withDiagonal(inner, gradW ?? mul(diagonals(inner), 0))
    return [solveEx(Vh, matmul(middle, Vh)).result]
  },
})

function eigenChecked(operation: string, A: Tensor, vectors: boolean): Tensor[] {
  checkSquare(operation, A)
  checkLapack(operation, A)
  const result = explaining(
    ({ position }) => new LinAlgError(`${operation}: element ${position} of the input is not finite`),
    () => general(A, vectors),
  )
  checkInfo(operation, result[1], failed)
  return result
}

/**
 * The eigenvalues and eigenvectors of square matrices: `A = V·diag(λ)·V⁻¹`, complex also where A is real.
 *
 * The order of the eigenvalues is not specified, and eigenvectors are unique only up to a factor. @see eigh for
 * symmetric matrices
 *
 * @param A shape […, N, N]
 * @throws LinAlgError when A has values that are not finite, or the iteration does not converge
 */
export const eig: FunctionOp<[A: Tensor], Eigen> = composite('linalg.eig(A)', (A: Tensor): Eigen => {
  const [eigenvalues, , eigenvectors] = eigenChecked('linalg.eig', A, true)
  return { eigenvalues, eigenvectors }
})

/** The eigenvalues of square matrices, complex. @see eig */
export const eigvals: FunctionOp<[A: Tensor], Tensor> = composite(
  'linalg.eigvals(A)',
  (A: Tensor): Tensor => eigenChecked('linalg.eigvals', A, A.requiresGrad)[0],
)
