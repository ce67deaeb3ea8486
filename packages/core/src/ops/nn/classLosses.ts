// Losses over classes: negative log likelihood and cross entropy.

import * as kernels from '../../binding/kernels.gen.js'
import { explaining } from '../../binding/status.js'
import { ArgumentError, DTypeError, describe, IndexError, ShapeError } from '../../errors.js'
import { allocate } from '../../tensor/create.js'
import { isFloating } from '../../tensor/dtype.js'
import { formatShape, numelOf, sameShape } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { add, div, mul, neg } from '../arithmetic.js'
import { ne } from '../comparison.js'
import { to } from '../copies.js'
import { composite, primitive } from '../dispatch.js'
import { gather } from '../indexing.js'
import { type FunctionOp, saving } from '../record.js'
import { castRaw } from '../reduce.js'
import { sum } from '../reductions.js'
import { logSoftmax } from '../softmax.js'
import { reshape } from '../views.js'

/** How the losses of the elements become one. */
export type Reduction = 'none' | 'mean' | 'sum'

const REDUCTIONS = { none: 0, mean: 1, sum: 2 } as const

export function checkReduction(operation: string, reduction: unknown): Reduction {
  if (typeof reduction === 'string' && reduction in REDUCTIONS) return reduction as Reduction
  throw new ArgumentError(`${operation}: expected reduction 'none', 'mean' or 'sum', got ${describe(reduction)}`)
}

/** An input of [C], [N, C] or [N, C, …] as [N, C, positions], and the target as [N, positions]. */
const asColumns = (shape: readonly number[]): number[] =>
  shape.length === 1 ? [1, shape[0], 1] : [shape[0], shape[1], numelOf(shape.slice(2))]

const targetColumns = (target: Tensor, [batch, , positions]: readonly number[]): Tensor =>
  reshape(target, [batch, positions])

const labelled = (classes: number, body: () => void): void =>
  explaining(
    ({ position, value }) =>
      new IndexError(
        `nll_loss: expected labels in [0, ${classes}) for ${classes} classes, got ${value} at position ${position}`,
      ),
    body,
  )

type NllOf = FunctionOp<
  [input: Tensor, target: Tensor, weight: Tensor | null, reduction: Reduction, ignoreIndex: number],
  Tensor
>

const nllOf: NllOf = primitive({
  signature: '_nll_loss(input, target, weight, reduction, ignore_index)',
  forward(input: Tensor, target: Tensor, weight: Tensor | null, reduction: Reduction, ignoreIndex: number) {
    const columns = asColumns(input.shape)
    const each = reduction === 'none'
    const out = allocate(each ? [columns[0], columns[2]] : [], input.dtype, input.device)
    const total = allocate([], input.dtype, input.device)
    labelled(columns[1], () =>
      kernels.nllLoss(
        out,
        total,
        reshape(input, columns),
        targetColumns(target, columns),
        weight,
        REDUCTIONS[reduction],
        ignoreIndex,
      ),
    )
    return saving(each ? reshape(out, target.shape) : out, input.shape, target, weight, total, reduction, ignoreIndex)
  },
  backward: (grad, [shape, target, weight, total, reduction, ignoreIndex]) => [
    nllGrad(grad, target, weight, total, shape, reduction, ignoreIndex),
  ],
})

type NllGrad = FunctionOp<
  [
    grad: Tensor,
    target: Tensor,
    weight: Tensor | null,
    total: Tensor,
    shape: readonly number[],
    reduction: Reduction,
    ignoreIndex: number,
  ],
  Tensor
>

const nllGrad: NllGrad = primitive({
  signature: '_nll_loss_backward(grad, target, weight, total_weight, shape, reduction, ignore_index)',
  forward(
    grad: Tensor,
    target: Tensor,
    weight: Tensor | null,
    total: Tensor,
    shape: readonly number[],
    reduction: Reduction,
    ignoreIndex: number,
  ) {
    const columns = asColumns(shape)
    const out = allocate(columns, grad.dtype, grad.device)
    const g = reduction === 'none' ? targetColumns(grad, columns) : grad
    labelled(columns[1], () =>
      kernels.nllLossBackward(
        out,
        g,
        targetColumns(target, columns),
        weight,
        total,
        REDUCTIONS[reduction],
        ignoreIndex,
      ),
    )
    return saving(reshape(out, shape), target, weight, reduction, ignoreIndex)
  },
  // It is linear in the gradient, by the loss's own formula.
  backward: (grad, [target, weight, reduction, ignoreIndex]) => [nllOf(grad, target, weight, reduction, ignoreIndex)],
})

