// Reading zip archives in place: the bytes of a stored entry lie in the file as they are, and are read from there.
// Sizes and offsets are checked against the file before anything is allocated for them.
import { zlib } from '../builtins.js'
import { FormatError } from '../errors.js'
import type { ByteSource } from './source.js'
import {
  CENTRAL,
  CENTRAL_SIZE,
  DEFLATED,
  ENCRYPTED,
  END,
  END_SIZE,
  END64,
  END64_LOCATOR,
  END64_SIZE,
  Fields,
  FULL16,
  FULL32,
  LOCAL,
  LOCAL_SIZE,
  LOCATOR_SIZE,
  MOST_INFLATION,
  STORED,
  ZIP64,
} from './zip-format.js'

/** Bytes read at a time. */
const CHUNK = 2 ** 20
/** Compressed bytes that are inflated first for the beginning of an entry. */
const HEAD = 2 ** 10

/** A file inside of an archive. */
export interface ZipEntry {
  readonly name: string
  readonly method: number
  /** Bytes of the contents. */
  readonly size: number
  /** Bytes in the archive. */
  readonly compressedSize: number
  readonly crc: number
  /** Mode bits and the like, as the system that made the archive has them. */
  readonly externalAttributes: number
  /** Where its local header is. */
  readonly header: number
  /** Where the next entry or the directory begins. */
  readonly limit: number
}

export interface ZipReadOptions {
  /** Whether the contents must have the checksum that the archive says. Default true. */
  readonly verify?: boolean
}

/**
 * An archive whose directory has been read and checked: names are unique, and entries lie inside of the file and do not
 * overlap. Spread over several files, encrypted, or compressed by anything but deflate: refused.
 */
export class ZipReader {
  readonly source: ByteSource
  readonly entries: ReadonlyMap<string, ZipEntry>

  /** @throws FormatError for what is no zip archive, or a damaged one */
  constructor(source: ByteSource) {
    this.source = source
    this.entries = readDirectory(source)
  }

  /** The entry of that name. @throws FormatError when there is none */
  get(name: string): ZipEntry {
    const entry = this.entries.get(name)
    if (entry === undefined) throw new FormatError(`${this.source.name}: the archive has no entry '${name}'`)
    return entry
  }

  /** Where the bytes of an entry begin in the file; the contents themselves where it is stored. */
  dataStart(entry: ZipEntry): number {
    const { source } = this
    const fail = (why: string): never => {
      throw new FormatError(`${source.name}: entry '${entry.name}' of the archive is corrupt: ${why}`)
    }
    if (entry.limit - entry.header < LOCAL_SIZE) fail('its header overlaps another entry')
    const fields = new Fields(LOCAL_SIZE)
    source.read(entry.header, fields.bytes)
    if (fields.u32() !== LOCAL) fail('its header is not where the directory says')
    fields.at = 26
    const nameLength = fields.u16()
    const start = entry.header + LOCAL_SIZE + nameLength + fields.u16()
    if (start + entry.compressedSize > entry.limit) fail('it overlaps another entry or the directory')
    const name = new Uint8Array(nameLength)
    source.read(entry.header + LOCAL_SIZE, name)
    if (decodeName(name) !== entry.name) fail(`the directory has another name for it than its header`)
    return start
  }

  /** The contents of an entry. @throws FormatError when they do not have the size or checksum that the archive says */
  read(entry: ZipEntry, options: ZipReadOptions = {}): Uint8Array<ArrayBuffer> {
    const { name } = this.source
    const { size } = entry
    let bytes: Uint8Array<ArrayBuffer>
    if (entry.method === STORED) {
      const start = this.dataStart(entry)
      bytes = allocated(name, entry, size)
      this.source.read(start, bytes)
    } else bytes = this.#inflated(entry)
    if (options.verify !== false) this.#check(entry, zlib().crc32(bytes))
    return bytes
  }

  /** Hands over the contents of an entry piece by piece; a piece is overwritten by the next one. */
  stream(entry: ZipEntry, take: (piece: Uint8Array, at: number) => void, options: ZipReadOptions = {}): void {
    const { verify = true } = options
    if (entry.method !== STORED) {
      const bytes = this.#inflated(entry)
      if (verify) this.#check(entry, zlib().crc32(bytes))
      for (let at = 0; at < bytes.length; at += CHUNK) take(bytes.subarray(at, at + CHUNK), at)
      return
    }
    const start = this.dataStart(entry)
    const buffer = new Uint8Array(Math.min(CHUNK, entry.size))
    let crc = 0
    for (let at = 0; at < entry.size; at += CHUNK) {
      const piece = buffer.subarray(0, Math.min(CHUNK, entry.size - at))
      this.source.read(start + at, piece)
      if (verify) crc = zlib().crc32(piece, crc)
      take(piece, at)
    }
    if (verify) this.#check(entry, crc)
  }

