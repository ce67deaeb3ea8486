// `npm run fuzz -- files [--format NAME] [--count N] [--seed N]`
// Damaged copies of real files to every reader, in a child process: an error of the library's own or a valid result;
// no crash, no hang, no memory that the file cannot justify.
import { fork } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { formats } from './formats.mjs'

const worker = fileURLToPath(new URL('files-worker.mjs', import.meta.url))
/** Address space of a child, in KiB: what is larger must be refused, not tried until the machine gives up. */
const ADDRESS_SPACE = 5 * 2 ** 20
const BATCH = 1000
const PATIENCE = 20_000

/** Runs all inputs of a format; gives the number of different problems. */
async function fuzzFormat(format, count, seed, folder) {
  const marker = join(folder, format)
  const problems = new Map()
  const record = (number, text) => {
    const key = text.replace(/\d+/g, '#').slice(0, 120)
    if (!problems.has(key)) console.log(`${format} ${number}: ${text}\n  --format ${format} --seed ${seed}`)
    problems.set(key, (problems.get(key) ?? 0) + 1)
  }
  let next = 0
  while (next < count) {
    writeFileSync(marker, '')
    const child = fork(worker, [marker, String(seed), format], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      ...(process.platform === 'linux' && {
        execPath: '/bin/sh',
        execArgv: ['-c', `ulimit -v ${ADDRESS_SPACE}; exec "$0" "$@"`, process.execPath],
      }),
    })
    let stderr = ''
    child.stderr.on('data', (text) => {
      stderr = (stderr + text).slice(-2000)
    })
    next = await new Promise((resolve) => {
      let seen = ''
      const watch = setInterval(() => {
        const at = readFileSync(marker, 'utf8')
        if (at === seen && at !== '') {
          record(Number(at), `hang: no answer for ${PATIENCE / 1000} s`)
          child.kill('SIGKILL')
        }
        seen = at
      }, PATIENCE)
      const ask = () => child.send({ from: next, count: Math.min(BATCH, count - next) })
      child.on('message', (reply) => {
        if (reply.ready) ask()
        else if (reply.problem) record(reply.number, reply.problem)
        else {
          next = reply.done
          if (next < count) ask()
          else child.disconnect()
        }
      })
      child.on('exit', (code, signal) => {
        clearInterval(watch)
        const at = readFileSync(marker, 'utf8')
        if (next < count) {
          if (at === '') throw new Error(`a worker could not start: ${signal ?? code} ${stderr}`)
          if (signal !== 'SIGKILL') record(Number(at), `crash: ${signal ?? code} ${stderr.trim()}`)
          next = Number(at) + 1
        }
        resolve(next)
      })
    })
  }
  console.log(`${format}: ${count} inputs, ${problems.size} problems`)
  return problems.size
}

export async function fuzzFiles(args) {
  const { values } = parseArgs({
    args,
    options: {
      format: { type: 'string' },
      count: { type: 'string', default: '200000' },
      seed: { type: 'string', default: String(Math.floor(Date.now() / 1000) % 2 ** 31) },
    },
  })
  const chosen = values.format === undefined ? Object.keys(formats) : [values.format]
  const unknown = chosen.find((name) => !(name in formats))
  if (unknown) throw new Error(`unknown format '${unknown}': expected one of ${Object.keys(formats).join(', ')}`)
  // In memory where that can be: a million small files wear a disk, and take longer than reading them.
  const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'flambeau-fuzz-'))
  let problems = 0
  try {
    for (const format of chosen) problems += await fuzzFormat(format, Number(values.count), Number(values.seed), folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  process.exitCode = problems === 0 ? 0 : 1
}
