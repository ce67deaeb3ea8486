// The normalizations as PyTorch's own code calls them: with the statistics that they computed.
import { ArgumentError, DTypeError, describe, ShapeError } from '../../errors.js'
import { formatShape, numelOf } from '../../tensor/shape.js'
import { Tensor } from '../../tensor/tensor.js'
import { add, mul, sub } from '../arithmetic.js'
import { detach, to } from '../copies.js'
import { empty } from '../creation.js'
import { composite } from '../dispatch.js'
import { rsqrt, square } from '../powers.js'
import { float } from '../promotion.js'
import type { FunctionOp } from '../record.js'
import { mean } from '../reductions.js'
import { reshape } from '../views.js'
import { checkBatchNorm, normalizeBatch } from './batchNorm.js'
import { groupNorm } from './groupNorm.js'
import { layerNorm } from './layerNorm.js'

type BatchNormArgs = [
  input: Tensor,
  weight: Tensor | null,
  bias: Tensor | null,
  runningMean: Tensor | null,
  runningVar: Tensor | null,
]

/** The result, the mean and 1 / deviation of each channel; the last two are empty when not training. */
function batchNormWithStatistics(
  operation: string,
  [input, weight, bias, runningMean, runningVar]: BatchNormArgs,
  training: boolean,
  momentum: number,
  eps: number,
): Tensor[] {
  checkBatchNorm(operation, input, { runningMean, runningVar, weight, bias }, training)
  const how = { runningMean, runningVar, training, momentum, eps }
  const [out, average, invstd] = normalizeBatch(input, weight, bias, how)
  const dtype = weight?.dtype ?? input.dtype
  if (!training) return [out, empty([0], { dtype }), empty([0], { dtype })]
  return [out, to(detach(average), dtype), to(detach(invstd), dtype)]
}

type NativeBatchNorm = FunctionOp<[...BatchNormArgs, training: boolean, momentum: number, eps: number], Tensor[]>

/**
 * Batch normalization, with the statistics of the batch.
 *
 * @param input shape [N, C, …]
 * @param runningMean shape [C]: used when not training, updated when training
 * @returns the result; the mean of each channel and 1 / √(variance + eps), both empty when not training
 * @see F.batchNorm
 */
export const nativeBatchNorm: NativeBatchNorm = composite(
  'native_batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps)',
  (input, weight, bias, runningMean, runningVar, training, momentum, eps) =>
    batchNormWithStatistics(
      'native_batch_norm',
      [input, weight ?? null, bias ?? null, runningMean ?? null, runningVar ?? null],
      training,
      momentum,
      eps,
    ),
)

/** What `nativeBatchNormLegit` takes: running statistics may be left out altogether. */
export type NativeBatchNormLegitArgs =
  | [...BatchNormArgs, training: boolean, momentum: number, eps: number]
  | [input: Tensor, weight: Tensor | null, bias: Tensor | null, training: boolean, momentum: number, eps: number]

/** `nativeBatchNorm`, also without running statistics. */
export const nativeBatchNormLegit: FunctionOp<NativeBatchNormLegitArgs, Tensor[]> = composite(
  '_native_batch_norm_legit(input, weight, bias, running_mean, running_var, training, momentum, eps)',
  (...args: NativeBatchNormLegitArgs): Tensor[] => {
    const [input, weight, bias, third] = args
    if (typeof third === 'boolean') {
      const [, , , training, momentum, eps] = args as Extract<NativeBatchNormLegitArgs, { length: 6 }>
      return nativeBatchNorm(input, weight, bias, null, null, training, momentum, eps)
    }
    return nativeBatchNorm(...(args as Extract<NativeBatchNormLegitArgs, { length: 8 }>))
  },
)

