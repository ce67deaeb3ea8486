// safetensors files: named tensors without any code.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { ArgumentError, DisposedError, describe, FormatError } from '../errors.js'
import { contiguous } from '../ops/index.js'
import { allocate } from '../tensor/create.js'
import { Tensor } from '../tensor/tensor.js'
import { writeAtomically } from './atomic.js'
import {
  decodeHeader,
  encodeHeader,
  headerLength,
  PREFIX,
  type SafetensorsHeader,
  storageOrder,
  type TensorEntry,
} from './safetensors-header.js'

/** Bytes copied at a time. */
const CHUNK = 4 * 2 ** 20

/** Tensors by name, such as a module's state dict. */
export type NamedTensors = Readonly<Record<string, Tensor>> | ReadonlyMap<string, Tensor>

/** The options of `saveSafetensors`. */
export interface SaveSafetensorsOptions {
  /** Strings that the file carries along. */
  readonly metadata?: Readonly<Record<string, string>>
}

/**
 * Writes tensors to a safetensors file, which Python's `safetensors` and the Hugging Face tools read. The file appears
 * whole or not at all: it is written beside `path`, synced, and renamed.
 *
 * @param path the file; an existing one is replaced
 * @param tensors by name, such as `model.stateDict()`
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
export function saveSafetensors(path: string, tensors: NamedTensors, options: SaveSafetensorsOptions = {}): void {
  const named = checkTensors(tensors)
  const { metadata = {} } = options
  for (const [key, value] of Object.entries(metadata))
    if (typeof value !== 'string')
      throw new ArgumentError(`saveSafetensors: expected strings as metadata, got ${describe(value)} for '${key}'`)
  named.sort(([a, s], [b, t]) => storageOrder({ name: a, dtype: s.dtype }, { name: b, dtype: t.dtype }))
  let end = 0
  const entries = named.map(([name, t]): TensorEntry => {
    const begin = end
    const nbytes = t.numel() * t.elementSize()
    end += nbytes
    return { name, dtype: t.dtype, shape: t.shape, begin, nbytes }
  })
  const header = encodeHeader({ metadata, entries })
  const buffer = new Uint8Array(CHUNK)
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
    if (name === '__metadata__')
      throw new ArgumentError("saveSafetensors: '__metadata__' cannot be the name of a tensor")
    if (!(t instanceof Tensor))
      throw new ArgumentError(`saveSafetensors: expected a tensor for '${name}', got ${describe(t)}`)
    if (t.isDisposed) throw new DisposedError(`saveSafetensors: '${name}' was disposed`)
    if (t.device === 'meta') throw new ArgumentError(`saveSafetensors: '${name}' is a meta tensor, which has no data`)
  }
  return named
}

/** [first, length] of the pieces of n bytes. */
function* chunks(n: number): Generator<[number, number]> {
  for (let at = 0; at < n; at += CHUNK) yield [at, Math.min(CHUNK, n - at)]
}

/** Opens the file, checks its header, and hands both to `body`. */
function withFile<R>(path: string, body: (fd: number, header: SafetensorsHeader, dataStart: number) => R): R {
  const fd = openSync(path, 'r')
  try {
    const { size } = fstatSync(fd)
    const prefix = new Uint8Array(Math.min(PREFIX, size))
    readFully(path, fd, prefix, 0)
    const length = headerLength(path, prefix, size)
    const json = new Uint8Array(length)
    readFully(path, fd, json, PREFIX)
    return body(fd, decodeHeader(path, json, size - PREFIX - length), PREFIX + length)
  } finally {
    closeSync(fd)
  }
}

function readFully(path: string, fd: number, into: Uint8Array, position: number): void {
  for (let at = 0; at < into.length; ) {
    const n = readSync(fd, into, at, into.length - at, position + at)
    if (n === 0)
      throw new FormatError(`${path}: the file ended at byte ${position + at}: it was truncated while it was read`)
    at += n
  }
}

/**
 * Reads all tensors of a safetensors file.
 *
 * @param path a file that Flambeau, Python's `safetensors` or another tool wrote
 * @returns the tensors by name
 * @throws FormatError for a truncated or corrupt file, or a dtype that Flambeau does not have
 */
export function loadSafetensors(path: string): Record<string, Tensor> {
  return withFile(path, (fd, { entries }, dataStart) => {
    const buffer = new Uint8Array(CHUNK)
    return Object.fromEntries(entries.map((entry) => [entry.name, readTensor(path, fd, entry, dataStart, buffer)]))
  })
}

function readTensor(
  path: string,
  fd: number,
  { dtype, shape, begin, nbytes }: TensorEntry,
  dataStart: number,
  buffer: Uint8Array,
): Tensor {
  const t = allocate(shape, dtype, 'cpu')
  for (const [at, size] of chunks(nbytes)) {
    const chunk = buffer.subarray(0, size)
    readFully(path, fd, chunk, dataStart + begin + at)
    // Any other byte than 0 and 1 would be a bool that is neither.
    if (dtype === 'bool') for (let i = 0; i < size; i++) chunk[i] = chunk[i] === 0 ? 0 : 1
    t.storage.write('loadSafetensors', at, chunk)
  }
  return t
}

/** The metadata of a safetensors file, without reading its tensors. */
export function safetensorsMetadata(path: string): Record<string, string> {
  return withFile(path, (_fd, { metadata }) => ({ ...metadata }))
}
