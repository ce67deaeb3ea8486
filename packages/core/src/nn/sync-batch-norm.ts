// Batch normalization by the statistics of the whole batch, of which each process has a part.
import { AutogradFunction, type FunctionContext } from '../autograd/function.js'
import { isGradEnabled, noGrad } from '../autograd/mode.js'
import { ArgumentError, AutogradError, describe, ShapeError } from '../errors.js'
import { add, cat, detach, div, mul, reshape, sub, sumToSize, to, varMean } from '../ops/index.js'
import { allocate } from '../tensor/create.js'
import { formatShape, numelOf } from '../tensor/shape.js'
import type { Tensor } from '../tensor/tensor.js'
import { ModuleDict, ModuleList, Sequential } from './containers.js'
import { type AnyModule, Module } from './module.js'
import { BatchNorm1d, BatchNorm2d, BatchNorm3d, type BatchNormOptions } from './normalization.js'

/** The processes that take part: a `ProcessGroup` of `@flambeau/core/distributed`. */
export interface SyncGroup {
  /** The number of members. */
  readonly size: number
}

/** What a group does for the normalization. @internal */
export interface SyncExchange {
  /** The group that is meant, all processes for null; null where this process has not joined any. */
  groupFor(group: SyncGroup | null): SyncGroup | null
  allGatherIntoTensor(output: Tensor, input: Tensor, group: SyncGroup): void
  allReduce(tensor: Tensor, group: SyncGroup): void
}

let exchange: SyncExchange | null = null

/** Called by `@flambeau/core/distributed` when it is loaded: before that there is no group to exchange with. @internal */
export function provideExchange(provided: SyncExchange): void {
  exchange = provided
}

/** Statistics of each channel over the batches of all ranks. */
interface Statistics {
  /** Shape [C]. */
  readonly mean: Tensor
  /** Biased; shape [C]. */
  readonly variance: Tensor
  /** Values of a channel. */
  readonly count: number
}

/** Everyone's mean, variance and count, put together: Chan's formula for the variance of several parts. */
function statisticsOf(input: Tensor, group: SyncGroup, { allGatherIntoTensor }: SyncExchange): Statistics {
  const channels = input.shape[1]
  const dims = input.shape.flatMap((_, i) => (i === 1 ? [] : [i]))
  const count = numelOf(input.shape) / channels
  const x = input.dtype === 'float64' ? detach(input) : to(detach(input), 'float32')
  const own = allocate([2 * channels + 1], x.dtype, x.device)
  const { var: variance, mean } = varMean(x, dims, { correction: 0 })
  own.narrow(0, 0, channels).copy_(mean)
  own.narrow(0, channels, channels).copy_(variance)
  own.narrow(0, 2 * channels, 1).fill_(count)
  const all = allocate([group.size, 2 * channels + 1], x.dtype, x.device)
  allGatherIntoTensor(all, own, group)
  const means = all.narrow(1, 0, channels)
  const variances = all.narrow(1, channels, channels)
  const counts = all.narrow(1, 2 * channels, 1)
  const total = counts.sum().item<number>()
  const overall = div(mul(means, counts).sum(0), total)
  const offset = sub(means, overall)
  const spread = div(mul(add(variances, mul(offset, offset)), counts).sum(0), total)
  return { mean: overall, variance: spread, count: total }
}

class SyncNormalize extends AutogradFunction {
  static forward(
    ctx: FunctionContext,
    input: Tensor,
    weight: Tensor | null,
    bias: Tensor | null,
    statistics: Statistics,
    eps: number,
    reduce: (sums: Tensor) => void,
  ): Tensor {
    const shape = kept(input)
    const inverse = add(statistics.variance, eps).pow(-0.5)
    ctx.saveForBackward(input, weight, statistics.mean, inverse)
    Object.assign(ctx, { reduce, count: statistics.count })
    const normalized = mul(sub(input, reshape(statistics.mean, shape)), reshape(inverse, shape))
    const scaled = weight === null ? normalized : mul(normalized, reshape(weight, shape))
    const result = bias === null ? scaled : add(scaled, reshape(bias, shape))
    return to(result, input.dtype)
  }

  /** dx = w · σ⁻¹ · (dy − (Σ dy + x̂ · Σ dy·x̂) / n), with sums over the batches of all ranks. */
  static backward(
    ctx: FunctionContext & { reduce?: (sums: Tensor) => void; count?: number },
    grad: Tensor,
  ): (Tensor | null)[] {
    if (isGradEnabled())
      throw new AutogradError(
        'SyncBatchNorm: gradients of gradients are not there; use BatchNorm where they are needed',
      )
    const [input, weight, mean, inverse] = ctx.savedTensors as [Tensor, Tensor | null, Tensor, Tensor]
    const shape = kept(input)
    const channels = input.shape[1]
    const normalized = mul(sub(input, reshape(mean, shape)), reshape(inverse, shape))
    const dBias = reshape(sumToSize(to(grad, mean.dtype), shape), [channels])
    const dWeight = reshape(sumToSize(mul(grad, normalized), shape), [channels])
    const sums = cat([dBias, dWeight])
    ctx.reduce?.(sums)
    const average = mul(sums, 1 / (ctx.count ?? 1))
    const correction = add(
      reshape(average.narrow(0, 0, channels), shape),
      mul(normalized, reshape(average.narrow(0, channels, channels), shape)),
    )
    const scale = weight === null ? inverse : mul(inverse, weight)
    const dInput = to(mul(sub(grad, correction), reshape(scale, shape)), input.dtype)
    return [dInput, weight === null ? null : dWeight, dBias, null, null, null]
  }
}

