// The ddp strategy: several processes come to what one comes to, agree on what they do, and tell whose fault it was.
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DDPStrategy } from '@flambeau/trainer'
import { expect, jest, test } from '@jest/globals'
import { folder, loader, Plane, quiet } from './support/plane.js'

// For what hangs; a slow machine may take its time.
jest.setTimeout(300_000)

const program = fileURLToPath(new URL('programs/ddp.mjs', import.meta.url))
const launcher = join(
  dirname(createRequire(import.meta.url).resolve('@flambeau/core/package.json')),
  'dist/bundle/cli.js',
)

interface Said {
  readonly rank: number
  readonly digest: string
  readonly step: number
  readonly interrupted: boolean
  readonly weights: number[][]
  readonly metrics: Record<string, number>
  readonly tested: Record<string, number>
  readonly best: string
  readonly last: string
}
interface Ended {
  readonly code: number | null
  readonly output: string
  /** By rank. */
  readonly said: Said[]
}

/** Runs the program: by the launcher where `nproc` is given. */
function run(nproc: number | null, which: string, at: string, argument: object = {}): Promise<Ended> {
  const args = [program, which, at, JSON.stringify(argument)]
  const { RANK, WORLD_SIZE, ...env } = process.env
  const command = nproc === null ? args : [launcher, 'run', '--nproc', String(nproc), ...args]
  const child = spawn(process.execPath, command, { env: { ...env, NODE_OPTIONS: '', OMP_NUM_THREADS: '1' } })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => {
      output += chunk
    })
  return new Promise((resolve) => {
    child.on('close', (code) => {
      const said = [...output.matchAll(/SAID (.*)$/gm)].map((match): Said => JSON.parse(match[1]))
      resolve({ code, output, said: said.sort((a, b) => a.rank - b.rank) })
    })
  })
}

async function ended(...args: Parameters<typeof run>): Promise<Said[]> {
  const { code, output, said } = await run(...args)
  if (code !== 0) throw new Error(`exit code ${code}:\n${output}`)
  return said
}

const furthest = (a: number[][], b: number[][]): number =>
  Math.max(...a.flatMap((values, i) => values.map((value, j) => Math.abs(value - b[i][j]))))

test('2 and 4 processes come to what one comes to with the whole batch, with the same logged values', async () => {
  const options = { valCheckInterval: null }
  const [alone] = await ended(null, 'alone', folder(), { batch: 16, options })
  const logs = folder()
  const two = await ended(2, 'several', logs, { batch: 4, accumulate: 2, options })
  // Started by the trainer itself.
  const four = await ended(null, 'several', folder(), { batch: 4, options: { ...options, devices: 4 } })
  for (const [size, ranks] of [
    [2, two],
    [4, four],
  ] as const) {
    expect(ranks.map(({ rank }) => rank)).toEqual(Array.from({ length: size }, (_, i) => i))
    expect(new Set(ranks.map(({ digest }) => digest)).size).toBe(1)
    expect(ranks[0].step).toBe(alone.step)
    expect(furthest(ranks[0].weights, alone.weights)).toBeLessThan(1e-5)
    expect(ranks[0].tested.test_loss).toBeCloseTo(alone.tested.test_loss, 5)
    expect(ranks[0].metrics.val_loss).toBeCloseTo(alone.metrics.val_loss, 5)
    expect(ranks[0].metrics.val_accuracy).toBe(alone.metrics.val_accuracy)
    expect(ranks[0].metrics.train_loss_epoch).toBeCloseTo(alone.metrics.train_loss_epoch, 5)
  }
  // One file of logs, one header, one set of checkpoints.
  expect(readdirSync(join(logs, 'lightning_logs'))).toEqual(['version_0'])
  const [header, ...rows] = readFileSync(join(logs, 'lightning_logs/version_0/metrics.csv'), 'utf8').trim().split('\n')
  const columns = header.split(',')
  const cells = rows.map((row) => row.split(','))
  const steps = cells.filter((row) => row[columns.indexOf('train_loss_step')] !== '')
  expect(steps.map((row) => Number(row[columns.indexOf('step')]))).toEqual(Array.from({ length: 12 }, (_, i) => i))
  expect(readdirSync(join(logs, 'lightning_logs/version_0/checkpoints')).sort()).toEqual([
    'epoch=0-step=6.ckpt',
    'epoch=1-step=12.ckpt',
    'last.ckpt',
  ])
})

test('a run repeats to the bit, and goes on to the bit from a checkpoint in the middle of an epoch and of a step', async () => {
  const at = folder()
  const argument = { batch: 4, accumulate: 3, epochs: 2, noisy: true }
  const [whole] = await ended(2, 'several', folder(), argument)
  // A signal that one process gets ends both, with one checkpoint.
  const ranks = await ended(2, 'signal', at, argument)
  expect(ranks.map(({ interrupted, step }) => [interrupted, step])).toEqual([
    [true, 7],
    [true, 7],
  ])
  const path = join(at, 'lightning_logs/version_0/checkpoints/interrupted.ckpt')
  expect(existsSync(path)).toBe(true)
  const on = await ended(2, 'several', folder(), { ...argument, resume: path })
  expect(on.map(({ digest }) => digest)).toEqual([whole.digest, whole.digest])
  expect(on[0].metrics).toEqual(whole.metrics)
  const { code, output } = await run(null, 'several', folder(), { ...argument, resume: path })
  expect([code, /is of 2 processes in the middle of an epoch, and there are 1/.test(output)]).toEqual([1, true])
})

test('what one process decides, all do', async () => {
  const ranks = await ended(2, 'agreed', folder(), { batch: 4, epochs: 3 })
  expect(ranks.map(({ step }) => step)).toEqual([5, 5])
})

test('a process that throws ends all, and they say whose fault it was', async () => {
  const { code, output } = await run(2, 'several', folder(), { batch: 4, failAt: 1 })
  expect(code).not.toBe(0)
  expect(output).toMatch(/\[1\] .*RangeError: a broken sample/)
  // Without the launcher, which ends the others at once: they hear of it.
  const own = await run(null, 'several', folder(), { batch: 4, failAt: 1, options: { devices: 2, strategy: 'ddp' } })
  expect(own.code).not.toBe(0)
  expect(own.output).toMatch(/another process failed: rank 1: RangeError: a broken sample/)
})

test('mistakes', async () => {
  const fit = (options: object, trainDataloaders: Parameters<ReturnType<typeof quiet>['fit']>[1] = {}) =>
    quiet({ strategy: 'ddp', ...options }).fit(new Plane(), { trainDataloaders: loader(), ...trainDataloaders })
  await expect(fit({ numNodes: 2, devices: 1 })).rejects.toThrow(/2 machines need the launcher: 'npx flambeau run/)
  expect(() => quiet({ strategy: 'single_device', devices: 2 })).toThrow(
    /'single_device' is one process, got devices 2/,
  )
  expect(() => quiet({ devices: 0 })).toThrow(
    /expected devices to be a number of processes on each machine, or 'auto', got 0/,
  )
  expect(() => new DDPStrategy({ timeOut: 3 } as object)).toThrow(/did you mean 'timeout'/)
  expect(() => quiet({ strategy: 'ddp' }).strategy.barrier()).toThrow(/the processes have not met yet/)
  const several = await run(2, 'several', folder(), { options: { devices: 4 } })
  expect(several.output).toMatch(/devices is 4, but there are 2 processes on this machine; give the launcher --nproc 4/)
})
