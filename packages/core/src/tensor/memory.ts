// Memory and threads as the user sees and steers them.
import { native } from '../binding/native.js'
import { checkStatus } from '../binding/status.js'
import { ArgumentError, describe } from '../errors.js'
import { collectGarbage } from './collect.js'
import { checkDevice, type Device, deviceCode } from './device.js'
import { scope, Tensor } from './tensor.js'

/** What a device's memory is used for, in bytes. */
export interface MemoryUse {
  /** Held by tensors. */
  readonly inUse: number
  /** Free, and kept for the next tensors. */
  readonly cached: number
  /** The most that was in use at once. */
  readonly peak: number
  /** How many times memory was asked for. */
  readonly allocations: number
}

/** How much memory tensors hold on a device, in this process. */
export function memory(device: Device = 'cpu'): MemoryUse {
  const code = deviceCode(checkDevice('memory', device))
  return code < 0 ? { inUse: 0, cached: 0, peak: 0, allocations: 0 } : native.memory(code)
}

/** Collects garbage now: memory of tensors that nothing refers to is free afterwards. */
export function collect(): void {
  collectGarbage()
}

/** Gives memory that was kept for reuse back to the system. */
export function emptyCache(device: Device = 'cpu'): void {
  const code = deviceCode(checkDevice('emptyCache', device))
  if (code >= 0) native.emptyCache(code)
}

/** Waits until a device has done all that was asked of it; an error that it met is thrown here. */
export function synchronize(device: Device = 'cpu'): void {
  const code = deviceCode(checkDevice('synchronize', device))
  if (code < 0) return
  native.synchronize(code)
  checkStatus('synchronize')
}

/** How many threads kernels of this JavaScript thread use. */
export const getNumThreads = (): number => native.getNumThreads()

/** Sets how many threads kernels of this JavaScript thread use. */
export function setNumThreads(n: number): void {
  if (!Number.isInteger(n) || n < 1 || n > 4096)
    throw new ArgumentError(`setNumThreads: expected an integer in [1, 4096], got ${describe(n)}`)
  native.setNumThreads(n)
}

/** Takes a tensor out of the open scope of `tidy`: it lives on. @returns the tensor */
export function keep<T extends Tensor>(t: T): T {
  if (!Tensor.is(t)) throw new ArgumentError(`keep: expected a tensor, got ${describe(t)}`)
  for (let open = innermost; open !== null; open = open.outer) {
    const at = open.tensors.lastIndexOf(t)
    if (at >= 0) open.tensors.splice(at, 1)
  }
  return t
}

interface Scope {
  readonly tensors: Tensor[]
  readonly outer: Scope | null
}
let innermost: Scope | null = null

/** Tensors in a result: itself, or inside of arrays, maps, sets and plain objects. */
function gather(value: unknown, into: Set<Tensor>, seen: Set<object>): void {
  if (typeof value !== 'object' || value === null || seen.has(value)) return
  seen.add(value)
  if (value instanceof Tensor) {
    into.add(value)
    // A view's history is that of its base, and a leaf's gradient is reached through it.
    if (value.viewOf !== null) into.add(value.viewOf.base)
    if (value.gradValue !== null) into.add(value.gradValue)
    return
  }
  if (Array.isArray(value) || value instanceof Set) for (const v of value) gather(v, into, seen)
  else if (value instanceof Map) for (const v of value.values()) gather(v, into, seen)
  else if (!ArrayBuffer.isView(value)) for (const v of Object.values(value)) gather(v, into, seen)
}

/**
 * Runs `body` and disposes the tensors made inside, but for those in its result and those given to `keep`. Gradients of
 * leaves and values that a graph saved live on.
 *
 * @param body a synchronous function; scopes nest, and what an inner one returns belongs to the outer one
 * @throws ArgumentError when `body` returns a promise
 * @example
 * ```ts
 * import { memory, ones, tidy } from '@flambeau/core'
 * const before = memory().inUse
 * tidy(() => ones([1000]).add(1).mul(2)).dispose()
 * console.log(memory().inUse === before) // → true
 * ```
 */
export function tidy<R>(body: () => R): R {
  const outer = innermost
  const own: Scope = { tensors: [], outer }
  innermost = own
  scope.tensors = own.tensors
  const kept = new Set<Tensor>()
  try {
    const result = body()
    if (
      result instanceof Promise ||
      (typeof result === 'object' && result !== null && 'then' in result && typeof result.then === 'function')
    )
      throw new ArgumentError(
        'tidy: expected a synchronous function; put tidy around the synchronous parts of the asynchronous one',
      )
    gather(result, kept, new Set())
    return result
  } finally {
    innermost = outer
    scope.tensors = outer?.tensors ?? null
    for (const t of own.tensors) {
      if (!kept.has(t)) t.dispose()
      else if (outer !== null) outer.tensors.push(t)
    }
  }
}
