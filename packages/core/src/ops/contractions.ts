// Products over chosen dimensions.
import { ArgumentError, DTypeError, describe, ShapeError } from '../errors.js'
import { formatShape, wrapDim } from '../tensor/shape.js'
import type { Tensor } from '../tensor/tensor.js'
import { mul } from './arithmetic.js'
import { composite } from './dispatch.js'
import { mm } from './matmul.js'
import type { FunctionOp, Op } from './record.js'
import { sum } from './reductions.js'
import { permute, reshape } from './views.js'

const product = (sizes: readonly number[]): number => sizes.reduce((a, b) => a * b, 1)

function contractedDims(a: Tensor, b: Tensor, dims: unknown): [number[], number[]] {
  if (typeof dims === 'number') {
    if (!Number.isInteger(dims) || !(dims >= 0 && dims <= Math.min(a.ndim, b.ndim)))
      throw new ArgumentError(
        `tensordot: expected dims in [0, ${Math.min(a.ndim, b.ndim)}] for shapes ${formatShape(a.shape)} and ${formatShape(b.shape)}, got ${dims}`,
      )
    const first = Array.from({ length: dims }, (_, i) => i)
    return [first.map((d) => a.ndim - dims + d), first]
  }
  if (!Array.isArray(dims) || dims.length !== 2 || !dims.every(Array.isArray))
    throw new ArgumentError(`tensordot: expected a number or two lists for dims, got ${describe(dims)}`)
  const [of, other] = dims as readonly number[][]
  if (of.length !== other.length)
    throw new ArgumentError(`tensordot: expected two lists of one length for dims, got ${describe(dims)}`)
  const wrapped = (list: readonly number[], t: Tensor): number[] => {
    const result = list.map((d) => wrapDim('tensordot', d, t.ndim))
    if (new Set(result).size !== result.length)
      throw new ArgumentError(`tensordot: expected each dimension once in dims, got ${describe(dims)}`)
    return result
  }
  return [wrapped(of, a), wrapped(other, b)]
}

/**
 * Sums the products of `a` and `b` over pairs of dimensions.
 *
 * @param dims how many of the last dimensions of `a` meet as many of the first of `b` (default 2), or two lists of them
 * @returns the other dimensions of `a`, then those of `b`
 * @throws ShapeError when the sizes of a pair differ and neither is 1
 * @example
 * ```ts
 * import { ones, tensordot } from '@flambeau/core'
 * console.log(tensordot(ones([2, 3, 4]), ones([4, 3, 5]), [[1, 2], [1, 0]]).shape) // → [ 2, 5 ]
 * ```
 */
export const tensordot: FunctionOp<
  [a: Tensor, b: Tensor, dims?: number | readonly [readonly number[], readonly number[]]],
  Tensor
> = composite('tensordot(a, b, dims)', (a: Tensor, b: Tensor, dims: unknown = 2): Tensor => {
  if (a.dtype !== b.dtype)
    throw new DTypeError(`tensordot: expected tensors of one dtype, got ${a.dtype} and ${b.dtype}`)
  const [of, other] = contractedDims(a, b, dims)
  let [x, y] = [a, b]
  for (const [i, d] of of.entries()) {
    const [n, m] = [a.shape[d], b.shape[other[i]]]
    if (n === m) continue
    if (n !== 1 && m !== 1)
      throw new ShapeError(
        `tensordot: expected equal sizes in the pairs of dims, got ${n} in dim ${d} and ${m} in dim ${other[i]} (shapes ${formatShape(a.shape)} and ${formatShape(b.shape)})`,
      )
    // A size of 1 is repeated, so that the other one may be summed first.
    if (n === 1) y = sum(y, other[i], { keepdim: true, dtype: y.dtype })
    else x = sum(x, d, { keepdim: true, dtype: x.dtype })
  }
  const free = (t: Tensor, taken: readonly number[]): number[] =>
    t.shape.map((_, d) => d).filter((d) => !taken.includes(d))
  const [rows, columns] = [free(x, of), free(y, other)]
  const k = product(of.map((d) => x.shape[d]))
  const [r, c] = [rows.map((d) => x.shape[d]), columns.map((d) => y.shape[d])]
  const result = mm(
    reshape(permute(x, [...rows, ...of]), [product(r), k]),
    reshape(permute(y, [...other, ...columns]), [k, product(c)]),
  )
  return reshape(result, [...r, ...c])
})

/**
 * The dot products of the vectors along the last dimensions; with a tensor without dimensions, the product.
 *
 * @param self shape […, K]
 * @param other shape [***, K]
 * @returns shape […, ***]
 */
export const inner: Op<[self: Tensor, other: Tensor]> = composite(
  'inner(self, other)',
  (self: Tensor, other: Tensor): Tensor => {
    if (self.ndim === 0 || other.ndim === 0) return mul(self, other)
    if (self.shape[self.ndim - 1] !== other.shape[other.ndim - 1])
      throw new ShapeError(
        `inner: expected equal last dimensions, got shapes ${formatShape(self.shape)} and ${formatShape(other.shape)}`,
      )
    return tensordot(self, other, [[-1], [-1]])
  },
)

/**
 * Kronecker's product: every element of `self` times the whole of `other`, laid out as blocks.
 *
 * @returns the product of the sizes in each dimension; the tensor of fewer dimensions gets leading ones of size 1
 */
export const kron: Op<[self: Tensor, other: Tensor]> = composite(
  'kron(self, other)',
  (self: Tensor, other: Tensor): Tensor => {
    const n = Math.max(self.ndim, other.ndim)
    const padded = ({ shape, ndim }: Tensor): number[] => [...Array.from({ length: n - ndim }, () => 1), ...shape]
    const [a, b] = [padded(self), padded(other)]
    const blocks = mul(
      reshape(
        self,
        a.flatMap((size) => [size, 1]),
      ),
      reshape(
        other,
        b.flatMap((size) => [1, size]),
      ),
    )
    return reshape(
      blocks,
      a.map((size, d) => size * b[d]),
    )
  },
)
