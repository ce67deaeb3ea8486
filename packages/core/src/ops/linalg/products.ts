// Products, powers and parts of matrices that need no factorization.
import { ArgumentError, DTypeError, describe, ShapeError } from '../../errors.js'
import { isInteger } from '../../tensor/dtype.js'
import { broadcastShapes, formatShape, wrapDim } from '../../tensor/shape.js'
import { Tensor } from '../../tensor/tensor.js'
import { mul, sub } from '../arithmetic.js'
import { conj } from '../complex.js'
import { clone, to } from '../copies.js'
import { onesLike } from '../creation.js'
import { composite } from '../dispatch.js'
import { cat } from '../joining.js'
import { matmul } from '../matmul.js'
import { roll } from '../rearrange.js'
import type { FunctionOp, Op } from '../record.js'
import { sum } from '../reductions.js'
import { cumprod } from '../scans.js'
import { diagonal } from '../slicing.js'
import { expand, squeeze, unsqueeze } from '../views.js'
import { batchOf, checkSquare, identity, rowsOf } from './shared.js'
import { inv } from './solve.js'

function crossChecked(operation: string, a: Tensor, b: Tensor, dim: number): Tensor {
  const shape = broadcastShapes(operation, a.shape, b.shape)
  const d = wrapDim(operation, dim, shape.length)
  if (a.ndim !== b.ndim || a.shape[d] !== 3 || b.shape[d] !== 3)
    throw new ShapeError(
      `${operation}: expected tensors of as many dimensions and of size 3 in dimension ${dim}, got shapes ${formatShape(a.shape)} and ${formatShape(b.shape)}`,
    )
  // Each element is the product of the next two, crosswise.
  return sub(mul(roll(a, -1, d), roll(b, -2, d)), mul(roll(a, -2, d), roll(b, -1, d)))
}

/** The options of `linalg.cross`. */
export interface CrossOptions {
  /** The dimension of the vectors, of size 3. Default -1. */
  readonly dim?: number
}

/**
 * The cross products of vectors of three elements.
 *
 * @example
 * ```ts
 * import { linalg, tensor } from '@flambeau/core'
 * console.log(linalg.cross(tensor([1, 0, 0]), tensor([0, 1, 0])).toArray()) // → [ 0, 0, 1 ]
 * ```
 */
const crossOf: FunctionOp<[input: Tensor, other: Tensor, options?: CrossOptions], Tensor> = composite(
  'linalg.cross(input, other, {dim})',
  (input: Tensor, other: Tensor, { dim = -1 }: CrossOptions = {}): Tensor =>
    crossChecked('linalg.cross', input, other, dim),
)

export { crossOf }

/** The cross products along `dim`, by default the first dimension of size 3. @see linalg.cross */
export const cross: Op<[self: Tensor, other: Tensor, dim?: number | null]> = composite(
  'cross(self, other, dim)',
  (self: Tensor, other: Tensor, dim?: number | null): Tensor => {
    const shape = broadcastShapes('cross', self.shape, other.shape)
    const found = dim ?? shape.indexOf(3)
    if (found === -1 && (dim === undefined || dim === null))
      throw new ShapeError(`cross: expected a dimension of size 3, got shape ${formatShape(shape)}`)
    return crossChecked('cross', self, other, found)
  },
)

/** The options of `vecdot`. */
export interface VecdotOptions {
  /** The dimension of the vectors. Default -1. */
  readonly dim?: number
}

/** The dot products Σ conj(xᵢ)·yᵢ of vectors along a dimension; both broadcast. */
export const vecdot: FunctionOp<[x: Tensor, y: Tensor, options?: VecdotOptions], Tensor> = composite(
  'linalg.vecdot(x, y, {dim})',
  (x: Tensor, y: Tensor, { dim = -1 }: VecdotOptions = {}): Tensor => {
    const shape = broadcastShapes('linalg.vecdot', x.shape, y.shape)
    const d = wrapDim('linalg.vecdot', dim, shape.length) - shape.length
    return sum(mul(conj(x), y), d)
  },
)

/** The cheapest order of a chain's products: where to split tensors i…j, by dynamic programming. */
function chainSplits(sizes: readonly number[]): number[][] {
  const n = sizes.length - 1
  const cost = Array.from({ length: n }, () => new Array<number>(n).fill(0))
  const splits = Array.from({ length: n }, () => new Array<number>(n).fill(0))
  for (let length = 1; length < n; length++)
    for (let i = 0; i + length < n; i++) {
      const j = i + length
      cost[i][j] = Infinity
      for (let k = i; k < j; k++) {
        const total = cost[i][k] + cost[k + 1][j] + sizes[i] * sizes[k + 1] * sizes[j + 1]
        if (total < cost[i][j]) {
          cost[i][j] = total
          splits[i][j] = k
        }
      }
    }
  return splits
}

/**
 * The product of two or more matrices, in the order that costs least.
 *
 * @param tensors matrices; the first may be a row vector, and the last a column vector, of one dimension
 * @example
 * ```ts
 * import { linalg, ones } from '@flambeau/core'
 * console.log(linalg.multiDot([ones([10, 100]), ones([100, 5]), ones([5, 50])]).shape) // → [ 10, 50 ]
 * ```
 */