/** Batch normalization in training. @returns what `nativeBatchNorm` does, and an empty uint8 tensor */
export const batchNormWithUpdate: FunctionOp<[...BatchNormArgs, momentum: number, eps: number], Tensor[]> = composite(
  '_batch_norm_with_update(input, weight, bias, running_mean, running_var, momentum, eps)',
  (input, weight, bias, runningMean, runningVar, momentum, eps) => [
    ...batchNormWithStatistics(
      '_batch_norm_with_update',
      [input, weight ?? null, bias ?? null, runningMean, runningVar],
      true,
      momentum,
      eps,
    ),
    empty([0], { dtype: 'uint8' }),
  ],
)

/** The mean and 1 / √(variance + eps) over `dims`, which are kept; computed in float32 or wider. */
function moments(input: Tensor, dims: readonly number[], eps: number): [Tensor, Tensor] {
  const x = input.dtype === 'float64' ? input : to(input, 'float32')
  const average = mean(x, dims, { keepdim: true })
  const rstd = rsqrt(add(mean(square(sub(x, average)), dims, { keepdim: true }), eps))
  return [average, rstd]
}

/**
 * Layer normalization, with the statistics of each row.
 *
 * @returns the result; the mean and 1 / √(variance + eps), with size 1 in the normalized dimensions and no gradient
 * @see F.layerNorm
 */
export const nativeLayerNorm: FunctionOp<
  [input: Tensor, normalizedShape: readonly number[], weight: Tensor | null, bias: Tensor | null, eps: number],
  Tensor[]
> = composite(
  'native_layer_norm(input, normalized_shape, weight, bias, eps)',
  (input, normalizedShape, weight, bias, eps) => {
    const out = layerNorm(input, normalizedShape, { weight, bias, eps })
    const dims = normalizedShape.map((_, i) => input.ndim - normalizedShape.length + i)
    const dtype = weight?.dtype ?? bias?.dtype ?? input.dtype
    return [out, ...moments(detach(input), dims, eps).map((t) => to(t, dtype))]
  },
)

/**
 * Group normalization, with the statistics of each group.
 *
 * @param n the size of the batch
 * @param c the number of channels
 * @param hxw the number of elements a channel
 * @returns the result; the mean and 1 / √(variance + eps), shape [n, group]
 * @throws ShapeError when the sizes are not those of the input
 * @see F.groupNorm
 */
export const nativeGroupNorm: FunctionOp<
  [
    input: Tensor,
    weight: Tensor | null,
    bias: Tensor | null,
    n: number,
    c: number,
    hxw: number,
    group: number,
    eps: number,
  ],
  Tensor[]
> = composite(
  'native_group_norm(input, weight, bias, N, C, HxW, group, eps)',
  (input, weight, bias, n, c, hxw, group, eps) => {
    if (input.shape[0] !== n || input.shape[1] !== c || numelOf(input.shape.slice(2)) !== hxw)
      throw new ShapeError(
        `native_group_norm: expected an input of N ${n}, C ${c} and HxW ${hxw}, got shape ${formatShape(input.shape)}`,
      )
    const out = groupNorm(input, group, { weight, bias, eps })
    const groups = reshape(input, [n, group, (c / group) * hxw])
    const dtype = weight?.dtype ?? bias?.dtype ?? input.dtype
    return [out, ...moments(groups, [2], eps).map((t) => to(reshape(t, [n, group]), dtype))]
  },
)

/**
 * The gradient of dropout: `gradOutput · mask · scale`.
 *
 * @param mask bool, which elements were kept
 */
export const nativeDropoutBackward: FunctionOp<[gradOutput: Tensor, mask: Tensor, scale: number], Tensor> = composite(
  'native_dropout_backward(grad_output, mask, scale)',
  (gradOutput: Tensor, mask: Tensor, scale: number): Tensor => {
    if (!(mask instanceof Tensor))
      throw new ArgumentError(`native_dropout_backward: expected a tensor for mask, got ${describe(mask)}`)
    if (mask.dtype !== 'bool')
      throw new DTypeError(`native_dropout_backward: expected a mask of dtype bool, got ${mask.dtype}`)
    return mul(mul(gradOutput, mask), float(scale))
  },
)
