// Reading tensors back: single values, nested arrays, typed arrays.
import * as kernels from '../binding/kernels.gen.js'
import { ArgumentError, DisposedError, DTypeError, OutOfMemoryError, ShapeError } from '../errors.js'
import { allocate } from '../tensor/create.js'
import { DTYPES, type DType } from '../tensor/dtype.js'
import { formatShape, isContiguous, numelOf } from '../tensor/shape.js'
import type { Tensor } from '../tensor/tensor.js'
import type { Complex } from './promotion.js'

/** One element as JavaScript has it: int64 is a number where that is exact. */
export type Item = number | boolean | Complex
/** Elements, nested in an array for each dimension. */
export type Nested = Item | Nested[]
/** What `data()` gives: half types are their bits, complex numbers pairs, bool 0 or 1. */
export type Data =
  | Float32Array
  | Float64Array
  | Uint16Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Int32Array
  | BigInt64Array

/** The bytes of a tensor's elements, in row-major order, in a buffer of their own. */
export function readBytes(operation: string, t: Tensor): ArrayBuffer {
  if (t.isDisposed)
    throw new DisposedError(`${operation}: a tensor of shape ${formatShape(t.shape)} was used after dispose()`)
  if (t.isSparse)
    throw new ArgumentError(
      `${operation}: expected a strided tensor, got a sparse one of shape ${formatShape(t.shape)}; use toDense()`,
    )
  if (t.storage.meta) throw new ArgumentError(`${operation}: a meta tensor has a shape and no data`)
  const size = t.elementSize()
  const nbytes = numelOf(t.shape) * size
  let bytes: Uint8Array<ArrayBuffer>
  try {
    bytes = new Uint8Array(nbytes)
  } catch (error) {
    throw new OutOfMemoryError(`${operation}: JavaScript could not allocate ${nbytes} bytes`, { cause: error })
  }
  if (bytes.length === 0) return bytes.buffer
  t.storage.makeStrided()
  let source = t
  if (!isContiguous(t.shape, t.strides)) {
    source = allocate(t.shape, t.dtype, t.device)
    kernels.copy(source, t)
  }
  source.storage.read(operation, source.offset * size, bytes)
  if (source !== t) source.dispose()
  return bytes.buffer
}

const half = new Float32Array(1)
const halfBits = new Uint32Array(half.buffer)

function fromBfloat16(bits: number): number {
  halfBits[0] = bits << 16
  return half[0]
}

function fromFloat16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

/** Reads element `i` of a buffer of `dtype`. */
type Reader<R> = (i: number) => R

/** Reads elements as numbers, or as what `inexact` makes of an int64 that is none. */
export function reader(buffer: ArrayBuffer, dtype: DType, inexact: (value: bigint) => Item): Reader<Item> {
  const data = new DTYPES[dtype].array(buffer)
  switch (dtype) {
    case 'bool':
      return (i) => data[i] !== 0
    case 'float16':
      return (i) => fromFloat16(data[i] as number)
    case 'bfloat16':
      return (i) => fromBfloat16(data[i] as number)
    case 'complex32':
      return (i) => ({ re: fromFloat16(data[2 * i] as number), im: fromFloat16(data[2 * i + 1] as number) })
    case 'complex64':
    case 'complex128':
      return (i) => ({ re: data[2 * i] as number, im: data[2 * i + 1] as number })
    case 'int64':
      return (i) => {
        const value = data[i] as bigint
        const n = Number(value)
        return Number.isSafeInteger(n) ? n : inexact(value)
      }
    default:
      return (i) => data[i] as number
  }
}

const notExact =
  (operation: string, remedy: string) =>
  (value: bigint): never => {
    throw new DTypeError(`${operation}: ${value} has no exact number; use ${remedy}`)
  }

function checkSingle(operation: string, t: Tensor): void {
  if (numelOf(t.shape) !== 1)
    throw new ShapeError(`${operation}: expected a tensor of one element, got shape ${formatShape(t.shape)}`)
}

/**
 * The value of a tensor of one element: a number, a boolean, or `{ re, im }`.
 *
 * @throws ShapeError when there is more or less than one element
 * @throws DTypeError when an int64 is too large to be exact; `itemBigInt` reads it
 */
export function item(self: Tensor): Item {
  checkSingle('item', self)
  return reader(readBytes('item', self), self.dtype, notExact('item', 'itemBigInt()'))(0)
}

/** The value of a tensor of one integer, as a bigint. @throws DTypeError when the dtype is not an integer one */
export function itemBigInt(self: Tensor): bigint {
  checkSingle('itemBigInt', self)
  const { kind, array } = DTYPES[self.dtype]
  if (kind !== 'int' && kind !== 'bool')
    throw new DTypeError(`itemBigInt: expected an integer dtype, got ${self.dtype}`)
  return BigInt(new array(readBytes('itemBigInt', self))[0])
}

function nest(shape: readonly number[], dim: number, at: { i: number }, read: Reader<Item>): Nested {
  if (dim === shape.length) return read(at.i++)
  const list = new Array<Nested>(shape[dim])
  for (let k = 0; k < list.length; k++) list[k] = nest(shape, dim + 1, at, read)
  return list
}

/**
 * The values as nested arrays; a 0-d tensor as its value.
 *
 * @throws DTypeError when an int64 is too large to be exact; `data` reads bigints
 */
export function toArray(self: Tensor): Nested {
  return nest(self.shape, 0, { i: 0 }, reader(readBytes('toArray', self), self.dtype, notExact('toArray', 'data()')))
}

/** A copy of the values as a typed array in row-major order. */
export function data(self: Tensor): Data {
  return new DTYPES[self.dtype].array(readBytes('data', self))
}

/**
 * The values as a typed array over the tensor's own memory: writing to it writes to the tensor, unseen by autograd.
 *
 * One buffer serves all tensors of a storage. It becomes empty when the last of them is disposed, and keeps the memory
 * as long as it lives otherwise.
 *
 * @throws ArgumentError when the values do not lie in row-major order
 * @throws DeviceError when the host cannot read the device's memory
 */
export function dataShared(self: Tensor): Data {
  if (self.isDisposed)
    throw new DisposedError(`dataShared: a tensor of shape ${formatShape(self.shape)} was used after dispose()`)
  if (!isContiguous(self.shape, self.strides) || self.storage.layout !== 0)
    throw new ArgumentError(
      `dataShared: expected a contiguous tensor, got shape ${formatShape(self.shape)} and strides ${formatShape(self.strides)}; use data()`,
    )
  const { array, size, kind } = DTYPES[self.dtype]
  const count = numelOf(self.shape) * (kind === 'complex' ? 2 : 1)
  return new array(self.storage.share('dataShared'), self.offset * size, count)
}
