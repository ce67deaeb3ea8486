// An optimizer whose state is divided among the processes. [Rajbhandari et al., 2019](https://arxiv.org/abs/1910.02054)
import { addHook, type HookHandle } from '../autograd/hooks.js'
import { enableGrad, noGrad } from '../autograd/mode.js'
import { ArgumentError, describe } from '../errors.js'
import { detach } from '../ops/index.js'
import {
  Optimizer,
  type OptimizerOptions,
  type OptimizerState,
  type ParamGroup,
  type ParamState,
  type Params,
} from '../optim/optimizer.js'
import type { Tensor } from '../tensor/tensor.js'
import { broadcastAll } from './coalesced.js'
import { gatherObject } from './objects.js'
import { groupFor, type ProcessGroup } from './process-group.js'

/** An optimizer of `optim`, to be made of some of the parameters. */
export type OptimizerClass<O extends OptimizerOptions> = new (params: Params<O>, options?: O) => Optimizer<O>

export interface ZeroOptions {
  /** Default: all processes. */
  readonly processGroup?: ProcessGroup | null
}

/**
 * ZeRO's first stage: every process has all parameters and gradients, but steps a part of the parameters, and so keeps the
 * state of that part alone; then each part is given to all. The result is that of the optimizer in one process.
 *
 * @param params parameters or groups of them, the same on every process
 * @param optimizer such as `optim.AdamW`
 * @param defaults its options
 */
export class ZeroRedundancyOptimizer<O extends OptimizerOptions> extends Optimizer<O> {
  readonly #group: ProcessGroup
  readonly #inner: Optimizer<O>
  /** The rank that steps each parameter. */
  readonly #owners: ReadonlyMap<Tensor, number>
  /** The group of the inner optimizer that each of this one's groups has a part in. */
  readonly #innerAt: readonly (number | null)[]
  #consolidated: OptimizerState | null = null
  readonly #pre = new Set<() => void>()
  readonly #post = new Set<() => void>()

  constructor(params: Params<O>, optimizer: OptimizerClass<O>, defaults?: O, options: ZeroOptions = {}) {
    if (typeof optimizer !== 'function')
      throw new ArgumentError(
        `ZeroRedundancyOptimizer: expected a class of optim for optimizer, got ${describe(optimizer)}`,
      )
    const list = [...(params as Iterable<Tensor>)]
    const whole = new optimizer(list as Params<O>, defaults)
    super(list as Params<O>, whole.defaults)
    this.#group = groupFor('ZeroRedundancyOptimizer', options.processGroup)
    this.#owners = divide(this.paramGroups, this.#group.size)
    const { rank } = this.#group
    const own = this.paramGroups.map(({ params, ...rest }) => ({
      ...rest,
      params: params.filter((p) => this.#owners.get(p) === rank),
    }))
    const filled = own.filter(({ params }) => params.length > 0)
    // A rank with nothing to step still has an optimizer, of which no group is used.
    this.#inner = filled.length > 0 ? new optimizer(filled as Params<O>, defaults) : whole
    let at = 0
    this.#innerAt = own.map(({ params }) => (params.length > 0 ? at++ : null))
  }

  /** They are other objects after a state was loaded. */
  get #innerGroups(): (ParamGroup<O> | null)[] {
    return this.#innerAt.map((at) => (at === null ? null : this.#inner.paramGroups[at]))
  }

  protected override check(): void {
    // The optimizer that is wrapped has checked its options.
  }

  protected override update(): void {
    throw new ArgumentError('ZeroRedundancyOptimizer: call step()')
  }

