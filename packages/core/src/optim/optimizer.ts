import { addHook, type HookHandle } from '../autograd/hooks.js'
import { enableGrad, noGrad } from '../autograd/mode.js'
import { ArgumentError, describe, ShapeError } from '../errors.js'
import { fillRaw } from '../ops/creation.js'
import { clone, detach, to } from '../ops/index.js'
import { emptySparse, SparseTensor } from '../ops/sparse.js'
import { getDefaultDtype, isDifferentiable } from '../tensor/dtype.js'
import { formatShape, sameShape } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'

/** Options that every optimizer has. */
export interface OptimizerOptions {
  /** The learning rate. */
  readonly lr?: number
}

/** Parameters with options of their own; schedulers change the options. */
export type ParamGroup<O extends OptimizerOptions> = { -readonly [K in keyof Required<O>]: Required<O>[K] } & {
  params: Tensor[]
  /** The learning rate that schedulers start from. */
  initialLr?: number
}

/** What an optimizer is given: parameters, or groups of them with options that differ. */
export type Params<O extends OptimizerOptions> =
  | Iterable<Tensor>
  | Iterable<{ readonly params: Iterable<Tensor> | Tensor } & O>

/** What an optimizer remembers of one parameter, under PyTorch's names. */
export type ParamState = Record<string, StateValue>
export type StateValue = Tensor | number | null | readonly StateValue[]

/** An optimizer's state in PyTorch's structure: parameters are numbered in order. */
export interface OptimizerState {
  readonly state: { readonly [index: string]: ParamState }
  readonly param_groups: readonly { readonly params: readonly number[]; readonly [option: string]: unknown }[]
}

/** One parameter with its gradient, ready for a step. */
export interface Update {
  readonly param: Tensor
  readonly grad: Tensor
  readonly state: ParamState
}

const snake = (name: string): string => name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)
const camel = (name: string): string => name.replace(/_([a-z])/g, (_, c: string) => c.toUpperCase())

/**
 * The base of every optimizer: parameter groups, state, and `step()`.
 *
 * @typeParam O the options of a group
 */
export abstract class Optimizer<O extends OptimizerOptions = OptimizerOptions> {
  /** The groups, each with its parameters and options. */
  readonly paramGroups: ParamGroup<O>[] = []
  /** What is remembered of each parameter. */
  readonly state = new Map<Tensor, ParamState>()
  /** The options of a group that does not say otherwise. */
  readonly defaults: Required<O>
  readonly #pre = new Set<() => void>()
  readonly #post = new Set<() => void>()

  constructor(params: Params<O>, defaults: Required<O>) {
    this.defaults = plainNumbers(defaults)
    if (params instanceof Tensor || typeof params !== 'object' || params === null || !(Symbol.iterator in params))
      throw new ArgumentError(`${this.#name}: expected a list of parameters or of groups, got ${describe(params)}`)
    const list: unknown[] = [...params]
    if (list.length === 0) throw new ArgumentError(`${this.#name}: expected at least one parameter, got an empty list`)
    if (list.every((item) => item instanceof Tensor)) this.#add({ params: list })
    else for (const group of list) this.#add(group)
  }

