// Layers that only change the shape.
import { reshape } from '../ops/index.js'
import { wrapDim } from '../tensor/shape.js'
import type { Tensor } from '../tensor/tensor.js'
import { Module } from './module.js'
import { showAll } from './shapes.js'

/**
 * The dimensions from `startDim` to `endDim` as one; the first, the batch's, stays by default.
 *
 * @example
 * ```ts
 * import { nn, ones } from '@flambeau/core'
 * console.log(new nn.Flatten().forward(ones([32, 8, 5, 5])).shape) // → [ 32, 200 ]
 * ```
 */
export class Flatten extends Module {
  static readonly signature: string = 'Flatten(start_dim, end_dim)'
  readonly startDim: number
  readonly endDim: number

  constructor(startDim = 1, endDim = -1) {
    super()
    this.startDim = startDim
    this.endDim = endDim
  }

  override forward(input: Tensor): Tensor {
    return input.flatten(this.startDim, this.endDim)
  }

  override extraRepr(): string {
    return showAll({ startDim: this.startDim, endDim: this.endDim })
  }
}

/** One dimension as several. */
export class Unflatten extends Module {
  static readonly signature: string = 'Unflatten(dim, unflattened_size)'
  readonly dim: number
  readonly unflattenedSize: readonly number[]

  constructor(dim: number, unflattenedSize: readonly number[]) {
    super()
    this.dim = dim
    this.unflattenedSize = unflattenedSize
  }

  override forward(input: Tensor): Tensor {
    const at = wrapDim('Unflatten', this.dim, input.ndim)
    return reshape(input, [...input.shape.slice(0, at), ...this.unflattenedSize, ...input.shape.slice(at + 1)])
  }

  override extraRepr(): string {
    return showAll({ dim: this.dim, unflattenedSize: this.unflattenedSize })
  }
}
