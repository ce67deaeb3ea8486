// at and put, against PyTorch's x[…] for x = torch.arange(24).reshape(2, 3, 4), m = [True, False, True], i = [0, 1], j = [[1], [0]].

import {
  arange,
  asStrided,
  cuda,
  type Device,
  ELLIPSIS,
  F,
  grad,
  type Index,
  maskedSelect,
  nonzero,
  nonzeroStatic,
  ones,
  slice,
  sort,
  tensor,
  topk,
  zeros,
} from '@flambeau/core'
import { describe, expect, test } from '@jest/globals'

const x = arange(24).reshape([2, 3, 4])
const m = tensor([true, false, true])
const i = tensor([0n, 1n])
const j = tensor([[1n], [0n]])

// biome-ignore format: a table
const ROWS: readonly (readonly [() => Index[], readonly number[], readonly number[]])[] = [
  [() => [0], [3, 4], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]],
  [() => [-1, 1, 2], [], [18]],
  [() => [slice(1, 3)], [1, 3, 4], [12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23]],
  [() => ['...', slice(null, null, 2)], [2, 3, 2], [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22]],
  [() => [slice(), '1:'], [2, 2, 4], [4, 5, 6, 7, 8, 9, 10, 11, 16, 17, 18, 19, 20, 21, 22, 23]],
  [() => [null, 0, null], [1, 1, 3, 4], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]],
  [() => [ELLIPSIS, 1], [2, 3], [1, 5, 9, 13, 17, 21]],
  [() => [slice(), m], [2, 2, 4], [0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15, 20, 21, 22, 23]],
  [() => [i], [2, 3, 4], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23]],
  [() => [i, i], [2, 4], [0, 1, 2, 3, 16, 17, 18, 19]],
  [() => [i, slice(), i], [2, 3], [0, 4, 8, 13, 17, 21]],
  [() => [slice(), i, i], [2, 2], [0, 5, 12, 17]],
  [() => [slice(), i, j], [2, 2, 2], [1, 5, 0, 4, 13, 17, 12, 16]],
  [() => [0, slice(), i], [3, 2], [0, 1, 4, 5, 8, 9]],
  [() => [slice(), m, i], [2, 2], [0, 9, 12, 21]],
  [() => [i, slice(), j], [2, 2, 3], [1, 5, 9, 13, 17, 21, 0, 4, 8, 12, 16, 20]],
  [() => [j, ELLIPSIS, i], [2, 2, 3], [12, 16, 20, 13, 17, 21, 0, 4, 8, 1, 5, 9]],
  [() => [[0, 1], [2, 0]], [2, 4], [8, 9, 10, 11, 12, 13, 14, 15]],
  [() => [true], [1, 2, 3, 4], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23]],
  [() => [false], [0, 2, 3, 4], []],
  [() => [slice(-2, null), slice(5, 9)], [2, 0, 4], []],
  [() => [x.gt(20)], [3], [21, 22, 23]],
  [() => [null, i, null, i], [2, 1, 1, 4], [0, 1, 2, 3, 16, 17, 18, 19]],
  [() => [i, null, i], [2, 1, 4], [0, 1, 2, 3, 16, 17, 18, 19]],
  [() => ['1:', '::2', '-3:-1'], [1, 2, 2], [13, 14, 21, 22]],
  [() => [tensor(1n)], [3, 4], [12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23]],
]

const onDevice = (index: Index, device: Device): Index =>
  index !== null && typeof index === 'object' && 'dtype' in index ? index.to(device) : index

describe.each<Device>(['cpu', 'debug', ...(cuda.isAvailable() ? (['cuda'] as const) : [])])('on %s', (device) => {
  test.each(ROWS.map((row) => ({ row, name: String(row[0]).replace(/\s+/g, ' ') })))(
    '$name',
    ({ row: [make, shape, values] }) => {
      const indices = make().map((index) => onDevice(index, device))
      const part = x.to(device).at(...indices)
      expect(part.shape).toEqual(shape)
      expect(part.reshape([-1]).toArray()).toEqual(values)
      // put writes exactly where at reads.
      const y = x.to({ device, copy: true })
      y.put(indices, -1)
      const expected = (x.reshape([-1]).toArray() as number[]).map((v) => (values.includes(v) ? -1 : v))
      expect(y.reshape([-1]).toArray()).toEqual(expected)
    },
  )
})

