// What the backward pass computes again from what is there, where that takes less than writing and reading it.
import { MICRO } from '../binding/micro.gen.js'
import { decode, dividesWhole, type Elementwise } from './program.js'
import type { Slot, Step } from './recording.js'

/** Instructions of a few cycles. */
const CHEAP: readonly number[] = [
  MICRO.add,
  MICRO.sub,
  MICRO.mul,
  MICRO.mulAdd,
  MICRO.div,
  MICRO.neg,
  MICRO.abs,
  MICRO.sign,
  MICRO.square,
  MICRO.reciprocal,
  MICRO.sqrt,
  MICRO.rsqrt,
  MICRO.maximum,
  MICRO.minimum,
  MICRO.clamp,
  MICRO.relu,
  MICRO.eq,
  MICRO.ne,
  MICRO.lt,
  MICRO.le,
  MICRO.gt,
  MICRO.ge,
  MICRO.logicalAnd,
  MICRO.logicalOr,
  MICRO.logicalNot,
  MICRO.where,
  MICRO.isnan,
]
/** Instructions that take about as long as writing a value and reading it back. */
const MOST = 8
/** A value for each row may be saved for the sake of one for each element. */
const SMALL_SHARE = 1 / 8

const isCheap = ({ code }: Elementwise): boolean => code.every((op, i) => i % 4 !== 0 || CHEAP.includes(op))

interface Maker {
  readonly at: number
  readonly call: Elementwise
}

/**
 * The forward steps that the backward pass begins with, and the slots that are left to be saved for it.
 * @param saved the slots of the forward pass that the backward pass reads
 * @param results slots that outlive the forward pass anyway
 */
export function recompute(
  slots: readonly Slot[],
  forward: readonly Step[],
  saved: ReadonlySet<number>,
  results: ReadonlySet<number>,
): { readonly again: Step[]; readonly saved: Set<number> } {
  const makers = new Map<number, Maker>()
  /** The last step that may have written a slot, and how many there are. */
  const writes = new Map<number, { last: number; times: number }>()
  for (const [at, step] of forward.entries()) {
    const call = decode(step, true)
    const written = call === null ? step.slots : call.outs.map(({ slot }) => slot)
    for (const slot of new Set(written)) {
      writes.set(slot, { last: at, times: (writes.get(slot)?.times ?? 0) + 1 })
      if (call?.kind === 'elementwise') makers.set(slot, { at, call })
    }
  }

  const bytes = (slot: number): number => {
    const made = slots[slot]
    return made.kind === 'made' ? made.nbytes : 0
  }
  const left = new Set(saved)
  const costs = new Map<number, number>()
  /** Instructions that it takes to have a slot again; infinitely many where it must be saved. */
  const cost = (slot: number): number => {
    const known = costs.get(slot)
    if (known !== undefined) return known
    let total = Number.POSITIVE_INFINITY
    const maker = makers.get(slot)
    if (maker !== undefined && writes.get(slot)?.times === 1 && !results.has(slot)) {
      const { call, at } = maker
      const plain = [...call.outs, ...call.ins].every(({ layout }) => layout === 0)
      if (plain && call.outs.length === 1 && isCheap(call) && !dividesWhole(call))
        total = call.ins.reduce((sum, { slot: input }) => sum + inputCost(input, at, bytes(slot)), call.code.length / 4)
    }
    costs.set(slot, total <= MOST ? total : Number.POSITIVE_INFINITY)
    return costs.get(slot) ?? total
  }
  const inputCost = (slot: number, at: number, size: number): number => {
    if (slots[slot].kind === 'argument') return 0
    // What lies outside may be another by then.
    if (slots[slot].kind === 'outside' || (writes.get(slot)?.last ?? 0) > at) return Number.POSITIVE_INFINITY
    const again = cost(slot)
    if (again !== Number.POSITIVE_INFINITY) return again
    return saved.has(slot) || bytes(slot) <= size * SMALL_SHARE ? 0 : Number.POSITIVE_INFINITY
  }

  const repeated = new Set<number>()
  const repeat = (slot: number): void => {
    const maker = makers.get(slot)
    if (maker === undefined || cost(slot) === Number.POSITIVE_INFINITY) {
      if (slots[slot].kind === 'made') left.add(slot)
      return
    }
    left.delete(slot)
    if (repeated.has(maker.at)) return
    repeated.add(maker.at)
    for (const { slot: input } of maker.call.ins) repeat(input)
  }
  for (const slot of saved) repeat(slot)
  return { again: [...repeated].sort((a, b) => a - b).map((at) => forward[at]), saved: left }
}
