// An open safetensors file, or several that an index holds together: tensors are there when they are asked for.
import { closeSync, fstatSync, openSync } from 'node:fs'
import { ArgumentError, DisposedError, describe, FormatError } from '../errors.js'
import type { Index } from '../ops/index.js'
import type { DType } from '../tensor/dtype.js'
import type { Tensor } from '../tensor/tensor.js'
import { toBool } from './foreign.js'
import { MappedFile, readFully } from './mapped-file.js'
import {
  decodeHeader,
  headerLength,
  PREFIX,
  type Reading,
  type SafetensorsHeader,
  type TensorEntry,
} from './safetensors-header.js'
import { isIndexFile, readIndex } from './safetensors-index.js'

/** The header of an open file, and where the data begins. */
export interface Opened {
  readonly header: SafetensorsHeader
  readonly dataStart: number
}

/** Reads and checks the header of an open file. */
export function readHeader(path: string, fd: number): Opened {
  const { size } = fstatSync(fd)
  const prefix = new Uint8Array(Math.min(PREFIX, size))
  readFully(path, fd, prefix, 0)
  const length = headerLength(path, prefix, size)
  const json = new Uint8Array(length)
  readFully(path, fd, json, PREFIX)
  return { header: decodeHeader(path, json, size - PREFIX - length), dataStart: PREFIX + length }
}

/** The dtype whose bytes are read. */
export const rawDType = (reading: Exclude<Reading, number>): DType =>
  typeof reading === 'object' ? reading.raw : reading === 'bool' ? 'uint8' : reading

/** What a tensor of raw elements stands for. */
export function converted(what: string, reading: Exclude<Reading, number>, raw: Tensor): Tensor {
  if (reading === 'bool') return toBool(raw)
  return typeof reading === 'object' ? reading.convert(what, raw) : raw
}

/** How a tensor is read. @throws FormatError where it cannot be */
export function readable(path: string, { name, format, reading }: TensorEntry): Exclude<Reading, number> {
  if (typeof reading === 'number')
    throw new FormatError(
      `${path}: '${name}' has dtype ${format}, of ${reading} bits an element, which no tensor can have`,
    )
  return reading
}

/** Closes files that were opened and forgotten. */
const forgotten = new FinalizationRegistry<number>(closeSync)

/** One file of a model. */
class Part {
  readonly path: string
  readonly header: SafetensorsHeader
  readonly #fd: number
  readonly #entries: ReadonlyMap<string, TensorEntry>
  readonly #dataStart: number
  readonly #nbytes: number
  /** Of the same file; a tensor that is asked for again comes from the next one, unchanged by what was written to it. */
  readonly #maps: MappedFile[] = []
  readonly #taken = new Map<string, number>()

