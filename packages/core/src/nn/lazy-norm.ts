// Normalization layers that learn the number of their channels from the first input.
import type { Tensor } from '../tensor/tensor.js'
import { become, hasUninitialized } from './becoming.js'
import { constant_ } from './init.js'
import type { LayerOptions } from './module.js'
import {
  BatchNorm1d,
  BatchNorm2d,
  BatchNorm3d,
  type BatchNormOptions,
  InstanceNorm1d,
  InstanceNorm2d,
  InstanceNorm3d,
} from './normalization.js'
import { isLazy, UninitializedBuffer, UninitializedParameter } from './uninitialized.js'

type Norm = BatchNorm1d | BatchNorm2d | BatchNorm3d | InstanceNorm1d | InstanceNorm2d | InstanceNorm3d

/** Puts parameters and buffers without a shape in the place of those that have one for each channel. */
function postpone(module: Norm, { device, dtype }: LayerOptions): void {
  const options = { ...(device && { device }), ...(dtype && { dtype }) }
  if (module.weight !== null) module.weight = new UninitializedParameter(options)
  if (module.bias !== null) module.bias = new UninitializedParameter(options)
  if (!module.trackRunningStats) return
  for (const name of ['running_mean', 'running_var']) module.setBuffer(name, new UninitializedBuffer(options))
}

/** Gives a normalization the channels of `input`, or those of what was loaded. */
function shapeChannels(module: Norm, input: Tensor, batched: number): void {
  const { weight, bias } = module
  const numFeatures = hasUninitialized(module)
    ? input.shape[input.ndim >= batched ? 1 : 0]
    : ((weight ?? module.runningMean)?.shape[0] ?? input.shape[input.ndim >= batched ? 1 : 0])
  Object.assign(module, { numFeatures })
  const fill = (t: Tensor | null, value: number): void => {
    if (!isLazy(t)) return
    t.materialize([numFeatures])
    constant_(t, value)
  }
  fill(weight, 1)
  fill(bias, 0)
  fill(module.runningMean, 0)
  fill(module.runningVar, 1)
}

/** `BatchNorm1d` whose number of channels is that of the first input, [N, C] or [N, C, L]. */
export class LazyBatchNorm1d extends BatchNorm1d {
  static override readonly signature: string =
    'LazyBatchNorm1d({eps, momentum, affine, track_running_stats, bias, device, dtype})'

  constructor(options: BatchNormOptions = {}) {
    super(0, options)
    postpone(this, options)
  }

  /** Gives parameters and buffers the shape that `input` asks for. */
  initializeParameters(input: Tensor): void {
    shapeChannels(this, input, 2)
  }

  override forward(input: Tensor): Tensor {
    this.checkDims(input, [2, 3])
    become(this, BatchNorm1d, () => this.initializeParameters(input))
    return super.forward(input)
  }
}

/** `BatchNorm2d` whose number of channels is that of the first input, [N, C, H, W]. */
export class LazyBatchNorm2d extends BatchNorm2d {
  static override readonly signature: string =
    'LazyBatchNorm2d({eps, momentum, affine, track_running_stats, bias, device, dtype})'

  constructor(options: BatchNormOptions = {}) {
    super(0, options)
    postpone(this, options)
  }

  /** Gives parameters and buffers the shape that `input` asks for. */
  initializeParameters(input: Tensor): void {
    shapeChannels(this, input, 4)
  }

  override forward(input: Tensor): Tensor {
    this.checkDims(input, [4])
    become(this, BatchNorm2d, () => this.initializeParameters(input))
    return super.forward(input)
  }
}

/** `BatchNorm3d` whose number of channels is that of the first input, [N, C, D, H, W]. */
export class LazyBatchNorm3d extends BatchNorm3d {
  static override readonly signature: string =
    'LazyBatchNorm3d({eps, momentum, affine, track_running_stats, bias, device, dtype})'

  constructor(options: BatchNormOptions = {}) {
    super(0, options)
    postpone(this, options)
  }

  /** Gives parameters and buffers the shape that `input` asks for. */
  initializeParameters(input: Tensor): void {
    shapeChannels(this, input, 5)
  }

  override forward(input: Tensor): Tensor {
    this.checkDims(input, [5])
    become(this, BatchNorm3d, () => this.initializeParameters(input))
    return super.forward(input)
  }
}

/** `InstanceNorm1d` whose number of channels is that of the first input, [N, C, L] or [C, L]. */
export class LazyInstanceNorm1d extends InstanceNorm1d {
  static override readonly signature: string =
    'LazyInstanceNorm1d({eps, momentum, affine, track_running_stats, bias, device, dtype})'

  constructor(options: BatchNormOptions = {}) {
    super(0, options)
    postpone(this, options)
  }

  /** Gives parameters and buffers the shape that `input` asks for. */
  initializeParameters(input: Tensor): void {
    shapeChannels(this, input, 3)
  }

  override forward(input: Tensor): Tensor {
    this.checkDims(input, [2, 3])
    become(this, InstanceNorm1d, () => this.initializeParameters(input))
    return super.forward(input)
  }
}

/** `InstanceNorm2d` whose number of channels is that of the first input, [N, C, H, W] or [C, H, W]. */
export class LazyInstanceNorm2d extends InstanceNorm2d {
  static override readonly signature: string =
    'LazyInstanceNorm2d({eps, momentum, affine, track_running_stats, bias, device, dtype})'

  constructor(options: BatchNormOptions = {}) {
    super(0, options)
    postpone(this, options)
  }

  /** Gives parameters and buffers the shape that `input` asks for. */
  initializeParameters(input: Tensor): void {
    shapeChannels(this, input, 4)
  }

  override forward(input: Tensor): Tensor {
    this.checkDims(input, [3, 4])
    become(this, InstanceNorm2d, () => this.initializeParameters(input))
    return super.forward(input)
  }
}

/** `InstanceNorm3d` whose number of channels is that of the first input, [N, C, D, H, W] or [C, D, H, W]. */
export class LazyInstanceNorm3d extends InstanceNorm3d {
  static override readonly signature: string =
    'LazyInstanceNorm3d({eps, momentum, affine, track_running_stats, bias, device, dtype})'

  constructor(options: BatchNormOptions = {}) {
    super(0, options)
    postpone(this, options)
  }

  /** Gives parameters and buffers the shape that `input` asks for. */
  initializeParameters(input: Tensor): void {
    shapeChannels(this, input, 5)
  }

  override forward(input: Tensor): Tensor {
    this.checkDims(input, [4, 5])
    become(this, InstanceNorm3d, () => this.initializeParameters(input))
    return super.forward(input)
  }
}