test('the gradients of at, and of put to the tensor and to the value, to second order', () => {
  const a = ones([3, 2]).requiresGrad_()
  const picked = a
    .at(tensor([0n, 2n, 0n]))
    .pow(3)
    .sum()
  const [first] = grad(picked, a, { createGraph: true })
  expect(first.toArray()).toEqual([
    [6, 6],
    [0, 0],
    [3, 3],
  ])
  expect(grad(first.sum(), a)[0].toArray()).toEqual([
    [12, 12],
    [0, 0],
    [6, 6],
  ])
  const v = tensor([5, 6]).requiresGrad_()
  const b = a.mul(2)
  b.put([slice(1, 2)], v)
  b.put([tensor([2n]), 0], 4)
  expect(b.toArray()).toEqual([
    [2, 2],
    [5, 6],
    [4, 2],
  ])
  const [da, dv] = grad(b.mul(b).sum(), [a, v])
  expect(da.toArray()).toEqual([
    [8, 8],
    [0, 0],
    [0, 8],
  ])
  expect(dv.toArray()).toEqual([10, 12])
})

test('values are broadcast and converted; positions may repeat', () => {
  const y = zeros([2, 3])
  y.put([slice(), tensor([0n, 2n])], tensor([[1n], [2n]]))
  expect(y.toArray()).toEqual([
    [1, 0, 1],
    [2, 0, 2],
  ])
  expect(y.indexPut([tensor([0n, 0n]), tensor([1n, 1n])], ones([2]), true).toArray()).toEqual([
    [1, 2, 1],
    [2, 0, 2],
  ])
  expect(y.scatterAdd(1, tensor([[0n, 0n, 0n]]), ones([1, 3])).toArray()).toEqual([
    [4, 0, 1],
    [2, 0, 2],
  ])
})

test.each([
  [() => x.at(2), 'expected index in [-2, 1] for dimension 0 of size 2, got 2'],
  [() => x.at(0, 0, 0, 0), '4 indices for a tensor of shape [2, 3, 4]'],
  [() => x.at(ELLIPSIS, ELLIPSIS), 'at most one ELLIPSIS'],
  [() => x.at('1-2'), "expected a slice such as '1:3'"],
  [() => x.at(slice(0, 1, 0)), 'expected step ≥ 1'],
  [() => x.at(tensor([0n, 2n])), 'index 2 at position 1 is out of range for size 2'],
  [() => x.at(tensor([true])), 'a mask of shape [1] does not fit'],
  [() => x.at(tensor([0.5])), 'expected index tensors of dtype'],
  [() => x.at(i, tensor([0n, 1n, 2n])), 'expected index tensors that broadcast'],
  [() => x.at(undefined as never), 'got undefined'],
  [() => x.at({} as never), 'got an object'],
  [() => zeros([2]).put([0], ones([2])), 'a value of shape [2] does not fit a part of shape []'],
  [() => ones([2]).requiresGrad_().put([0], 1), 'leaf that requires grad'],
  [() => x.gather(0, tensor([[[5n]]])), 'gather: index 5 at position 0 is out of range for size 2'],
  [() => zeros([2]).indexAdd(0, i, ones([3])), 'expected source of shape [2]'],
  [() => x.indexSelect(1, tensor([-1n])), 'index -1 at position 0 is out of range for size 3'],
] as const)('%s is refused', (body, message) => {
  expect(body).toThrow(message)
})

test('a bad index changes nothing', () => {
  const y = zeros([3])
  expect(() => y.scatter_(0, tensor([0n, 1n, 7n]), 1)).toThrow('index 7')
  expect(() => y.put([tensor([0n, 5n])], 1)).toThrow('index 5')
  expect(y.toArray()).toEqual([0, 0, 0])
})

