// Checks that many operators share.
import { ArgumentError, DTypeError, ShapeError, Tensor } from '@flambeau/core'
import { describe, formatShape } from '@flambeau/core/errors'

/** Throws unless `value` is a whole number of at least `least`. */
export function whole(operation: string, name: string, value: unknown, least = 1): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least)
    throw new ArgumentError(`${operation}: expected ${name} to be a whole number ≥ ${least}, got ${describe(value)}`)
  return value
}

/** Throws unless `value` is a finite number above 0: a sample rate, a frequency. */
export function positive(operation: string, name: string, value: unknown): number {
  if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0)
    throw new ArgumentError(`${operation}: expected ${name} to be a number above 0, got ${describe(value)}`)
  return value
}

/** Throws unless `value` is one of `allowed`. */
export function oneOf<T extends string>(operation: string, name: string, value: unknown, allowed: readonly T[]): T {
  const found = allowed.find((a) => a === value)
  if (found === undefined)
    throw new ArgumentError(
      `${operation}: expected ${name} to be one of ${allowed.map((a) => `'${a}'`).join(', ')}, got ${describe(value)}`,
    )
  return found
}

/** Throws unless `t` is a floating-point tensor of at least `ndim` dimensions. */
export function floating(operation: string, name: string, t: Tensor, ndim = 1): Tensor {
  if (!(t instanceof Tensor))
    throw new ArgumentError(`${operation}: expected ${name} to be a tensor, got ${describe(t)}`)
  if (!t.isFloatingPoint())
    throw new DTypeError(
      `${operation}: expected ${name} of a floating-point dtype, got ${t.dtype}; convert it with to()`,
    )
  if (t.ndim < ndim)
    throw new ShapeError(
      `${operation}: expected ${name} of at least ${ndim} dimensions, got shape ${formatShape(t.shape)}`,
    )
  return t
}

/** All but the last `count` dimensions as one, and what undoes that. */
export function packed(t: Tensor, count: number): { batch: Tensor; unpack: (result: Tensor) => Tensor } {
  const lead = t.shape.slice(0, t.ndim - count)
  const rest = t.shape.slice(t.ndim - count)
  const size = lead.reduce((n, s) => n * s, 1)
  return {
    batch: t.reshape([size, ...rest]),
    unpack: (result) => result.reshape([...lead, ...result.shape.slice(1)]),
  }
}
