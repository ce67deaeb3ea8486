// Tensors from data and back, scopes of memory.
import { runInNewContext } from 'node:vm'
import {
  arange,
  cat,
  collect,
  cuda,
  type Device,
  type DType,
  emptyStrided,
  eye,
  float,
  frombuffer,
  full,
  getNumThreads,
  inferenceMode,
  keep,
  linspace,
  memory,
  type NestedData,
  ones,
  setNumThreads,
  synchronize,
  Tensor,
  tensor,
  tidy,
  zeros,
} from '@flambeau/core'
import { describe, expect, test } from '@jest/globals'

// biome-ignore format: a table
const DATA: readonly (readonly [NestedData, DType, readonly number[], unknown])[] = [
  [3, 'float32', [], 3],
  [[1, 2.5], 'float32', [2], [1, 2.5]],
  [7n, 'int64', [], 7],
  [[[true], [false]], 'bool', [2, 1], [[true], [false]]],
  [[{ re: 1, im: -2 }, 3], 'complex64', [2], [{ re: 1, im: -2 }, { re: 3, im: 0 }]],
  [[1n, 2], 'float32', [2], [1, 2]],
  [[true, 2n], 'int64', [2], [1, 2]],
  [[], 'float32', [0], []],
  [[[], []], 'float32', [2, 0], [[], []]],
  [new Float64Array([1.5]), 'float64', [1], [1.5]],
  [new Int8Array([-1]), 'int8', [1], [-1]],
  [Buffer.from([1, 255]), 'uint8', [2], [1, 255]],
  [new Uint16Array([65535]), 'int32', [1], [65535]],
  [new Uint32Array([2 ** 32 - 1]), 'int64', [1], [2 ** 32 - 1]],
  [new BigInt64Array([-5n]), 'int64', [1], [-5]],
  [[new Float32Array([1, 2]), new Float32Array([3, 4])], 'float32', [2, 2], [[1, 2], [3, 4]]],
  [[tensor(1), tensor(2)], 'float32', [2], [1, 2]],
  [float(2), 'float32', [], 2],
]

test.each(DATA.map((row) => ({ row })))(
  'tensor infers dtype and shape of $row.0',
  ({ row: [data, dtype, shape, back] }) => {
    const t = tensor(data)
    expect([t.dtype, t.shape, t.toArray()]).toEqual([dtype, shape, back])
  },
)

test('typed arrays of another realm are typed arrays', () => {
  expect(tensor(runInNewContext('new Float64Array([1, 2])') as Float64Array).dtype).toBe('float64')
})

// biome-ignore format: a table
const REFUSED: readonly (readonly [() => unknown, string])[] = [
  [() => tensor([[1, 2], [3]]), 'tensor: expected arrays of equal length, got 1 elements at [1] where others have 2'],
  [() => tensor([1, [2]]), 'got an array at [1] where others are values'],
  [() => tensor([[1], 2]), 'got a value at [1] where others are arrays'],
  [() => tensor(['1'] as never), "got '1' at [0]"],
  [() => tensor([[1, undefined]] as never), 'got undefined at [0][1]'],
  [() => tensor([300], { dtype: 'uint8' }), 'element 0 (300) does not fit in uint8'],
  [() => tensor([Number.NaN], { dtype: 'int32' }), 'element 0 (NaN) cannot become int32'],
  [() => tensor([{ re: 1, im: 1 }], { dtype: 'float32' }), 'is complex and cannot become float32'],
  [() => tensor([ones([2])]), 'expected 0-d tensors inside of arrays, got one of shape [2] at [0]'],
  [() => tensor(1, { dtype: 'float8' as never }), 'expected a dtype'],
  [() => zeros([-1]), 'expected sizes that are integers ≥ 0'],
  [() => arange(0, 5, 0), 'expected step to be other than 0'],
  [() => arange(5, 0), 'leads away from end'],
  [() => linspace(0, 1, -1), 'expected steps to be an integer ≥ 0'],
  [() => frombuffer(new Uint8Array(5), { dtype: 'float32' }), 'whole number of float32 elements'],
  [() => emptyStrided([2], [1, 2]), 'expected 1 strides ≥ 0'],
  [() => ones([2]).item(), 'expected a tensor of one element, got shape [2]'],
  [() => tensor(2n ** 60n + 1n).item(), 'has no exact number; use itemBigInt()'],
  [() => tensor(1.5).itemBigInt(), 'expected an integer dtype'],
  [() => zeros([2], { device: 'meta' }).toArray(), 'a meta tensor has a shape and no data'],
  [() => zeros([2], { device: 'debug' }).dataShared(), 'memory on debug cannot be read in place'],
  [() => [...tensor(1)], 'expected a tensor of at least one dimension'],
  [() => tidy(async () => 1), 'expected a synchronous function'],
  [() => setNumThreads(0), 'expected an integer in [1, 4096]'],
]
test.each(REFUSED.map(([body, message]) => ({ body, message })))('refused: $message', ({ body, message }) => {
  expect(body).toThrow(message)
})

