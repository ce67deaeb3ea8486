// Every distribution, divergence and transform against PyTorch: fixtures/distributions/make_distributions.py makes the values.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import {
  ArgumentError,
  type DType,
  getRngState,
  linspace,
  manualSeed,
  type Tensor,
  tensor,
  zeros,
} from '@flambeau/core'
import * as D from '@flambeau/core/distributions'
import { expect, test } from '@jest/globals'

const { constraints: C, transforms: T } = D

interface Packed {
  readonly shape: number[]
  readonly data: (number | string)[]
}
type Argument = Packed | number
interface Parameters {
  readonly args: Argument[]
  readonly kwargs: Record<string, Argument>
}
type Maybe = Packed | null
interface Row extends Parameters {
  readonly name: string
  readonly batch: number[]
  readonly event: number[]
  readonly sample: Packed
  readonly state: string
  readonly sample32?: Maybe
  readonly mean: Maybe
  readonly mode: Maybe
  readonly variance: Maybe
  readonly stddev: Maybe
  readonly entropy: Maybe
  readonly logProb: Maybe
  readonly logProbGrads?: Maybe[]
  readonly cdf: Maybe
  readonly icdf: Maybe
  readonly rsample?: Packed
  readonly rsampleGrads?: Maybe[]
  readonly enumerate: Maybe
  readonly expanded: Packed
}
interface Wrapped {
  readonly sample: Packed
  readonly logProb: Packed
  readonly mean: Maybe
  readonly variance: Maybe
  readonly entropy: Maybe
  readonly cdf: Maybe
}
interface Transformed {
  readonly x: Packed
  readonly y: Packed
  readonly inverse: Packed
  readonly ladj: Maybe
  readonly forwardShape: number[]
  readonly inverseShape: number[]
}
const fixture = JSON.parse(
  gunzipSync(readFileSync(new URL('fixtures/distributions/distributions.json.gz', import.meta.url))).toString(),
) as {
  rows: Row[]
  pairs: { p: string; q: string; value: Maybe }[]
  first: Record<string, Parameters>
  second: Record<string, Parameters>
  transforms: Record<string, Transformed>
  to: Record<string, { x: Packed; transform: Packed; biject: Maybe }>
  wrapped: Record<string, Wrapped>
}

const number = (v: number | string): number =>
  typeof v === 'number'
    ? v
    : v === 'nan'
      ? Number.NaN
      : v === 'inf'
        ? Number.POSITIVE_INFINITY
        : Number.NEGATIVE_INFINITY
const unpack = ({ shape, data }: Packed, dtype: DType = 'float64'): Tensor =>
  tensor(data.map(number), { dtype: 'float64' }).reshape(shape).to(dtype)
const camel = (name: string): string => name.replace(/_([a-z])/g, (_, c: string) => c.toUpperCase())

function same(t: Tensor, { shape, data }: Packed, tolerance = 1e-7): void {
  expect([...t.shape]).toEqual(shape)
  const got = t.detach().to('float64').contiguous().reshape([-1]).toArray() as number[]
  const off = data.flatMap((v, i) => {
    const want = number(v)
    const near =
      Object.is(got[i], want) || got[i] === want || Math.abs(got[i] - want) <= tolerance * (1 + Math.abs(want))
    return near ? [] : [[i, got[i], want]]
  })
  expect(off).toEqual([])
}

/** A distribution of a row, and the leaves that it is made of. */
function make(
  name: string,
  { args, kwargs }: Parameters,
  dtype: DType = 'float64',
): { d: D.Distribution; leaves: Tensor[] } {
  const leaves: Tensor[] = []
  const value = (a: Argument): Tensor | number => {
    if (typeof a === 'number') return a
    const leaf = unpack(a, dtype).requiresGrad_()
    leaves.push(leaf)
    return leaf
  }
  const positional = args.map(value)
  const named = Object.entries(kwargs).map(([key, a]): [string, unknown] => [camel(key), value(a)])
  const found: unknown = Reflect.get(D, name)
  if (typeof found !== 'function') throw new Error(`there is no distributions.${name}`)
  const given = named.length > 0 ? [...positional, Object.fromEntries(named)] : positional
  const d: unknown = Reflect.construct(found, given)
  if (!(d instanceof D.Distribution)) throw new Error(`distributions.${name} is none`)
  return { d, leaves }
}

