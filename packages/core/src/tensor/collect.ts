// When to collect. V8 does not know how much memory a tensor holds, so a loop that makes tensors must ask for
// collections itself: young ones, which cost under a millisecond and free what a loop drops, and a full one when what
// survived those has grown. Storages free their memory inside the collection (docs/decisions/memory.md).
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { liveBytes } from '../binding/call.js'

/**
 * Bytes that may be allocated between two young collections: few where a loop drops most of what it makes, so that the
 * same memory, still in the processor's caches, is used again; more where it is kept, since what survives two young
 * collections waits for a full one.
 */
const LEAST_STEP = 32 * 2 ** 20
const MOST_STEP = 96 * 2 ** 20
/** The share of what was allocated that must be free again for the next step to be smaller. */
const DROPPED = 0.75
/** What may survive young collections before a full one, at least, and as a share of what survived the last full one. */
const GROWTH = 192 * 2 ** 20
const GROWTH_SHARE = 0.5

// V8 doubles its young generation each time enough has survived, the last time only after a hundred thousand training
// steps, which looks like a leak. It may as well have its full size (16 MB twice) from the first time on.
setFlagsFromString('--semi-space-growth-factor=16')

let gc: ((options?: { type: 'minor' | 'major' }) => void) | null = null
let step = MOST_STEP
let limit = step
/** Live bytes after the last collection, young or full, and after the last full one. */
let after = 0
let survived = 0

function collector(): NonNullable<typeof gc> {
  if (gc === null) {
    setFlagsFromString('--expose-gc')
    gc = runInNewContext('gc') as NonNullable<typeof gc>
  }
  return gc
}

/** Runs a full garbage collection, whether or not Node was started with --expose-gc. */
export function collectGarbage(): void {
  collector()({ type: 'major' })
  survived = liveBytes()
  after = survived
  limit = survived + step
}

/** Called before `nbytes` are allocated. */
export function pace(nbytes: number): void {
  if (liveBytes() + nbytes <= limit) return
  const before = liveBytes()
  collector()({ type: 'minor' })
  const live = liveBytes()
  step = before - live >= DROPPED * (before - after) ? Math.max(step / 2, LEAST_STEP) : Math.min(step * 2, MOST_STEP)
  if (live + nbytes - survived > Math.max(GROWTH, survived * GROWTH_SHARE)) collectGarbage()
  else {
    after = live
    limit = live + nbytes + step
  }
}