/** The options of `nllLoss`. */
export interface NllLossOptions {
  /** A factor a class, of shape [C]. */
  readonly weight?: Tensor | null
  /** The label that counts for nothing. Default -100. */
  readonly ignoreIndex?: number
  /** Default 'mean': over the weights of the labels. */
  readonly reduction?: Reduction
}

/** The shape of the labels that belong to an input. */
function checkTarget(operation: string, input: Tensor, target: Tensor, weight: Tensor | null | undefined): void {
  if (!isFloating(input.dtype))
    throw new DTypeError(`${operation}: expected a floating-point input, got ${input.dtype}`)
  if (input.ndim === 0)
    throw new ShapeError(`${operation}: expected input [C], [N, C] or [N, C, …], got a tensor without dimensions`)
  const expected = input.ndim === 1 ? [] : [input.shape[0], ...input.shape.slice(2)]
  // One label of one unbatched sample may come as [1].
  const single = input.ndim === 1 && sameShape(target.shape, [1])
  if (!single && !sameShape(target.shape, expected))
    throw new ShapeError(
      `${operation}: expected target of shape ${formatShape(expected)} for input ${formatShape(input.shape)}, got ${formatShape(target.shape)}`,
    )
  checkWeight(operation, input, weight)
}

function checkWeight(operation: string, input: Tensor, weight: Tensor | null | undefined): void {
  const classes = input.shape[input.ndim === 1 ? 0 : 1]
  if (weight && !sameShape(weight.shape, [classes]))
    throw new ShapeError(
      `${operation}: expected weight of shape [${classes}], one for each class of input ${formatShape(input.shape)}, got ${formatShape(weight.shape)}`,
    )
}

const raw = (weight: Tensor | null | undefined, like: Tensor): Tensor | null =>
  weight ? castRaw(weight, like.dtype) : null

/**
 * The negative log likelihood of labels: -weight[y] · input[y], averaged over the weights.
 *
 * @param input log-probabilities [C], [N, C] or [N, C, …]
 * @param target int64 or uint8 labels, the shape of the input without C
 * @throws IndexError when a label is neither a class nor `ignoreIndex`
 */
export const nllLoss: FunctionOp<[input: Tensor, target: Tensor, options?: NllLossOptions], Tensor> = composite(
  'nn.functional.nll_loss(input, target, {weight, ignore_index, reduction})',
  (input: Tensor, target: Tensor, { weight, ignoreIndex = -100, reduction = 'mean' }: NllLossOptions = {}): Tensor => {
    const how = checkReduction('nll_loss', reduction)
    checkTarget('nll_loss', input, target, weight)
    if (target.dtype !== 'int64' && target.dtype !== 'uint8')
      throw new DTypeError(`nll_loss: expected int64 or uint8 labels, got ${target.dtype}`)
    return nllOf(input, target, raw(weight, input), how, ignoreIndex)
  },
)

/** The options of `crossEntropy`. */
export interface CrossEntropyOptions extends NllLossOptions {
  /** The part of the target that is spread evenly over the classes, in [0, 1]. Default 0. */
  readonly labelSmoothing?: number
}

/** A factor a class, shaped to broadcast over the classes of `input`. */
const classWeights = (weight: Tensor, input: Tensor): Tensor =>
  input.ndim === 1 ? weight : reshape(weight, [1, weight.shape[0], ...input.shape.slice(2).map(() => 1)])

