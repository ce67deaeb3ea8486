// `npm run fuzz -- --seconds N [--seed N] [--only OPERATOR] [--case NUMBER] [--asan]`
// `npm run fuzz -- files` fuzzes the readers of files instead (fuzz/files.mjs).
// Random arguments to every public operator, in a child process: nothing may crash, hang, throw an error that is not
// the library's own, or change an argument and then fail. With --asan, under the address and undefined-behaviour
// sanitizers.
import { fork } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { show, simpler } from './fuzz/arguments.mjs'
import { environmentOf } from './sanitize.mjs'

const { values } = parseArgs({
  args: process.argv[2] === 'files' ? [] : process.argv.slice(2),
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Math.floor(Date.now() / 1000) % 2 ** 31) },
    only: { type: 'string', default: '' },
    case: { type: 'string' },
    asan: { type: 'boolean', default: false },
  },
})
const worker = fileURLToPath(new URL('fuzz/worker.mjs', import.meta.url))
/** Address space of a child, in KiB: what is larger must be refused, not tried until the machine gives up. */
const ADDRESS_SPACE = 5 * 2 ** 20
/** The sanitizer reserves terabytes of address space and has a limit of its own, in MiB. */
const sanitizer = values.asan ? await environmentOf('asan') : null
if (sanitizer !== null) sanitizer.ASAN_OPTIONS += `:max_allocation_size_mb=${ADDRESS_SPACE / 2 ** 10}`
const BATCH = 500
const PATIENCE = 60_000
const folder = mkdtempSync(join(tmpdir(), 'flambeau-fuzz-'))
let children = 0

/** A child, and a way to ask it. Resolves with how it ended when it does before it answers. */
function start() {
  // One marker a child: it outlives the child.
  const marker = join(folder, String(children++))
  writeFileSync(marker, '')
  const child = fork(worker, [marker, values.seed, values.only], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    ...(sanitizer !== null
      ? { env: { ...process.env, ...sanitizer } }
      : process.platform === 'linux' && {
          execPath: '/bin/sh',
          execArgv: ['-c', `ulimit -v ${ADDRESS_SPACE}; exec "$0" "$@"`, process.execPath],
        }),
  })
  let stderr = ''
  child.stderr.on('data', (text) => {
    stderr = (stderr + text).slice(-4000)
  })
  const ask = (message, onReport = () => {}) =>
    new Promise((resolve) => {
      let timer
      const watch = () => {
        clearTimeout(timer)
        const seen = readFileSync(marker, 'utf8')
        timer = setTimeout(() => (readFileSync(marker, 'utf8') === seen ? end({ hung: true }) : watch()), PATIENCE)
      }
      const end = (result) => {
        clearTimeout(timer)
        child.removeAllListeners('message')
        child.removeAllListeners('exit')
        if (result.hung) child.kill('SIGKILL')
        resolve(result)
      }
      child.on('message', (reply) => {
        if (reply.problem !== undefined && !reply.single) onReport(reply)
        else end(reply)
      })
      child.on('exit', (code, signal) => end({ crashed: signal ?? `exit code ${code}`, stderr }))
      if (message) child.send(message)
      watch()
    })
  return { child, ask, at: () => Number(readFileSync(marker, 'utf8')) }
}

/** One case in a process of its own: null where nothing is wrong. */
async function alone(number, args) {
  const { child, ask } = start()
  const first = await ask(null)
  const reply = first.ready ? await ask({ single: { number, args } }) : first
  child.kill()
  if (reply.hung) return { kind: 'hang', call: '' }
  if (reply.crashed) return { kind: 'crash', detail: reply.crashed, call: '' }
  return reply.problem === null ? null : { kind: 'error', detail: reply.problem, call: reply.call }
}

/** Drops what the failure does not need. */
async function minimise(number, args, kind) {
  const deadline = performance.now() + 30_000
  for (let smaller = true; smaller && performance.now() < deadline; ) {
    smaller = false
    for (const candidate of simpler(args)) {
      if (performance.now() > deadline) break
      const found = await alone(number, candidate)
      if (found?.kind !== kind) continue
      args = candidate
      smaller = true
      break
    }
  }
  return args
}

async function describe(number) {
  const { child, ask } = start()
  await ask(null)
  const reply = await ask({ from: number, count: 0 })
  child.kill()
  return reply
}

const problems = new Map()

/** Keeps the first of each kind. */
async function record(number, kind, name, args, detail) {
  const key = `${name} ${kind} ${String(detail).replace(/\d+/g, '#').slice(0, 80)}`
  if (problems.has(key)) {
    problems.get(key).count++
    return
  }
  const entry = { count: 1 }
  problems.set(key, entry)
  const least = kind === 'hang' ? args : await minimise(number, args, kind)
  entry.text = `${kind}: ${name}(${least.map(show).join(', ')})\n  ${detail}\n  --seed ${values.seed} --case ${number}${values.only && ` --only ${values.only}`}`
  console.log(entry.text)
}

async function main() {
  if (values.case !== undefined) {
    const { args, call } = await describe(Number(values.case))
    console.log(call)
    console.log(await alone(Number(values.case), args))
    return
  }
  const deadline = performance.now() + Number(values.seconds) * 1000
  let from = 0
  let ran = 0
  let process_ = null
  let names = 0
  while (performance.now() < deadline) {
    if (process_ === null) {
      process_ = start()
      const reply = await process_.ask(null)
      if (!reply.ready) throw new Error(`a worker could not start: ${reply.crashed} ${reply.stderr}`)
      names = reply.targets
      if (names === 0) throw new Error(`no public function is named '${values.only}'`)
    }
    const found = []
    const reply = await process_.ask({ from, count: BATCH }, (report) => found.push(report))
    for (const { number, name, args, problem } of found) await record(number, 'error', name, args ?? [], problem)
    if (reply.done !== undefined) {
      ran += BATCH
      from = reply.done
      continue
    }
    const number = process_.at()
    const { name, args } = await describe(number)
    await record(
      number,
      reply.hung ? 'hang' : 'crash',
      name,
      args,
      reply.hung ? `no answer for ${PATIENCE / 1000} s` : `${reply.crashed} ${reply.stderr.trim().split('\n').at(-1)}`,
    )
    ran += number - from
    from = number + 1
    process_ = null
  }
  process_?.child.kill()
  console.log(`\n${ran} calls of ${names} functions, seed ${values.seed}: ${problems.size} problems`)
  process.exitCode = problems.size === 0 ? 0 : 1
}

try {
  if (process.argv[2] === 'files') {
    const { fuzzFiles } = await import('./fuzz/files.mjs')
    await fuzzFiles(process.argv.slice(3))
  } else await main()
} finally {
  rmSync(folder, { recursive: true, force: true })
}
