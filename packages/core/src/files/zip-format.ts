// The records of a zip archive: their signatures, sizes and fields.
// https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT

export const LOCAL = 0x04034b50
export const CENTRAL = 0x02014b50
export const END = 0x06054b50
export const END64 = 0x06064b50
export const END64_LOCATOR = 0x07064b50
export const DESCRIPTOR = 0x08074b50

/** Sizes of the records, without what follows them. */
export const LOCAL_SIZE = 30
export const CENTRAL_SIZE = 46
export const END_SIZE = 22
export const END64_SIZE = 56
export const LOCATOR_SIZE = 20

export const STORED = 0
export const DEFLATED = 8

/** Flags of an entry. */
export const ENCRYPTED = 1
export const HAS_DESCRIPTOR = 1 << 3
export const UTF8 = 1 << 11

/** A field that is too small for its value holds this, and the ZIP64 extra field the value. */
export const FULL16 = 0xffff
export const FULL32 = 0xffffffff
export const ZIP64 = 0x0001

/** The most that deflate can make of n bytes is a little less than this times n. */
export const MOST_INFLATION = 1032

/** Little-endian fields of a record, one after the other. */
export class Fields {
  readonly bytes: Uint8Array
  readonly #view: DataView
  at = 0

  constructor(bytes: Uint8Array | number) {
    this.bytes = typeof bytes === 'number' ? new Uint8Array(bytes) : bytes
    this.#view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.length)
  }

  get rest(): number {
    return this.bytes.length - this.at
  }

  u16(): number {
    this.at += 2
    return this.#view.getUint16(this.at - 2, true)
  }

  u32(): number {
    this.at += 4
    return this.#view.getUint32(this.at - 4, true)
  }

  /** May be beyond what is exact, and then beyond any file too. */
  u64(): number {
    this.at += 8
    return Number(this.#view.getBigUint64(this.at - 8, true))
  }

  put16(...values: number[]): this {
    for (const value of values) {
      this.#view.setUint16(this.at, value, true)
      this.at += 2
    }
    return this
  }

  put32(...values: number[]): this {
    for (const value of values) {
      this.#view.setUint32(this.at, value, true)
      this.at += 4
    }
    return this
  }

  put64(...values: number[]): this {
    for (const value of values) {
      this.#view.setBigUint64(this.at, BigInt(value), true)
      this.at += 8
    }
    return this
  }

  putBytes(bytes: Uint8Array): this {
    this.bytes.set(bytes, this.at)
    this.at += bytes.length
    return this
  }
}
