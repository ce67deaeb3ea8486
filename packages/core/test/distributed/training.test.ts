import { data } from '@flambeau/core'
import * as distributed from '@flambeau/core/distributed'
import { expect, jest, test } from '@jest/globals'
import { results } from './processes.ts'

// For what hangs; a slow machine may take its time.
jest.setTimeout(300_000)

type Ways = Record<string, { hash: number; weights: number[][] }>

test('2 and 4 processes reach the weights of one with the whole batch, each in the same bits', async () => {
  const [alone] = (await results('training', 'alone', 1)) as number[][][]
  for (const size of [2, 4]) {
    const ranks = (await results('training', 'ways', size)) as Ways[]
    for (const name of Object.keys(ranks[0])) {
      expect(new Set(ranks.map((rank) => rank[name].hash)).size).toBe(1)
      const off = ranks[0][name].weights.flatMap((values, i) => values.map((x, j) => Math.abs(x - alone[i][j])))
      expect([name, Math.max(...off) < 2e-5]).toEqual([name, true])
    }
    // Where gradients lie and how they are grouped changes nothing.
    expect(ranks[0]['bucket views'].hash).toBe(ranks[0]['small buckets'].hash)
    expect(ranks[0]['find unused'].hash).toBe(ranks[0]['small buckets'].hash)
  }
})

test('a run repeats bit for bit', async () => {
  const runs = [await results('training', 'bits', 2), await results('training', 'bits', 2)]
  expect(new Set(runs.flat()).size).toBe(1)
})

test('buckets are exchanged while backward goes on', async () => {
  for (const runs of (await results('training', 'overlap', 2)) as string[][][])
    for (const order of runs) {
      const first = order.indexOf('bucket 0')
      expect(first).toBeGreaterThan(0)
      // The first layers' gradients come after the last layers' are on their way.
      expect(order.indexOf('0.weight')).toBeGreaterThan(first)
      expect(order.slice(-2).join()).toMatch(/the last/)
    }
})

test('parameters that a pass leaves out', async () => {
  for (const one of (await results('training', 'branches', 2)) as { found: unknown; message: string }[]) {
    expect(one.found).toEqual([[0.5, 0.5, 0.5, 0.5], [0.5, 0.5, 0.5, 0.5], null])
    expect(one.message).toMatch(
      /gave no gradient to 'never.bias', 'never.weight', 'right.bias', 'right.weight'; pass \{ find/,
    )
  }
})

test('uneven inputs, buffers, hooks, and modules that differ', async () => {
  // Gradients: 1, 2 and 3 in the first step, 2 and 3 in the second, 3 in the third; or divided by those that took part.
  const steps = [(1 + 2 + 3) / 3 + (2 + 3) / 3 + 3 / 3, (1 + 2 + 3) / 3 + (2 + 3) / 2 + 3]
  for (const out of await results('training', 'uneven', 3))
    expect(out).toEqual(steps.map((step) => ['done', Math.round(-step * 1e4) / 1e4]))
  const ranks = (await results('training', 'buffersAndHooks', 2)) as Record<string, number[]>[]
  // The second pass began with rank 0's statistics on both ranks: 0.1 · 1.
  for (const [rank, { before }] of ranks.entries())
    for (const x of before) expect(x).toBeCloseTo(0.09 + 0.1 * (rank + 1), 6)
  for (const name of ['fp16CompressHook', 'bf16CompressHook'])
    for (const [i, x] of ranks[0][name].entries()) {
      expect(ranks[1][name][i]).toBe(x)
      expect(Math.abs(x - ranks[0].allreduceHook[i])).toBeLessThan(0.01 * Math.abs(x) + 1e-3)
      expect(x).not.toBe(ranks[0].allreduceHook[i])
    }
  for (const message of await results('training', 'different', 2))
    expect(message).toBe(
      "DistributedError: DistributedDataParallel: expected the same parameters and buffers on every rank, got 'weight' " +
        "(float32 [2, 3], learned) on rank 0 and 'weight' (float32 [4, 3], learned) on rank 1",
    )
})

test("DistributedSampler reads what PyTorch's reads", () => {
  const { DistributedSampler } = distributed
  const parts = (options: object) =>
    [0, 1, 2].map((rank) => {
      const sampler = new DistributedSampler({ length: 11 }, { numReplicas: 3, rank, ...options })
      sampler.setEpoch(2)
      expect([...sampler].length).toBe(sampler.length)
      return [...sampler]
    })
  // [list(DistributedSampler(range(11), 3, r, seed=7)) for r in range(3)] after set_epoch(2)
  expect(parts({ seed: 7 })).toEqual([
    [4, 8, 0, 10],
    [9, 3, 1, 6],
    [2, 7, 5, 4],
  ])
  expect(parts({ shuffle: false, dropLast: true })).toEqual([
    [0, 3, 6],
    [1, 4, 7],
    [2, 5, 8],
  ])
  expect(new DistributedSampler([1], { numReplicas: 4, rank: 3 }).length).toBe(1)
  expect(new DistributedSampler([1], { numReplicas: 4, rank: 3 })).toBeInstanceOf(data.Sampler)
})
