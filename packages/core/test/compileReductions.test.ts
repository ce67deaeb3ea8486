import {
  compile,
  type DType,
  grad,
  manualSeed,
  noGrad,
  randint,
  randn,
  type Tensor,
  tensor,
  where,
} from '@flambeau/core'
import { beforeEach, describe, expect, test } from '@jest/globals'

beforeEach(() => {
  manualSeed(0)
})

const bits = (t: Tensor) => ({
  dtype: t.dtype,
  shape: t.shape,
  bytes: Buffer.from(t.detach().contiguous().data().buffer).toString('hex'),
})
type Fn = (...args: Tensor[]) => Tensor

/** Results and gradients of both, of later calls too. */
function expectSame(fn: Fn, args: readonly Tensor[], check: (got: Tensor, expected: Tensor) => void): void {
  const compiled = compile(fn)
  const [expected, given] = [fn(...args), args.filter((t) => t.requiresGrad)]
  const gradOutputs = [randn(expected.shape).to(expected.dtype)]
  const options = { gradOutputs, allowUnused: true }
  const wanted = given.length > 0 ? grad([expected], given, options) : []
  for (let i = 0; i < 3; i++) {
    noGrad(() => check(compiled(...args), expected))
    const got = compiled(...args)
    check(got, expected)
    const grads = given.length > 0 ? grad([got], given, options) : []
    expect(grads.map((g) => g === null)).toEqual(wanted.map((g) => g === null))
    grads.forEach((g, k) => {
      if (g !== null) check(g, wanted[k] as Tensor)
    })
  }
  for (const { eager } of compiled.explain()) expect(eager).toBeNull()
}
const bytes = (t: Tensor) => {
  const { buffer, byteOffset, byteLength } = t.detach().contiguous().data()
  return Buffer.from(buffer, byteOffset, byteLength)
}
const sameBits = (got: Tensor, expected: Tensor) => {
  expect([got.dtype, got.shape]).toEqual([expected.dtype, expected.shape])
  if (!bytes(got).equals(bytes(expected))) expect(got.toArray()).toEqual(expected.toArray())
  expect(bytes(got).equals(bytes(expected))).toBe(true)
}
const close = (got: Tensor, expected: Tensor) => {
  expect(got.shape).toEqual(expected.shape)
  const scale = expected.numel() === 0 ? 1 : Math.max(1e-30, expected.abs().max().item() as number)
  if (expected.numel() > 0) expect((got.sub(expected).abs().max().item() as number) / scale).toBeLessThan(2e-6)
}

const softmax = (x: Tensor) => {
  const e = x.sub(x.amax(-1, { keepdim: true })).exp()
  return e.div(e.sum(-1, { keepdim: true }))
}
const layerNorm = (x: Tensor, w: Tensor, b: Tensor) => {
  const d = x.sub(x.mean(-1, { keepdim: true }))
  const scale = d.square().mean(-1, { keepdim: true }).add(1e-5).rsqrt()
  return d.mul(scale).mul(w).add(b)
}
const rmsNorm = (x: Tensor, w: Tensor) => x.mul(x.square().mean(-1, { keepdim: true }).add(1e-6).rsqrt()).mul(w)

describe('kernel calls', () => {
  const rows: [name: string, fn: Fn, shapes: number[][], calls: number, backward: number][] = [
    [
      'a sum of everything',
      (a, b) => a.sub(b).square().mul(a.sigmoid()).sum(),
      [
        [50, 70],
        [50, 70],
      ],
      1,
      1,
    ],
    ['a mean with an operand along rows', (a, b) => a.sub(b).square().mean(), [[50, 70], [70]], 1, 2],
    ['what follows a sum of everything', (a) => a.square().sum().mul(0.01), [[5000]], 1, 2],
    [
      'rows',
      (a, b) => a.mul(b).exp().sum(1),
      [
        [50, 70],
        [50, 70],
      ],
      1,
      1,
    ],
    [
      'columns',
      (a, b) => a.mul(b).exp().sum(0),
      [
        [50, 70],
        [50, 70],
      ],
      1,
      1,
    ],
    ['a norm', (a) => a.mul(2).norm(), [[4000]], 1, 2],
    ['several reductions of one chain', (a) => a.exp().sum(1).add(a.exp().amax(1)), [[40, 30]], 1, 1],
    ['softmax', softmax, [[50, 70]], 1, 1],
    ['layer norm, with gradients of a row', layerNorm, [[4, 50, 70], [70], [70]], 1, 1],
    ['standardized', (a) => a.sub(a.mean(-1, { keepdim: true })).div(a.std(-1, { keepdim: true })), [[50, 70]], 1, 1],
    ['root mean square norm', rmsNorm, [[50, 70], [70]], 1, 1],
    ['a sum of rows that are normalized first', (a) => softmax(a).log().mul(0.5).sum(), [[50, 70]], 1, 1],
  ]
  test.each(rows)('%s', (_, fn, shapes, calls, backward) => {
    const args = shapes.map((shape) => randn(shape).requiresGrad_())
    const compiled = compile(fn)
    compiled(...args)
    const [{ calls: forward, backwardCalls }] = compiled.explain()
    expect([forward.after, backwardCalls?.after]).toEqual([calls, backward])
    expectSame(fn, args, close)
  })
})

