// Triangular systems.
import * as kernels from '../../binding/kernels.gen.js'
import { ShapeError } from '../../errors.js'
import { formatShape } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { neg } from '../arithmetic.js'
import { clone } from '../copies.js'
import { composite, primitive } from '../dispatch.js'
import { tril, triu } from '../masks.js'
import { matmul } from '../matmul.js'
import { type FunctionOp, type Op, saving } from '../record.js'
import {
  adjoint,
  broadcastBatch,
  checkLapack,
  checkMatrices,
  checkSquare,
  colsOf,
  columns,
  isColumns,
  rowsOf,
  transposed,
} from './shared.js'

type Triangular = FunctionOp<[A: Tensor, B: Tensor, upper: boolean, left: boolean, unit: boolean], Tensor>

/** A⁻¹B, or BA⁻¹, of one triangle of A; the batches are the same. */
const solved: Triangular = primitive({
  signature: '_triangular_solve(A, B, upper, left, unit)',
  forward(A: Tensor, B: Tensor, upper: boolean, left: boolean, unit: boolean) {
    const x = columns(B)
    // Row-major matrices are read as the transposes of column-major ones.
    const flipped = transposed(A)
    if (isColumns(A)) kernels.triangularSolve(x, A, upper, 0, unit, left)
    else if (isColumns(flipped)) kernels.triangularSolve(x, flipped, !upper, 1, unit, left)
    else kernels.triangularSolve(x, columns(A), upper, 0, unit, left)
    return saving(x, A, x, upper, left, unit)
  },
  backward(grad, [A, X, upper, left, unit], needs) {
    // AX = B: gB = A⁻ᴴ·gX, gA = -gB·Xᴴ, of the triangle that was read.
    const gB = solved(adjoint(A), grad, !upper, left, unit)
    if (!needs(0)) return [null, gB]
    const whole = neg(left ? matmul(gB, adjoint(X)) : matmul(adjoint(X), gB))
    const offset = unit ? 1 : 0
    return [upper ? triu(whole, offset) : tril(whole, -offset), gB]
  },
})

/** The solution of a triangular system, whose batches broadcast. */
export function triangular(A: Tensor, B: Tensor, upper: boolean, left: boolean, unit: boolean): Tensor {
  const [a, b] = broadcastBatch('linalg.solve_triangular', A, B)
  return solved(a, b, upper, left, unit)
}

/** The options of `solveTriangular`. */
export interface SolveTriangularOptions {
  /** Which triangle of A is read. */
  readonly upper: boolean
  /** Solve AX = B; otherwise XA = B. Default true. */
  readonly left?: boolean
  /** Take the diagonal of A for ones. Default false. */
  readonly unitriangular?: boolean
}

/**
 * The solution X of `AX = B`, or of `XA = B`, for triangular matrices; what is beyond the triangle is not read. A zero
 * on the diagonal gives infinities or NaN.
 *
 * @param A shape […, N, N]
 * @param B shape […, N, K], or […, K, N] with `left: false`; batches broadcast
 * @example
 * ```ts
 * import { linalg, tensor } from '@flambeau/core'
 * const A = tensor([[2, 0], [1, 4]])
 * console.log(linalg.solveTriangular(A, tensor([[2], [9]]), { upper: false }).toArray()) // → [ [ 1 ], [ 2 ] ]
 * ```
 */
export const solveTriangular: FunctionOp<[A: Tensor, B: Tensor, options: SolveTriangularOptions], Tensor> = composite(
  'linalg.solve_triangular(A, B, {upper, left, unitriangular})',
  (A: Tensor, B: Tensor, { upper, left = true, unitriangular = false }: SolveTriangularOptions): Tensor => {
    const operation = 'linalg.solve_triangular'
    checkSquare(operation, A)
    checkMatrices(operation, B, 'B')
    checkLapack(operation, A, B)
    if ((left ? rowsOf(B) : colsOf(B)) !== rowsOf(A))
      throw new ShapeError(
        `${operation}: expected B with ${rowsOf(A)} ${left ? 'rows' : 'columns'} (A is ${formatShape(A.shape)}), got shape ${formatShape(B.shape)}`,
      )
    return triangular(A, B, upper, left, unitriangular)
  },
)

/** The solution of a triangular system, and the matrix. */
export interface TriangularSolution {
  readonly solution: Tensor
  readonly clonedCoefficient: Tensor
}

/** The solution X of `AX = b` for triangular matrices, or of `AᵀX = b`. @see linalg.solveTriangular */
export const triangularSolve: Op<
  [self: Tensor, A: Tensor, upper?: boolean, transpose?: boolean, unitriangular?: boolean],
  TriangularSolution
> = composite(
  'triangular_solve(self, A, upper, transpose, unitriangular)',
  (
    self: Tensor,
    A: Tensor,
    upper: boolean = true,
    transpose: boolean = false,
    unitriangular: boolean = false,
  ): TriangularSolution => {
    checkSquare('triangular_solve', A)
    checkMatrices('triangular_solve', self, 'b')
    checkLapack('triangular_solve', A, self)
    if (rowsOf(self) !== rowsOf(A))
      throw new ShapeError(
        `triangular_solve: expected b with ${rowsOf(A)} rows (A is ${formatShape(A.shape)}), got shape ${formatShape(self.shape)}`,
      )
    const [a, b] = broadcastBatch('triangular_solve', A, self)
    const solution = transpose
      ? solved(transposed(a), b, !upper, true, unitriangular)
      : solved(a, b, upper, true, unitriangular)
    return { solution, clonedCoefficient: clone(a) }
  },
)
