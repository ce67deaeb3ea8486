import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from '@jest/globals'
import { root, state } from '../setup/exec.mjs'
import { whenStale } from '../setup/stamp.mjs'

const folder = '.flambeau/stamp-test'
const name = 'stamp-test'
const put = (file, text) => {
  mkdirSync(join(root, folder), { recursive: true })
  writeFileSync(join(root, folder, file), text)
}

afterEach(() => {
  rmSync(join(root, folder), { recursive: true, force: true })
  rmSync(join(state, 'stamps', name), { force: true })
})

test('a step runs again when an input changes, an output is gone or it failed, and not otherwise', async () => {
  let runs = 0
  const step = (action = () => runs++) =>
    whenStale(name, { inputs: [`${folder}/in`], outputs: [`${folder}/out`] }, async () => action())
  put('in', '1')
  put('out', '')
  await step()
  await step()
  expect(runs).toBe(1)
  put('in', '2')
  await step()
  expect(runs).toBe(2)
  rmSync(join(root, folder, 'out'))
  await step()
  expect(runs).toBe(3)
  put('out', '')
  put('in', '3')
  const failing = () => {
    throw new Error('failed')
  }
  await expect(step(failing)).rejects.toThrow('failed')
  put('in', '2')
  await step()
  expect(runs).toBe(4)
})
