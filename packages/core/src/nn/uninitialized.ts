// Parameters and buffers whose shape is not known yet.
import { ArgumentError } from '../errors.js'
import { allocate } from '../tensor/create.js'
import { type Device, getDefaultDevice } from '../tensor/device.js'
import { type DType, getDefaultDtype } from '../tensor/dtype.js'
import { Parameter } from '../tensor/parameter.js'
import { Tensor } from '../tensor/tensor.js'
import type { LayerOptions } from './module.js'

const placeholder = ({ dtype = getDefaultDtype(), device = getDefaultDevice() }: LayerOptions): Tensor =>
  allocate([0], dtype, device)

/** Whatever asks for the shape, and so every operator, is told what to do. */
function hideShape(t: Tensor, what: string): void {
  const refuse = (): never => {
    throw new ArgumentError(
      `${what}: has no shape or values yet; call the module's forward once, or load a state dict, before it is used`,
    )
  }
  Object.defineProperty(t, 'shape', { get: refuse, set: refuse, enumerable: true, configurable: true })
}

/** Gives `t` memory of a shape; from here on it is an ordinary tensor of class `Kind`. */
function settle(
  t: Tensor,
  Kind: { readonly prototype: Tensor },
  shape: readonly number[],
  options: LayerOptions,
): void {
  Object.defineProperty(t, 'shape', { value: [], writable: true, enumerable: true, configurable: true })
  t.setData(allocate(shape, options.dtype ?? t.dtype, options.device ?? t.device))
  Object.setPrototypeOf(t, Kind.prototype)
}

/** @internal Changes what an uninitialised tensor will be. */
export function retarget(t: Tensor, dtype: DType | undefined, device: Device | undefined): void {
  const next = allocate([0], dtype ?? t.dtype, device ?? t.device)
  const what = t.constructor.name
  Object.defineProperty(t, 'shape', { value: [], writable: true, enumerable: true, configurable: true })
  t.setData(next)
  hideShape(t, what)
}

/**
 * A parameter of a lazy module before its first input: dtype and device are known, the shape is not, and to use it is
 * an error. It stays the same object when it gets its shape, so that an optimizer may hold it before.
 */
export class UninitializedParameter extends Parameter {
  constructor(options: LayerOptions = {}, requiresGrad = true) {
    super(placeholder(options), requiresGrad)
    hideShape(this, 'UninitializedParameter')
  }

  /** Gives it a shape, and values that are not set; it becomes an ordinary `Parameter`. */
  materialize(shape: readonly number[], options: LayerOptions = {}): void {
    settle(this, Parameter, shape, options)
  }
}

/** A buffer of a lazy module before its first input. @see UninitializedParameter */
export class UninitializedBuffer extends Tensor {
  constructor(options: LayerOptions = {}) {
    const t = placeholder(options)
    super(t.storage, t.dtype, t.shape, t.strides, t.offset)
    hideShape(this, 'UninitializedBuffer')
  }

  /** Gives it a shape, and values that are not set; it becomes an ordinary tensor. */
  materialize(shape: readonly number[], options: LayerOptions = {}): void {
    settle(this, Tensor, shape, options)
  }
}

/** Whether a parameter or buffer has no shape yet. */
export const isLazy = (t: unknown): t is UninitializedParameter | UninitializedBuffer =>
  t instanceof UninitializedParameter || t instanceof UninitializedBuffer
