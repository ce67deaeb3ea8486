import {
  ArgumentError,
  arange,
  DTypeError,
  F,
  getNumThreads,
  gradcheck,
  gradgradcheck,
  IndexError,
  ones,
  setNumThreads,
  type Tensor,
  tensor,
  zeros,
} from '@flambeau/core'
import { expect, test } from '@jest/globals'

const f32 = { dtype: 'float32' } as const
const x = tensor(
  [
    [3, 1, 2],
    [-1, 5, 5],
  ],
  f32,
)
const ints = (values: number[]): Tensor => tensor(values, { dtype: 'int64' })
const labels = ints([2, 0])
const close = (t: Tensor): number[] => Array.from(t.to('float64').reshape([-1]).data() as Float64Array)

/** Ones, with NaN at position 57. */
function withNaN(n: number): Tensor {
  const t = ones([n])
  t.put([57], Number.NaN)
  return t
}

// The values are those of the same line in PyTorch.
const VALUES: [string, () => Tensor, number[]][] = [
  ['sum', () => x.sum(), [15]],
  ['sum(0)', () => x.sum(0), [2, 6, 7]],
  ['mean(1)', () => x.mean(1), [2, 3]],
  ['prod(1)', () => x.prod(1), [6, -25]],
  ['var(1)', () => x.var(1), [1, 12]],
  ['std(0)', () => x.std(0), [2.82843, 2.82843, 2.12132]],
  ['norm(3, 1)', () => x.norm(3, 1), [3.30193, 6.30799]],
  ['logsumexp(1)', () => x.logsumexp(1), [3.40761, 5.69439]],
  ['softmax(1)', () => x.softmax(1), [0.66524, 0.09003, 0.24473, 0.00124, 0.49938, 0.49938]],
  ['log_softmax(0)', () => x.logSoftmax(0), [-0.01815, -4.01815, -3.04859, -4.01815, -0.01815, -0.04859]],
  ['strided softmax', () => x.permute([1, 0]).softmax(0), [0.66524, 0.00124, 0.09003, 0.49938, 0.24473, 0.49938]],
  ['cumsum', () => x.cumsum(1), [3, 4, 6, -1, 4, 9]],
  ['cummax', () => x.cummax(1).indices, [0, 0, 0, 0, 1, 2]],
  ['logcumsumexp', () => x.logcumsumexp(1), [3, 3.12693, 3.40761, -1, 5.00248, 5.69439]],
  ['max(1)', () => x.max(1).indices, [0, 1]],
  ['quantile', () => tensor([3, 1, 2, 4], f32).quantile(0.5), [2.5]],
  ['cross_entropy', () => F.crossEntropy(x, labels), [4.050996]],
  [
    'cross_entropy, smoothed and weighted',
    () => F.crossEntropy(x, labels, { labelSmoothing: 0.1, weight: tensor([1, 2, 3], f32) }),
    [2.619804],
  ],
  ['layer_norm', () => F.layerNorm(x, [3]), [1.22474, -1.22474, 0, -Math.SQRT2, Math.SQRT1_2, Math.SQRT1_2]],
  ['smooth_l1_loss', () => F.smoothL1Loss(x, zeros([2, 3])), [2.333333]],
  ['huber_loss', () => F.huberLoss(x, zeros([2, 3]), { delta: 2 }), [3.833333]],
  ['bce_with_logits', () => F.binaryCrossEntropyWithLogits(x, ones([2, 3])), [0.302578]],
  ['triplet_margin_loss', () => F.tripletMarginLoss(x, x.add(1), x.sub(1)), [0.9999965]],
  ['one_hot', () => F.oneHot(ints([1, 0])), [0, 1, 1, 0]],
  ['embedding', () => F.embedding(ints([1, 1]), x), [-1, 5, 5, -1, 5, 5]],
  ['int32 sum is int64', () => tensor([2 ** 31 - 1, 1], { dtype: 'int32' }).sum(), [2 ** 31]],
  ['sum of nothing', () => zeros([0, 3]).sum(0), [0, 0, 0]],
  ['prod of nothing', () => zeros([0]).prod(), [1]],
  ['all of nothing', () => zeros([0]).all(), [1]],
  ['mean of nothing', () => zeros([0]).mean(), [Number.NaN]],
  ['NaN wins in max', () => tensor([1, Number.NaN, 3]).max(), [Number.NaN]],
  ['NaN wins in a long row', () => withNaN(100).max(), [Number.NaN]],
  ['NaN wins in the least of long rows', () => withNaN(100).reshape([2, 50]).amin(1), [1, Number.NaN]],
  ['NaN wins in the largest size', () => withNaN(100).norm(Number.POSITIVE_INFINITY), [Number.NaN]],
  ['NaN wins in argmin', () => tensor([1, Number.NaN, 3]).argmin(), [1]],
  ['nansum', () => tensor([1, Number.NaN, 3]).nansum(), [4]],
  ['NaN sorts last', () => tensor([Number.NaN, 2, 1]).sort().indices, [2, 1, 0]],
  ['softmax of -inf', () => tensor([-Infinity, 0]).softmax(0), [0, 1]],
]

