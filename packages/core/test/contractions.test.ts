import {
  ArgumentError,
  allclose,
  arange,
  canCast,
  cdist,
  DTypeError,
  einsum,
  equal,
  F,
  finfo,
  getNumThreads,
  grad,
  gradgradcheck,
  iinfo,
  isin,
  isNonzero,
  kron,
  manualSeed,
  masked,
  matmul,
  ones,
  randn,
  resultType,
  ShapeError,
  segmentReduce,
  setNumThreads,
  type Tensor,
  tensor,
  tensordot,
  vander,
  vectorNorm,
  zeros,
} from '@flambeau/core'
import { expect, test } from '@jest/globals'

const x = tensor([
  [3, 1, 2],
  [-1, 5, 5],
])
const v = tensor([1, 2, 3])
const ints = (values: number[]): Tensor => tensor(values, { dtype: 'int64' })
const close = (t: Tensor): number[] => Array.from(t.to('float64').reshape([-1]).data() as Float64Array)

// x = torch.tensor([[3., 1, 2], [-1, 5, 5]]); v = torch.tensor([1., 2, 3]); the values are those of the same line in PyTorch.
const VALUES: [string, () => Tensor, number[]][] = [
  ["einsum('ba', x)", () => einsum('ba', x), [3, -1, 1, 5, 2, 5]],
  ["einsum('bB,b', x, v[:2])", () => einsum('bB,b', x, v.narrow(0, 0, 2)), [1, 11, 12]],
  ["einsum('ij,kj,k->i', x, x, v[:2])", () => einsum('ij,kj,k->i', x, x, v.narrow(0, 0, 2)), [38, 114]],
  ["einsum('...i,...i->...', x, v)", () => einsum('...i,...i->...', x, v), [11, 24]],
  ["einsum('ij,jk->ik', x, ones(1, 2))", () => einsum('ij,jk->ik', [x, ones([1, 2])]), [6, 6, 9, 9]],
  [
    "einsum('iij->ij', arange(8.).reshape(2, 2, 2))",
    () => einsum('iij->ij', arange(8).reshape([2, 2, 2])),
    [0, 1, 6, 7],
  ],
  ["einsum('...ij->...ji', x)", () => einsum('...ij->...ji', x), [3, -1, 1, 5, 2, 5]],
  ['tensordot(x, ones(1, 2), dims=1)', () => tensordot(x, ones([1, 2]), 1), [6, 6, 9, 9]],
  ['kron', () => kron(ints([1, 2]), tensor([[1], [3]], { dtype: 'int64' })), [1, 2, 3, 6]],
  ['cdist(x, x, p=1.5)', () => cdist(x, x, 1.5), [0, 7.658987, 7.658987, 0]],
  ['pdist(x, p=3)', () => F.pdist(x, 3), [5.371686]],
  ['isin(x, [5, 1])', () => isin(x, ints([5, 1])), [0, 1, 0, 0, 1, 1]],
  ['isin(x, 5, invert=True)', () => isin(x, 5, { invert: true }), [1, 1, 1, 1, 0, 0]],
  ['isin(5, x)', () => isin(5, x), [1]],
  [
    "segment_reduce([1, 2, 3, 4], 'max', offsets=[1, 1, 3], initial=-5)",
    () => segmentReduce(tensor([1, 2, 3, 4]), 'max', { offsets: ints([1, 1, 3]), initial: -5 }),
    [-5, 3],
  ],
  [
    'masked.mean(x, 1, mask=[[1, 0, 1], [0, 0, 0]])',
    () =>
      masked.mean(x, 1, {
        mask: tensor([
          [true, false, true],
          [false, false, false],
        ]),
      }),
    [2.5, Number.NaN],
  ],
  [
    'masked.softmax(x, 1, mask=[1, 0, 1])',
    () => masked.softmax(x, 1, { mask: tensor([true, false, true]) }),
    [0.731059, 0, 0.268941, 0.002473, 0, 0.997528],
  ],
  ['vander(v)', () => vander(v), [1, 1, 1, 4, 2, 1, 9, 3, 1]],
  [
    'vander([3, 1, 3], N=2, increasing=True)',
    () => vander(ints([3, 1, 3]), { N: 2, increasing: true }),
    [1, 3, 1, 1, 1, 3],
  ],
  ['vander(v, N=0)', () => vander(v, { N: 0 }), []],
  ['x.where(x > 2, 0)', () => x.where(x.gt(2), 0), [3, 0, 0, 0, 5, 5]],
  ['ger', () => v.ger(v.narrow(0, 0, 2)), [1, 2, 2, 4, 3, 6]],
  [
    'adjoint',
    () =>
      tensor([
        [
          { re: 1, im: 2 },
          { re: 3, im: 0 },
        ],
      ])
        .adjoint()
        .viewAsReal(),
    [1, -2, 3, -0],
  ],
  ['relu_', () => F.relu_(x.clone()), [3, 1, 2, 0, 5, 5]],
  ['threshold_(2, 9)', () => F.threshold_(x.clone(), 2, 9), [3, 9, 9, 9, 5, 5]],
  ['leaky_relu_(0.5)', () => F.leakyRelu_(x.clone(), 0.5), [3, 1, 2, -0.5, 5, 5]],
  ['prelu', () => x.prelu(tensor([0.25])), [3, 1, 2, -0.25, 5, 5]],
  ['hardshrink(2)', () => x.hardshrink(2), [3, 0, 0, 0, 5, 5]],
  ['fill_diagonal_(5)', () => zeros([4, 2]).fillDiagonal_(5), [5, 0, 0, 5, 0, 0, 0, 0]],
  ['fill_diagonal_(5, wrap=True)', () => zeros([4, 2]).fillDiagonal_(5, true), [5, 0, 0, 5, 0, 0, 5, 0]],
  ['fill_diagonal_ of a cube', () => zeros([2, 2, 2]).fillDiagonal_(5), [5, 0, 0, 0, 0, 0, 0, 5]],
]

