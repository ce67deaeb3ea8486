import { expect, jest, test } from '@jest/globals'
import { results } from './processes.ts'

// For what hangs; a slow machine may take its time.
jest.setTimeout(300_000)

test('SyncBatchNorm on parts is BatchNorm on the whole: results, gradients and running statistics', async () => {
  for (const one of (await results('parts', 'syncBatchNorm', 3)) as {
    names: string[]
    worst: number
    count: number
  }[]) {
    expect(one.names).toEqual(['Block', 'SyncBatchNorm', 'Sequential', 'Conv2d', 'SyncBatchNorm'])
    expect(one.count).toBe(14)
    expect(one.worst).toBeLessThan(2e-5)
  }
})

test('ZeroRedundancyOptimizer steps as the whole optimizer does, and gives and takes its state', async () => {
  const refused =
    'ZeroRedundancyOptimizer: call consolidateStateDict(rank) on every process first; stateDict() is for that rank'
  const good = { after: true, state: true, restored: true }
  expect(await results('parts', 'zero', 3)).toEqual([{ ...good, refused }, good, { ...good, refused }])
  // More processes than parameters.
  expect((await results('parts', 'zero', 5))[4]).toEqual({ ...good, refused })
})

test('PowerSGD: what has low rank comes back whole, and errors are made up for later', async () => {
  for (const one of (await results('parts', 'powerSGD', 2)) as Record<string, number>[]) {
    expect(one.exact).toBeLessThan(1e-4)
    expect(one.iter).toBe(16)
    expect(one.first).toBeGreaterThan(0.3)
    expect(one.last).toBeLessThan(one.first / 2)
  }
})
