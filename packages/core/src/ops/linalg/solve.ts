// Linear systems, inverses, and both for tensors.
import { gradMode } from '../../autograd/mode.js'
import * as kernels from '../../binding/kernels.gen.js'
import { ArgumentError, describe, ShapeError } from '../../errors.js'
import { allocate } from '../../tensor/create.js'
import { broadcastShapes, formatShape, numelOf, sameShape, wrapDims } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { neg } from '../arithmetic.js'
import { composite, primitive } from '../dispatch.js'
import { matmul } from '../matmul.js'
import { type FunctionOp, type Op, saving } from '../record.js'
import { movedim, reshape, squeeze, unsqueeze } from '../views.js'
import type { CheckErrorsOptions } from './lu.js'
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
  transposed,
} from './shared.js'

/** LU factors of A, whose batch is B's, and A⁻¹B in B's place. */
function factorAndSolve(A: Tensor, x: Tensor): { lu: Tensor; pivots: Tensor; info: Tensor } {
  const lu = columns(A)
  const pivots = allocate(A.shape.slice(0, -1), 'int32', A.device)
  const info = allocateInfo(batchOf(A), A.device)
  kernels.luFactor(lu, pivots, info)
  kernels.luSolve(x, lu, pivots, 0)
  return { lu, pivots, info }
}

const solved: FunctionOp<[A: Tensor, B: Tensor], Tensor[]> = primitive({
  signature: '_solve(A, B)',
  forward(A: Tensor, B: Tensor) {
    const x = columns(B)
    const { lu, pivots, info } = factorAndSolve(A, x)
    return saving([x, info], A, x, lu, pivots)
  },
  backward([grad], [A, X, lu, pivots], needs) {
    if (grad === null) return [null, null]
    // AX = B: gB = A⁻ᴴ·gX, gA = -gB·Xᴴ.
    let gB: Tensor
    if (gradMode.enabled) [gB] = solved(adjoint(A), grad)
    else {
      gB = columns(grad)
      kernels.luSolve(gB, asColumns(lu), pivots, 2)
    }
    return [needs(0) ? neg(matmul(gB, adjoint(X))) : null, gB]
  },
})

const singular = (): string => 'the matrix is singular'

/** The options of `solve`. */
export interface SolveOptions {
  /** Solve AX = B; otherwise XA = B. Default true. */
  readonly left?: boolean
}

/** A result, and LAPACK's answer. */
export interface SolveInfo {
  readonly result: Tensor
  /** 0, or the first zero on the diagonal of U, from 1; int32 of the batch's shape */
  readonly info: Tensor
}

function solveChecked(operation: string, A: Tensor, B: Tensor, left: boolean): SolveInfo {
  checkSquare(operation, A)
  checkLapack(operation, A, B)
  // B is a batch of vectors where it has the shape that makes A of it.
  const vectors = B.ndim === 1 || (A.ndim - 1 === B.ndim && sameShape(B.shape, A.shape.slice(0, -1)))
  const right = vectors ? unsqueeze(B, -1) : B
  if (!left && vectors)
    throw new ShapeError(
      `${operation}: expected matrices for B with left = false, got shape ${formatShape(B.shape)} for A of shape ${formatShape(A.shape)}`,
    )
  checkMatrices(operation, right, 'B')
  if ((left ? rowsOf(right) : colsOf(right)) !== rowsOf(A))
    throw new ShapeError(
      `${operation}: expected B with ${rowsOf(A)} ${left ? 'rows' : 'columns'} (A is ${formatShape(A.shape)}), got shape ${formatShape(B.shape)}`,
    )
  const batch = broadcastShapes(operation, batchOf(A), batchOf(right))
  const a = expandBatch(A, batch)
  const b = expandBatch(right, batch)
  const [x, info] = left ? solved(a, b) : solved(transposed(a), transposed(b))
  const result = left ? x : transposed(x)
  return { result: vectors ? squeeze(result, -1) : result, info }
}

/** `solve` with an `info` instead of an error where a matrix is singular. @see linalg.solve */
export const solveEx: FunctionOp<[A: Tensor, B: Tensor, options?: SolveOptions & CheckErrorsOptions], SolveInfo> =
  composite(
    'linalg.solve_ex(A, B, {left, check_errors})',
    (A: Tensor, B: Tensor, { left = true, checkErrors = false }: SolveOptions & CheckErrorsOptions = {}): SolveInfo => {
      const result = solveChecked('linalg.solve_ex', A, B, left)
      if (checkErrors) checkInfo('linalg.solve_ex', result.info, singular)
      return result
    },
  )

/**
 * The solution X of `AX = B`, or of `XA = B`.
 *
 * @param A shape […, N, N]
 * @param B shape […, N, K] (with `left: false` […, K, N]), or vectors […, N]; batches broadcast
 * @throws LinAlgError when a matrix is singular
 * @example
 * ```ts
 * import { linalg, tensor } from '@flambeau/core'
 * console.log(linalg.solve(tensor([[2, 0], [0, 4]]), tensor([2, 8])).toArray()) // → [ 1, 2 ]
 * ```
 */
export const solve: FunctionOp<[A: Tensor, B: Tensor, options?: SolveOptions], Tensor> = composite(
  'linalg.solve(A, B, {left})',
  (A: Tensor, B: Tensor, { left = true }: SolveOptions = {}): Tensor => {
    const { result, info } = solveChecked('linalg.solve', A, B, left)
    checkInfo('linalg.solve', info, singular)
    return result
  },
)

