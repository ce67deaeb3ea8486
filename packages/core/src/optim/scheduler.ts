import { ArgumentError, describe } from '../errors.js'

/** A parameter group as schedulers see it. */
export interface ScheduledGroup {
  lr: number
  initialLr?: number
  /** What cyclic schedules go between. */
  maxLr?: number
  minLr?: number
  maxMomentum?: number
  baseMomentum?: number
}

/** Any optimizer. */
export interface ScheduledOptimizer {
  readonly paramGroups: readonly ScheduledGroup[]
  readonly defaults: object
}

/** A scheduler's state under PyTorch's names: numbers, and lists and records of them. */
export type SchedulerState = Record<string, unknown>

/** Names that PyTorch spells in its own way. */
const SPELLED: Readonly<Record<string, string>> = {
  stepCount: '_step_count',
  annealStrategy: '_anneal_strategy',
  lastLr: '_last_lr',
  tMax: 'T_max',
  t0: 'T_0',
  tI: 'T_i',
  tMult: 'T_mult',
  tCur: 'T_cur',
  schedulers: '_schedulers',
  sequence: '_milestones',
  totalSteps: 'total_steps',
}
const snake = (name: string): string => SPELLED[name] ?? name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)

export function expectThat(ok: boolean, scheduler: string, argument: string, expected: string, value: unknown): void {
  if (!ok) throw new ArgumentError(`${scheduler}: expected ${argument} ${expected}, got ${describe(value)}`)
}

/** Options that every scheduler takes. */
export interface SchedulerOptions {
  /** The epoch to go on from; -1 to begin. Default -1. */
  readonly lastEpoch?: number
}

/**
 * The base of learning rate schedulers: call `step()` after each epoch, or each optimizer step.
 *
 * A subclass gives `getLr`, and calls `start()` at the end of its constructor.
 */
export abstract class LRScheduler {
  readonly optimizer: ScheduledOptimizer
  /** The learning rate of each group that the schedule starts from. */
  baseLrs: number[]
  /** Steps so far. */
  lastEpoch: number
  /** @internal */
  stepCount = 0
  /** @internal */
  lastLr: number[] = []
  #initial = false

  constructor(optimizer: ScheduledOptimizer, options: SchedulerOptions = {}) {
    if (typeof optimizer !== 'object' || optimizer === null || !Array.isArray(optimizer.paramGroups))
      throw new ArgumentError(`${this.constructor.name}: expected an optimizer, got ${describe(optimizer)}`)
    this.optimizer = optimizer
    const { lastEpoch = -1 } = options
    this.lastEpoch = lastEpoch
    this.baseLrs = optimizer.paramGroups.map((group, i) => {
      if (lastEpoch === -1) group.initialLr ??= group.lr
      if (group.initialLr === undefined)
        throw new ArgumentError(
          `${this.constructor.name}: expected initialLr in group ${i} to go on from epoch ${lastEpoch}; load the optimizer's state first`,
        )
      return group.initialLr
    })
  }

  /** The learning rate of each group at `lastEpoch`. */
  protected abstract getLr(): number[]

  /** The learning rates at `lastEpoch` without those before it; by `getLr` where there is no formula. */
  protected closedForm(): number[] {
    return this.getLr()
  }

  /** Whether the first step is being made, which sets the rates the schedule begins with. */
  protected get initial(): boolean {
    return this.#initial
  }

  /** The learning rates of the groups now. */
  protected get current(): number[] {
    return this.optimizer.paramGroups.map(({ lr }) => lr)
  }

  /** @internal Sets the rates that the schedule begins with. */
  start(): void {
    this.stepCount = 0
    this.#initial = true
    try {
      this.step()
    } finally {
      this.#initial = false
    }
  }

  /** Goes to the next epoch and sets the learning rates. */
  step(): void {
    this.stepCount++
    this.lastEpoch++
    this.#set(this.getLr())
  }

  /** @internal Goes to an epoch. */
  jump(epoch: number): void {
    this.lastEpoch = epoch
    this.#set(this.closedForm())
  }

  #set(rates: readonly number[]): void {
    this.optimizer.paramGroups.forEach((group, i) => {
      group.lr = rates[i]
    })
    this.lastLr = this.current
  }

  /** The learning rates that the last step set. */
  getLastLr(): number[] {
    return [...this.lastLr]
  }

  /** The schedule's state under PyTorch's names; functions are left out. */
  stateDict(): SchedulerState {
    const entries = Object.entries(this).filter(([key, value]) => key !== 'optimizer' && typeof value !== 'function')
    return Object.fromEntries(entries.map(([key, value]) => [snake(key), packed(value)]))
  }

  /** Takes over a state from `stateDict()`. */
  loadStateDict(state: SchedulerState): void {
    if (typeof state !== 'object' || state === null)
      throw new ArgumentError(`${this.constructor.name}: expected a state dict, got ${describe(state)}`)
    for (const [key, value] of Object.entries(this)) {
      const name = snake(key)
      const code = typeof value === 'function' || (Array.isArray(value) && value.some((v) => typeof v === 'function'))
      if (key === 'optimizer' || code || !(name in state)) continue
      const loaded = state[name]
      if (Array.isArray(value) && value.every((item) => item instanceof LRScheduler)) {
        value.forEach((scheduler: LRScheduler, i) => {
          scheduler.loadStateDict((loaded as SchedulerState[])[i])
        })
      } else Reflect.set(this, key, structuredClone(loaded))
    }
  }
}

function packed(value: unknown): unknown {
  if (value instanceof LRScheduler) return value.stateDict()
  if (Array.isArray(value)) return value.map((item) => (typeof item === 'function' ? null : packed(item)))
  return value
}

/** A value for each group, from one for all or a list. */
export function perGroup<T>(
  scheduler: string,
  argument: string,
  optimizer: ScheduledOptimizer,
  value: T | readonly T[],
): T[] {
  const { length } = optimizer.paramGroups
  if (!Array.isArray(value)) return new Array<T>(length).fill(value as T)
  if (value.length !== length)
    throw new ArgumentError(`${scheduler}: expected ${argument} for ${length} groups, got ${value.length}`)
  return [...value]
}
