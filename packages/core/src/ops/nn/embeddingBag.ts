// Rows of a table, reduced over bags.
import * as kernels from '../../binding/kernels.gen.js'
import { explaining } from '../../binding/status.js'
import { ArgumentError, DTypeError, describe, IndexError, ShapeError } from '../../errors.js'
import { allocate } from '../../tensor/create.js'
import { formatShape, sameShape } from '../../tensor/shape.js'
import { Tensor } from '../../tensor/tensor.js'
import { where } from '../conditional.js'
import { to } from '../copies.js'
import { arange, zeros, zerosLike } from '../creation.js'
import { composite, primitive } from '../dispatch.js'
import { indexSelect, scatterAdd } from '../indexing.js'
import { contiguousRaw } from '../inplace.js'
import { type FunctionOp, saving } from '../record.js'
import { castRaw } from '../reduce.js'
import { sparseRows } from '../sparse.js'
import { reshape } from '../views.js'
import { checkSparse, type EmbeddingOptions, embeddingGrad, paddingRow, renormalize } from './embedding.js'

const MODES = { sum: 0, mean: 1, max: 2 } as const

/** How the rows of a bag become one. */
export type BagMode = keyof typeof MODES

interface Bags {
  /** int64 [n], contiguous. */
  readonly indices: Tensor
  /** int64: where each bag begins. */
  readonly offsets: Tensor
  readonly mode: BagMode
  /** The row that does not count, or -1. */
  readonly padding: number
  readonly scaleGradByFreq: boolean
  readonly sparse: boolean
}

const bagged: FunctionOp<[weight: Tensor, sampleWeights: Tensor | null, bags: Bags], Tensor> = primitive({
  signature: '_embedding_bag(weight, per_sample_weights, bags)',
  forward(weight: Tensor, sampleWeights: Tensor | null, bags: Bags) {
    const [rows, width] = weight.shape
    const { indices, offsets, mode, padding } = bags
    const count = offsets.shape[0]
    const out = allocate([count, width], weight.dtype, weight.device)
    const bagOf = allocate(indices.shape, 'int64', weight.device)
    const counts = allocate([count], 'int64', weight.device)
    const maximumAt = mode === 'max' ? allocate([count, width], 'int64', weight.device) : null
    const weights = sampleWeights === null ? null : contiguousRaw(sampleWeights)
    explaining(
      ({ code, position, value, limit }) =>
        code === 'index out of range'
          ? new IndexError(
              `embeddingBag: index ${value} at position ${position} is out of range for a table of ${rows} rows`,
            )
          : new ArgumentError(
              `embeddingBag: expected offsets that begin at 0, do not decrease and are at most the number of indices, got ${value} at position ${position} (at most ${limit})`,
            ),
      () =>
        kernels.embeddingBag(out, bagOf, counts, maximumAt, weight, indices, offsets, weights, MODES[mode], padding),
    )
    return saving(out, weight, sampleWeights, bags, bagOf, counts, maximumAt)
  },
  backward(grad, [weight, sampleWeights, bags, bagOf, counts, maximumAt], needs) {
    const { indices, padding, scaleGradByFreq, sparse } = bags
    if (maximumAt !== null) {
      // Where a bag is empty, there is no row to go to.
      const some = maximumAt.ge(0)
      const target = where(some, maximumAt, zerosLike(maximumAt))
      const empty = zeros(weight.shape, { dtype: grad.dtype, device: grad.device })
      return [scatterAdd(empty, 0, target, where(some, grad, zerosLike(grad))), null]
    }
    const share = bags.mode === 'mean' ? grad.div(reshape(to(counts, grad.dtype).clampMin(1), [-1, 1])) : grad
    const each = indexSelect(share, 0, bagOf)
    const scaled = sampleWeights === null ? each : each.mul(reshape(sampleWeights, [-1, 1]))
    const gradWeight = !needs(0)
      ? null
      : sparse
        ? sparseRows('embeddingBag', scaled, indices, weight.shape[0], padding)
        : embeddingGrad(scaled, indices, weight.shape[0], padding, scaleGradByFreq)
    if (sampleWeights === null) return [gradWeight, null]
    if (!needs(1)) return [gradWeight, null]
    const products = each.mul(indexSelect(weight, 0, indices)).sum(1)
    return [gradWeight, padding < 0 ? products : where(indices.ne(padding), products, zerosLike(products))]
  },
})

/** The options of `embeddingBag`. */
export interface EmbeddingBagOptions extends EmbeddingOptions {
  /** Where each bag begins, for indices in one vector: shape [B], or [B + 1] with `includeLastOffset`. */
  readonly offsets?: Tensor | null
  /** Default 'mean'. */
  readonly mode?: BagMode
  /** A factor for each index, for the mode 'sum'. */
  readonly perSampleWeights?: Tensor | null
  /** Whether the last offset is the end of the last bag. Default false. */
  readonly includeLastOffset?: boolean
}

