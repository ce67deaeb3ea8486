// Windows of images as columns, and back.
import { F } from '../ops/index.js'
import type { Sizes } from '../ops/nn/spatial.js'
import type { Tensor } from '../tensor/tensor.js'
import { Module } from './module.js'
import { showAll } from './shapes.js'

export interface FoldOptions {
  /** Distance between the elements of a window. Default 1. */
  readonly dilation?: Sizes
  /** Zeros on both sides. Default 0. */
  readonly padding?: Sizes
  /** Distance between windows. Default 1. */
  readonly stride?: Sizes
}

abstract class Windows extends Module {
  readonly kernelSize: Sizes
  readonly dilation: Sizes
  readonly padding: Sizes
  readonly stride: Sizes

  constructor(kernelSize: Sizes, { dilation = 1, padding = 0, stride = 1 }: FoldOptions = {}) {
    super()
    this.kernelSize = kernelSize
    this.dilation = dilation
    this.padding = padding
    this.stride = stride
  }

  override extraRepr(): string {
    const { kernelSize, dilation, padding, stride } = this
    return showAll({ kernelSize, dilation, padding, stride })
  }
}

/**
 * The windows of images [N, C, H, W] as columns [N, C·kh·kw, L].
 *
 * @example
 * ```ts
 * import { nn, ones } from '@flambeau/core'
 * console.log(new nn.Unfold([2, 3]).forward(ones([2, 5, 3, 4])).shape) // → [ 2, 30, 4 ]
 * ```
 */
export class Unfold extends Windows {
  static readonly signature: string = 'Unfold(kernel_size, {dilation, padding, stride})'
  override forward(input: Tensor): Tensor {
    return F.unfold(input, this.kernelSize, this.dilation, this.padding, this.stride)
  }
}

/** Columns [N, C·kh·kw, L] added up into images [N, C, H, W] of `outputSize`. */
export class Fold extends Windows {
  static readonly signature: string = 'Fold(output_size, kernel_size, {dilation, padding, stride})'
  readonly outputSize: Sizes

  constructor(outputSize: Sizes, kernelSize: Sizes, options: FoldOptions = {}) {
    super(kernelSize, options)
    this.outputSize = outputSize
  }

  override forward(input: Tensor): Tensor {
    return F.fold(input, this.outputSize, this.kernelSize, this.dilation, this.padding, this.stride)
  }

  override extraRepr(): string {
    return `${showAll({ outputSize: this.outputSize })}, ${super.extraRepr()}`
  }
}