const SHAPES = [
  [],
  [1],
  [7],
  [3, 5],
  [64, 3],
  [5, 1],
  [1, 5],
  [33, 300],
  [3, 2000],
  [2, 70_000],
  [700, 256],
  [9000, 16],
  [2, 3, 4, 5],
]
const functions: [name: string, fn: Fn][] = [
  ['sum', (a) => a.square().add(a).sum()],
  ['mean', (a) => a.tanh().mul(a).mean()],
  ['rows', (a) => a.mul(2).sub(1).sum(-1)],
  ['rows and what follows', (a) => a.exp().sum(-1, { keepdim: true }).log().neg()],
  ['largest of rows', (a) => a.mul(a).amax(-1)],
  ['columns', (a) => a.mul(2).add(1).sum(0)],
  ['smallest of columns', (a) => a.sin().amin(0)],
  [
    'cheap operators, of which some are read again',
    (a) => {
      const d = a.sub(0.25).abs()
      return where(d.lt(1), d.mul(d).mul(0.5), d.sub(0.5)).clamp(-0.5, 3).div(a.mul(a).add(1).sqrt())
    },
  ],
  [
    'cheap operators around dear ones and sums of rows',
    (a) => {
      const b = a.mul(2).add(1)
      const c = b.sin().sub(b)
      const e = c.sub(c.mean(-1, { keepdim: true })).mul(b.sum(-1, { keepdim: true }))
      return where(e.gt(b), e.mul(e).sigmoid().mul(c), a.neg()).add(e.abs())
    },
  ],
  ['softmax', softmax],
  ['centred', (a) => a.sub(a.mean(-1, { keepdim: true })).square()],
  [
    'twice',
    (a) =>
      a
        .sub(a.mean(-1, { keepdim: true }))
        .square()
        .mean(-1)
        .add(1)
        .sqrt(),
  ],
]

describe.each(functions)('%s: the same bits as eagerly', (_, fn) => {
  test('of every shape', () => {
    for (const shape of SHAPES) expectSame(fn, [randn(shape).requiresGrad_()], sameBits)
  })

  test('of other dtypes', () => {
    for (const dtype of ['float64', 'bfloat16', 'float16'] as DType[])
      expectSame(fn, [randn([40, 30]).to(dtype).requiresGrad_()], sameBits)
  })

  test('of elements that are not neighbours', () => {
    expectSame(fn, [randn([30, 40]).t().requiresGrad_()], sameBits)
    expectSame(fn, [randn([30, 80]).at('...', '::2').requiresGrad_()], sameBits)
    expectSame(fn, [randn([30, 1]).expand([30, 40]).requiresGrad_()], sameBits)
    expectSame(fn, [randn([5, 40]).at('1:').flip(0).requiresGrad_()], sameBits)
  })
})

test('of nothing', () => {
  expectSame((a) => a.mul(2).sum(), [randn([0, 3]).requiresGrad_()], sameBits)
  expectSame((a) => a.mul(2).sum(1), [randn([3, 0]).requiresGrad_()], sameBits)
  expectSame((a) => a.sub(a.sum(1, { keepdim: true })).sum(0), [randn([0, 3]).requiresGrad_()], sameBits)
})

test('NaN and infinities', () => {
  const a = randn([6, 50])
  a.at(1, 3).fill_(Number.NaN)
  a.at(2, 4).fill_(Number.POSITIVE_INFINITY)
  a.at(3).fill_(Number.NEGATIVE_INFINITY)
  // Which of two NaN comes out of an operator is open.
  const oneNaN = (t: Tensor) => where(t.isnan(), tensor(Number.NaN), t)
  const check = (got: Tensor, expected: Tensor) => sameBits(oneNaN(got), oneNaN(expected))
  for (const [, fn] of functions) expectSame(fn, [a.clone().requiresGrad_()], check)
})

test('what is written in place before it is reduced, and reduced again after', () => {
  const fn = (a: Tensor) => {
    const b = a.exp()
    const before = b.sum(1, { keepdim: true })
    b.mul_(0.5)
    return b.add(before).sum(0)
  }
  expectSame(fn, [randn([30, 20])], sameBits)
})

