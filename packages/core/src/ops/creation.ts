// Making tensors.
import * as kernels from '../binding/kernels.gen.js'
import { allocate } from '../tensor/create.js'
import { checkDevice, type Device, getDefaultDevice } from '../tensor/device.js'
import { checkDType, type DType, getDefaultDtype } from '../tensor/dtype.js'
import { checkShape } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import type { Scalar } from './pointwise.js'

/** Where and as what a tensor is made. */
export interface TensorOptions {
  /** Default: inferred from the data, or `getDefaultDtype()`. */
  readonly dtype?: DType
  /** Default: `getDefaultDevice()`. */
  readonly device?: Device
  /** Default false. */
  readonly requiresGrad?: boolean
}

/** A tensor filled with one value, without checks. */
export function fillRaw(shape: readonly number[], value: Scalar, dtype: DType, device: Device): Tensor {
  const out = allocate(shape, dtype, device)
  kernels.fill(out, value)
  return out
}

function options(operation: string, { dtype, device, requiresGrad }: TensorOptions, inferred: DType) {
  return {
    dtype: dtype === undefined ? inferred : checkDType(operation, dtype),
    device: device === undefined ? getDefaultDevice() : checkDevice(operation, device),
    finish: (t: Tensor) => (requiresGrad ? t.requiresGrad_() : t),
  }
}

/** A tensor of zeros. */
export function zeros(size: readonly number[], opts: TensorOptions = {}): Tensor {
  const { dtype, device, finish } = options('zeros', opts, getDefaultDtype())
  return finish(fillRaw(checkShape('zeros', size), 0, dtype, device))
}

/** A tensor of ones. */
export function ones(size: readonly number[], opts: TensorOptions = {}): Tensor {
  const { dtype, device, finish } = options('ones', opts, getDefaultDtype())
  return finish(fillRaw(checkShape('ones', size), 1, dtype, device))
}
