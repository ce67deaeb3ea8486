// The cross entropy of an affine map, without all of its logits at once where asked.
import { gradMode } from '../../autograd/mode.js'
import { ArgumentError, describe, ShapeError } from '../../errors.js'
import { formatShape, numelOf, sameShape } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { to } from '../copies.js'
import { zeros } from '../creation.js'
import { composite, primitive } from '../dispatch.js'
import { indexSelect, scatterAdd } from '../indexing.js'
import { cat } from '../joining.js'
import { matmul } from '../matmul.js'
import { type FunctionOp, saving } from '../record.js'
import { softmax } from '../softmax.js'
import { reshape, transpose } from '../views.js'
import { type CrossEntropyOptions, checkReduction, crossEntropy } from './classLosses.js'
import { linear } from './linear.js'
import { recordedGradients } from './recorded.js'

/** How many rows of the batch have their logits in memory at once: `{}` leaves the choice to the sizes. */
export interface LinearCrossEntropyChunks {
  /** Rows a chunk. */
  readonly batchChunkSize?: number | null
  /**
   * A rule instead: `'aspect_ratio'`, the logits of a chunk take as much memory as the input; `'aspect_ratio:N'`, N times
   * less; `'auto'`, the second with N = 2, or the first for halves. Default 'auto', or null with `batchChunkSize`.
   */
  readonly chunkingMethod?: string | null
}

/** The options of `linearCrossEntropy`. */
export interface LinearCrossEntropyOptions extends Omit<CrossEntropyOptions, 'ignoreIndex'> {
  /** Shape [C] or [C, d₁, …, d_K]. */
  readonly linearBias?: Tensor | null
  /** Targets of this class do not count; only for classes as targets. Default -100. */
  readonly ignoreIndex?: number | null
  /** Compute by chunks of the batch: for classes as targets, without label smoothing and further dimensions. */
  readonly options?: LinearCrossEntropyChunks | null
}

function rowsOfChunk(
  { batchChunkSize = null, chunkingMethod = 'auto', ...unknown }: LinearCrossEntropyChunks,
  input: Tensor,
  classes: number,
): number {
  const name = Object.keys(unknown)[0]
  if (name !== undefined)
    throw new ArgumentError(
      `linearCrossEntropy: unknown member '${name}' of options; expected batchChunkSize, chunkingMethod`,
    )
  if (batchChunkSize !== null && (!Number.isInteger(batchChunkSize) || batchChunkSize < 1))
    throw new ArgumentError(
      `linearCrossEntropy: expected batchChunkSize to be an integer ≥ 1, got ${describe(batchChunkSize)}`,
    )
  const [rows, features] = input.shape
  const byRule = chunkingMethod !== null && !(chunkingMethod === 'auto' && batchChunkSize !== null)
  if (!byRule) return Math.max(1, Math.min(batchChunkSize ?? rows, rows))
  const half = input.dtype === 'float16' || input.dtype === 'bfloat16'
  const method = chunkingMethod === 'auto' ? (half ? 'aspect_ratio' : 'aspect_ratio:2') : chunkingMethod
  const parts = /^aspect_ratio(?::([1-9]\d*))?$/.exec(method)
  if (parts === null)
    throw new ArgumentError(
      `linearCrossEntropy: expected chunkingMethod 'auto', 'aspect_ratio', 'aspect_ratio:N' or null, got ${describe(chunkingMethod)}`,
    )
  const wanted = Math.max(1, Math.ceil(rows / Math.max(1, Math.ceil(classes / Math.max(1, features)))))
  const size = Math.max(1, Math.min(Math.floor(2 ** Math.ceil(Math.log2(wanted)) / Number(parts[1] ?? 1)), rows))
  if (batchChunkSize !== null && batchChunkSize !== size)
    throw new ArgumentError(
      `linearCrossEntropy: batchChunkSize ${batchChunkSize} and chunkingMethod '${chunkingMethod}', which gives ${size}, disagree; pass one of them`,
    )
  return size
}

