// Resizing and rearranging pixels.
import { F } from '../ops/index.js'
import type { InterpolateOptions } from '../ops/nn/interpolate.js'
import type { Tensor } from '../tensor/tensor.js'
import { Module } from './module.js'
import { showAll } from './shapes.js'

/** The options of `Upsample`: one of `size` and `scaleFactor` is needed. */
export type UpsampleOptions = Omit<InterpolateOptions, 'antialias'>

/**
 * Resizes signals [N, C, L], images [N, C, H, W] or volumes [N, C, D, H, W].
 *
 * @example
 * ```ts
 * import { nn, ones } from '@flambeau/core'
 * console.log(new nn.Upsample({ scaleFactor: 2 }).forward(ones([1, 3, 4, 5])).shape) // → [ 1, 3, 8, 10 ]
 * ```
 */
export class Upsample extends Module {
  static readonly signature: string = 'Upsample({size, scale_factor, mode, align_corners, recompute_scale_factor})'
  readonly options: UpsampleOptions

  constructor(options: UpsampleOptions) {
    super()
    this.options = { mode: 'nearest', ...options }
  }

  override forward(input: Tensor): Tensor {
    return F.interpolate(input, this.options)
  }

  override extraRepr(): string {
    return showAll(this.options)
  }
}

/** Resizes images [N, C, H, W], each pixel a copy of the nearest. */
export class UpsamplingNearest2d extends Upsample {
  static override readonly signature: string = 'UpsamplingNearest2d({size, scale_factor})'
  constructor(options: Pick<UpsampleOptions, 'size' | 'scaleFactor'>) {
    super({ ...options, mode: 'nearest' })
  }
}

/** Resizes images [N, C, H, W] bilinearly, with aligned corners. */
export class UpsamplingBilinear2d extends Upsample {
  static override readonly signature: string = 'UpsamplingBilinear2d({size, scale_factor})'
  constructor(options: Pick<UpsampleOptions, 'size' | 'scaleFactor'>) {
    super({ ...options, mode: 'bilinear', alignCorners: true })
  }
}

/**
 * Rearranges [*, C·r², H, W] into [*, C, H·r, W·r].
 *
 * @example
 * ```ts
 * import { nn, ones } from '@flambeau/core'
 * console.log(new nn.PixelShuffle(3).forward(ones([1, 9, 4, 4])).shape) // → [ 1, 1, 12, 12 ]
 * ```
 */
export class PixelShuffle extends Module {
  static readonly signature: string = 'PixelShuffle(upscale_factor)'
  readonly upscaleFactor: number

  constructor(upscaleFactor: number) {
    super()
    this.upscaleFactor = upscaleFactor
  }

  override forward(input: Tensor): Tensor {
    return F.pixelShuffle(input, this.upscaleFactor)
  }

  override extraRepr(): string {
    return showAll({ upscaleFactor: this.upscaleFactor })
  }
}

/** Rearranges [*, C, H·r, W·r] into [*, C·r², H, W]. */
export class PixelUnshuffle extends Module {
  static readonly signature: string = 'PixelUnshuffle(downscale_factor)'
  readonly downscaleFactor: number

  constructor(downscaleFactor: number) {
    super()
    this.downscaleFactor = downscaleFactor
  }

  override forward(input: Tensor): Tensor {
    return F.pixelUnshuffle(input, this.downscaleFactor)
  }

  override extraRepr(): string {
    return showAll({ downscaleFactor: this.downscaleFactor })
  }
}

/** Takes channels from `groups` groups in turn. Input: [N, C, *]. */
export class ChannelShuffle extends Module {
  static readonly signature: string = 'ChannelShuffle(groups)'
  readonly groups: number

  constructor(groups: number) {
    super()
    this.groups = groups
  }

  override forward(input: Tensor): Tensor {
    return F.channelShuffle(input, this.groups)
  }

  override extraRepr(): string {
    return showAll({ groups: this.groups })
  }
}
