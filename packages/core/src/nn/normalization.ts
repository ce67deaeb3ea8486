// Normalization layers.
import { ShapeError } from '../errors.js'
import { fillRaw } from '../ops/creation.js'
import { F } from '../ops/index.js'
import { getDefaultDevice } from '../tensor/device.js'
import { getDefaultDtype } from '../tensor/dtype.js'
import { Parameter } from '../tensor/parameter.js'
import { formatShape } from '../tensor/shape.js'
import type { Tensor } from '../tensor/tensor.js'
import { type LayerOptions, Module } from './module.js'
import { checkSize, showAll } from './shapes.js'

function filled(
  shape: readonly number[],
  value: number,
  { dtype = getDefaultDtype(), device = getDefaultDevice() }: LayerOptions,
): Tensor {
  return fillRaw(shape, value, dtype, device)
}

export interface BatchNormOptions extends LayerOptions {
  /** Added to the variance. Default 1e-5. */
  readonly eps?: number
  /** The share of the batch in the running statistics; null for the mean of all batches. Default 0.1. */
  readonly momentum?: number | null
  /** Whether the result is scaled and shifted by learned values. Default true (InstanceNorm: false). */
  readonly affine?: boolean
  /** Whether running statistics are kept, for evaluation. Default true (InstanceNorm: false). */
  readonly trackRunningStats?: boolean
  /** Whether there is a learned shift, where there is a scale. Default true. */
  readonly bias?: boolean
}

/** What batch and instance normalization share: scale, shift and running statistics of each channel. */
abstract class ChannelNorm extends Module {
  readonly numFeatures: number
  readonly eps: number
  readonly momentum: number | null
  readonly affine: boolean
  readonly trackRunningStats: boolean
  /** Shape [numFeatures]. */
  weight: Parameter | null
  /** Shape [numFeatures]. */
  bias: Parameter | null

  constructor(
    numFeatures: number,
    { eps = 1e-5, momentum = 0.1, affine = true, trackRunningStats = true, bias = true, ...options }: BatchNormOptions,
  ) {
    super()
    this.numFeatures = checkSize(new.target.name, 'numFeatures', numFeatures, 0)
    this.eps = eps
    this.momentum = momentum
    this.affine = affine
    this.trackRunningStats = trackRunningStats
    this.weight = affine ? new Parameter(filled([numFeatures], 1, options)) : null
    this.bias = affine && bias ? new Parameter(filled([numFeatures], 0, options)) : null
    this.registerBuffer('running_mean', trackRunningStats ? filled([numFeatures], 0, options) : null)
    this.registerBuffer('running_var', trackRunningStats ? filled([numFeatures], 1, options) : null)
    this.registerBuffer(
      'num_batches_tracked',
      trackRunningStats ? fillRaw([], 0, 'int64', options.device ?? getDefaultDevice()) : null,
    )
  }

  /** The running mean of each channel, shape [numFeatures]; null where none is kept. */
  get runningMean(): Tensor | null {
    return this.trackRunningStats ? this.getBuffer('running_mean') : null
  }

  /** The running unbiased variance of each channel, shape [numFeatures]; null where none is kept. */
  get runningVar(): Tensor | null {
    return this.trackRunningStats ? this.getBuffer('running_var') : null
  }

  /** How many batches the running statistics have seen; null where none are kept. */
  get numBatchesTracked(): Tensor | null {
    return this.trackRunningStats ? this.getBuffer('num_batches_tracked') : null
  }

  /** Sets the running statistics back. */
  resetRunningStats(): void {
    for (const [name, value] of [
      ['running_mean', 0],
      ['running_var', 1],
      ['num_batches_tracked', 0],
    ] as const)
      if (this.trackRunningStats) {
        const buffer = this.getBuffer(name)
        this.setBuffer(name, fillRaw(buffer.shape, value, buffer.dtype, buffer.device))
      }
  }

  override mayMiss(name: string): boolean {
    return name === 'num_batches_tracked'
  }

  /** Checks the number of dimensions. */
  protected checkDims(input: Tensor, allowed: readonly number[]): void {
    if (!allowed.includes(input.ndim))
      throw new ShapeError(
        `${this.constructor.name}: expected an input of ${allowed.join(' or ')} dimensions, got shape ${formatShape(input.shape)}`,
      )
  }

  override extraRepr(): string {
    const { numFeatures, eps, momentum, affine, trackRunningStats } = this
    return `${numFeatures}, ${showAll({ eps, momentum, affine, trackRunningStats })}`
  }
}

abstract class BatchNorm extends ChannelNorm {
  protected run(input: Tensor): Tensor {
    const { weight, bias, eps, training, trackRunningStats } = this
    let momentum = this.momentum ?? 0
    if (training && trackRunningStats) {
      const count = this.numBatchesTracked
      count?.add_(1)
      // A cumulative mean: the latest batch counts as much as each before it.
      if (this.momentum === null && count !== null) momentum = 1 / count.item<number>()
    }
    const own = training || !trackRunningStats
    return F.batchNorm(input, this.runningMean, this.runningVar, { weight, bias, training: own, momentum, eps })
  }
}

