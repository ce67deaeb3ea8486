// What a function does, as kernel calls that run again on other storages.
import { repeat } from '../binding/call.js'
import type { DType } from '../tensor/dtype.js'
import { Storage } from '../tensor/storage.js'
import { Tensor } from '../tensor/tensor.js'
import { fuse } from './fusion.js'
import type { Slot, Step } from './recording.js'

/** A tensor over the memory of a slot. */
export interface Result {
  readonly slot: number
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly strides: readonly number[]
  readonly offset: number
  readonly layout: number
}

export const resultOf = (t: Tensor, slot: number): Result => ({
  slot,
  dtype: t.dtype,
  shape: t.shape,
  strides: t.strides,
  offset: t.offset,
  layout: t.storage.layout,
})

/** The memory of the slots during one run. */
export type Table = (Storage | undefined)[]

/** Steps, with what each may free after it. */
export class Plan {
  readonly steps: readonly Step[]
  /** The reductions that are calls of their own, and why. */
  readonly apart: readonly string[]
  readonly #slots: readonly Slot[]
  readonly #frees: readonly (readonly number[])[]

  /** @param kept slots that are read after the last step */
  constructor(slots: readonly Slot[], steps: readonly Step[], kept: ReadonlySet<number>) {
    this.#slots = slots
    const lives = (slot: number): boolean => slots[slot].kind !== 'made' || kept.has(slot)
    const onCpu = slots.every((slot) => slot.kind !== 'made' || slot.device === 'cpu')
    const { steps: fused, apart } = fuse(steps, lives, onCpu)
    this.steps = fused
    this.apart = apart
    const last = new Map<number, number>()
    for (const [i, step] of this.steps.entries()) for (const slot of step.slots) last.set(slot, i)
    const frees: number[][] = this.steps.map(() => [])
    for (const [slot, i] of last) if (!lives(slot)) frees[i].push(slot)
    this.#frees = frees
  }

  /** Runs the steps. `table` has the arguments' storages and gets those that are made. */
  run(table: Table): void {
    for (let i = 0; i < this.steps.length; i++) {
      const { call, slots } = this.steps[i]
      const storages: Storage[] = []
      for (const slot of slots) storages.push(this.#storage(table, slot))
      repeat(call, storages)
      for (const slot of this.#frees[i]) {
        table[slot]?.release()
        table[slot] = undefined
      }
    }
  }

  #storage(table: Table, slot: number): Storage {
    const known = table[slot]
    if (known !== undefined) return known
    const made = this.#slots[slot]
    const storage =
      made.kind === 'made'
        ? Storage.allocate(made.nbytes, made.device)
        : made.kind === 'outside'
          ? made.storage
          : undefined
    if (storage === undefined) throw new RangeError(`slot ${slot} has no memory`)
    table[slot] = storage
    return storage
  }

  /** A tensor of what the steps have left in a slot. */
  result(table: Table, { slot, dtype, shape, strides, offset, layout }: Result): Tensor {
    const storage = this.#storage(table, slot)
    const t = new Tensor(storage, dtype, shape, strides, offset)
    if (layout !== 0) storage.makeBlocked(layout, shape, t.code)
    return t
  }
}
