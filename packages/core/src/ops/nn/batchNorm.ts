// Batch normalization.
import { gradMode } from '../../autograd/mode.js'
import * as kernels from '../../binding/kernels.gen.js'
import { DTypeError, ShapeError } from '../../errors.js'
import { allocate } from '../../tensor/create.js'
import { formatShape } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { add, mul, sub } from '../arithmetic.js'
import { composite, primitive } from '../dispatch.js'
import { type FunctionOp, saving } from '../record.js'
import { sumToSize } from '../reductions.js'
import { reshape } from '../views.js'
import { present, statisticsOf } from './normalizing.js'
import { allocateInLayoutOf, dense, inLayoutOf } from './spatial.js'

interface Normalization {
  readonly runningMean: Tensor | null
  readonly runningVar: Tensor | null
  readonly training: boolean
  readonly momentum: number
  readonly eps: number
}

type BatchNormPrimitive = FunctionOp<
  [input: Tensor, weight: Tensor | null, bias: Tensor | null, how: Normalization],
  Tensor[]
>

/** The result, and the mean and 1 / deviation of each channel that it was made with. */
export const normalizeBatch: BatchNormPrimitive = primitive({
  signature: '_batch_norm(input, weight, bias, how)',
  opaque: true,
  forward(input: Tensor, weight: Tensor | null, bias: Tensor | null, how: Normalization) {
    const { runningMean, runningVar, training, momentum, eps } = how
    const out = allocateInLayoutOf(input, input.shape)
    const statistics = () => allocate([input.shape[1]], statisticsOf(input.dtype), input.device)
    const mean = statistics()
    const invstd = statistics()
    kernels.batchNorm(out, mean, invstd, dense(input), weight, bias, runningMean, runningVar, training, momentum, eps)
    if (training) for (const t of [runningMean, runningVar]) if (t !== null) t.storage.version++
    return saving([out, mean, invstd], input, weight, bias !== null, mean, invstd, training)
  },
  backward([grad], [input, weight, hasBias, mean, invstd, training]) {
    if (grad === null) return []
    const parts = gradMode.enabled
      ? differentiableBackward(grad, input, weight, mean, invstd, training)
      : fusedBackward(grad, input, weight, hasBias, mean, invstd, training)
    return present(weight, hasBias, parts[0], parts[1], parts[2])
  },
})

/** The gradients of input, weight and bias in one kernel. */
function fusedBackward(
  grad: Tensor,
  input: Tensor,
  weight: Tensor | null,
  hasBias: boolean,
  mean: Tensor,
  invstd: Tensor,
  training: boolean,
): (Tensor | null)[] {
  const x = dense(input)
  const dy = inLayoutOf(input, grad)
  const gradInput = allocateInLayoutOf(x, input.shape)
  const parameter = () => allocate([input.shape[1]], weight?.dtype ?? mean.dtype, input.device)
  const gradWeight = weight ? parameter() : null
  const gradBias = hasBias ? parameter() : null
  kernels.batchNormBackward(gradInput, gradWeight, gradBias, dy, x, weight, mean, invstd, training)
  return [gradInput, gradWeight, gradBias]
}

/** The same in public operators, for gradients of gradients: the statistics are computed again, as functions of the input. */
function differentiableBackward(
  grad: Tensor,
  input: Tensor,
  weight: Tensor | null,
  mean: Tensor,
  invstd: Tensor,
  training: boolean,
): Tensor[] {
  const kept = input.shape.map((n, i) => (i === 1 ? n : 1))
  const channels = input.shape[1]
  const count = input.numel() / channels
  const each = (t: Tensor): Tensor => reshape(t, kept)
  const total = (t: Tensor): Tensor => sumToSize(t, kept)
  let center = each(mean)
  let inverse = each(invstd)
  if (training) {
    center = mul(total(input), 1 / count)
    const deviation = sub(input, center)
    // 1 / sqrt(var + eps), with eps recovered from the saved value so that the numbers agree.
    const variance = mul(total(mul(deviation, deviation)), 1 / count)
    const eps = sub(each(invstd).pow(-2), variance.detach())
    inverse = add(variance, eps).pow(-0.5)
  }
  const normalized = mul(sub(input, center), inverse)
  const gradBias = total(grad)
  const gradWeight = total(mul(grad, normalized))
  const scale = weight ? mul(inverse, each(weight)) : inverse
  const centred = training
    ? sub(sub(grad, mul(gradBias, 1 / count)), mul(normalized, mul(gradWeight, 1 / count)))
    : grad
  return [mul(centred, scale), reshape(gradWeight, [channels]), reshape(gradBias, [channels])]
}

/** The options of `batchNorm`. */
export interface BatchNormOptions {
  /** Shape [C]. Default none. */
  readonly weight?: Tensor | null
  /** Shape [C]. Default none. */
  readonly bias?: Tensor | null
  /** Normalize with the batch's own statistics, and update the running ones. Default false. */
  readonly training?: boolean
  /** The share of the batch in the running statistics. Default 0.1. */
  readonly momentum?: number
  /** Added to the variance. Default 1e-5. */
  readonly eps?: number
}

/** Throws unless the sizes fit. */
export function checkBatchNorm(
  operation: string,
  input: Tensor,
  parts: Readonly<Record<'runningMean' | 'runningVar' | 'weight' | 'bias', Tensor | null>>,
  training: boolean,
): void {
  if (input.ndim < 2)
    throw new ShapeError(
      `${operation}: expected an input of at least 2 dimensions, got shape ${formatShape(input.shape)}`,
    )
  if (!input.isFloatingPoint())
    throw new DTypeError(`${operation}: expected a floating-point input, got ${input.dtype}`)
  const channels = input.shape[1]
  for (const [name, t] of Object.entries(parts))
    if (t !== null && (t.ndim !== 1 || t.shape[0] !== channels))
      throw new ShapeError(`${operation}: expected ${name} of shape [${channels}], got ${formatShape(t.shape)}`)
  if (!training && (parts.runningMean === null || parts.runningVar === null))
    throw new ShapeError(`${operation}: expected runningMean and runningVar when not training`)
}

/**
 * Normalizes each channel to mean 0 and variance 1, then scales and shifts it:
 * y = (x − mean) / √(var + eps) · weight + bias.
 *
 * @param input shape [N, C, …]
 * @param runningMean shape [C]: used when not training, updated when training; may be null when training
 * @param runningVar likewise, the unbiased variance
 * @returns the shape of `input`
 * @throws ShapeError when sizes do not fit, or a channel has a single value when training
 */
export const batchNorm: FunctionOp<
  [input: Tensor, runningMean: Tensor | null, runningVar: Tensor | null, options?: BatchNormOptions],
  Tensor
> = composite(
  'nn.functional.batch_norm(input, running_mean, running_var, {weight, bias, training, momentum, eps})',
  (
    input,
    runningMean,
    runningVar,
    { weight = null, bias = null, training = false, momentum = 0.1, eps = 1e-5 } = {},
  ) => {
    if (input.ndim === 1 && input.numel() === 0) return input.clone()
    checkBatchNorm('batchNorm', input, { runningMean, runningVar, weight, bias }, training)
    const channels = input.shape[1]
    if (training && channels > 0 && input.numel() === channels)
      throw new ShapeError(
        `batchNorm: expected more than 1 value per channel when training, got input ${formatShape(input.shape)}`,
      )
    if (input.numel() === 0) return input.clone()
    return normalizeBatch(input, weight, bias, { runningMean, runningVar, training, momentum: momentum ?? 0, eps })[0]
  },
)
