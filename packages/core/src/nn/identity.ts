import type { Tensor } from '../tensor/tensor.js'
import { Module } from './module.js'

/** Returns its input. */
export class Identity extends Module {
  static readonly signature: string = 'Identity(*args)'

  override forward(input: Tensor): Tensor {
    return input
  }
}
