// NumPy's .npz files: zip archives of .npy files.
import { closeSync, fstatSync, openSync } from 'node:fs'
import { ArgumentError, DisposedError, describe, FormatError } from '../errors.js'
import { allocate } from '../tensor/create.js'
import type { DType } from '../tensor/dtype.js'
import type { Tensor } from '../tensor/tensor.js'
import { writeAtomically } from './atomic.js'
import { readFully } from './mapped-file.js'
import { finished, LONGEST_HEADER, npyContents, rawDType, rawShape, readLayout, swapElements } from './npy.js'
import { type NpyHeader, type NpyLayout, withReading } from './npy-header.js'
import type { NamedTensors } from './safetensors.js'
import { type ByteSource, bytesSource } from './source.js'
import { type ZipEntry, ZipReader } from './zip.js'
import { ZipWriter } from './zip-write.js'

const SUFFIX = '.npy'
/** As Flambeau aligns the arrays that it stores. */
const ALIGNMENT = 64

/** Closes files that were opened and forgotten. */
const forgotten = new FinalizationRegistry<number>(closeSync)

/** What `info` says of an array. */
export interface NpzInfo {
  /** What `get` gives. */
  readonly dtype: DType
  readonly shape: readonly number[]
  /** Bytes of the elements in the file. */
  readonly nbytes: number
}

/** An .npz archive whose arrays are read when they are asked for. Made by `openNpz`. */
export class NpzFile {
  readonly path: string
  readonly #fd: number
  readonly #zip: ZipReader
  readonly #entries = new Map<string, ZipEntry>()
  #closed = false

