import { addHook, type HookHandle } from '../autograd/hooks.js'
import { noGrad } from '../autograd/mode.js'
import { ArgumentError, describe } from '../errors.js'
import { copy_, detach, type ToOptions, to } from '../ops/index.js'
import { emptySparse, SparseTensor } from '../ops/sparse.js'
import { runAsync } from '../tensor/async.js'
import type { Device } from '../tensor/device.js'
import { DTYPES, type DType, isDifferentiable } from '../tensor/dtype.js'
import { Parameter } from '../tensor/parameter.js'
import { Tensor } from '../tensor/tensor.js'
import { describeModule } from './describe.js'
import { type BackwardHook, type BackwardPreHook, type Hooks, runHooked } from './hooks.js'
import { checkStateDict, type LoadOptions, type LoadResult, migrations, type StateDict } from './state.js'
import { isLazy, retarget } from './uninitialized.js'

/** A module of any arguments and result. */
// biome-ignore lint/suspicious/noExplicitAny: hooks make a module invariant in its arguments
export type AnyModule = Module<any[], unknown>

/** Where and as what a layer makes its parameters. */
export interface LayerOptions {
  /** Default: `getDefaultDevice()`. */
  readonly device?: Device
  /** Default: `getDefaultDtype()`. */
  readonly dtype?: DType
}

/**
 * The base of every layer and network: subclass it, assign parameters and other modules to properties, and write
 * `forward`. What is assigned is found by `parameters()`, `stateDict()`, `to()` and their like, under the property's
 * name; `#private` properties are not seen.
 *
 * Call a module by `forward`: hooks, where there are any, run as well.
 *
 * @typeParam Args the arguments of `forward`
 * @typeParam Out its result
 * @example
 * ```ts
 * import { nn, ones, type Tensor } from '@flambeau/core'
 * class Scale extends nn.Module {
 *   factor = new nn.Parameter(ones([1]))
 *   override forward(x: Tensor): Tensor {
 *     return x.mul(this.factor)
 *   }
 * }
 * const net = new Scale()
 * console.log(Object.keys(net.stateDict()), net.forward(ones([2])).shape) // → [ 'factor' ] [ 2 ]
 * ```
 */
export abstract class Module<Args extends unknown[] = [Tensor], Out = Tensor> {
  /** Whether the module is being trained: dropout and batch normalization behave otherwise in evaluation. */
  training = true
  /** Names of properties that are buffers, and whether `stateDict()` has them. */
  readonly #buffers = new Map<string, boolean>()
  #hooks: Hooks | null = null

  /** Computes the result. */
  abstract forward(...args: Args): Out

  /**
   * `forward` on another thread: the event loop goes on meanwhile. @see runAsync
   * @throws ArgumentError when `forward` reads values
   */
  forwardAsync(...args: Args): Promise<Out> {
    return runAsync(() => this.forward(...args))
  }

  // Registration

  /** Makes `value` a parameter under `name`; null keeps the name for later. */
  registerParameter<P extends Parameter | null>(name: string, value: P): P {
    if (value !== null && !(value instanceof Parameter))
      throw new ArgumentError(`registerParameter: expected a Parameter or null for '${name}', got ${describe(value)}`)
    this.#define('registerParameter', name, value)
    return value
  }

  /**
   * Makes `value` a buffer under `name`: part of the module's state and moved with it, but not learned.
   *
   * @param options `persistent: false` keeps it out of `stateDict()`
   */
  registerBuffer<T extends Tensor | null>(name: string, value: T, options: { readonly persistent?: boolean } = {}): T {
    if (value !== null && !(value instanceof Tensor))
      throw new ArgumentError(`registerBuffer: expected a tensor or null for '${name}', got ${describe(value)}`)
    this.#define('registerBuffer', name, value)
    this.#buffers.set(name, options.persistent ?? true)
    return value
  }

  /** Makes `module` a child under `name`. */
  registerModule<M extends AnyModule>(name: string, module: M): M {
    if (!(module instanceof Module))
      throw new ArgumentError(`registerModule: expected a module for '${name}', got ${describe(module)}`)
    this.#define('registerModule', name, module)
    return module
  }

