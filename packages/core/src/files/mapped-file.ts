// A file's pages as the memory of tensors: read when they are touched, and written to in this process only.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { constants } from 'node:os'
import { type Handle, native } from '../binding/native.js'
import { DisposedError, FormatError, NativeError } from '../errors.js'
import { pace } from '../tensor/collect.js'
import { allocate } from '../tensor/create.js'
import { DTYPES, type DType } from '../tensor/dtype.js'
import { contiguousStrides, numelOf } from '../tensor/shape.js'
import { Storage } from '../tensor/storage.js'
import { Tensor } from '../tensor/tensor.js'

/** Bytes copied at a time. */
export const CHUNK = 4 * 2 ** 20

/** Files up to this size are read at once: the system maps pages, and only so many regions. */
const SMALL = 2 ** 18
/** What a tensor of mapped pages counts against its size (weight_of in native/src/napi/storages.cpp). */
const WEIGHT = 1 / 16

const { EOVERFLOW } = constants.errno
const nameOf = (errno: number): string =>
  Object.entries(constants.errno).find(([, value]) => value === errno)?.[0] ?? `error ${errno}`

/** Reads all of `into`. @throws FormatError where the file ends before */
export function readFully(path: string, fd: number, into: Uint8Array, position: number): void {
  for (let at = 0; at < into.length; ) {
    const n = readSync(fd, into, at, into.length - at, position + at)
    if (n === 0)
      throw new FormatError(`${path}: the file ended at byte ${position + at}: it was truncated while it was read`)
    at += n
  }
}

/**
 * A file as memory. Nothing of a large one is read before it is touched, and nothing that is written reaches the file. A
 * file that another program makes shorter while it is mapped ends the process where the missing bytes are touched, as in
 * every program that maps files; replacing it by another under its name, as Flambeau's own writers do, harms nobody.
 */
export class MappedFile {
  readonly path: string
  readonly nbytes: number
  /** Null once closed. */
  #memory: Handle | Uint8Array | null

  /** @param fd the open file, which may be closed afterwards */
  constructor(path: string, fd: number, nbytes: number) {
    this.path = path
    this.nbytes = nbytes
    if (nbytes <= SMALL) {
      this.#memory = new Uint8Array(nbytes)
      readFully(path, fd, this.#memory, 0)
      return
    }
    const mapped = native.mapFile(fd, nbytes)
    if (mapped === EOVERFLOW) throw new FormatError(`${path}: the file was truncated while it was opened`)
    if (typeof mapped === 'number')
      throw new NativeError(
        `${path}: the system could not map ${nbytes} bytes of the file into memory: ${nameOf(mapped)}; read it with { mmap: false }`,
      )
    this.#memory = mapped
  }

  static open(path: string): MappedFile {
    const fd = openSync(path, 'r')
    try {
      return new MappedFile(path, fd, fstatSync(fd).size)
    } finally {
      closeSync(fd)
    }
  }

  /** Whether tensors of the same bytes share memory. */
  get shares(): boolean {
    return !(this.#memory instanceof Uint8Array)
  }

  /** Copies bytes of the file, which it must have. */
  read(operation: string, position: number, into: Uint8Array): void {
    const memory = this.#open(operation)
    if (memory instanceof Uint8Array) into.set(memory.subarray(position, position + into.length))
    else if (into.length > 0) native.read(memory, position, into)
  }

  /**
   * A contiguous tensor of the bytes from `position` on, which the file must have. Of a large file it is the memory itself,
   * unless its elements do not lie at multiples of their size.
   */
  tensor(operation: string, position: number, dtype: DType, shape: readonly number[]): Tensor {
    const memory = this.#open(operation)
    const { size, kind } = DTYPES[dtype]
    const nbytes = numelOf(shape) * size
    if (!(memory instanceof Uint8Array) && nbytes > 0 && position % (kind === 'complex' ? size / 2 : size) === 0) {
      pace(nbytes * WEIGHT)
      const storage = new Storage(native.part(memory, position, nbytes), nbytes, 'cpu')
      return new Tensor(storage, dtype, shape, contiguousStrides(shape), 0)
    }
    const out = allocate(shape, dtype, 'cpu')
    const buffer = new Uint8Array(Math.min(CHUNK, nbytes))
    for (const [at, length] of chunks(nbytes)) {
      const chunk = buffer.subarray(0, length)
      this.read(operation, position + at, chunk)
      out.storage.write(operation, at, chunk)
    }
    return out
  }

  #open(operation: string): Handle | Uint8Array {
    if (this.#memory === null) throw new DisposedError(`${operation}: ${this.path} was closed`)
    return this.#memory
  }

  /** Lets go of the file; its tensors stay. */
  close(): void {
    if (this.#memory !== null && !(this.#memory instanceof Uint8Array)) native.dispose(this.#memory)
    this.#memory = null
  }
}

/** [first, length] of the pieces of n bytes. */
export function* chunks(n: number): Generator<[number, number]> {
  for (let at = 0; at < n; at += CHUNK) yield [at, Math.min(CHUNK, n - at)]
}
