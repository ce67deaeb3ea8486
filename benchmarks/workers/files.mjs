// Loads a file and adds up every tensor, once; answers the seconds, the sum and the peak of resident memory in bytes.
import { createInterface } from 'node:readline'
import { load, loadNpy, loadSafetensors, zeros } from '@flambeau/core'

const read = {
  safetensors: (path) => Object.values(loadSafetensors(path)),
  copied: (path) => Object.values(loadSafetensors(path, { mmap: false })),
  pt: (path) => Object.values(load(path)),
  npy: (path) => [loadNpy(path)],
}

zeros([1000]).sum().item()
for await (const line of createInterface({ input: process.stdin })) {
  const [format, path] = JSON.parse(line)
  const start = performance.now()
  let sum = 0
  for (const t of read[format](path)) sum += t.sum().item()
  const seconds = (performance.now() - start) / 1000
  console.log(JSON.stringify([seconds, sum, process.resourceUsage().maxRSS * 1024]))
}
