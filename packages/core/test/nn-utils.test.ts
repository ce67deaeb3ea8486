// Reparametrized and pruned layers against PyTorch: fixtures/utils/make_utils.py makes the states, results and gradients.
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import {
  ArgumentError,
  arange,
  float,
  getRngState,
  linspace,
  manualSeed,
  nn,
  ones,
  optim,
  rand,
  randn,
  type Tensor,
  tensor,
  zeros,
} from '@flambeau/core'
import { expect, test } from '@jest/globals'

const { parametrizations, parametrize, prune } = nn.utils
type Layer = nn.Linear | nn.Conv2d | nn.ConvTranspose2d

interface Packed {
  readonly shape: number[]
  readonly data: number[]
}
type Named = Record<string, Packed>
interface Row {
  readonly name: string
  readonly layer: 'Linear' | 'Tall' | 'Wide' | 'Conv2d' | 'ConvTranspose2d'
  readonly state: Named
  readonly calls: { y: Packed; grads: Named }[]
  readonly after: Named
  readonly removed?: Named
}
const fixture = JSON.parse(
  gunzipSync(readFileSync(new URL('fixtures/utils/utils.json.gz', import.meta.url))).toString(),
) as { rows: Row[]; fused: { kind: string; state: Named; y: Packed }[] }

class Symmetric extends nn.Module {
  override forward(x: Tensor): Tensor {
    return x.triu().add(x.triu(1).transpose(0, 1))
  }
}
class Exp extends nn.Module {
  override forward(x: Tensor): Tensor {
    return x.exp()
  }
  rightInverse(x: Tensor): Tensor {
    return x.abs().log()
  }
}
class Sum extends nn.Module<[Tensor, Tensor]> {
  override forward(a: Tensor, b: Tensor): Tensor {
    return a.add(b)
  }
  rightInverse(x: Tensor): Tensor[] {
    return [x.div(4), x.mul(0.75)]
  }
}

