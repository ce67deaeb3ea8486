// PyTorch's files: `load` reads the zip format and the older ones.
import { Buffer } from 'node:buffer'
import { ArgumentError, describe, FormatError } from '../errors.js'
import { Storage } from '../tensor/storage.js'
import type { Tensor } from '../tensor/tensor.js'
import { MappedFile } from './mapped-file.js'
import { swapInPlace, wordSize } from './numpy-values.js'
import { readPickle } from './pickle.js'
import { PickleInput } from './pickle-input.js'
import { type ByteSource, bytesSource, partOf, withSource } from './source.js'
import { Builder, type SavedValue } from './torch-build.js'
import { readLegacy } from './torch-legacy.js'
import { TorchScope } from './torch-scope.js'
import type { StoredStorage } from './torch-values.js'
import { isZip, type ZipEntry, ZipReader } from './zip.js'
import { STORED } from './zip-format.js'

/** A file whose values are known, and whose data is yet to be read. */
export interface TorchFile {
  readonly value: unknown
  /** In the order of the file. */
  readonly storages: readonly StoredStorage[]
  readonly swap: boolean
  /** The bytes of a storage, and nothing else. */
  readonly bytes: (stored: StoredStorage) => ByteSource
  /** Where they begin in the file; null where they do not lie there as they are. */
  readonly position: (stored: StoredStorage) => number | null
}

/** The options of `load`. */
export interface LoadFileOptions {
  /**
   * Whether the memory of large files' tensors is the file's pages, read when they are first used, rather than a copy.
   * What is written to a tensor never reaches the file. A program that cuts such a file off while it is in use ends this
   * process; replacing it by another of its name, as `save` does, harms nobody. Default true.
   */
  readonly mmap?: boolean
}

/**
 * Reads a file that PyTorch's `torch.save` wrote, or Flambeau's `save`: tensors and plain values, nested in any way. No
 * code of the file is ever run: it may name tensors, parameters, containers and numbers, and whatever else it names is
 * refused by that name.
 *
 * Dicts become objects where their keys are strings, and Maps otherwise; lists and tuples become arrays, None becomes
 * null. Tensors that share a storage in the file share one here. Tensors of other devices arrive on the cpu.
 *
 * @param from a path, or the bytes of a file
 * @param options whether large files are mapped
 * @returns what was saved; its type is the caller's knowledge and is not checked
 * @throws FormatError for a damaged file, one that is not PyTorch's, or one that asks for more than data
 * @example
 * ```ts
 * import { mkdtempSync } from 'node:fs'
 * import { tmpdir } from 'node:os'
 * import { join } from 'node:path'
 * import { load, nn, save } from '@flambeau/core'
 * const path = join(mkdtempSync(join(tmpdir(), 'example-')), 'model.pt')
 * const model = new nn.Linear(3, 2)
 * save(path, { model: model.stateDict(), epoch: 7 })
 * const checkpoint = load<{ model: nn.StateDict; epoch: number }>(path)
 * model.loadStateDict(checkpoint.model)
 * console.log(checkpoint.epoch, checkpoint.model.weight.shape) // → 7 [ 2, 3 ]
 * ```
 */
export function load<T = SavedValue>(from: string | Uint8Array, options: LoadFileOptions = {}): T {
  const { mmap = true } = options
  if (typeof from === 'string')
    return withSource('load', from, (source, fd) => {
      const map = mmap ? new MappedFile(from, fd, source.size) : null
      try {
        return readValue(source, map)
      } finally {
        map?.close()
      }
    }) as T
  // By its kind: an array of another realm is no instance of ours.
  if (Object.prototype.toString.call(from) !== '[object Uint8Array]')
    throw new ArgumentError(`load: expected a path or bytes, got ${describe(from)}`)
  return readValue(bytesSource('load', from), null) as T
}

function readValue(source: ByteSource, map: MappedFile | null): SavedValue {
  const file = readTorch(source)
  const mapped: Tensor[] = []
  const data = new Map<StoredStorage, Storage>()
  for (const stored of file.storages) {
    const t = map === null ? null : mappedStorage(map, file, stored)
    if (t !== null) mapped.push(t)
    data.set(stored, t === null ? readStorage(source.name, file, stored) : t.storage)
  }
  const value = new Builder(source.name, (stored) => {
    const storage = data.get(stored)
    if (storage === undefined) throw new FormatError(`${source.name}: storage '${stored.key}' is not in the file`)
    return storage
  }).build(file.value)
  for (const t of mapped) t.dispose()
  return value
}

/** Reads the values of a file, and none of its data. */
export function readTorch(source: ByteSource): TorchFile {
  return isZip(source) ? readZip(source) : readLegacy(source)
}

