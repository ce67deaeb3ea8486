/** Every error that Flambeau throws on purpose. Catch this class to catch them all. */
export class FlambeauError extends Error {
  override name = 'FlambeauError'
}

/** An argument that the operation cannot take: wrong shape, value, option or kind. */
export class ArgumentError extends FlambeauError {
  override name = 'ArgumentError'
}

/** Shapes that do not fit each other or the operation. */
export class ShapeError extends ArgumentError {
  override name = 'ShapeError'
}

/** A dtype that the operation does not support, or dtypes that do not fit each other. */
export class DTypeError extends ArgumentError {
  override name = 'DTypeError'
}

/** Tensors on different devices, or a device that is not there. */
export class DeviceError extends ArgumentError {
  override name = 'DeviceError'
}

/** An index or a dimension outside of its range. */
export class IndexError extends ArgumentError {
  override name = 'IndexError'
}

/** A matrix that an algorithm of linear algebra cannot take: singular, not positive-definite, or without convergence. */
export class LinAlgError extends ArgumentError {
  override name = 'LinAlgError'
}

/** A gradient that cannot be computed: no graph, a freed graph, or a value that was modified in place. */
export class AutogradError extends FlambeauError {
  override name = 'AutogradError'
}

/** A tensor that was used after `dispose()`. */
export class DisposedError extends FlambeauError {
  override name = 'DisposedError'
}

/** Memory that could not be allocated. */
export class OutOfMemoryError extends FlambeauError {
  override name = 'OutOfMemoryError'
}

/** A failure below Flambeau: the native library or an engine that it calls. */
export class NativeError extends FlambeauError {
  override name = 'NativeError'
}

/** A file that is not what it should be. */
export class FormatError extends FlambeauError {
  override name = 'FormatError'
}

/** A file that a server does not give, or not as it should be; `status` is what the server answered, where it did. */
export class DownloadError extends FlambeauError {
  override name = 'DownloadError'
  readonly url: string
  readonly status: number | undefined

  constructor(message: string, url: string, status?: number, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.url = url
    this.status = status
  }
}

/** A worker thread of a DataLoader that failed, died or did not answer; `cause` is the error thrown inside of it. */
export class WorkerError extends FlambeauError {
  override name = 'WorkerError'
  /** Which worker. */
  readonly worker: number
  /** The index of the sample that failed, or the indices of its batch. */
  readonly index: number | readonly number[] | null

  constructor(message: string, worker: number, index: number | readonly number[] | null = null, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.worker = worker
    this.index = index
  }
}

/**
 * Processes that could not work together: one is late, gone, or asked for something else. `kind` says which: a timeout, a
 * lost connection, or ranks that do not agree, after which the group goes on.
 */
export class DistributedError extends FlambeauError {
  override name = 'DistributedError'
  readonly kind: 'timeout' | 'connection' | 'mismatch'

  constructor(message: string, kind: 'timeout' | 'connection' | 'mismatch') {
    super(message)
    this.kind = kind
  }
}

/** A shape as messages have it: `[2, 3]`. */
export const formatShape = (shape: readonly number[]): string => `[${shape.join(', ')}]`

/** How a value reads in an error message: short, and never a whole tensor. */
export const describe = (value: unknown): string => describeAt(value, 0)

function describeAt(value: unknown, depth: number): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) {
    const text =
      value.length <= 30 && depth < 4 ? `[${value.map((item) => describeAt(item, depth + 1)).join(', ')}]` : ''
    return text !== '' && text.length <= 60 ? text : `an array of ${value.length}`
  }
  switch (typeof value) {
    case 'string':
      return value.length <= 60 ? `'${value}'` : `'${value.slice(0, 57)}…'`
    case 'bigint':
      return `${value}n`
    case 'function':
      return `function ${value.name || '(anonymous)'}`
    case 'object': {
      const { dtype, shape } = value as { dtype?: unknown; shape?: unknown }
      if (typeof dtype === 'string' && Array.isArray(shape)) return `a ${dtype} tensor of shape ${formatShape(shape)}`
      const name: unknown = value.constructor?.name
      return typeof name === 'string' && name !== 'Object' ? name : 'an object'
    }
    default:
      return String(value)
  }
}

/**
 * What an operator throws when an argument that no check foresaw made JavaScript itself fail: the library's own error,
 * with what happened as its cause. Any other error comes back as it is.
 */
export function unforeseen(operation: string, signature: string, args: readonly unknown[], error: unknown): unknown {
  // By name: an error of another realm is no instance of this one's classes.
  const name = typeof error === 'object' && error !== null && 'name' in error ? error.name : undefined
  if (name !== 'TypeError' && name !== 'RangeError' && name !== 'SyntaxError') return error
  const expected = signature.slice(signature.indexOf('('))
  return new ArgumentError(`${operation}: expected ${expected}, got (${args.map(describe).join(', ')})`, {
    cause: error,
  })
}
