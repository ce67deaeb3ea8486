import { ArgumentError, describe, IndexError } from '../errors.js'
import { Parameter } from '../tensor/parameter.js'
import type { Tensor } from '../tensor/tensor.js'
import { consume, isForgetful } from './between.js'
import { type AnyModule, Module } from './module.js'

function position(operation: string, index: number, length: number): number {
  if (!Number.isInteger(index))
    throw new ArgumentError(`${operation}: expected an integer index, got ${describe(index)}`)
  const at = index < 0 ? index + length : index
  if (at < 0 || at >= length)
    throw new IndexError(`${operation}: expected an index in [${-length}, ${length - 1}], got ${index}`)
  return at
}

function checkModule<M extends AnyModule>(operation: string, module: M): M {
  if (!(module instanceof Module)) throw new ArgumentError(`${operation}: expected a module, got ${describe(module)}`)
  return module
}

type Layer = Module<[Tensor], Tensor>

/**
 * Modules one after the other, each given the result of the one before.
 *
 * @param modules in order, named '0', '1'…; or one object of modules by name
 * @example
 * ```ts
 * import { nn, ones } from '@flambeau/core'
 * const net = new nn.Sequential(new nn.Identity(), new nn.Identity())
 * console.log(net.forward(ones([2, 3])).shape, net.length) // → [ 2, 3 ] 2
 * ```
 */
export class Sequential extends Module {
  static readonly signature: string = 'Sequential(*args)'
  #items: [string, Layer][]

  constructor(...modules: Layer[] | [{ readonly [name: string]: Layer }]) {
    super()
    const [first] = modules
    const named = modules.length === 1 && !(first instanceof Module) && typeof first === 'object' && first !== null
    const entries = named ? Object.entries(first) : (modules as Layer[]).map((m, i): [string, Layer] => [String(i), m])
    this.#items = entries.map(([name, module]) => [name, checkModule('Sequential', module)])
  }

  override forward(input: Tensor): Tensor {
    let value = input
    // Whether a layer of ours has made it, in memory of its own, and keeps no hold of it.
    let own = false
    for (const [, module] of this.#items) {
      const forgetful = isForgetful(module)
      const result: Tensor = own && forgetful ? consume(module, value) : module.forward(value)
      own = forgetful && (own || result.storage !== value.storage)
      value = result
    }
    return value
  }

  override *ownModules(): Iterable<[string, AnyModule]> {
    yield* this.#items
  }

  get length(): number {
    return this.#items.length
  }

  /** The module at `index`, which may be negative. */
  at(index: number): Layer {
    return this.#items[position('Sequential.at', index, this.length)][1]
  }

  /** Puts `module` in the place of the one at `index`. */
  set(index: number, module: Layer): void {
    this.#items[position('Sequential.set', index, this.length)][1] = checkModule('Sequential.set', module)
  }

  /** Adds a module at the end. @returns this module */
  append(module: Layer): this {
    this.#items.push([String(this.length), checkModule('Sequential.append', module)])
    return this
  }

