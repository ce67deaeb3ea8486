// Operators become methods of Tensor: `x.add(y)` is `add(x, y)`, `x.add_(y)` its in-place form.
import { ArgumentError, describe } from '../errors.js'
import { Tensor } from '../tensor/tensor.js'
import { inplace } from './inplace.js'
import type { AnyOp } from './record.js'

/** The methods that a module of operators gives: those whose first argument is a tensor. */
export type Methods<M> = {
  [K in keyof M as M[K] extends { readonly method: true } ? K : never]: M[K] extends (
    self: Tensor,
    ...rest: infer A
  ) => infer R
    ? (...rest: A) => R
    : never
} & {
  [K in keyof M as M[K] extends { readonly inplace: true } ? `${K & string}_` : never]: M[K] extends (
    self: Tensor,
    ...rest: infer A
  ) => unknown
    ? (...rest: A) => Tensor
    : never
}

/** Puts a module's operators on Tensor's prototype. */
export function attach(module: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(module)) {
    if (typeof value !== 'function' || !('record' in value)) continue
    const op = value as AnyOp
    // A leading underscore marks what only other operators call.
    if (!op.method || /^_[^_]/.test(op.record.name)) continue
    define(name, function (this: Tensor, ...rest: unknown[]) {
      if (!(this instanceof Tensor))
        throw new ArgumentError(`${name}: expected a tensor for this, got ${describe(this)}`)
      // Most take none or one more, and a spread costs as much as a small kernel.
      return op.run(rest.length === 1 ? [this, rest[0]] : rest.length === 0 ? [this] : [this, ...rest])
    })
    if (op.inplace)
      define(`${name}_`, function (this: Tensor, ...rest: unknown[]) {
        return inplace(op.record, [this, ...rest])
      })
  }
}

function define(name: string, value: (this: Tensor, ...rest: unknown[]) => unknown): void {
  Object.defineProperty(Tensor.prototype, name, { value, writable: true, configurable: true })
}
