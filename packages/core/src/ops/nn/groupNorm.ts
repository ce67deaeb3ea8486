// Normalization over groups of channels, and of each channel of each sample.
import { gradMode } from '../../autograd/mode.js'
import * as kernels from '../../binding/kernels.gen.js'
import { ArgumentError, describe, ShapeError } from '../../errors.js'
import { alias, allocate } from '../../tensor/create.js'
import { isCuda } from '../../tensor/device.js'
import { isFloating } from '../../tensor/dtype.js'
import { contiguousStrides, formatShape, numelOf, sameShape } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { add, mul, sub } from '../arithmetic.js'
import { composite, primitive } from '../dispatch.js'
import { contiguousRaw } from '../inplace.js'
import { rsqrt, square } from '../powers.js'
import { type FunctionOp, saving } from '../record.js'
import { mean, sum } from '../reductions.js'
import { reshape } from '../views.js'
import { batchNorm } from './batchNorm.js'
import { layerNorm } from './layerNorm.js'
import { type AffineOptions, allocateGrads, present, statisticsOf } from './normalizing.js'

/** A weight or bias of [C], shaped to broadcast over [N, C, …]. */
const perChannel = (t: Tensor, ndim: number): Tensor =>
  reshape(t, [1, t.shape[0], ...Array.from({ length: ndim - 2 }, () => 1)])

interface GroupNorm {
  readonly groups: number
  readonly eps: number
}

/** Group normalization by layer normalization: where there is no kernel, and as the other one's reference. */
function composed(input: Tensor, weight: Tensor | null, bias: Tensor | null, { groups, eps }: GroupNorm): Tensor {
  const [batch, channels] = input.shape
  const size = (channels / groups) * numelOf(input.shape.slice(2))
  const normal = reshape(layerNorm(reshape(input, [batch * groups, size]), [size], { eps }), input.shape)
  const scaled = weight ? mul(normal, perChannel(weight, input.ndim)) : normal
  return bias ? add(scaled, perChannel(bias, input.ndim)) : scaled
}

/** [N, C, size] of a contiguous tensor. */
function planes(t: Tensor): Tensor {
  const flat = contiguousRaw(t)
  const [batch, channels] = t.shape
  const shape = [batch, channels, numelOf(t.shape.slice(2))]
  return alias(flat, shape, contiguousStrides(shape))
}

type NormalizeGroups = FunctionOp<[input: Tensor, weight: Tensor | null, bias: Tensor | null, how: GroupNorm], Tensor>

const normalizeGroups: NormalizeGroups = primitive({
  signature: '_group_norm(input, weight, bias, how)',
  forward(input: Tensor, weight: Tensor | null, bias: Tensor | null, how: GroupNorm) {
    const statistics = () => allocate([input.shape[0], how.groups], statisticsOf(input.dtype), input.device)
    const average = statistics()
    const rstd = statistics()
    const out = allocate(input.shape, input.dtype, input.device)
    kernels.groupNorm(planes(out), average, rstd, planes(input), weight, bias, how.eps)
    return saving(out, input, weight, bias !== null, average, rstd, how)
  },
  backward(grad, [input, weight, hasBias, average, rstd, how], needs) {
    if (gradMode.enabled) return groupGrads(grad, input, weight, hasBias, how)
    const [dx, dw, db] = allocateGrads(input, [input.shape[1]], weight, hasBias, needs)
    kernels.groupNormBackward(planes(grad), dx && planes(dx), dw, db, planes(input), weight, average, rstd)
    return present(weight, hasBias, dx, dw, db)
  },
})

/** The gradients in operators that can be differentiated again. */
function groupGrads(
  grad: Tensor,
  input: Tensor,
  weight: Tensor | null,
  hasBias: boolean,
  { groups, eps }: GroupNorm,
): (Tensor | null)[] {
  const rows = [input.shape[0] * groups, input.numel() / (input.shape[0] * groups)]
  const average = (t: Tensor): Tensor => mean(t, 1, { keepdim: true })
  const x = reshape(input, rows)
  const centered = sub(x, average(x))
  const scale = rsqrt(add(average(square(centered)), eps))
  const normal = mul(centered, scale)
  const g = reshape(weight ? mul(grad, perChannel(weight, input.ndim)) : grad, rows)
  const dx = mul(scale, sub(sub(g, average(g)), mul(normal, average(mul(g, normal)))))
  const others = input.shape.map((_, d) => d).filter((d) => d !== 1)
  const total = (t: Tensor): Tensor => sum(t, others)
  return present(
    weight,
    hasBias,
    reshape(dx, input.shape),
    weight && total(mul(grad, reshape(normal, input.shape))),
    hasBias ? total(grad) : null,
  )
}

