// Starts the processes of a test: each is a Node of its own that runs a case of a file in fixtures/distributed.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const worker = fileURLToPath(new URL('../fixtures/distributed/worker.mjs', import.meta.url))

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** What the case returned. */
  readonly result: unknown
  readonly stderr: string
}

interface Options {
  readonly env?: (rank: number) => Record<string, string>
  /** After this the test has hung: the processes are ended. */
  readonly limit?: number
  readonly argument?: unknown
}

/** A port that nobody listens on. */
export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}

/** Runs `file`'s export `name` in `size` processes that know of each other through a file. */
export async function processes(file: string, name: string, size: number, options: Options = {}): Promise<Ended[]> {
  const folder = mkdtempSync(join(tmpdir(), 'flambeau-distributed-'))
  const store = pathToFileURL(join(folder, 'store')).href
  const one = (rank: number): Promise<Ended> =>
    new Promise((resolve) => {
      const env = {
        ...process.env,
        NODE_OPTIONS: '',
        OMP_NUM_THREADS: '1',
        RANK: String(rank),
        WORLD_SIZE: String(size),
        FLAMBEAU_TEST_STORE: store,
        ...options.env?.(rank),
      }
      const args = [worker, file, name, JSON.stringify(options.argument ?? null)]
      const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
      let stdout = ''
      let stderr = ''
      child.stdout.on('data', (chunk) => {
        stdout += chunk
      })
      child.stderr.on('data', (chunk) => {
        stderr += chunk
      })
      const timer = setTimeout(() => child.kill('SIGKILL'), options.limit ?? 200_000)
      child.on('close', (code, signal) => {
        clearTimeout(timer)
        const line = /^RESULT (.*)$/m.exec(stdout)?.[1]
        resolve({
          code,
          signal,
          result: line === undefined ? undefined : JSON.parse(line),
          stderr,
        })
      })
    })
  try {
    return await Promise.all(Array.from({ length: size }, (_, rank) => one(rank)))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** An error without the bundle's lines, which are long. */
export const brief = (stderr: string): string =>
  stderr
    .split('\n')
    .filter((line) => line.length < 500)
    .join('\n')

/** The results of processes that must all have ended well. */
export async function results(file: string, name: string, size: number, options: Options = {}): Promise<unknown[]> {
  const ended = await processes(file, name, size, options)
  for (const [rank, { code, signal, stderr }] of ended.entries())
    if (code !== 0) throw new Error(`${name}: rank ${rank} ended with ${signal ?? code}:\n${brief(stderr)}`)
  return ended.map(({ result }) => result)
}
