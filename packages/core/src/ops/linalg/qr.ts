// QR factorizations, and products of Householder reflectors.
import * as kernels from '../../binding/kernels.gen.js'
import { ArgumentError, AutogradError, describe, ShapeError } from '../../errors.js'
import { allocate } from '../../tensor/create.js'
import { formatShape, sameShape } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { add, mul, sub } from '../arithmetic.js'
import { conj } from '../complex.js'
import { fillRaw } from '../creation.js'
import { composite, primitive } from '../dispatch.js'
import { contiguousRaw } from '../inplace.js'
import { cat } from '../joining.js'
import { tril, triu } from '../masks.js'
import { matmul } from '../matmul.js'
import { type Forward, type FunctionOp, type Op, saving } from '../record.js'
import { narrow } from '../slicing.js'
import {
  adjoint,
  allocateColumns,
  asColumns,
  batchOf,
  checkLapack,
  checkMatrices,
  colsOf,
  columns,
  identity,
  perRow,
  rowsOf,
} from './shared.js'
import { triangular } from './triangular.js'

/** The factors of `A = QR`. */
export interface QrFactors {
  readonly Q: Tensor
  readonly R: Tensor
}

/** How much of the factors is wanted. */
export type QrMode = 'reduced' | 'complete' | 'r'

/** The upper triangle as that of a Hermitian matrix whose diagonal is real. */
function hermitianOf(t: Tensor): Tensor {
  const upper = triu(t, 1)
  const diagonal = tril(triu(t))
  return add(add(upper, adjoint(upper)), mul(add(diagonal, adjoint(diagonal)), 0.5))
}

/** gA of a factorization with m ≥ n: (gQ + Q·herm(gR·Rᴴ - Qᴴ·gQ))R⁻ᴴ. */
function tallBackward(gQ: Tensor | null, gR: Tensor | null, Q: Tensor, R: Tensor): Tensor {
  let inner: Tensor | null = gR && matmul(triu(gR), adjoint(R))
  if (gQ) {
    const other = matmul(adjoint(Q), gQ)
    inner = inner === null ? mul(other, -1) : sub(inner, other)
  }
  const symmetric = matmul(Q, hermitianOf(inner ?? R))
  const left = gQ ? add(gQ, symmetric) : symmetric
  return triangular(adjoint(R), left, false, false, false)
}

function qrBackward(gQ: Tensor | null, gR: Tensor | null, Q: Tensor, R: Tensor): Tensor | null {
  if (!gQ && !gR) return null
  const m = rowsOf(Q)
  const n = colsOf(R)
  if (m >= n) return tallBackward(gQ, gR, Q, R)
  // A = [X Y], R = [R₁ R₂]: X = Q·R₁ and R₂ = Qᴴ·Y.
  const R1 = narrow(R, -1, 0, m)
  if (!gR) {
    const gX = tallBackward(gQ, null, Q, R1)
    return cat([gX, mul(matmul(Q, narrow(R, -1, m, n - m)), 0)], -1)
  }
  const gR2 = narrow(gR, -1, m, n - m)
  const Y = matmul(Q, narrow(R, -1, m, n - m))
  const fromY = matmul(Y, adjoint(gR2))
  const gX = tallBackward(gQ ? add(gQ, fromY) : fromY, narrow(gR, -1, 0, m), Q, R1)
  return cat([gX, matmul(Q, gR2)], -1)
}

const factored: FunctionOp<[A: Tensor, mode: QrMode], Tensor[]> = primitive({
  signature: '_qr(A, mode)',
  forward(A: Tensor, mode: QrMode): Forward<Tensor[], [Tensor | null, Tensor, QrMode]> {
    const m = rowsOf(A)
    const n = colsOf(A)
    const k = Math.min(m, n)
    const a = columns(A)
    const tau = allocate([...batchOf(A), k], A.dtype, A.device)
    kernels.qrFactor(a, tau)
    if (mode === 'r') {
      const R = triu(narrow(a, -2, 0, k))
      return saving([allocate([0], A.dtype, A.device), R], null, R, mode)
    }
    const size = mode === 'complete' ? m : k
    let R = triu(narrow(a, -2, 0, Math.min(m, size)))
    let Q: Tensor
    if (n === 0 || m === 0) Q = columns(identityColumns(A, m, size))
    else {
      Q = a
      if (size !== n) {
        // Only the first columns are reflectors; the others are made of them.
        Q = allocateColumns([...batchOf(A), m, size], A.dtype, A.device)
        const shared = Math.min(size, n)
        if (shared < size) kernels.fill(narrow(Q, -1, shared, size - shared), 0)
        kernels.copy(narrow(Q, -1, 0, shared), narrow(a, -1, 0, shared))
      } else R = columns(R)
      kernels.householderProduct(Q, tau)
    }
    return saving([Q, R], Q, R, mode)
  },
  backward([gQ, gR], [Q, R, mode]) {
    if (Q === null)
      throw new AutogradError("linalg.qr: mode 'r' does not compute Q, which its gradient needs; use mode 'reduced'")
    if (mode === 'complete' && rowsOf(Q) > colsOf(R))
      throw new AutogradError(
        "linalg.qr: mode 'complete' has no gradient for matrices with more rows than columns; use mode 'reduced'",
      )
    return [qrBackward(gQ ?? null, gR ?? null, Q, R)]
  },
})

