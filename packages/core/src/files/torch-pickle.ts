// Values of JavaScript as a pickle that PyTorch's torch.load(weights_only=True) reads.
import { ArgumentError, DisposedError, describe } from '../errors.js'
import { DTYPES, type DType } from '../tensor/dtype.js'
import { Parameter } from '../tensor/parameter.js'
import type { Storage } from '../tensor/storage.js'
import { Tensor } from '../tensor/tensor.js'
import { PickleOutput } from './pickle-output.js'
import { STORAGE_NAMES } from './torch-values.js'

/** Items appended at a time, as Python does. */
const BATCH = 1000

/** Where in the given value something is, for messages. */
interface Path {
  readonly parent: Path | null
  readonly key: string
}

/** A value to write next, and where it is. */
type Child = readonly [value: unknown, path: Path]

/** A storage as it is saved: whole elements, under the number that is its key. */
interface Saved {
  readonly storage: Storage
  readonly key: string
  readonly dtype: DType
  readonly numel: number
  readonly nbytes: number
}

/** A pickle and the storages that it refers to. */
export interface PickledValue {
  readonly pickle: Uint8Array
  readonly storages: readonly Saved[]
}

export function pickle(value: unknown): PickledValue {
  return new Pickler().run(value)
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null

/** By name: an object of another realm is no instance of this one's classes. */
const kindOf = (value: object): string => Object.prototype.toString.call(value).slice(8, -1)

function isPlain(value: object): value is Record<string, unknown> {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || (isObject(prototype) && Object.getPrototypeOf(prototype) === null)
}

class Pickler {
  readonly #out = new PickleOutput()
  readonly #storages = new Map<Storage, Saved>()
  /** Optimizers' records of state, whose keys are the numbers of parameters. */
  readonly #numbered = new Set<unknown>()

  run(value: unknown): PickledValue {
    // Nested values wait on this stack rather than on JavaScript's, which deep nesting would overflow.
    const open = [this.#write(value, { parent: null, key: 'value' })]
    for (let top = open[open.length - 1]; top !== undefined; top = open[open.length - 1]) {
      const next = top.next()
      if (next.done) open.pop()
      else open.push(this.#write(...next.value))
    }
    return { pickle: this.#out.finish(), storages: [...this.#storages.values()] }
  }

  #fail(path: Path, what: string): never {
    throw new ArgumentError(`save: expected tensors and plain values, got ${what} at ${format(path)}`)
  }

  *#write(value: unknown, path: Path): Generator<Child> {
    const out = this.#out
    switch (typeof value) {
      case 'boolean':
        return out.bool(value)
      case 'number':
        return out.number(value)
      case 'bigint':
        return out.integer(value)
      case 'string':
        return this.#string(value, path)
      case 'object':
        break
      default:
        this.#fail(path, describe(value))
    }
    if (!isObject(value)) return out.none()
    if (out.recall(value)) return
    if (value instanceof Tensor) return this.#tensorOrParameter(value, path)
    if (Array.isArray(value)) return yield* this.#list(value, path)
    const kind = kindOf(value)
    if (kind === 'Map') return yield* this.#map(value as ReadonlyMap<unknown, unknown>, path)
    if (kind === 'Set') return yield* this.#set(value as ReadonlySet<unknown>, path)
    if (kind === 'Uint8Array') return this.#bytes(value as Uint8Array)
    if (kind !== 'Object' || !isPlain(value)) this.#refuse(value, path)
    const { re, im } = value
    if (typeof re === 'number' && typeof im === 'number' && Object.keys(value).length === 2)
      return this.#complex(value, re, im)
    return yield* this.#object(value, path)
  }

  #refuse(value: object, path: Path): never {
    const hint =
      'stateDict' in value ? '; save its stateDict()' : ArrayBuffer.isView(value) ? '; make a tensor of it' : ''
    this.#fail(path, `${describe(value)}${hint}`)
  }

  #string(value: string, path: Path): void {
    if (/\p{Surrogate}/u.test(value))
      this.#fail(path, 'a string with half of a surrogate pair, which UTF-8 does not have,')
    this.#out.string(value)
  }

  *#list(list: readonly unknown[], path: Path): Generator<Child> {
    const out = this.#out
    out.op(']')
    out.memoize(list)
    for (let from = 0; from < list.length; from += BATCH) {
      out.op('(')
      const end = Math.min(from + BATCH, list.length)
      for (let i = from; i < end; i++) yield [list[i], { parent: path, key: `[${i}]` }]
      out.op('e')
    }
  }

  *#set(set: ReadonlySet<unknown>, path: Path): Generator<Child> {
    const out = this.#out
    out.global('__builtin__', 'set')
    out.op('](')
    for (const item of set) {
      if (isObject(item)) this.#fail(path, `a set that holds ${describe(item)}`)
      yield [item, { parent: path, key: '' }]
    }
    out.op('e\x85R')
    out.memoize(set)
  }

  *#entries(
    target: object,
    entries: Iterable<readonly [unknown, unknown]>,
    writeKey: (key: unknown) => void,
    path: Path,
  ): Generator<Child> {
    const out = this.#out
    out.op('}')
    out.memoize(target)
    let count = 0
    for (const [key, item] of entries) {
      if (count % BATCH === 0) out.op(count === 0 ? '(' : 'u(')
      count++
      writeKey(key)
      yield [item, { parent: path, key: typeof key === 'string' ? `.${key}` : `[${describe(key)}]` }]
    }
    if (count > 0) out.op('u')
  }

  *#object(object: Record<string, unknown>, path: Path): Generator<Child> {
    const { state, param_groups: groups } = object
    if (Array.isArray(groups) && groups.every((group) => isObject(group) && 'params' in group))
      this.#numbered.add(state)
    const numbered = this.#numbered.has(object)
    const writeKey = (key: unknown): void => {
      const name = String(key)
      if (numbered && /^(0|[1-9]\d*)$/.test(name)) this.#out.integer(BigInt(name))
      else this.#string(name, path)
    }
    yield* this.#entries(object, Object.entries(object), writeKey, path)
  }

  *#map(map: ReadonlyMap<unknown, unknown>, path: Path): Generator<Child> {
    yield* this.#entries(map, map, (key) => this.#key(key, path, 0), path)
  }

  /** A key of a dict: a plain value, or an array of such, which is a tuple there. */
  #key(key: unknown, path: Path, depth: number): void {
    const out = this.#out
    if (Array.isArray(key) && depth < 8) {
      out.op('(')
      for (const part of key) this.#key(part, path, depth + 1)
      out.op('t')
    } else if (key === null) out.none()
    else if (typeof key === 'string') this.#string(key, path)
    else if (typeof key === 'number') out.number(key)
    else if (typeof key === 'bigint') out.integer(key)
    else if (typeof key === 'boolean') out.bool(key)
    else this.#fail(path, `a Map whose key is ${describe(key)}`)
  }

  /** Protocol 2 has no bytes: they are made of a string. */
  #bytes(bytes: Uint8Array): void {
    const out = this.#out
    out.global('_codecs', 'encode')
    out.string(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1'))
    out.string('latin1')
    out.op('\x86R')
    out.memoize(bytes)
  }

  #complex(value: object, re: number, im: number): void {
    const out = this.#out
    out.global('__builtin__', 'complex')
    out.number(re)
    out.number(im)
    out.op('\x86R')
    out.memoize(value)
  }

  #tensorOrParameter(t: Tensor, path: Path): void {
    const out = this.#out
    if (t.isDisposed) throw new DisposedError(`save: the tensor at ${format(path)} was disposed`)
    if (!(t instanceof Parameter)) this.#tensor(t, t.requiresGrad, path)
    else {
      out.global('torch._utils', '_rebuild_parameter')
      out.op('(')
      this.#tensor(t, false, path)
      out.bool(t.requiresGrad)
      this.#noHooks()
      out.op('tR')
    }
    out.memoize(t)
  }

  #noHooks(): void {
    this.#out.global('collections', 'OrderedDict')
    this.#out.op(')R')
  }

  #tensor(t: Tensor, requiresGrad: boolean, path: Path): void {
    const out = this.#out
    const { shape, strides, dtype } = t
    if (t.storage.meta) {
      out.global('torch._utils', '_rebuild_meta_tensor_no_storage')
      out.op('(')
      out.global('torch', dtype)
      out.integers(shape)
      out.integers(strides)
      out.bool(requiresGrad)
      out.op('tR')
      return
    }
    // A storage of no class of its own is bytes, and the tensor says what they are.
    const typed = STORAGE_NAMES[dtype] !== null
    out.global('torch._utils', typed ? '_rebuild_tensor_v2' : '_rebuild_tensor_v3')
    out.op('(')
    this.#storage(t, path)
    out.integer(t.offset)
    out.integers(shape)
    out.integers(strides)
    out.bool(requiresGrad)
    this.#noHooks()
    if (!typed) out.global('torch', dtype)
    out.op('tR')
  }

  #storage({ storage, dtype }: Tensor, path: Path): void {
    const out = this.#out
    const known = this.#storages.get(storage)
    if (known !== undefined && known.dtype !== dtype)
      throw new ArgumentError(
        `save: expected one dtype for each memory, and the tensor at ${format(path)} is a ${dtype} view of ${known.dtype} that is saved too; save a clone() of it`,
      )
    const { size } = DTYPES[dtype]
    const numel = Math.floor(storage.nbytes / size)
    const saved = known ?? { storage, key: String(this.#storages.size), dtype, numel, nbytes: numel * size }
    this.#storages.set(storage, saved)
    out.op('(')
    out.string('storage')
    const name = STORAGE_NAMES[dtype]
    if (name === null) out.global('torch.storage', 'UntypedStorage')
    else out.global('torch', name)
    out.string(saved.key)
    out.string('cpu')
    out.integer(name === null ? saved.nbytes : numel)
    out.op('tQ')
  }
}

function format(path: Path): string {
  const keys: string[] = []
  for (let at: Path | null = path; at !== null; at = at.parent) keys.unshift(at.key)
  return keys.length <= 12 ? keys.join('') : `${keys.slice(0, 6).join('')}…${keys.slice(-6).join('')}`
}