  /** The modules from `start` to before `end` as a Sequential of their own. */
  slice(start?: number, end?: number): Sequential {
    return new Sequential(...this.#items.slice(start, end).map(([, module]) => module))
  }

  *[Symbol.iterator](): Iterator<Layer> {
    for (const [, module] of this.#items) yield module
  }
}

/** A module without a `forward` of its own: it only holds others. */
abstract class Container extends Module<[], never> {
  override forward(): never {
    throw new ArgumentError(`${this.constructor.name}: has no forward; call the modules in it`)
  }
}

/** Modules in a list, named '0', '1'…. */
export class ModuleList<M extends AnyModule = Layer> extends Container {
  static readonly signature: string = 'ModuleList(modules)'
  #items: M[]

  constructor(modules: Iterable<M> = []) {
    super()
    this.#items = Array.from(modules, (m) => checkModule('ModuleList', m))
  }

  override *ownModules(): Iterable<[string, AnyModule]> {
    for (let i = 0; i < this.#items.length; i++) yield [String(i), this.#items[i]]
  }

  get length(): number {
    return this.#items.length
  }

  /** The module at `index`, which may be negative. */
  at(index: number): M {
    return this.#items[position('ModuleList.at', index, this.length)]
  }

  /** Puts `module` in the place of the one at `index`. */
  set(index: number, module: M): void {
    this.#items[position('ModuleList.set', index, this.length)] = checkModule('ModuleList.set', module)
  }

  /** Adds a module at the end. @returns this list */
  append(module: M): this {
    this.#items.push(checkModule('ModuleList.append', module))
    return this
  }

  /** Adds modules at the end. @returns this list */
  extend(modules: Iterable<M>): this {
    for (const module of modules) this.append(module)
    return this
  }

  /** Puts a module before the one at `index`. */
  insert(index: number, module: M): void {
    this.#items.splice(index, 0, checkModule('ModuleList.insert', module))
  }

  [Symbol.iterator](): Iterator<M> {
    return this.#items[Symbol.iterator]()
  }
}

/** Modules by name. */
export class ModuleDict<M extends AnyModule = Layer> extends Container {
  static readonly signature: string = 'ModuleDict(modules)'
  readonly #items = new Map<string, M>()

  constructor(modules: { readonly [name: string]: M } | Iterable<readonly [string, M]> = {}) {
    super()
    for (const [name, module] of Symbol.iterator in modules ? modules : Object.entries(modules)) this.set(name, module)
  }

  override *ownModules(): Iterable<[string, AnyModule]> {
    yield* this.#items
  }

  get size(): number {
    return this.#items.size
  }

  has(name: string): boolean {
    return this.#items.has(name)
  }

  get(name: string): M {
    const module = this.#items.get(name)
    if (module === undefined)
      throw new ArgumentError(`ModuleDict.get: no module '${name}' (there are: ${[...this.#items.keys()].join(', ')})`)
    return module
  }

  set(name: string, module: M): this {
    if (typeof name !== 'string' || name === '' || name.includes('.'))
      throw new ArgumentError(`ModuleDict.set: expected a name without dots, got ${describe(name)}`)
    this.#items.set(name, checkModule('ModuleDict.set', module))
    return this
  }

  delete(name: string): boolean {
    return this.#items.delete(name)
  }

  clear(): void {
    this.#items.clear()
  }

  keys(): IterableIterator<string> {
    return this.#items.keys()
  }

  values(): IterableIterator<M> {
    return this.#items.values()
  }

  entries(): IterableIterator<[string, M]> {
    return this.#items.entries()
  }

  [Symbol.iterator](): Iterator<[string, M]> {
    return this.#items.entries()
  }
}

const asParameter = (value: Tensor): Parameter => (value instanceof Parameter ? value : new Parameter(value))
const describeParameter = (name: string, p: Parameter): string =>
  `(${name}): Parameter containing: [${p.dtype} of size ${p.shape.join('x')}]`

/** Parameters in a list, named '0', '1'…; tensors become parameters. */
export class ParameterList extends Container {
  static readonly signature: string = 'ParameterList(values)'
  readonly #items: Parameter[]

  constructor(values: Iterable<Tensor> = []) {
    super()
    this.#items = Array.from(values, asParameter)
  }

  override *ownParameters(): Iterable<[string, Parameter]> {
    for (let i = 0; i < this.#items.length; i++) yield [String(i), this.#items[i]]
  }

  get length(): number {
    return this.#items.length
  }

  /** The parameter at `index`, which may be negative. */
  at(index: number): Parameter {
    return this.#items[position('ParameterList.at', index, this.length)]
  }

  /** Puts `value` in the place of the parameter at `index`. */
  set(index: number, value: Tensor): void {
    this.#items[position('ParameterList.set', index, this.length)] = asParameter(value)
  }

  /** Adds a parameter at the end. @returns this list */
  append(value: Tensor): this {
    this.#items.push(asParameter(value))
    return this
  }

  /** Adds parameters at the end. @returns this list */
  extend(values: Iterable<Tensor>): this {
    for (const value of values) this.append(value)
    return this
  }

  [Symbol.iterator](): Iterator<Parameter> {
    return this.#items[Symbol.iterator]()
  }

  override extraRepr(): string {
    return this.#items.map((p, i) => describeParameter(String(i), p)).join('\n')
  }
}

/** Parameters by name; tensors become parameters. */
export class ParameterDict extends Container {
  static readonly signature: string = 'ParameterDict(parameters)'
  readonly #items = new Map<string, Parameter>()

  constructor(parameters: { readonly [name: string]: Tensor } | Iterable<readonly [string, Tensor]> = {}) {
    super()
    for (const [name, value] of Symbol.iterator in parameters ? parameters : Object.entries(parameters))
      this.set(name, value)
  }

  override *ownParameters(): Iterable<[string, Parameter]> {
    yield* this.#items
  }

  get size(): number {
    return this.#items.size
  }

  has(name: string): boolean {
    return this.#items.has(name)
  }

  get(name: string): Parameter {
    const value = this.#items.get(name)
    if (value === undefined)
      throw new ArgumentError(
        `ParameterDict.get: no parameter '${name}' (there are: ${[...this.#items.keys()].join(', ')})`,
      )
    return value
  }

  set(name: string, value: Tensor): this {
    if (typeof name !== 'string' || name === '' || name.includes('.'))
      throw new ArgumentError(`ParameterDict.set: expected a name without dots, got ${describe(name)}`)
    this.#items.set(name, asParameter(value))
    return this
  }

  delete(name: string): boolean {
    return this.#items.delete(name)
  }

  keys(): IterableIterator<string> {
    return this.#items.keys()
  }

  values(): IterableIterator<Parameter> {
    return this.#items.values()
  }

  [Symbol.iterator](): Iterator<[string, Parameter]> {
    return this.#items.entries()
  }

  override extraRepr(): string {
    return [...this.#items].map(([name, p]) => describeParameter(name, p)).join('\n')
  }
}