const inverted: FunctionOp<[A: Tensor], Tensor[]> = primitive({
  signature: '_inv(A)',
  forward(A: Tensor) {
    const x = identity(batchOf(A), rowsOf(A), A.dtype, A.device)
    // Column-major as it is: an identity is its own transpose.
    const out = transposed(x)
    const { info } = factorAndSolve(A, out)
    return saving([out, info], out)
  },
  // gA = -A⁻ᴴ·g·A⁻ᴴ
  backward: ([grad], [inverse]) => [grad && neg(matmul(adjoint(inverse), matmul(grad, adjoint(inverse))))],
})

/** An inverse, and LAPACK's answer. */
export interface InverseInfo {
  readonly inverse: Tensor
  /** 0, or the first zero on the diagonal of U, from 1; int32 of the batch's shape */
  readonly info: Tensor
}

function invertChecked(operation: string, A: Tensor): Tensor[] {
  checkSquare(operation, A)
  checkLapack(operation, A)
  return inverted(A)
}

const notInvertible = (i: number): string =>
  `the matrix is singular and has no inverse (element [${i}, ${i}] of its factor U, counted from 1, is zero)`

/** `inv` with an `info` instead of an error where a matrix is singular. @see linalg.inv */
export const invEx: FunctionOp<[A: Tensor, options?: CheckErrorsOptions], InverseInfo> = composite(
  'linalg.inv_ex(A, {check_errors})',
  (A: Tensor, { checkErrors = false }: CheckErrorsOptions = {}): InverseInfo => {
    const [inverse, info] = invertChecked('linalg.inv_ex', A)
    if (checkErrors) checkInfo('linalg.inv_ex', info, notInvertible)
    return { inverse, info }
  },
)

function invertNamed(operation: string, A: Tensor): Tensor {
  const [inverse, info] = invertChecked(operation, A)
  checkInfo(operation, info, notInvertible)
  return inverse
}

/**
 * The inverses of square matrices. To solve a system, `solve` is faster and more exact.
 *
 * @param A shape […, N, N]
 * @throws LinAlgError when a matrix is singular
 * @example
 * ```ts
 * import { linalg, tensor } from '@flambeau/core'
 * console.log(linalg.inv(tensor([[2, 0], [0, 4]])).toArray()) // → [ [ 0.5, 0 ], [ 0, 0.25 ] ]
 * ```
 */
export const inv: FunctionOp<[A: Tensor], Tensor> = composite(
  'linalg.inv(A)',
  (A: Tensor): Tensor => invertNamed('linalg.inv', A),
)

/** The inverses of square matrices. @see linalg.inv */
export const inverse: Op<[self: Tensor]> = composite(
  'inverse(self)',
  (self: Tensor): Tensor => invertNamed('inverse', self),
)

/**
 * The tensor X for which `tensordot(X, A, ind)` is an identity: the inverse of A as a map from its last dimensions to
 * its first `ind`.
 *
 * @param A its first `ind` dimensions have as many elements as the others
 * @param ind default 2
 * @returns shape A.shape[ind:] + A.shape[:ind]
 */
export const tensorinv: FunctionOp<[A: Tensor, ind?: number], Tensor> = composite(
  'linalg.tensorinv(A, ind)',
  (A: Tensor, ind: number = 2): Tensor => {
    if (!Number.isInteger(ind) || ind < 1)
      throw new ArgumentError(`linalg.tensorinv: expected an integer ≥ 1 for ind, got ${describe(ind)}`)
    const first = A.shape.slice(0, ind)
    const last = A.shape.slice(ind)
    if (numelOf(first) !== numelOf(last))
      throw new ShapeError(
        `linalg.tensorinv: expected equal products of the first ${ind} sizes and of the others, got shape ${formatShape(A.shape)} (${numelOf(first)} and ${numelOf(last)})`,
      )
    const n = numelOf(first)
    return reshape(invertNamed('linalg.tensorinv', reshape(A, [n, n])), [...last, ...first])
  },
)

/** The options of `tensorsolve`. */
export interface TensorsolveOptions {
  /** Dimensions of A that are moved to its end first. Default none. */
  readonly dims?: readonly number[] | null
}

/**
 * The tensor X with `tensordot(A, X, X.ndim) = B`.
 *
 * @param A shape B.shape + X.shape, with as many elements in both
 * @param B any shape
 */
export const tensorsolve: FunctionOp<[A: Tensor, B: Tensor, options?: TensorsolveOptions], Tensor> = composite(
  'linalg.tensorsolve(A, B, {dims})',
  (A: Tensor, B: Tensor, { dims }: TensorsolveOptions = {}): Tensor => {
    let moved = A
    if (dims !== undefined && dims !== null) {
      const last = dims.map((d) => wrapDims('linalg.tensorsolve', d, A.ndim)[0])
      moved = movedim(
        A,
        last,
        last.map((_, i) => A.ndim - last.length + i),
      )
    }
    const shape = moved.shape.slice(B.ndim)
    if (numelOf(shape) !== B.numel() || moved.numel() !== B.numel() ** 2)
      throw new ShapeError(
        `linalg.tensorsolve: expected A whose sizes are B's and then as many elements again, got ${formatShape(A.shape)} and ${formatShape(B.shape)}`,
      )
    const n = B.numel()
    const { result, info } = solveChecked('linalg.tensorsolve', reshape(moved, [n, n]), reshape(B, [n]), true)
    checkInfo('linalg.tensorsolve', info, singular)
    return reshape(result, shape)
  },
)
