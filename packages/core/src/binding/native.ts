import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { NativeError } from '../errors.js'
import type { DistributedNative } from './distributed.js'
import { FINGERPRINT } from './fingerprint.gen.js'

/** A native storage, opaque to JavaScript. The collector frees it inside a collection. */
export interface Handle {
  readonly __handle: unique symbol
}

/** Kernel calls that wait to be run, opaque to JavaScript. */
export interface DeferredCalls {
  readonly __calls: unique symbol
}

/** What the addon exports (native/src/napi/module.cpp). */
export interface Native {
  readonly scratch: ArrayBuffer
  /** Of the declarations that it was built with. */
  readonly fingerprint: string
  /** Floats in a block of channels of the layout that convolutions are fastest in; 0 where there is none. */
  readonly preferredBlock: number
  call(kernel: number, words: number, ...handles: Handle[]): void
  /** From now on, calls are kept. */
  defer(): void
  /** Calls run at once again; gives what was kept. */
  keepDeferred(): DeferredCalls
  /** Runs kept calls, once, on another thread; then `done` here, with the status and the position of what failed. */
  runDeferred(calls: DeferredCalls, done: (failed: number) => void): void
  allocate(device: number, nbytes: number): Handle | undefined
  dispose(handle: Handle): void
  /** The first bytes (at least one) of an open file as private memory; the system's error number where that fails. */
  mapFile(fd: number, nbytes: number): Handle | number
  /** Page-locked memory for the CUDA device with this number; undefined when there is no more. */
  allocatePinned(device: number, nbytes: number): Handle | undefined
  isPinned(handle: Handle): boolean
  /** The device that `to` is on copies from pinned memory when it comes to it. */
  copyPinned(to: Handle, toOffset: number, from: Handle, fromOffset: number, nbytes: number): void
  /** A part of the memory of another handle, which it keeps alive. */
  part(handle: Handle, byteOffset: number, nbytes: number): Handle
  read(handle: Handle, byteOffset: number, into: ArrayBufferView): void
  write(handle: Handle, byteOffset: number, from: ArrayBufferView): void
  share(handle: Handle): ArrayBuffer | undefined
  detach(buffer: ArrayBuffer): void
  /** Where other threads may send storages to this one. */
  openChannel(): number
  /** Frees what was sent and not received; what is sent later is dropped. */
  closeChannel(channel: number): void
  /** A token that the thread which opened the channel exchanges, once, for a handle of its own. */
  sendStorage(handle: Handle, channel: number): number
  receiveStorage(token: number): Handle | undefined
  /** How many CUDA devices there are, and why there is none. */
  cuda(): { readonly devices: number; readonly reason: string }
  /** Of a device with streams; capability is ten times the major number, and the minor one. */
  deviceInfo(device: number): { name: string; totalMemory: number; capability: number; multiprocessors: number }
  /** 0: products of float32 may round to TF32; 1: convolutions may. */
  setDeviceOption(device: number, option: number, value: boolean): void
  resetPeak(device: number): void
  /** Streams and events are numbers; stream 0 is there from the beginning. -1 where none can be made. */
  makeStream(device: number): number
  currentStream(device: number): number
  useStream(device: number, stream: number): void
  synchronizeStream(device: number, stream: number): void
  makeEvent(device: number): number
  destroyEvent(device: number, event: number): void
  recordEvent(device: number, event: number, stream: number): void
  waitEvent(device: number, event: number, stream: number): void
  synchronizeEvent(device: number, event: number): void
  eventDone(device: number, event: number): boolean
  /** Milliseconds between two events; negative where one is not done. */
  elapsed(device: number, from: number, to: number): number
  memory(device: number): { inUse: number; cached: number; peak: number; allocations: number }
  emptyCache(device: number): void
  synchronize(device: number): void
  /** Stores and process groups. */
  readonly distributed: DistributedNative
  setNumThreads(n: number): void
  getNumThreads(): number
}

const require = createRequire(import.meta.url)
const here = dirname(fileURLToPath(import.meta.url))

/** The places an addon may be in, in the order in which they are tried. */
function candidates(): string[] {
  const override = process.env.FLAMBEAU_NATIVE
  if (override) return [override]
  const { platform, arch } = process
  return [
    join(here, '../../../../native/build/Release/flambeau.node'), // a build in the repository
    `@flambeau/native-${platform}-${arch}`,
  ]
}

/** Where the addon was found. */
let folder = ''

function load(): Native {
  const tried: string[] = []
  for (const candidate of candidates()) {
    try {
      const addon = require(candidate) as Native
      folder = dirname(require.resolve(candidate))
      if (addon.fingerprint !== FINGERPRINT)
        throw new Error('it was built from other sources than this package; build or install both anew')
      return addon
    } catch (error) {
      const message =
        error instanceof Error || (typeof error === 'object' && error !== null && 'message' in error)
          ? String(error.message)
          : String(error)
      tried.push(`${candidate}: ${message.split('\n')[0]}`)
    }
  }
  const { platform, arch } = process
  throw new NativeError(
    [
      `could not load Flambeau's native library for ${platform} ${arch}. Tried:`,
      ...tried.map((line) => `  - ${line}`),
      'Possible solutions:',
      `  - install the prebuilt binary: npm install @flambeau/native-${platform}-${arch}`,
      '  - do not install with --omit=optional or --no-optional, and do not copy node_modules between platforms',
      "  - build it from a clone of Flambeau's repository: npm run build",
      '  - set FLAMBEAU_NATIVE to the path of a flambeau.node that you built',
    ].join('\n'),
  )
}

export const native: Native = load()

/**
 * An addon that was built with the native library and lies beside it, or undefined where it was not.
 *
 * @throws NativeError where it is there and cannot be loaded
 */
export function loadBeside(file: string): unknown {
  const path = join(folder, file)
  if (!existsSync(path)) return undefined
  try {
    return require(path)
  } catch (error) {
    throw new NativeError(`could not load ${path}: ${error instanceof Error ? error.message : String(error)}`)
  }
}
