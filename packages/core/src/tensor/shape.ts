import { ArgumentError, describe, formatShape, IndexError, ShapeError } from '../errors.js'

export { formatShape }

/** The most dimensions a tensor may have (kMaxDims in native/include/flambeau/call.h). */
export const MAX_DIMS = 16

export const numelOf = (shape: readonly number[]): number => {
  let n = 1
  for (let i = 0; i < shape.length; i++) n *= shape[i]
  return n
}

/** Row-major strides, in elements. A dimension of size 0 counts as 1, as PyTorch has it. */
export function contiguousStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length)
  let stride = 1
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = stride
    if (shape[i] > 1) stride *= shape[i]
  }
  return strides
}

export function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1
  for (let i = shape.length - 1; i >= 0; i--) {
    const size = shape[i]
    if (size !== 1) {
      if (strides[i] !== expected) return shape.includes(0)
      expected *= size
    }
  }
  return true
}

export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  if (a === b) return true
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** The shape that both broadcast to. */
export function broadcastShapes(operation: string, a: readonly number[], b: readonly number[]): readonly number[] {
  if (sameShape(a, b)) return a
  const ndim = Math.max(a.length, b.length)
  const shape = new Array<number>(ndim)
  for (let i = 1; i <= ndim; i++) {
    const x = i <= a.length ? a[a.length - i] : 1
    const y = i <= b.length ? b[b.length - i] : 1
    if (x !== y && x !== 1 && y !== 1)
      throw new ShapeError(
        `${operation}: expected shapes that broadcast, got ${formatShape(a)} and ${formatShape(b)} (${x} and ${y} at dimension ${-i})`,
      )
    shape[ndim - i] = x === 1 ? y : x
  }
  return shape
}

/** The strides that read a tensor of `shape` as if it had the broadcast shape `to`. */
export function broadcastStrides(
  shape: readonly number[],
  strides: readonly number[],
  to: readonly number[],
): readonly number[] {
  if (sameShape(shape, to)) return strides
  const lead = to.length - shape.length
  const result = new Array<number>(to.length).fill(0)
  for (let i = 0; i < shape.length; i++) result[lead + i] = shape[i] === 1 && to[lead + i] !== 1 ? 0 : strides[i]
  return result
}

/** A dimension in [0, ndim), from one that may be negative. A scalar has the dimensions 0 and -1. */
export function wrapDim(operation: string, dim: unknown, ndim: number, name = 'dim'): number {
  if (typeof dim !== 'number' || !Number.isInteger(dim))
    throw new ArgumentError(`${operation}: expected an integer for ${name}, got ${describe(dim)}`)
  const range = Math.max(ndim, 1)
  if (dim < -range || dim >= range)
    throw new IndexError(
      `${operation}: expected ${name} in [${-range}, ${range - 1}] for a tensor of ${ndim} dimensions, got ${dim}`,
    )
  return dim < 0 ? dim + range : dim
}

/** Distinct dimensions in [0, ndim), ascending; every dimension for null, undefined and, unless `emptyIsAll` is false, []. */
export function wrapDims(operation: string, dims: unknown, ndim: number, emptyIsAll = true): number[] {
  if (dims === null || dims === undefined) return Array.from({ length: ndim }, (_, i) => i)
  const list = Array.isArray(dims) ? dims : [dims]
  if (list.length === 0 && emptyIsAll) return Array.from({ length: ndim }, (_, i) => i)
  const seen = new Set<number>()
  for (const dim of list) {
    const wrapped = wrapDim(operation, dim, ndim)
    if (seen.has(wrapped)) throw new ArgumentError(`${operation}: dim ${dim} appears twice in ${describe(dims)}`)
    seen.add(wrapped)
  }
  return [...seen].sort((a, b) => a - b)
}

/** Throws unless `shape` is a list of sizes that a tensor can have. */
export function checkShape(operation: string, shape: unknown): readonly number[] {
  if (!Array.isArray(shape))
    throw new ShapeError(`${operation}: expected a shape such as [2, 3], got ${describe(shape)}`)
  if (shape.length > MAX_DIMS)
    throw new ShapeError(`${operation}: expected at most ${MAX_DIMS} dimensions, got ${shape.length}`)
  for (const size of shape)
    if (typeof size !== 'number' || !Number.isInteger(size) || size < 0)
      throw new ShapeError(`${operation}: expected sizes that are integers ≥ 0, got ${describe(shape)}`)
  if (numelOf(shape) > 2 ** 48)
    throw new ShapeError(`${operation}: a tensor of shape ${formatShape(shape)} is too large`)
  return shape as number[]
}
