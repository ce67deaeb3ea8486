// Loads a file and copies every tensor to the same place, once; answers the seconds, a sum of single elements, and the
// peak of resident memory in bytes.
import { existsSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { empty, load, loadNpy, loadSafetensors } from '@flambeau/core'

const read = {
  safetensors: (path) => Object.values(loadSafetensors(path)),
  copied: (path) => Object.values(loadSafetensors(path, { mmap: false })),
  pt: (path) => Object.values(load(path)),
  npy: (path) => [loadNpy(path)],
}

/** By Linux's own account where there is one: maxRSS counts what the parent held when it started this process. */
function peak() {
  const status = '/proc/self/status'
  const high = existsSync(status) ? /^VmHWM:\s+(\d+)/m.exec(readFileSync(status, 'utf8')) : null
  return (high === null ? process.resourceUsage().maxRSS : Number(high[1])) * 1024
}

/** Of 16 MB: every tensor of the files is a whole number of them. */
const PIECE = 2 ** 22
const target = empty([PIECE]).fill_(0)
for await (const line of createInterface({ input: process.stdin })) {
  const [format, path] = JSON.parse(line)
  const start = performance.now()
  let sum = 0
  for (const t of read[format](path))
    for (const piece of t.view([-1, PIECE]).unbind()) sum += target.copy_(piece).at(12345).item()
  const seconds = (performance.now() - start) / 1000
  console.log(JSON.stringify([seconds, sum, peak()]))
}
