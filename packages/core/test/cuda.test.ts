// What holds with and without a GPU. On a machine that has one, the tests marked `onGpu` run too.
import {
  cuda,
  type Device,
  data,
  F,
  manualSeed,
  ones,
  randn,
  setDefaultDevice,
  synchronize,
  tensor,
  zeros,
} from '@flambeau/core'
import { expect, test } from '@jest/globals'

const onGpu = cuda.isAvailable() ? test : test.skip
const withoutGpu = cuda.isAvailable() ? test.skip : test

withoutGpu('without a device, nothing is there and everything says why', () => {
  expect(cuda.isAvailable()).toBe(false)
  expect(cuda.deviceCount()).toBe(0)
  const reason = cuda.unavailableReason()
  expect(reason).not.toBe('')
  const sentence = `cuda is not available: ${reason}`
  expect(() => tensor([1], { device: 'cuda' })).toThrow(`tensor: ${sentence}`)
  expect(() => zeros([2]).to('cuda')).toThrow(`to: ${sentence}`)
  expect(() => zeros([2]).cuda()).toThrow(sentence)
  expect(() => setDefaultDevice('cuda')).toThrow(sentence)
  expect(() => synchronize('cuda')).toThrow(sentence)
  expect(() => cuda.memoryAllocated()).toThrow(sentence)
  expect(() => new cuda.Stream()).toThrow(sentence)
  expect(() => new cuda.Event()).toThrow(sentence)
  expect(() => zeros([2]).pinMemory()).toThrow(`pinMemory: ${sentence}`)
  expect(() => zeros([2]).to('cuda:1', { nonBlocking: true })).toThrow(`to: ${sentence}`)
  expect(() => cuda.setDevice(1)).toThrow(`setDevice: ${sentence}`)
  expect(cuda.currentDevice()).toBe(0)
  expect(() => new data.DataLoader(new data.TensorDataset(zeros([2])), { pinMemory: true })).toThrow(
    `DataLoader: pinMemory: ${sentence}`,
  )
  for (const make of [() => ones([1], { device: 'cuda:1' }), () => randn([1], { device: 'cuda:1' })])
    expect(make).toThrow(sentence)
  // The CPU goes on as before.
  expect(ones([2]).add(1).toArray()).toEqual([2, 2])
})

test.each(['cuda:', 'cuda:x', 'cuda:-1', 'gpu', 'CUDA'])('%s is no device', (name) => {
  expect(() => zeros([1], { device: name as Device })).toThrow('expected a device (cpu, debug, meta, cuda')
})

test('memory is pinned on the cpu alone', () => {
  expect(zeros([2]).isPinned()).toBe(false)
  expect(() => zeros([2], { device: 'meta' }).pinMemory()).toThrow(
    "pinMemory: expected a tensor on cpu, got one on meta: only the cpu's memory is pinned",
  )
  expect(() => new data.DataLoader([1, 2], { pinMemory: 1 as never })).toThrow(
    'DataLoader: expected true or false for pinMemory, got 1',
  )
  // Without pinned memory a copy is done before the call returns.
  expect(ones([2]).to('debug', { nonBlocking: true }).toArray()).toEqual([1, 1])
  expect(ones([2]).to('int64', { copy: true }).dtype).toBe('int64')
})

test('a device that is no CUDA device is refused', () => {
  for (const call of [() => cuda.memoryAllocated('cpu'), () => cuda.synchronize('debug')])
    expect(call).toThrow(cuda.isAvailable() ? 'expected a CUDA device' : /expected a CUDA device|cuda is not available/)
})

test('the kernel that failed is named at the synchronisation', () => {
  F.embedding(tensor([7n], { device: 'debug' }), zeros([3, 2], { device: 'debug' }))
  expect(() => synchronize('debug')).toThrow(
    'embedding (found by synchronize): index 7 at position 0 is out of range for size 3',
  )
})

onGpu('a tensor goes there and back', () => {
  const x = randn([100, 3])
  const y = x.to('cuda')
  expect(y.device).toBe('cuda:0')
  expect(y.to('cpu').toArray()).toEqual(x.toArray())
  expect(() => zeros([1], { device: `cuda:${cuda.deviceCount()}` })).toThrow('expected a CUDA device below')
})

onGpu('streams of random numbers start anew with the seed', () => {
  manualSeed(5)
  const first = randn([1000], { device: 'cuda' }).toArray()
  expect(randn([1000], { device: 'cuda' }).toArray()).not.toEqual(first)
  manualSeed(5)
  expect(randn([1000], { device: 'cuda' }).toArray()).toEqual(first)
})

onGpu('pinned memory is copied from without waiting, and computed with as any other', async () => {
  const x = randn([1000, 30])
  const pinned = x.pinMemory()
  expect([x.isPinned(), pinned.isPinned(), pinned.t().isPinned()]).toEqual([false, true, true])
  expect(pinned.pinMemory()).toBe(pinned)
  expect(pinned.add(1).toArray()).toEqual(x.add(1).toArray())
  for (const part of [pinned, pinned.narrow(0, 3, 6), pinned.t()]) {
    const there = part.to('cuda', { nonBlocking: true })
    expect(there.to('cpu').toArray()).toEqual(part.toArray())
  }
  // The memory is not given to others while a copy is under way.
  const copies = Array.from({ length: 50 }, (_, i) => {
    const source = ones([1 << 16])
      .mul(i)
      .pinMemory()
    const there = source.to('cuda', { nonBlocking: true })
    source.dispose()
    return there
  })
  for (const [i, t] of copies.entries()) expect(t.mean().item()).toBe(i)
  const loader = new data.DataLoader(new data.TensorDataset(x), { batchSize: 400, pinMemory: true })
  for await (const [batch] of loader) expect(batch.isPinned()).toBe(true)
})

onGpu('every device computes, whichever is the current one', () => {
  for (let i = 0; i < cuda.deviceCount(); i++) {
    const device: Device = `cuda:${i}`
    const y = ones([64, 64], { device })
      .matmul(ones([64, 64], { device }))
      .sum()
    expect([y.device, y.item()]).toEqual([device, 64 ** 3])
    expect(y.to('cuda:0').device).toBe('cuda:0')
  }
  cuda.synchronize()
})

onGpu('memory is counted and comes back', () => {
  const before = cuda.memoryAllocated()
  const x = zeros([1 << 18], { device: 'cuda' })
  expect(cuda.memoryAllocated() - before).toBe(1 << 20)
  x.dispose()
  expect(cuda.memoryAllocated()).toBe(before)
  expect(cuda.memoryReserved()).toBeGreaterThanOrEqual(1 << 20)
})

onGpu('an index out of range is found at the next synchronisation', () => {
  F.embedding(tensor([0n, 9n], { device: 'cuda' }), zeros([3, 2], { device: 'cuda' }))
  expect(() => cuda.synchronize()).toThrow('embedding (found by synchronize): index 9 at position 1')
  cuda.synchronize()
})
