// safetensors files: named tensors without any code.
import { closeSync, openSync } from 'node:fs'
import { ArgumentError, DisposedError, describe, FormatError } from '../errors.js'
import { contiguous } from '../ops/index.js'
import { allocate } from '../tensor/create.js'
import { checkDevice, type Device } from '../tensor/device.js'
import { Tensor } from '../tensor/tensor.js'
import { writeAtomically } from './atomic.js'
import { CHUNK, chunks, readFully } from './mapped-file.js'
import { converted, openSafetensors, rawDType, readable, readHeader } from './safetensors-file.js'
import { encodeHeader, entryOf, storageOrder, type TensorEntry } from './safetensors-header.js'
import { isIndexFile, readIndex, shardNames, writeIndex } from './safetensors-index.js'

/** Tensors by name, such as a module's state dict. */
export type NamedTensors = Readonly<Record<string, Tensor>> | ReadonlyMap<string, Tensor>

/** The options of `saveSafetensors`. */
export interface SaveSafetensorsOptions {
  /** Strings that the file carries along. */
  readonly metadata?: Readonly<Record<string, string>>
  /**
   * The most bytes of tensors in a file, as a number or like `'5GB'` (10^9 bytes each) and `'2GiB'` (2^30). What takes
   * more is spread over files `…-00001-of-00003.safetensors`, with an index beside them. Default: one file.
   */
  readonly maxShardSize?: number | string
}

/**
 * Writes tensors to a safetensors file, which Python's `safetensors` and the Hugging Face tools read. The file appears
 * whole or not at all: it is written beside `path`, synced, and renamed. Of a sharded model this holds for each file,
 * and the index comes last; shards of an earlier save under the same names are replaced one after another.
 *
 * @param path the file; an existing one is replaced
 * @param tensors by name, such as `model.stateDict()`; what shares memory is written as often as it is named
 * @returns the path to load: `path`, or that of the index of a sharded model
 * @throws DTypeError for complex128, which the format does not have
 * @example
 * ```ts
 * import { mkdtempSync } from 'node:fs'
 * import { tmpdir } from 'node:os'
 * import { join } from 'node:path'
 * import { loadSafetensors, ones, saveSafetensors } from '@flambeau/core'
 * const path = join(mkdtempSync(join(tmpdir(), 'example-')), 'model.safetensors')
 * saveSafetensors(path, { weight: ones([2, 3]) }, { metadata: { format: 'pt' } })
 * console.log(loadSafetensors(path).weight.shape) // → [ 2, 3 ]
 * ```
 */
export function saveSafetensors(path: string, tensors: NamedTensors, options: SaveSafetensorsOptions = {}): string {
  const named = checkTensors(tensors)
  const { metadata = {}, maxShardSize } = options
  for (const [key, value] of Object.entries(metadata))
    if (typeof value !== 'string')
      throw new ArgumentError(`saveSafetensors: expected strings as metadata, got ${describe(value)} for '${key}'`)
  const shards = maxShardSize === undefined ? [named] : split(named, bytesOf(maxShardSize))
  if (shards.length === 1) {
    writeFile(path, named, metadata)
    return path
  }
  const names = shardNames(path, shards.length)
  shards.forEach((shard, i) => {
    writeFile(names[i], shard, metadata)
  })
  const files = new Map(shards.flatMap((shard, i) => shard.map(([name]) => [name, names[i]] as const)))
  const total_size = named.reduce((sum, [, t]) => sum + t.numel() * t.elementSize(), 0)
  return writeIndex(path, { files, metadata: { total_size } })
}

function bytesOf(size: number | string): number {
  const match = typeof size === 'string' ? /^(\d+(?:\.\d+)?)\s*([KMGT])(i?)B$/i.exec(size) : null
  const bytes =
    match === null
      ? size
      : Math.floor(Number(match[1]) * (match[3] === '' ? 1000 : 1024) ** ('KMGT'.indexOf(match[2].toUpperCase()) + 1))
  if (typeof bytes !== 'number' || !(bytes >= 1))
    throw new ArgumentError(
      `saveSafetensors: expected a number of bytes or a size such as '5GB' for maxShardSize, got ${describe(size)}`,
    )
  return bytes
}

/** Files' worth of tensors, in the given order. */
function split(named: [string, Tensor][], most: number): [string, Tensor][][] {
  const shards: [string, Tensor][][] = [[]]
  let filled = 0
  for (const entry of named) {
    const nbytes = entry[1].numel() * entry[1].elementSize()
    if (filled > 0 && filled + nbytes > most) {
      shards.push([])
      filled = 0
    }
    shards[shards.length - 1].push(entry)
    filled += nbytes
  }
  return shards
}

