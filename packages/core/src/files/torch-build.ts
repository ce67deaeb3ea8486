// From the values of a pickle to JavaScript's, without recursion: what is shared stays shared, and a list may hold itself.
import { FormatError } from '../errors.js'
import { conj, expand, neg } from '../ops/index.js'
import type { Complex } from '../ops/promotion.js'
import { allocate } from '../tensor/create.js'
import { DTYPES, isDifferentiable } from '../tensor/dtype.js'
import { Parameter } from '../tensor/parameter.js'
import { Storage } from '../tensor/storage.js'
import { Tensor } from '../tensor/tensor.js'
import { FOREIGN } from './foreign.js'
import { NumpyArray } from './numpy-values.js'
import { describePy, PyComplex, PyDict, PyGlobal, PySet, PyTuple } from './pickle-values.js'
import {
  compact,
  DTypeValue,
  type ForeignName,
  StorageRef,
  StoredParameter,
  type StoredStorage,
  StoredTensor,
} from './torch-values.js'

/** What a file of `save` holds: tensors and plain values, nested in any way. */
export type SavedValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Complex
  | Tensor
  | readonly SavedValue[]
  | ReadonlySet<SavedValue>
  | ReadonlyMap<SavedValue, SavedValue>
  | { readonly [key: string]: SavedValue }

/** Makes values of one file; `storageOf` has the data of its storages. */
export class Builder {
  readonly #file: string
  readonly #storageOf: (stored: StoredStorage) => Storage
  readonly #made = new Map<unknown, unknown>()
  /** Containers that are made and not yet filled. */
  readonly #pending: (() => void)[] = []
  readonly #converted = new Map<StoredStorage, { foreign: ForeignName; data: Tensor }>()
  /** Dicts of state by the number of a parameter. */
  readonly #byNumber = new Set<unknown>()

  constructor(file: string, storageOf: (stored: StoredStorage) => Storage) {
    this.#file = file
    this.#storageOf = storageOf
  }

