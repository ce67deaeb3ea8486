// Making tensors of given shape and values.

import { gradMode } from '../autograd/mode.js'
import * as kernels from '../binding/kernels.gen.js'
import { ArgumentError, describe, ShapeError } from '../errors.js'
import { alias, allocate, preservedStrides } from '../tensor/create.js'
import { checkDevice, type Device, getDefaultDevice } from '../tensor/device.js'
import { checkDType, DTYPES, type DType, getDefaultDtype, isComplex, isFloating, toComplex } from '../tensor/dtype.js'
import { checkShape, numelOf } from '../tensor/shape.js'
import { Storage } from '../tensor/storage.js'
import { Tensor } from '../tensor/tensor.js'
import { primitive } from './dispatch.js'
import { FloatScalar, type Scalar } from './promotion.js'
import { item } from './reading.js'
import { type FunctionOp, type Op, saving } from './record.js'

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

/** Checks options and fills in defaults. */
export function resolveOptions(
  operation: string,
  options: TensorOptions,
  inferred: DType,
  device: Device = getDefaultDevice(),
) {
  if (typeof options !== 'object' || options === null)
    throw new ArgumentError(`${operation}: expected options such as { dtype: 'float64' }, got ${describe(options)}`)
  const { requiresGrad } = options
  return {
    dtype: options.dtype === undefined || options.dtype === null ? inferred : checkDType(operation, options.dtype),
    device: options.device === undefined || options.device === null ? device : checkDevice(operation, options.device),
    finish(t: Tensor): Tensor {
      if (gradMode.inference) t.inference = true
      return requiresGrad ? t.requiresGrad_() : t
    },
  }
}

/** A size that may be one number. */
export type Size = readonly number[] | number
const sizeOf = (operation: string, size: Size): readonly number[] =>
  checkShape(operation, typeof size === 'number' ? [size] : size)

type SizedOp = FunctionOp<[size: Size, options?: TensorOptions], Tensor>
type LikeOp = Op<[self: Tensor, options?: TensorOptions]>
type NewOp = Op<[self: Tensor, size: Size, options?: TensorOptions]>
const OPTIONS = '{dtype, device, requiresGrad}'

function sized(name: string, make: (shape: readonly number[], dtype: DType, device: Device) => Tensor): SizedOp {
  return primitive({
    signature: `${name}(size, ${OPTIONS})`,
    forward(size: Size, options: TensorOptions = {}) {
      const { dtype, device, finish } = resolveOptions(name, options, getDefaultDtype())
      return saving(finish(make(sizeOf(name, size), dtype, device)))
    },
  })
}

function like(name: string, make: (shape: readonly number[], dtype: DType, device: Device) => Tensor): LikeOp {
  return primitive({
    signature: `${name}(self, ${OPTIONS})`,
    forward(self: Tensor, options: TensorOptions = {}) {
      const { dtype, device, finish } = resolveOptions(name, options, self.dtype, self.device)
      const out = make(self.shape, dtype, device)
      if (!self.isContiguous()) out.strides = preservedStrides(self)
      return saving(finish(out))
    },
  })
}

function newOf(name: string, make: (shape: readonly number[], dtype: DType, device: Device) => Tensor): NewOp {
  return primitive({
    signature: `${name}(self, size, ${OPTIONS})`,
    forward(self: Tensor, size: Size, options: TensorOptions = {}) {
      const { dtype, device, finish } = resolveOptions(name, options, self.dtype, self.device)
      return saving(finish(make(sizeOf(name, size), dtype, device)))
    },
  })
}

const filledWith = (value: Scalar) => (shape: readonly number[], dtype: DType, device: Device) =>
  fillRaw(shape, value, dtype, device)

/** A tensor of zeros. @param size a shape, or the length of a vector */
export const zeros: SizedOp = sized('zeros', filledWith(0))
/** A tensor of ones. @param size a shape, or the length of a vector */
export const ones: SizedOp = sized('ones', filledWith(1))
/** A tensor whose values are whatever the memory held. @param size a shape, or the length of a vector */
export const empty: SizedOp = sized('empty', allocate)