  constructor(path: string) {
    this.path = path
    this.#fd = openSync(path, 'r')
    try {
      const { header, dataStart } = readHeader(path, this.#fd)
      this.header = header
      this.#entries = new Map(header.entries.map((entry) => [entry.name, entry]))
      this.#dataStart = dataStart
      this.#nbytes = header.entries.reduce((end, { begin, nbytes }) => Math.max(end, dataStart + begin + nbytes), 0)
      this.#maps.push(new MappedFile(path, this.#fd, this.#nbytes))
    } catch (error) {
      closeSync(this.#fd)
      throw error
    }
    forgotten.register(this, this.#fd, this)
  }

  entry(name: string): TensorEntry | undefined {
    return this.#entries.get(name)
  }

  /** The tensor, or what an index selects of it. */
  read(entry: TensorEntry, index: readonly Index[] | null): Tensor {
    const reading = readable(this.path, entry)
    const dtype = rawDType(reading)
    const whole = this.#map(entry.name).tensor('openSafetensors', this.#dataStart + entry.begin, dtype, entry.shape)
    return converted(`${this.path}: '${entry.name}'`, reading, index === null ? whole : whole.at(...index))
  }

  #map(name: string): MappedFile {
    const [first] = this.#maps
    if (!first.shares) return first
    const before = this.#taken.get(name) ?? 0
    this.#taken.set(name, before + 1)
    if (before === this.#maps.length) this.#maps.push(new MappedFile(this.path, this.#fd, this.#nbytes))
    return this.#maps[before]
  }

  close(): void {
    for (const map of this.#maps) map.close()
    forgotten.unregister(this)
    closeSync(this.#fd)
  }
}

/** What is known of a tensor before it is read. */
export interface SafetensorsInfo {
  /** The element type by the format's name, such as `BF16`. */
  readonly format: string
  /** The dtype that it is read as; null where no tensor can hold it. */
  readonly dtype: DType | null
  readonly shape: readonly number[]
  /** Bytes in the file. */
  readonly nbytes: number
}

/** A safetensors file, or a sharded model, whose tensors are read when they are asked for. Made by `openSafetensors`. */
export class SafetensorsFile {
  readonly path: string
  /** Strings that the file carries along; of a sharded model those of its index, of any kind. */
  readonly metadata: Readonly<Record<string, unknown>>
  /** The file of each tensor. */
  readonly #files: ReadonlyMap<string, string>
  readonly #parts = new Map<string, Part>()
  #closed = false

  /** @internal */
  constructor(path: string) {
    this.path = path
    if (isIndexFile(path)) {
      const { files, metadata } = readIndex(path)
      this.#files = files
      this.metadata = metadata
    } else {
      const { entries, metadata } = this.#part(path).header
      this.#files = new Map(entries.map(({ name }) => [name, path]))
      this.metadata = metadata
    }
  }

  /** The names of the tensors: in the order of the data, or of the index. */
  keys(): string[] {
    return [...this.#files.keys()]
  }

  /** Whether there is a tensor of this name. */
  has(name: string): boolean {
    return this.#files.has(name)
  }

  /** Shape and dtype of a tensor, which is not read. @throws ArgumentError for an unknown name */
  info(name: string): SafetensorsInfo {
    const { entry } = this.#find('info', name)
    const { format, reading, shape, nbytes } = entry
    const dtype = typeof reading === 'number' ? null : typeof reading === 'object' ? reading.dtype : reading
    return { format, dtype, shape, nbytes }
  }

  /**
   * A tensor. Its memory is the file's pages, which are read when they are first used, and copied when they are first
   * written to: neither the file changes, nor what is got under this name again. Element types that Flambeau does not have,
   * and bool, are converted at once.
   *
   * @throws ArgumentError for an unknown name
   * @throws FormatError for elements of 4 or 6 bits, and for uint64 values that int64 cannot hold
   */
  get(name: string): Tensor {
    const { part, entry } = this.#find('get', name)
    return part.read(entry, null)
  }

  /**
   * A part of a tensor, as `get(name).at(...index)`; where elements must be converted, only those of the part are.
   *
   * @param index numbers, slices such as `'10:20'`, `ELLIPSIS`…
   */
  slice(name: string, ...index: Index[]): Tensor {
    const { part, entry } = this.#find('slice', name)
    return part.read(entry, index)
  }

  #find(operation: string, name: string): { part: Part; entry: TensorEntry } {
    if (this.#closed) throw new DisposedError(`${operation}: ${this.path} was closed`)
    const path = this.#files.get(name)
    if (path === undefined) {
      const known = this.keys()
      const listed = known.slice(0, 20).join(', ') + (known.length > 20 ? ', …' : '')
      throw new ArgumentError(`${operation}: ${this.path} has no tensor ${describe(name)} (it has: ${listed})`)
    }
    const part = this.#part(path)
    const entry = part.entry(name)
    if (entry === undefined)
      throw new FormatError(`${this.path}: the index says that '${name}' is in ${path}, which does not have it`)
    return { part, entry }
  }

  #part(path: string): Part {
    let part = this.#parts.get(path)
    if (part === undefined) {
      part = new Part(path)
      this.#parts.set(path, part)
    }
    return part
  }

  /** Lets go of the file. Tensors that were read stay as they are. */
  close(): void {
    this.#closed = true
    for (const part of this.#parts.values()) part.close()
    this.#parts.clear()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

/**
 * Opens a safetensors file in milliseconds, whatever its size: only its header is read, and of a tensor what is used.
 *
 * The memory of the tensors is that of the file. Replace such a file by a new one (as `saveSafetensors` does) rather
 * than write into it or cut it off: a process that touches pages which are no longer there is ended by the system.
 *
 * @param path a `.safetensors` file, or the `.safetensors.index.json` of a sharded model
 * @throws FormatError for a truncated or corrupt file
 * @example
 * ```ts
 * import { mkdtempSync } from 'node:fs'
 * import { tmpdir } from 'node:os'
 * import { join } from 'node:path'
 * import { arange, openSafetensors, saveSafetensors } from '@flambeau/core'
 * const path = join(mkdtempSync(join(tmpdir(), 'example-')), 'model.safetensors')
 * saveSafetensors(path, { weight: arange(6).reshape([2, 3]) })
 * using file = openSafetensors(path)
 * console.log(file.keys(), file.info('weight').format) // → [ 'weight' ] I64
 * console.log(file.slice('weight', 1, '1:').toArray()) // → [ 4, 5 ]
 * ```
 */
export function openSafetensors(path: string): SafetensorsFile {
  if (typeof path !== 'string') throw new ArgumentError(`openSafetensors: expected a path, got ${describe(path)}`)
  return new SafetensorsFile(path)
}