  /** The first `most` bytes of an entry, or all of a shorter one, without a checksum. */
  head(entry: ZipEntry, most: number): Uint8Array<ArrayBuffer> {
    const start = this.dataStart(entry)
    const wanted = Math.min(most, entry.size)
    if (entry.method === STORED) {
      const bytes = new Uint8Array(wanted)
      this.source.read(start, bytes)
      return bytes
    }
    for (let length = Math.min(HEAD, entry.compressedSize); ; length = Math.min(2 * length, entry.compressedSize)) {
      const compressed = new Uint8Array(length)
      this.source.read(start, compressed)
      let bytes: Buffer<ArrayBuffer>
      try {
        bytes = zlib().inflateRawSync(compressed, { finishFlush: zlib().constants.Z_SYNC_FLUSH })
      } catch (error) {
        const { code } = error as { code?: string }
        throw new FormatError(`${this.source.name}: entry '${entry.name}' of the archive is corrupt: ${code}`, {
          cause: error,
        })
      }
      if (bytes.length >= wanted) return bytes.subarray(0, wanted)
      if (length === entry.compressedSize)
        throw new FormatError(
          `${this.source.name}: entry '${entry.name}' of the archive is corrupt: it holds ${bytes.length} bytes and claims ${entry.size}`,
        )
    }
  }

  #check(entry: ZipEntry, crc: number): void {
    if (crc !== entry.crc)
      throw new FormatError(
        `${this.source.name}: entry '${entry.name}' of the archive is corrupt: its checksum is wrong`,
      )
  }

  #inflated(entry: ZipEntry): Uint8Array<ArrayBuffer> {
    const start = this.dataStart(entry)
    const { name } = this.source
    const compressed = allocated(name, entry, entry.compressedSize)
    this.source.read(start, compressed)
    let bytes: Buffer<ArrayBuffer>
    try {
      bytes = zlib().inflateRawSync(compressed, {
        maxOutputLength: Math.max(entry.size, 1),
        chunkSize: inflationChunk(entry),
      })
    } catch (error) {
      // By name: the error of another realm is no instance of this one's classes.
      const code = (error as { code?: string }).code
      const why = code === 'ERR_BUFFER_TOO_LARGE' ? `it holds more than the ${entry.size} bytes that it claims` : code
      throw new FormatError(`${name}: entry '${entry.name}' of the archive is corrupt: ${why}`, { cause: error })
    }
    if (bytes.length !== entry.size)
      throw new FormatError(
        `${name}: entry '${entry.name}' of the archive is corrupt: it holds ${bytes.length} bytes and claims ${entry.size}`,
      )
    return bytes
  }
}

const inflationChunk = ({ size }: ZipEntry): number => Math.min(Math.max(size, 64), CHUNK)

function allocated(name: string, entry: ZipEntry, size: number): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(size)
  } catch (error) {
    throw new FormatError(`${name}: entry '${entry.name}' of the archive is too large to be read as a whole`, {
      cause: error,
    })
  }
}

/** Names are UTF-8 or, in old archives, of some code page, of which every byte is kept. */
function decodeName(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return Buffer.from(bytes).toString('latin1')
  }
}

/** Whether a file begins as a zip archive does. */
export function isZip(source: ByteSource): boolean {
  if (source.size < END_SIZE) return false
  const fields = new Fields(4)
  source.read(0, fields.bytes)
  const signature = fields.u32()
  return signature === LOCAL || signature === END
}

interface Directory {
  readonly count: number
  readonly begin: number
  readonly size: number
}

function readDirectory(source: ByteSource): Map<string, ZipEntry> {
  const fail = (why: string): never => {
    throw new FormatError(`${source.name}: the zip archive is corrupt: ${why}`)
  }
  const { count, begin, size } = findDirectory(source, fail)
  if (count * CENTRAL_SIZE > size) fail(`a directory of ${size} bytes cannot have ${count} entries`)
  const fields = new Fields(size)
  source.read(begin, fields.bytes)
  const found: Omit<ZipEntry, 'limit'>[] = []
  for (let i = 0; i < count; i++) found.push(readEntry(source.name, fields, begin, fail))
  if (fields.rest > 0) fail(`${fields.rest} bytes of its directory belong to no entry`)

  const entries = new Map<string, ZipEntry>()
  const inOrder = [...found].sort((a, b) => a.header - b.header)
  const limits = new Map(inOrder.map((entry, i) => [entry, inOrder[i + 1]?.header ?? begin]))
  for (const entry of found) {
    const limit = limits.get(entry) ?? begin
    if (entries.has(entry.name)) fail(`two entries are named '${entry.name}'`)
    if (entry.header + LOCAL_SIZE + entry.compressedSize > limit)
      fail(`entry '${entry.name}' overlaps another entry or the directory`)
    entries.set(entry.name, { ...entry, limit })
  }
  return entries
}

