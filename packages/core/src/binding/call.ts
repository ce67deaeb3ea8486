// Writing a kernel call's arguments into the scratch array that C++ shares (native/include/flambeau/call.h reads it).
import { ArgumentError, DeviceError, DisposedError, DTypeError, NativeError, ShapeError } from '../errors.js'
import { type Handle, native } from './native.js'
import { raise } from './status.js'

/** A number for a kernel, as promotion has left it. */
export type Scalar = number | bigint | boolean | Complex

export interface Complex {
  readonly re: number
  readonly im: number
}

/** What a kernel sees of a tensor. */
export interface TensorArg {
  readonly storage: {
    readonly handle: Handle | null
    readonly device: string
    readonly base: number
    readonly meta: boolean
    readonly layout: number
  }
  readonly code: number
  readonly shape: readonly number[]
  readonly strides: readonly number[]
  readonly offset: number
}

const words = new Float64Array(native.scratch)
/** kMaxDims in native/include/flambeau/call.h: a kernel's arrays hold no more. */
const MAX_DIMS = 16

/** Words that a call may fill; the one after them is not for calls. */
const LIMIT = words.length - 1

/** Bytes of the storages that this environment holds (kLiveBytesWord in native/src/napi/environment.h). */
export const liveBytes = (): number => words[LIMIT]

/** A kernel call as data: what was written, to be run again with other storages. */
export interface RecordedCall {
  readonly kernel: number
  readonly name: string
  /** Byte offsets count from the beginning of their storage. */
  readonly words: Float64Array
  /** The storage of each tensor, in order, and where its byte offset is among the words. */
  readonly storages: readonly TensorArg['storage'][]
  readonly places: readonly number[]
}

/** Sees what the host does with the memory of tensors, while it is set. */
export interface Observer {
  /** Whether calls are kept for later instead of run. */
  readonly defers: boolean
  called(call: RecordedCall): void
  /** A storage was allocated, with nothing in it yet. */
  made(storage: TensorArg['storage']): void
  /** Values were read back, by the named operation. */
  read(operation: string): void
  /** The host wrote values. */
  wrote(storage: TensorArg['storage']): void
  /** `to` has taken over the memory of `from`. */
  moved(from: TensorArg['storage'], to: TensorArg['storage']): void
}

export const observed: { by: Observer | null } = { by: null }
const seen: TensorArg['storage'][] = []
const places: number[] = []

const handles: (Handle | undefined)[] = new Array(64)
/** Bytes an element, by dtype code. */
const ELEMENT_SIZES = [4, 8, 2, 2, 1, 1, 2, 4, 8, 1, 8, 16, 4]
const COMPLEX32 = 12
let at = 0
let count = 0

/** Whether the kernel being called takes blocked layouts. */
let layouts = false
/** Whether it takes complex32, and whether it was given it all the same. */
let halves = false
let refusesHalves = false

/** The device of the call, and the first other one among its tensors. */
let device = ''
let stray: string | null = null

/** Starts a call whose first result is `out`. False for a meta tensor: its shape is all there is to compute. */
export function begin(out: TensorArg | undefined, takesLayouts: boolean, takesComplex32: boolean): boolean {
  layouts = takesLayouts
  halves = takesComplex32
  refusesHalves = false
  at = 0
  count = 0
  stray = null
  if (observed.by !== null) {
    seen.length = 0
    places.length = 0
  }
  if (out === undefined) return false
  device = out.storage.device
  return !out.storage.meta
}

export function writeTensor(t: TensorArg): void {
  const { storage, shape, strides } = t
  const { handle } = storage
  if (storage.layout < 0) throw new ArgumentError('expected a strided tensor, got a sparse one; use toDense()')
  if (handle === null) throw new DisposedError('a tensor was used after dispose()')
  if (storage.layout !== 0 && !layouts)
    throw new NativeError('a blocked tensor was given to a kernel that takes strided ones')
  if (storage.device !== device) stray ??= storage.device
  if (t.code === COMPLEX32 && (!halves || device.startsWith('cuda'))) refusesHalves = true
  handles[count++] = handle
  if (observed.by !== null) {
    seen.push(storage)
    places.push(at + 2)
  }
  const ndim = shape.length
  if (ndim > MAX_DIMS) throw new ShapeError(`expected at most ${MAX_DIMS} dimensions, got ${ndim}`)
  if (at + 4 + 2 * ndim > LIMIT) throw tooLong()
  words[at] = t.code
  words[at + 1] = storage.layout
  words[at + 2] = storage.base + t.offset * ELEMENT_SIZES[t.code]
  words[at + 3] = ndim
  at += 4
  for (let i = 0; i < ndim; i++) words[at + i] = shape[i]
  at += ndim
  for (let i = 0; i < ndim; i++) words[at + i] = strides[i]
  at += ndim
}

