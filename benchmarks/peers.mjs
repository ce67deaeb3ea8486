// `npm run bench -- peers [--only TEXT] [--json FILE] [--rounds N] [--limit SECONDS]`: the suite's training networks against the JavaScript libraries that can
// train them, and inference of the digits network against ONNX Runtime. Each starts from our parameters and inputs; losses,
// gradients and updated parameters are compared before anything is timed. The libraries are installed under .flambeau/peers.
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { networks } from './peers/networks.mjs'
import { Contestant, flambeau, worker } from './support/alternate.mjs'
import { ask, difference, isBad, MARKS, machine, ms, takeTurns, verdict } from './support/turns.mjs'

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    json: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    limit: { type: 'string', default: '300' },
  },
})
const INFERENCE = 'digits inference'
/** Our time over theirs at most; node-mlx is shown beside. */
const LIMITS = { tfjs: 1 / 5, jax: 1 / 5, onnx: 1.1 }
const TITLES = { tfjs: 'TensorFlow.js (wasm)', jax: 'jax-js (wasm)', mlx: 'node-mlx', onnx: 'ONNX Runtime' }
const CHECKED = 3
/** Milliseconds between two turns: ONNX Runtime's threads wait actively for 50 after a run, on cores of whoever is timed next. */
const REST = 200
/** Of the largest value of each tensor, after the first step and after the last. */
const ALLOWED = { losses: 1e-3, gradients: 2e-3, updated: 2e-2, logits: 1e-4 }

/** Installs what benchmarks/peers/package.json names, where it is not there yet. */
function install() {
  const folder = fileURLToPath(new URL('../.flambeau/peers', import.meta.url))
  const wanted = fileURLToPath(new URL('peers/package.json', import.meta.url))
  const done = join(folder, 'installed.json')
  if (existsSync(done) && readFileSync(done, 'utf8') === readFileSync(wanted, 'utf8')) return folder
  mkdirSync(folder, { recursive: true })
  copyFileSync(wanted, join(folder, 'package.json'))
  // What is imported from here is found among the packages of this folder.
  writeFileSync(join(folder, 'load.mjs'), 'export default (name) => import(name)\n')
  console.log('installing the libraries to compare with under .flambeau/peers (600 MB, once)')
  const { status } = spawnSync('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: folder,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  })
  if (status !== 0) {
    console.error(`the libraries of ${wanted} could not be installed: nothing to compare with`)
    process.exit(2)
  }
  copyFileSync(wanted, done)
  return folder
}

/** What the two gave in the same steps: the first thing that differs, or null. */
function unequal(ours, theirs) {
  for (const [what, allowed] of Object.entries(ALLOWED)) {
    if (ours[what] === undefined) continue
    const lists = (value) =>
      Array.isArray(value) ? { '': { shape: [value.length], values: value } } : value.values ? { '': value } : value
    const [a, b] = [lists(ours[what]), lists(theirs[what])]
    for (const name of Object.keys(a)) {
      const wrong = b[name] ? difference([a[name]], [b[name]]) : Number.NaN
      if (!(wrong <= allowed)) return `${what} ${name} differ by ${wrong.toExponential(1)}`
    }
  }
  return null
}

/** What a peer gives in its first steps, where it does within the time limit. */
async function checked(side, question) {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => {
      side.kill()
      reject(new Error(`${CHECKED} steps take more than ${options.limit} s`))
    }, 1e3 * Number(options.limit))
  })
  try {
    return await Promise.race([ask(side, question), late])
  } finally {
    clearTimeout(timer)
  }
}

async function measure(name, folder, file) {
  const peers = name === INFERENCE ? ['onnx'] : ['tfjs', 'jax', 'mlx']
  const ours = flambeau('peers')
  const results = {}
  try {
    const question = { do: 'check', name, file, steps: CHECKED }
    const seen = await ask(ours, question)
    for (const peer of peers) {
      const side = new Contestant(process.execPath, [worker('peer.mjs'), peer, folder])
      try {
        const wrong = unequal(seen, await checked(side, question))
        if (wrong !== null) throw new Error(wrong)
        const { ms: times, noise } = await takeTurns(
          { ours, theirs: side },
          name,
          Math.max(2, Number(options.rounds)),
          REST,
        )
        results[peer] = {
          ours_ms: times.ours,
          theirs_ms: times.theirs,
          ratio: times.ours / times.theirs,
          limit: LIMITS[peer],
          noise,
        }
      } catch (error) {
        results[peer] = { unable: error.message }
      } finally {
        side.close()
      }
    }
  } finally {
    ours.close()
  }
  return results
}

function line(peer, r) {
  if (r.unable !== undefined) return `  ${TITLES[peer]}: not compared: ${r.unable}`
  const limit = r.limit === undefined ? '' : ` (at most ${r.limit})`
  return `${MARKS[verdict(r)]} ${TITLES[peer]}: ${ms(r.theirs_ms)}, Flambeau ${ms(r.ours_ms)}, ratio ${r.ratio.toFixed(3)}${limit}, noise ${(r.noise * 100).toFixed(0)} %`
}

const names = [...Object.keys(networks), INFERENCE].filter((name) => name.includes(options.only))
const folder = install()
const temporary = mkdtempSync(join(tmpdir(), 'flambeau-peers-'))
const results = {}
try {
  for (const name of names) {
    console.log(name)
    results[name] = await measure(name, folder, join(temporary, 'weights'))
    for (const [peer, r] of Object.entries(results[name])) console.log(line(peer, r))
  }
} finally {
  rmSync(temporary, { recursive: true, force: true })
}
if (Object.values(results).flatMap(Object.values).some(isBad)) process.exitCode = 1
const written = { benchmark: 'peers', machine: machine(), workloads: results }
if (options.json) writeFileSync(options.json, `${JSON.stringify(written, null, 1)}\n`)
