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

/** How a value reads in an error message: short, and never a whole tensor. */
export function describe(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) {
    const text = JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? `${v}n` : v)) ?? 'an array'
    return text.length <= 60 ? text : `an array of ${value.length}`
  }
  switch (typeof value) {
    case 'string':
      return value.length <= 60 ? `'${value}'` : `'${value.slice(0, 57)}…'`
    case 'bigint':
      return `${value}n`
    case 'function':
      return `function ${value.name || '(anonymous)'}`
    case 'object': {
      const name: unknown = value.constructor?.name
      return typeof name === 'string' && name !== 'Object' ? name : 'an object'
    }
    default:
      return String(value)
  }
}
