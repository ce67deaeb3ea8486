import {
  cat,
  compile,
  F,
  grad,
  manualSeed,
  nn,
  noGrad,
  rand,
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
const bitsOf = (r: Tensor | Tensor[]) => (Array.isArray(r) ? r.map(bits) : bits(r))

type Fn = (...args: Tensor[]) => Tensor | Tensor[]
/** A function, what it is called with, and how many kernel calls it comes to. */
const rows: [name: string, fn: Fn, inputs: () => Tensor[], calls: number][] = [
  [
    'a chain',
    (a, b) => a.mul(b).add(a).tanh().mul(b.sigmoid()).sub(a.exp().sqrt()),
    () => [randn([300, 5]), randn([300, 5])],
    1,
  ],
  [
    'a value used twice and returned',
    (a) => {
      const b = a.exp()
      return [b, b.add(1)]
    },
    () => [randn([10])],
    1,
  ],
  ['broadcasting', (a, b) => a.add(b).mul(b.exp()).relu(), () => [randn([4, 5]), randn([5])], 3],
  ['strided arguments', (a, b) => a.t().add(b).square(), () => [randn([5, 4]), randn([8, 5]).at('::2')], 1],
  ['an expanded argument', (a, b) => a.mul(b).exp(), () => [randn([1, 5]).expand([4, 5]), randn([4, 5])], 1],
  [
    'comparison and selection',
    (a, b) => where(a.gt(b).logicalAnd(a.lt(1)), a.neg(), b).abs(),
    () => [randn([50]), randn([50])],
    3,
  ],
  [
    'a reduction in between',
    (a) =>
      a
        .sub(a.mean(1, { keepdim: true }))
        .square()
        .sum(1)
        .sqrt(),
    () => [randn([6, 7])],
    4,
  ],
  [
    'a matrix product in between',
    (a, b) => a.relu().matmul(b.mul(2)).sigmoid().add(1),
    () => [randn([3, 4]), randn([4, 5])],
    4,
  ],
  [
    'an in-place write to what it made',
    (a) => {
      const b = a.mul(2)
      b.add_(1)
      return b.exp_().mul(a)
    },
    () => [randn([20])],
    1,
  ],
  [
    'a write through a view',
    (a) => {
      const b = a.mul(2)
      b.at(0).mul_(3)
      return b.add(a)
    },
    () => [randn([3, 4])],
    3,
  ],
  ['integers', (a, b) => a.mul(b).add(3).bitwiseAnd(b), () => [randint(0, 9, [30]), randint(0, 9, [30])], 1],
  [
    'whole division',
    (a, b) => a.add(1).floorDivide(b.add(1)).mul(2),
    () => [randint(0, 9, [30]), randint(0, 9, [30])],
    4,
  ],
  ['bfloat16', (a, b) => a.mul(b).add(a).tanh(), () => [randn([40]).to('bfloat16'), randn([40]).to('bfloat16')], 3],
  ['a change of dtype', (a) => a.mul(3).to('int32').to('float32').add(a), () => [randn([40])], 4],
  ['float64 and float32', (a, b) => a.add(b.mul(2)).mul(a), () => [randn([9]).to('float64'), randn([9])], 2],
  ['complex numbers', (a) => a.mul(a).add(1).exp(), () => [randn([20]).to('complex64')], 1],
  ['joining', (a, b) => cat([a.exp(), b.mul(2)], 0).add(1), () => [randn([2, 3]), randn([4, 3])], 5],
  ['nothing at all', (a, b) => a.add(b), () => [randn([0, 3]), randn([0, 3])], 1],
  [
    'many instructions',
    (a) => {
      let x = a
      for (let i = 0; i < 100; i++) x = x.mul(1 + i / 1000).sin()
      return x
    },
    () => [randn([30])],
    9,
  ],
]

test.each(rows)('%s: the same bits as eagerly, on later calls too', (_, fn, inputs, calls) => {
  const compiled = compile(fn)
  for (let i = 0; i < 3; i++) {
    const args = inputs()
    const before = args.map(bits)
    const [expected, got] = [fn(...args), compiled(...args)]
    expect(bitsOf(got)).toEqual(bitsOf(expected))
    expect(args.map(bits)).toEqual(before)
  }
  const [explanation, ...others] = compiled.explain()
  expect(others).toEqual([])
  expect(explanation.eager).toBeNull()
  expect(explanation.calls.after).toBeLessThanOrEqual(calls)
})

test.each(
  rows.filter(([, fn, inputs]) => inputs().every((t) => t.dtype === 'float32') && !Array.isArray(fn(...inputs()))),
)('%s: gradients of first and second order', (_, fn, inputs) => {
  const compiled = compile(fn)
  for (let i = 0; i < 3; i++) {
    const args = inputs().map((t) => t.requiresGrad_())
    const of = (f: Fn) => {
      const out = f(...args) as Tensor
      const first = grad([out], args, { gradOutputs: [out.detach().mul(0.5)], createGraph: i === 2, allowUnused: true })
      const [gradient] = first
      const second = gradient?.requiresGrad ? grad([gradient.sum()], args, { allowUnused: true }) : []
      return [...first, ...second].map((t) => t && bits(t))
    }
    expect(of(compiled)).toEqual(of(fn))
  }
  expect(compiled.explain()[0].eager).toBeNull()
})

test('chains drawn at random', () => {
  const unary = ['exp', 'tanh', 'sigmoid', 'neg', 'abs', 'square', 'relu', 'sin', 'softplus'] as const
  for (let seed = 0; seed < 40; seed++) {
    manualSeed(seed)
    const draws = randint(0, 1000, [60]).toArray() as number[]
    const fn = (a: Tensor, b: Tensor) => {
      const values = [a, b, a.mul(0.5)]
      for (let i = 0; i < 60; i += 4) {
        const [p, q] = [values[draws[i] % values.length], values[draws[i + 1] % values.length]]
        const name = unary[draws[i + 2] % unary.length]
        const made =
          draws[i + 3] % 3 === 0
            ? p.add(q)
            : draws[i + 3] % 3 === 1
              ? p.mul(q).tanh()
              : name === 'softplus'
                ? F.softplus(p)
                : p[name]()
        if (draws[i + 3] % 7 === 0) made.mul_(0.25)
        values.push(made)
      }
      return [values[5], values.at(-1) as Tensor]
    }
    const compiled = compile(fn)
    const [a, b] = [randn([7, 3]), seed % 2 ? randn([3]) : randn([7, 3])]
    const expected = bitsOf(fn(a, b))
    for (let i = 0; i < 2; i++) expect(bitsOf(compiled(a, b))).toEqual(expected)
  }
})

test('a module: parameters as they are now, their gradients, dropout and running statistics', () => {
  const model = new nn.Sequential(
    new nn.Linear(7, 16),
    new nn.BatchNorm1d(16),
    new nn.GELU(),
    new nn.Dropout(0.5),
    new nn.Linear(16, 3),
  )
  const twin = new nn.Sequential(
    new nn.Linear(7, 16),
    new nn.BatchNorm1d(16),
    new nn.GELU(),
    new nn.Dropout(0.5),
    new nn.Linear(16, 3),
  )
  twin.loadStateDict(model.stateDict())
  const compiled = compile((x: Tensor) => model.forward(x))
  for (let i = 0; i < 4; i++) {
    const x = randn([12, 7])
    const step = (net: nn.Module, forward: (x: Tensor) => Tensor) => {
      manualSeed(i)
      const loss = forward(x).square().mean()
      net.zeroGrad()
      loss.backward()
      noGrad(() => {
        for (const p of net.parameters()) p.sub_((p.grad as Tensor).mul(0.1))
      })
      return loss
    }
    expect(bits(step(model, compiled))).toEqual(bits(step(twin, (t) => twin.forward(t))))
  }
  for (const [name, value] of Object.entries(model.stateDict()))
    expect([name, bits(value)]).toEqual([name, bits(twin.stateDict()[name])])
  expect(compiled.explain()[0].eager).toBeNull()
})

test('another shape, dtype or option is captured anew', () => {
  const compiled = compile((a: Tensor, power: number) => a.pow(power).mul(2))
  for (const [a, power] of [
    [randn([3]), 2],
    [randn([4]), 2],
    [randn([3]), 3],
    [randn([3]).to('float64'), 2],
    [randn([3]), 2],
  ] as const)
    expect(bits(compiled(a, power))).toEqual(bits(a.pow(power).mul(2)))
  expect(compiled.explain()).toHaveLength(4)
  compiled.reset()
  expect(compiled.explain()).toEqual([])
})

describe('what cannot be captured runs eagerly, and says why', () => {
  const cases: [name: string, fn: Fn, reason: RegExp][] = [
    ['a value is read', (a) => a.mul(a.sum().item() as number), /item reads values/],
    ['a shape depends on values', (a) => a.at(a.gt(0)).mul(2), /reads values/],
    [
      'an argument is written',
      (a) => {
        a.add_(1)
        return a.mul(2)
      },
      /writes to an argument/,
    ],
    ['an argument is returned', (a) => a, /returns an argument/],
    ['a view of an argument is returned', (a) => a.t(), /returns an argument/],
    [
      'results share memory',
      (a) => {
        const b = a.exp()
        return [b, b.t()]
      },
      /two tensors of one storage/,
    ],
  ]
  test.each(cases)('%s', (_, fn, reason) => {
    const compiled = compile(fn)
    for (let i = 0; i < 3; i++) {
      const a = randn([3, 3])
      const copy = a.clone()
      expect(bitsOf(compiled(a))).toEqual(bitsOf(fn(copy)))
      expect(bits(a)).toEqual(bits(copy))
    }
    expect(compiled.explain()[0].eager).toMatch(reason)
  })
})

test('errors are those of the function, and what was captured before goes on', () => {
  const compiled = compile((a: Tensor, b: Tensor) => a.add(b))
  const [a, b] = [rand([3]), rand([3])]
  compiled(a, b)
  expect(() => compiled(a, rand([4]))).toThrow('add: ')
  expect(bits(compiled(a, b))).toEqual(bits(a.add(b)))
  a.dispose()
  expect(() => compiled(a, b)).toThrow('dispose')
  expect(() => compile(tensor([1]) as unknown as () => Tensor)).toThrow('compile: expected a function')
})

test.each([[[1000, 1000]], [[901, 1003]], [[900_001]]])(
  'results of 3 MB and more, %p, which go past the caches',
  (shape) => {
    const fn: Fn = (a, b) => {
      const e = a.sub(a.amax(-1, { keepdim: true })).exp()
      return [e.div(e.sum(-1, { keepdim: true })), a.mul(b).tanh().add(b)]
    }
    const compiled = compile(fn)
    const args = [randn(shape), randn(shape)]
    const expected = fn(...args) as Tensor[]
    for (let i = 0; i < 3; i++)
      for (const [k, t] of (compiled(...args) as Tensor[]).entries()) expect(t.equal(expected[k])).toBe(true)
    expect(compiled.explain()[0].calls.after).toBeLessThanOrEqual(3)
  },
)
