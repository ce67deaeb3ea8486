// Joins neighbouring elementwise calls, and reductions of what they compute, into one program.
import { Group } from './group.js'
import { decode, type Fusible } from './program.js'
import type { Step } from './recording.js'

/** How many calls back a call may be moved. */
const REACH = 16

/** Puts a call into the latest group that it fits and that nothing in between keeps it from. */
function place(step: Step, call: Fusible, parts: readonly (Step | Group)[]): boolean {
  for (let i = parts.length - 1; i >= Math.max(0, parts.length - REACH); i--) {
    const part = parts[i]
    if (part instanceof Group) {
      if (part.add(call)) return true
      if (part.orders(call)) return false
    } else if (part.slots.some((slot) => step.slots.includes(slot))) return false
  }
  return false
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

/**
 * The same steps in fewer calls: elementwise calls over one shape are joined, and reductions of their rows and columns.
 * @param lives whether a slot's memory is read after the last step
 * @param tiles whether the device has programs over tiles, which reductions may be part of
 */
export function fuse(steps: readonly Step[], lives: (slot: number) => boolean, tiles: boolean): Step[] {
  const parts: (Step | Group)[] = []
  for (const step of steps) {
    const call = decode(step, tiles)
    if (call === null) parts.push(step)
    else if (!place(step, call, parts)) {
      const group = new Group(step, call, tiles)
      parts.splice(position(call, group, parts), 0, group)
    }
  }
  // From the end, so that what only dropped calls read counts as unread.
  const used = new Set<number>()
  const fused: Step[] = []
  for (const part of parts.reverse()) {
    const step = part instanceof Group ? part.encode((slot) => used.has(slot) || lives(slot)) : part
    if (step === null) continue
    for (const slot of step.slots) used.add(slot)
    fused.push(step)
  }
  return fused.reverse()
}
