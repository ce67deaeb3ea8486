// When to collect. V8 does not know how much memory a tensor holds, so a loop that makes tensors must ask for
// collections itself: young ones, which cost under a millisecond and free what a loop drops, and a full one when what
// survived those has grown. Storages free their memory inside the collection (docs/decisions/memory.md).
import { liveBytes, observed } from '../binding/call.js'
import { v8, vm } from '../builtins.js'

/**
 * Bytes that may be allocated between two young collections. Few where a loop drops what it makes, as every loop is first
 * taken to do: the same memory, still in the processor's caches, is used again, and pages that were never touched cost
 * more than most arithmetic. A training step keeps much of what it makes for a while, and what survives two young
 * collections waits for a full one: steps are long from the first collection on that freed less than half.
 */
const FIRST_STEP = 32 * 2 ** 20
const SHORTEST_STEP = 8 * 2 ** 20
const LONGEST_STEP = 96 * 2 ** 20
/** Shares of what was allocated that a collection leaves: steps are long above the one, may be shorter below the other. */
const KEPT = 0.5
const DROPPED = 0.1
/** Steps become shorter after so many collections in a row that left next to nothing, as long as they are cheap. */
const DROPPING = 6
/** Shares of the time that collections take: cheap below the one, too costly for steps shorter than the first above the other. */
const CHEAP = 0.04
const COSTLY = 0.1
/** What may survive young collections before a full one, at least, and as a share of what survived the last full one. */
const GROWTH = 96 * 2 ** 20
const GROWTH_SHARE = 0.5

// V8 doubles its young generation each time enough has survived, the last time only after a hundred thousand training
// steps, which looks like a leak. It may as well have its full size (16 MB twice) from the first time on. That can wait
// until a program makes more than a few tensors: loading what sets it takes milliseconds.
const growAtOnce = (): void => v8().setFlagsFromString('--semi-space-growth-factor=16')
let untilGrowth = 6

let gc: ((options?: { type: 'minor' }) => void) | null = null
let step = FIRST_STEP
let limit = step
/** How many collections in a row have left next to nothing. */
let dropping = 0
/** When the last young collection ended, in milliseconds. */
let ended = performance.now()
/** Live bytes after the last collection, young or full, and after the last full one. */
let after = 0
let survived = 0
/** Live bytes after the last collection at the end of a backward pass: others may have come in the middle of a step. */
let settled = 0

function collector(): NonNullable<typeof gc> {
  if (gc === null) {
    v8().setFlagsFromString('--expose-gc')
    gc = vm().runInNewContext('gc') as NonNullable<typeof gc>
  }
  return gc
}

/** Runs a full garbage collection, whether or not Node was started with --expose-gc. */
export function collectGarbage(): void {
  // Full only without any argument: Node 20 takes an object, whatever it says, for a young one.
  collector()()
  survived = liveBytes()
  after = survived
  limit = survived + step
}

/**
 * Runs a young collection on this thread alone: the help of others costs four times the processor time, which kernels can
 * use, and saves none where little survives.
 *
 * @returns the share of the time since the last one that it took
 */
function collectYoung(): number {
  const gc = collector()
  const begun = performance.now()
  v8().setFlagsFromString('--no-parallel-scavenge')
  gc({ type: 'minor' })
  v8().setFlagsFromString('--parallel-scavenge')
  const last = ended
  ended = performance.now()
  return (ended - begun) / (ended - last)
}

/**
 * Called when a backward pass has ended. What it saved is garbage now: if a full collection would be due soon, this is the
 * moment when it frees most.
 */
export function collectAfterBackward(): void {
  if (liveBytes() - settled <= GROWTH || observed.by?.defers) return
  collectGarbage()
  settled = survived
}

/** Called for every storage. */
export function count(): void {
  if (--untilGrowth === 0) growAtOnce()
}

/** Called before `nbytes` are allocated. */
export function pace(nbytes: number): void {
  if (liveBytes() + nbytes <= limit) return
  // Calls that are kept for later hold on to their memory, which they have not got yet.
  if (observed.by?.defers) return
  const before = liveBytes()
  const cost = collectYoung()
  const live = liveBytes()
  const kept = (live - after) / (before - after)
  dropping = kept <= DROPPED ? dropping + 1 : 0
  if (kept > KEPT) step = LONGEST_STEP
  else if (cost > COSTLY && step < FIRST_STEP) step = Math.min(step * 2, FIRST_STEP)
  else if (cost < CHEAP && dropping >= DROPPING) step = Math.max(step / 2, SHORTEST_STEP)
  if (live + nbytes - survived > Math.max(GROWTH, survived * GROWTH_SHARE)) collectGarbage()
  else {
    after = live
    limit = live + nbytes + step
  }
}