test.each(VALUES)('%s', (_, run, expected) => {
  const actual = close(run())
  expect(actual).toHaveLength(expected.length)
  expected.forEach((value, i) => {
    if (Number.isNaN(value)) expect(actual[i]).toBeNaN()
    else expect(actual[i]).toBeCloseTo(value, 4)
  })
})

const GRADS: [string, number[], (t: Tensor) => Tensor, number[]][] = [
  ['prod with two zeros', [0, 2, 0, 3], (t) => t.prod(), [0, 0, 0, 0]],
  ['prod with a zero', [4, 0, 3], (t) => t.prod(), [0, 12, 0]],
  ['cumprod with a zero', [2, 0, 3], (t) => t.cumprod(0).sum(), [1, 8, 0]],
  ['amax shares among ties', [1, 5, 5], (t) => t.amax(), [0, 0.5, 0.5]],
  ['max(dim) takes the first', [1, 5, 5], (t) => t.max(0).values, [0, 1, 0]],
  ['norm at zero', [0, 0], (t) => t.norm(), [0, 0]],
]

test.each(GRADS)('gradient: %s', (_, values, run, expected) => {
  const t = tensor(values, { dtype: 'float64', requiresGrad: true })
  run(t).backward()
  expect(close(t.grad as Tensor)).toEqual(expected)
})

// Entries are distinct, so that no extreme is at a kink.
const input = (): Tensor => arange(12, { dtype: 'float64' }).mul(7).remainder(12).div(5).sub(0.9).reshape([3, 4])
const DIFFERENTIABLE: [string, (t: Tensor) => Tensor][] = [
  ['sum', (t) => t.sum(1)],
  ['prod', (t) => t.prod(1)],
  ['amax', (t) => t.amax([0, 1])],
  ['std', (t) => t.std(1)],
  ['norm', (t) => t.norm(3, 0)],
  ['logsumexp', (t) => t.logsumexp(0)],
  ['softmax', (t) => t.softmax(0)],
  ['log_softmax', (t) => t.logSoftmax(1)],
  ['cumsum', (t) => t.cumsum(1)],
  ['cumprod', (t) => t.cumprod(1)],
  ['logcumsumexp', (t) => t.logcumsumexp(1)],
  ['sort', (t) => t.sort(1).values],
  ['median', (t) => t.median(1).values],
  ['layer_norm', (t) => F.layerNorm(t, [4], { weight: t.select(0, 0), bias: t.select(0, 1) })],
  [
    'group_norm',
    (t) => F.groupNorm(t.reshape([1, 4, 3]), 2, { weight: t.reshape([4, 3]).select(1, 0), bias: t.select(0, 1) }),
  ],
  ['cross_entropy', (t) => F.crossEntropy(t, ints([1, 3, 0]), { labelSmoothing: 0.2 })],
  ['embedding', (t) => F.embedding(ints([2, 0, 2]), t)],
  ['cosine_similarity', (t) => F.cosineSimilarity(t, t.mul(t).add(1))],
]

