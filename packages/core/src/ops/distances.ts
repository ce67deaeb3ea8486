// Distances between vectors.
import { gradMode } from '../autograd/mode.js'
import * as kernels from '../binding/kernels.gen.js'
import { ArgumentError, DTypeError, describe, ShapeError } from '../errors.js'
import { alias, allocate } from '../tensor/create.js'
import { broadcastShapes, contiguousStrides, formatShape, numelOf } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import { abs, add, div, mul, sgn, sub } from './arithmetic.js'
import { eq } from './comparison.js'
import { maskedFill } from './conditional.js'
import { tensor } from './construct.js'
import { zeros } from './creation.js'
import { composite, primitive } from './dispatch.js'
import { clampMin } from './extrema.js'
import { indexSelect } from './indexing.js'
import { contiguousRaw } from './inplace.js'
import { cat } from './joining.js'
import { matmul } from './matmul.js'
import { pow, sqrt, square } from './powers.js'
import { type FunctionOp, type Op, saving } from './record.js'
import { sum } from './reductions.js'
import { narrow } from './slicing.js'
import { vectorNorm } from './statistics.js'
import { expand, reshape, transpose, unsqueeze } from './views.js'

/**
 * The p-norm of the difference of two tensors as one vector; they broadcast.
 *
 * @param p the exponent. Default 2
 * @returns no dimensions
 */
export const dist: Op<[self: Tensor, other: Tensor, p?: number]> = composite(
  'dist(self, other, p)',
  (self: Tensor, other: Tensor, p = 2): Tensor => vectorNorm(sub(self, other), p),
)

/** How many differences are in memory at once: a block of rows of the first operand takes no more. */
const BLOCK = 1 << 22

/** Runs `part` on blocks of rows of the tensors along `dim`, and joins what it gives. */
function inBlocks(
  tensors: readonly Tensor[],
  dim: number,
  elements: number,
  part: (blocks: Tensor[]) => Tensor,
): Tensor {
  const rows = tensors[0].shape[tensors[0].ndim + dim]
  const blocks = Math.min(rows, Math.ceil(elements / BLOCK))
  if (blocks <= 1) return part([...tensors])
  const size = Math.ceil(rows / blocks)
  const parts: Tensor[] = []
  for (let start = 0; start < rows; start += size)
    parts.push(part(tensors.map((t) => narrow(t, dim, start, Math.min(size, rows - start)))))
  return cat(parts, dim)
}

/** Every row of `a` less every row of `b`. @param a […, P, M] @param b […, R, M] @returns […, P, R, M] */
const differences = (a: Tensor, b: Tensor): Tensor => sub(unsqueeze(a, -2), unsqueeze(b, -3))

/** d(distance)/d(difference), an element a difference; none where vectors coincide. */
function slope(difference: Tensor, distance: Tensor, p: number): Tensor {
  const length = unsqueeze(distance, -1)
  if (p === 1) return sgn(difference)
  if (p === Number.POSITIVE_INFINITY) return mul(sgn(difference), eq(abs(difference), length))
  const apart = eq(length, 0)
  if (p === 2) return maskedFill(div(difference, length), apart, 0)
  const power = maskedFill(pow(div(abs(difference), length), p - 1), apart, 0)
  return mul(sgn(difference), p < 1 ? maskedFill(power, eq(difference, 0), 0) : power)
}

/** The gradient of `of`'s rows: Σ over the rows of `others` of the gradient times the slope. */
function rowGrad(grad: Tensor, of: Tensor, others: Tensor, distance: Tensor, p: number, products: boolean): Tensor {
  if (products) {
    // Σⱼ wᵢⱼ (aᵢ - bⱼ) with w = grad / distance
    const w = maskedFill(div(grad, distance), eq(distance, 0), 0)
    return sub(mul(of, sum(w, -1, { keepdim: true })), matmul(w, others))
  }
  if (!gradMode.enabled && hasKernel(of)) {
    const out = allocate(of.shape, of.dtype, of.device)
    kernels.distancesBackward(asBatch(out), asBatch(grad), asBatch(of), asBatch(others), asBatch(distance), p)
    return out
  }
  // The same in operators that can be differentiated again.
  const elements = numelOf(grad.shape) * of.shape[of.ndim - 1]
  return inBlocks([grad, of, distance], -2, elements, ([g, a, d]) =>
    sum(mul(unsqueeze(g, -1), slope(differences(a, others), d, p)), -2),
  )
}

/** The square root of |a|² + |b|² - 2 a·b. */
function euclidean(a: Tensor, b: Tensor): Tensor {
  const squares = (t: Tensor): Tensor => sum(square(t), -1, { keepdim: true })
  const cross = mul(matmul(a, transpose(b, -2, -1)), -2)
  return sqrt(clampMin(add(add(cross, squares(a)), transpose(squares(b), -2, -1)), 0))
}

/** Whether the kernel takes this dtype; the others go by blocks of differences. */
const hasKernel = ({ dtype }: Tensor): boolean => dtype === 'float32' || dtype === 'float64'

/** The leading dimensions as one, contiguous. */
function asBatch(t: Tensor): Tensor {
  const shape = [numelOf(t.shape.slice(0, -2)), ...t.shape.slice(-2)]
  return alias(contiguousRaw(t), shape, contiguousStrides(shape))
}

