// The namespace `nn.utils.parametrize`: tensors of a module that are computed from others.
import { noGrad } from '../../autograd/mode.js'
import { ArgumentError, describe } from '../../errors.js'
import { Parameter } from '../../tensor/parameter.js'
import { formatShape, sameShape } from '../../tensor/shape.js'
import { Tensor } from '../../tensor/tensor.js'
import { ModuleDict, ModuleList } from '../containers.js'
import { type AnyModule, Module } from '../module.js'
import { register } from './entries.js'

/**
 * What computes a tensor of a module. `rightInverse` gives the tensors that it is computed from; without it the tensor
 * itself is where it starts.
 */
export interface Parametrization extends AnyModule {
  rightInverse?(value: Tensor): Tensor | readonly Tensor[]
}

/** A `rightInverse` that throws this has none for now: the tensor itself is taken, as without one. */
export class NotInvertibleError extends ArgumentError {
  override name = 'NotInvertibleError'
}

let depth = 0
let cache = new Map<ParametrizationList, Tensor>()

/**
 * Computes each parametrized tensor once while `body` runs, however often it is read.
 *
 * @returns what `body` returns
 */
export function cached<R>(body: () => R): R {
  depth++
  try {
    return body()
  } finally {
    if (--depth === 0) cache = new Map()
  }
}

function checked(value: unknown, like: Tensor, what: string): Tensor {
  if (!(value instanceof Tensor))
    throw new ArgumentError(`registerParametrization: expected ${what} to be a tensor, got ${describe(value)}`)
  if (value.dtype !== like.dtype || !sameShape(value.shape, like.shape))
    throw new ArgumentError(
      `registerParametrization: expected ${what} to keep ${like.dtype} and shape ${formatShape(like.shape)}, got ${value.dtype} of shape ${formatShape(value.shape)}; pass { unsafe: true } to allow it`,
    )
  return value
}

/** The right inverses from the last to the first; where `required` is false, those that are missing are passed over. */
function inverted(modules: readonly Parametrization[], value: Tensor, required: boolean): Tensor | readonly Tensor[] {
  let result: Tensor | readonly Tensor[] = value
  for (const module of [...modules].reverse()) {
    if (module.rightInverse === undefined) {
      if (!required) continue
      throw new ArgumentError(`parametrize: ${module.constructor.name} has no rightInverse, so nothing can be assigned`)
    }
    if (!(result instanceof Tensor))
      throw new ArgumentError('parametrize: expected one tensor from every rightInverse but that of the first')
    try {
      result = module.rightInverse(result)
    } catch (error) {
      if (required || !(error instanceof NotInvertibleError)) throw error
    }
  }
  return result
}

/**
 * The parametrizations of one tensor, in order, and the tensors that it is computed from: `original`, or `original0`,
 * `original1`… It is `module.parametrizations.get(name)` of a parametrized module.
 */
export class ParametrizationList extends ModuleList<Parametrization> {
  /** Whether dtype and shape may differ from those of the tensor that was there. */
  unsafe: boolean
  /** The names of the originals. */
  readonly #names: readonly string[]
  readonly #single: boolean

