import { ArgumentError, describe } from '../../errors.js'
import { allocate } from '../../tensor/create.js'
import type { Device } from '../../tensor/device.js'
import { type AnyModule, Module } from '../module.js'

/**
 * Makes a module without computing its starting values: its parameters hold whatever the memory held, and no random
 * numbers are drawn. For layers whose values are loaded or set right after.
 *
 * @param module the class
 * @param args the arguments of its constructor; the last may be its options
 * @example
 * ```ts
 * import { nn } from '@flambeau/core'
 * console.log(nn.utils.skipInit(nn.Linear, 3, 5, { bias: false }).weight.shape) // → [ 5, 3 ]
 * ```
 */
export function skipInit<Args extends unknown[], M extends AnyModule>(
  module: new (...args: Args) => M,
  ...args: Args
): M {
  const last = args.at(-1)
  const given = typeof last === 'object' && last !== null && Object.getPrototypeOf(last) === Object.prototype
  const options: { device?: Device } = given ? { ...last } : {}
  const device = options.device ?? 'cpu'
  const positional = given ? args.slice(0, -1) : args
  const made: unknown = Reflect.construct(module, [...positional, { ...options, device: 'meta' }])
  if (!(made instanceof Module))
    throw new ArgumentError(`skipInit: expected a class of modules, got ${describe(module)}`)
  made.mapTensors((t) => allocate(t.shape, t.dtype, device))
  return made as M
}
