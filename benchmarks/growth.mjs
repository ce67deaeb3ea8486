// `npm run bench -- growth [--only TEXT] [--json FILE] [--rounds N]`: how the time of a step grows with the batch, the depth and the length
// of a graph, doubled again and again; and what a second thread brings where arithmetic is all there is.
import { writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { curves, loads } from './suite/growth.mjs'
import { flambeau, median } from './support/alternate.mjs'
import { isBad, MARKS, machine, ms, spread, verdict } from './support/turns.mjs'

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    json: { type: 'string' },
    rounds: { type: 'string', default: '8' },
  },
})
const DOUBLED = 2
/** One thread's share of the time that two take: 1 / 1.7. */
const SHARE = 1 / 1.7
const rounds = Math.max(2, Number(options.rounds))
const chosen = (cases) => Object.keys(cases).filter((name) => name.includes(options.only))

/** Milliseconds of each question, in turns: medians, and the noise. */
async function turns(questions) {
  const side = flambeau('growth')
  try {
    const times = questions.map(() => [])
    for (let round = 0; round <= rounds; round++)
      for (const [i, question] of questions.entries()) {
        const time = await side.ask(JSON.stringify(question))
        // The first round warms up.
        if (round > 0) times[i].push(time)
      }
    return { ms: times.map(median), noise: Math.max(...times.map(spread)) }
  } finally {
    side.close()
  }
}

const grown = {}
for (const name of chosen(curves)) {
  const { what, sizes } = curves[name]
  const { ms: times, noise } = await turns(sizes.map((size) => ({ curve: name, size })))
  const ratio = Math.max(...times.slice(1).map((time, i) => time / times[i]))
  grown[name] = { what, sizes, ms: times, ratio, limit: DOUBLED, noise }
  const steps = sizes.map((size, i) => `${size}: ${ms(times[i])}`).join(', ')
  console.log(
    `${MARKS[verdict(grown[name])]} ${name}: ${steps}; twice the ${what} takes at most ${ratio.toFixed(2)} times as long (at most ${DOUBLED}), noise ${(noise * 100).toFixed(0)} %`,
  )
}

const threads = {}
if (availableParallelism() < 2) console.log('threads: this machine has one core')
else
  for (const name of chosen(loads)) {
    const questions = [1, 2].map((n) => ({ load: name, threads: n }))
    const {
      ms: [one, two],
      noise,
    } = await turns(questions)
    threads[name] = {
      one_ms: one,
      two_ms: two,
      ratio: two / one,
      noise,
      ...(loads[name].bound && { limit: SHARE }),
    }
    const limit = loads[name].bound ? ' (at least 1.7)' : ''
    console.log(
      `${MARKS[verdict(threads[name])]} ${name}: ${ms(one)} with one thread, ${ms(two)} with two, ${(one / two).toFixed(2)} times as fast${limit}, noise ${(noise * 100).toFixed(0)} %`,
    )
  }

if ([...Object.values(grown), ...Object.values(threads)].some(isBad)) process.exitCode = 1
const written = { benchmark: 'growth', machine: machine(), rounds, curves: grown, threads }
if (options.json) writeFileSync(options.json, `${JSON.stringify(written, null, 1)}\n`)