/** Zeros of the shape, dtype and device of `self`. */
export const zerosLike: LikeOp = like('zeros_like', filledWith(0))
/** Ones of the shape, dtype and device of `self`. */
export const onesLike: LikeOp = like('ones_like', filledWith(1))
/** Uninitialised memory of the shape, dtype and device of `self`. */
export const emptyLike: LikeOp = like('empty_like', allocate)

/** Zeros of shape `size` and the dtype and device of `self`. */
export const newZeros: NewOp = newOf('new_zeros', filledWith(0))
/** Ones of shape `size` and the dtype and device of `self`. */
export const newOnes: NewOp = newOf('new_ones', filledWith(1))
/** Uninitialised memory of shape `size` and the dtype and device of `self`. */
export const newEmpty: NewOp = newOf('new_empty', allocate)

/** A number, or a 0-d tensor that holds one. */
export type FillValue = Scalar | FloatScalar | Tensor

function scalarOf(operation: string, value: FillValue): Scalar {
  if (value instanceof Tensor) {
    if (value.ndim !== 0)
      throw new ShapeError(`${operation}: expected a number or a 0-d tensor, got a tensor of ${value.ndim} dimensions`)
    return item(value)
  }
  if (value instanceof FloatScalar) return value.value
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return value
  if (typeof value === 'object' && value !== null && typeof value.re === 'number' && typeof value.im === 'number')
    return value
  throw new ArgumentError(`${operation}: expected a number, got ${describe(value)}`)
}

/** As `tensor` infers: numbers are the default dtype, bigints int64, booleans bool. */
function fillDType(value: FillValue): DType {
  if (value instanceof Tensor) return value.dtype
  if (typeof value === 'bigint') return 'int64'
  if (typeof value === 'boolean') return 'bool'
  return typeof value === 'number' || value instanceof FloatScalar ? getDefaultDtype() : toComplex(getDefaultDtype())
}

function filled(operation: string, shape: readonly number[], value: FillValue, dtype: DType, device: Device): Tensor {
  const scalar = scalarOf(operation, value)
  if (typeof scalar === 'object' && !isComplex(dtype))
    throw new ArgumentError(`${operation}: a complex value cannot fill a tensor of dtype ${dtype}`)
  return fillRaw(shape, scalar, dtype, device)
}

/**
 * A tensor filled with one value.
 *
 * @param fillValue its dtype is inferred as `tensor` does: numbers are the default dtype, bigints int64, booleans bool
 */
export const full: FunctionOp<[size: Size, fillValue: FillValue, options?: TensorOptions], Tensor> = primitive({
  signature: `full(size, fillValue, ${OPTIONS})`,
  forward(size: Size, fillValue: FillValue, options: TensorOptions = {}) {
    const { dtype, device, finish } = resolveOptions('full', options, fillDType(fillValue))
    return saving(finish(filled('full', sizeOf('full', size), fillValue, dtype, device)))
  },
})

/** One value, in the shape, dtype and on the device of `self`. */
export const fullLike: Op<[self: Tensor, fillValue: FillValue, options?: TensorOptions]> = primitive({
  signature: `full_like(self, fillValue, ${OPTIONS})`,
  forward(self: Tensor, fillValue: FillValue, options: TensorOptions = {}) {
    const { dtype, device, finish } = resolveOptions('full_like', options, self.dtype, self.device)
    return saving(finish(filled('full_like', self.shape, fillValue, dtype, device)))
  },
})

