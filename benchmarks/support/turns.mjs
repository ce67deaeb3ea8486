// Several sides of the suite taking turns: what they compute is compared first, then medians of their times are.
import { cpus } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import { median } from './alternate.mjs'

/** A measurement takes at least this long, in milliseconds. */
const LEAST = 25
/** Milliseconds of steps before the first measurement, by when a compiler at run time has done with what a step runs. */
const WARM_UP = 600

/** The largest difference between what two sides gave in one step, relative to the largest value. */
export function difference(ours, theirs) {
  if (ours.length !== theirs.length) return Number.POSITIVE_INFINITY
  let worst = 0
  for (const [i, x] of ours.entries()) {
    const y = theirs[i]
    if (String(x.shape) !== String(y.shape)) throw new Error(`shape [${x.shape}], the other side's is [${y.shape}]`)
    const scale = Math.max(1e-12, ...y.values.map(Math.abs))
    for (const [k, v] of x.values.entries()) {
      const off = Math.abs(v - y.values[k]) / scale
      if (!(off <= worst)) worst = off
    }
  }
  return worst
}

/** How much the same side differs between even and odd rounds. */
export const spread = (times) =>
  Math.abs(median(times.filter((_, i) => i % 2 === 0)) / median(times.filter((_, i) => i % 2 === 1)) - 1)

/** Asks a side, and throws what went wrong there. */
export async function ask(side, question) {
  const answer = await side.ask(JSON.stringify(question))
  if (answer?.error) throw new Error(answer.error)
  return answer
}

/**
 * Milliseconds of a step of each side, by its name: medians of `rounds` turns, and the largest noise.
 *
 * @param rest milliseconds between two turns, in which the threads of the side that was asked last stop waiting actively
 */
export async function takeTurns(sides, name, rounds, rest = 0) {
  const list = Object.entries(sides)
  const counts = {}
  for (const [key, side] of list) {
    await ask(side, { do: 'time', name, steps: 1, warm: WARM_UP })
    const once = await ask(side, { do: 'time', name, steps: 1 })
    counts[key] = Math.max(1, Math.min(2000, Math.round(LEAST / once)))
  }
  const times = Object.fromEntries(list.map(([key]) => [key, []]))
  for (let round = 0; round < rounds; round++)
    for (const [key, side] of list) {
      await pause(rest)
      times[key].push(await ask(side, { do: 'time', name, steps: counts[key] }))
    }
  return {
    ms: Object.fromEntries(list.map(([key]) => [key, median(times[key])])),
    noise: Math.max(...Object.values(times).map(spread)),
  }
}

/** The noise of the machine must not decide. */
export function verdict({ problem, ratio, noise, limit }) {
  if (problem !== undefined) return 'wrong'
  if (ratio === undefined || limit === undefined) return 'alone'
  if (noise > Math.abs(ratio - limit) / limit) return 'noise'
  return ratio <= limit ? 'good' : 'slow'
}
export const MARKS = { good: '✓', slow: '✗', wrong: '✗', noise: '?', alone: ' ' }
export const isBad = (result) => ['slow', 'wrong'].includes(verdict(result))
export const ms = (x) => (x < 0.01 ? `${(x * 1000).toPrecision(3)} µs` : `${x.toPrecision(3)} ms`)

/** What the figures were taken on. */
export const machine = () => ({
  cores: cpus().length,
  processor: cpus()[0].model.trim(),
  node: process.versions.node,
  platform: `${process.platform} ${process.arch}`,
})