export function writeOptionalTensor(t: TensorArg | null): void {
  if (t === null) words[at++] = -1
  else writeTensor(t)
}

export function writeTensors(list: readonly TensorArg[]): void {
  words[at++] = list.length
  for (let i = 0; i < list.length; i++) writeTensor(list[i])
}

export function writeNumber(value: number): void {
  words[at++] = value
}

export function writeBoolean(value: boolean): void {
  words[at++] = value ? 1 : 0
}

export function writeNumbers(list: readonly number[]): void {
  if (at + list.length + 1 > LIMIT) throw tooLong()
  words[at++] = list.length
  for (let i = 0; i < list.length; i++) words[at++] = list[i]
}

export function writeScalar(value: Scalar): void {
  if (typeof value === 'number') {
    words[at] = 0
    words[at + 1] = value
    words[at + 2] = 0
  } else if (typeof value === 'bigint') {
    // Two exact halves, so that all 64 bits arrive.
    words[at] = 1
    words[at + 1] = Number(BigInt.asIntN(32, value >> 32n))
    words[at + 2] = Number(value & 0xffffffffn)
  } else if (typeof value === 'boolean') {
    words[at] = 2
    words[at + 1] = value ? 1 : 0
    words[at + 2] = 0
  } else {
    words[at] = 3
    words[at + 1] = value.re
    words[at + 2] = value.im
  }
  at += 3
}

export function writeScalars(list: readonly Scalar[]): void {
  words[at++] = list.length
  for (let i = 0; i < list.length; i++) writeScalar(list[i])
}

/** Runs the kernel on what was written; a failure becomes an error that names it. */
export function invoke(kernel: number, name: string): void {
  if (stray !== null) throw new DeviceError(`${name}: expected tensors on one device, got ${device} and ${stray}`)
  if (refusesHalves)
    throw new DTypeError(`${name}: not implemented for complex32 on ${device}; compute in complex64 (cfloat)`)
  const call = observed.by === null ? null : recorded(kernel, name)
  send(kernel, at, handles as Handle[], count)
  // Not kept alive by the next caller's luck.
  for (let i = 0; i < count; i++) handles[i] = undefined
  if (words[0] !== 0) raise(name, undefined, device)
  if (call !== null) observed.by?.called(call)
}

/** The call that stands in the scratch array, which will hold its status next. */
function recorded(kernel: number, name: string): RecordedCall {
  const copy = words.slice(0, at)
  for (const [i, place] of places.entries()) copy[place] -= seen[i].base
  return { kernel, name, words: copy, storages: [...seen], places: [...places] }
}

/** Runs a recorded call on other storages, one for each of its tensors. */
export function repeat(
  { kernel, name, words: written, places: at }: RecordedCall,
  storages: readonly TensorArg['storage'][],
): void {
  words.set(written)
  const h: Handle[] = []
  for (let i = 0; i < storages.length; i++) {
    const { handle, base } = storages[i]
    if (handle === null) throw new DisposedError(`${name}: a tensor was used after dispose()`)
    words[at[i]] += base
    h.push(handle)
  }
  send(kernel, written.length, h, h.length)
  if (words[0] !== 0) raise(name)
}

function send(kernel: number, at: number, h: readonly Handle[], count: number): void {
  switch (count) {
    case 1:
      native.call(kernel, at, h[0])
      break
    case 2:
      native.call(kernel, at, h[0], h[1])
      break
    case 3:
      native.call(kernel, at, h[0], h[1], h[2])
      break
    case 4:
      native.call(kernel, at, h[0], h[1], h[2], h[3])
      break
    default:
      native.call(kernel, at, ...h.slice(0, count))
  }
}

function tooLong(): NativeError {
  return new NativeError(`a kernel call with more than ${words.length} words; split the list of tensors`)
}
