// Rows of a table by index.

import * as kernels from '../../binding/kernels.gen.js'
import { explaining } from '../../binding/status.js'
import { ArgumentError, DTypeError, describe, IndexError, ShapeError } from '../../errors.js'
import { allocate } from '../../tensor/create.js'
import { formatShape } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { eq } from '../comparison.js'
import { to } from '../copies.js'
import { arange } from '../creation.js'
import { composite, primitive } from '../dispatch.js'
import { contiguousRaw } from '../inplace.js'
import { type FunctionOp, saving } from '../record.js'
import { amax } from '../reductions.js'
import { sparseRows } from '../sparse.js'
import { reshape } from '../views.js'

/** What an index out of range means here. */
const outOfTable = (rows: number, body: () => void): void =>
  explaining(
    ({ position, value }) =>
      new IndexError(`embedding: index ${value} at position ${position} is out of range for a table of ${rows} rows`),
    body,
  )

type EmbeddingOf = FunctionOp<
  [weight: Tensor, indices: Tensor, paddingIndex: number, scale: boolean, sparse: boolean],
  Tensor
>

const embeddingOf: EmbeddingOf = primitive({
  signature: '_embedding(weight, indices, padding_idx, scale_grad_by_freq, sparse)',
  forward(weight: Tensor, indices: Tensor, paddingIndex: number, scale: boolean, sparse: boolean) {
    const [rows, width] = weight.shape
    const out = allocate([...indices.shape, width], weight.dtype, weight.device)
    outOfTable(rows, () => kernels.embedding(out, weight, contiguousRaw(indices)))
    return saving(out, indices, rows, paddingIndex, scale, sparse)
  },
  backward: (grad, [indices, rows, paddingIndex, scale, sparse]) => [
    sparse
      ? sparseRows('embedding', grad, indices, rows, paddingIndex)
      : embeddingGrad(grad, indices, rows, paddingIndex, scale),
    null,
  ],
})

type EmbeddingGrad = FunctionOp<
  [grad: Tensor, indices: Tensor, rows: number, paddingIndex: number, scale: boolean],
  Tensor
>

export const embeddingGrad: EmbeddingGrad = primitive({
  signature: '_embedding_backward(grad, indices, num_weights, padding_idx, scale_grad_by_freq)',
  forward(grad: Tensor, indices: Tensor, rows: number, paddingIndex: number, scale: boolean) {
    const width = grad.shape[grad.ndim - 1]
    const out = allocate([rows, width], grad.dtype, grad.device)
    outOfTable(rows, () =>
      kernels.embeddingBackward(out, contiguousRaw(grad), contiguousRaw(indices), paddingIndex, scale),
    )
    return saving(out, indices, paddingIndex, scale)
  },
  backward(grad, [indices, paddingIndex, scale]) {
    if (scale) throw new ArgumentError('embedding: scaleGradByFreq cannot be differentiated twice')
    const picked = embeddingOf(grad, indices, -1, false, false)
    if (paddingIndex < 0) return [picked, null]
    return [picked.maskedFill(reshape(eq(indices, paddingIndex), [...indices.shape, 1]), 0), null]
  },
})

/** The options of `embedding`. */
export interface EmbeddingOptions {
  /** The row that gets no gradient; may be negative. */
  readonly paddingIdx?: number | null
  /** Rescale rows that are longer than this, in place. */
  readonly maxNorm?: number | null
  /** The exponent of the norm of `maxNorm`. Default 2. */
  readonly normType?: number
  /** Divide a row's gradient by how often it occurs. Default false. */
  readonly scaleGradByFreq?: boolean
  /** Make the table's gradient a `SparseTensor` of the rows that are used. Default false. */
  readonly sparse?: boolean
}