// Larger than what the conformance cases have: kernels take these in parts, which threads share.
describe('in parts', () => {
  const rows = 130
  const columns = 400
  const hash = (n: number): number => (Math.imul(n, 0x9e3779b1) >>> 8) % 1000
  const flat = Array.from({ length: rows * columns }, (_, n) => (hash(n) < 300 ? 0 : hash(n)))
  const big = tensor(flat).reshape([rows, columns])
  const turned = Array.from({ length: rows * columns }, (_, n) => flat[(n % rows) * columns + Math.floor(n / rows)])

  test('nonzero, maskedSelect and maskedScatter in row-major order, whatever the strides', () => {
    for (const [t, values, width] of [
      [big, flat, columns],
      [big.t(), turned, rows],
    ] as const) {
      const where = values.flatMap((v, n) => (v === 0 ? [] : [n]))
      expect(nonzero(t).to('float64').toArray()).toEqual(where.map((n) => [Math.floor(n / width), n % width]))
      expect(
        nonzeroStatic(t, { size: where.length + 1 })
          .at(-1)
          .to('float64')
          .toArray(),
      ).toEqual([-1, -1])
      expect(nonzeroStatic(t, { size: 20_000 }).numel()).toBe(40_000)
      const found = maskedSelect(t, t.ne(0))
      expect(found.toArray()).toEqual(where.map((n) => values[n]))
      expect(t.maskedScatter(t.ne(0), found.neg()).equal(t.neg())).toBe(true)
      expect(t.countNonzero().item()).toBe(where.length)
    }
  })

  test('scatterAdd and indexAdd where positions repeat, along each dimension and in memory that overlaps', () => {
    const index = tensor(flat.map((v) => BigInt(v % 7))).reshape([rows, columns])
    for (const dim of [0, 1]) {
      const shape = dim === 0 ? [7, columns] : [rows, 7]
      const sums = zeros(shape).scatterAdd(dim, index, big)
      const expected = new Array<number>(shape[0] * shape[1]).fill(0)
      flat.forEach((v, n) => {
        const [row, column] = [Math.floor(n / columns), n % columns]
        expected[dim === 0 ? (v % 7) * columns + column : row * 7 + (v % 7)] += v
      })
      expect(sums.reshape([-1]).toArray()).toEqual(expected)
      const line = index.select(1 - dim, 0)
      const added = zeros(shape).indexAdd(dim, line, big)
      const same = zeros(shape).scatterAdd(
        dim,
        line
          .unsqueeze(1 - dim)
          .expand([rows, columns])
          .contiguous(),
        big,
      )
      expect(added.equal(same)).toBe(true)
    }
    const memory = zeros([columns + 7])
    asStrided(memory, [8, columns], [1, 1]).scatterAdd_(0, index, big)
    expect(memory.to('float64').sum().item()).toBe(flat.reduce((a, b) => a + b))
  })

  test('a bad index in a later part is named by its position, and nothing is written', () => {
    const index = zeros([rows, columns], { dtype: 'int64' })
    index.put([100, 7], 7)
    index.put([120, 7], -1)
    const target = zeros([7, columns])
    expect(() => target.scatterAdd_(0, index, big)).toThrow('index 7 at position 40007 is out of range for size 7')
    expect(target.countNonzero().item()).toBe(0)
    expect(() => big.narrow(0, 0, 7).gather(0, index)).toThrow('index 7 at position 40007 is out of range for size 7')
  })

  test('the gradient of embedding adds rows in order, with padding and by frequency', () => {
    const index = tensor(flat.slice(0, rows).map((v) => BigInt(v % 50)))
    for (const options of [{}, { paddingIdx: 3 }, { scaleGradByFreq: true }]) {
      const weight = zeros([1000, columns]).requiresGrad_()
      F.embedding(index, weight, options).backward(big)
      const scale = 'scaleGradByFreq' in options ? index.bincount(null, 1000).clamp(1).reciprocal() : ones([1000])
      const used = 'paddingIdx' in options ? index.ne(3) : index.ge(0)
      const expected = zeros([1000, columns])
        .indexAdd(0, index, big.mul(used.unsqueeze(1)))
        .mul(scale.unsqueeze(1))
      expect(weight.grad?.sub(expected).abs().max().item()).toBeLessThan(1e-3)
    }
  })

  test('topk of few from long lines, with and without equal values among them', () => {
    const distinct = tensor(Array.from({ length: 4 * 6500 }, (_, n) => Math.sin(n))).reshape([4, 6500])
    for (const [t, largest] of [
      [distinct, true],
      [distinct.t().contiguous().t(), false],
      [big.reshape([8, 6500]), true],
    ] as const) {
      const { values, indices } = topk(t, 5, 1, { largest })
      expect(values.equal(sort(t, 1, { descending: largest }).values.narrow(1, 0, 5))).toBe(true)
      expect(t.gather(1, indices).equal(values)).toBe(true)
    }
  })
})