function writeFile(path: string, tensors: [string, Tensor][], metadata: Readonly<Record<string, string>>): void {
  const named = [...tensors].sort(([a, s], [b, t]) =>
    storageOrder({ name: a, dtype: s.dtype }, { name: b, dtype: t.dtype }),
  )
  let end = 0
  const entries = named.map(([name, t]): TensorEntry => {
    const entry = entryOf(name, t.dtype, t.shape, end)
    end += entry.nbytes
    return entry
  })
  const header = encodeHeader({ metadata, entries })
  const buffer = new Uint8Array(Math.min(CHUNK, end))
  writeAtomically(path, (append) => {
    append(header)
    named.forEach(([, t], i) => {
      const source = contiguous(t)
      const first = source.offset * source.elementSize()
      for (const [at, size] of chunks(entries[i].nbytes)) {
        const chunk = buffer.subarray(0, size)
        source.storage.read('saveSafetensors', first + at, chunk)
        append(chunk)
      }
      if (source !== t) source.dispose()
    })
  })
}

function checkTensors(tensors: NamedTensors): [string, Tensor][] {
  if (typeof tensors !== 'object' || tensors === null)
    throw new ArgumentError(`saveSafetensors: expected tensors by name, got ${describe(tensors)}`)
  // By shape: a Map of another realm is no instance of ours.
  const named: [string, Tensor][] = Symbol.iterator in tensors ? [...tensors] : Object.entries(tensors)
  for (const [name, t] of named) {
    if (typeof name !== 'string')
      throw new ArgumentError(`saveSafetensors: expected strings as names, got ${describe(name)}`)
    if (name === '__metadata__')
      throw new ArgumentError("saveSafetensors: '__metadata__' cannot be the name of a tensor")
    if (!(t instanceof Tensor))
      throw new ArgumentError(`saveSafetensors: expected a tensor for '${name}', got ${describe(t)}`)
    if (t.isDisposed) throw new DisposedError(`saveSafetensors: '${name}' was disposed`)
    if (t.device === 'meta') throw new ArgumentError(`saveSafetensors: '${name}' is a meta tensor, which has no data`)
  }
  return named
}

/** The options of `loadSafetensors`. */
export interface LoadSafetensorsOptions {
  /** Where the tensors go. Default `'cpu'`. */
  readonly device?: Device
  /**
   * Whether the tensors' memory is the file's pages, read when they are first used (see `openSafetensors`), rather than a
   * copy. Default true.
   */
  readonly mmap?: boolean
}

/**
 * Reads all tensors of a safetensors file, or of a sharded model.
 *
 * @param path a file that Flambeau, Python's `safetensors` or another tool wrote, or a `.safetensors.index.json`
 * @returns the tensors by name
 * @throws FormatError for a truncated or corrupt file, for elements of 4 or 6 bits, and for uint64 values that int64
 * cannot hold
 */
export function loadSafetensors(path: string, options: LoadSafetensorsOptions = {}): Record<string, Tensor> {
  const { mmap = true } = options
  const device = checkDevice('loadSafetensors', options.device ?? 'cpu')
  if (typeof path !== 'string') throw new ArgumentError(`loadSafetensors: expected a path, got ${describe(path)}`)
  const tensors = mmap ? mapped(path) : copied(path)
  if (device !== 'cpu') for (const entry of tensors) entry[1] = entry[1].to(device)
  return Object.fromEntries(tensors)
}

function mapped(path: string): [string, Tensor][] {
  const file = openSafetensors(path)
  try {
    return file.keys().map((name) => [name, file.get(name)])
  } finally {
    file.close()
  }
}

function copied(path: string): [string, Tensor][] {
  if (!isIndexFile(path)) return copiedFile(path)
  const { files } = readIndex(path)
  const tensors = new Map([...new Set(files.values())].flatMap(copiedFile))
  return [...files].map(([name, file]) => {
    const t = tensors.get(name)
    if (t === undefined)
      throw new FormatError(`${path}: the index says that '${name}' is in ${file}, which does not have it`)
    return [name, t]
  })
}

function copiedFile(path: string): [string, Tensor][] {
  const fd = openSync(path, 'r')
  try {
    const { header, dataStart } = readHeader(path, fd)
    const buffer = new Uint8Array(CHUNK)
    return header.entries.map((entry) => [entry.name, readTensor(path, fd, entry, dataStart, buffer)])
  } finally {
    closeSync(fd)
  }
}

function readTensor(path: string, fd: number, entry: TensorEntry, dataStart: number, buffer: Uint8Array): Tensor {
  const { name, shape, begin, nbytes } = entry
  const reading = readable(path, entry)
  const raw = allocate(shape, rawDType(reading), 'cpu')
  for (const [at, size] of chunks(nbytes)) {
    const chunk = buffer.subarray(0, size)
    readFully(path, fd, chunk, dataStart + begin + at)
    raw.storage.write('loadSafetensors', at, chunk)
  }
  return converted(`${path}: '${name}'`, reading, raw)
}

/** The metadata of a safetensors file, without reading its tensors. */
export function safetensorsMetadata(path: string): Record<string, string> {
  const fd = openSync(path, 'r')
  try {
    return { ...readHeader(path, fd).header.metadata }
  } finally {
    closeSync(fd)
  }
}