function findDirectory(source: ByteSource, fail: (why: string) => never): Directory {
  const notZip = (): never => {
    throw new FormatError(`${source.name}: not a zip archive, or a truncated one: it has no directory at its end`)
  }
  const tailSize = Math.min(source.size, END_SIZE + FULL16)
  if (tailSize < END_SIZE) notZip()
  const tail = new Fields(tailSize)
  const tailStart = source.size - tailSize
  source.read(tailStart, tail.bytes)
  let at = tailSize - END_SIZE
  for (; at >= 0; at--) {
    tail.at = at
    if (tail.u32() !== END) continue
    tail.at = at + 20
    if (tail.u16() === tailSize - at - END_SIZE) break
  }
  if (at < 0) notZip()
  tail.at = at + 4
  const disks = [tail.u16(), tail.u16()]
  const counts = [tail.u16(), tail.u16()]
  let [size, begin] = [tail.u32(), tail.u32()]
  let count = counts[1]
  let end = tailStart + at
  if (count === FULL16 || size === FULL32 || begin === FULL32 || disks[0] === FULL16) {
    const locator = new Fields(LOCATOR_SIZE)
    if (end >= LOCATOR_SIZE) source.read(end - LOCATOR_SIZE, locator.bytes)
    if (locator.u32() === END64_LOCATOR) {
      locator.at = 8
      const at64 = locator.u64()
      if (at64 + END64_SIZE > end) fail('its directory lies outside of the file')
      const end64 = new Fields(END64_SIZE)
      source.read(at64, end64.bytes)
      if (end64.u32() !== END64) fail('its ZIP64 directory is not where it should be')
      end64.at = 24
      counts[0] = end64.u64()
      count = end64.u64()
      size = end64.u64()
      begin = end64.u64()
      disks.splice(0, 2, 0, 0)
      end = at64
    }
  }
  if (disks.some((disk) => disk !== 0) || counts[0] !== count) fail('it is spread over several files')
  if (begin + size > end) fail('its directory lies outside of the file')
  return { count, begin, size }
}

function readEntry(file: string, fields: Fields, end: number, fail: (why: string) => never): Omit<ZipEntry, 'limit'> {
  if (fields.rest < CENTRAL_SIZE || fields.u32() !== CENTRAL) fail('its directory is damaged')
  fields.at += 4
  const flags = fields.u16()
  const method = fields.u16()
  fields.at += 4
  const crc = fields.u32()
  let compressedSize = fields.u32()
  let size = fields.u32()
  const lengths = [fields.u16(), fields.u16(), fields.u16()]
  fields.at += 4
  const externalAttributes = fields.u32()
  let header = fields.u32()
  const [nameLength, extraLength, commentLength] = lengths
  if (nameLength + extraLength + commentLength > fields.rest) fail('its directory is damaged')
  const name = decodeName(fields.bytes.subarray(fields.at, fields.at + nameLength))
  const extras = new Fields(fields.bytes.subarray(fields.at + nameLength, fields.at + nameLength + extraLength))
  fields.at += nameLength + extraLength + commentLength

  while (extras.rest >= 4) {
    const id = extras.u16()
    const length = extras.u16()
    if (length > extras.rest) fail(`an extra field of entry '${name}' is damaged`)
    if (id === ZIP64) {
      const values = new Fields(extras.bytes.subarray(extras.at, extras.at + length))
      const next = (): number => (values.rest >= 8 ? values.u64() : fail(`the sizes of entry '${name}' are damaged`))
      if (size === FULL32) size = next()
      if (compressedSize === FULL32) compressedSize = next()
      if (header === FULL32) header = next()
    }
    extras.at += length
  }

  if ((flags & ENCRYPTED) !== 0) throw new FormatError(`${file}: entry '${name}' of the archive is encrypted`)
  if (method !== STORED && method !== DEFLATED)
    throw new FormatError(
      `${file}: entry '${name}' of the archive is compressed by method ${method}; stored (0) and deflated (8) are known`,
    )
  if (header + compressedSize > end) fail(`entry '${name}' lies outside of the file`)
  if (method === STORED ? size !== compressedSize : size > compressedSize * MOST_INFLATION)
    fail(`entry '${name}' claims ${size} bytes, which its ${compressedSize} in the file cannot be`)
  return { name, method, size, compressedSize, crc, externalAttributes, header }
}