/**
 * Normalizes over groups of channels of an input [N, C, …].
 *
 * @param numGroups divides C
 * @see https://arxiv.org/abs/1803.08494
 */
export const groupNorm: FunctionOp<[input: Tensor, numGroups: number, options?: AffineOptions], Tensor> = composite(
  'nn.functional.group_norm(input, num_groups, {weight, bias, eps})',
  (input: Tensor, numGroups: number, { weight, bias, eps = 1e-5 }: AffineOptions = {}): Tensor => {
    if (input.ndim < 2)
      throw new ShapeError(`group_norm: expected input of at least 2 dimensions, got ${formatShape(input.shape)}`)
    const channels = input.shape[1]
    if (!Number.isInteger(numGroups) || numGroups <= 0 || channels % numGroups !== 0)
      throw new ArgumentError(
        `group_norm: expected num_groups that divides ${channels} channels, got ${describe(numGroups)}`,
      )
    for (const [name, t] of [
      ['weight', weight],
      ['bias', bias],
    ] as const)
      if (t && !sameShape(t.shape, [channels]))
        throw new ShapeError(`group_norm: expected ${name} of shape [${channels}], got ${formatShape(t.shape)}`)
    const parameters = [weight ?? null, bias ?? null] as const
    const fused =
      !isCuda(input.device) &&
      isFloating(input.dtype) &&
      input.numel() > 0 &&
      parameters.every((t) => t === null || t.dtype === input.dtype)
    return fused
      ? normalizeGroups(input, ...parameters, { groups: numGroups, eps })
      : composed(input, ...parameters, { groups: numGroups, eps })
  },
)

/** The options of `instanceNorm`. */
export interface InstanceNormOptions extends AffineOptions {
  readonly runningMean?: Tensor | null
  readonly runningVar?: Tensor | null
  /** Normalize by the input's own statistics rather than the running ones. Default true. */
  readonly useInputStats?: boolean
  /** The part of the new in the running statistics. Default 0.1. */
  readonly momentum?: number
}

/** Normalizes each channel of each sample of an input [N, C, …]. */
export const instanceNorm: FunctionOp<[input: Tensor, options?: InstanceNormOptions], Tensor> = composite(
  'nn.functional.instance_norm(input, {running_mean, running_var, weight, bias, use_input_stats, momentum, eps})',
  (input: Tensor, options: InstanceNormOptions = {}): Tensor => {
    const { runningMean, runningVar, weight, bias, useInputStats = true, momentum = 0.1, eps = 1e-5 } = options
    if (input.ndim < 2)
      throw new ShapeError(`instance_norm: expected input of at least 2 dimensions, got ${formatShape(input.shape)}`)
    const [batch, channels, ...rest] = input.shape
    if (useInputStats && numelOf(rest) === 1)
      throw new ShapeError(
        `instance_norm: expected more than one value a channel in training, got input ${formatShape(input.shape)}`,
      )
    if (!useInputStats && (!runningMean || !runningVar))
      throw new ArgumentError('instance_norm: expected runningMean and runningVar where useInputStats is false')
    // Every sample's channel is a channel of one sample; running statistics are averaged over the samples.
    const repeated = (t: Tensor | null | undefined): Tensor | null =>
      t ? reshape(t.expand([batch, channels]), [batch * channels]).clone() : null
    const averages = [repeated(runningMean), repeated(runningVar)]
    const out = batchNorm(reshape(input, [1, batch * channels, ...rest]), averages[0], averages[1], {
      weight: weight ? reshape(weight.expand([batch, channels]), [batch * channels]) : null,
      bias: bias ? reshape(bias.expand([batch, channels]), [batch * channels]) : null,
      training: useInputStats,
      momentum,
      eps,
    })
    for (const [kept, fresh] of [
      [runningMean, averages[0]],
      [runningVar, averages[1]],
    ] as const)
      if (useInputStats && kept && fresh) kept.copy_(mean(reshape(fresh, [batch, channels]), 0))
    return reshape(out, input.shape)
  },
)