test.each(DIFFERENTIABLE)('first and second derivative: %s', (_, run) => {
  expect(gradcheck(run, [input().requiresGrad_()])).toBe(true)
  expect(gradgradcheck(run, [input().requiresGrad_()])).toBe(true)
})

const REFUSED: [string, () => unknown, new (...args: never[]) => Error, RegExp][] = [
  ['max of nothing', () => zeros([0, 2]).max(0), IndexError, /max: expected dimension 0 to have elements/],
  ['mean of integers', () => ints([1, 2]).mean(), DTypeError, /mean: expected a floating-point or complex dtype/],
  ['dim out of range', () => x.sum(2), IndexError, /sum: expected dim in \[-2, 1\]/],
  ['dim twice', () => x.sum([0, 0]), ArgumentError, /twice/],
  ['k out of range', () => x.topk(4), ArgumentError, /topk: expected k in \[0, 3\]/],
  [
    'label out of range',
    () => F.crossEntropy(x, ints([2, 3])),
    IndexError,
    /expected labels in \[0, 3\) for 3 classes, got 3 at position 1/,
  ],
  ['index out of range', () => F.embedding(ints([5]), x), IndexError, /index 5 at position 0 .* 2 rows/],
  ['reduction', () => F.mseLoss(x, x, { reduction: 'average' as 'mean' }), ArgumentError, /'none', 'mean' or 'sum'/],
  ['probabilities', () => F.binaryCrossEntropy(x, x), ArgumentError, /every element of input in \[0, 1\]/],
]

test.each(REFUSED)('refuses: %s', (_, run, error, message) => {
  expect(run).toThrow(error)
  expect(run).toThrow(message)
})

test('large float32 sums are accurate, and the same for any number of threads', () => {
  const big = arange(3_000_000).remainder(1000).to('float32').mul(0.1).add(100)
  const exact = big.to('float64').sum().item()
  const threads = getNumThreads()
  const sums = [1, 2, 4].map((n) => {
    setNumThreads(n)
    return [big.sum().item(), ...close(big.reshape([300_000, 10]).sum(0))]
  })
  setNumThreads(threads)
  expect(Math.abs(sums[0][0] - exact) / exact).toBeLessThan(1e-7)
  expect(sums[1]).toEqual(sums[0])
  expect(sums[2]).toEqual(sums[0])
})

test('every arrangement of dimensions gives the same sums', () => {
  const t = arange(2 * 3 * 4 * 5).reshape([2, 3, 4, 5])
  const flipped = t.permute([3, 1, 0, 2])
  for (let mask = 0; mask < 16; mask++) {
    const dims = [0, 1, 2, 3].filter((d) => mask & (1 << d))
    if (dims.length === 0) continue
    const strided = flipped.sum(dims, { keepdim: true })
    const plain = flipped.contiguous().sum(dims, { keepdim: true })
    expect(strided.toArray()).toEqual(plain.toArray())
  }
})

test.each(['bfloat16', 'float16'] as const)('rows of %s are reduced as the floats that they are', (dtype) => {
  for (const n of [5, 31, 1500, 2048]) {
    const half = arange(3 * n, { dtype: 'float32' })
      .reshape([3, n])
      .sin()
      .to(dtype)
    const floats = half.to('float32')
    for (const reduce of [(t: Tensor) => t.sum(1), (t: Tensor) => t.mean(1), (t: Tensor) => t.amax(1)])
      expect(close(reduce(half))).toEqual(close(reduce(floats).to(dtype)))
    half
      .select(0, 1)
      .select(0, n - 1)
      .fill_(NaN)
    expect(close(half.amax(1)).map(Number.isNaN)).toEqual([false, true, false])
  }
})
