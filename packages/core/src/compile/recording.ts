// Takes down the kernel calls of a function, with every storage under a number of its own: its slot.
import { type Observer, observed, type RecordedCall } from '../binding/call.js'
import { Storage } from '../tensor/storage.js'
import type { Tensor } from '../tensor/tensor.js'

/** A recorded call, and the slot of each of its tensors. */
export interface Step {
  readonly call: RecordedCall
  readonly slots: readonly number[]
}

/** Where the memory of a slot comes from when the steps run again. */
export type Slot =
  /** The storage of an argument. */
  | { readonly kind: 'argument'; readonly index: number }
  /** A storage from outside, such as a parameter's. */
  | { readonly kind: 'outside'; readonly storage: Storage }
  /** Allocated by the function. */
  | { readonly kind: 'made'; readonly nbytes: number; readonly device: Storage['device'] }

export class Recording implements Observer {
  readonly defers = false
  readonly slots: Slot[] = []
  steps: Step[] = []
  /** Why the function cannot be run from what was taken down, or null. */
  problem: string | null = null
  readonly #numbers = new Map<unknown, number>()
  /** Storages that the host filled: they hold the same values each time, so nothing may write to them. */
  readonly #constants = new Set<number>()
  readonly #outside: { storage: Storage; version: number }[] = []

  /** Names the storages of tensors that are given anew each time. */
  argument(tensor: Tensor, index: number): void {
    if (this.#numbers.has(tensor.storage)) return
    this.#numbers.set(tensor.storage, this.slots.push({ kind: 'argument', index }) - 1)
  }

  /** Runs `body` and takes down its calls. */
  take<R>(body: () => R): R {
    observed.by = this
    try {
      return body()
    } finally {
      observed.by = null
    }
  }

  /** The slot of a storage that the calls have named. */
  slotOf(storage: Storage): number {
    return this.#slot(storage)
  }

  /** Storages from outside that the function wrote to, and how often. */
  written(): readonly { storage: Storage; times: number }[] {
    return this.#outside
      .map(({ storage, version }) => ({ storage, times: storage.version - version }))
      .filter(({ times }) => times > 0)
  }

  called(call: RecordedCall): void {
    const slots = call.storages.map((storage) => this.#slot(storage))
    // A kernel's results come first.
    if (this.#constants.has(slots[0])) this.#refuse('it writes to a tensor that was made of JavaScript values')
    this.steps.push({ call, slots })
  }

  made(storage: RecordedCall['storages'][number]): void {
    if (storage instanceof Storage)
      this.#numbers.set(storage, this.slots.push({ kind: 'made', nbytes: storage.nbytes, device: storage.device }) - 1)
  }

  wrote(storage: RecordedCall['storages'][number]): void {
    if (!(storage instanceof Storage)) return
    const slot = this.#slot(storage)
    if (this.slots[slot].kind === 'argument') this.#refuse('it writes JavaScript values to an argument')
    this.slots[slot] = { kind: 'outside', storage }
    this.#constants.add(slot)
  }

  read(operation: string): void {
    this.#refuse(`${operation} reads values`)
  }

  moved(from: RecordedCall['storages'][number], to: RecordedCall['storages'][number]): void {
    const slot = this.#numbers.get(to)
    if (slot !== undefined && this.slots[slot].kind !== 'made')
      this.#refuse('a tensor from outside was brought into another layout')
    const fresh = this.#numbers.get(from)
    if (fresh !== undefined) this.#numbers.set(to, fresh)
  }

  #slot(storage: unknown): number {
    const known = this.#numbers.get(storage)
    if (known !== undefined) return known
    if (!(storage instanceof Storage)) {
      // An alias of a storage under another layout has its handle.
      for (const [other, slot] of this.#numbers) if (other instanceof Storage && isAlias(other, storage)) return slot
      throw new TypeError('a storage that is none')
    }
    this.#outside.push({ storage, version: storage.version })
    const slot = this.slots.push({ kind: 'outside', storage }) - 1
    this.#numbers.set(storage, slot)
    return slot
  }

  #refuse(problem: string): void {
    this.problem ??= problem
  }
}

const isAlias = (storage: Storage, other: unknown): boolean =>
  typeof other === 'object' &&
  other !== null &&
  'handle' in other &&
  'base' in other &&
  other.handle === storage.handle &&
  other.base === storage.base
