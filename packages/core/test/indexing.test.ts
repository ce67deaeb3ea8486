// at and put, against PyTorch's x[…] for x = torch.arange(24).reshape(2, 3, 4), m = [True, False, True], i = [0, 1], j = [[1], [0]].

import { arange, cuda, type Device, ELLIPSIS, grad, type Index, ones, slice, tensor, zeros } from '@flambeau/core'
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