export const multiDot: FunctionOp<[tensors: readonly Tensor[]], Tensor> = composite(
  'linalg.multi_dot(tensors)',
  (tensors: readonly Tensor[]): Tensor => {
    const operation = 'linalg.multi_dot'
    if (!Array.isArray(tensors) || tensors.length < 2 || !tensors.every((t) => t instanceof Tensor))
      throw new ArgumentError(`${operation}: expected a list of at least two tensors, got ${describe(tensors)}`)
    const list = [...(tensors as readonly Tensor[])]
    const last = list.length - 1
    const shapes = list.map((t) => formatShape(t.shape)).join(', ')
    list.forEach((t, i) => {
      if (t.ndim !== 2 && !(t.ndim === 1 && (i === 0 || i === last)))
        throw new ShapeError(`${operation}: expected matrices, and vectors at the ends only, got shapes ${shapes}`)
    })
    const [vectorFirst, vectorLast] = [list[0].ndim === 1, list[last].ndim === 1]
    if (vectorFirst) list[0] = unsqueeze(list[0], 0)
    if (vectorLast) list[last] = unsqueeze(list[last], 1)
    for (let i = 0; i < last; i++)
      if (list[i].shape[1] !== list[i + 1].shape[0])
        throw new ShapeError(`${operation}: expected equal inner sizes, got shapes ${shapes}`)
    const splits = chainSplits([list[0].shape[0], ...list.map((t) => t.shape[1])])
    const product = (i: number, j: number): Tensor => {
      if (i === j) return list[i]
      const k = splits[i][j]
      return matmul(product(i, k), product(k + 1, j))
    }
    let out = product(0, last)
    if (vectorFirst) out = squeeze(out, 0)
    return vectorLast ? squeeze(out, -1) : out
  },
)

/** Aⁿ of square matrices: by repeated squaring, of the inverse where n is negative. */
function powerOf(operation: string, A: Tensor, n: number): Tensor {
  checkSquare(operation, A)
  if (typeof n !== 'number' || !Number.isInteger(n))
    throw new ArgumentError(`${operation}: expected an integer for n, got ${describe(n)}`)
  if (n === 0) return identity(batchOf(A), rowsOf(A), A.dtype, A.device)
  let base = n < 0 ? inv(A) : A
  let left = Math.abs(n)
  if (left === 1) return n < 0 ? base : clone(A)
  let out: Tensor | null = null
  for (;;) {
    if (left % 2 === 1) out = out === null ? base : matmul(out, base)
    left = Math.floor(left / 2)
    if (left === 0) return out ?? base
    base = matmul(base, base)
  }
}

const matrixPowerOf: FunctionOp<[A: Tensor, n: number], Tensor> = composite(
  'linalg.matrix_power(A, n)',
  (A: Tensor, n: number): Tensor => powerOf('linalg.matrix_power', A, n),
)

/**
 * The n-th power of square matrices; of their inverses where n is negative.
 *
 * @param A shape […, N, N]
 * @throws LinAlgError when n is negative and a matrix singular
 */
export { matrixPowerOf }

/** The n-th power of square matrices. @see linalg.matrixPower */
export const matrixPower: Op<[self: Tensor, n: number]> = composite(
  'matrix_power(self, n)',
  (self: Tensor, n: number): Tensor => powerOf('matrix_power', self, n),
)

/** The options of `linalg.vander`. */
export interface VanderOptions {
  /** The number of columns. Default: as many as x has elements. */
  readonly N?: number | null
}

/** Vandermonde matrices: the powers 0 … N - 1 of each element. @param x shape […, K] @returns shape […, K, N] */
export const vander: FunctionOp<[x: Tensor, options?: VanderOptions], Tensor> = composite(
  'linalg.vander(x, {N})',
  (x: Tensor, { N }: VanderOptions = {}): Tensor => {
    if (x.dtype === 'bool') throw new DTypeError('linalg.vander: expected numbers for x, got bool')
    const vector = x.ndim === 0 ? unsqueeze(x, 0) : x
    const columns = N ?? vector.shape[vector.ndim - 1]
    if (!Number.isInteger(columns) || columns <= 1)
      throw new ArgumentError(`linalg.vander: expected N greater than 1, got ${describe(columns)}`)
    const wide = isInteger(x.dtype) ? to(vector, 'int64') : vector
    const base = unsqueeze(wide, -1)
    const powers = cumprod(expand(base, [...vector.shape, columns - 1]), -1)
    return cat([onesLike(base), powers], -1)
  },
)

/** The options of `linalg.diagonal`. */
export interface DiagonalOptions {
  /** Above the main diagonal where positive, below where negative. Default 0. */
  readonly offset?: number
  /** The dimension of rows. Default -2. */
  readonly dim1?: number
  /** The dimension of columns. Default -1. */
  readonly dim2?: number
}

/** The diagonals of matrices, as a view. @returns shape […, K], the diagonal last */
const diagonalOf: FunctionOp<[A: Tensor, options?: DiagonalOptions], Tensor> = composite(
  'linalg.diagonal(A, {offset, dim1, dim2})',
  (A: Tensor, { offset = 0, dim1 = -2, dim2 = -1 }: DiagonalOptions = {}): Tensor => diagonal(A, offset, dim1, dim2),
)

export { diagonalOf }

/** The sum of a matrix's diagonal. @param self shape [M, N] */
export const trace: Op<[self: Tensor]> = composite('trace(self)', (self: Tensor): Tensor => {
  if (self.ndim !== 2) throw new ShapeError(`trace: expected a matrix, got shape ${formatShape(self.shape)}`)
  return sum(diagonal(self))
})
