// CUDA devices as the user sees them: whether there are any, their memory, streams and events.
import { native } from '../binding/native.js'
import { checkStatus } from '../binding/status.js'
import { ArgumentError, DeviceError, describe, NativeError } from '../errors.js'
import { checkDevice, current, DEVICE_CODES, type Device, deviceCode, isCuda } from './device.js'
import { emptyCache as emptyCacheOf, memory as memoryOf, synchronize as synchronizeOf } from './memory.js'

/** The device that is meant, by its full name. */
function named(operation: string, device: Device = 'cuda'): Device {
  const name = checkDevice(operation, device)
  if (!isCuda(name)) throw new DeviceError(`${operation}: expected a CUDA device, got ${describe(device)}`)
  return name
}
const codeOf = (operation: string, device?: Device): number => deviceCode(named(operation, device))

/**
 * Whether there is a CUDA device that this build of Flambeau can use.
 *
 * @example
 * ```ts
 * import { cuda, tensor } from '@flambeau/core'
 * const device = cuda.isAvailable() ? 'cuda' : 'cpu'
 * console.log(tensor([1, 2], { device }).add(1).toArray()) // → [ 2, 3 ]
 * ```
 */
export const isAvailable = (): boolean => native.cuda().devices > 0

/** How many CUDA devices there are. */
export const deviceCount = (): number => native.cuda().devices

/** Why there is no CUDA device; empty where there is one. */
export const unavailableReason = (): string => native.cuda().reason

/** The number of the device that `'cuda'` stands for. */
export const currentDevice = (): number => current.cuda

/** Makes `'cuda'` stand for another device. @param device its number, or a name such as `'cuda:1'` */
export function setDevice(device: number | Device): void {
  if (typeof device === 'number' && !(Number.isInteger(device) && device >= 0))
    throw new ArgumentError(`setDevice: expected a device number ≥ 0, got ${describe(device)}`)
  const name = named('setDevice', typeof device === 'number' ? `cuda:${device}` : device)
  current.cuda = Number(name.slice('cuda:'.length))
  current.chosen = true
}

/** What a CUDA device is. */
export interface DeviceProperties {
  readonly name: string
  /** Bytes. */
  readonly totalMemory: number
  /** Compute capability, such as [9, 0]. */
  readonly capability: readonly [major: number, minor: number]
  readonly multiProcessorCount: number
}

/** What a device is. */
export function getDeviceProperties(device?: Device): DeviceProperties {
  const { name, totalMemory, capability, multiprocessors } = native.deviceInfo(codeOf('getDeviceProperties', device))
  return {
    name,
    totalMemory,
    capability: [Math.floor(capability / 10), capability % 10],
    multiProcessorCount: multiprocessors,
  }
}

/** The name of a device. */
export const getDeviceName = (device?: Device): string => getDeviceProperties(device).name

/** Waits until a device has done all that was asked of it; an error that a kernel met is thrown here. */
export const synchronize = (device?: Device): void => synchronizeOf(named('synchronize', device))

/** Bytes that tensors hold on a device. */
export const memoryAllocated = (device?: Device): number => memoryOf(named('memoryAllocated', device)).inUse

/** Bytes that were taken from a device: those of tensors, and those kept for the next ones. */
export function memoryReserved(device?: Device): number {
  const { inUse, cached } = memoryOf(named('memoryReserved', device))
  return inUse + cached
}

/** The most bytes that tensors held at once, since the start or `resetPeakMemoryStats`. */
export const maxMemoryAllocated = (device?: Device): number => memoryOf(named('maxMemoryAllocated', device)).peak

/** Starts `maxMemoryAllocated` anew from what is held now. */
export const resetPeakMemoryStats = (device?: Device): void => native.resetPeak(codeOf('resetPeakMemoryStats', device))

/** Gives memory that was kept for reuse back to the device. */
export const emptyCache = (device?: Device): void => emptyCacheOf(named('emptyCache', device))

/** Where float32 may be rounded to TF32, which has 10 bits after the point and is several times as fast. */
export interface Tf32Options {
  /** In matrix products. Default false, as in PyTorch. */
  readonly matmul?: boolean
  /** In convolutions. Default true, as in PyTorch. */
  readonly convolution?: boolean
}

let tf32: Tf32Options = {}

function applyTf32(device: Device): void {
  const code = deviceCode(device)
  if (tf32.matmul !== undefined) native.setDeviceOption(code, 0, tf32.matmul)
  if (tf32.convolution !== undefined) native.setDeviceOption(code, 1, tf32.convolution)
}