/** Rescales, in place, the rows that are used and longer than `maxNorm`. */
export function renormalize(weight: Tensor, indices: Tensor, maxNorm: number, normType: number): void {
  const rows = weight.detach()
  const used = new Set(Array.from(contiguousRaw(to(indices, 'int64')).data() as BigInt64Array, Number))
  for (const row of used) {
    if (row < 0 || row >= weight.shape[0])
      throw new IndexError(`embedding: index ${row} is out of range for a table of ${weight.shape[0]} rows`)
    const vector = rows.select(0, row)
    const length = vector.norm(normType).item()
    if (length > maxNorm) vector.mul_(maxNorm / (length + 1e-7))
  }
}

/** Throws where a sparse gradient would have to know how often a row occurs. */
export function checkSparse(operation: string, sparse: boolean, scaleGradByFreq: boolean): void {
  if (sparse && scaleGradByFreq) throw new ArgumentError(`${operation}: expected scaleGradByFreq or sparse, got both`)
}

/** The row of `paddingIdx`, or -1. */
export function paddingRow(operation: string, paddingIdx: number | null | undefined, rows: number): number {
  if (paddingIdx === undefined || paddingIdx === null) return -1
  if (!Number.isInteger(paddingIdx) || paddingIdx < -rows || paddingIdx >= rows)
    throw new ArgumentError(`${operation}: expected paddingIdx in [${-rows}, ${rows - 1}], got ${describe(paddingIdx)}`)
  return paddingIdx < 0 ? paddingIdx + rows : paddingIdx
}

/**
 * Looks up rows of a table.
 *
 * @param input int32 or int64 indices of any shape
 * @param weight the table [rows, width]
 * @returns the shape of `input`, then width
 * @throws IndexError when an index is out of range
 */
export const embedding: FunctionOp<[input: Tensor, weight: Tensor, options?: EmbeddingOptions], Tensor> = composite(
  'nn.functional.embedding(input, weight, {padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse})',
  (input: Tensor, weight: Tensor, options: EmbeddingOptions = {}): Tensor => {
    const { paddingIdx, maxNorm, normType = 2, scaleGradByFreq = false, sparse = false } = options
    if (weight.ndim !== 2)
      throw new ShapeError(`embedding: expected weight [rows, width], got ${formatShape(weight.shape)}`)
    if (input.dtype !== 'int64' && input.dtype !== 'int32')
      throw new DTypeError(`embedding: expected int32 or int64 indices, got ${input.dtype}`)
    const padding = paddingRow('embedding', paddingIdx, weight.shape[0])
    if (maxNorm !== undefined && maxNorm !== null) renormalize(weight, input, maxNorm, normType)
    checkSparse('embedding', sparse, scaleGradByFreq)
    return embeddingOf(weight, input, padding, scaleGradByFreq, sparse)
  },
)

/**
 * Ones at the given classes, zeros elsewhere.
 *
 * @param tensor int64 classes of any shape
 * @param numClasses default -1: one more than the largest class
 * @returns the shape of the input, then numClasses; int64
 */
export const oneHot: FunctionOp<[tensor: Tensor, numClasses?: number], Tensor> = composite(
  'nn.functional.one_hot(tensor, num_classes)',
  (tensor: Tensor, numClasses = -1): Tensor => {
    if (tensor.dtype !== 'int64') throw new DTypeError(`one_hot: expected int64 classes, got ${tensor.dtype}`)
    const empty = tensor.numel() === 0
    if (empty && numClasses <= 0)
      throw new ArgumentError('one_hot: the number of classes cannot be told from an empty tensor; pass numClasses')
    const largest = empty ? -1 : Number(amax(tensor).itemBigInt())
    const smallest = empty ? 0 : Number(tensor.amin().itemBigInt())
    if (smallest < 0) throw new ArgumentError(`one_hot: expected classes that are not negative, got ${smallest}`)
    const count = numClasses === -1 ? largest + 1 : numClasses
    if (!Number.isInteger(count) || count < 1 || largest >= count)
      throw new ArgumentError(
        `one_hot: expected numClasses above the largest class ${largest}, got ${describe(numClasses)}`,
      )
    const classes = arange(count, { dtype: 'int64', device: tensor.device })
    return to(eq(reshape(tensor, [...tensor.shape, 1]), classes), 'int64')
  },
)