  #define(operation: string, name: string, value: unknown): void {
    if (typeof name !== 'string' || name === '' || name.includes('.'))
      throw new ArgumentError(`${operation}: expected a name without dots, got ${describe(name)}`)
    const own = Object.hasOwn(this, name)
    const before: unknown = Reflect.get(this, name)
    if (name in this && !(own && (before === undefined || before === null || this.#isState(name, before))))
      throw new ArgumentError(`${operation}: ${this.constructor.name} already has '${name}'`)
    Object.defineProperty(this, name, { value, writable: true, enumerable: true, configurable: true })
  }

  #isState(name: string, value: unknown): boolean {
    return value instanceof Parameter || value instanceof Module || this.#buffers.has(name)
  }

  // What the module is made of

  /** @internal Children by name; containers say what theirs are. */
  *ownModules(): Iterable<[string, AnyModule]> {
    for (const name of Object.keys(this)) {
      const value: unknown = Reflect.get(this, name)
      if (value instanceof Module) yield [name, value]
    }
  }

  /** @internal Parameters of this module alone. */
  *ownParameters(): Iterable<[string, Parameter]> {
    for (const name of Object.keys(this)) {
      const value: unknown = Reflect.get(this, name)
      if (value instanceof Parameter && !this.#buffers.has(name)) yield [name, value]
    }
  }

  /** @internal Buffers of this module alone; whether each is persistent. */
  *ownBuffers(): Iterable<[string, Tensor, boolean]> {
    for (const [name, persistent] of this.#buffers) {
      const value: unknown = Reflect.get(this, name)
      if (value instanceof Tensor) yield [name, value, persistent]
    }
  }

  /** @internal Puts another tensor in the place of a buffer. */
  setBuffer(name: string, value: Tensor | null): void {
    Reflect.set(this, name, value)
  }

  /** @internal Takes a parameter, a buffer or a child away. */
  unregister(name: string): void {
    this.#buffers.delete(name)
    Reflect.deleteProperty(this, name)
  }

  /** @internal Whether a state dict may lack this key of the module: it is newer than old checkpoints. */
  mayMiss(_name: string): boolean {
    return false
  }

  /** This module and all below it, each once, with dotted names; this one's is ''. */
  *namedModules(prefix = '', seen: Set<AnyModule> = new Set()): Generator<[string, AnyModule]> {
    if (seen.has(this)) return
    seen.add(this)
    yield [prefix, this]
    for (const [name, child] of this.ownModules()) yield* child.namedModules(join(prefix, name), seen)
  }

  /** This module and all below it, each once. */
  modules(): AnyModule[] {
    return Array.from(this.namedModules(), ([, module]) => module)
  }

  /** The modules directly below this one, each once, with names. */
  namedChildren(): [string, AnyModule][] {
    const seen = new Set<AnyModule>()
    return [...this.ownModules()].filter(([, child]) => !seen.has(child) && seen.add(child))
  }

  /** The modules directly below this one, each once. */
  children(): AnyModule[] {
    return this.namedChildren().map(([, child]) => child)
  }

  /** Parameters with dotted names, each once: this module's, then those of the modules below it. */
  *namedParameters(options: { readonly recurse?: boolean } = {}): Generator<[string, Parameter]> {
    const seen = new Set<Parameter>()
    for (const [prefix, module] of this.#scope(options.recurse))
      for (const [name, parameter] of module.ownParameters()) {
        if (seen.has(parameter)) continue
        seen.add(parameter)
        yield [join(prefix, name), parameter]
      }
  }

  /** The parameters, each once: what an optimizer is given. */
  parameters(options: { readonly recurse?: boolean } = {}): Parameter[] {
    return Array.from(this.namedParameters(options), ([, parameter]) => parameter)
  }

  /** Buffers with dotted names, each once. */
  *namedBuffers(options: { readonly recurse?: boolean } = {}): Generator<[string, Tensor]> {
    const seen = new Set<Tensor>()
    for (const [prefix, module] of this.#scope(options.recurse))
      for (const [name, buffer] of module.ownBuffers()) {
        if (seen.has(buffer)) continue
        seen.add(buffer)
        yield [join(prefix, name), buffer]
      }
  }

  /** The buffers, each once. */
  buffers(options: { readonly recurse?: boolean } = {}): Tensor[] {
    return Array.from(this.namedBuffers(options), ([, buffer]) => buffer)
  }

  #scope(recurse = true): Iterable<[string, AnyModule]> {
    return recurse ? this.namedModules() : [['', this]]
  }

  /** The module under a dotted name; '' is this one. */
  getSubmodule(path: string): AnyModule {
    let module: AnyModule = this
    for (const name of path === '' ? [] : path.split('.')) {
      const found: AnyModule | undefined = [...module.ownModules()].find(([key]) => key === name)?.[1]
      if (found === undefined)
        throw new ArgumentError(
          `getSubmodule: ${module.constructor.name} has no module '${name}' (it has: ${names(module.ownModules())})`,
        )
      module = found
    }
    return module
  }

  /** The parameter under a dotted name. */
  getParameter(path: string): Parameter {
    const [module, name] = this.#locate(path)
    for (const [key, value] of module.ownParameters()) if (key === name) return value
    throw new ArgumentError(
      `getParameter: ${module.constructor.name} has no parameter '${name}' (it has: ${names(module.ownParameters())})`,
    )
  }

  /** The buffer under a dotted name. */
  getBuffer(path: string): Tensor {
    const [module, name] = this.#locate(path)
    for (const [key, value] of module.ownBuffers()) if (key === name) return value
    throw new ArgumentError(
      `getBuffer: ${module.constructor.name} has no buffer '${name}' (it has: ${names(module.ownBuffers())})`,
    )
  }

  #locate(path: string): [AnyModule, string] {
    const dot = path.lastIndexOf('.')
    return [this.getSubmodule(dot < 0 ? '' : path.slice(0, dot)), path.slice(dot + 1)]
  }

  // Modes and conversion

  /** Switches this module and all below it to training, or to evaluation. @returns this module */
  train(mode = true): this {
    if (typeof mode !== 'boolean') throw new ArgumentError(`train: expected true or false, got ${describe(mode)}`)
    this.training = mode
    for (const child of this.children()) child.train(mode)
    return this
  }

  /** Switches to evaluation. @returns this module */
  eval(): this {
    return this.train(false)
  }

  /** Calls `fn` with every module below this one and then with this one. @returns this module */
  apply(fn: (module: AnyModule) => void): this {
    for (const child of this.children()) child.apply(fn)
    fn(this)
    return this
  }

  /** Converts and moves parameters and buffers; a dtype is for floating-point and complex ones. @returns this module */
  to(target: DType | Device | ToOptions): this {
    const options: ToOptions =
      typeof target !== 'string' ? target : target in DTYPES ? { dtype: target as DType } : { device: target as Device }
    if (options.dtype !== undefined && !isDifferentiable(options.dtype))
      throw new ArgumentError(
        `to: expected a floating-point or complex dtype for a module, got ${describe(options.dtype)}`,
      )
    return this.mapTensors((t) => {
      if (!isLazy(t)) return to(t, isDifferentiable(t.dtype) ? options : { ...options, dtype: t.dtype })
      retarget(t, options.dtype, options.device)
      return t
    })
  }

  /** To float32. */
  float(): this {
    return this.to('float32')
  }

  /** To float64. */
  double(): this {
    return this.to('float64')
  }

  /** To float16. */
  half(): this {
    return this.to('float16')
  }

  /** To bfloat16. */
  bfloat16(): this {
    return this.to('bfloat16')
  }

  /** @internal Replaces the values of every parameter, its gradient, and every buffer. */
  mapTensors(fn: (t: Tensor) => Tensor): this {
    noGrad(() => {
      for (const module of this.modules()) {
        for (const [, parameter] of module.ownParameters()) {
          const { grad } = parameter
          const value = fn(parameter)
          if (value !== parameter) parameter.setData(value)
          if (grad !== null) parameter.grad = fn(grad)
        }
        for (const [name, buffer] of module.ownBuffers()) module.setBuffer(name, fn(buffer))
      }
    })
    return this
  }

  /** Asks for the gradient of every parameter, or no longer. @returns this module */
  requiresGrad_(value = true): this {
    for (const parameter of this.parameters()) parameter.requiresGrad_(value)
    return this
  }

  /** Drops the gradient of every parameter. @param options `setToNull: false` fills them with zeros instead */
  zeroGrad(options: { readonly setToNull?: boolean } = {}): void {
    zeroGradients(this.parameters(), options.setToNull ?? true)
  }

  // State

  /**
   * Parameters and persistent buffers by dotted name, under PyTorch's keys. They share memory with the module.
   *
   * @param options `prefix` comes before every key
   */
  stateDict(options: { readonly prefix?: string } = {}): StateDict {
    const result: StateDict = {}
    const visit = (module: AnyModule, prefix: string): void => {
      for (const [name, parameter] of module.ownParameters()) result[prefix + name] = stateOf(parameter)
      for (const [name, buffer, persistent] of module.ownBuffers())
        if (persistent) result[prefix + name] = stateOf(buffer)
      for (const [name, child] of module.ownModules()) visit(child, `${prefix}${name}.`)
    }
    visit(this, options.prefix ?? '')
    return result
  }

  /**
   * Copies the values of a state dict into this module. Nothing is changed when something does not fit.
   *
   * @returns the keys that were missing and those that were not expected, which `strict: false` permits
   * @throws ArgumentError that lists missing and unexpected keys and shapes that differ
   */
  loadStateDict(state: StateDict | ReadonlyMap<string, Tensor>, options: LoadOptions = {}): LoadResult {
    const { result, copies } = checkStateDict(this, state, options.strict ?? true)
    noGrad(() => {
      for (const { target, value, replace } of copies) {
        if (isLazy(target)) target.materialize(value.shape)
        if (!options.assign) copy_(target, value)
        else if (target instanceof Parameter) target.setData(detach(value))
        else replace(detach(value))
      }
    })
    return result
  }

  /**
   * Calls `hook` with a state dict that is being loaded, before this module's keys are looked for: it may rename keys
   * of older checkpoints, or drop them. The map is a copy; the module's keys begin with `prefix`.
   */
  registerLoadStateDictPreHook(hook: (state: Map<string, unknown>, prefix: string) => void): HookHandle {
    const hooks = [...(migrations.get(this) ?? []), hook]
    migrations.set(this, hooks)
    const remove = (): void => {
      const others = migrations.get(this)?.filter((other) => other !== hook)
      migrations.set(this, others ?? [])
    }
    return { remove, [Symbol.dispose]: remove }
  }

  // Hooks

  /** Calls `hook` before `forward`; what it returns takes the place of the arguments. */
  registerForwardPreHook(hook: (module: this, args: Args) => Args | void): HookHandle {
    return addHook(this.#hooked().pre, (args: unknown[]) => hook(this, args as Args))
  }

  /** Calls `hook` after `forward`; what it returns takes the place of the result. */
  registerForwardHook(hook: (module: this, args: Args, output: Out) => Out | void): HookHandle {
    return addHook(this.#hooked().post, (args: unknown[], output: unknown) => hook(this, args as Args, output as Out))
  }

  /** Calls `hook` with the gradients of the results, before those of the arguments are computed. */
  registerFullBackwardPreHook(hook: BackwardPreHook<this>): HookHandle {
    return addHook(this.#hooked().backwardPre, (gradOutput: (Tensor | null)[]) => hook(this, gradOutput))
  }

  /** Calls `hook` with the gradients of the tensor arguments and of the results; what it returns takes the place of the former. */
  registerFullBackwardHook(hook: BackwardHook<this>): HookHandle {
    return addHook(this.#hooked().backward, (gradInput: (Tensor | null)[], gradOutput: (Tensor | null)[]) =>
      hook(this, gradInput, gradOutput),
    )
  }

  /** From the first hook on, `forward` of this object runs them. */
  #hooked(): Hooks {
    if (this.#hooks === null) {
      const hooks: Hooks = { pre: new Set(), post: new Set(), backward: new Set(), backwardPre: new Set() }
      this.#hooks = hooks
      const plain = this.forward
      const value = (...args: unknown[]): unknown => runHooked(hooks, args, (given) => plain.apply(this, given as Args))
      Object.defineProperty(this, 'forward', { value, writable: true, enumerable: false, configurable: true })
    }
    return this.#hooks
  }

  // Printing

  /** What stands between the parentheses when the module is printed. */
  extraRepr(): string {
    return ''
  }

  /** The module and all below it as a tree. */
  toString(): string {
    return describeModule(this)
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString()
  }
}

/** A value without history; what has no shape yet stands for itself. */
const stateOf = (t: Tensor): Tensor => (isLazy(t) ? t : detach(t))

const join = (prefix: string, name: string): string => (prefix === '' ? name : `${prefix}.${name}`)

const names = (entries: Iterable<readonly [string, ...unknown[]]>): string =>
  [...entries].map(([name]) => name).join(', ') || 'none'

/** Sets gradients to null or to zero. */
export function zeroGradients(parameters: Iterable<Tensor>, setToNull: boolean): void {
  for (const parameter of parameters) {
    const { gradValue: grad } = parameter
    if (grad === null) continue
    if (setToNull) parameter.grad = null
    else parameter.grad = fillZeros(grad)
  }
}

function fillZeros(grad: Tensor): Tensor {
  if (grad instanceof SparseTensor) return emptySparse(grad)
  const target = grad.node === null ? grad : detach(grad)
  noGrad(() => target.zero_())
  return target
}
