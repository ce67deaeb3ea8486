// `npm run kills -- [--kills N] [--seed N]`: ends processes at random moments of a loop that saves, and looks at what
// they leave: each time the file must be whole, its values of one save, and not older than one that was finished.
import { fork } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { FORMATS, read } from './kills/formats.mjs'

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '1000' },
    seed: { type: 'string', default: String(Math.floor(Date.now() / 1000) % 2 ** 31) },
  },
})
const kills = Number(values.kills)
let state = Number(values.seed) >>> 0
const random = () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  return state / 2 ** 32
}

const saver = fileURLToPath(new URL('kills/saver.mjs', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'flambeau-kills-'))
/** How long a process saves before it is ended, at most. */
const LONGEST_MS = 120

/** Lets a process save until a random moment. @returns the last save that it said was finished */
function once(format) {
  return new Promise((resolve, reject) => {
    const child = fork(saver, [format, join(folder, format)], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
    let finished = 0
    let stderr = ''
    let killed = false
    child.stderr.on('data', (text) => {
      stderr += text
    })
    child.on('message', (n) => {
      if (finished === 0)
        setTimeout(() => {
          killed = true
          child.kill('SIGKILL')
        }, random() * LONGEST_MS)
      finished = n
    })
    child.on('exit', (code, signal) =>
      killed && signal === 'SIGKILL'
        ? resolve(finished)
        : reject(new Error(`${format}: the saving loop ended: ${code} ${stderr}`)),
    )
  })
}

const figures = Object.fromEntries(FORMATS.map((format) => [format, { kills: 0, saves: 0, interrupted: 0 }]))
try {
  for (let i = 0; i < kills; i++) {
    const format = FORMATS[i % FORMATS.length]
    const path = join(folder, format)
    const before = existsSync(path) ? read(format, path) : 0
    const finished = await once(format)
    const found = read(format, path)
    if (found < finished) throw new Error(`${format}: save ${finished} was finished, and the file is of save ${found}`)
    const figure = figures[format]
    figure.kills++
    figure.saves += found - before
    // What was being written when the process ended.
    for (const name of readdirSync(folder).filter((name) => name.endsWith('.tmp'))) {
      figure.interrupted++
      rmSync(join(folder, name))
    }
  }
  for (const [format, { kills, saves, interrupted }] of Object.entries(figures))
    console.log(
      `${format}: ${kills} kills, ${interrupted} in the middle of writing, ${saves} saves: a whole file each time`,
    )
} catch (error) {
  console.error(`${error.message}\n  --seed ${values.seed}`)
  process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