const makers: Record<Row['layer'], [() => Layer, number[]]> = {
  Linear: [() => new nn.Linear(4, 4), [3, 4]],
  Tall: [() => new nn.Linear(3, 5), [2, 3]],
  Wide: [() => new nn.Linear(5, 3), [2, 5]],
  Conv2d: [() => new nn.Conv2d(2, 4, 3), [1, 2, 5, 5]],
  ConvTranspose2d: [() => new nn.ConvTranspose2d(2, 4, 3), [1, 2, 3, 3]],
}
const P = (name: string) => (m: Layer) => parametrize.removeParametrizations(m, name)
const unpruned = (m: Layer) => prune.remove(m, 'weight')
const dims: [string, number | null][] = [
  ['0', 0],
  ['1', 1],
  ['None', null],
]
const maps = ['matrix_exp', 'cayley', 'householder'] as const
type Step = (m: Layer) => unknown
const steps: Record<string, [apply: Step, remove?: Step]> = {
  ...Object.fromEntries(
    dims.flatMap(([label, dim]): [string, [Step, Step]][] => [
      [`weightNorm ${label}`, [(m) => nn.utils.weightNorm(m, 'weight', dim), (m) => nn.utils.removeWeightNorm(m)]],
      [`parametrizations.weightNorm ${label}`, [(m) => parametrizations.weightNorm(m, 'weight', dim), P('weight')]],
    ]),
  ),
  ...Object.fromEntries(
    maps.flatMap((orthogonalMap): [string, [Step, Step?]][] => [
      [
        `orthogonal ${orthogonalMap}`,
        [(m) => parametrizations.orthogonal(m, 'weight', { orthogonalMap }), P('weight')],
      ],
      [
        `orthogonal ${orthogonalMap} plain`,
        [(m) => parametrizations.orthogonal(m, 'weight', { orthogonalMap, useTrivialization: false })],
      ],
    ]),
  ),
  orthogonal: [(m) => parametrizations.orthogonal(m)],
  spectralNorm: [(m) => nn.utils.spectralNorm(m), (m) => nn.utils.removeSpectralNorm(m)],
  'spectralNorm 3': [
    (m) => nn.utils.spectralNorm(m, 'weight', { nPowerIterations: 3 }),
    (m) => nn.utils.removeSpectralNorm(m),
  ],
  'parametrizations.spectralNorm': [(m) => parametrizations.spectralNorm(m), P('weight')],
  identity: [(m) => prune.identity(m, 'weight'), unpruned],
  randomUnstructured: [(m) => prune.randomUnstructured(m, 'weight', 0.3), unpruned],
  l1Unstructured: [(m) => prune.l1Unstructured(m, 'weight', 5), unpruned],
  randomStructured: [(m) => prune.randomStructured(m, 'weight', 0.5, 0), unpruned],
  lnStructured: [(m) => prune.lnStructured(m, 'weight', 1, 2, 1), unpruned],
  'lnStructured inf': [(m) => prune.lnStructured(m, 'weight', 0.5, Number.POSITIVE_INFINITY, 0)],
  twice: [
    (m) => {
      prune.l1Unstructured(m, 'weight', 0.3)
      prune.lnStructured(m, 'weight', 1, 1, 0)
      prune.randomUnstructured(m, 'weight', 0.25)
      prune.l1Unstructured(m, 'bias', 1)
    },
    unpruned,
  ],
  global: [
    (m) =>
      prune.globalUnstructured(
        [
          [m, 'weight'],
          [m, 'bias'],
        ],
        new prune.L1Unstructured(0.4),
      ),
  ],
  symmetric: [(m) => parametrize.registerParametrization(m, 'weight', new Symmetric()), P('weight')],
  'symmetric left': [
    (m) => parametrize.registerParametrization(m, 'weight', new Symmetric()),
    (m) => parametrize.removeParametrizations(m, 'weight', { leaveParametrized: false }),
  ],
  chain: [
    (m) => {
      parametrize.registerParametrization(m, 'weight', new Exp())
      parametrize.registerParametrization(m, 'weight', new Symmetric())
      parametrize.registerParametrization(m, 'bias', new Sum())
    },
    P('weight'),
  ],
  assigned: [
    (m) => {
      parametrize.registerParametrization(m, 'bias', new Sum())
      Reflect.set(m, 'bias', arange(4, { dtype: 'float64' }))
    },
    P('bias'),
  ],
}

function same(t: Tensor | null | undefined, { shape, data }: Packed): void {
  expect([...(t?.shape ?? [])]).toEqual(shape)
  const got = (t?.reshape([-1]).toArray() ?? []) as number[]
  data.forEach((value, i) => {
    expect(Math.abs(Number(got[i]) - value)).toBeLessThanOrEqual(4e-6 + 1e-6 * Math.abs(value))
  })
}
function allSame(tensors: Record<string, Tensor | null>, expected: Named): void {
  expect(Object.keys(tensors)).toEqual(Object.keys(expected))
  for (const [key, value] of Object.entries(expected)) same(tensors[key], value)
}

test.each(fixture.rows.map((row) => ({ row, label: `${row.name} of ${row.layer}` })))('$label', ({ row }) => {
  const [make, shape] = makers[row.layer]
  const [apply, remove] = steps[row.name]
  manualSeed(0)
  const layer = make().double()
  apply(layer)
  allSame(layer.stateDict(), row.state)
  const count = shape.reduce((n, d) => n * d, 1)
  const x = linspace(-1, 1, count, { dtype: 'float64' }).reshape(shape)
  for (const { y, grads } of row.calls) {
    layer.zeroGrad()
    const out = layer.forward(x)
    same(out.detach(), y)
    out
      .mul(linspace(0, 2, out.numel(), { dtype: 'float64' }).reshape(out.shape))
      .sum()
      .backward()
    allSame(Object.fromEntries([...layer.namedParameters()].map(([name, p]) => [name, p.grad])), grads)
  }
  allSame(layer.stateDict(), row.after)
  if (row.removed === undefined) return
  remove?.(layer)
  allSame(layer.stateDict(), row.removed)
})

