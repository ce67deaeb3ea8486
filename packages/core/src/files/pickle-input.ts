// A pickle's bytes, one after the other, through a window of the file.
import { FormatError } from '../errors.js'
import { type ByteSource, partOf } from './source.js'

const WINDOW = 64 * 1024
/** Python's own names and numbers in text are far shorter. */
const MAX_LINE = 64 * 1024

export class PickleInput {
  readonly #source: ByteSource
  readonly #window: Uint8Array
  readonly #view: DataView
  /** Of the window, in the source. */
  #begin = 0
  #length = 0
  #at = 0

  constructor(source: ByteSource, position = 0) {
    this.#source = source
    this.#window = new Uint8Array(Math.min(WINDOW, source.size))
    this.#view = new DataView(this.#window.buffer)
    this.#begin = position
  }

  get name(): string {
    return this.#source.name
  }

  /** Of the next byte, in the source. */
  get position(): number {
    return this.#begin + this.#at
  }

  get rest(): number {
    return this.#source.size - this.position
  }

  /** Gives the position in the window of the next `count` bytes, which are few, and goes past them. */
  #next(count: number): number {
    if (this.#at + count > this.#length) {
      if (count > this.rest)
        throw new FormatError(`${this.name}: the pickle is truncated: it ended at byte ${this.#source.size}`)
      this.#begin += this.#at
      this.#at = 0
      this.#length = Math.min(this.#window.length, this.#source.size - this.#begin)
      this.#source.read(this.#begin, this.#window.subarray(0, this.#length))
    }
    const at = this.#at
    this.#at += count
    return at
  }

  u8(): number {
    return this.#window[this.#next(1)]
  }

  u16(): number {
    return this.#view.getUint16(this.#next(2), true)
  }

  i32(): number {
    return this.#view.getInt32(this.#next(4), true)
  }

  u32(): number {
    return this.#view.getUint32(this.#next(4), true)
  }

  /** May be beyond what is exact, and then beyond any file too. */
  u64(): number {
    return Number(this.#view.getBigUint64(this.#next(8), true))
  }

  /** Big-endian, as pickles have them. */
  f64(): number {
    return this.#view.getFloat64(this.#next(8), false)
  }

  /** A copy of the next `count` bytes. */
  bytes(count: number): Uint8Array<ArrayBuffer> {
    if (count > this.rest)
      throw new FormatError(
        `${this.name}: the pickle is truncated or corrupt: ${count} bytes are announced and ${this.rest} follow`,
      )
    if (count <= this.#window.length) {
      const at = this.#next(count)
      return this.#window.slice(at, at + count)
    }
    const bytes = new Uint8Array(count)
    this.#source.read(this.position, bytes)
    this.skip(count)
    return bytes
  }

  skip(count: number): void {
    this.#begin = this.position + count
    this.#at = 0
    this.#length = 0
  }

  text(count: number): string {
    return this.#decode(this.bytes(count))
  }

  #decode(bytes: Uint8Array): string {
    try {
      return utf8.decode(bytes)
    } catch (error) {
      throw new FormatError(`${this.name}: the pickle is corrupt: a string is not UTF-8`, { cause: error })
    }
  }

  /** The text up to the next newline, which is left out. */
  line(): string {
    const bytes: number[] = []
    for (let byte = this.u8(); byte !== 0x0a; byte = this.u8()) {
      if (bytes.length === MAX_LINE) throw new FormatError(`${this.name}: the pickle is corrupt: a line does not end`)
      bytes.push(byte)
    }
    return this.#decode(Uint8Array.from(bytes))
  }

  /** What follows, as a source of its own. */
  remaining(): ByteSource {
    return partOf(this.#source, this.position, this.rest)
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
