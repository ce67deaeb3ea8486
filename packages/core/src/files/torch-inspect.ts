// What a PyTorch file holds, without reading its data.
import { DTYPES, type DType } from '../tensor/dtype.js'
import { numelOf } from '../tensor/shape.js'
import { NumpyArray } from './numpy-values.js'
import { describePy, PyDict, PySet, PyTuple } from './pickle-values.js'
import { withSource } from './source.js'
import { readTorch } from './torch.js'
import { DTypeValue, StorageRef, StoredParameter, StoredTensor } from './torch-values.js'

/** A tensor or a plain value of a file. */
export interface FileItem {
  /** Where it is, such as `model.layer.weight`. */
  readonly name: string
  /** Null for a plain value. */
  readonly dtype: DType | null
  readonly shape: readonly number[]
  /** Of the elements; those of an expanded tensor count each time. */
  readonly nbytes: number
  /** Of a plain value, as text. */
  readonly value: string
  /** Tensors of equal numbers share memory. */
  readonly storage: string | null
}

/** Lists the tensors and plain values of a file of torch.save, in its order. */
export function torchItems(path: string): FileItem[] {
  return withSource('inspect', path, (source) => {
    const items: FileItem[] = []
    const seen = new Set<unknown>()
    // A stack of our own: values may be nested deeply. The last of it is next.
    const open: [name: string, value: unknown][] = [['', readTorch(source).value]]
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const [name, value] = next
      const children = childrenOf(value)
      if (children === null) items.push(itemOf(name, value))
      else if (!seen.has(value)) {
        seen.add(value)
        for (const [key, child] of children.reverse()) open.push([joined(name, key), child])
      }
    }
    return items
  })
}

const joined = (name: string, key: unknown): string => {
  const last = typeof key === 'string' || typeof key === 'number' ? String(key) : describePy(key)
  return name === '' ? last : `${name}.${last}`
}

function childrenOf(value: unknown): [unknown, unknown][] | null {
  if (value instanceof PyDict) return [...value.entries]
  if (value instanceof PyTuple) return [...value.items.entries()]
  if (Array.isArray(value)) return [...value.entries()]
  if (value instanceof PySet) return [...value.items].map((item, i) => [i, item])
  return null
}

function itemOf(name: string, value: unknown): FileItem {
  if (value instanceof StorageRef) {
    const { root, numel } = value
    return tensorItem(name, root.dtype, [numel], root.key)
  }
  if (value instanceof NumpyArray && value.dtype !== null) return tensorItem(name, value.dtype, value.shape, null)
  const t = value instanceof StoredParameter ? value.data : value
  if (t instanceof StoredTensor) return tensorItem(name, t.dtype, t.size, t.storage?.root.key ?? null)
  const text = value instanceof DTypeValue ? value.dtype : describePy(value)
  return { name, dtype: null, shape: [], nbytes: 0, value: text, storage: null }
}

const tensorItem = (name: string, dtype: DType, shape: readonly number[], storage: string | null): FileItem => ({
  name,
  dtype,
  shape,
  nbytes: numelOf(shape) * DTYPES[dtype].size,
  value: '',
  storage,
})
