// Turning a kernel's status into an error. The order of the codes is that of native/include/flambeau/status.h.
import { ArgumentError, DTypeError, type FlambeauError, IndexError, NativeError, OutOfMemoryError } from '../errors.js'
import { KERNEL_NAMES } from './kernelNames.gen.js'
import { native } from './native.js'

/** What a kernel found wrong with the values that it was given. */
export interface Failure {
  readonly code: (typeof CODES)[number]
  readonly position: number
  readonly value: number
  readonly limit: number
}

const CODES = [
  'ok',
  'no kernel',
  'unsupported dtype',
  'index out of range',
  'out of memory',
  'invalid value',
  'engine error',
  'singular',
] as const

/** The engines that are loaded on demand, and what they are for. */
const LIBRARIES = ['cuBLASLt (libcublasLt.so)', 'cuDNN (libcudnn.so)']

export const DTYPE_NAMES = [
  'float32',
  'float64',
  'float16',
  'bfloat16',
  'int8',
  'uint8',
  'int16',
  'int32',
  'int64',
  'bool',
  'complex64',
  'complex128',
  'complex32',
] as const

const words = new Float64Array(native.scratch)

/** An operator that is running may say what a failure of its kernel means in its own terms. */
let explain: ((failure: Failure) => FlambeauError) | null = null

/** Runs `body` so that a kernel's failure becomes the error that `explanation` makes of it. */
export function explaining<R>(explanation: (failure: Failure) => FlambeauError, body: () => R): R {
  const outer = explain
  explain = explanation
  try {
    return body()
  } finally {
    explain = outer
  }
}

/** What the operator that is running makes of failures, for a call that will run later. */
export const explanation = (): typeof explain => explain

/** What an engine below a kernel met; `limit` says what kind of failure (native/include/flambeau/status.h). */
function engineError(value: number, limit: number): string {
  if (limit === 1) return `the device failed with error ${value}; this process cannot use it any more`
  if (limit === 2)
    return `${LIBRARIES[value] ?? 'a library'} could not be loaded; install it, and name its folder in LD_LIBRARY_PATH or FLAMBEAU_CUDA_LIBRARIES`
  return `the engine below refused (code ${value})`
}

export function raise(kernel: string, explained = explain, device = 'this'): never {
  const failure: Failure = {
    code: CODES[words[0]] ?? 'engine error',
    position: words[1],
    value: words[2],
    limit: words[3],
  }
  if (explained && failure.code !== 'no kernel' && failure.code !== 'unsupported dtype') throw explained(failure)
  const { position, value, limit } = failure
  switch (failure.code) {
    case 'no kernel':
      throw new NativeError(`${kernel} has no ${device.replace(/:\d+$/, '')} kernel; move the tensor to cpu`)
    case 'unsupported dtype':
      throw new DTypeError(`${kernel}: not implemented for ${DTYPE_NAMES[value] ?? `dtype ${value}`}`)
    case 'index out of range':
      throw new IndexError(`${kernel}: index ${value} at position ${position} is out of range for size ${limit}`)
    case 'out of memory':
      throw new OutOfMemoryError(`${kernel}: could not allocate a workspace of ${value} bytes`)
    case 'invalid value':
      throw new ArgumentError(`${kernel}: element ${position} holds a value outside of the operator's domain`)
    case 'singular':
      throw new ArgumentError(`${kernel}: matrix ${position} of the batch is singular`)
    case 'ok':
    case 'engine error':
      throw new NativeError(`${kernel}: ${engineError(value, limit)}`)
    default:
      throw new NativeError(`${kernel}: failed with ${failure.code satisfies never}`)
  }
}

/** Throws what an asynchronous device reported: an earlier call's failure, found at this synchronisation. */
export function checkStatus(operation: string): void {
  if (words[0] === 0) return
  // The kernel that failed, where the device ran it later.
  const kernel = KERNEL_NAMES[words[4]]
  if (kernel === undefined || kernel === operation) raise(operation)
  // What runs now has nothing to say about it.
  raise(`${kernel} (found by ${operation})`, null)
}