/** Sets where float32 may be rounded to TF32, on every device. */
export function allowTf32({ matmul, convolution }: Tf32Options): void {
  tf32 = { matmul: matmul ?? tf32.matmul, convolution: convolution ?? tf32.convolution }
  // Each process of several is to set up its own device alone: the others are told when they are first named.
  for (const device of Object.keys(DEVICE_CODES) as Device[]) if (device.startsWith('cuda:')) applyTf32(device)
  current.prepare = applyTf32
}

/** A queue of a device: what is asked of it is done in order, and beside what other streams do. */
export class Stream {
  readonly device: Device
  /** @internal */
  readonly id: number

  /** A new stream of a device. */
  constructor(options: { readonly device?: Device } = {}, id?: number) {
    this.device = named('Stream', options.device)
    this.id = id ?? native.makeStream(deviceCode(this.device))
    if (this.id < 0) throw new NativeError(`Stream: ${this.device} could not make another stream`)
  }

  /** Waits until the stream has done all that was asked of it. */
  synchronize(): void {
    native.synchronizeStream(deviceCode(this.device), this.id)
    checkStatus('Stream.synchronize')
  }

  /** What is asked of this stream from now on waits for `event`. */
  waitEvent(event: Event): void {
    event.waitOn(this)
  }

  /** What is asked of this stream from now on waits for all that was asked of `other`. */
  waitStream(other: Stream): void {
    this.waitEvent(other.recordEvent())
  }

  /** Marks the point that the stream has been asked to reach. */
  recordEvent(event: Event = new Event({ device: this.device })): Event {
    event.record(this)
    return event
  }
}

/** Event handles that nobody can reach any more are freed. */
const abandoned = new FinalizationRegistry<{ code: number; id: number }>(({ code, id }) =>
  native.destroyEvent(code, id),
)

/** A point in a stream: to wait for, or to measure time from. */
export class Event {
  readonly device: Device
  readonly #code: number
  readonly #id: number

  constructor(options: { readonly device?: Device } = {}) {
    this.device = named('Event', options.device)
    this.#code = deviceCode(this.device)
    this.#id = native.makeEvent(this.#code)
    if (this.#id < 0) throw new NativeError(`Event: ${this.device} could not make another event`)
    abandoned.register(this, { code: this.#code, id: this.#id })
  }

  /** Marks the point that a stream, the current one unless given, has been asked to reach. */
  record(stream: Stream = currentStream(this.device)): void {
    this.#sameDevice('Event.record', stream)
    native.recordEvent(this.#code, this.#id, stream.id)
    checkStatus('Event.record')
  }

  /** @internal */
  waitOn(stream: Stream): void {
    this.#sameDevice('Stream.waitEvent', stream)
    native.waitEvent(this.#code, this.#id, stream.id)
    checkStatus('Stream.waitEvent')
  }

  /** Whether the point has been reached. */
  query(): boolean {
    return native.eventDone(this.#code, this.#id)
  }

  /** Waits until the point has been reached. */
  synchronize(): void {
    native.synchronizeEvent(this.#code, this.#id)
    checkStatus('Event.synchronize')
  }

  /** Milliseconds from this point to `end`. @throws ArgumentError where one was not reached yet */
  elapsedTime(end: Event): number {
    const ms = end.#code === this.#code ? native.elapsed(this.#code, this.#id, end.#id) : -1
    if (ms < 0) throw new ArgumentError('Event.elapsedTime: expected two events of one device that were reached')
    return ms
  }

  #sameDevice(operation: string, stream: Stream): void {
    if (stream.device !== this.device)
      throw new DeviceError(`${operation}: expected a stream of ${this.device}, got one of ${stream.device}`)
  }
}

/** The stream that operators are asked of now. */
export function currentStream(device?: Device): Stream {
  const name = named('currentStream', device)
  return new Stream({ device: name }, native.currentStream(deviceCode(name)))
}

/**
 * Runs `body` with its operators asked of another stream. Where it uses tensors that other streams still write, wait for
 * those first (`stream.waitStream(currentStream())`), and the other way round afterwards.
 */
export function withStream<R>(stream: Stream, body: () => R): R {
  const code = deviceCode(stream.device)
  const before = native.currentStream(code)
  native.useStream(code, stream.id)
  try {
    return body()
  } finally {
    native.useStream(code, before)
  }
}
