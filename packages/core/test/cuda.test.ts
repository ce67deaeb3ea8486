// What holds with and without a GPU. On a machine that has one, the tests marked `onGpu` run too.
import {
  cuda,
  type Device,
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
  // The CPU goes on as before.
  expect(ones([2]).add(1).toArray()).toEqual([2, 2])
})

test.each(['cuda:', 'cuda:x', 'cuda:-1', 'gpu', 'CUDA'])('%s is no device', (name) => {
  expect(() => zeros([1], { device: name as Device })).toThrow('expected a device (cpu, debug, meta, cuda')
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
