import { observed } from '../binding/call.js'
import * as kernels from '../binding/kernels.gen.js'
import { type Handle, native } from '../binding/native.js'
import { checkStatus } from '../binding/status.js'
import { ArgumentError, DeviceError, DisposedError, OutOfMemoryError } from '../errors.js'
import { collectGarbage, count, pace } from './collect.js'
import { current, DEVICE_CODES, type Device, deviceCode } from './device.js'
import { contiguousStrides, numelOf } from './shape.js'

/**
 * Memory that small storages share, one after another: a native handle of its own costs more than a small operator. The
 * collector frees a chunk when the last of them is gone, so its size is what one survivor may keep alive.
 */
interface Chunk {
  /** Bytes up to which a storage lives in such a chunk. */
  readonly upTo: number
  readonly size: number
  handle: Handle | null
  used: number
}
const CHUNKS: readonly Chunk[] = [
  { upTo: 256, size: 4096, handle: null, used: 0 },
  { upTo: 2048, size: 2 ** 15, handle: null, used: 0 },
  { upTo: 16384, size: 2 ** 18, handle: null, used: 0 },
]
/** FLAMBEAU_UNPOOLED gives every storage memory of its own, so that a sanitizer sees where it ends (tools/sanitize.mjs). */
const POOLED = process.env.FLAMBEAU_UNPOOLED ? 0 : CHUNKS[CHUNKS.length - 1].upTo
/** Bytes that one ArrayBuffer can hold in every Node, and that are read at a time. */
const SHAREABLE = 2 ** 32 - 1
const PIECE = 2 ** 28
/** Beyond any address space, and below where numbers stop being exact. */
const MOST = 2 ** 52

/** A tensor [N, C, …] seen as [N, C / b, b, …], with the strides that this has in plain and in blocked memory. */
export function blockedStrides(shape: readonly number[], b: number) {
  const [n, channels, ...spatial] = shape
  const split = [n, channels / b, b, ...spatial]
  const size = numelOf(spatial)
  const blocked = [channels * size, size * b, 1, ...contiguousStrides(spatial).map((s) => s * b)]
  return { split, plain: contiguousStrides(split), blocked }
}

/** Native memory, shared by a tensor and its views. */
export class Storage {
  /** Null once disposed, and for meta tensors. */
  handle: Handle | null
  /** Where this storage begins in the handle's memory, in bytes: small storages share a chunk. */
  base = 0
  #pooled = false
  readonly nbytes: number
  readonly device: Device
  readonly meta: boolean
  /** Counts in-place writes, so that backward notices when a value that it needs has changed. */
  version = 0
  /** Tensors not yet disposed and values saved for backward. */
  refs = 0
  /**
   * 0 for strided memory. Otherwise the memory holds one whole tensor [N, C, …] as [N, C / layout, …, layout], which
   * convolutions are fastest in. Operators that do not take it are given strided memory first (`makeStrided`).
   */
  layout = 0
  /** The tensor's shape and dtype code, while the layout is blocked. */
  #blocked: { readonly shape: readonly number[]; readonly code: number } | null = null
  /** The buffer that `dataShared()` gave out. */
  shared: ArrayBuffer | null = null

  constructor(handle: Handle | null, nbytes: number, device: Device) {
    this.handle = handle
    this.nbytes = nbytes
    this.device = device
    this.meta = device === 'meta'
  }

  static allocate(nbytes: number, device: Device): Storage {
    const storage = Storage.#allocated(nbytes, device)
    observed.by?.made(storage)
    return storage
  }

