// Activations along a dimension.
import { ShapeError } from '../errors.js'
import { F } from '../ops/index.js'
import { formatShape } from '../tensor/shape.js'
import type { Tensor } from '../tensor/tensor.js'
import { Module } from './module.js'
import { showAll } from './shapes.js'

abstract class AlongDim extends Module {
  dim: number

  /** @param dim the dimension along which the result sums to 1 */
  constructor(dim: number) {
    super()
    this.dim = dim
  }

  override extraRepr(): string {
    return showAll({ dim: this.dim })
  }
}

/** `exp(xᵢ) / Σ exp(xⱼ)`. */
export class Softmax extends AlongDim {
  static readonly signature: string = 'Softmax(dim)'
  override forward(input: Tensor): Tensor {
    return F.softmax(input, this.dim)
  }
}

/** The logarithm of `Softmax`. */
export class LogSoftmax extends AlongDim {
  static readonly signature: string = 'LogSoftmax(dim)'
  override forward(input: Tensor): Tensor {
    return F.logSoftmax(input, this.dim)
  }
}

/** `Softmax` of `-x`. */
export class Softmin extends AlongDim {
  static readonly signature: string = 'Softmin(dim)'
  override forward(input: Tensor): Tensor {
    return F.softmin(input, this.dim)
  }
}

/** `Softmax` over the channels of images, shape [N, C, H, W] or [C, H, W]. */
export class Softmax2d extends Module {
  static readonly signature: string = 'Softmax2d()'
  override forward(input: Tensor): Tensor {
    if (input.ndim !== 3 && input.ndim !== 4)
      throw new ShapeError(`Softmax2d: expected an input of 3 or 4 dimensions, got shape ${formatShape(input.shape)}`)
    return F.softmax(input, -3)
  }
}