  build(value: unknown): SavedValue {
    const result = this.#convert(value)
    for (let fill = this.#pending.pop(); fill !== undefined; fill = this.#pending.pop()) fill()
    return result as SavedValue
  }

  #convert(value: unknown): unknown {
    if (typeof value !== 'object' || value === null) return value
    if (this.#made.has(value)) return this.#made.get(value)
    const made = this.#make(value)
    this.#made.set(value, made)
    return made
  }

  #make(value: object): unknown {
    if (Array.isArray(value) || value instanceof PyTuple) {
      const items: readonly unknown[] = Array.isArray(value) ? value : value.items
      const list: unknown[] = []
      this.#pending.push(() => {
        for (const item of items) list.push(this.#convert(item))
      })
      return list
    }
    if (value instanceof PyDict) return this.#dict(value)
    if (value instanceof PySet) {
      const set = new Set<unknown>()
      this.#pending.push(() => {
        for (const item of value.items) set.add(this.#convert(item))
      })
      return set
    }
    if (value instanceof StoredTensor) return this.#tensor(value)
    if (value instanceof StoredParameter) return this.#parameter(value)
    if (value instanceof StorageRef) {
      const { root, offset, numel } = value
      return new Tensor(this.#storageOf(root), root.dtype, [numel], [1], offset)
    }
    if (value instanceof NumpyArray) return this.#array(value)
    if (value instanceof PyComplex) return { re: value.re, im: value.im }
    if (value instanceof DTypeValue) return value.dtype
    if (value instanceof Uint8Array) return value
    if (value instanceof PyGlobal)
      throw new FormatError(`${this.#file}: the file holds the class or function ${value.name}, which is no value here`)
    throw new FormatError(`${this.#file}: the file holds ${describePy(value)}, which is no value here`)
  }

  /** An object where all keys are strings, a Map otherwise. */
  #dict(dict: PyDict): unknown {
    const { entries } = dict
    // An optimizer's state dict has the parameters' numbers as keys; they are keys like any other in JavaScript.
    const groups = entries.get('param_groups')
    const isGroup = (group: unknown): boolean => group instanceof PyDict && Array.isArray(group.entries.get('params'))
    if (Array.isArray(groups) && groups.every(isGroup)) this.#byNumber.add(entries.get('state'))
    const numbered = this.#byNumber.has(dict)
    const named = (key: unknown): boolean => typeof key === 'string' || (numbered && typeof key === 'number')
    let asObject = true
    for (const key of entries.keys()) asObject &&= named(key)
    if (!asObject) {
      const map = new Map<unknown, unknown>()
      this.#pending.push(() => {
        for (const [key, item] of entries) map.set(this.#convert(key), this.#convert(item))
      })
      return map
    }
    const object: Record<string, unknown> = {}
    this.#pending.push(() => {
      for (const [key, item] of entries) {
        const converted = this.#convert(item)
        // An assignment to `__proto__` would set the prototype.
        if (key === '__proto__')
          Object.defineProperty(object, key, { value: converted, writable: true, enumerable: true, configurable: true })
        else object[String(key)] = converted
      }
    })
    return object
  }

  #tensor(stored: StoredTensor): Tensor {
    const plain = this.#plain(stored)
    if (stored.requiresGrad && isDifferentiable(plain.dtype)) plain.requiresGrad_()
    return plain
  }

  /** The data of a storage, as elements that tensors have; converted once, so that what is shared stays shared. */
  #data({ root }: StorageRef, foreign: ForeignName | null): Storage {
    const storage = this.#storageOf(root)
    if (foreign === null) return storage
    const known = this.#converted.get(root)
    if (known?.foreign === foreign) return known.data.storage
    if (known !== undefined)
      throw new FormatError(`${this.#file}: storage '${root.key}' is of ${known.foreign} and of ${foreign}`)
    const { raw, convert } = FOREIGN[foreign]
    const numel = Math.floor(root.nbytes / DTYPES[raw].size)
    const data = convert(`${this.#file}: storage '${root.key}'`, new Tensor(storage, raw, [numel], [1], 0))
    this.#converted.set(root, { foreign, data })
    return data.storage
  }

  #plain({ storage, dtype, foreign, offset, size, stride, conj: conjugated, neg: negated }: StoredTensor): Tensor {
    if (storage === null) {
      const t = allocate(size, dtype, 'meta')
      t.strides = stride
      return t
    }
    const data = this.#data(storage, foreign)
    if (!conjugated && !negated) return new Tensor(data, dtype, size, stride, offset)
    let t = new Tensor(data, dtype, compact(size, stride), stride, offset)
    if (conjugated) t = conj(t)
    if (negated) t = neg(t)
    return expand(t, size)
  }

  #parameter({ data, requiresGrad }: StoredParameter): Parameter {
    const plain = this.#convert(data) as Tensor
    return new Parameter(plain, requiresGrad && isDifferentiable(plain.dtype))
  }

  #array({ dtype, shape, fortran, bytes }: NumpyArray): Tensor {
    if (dtype === null) throw new FormatError(`${this.#file}: the file holds a NumPy array without values`)
    const storage = Storage.allocate(bytes.length, 'cpu')
    storage.write('load', 0, bytes)
    const t = new Tensor(storage, dtype, shape, denseStrides(shape, fortran), 0)
    if (dtype === 'bool')
      storage.write(
        'load',
        0,
        bytes.map((byte) => (byte === 0 ? 0 : 1)),
      )
    return t
  }
}

function denseStrides(shape: readonly number[], fortran: boolean): number[] {
  const strides = new Array<number>(shape.length)
  let step = 1
  const order = shape.map((_, i) => (fortran ? i : shape.length - 1 - i))
  for (const dim of order) {
    strides[dim] = step
    step *= Math.max(shape[dim], 1)
  }
  return strides
}