  /** Steps this process's part, and gives every process the parts of the others. */
  override step(): undefined
  override step(closure: () => Tensor): Tensor
  override step(closure?: () => Tensor): Tensor | undefined {
    for (const hook of this.#pre) hook()
    const loss = closure === undefined ? undefined : enableGrad(closure)
    this.#consolidated = null
    for (const [i, group] of this.#innerGroups.entries()) {
      if (group === null) continue
      // What schedulers have changed since.
      const { params: _, ...options } = this.paramGroups[i]
      Object.assign(group, options)
    }
    if (this.#innerGroups.some((group) => group !== null)) this.#inner.step()
    const { ranks } = this.#group
    noGrad(() => {
      for (const [at, rank] of ranks.entries()) {
        const part = [...this.#owners].filter(([, owner]) => owner === at).map(([p]) => detach(p))
        if (part.length > 0) broadcastAll(part, rank, this.#group)
      }
    })
    for (const hook of this.#post) hook()
    return loss
  }

  override registerStepPreHook(hook: (optimizer: this) => void): HookHandle {
    return addHook(this.#pre, () => hook(this))
  }

  override registerStepPostHook(hook: (optimizer: this) => void): HookHandle {
    return addHook(this.#post, () => hook(this))
  }

  override addParamGroup(): void {
    throw new ArgumentError('ZeroRedundancyOptimizer: parameters cannot be added later; make another one')
  }

  /** Brings the state of all parts to rank `to`, where `stateDict` then gives it. Every process calls it. */
  consolidateStateDict(to = 0): void {
    const { state } = this.#inner.stateDict()
    const numbers = this.#numbers()
    const own: Record<string, ParamState> = {}
    if (this.#innerGroups.some((group) => group !== null)) {
      const inner = this.#inner.paramGroups.flatMap(({ params }) => params)
      for (const [index, values] of Object.entries(state)) own[String(numbers.get(inner[Number(index)]))] = values
    }
    const parts = gatherObject(own, to, { group: this.#group })
    if (parts === null) return
    const all = Object.assign({}, ...parts) as Record<string, ParamState>
    const sorted = Object.fromEntries(Object.entries(all).sort(([a], [b]) => Number(a) - Number(b)))
    const [like] = this.#inner.stateDict().param_groups
    const groups = super.stateDict().param_groups.map((group) => ({ ...like, ...group }))
    this.#consolidated = { state: sorted, param_groups: groups }
  }

  #numbers(): Map<Tensor, number> {
    const numbers = new Map<Tensor, number>()
    for (const { params } of this.paramGroups) for (const p of params) if (!numbers.has(p)) numbers.set(p, numbers.size)
    return numbers
  }

  /** The state of the whole optimizer, in the structure that the one in one process has. */
  override stateDict(): OptimizerState {
    if (this.#consolidated === null)
      throw new ArgumentError(
        'ZeroRedundancyOptimizer: call consolidateStateDict(rank) on every process first; stateDict() is for that rank',
      )
    return this.#consolidated
  }

  /** Takes over a whole state; this process keeps its part of it. */
  override loadStateDict(given: OptimizerState): void {
    super.loadStateDict(given)
    this.state.clear()
    const numbers = this.#numbers()
    const state: Record<string, ParamState> = {}
    const inner = this.#innerGroups.flatMap((group) => group?.params ?? [])
    for (const [i, p] of inner.entries()) {
      const values = given.state[String(numbers.get(p))]
      if (values !== undefined) state[i] = values
    }
    let at = 0
    const owned = this.#innerGroups
    const groups = given.param_groups.flatMap((group, i) => {
      const own = owned[i]
      return own === null ? [] : [{ ...group, params: own.params.map(() => at++) }]
    })
    if (groups.length > 0) this.#inner.loadStateDict({ state, param_groups: groups })
  }
}

/** Gives each parameter, from the largest on, to the rank that has the least so far. */
function divide<O extends OptimizerOptions>(groups: readonly ParamGroup<O>[], size: number): Map<Tensor, number> {
  const loads: number[] = new Array(size).fill(0)
  const owners = new Map<Tensor, number>()
  for (const { params } of groups)
    for (const p of [...params].sort((a, b) => b.numel() - a.numel())) {
      const rank = loads.indexOf(Math.min(...loads))
      owners.set(p, rank)
      loads[rank] += p.numel()
    }
  return owners
}
