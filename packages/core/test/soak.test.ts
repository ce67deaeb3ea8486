// Memory over many steps, and depth: each in a Node of its own, since Jest's module registry and event loop hide both.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from '@jest/globals'

const program = fileURLToPath(new URL('soak/run.mjs', import.meta.url))

function run(name: string): Record<string, unknown> {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, ['--expose-gc', program, name], {
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  if (status !== 0) throw new Error(`${name} ended with ${signal ?? status}: ${stderr}`)
  return JSON.parse(stdout) as Record<string, unknown>
}

test('storages are freed inside a synchronous loop', () => {
  // Ten of 1 MB are made between two collections.
  expect(run('finalizers').least).toBeLessThanOrEqual(2 << 20)
})

test('1,500 tensors of 4 MB in a synchronous loop stay under 400 MB', () => {
  expect(run('tensors').peak).toBeLessThan(400e6)
})

test('what has survived young collections is freed by full ones', () => {
  const { peak, after } = run('old') as { peak: number; after: number }
  // A step keeps 240 MB; with what the last one dropped, and what may gather between two collections, three times that.
  expect(peak).toBeLessThan(3.5)
  expect(after).toBe(0)
})

test('what a backward pass was given is given back at its end', () => {
  // A step saves 480 MB. Parameter and gradient take 8, and some results die after the collection.
  expect(run('saved').left).toBeLessThan(40e6)
})

test.each(['small', 'graphs', 'training'])('%s: resident memory does not grow once warm', (name) => {
  const { warm, end } = run(name) as { warm: number; end: number }
  expect(end / warm).toBeLessThan(1.1)
})

test('a chain of 100,000 operators runs backward', () => {
  expect(run('deep')).toEqual({ grad: [1, 1], last: 100_001 })
})

test('memory that cannot be had is an OutOfMemoryError, and the process goes on', () => {
  expect(run('exhaustion')).toEqual({ name: 'OutOfMemoryError', after: [2, 3] })
})

test('dispose gives memory back at once, with the last tensor that reads it', () => {
  expect(run('dispose')).toEqual({ held: 4 << 20, shared: 4 << 20, after: 0 })
})
