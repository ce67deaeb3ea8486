// Methods of Tensor that are no operators: reading back, printing, iterating.
import { ShapeError } from '../errors.js'
import { Tensor } from '../tensor/tensor.js'
import type { Index } from './at.js'
import { type NestedData, newTensor } from './construct.js'
import type { FillValue, TensorOptions } from './creation.js'
import { format } from './printing.js'
import { type Data, data, dataShared, type Item, item, itemBigInt, type Nested, toArray } from './reading.js'

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
  newTensor(this: Tensor, values: NestedData, options?: TensorOptions): Tensor {
    return newTensor(this, values, options)
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
