// Writing zip archives in one pass: checksums follow the contents, sizes are known or counted.
import { zlib } from '../builtins.js'
import { ArgumentError } from '../errors.js'
import type { Append } from './atomic.js'
import {
  CENTRAL,
  CENTRAL_SIZE,
  DEFLATED,
  DESCRIPTOR,
  END,
  END_SIZE,
  END64,
  END64_LOCATOR,
  END64_SIZE,
  Fields,
  FULL16,
  FULL32,
  HAS_DESCRIPTOR,
  LOCAL,
  LOCAL_SIZE,
  LOCATOR_SIZE,
  STORED,
  UTF8,
  ZIP64,
} from './zip-format.js'

/** 1980-01-01, the first day of the format: archives of the same contents are the same. */
const DATE = 0x0021
/** The extra field that PyTorch pads local headers with: 'FB'. */
const PADDING = 0x4246
const MODE = 0o100644 << 16

interface Written {
  readonly name: Uint8Array
  readonly method: number
  readonly header: number
  readonly crc: number
  readonly size: number
  readonly compressedSize: number
}

/** Options of a `ZipWriter`. */
export interface ZipWriteOptions {
  /** The contents of stored entries begin at multiples of this. Default 1. */
  readonly alignment?: number
}

/** Writes an archive through `append`; `finish()` completes it. */
export class ZipWriter {
  readonly #append: Append
  readonly #alignment: number
  readonly #written: Written[] = []
  readonly #names = new Set<string>()
  #at = 0

  constructor(append: Append, options: ZipWriteOptions = {}) {
    this.#append = append
    this.#alignment = options.alignment ?? 1
  }

  #put(bytes: Uint8Array): void {
    this.#append(bytes)
    this.#at += bytes.length
  }

  /** An entry as it is, of a size that is known before `body` appends it. */
  store(name: string, size: number, body: Uint8Array | ((append: Append) => void)): void {
    this.#entry(name, STORED, size >= FULL32, (append) => {
      if (typeof body === 'function') body(append)
      else append(body)
    })
    const written = this.#written[this.#written.length - 1]
    if (written.size !== size)
      throw new ArgumentError(`zip: expected ${size} bytes for entry '${name}', got ${written.size}`)
  }

  /** An entry deflated. @param size the bytes that `body` will append, at most */
  deflate(name: string, size: number, body: (append: Append) => void): void {
    // Pieces end at a byte boundary, so that one follows the other; the last one is the stream's end.
    const { constants, deflateRawSync } = zlib()
    const { Z_SYNC_FLUSH } = constants
    this.#entry(name, DEFLATED, size >= FULL32 / 2, (append) => {
      body((piece) => {
        if (piece.length > 0) append(piece, deflateRawSync(piece, { finishFlush: Z_SYNC_FLUSH }))
      })
      append(new Uint8Array(0), deflateRawSync(new Uint8Array(0)))
    })
  }

  #entry(
    name: string,
    method: number,
    large: boolean,
    body: (append: (piece: Uint8Array, compressed?: Uint8Array) => void) => void,
  ): void {
    if (this.#names.has(name)) throw new ArgumentError(`zip: two entries would be named '${name}'`)
    this.#names.add(name)
    const bytes = new TextEncoder().encode(name)
    const header = this.#at
    this.#put(localHeader(bytes, method, large, this.#padding(bytes.length, method, large)))
    const start = this.#at
    let crc = 0
    let size = 0
    body((piece, compressed = piece) => {
      crc = zlib().crc32(piece, crc)
      size += piece.length
      this.#put(compressed)
    })
    const compressedSize = this.#at - start
    const descriptor = new Fields(large ? 24 : 16).put32(DESCRIPTOR, crc)
    if (large) descriptor.put64(compressedSize, size)
    else descriptor.put32(compressedSize, size)
    this.#put(descriptor.bytes)
    this.#written.push({ name: bytes, method, header, crc, size, compressedSize })
  }

  /** The size of the padding field, its own 4 bytes included; 0 for none. */
  #padding(nameLength: number, method: number, large: boolean): number {
    if (this.#alignment === 1 || method !== STORED) return 0
    const start = this.#at + LOCAL_SIZE + nameLength + (large ? 20 : 0) + 4
    return 4 + ((this.#alignment - (start % this.#alignment)) % this.#alignment)
  }

  /** Writes the directory. */
  finish(): void {
    const begin = this.#at
    for (const entry of this.#written) this.#put(centralHeader(entry))
    const size = this.#at - begin
    const count = this.#written.length
    if (count >= FULL16 || begin >= FULL32 || size >= FULL32) {
      const at64 = this.#at
      const end = new Fields(END64_SIZE).put32(END64).put64(END64_SIZE - 12)
      this.#put(end.put16(45, 45).put32(0, 0).put64(count, count, size, begin).bytes)
      this.#put(new Fields(LOCATOR_SIZE).put32(END64_LOCATOR, 0).put64(at64).put32(1).bytes)
    }
    const counted = Math.min(count, FULL16)
    const end = new Fields(END_SIZE).put32(END).put16(0, 0, counted, counted)
    this.#put(end.put32(Math.min(size, FULL32), Math.min(begin, FULL32)).put16(0).bytes)
  }
}

function localHeader(name: Uint8Array, method: number, large: boolean, padding: number): Uint8Array {
  const extra = (large ? 20 : 0) + padding
  const fields = new Fields(LOCAL_SIZE + name.length + extra)
  fields.put32(LOCAL).put16(large ? 45 : 20, HAS_DESCRIPTOR | UTF8, method, 0, DATE)
  // Sizes that follow the contents are 0 here, or said to be in the ZIP64 field, where they are 0.
  const unknown = large ? FULL32 : 0
  fields.put32(0, unknown, unknown).put16(name.length, extra).putBytes(name)
  if (large) fields.put16(ZIP64, 16).put64(0, 0)
  if (padding > 0) fields.put16(PADDING, padding - 4).putBytes(new Uint8Array(padding - 4).fill(0x5a))
  return fields.bytes
}

function centralHeader({ name, method, header, crc, size, compressedSize }: Written): Uint8Array {
  const wide = [size, compressedSize, header].filter((value) => value >= FULL32)
  const extra = wide.length === 0 ? 0 : 4 + 8 * wide.length
  const large = extra > 0
  const fields = new Fields(CENTRAL_SIZE + name.length + extra)
  // Made by Unix: the upper half of the attributes is the mode.
  fields.put32(CENTRAL).put16((3 << 8) | (large ? 45 : 20), large ? 45 : 20, HAS_DESCRIPTOR | UTF8, method, 0, DATE)
  fields.put32(crc, Math.min(compressedSize, FULL32), Math.min(size, FULL32))
  fields
    .put16(name.length, extra, 0, 0, 0)
    .put32(MODE >>> 0, Math.min(header, FULL32))
    .putBytes(name)
  if (large) fields.put16(ZIP64, 8 * wide.length).put64(...wide)
  return fields.bytes
}
