// The namespace `nn.utils.stateless`.
import { ArgumentError } from '../../errors.js'
import { Tensor } from '../../tensor/tensor.js'
import type { Module } from '../module.js'

/**
 * Calls a module with other tensors in the place of its parameters and buffers, which gradients then flow to.
 *
 * @param tensors by dotted name; what is not named stays as it is
 * @param args the arguments of `forward`
 * @example
 * ```ts
 * import { nn, ones, zeros } from '@flambeau/core'
 * const layer = new nn.Linear(2, 2)
 * const tensors = { weight: ones([2, 2]), bias: zeros([2]) }
 * console.log(nn.utils.stateless.functionalCall(layer, tensors, ones([2])).toArray()) // → [ 2, 2 ]
 * ```
 */
export function functionalCall<Args extends unknown[], Out>(
  module: Module<Args, Out>,
  tensors: { readonly [name: string]: Tensor },
  ...args: Args
): Out {
  const undo: (() => void)[] = []
  try {
    for (const [path, tensor] of Object.entries(tensors)) {
      const dot = path.lastIndexOf('.')
      const owner = module.getSubmodule(dot < 0 ? '' : path.slice(0, dot))
      const name = path.slice(dot + 1)
      const before: unknown = Reflect.get(owner, name)
      if (!(before instanceof Tensor))
        throw new ArgumentError(`functionalCall: ${owner.constructor.name} has no parameter or buffer '${name}'`)
      const property = Object.getOwnPropertyDescriptor(owner, name)
      Object.defineProperty(owner, name, { value: tensor, writable: true, enumerable: true, configurable: true })
      undo.push(() => {
        if (property === undefined) Reflect.deleteProperty(owner, name)
        else Object.defineProperty(owner, name, property)
      })
    }
    return module.forward(...args)
  } finally {
    for (const restore of undo.reverse()) restore()
  }
}
