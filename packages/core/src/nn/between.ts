// What a Sequential may do with what lies between two of its layers, which is nobody else's.
import { gradMode } from '../autograd/mode.js'
import { observed } from '../binding/call.js'
import { F } from '../ops/index.js'
import type { Tensor } from '../tensor/tensor.js'
import { GELU, ReLU, Sigmoid, SiLU, Tanh } from './activation.js'
import { Conv1d, Conv2d, Conv3d } from './conv.js'
import { Dropout } from './dropout.js'
import { Linear } from './linear.js'
import type { AnyModule, Module } from './module.js'
import { BatchNorm1d, BatchNorm2d } from './normalization.js'
import { AvgPool2d, MaxPool2d } from './pooling.js'
import { Flatten } from './shape-layers.js'

// A `forward` that is still the class's own: hooks replace the object's, and subclasses override it.
const relu: unknown = ReLU.prototype.forward
/** Layers that keep neither what they are given nor what they give. */
const forgetful = new Set<unknown>(
  [
    ...[AvgPool2d, BatchNorm1d, BatchNorm2d, Conv1d, Conv2d, Conv3d, Dropout],
    ...[Flatten, GELU, Linear, MaxPool2d, ReLU, Sigmoid, SiLU, Tanh],
  ].map((layer) => layer.prototype.forward as unknown),
)

/** Whether nobody but the caller holds what `module` is given and gives, once it is done. */
export const isForgetful = (module: AnyModule): boolean =>
  !gradMode.enabled && observed.by === null && forgetful.has(module.forward)

/** The result of a forgetful layer given a tensor that nobody else holds: in the same memory, or else that is free afterwards. */
export function consume(module: Module, value: Tensor): Tensor {
  if (module.forward === relu) return F.relu_(value)
  const result = module.forward(value)
  if (result.storage !== value.storage) value.dispose()
  return result
}
