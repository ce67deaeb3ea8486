// `npm run bench -- lateness [--json FILE] [--runs N]`: how late a timer of 10 ms is while `await model.forwardAsync(x)` of about
// half a second runs, again and again; beside it the same timer with nothing to do, and while `forward` holds the thread.
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { randn } from '@flambeau/core'
import { resnet18 } from './suite/workloads.mjs'
import { figure, median } from './support/alternate.mjs'
import { machine } from './support/turns.mjs'

const { values: options } = parseArgs({
  options: { json: { type: 'string' }, runs: { type: 'string', default: '10' } },
})
const PERIOD = 10
const WANTED = 500
const LIMIT = 5

/** Milliseconds by which each tick came after its due time, while `work` ran. */
async function lateness(work) {
  const late = []
  let due = performance.now() + PERIOD
  let timer
  const tick = () => {
    const now = performance.now()
    late.push(now - due)
    due = now + PERIOD
    timer = setTimeout(tick, PERIOD)
  }
  timer = setTimeout(tick, PERIOD)
  await work()
  // One that is due while the thread is held counts, too.
  await new Promise((resolve) => setTimeout(resolve, 2 * PERIOD))
  clearTimeout(timer)
  return late
}

function summary(late) {
  const sorted = [...late].sort((a, b) => a - b)
  return {
    ticks: sorted.length,
    median: median(sorted),
    p99: sorted[Math.ceil(0.99 * sorted.length) - 1],
    largest: sorted.at(-1),
  }
}
const shown = ({ ticks, median: middle, p99, largest }) =>
  `median ${middle.toFixed(2)} ms, 99 % ${p99.toFixed(2)} ms, largest ${largest.toFixed(2)} ms of ${ticks} ticks`

const model = resnet18().eval().requiresGrad_(false)
const timed = async (x) => {
  const start = performance.now()
  await model.forwardAsync(x)
  return performance.now() - start
}
let x = randn([8, 3, 32, 32])
// The first estimate is of a cold process, the second of one that is warm.
for (let i = 0; i < 2; i++) {
  const once = Math.min(await timed(x), await timed(x), await timed(x))
  x = randn([Math.max(1, Math.round((x.shape[0] * WANTED) / once)), 3, 32, 32])
}
await timed(x)

const runs = Math.max(1, Number(options.runs))
const took = []
const busy = []
const idle = []
for (let i = 0; i < runs; i++) {
  idle.push(...(await lateness(() => new Promise((resolve) => setTimeout(resolve, WANTED)))))
  busy.push(...(await lateness(async () => took.push(await timed(x)))))
}
const held = await lateness(async () => model.forward(x))

const written = {
  benchmark: 'lateness',
  machine: machine(),
  period_ms: PERIOD,
  inference_ms: median(took),
  idle: summary(idle),
  forwardAsync: summary(busy),
  forward: summary(held),
}
console.log(`  ResNet-18, batch ${x.shape[0]}: ${median(took).toFixed(0)} ms, ${runs} times`)
console.log(`  nothing to do: ${shown(written.idle)}`)
console.log(`  forwardAsync: ${shown(written.forwardAsync)}`)
console.log(`  forward: ${shown(written.forward)}`)
if (written.idle.largest > LIMIT / 2)
  console.log(
    `? the machine is too busy to judge by: the timer was up to ${written.idle.largest.toFixed(2)} ms late with nothing to do`,
  )
else
  figure(
    'a timer of 10 ms while forwardAsync runs: largest lateness',
    written.forwardAsync.largest,
    LIMIT,
    (late) => `${late.toFixed(2)} ms`,
  )
if (options.json) writeFileSync(options.json, `${JSON.stringify(written, null, 1)}\n`)
