// The arguments of `flambeau run`.
import { existsSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { ArgumentError } from '../errors.js'
import { type LaunchOptions, launch } from './launch.js'

export const RUN_USAGE = `  flambeau run [OPTIONS] SCRIPT [ARGUMENTS]
      Runs a script in several processes that train together (initProcessGroup of @flambeau/core/distributed
      finds them).
      --nproc N          processes on this machine (default 1)
      --nnodes N         machines (default 1); the command is given on each of them
      --node-rank R      the number of this machine, from 0
      --rdzv HOST:PORT   where machine 0 listens, as the others reach it
      --max-restarts N   how often all begin anew, in a new process each, when one fails (default 0)
      --rdzv-timeout S   how long to wait for other machines, in seconds (default 600)
`

const OPTIONS = {
  nproc: { type: 'string', default: '1' },
  nnodes: { type: 'string', default: '1' },
  'node-rank': { type: 'string' },
  rdzv: { type: 'string' },
  'max-restarts': { type: 'string', default: '0' },
  'rdzv-timeout': { type: 'string', default: '600' },
} as const

function integer(option: string, text: string, low: number, high: number): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || value < low || value > high)
    throw new ArgumentError(`run: expected an integer from ${low} to ${high} for --${option}, got '${text}'`)
  return value
}

/** The options stand before the script; what stands after it is the script's own. */
function split(args: readonly string[]): { own: string[]; script: string | undefined; rest: string[] } {
  const own: string[] = []
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]
    if (!arg.startsWith('--')) return { own, script: arg, rest: args.slice(i + 1) }
    own.push(arg)
    if (!arg.includes('=') && arg.slice(2) in OPTIONS && i + 1 < args.length) own.push(args[++i])
  }
  return { own, script: undefined, rest: [] }
}

export function parseRun(args: readonly string[]): LaunchOptions {
  const { own, script, rest } = split(args)
  let values: ReturnType<typeof parse>
  try {
    values = parse(own)
  } catch (error) {
    throw new ArgumentError(`run: ${(error as Error).message}\n\n${RUN_USAGE}`)
  }
  if (script === undefined) throw new ArgumentError(`run: expected a script\n\n${RUN_USAGE}`)
  if (!existsSync(script)) throw new ArgumentError(`run: there is no file '${script}'`)
  const nnodes = integer('nnodes', values.nnodes, 1, 4096)
  const { rdzv, 'node-rank': nodeRank } = values
  if (nnodes > 1 && (rdzv === undefined || nodeRank === undefined))
    throw new ArgumentError('run: expected --node-rank and --rdzv HOST:PORT where there are several machines')
  const place = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(rdzv ?? '127.0.0.1:0')
  if (place === null) throw new ArgumentError(`run: expected HOST:PORT for --rdzv, got '${rdzv}'`)
  return {
    script,
    args: rest,
    nproc: integer('nproc', values.nproc, 1, 4096),
    nnodes,
    nodeRank: integer('node-rank', nodeRank ?? '0', 0, nnodes - 1),
    host: place[1] ?? place[2],
    port: integer('rdzv', place[3], rdzv === undefined ? 0 : 1, 65535),
    maxRestarts: integer('max-restarts', values['max-restarts'], 0, 1_000_000),
    timeout: integer('rdzv-timeout', values['rdzv-timeout'], 1, 1_000_000) * 1000,
  }
}

const parse = (own: string[]) => parseArgs({ args: own, options: OPTIONS }).values

/** Runs `flambeau run`. @returns the exit code */
export const run = (args: readonly string[]): Promise<number> => launch(parseRun(args))