/** Calls `body(first, length)` for each chunk of the rows. */
function eachChunk(rows: number, size: number, body: (first: number, length: number) => void): void {
  for (let first = 0; first < rows; first += size) body(first, Math.min(size, rows - first))
}

type Chunked = FunctionOp<
  [
    input: Tensor,
    weight: Tensor,
    bias: Tensor | null,
    target: Tensor,
    classWeight: Tensor | null,
    ignoreIndex: number,
    size: number,
  ],
  Tensor
>

/** The losses of the rows [N]. Backward computes the logits again, chunk by chunk; sums of halves are float32. */
const chunked: Chunked = primitive({
  signature: '_linear_cross_entropy(input, linear_weight, linear_bias, target, weight, ignore_index, chunk)',
  forward(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | null,
    target: Tensor,
    classWeight: Tensor | null,
    ignoreIndex: number,
    size: number,
  ) {
    const losses: Tensor[] = []
    eachChunk(input.shape[0], size, (first, length) => {
      const logits = linear(input.narrow(0, first, length), weight, bias)
      losses.push(
        crossEntropy(logits, target.narrow(0, first, length), { weight: classWeight, ignoreIndex, reduction: 'none' }),
      )
    })
    const out = losses.length > 0 ? cat(losses, 0) : zeros([0], { dtype: input.dtype, device: input.device })
    return saving(out, input, weight, bias, target, classWeight, ignoreIndex, size)
  },
  backward(grad, [input, weight, bias, target, classWeight, ignoreIndex, size], needs) {
    const tensors = bias === null ? [input, weight] : [input, weight, bias]
    if (gradMode.enabled)
      return recordedGradients(tensors, grad, needs, ([x, w, b = null]) =>
        crossEntropy(linear(x, w, b), target, { weight: classWeight, ignoreIndex, reduction: 'none' }),
      )
    const wide = input.dtype === 'float64' ? 'float64' : 'float32'
    const gradInput: Tensor[] = []
    const empty = { dtype: wide, device: input.device } as const
    const gradWeight = zeros(weight.shape, empty)
    const gradBias = zeros([weight.shape[0]], empty)
    const counted = target.ne(ignoreIndex)
    const labels = target.mul(to(counted, target.dtype))
    const factors = classWeight === null ? grad : grad.mul(indexSelect(classWeight, 0, labels))
    const scales = factors.mul(to(counted, grad.dtype))
    eachChunk(input.shape[0], size, (first, length) => {
      const x = input.narrow(0, first, length)
      const scale = scales.narrow(0, first, length).reshape([-1, 1])
      const label = labels.narrow(0, first, length).reshape([-1, 1])
      const slopes = scatterAdd(softmax(linear(x, weight, bias), 1).mul(scale), 1, label, scale.neg())
      if (needs(0)) gradInput.push(matmul(slopes, weight))
      if (needs(1)) gradWeight.add_(matmul(transpose(slopes, 0, 1), x))
      if (bias !== null && needs(2)) gradBias.add_(slopes.sum(0, { dtype: wide }))
    })
    const results = [
      needs(0) ? (gradInput.length > 0 ? cat(gradInput, 0) : zeros(input.shape, empty)) : null,
      needs(1) ? to(gradWeight, weight.dtype) : null,
    ]
    return bias === null ? results : [...results, needs(2) ? to(gradBias, bias.dtype) : null]
  },
})

function checkShapes(input: Tensor, linearWeight: Tensor, linearBias: Tensor | null): void {
  const shapes = `got input ${formatShape(input.shape)} and linearWeight ${formatShape(linearWeight.shape)}`
  if (input.ndim !== 1 && input.ndim !== 2)
    throw new ShapeError(`linearCrossEntropy: expected an input [N, K] or [K], ${shapes}`)
  if (linearWeight.ndim < 2) throw new ShapeError(`linearCrossEntropy: expected linearWeight [C, …, K], ${shapes}`)
  if (input.shape[input.ndim - 1] !== linearWeight.shape[linearWeight.ndim - 1])
    throw new ShapeError(`linearCrossEntropy: expected equal last sizes, ${shapes}`)
  if (linearWeight.ndim > 2 && input.ndim === 1)
    throw new ShapeError(`linearCrossEntropy: several losses a sample need an input [N, K], ${shapes}`)
  if (linearBias !== null && !sameShape(linearBias.shape, linearWeight.shape.slice(0, -1)))
    throw new ShapeError(
      `linearCrossEntropy: expected linearBias ${formatShape(linearWeight.shape.slice(0, -1))}, got ${formatShape(linearBias.shape)}`,
    )
}

