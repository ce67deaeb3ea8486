// Calls the hooks: of callbacks, then of the module, then of callbacks that save.
import { type Callback, CheckpointCallback, type HookName } from '../callback.js'
import type { Trainer } from '../trainer.js'
import type { AnyLightningModule } from '../types.js'

type Bound = (...args: unknown[]) => unknown

/** The hooks of a run by name, so that a batch costs nothing for those that nobody overrides. */
export class Hooks {
  readonly #trainer: Trainer
  readonly #module: AnyLightningModule
  readonly #early = new Map<HookName, Bound[]>()
  readonly #late = new Map<HookName, Bound[]>()

  constructor(trainer: Trainer, module: AnyLightningModule) {
    this.#trainer = trainer
    this.#module = module
  }

  #listed(name: HookName, late: boolean): Bound[] {
    const lists = late ? this.#late : this.#early
    let list = lists.get(name)
    if (list === undefined) {
      const { callbacks } = this.#trainer
      list = callbacks
        .filter((callback) => callback instanceof CheckpointCallback === late)
        .filter((callback) => !callback.mainOnly || this.#trainer.isGlobalZero)
        .flatMap((callback) => bindCallback(callback, name, this.#trainer, this.#module))
      if (!late) {
        const own: unknown = Reflect.get(this.#module, name)
        if (typeof own === 'function') list.push((...args) => own.apply(this.#module, args))
      }
      lists.set(name, list)
    }
    return list
  }

  /** Whether anybody listens. */
  has(name: HookName): boolean {
    return this.#listed(name, false).length > 0 || this.#listed(name, true).length > 0
  }

  /** Calls a hook of callbacks and of the module. @returns the last result of the module, if it has one */
  early(name: HookName, ...args: unknown[]): Promise<unknown> | undefined {
    const list = this.#listed(name, false)
    return list.length === 0 ? undefined : this.#run(name, list, args)
  }

  /** Calls a hook of callbacks that save. */
  late(name: HookName, ...args: unknown[]): Promise<unknown> | undefined {
    const list = this.#listed(name, true)
    return list.length === 0 ? undefined : this.#run(name, list, args)
  }

  /** Calls a hook of all. */
  async call(name: HookName, ...args: unknown[]): Promise<unknown> {
    const result = await this.early(name, ...args)
    await this.late(name, ...args)
    return result
  }

  async #run(name: HookName, list: readonly Bound[], args: readonly unknown[]): Promise<unknown> {
    const { results } = this.#trainer
    const before = results.hook
    results.hook = name
    try {
      let result: unknown
      for (const hook of list) {
        result = hook(...args)
        if (result instanceof Promise) result = await result
      }
      return result
    } finally {
      results.hook = before
    }
  }
}

function bindCallback(callback: Callback, name: HookName, trainer: Trainer, module: AnyLightningModule): Bound[] {
  const hook: unknown = Reflect.get(callback, name)
  return typeof hook === 'function' ? [(...args) => hook.call(callback, trainer, module, ...args)] : []
}
