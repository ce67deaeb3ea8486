// Where sounds are read from: a file, of which only the needed part is read, or bytes in memory.
import { type FileHandle, open } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { ArgumentError, FormatError } from '@flambeau/core'

/** A path, a file: URL, or the bytes of a whole file. */
export type SoundSource = string | URL | Uint8Array

/** Bytes that are read at any place. */
export class ByteSource {
  /** How messages name it. */
  readonly name: string
  /** In bytes. */
  readonly size: number
  readonly #bytes: Uint8Array | null
  readonly #file: FileHandle | null

  private constructor(name: string, size: number, bytes: Uint8Array | null, file: FileHandle | null) {
    this.name = name
    this.size = size
    this.#bytes = bytes
    this.#file = file
  }

  /** Calls `use` with the source and closes it. @throws ArgumentError where there is no such file */
  static async with<T>(
    operation: string,
    source: SoundSource,
    use: (source: ByteSource) => T | Promise<T>,
  ): Promise<T> {
    if (ArrayBuffer.isView(source))
      return use(
        new ByteSource(
          'the bytes',
          source.byteLength,
          Buffer.from(source.buffer, source.byteOffset, source.byteLength),
          null,
        ),
      )
    const path = source instanceof URL ? fileURLToPath(source) : source
    if (typeof path !== 'string')
      throw new ArgumentError(`${operation}: expected a path, a file: URL or a Uint8Array, got ${typeof source}`)
    const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') throw new ArgumentError(`${operation}: there is no file ${path}`)
      throw error
    })
    try {
      const stat = await file.stat()
      if (!stat.isFile()) throw new ArgumentError(`${operation}: ${path} is not a file`)
      return await use(new ByteSource(path, stat.size, null, file))
    } finally {
      await file.close()
    }
  }

  /** The bytes from `position` on: fewer than `length` at the end. */
  async read(position: number, length: number): Promise<Buffer> {
    const count = Math.max(0, Math.min(length, this.size - position))
    if (this.#bytes !== null) return Buffer.from(this.#bytes.subarray(position, position + count))
    const buffer = Buffer.alloc(count)
    let done = 0
    while (done < count) {
      const { bytesRead } = (await this.#file?.read(buffer, done, count - done, position + done)) ?? { bytesRead: 0 }
      if (bytesRead === 0) throw new FormatError(`${this.name}: the file shrank while it was read`)
      done += bytesRead
    }
    return buffer
  }

  /** All of it. */
  readAll(): Promise<Buffer> {
    return this.read(0, this.size)
  }
}