/** One value in shape `size`, with the dtype and device of `self`. */
export const newFull: Op<[self: Tensor, size: Size, fillValue: FillValue, options?: TensorOptions]> = primitive({
  signature: `new_full(self, size, fillValue, ${OPTIONS})`,
  forward(self: Tensor, size: Size, fillValue: FillValue, options: TensorOptions = {}) {
    const { dtype, device, finish } = resolveOptions('new_full', options, self.dtype, self.device)
    return saving(finish(filled('new_full', sizeOf('new_full', size), fillValue, dtype, device)))
  },
})

/** A 0-d tensor of the default dtype. */
export const scalarTensor: FunctionOp<[s: FillValue, options?: TensorOptions], Tensor> = primitive({
  signature: `scalar_tensor(s, ${OPTIONS})`,
  forward(s: FillValue, options: TensorOptions = {}) {
    const { dtype, device, finish } = resolveOptions('scalar_tensor', options, getDefaultDtype())
    return saving(finish(filled('scalar_tensor', [], s, dtype, device)))
  },
})

/** Memory for a tensor of any strides. */
function allocateStrided(
  operation: string,
  size: readonly number[],
  stride: readonly number[],
  dtype: DType,
  device: Device,
): Tensor {
  checkShape(operation, size)
  if (!Array.isArray(stride) || stride.length !== size.length || stride.some((s) => !Number.isInteger(s) || s < 0))
    throw new ShapeError(`${operation}: expected ${size.length} strides ≥ 0, got ${describe(stride)}`)
  const elements = numelOf(size) === 0 ? 0 : size.reduce((n, s, i) => n + (s - 1) * stride[i], 1)
  if (elements > 2 ** 48) throw new ShapeError(`${operation}: a tensor of ${elements} elements is too large`)
  return new Tensor(Storage.allocate(elements * DTYPES[dtype].size, device), dtype, size, stride, 0)
}

/** Uninitialised memory with the given strides. */
export const emptyStrided: FunctionOp<
  [size: readonly number[], stride: readonly number[], options?: TensorOptions],
  Tensor
> = primitive({
  signature: `empty_strided(size, stride, ${OPTIONS})`,
  forward(size: readonly number[], stride: readonly number[], options: TensorOptions = {}) {
    const { dtype, device, finish } = resolveOptions('empty_strided', options, getDefaultDtype())
    return saving(finish(allocateStrided('empty_strided', size, stride, dtype, device)))
  },
})

/** Uninitialised memory with the given strides, and the dtype and device of `self`. */
export const newEmptyStrided: Op<
  [self: Tensor, size: readonly number[], stride: readonly number[], options?: TensorOptions]
> = primitive({
  signature: `new_empty_strided(self, size, stride, ${OPTIONS})`,
  forward(self: Tensor, size: readonly number[], stride: readonly number[], options: TensorOptions = {}) {
    const { dtype, device, finish } = resolveOptions('new_empty_strided', options, self.dtype, self.device)
    return saving(finish(allocateStrided('new_empty_strided', size, stride, dtype, device)))
  },
})

/** Uninitialised memory whose dimensions lie in the order `physicalLayout`, outermost first. */
export const emptyPermuted: FunctionOp<
  [size: readonly number[], physicalLayout: readonly number[], options?: TensorOptions],
  Tensor
> = primitive({
  signature: `empty_permuted(size, physicalLayout, ${OPTIONS})`,
  forward(size: readonly number[], physicalLayout: readonly number[], options: TensorOptions = {}) {
    checkShape('empty_permuted', size)
    const n = size.length
    if (
      !Array.isArray(physicalLayout) ||
      physicalLayout.length !== n ||
      new Set(physicalLayout).size !== n ||
      physicalLayout.some((d) => !Number.isInteger(d) || d < 0 || d >= n)
    )
      throw new ShapeError(
        `empty_permuted: expected physicalLayout to be a permutation of 0 … ${n - 1}, got ${describe(physicalLayout)}`,
      )
    const { dtype, device, finish } = resolveOptions('empty_permuted', options, getDefaultDtype())
    const stride = new Array<number>(n)
    let step = 1
    for (const d of [...physicalLayout].reverse()) {
      stride[d] = step
      step *= Math.max(size[d], 1)
    }
    return saving(finish(allocateStrided('empty_permuted', size, stride, dtype, device)))
  },
})

