// `flambeau run`: prefixes, failures, signals, restarts, and launchers on several machines (here: several on one).
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, jest, test } from '@jest/globals'
import { freePort } from './processes.ts'

// For what hangs; a slow machine may take its time.
jest.setTimeout(300_000)

const program = fileURLToPath(new URL('../../dist/bundle/cli.js', import.meta.url))
const script = fileURLToPath(new URL('../fixtures/distributed/launched.mjs', import.meta.url))
const made: string[] = []
const folder = (): string => {
  const path = mkdtempSync(join(tmpdir(), 'flambeau-run-'))
  made.push(path)
  return path
}
afterAll(() => {
  for (const path of made) rmSync(path, { recursive: true })
})

interface Run {
  readonly child: ChildProcess
  readonly done: Promise<{ code: number | null; out: string; err: string }>
  /** Resolves when the launcher has written this. */
  readonly wrote: (text: string) => Promise<void>
}

function run(options: readonly string[], args: readonly string[], env: Record<string, string> = {}): Run {
  const child = spawn(process.execPath, [program, 'run', ...options, script, ...args], {
    env: { ...process.env, NODE_OPTIONS: '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let out = ''
  let err = ''
  const waiting: { text: string; resolve: () => void }[] = []
  child.stdout.on('data', (chunk) => {
    out += chunk
    for (const { text, resolve } of waiting) if (out.includes(text)) resolve()
  })
  child.stderr.on('data', (chunk) => {
    err += chunk
  })
  return {
    child,
    done: new Promise((resolve) => child.on('close', (code) => resolve({ code, out, err }))),
    wrote: (text) => new Promise((resolve) => waiting.push({ text, resolve })),
  }
}

test('each line has its rank before it, and the script its arguments', async () => {
  const { code, out, err } = await run(['--nproc', '2'], ['sum']).done
  expect([code, err]).toEqual([0, ''])
  const lines = (rank: number) => [`[${rank}] sum 3 of 2, local ${rank}`, `[${rank}] no newline at the end`]
  expect(out.trimEnd().split('\n').sort()).toEqual([...lines(0), ...lines(1)].sort())
})

test('one that fails ends the others, and its stack is shown', async () => {
  const { code, err } = await run(['--nproc=2'], ['throw']).done
  expect(code).toBe(1)
  expect(err).toMatch(/flambeau run: rank 1 \(process \d+\) ended with exit code 1; ending the others/)
  expect(err).toMatch(/The last that it wrote:[\s\S]* {4}TypeError: a mistake in rank 1\n {4} {4}at file:/)
})

test('signals are passed on', async () => {
  const { child, done, wrote } = run(['--nproc', '2'], ['wait'])
  await Promise.all([wrote('[0] ready'), wrote('[1] ready')])
  child.kill('SIGTERM')
  const { code, out } = await done
  expect(code).toBe(143)
  expect(out.match(/asked to end/g)?.length).toBe(2)
})

test('after a process is killed, all begin anew from the last checkpoint and lose nothing', async () => {
  const [whole, broken] = [folder(), folder()]
  const weights = (out: string) => /weights (.*)/.exec(out)?.[1]
  const plain = await run(['--nproc', '2'], ['train', whole], { SURVIVE: '1' }).done
  const restarted = await run(['--nproc', '2', '--max-restarts', '2'], ['train', broken]).done
  expect([plain.code, restarted.code]).toEqual([0, 0])
  expect(restarted.err).toMatch(/rank 1 .* ended with SIGKILL; ending the others\n[\s\S]*restart 1 of 2/)
  expect(weights(restarted.out)).toBe(weights(plain.out))
  expect(readFileSync(join(broken, 'steps.txt'), 'utf8')).toBe('1\n2\n3\n4\n5\n6\n7\n8\n')
  const without = await run(['--nproc', '2'], ['train', folder()]).done
  expect(without.code).toBe(137)
})

test('several launchers restart together', async () => {
  const port = await freePort()
  const shared = folder()
  const node = (rank: number) =>
    run(
      ['--nnodes', '2', '--node-rank', String(rank), '--rdzv', `127.0.0.1:${port}`, '--max-restarts', '1'],
      ['train', shared],
    ).done
  const ended = await Promise.all([node(0), node(1)])
  expect(ended.map(({ code }) => code)).toEqual([0, 0])
  for (const { err } of ended) expect(err).toMatch(/restart 1 of 1/)
  expect(readFileSync(join(shared, 'steps.txt'), 'utf8')).toBe('1\n2\n3\n4\n5\n6\n7\n8\n')
})

test('arguments that are none are refused', async () => {
  for (const [options, message] of [
    [['--nproc', 'two'], "run: expected an integer from 1 to 4096 for --nproc, got 'two'"],
    [['--nnodes', '2'], 'run: expected --node-rank and --rdzv HOST:PORT where there are several machines'],
    [['--rdzv', 'somewhere'], "run: expected HOST:PORT for --rdzv, got 'somewhere'"],
    [['--frobnicate'], "run: Unknown option '--frobnicate'"],
  ] as const) {
    const { code, err } = await run(options, []).done
    expect([code, err]).toEqual([1, expect.stringContaining(message)])
  }
})
