import {
  collect,
  compile,
  empty,
  F,
  manualSeed,
  memory,
  nn,
  noGrad,
  randn,
  runAsync,
  tensor,
  zeros,
} from '@flambeau/core'
import { expect, test } from '@jest/globals'

test('gives what the same operators give at once, and records their graph', async () => {
  manualSeed(0)
  const [x, model] = [randn([32, 16]), new nn.Sequential(new nn.Linear(16, 64), new nn.GELU(), new nn.Linear(64, 3))]
  const expected = model.forward(x)
  expect((await model.forwardAsync(x)).equal(expected)).toBe(true)
  expected.square().mean().backward()
  const gradients = [...model.parameters()].map((p) => p.grad?.clone())
  model.zeroGrad()
  ;(await runAsync(() => model.forward(x).square().mean())).backward()
  for (const [i, p] of [...model.parameters()].entries()) expect(gradients[i]?.equal(p.grad ?? zeros([0]))).toBe(true)
  expect(await runAsync(() => 'nothing to compute')).toBe('nothing to compute')
})

test('sequences run in order, and in-place results are there after the await', async () => {
  const x = zeros([1000])
  const runs = [1, 2, 3].map((n) => runAsync(() => noGrad(() => x.add_(n).clone())))
  const seen = (await Promise.all(runs)).map((t) => t.at(7).item())
  expect(seen).toEqual([1, 3, 6])
  expect(x.sum().item()).toBe(6000)
})

test('memory is allocated when a call comes to it, and given back when the last one is done with it', async () => {
  const x = randn([1 << 20])
  collect()
  const before = memory().peak
  const y = await runAsync(() => {
    let y = x
    for (let i = 0; i < 200; i++) y = y.mul(0.5).add(1)
    return y
  })
  // 400 results of 4 MB each, of which two are needed at a time.
  expect(memory().peak - before).toBeLessThan(200e6)
  expect(y.at(0).item()).toBeCloseTo(2, 5)
  const untouched = await runAsync(() => [empty([1 << 16]), x.add(1)] as const)
  expect(untouched[0].data().length).toBe(1 << 16)
})

test('the event loop goes on while it computes', async () => {
  const x = randn([900, 900])
  let ticks = 0
  const timer = setInterval(() => ticks++, 1)
  await runAsync(() => {
    let y = x
    for (let i = 0; i < 20; i++) y = y.matmul(x).mul(0.01)
    return y
  })
  clearInterval(timer)
  expect(ticks).toBeGreaterThan(3)
})

test('what cannot wait is refused, and nothing is left behind', async () => {
  const x = randn([4])
  const nested = () => compile(() => x.add(1))()
  let inner: Promise<unknown> = Promise.resolve()
  await expect(runAsync(() => x.sum().item())).rejects.toThrow('runAsync: item reads values')
  await expect(runAsync(() => x.at(x.gt(0)))).rejects.toThrow('reads values')
  await expect(runAsync(async () => x)).rejects.toThrow('expected a synchronous function')
  await expect(runAsync(x as unknown as () => void)).rejects.toThrow('runAsync: expected a function')
  await expect(
    runAsync(() => {
      throw new RangeError('mine')
    }),
  ).rejects.toThrow('mine')
  await runAsync(() => {
    inner = runAsync(() => x).catch((error: Error) => error.message)
  })
  expect(await inner).toContain('cannot be called inside of runAsync')
  expect(x.add(1).shape).toEqual([4])
  expect((await runAsync(nested)).equal(x.add(1))).toBe(true)
})

test('an error that depends on values rejects, in the words of the operator', async () => {
  const index = tensor([1, 99], { dtype: 'int64' })
  let expected = ''
  try {
    F.embedding(index, zeros([5, 3]))
  } catch (error) {
    expected = String(error)
  }
  expect(expected).toContain('99')
  await expect(runAsync(() => F.embedding(index, zeros([5, 3])))).rejects.toThrow(expected.replace(/^\w+: /, ''))
  expect((await runAsync(() => zeros([2]).add(1))).toArray()).toEqual([1, 1])
})
