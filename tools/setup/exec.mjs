// Starts the programs that set-up and tests consist of, so that a failure names its step and Ctrl-C ends all of them.
import { spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = join(dirname(fileURLToPath(import.meta.url)), '../..')
/** Everything that set-up makes for itself lives here; git ignores it. */
export const state = join(root, '.flambeau')
export const windows = process.platform === 'win32'

/** A failure that has been explained: its message is all that the user needs to see. */
export class StepError extends Error {}

// Our own pnpm comes first, for the tools that call it by name; none of them may phone home or leave a daemon.
const environment = {
  ...process.env,
  PATH: [join(state, 'pnpm/node_modules/.bin'), join(root, 'node_modules/.bin'), process.env.PATH].join(delimiter),
  NX_DAEMON: process.env.NX_DAEMON ?? 'false',
  NX_NO_CLOUD: 'true',
  TURBO_TELEMETRY_DISABLED: '1',
  DO_NOT_TRACK: '1',
}

const running = new Set()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    // Nothing is running: end as if there were no handler. Otherwise the child ends first, and then this process.
    if (running.size === 0) process.exit(130)
    for (const child of running) child.kill(signal)
  })
}

/** Runs a program to its end and gives { code, signal, output }; output is collected only where `capture` asks for it. */
export function spawned(command, args, { cwd = root, env = {}, capture = false, quiet = false } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...environment, ...env },
      stdio: ['inherit', capture ? 'pipe' : 'inherit', capture ? 'pipe' : 'inherit'],
    })
    running.add(child)
    const chunks = []
    for (const [from, to] of capture
      ? [
          [child.stdout, process.stdout],
          [child.stderr, process.stderr],
        ]
      : []) {
      from.on('data', (chunk) => {
        chunks.push(chunk)
        if (!quiet) to.write(chunk)
      })
    }
    child.on('error', (error) => {
      running.delete(child)
      reject(new StepError(`cannot start ${command}: ${error.message}`))
    })
    child.on('close', (code, signal) => {
      running.delete(child)
      if (signal === 'SIGINT' || signal === 'SIGTERM' || code === 130) process.exit(130)
      resolve({ code, signal, output: Buffer.concat(chunks).toString() })
    })
  })
}

/** As `spawned`, but an unsuccessful end is an error; gives the output. */
export async function run(command, args, options) {
  const { code, signal, output } = await spawned(command, args, options)
  if (code === 0) return output
  if (options?.quiet) process.stderr.write(output)
  throw new StepError(`'${[command, ...args].join(' ')}' ended with ${signal ?? `exit code ${code}`}`)
}

/** Runs a JavaScript program with this very Node. */
export const runNode = (script, args = [], options = {}) => run(process.execPath, [script, ...args], options)

/** Runs the program that a development dependency installs; the scripts in .bin are not the same on every system. */
export function runTool(name, args, options) {
  const folder = join(root, 'node_modules', name)
  const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  return runNode(join(folder, typeof bin === 'string' ? bin : (bin[name] ?? Object.values(bin)[0])), args, options)
}

/** What a quick probe printed, or undefined where it failed or is not installed. */
export function probe(command, args) {
  const { status, stdout } = spawnSync(command, args, { encoding: 'utf8' })
  return status === 0 ? stdout.trim() : undefined
}
