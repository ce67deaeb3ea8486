// Our side of the suite. A line { do, name, … } asks to prepare a case and show samples of what its first steps give
// (`check`), for the milliseconds of a step (`time`, over `steps`, after `warm` milliseconds of others), or for the peak
// resident memory in MB (`memory`). The device may be named: steps are then timed until it has done them. `--chains` takes the
// chains of `npm run bench -- compile` in place of the suite's cases, `--compiled` compiles them.
import { parseArgs } from 'node:util'
import { arange, cuda, manualSeed, setDefaultDevice, synchronize, Tensor, tidy } from '@flambeau/core'
import { chains } from '../suite/chains.mjs'
import suite from '../suite/index.mjs'
import { serve } from '../support/serve.mjs'

const SAMPLES = 1024
/** Milliseconds of steps before those that are timed, unless the question says otherwise. */
const WARM_UP = 30
const { values: options, positionals } = parseArgs({
  options: { chains: { type: 'boolean', default: false }, compiled: { type: 'boolean', default: false } },
  allowPositionals: true,
})
const [device = 'cpu'] = positionals
const cases = options.chains ? chains(options.compiled) : suite
setDefaultDevice(device)
let step
/** Whether what a step makes is disposed of when it ends, as reference counts do on the other side. */
let tidies = false

const number = (v) => (typeof v === 'object' ? [v.re, v.im] : Number(v))
/** Evenly spaced elements of a tensor. */
function sample(t) {
  const flat = t.detach().flatten()
  const n = flat.numel()
  const k = Math.min(n, SAMPLES)
  const values = n === 0 ? [] : flat.at(arange(k).mul(Math.floor(n / k)))
  return { shape: [...t.shape], values: n === 0 ? [] : values.toArray().flatMap(number) }
}
/** A step hands out gradients by a function, which is not called while it is timed: nobody reads them then. */
function samples(result) {
  const found = typeof result === 'function' ? result() : result
  return (Array.isArray(found) ? found : [found]).map(sample)
}

/** The answer to a line; what a case throws is an answer too. */
async function answer(line) {
  const { do: what, name, steps = 1, warm = WARM_UP } = JSON.parse(line)
  if (what === 'memory') return process.resourceUsage().maxRSS / 1024
  if (what === 'check') {
    // Results are compared to more digits than TF32 has; time is taken with PyTorch's defaults on both sides.
    if (device !== 'cpu') cuda.allowTf32({ convolution: false })
    step = null
    manualSeed(0)
    step = cases[name].prepare()
    const seen = []
    for (let i = 0; i < steps; i++) {
      const result = step()
      // Networks and dispatch leave everything to the collector; so do steps that are asynchronous.
      tidies = (options.chains || cases[name].kind === 'kernel') && !isPromise(result)
      seen.push(samples(await result))
    }
    if (device !== 'cpu') cuda.allowTf32({ convolution: true })
    return seen
  }
  // Untimed: while the other side had its turn, caches and clocks have cooled down here, and its threads spin for a while.
  for (const start = performance.now(); performance.now() - start < warm; ) await run(1)
  const start = process.hrtime.bigint()
  await run(steps)
  return Number(process.hrtime.bigint() - start) / 1e6 / steps
}

const isPromise = (result) => !(result instanceof Tensor) && result instanceof Promise

async function run(steps) {
  const once = () => {
    step()
  }
  for (let i = 0; i < steps; i++) {
    if (tidies) {
      tidy(once)
      continue
    }
    const result = step()
    if (isPromise(result)) await result
  }
  if (device !== 'cpu') synchronize(device)
}

await serve((line) => answer(line).catch((error) => ({ error: String(error?.stack ?? error) })))
