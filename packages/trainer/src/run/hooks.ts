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

  /** Calls a hook of callbacks and of the module. @returns what to wait for; nothing where all is done */
  early(name: HookName, ...args: unknown[]): Promise<void> | undefined {
    return this.#run(name, this.#listed(name, false), args)
  }

  /** Calls a hook of callbacks that save. @returns what to wait for; nothing where all is done */
  late(name: HookName, ...args: unknown[]): Promise<void> | undefined {
    return this.#run(name, this.#listed(name, true), args)
  }

  /** Calls a hook of all. @returns what to wait for; nothing where all is done */
  call(name: HookName, ...args: unknown[]): Promise<void> | undefined {
    const early = this.early(name, ...args)
    return early === undefined ? this.late(name, ...args) : early.then(() => this.late(name, ...args))
  }

  #run(name: HookName, list: readonly Bound[], args: readonly unknown[]): Promise<void> | undefined {
    if (list.length === 0) return undefined
    const { results } = this.#trainer
    const before = results.hook
    results.hook = name
    const done = (): void => {
      results.hook = before
    }
    let later: Promise<void> | undefined
    try {
      later = inOrder(list, args)
      return later?.finally(done)
    } finally {
      if (later === undefined) done()
    }
  }
}

/** Calls hooks one after another. @returns what to wait for; nothing where none has to be waited for */
function inOrder(list: readonly Bound[], args: readonly unknown[]): Promise<void> | undefined {
  for (const [i, hook] of list.entries()) {
    const result = hook(...args)
    if (result instanceof Promise) return rest(result, list.slice(i + 1), args)
  }
  return undefined
}

async function rest(first: Promise<unknown>, list: readonly Bound[], args: readonly unknown[]): Promise<void> {
  await first
  for (const hook of list) await hook(...args)
}

function bindCallback(callback: Callback, name: HookName, trainer: Trainer, module: AnyLightningModule): Bound[] {
  const hook: unknown = Reflect.get(callback, name)
  return typeof hook === 'function' ? [(...args) => hook.call(callback, trainer, module, ...args)] : []
}
