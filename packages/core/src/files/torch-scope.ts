// The closed list: all that a PyTorch file may name, and what each name makes. Nothing else is ever called.
import { FormatError } from '../errors.js'
import { DTYPES, type DType } from '../tensor/dtype.js'
import { formatShape, MAX_DIMS, numelOf } from '../tensor/shape.js'
import { FOREIGN } from './foreign.js'
import { NumpyArray, NumpyDType, numpyScalar } from './numpy-values.js'
import type { PickleScope } from './pickle.js'
import { describePy, PyComplex, PyDict, PyGlobal, PySet, PyTuple } from './pickle-values.js'
import {
  compact,
  DTypeValue,
  type ForeignName,
  STORAGE_NAMES,
  StorageRef,
  StorageType,
  StoredParameter,
  StoredStorage,
  StoredTensor,
  storedSize,
} from './torch-values.js'

/** Beyond any file, and below where numbers stop being exact. */
const MOST = 2 ** 48
/** Bytes that an item of a copied container takes, at most. */
const ITEM = 64

const STORAGE_TYPES = new Map(
  Object.entries(STORAGE_NAMES).flatMap(([dtype, name]) => {
    const type = new StorageType(dtype as DType)
    if (name === null) return []
    return [
      [`torch.${name}`, type],
      [`torch.cuda.${name}`, type],
    ] as const
  }),
)
STORAGE_TYPES.set('torch.storage.UntypedStorage', new StorageType('uint8'))

const DTYPE_VALUES = new Map(
  [...Object.keys(DTYPES), ...Object.keys(FOREIGN)].map((name) => [
    `torch.${name}`,
    new DTypeValue(name as DType | ForeignName),
  ]),
)

/** Element types of PyTorch that are none here: a clear word is better than a name that is not on the list. */
const UNSUPPORTED = /^torch\.(uint\d+|int[1-7]|float8_\w+|float4_\w+|bits\w+|quint\w+|qint\w+|\w+Storage)$/

type Call = (args: readonly unknown[]) => unknown

/** What a file may name, for one file: `storages` fills with those that it speaks of. */
export class TorchScope implements PickleScope {
  readonly storages = new Map<string, StoredStorage>()
  readonly #views = new Map<string, StorageRef>()
  readonly #file: string
  readonly #globals: ReadonlyMap<string, unknown>
  /** Bytes that calls may still copy. */
  #budget: number