/** A number for a range; `float(2)` makes the result floating-point. */
export type RangeValue = number | bigint | FloatScalar | Tensor
const rangeNumber = (operation: string, name: string, v: RangeValue): number | bigint => {
  const value = v instanceof FloatScalar ? v.value : v instanceof Tensor ? item(v) : v
  if (typeof value === 'bigint') return value
  if (typeof value !== 'number' || !Number.isFinite(value))
    throw new ArgumentError(`${operation}: expected a finite number for ${name}, got ${describe(v)}`)
  return value
}
const isWhole = (v: RangeValue): boolean =>
  v instanceof Tensor
    ? !isFloating(v.dtype) && !isComplex(v.dtype)
    : typeof v === 'bigint' || (typeof v === 'number' && Number.isInteger(v))

/** A call of `arange`: one, two or three numbers, then options. */
export type ArangeArgs =
  | [end: RangeValue, options?: TensorOptions]
  | [start: RangeValue, end: RangeValue, options?: TensorOptions]
  | [start: RangeValue, end: RangeValue, step: RangeValue, options?: TensorOptions]

const isOptions = (v: unknown): v is TensorOptions =>
  v === undefined || (typeof v === 'object' && v !== null && !(v instanceof Tensor) && !(v instanceof FloatScalar))

/**
 * `start, start + step, …`, up to but without `end`. int64 when all numbers are whole, otherwise the default dtype.
 *
 * @returns shape `[ceil((end - start) / step)]`
 * @throws ArgumentError when `step` is 0 or leads away from `end`
 * @example
 * ```ts
 * import { arange } from '@flambeau/core'
 * console.log(arange(1, 7, 2).toArray()) // → [ 1, 3, 5 ]
 * ```
 */
export const arange: FunctionOp<ArangeArgs, Tensor> = primitive({
  signature: `arange(start, end, step, ${OPTIONS})`,
  forward(...args: ArangeArgs) {
    const numbers = args.filter((a, i): a is RangeValue => i < 3 && !isOptions(a))
    const options = (args as readonly unknown[]).find((a): a is TensorOptions => a !== undefined && isOptions(a)) ?? {}
    const [first, second, third] = numbers
    if (first === undefined) throw new ArgumentError(`arange: expected a number for end, got ${describe(args[0])}`)
    const start = second === undefined ? 0 : rangeNumber('arange', 'start', first)
    const end = rangeNumber('arange', 'end', second ?? first)
    const step = third === undefined ? 1 : rangeNumber('arange', 'step', third)
    const inferred = numbers.every(isWhole) ? 'int64' : getDefaultDtype()
    const { dtype, device, finish } = resolveOptions('arange', options, inferred)
    if (isComplex(dtype) || dtype === 'bool') throw new ArgumentError(`arange: expected a real dtype, got ${dtype}`)
    const by = Number(step)
    if (by === 0) throw new ArgumentError('arange: expected step to be other than 0')
    const span =
      typeof start === 'bigint' && typeof end === 'bigint' ? Number(end - start) : Number(end) - Number(start)
    if (span / by < 0) throw new ArgumentError(`arange: step ${by} leads away from end ${end}, from start ${start}`)
    const n = dtype === 'int64' && Math.trunc(by) !== 0 ? integerCount(start, end, step) : Math.ceil(span / by)
    const out = allocate(checkShape('arange', [n]), dtype, device)
    kernels.arange(out, exact(start), exact(step))
    return saving(finish(out))
  },
})

/** How many steps an int64 range has: its bounds are truncated first, and may be too large for exact numbers. */
function integerCount(start: number | bigint, end: number | bigint, step: number | bigint): number {
  const [from, to, by] = [start, end, step].map((v) => BigInt(typeof v === 'number' ? Math.trunc(v) : v))
  const span = to - from
  return Number(span / by) + (span % by === 0n ? 0 : 1)
}