  static #allocated(nbytes: number, device: Device): Storage {
    if (device === 'meta') return new Storage(null, nbytes, device)
    if (!(nbytes <= MOST))
      throw new OutOfMemoryError(`could not allocate ${nbytes} bytes on ${device}: no memory is that large`)
    count()
    if (nbytes <= POOLED && device === 'cpu') return Storage.#fromChunk(nbytes)
    pace(nbytes)
    const handle = native.allocate(deviceCode(device), nbytes) ?? allocateAfterCollection(nbytes, device)
    return new Storage(handle, nbytes, device)
  }

  /** Memory of the CPU that stays where it is, so that CUDA devices copy from it by themselves. */
  static allocatePinned(nbytes: number): Storage {
    count()
    pace(nbytes)
    let handle = native.allocatePinned(current.cuda, nbytes)
    if (handle === undefined) {
      collectGarbage()
      handle = native.allocatePinned(current.cuda, nbytes)
    }
    if (handle === undefined)
      throw new OutOfMemoryError(`could not pin ${nbytes} bytes of the cpu's memory, also after a garbage collection`)
    const storage = new Storage(handle, nbytes, 'cpu')
    observed.by?.made(storage)
    return storage
  }

  /** Whether this is memory that `allocatePinned` has made. */
  isPinned(): boolean {
    return this.device === 'cpu' && !this.#pooled && this.handle !== null && native.isPinned(this.handle)
  }

  /** Lets the CUDA device that this memory is on copy from pinned memory when it comes to it. */
  copyPinned(operation: string, from: Storage, fromOffset: number): void {
    observed.by?.read(operation)
    observed.by?.wrote(this)
    native.copyPinned(usable(this, operation), this.base, usable(from, operation), from.base + fromOffset, this.nbytes)
    checkStatus(operation)
  }

  /** A storage in the current chunk of its size. */
  static #fromChunk(nbytes: number): Storage {
    const chunk = nbytes <= CHUNKS[0].upTo ? CHUNKS[0] : nbytes <= CHUNKS[1].upTo ? CHUNKS[1] : CHUNKS[2]
    const size = Math.max(64, (nbytes + 63) & ~63)
    if (chunk.handle === null || chunk.used + size > chunk.size) {
      pace(chunk.size)
      chunk.handle = native.allocate(DEVICE_CODES.cpu, chunk.size) ?? allocateAfterCollection(chunk.size, 'cpu')
      chunk.used = 0
    }
    const storage = new Storage(chunk.handle, nbytes, 'cpu')
    storage.base = chunk.used
    storage.#pooled = true
    chunk.used += size
    return storage
  }

  /** Copies bytes from `byteOffset` on into `into`. An asynchronous device waits, and reports earlier failures. */
  read(operation: string, byteOffset: number, into: ArrayBufferView): void {
    observed.by?.read(operation)
    native.read(usable(this, operation), this.base + byteOffset, into)
    checkStatus(operation)
  }

  /** Copies bytes to `byteOffset`. */
  write(operation: string, byteOffset: number, from: ArrayBufferView): void {
    observed.by?.wrote(this)
    native.write(usable(this, operation), this.base + byteOffset, from)
    checkStatus(operation)
  }

  /**
   * Lets `body` write all of this memory, which is new, piece by piece where it lies: reading a file into memory that was
   * never touched costs a fraction of copying into it, since the system then fills whole ranges of pages at once.
   *
   * @param body is given a piece, which is empty once it returns, and its position in bytes, a multiple of 16
   */
  fill(operation: string, body: (piece: Uint8Array<ArrayBuffer>, at: number) => void): void {
    observed.by?.wrote(this)
    const { handle } = this
    const buffer = !this.#pooled && handle !== null && this.nbytes <= SHAREABLE ? native.share(handle) : undefined
    try {
      for (let at = 0; at < this.nbytes; at += PIECE) {
        const size = Math.min(PIECE, this.nbytes - at)
        const piece = buffer === undefined ? new Uint8Array(size) : new Uint8Array(buffer, at, size)
        body(piece, at)
        if (buffer === undefined) this.write(operation, at, piece)
      }
    } finally {
      if (buffer !== undefined) native.detach(buffer)
    }
  }

  /** Declares the memory, whose contents are yet to be written, to hold a tensor of `shape` in blocks of channels. */
  makeBlocked(layout: number, shape: readonly number[], code: number): void {
    this.layout = layout
    this.#blocked = layout === 0 ? null : { shape, code }
  }

  /** Reorders blocked memory, so that strides mean what they say again. */
  makeStrided(): void {
    if (this.#blocked === null) return
    const { shape, code } = this.#blocked
    const { layout } = this
    this.makeBlocked(0, shape, code)
    if (this.meta) return
    const { split, plain, blocked } = blockedStrides(shape, layout)
    const to = Storage.allocate(this.nbytes, this.device)
    kernels.copy(
      { storage: to, code, shape: split, strides: plain, offset: 0 },
      { storage: this, code, shape: split, strides: blocked, offset: 0 },
    )
    if (!this.#pooled && this.handle !== null) native.dispose(this.handle)
    this.handle = to.handle
    this.base = to.base
    this.#pooled = to.#pooled
    observed.by?.moved(to, this)
  }

  /** Gives a pooled storage memory of its own, for what concerns a whole handle: sharing and sending. */
  own(): void {
    this.makeStrided()
    if (!this.#pooled || this.handle === null) return
    observed.by?.read('a storage of its own')
    const handle =
      native.allocate(deviceCode(this.device), this.nbytes) ?? allocateAfterCollection(this.nbytes, this.device)
    const bytes = new Uint8Array(this.nbytes)
    native.read(this.handle, this.base, bytes)
    native.write(handle, 0, bytes)
    this.handle = handle
    this.base = 0
    this.#pooled = false
  }

  /** A holder is gone; the last one takes the memory with it. */
  release(): void {
    if (--this.refs > 0 || this.handle === null) return
    this.unshare()
    if (!this.#pooled) native.dispose(this.handle)
    this.handle = null
  }

  /** An ArrayBuffer over the memory itself. */
  share(operation: string): ArrayBuffer {
    observed.by?.read(operation)
    if (this.shared === null) {
      this.own()
      const buffer = this.handle === null ? undefined : native.share(this.handle)
      if (buffer === undefined)
        throw new DeviceError(
          `${operation}: memory on ${this.device} cannot be read in place; use data() or move the tensor to cpu`,
        )
      this.shared = buffer
    }
    return this.shared
  }

  /** Ends what `share` began: the buffer becomes empty. */
  unshare(): void {
    if (this.shared !== null) native.detach(this.shared)
    this.shared = null
  }
}

/** No private method: objects of a class that has one carry a mark of it, and every result has a storage. */
function usable(storage: Storage, operation: string): Handle {
  storage.makeStrided()
  if (storage.meta) throw new DeviceError(`${operation}: a meta tensor has no data`)
  if (storage.handle === null) throw new DisposedError(`${operation}: a tensor was used after dispose()`)
  return storage.handle
}

/** The `layout` of sparse tensors. */
export const SPARSE_LAYOUT = -1

/** What stands in the place of a sparse tensor's memory: nothing reads it as if it were strided. */
export class SparseStorage extends Storage {
  constructor(device: Device) {
    super(null, 0, device)
    this.layout = SPARSE_LAYOUT
  }

  override makeStrided(): never {
    throw new ArgumentError('expected a strided tensor, got a sparse one; use toDense()')
  }
}

function allocateAfterCollection(nbytes: number, device: Device): Handle {
  const code = deviceCode(device)
  native.emptyCache(code)
  collectGarbage()
  const handle = native.allocate(code, nbytes)
  if (handle !== undefined) return handle
  const { inUse, cached } = native.memory(code)
  throw new OutOfMemoryError(
    `could not allocate ${nbytes} bytes on ${device}: ${inUse} bytes are in use and ${cached} cached, also after a garbage collection`,
  )
}