/** The first columns of identity matrices. */
const identityColumns = (like: Tensor, rows: number, cols: number): Tensor =>
  narrow(identity(batchOf(like), Math.max(rows, cols), like.dtype, like.device), -1, 0, cols)

function factorChecked(operation: string, A: Tensor, mode: QrMode): QrFactors {
  checkMatrices(operation, A)
  checkLapack(operation, A)
  const [Q, R] = factored(A, mode)
  return { Q, R }
}

/**
 * The QR factorization `A = QR`: orthonormal columns and an upper triangle.
 *
 * @param A shape […, M, N]
 * @param mode 'reduced' (default) gives Q […, M, K] and R […, K, N] with K = min(M, N), 'complete' Q […, M, M] and
 * R […, M, N], 'r' only R, and an empty Q
 * @throws AutogradError for the gradient of mode 'r', and of mode 'complete' where M > N
 * @example
 * ```ts
 * import { linalg, ones } from '@flambeau/core'
 * const { Q, R } = linalg.qr(ones([4, 2]))
 * console.log(Q.shape, R.shape) // → [ 4, 2 ] [ 2, 2 ]
 * ```
 */
const qrOf: FunctionOp<[A: Tensor, mode?: QrMode], QrFactors> = composite(
  'linalg.qr(A, mode)',
  (A: Tensor, mode: QrMode = 'reduced'): QrFactors => {
    if (mode !== 'reduced' && mode !== 'complete' && mode !== 'r')
      throw new ArgumentError(`linalg.qr: expected 'reduced', 'complete' or 'r' for mode, got ${describe(mode)}`)
    return factorChecked('linalg.qr', A, mode)
  },
)

export { qrOf }

/** The QR factorization. @param some a reduced one; default true @see linalg.qr */
export const qr: Op<[self: Tensor, some?: boolean], QrFactors> = composite(
  'qr(self, some)',
  (self: Tensor, some: boolean = true): QrFactors => factorChecked('qr', self, some ? 'reduced' : 'complete'),
)

/** R in the upper triangle and the reflectors below it, with their factors. */
export interface Reflectors {
  /** shape […, M, N] */
  readonly a: Tensor
  /** shape […, min(M, N)] */
  readonly tau: Tensor
}

const reflected: FunctionOp<[A: Tensor], Tensor[]> = primitive({
  signature: '_geqrf(A)',
  forward(A: Tensor) {
    const a = columns(A)
    const tau = allocate([...batchOf(A), Math.min(rowsOf(A), colsOf(A))], A.dtype, A.device)
    kernels.qrFactor(a, tau)
    return saving([a, tau])
  },
  backward() {
    throw new AutogradError('geqrf: has no derivative; use linalg.qr')
  },
})

/** The QR factorization as LAPACK leaves it, for `linalg.householderProduct` and `ormqr`. */
export const geqrf: Op<[self: Tensor], Reflectors> = composite('geqrf(self)', (self: Tensor): Reflectors => {
  checkMatrices('geqrf', self, 'input')
  checkLapack('geqrf', self)
  const [a, tau] = reflected(self)
  return { a, tau }
})

function checkReflectors(operation: string, A: Tensor, tau: Tensor): void {
  checkMatrices(operation, A, 'input')
  checkLapack(operation, A, tau)
  if (tau.ndim !== A.ndim - 1 || !sameShape(tau.shape.slice(0, -1), batchOf(A)))
    throw new ShapeError(
      `${operation}: expected tau with the batch dimensions of input ${formatShape(A.shape)} and one more, got shape ${formatShape(tau.shape)}`,
    )
}