/** Distances of rows, of tensors of the same leading sizes; `products` takes matrix products for the Euclidean one. */
const distances: FunctionOp<[x1: Tensor, x2: Tensor, p: number, products: boolean], Tensor> = primitive({
  signature: '_cdist(x1, x2, p, products)',
  forward(x1: Tensor, x2: Tensor, p: number, products: boolean) {
    let out: Tensor
    if (products) out = euclidean(x1, x2)
    else if (hasKernel(x1)) {
      out = allocate([...x1.shape.slice(0, -1), x2.shape[x2.ndim - 2]], x1.dtype, x1.device)
      kernels.distances(asBatch(out), asBatch(x1), asBatch(x2), p)
    } else {
      const elements = numelOf(x1.shape) * x2.shape[x2.ndim - 2]
      out = inBlocks([x1], -2, elements, ([a]) => vectorNorm(differences(a, x2), p, -1))
    }
    return saving(out, x1, x2, out, p, products)
  },
  backward(grad, [x1, x2, out, p, products], needs) {
    if (p === 0) return [mul(x1, 0), mul(x2, 0)]
    const turned = (t: Tensor): Tensor => transpose(t, -2, -1)
    return [
      needs(0) ? rowGrad(grad, x1, x2, out, p, products) : null,
      needs(1) ? rowGrad(turned(grad), x2, x1, turned(out), p, products) : null,
    ]
  },
})

/** How `cdist` computes Euclidean distances: by matrix products, which lose digits of close vectors, or one by one. */
export type ComputeMode =
  | 'use_mm_for_euclid_dist_if_necessary'
  | 'use_mm_for_euclid_dist'
  | 'donot_use_mm_for_euclid_dist'

/** The options of `cdist`. */
export interface CdistOptions {
  /** Default: by matrix products where there are more than 25 vectors on a side. */
  readonly computeMode?: ComputeMode
}

function checkVectors(operation: string, name: string, t: unknown): asserts t is Tensor {
  if (!(t instanceof Tensor)) throw new ArgumentError(`${operation}: expected a tensor for ${name}, got ${describe(t)}`)
  if (!t.isFloatingPoint())
    throw new DTypeError(`${operation}: expected a floating-point dtype for ${name}, got ${t.dtype}`)
}

function checkExponent(operation: string, p: unknown): asserts p is number {
  if (typeof p !== 'number' || !(p >= 0)) throw new ArgumentError(`${operation}: expected p ≥ 0, got ${describe(p)}`)
}

/**
 * The p-norm distance of every pair of vectors.
 *
 * @param x1 shape […, P, M]
 * @param x2 shape […, R, M], whose leading dimensions broadcast with those of `x1`
 * @param p the exponent of the norm: 0 counts differences, Infinity is the largest. Default 2
 * @returns shape […, P, R]
 * @example
 * ```ts
 * import { cdist, tensor } from '@flambeau/core'
 * console.log(cdist(tensor([[0, 0]]), tensor([[3, 4], [0, 1]])).toArray()) // → [ [ 5, 1 ] ]
 * ```
 */
export const cdist: FunctionOp<[x1: Tensor, x2: Tensor, p?: number, options?: CdistOptions], Tensor> = composite(
  'cdist(x1, x2, p, {compute_mode})',
  (
    x1: Tensor,
    x2: Tensor,
    p = 2,
    { computeMode = 'use_mm_for_euclid_dist_if_necessary' }: CdistOptions = {},
  ): Tensor => {
    checkVectors('cdist', 'x1', x1)
    checkVectors('cdist', 'x2', x2)
    checkExponent('cdist', p)
    if (x1.dtype !== x2.dtype)
      throw new DTypeError(`cdist: expected tensors of one dtype, got ${x1.dtype} and ${x2.dtype}`)
    if (x1.ndim < 2 || x2.ndim < 2 || x1.shape[x1.ndim - 1] !== x2.shape[x2.ndim - 1])
      throw new ShapeError(
        `cdist: expected shapes […, P, M] and […, R, M], got ${formatShape(x1.shape)} and ${formatShape(x2.shape)}`,
      )
    if (!MODES.includes(computeMode))
      throw new ArgumentError(
        `cdist: expected computeMode to be one of ${MODES.join(', ')}, got ${describe(computeMode)}`,
      )
    const batch = broadcastShapes('cdist', x1.shape.slice(0, -2), x2.shape.slice(0, -2))
    const spread = (t: Tensor): Tensor => expand(t, [...batch, ...t.shape.slice(-2)])
    const [a, b] = [spread(x1), spread(x2)]
    const [rows, columns] = [a.shape[a.ndim - 2], b.shape[b.ndim - 2]]
    const products = p === 2 && (computeMode === MODES[1] || (computeMode === MODES[0] && (rows > 25 || columns > 25)))
    return distances(a, b, p, products)
  },
)

const MODES = ['use_mm_for_euclid_dist_if_necessary', 'use_mm_for_euclid_dist', 'donot_use_mm_for_euclid_dist'] as const

/**
 * The p-norm distances of the rows of a matrix: those of `cdist(input, input)` above the diagonal, row by row.
 *
 * @param input shape [N, M]
 * @param p the exponent of the norm. Default 2
 * @returns shape [N (N - 1) / 2]
 */
export const pdist: FunctionOp<[input: Tensor, p?: number], Tensor> = composite(
  'nn.functional.pdist(input, p)',
  (input: Tensor, p = 2): Tensor => {
    checkVectors('pdist', 'input', input)
    checkExponent('pdist', p)
    if (input.ndim !== 2) throw new ShapeError(`pdist: expected a matrix, got shape ${formatShape(input.shape)}`)
    const n = input.shape[0]
    if (n < 2) return add(zeros([0], { dtype: input.dtype, device: input.device }), sum(mul(input, 0)))
    const above = new Int32Array((n * (n - 1)) / 2)
    for (let i = 0, at = 0; i < n; i++) for (let j = i + 1; j < n; j++) above[at++] = i * n + j
    const all = distances(input, input, p, false)
    return indexSelect(reshape(all, [n * n]), 0, tensor(above, { dtype: 'int64', device: input.device }))
  },
)