test.each(VALUES)('%s', (_, compute, expected) => {
  const got = close(compute())
  expect(got).toHaveLength(expected.length)
  for (const [i, value] of expected.entries())
    if (Number.isNaN(value)) expect(got[i]).toBeNaN()
    else expect(got[i]).toBeCloseTo(value, 5)
})

const ANSWERS: [string, () => unknown, unknown][] = [
  ['equal of two dtypes', () => equal(x, x.double()), true],
  ['equal of two shapes', () => x.equal(x.narrow(0, 0, 1)), false],
  ['allclose', () => allclose(tensor([1, Number.NaN]), tensor([1, Number.NaN]), { equalNan: true }), true],
  ['can_cast(float64, float32)', () => canCast('float64', 'float32'), true],
  ['can_cast(float32, int64)', () => canCast('float32', 'int64'), false],
  ['can_cast(int64, bool)', () => canCast('int64', 'bool'), false],
  ['can_cast(int8, uint8)', () => canCast('int8', 'uint8'), true],
  ['result_type(int32[2], 1.5)', () => resultType(ones([2], { dtype: 'int32' }), 1.5), 'float32'],
  ['result_type(uint8[2], int64[])', () => resultType(ones([2], { dtype: 'uint8' }), tensor(1n)), 'uint8'],
  ['result_type(float64[], float32[2])', () => resultType(tensor(1, { dtype: 'float64' }), ones([2])), 'float32'],
  ['finfo(float32).max', () => finfo('float32').max, 3.4028234663852886e38],
  ['finfo(float64).tiny', () => finfo('float64').tiny, 2.2250738585072014e-308],
  ['finfo(bfloat16).eps', () => finfo('bfloat16').eps, 0.0078125],
  ['finfo(complex64).dtype', () => finfo('complex64').dtype, 'float32'],
  ['iinfo(int64).min', () => iinfo('int64').min, -9223372036854775808n],
  ['iinfo(uint8).max', () => iinfo('uint8').max, 255n],
  ['is_nonzero', () => isNonzero(tensor([0])), false],
  ['size', () => [x.size(), x.size(-1), x.itemsize, x.nbytes, x.nelement(), x.ndimension()], [[2, 3], 3, 4, 24, 6, 2]],
  [
    'where it lies',
    () => [x.isCpu, x.isCuda, x.isMeta, x.isSigned(), x.isSameSize(v)],
    [true, false, false, true, false],
  ],
  [
    'clone in channels last',
    () => ones([2, 3, 4, 5]).clone({ memoryFormat: 'channels_last' }).stride(),
    [60, 1, 15, 3],
  ],
]

test.each(ANSWERS)('%s', (_, compute, expected) => expect(compute()).toEqual(expected))

