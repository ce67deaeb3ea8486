// What the trainer adds to a step of 5 ms: the same steps in a bare loop and through `fit`, alternating, in processor time.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Contestant, figure, worker } from './support/alternate.mjs'

const ROUNDS = 9
const folder = mkdtempSync(join(tmpdir(), 'flambeau-bench-'))
const contestant = new Contestant(process.execPath, [worker('trainer.mjs'), folder], { OMP_NUM_THREADS: '1' })
const times = { bare: [], fit: [] }
for (let round = 0; round <= ROUNDS; round++) {
  // Who comes first takes turns too; the first round warms up.
  for (const way of round % 2 === 0 ? ['bare', 'fit'] : ['fit', 'bare']) {
    const time = await contestant.ask(way)
    if (round > 0) times[way].push(time)
  }
}
contestant.close()
rmSync(folder, { recursive: true })
// The least: what else the machine does only adds.
const bare = Math.min(...times.bare)
const added = Math.min(...times.fit) / bare - 1
figure(
  `the trainer adds to a step of ${bare.toFixed(2)} ms (${(added * bare * 1000).toFixed(0)} µs)`,
  added,
  0.02 * Math.max(1, 5 / bare),
  (x) => `${(x * 100).toFixed(2)} %`,
)