/** What a deflated record may grow to, all together: PyTorch deflates nothing, and tensors hardly ever shrink a lot. */
const inflationLimit = (source: ByteSource): number => 2 ** 24 + 200 * source.size

function readZip(source: ByteSource): TorchFile {
  const zip = new ZipReader(source)
  const { name } = source
  const pickles = [...zip.entries.keys()].filter((entry) => /^[^/]+\/data\.pkl$/.test(entry))
  if (pickles.length !== 1)
    throw new FormatError(`${name}: not a file of torch.save: the archive has ${pickles.length || 'no'} data.pkl`)
  const root = pickles[0].slice(0, -'data.pkl'.length)
  if (zip.entries.has(`${root}constants.pkl`))
    throw new FormatError(`${name}: the file is a TorchScript archive, which holds code; save the state_dict() instead`)

  const { swap, pickle } = readHead(zip, root)
  const scope = new TorchScope(name, source.size)
  const value = readPickle(new PickleInput(pickle), scope)
  const entries = new Map<StoredStorage, ZipEntry>()
  let inflated = 0
  for (const stored of scope.storages.values()) {
    const entry = zip.get(`${root}data/${stored.key}`)
    if (entry.size !== stored.nbytes)
      throw new FormatError(
        `${name}: storage '${stored.key}' of ${stored.numel} ${stored.dtype} takes ${stored.nbytes} bytes, its record has ${entry.size}`,
      )
    if (entry.method !== STORED) inflated += entry.size
    if (inflated > inflationLimit(source))
      throw new FormatError(`${name}: the file is refused: its records would inflate to ${inflated} bytes or more`)
    entries.set(stored, entry)
  }
  const inOrder = [...entries].sort(([, a], [, b]) => a.header - b.header)
  return {
    value,
    swap,
    storages: inOrder.map(([stored]) => stored),
    bytes: (stored) => contents(zip, zip.get(`${root}data/${stored.key}`)),
    position(stored) {
      const entry = zip.get(`${root}data/${stored.key}`)
      return entry.method === STORED ? zip.dataStart(entry) : null
    },
  }
}

/** What is in an entry. PyTorch can write records without checksums, and never looks at them: nor does this. */
const contents = (zip: ZipReader, entry: ZipEntry): ByteSource =>
  entry.method === STORED
    ? partOf(zip.source, zip.dataStart(entry), entry.size)
    : bytesSource(zip.source.name, zip.read(entry, { verify: false }))

/** The byte order of the data, and where the pickle is. */
function readHead(zip: ZipReader, root: string): { swap: boolean; pickle: ByteSource } {
  const { source } = zip
  const small = (name: string, limit: number): ZipEntry => {
    const entry = zip.get(name)
    if (entry.size > limit) throw new FormatError(`${source.name}: ${name} is refused: it has ${entry.size} bytes`)
    return entry
  }
  let order = 'little'
  if (zip.entries.has(`${root}byteorder`)) {
    order = Buffer.from(zip.read(small(`${root}byteorder`, 16), { verify: false })).toString('latin1')
    if (order !== 'little' && order !== 'big')
      throw new FormatError(`${source.name}: the byte order is '${order}'; expected little or big`)
  }
  const pickle = contents(zip, small(`${root}data.pkl`, inflationLimit(source)))
  return { swap: order === 'big', pickle }
}

/** What elements of every dtype may lie at. */
const ALIGNMENT = 16

/** The pages of the file as a storage; null where its bytes are not a tensor's as they are. */
function mappedStorage(map: MappedFile, file: TorchFile, stored: StoredStorage): Tensor | null {
  if (!map.shares || file.swap || stored.dtype === 'bool' || stored.nbytes === 0) return null
  const position = file.position(stored)
  if (position === null || position % ALIGNMENT !== 0) return null
  return map.tensor('load', position, stored.dtype, [stored.numel])
}

function readStorage(name: string, file: TorchFile, stored: StoredStorage): Storage {
  if (file.swap && stored.untyped)
    throw new FormatError(`${name}: storage '${stored.key}' is of a big-endian machine, and its words are not known`)
  const storage = Storage.allocate(stored.nbytes, 'cpu')
  const bytes = file.bytes(stored)
  storage.fill('load', (piece, at) => {
    bytes.read(at, piece)
    if (file.swap) swapInPlace(piece, wordSize(stored.dtype))
    if (stored.dtype === 'bool') normalise(piece)
  })
  return storage
}

/** Any other byte than 0 and 1 would be a bool that is neither. */
function normalise(bytes: Uint8Array): void {
  for (let i = 0; i < bytes.length; i++) if (bytes[i] > 1) bytes[i] = 1
}
