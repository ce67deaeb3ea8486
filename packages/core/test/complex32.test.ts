// complex32 beyond its conversions, which the conformance cases have; what PyTorch gives is in the comments.

import {
  type DType,
  DTypeError,
  fft,
  frombuffer,
  linalg,
  ones,
  promoteTypes,
  type Tensor,
  tensor,
} from '@flambeau/core'
import { expect, test } from '@jest/globals'

const z = (): Tensor =>
  tensor(
    [
      { re: 1, im: 2 },
      { re: 3, im: -1 },
    ],
    { dtype: 'complex32' },
  )

// torch.promote_types(torch.complex32, torch.…)
test.each<[DType, DType]>([
  ['float16', 'complex32'],
  ['int64', 'complex32'],
  ['bool', 'complex32'],
  ['bfloat16', 'complex64'],
  ['float32', 'complex64'],
  ['complex64', 'complex64'],
  ['float64', 'complex128'],
])('with %s it promotes to %s', (other, expected) => {
  expect(promoteTypes('complex32', other)).toBe(expected)
  expect(promoteTypes(other, 'complex32')).toBe(expected)
})

test('halves with complex numbers become complex32, of which the parts are views', () => {
  expect(ones([1], { dtype: 'float16' }).mul({ re: 1, im: 2 }).dtype).toBe('complex32')
  const t = z()
  t.imag().fill_(4)
  expect(String(t)).toBe('tensor([1.+4.j, 3.+4.j], dtype=torch.complex32)')
  expect(t.abs().dtype).toBe('float16')
  expect(String(tensor([70000]).chalf())).toBe('tensor([inf+0.j], dtype=torch.complex32)')
  expect(frombuffer(t.data(), { dtype: 'complex32' }).equal(t)).toBe(true)
})

test('it is indexed, joined and computed with', () => {
  expect(
    z()
      .at(tensor([1n]))
      .toArray(),
  ).toEqual([{ re: 3, im: -1 }])
  expect(z().add(z()).mul(2).toArray()).toEqual([
    { re: 4, im: 8 },
    { re: 12, im: -4 },
  ])
  expect(
    z()
      .indexAdd(0, tensor([0n, 0n]), z())
      .at(0)
      .item(),
  ).toEqual({ re: 5, im: 3 })
})

// torch raises "… not implemented for 'ComplexHalf'".
test.each<[string, () => unknown]>([
  ['sum', () => z().sum()],
  ['dot', () => z().dot(z())],
  ['cumsum', () => z().cumsum(0)],
  ['fft', () => fft.fft(z())],
  ['det', () => linalg.det(ones([2, 2], { dtype: 'complex32' }))],
  ['products of scatters', () => z().scatterReduce(0, tensor([0n, 0n]), z(), 'prod')],
])('%s refuses', (_, run) => {
  expect(run).toThrow(DTypeError)
})