/**
 * Batch normalization of [N, C] or [N, C, L]. [Ioffe and Szegedy, 2015](https://arxiv.org/abs/1502.03167)
 */
export class BatchNorm1d extends BatchNorm {
  static readonly signature: string =
    'BatchNorm1d(num_features, {eps, momentum, affine, track_running_stats, bias, device, dtype})'

  constructor(numFeatures: number, options: BatchNormOptions = {}) {
    super(numFeatures, options)
  }

  override forward(input: Tensor): Tensor {
    this.checkDims(input, [2, 3])
    return this.run(input)
  }
}

/**
 * Batch normalization of [N, C, H, W]. [Ioffe and Szegedy, 2015](https://arxiv.org/abs/1502.03167)
 *
 * @example
 * ```ts
 * import { nn, ones } from '@flambeau/core'
 * const norm = new nn.BatchNorm2d(3)
 * console.log(norm.forward(ones([2, 3, 4, 4])).shape, norm.numBatchesTracked?.item()) // → [ 2, 3, 4, 4 ] 1
 * ```
 */
export class BatchNorm2d extends BatchNorm {
  static readonly signature: string =
    'BatchNorm2d(num_features, {eps, momentum, affine, track_running_stats, bias, device, dtype})'

  constructor(numFeatures: number, options: BatchNormOptions = {}) {
    super(numFeatures, options)
  }

  override forward(input: Tensor): Tensor {
    this.checkDims(input, [4])
    return this.run(input)
  }
}

/** Batch normalization of [N, C, D, H, W]. [Ioffe and Szegedy, 2015](https://arxiv.org/abs/1502.03167) */
export class BatchNorm3d extends BatchNorm {
  static readonly signature: string =
    'BatchNorm3d(num_features, {eps, momentum, affine, track_running_stats, bias, device, dtype})'

  constructor(numFeatures: number, options: BatchNormOptions = {}) {
    super(numFeatures, options)
  }

  override forward(input: Tensor): Tensor {
    this.checkDims(input, [5])
    return this.run(input)
  }
}

/** Normalization of each channel of each sample by itself. */
abstract class InstanceNorm extends ChannelNorm {
  constructor(numFeatures: number, options: BatchNormOptions = {}) {
    super(numFeatures, { affine: false, trackRunningStats: false, ...options })
  }

  protected run(input: Tensor, single: number): Tensor {
    const { weight, bias, eps, training, trackRunningStats, runningMean, runningVar } = this
    const batch = input.ndim === single ? input.unsqueeze(0) : input
    if (batch.shape[1] !== this.numFeatures && (this.affine || trackRunningStats))
      throw new ShapeError(
        `${this.constructor.name}: expected ${this.numFeatures} channels, got input ${formatShape(input.shape)}`,
      )
    const result = F.instanceNorm(batch, {
      runningMean,
      runningVar,
      weight,
      bias,
      useInputStats: training || !trackRunningStats,
      momentum: this.momentum ?? 0,
      eps,
    })
    return input.ndim === single ? result.squeeze(0) : result
  }
}

/** Instance normalization of [N, C, L] or [C, L]. [Ulyanov et al., 2016](https://arxiv.org/abs/1607.08022) */
export class InstanceNorm1d extends InstanceNorm {
  static readonly signature: string =
    'InstanceNorm1d(num_features, {eps, momentum, affine, track_running_stats, bias, device, dtype})'

  override forward(input: Tensor): Tensor {
    this.checkDims(input, [2, 3])
    return this.run(input, 2)
  }
}

/** Instance normalization of [N, C, H, W] or [C, H, W]. [Ulyanov et al., 2016](https://arxiv.org/abs/1607.08022) */
export class InstanceNorm2d extends InstanceNorm {
  static readonly signature: string =
    'InstanceNorm2d(num_features, {eps, momentum, affine, track_running_stats, bias, device, dtype})'

  override forward(input: Tensor): Tensor {
    this.checkDims(input, [3, 4])
    return this.run(input, 3)
  }
}

/** Instance normalization of [N, C, D, H, W] or [C, D, H, W]. [Ulyanov et al., 2016](https://arxiv.org/abs/1607.08022) */
export class InstanceNorm3d extends InstanceNorm {
  static readonly signature: string =
    'InstanceNorm3d(num_features, {eps, momentum, affine, track_running_stats, bias, device, dtype})'

  override forward(input: Tensor): Tensor {
    this.checkDims(input, [4, 5])
    return this.run(input, 4)
  }
}

export interface LayerNormOptions extends LayerOptions {
  /** Added to the variance. Default 1e-5. */
  readonly eps?: number
  /** Whether the result is scaled and shifted by learned values. Default true. */
  readonly elementwiseAffine?: boolean
  /** Whether there is a learned shift, where there is a scale. Default true. */
  readonly bias?: boolean
}

const asShape = (shape: number | readonly number[]): readonly number[] =>
  typeof shape === 'number' ? [shape] : [...shape]

