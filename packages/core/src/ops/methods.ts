// Methods of Tensor that are no operators: reading back, printing, iterating.
import { gradMode } from '../autograd/mode.js'
import { ArgumentError, AutogradError, describe, ShapeError } from '../errors.js'
import { checkShape, contiguousStrides, numelOf, sameShape, wrapDim } from '../tensor/shape.js'
import { Storage } from '../tensor/storage.js'
import { Tensor } from '../tensor/tensor.js'
import type { Index } from './at.js'
import { type NestedData, newTensor } from './construct.js'
import type { FillValue, TensorOptions } from './creation.js'
import { hardshrink, prelu } from './nn/activations.js'
import { format } from './printing.js'
import type { Scalar } from './promotion.js'
import { isInference, isNonzero, isSameSize, isSigned } from './queries.js'
import { type Data, data, dataShared, type Item, item, itemBigInt, type Nested, toArray } from './reading.js'
import { asStrided } from './strided.js'
import { squeeze, swapaxes, swapdims, t, transpose, unsqueeze } from './views.js'

declare module '../tensor/tensor.js' {
  interface Tensor {
    /** The value of a tensor of one element: a number, a boolean, or `{ re, im }`. An int64 that has no exact number is an error. */
    item<T extends Item = number>(): T
    /** The value of a tensor of one integer. */
    itemBigInt(): bigint
    /** The values as nested arrays. */
    toArray(): Nested
    /** The values as nested arrays; PyTorch's name for `toArray`. */
    tolist(): Nested
    /** A copy of the values as a typed array in row-major order. */
    data(): Data
    /** The values as a typed array over the tensor's own memory. */
    dataShared(): Data
    /** Writes `value` where `at(...indices)` reads, broadcast and converted. */
    put(indices: readonly Index[], value: Tensor | FillValue): Tensor
    /** A copy with `source` at flat positions. */
    put(index: Tensor, source: Tensor, accumulate?: boolean): Tensor
    /** A tensor of nested data, with the dtype and on the device of this one. */
    newTensor(data: NestedData, options?: TensorOptions): Tensor
    /** The tensor with its dimensions in reverse order; a view. */
    readonly T: Tensor
    /** The matrices transposed: the last two dimensions exchanged; a view. */
    readonly mT: Tensor
    /** The conjugate transpose of a matrix. */
    readonly H: Tensor
    /** The conjugate transposes of matrices. */
    readonly mH: Tensor
    /** The size of each dimension, or of one. */
    size(): readonly number[]
    size(dim: number): number
    /** The number of elements; another name of `numel`. */
    nelement(): number
    /** The number of dimensions; another name of `dim`. */
    ndimension(): number
    /** Bytes an element. */
    readonly itemsize: number
    /** Bytes of all elements. */
    readonly nbytes: number
    /** Whether the memory is the cpu's. */
    readonly isCpu: boolean
    /** Whether the memory is a CUDA device's. */
    readonly isCuda: boolean
    /** Whether the tensor has a shape only. */
    readonly isMeta: boolean
    /** Whether the dtype has negative numbers. */
    isSigned(): boolean
    /** Whether the one element is not zero. */
    isNonzero(): boolean
    /** Whether two tensors have one shape. */
    isSameSize(other: Tensor): boolean
    /** Whether the tensor was made in inference mode. */
    isInference(): boolean
    /** `x` above 0, `weight·x` below. @see F.prelu */
    prelu(weight: Tensor): Tensor
    /** `x`, 0 where `|x| ≤ lambd`. @see F.hardshrink */
    hardshrink(lambd?: number): Tensor
    /** Writes `value` on the main diagonal; with `wrap` again below it, where a matrix is tall. */
    fillDiagonal_(value: Scalar, wrap?: boolean): Tensor
    /** Changes the shape in place; elements that are new are uninitialised. */
    resize_(size: readonly number[]): Tensor
    /** `resize_` to the shape of `other`. */
    resizeAs_(other: Tensor): Tensor
    asStrided_(size: readonly number[], stride: readonly number[], storageOffset?: number | null): Tensor
    squeeze_(dim?: number | readonly number[] | null): Tensor
    unsqueeze_(dim: number): Tensor
    transpose_(dim0: number, dim1: number): Tensor
    swapaxes_(dim0: number, dim1: number): Tensor
    swapdims_(dim0: number, dim1: number): Tensor
    t_(): Tensor
    /** As PyTorch prints it. */
    toString(): string
    /** The slices along dimension 0. */
    [Symbol.iterator](): Iterator<Tensor>
  }
}

