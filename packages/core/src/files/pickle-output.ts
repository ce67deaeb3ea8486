// The opcodes of a pickle, protocol 2, as bytes.
const FIRST = 4096

/** Appends opcodes. What was made once is recalled by its number: `memoize`, `recall`. */
export class PickleOutput {
  #bytes = new Uint8Array(FIRST)
  #view = new DataView(this.#bytes.buffer)
  #length = 0
  readonly #memo = new Map<unknown, number>()

  constructor() {
    this.#put(0x80, 2)
  }

  #room(count: number): void {
    if (this.#length + count <= this.#bytes.length) return
    const larger = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length + count))
    larger.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = larger
    this.#view = new DataView(larger.buffer)
  }

  #put(...bytes: number[]): void {
    this.#room(bytes.length)
    for (const byte of bytes) this.#bytes[this.#length++] = byte
  }

  /** Opcodes by their characters, which is how they are known. */
  op(characters: string): void {
    for (let i = 0; i < characters.length; i++) this.#put(characters.charCodeAt(i))
  }

  #u32(op: string, value: number): void {
    this.op(op)
    this.#room(4)
    this.#view.setUint32(this.#length, value, true)
    this.#length += 4
  }

  none(): void {
    this.op('N')
  }

  bool(value: boolean): void {
    this.#put(value ? 0x88 : 0x89)
  }

  /** An integer where it is one, and a float otherwise. */
  number(value: number): void {
    if (Number.isSafeInteger(value) && !Object.is(value, -0)) this.integer(value)
    else {
      this.op('G')
      this.#room(8)
      this.#view.setFloat64(this.#length, value, false)
      this.#length += 8
    }
  }

  integer(value: number | bigint): void {
    if (value >= 0 && value < 0x100) this.#put(0x4b, Number(value))
    else if (value >= 0 && value < 0x10000) this.#put(0x4d, Number(value) & 0xff, Number(value) >> 8)
    else if (value >= -(2 ** 31) && value < 2 ** 31) this.#u32('J', Number(value) >>> 0)
    else {
      const integer = BigInt(value)
      const magnitude = (integer < 0n ? -integer : integer).toString(16).length
      // A byte more than the magnitude may need, for the sign.
      const size = (magnitude >> 1) + 1
      const hex = BigInt.asUintN(8 * size, integer)
        .toString(16)
        .padStart(2 * size, '0')
      const bytes = Buffer.from(hex, 'hex').reverse()
      if (size < 0x100) this.#put(0x8a, size)
      else {
        this.#put(0x8b)
        this.#u32('', size)
      }
      this.#append(bytes)
    }
  }

  #append(bytes: Uint8Array): void {
    this.#room(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  string(value: string): void {
    if (this.recall(value)) return
    const bytes = new TextEncoder().encode(value)
    this.#u32('X', bytes.length)
    this.#append(bytes)
    this.memoize(value)
  }

  /** A function or class of Python. */
  global(module: string, name: string): void {
    const text = `c${module}\n${name}\n`
    if (this.recall(text)) return
    this.op(text)
    this.memoize(text)
  }

  /** A tuple of small integers. */
  integers(values: readonly number[]): void {
    this.op(values.length === 0 ? ')' : '(')
    for (const value of values) this.integer(value)
    if (values.length > 0) this.op('t')
  }

  /** Remembers the value on top, which `key` stands for. */
  memoize(key: unknown): void {
    const index = this.#memo.size
    this.#memo.set(key, index)
    if (index < 0x100) this.#put(0x71, index)
    else this.#u32('r', index)
  }

  /** Pushes what was remembered under `key`, if anything was. */
  recall(key: unknown): boolean {
    const index = this.#memo.get(key)
    if (index === undefined) return false
    if (index < 0x100) this.#put(0x68, index)
    else this.#u32('j', index)
    return true
  }

  /** The whole pickle. */
  finish(): Uint8Array {
    this.op('.')
    return this.#bytes.subarray(0, this.#length)
  }
}