const REFUSALS: [string, () => unknown, new (...args: never[]) => Error][] = [
  ['a letter of two sizes', () => einsum('i,i', v, ones([2])), ShapeError],
  ['a diagonal of two sizes', () => einsum('ii', x), ShapeError],
  ['too few letters', () => einsum('i', x), ShapeError],
  ['a letter of no operand in the result', () => einsum('ij->ik', x), ArgumentError],
  ['a letter twice in the result', () => einsum('ij->ii', x), ArgumentError],
  ['an operand too many', () => einsum('ij', x, x), ArgumentError],
  ['two ellipses', () => einsum('...i...', x), ArgumentError],
  ['operands of two dtypes', () => einsum('ij,j', x, v.double()), DTypeError],
  ['tensordot of sizes that differ', () => tensordot(x, x, 1), ShapeError],
  ['cdist of integers', () => cdist(ints([1]).reshape([1, 1]), ints([1]).reshape([1, 1])), DTypeError],
  ['lengths beyond the data', () => segmentReduce(v, 'sum', { lengths: ints([2, 2]), unsafe: true }), ArgumentError],
  ['negative lengths', () => segmentReduce(v, 'sum', { lengths: ints([4, -1]) }), ArgumentError],
  ['is_nonzero of several', () => isNonzero(v), ArgumentError],
]

test.each(REFUSALS)('refuses %s', (_, compute, kind) => expect(compute).toThrow(kind))

test.each([0.5, 1, 1.5, 2, 3, Number.POSITIVE_INFINITY])(
  'distances of exponent %s are norms of differences, with their gradients',
  (p) => {
    manualSeed(1)
    const a = randn([2, 1, 7, 5], { dtype: 'float64' }).requiresGrad_()
    const b = randn([3, 9, 5], { dtype: 'float64' }).requiresGrad_()
    const weight = randn([2, 3, 7, 9], { dtype: 'float64' })
    const norms = vectorNorm(a.unsqueeze(-2).sub(b.unsqueeze(-3)), p, -1)
    const distances = cdist(a, b, p, { computeMode: 'donot_use_mm_for_euclid_dist' })
    expect(allclose(distances, norms)).toBe(true)
    const expected = grad([norms.mul(weight).sum()], [a, b])
    const got = grad([distances.mul(weight).sum()], [a, b])
    for (const [i, g] of got.entries()) expect(allclose(g ?? zeros([]), expected[i] ?? zeros([]))).toBe(true)
  },
)

test('distances can be differentiated twice', () => {
  manualSeed(3)
  const [a, b] = [randn([4, 3], { dtype: 'float64' }), randn([5, 3], { dtype: 'float64' })]
  expect(gradgradcheck((x: Tensor, y: Tensor) => cdist(x, y, 3), [a.requiresGrad_(), b.requiresGrad_()])).toBe(true)
})

test('distances of half types go by blocks of differences', () => {
  manualSeed(4)
  // 300 · 200 · 80 differences take two blocks.
  const [a, b] = [randn([300, 80]), randn([200, 80])]
  const half = cdist(a.to('bfloat16'), b.to('bfloat16'), 1).float()
  expect(allclose(half, cdist(a, b, 1), { rtol: 0.02 })).toBe(true)
})

test('Euclidean distances by products agree with those one by one', () => {
  manualSeed(2)
  const a = randn([40, 5], { dtype: 'float64' })
  const exact = cdist(a, a, 2, { computeMode: 'donot_use_mm_for_euclid_dist' })
  expect(allclose(cdist(a, a), exact, { atol: 1e-6 })).toBe(true)
})

// Sizes beside the product's tiles and panels; depths below and above what is summed at a time.
test.each([
  [48, 16, 16],
  [50, 23, 17],
  [64, 1300, 130],
  [97, 600, 33],
  [131, 512, 512],
  [61, 40, 2100],
  [1, 333, 401],
  [3, 701, 541],
  [7, 256, 300],
])(
  'products of [%i, %i] and [%i columns] agree with double precision, transposed or not, for any threads',
  (m, k, n) => {
    manualSeed(0)
    const threads = getNumThreads()
    for (const [left, right] of [
      [false, false],
      [true, false],
      [false, true],
      [true, true],
    ]) {
      const a = left ? randn([k, m]).t() : randn([m, k])
      const b = right ? randn([n, k]).t() : randn([k, n])
      const bias = randn([n])
      const expected = matmul(a.to('float64'), b.to('float64'))
      const product = matmul(a, b)
      expect(allclose(product.to('float64'), expected, { rtol: 1e-5, atol: 1e-4 })).toBe(true)
      const linear = F.linear(a, b.t(), bias)
      expect(allclose(linear.to('float64'), expected.add(bias.to('float64')), { rtol: 1e-5, atol: 1e-4 })).toBe(true)
      setNumThreads(threads === 1 ? 2 : 1)
      const again = matmul(a, b)
      setNumThreads(threads)
      // One row is BLAS's, which sums by threads.
      expect(m === 1 || equal(again, product)).toBe(true)
    }
  },
)