test.each(fixture.fused)('$kind with a batch normalization folded in', ({ kind, state, y }) => {
  manualSeed(0)
  const made: [nn.Linear | nn.Conv1d | nn.Conv2d | nn.ConvTranspose2d, number[]] =
    kind === 'Linear'
      ? [new nn.Linear(3, 4), [2, 3]]
      : kind === 'Conv1d'
        ? [new nn.Conv1d(4, 4, 3, { groups: 2, bias: false }), [2, 4, 7]]
        : kind === 'Conv2d'
          ? [new nn.Conv2d(3, 4, 3, { padding: 1 }), [2, 3, 5, 5]]
          : [new nn.ConvTranspose2d(3, 4, 3, { stride: 2 }), [2, 3, 5, 5]]
  const [layer, shape] = made
  layer.eval()
  const norm = (kind.endsWith('2d') ? new nn.BatchNorm2d(4) : new nn.BatchNorm1d(4)).eval()
  for (const t of [norm.weight, norm.bias, norm.runningMean, norm.runningVar]) t?.detach().uniform_(0.5, 2)
  const before = getRngState()
  const fused =
    layer instanceof nn.Linear ? nn.utils.fuseLinearBnEval(layer, norm) : nn.utils.fuseConvBnEval(layer, norm)
  expect(getRngState().toArray()).toEqual(before.toArray())
  const x = randn(shape)
  const close = (t: Tensor, { shape: wanted, data }: Packed): void => {
    expect([...t.shape]).toEqual(wanted)
    const got = t.detach().reshape([-1]).toArray() as number[]
    data.forEach((value, i) => {
      expect(Math.abs(got[i] - value)).toBeLessThanOrEqual(1e-4)
    })
  }
  for (const [key, value] of Object.entries(fused.stateDict())) close(value, state[key])
  close(fused.forward(x), y)
  expect(() => nn.utils.fuseConvBnEval(new nn.Conv2d(3, 4, 3), norm)).toThrow('expected both modules in evaluation')
})

test('a parametrized tensor is read, assigned, cached and trained', () => {
  let calls = 0
  class Counted extends nn.Module {
    override forward(x: Tensor): Tensor {
      calls++
      return x.mul(2)
    }
    rightInverse(x: Tensor): Tensor {
      return x.div(2)
    }
  }
  const layer = new nn.Linear(2, 2)
  const { weight } = layer
  const started = weight.detach().clone()
  parametrize.registerParametrization(layer, 'weight', new Counted())
  expect([parametrize.isParametrized(layer), parametrize.isParametrized(layer, 'bias')]).toEqual([true, false])
  // The parameter that an optimizer holds is still the one that is learned.
  expect(layer.parameters().includes(weight)).toBe(true)
  expect(layer.weight.toArray()).toEqual(started.toArray())
  calls = 0
  parametrize.cached(() => [layer.weight, layer.weight, layer.forward(ones([2]))])
  expect(calls).toBe(1)
  new optim.SGD([weight], { lr: 1 }).step()
  parametrize.removeParametrizations(layer, 'weight')
  expect(layer.weight).toBe(weight)
  expect(() => parametrize.removeParametrizations(layer, 'weight')).toThrow(ArgumentError)
  expect(() => parametrize.registerParametrization(layer, 'nothing', new Counted())).toThrow(
    "no parameter or buffer 'nothing'",
  )
  class Shrink extends nn.Module {
    override forward(x: Tensor): Tensor {
      return x.narrow(0, 0, 1)
    }
  }
  expect(() => parametrize.registerParametrization(layer, 'weight', new Shrink())).toThrow('unsafe: true')
  expect(parametrize.isParametrized(layer)).toBe(false)
})

