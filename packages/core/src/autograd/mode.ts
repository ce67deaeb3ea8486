import { ArgumentError } from '../errors.js'

/** Whether operators are recorded; read on every operator's way. */
export const gradMode = { enabled: true, inference: false }

/** Ends a mode: call `dispose`, or let `using` do it. */
export interface ModeGuard extends Disposable {
  dispose(): void
}

function enter(enabled: boolean, inference: boolean): ModeGuard {
  const before = { ...gradMode }
  gradMode.enabled = enabled
  gradMode.inference = inference
  const dispose = () => {
    Object.assign(gradMode, before)
  }
  return { dispose, [Symbol.dispose]: dispose }
}

function within<R>(name: string, guard: ModeGuard, body: (() => R) | undefined): R | ModeGuard {
  if (body === undefined) return guard
  try {
    const result = body()
    // The mode is the thread's, not the promise's: what runs after the first await would silently be recorded.
    if (result instanceof Promise)
      throw new ArgumentError(
        `${name}: expected a synchronous function; put ${name} around the synchronous parts of the asynchronous one`,
      )
    return result
  } finally {
    guard.dispose()
  }
}

/**
 * Runs `body` without recording operators for `backward()`; without `body`, until the returned guard is disposed.
 *
 * @throws ArgumentError when `body` returns a promise
 * @example
 * ```ts
 * import { noGrad, ones } from '@flambeau/core'
 * const w = ones([2]).requiresGrad_()
 * console.log(noGrad(() => w.mul(2)).requiresGrad) // → false
 * ```
 */
export function noGrad(): ModeGuard
export function noGrad<R>(body: () => R): R
export function noGrad<R>(body?: () => R): R | ModeGuard {
  return within('noGrad', enter(false, gradMode.inference), body)
}

/** Records operators again inside of `noGrad`. @see noGrad */
export function enableGrad(): ModeGuard
export function enableGrad<R>(body: () => R): R
export function enableGrad<R>(body?: () => R): R | ModeGuard {
  return within('enableGrad', enter(true, false), body)
}

/** Like `noGrad`, and tensors made inside can never become part of a graph. @see noGrad */
export function inferenceMode(): ModeGuard
export function inferenceMode<R>(body: () => R): R
export function inferenceMode<R>(body?: () => R): R | ModeGuard {
  return within('inferenceMode', enter(false, true), body)
}

/** Turns recording on or off until changed again. */
export function setGradEnabled(enabled: boolean): ModeGuard {
  return enter(enabled, gradMode.inference)
}

/** Whether operators are being recorded. */
export const isGradEnabled = (): boolean => gradMode.enabled
/** Whether `inferenceMode` is on. */
export const isInferenceModeEnabled = (): boolean => gradMode.inference