  constructor(modules: readonly Parametrization[], original: Tensor, unsafe = false) {
    if (modules.length === 0) throw new ArgumentError('ParametrizationList: expected at least one module')
    super(modules)
    this.unsafe = unsafe
    const { shape, dtype } = original
    const like = original.detach()
    const inverse = noGrad(() => inverted(modules, original, false))
    this.#single = inverse instanceof Tensor
    if (inverse instanceof Tensor) {
      if (inverse.dtype !== dtype)
        throw new ArgumentError(`ParametrizationList: expected ${dtype} from rightInverse, got ${inverse.dtype}`)
      this.#names = ['original']
      // The parameter stays the object that optimizers know.
      if (inverse !== original) original.setData(inverse.detach())
      register(this, 'original', original)
    } else {
      if (!Array.isArray(inverse) || !inverse.every((t) => t instanceof Tensor))
        throw new ArgumentError(`ParametrizationList: expected tensors from rightInverse, got ${describe(inverse)}`)
      this.#names = inverse.map((_, i) => `original${i}`)
      inverse.forEach((t, i) => {
        const value = original instanceof Parameter ? new Parameter(t, original.requiresGrad) : t.detach()
        register(this, this.#names[i], value)
      })
    }
    if (!unsafe) checked(this.compute(), like.reshape(shape), 'the parametrized tensor')
  }

  /** The tensors that the parametrized one is computed from. */
  originals(): Tensor[] {
    return this.#names.map((name) => Reflect.get(this, name) as Tensor)
  }

  /** Computes the parametrized tensor; inside of `cached`, once. */
  compute(): Tensor {
    const known = depth > 0 ? cache.get(this) : undefined
    if (known !== undefined) return known
    const [first, ...rest] = this
    let value = first.forward(...this.originals()) as Tensor
    for (const module of rest) value = module.forward(value) as Tensor
    if (depth > 0) cache.set(this, value)
    return value
  }

  /** Sets the originals so that the parametrized tensor becomes `value`, as far as the right inverses can. */
  rightInverse(value: Tensor): void {
    noGrad(() => {
      const inverse = inverted([...this], value, true)
      const values: readonly Tensor[] = inverse instanceof Tensor ? [inverse] : inverse
      if (this.#single !== inverse instanceof Tensor || values.length !== this.#names.length)
        throw new ArgumentError(
          `parametrize: expected ${this.#names.length} tensors from rightInverse, got ${values.length}`,
        )
      this.originals().forEach((original, i) => {
        if (original.dtype !== values[i].dtype)
          throw new ArgumentError(`parametrize: expected ${original.dtype} from rightInverse, got ${values[i].dtype}`)
        original.setData(values[i].detach().clone())
      })
    })
  }

  /** Whether the parametrized tensor is a parameter, and not a buffer. */
  get isParameter(): boolean {
    return this.originals()[0] instanceof Parameter
  }

  /** @internal The tensor that takes the place of the parametrized one: the only original, so that it stays the same object. */
  replacement(value: Tensor): Tensor {
    const [original] = this.originals()
    if (!this.#single) return this.isParameter ? new Parameter(value.detach(), original.requiresGrad) : value.detach()
    original.setData(value.detach())
    return original
  }
}

type Parametrized = ModuleDict<ParametrizationList>

const listsOf = (module: AnyModule): Parametrized | null => {
  const found: unknown = Reflect.get(module, 'parametrizations')
  return found instanceof ModuleDict ? (found as Parametrized) : null
}

/** The parametrizations of one tensor of a module. @throws ArgumentError where there are none */
export function parametrizationsOf(module: AnyModule, name: string): ParametrizationList {
  const lists = listsOf(module)
  if (lists?.has(name)) return lists.get(name)
  throw new ArgumentError(`parametrize: '${name}' of ${module.constructor.name} is not parametrized`)
}

export interface ParametrizationOptions {
  /** Allow another dtype or shape, unchecked. Default false. */
  readonly unsafe?: boolean
}

/**
 * Has a parameter or buffer of a module computed by `parametrization` from now on, whenever it is read. What it is
 * computed from is learned in its place, under the key `parametrizations.<name>.original`. On a tensor that is
 * parametrized already, `parametrization` comes after the others.
 *
 * @returns `module`
 * @example
 * ```ts
 * import { nn, type Tensor } from '@flambeau/core'
 * class Symmetric extends nn.Module {
 *   override forward(x: Tensor): Tensor {
 *     return x.triu().add(x.triu(1).t())
 *   }
 * }
 * const layer = nn.utils.parametrize.registerParametrization(new nn.Linear(3, 3), 'weight', new Symmetric())
 * console.log(Object.keys(layer.stateDict())) // → [ 'bias', 'parametrizations.weight.original' ]
 * console.log(layer.weight.eq(layer.weight.t()).all().item()) // → true
 * ```
 */
export function registerParametrization<M extends AnyModule>(
  module: M,
  name: string,
  parametrization: Parametrization,
  options: ParametrizationOptions = {},
): M {
  const { unsafe = false } = options
  if (!(parametrization instanceof Module))
    throw new ArgumentError(`registerParametrization: expected a module, got ${describe(parametrization)}`)
  parametrization.train(module.training)
  if (isParametrized(module, name)) {
    const list = parametrizationsOf(module, name)
    if (!unsafe) {
      const before = list.compute()
      const after = checked(parametrization.forward(before), before, 'the parametrized tensor')
      try {
        const inverse = noGrad(() => parametrization.rightInverse?.(after))
        if (inverse !== undefined) checked(inverse, before, 'the result of rightInverse')
      } catch (error) {
        if (!(error instanceof NotInvertibleError)) throw error
      }
    }
    list.append(parametrization)
    list.unsafe ||= unsafe
    return module
  }
  const isBuffer = [...module.ownBuffers()].some(([key]) => key === name)
  const original: unknown = Reflect.get(module, name)
  if (!(original instanceof Parameter) && !(isBuffer && original instanceof Tensor))
    throw new ArgumentError(`registerParametrization: ${module.constructor.name} has no parameter or buffer '${name}'`)
  const list = new ParametrizationList([parametrization], original, unsafe)
  module.unregister(name)
  const lists: Parametrized = listsOf(module) ?? new ModuleDict<ParametrizationList>()
  if (listsOf(module) === null) module.registerModule('parametrizations', lists)
  lists.set(name, list)
  Object.defineProperty(module, name, {
    get: () => list.compute(),
    set: (value: Tensor) => list.rightInverse(value),
    enumerable: false,
    configurable: true,
  })
  return module
}

/** Whether a module, or one tensor of it, is parametrized. */
export function isParametrized(module: AnyModule, name?: string): boolean {
  const lists = listsOf(module)
  if (lists === null) return false
  return name === undefined ? lists.size > 0 : lists.has(name)
}

/**
 * Makes an ordinary parameter or buffer again of a parametrized tensor.
 *
 * @param options `leaveParametrized: false` puts back the original instead of the computed tensor
 * @returns `module`
 */
export function removeParametrizations<M extends AnyModule>(
  module: M,
  name: string,
  options: { readonly leaveParametrized?: boolean } = {},
): M {
  const { leaveParametrized = true } = options
  const list = parametrizationsOf(module, name)
  const originals = list.originals()
  if (!leaveParametrized && originals.length > 1)
    throw new ArgumentError(
      `removeParametrizations: '${name}' is computed from ${originals.length} tensors; it can only be left parametrized`,
    )
  const value = leaveParametrized ? list.replacement(noGrad(() => list.compute())) : originals[0]
  const lists = listsOf(module)
  lists?.delete(name)
  module.unregister(name)
  if (lists?.size === 0) module.unregister('parametrizations')
  register(module, name, value)
  return module
}

/** Gives a module the parametrizations of another one, and the values of the tensors under them. @returns `to` */
export function transferParametrizationsAndParams(from: AnyModule, to: AnyModule, name?: string): AnyModule {
  const lists = listsOf(from)
  if (lists === null) return to
  for (const key of name === undefined ? [...lists.keys()] : [name]) {
    const list = parametrizationsOf(from, key)
    if (isParametrized(to, key)) removeParametrizations(to, key)
    const source = noGrad(() => list.compute())
    if (!(Reflect.get(to, key) instanceof Tensor)) register(to, key, list.isParameter ? new Parameter(source) : source)
    for (const module of list) registerParametrization(to, key, module, { unsafe: list.unsafe })
    const copies = list.originals()
    parametrizationsOf(to, key)
      .originals()
      .forEach((target, i) => {
        target.setData(copies[i].detach().clone())
      })
  }
  return to
}