describe.each<Device>(['cpu', 'debug', ...(cuda.isAvailable() ? (['cuda'] as const) : [])])('on %s', (device) => {
  test('ranges and constants', () => {
    expect(arange(5, { device }).toArray()).toEqual([0, 1, 2, 3, 4])
    expect(arange(5).dtype).toBe('int64')
    expect(arange(0, 1, 0.25, { device }).toArray()).toEqual([0, 0.25, 0.5, 0.75])
    expect(arange(2n ** 60n, 2n ** 60n + 2n, { device }).data()).toEqual(new BigInt64Array([2n ** 60n, 2n ** 60n + 1n]))
    expect(linspace(0, 1, 5, { device }).toArray()).toEqual([0, 0.25, 0.5, 0.75, 1])
    expect(eye(2, 3, { device }).toArray()).toEqual([
      [1, 0, 0],
      [0, 1, 0],
    ])
    expect(full([2], true, { device }).dtype).toBe('bool')
    expect(full([], { re: 1, im: 2 }, { device }).toArray()).toEqual({ re: 1, im: 2 })
  })

  test('every dtype goes in and comes back', () => {
    const dtypes: DType[] = ['float32', 'float64', 'float16', 'bfloat16', 'int8', 'uint8', 'int16', 'int32', 'int64']
    for (const dtype of dtypes)
      expect(
        tensor(
          [
            [1, 2],
            [3, 4],
          ],
          { dtype, device },
        )
          .t()
          .toArray(),
      ).toEqual([
        [1, 3],
        [2, 4],
      ])
    expect(tensor([0.1], { dtype: 'float16', device }).data()).toEqual(new Uint16Array([11878]))
  })

  test('what is made in inferenceMode is marked', () => {
    const x = inferenceMode(() => tensor([1, 2], { device }))
    expect(x.inference).toBe(true)
    expect(x.mul(2).toArray()).toEqual([2, 4])
  })
})

test('dataShared is the memory itself, and empty once it is disposed', () => {
  const x = zeros([2, 2])
  const shared = x.dataShared()
  shared[3] = 7
  expect(x.toArray()).toEqual([
    [0, 0],
    [0, 7],
  ])
  x.dispose()
  expect(shared.length).toBe(0)
  expect(() => x.toArray()).toThrow('was used after dispose()')
})

test('frombuffer reads bytes as they are', () => {
  expect(frombuffer(new Uint8Array([0, 0, 128, 63]), { dtype: 'float32' }).toArray()).toEqual([1])
  expect(frombuffer(new Uint16Array([11878]), { dtype: 'float16' }).data()).toEqual(new Uint16Array([11878]))
})

test('tidy gives back what is not returned or kept, scopes nest, gradients and graphs live on', () => {
  collect()
  const before = memory().inUse
  const made: Tensor[] = []
  const [a, rest] = tidy(() => {
    const inner = tidy(() => {
      const x = ones([1000])
      made.push(x)
      return { sum: x.add(1) }
    })
    const k = keep(ones([3000]))
    made.push(inner.sum)
    return [inner.sum.mul(2), new Map([['k', k]])] as const
  })
  expect(made.map((t) => t.isDisposed)).toEqual([true, true])
  expect(a.isDisposed || rest.get('k')?.isDisposed).toBe(false)
  expect(memory().inUse - before).toBeLessThan(1000 * 4 + 3000 * 4 + 8192)
  const w = ones([3]).requiresGrad_()
  const loss = tidy(() => w.mul(3).mul(w).sum())
  loss.backward()
  expect(w.grad?.toArray()).toEqual([6, 6, 6])
  tidy(() => w.mul(2).sum().backward())
  expect(w.grad?.toArray()).toEqual([8, 8, 8])
})

test('threads, iteration, synchronize', () => {
  const threads = getNumThreads()
  setNumThreads(1)
  expect(getNumThreads()).toBe(1)
  setNumThreads(threads)
  expect(
    [
      ...tensor([
        [1, 2],
        [3, 4],
      ]),
    ].map((row) => row.toArray()),
  ).toEqual([
    [1, 2],
    [3, 4],
  ])
  cat([ones([2], { device: 'debug' })]).at(tensor([5n], { device: 'debug' }))
  expect(() => synchronize('debug')).toThrow('out of range')
  expect(Tensor.prototype.tolist.call(ones([1]))).toEqual([1])
})

test('linspace rounds each value once, as PyTorch does', () => {
  // torch.linspace(0, 1, 101)[[53, 57, 58, 65, 66, 70, 71, 78]]
  const values = linspace(0, 1, 101).data() as Float32Array
  const expected = [
    0.5300000309944153, 0.5699999928474426, 0.5799999833106995, 0.6500000357627869, 0.6600000262260437,
    0.699999988079071, 0.7099999785423279, 0.7800000309944153,
  ]
  expect([53, 57, 58, 65, 66, 70, 71, 78].map((i) => values[i])).toEqual(expected)
  // torch.linspace(0, 1, 101, dtype=torch.float64)[[56, 57, 67, 81, 93]]
  const wide = linspace(0, 1, 101, { dtype: 'float64' }).data() as Float64Array
  expect([56, 57, 67, 81, 93].map((i) => wide[i])).toEqual([0.5599999999999999, 0.57, 0.67, 0.8099999999999999, 0.93])
})