/** The i-th reflector's vector: zeros, one, and what is below the diagonal. */
function reflector(A: Tensor, i: number): Tensor {
  const m = rowsOf(A)
  const below = narrow(narrow(A, -1, i, 1), -2, i + 1, m - i - 1)
  const head = fillRaw([...batchOf(A), i + 1, 1], 0, A.dtype, A.device)
  kernels.fill(narrow(head, -2, i, 1), 1)
  return cat([head, below], -2)
}

/** Q·C, or Qᴴ·C, of the reflectors 1 - τ·v·vᴴ, one after another: for gradients. */
function multiplied(A: Tensor, tau: Tensor, C: Tensor, isAdjoint: boolean): Tensor {
  const k = colsOf(tau)
  let out = C
  for (let step = 0; step < k; step++) {
    const i = isAdjoint ? step : k - 1 - step
    const v = reflector(A, i)
    const factor = perRow(narrow(tau, -1, i, 1))
    out = sub(out, matmul(mul(v, isAdjoint ? conj(factor) : factor), matmul(adjoint(v), out)))
  }
  return out
}

/**
 * The first columns of the product Q of Householder reflectors, as `geqrf` gives them.
 *
 * @param A shape […, M, N] with M ≥ N: the vectors, below the diagonal
 * @param tau shape […, K] with K ≤ N
 * @returns shape […, M, N]
 */
export const householderProduct: FunctionOp<[A: Tensor, tau: Tensor], Tensor> = composite(
  'linalg.householder_product(A, tau)',
  (A: Tensor, tau: Tensor): Tensor => productChecked('linalg.householder_product', A, tau),
)

function productChecked(operation: string, A: Tensor, tau: Tensor): Tensor {
  checkReflectors(operation, A, tau)
  if (rowsOf(A) < colsOf(A) || colsOf(tau) > colsOf(A))
    throw new ShapeError(
      `${operation}: expected input with at least as many rows as columns and tau with at most as many elements, got shapes ${formatShape(A.shape)} and ${formatShape(tau.shape)}`,
    )
  if (A.requiresGrad || tau.requiresGrad) return multiplied(A, tau, identityColumns(A, rowsOf(A), colsOf(A)), false)
  const q = columns(A)
  kernels.householderProduct(q, contiguousRaw(tau))
  return q
}

/** The product of Householder reflectors. @see linalg.householderProduct */
export const orgqr: Op<[self: Tensor, tau: Tensor]> = composite(
  'orgqr(self, tau)',
  (self: Tensor, tau: Tensor): Tensor => productChecked('orgqr', self, tau),
)

/**
 * Q·other, Qᴴ·other, other·Q or other·Qᴴ for the product Q of Householder reflectors, without forming it.
 *
 * @param self shape […, P, K]: the vectors, where P is M with `left` and otherwise N
 * @param tau shape […, K]
 * @param other shape […, M, N]
 * @param left from the left; default true
 * @param transpose with the conjugate transpose of Q; default false
 */
export const ormqr: Op<[self: Tensor, tau: Tensor, other: Tensor, left?: boolean, transpose?: boolean]> = composite(
  'ormqr(self, tau, other, left, transpose)',
  (self: Tensor, tau: Tensor, other: Tensor, left: boolean = true, transpose: boolean = false): Tensor => {
    checkMatrices('ormqr', self, 'input')
    checkMatrices('ormqr', other, 'other')
    const size = left ? rowsOf(other) : colsOf(other)
    if (tau.ndim > 0 && (colsOf(tau) !== Math.min(size, colsOf(self)) || rowsOf(self) !== size))
      throw new ShapeError(
        `ormqr: expected input with ${size} rows and tau with min(${size}, columns of input) elements (other is ${formatShape(other.shape)}), got shapes ${formatShape(self.shape)} and ${formatShape(tau.shape)}`,
      )
    checkReflectors('ormqr', self, tau)
    checkLapack('ormqr', self, tau, other)
    if (!sameShape(batchOf(self), batchOf(other)))
      throw new ShapeError(
        `ormqr: expected equal batch dimensions, got shapes ${formatShape(self.shape)} and ${formatShape(other.shape)}`,
      )
    if (self.requiresGrad || tau.requiresGrad || other.requiresGrad) {
      if (left) return multiplied(self, tau, other, transpose)
      // C·Q is the adjoint of Qᴴ·Cᴴ.
      return adjoint(multiplied(self, tau, adjoint(other), !transpose))
    }
    const c = columns(other)
    kernels.householderMultiply(c, asColumns(self), contiguousRaw(tau), left, transpose)
    return c
  },
)