const methods = {
  item(this: Tensor): Item {
    return item(this)
  },
  itemBigInt(this: Tensor): bigint {
    return itemBigInt(this)
  },
  toArray(this: Tensor): Nested {
    return toArray(this)
  },
  tolist(this: Tensor): Nested {
    return toArray(this)
  },
  data(this: Tensor): Data {
    return data(this)
  },
  dataShared(this: Tensor): Data {
    return dataShared(this)
  },
  size(this: Tensor, dim?: number): readonly number[] | number {
    return dim === undefined ? this.shape : this.shape[wrapDim('size', dim, this.ndim)]
  },
  nelement(this: Tensor): number {
    return this.numel()
  },
  ndimension(this: Tensor): number {
    return this.ndim
  },
  isSigned(this: Tensor): boolean {
    return isSigned(this)
  },
  isNonzero(this: Tensor): boolean {
    return isNonzero(this)
  },
  isSameSize(this: Tensor, other: Tensor): boolean {
    return isSameSize(this, other)
  },
  isInference(this: Tensor): boolean {
    return isInference(this)
  },
  prelu(this: Tensor, weight: Tensor): Tensor {
    return prelu(this, weight)
  },
  hardshrink(this: Tensor, lambd?: number): Tensor {
    return lambd === undefined ? hardshrink(this) : hardshrink(this, lambd)
  },
  fillDiagonal_(this: Tensor, value: Scalar, wrap = false): Tensor {
    return fillDiagonal(this, value, wrap)
  },
  newTensor(this: Tensor, values: NestedData, options?: TensorOptions): Tensor {
    return newTensor(this, values, options)
  },
  resize_(this: Tensor, size: readonly number[]): Tensor {
    return resize(this, size)
  },
  resizeAs_(this: Tensor, other: Tensor): Tensor {
    if (!(other instanceof Tensor))
      throw new ArgumentError(`resize_as_: expected a tensor for other, got ${describe(other)}`)
    return resize(this, other.shape)
  },
  toString(this: Tensor): string {
    return format(this)
  },
  [Symbol.for('nodejs.util.inspect.custom')](this: Tensor): string {
    return format(this)
  },
  [Symbol.iterator](this: Tensor): Iterator<Tensor> {
    if (this.ndim === 0)
      throw new ShapeError('iteration: expected a tensor of at least one dimension, got a 0-d tensor; use item()')
    return slices(this)
  },
}

function* slices(t: Tensor): Generator<Tensor> {
  for (let i = 0; i < t.shape[0]; i++) yield t.select(0, i)
}

for (const key of Reflect.ownKeys(methods))
  Object.defineProperty(Tensor.prototype, key, { value: Reflect.get(methods, key), writable: true, configurable: true })

function matrices(name: string, t: Tensor): Tensor {
  if (t.ndim < 2) throw new ShapeError(`${name}: expected at least 2 dimensions, got shape [${t.shape.join(', ')}]`)
  return t.transpose(-2, -1)
}

const accessors: Readonly<Record<string, (t: Tensor) => Tensor | number | boolean>> = {
  itemsize: (t) => t.elementSize(),
  nbytes: (t) => t.elementSize() * t.numel(),
  isCpu: (t) => t.device === 'cpu',
  isCuda: (t) => t.device.startsWith('cuda'),
  isMeta: (t) => t.storage.meta,
  T: (t) => t.permute(t.shape.map((_, d) => t.ndim - 1 - d)),
  mT: (t) => matrices('mT', t),
  mH: (t) => matrices('mH', t).conj(),
  H(t) {
    if (t.ndim !== 2 && t.ndim !== 0)
      throw new ShapeError(`H: expected a matrix, got shape [${t.shape.join(', ')}]; use mH`)
    return t.ndim === 0 ? t.conj() : t.transpose(0, 1).conj()
  },
}
for (const [name, read] of Object.entries(accessors))
  Object.defineProperty(Tensor.prototype, name, {
    get(this: Tensor) {
      return read(this)
    },
    configurable: true,
  })

/** Reads `self` as `made` does from now on, with its history: the in-place forms of views. */
function become(name: string, self: Tensor, made: Tensor): Tensor {
  if (self.leafRequiresGrad && gradMode.enabled)
    throw new AutogradError(`${name}: a leaf that requires grad cannot be changed in place; use noGrad`)
  self.shape = made.shape
  self.strides = made.strides
  self.offset = made.offset
  if (made.node !== null) {
    self.node = made.node
    self.output = made.output
  }
  made.dispose()
  return self
}

const views = { asStrided, squeeze, swapaxes, swapdims, t, transpose, unsqueeze }
for (const [name, op] of Object.entries(views))
  Object.defineProperty(Tensor.prototype, `${name}_`, {
    value(this: Tensor, ...args: unknown[]) {
      return become(`${name}_`, this, (op as (self: Tensor, ...rest: unknown[]) => Tensor)(this, ...args))
    },
    writable: true,
    configurable: true,
  })

/** Changes the size in place; new elements are uninitialised. */
function resize(self: Tensor, size: readonly number[]): Tensor {
  const shape = checkShape('resize_', size)
  if (self.requiresGrad) throw new AutogradError('resize_: a tensor that requires grad cannot be resized')
  if (sameShape(shape, self.shape)) return self
  const needed = (self.offset + numelOf(shape)) * self.elementSize()
  if (needed > self.storage.nbytes && !self.storage.meta) {
    const bytes = new Uint8Array(self.storage.nbytes)
    self.storage.read('resize_', 0, bytes)
    const storage = Storage.allocate(needed, self.device)
    if (bytes.length > 0) storage.write('resize_', 0, bytes)
    storage.refs++
    self.storage.release()
    self.storage = storage
  }
  self.shape = shape
  self.strides = contiguousStrides(shape)
  return self
}

function fillDiagonal(self: Tensor, value: Scalar, wrap: boolean): Tensor {
  const { shape, ndim } = self
  if (ndim < 2 || (ndim > 2 && shape.some((n) => n !== shape[0])))
    throw new ShapeError(`fill_diagonal_: expected a matrix or equal sizes, got shape [${shape.join(', ')}]`)
  if (ndim > 2) {
    const step = self.strides.reduce((a, b) => a + b, 0)
    asStrided(self, [shape[0]], [step], self.offset).fill_(value)
    return self
  }
  // A tall matrix has a further diagonal after each row that is left out.
  const [rows, columns] = shape
  for (let start = 0; start < rows && (start === 0 || wrap); start += columns + 1)
    self
      .narrow(0, start, rows - start)
      .diagonal()
      .fill_(value)
  return self
}