/**
 * The cross entropy of `linear(input, linearWeight, linearBias)`. With `options`, the logits are made chunk by chunk and
 * made again for the gradient, so that large vocabularies need little memory.
 *
 * @param input shape [N, K] or [K]
 * @param linearWeight shape [C, K], or [C, d₁, …, d_K, K] for several losses a sample
 * @param target classes [N] or [N, d₁, …, d_K], or probabilities [N, C, …]
 * @returns a number, or the shape of the classes for the reduction 'none'
 * @throws ShapeError when the shapes do not fit
 * @example
 * ```ts
 * import { F, ones, tensor, zeros } from '@flambeau/core'
 * const loss = F.linearCrossEntropy(ones([4, 8]), zeros([10, 8]), tensor([1n, 2n, 3n, 4n]), { options: { batchChunkSize: 2 } })
 * console.log(loss.item().toFixed(4)) // → 2.3026
 * ```
 */
export const linearCrossEntropy: FunctionOp<
  [input: Tensor, linearWeight: Tensor, target: Tensor, options?: LinearCrossEntropyOptions],
  Tensor
> = composite(
  'nn.functional.linear_cross_entropy(input, linear_weight, target, {linear_bias, weight, reduction, ignore_index, label_smoothing, options})',
  (input: Tensor, linearWeight: Tensor, target: Tensor, given: LinearCrossEntropyOptions = {}): Tensor => {
    const { linearBias = null, weight = null, ignoreIndex = null, labelSmoothing = 0, options = null } = given
    const reduction = checkReduction('linearCrossEntropy', given.reduction ?? 'mean')
    checkShapes(input, linearWeight, linearBias)
    const [classes, ...further] = linearWeight.shape.slice(0, -1)
    const lead = input.shape.slice(0, -1)
    const logitsShape = [...lead, classes, ...further]
    if (sameShape(target.shape, logitsShape) && ignoreIndex !== null)
      throw new ArgumentError('linearCrossEntropy: ignoreIndex goes with classes, not with probabilities')
    const ignored = ignoreIndex ?? -100
    if (options !== null && further.length === 0 && labelSmoothing === 0 && target.dtype === 'int64') {
      const batch = input.ndim === 2 ? input : reshape(input, [1, -1])
      const labels = input.ndim === 2 ? target : reshape(target, [1])
      if (labels.ndim !== 1 || labels.shape[0] !== batch.shape[0])
        throw new ShapeError(
          `linearCrossEntropy: expected classes ${formatShape(lead)} for input ${formatShape(input.shape)}, got ${formatShape(target.shape)}`,
        )
      const size = rowsOfChunk(options, batch, classes)
      const losses = chunked(batch, linearWeight, linearBias, labels, weight, ignored, size)
      if (reduction === 'none') return reshape(losses, target.shape)
      if (reduction === 'sum') return losses.sum()
      const counted = labels.ne(ignored)
      const chosen = labels.mul(to(counted, 'int64'))
      const factors =
        weight === null ? to(counted, input.dtype) : indexSelect(weight, 0, chosen).mul(to(counted, weight.dtype))
      return losses.sum().div(factors.sum())
    }
    const rows = numelOf([classes, ...further])
    const logits = linear(
      input,
      reshape(linearWeight, [rows, input.shape[input.ndim - 1]]),
      linearBias === null ? null : reshape(linearBias, [rows]),
    )
    return crossEntropy(reshape(logits, logitsShape), target, {
      reduction,
      labelSmoothing,
      ...(weight !== null && { weight }),
      ...(ignoreIndex !== null && { ignoreIndex }),
    })
  },
)