  constructor(file: string, fileSize: number) {
    this.#file = file
    this.#budget = 2 ** 24 + 8 * fileSize
    const calls: Record<string, Call> = { ...this.#rebuilders(), ...this.#containers(), ...this.#numpy() }
    const types = ['torch.Tensor', 'torch.nn.parameter.Buffer', ...TYPES]
    this.#globals = new Map<string, unknown>([
      ...Object.entries(calls).map(([name, call]) => [name, new PyGlobal(name, call)] as const),
      ...types.map((name) => [name, new PyGlobal(name, null)] as const),
      ...STORAGE_TYPES,
      ...DTYPE_VALUES,
    ])
  }

  find(name: string): unknown {
    const found = this.#globals.get(name)
    if (found === undefined && UNSUPPORTED.test(name))
      throw new FormatError(
        `${this.#file}: ${name} is not supported: supported are ${[...Object.keys(DTYPES), ...Object.keys(FOREIGN)].join(', ')}`,
      )
    if (found === undefined && /^torch\.nn\.modules\./.test(name))
      throw new FormatError(
        `${this.#file}: the file holds a whole module (${name}), which only its Python code can read; save its state_dict() instead`,
      )
    return found
  }

  #fail(what: string): never {
    throw new FormatError(`${this.#file}: the file is corrupt: ${what}`)
  }

  /** Counts what calls copy: a small file could have a large value copied again and again. */
  #spend(bytes: number): void {
    this.#budget -= bytes
    if (this.#budget < 0)
      throw new FormatError(`${this.#file}: the file is refused: it copies its own values beyond any use`)
  }

  /** The items of a list, tuple or set. */
  #items(what: string, value: unknown): readonly unknown[] {
    if (value instanceof PyTuple) return value.items
    if (Array.isArray(value)) return value
    if (!(value instanceof PySet)) return this.#fail(`${what}: expected a list or a tuple, got ${describePy(value)}`)
    this.#spend(ITEM * value.items.size)
    return [...value.items]
  }

  /** ('storage', type, key, location, numel), and in old files the part of it that is meant. */
  persistent(id: unknown): unknown {
    const [kind, type, key, , numel, view = null] = id instanceof PyTuple ? id.items : []
    if (kind !== 'storage' || !(type instanceof StorageType) || (typeof key !== 'string' && typeof key !== 'number'))
      return this.#fail(`expected a storage, got ${describePy(id)}`)
    if (!isSize(numel)) return this.#fail(`storage ${describePy(key)} has ${describePy(numel)} elements`)
    const name = String(key)
    const root = this.storages.get(name) ?? new StoredStorage(name, type.dtype, numel)
    if (root.dtype !== type.dtype || root.numel !== numel)
      this.#fail(`storage '${name}' is ${root.numel} of ${root.dtype} at first, then ${numel} of ${type.dtype}`)
    this.storages.set(name, root)
    if (view === null) return new StorageRef(root, 0, numel)
    const [viewKey, offset, size] = view instanceof PyTuple ? view.items : []
    if (!isSize(offset) || !isSize(size) || offset + size > numel)
      return this.#fail(`a view of storage '${name}' is ${describePy(view)}`)
    const known = this.#views.get(String(viewKey))
    if (known !== undefined) return known
    const ref = new StorageRef(root, offset, size)
    this.#views.set(String(viewKey), ref)
    return ref
  }

  #tensor(what: string, storage: unknown, dtype: DType | ForeignName | null, rest: readonly unknown[]): StoredTensor {
    const [offset, sizes, strides, requiresGrad = false, , metadata = null] = rest
    if (!(storage instanceof StorageRef)) return this.#fail(`${what}: expected a storage, got ${describePy(storage)}`)
    if (!isSize(offset)) return this.#fail(`${what}: the offset is ${describePy(offset)}`)
    const [size, stride] = this.#layout(what, sizes, strides)
    const own = storage.root.dtype
    const type = dtype ?? own
    // An untyped storage is bytes; any other is of the tensor's dtype.
    if (type !== own && own !== 'uint8') this.#fail(`${what}: a tensor of ${type} reads a storage of ${own}`)
    const scale = storedSize(type) / DTYPES[own].size
    if (scale > 1) storage.root.untyped = true
    const held = Math.floor(storage.numel / scale)
    const end = size.includes(0) ? offset : size.reduce((n, s, i) => n + (s - 1) * stride[i], offset + 1)
    if (end > held)
      this.#fail(
        `${what}: shape ${formatShape(size)}, strides ${formatShape(stride)} and offset ${offset} need ${end} elements, storage '${storage.root.key}' has ${held}`,
      )
    const at = offset + storage.offset / scale
    const tensor = new StoredTensor(storage, type, at, size, stride, requiresGrad === true)
    if (metadata instanceof PyDict) {
      tensor.conj = metadata.entries.get('conj') === true
      tensor.neg = metadata.entries.get('neg') === true
    }
    // Such values are computed, into memory of their own: as many as the storage has, at most.
    if ((tensor.conj || tensor.neg) && numelOf(compact(size, stride)) > held)
      this.#fail(
        `${what}: a conjugated or negated view of shape ${formatShape(size)} reads ${held} elements again and again`,
      )
    return tensor
  }

  /** The shape and strides of a tensor. */
  #layout(what: string, sizes: unknown, strides: unknown): [size: readonly number[], stride: readonly number[]] {
    const size = this.#items(what, sizes)
    const stride = this.#items(what, strides)
    if (size.length > MAX_DIMS) this.#fail(`${what}: ${size.length} dimensions are over the limit of ${MAX_DIMS}`)
    if (!size.every(isSize)) return this.#fail(`${what}: the shape is ${describePy(sizes)}`)
    if (stride.length !== size.length || !stride.every(isSize))
      return this.#fail(`${what}: the strides are ${describePy(strides)} for a shape of ${formatShape(size)}`)
    if (!size.includes(0) && numelOf(size) > MOST) this.#fail(`${what}: a shape of ${formatShape(size)} is too large`)
    return [size, stride]
  }

  #rebuilders(): Record<string, Call> {
    const v2: Call = ([storage, ...rest]) => this.#tensor('_rebuild_tensor_v2', storage, null, rest)
    const parameter: Call = ([data, requiresGrad]) => {
      const tensor = data instanceof StoredParameter ? data.data : data
      if (!(tensor instanceof StoredTensor))
        return this.#fail(`_rebuild_parameter: expected a tensor, got ${describePy(data)}`)
      return new StoredParameter(tensor, requiresGrad === true)
    }
    const plain: Record<string, Call> = {
      'torch._utils._rebuild_tensor': ([storage, ...rest]) =>
        this.#tensor('_rebuild_tensor', storage, null, rest.slice(0, 3)),
      'torch._utils._rebuild_tensor_v2': v2,
      'torch._utils._rebuild_tensor_v3': ([storage, offset, size, stride, requiresGrad, hooks, dtype, metadata]) => {
        if (!(dtype instanceof DTypeValue))
          return this.#fail(`_rebuild_tensor_v3: expected a dtype, got ${describePy(dtype)}`)
        const rest = [offset, size, stride, requiresGrad, hooks, metadata]
        return this.#tensor('_rebuild_tensor_v3', storage, dtype.dtype, rest)
      },
      'torch._utils._rebuild_meta_tensor_no_storage': ([dtype, sizes, strides, requiresGrad]) => {
        const what = '_rebuild_meta_tensor_no_storage'
        if (!(dtype instanceof DTypeValue)) return this.#fail(`${what}: expected a dtype, got ${describePy(dtype)}`)
        const [size, stride] = this.#layout(what, sizes, strides)
        return new StoredTensor(null, dtype.dtype, 0, size, stride, requiresGrad === true)
      },
      'torch._utils._rebuild_parameter': parameter,
      'torch._utils._rebuild_parameter_with_state': parameter,
      'torch.nn.parameter.Parameter': parameter,
    }
    return {
      ...plain,
      // A tensor or parameter with attributes of its own, which are Python's and left out.
      'torch._tensor._rebuild_from_type_v2': ([rebuild, type, args]) => {
        const known = rebuild instanceof PyGlobal ? plain[rebuild.name] : undefined
        const name = type instanceof PyGlobal ? type.name : ''
        if (known === undefined || !/^torch\.(Tensor|nn\.parameter\.(Parameter|Buffer))$/.test(name))
          return this.#fail(`_rebuild_from_type_v2: a ${describePy(type)} by ${describePy(rebuild)} is not known`)
        return known(this.#items('_rebuild_from_type_v2', args))
      },
    }
  }

  #containers(): Record<string, Call> {
    const dict: Call = ([items = new PyTuple([])]) => {
      const made = new PyDict()
      const given = items instanceof PyDict ? items.entries : this.#items('dict', items)
      this.#spend(ITEM * ('size' in given ? given.size : given.length))
      for (const item of given) {
        const pair = items instanceof PyDict ? (item as [unknown, unknown]) : this.#items('dict', item)
        if (pair.length !== 2) this.#fail(`dict: expected pairs, got ${describePy(item)}`)
        made.set(pair[0], pair[1])
      }
      return made
    }
    const copy = (what: string, value: unknown): unknown[] => {
      const items = this.#items(what, value)
      this.#spend(ITEM * items.length)
      return [...items]
    }
    const set: Call = ([items = new PyTuple([])]) => {
      const made = new PySet()
      for (const item of copy('set', items)) made.items.add(item)
      return made
    }
    const tuple: Call = ([items = new PyTuple([])]) => new PyTuple(copy('tuple', items))
    return {
      'collections.OrderedDict': dict,
      'collections.Counter': dict,
      // The factory of missing values is code, or a type: what is missing stays missing here.
      'collections.defaultdict': (args) => dict(args.slice(1)),
      'builtins.dict': dict,
      'builtins.set': set,
      'builtins.frozenset': set,
      'builtins.list': ([items = new PyTuple([])]) => copy('list', items),
      'builtins.tuple': tuple,
      'torch.Size': tuple,
      'builtins.complex': ([re = 0, im = 0]) => {
        if (typeof re !== 'number' || typeof im !== 'number')
          return this.#fail(`complex: expected two numbers, got ${describePy(re)} and ${describePy(im)}`)
        return new PyComplex(re, im)
      },
      'builtins.bytearray': ([bytes = new Uint8Array(0), encoding]) => this.#bytes(bytes, encoding),
      'builtins.bytes': ([bytes = new Uint8Array(0), encoding]) => this.#bytes(bytes, encoding),
      '_codecs.encode': ([text, encoding]) => this.#bytes(text, encoding),
      'torch.device': ([type, index]) => {
        if (typeof type !== 'string' || (index !== undefined && !isSize(index)))
          return this.#fail(`device: expected a type and an index, got ${describePy(type)} and ${describePy(index)}`)
        return index === undefined ? type : `${type}:${index}`
      },
      'torch.serialization._get_layout': ([name]) => name,
    }
  }

  #bytes(value: unknown, encoding: unknown): Uint8Array {
    if (value instanceof Uint8Array) return value
    if (typeof value === 'string' && (encoding === 'latin1' || encoding === 'latin-1')) {
      this.#spend(value.length)
      return Uint8Array.from(Buffer.from(value, 'latin1'))
    }
    return this.#fail(`bytes: expected bytes or a latin1 string, got ${describePy(value)}`)
  }

  #numpy(): Record<string, Call> {
    const spend = (bytes: number): void => this.#spend(bytes)
    const reconstruct: Call = () => new NumpyArray(this.#file, spend)
    const scalar: Call = ([dtype, bytes]) => numpyScalar(this.#file, dtype, bytes)
    const fromBuffer: Call = ([bytes, dtype, shape, order]) => {
      const array = new NumpyArray(this.#file, spend)
      array.set(shape, dtype, order === 'F', bytes)
      return array
    }
    return {
      'numpy.dtype': ([name]) => new NumpyDType(this.#file, name),
      'numpy.core.multiarray._reconstruct': reconstruct,
      'numpy._core.multiarray._reconstruct': reconstruct,
      'numpy.core.multiarray.scalar': scalar,
      'numpy._core.multiarray.scalar': scalar,
      'numpy.core.numeric._frombuffer': fromBuffer,
      'numpy._core.numeric._frombuffer': fromBuffer,
    }
  }
}

/** Classes that are named and never called: the types of factories and arrays. */
const TYPES = ['builtins.int', 'builtins.float', 'builtins.bool', 'builtins.str', 'numpy.ndarray']

const isSize = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MOST
