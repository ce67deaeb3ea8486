// The addon's failures as errors of ours.
import { ArgumentError, DistributedError, describe } from '../errors.js'

/** Runs `body`; what the addon throws is named after `operation`. */
export function guarded<R>(operation: string, body: () => R): R {
  try {
    return body()
  } catch (error) {
    throw failure(operation, error)
  }
}

/** The error that stands for what the addon threw. */
export function failure(operation: string, error: unknown): unknown {
  const { code, message } = (typeof error === 'object' && error !== null ? error : {}) as {
    code?: unknown
    message?: unknown
  }
  const text = `${operation}: ${String(message)}`
  if (code === 'timeout' || code === 'connection' || code === 'mismatch') return new DistributedError(text, code)
  if (code === 'argument') return new ArgumentError(text)
  return error
}

/** The longest time that may be given: about 34 years. */
const LONGEST = 2 ** 40

/** Throws unless `value` is a time in milliseconds. */
export function checkTimeout(operation: string, value: unknown): number {
  if (typeof value !== 'number' || !(value > 0))
    throw new ArgumentError(
      `${operation}: expected a positive number of milliseconds for timeout, got ${describe(value)}`,
    )
  return Math.ceil(Math.min(value, LONGEST))
}

/** Throws unless `value` is an integer from `low` to `high`. */
export function checkInteger(operation: string, name: string, value: unknown, low: number, high: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < low || value > high)
    throw new ArgumentError(
      `${operation}: expected an integer from ${low} to ${high} for ${name}, got ${describe(value)}`,
    )
  return value
}