function weighted(t: Tensor): Tensor {
  return t.mul(linspace(0.5, 1.5, t.numel(), { dtype: t.dtype }).reshape(t.shape)).sum()
}
function sameGrads(
  leaves: readonly Tensor[],
  expected: readonly Maybe[] | undefined,
  { kwargs }: Row,
  tolerance: number,
): void {
  expected?.forEach((packed, i) => {
    if (packed === null) return
    const grad = leaves[i].grad ?? zeros(leaves[i].shape)
    // What is above the diagonal of a triangular matrix has no say.
    same('scale_tril' in kwargs && grad.ndim > 1 ? grad.tril() : grad, packed, tolerance)
  })
}
function sameOrMissing(compute: () => Tensor, expected: Maybe, tolerance?: number): void {
  if (expected === null) expect(compute).toThrow()
  else same(compute(), expected, tolerance)
}

const label = ({ name, args, kwargs }: Row, i: number): string =>
  `${i} ${name}(${args.map((a) => (typeof a === 'number' ? a : `[${a.shape}]`)).join(', ')}${Object.keys(kwargs).map((k) => ` ${k}`)})`
// Draws are exact; the functions of them as near as the two libraries' elementary functions are.
test.each(fixture.rows.map((row, i) => ({ row, name: label(row, i) })))('$name', ({ row }) => {
  const { d } = make(row.name, row)
  expect([[...d.batchShape], [...d.eventShape]]).toEqual([row.batch, row.event])
  manualSeed(0)
  const sample = d.sample([5])
  const hash = createHash('sha256')
    .update(getRngState().data() as Uint8Array)
    .digest('hex')
    .slice(0, 16)
  const exact = sample.dtype === 'float32' ? 1e-6 : 1e-9
  same(sample, row.sample, exact)
  expect(hash).toBe(row.state)
  expect(sample.requiresGrad).toBe(false)
  for (const key of ['mean', 'mode', 'variance', 'stddev'] as const) sameOrMissing(() => d[key], row[key])
  sameOrMissing(() => d.entropy(), row.entropy)
  const value = unpack(row.sample, sample.dtype)
  if (row.logProb === null) expect(() => d.logProb(value)).toThrow()
  else {
    const { d: own, leaves } = make(row.name, row)
    const log = own.logProb(value)
    same(log, row.logProb, 1e-6)
    if (log.requiresGrad) weighted(log).backward()
    sameGrads(leaves, row.logProbGrads, row, 1e-6)
  }
  sameOrMissing(() => d.cdf(value), row.cdf)
  const u = linspace(0.05, 0.95, 4, { dtype: 'float64' }).reshape([
    4,
    ...d.batchShape.map(() => 1),
    ...d.eventShape.map(() => 1),
  ])
  if (row.icdf !== null) same(d.icdf(u), row.icdf)
  if (row.rsample !== undefined) {
    expect(d.hasRsample).toBe(true)
    const { d: own, leaves } = make(row.name, row)
    manualSeed(0)
    const drawn = own.rsample([2])
    same(drawn, row.rsample, exact)
    if (drawn.requiresGrad) weighted(drawn).backward()
    sameGrads(leaves, row.rsampleGrads, row, 2e-6)
  }
  if (row.enumerate !== null) same(d.enumerateSupport(), row.enumerate)
  const larger = d.expand([2, ...d.batchShape])
  expect(larger.constructor === d.constructor || d instanceof D.TransformedDistribution).toBe(true)
  manualSeed(0)
  same(larger.sample(), row.expanded, exact)
  if (row.sample32) {
    const { d: single } = make(row.name, row, 'float32')
    manualSeed(0)
    same(single.sample([5]), row.sample32, 1e-4)
  }
})

