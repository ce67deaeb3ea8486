import { type Handle, native } from '../binding/native.js'
import { DeviceError, OutOfMemoryError } from '../errors.js'
import { collectGarbage, pace } from './collect.js'
import { DEVICE_CODES, type Device } from './device.js'

/** Native memory, shared by a tensor and its views. */
export class Storage {
  /** Null once disposed, and for meta tensors. */
  handle: Handle | null
  readonly nbytes: number
  readonly device: Device
  readonly meta: boolean
  /** Counts in-place writes, so that backward notices when a value that it needs has changed. */
  version = 0
  /** Tensors not yet disposed and values saved for backward. */
  refs = 0
  /** 0 for strided memory, otherwise the id of an opaque layout of the engine's own. */
  layout = 0
  /** The buffer that `dataShared()` gave out. */
  shared: ArrayBuffer | null = null

  constructor(handle: Handle | null, nbytes: number, device: Device) {
    this.handle = handle
    this.nbytes = nbytes
    this.device = device
    this.meta = device === 'meta'
  }

  static allocate(nbytes: number, device: Device): Storage {
    if (device === 'meta') return new Storage(null, nbytes, device)
    pace(nbytes)
    const handle = native.allocate(DEVICE_CODES[device], nbytes) ?? allocateAfterCollection(nbytes, device)
    return new Storage(handle, nbytes, device)
  }

  /** A holder is gone; the last one takes the memory with it. */
  release(): void {
    if (--this.refs > 0 || this.handle === null) return
    if (this.shared !== null) structuredClone(this.shared, { transfer: [this.shared] })
    native.dispose(this.handle)
    this.handle = null
    this.shared = null
  }

  /** An ArrayBuffer over the memory itself. */
  share(operation: string): ArrayBuffer {
    if (this.shared === null) {
      const buffer = this.handle === null ? undefined : native.share(this.handle)
      if (buffer === undefined)
        throw new DeviceError(`${operation}: memory on ${this.device} cannot be read in place; use data() or move the tensor to cpu`)
      this.shared = buffer
    }
    return this.shared
  }
}

function allocateAfterCollection(nbytes: number, device: Device): Handle {
  const code = DEVICE_CODES[device]
  native.emptyCache(code)
  collectGarbage()
  const handle = native.allocate(code, nbytes)
  if (handle !== undefined) return handle
  const { inUse, cached } = native.memory(code)
  throw new OutOfMemoryError(
    `could not allocate ${nbytes} bytes on ${device}: ${inUse} bytes are in use and ${cached} cached, also after a garbage collection`,
  )
}
