// Files that grow, and can be cut back to where they were.
import {
  closeSync,
  existsSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  renameSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'

/** A file that is appended to. */
export class GrowingFile {
  readonly path: string
  #fd: number | null = null
  #size: number

  /** @param size where to go on: what is beyond is cut off. Default: the end */
  constructor(path: string, size?: number) {
    this.path = path
    const present = existsSync(path) ? statSync(path).size : 0
    this.#size = Math.min(size ?? present, present)
    if (present > this.#size) {
      const fd = openSync(path, 'r+')
      ftruncateSync(fd, this.#size)
      closeSync(fd)
    }
  }

  get size(): number {
    return this.#size
  }

  append(bytes: Uint8Array): void {
    this.#fd ??= openSync(this.path, 'a')
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#fd, bytes, at)
    this.#size += bytes.length
  }

  /** Puts it on the disk. */
  sync(): void {
    if (this.#fd !== null) fsyncSync(this.#fd)
  }

  close(): void {
    if (this.#fd !== null) closeSync(this.#fd)
    this.#fd = null
  }
}

/** Writes a file that appears whole or not at all. */
export function writeWhole(path: string, text: string): void {
  const temporary = `${path}.${process.pid}.tmp`
  writeFileSync(temporary, text, { flush: true })
  renameSync(temporary, path)
}
