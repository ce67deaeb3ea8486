// Two contestants on one machine, taking turns, so that whatever else the machine does hits both; medians and ratios.
import { spawn, spawnSync } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** A Python with PyTorch to compare with. */
export const python = process.env.FLAMBEAU_PYTHON ?? 'python3'
export const worker = (name) => fileURLToPath(new URL(`../workers/${name}`, import.meta.url))

/** Whether there is a PyTorch to compare with. */
export const hasPyTorch = () => spawnSync(python, ['-c', 'import torch'], { stdio: 'ignore' }).status === 0

/** Ends with a message where there is none. */
export function needPyTorch() {
  if (hasPyTorch()) return
  console.error(`${python} has no PyTorch; FLAMBEAU_PYTHON names a Python that has`)
  process.exit(2)
}

/** A process that answers each line it is given with a number, or with the numbers of a JSON list. */
export class Contestant {
  #child
  #answers

  constructor(command, args, env = {}) {
    this.#child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, ...env } })
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]()
  }
  async ask(line) {
    this.#child.stdin.write(`${line}\n`)
    const { value, done } = await this.#answers.next()
    if (done) throw new Error(`${this.#child.spawnargs.join(' ')} ended without an answer to '${line}'`)
    return JSON.parse(value)
  }
  close() {
    this.#child.stdin.end()
  }
  /** For one that does not answer. */
  kill() {
    this.#child.kill('SIGKILL')
  }
}

/** One program of each kind that answers lines. */
export const flambeau = (name, ...args) => new Contestant(process.execPath, [worker(`${name}.mjs`), ...args])
export const pytorch = (name, ...args) => new Contestant(python, [worker(`${name}.py`), ...args])

export function median(list) {
  const sorted = [...list].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** Asks both the same, in turns; the first round warms up. */
export async function alternate(ours, theirs, line, rounds) {
  const times = { ours: [], theirs: [] }
  for (let round = 0; round <= rounds; round++) {
    const [a, b] = [await ours.ask(line), await theirs.ask(line)]
    if (round === 0) continue
    times.ours.push(a)
    times.theirs.push(b)
  }
  return { ours: median(times.ours), theirs: median(times.theirs) }
}

/** Prints a comparison; a ratio above `limit` fails the run. */
export function report(name, { ours, theirs }, limit, unit) {
  const ratio = ours / theirs
  const good = ratio <= limit
  console.log(
    `${good ? '✓' : '✗'} ${name}: ${ours.toPrecision(3)} ${unit}, PyTorch ${theirs.toPrecision(3)} ${unit}, ratio ${ratio.toFixed(3)} (at most ${limit})`,
  )
  if (!good) process.exitCode = 1
}

/** Prints a figure that has nothing to be compared with. */
export function figure(name, value, limit, show) {
  const good = value <= limit
  console.log(`${good ? '✓' : '✗'} ${name}: ${show(value)} (at most ${show(limit)})`)
  if (!good) process.exitCode = 1
}
