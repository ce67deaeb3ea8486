// How a lazy module turns into the one that it stands for.
import { noGrad } from '../autograd/mode.js'
import type { AnyModule } from './module.js'
import { isLazy } from './uninitialized.js'

/** Whether one of a module's own parameters or buffers has no shape yet. */
export function hasUninitialized(module: AnyModule): boolean {
  for (const [, parameter] of module.ownParameters()) if (isLazy(parameter)) return true
  for (const [, buffer] of module.ownBuffers()) if (isLazy(buffer)) return true
  return false
}

/**
 * Before the first forward: gives parameters their shape and the module its final class, as PyTorch does. The object
 * stays the same, so whoever holds it has the finished module.
 */
export function become(module: AnyModule, Final: { readonly prototype: object }, initialize: () => void): void {
  if (Object.getPrototypeOf(module) === Final.prototype) return
  noGrad(initialize)
  Object.setPrototypeOf(module, Final.prototype)
}