/** Cross entropy with probabilities: -Σ weight · target · log softmax, averaged over all but the classes. */
function crossEntropyOfProbabilities(
  input: Tensor,
  target: Tensor,
  weight: Tensor | null,
  reduction: Reduction,
  smoothing: number,
): Tensor {
  const dim = input.ndim === 1 ? 0 : 1
  const classes = input.shape[dim]
  const logs = logSoftmax(input, dim)
  const smooth = smoothing > 0 ? add(mul(target, 1 - smoothing), smoothing / classes) : target
  const terms = mul(logs, smooth)
  const losses = neg(sum(weight ? mul(terms, classWeights(weight, input)) : terms, dim))
  if (reduction === 'none') return losses
  return reduction === 'sum' ? sum(losses) : div(sum(losses), input.numel() / classes)
}

/** Label smoothing with labels: the likelihood, and the mean over all classes of those that count. */
function crossEntropySmoothed(
  input: Tensor,
  target: Tensor,
  weight: Tensor | null,
  reduction: Reduction,
  ignoreIndex: number,
  smoothing: number,
): Tensor {
  const dim = input.ndim === 1 ? 0 : 1
  const classes = input.shape[dim]
  const logs = logSoftmax(input, dim)
  const nll = nllOf(logs, target, weight, reduction, ignoreIndex)
  const counts = to(ne(target, ignoreIndex), logs.dtype)
  const spread = mul(
    reshape(neg(sum(weight ? mul(logs, classWeights(weight, input)) : logs, dim)), target.shape),
    counts,
  )
  let smooth = spread
  if (reduction === 'sum') smooth = sum(spread)
  if (reduction === 'mean') {
    const labels = to(target, 'int64').maskedFill(target.eq(ignoreIndex), 0)
    const total = weight
      ? sum(mul(reshape(gather(weight, 0, reshape(labels, [-1])), target.shape), counts))
      : sum(counts)
    smooth = div(sum(spread), total)
  }
  return add(mul(nll, 1 - smoothing), mul(smooth, smoothing / classes))
}

/**
 * The cross entropy between logits and a target: log softmax, then the negative log likelihood.
 *
 * @param input logits [C], [N, C] or [N, C, …]
 * @param target labels (int64 or uint8) of the input's shape without C, or probabilities of the input's shape
 * @throws IndexError when a label is neither a class nor `ignoreIndex`
 * @example
 * ```ts
 * import { F, tensor } from '@flambeau/core'
 * const loss = F.crossEntropy(tensor([[0.5, 0.5]]), tensor([1n]))
 * console.log(loss.item().toFixed(4)) // → 0.6931
 * ```
 */
export const crossEntropy: FunctionOp<[input: Tensor, target: Tensor, options?: CrossEntropyOptions], Tensor> =
  composite(
    'nn.functional.cross_entropy(input, target, {weight, ignore_index, reduction, label_smoothing})',
    (input: Tensor, target: Tensor, options: CrossEntropyOptions = {}): Tensor => {
      const { weight, ignoreIndex = -100, reduction = 'mean', labelSmoothing = 0 } = options
      const how = checkReduction('cross_entropy', reduction)
      if (!(labelSmoothing >= 0 && labelSmoothing <= 1))
        throw new ArgumentError(`cross_entropy: expected labelSmoothing in [0, 1], got ${describe(labelSmoothing)}`)
      if (isFloating(target.dtype)) {
        if (!sameShape(target.shape, input.shape))
          throw new ShapeError(
            `cross_entropy: expected probabilities of the input's shape ${formatShape(input.shape)}, got ${formatShape(target.shape)}`,
          )
        if (options.ignoreIndex !== undefined && options.ignoreIndex >= 0)
          throw new ArgumentError('cross_entropy: ignoreIndex goes with labels, not with probabilities')
        checkWeight('cross_entropy', input, weight)
        return crossEntropyOfProbabilities(input, target, raw(weight, input), how, labelSmoothing)
      }
      checkTarget('cross_entropy', input, target, weight)
      if (target.dtype !== 'int64' && target.dtype !== 'uint8')
        throw new DTypeError(`cross_entropy: expected int64 or uint8 labels, or probabilities, got ${target.dtype}`)
      if (labelSmoothing > 0)
        return crossEntropySmoothed(input, target, raw(weight, input), how, ignoreIndex, labelSmoothing)
      return nllOf(logSoftmax(input, input.ndim === 1 ? 0 : 1), target, raw(weight, input), how, ignoreIndex)
    },
  )