test('a tensor from outside that is written while its rows are summed', () => {
  const state = randn([20, 30])
  const twin = state.clone()
  const step = (s: Tensor) => (a: Tensor) => {
    s.mul_(0.9).add_(a)
    return s
      .sub(s.mean(1, { keepdim: true }))
      .square()
      .sum()
  }
  const compiled = compile(step(state))
  for (let i = 0; i < 3; i++) {
    const a = randn([20, 30])
    sameBits(compiled(a), step(twin)(a))
    sameBits(state, twin)
  }
})

test('values between the stages that are returned as well', () => {
  const fn = (a: Tensor) => {
    const e = a.sub(a.amax(1, { keepdim: true })).exp()
    const total = e.sum(1, { keepdim: true })
    return [e, total, e.div(total), e.mul(a).sum(0)]
  }
  for (const shape of [
    [40, 30],
    [8, 3000],
  ]) {
    const compiled = compile(fn)
    const a = randn(shape)
    const expected = fn(a).map(bits)
    for (let i = 0; i < 3; i++) expect(compiled(a).map(bits)).toEqual(expected)
    expect(compiled.explain()[0].calls.after).toBe(1)
  }
})

test('chains drawn at random that end in reductions', () => {
  const unary = ['tanh', 'sigmoid', 'neg', 'abs', 'square', 'relu', 'sin', 'expm1'] as const
  const reductions = ['sum', 'mean', 'amax', 'amin'] as const
  for (let seed = 0; seed < 40; seed++) {
    manualSeed(seed)
    const draws = randint(0, 1000, [48]).toArray() as number[]
    const fn = (a: Tensor, b: Tensor) => {
      const values = [a, b.expand(a.shape)]
      for (let i = 0; i < 40; i += 4) {
        const [p, q] = [values[draws[i] % values.length], values[draws[i + 1] % values.length]]
        const reduce = reductions[draws[i + 2] % reductions.length]
        const made = [
          () => p.add(q),
          () => p.mul(q).tanh(),
          () => p[unary[draws[i + 2] % unary.length]](),
          () => p.sub(q[reduce](-1, { keepdim: true })),
          () => p.mul(q[reduce](-1, { keepdim: true }).sigmoid()),
        ][draws[i + 3] % 5]()
        values.push(made)
      }
      const last = values[values.length - 1]
      const reduce = reductions[draws[41] % reductions.length]
      return [last[reduce](), last[reduce](-1), last[reduce](0)][draws[40] % 3].add(values[3].sum())
    }
    const shape = [
      [7, 3],
      [30, 40],
      [3, 1500],
    ][seed % 3]
    const args = [randn(shape).requiresGrad_(), (seed % 2 ? randn([shape[1]]) : randn(shape)).requiresGrad_()]
    expectSame(fn, args, close)
  }
})

test('what backward computes again is what was there', () => {
  // `b` is written after `c` was made of it, and only then saved.
  const fn = (a: Tensor) => {
    const b = a.mul(2)
    const c = b.add(1)
    b.mul_(3)
    return c.square().mul(b.square()).sum(1)
  }
  expectSame(fn, [randn([30, 20]).requiresGrad_()], sameBits)
  // A parameter from outside may be changed before the backward pass where that needs only what came of it.
  const shift = randn([20])
  const shifted = (a: Tensor) => a.add(shift).square().sum()
  const compiled = compile(shifted)
  for (let i = 0; i < 3; i++) {
    const a = randn([30, 20]).requiresGrad_()
    const [expected] = grad([shifted(a)], [a])
    const out = compiled(a)
    noGrad(() => shift.add_(1))
    sameBits(grad([out], [a])[0] as Tensor, expected as Tensor)
  }
})

test.each<[name: string, fn: Fn, inputs: () => Tensor[], reason: RegExp]>([
  [
    'a dimension in the middle',
    (a) => a.mul(2).sum(1),
    () => [randn([3, 4, 5])],
    /^reduce: .* neither the first nor the last$/,
  ],
  ['integers', (a) => a.add(1).sum(), () => [randint(0, 9, [40])], /^reduce: it reduces int64$/],
  [
    'other rows',
    (a) =>
      a
        .sum(1)
        .sum()
        .add(a.reshape([6, 20]).amax(1).sum()),
    () => [randn([12, 10])],
    /^reduce: it has rows of 20 elements, and a reduction before it of 10$/,
  ],
  ['a tensor that is not dense', (a) => a.t().sum(1), () => [randn([30, 20])], /^reduce: .* not dense/],
])('%s: explain() says why a reduction stays apart', (_, fn, inputs, reason) => {
  const args = inputs()
  const compiled = compile(fn)
  compiled(...args)
  const [{ apart }] = compiled.explain()
  expect(apart.filter((line) => reason.test(line))).toHaveLength(1)
})

test('explain() has no reduction apart where all are joined', () => {
  const compiled = compile(softmax)
  compiled(randn([50, 70]))
  expect(compiled.explain()[0].apart).toEqual([])
})