function bagsOf(input: Tensor, { offsets, includeLastOffset = false }: EmbeddingBagOptions): [Tensor, Tensor] {
  const indices = castRaw(contiguousRaw(reshape(input, [-1])), 'int64')
  if (input.ndim === 2) {
    if (offsets !== undefined && offsets !== null)
      throw new ArgumentError('embeddingBag: indices [B, n] are bags of one size; expected no offsets')
    const [count, size] = input.shape
    return [indices, arange(count, { dtype: 'int64', device: input.device }).mul(size)]
  }
  if (!(offsets instanceof Tensor) || offsets.ndim !== 1)
    throw new ArgumentError(
      `embeddingBag: expected a vector of offsets for indices in one vector, got ${offsets instanceof Tensor ? `shape ${formatShape(offsets.shape)}` : describe(offsets)}`,
    )
  if (offsets.dtype !== 'int64' && offsets.dtype !== 'int32')
    throw new DTypeError(`embeddingBag: expected offsets of dtype int32 or int64, got ${offsets.dtype}`)
  const begins = castRaw(contiguousRaw(offsets), 'int64')
  if (!includeLastOffset) return [indices, begins]
  const bags = begins.shape[0] - 1
  if (bags < 0) throw new ArgumentError('embeddingBag: expected at least one offset with includeLastOffset')
  const end = Number(begins.select(0, bags).itemBigInt())
  if (end < 0 || end > indices.shape[0])
    throw new ArgumentError(
      `embeddingBag: expected a last offset of at most ${indices.shape[0]}, the number of indices, got ${end}`,
    )
  return [indices.narrow(0, 0, end), begins.narrow(0, 0, bags)]
}

/**
 * Sums, means or maxima of rows of a table over bags of indices, without the rows in between.
 *
 * @param input int32 or int64 indices: bags of one size [B, n], or all bags in one vector with `offsets`
 * @param weight the table [rows, width]
 * @returns shape [B, width]; zeros for empty bags
 * @throws IndexError when an index is out of range
 * @example
 * ```ts
 * import { F, tensor } from '@flambeau/core'
 * const table = tensor([[1, 1], [2, 2], [3, 3]])
 * const offsets = tensor([0n, 2n])
 * console.log(F.embeddingBag(tensor([0n, 2n, 1n]), table, { offsets, mode: 'sum' }).toArray()) // → [ [ 4, 4 ], [ 2, 2 ] ]
 * ```
 */
export const embeddingBag: FunctionOp<[input: Tensor, weight: Tensor, options?: EmbeddingBagOptions], Tensor> =
  composite(
    'nn.functional.embedding_bag(input, weight, {offsets, max_norm, norm_type, scale_grad_by_freq, mode, sparse, per_sample_weights, include_last_offset, padding_idx})',
    (input: Tensor, weight: Tensor, options: EmbeddingBagOptions = {}): Tensor => {
      const {
        mode = 'mean',
        perSampleWeights = null,
        maxNorm,
        normType = 2,
        scaleGradByFreq = false,
        sparse = false,
      } = options
      if (!(mode in MODES))
        throw new ArgumentError(`embeddingBag: expected mode 'sum', 'mean' or 'max', got ${describe(mode)}`)
      if (input.dtype !== 'int64' && input.dtype !== 'int32')
        throw new DTypeError(`embeddingBag: expected int32 or int64 indices, got ${input.dtype}`)
      if (input.ndim !== 1 && input.ndim !== 2)
        throw new ShapeError(`embeddingBag: expected indices [n] or [B, n], got shape ${formatShape(input.shape)}`)
      if (!(weight instanceof Tensor) || weight.ndim !== 2 || !weight.isFloatingPoint())
        throw new ShapeError(
          `embeddingBag: expected a floating-point weight [rows, width], got ${weight instanceof Tensor ? `${weight.dtype} ${formatShape(weight.shape)}` : describe(weight)}`,
        )
      if (perSampleWeights !== null) {
        if (!sameShape(perSampleWeights.shape, input.shape) || perSampleWeights.dtype !== weight.dtype)
          throw new ShapeError(
            `embeddingBag: expected perSampleWeights of shape ${formatShape(input.shape)} and dtype ${weight.dtype}, got ${perSampleWeights.dtype} ${formatShape(perSampleWeights.shape)}`,
          )
        if (mode !== 'sum')
          throw new ArgumentError(`embeddingBag: perSampleWeights are for the mode 'sum', got '${mode}'`)
      }
      if (mode === 'max' && scaleGradByFreq)
        throw new ArgumentError("embeddingBag: scaleGradByFreq is not for the mode 'max'")
      if (mode === 'max' && sparse) throw new ArgumentError("embeddingBag: sparse is not for the mode 'max'")
      checkSparse('embeddingBag', sparse, scaleGradByFreq)
      const padding = paddingRow('embeddingBag', options.paddingIdx, weight.shape[0])
      const [indices, offsets] = bagsOf(input, options)
      if (maxNorm !== undefined && maxNorm !== null) renormalize(weight, indices, maxNorm, normType)
      const weights = perSampleWeights === null ? null : reshape(perSampleWeights, [-1]).narrow(0, 0, indices.shape[0])
      return bagged(weight, weights, { indices, offsets, mode, padding, scaleGradByFreq, sparse })
    },
  )
