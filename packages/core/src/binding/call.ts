// Writing a kernel call's arguments into the scratch array that C++ shares (native/include/flambeau/call.h reads it).
import { DeviceError, DisposedError, NativeError, ShapeError } from '../errors.js'
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

/** Bytes of the storages that this environment holds (kLiveBytesWord in native/src/napi/environment.h). */
export const liveBytes = (): number => words[words.length - 1]

const handles: (Handle | undefined)[] = new Array(64)
/** Bytes an element, by dtype code. */
const ELEMENT_SIZES = [4, 8, 2, 2, 1, 1, 2, 4, 8, 1, 8, 16]
let at = 0
let count = 0

/** Whether the kernel being called takes blocked layouts. */
let layouts = false

/** The device of the call, and the first other one among its tensors. */
let device = ''
let stray: string | null = null

/** Starts a call whose first result is `out`. False for a meta tensor: its shape is all there is to compute. */
export function begin(out: TensorArg | undefined, takesLayouts: boolean): boolean {
  layouts = takesLayouts
  at = 0
  count = 0
  stray = null
  if (out === undefined) return false
  device = out.storage.device
  return !out.storage.meta
}

export function writeTensor(t: TensorArg): void {
  const { storage, shape, strides } = t
  const { handle } = storage
  if (handle === null) throw new DisposedError('a tensor was used after dispose()')
  if (storage.layout !== 0 && !layouts)
    throw new NativeError('a blocked tensor was given to a kernel that takes strided ones')
  if (storage.device !== device) stray ??= storage.device
  handles[count++] = handle
  const ndim = shape.length
  if (ndim > MAX_DIMS) throw new ShapeError(`expected at most ${MAX_DIMS} dimensions, got ${ndim}`)
  if (at + 4 + 2 * ndim > words.length - 1) throw tooLong()
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
  if (at + list.length + 1 > words.length - 1) throw tooLong()
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
  const h = handles as Handle[]
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
  // Not kept alive by the next caller's luck.
  for (let i = 0; i < count; i++) handles[i] = undefined
  if (words[0] !== 0) raise(name)
}

function tooLong(): NativeError {
  return new NativeError(`a kernel call with more than ${words.length} words; split the list of tensors`)
}
