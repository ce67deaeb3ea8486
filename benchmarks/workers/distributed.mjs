// Rank 0 answers lines, and tells rank 1, which it starts, what to do at the same time.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { manualSeed, ones, setNumThreads } from '@flambeau/core'
import * as distributed from '@flambeau/core/distributed'
import { gpt } from '../suite/workloads.mjs'
import { serve } from '../support/serve.mjs'

const [, , rank = '0', given] = process.argv
const folder = given ?? mkdtempSync(join(tmpdir(), 'flambeau-bench-'))
if (rank === '0') spawn(process.execPath, [fileURLToPath(import.meta.url), '1', folder], { stdio: 'inherit' })
setNumThreads(1)
const store = pathToFileURL(join(folder, 'store')).href
distributed.initProcessGroup({ initMethod: store, rank: Number(rank), worldSize: 2 })

const large = ones([25_000_000])
const small = ones([100])
manualSeed(Number(rank))
const step = gpt((model) => new distributed.DistributedDataParallel(model))

/** How often each is done for an answer, which is the mean. */
const CASES = {
  'all-reduce': [1, () => distributed.allReduce(large, { op: 'avg' })],
  small: [50, () => distributed.allReduce(small, { op: 'avg' })],
  gpt: [2, () => step()],
}

function measure(line) {
  const [times, body] = CASES[line]
  distributed.barrier()
  const start = performance.now()
  for (let i = 0; i < times; i++) body()
  return (performance.now() - start) / times
}

if (rank === '0') {
  await serve((line) => {
    distributed.broadcastObjectList([line])
    return measure(line)
  })
  distributed.broadcastObjectList(['end'])
  distributed.destroyProcessGroup()
  rmSync(folder, { recursive: true, force: true })
} else {
  for (;;) {
    const line = [null]
    distributed.broadcastObjectList(line)
    if (line[0] === 'end') break
    measure(line[0])
  }
  distributed.destroyProcessGroup()
}
