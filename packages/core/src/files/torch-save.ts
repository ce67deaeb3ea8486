// Writing PyTorch's zip format.
import { basename, extname } from 'node:path'
import { ArgumentError, describe } from '../errors.js'
import { type Append, writeAtomically } from './atomic.js'
import { pickle } from './torch-pickle.js'
import { ZipWriter } from './zip-write.js'

/** Bytes copied at a time. */
const CHUNK = 4 * 2 ** 20
/** As PyTorch aligns records, so that a file can be mapped. */
const ALIGNMENT = 64

/**
 * Writes tensors and plain values, nested in any way, as a file that PyTorch's `torch.load(path, weights_only=True)`
 * and `load` read. The file appears whole or not at all: it is written beside `path`, synced, and renamed.
 *
 * Plain values are null, booleans, numbers, bigints, strings, `Uint8Array`s, complex numbers `{ re, im }`, arrays,
 * plain objects, Maps and Sets of such. Tensors that share memory share it in the file, which then holds the whole of
 * that memory: save a `clone()` of a small view of a large tensor. What occurs twice is one thing when it is loaded.
 * An object `{ state, param_groups }`, the state dict of an optimizer, has numbers as the keys of `state`, as PyTorch's has.
 *
 * @param path the file; an existing one is replaced
 * @param value such as a module's `stateDict()`, or an object of state dicts and numbers
 * @throws ArgumentError for what the format does not have, such as functions and modules; it says where it is
 * @example
 * ```ts
 * import { mkdtempSync } from 'node:fs'
 * import { tmpdir } from 'node:os'
 * import { join } from 'node:path'
 * import { load, ones, save, type Tensor } from '@flambeau/core'
 * const path = join(mkdtempSync(join(tmpdir(), 'example-')), 'values.pt')
 * const base = ones([4])
 * save(path, { base, row: base.narrow(0, 1, 2), names: ['a', 'b'] })
 * const { base: again, row } = load<{ base: Tensor; row: Tensor }>(path)
 * row.fill_(5)
 * console.log(again.toArray()) // → [ 1, 5, 5, 1 ]
 * ```
 */
export function save(path: string, value: unknown): void {
  if (typeof path !== 'string') throw new ArgumentError(`save: expected a path, got ${describe(path)}`)
  const { pickle: bytes, storages } = pickle(value)
  writeTorch(
    path,
    bytes,
    storages.map(({ storage, key, nbytes }) => ({ key, nbytes, read: (at, into) => storage.read('save', at, into) })),
  )
}

/** The data of a storage that is saved. */
export interface StorageBytes {
  readonly key: string
  readonly nbytes: number
  read(at: number, into: Uint8Array): void
}

/** Writes a pickle and the storages that it refers to. */
export function writeTorch(path: string, pickled: Uint8Array, storages: readonly StorageBytes[]): void {
  const root = basename(path, extname(path)) || 'archive'
  writeAtomically(path, (append) => {
    const zip = new ZipWriter(append, { alignment: ALIGNMENT })
    const text = (name: string, contents: string): void =>
      zip.store(`${root}/${name}`, contents.length, new TextEncoder().encode(contents))
    zip.store(`${root}/data.pkl`, pickled.length, pickled)
    text('byteorder', 'little')
    for (const storage of storages)
      zip.store(`${root}/data/${storage.key}`, storage.nbytes, (put) => copy(storage, put))
    text('version', '3\n')
    zip.finish()
  })
}

function copy({ nbytes, read }: StorageBytes, append: Append): void {
  const buffer = new Uint8Array(Math.min(CHUNK, nbytes))
  for (let at = 0; at < nbytes; at += CHUNK) {
    const piece = buffer.subarray(0, Math.min(CHUNK, nbytes - at))
    read(at, piece)
    append(piece)
  }
}
