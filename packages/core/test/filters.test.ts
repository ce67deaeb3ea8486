import {
  cat,
  gradcheck,
  gradgradcheck,
  linearFilter,
  manualSeed,
  randn,
  type Tensor,
  tensor,
  zeros,
} from '@flambeau/core'
import { expect, test } from '@jest/globals'

/** The difference equation as it is written. */
function reference(x: number[], a: number[], b: number[]): number[] {
  const y: number[] = []
  for (let t = 0; t < x.length; t++) {
    let sum = 0
    for (let k = 0; k < b.length && k <= t; k++) sum += b[k] * x[t - k]
    for (let k = 1; k < a.length && k <= t; k++) sum -= a[k] * y[t - k]
    y.push(sum / a[0])
  }
  return y
}

/** Feedback of an order that stays bounded. */
const stable = (order: number): Tensor =>
  cat([tensor([[1.5], [-2]], { dtype: 'float64' }), randn([2, order], { dtype: 'float64' }).mul(0.3 / (order || 1))], 1)

test.each([
  [0, 0, 10],
  [1, 2, 700],
  [2, 2, 1100],
  [3, 0, 600],
  [4, 6, 530],
  [9, 20, 1600],
  [30, 1, 7],
  [600, 700, 1300],
])('linearFilter of orders %i and %i on %i samples is the difference equation', (p, q, length) => {
  manualSeed(p + q)
  const x = randn([3, 2, length], { dtype: 'float64' })
  const [a, b] = [stable(p), randn([2, q + 1], { dtype: 'float64' })]
  const [xs, as, bs] = [x.toArray() as number[][][], a.toArray() as number[][], b.toArray() as number[][]]
  const truth = tensor(
    xs.map((channels) => channels.map((line, c) => reference(line, as[c], bs[c]))),
    { dtype: 'float64' },
  )
  const scale = truth.abs().max().item() as number
  const check = (y: Tensor, limit: number) =>
    expect((y.to('float64').sub(truth).abs().max().item() as number) / scale).toBeLessThan(limit)
  check(linearFilter(x, a, b), 1e-12)
  // Strided along every dimension, and single precision.
  const strided = x.permute([2, 0, 1]).contiguous().permute([1, 2, 0])
  check(linearFilter(strided, a.t().contiguous().t(), b), 1e-12)
  check(linearFilter(x.to('float32'), a.to('float32'), b.to('float32')), 1e-4)
})

test('linearFilter has gradients of first and second order, of the signal and of the coefficients', () => {
  manualSeed(0)
  const x = randn([2, 2, 9], { dtype: 'float64' }).requiresGrad_()
  const a = stable(2).requiresGrad_()
  const b = randn([2, 4], { dtype: 'float64' }).requiresGrad_()
  expect(gradcheck(linearFilter, [x, a, b])).toBe(true)
  expect(gradgradcheck(linearFilter, [x, a, b])).toBe(true)
  // More coefficients than samples.
  const short = randn([1, 2, 2], { dtype: 'float64' }).requiresGrad_()
  expect(gradcheck(linearFilter, [short, a, b])).toBe(true)
})

test('linearFilter takes no samples, and refuses what does not fit', () => {
  const [a, b] = [tensor([[1, 0.5]]), tensor([[1]])]
  expect(linearFilter(zeros([2, 1, 0]), a, b).shape).toEqual([2, 1, 0])
  expect(() => linearFilter(zeros([2, 3]), a, b)).toThrow(/input of shape \[N, C, T\], got \[2, 3\]/)
  expect(() => linearFilter(zeros([2, 2, 3]), a, b)).toThrow(/expected a of shape \[2, 1 or more\]/)
  expect(() => linearFilter(zeros([2, 1, 3]), a, zeros([1, 0]))).toThrow(/expected b of shape/)
  expect(() => linearFilter(zeros([2, 1, 3]), a.to('float64'), b)).toThrow(/dtype float32, got float64/)
  expect(() => linearFilter(zeros([2, 1, 3], { dtype: 'int64' }), a, b)).toThrow(/float32 or float64, got int64/)
})
