// Joins neighbouring elementwise calls, and reductions of what they compute, into one program.
import { Group } from './group.js'
import { decode, decodeReduction, type Fusible } from './program.js'
import type { Step } from './recording.js'

/** How many calls back a call may be moved. */
const REACH = 16

/** Puts a call into the latest group that it fits and that nothing in between keeps it from; otherwise says what does. */
function place(step: Step, call: Fusible, parts: readonly (Step | Group)[]): string | null {
  let reason: string | null = null
  for (let i = parts.length - 1; i >= Math.max(0, parts.length - REACH); i--) {
    const part = parts[i]
    if (part instanceof Group) {
      if (part.add(call)) return null
      if (part.touches(call)) reason ??= part.refusal
      if (part.orders(call)) return reason ?? 'it must stay behind a call that it does not fit'
    } else if (part.slots.some((slot) => step.slots.includes(slot)))
      return reason ?? `${part.call.name}, which is not joined, touches the same memory`
  }
  return reason ?? 'no call before it computes or reads what it reduces'
}

/**
 * Where a call that joins no other begins a group: before larger ones that do not bear on it, so that what reads both their
 * results and its own, such as a value for each row, may still join them.
 */
function position(call: Fusible, group: Group, parts: readonly (Step | Group)[]): number {
  let at = parts.length
  for (let i = parts.length - 1; i >= Math.max(0, parts.length - REACH); i--) {
    const part = parts[i]
    if (!(part instanceof Group) || part.orders(call)) break
    if (part.size > group.size) at = i
  }
  return at
}

/** Steps that have been joined. */
export interface Fused {
  readonly steps: Step[]
  /** The reductions that are still calls of their own, and why. */
  readonly apart: string[]
}

/**
 * The same steps in fewer calls: elementwise calls over one shape are joined, and reductions of their rows and columns.
 * @param lives whether a slot's memory is read after the last step
 * @param tiles whether the device has programs over tiles, which reductions may be part of
 */
export function fuse(steps: readonly Step[], lives: (slot: number) => boolean, tiles: boolean): Fused {
  const parts: (Step | Group)[] = []
  const reasons = new Map<Step, string>()
  for (const step of steps) {
    const call = decode(step, tiles)
    const reason = call === null ? decodeReduction(step, tiles) : place(step, call, parts)
    if (typeof reason === 'string') reasons.set(step, reason)
    if (call === null) parts.push(step)
    else if (reason !== null) {
      const group = new Group(step, call, tiles)
      parts.splice(position(call, group, parts), 0, group)
    }
  }
  // From the end, so that what only dropped calls read counts as unread.
  const used = new Set<number>()
  const fused: Step[] = []
  const apart: string[] = []
  for (const part of parts.reverse()) {
    const step = part instanceof Group ? part.encode((slot) => used.has(slot) || lives(slot)) : part
    if (step === null) continue
    for (const slot of step.slots) used.add(slot)
    fused.push(step)
    const single = part instanceof Group ? part.single : part
    const reason = single !== null && decodeReduction(single, tiles) !== null ? reasons.get(single) : undefined
    if (reason !== undefined) apart.push(`${step.call.name}: ${reason}`)
  }
  return { steps: fused.reverse(), apart: apart.reverse() }
}
