// `npm run kills:training -- [--kills N] [--seed N]`: ends a training run at random moments, by SIGKILL and now and then
// by SIGTERM, lets it go on from what it left, and holds its end against that of a run that nobody ended: weights,
// averages and optimizer to the bit, and every log.
import { fork } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '100' },
    epochs: { type: 'string', default: '4' },
    seed: { type: 'string', default: String(Math.floor(Date.now() / 1000) % 2 ** 31) },
  },
})
let state = Number(values.seed) >>> 0
const random = () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  return state / 2 ** 32
}
const program = fileURLToPath(new URL('run.mjs', import.meta.url))
const root = mkdtempSync(join(tmpdir(), 'flambeau-training-'))

/** Runs, and ends it so many milliseconds after its first batch. @returns what it said at its end, or null */
function run(folder, signal, after) {
  return new Promise((resolve, reject) => {
    const started = performance.now()
    const child = fork(program, [folder, values.epochs], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...process.env, OMP_NUM_THREADS: '1' },
    })
    let [output, errors, begun, sent] = ['', '', started, false]
    child.stdout.on('data', (text) => {
      output += text
    })
    child.stderr.on('data', (text) => {
      errors += text
    })
    child.on('message', () => {
      begun = performance.now()
      if (signal !== null)
        setTimeout(() => {
          sent = child.kill(signal)
        }, after)
    })
    child.on('close', (code, by) => {
      const result = output.trim() === '' ? null : JSON.parse(output.trim().split('\n').at(-1))
      if (code !== 0 && !(sent && by === signal))
        reject(new Error(`the run ended with ${by ?? code}:\n${output}${errors}`))
      else
        resolve({
          result: result?.interrupted ? null : result,
          ended: sent && result === null,
          stopped: result?.interrupted === true,
          took: performance.now() - begun,
        })
    })
  })
}

/** Every log of a run; of events all but the time at which they were written. */
function logs(folder) {
  const at = join(folder, 'lightning_logs')
  // A run that was ended before its first checkpoint begins anew, with a version and an event file of its own.
  const version = readdirSync(at)
    .filter((name) => name.startsWith('version_'))
    .sort()
    .at(-1)
  const newest = readdirSync(join(at, 'events'))
    .map((name) => ({ name, time: statSync(join(at, 'events', name)).mtimeMs }))
    .sort((a, b) => a.time - b.time)
    .at(-1)
  return {
    csv: readFileSync(join(at, version, 'metrics.csv'), 'utf8'),
    json: readFileSync(join(at, 'json/metrics.jsonl'), 'utf8'),
    events: records(readFileSync(join(at, 'events', newest.name))).join('\n'),
  }
}

function records(bytes) {
  const found = []
  for (let at = 0; at < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at))
    // The first field of an event is its time: 9 bytes.
    found.push(bytes.subarray(at + 12 + 9, at + 12 + length).toString('hex'))
    at += length + 16
  }
  return found
}

const counts = { SIGKILL: 0, SIGTERM: 0, runs: 0, tries: 0 }
try {
  const first = join(root, 'whole')
  const { result: whole, took } = await run(first, null, 0)
  const expected = JSON.stringify([whole, logs(first)])
  const kills = Number(values.kills)
  while (counts.SIGKILL + counts.SIGTERM < kills) {
    const folder = join(root, `run-${counts.runs++}`)
    let end = null
    while (end === null) {
      const more = counts.SIGKILL + counts.SIGTERM < kills
      const signal = random() < 0.15 ? 'SIGTERM' : 'SIGKILL'
      counts.tries++
      const { result, ended, stopped } = await run(folder, more ? signal : null, random() * took * 0.8)
      if (ended || stopped) counts[signal]++
      end = result
    }
    const got = JSON.stringify([end, logs(folder)])
    if (got !== expected) {
      const at = [...got].findIndex((c, i) => c !== expected[i])
      throw new Error(
        `a run that was ended and went on came to another end:\n…${got.slice(Math.max(0, at - 200), at + 200)}\nin place of\n…${expected.slice(Math.max(0, at - 200), at + 200)}`,
      )
    }
    rmSync(folder, { recursive: true })
  }
  console.log(
    `${counts.SIGKILL} times SIGKILL, ${counts.SIGTERM} times SIGTERM in ${counts.runs} runs of ${whole.step} steps: each came to the same end, to the bit, with the same logs`,
  )
} catch (error) {
  console.error(`${error.message}\n  --seed ${values.seed}`)
  process.exitCode = 1
} finally {
  rmSync(root, { recursive: true, force: true })
}