test.each(fixture.pairs)('KL($p ‖ $q)', ({ p, q, value }) => {
  const { d: first } = make(p, fixture.first[p])
  const { d: second } = make(q, fixture.second[q])
  sameOrMissing(() => D.klDivergence(first, second), value, 1e-6)
})

test('no more pairs have a formula than PyTorch has', () => {
  const known = new Set(fixture.pairs.map(({ p, q }) => `${p} ${q}`))
  for (const p of Object.keys(fixture.first))
    for (const q of Object.keys(fixture.second)) {
      if (known.has(`${p} ${q}`)) continue
      const [{ d: a }, { d: b }] = [make(p, fixture.first[p]), make(q, fixture.second[q])]
      expect(() => [p, q, D.klDivergence(a, b)]).toThrow()
    }
})

const double = (...values: number[]): Tensor => tensor(values, { dtype: 'float64' })
const transforms: Record<string, D.Transform> = {
  exp: new T.ExpTransform(),
  power: new T.PowerTransform(double(2.5)),
  sigmoid: new T.SigmoidTransform(),
  softplus: new T.SoftplusTransform(),
  tanh: new T.TanhTransform(),
  affine: new T.AffineTransform(0.5, double(-2)),
  'affine event': new T.AffineTransform(0.5, -2, { eventDim: 1 }),
  stick: new T.StickBreakingTransform(),
  corr: new T.CorrCholeskyTransform(),
  'corr 2': new T.CorrCholeskyTransform(),
  reshape: new T.ReshapeTransform([2, 3], [6]),
  compose: new T.ComposeTransform([new T.AffineTransform(1, 2), new T.ExpTransform().inv.inv]),
  independent: new T.IndependentTransform(new T.ExpTransform(), 1),
  cat: new T.CatTransform([new T.ExpTransform(), new T.SigmoidTransform()], 0, [1, 2]),
  stack: new T.StackTransform([new T.ExpTransform(), new T.TanhTransform()], 1),
  cdf: new T.CumulativeDistributionTransform(new D.Normal(double(0.5), double(2))),
  softmax: new T.SoftmaxTransform(),
  cholesky: new T.LowerCholeskyTransform(),
  definite: new T.PositiveDefiniteTransform(),
  abs: new T.AbsTransform(),
}
test.each(Object.entries(fixture.transforms))('transform %s', (name, row) => {
  const transform = transforms[name]
  const x = unpack(row.x)
  const y = transform.forward(x)
  same(y, row.y)
  same(transform.inv.forward(y), row.inverse)
  sameOrMissing(() => transform.logAbsDetJacobian(x, y), row.ladj)
  expect([[...transform.forwardShape(x.shape)], [...transform.inverseShape(y.shape)]]).toEqual([
    row.forwardShape,
    row.inverseShape,
  ])
  expect(transform.inv.inv).toBe(transform)
  expect(Boolean(transform.codomain.check(y).all().item())).toBe(true)
})

const regions: Record<string, D.Constraint> = {
  real: C.real,
  positive: C.positive,
  nonnegative: C.nonnegative,
  greaterThan: C.greaterThan(1.5),
  lessThan: C.lessThan(1.5),
  unitInterval: C.unitInterval,
  interval: C.interval(-1, 3),
  halfOpenInterval: C.halfOpenInterval(-1, 3),
  simplex: C.simplex,
  lowerCholesky: C.lowerCholesky,
  corrCholesky: C.corrCholesky,
  positiveDefinite: C.positiveDefinite,
  independent: C.independent(C.positive, 1),
}
test.each(Object.entries(fixture.to))('to the constraint %s', (name, { x, transform, biject }) => {
  same(D.transformTo(regions[name]).forward(unpack(x)), transform)
  sameOrMissing(() => D.bijectTo(regions[name]).forward(unpack(x)), biject)
  expect(Boolean(regions[name].check(unpack(transform)).all().item())).toBe(true)
})