test('checkpoints of the older weight norm can be loaded into the newer one', () => {
  const old = nn.utils.weightNorm(new nn.Linear(3, 2))
  const layer = parametrizations.weightNorm(new nn.Linear(3, 2))
  layer.loadStateDict(old.stateDict())
  expect(layer.forward(ones([3])).toArray()).toEqual(old.forward(ones([3])).toArray())
})

test('amounts of pruning', () => {
  const pruned = (amount: nn.utils.prune.Amount): number =>
    prune.l1Unstructured(new nn.Linear(2, 3), 'weight', amount).weight.eq(0).sum().item<number>()
  expect([pruned(1), pruned(float(1)), pruned(0.5), pruned(0)]).toEqual([1, 6, 3, 0])
  expect(() => pruned(7)).toThrow('at most 6')
  expect(() => pruned(1.5)).toThrow('in [0, 1]')
  expect(() => prune.remove(new nn.Linear(2, 3), 'weight')).toThrow('is not pruned')
  expect(prune.isPruned(new nn.Sequential(prune.identity(new nn.Linear(2, 3), 'weight')))).toBe(true)
  const masked = new prune.L1Unstructured(1).prune(tensor([3, 1, 2]))
  expect(masked.toArray()).toEqual([3, 0, 2])
})

test('skipInit draws nothing', () => {
  const before = getRngState()
  const layer = nn.utils.skipInit(nn.Conv2d, 3, 4, 3, { dtype: 'float64' })
  expect([layer.weight.device, layer.weight.dtype, layer.weight.requiresGrad]).toEqual(['cpu', 'float64', true])
  expect(getRngState().toArray()).toEqual(before.toArray())
})

test('a call with other tensors leaves the module as it was', () => {
  const net = new nn.Sequential(new nn.Linear(2, 2), new nn.BatchNorm1d(2))
  const { weight } = net.at(0) as nn.Linear
  const other = rand([2, 2]).requiresGrad_()
  nn.utils.stateless
    .functionalCall(net, { '0.weight': other, '1.running_mean': zeros([2]) }, rand([4, 2]))
    .sum()
    .backward()
  expect(other.grad?.shape).toEqual([2, 2])
  expect((net.at(0) as nn.Linear).weight).toBe(weight)
  expect(weight.grad).toBe(null)
  expect(() => nn.utils.stateless.functionalCall(net, { '0.nothing': other }, rand([4, 2]))).toThrow("'nothing'")
})

// a, b = torch.zeros(2), torch.zeros(1); a.grad, b.grad = torch.tensor([3., -4.]), torch.tensor([12.])
// torch.nn.utils.clip_grad_norm_([a, b], 2.6, norm_type=P), a.grad, b.grad
test.each([
  [2, 13, [0.6, -0.8], [2.4]],
  [1, 19, [0.410526, -0.547368], [1.642105]],
  [Number.POSITIVE_INFINITY, 12, [0.65, -0.866667], [2.6]],
  [0.5, 51.784615, [0.150624, -0.200832], [0.602496]],
])('gradients are clipped by their norm of order %d', (normType, norm, first, second) => {
  const [a, b, none] = [zeros([2]), zeros([1]), zeros([3])]
  const start = (): void => {
    a.grad = tensor([3, -4])
    b.grad = tensor([12])
  }
  const check = (): void => {
    first.forEach((value, i) => {
      expect(a.grad?.at(i).item()).toBeCloseTo(value, 5)
    })
    expect(b.grad?.item()).toBeCloseTo(second[0], 5)
  }
  start()
  const total = nn.utils.clipGradNorm_([a, b, none], 2.6, { normType })
  expect(total.item()).toBeCloseTo(norm, 4)
  check()
  start()
  nn.utils.clipGradsWithNorm_([a, b], 2.6, total)
  check()
  nn.utils.clipGradValue_([a, b], 0.5)
  expect(a.grad?.abs().max().item()).toBeLessThanOrEqual(0.5)
})
