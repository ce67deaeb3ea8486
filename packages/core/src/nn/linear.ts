import type { Tensor } from '../tensor/tensor.js'
import { Module } from './module.js'

/** Returns its input. */
export class Identity extends Module {
  static readonly signature: string = 'Identity()'

  override forward(input: Tensor): Tensor {
    return input
  }
}
