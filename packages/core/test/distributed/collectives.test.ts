import { expect, jest, test } from '@jest/globals'
import { results } from './processes.ts'
import { checkEverything, checkVariety } from './reference.ts'

// For what hangs; a slow machine may take its time.
jest.setTimeout(300_000)

test("every collective, operation and dtype gives what PyTorch's gives", async () => {
  checkEverything((await results('collectives', 'everything', 3)) as Record<string, unknown>[])
  const sums = (await results('collectives', 'sizes', 4)) as unknown[]
  expect(sums).toEqual([[], [], [], []])
})

test('strided tensors, uneven parts, groups, messages and objects', async () => {
  checkVariety((await results('collectives', 'variety', 3)) as Record<string, unknown>[])
})

test('the same bits from run to run, on every rank', async () => {
  const runs = [await results('collectives', 'bits', 4), await results('collectives', 'bits', 4)]
  expect(new Set(runs.flat()).size).toBe(1)
})