const rows2 = (...values: number[]): Tensor => double(...values).reshape([2, -1])
const wrapped: Record<string, () => D.Distribution> = {
  mix: () =>
    new D.MixtureSameFamily(
      new D.Categorical({ probs: double(0.2, 0.3, 0.5) }),
      new D.Normal(double(-1, 0, 2), double(0.5, 1, 0.3)),
    ),
  mvmix: () =>
    new D.MixtureSameFamily(
      new D.Categorical({ logits: double(0.2, -0.3) }),
      new D.Independent(new D.Normal(rows2(-1, 0, 2, 1), 1), 1),
    ),
  independent: () => new D.Independent(new D.Gamma(rows2(1, 2, 3, 4, 5, 6), double(1, 2, 3)), 1),
  transformed: () =>
    new D.TransformedDistribution(new D.Normal(double(0, 1), double(1, 2)), [
      new T.AffineTransform(1, 2),
      new T.SigmoidTransform(),
    ]),
}
test.each(Object.entries(fixture.wrapped))('wrapped: %s', (name, row) => {
  const d = wrapped[name]()
  manualSeed(0)
  same(d.sample([4]), row.sample, 1e-9)
  const value = unpack(row.sample)
  same(d.logProb(value), row.logProb)
  sameOrMissing(() => d.mean, row.mean)
  sameOrMissing(() => d.variance, row.variance)
  sameOrMissing(() => d.entropy(), row.entropy)
  sameOrMissing(() => d.cdf(value), row.cdf)
})

test.each([
  () => new D.Normal(0, -1),
  () => new D.Normal(tensor([Number.NaN]), 1),
  () => new D.Uniform(1, 0),
  () => new D.Bernoulli({ probs: 1.5 }),
  () => new D.Bernoulli({}),
  () => new D.Bernoulli({ probs: 0.5, logits: 0 }),
  () => new D.Categorical({ probs: tensor([-1, 2]) }),
  () => new D.Exponential(1).logProb(tensor([-1])),
  () => new D.Bernoulli({ probs: 0.5 }).logProb(tensor([0.5])),
  () => new D.Dirichlet(tensor([1, 1])).logProb(tensor([0.5, 0.6])),
  () => new D.MultivariateNormal(zeros([2]), { covarianceMatrix: tensor([[1, 2], [2, 1]]) }), // biome-ignore format: a matrix
  () => new D.MultivariateNormal(zeros([2]), {} as D.MatrixOptions),
  () => new D.LKJCholesky(1),
])('%s is refused', (body) => {
  expect(body).toThrow(ArgumentError)
})

test('checks can be left out, and formulas registered', () => {
  expect(new D.Exponential(1, { validateArgs: false }).logProb(tensor([-1])).item()).toBe(1)
  D.setDefaultValidateArgs(false)
  try {
    expect(new D.Normal(0, -1).scale.item()).toBe(-1)
  } finally {
    D.setDefaultValidateArgs(true)
  }
  class Special extends D.Normal {}
  D.registerKl(Special, D.Normal, () => tensor(42))
  expect(D.klDivergence(new Special(0, 1), new D.Normal(0, 1)).item()).toBe(42)
  expect(D.klDivergence(new D.Normal(0, 1), new Special(0, 1)).item()).toBe(0)
  expect(String(new D.Normal(0, tensor([1, 2])))).toBe('Normal(loc: [2], scale: [2])')
})

test('a transform with a cache gives back what it was given', () => {
  const transform = new T.SigmoidTransform({ cacheSize: 1 })
  const x = tensor([40])
  const y = transform.forward(x)
  expect(transform.inverse(y)).toBe(x)
  expect(transform.forward(x)).toBe(y)
  expect(new T.SigmoidTransform().inverse(y).item()).not.toBe(40)
})
