import { ArgumentError, describe } from '../errors.js'
import { Tensor } from './tensor.js'

/**
 * A tensor that a module learns: assigned to a module's property, it is among the module's `parameters()`.
 *
 * @example
 * ```ts
 * import { nn, ones } from '@flambeau/core'
 * const scale = new nn.Parameter(ones([3]))
 * console.log(scale.requiresGrad, scale.isLeaf) // → true true
 * ```
 */
export class Parameter extends Tensor {
  /** @param data shares its memory with the parameter; its history is not taken over */
  constructor(data: Tensor, requiresGrad = true) {
    if (!(data instanceof Tensor)) throw new ArgumentError(`Parameter: expected a tensor, got ${describe(data)}`)
    super(data.storage, data.dtype, data.shape, data.strides, data.offset)
    this.requiresGrad_(requiresGrad)
  }
}
