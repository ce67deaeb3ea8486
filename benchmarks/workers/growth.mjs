// Steps of the sizes of a curve, or of a load with one thread and with two: a line { curve, size } or { load, threads } asks for
// the milliseconds of a step; the first time it is made ready and warmed up.
import { getNumThreads, manualSeed, setNumThreads } from '@flambeau/core'
import { curves, loads } from '../suite/growth.mjs'
import { serve } from '../support/serve.mjs'

const LEAST = 25
const WARM_UP = 20
const steps = new Map()

function measure({ curve, load, size, threads }) {
  if (threads !== undefined && getNumThreads() !== threads) setNumThreads(threads)
  const key = `${curve ?? load} ${size}`
  if (!steps.has(key)) {
    manualSeed(0)
    steps.set(key, curve ? curves[curve].make(size) : loads[load].make())
    steps.get(key)()
  }
  const step = steps.get(key)
  for (const start = performance.now(); performance.now() - start < WARM_UP; ) step()
  const start = performance.now()
  let n = 0
  do {
    step()
    n++
  } while (performance.now() - start < LEAST)
  return (performance.now() - start) / n
}

await serve((line) => measure(JSON.parse(line)))
