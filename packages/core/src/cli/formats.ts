// The file formats that the command knows, by the names of files.
import { basename, extname } from 'node:path'
import { ArgumentError, describe, FlambeauError } from '../errors.js'
import {
  load,
  loadNpy,
  loadNpz,
  loadSafetensors,
  openNpz,
  openSafetensors,
  save,
  saveNpy,
  saveNpz,
  saveSafetensors,
} from '../files/index.js'
import { type FileItem, torchItems } from '../files/torch-inspect.js'
import { Tensor } from '../tensor/tensor.js'

export type Named = Record<string, Tensor>

interface Format {
  readonly name: string
  readonly matches: RegExp
  /** What a file holds, of which `read` makes a value. */
  readonly items: (path: string) => FileItem[]
  readonly read: (path: string) => unknown
  readonly write: (path: string, tensors: Named) => void
}

const itemOf = (name: string, t: Tensor): FileItem => ({
  name,
  dtype: t.dtype,
  shape: t.shape,
  nbytes: t.numel() * t.elementSize(),
  value: '',
  storage: null,
})

function safetensorsItems(path: string): FileItem[] {
  const file = openSafetensors(path)
  try {
    const items = file.keys().map((name): FileItem => {
      const { dtype, format, shape, nbytes } = file.info(name)
      return { name, dtype, shape, nbytes, value: dtype === null ? format : '', storage: null }
    })
    const metadata = Object.entries(file.metadata).map(
      ([name, value]): FileItem => ({
        name: `__metadata__.${name}`,
        dtype: null,
        shape: [],
        nbytes: 0,
        value: describe(value),
        storage: null,
      }),
    )
    return [...items, ...metadata]
  } finally {
    file.close()
  }
}

function npzItems(path: string): FileItem[] {
  const file = openNpz(path)
  try {
    return file.keys().map((name) => ({ name, ...file.info(name), value: '', storage: null }))
  } finally {
    file.close()
  }
}

const FORMATS: readonly Format[] = [
  {
    name: 'safetensors',
    matches: /\.safetensors(\.index\.json)?$/i,
    items: safetensorsItems,
    read: (path) => loadSafetensors(path),
    write: (path, tensors) => {
      saveSafetensors(path, tensors, { metadata: { format: 'pt' } })
    },
  },
  {
    name: 'PyTorch',
    matches: /\.(pt|pth|bin|ckpt)$/i,
    items: torchItems,
    read: (path) => load(path),
    write: (path, tensors) => save(path, tensors),
  },
  {
    name: 'NumPy archive',
    matches: /\.npz$/i,
    items: npzItems,
    read: (path) => loadNpz(path),
    write: (path, tensors) => saveNpz(path, tensors),
  },
  {
    name: 'NumPy array',
    matches: /\.npy$/i,
    items: (path) => [itemOf(basename(path, extname(path)), loadNpy(path))],
    read: (path) => ({ [basename(path, extname(path))]: loadNpy(path) }),
    write: (path, tensors) => {
      const [t, ...more] = Object.values(tensors)
      if (t === undefined || more.length > 0)
        throw new ArgumentError(`a .npy file holds one array, and there are ${Object.keys(tensors).length}; write .npz`)
      saveNpy(path, t)
    },
  },
]

/** The format of a file, by its name. */
export function formatOf(path: string): Format {
  const found = FORMATS.find(({ matches }) => matches.test(path))
  if (found === undefined)
    throw new ArgumentError(
      `expected a file .safetensors, .pt, .pth, .bin, .ckpt, .npz or .npy, got '${basename(path)}'`,
    )
  return found
}

/** The tensors of a value, or of what `key` names inside of it; whatever else is there is not dropped in silence. */
export function tensorsIn(path: string, value: unknown, key: string | undefined): Named {
  let at = value
  for (const part of key === undefined ? [] : key.split('.')) {
    if (!isObject(at) || !Object.hasOwn(at, part))
      throw new ArgumentError(`${path} has no '${key}'; there are ${isObject(at) ? list(Object.keys(at)) : 'no names'}`)
    at = at[part]
  }
  if (at instanceof Tensor) return { [key ?? 'tensor']: at }
  if (isObject(at) && Object.values(at).every((item) => item instanceof Tensor)) return at as Named
  const inner = isObject(at)
    ? Object.keys(at).filter((name) => isObject(at) && isObject(at[name]) && hasTensors(at[name]))
    : []
  throw new ArgumentError(
    `${path} does not hold tensors alone${key === undefined ? '' : ` at '${key}'`}; ${
      inner.length > 0 ? `choose a part of it with --key: ${list(inner)}` : 'it cannot be converted'
    }`,
  )
}

const list = (names: readonly string[]): string =>
  names.length <= 20 ? names.join(', ') : `${names.slice(0, 20).join(', ')} and ${names.length - 20} more`
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Tensor)
const hasTensors = (value: Record<string, unknown>): boolean =>
  Object.values(value).some((item) => item instanceof Tensor || (isObject(item) && hasTensors(item)))

/** What to tell a user about an error: of our own and the system's, the message; of any other, all. */
export function explain(error: unknown): string {
  if (error instanceof FlambeauError) return error.message
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.message
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