const kept = (input: Tensor): number[] => input.shape.map((n, i) => (i === 1 ? n : 1))

/**
 * Batch normalization of [N, C, …] by the statistics of all processes' batches together. In evaluation, and where there is
 * one process, it is batch normalization.
 *
 * @example
 * ```ts
 * import { nn } from '@flambeau/core'
 * const net = new nn.Sequential(new nn.Conv2d(3, 8, 3), new nn.BatchNorm2d(8))
 * nn.SyncBatchNorm.convertSyncBatchnorm(net)
 * console.log(net.at(1).constructor.name) // → SyncBatchNorm
 * ```
 */
export class SyncBatchNorm extends BatchNorm1d {
  static override readonly signature: string =
    'SyncBatchNorm(num_features, {eps, momentum, affine, track_running_stats, process_group, device, dtype})'
  readonly #group: SyncGroup | null

  constructor(numFeatures: number, options: BatchNormOptions & { readonly processGroup?: SyncGroup | null } = {}) {
    const { processGroup = null, ...rest } = options
    super(numFeatures, rest)
    this.#group = processGroup
  }

  /**
   * Puts a `SyncBatchNorm` in the place of every `BatchNorm1d`, `2d` and `3d` of a module, with its parameters and statistics.
   *
   * @returns the module, or what takes its place
   */
  static convertSyncBatchnorm<M extends AnyModule>(
    module: M,
    processGroup: SyncGroup | null = null,
  ): M | SyncBatchNorm {
    if (!(module instanceof Module))
      throw new ArgumentError(`convertSyncBatchnorm: expected a module, got ${describe(module)}`)
    if (module instanceof SyncBatchNorm) return module
    if (module instanceof BatchNorm1d || module instanceof BatchNorm2d || module instanceof BatchNorm3d) {
      const { numFeatures, eps, momentum, affine, trackRunningStats, weight, bias, training } = module
      const made = new SyncBatchNorm(numFeatures, { eps, momentum, affine, trackRunningStats, processGroup })
      made.weight = weight
      made.bias = bias
      for (const [name, buffer] of module.ownBuffers()) made.setBuffer(name, buffer)
      made.training = training
      return made
    }
    for (const [name, child] of module.namedChildren()) {
      const converted = SyncBatchNorm.convertSyncBatchnorm(child, processGroup)
      if (converted !== child) replaceChild(module, name, converted)
    }
    return module
  }

  override forward(input: Tensor): Tensor {
    if (input.ndim < 2)
      throw new ShapeError(`SyncBatchNorm: expected an input of at least 2 dimensions, got ${formatShape(input.shape)}`)
    const own = this.training || !this.trackRunningStats
    const provided = own ? exchange : null
    const group = provided?.groupFor(this.#group) ?? null
    if (provided === null || group === null || group.size === 1) return this.run(input)
    if (input.shape[1] !== this.numFeatures)
      throw new ShapeError(
        `SyncBatchNorm: expected ${this.numFeatures} channels, got input ${formatShape(input.shape)}`,
      )
    const statistics = noGrad(() => statisticsOf(input, group, provided))
    if (statistics.count < 2)
      throw new ShapeError('SyncBatchNorm: expected more than 1 value per channel when training')
    if (this.training && this.trackRunningStats) noGrad(() => this.#track(statistics))
    const reduce = (sums: Tensor): void => provided.allReduce(sums, group)
    return SyncNormalize.apply(input, this.weight, this.bias, statistics, this.eps, reduce)
  }

  #track({ mean, variance, count }: Statistics): void {
    const batches = this.numBatchesTracked
    batches?.add_(1)
    const momentum = this.momentum ?? 1 / (batches?.item<number>() ?? 1)
    const unbiased = mul(variance, count / (count - 1))
    for (const [running, value] of [
      [this.runningMean, mean],
      [this.runningVar, unbiased],
    ] as const)
      running?.copy_(add(mul(running, 1 - momentum), mul(value, momentum)))
  }
}

/** Containers keep their children in a list of their own. */
function replaceChild(module: AnyModule, name: string, child: AnyModule): void {
  const at = [...module.ownModules()].findIndex(([own]) => own === name)
  if (module instanceof Sequential) module.set(at, child as SyncBatchNorm)
  else if (module instanceof ModuleList) module.set(at, child)
  else if (module instanceof ModuleDict) module.set(name, child)
  else Reflect.set(module, name, child)
}