/** Whole numbers go to kernels as integers, so that all 64 bits count. */
const exact = (v: number | bigint): Scalar => (typeof v === 'number' && Number.isInteger(v) ? BigInt(v) : v)

function spaced(
  operation: string,
  start: FillValue,
  end: FillValue,
  steps: number,
  options: TensorOptions,
  run: (out: Tensor, start: Scalar, end: Scalar) => void,
): Tensor {
  if (typeof steps !== 'number' || !Number.isInteger(steps) || steps < 0)
    throw new ArgumentError(`${operation}: expected steps to be an integer ≥ 0, got ${describe(steps)}`)
  const from = scalarOf(operation, start)
  const to = scalarOf(operation, end)
  const complex = typeof from === 'object' || typeof to === 'object'
  const { dtype, device, finish } = resolveOptions(
    operation,
    options,
    complex ? toComplex(getDefaultDtype()) : getDefaultDtype(),
  )
  if (complex && !isComplex(dtype))
    throw new ArgumentError(`${operation}: complex ends need a complex dtype, got ${dtype}`)
  if (dtype === 'bool') throw new ArgumentError(`${operation}: expected a dtype of numbers, got bool`)
  const out = allocate(checkShape(operation, [steps]), dtype, device)
  run(out, from, to)
  return finish(out)
}

/** `steps` numbers from `start` to `end`, both included, at equal distances. @returns shape `[steps]` */
export const linspace: FunctionOp<[start: FillValue, end: FillValue, steps: number, options?: TensorOptions], Tensor> =
  primitive({
    signature: `linspace(start, end, steps, ${OPTIONS})`,
    forward: (start: FillValue, end: FillValue, steps: number, options: TensorOptions = {}) =>
      saving(spaced('linspace', start, end, steps, options, (out, from, to) => kernels.linspace(out, from, to))),
  })

/** What `logspace` takes. */
export interface LogspaceOptions extends TensorOptions {
  /** Default 10. */
  readonly base?: number
}

/** `base` to the power of `steps` exponents from `start` to `end`, both included. @returns shape `[steps]` */
export const logspace: FunctionOp<
  [start: FillValue, end: FillValue, steps: number, base?: number | LogspaceOptions, options?: LogspaceOptions],
  Tensor
> = primitive({
  signature: `logspace(start, end, steps, base, ${OPTIONS})`,
  forward(
    start: FillValue,
    end: FillValue,
    steps: number,
    base: number | LogspaceOptions | undefined = undefined,
    options: LogspaceOptions = {},
  ) {
    const given = typeof base === 'object' && base !== null ? base : options
    const b = typeof base === 'number' ? base : (given.base ?? 10)
    if (typeof b !== 'number') throw new ArgumentError(`logspace: expected a number for base, got ${describe(b)}`)
    return saving(spaced('logspace', start, end, steps, given, (out, from, to) => kernels.logspace(out, from, to, b)))
  },
})

/** Ones on the diagonal, zeros elsewhere. @param m columns; as many as rows unless given. @returns shape `[n, m]` */
export const eye: FunctionOp<[n: number, m?: number | TensorOptions, options?: TensorOptions], Tensor> = primitive({
  signature: `eye(n, m, ${OPTIONS})`,
  forward(n: number, m: number | TensorOptions = n, options: TensorOptions = {}) {
    const columns = typeof m === 'number' ? m : n
    const { dtype, device, finish } = resolveOptions(
      'eye',
      typeof m === 'object' && m !== null ? m : options,
      getDefaultDtype(),
    )
    const out = fillRaw(checkShape('eye', [n, columns]), 0, dtype, device)
    const diagonal = alias(out, [Math.min(n, columns)], [columns + 1], 0)
    kernels.fill(diagonal, 1)
    return saving(finish(out))
  },
})