/**
 * Normalization over the last dimensions, of shape `normalizedShape`. [Ba et al., 2016](https://arxiv.org/abs/1607.06450)
 *
 * @example
 * ```ts
 * import { nn, ones } from '@flambeau/core'
 * console.log(new nn.LayerNorm(10).forward(ones([20, 5, 10])).shape) // → [ 20, 5, 10 ]
 * ```
 */
export class LayerNorm extends Module {
  static readonly signature: string = 'LayerNorm(normalized_shape, {eps, elementwise_affine, bias, device, dtype})'
  readonly normalizedShape: readonly number[]
  readonly eps: number
  readonly elementwiseAffine: boolean
  /** Shape `normalizedShape`. */
  weight: Parameter | null
  /** Shape `normalizedShape`. */
  bias: Parameter | null

  constructor(
    normalizedShape: number | readonly number[],
    { eps = 1e-5, elementwiseAffine = true, bias = true, ...options }: LayerNormOptions = {},
  ) {
    super()
    this.normalizedShape = asShape(normalizedShape)
    this.eps = eps
    this.elementwiseAffine = elementwiseAffine
    this.weight = elementwiseAffine ? new Parameter(filled(this.normalizedShape, 1, options)) : null
    this.bias = elementwiseAffine && bias ? new Parameter(filled(this.normalizedShape, 0, options)) : null
  }

  override forward(input: Tensor): Tensor {
    const { weight, bias, eps } = this
    return F.layerNorm(input, this.normalizedShape, { weight, bias, eps })
  }

  override extraRepr(): string {
    const { normalizedShape, eps, elementwiseAffine } = this
    return `${formatShape(normalizedShape)}, ${showAll({ eps, elementwiseAffine })}`
  }
}

export interface RMSNormOptions extends LayerOptions {
  /** Added to the mean square; null for the dtype's epsilon. Default null. */
  readonly eps?: number | null
  /** Whether the result is scaled by learned values. Default true. */
  readonly elementwiseAffine?: boolean
}

/** Division by the root mean square over the last dimensions. [Zhang and Sennrich, 2019](https://arxiv.org/abs/1910.07467) */
export class RMSNorm extends Module {
  static readonly signature: string = 'RMSNorm(normalized_shape, {eps, elementwise_affine, device, dtype})'
  readonly normalizedShape: readonly number[]
  readonly eps: number | null
  readonly elementwiseAffine: boolean
  /** Shape `normalizedShape`. */
  weight: Parameter | null

  constructor(
    normalizedShape: number | readonly number[],
    { eps = null, elementwiseAffine = true, ...options }: RMSNormOptions = {},
  ) {
    super()
    this.normalizedShape = asShape(normalizedShape)
    this.eps = eps
    this.elementwiseAffine = elementwiseAffine
    this.weight = elementwiseAffine ? new Parameter(filled(this.normalizedShape, 1, options)) : null
  }

  override forward(input: Tensor): Tensor {
    const { weight, eps } = this
    return F.rmsNorm(input, this.normalizedShape, eps === null ? { weight } : { weight, eps })
  }

  override extraRepr(): string {
    const { normalizedShape, eps, elementwiseAffine } = this
    return `${formatShape(normalizedShape)}, ${showAll({ eps, elementwiseAffine })}`
  }
}

export interface GroupNormOptions extends LayerOptions {
  /** Added to the variance. Default 1e-5. */
  readonly eps?: number
  /** Whether the result is scaled and shifted by learned values. Default true. */
  readonly affine?: boolean
  /** Whether there is a learned shift, where there is a scale. Default true. */
  readonly bias?: boolean
}

/** Normalization over groups of channels of [N, C, *]. [Wu and He, 2018](https://arxiv.org/abs/1803.08494) */
export class GroupNorm extends Module {
  static readonly signature: string = 'GroupNorm(num_groups, num_channels, {eps, affine, bias, device, dtype})'
  readonly numGroups: number
  readonly numChannels: number
  readonly eps: number
  readonly affine: boolean
  /** Shape [numChannels]. */
  weight: Parameter | null
  /** Shape [numChannels]. */
  bias: Parameter | null

  constructor(
    numGroups: number,
    numChannels: number,
    { eps = 1e-5, affine = true, bias = true, ...options }: GroupNormOptions = {},
  ) {
    super()
    this.numGroups = checkSize('GroupNorm', 'numGroups', numGroups, 1)
    this.numChannels = checkSize('GroupNorm', 'numChannels', numChannels, 0)
    if (numChannels % numGroups !== 0)
      throw new ShapeError(`GroupNorm: expected numChannels that ${numGroups} groups divide, got ${numChannels}`)
    this.eps = eps
    this.affine = affine
    this.weight = affine ? new Parameter(filled([numChannels], 1, options)) : null
    this.bias = affine && bias ? new Parameter(filled([numChannels], 0, options)) : null
  }

  override forward(input: Tensor): Tensor {
    const { weight, bias, eps } = this
    return F.groupNorm(input, this.numGroups, { weight, bias, eps })
  }

  override extraRepr(): string {
    const { numGroups, numChannels, eps, affine } = this
    return `${numGroups}, ${numChannels}, ${showAll({ eps, affine })}`
  }
}
