// What the trainer adds to a step of 5 ms: the same steps in a bare loop and through `fit`, alternating, in processor time. The
// difference is small beside what a step of 5 ms varies by, so it is also taken where the step is nearly nothing.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Contestant, figure, median, worker } from './support/alternate.mjs'

const ROUNDS = { large: 24, small: 12 }
const STEP = 5000
const LIMIT = 0.02
const folder = mkdtempSync(join(tmpdir(), 'flambeau-bench-'))
const contestant = new Contestant(process.execPath, [worker('trainer.mjs'), folder], { OMP_NUM_THREADS: '1' })

/** Microseconds of the bare step, and what the trainer adds to it: medians of rounds, with how far those of halves of them differ. */
async function measure(size) {
  const bare = []
  const added = []
  for (let round = 0; round <= ROUNDS[size]; round++) {
    const times = {}
    // Who comes first takes turns too; the first round warms up.
    for (const way of round % 2 === 0 ? ['bare', 'fit'] : ['fit', 'bare'])
      times[way] = await contestant.ask(`${way} ${size}`)
    if (round === 0) continue
    bare.push(times.bare)
    added.push(times.fit - times.bare)
  }
  const halves = [0, 1].map((half) => median(added.filter((_, i) => i % 4 < 2 === (half === 0))))
  return { bare: median(bare), added: median(added), noise: Math.abs(halves[0] - halves[1]) }
}

const percent = (x) => `${(x * 100).toFixed(2)} %`
for (const size of ['small', 'large']) {
  const { bare, added, noise } = await measure(size)
  const name = `the trainer adds to a step of ${(bare / 1000).toFixed(2)} ms (${added.toFixed(0)} µs, halves of the rounds differ by ${noise.toFixed(0)})`
  // Of the large step what it is of that very step; of the small one, what it would be of 5 ms.
  const whole = size === 'large' ? Math.max(bare, STEP) : STEP
  // The noise of the machine must not decide.
  if (noise > Math.abs(added - LIMIT * whole))
    console.log(`? ${name}: ${percent(added / whole)}, not to be told from the noise`)
  else figure(name, added / whole, LIMIT, percent)
}
contestant.close()
rmSync(folder, { recursive: true })
