import type { HookHandle } from '../../autograd/hooks.js'
import { noGrad } from '../../autograd/mode.js'
import { ArgumentError } from '../../errors.js'
import { Parameter } from '../../tensor/parameter.js'
import type { Tensor } from '../../tensor/tensor.js'
import type { AnyModule } from '../module.js'
import { normExceptDim, parameterAt, wrapDim } from './entries.js'

/** `v · g / ‖v‖`, the norm taken over all dimensions but `dim`. */
export const weightOf = (v: Tensor, g: Tensor, dim: number | null): Tensor => v.mul(g.div(normExceptDim(v, dim)))

interface Normed {
  readonly dim: number | null
  readonly handle: HookHandle
}
const normed = new WeakMap<AnyModule, Map<string, Normed>>()

const compute = (module: AnyModule, name: string, dim: number | null): Tensor =>
  weightOf(parameterAt('weightNorm', module, `${name}_v`), parameterAt('weightNorm', module, `${name}_g`), dim)

/**
 * Takes a weight apart into its direction `weight_v` and its length `weight_g`, from which it is computed before each
 * `forward`. [Salimans and Kingma, 2016](https://arxiv.org/abs/1602.07868). `parametrizations.weightNorm` is its successor.
 *
 * @param dim what has a length of its own: each slice along this dimension, or with null the weight as a whole
 * @returns `module`
 */
export function weightNorm<M extends AnyModule>(module: M, name = 'weight', dim: number | null = 0): M {
  const known = normed.get(module) ?? new Map<string, Normed>()
  if (known.has(name)) throw new ArgumentError(`weightNorm: '${name}' has a weight norm already`)
  const weight = parameterAt('weightNorm', module, name)
  const kept = dim === null || dim === -1 ? null : wrapDim('weightNorm', dim, weight)
  const length = noGrad(() => normExceptDim(weight, kept))
  module.unregister(name)
  module.registerParameter(`${name}_g`, new Parameter(length))
  module.registerParameter(`${name}_v`, new Parameter(weight.detach()))
  const renew = (): void => {
    Reflect.set(module, name, compute(module, name, kept))
  }
  renew()
  const handle = module.registerForwardPreHook(renew)
  normed.set(module, known.set(name, { dim: kept, handle }))
  return module
}

/** Makes a parameter again of a weight that `weightNorm` took apart. @returns `module` */
export function removeWeightNorm<M extends AnyModule>(module: M, name = 'weight'): M {
  const found = normed.get(module)?.get(name)
  if (found === undefined)
    throw new ArgumentError(`removeWeightNorm: '${name}' of ${module.constructor.name} has no weight norm`)
  const weight = noGrad(() => compute(module, name, found.dim))
  found.handle.remove()
  normed.get(module)?.delete(name)
  for (const key of [name, `${name}_g`, `${name}_v`]) module.unregister(key)
  module.registerParameter(name, new Parameter(weight))
  return module
}