  get #name(): string {
    return this.constructor.name
  }

  /** Throws where an option is out of range. */
  protected abstract check(group: ParamGroup<O>): void

  /** Changes the parameters of one group by their gradients. */
  protected abstract update(group: ParamGroup<O>, updates: Update[]): void

  /** @internal Whether `update` may keep a gradient, or hand it on, beyond the step. */
  protected readonly keepsGradients: boolean = true
  /** @internal What gradients may be. */
  protected readonly gradients: 'strided' | 'sparse' | 'both' = 'strided'

  /** @internal Options that PyTorch's state dict has and this library has no use for. */
  protected readonly foreign: { readonly [option: string]: unknown } = {
    foreach: null,
    maximize: false,
    capturable: false,
    differentiable: false,
  }

  /** Adds parameters to a running optimizer, such as layers that are unfrozen. */
  addParamGroup(group: { readonly params: Iterable<Tensor> | Tensor } & O): void {
    this.#add(group)
  }

  #add(group: unknown): void {
    if (typeof group !== 'object' || group === null || !('params' in group))
      throw new ArgumentError(`${this.#name}: expected a parameter or a group { params, ... }, got ${describe(group)}`)
    const { params: given, ...options } = group
    const params: unknown[] = given instanceof Tensor ? [given] : isIterable(given) ? [...given] : []
    const seen = new Set<unknown>(this.paramGroups.flatMap(({ params }) => params))
    for (const param of params) {
      if (!(param instanceof Tensor))
        throw new ArgumentError(`${this.#name}: expected tensors as parameters, got ${describe(param)}`)
      if (!param.isLeaf)
        throw new ArgumentError(
          `${this.#name}: a tensor of shape ${formatShape(param.shape)} is not a leaf; only leaves can be optimized`,
        )
      if (seen.has(param))
        throw new ArgumentError(`${this.#name}: a parameter of shape ${formatShape(param.shape)} is given twice`)
      seen.add(param)
    }
    if (params.length === 0) throw new ArgumentError(`${this.#name}: expected at least one parameter in a group`)
    const known = Object.keys(this.defaults)
    const extra = Object.keys(options).find((key) => !known.includes(key) && key !== 'initialLr')
    if (extra !== undefined)
      throw new ArgumentError(`${this.#name}: unknown option '${extra}' (known: ${known.join(', ')})`)
    const defined = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
    const complete = { ...this.defaults, ...plainNumbers(defined), params: params as Tensor[] } as ParamGroup<O>
    this.check(complete)
    this.paramGroups.push(complete)
  }

  /** Throws unless `ok`. */
  protected expect(ok: boolean, option: string, expected: string, value: unknown): void {
    if (!ok) throw new ArgumentError(`${this.#name}: expected ${option} ${expected}, got ${describe(value)}`)
  }

  /**
   * Changes every parameter that has a gradient.
   *
   * @param closure computes the loss and its gradients again; its result is returned
   */
  step(): undefined
  step(closure: () => Tensor): Tensor
  step(closure?: () => Tensor): Tensor | undefined {
    for (const hook of this.#pre) hook()
    const loss = closure === undefined ? undefined : enableGrad(closure)
    noGrad(() => {
      for (const group of this.paramGroups) {
        const updates: Update[] = []
        for (const param of group.params) {
          const grad = this.keepsGradients ? param.grad : param.gradValue
          if (grad === null) continue
          if (!sameShape(grad.shape, param.shape))
            throw new ShapeError(
              `${this.#name}: expected a gradient of shape ${formatShape(param.shape)}, got ${formatShape(grad.shape)}`,
            )
          if (this.gradients !== 'both' && grad.isSparse !== (this.gradients === 'sparse'))
            throw new ArgumentError(
              grad.isSparse
                ? `${this.#name}: expected strided gradients, got a sparse one; SparseAdam, SGD and Adagrad take those`
                : `${this.#name}: expected sparse gradients, got a strided one; use Adam`,
            )
          let state = this.state.get(param)
          if (state === undefined) {
            state = {}
            this.state.set(param, state)
          }
          updates.push({ param, grad: grad.dtype === param.dtype ? grad : to(grad, param.dtype), state })
        }
        if (updates.length > 0) this.update(group, updates)
      }
    })
    for (const hook of this.#post) hook()
    return loss
  }

  /** Drops the gradients. @param options `setToNull: false` fills them with zeros instead */
  zeroGrad(options: { readonly setToNull?: boolean } = {}): void {
    const { setToNull = true } = options
    for (const { params } of this.paramGroups)
      for (const param of params) {
        const { gradValue: grad } = param
        if (grad === null) continue
        if (setToNull) param.grad = null
        else
          param.grad =
            grad instanceof SparseTensor ? emptySparse(grad) : fillRaw(grad.shape, 0, grad.dtype, grad.device)
      }
  }

  /** Calls `hook` before each step. */
  registerStepPreHook(hook: (optimizer: this) => void): HookHandle {
    return addHook(this.#pre, () => hook(this))
  }

  /** Calls `hook` after each step. */
  registerStepPostHook(hook: (optimizer: this) => void): HookHandle {
    return addHook(this.#post, () => hook(this))
  }

  /** State and options in PyTorch's structure, under its names. State tensors share memory with the optimizer. */
  stateDict(): OptimizerState {
    const index = new Map<Tensor, number>()
    const groups = this.paramGroups.map(({ params, ...options }) => {
      for (const param of params) if (!index.has(param)) index.set(param, index.size)
      const named = Object.fromEntries(Object.entries(options).map(([key, value]) => [snake(key), value]))
      return { ...this.foreign, ...named, params: params.map((param) => index.get(param) ?? 0) }
    })
    const state: Record<string, ParamState> = {}
    for (const [param, values] of this.state) {
      const at = index.get(param)
      if (at === undefined || Object.keys(values).length === 0) continue
      state[at] = Object.fromEntries(Object.entries(values).map(([key, value]) => [key, this.packState(key, value)]))
    }
    return { state, param_groups: groups }
  }

  /** @internal PyTorch keeps the number of steps and its like as tensors. */
  protected packState(_key: string, value: StateValue): StateValue {
    return typeof value === 'number'
      ? fillRaw([], value, getDefaultDtype() === 'float64' ? 'float64' : 'float32', 'cpu')
      : value
  }

  /** @internal The other way round. */
  protected unpackState(key: string, value: StateValue, param: Tensor): StateValue {
    if (Array.isArray(value)) return value.map((item) => this.unpackState(key, item, param))
    if (!(value instanceof Tensor)) return value
    if (value.ndim === 0 && param.ndim > 0) return value.item() as number
    if (key === 'step') return value.item() as number
    return to(clone(detach(value)), {
      dtype: isDifferentiable(value.dtype) ? param.dtype : value.dtype,
      device: param.device,
    })
  }

  /**
   * Takes over state and options; the parameters stay this optimizer's.
   *
   * @throws ArgumentError when the groups are not of the same number and sizes
   */
  loadStateDict(given: OptimizerState): void {
    const { state, param_groups: groups } = given
    if (!Array.isArray(groups) || typeof state !== 'object' || state === null)
      throw new ArgumentError(`${this.#name}: expected a state dict { state, param_groups }, got ${describe(given)}`)
    const expected = this.paramGroups.map(({ params }) => params.length)
    const got = groups.map(({ params }) => params.length)
    if (!sameShape(expected, got))
      throw new ArgumentError(
        `${this.#name}: expected groups of ${formatShape(expected)} parameters, got ${formatShape(got)}`,
      )
    const params = new Map<string, Tensor>()
    groups.forEach((group, g) => {
      group.params.forEach((index: number, i: number) => {
        params.set(String(index), this.paramGroups[g].params[i])
      })
    })
    const loaded = new Map<Tensor, ParamState>()
    for (const [index, values] of Object.entries(state)) {
      const param = params.get(index)
      if (param === undefined) continue
      for (const [key, value] of Object.entries(values))
        if (
          value instanceof Tensor &&
          value.ndim > 0 &&
          this.hasShapeOfParam(key) &&
          !sameShape(value.shape, param.shape)
        )
          throw new ShapeError(
            `${this.#name}: expected '${key}' of shape ${formatShape(param.shape)}, got ${formatShape(value.shape)}`,
          )
      loaded.set(
        param,
        noGrad(() =>
          Object.fromEntries(Object.entries(values).map(([key, value]) => [key, this.unpackState(key, value, param)])),
        ),
      )
    }
    const own = groups.map((group, g): ParamGroup<O> => {
      const options: Record<string, unknown> = {}
      for (const [key, value] of Object.entries(group))
        if (key !== 'params' && (camel(key) in this.defaults || !(key in this.foreign))) options[camel(key)] = value
      const complete = { ...this.paramGroups[g], ...plainNumbers(options), params: this.paramGroups[g].params }
      this.check(complete)
      return complete
    })
    this.state.clear()
    for (const [param, values] of loaded) this.state.set(param, values)
    this.paramGroups.splice(0, this.paramGroups.length, ...own)
  }

  /** @internal Whether the state under this key has the parameter's shape. */
  protected hasShapeOfParam(_key: string): boolean {
    return true
  }

  /** The optimizer with the options of each group. */
  toString(): string {
    const groups = this.paramGroups.map(({ params: _, ...options }, i) => {
      const rows = Object.entries(options).map(
        ([key, value]) => `    ${key}: ${Array.isArray(value) ? `[${value.join(', ')}]` : String(value)}`,
      )
      return `Parameter Group ${i}\n${rows.join('\n')}`
    })
    return `${this.#name} (\n${groups.join('\n\n')}\n)`
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString()
  }
}

const isIterable = (value: unknown): value is Iterable<unknown> =>
  typeof value === 'object' && value !== null && Symbol.iterator in value

/** Options given as tensors of one element become numbers. */
function plainNumbers<T extends object>(options: T): T {
  const entries = Object.entries(options).map(([key, value]) => [key, value instanceof Tensor ? value.item() : value])
  return Object.fromEntries(entries) as T
}