  /** @internal */
  constructor(path: string) {
    this.path = path
    this.#fd = openSync(path, 'r')
    try {
      const source: ByteSource = {
        name: path,
        size: fstatSync(this.#fd).size,
        read: (position, into) => readFully(path, this.#fd, into, position),
      }
      this.#zip = new ZipReader(source)
    } catch (error) {
      closeSync(this.#fd)
      throw error
    }
    for (const [name, entry] of this.#zip.entries)
      if (name.endsWith(SUFFIX)) this.#entries.set(name.slice(0, -SUFFIX.length), entry)
    forgotten.register(this, this.#fd, this)
  }

  /** The names of the arrays. */
  keys(): string[] {
    return [...this.#entries.keys()]
  }

  /** Whether there is an array of this name. */
  has(name: string): boolean {
    return this.#entries.has(name)
  }

  #find(operation: string, name: string): ZipEntry {
    if (this.#closed) throw new DisposedError(`${operation}: ${this.path} was closed`)
    const entry = this.#entries.get(name)
    if (entry !== undefined) return entry
    const known = this.keys()
    const listed = known.slice(0, 20).join(', ') + (known.length > 20 ? ', …' : '')
    throw new ArgumentError(`${operation}: ${this.path} has no array ${describe(name)} (it has: ${listed})`)
  }

  #where = (entry: ZipEntry): string => `${this.path}: ${entry.name}`

  /**
   * Reads an array.
   *
   * @throws ArgumentError for an unknown name
   * @throws FormatError for a damaged array, or one that no tensor can hold
   */
  get(name: string): Tensor {
    const entry = this.#find('get', name)
    const header = this.#header(entry)
    const raw = allocate(rawShape(header), rawDType(header), 'cpu')
    this.#zip.stream(entry, (piece, at) => {
      const from = Math.max(header.dataStart - at, 0)
      if (from < piece.length) raw.storage.write('openNpz', at + from - header.dataStart, piece.subarray(from))
    })
    if (header.bigEndian) swapElements(raw)
    return finished(this.#where(entry), header, raw)
  }

  /**
   * What an array is, without reading it.
   *
   * @throws ArgumentError for an unknown name
   * @throws FormatError for a damaged array, or one that no tensor can hold
   */
  info(name: string): NpzInfo {
    const { reading, shape, nbytes } = this.#header(this.#find('info', name))
    return { dtype: typeof reading === 'object' ? reading.dtype : reading, shape, nbytes }
  }

  #header(entry: ZipEntry): NpyHeader {
    const where = this.#where(entry)
    const header = withReading(where, this.#layout(entry))
    const { dataStart, nbytes } = header
    if (dataStart + nbytes !== entry.size)
      throw new FormatError(
        `${where}: its header and array take ${dataStart + nbytes} bytes, and the archive has ${entry.size} of it`,
      )
    return header
  }

  #layout(entry: ZipEntry): NpyLayout {
    const head = bytesSource(this.#where(entry), this.#zip.head(entry, LONGEST_HEADER))
    return readLayout(head)
  }

  /** @internal A byte string or a string in an array of its own, as SciPy names the format of a sparse matrix. */
  text(name: string): string {
    const entry = this.#find('text', name)
    const { descr, shape, dataStart } = this.#layout(entry)
    const [, order, kind, size] = (typeof descr === 'string' && /^([<>|=]?)([SU])(\d{1,2})$/.exec(descr)) || []
    const bytes = Number(size) * (kind === 'U' ? 4 : 1)
    if (kind === undefined || shape.length > 0 || dataStart + bytes !== entry.size)
      throw new FormatError(`${this.#where(entry)}: expected a string of at most 99 characters`)
    const contents = this.#zip.read(entry).subarray(dataStart)
    const view = new DataView(contents.buffer, contents.byteOffset, contents.length)
    const codes = Array.from({ length: Number(size) }, (_, i) =>
      kind === 'U' ? view.getUint32(4 * i, order !== '>') : contents[i],
    )
    return codes
      .map((code) => (code <= 0x7f ? String.fromCharCode(code) : '\ufffd'))
      .join('')
      .replace(/\0+$/, '')
  }

  /** Lets go of the file. Tensors that were read stay as they are. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    forgotten.unregister(this)
    closeSync(this.#fd)
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

/**
 * Opens an .npz archive: its arrays are read one by one, when they are asked for.
 *
 * @param path a file of `numpy.savez`, `numpy.savez_compressed` or `saveNpz`
 * @throws FormatError for a truncated or corrupt archive
 */
export function openNpz(path: string): NpzFile {
  if (typeof path !== 'string') throw new ArgumentError(`openNpz: expected a path, got ${describe(path)}`)
  return new NpzFile(path)
}

/**
 * Reads all arrays of an .npz archive; `openNpz` reads single ones.
 *
 * @param path a file of `numpy.savez`, `numpy.savez_compressed` or `saveNpz`
 * @returns the tensors by name; NumPy calls arrays without a name `arr_0`, `arr_1`, …
 * @throws FormatError for a truncated or corrupt archive, or arrays that no tensor can hold
 */
export function loadNpz(path: string): Record<string, Tensor> {
  if (typeof path !== 'string') throw new ArgumentError(`loadNpz: expected a path, got ${describe(path)}`)
  const file = openNpz(path)
  try {
    return Object.fromEntries(file.keys().map((name) => [name, file.get(name)]))
  } finally {
    file.close()
  }
}

/** The options of `saveNpz`. */
export interface SaveNpzOptions {
  /** Whether the arrays are deflated, as by `numpy.savez_compressed`. Default false. */
  readonly compressed?: boolean
}

/**
 * Writes tensors to an .npz archive, which `numpy.load` reads. The file appears whole or not at all.
 *
 * @param path the file; an existing one is replaced
 * @param tensors by name; those of a list are called `arr_0`, `arr_1`, …
 * @throws DTypeError for bfloat16, which NumPy does not have
 * @example
 * ```ts
 * import { mkdtempSync } from 'node:fs'
 * import { tmpdir } from 'node:os'
 * import { join } from 'node:path'
 * import { arange, loadNpz, ones, saveNpz } from '@flambeau/core'
 * const path = join(mkdtempSync(join(tmpdir(), 'example-')), 'arrays.npz')
 * saveNpz(path, { x: ones([2, 3]), y: arange(3) }, { compressed: true })
 * console.log(loadNpz(path).y.toArray()) // → [ 0, 1, 2 ]
 * ```
 */
export function saveNpz(path: string, tensors: NamedTensors | readonly Tensor[], options: SaveNpzOptions = {}): void {
  if (typeof path !== 'string') throw new ArgumentError(`saveNpz: expected a path, got ${describe(path)}`)
  if (typeof tensors !== 'object' || tensors === null)
    throw new ArgumentError(`saveNpz: expected tensors by name or a list of tensors, got ${describe(tensors)}`)
  const named: [string, unknown][] = Array.isArray(tensors)
    ? tensors.map((t, i) => [`arr_${i}`, t])
    : Symbol.iterator in tensors
      ? [...(tensors as ReadonlyMap<string, Tensor>)]
      : Object.entries(tensors)
  const contents = named.map(([name, t]) => ({ name: `${name}${SUFFIX}`, ...npyContents('saveNpz', `'${name}'`, t) }))
  writeAtomically(path, (append) => {
    const zip = new ZipWriter(append, { alignment: ALIGNMENT })
    for (const { name, nbytes, append: body } of contents)
      if (options.compressed) zip.deflate(name, nbytes, body)
      else zip.store(name, nbytes, body)
    zip.finish()
  })
}
