// State dicts are PyTorch's, key by key and value by value, and PyTorch's can be gone on from; averaged models:
// fixtures/optim/make_optim.py makes the values.
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { type DType, linspace, manualSeed, nn, optim, Tensor, tensor } from '@flambeau/core'
import { expect, test } from '@jest/globals'

interface Packed {
  readonly tensor: DType
  readonly shape: number[]
  readonly data: number[]
}
type Value = Packed | number | string | boolean | null | Value[] | { [key: string]: Value }
interface StateRow {
  readonly name: string
  readonly options: Record<string, unknown>
  readonly start: Packed[]
  readonly grads: Packed[][]
  readonly params: Packed[]
  readonly state: { state: Record<string, Record<string, Value>>; param_groups: Record<string, Value>[] }
  readonly end: Packed[]
}
const fixture = JSON.parse(
  gunzipSync(readFileSync(new URL('fixtures/optim/optim.json.gz', import.meta.url))).toString(),
) as {
  states: StateRow[]
  swa: { before: Record<string, Packed>; after: Record<string, Packed>; y: Packed; net: Packed }[]
}

const camel = (name: string): string => name.replace(/_([a-z0-9])/g, (_, c: string) => c.toUpperCase())
const unpack = ({ tensor: dtype, shape, data }: Packed): Tensor =>
  tensor(data, { dtype: 'float64' }).to(dtype).reshape(shape)
const isPacked = (value: unknown): value is Packed => typeof value === 'object' && value !== null && 'tensor' in value

/** Tensors of a state dict for a state dict. */
function unpacked(value: Value): unknown {
  if (isPacked(value)) return unpack(value)
  if (Array.isArray(value)) return value.map(unpacked)
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, v]) => [key, unpacked(v)]))
  return value
}

function same(got: unknown, want: Value, path: string): void {
  if (isPacked(want)) {
    // PyTorch computes as well with a number where it keeps a tensor without dimensions.
    if (typeof got === 'number' && want.shape.length === 0) {
      expect(got).toBeCloseTo(want.data[0], 7)
      return
    }
    if (!(got instanceof Tensor)) throw new Error(`${path}: expected a tensor, got ${String(got)}`)
    expect([path, got.dtype, [...got.shape]]).toEqual([path, want.tensor, want.shape])
    const values = got.detach().to('float64').reshape([-1]).toArray() as number[]
    want.data.forEach((value, i) => {
      if (values[i] !== value)
        expect([path, Math.abs(values[i] - value) <= 1e-7 + 1e-7 * Math.abs(value) || [values[i], value]]).toEqual([
          path,
          true,
        ])
    })
  } else if (Array.isArray(want)) {
    expect([path, (got as unknown[]).length]).toEqual([path, want.length])
    want.forEach((value, i) => {
      same((got as unknown[])[i], value, `${path}.${i}`)
    })
  } else if (typeof want === 'object' && want !== null) {
    // LBFGS makes its scratch list where there is none.
    const entries = Object.entries(want).filter(([key]) => key !== 'al')
    expect([path, Object.keys(got as object).sort()]).toEqual([path, entries.map(([key]) => key).sort()])
    for (const [key, value] of entries) same(Reflect.get(got as object, key), value, `${path}.${key}`)
  } else if (typeof want === 'number') expect(got).toBeCloseTo(want, 10)
  else expect([path, got]).toEqual([path, want])
}

function made({ name, options }: StateRow, from: Packed[]): { optimizer: optim.Optimizer; params: nn.Parameter[] } {
  const params = from.map((packed) => new nn.Parameter(unpack(packed)))
  const given = Object.fromEntries(Object.entries(options).map(([key, value]) => [camel(key), value]))
  const found: unknown = Reflect.get(optim, name)
  if (typeof found !== 'function') throw new Error(`there is no optim.${name}`)
  const optimizer: unknown = Reflect.construct(found, [params, given])
  if (!(optimizer instanceof optim.Optimizer)) throw new Error(`optim.${name} is no optimizer`)
  return { optimizer: optimizer as optim.Optimizer, params }
}

function run(row: StateRow, optimizer: optim.Optimizer, params: nn.Parameter[], from: number, to: number): void {
  for (let i = from; i < to; i++) {
    const values = row.grads[i].map(unpack)
    if (row.name === 'LBFGS')
      optimizer.step(() => {
        optimizer.zeroGrad()
        const losses = params.map((p, j) => p.sub(values[j]).pow(4).add(p.sub(values[j]).square()).sum())
        const loss = losses[0].add(losses[1])
        loss.backward()
        return loss
      })
    else {
      params.forEach((p, j) => {
        p.grad = values[j]
      })
      optimizer.step()
    }
  }
}

test.each(fixture.states.map((row) => ({ row, label: `${row.name} ${JSON.stringify(row.options)}` })))(
  '$label',
  ({ row }) => {
    const { optimizer, params } = made(row, row.start)
    run(row, optimizer, params, 0, 3)
    same(params, row.params, 'params')
    same(optimizer.stateDict(), row.state, 'state')
    const later = made({ ...row, options: {} }, row.params)
    later.optimizer.loadStateDict(unpacked(row.state) as optim.OptimizerState)
    run(row, later.optimizer, later.params, 3, 5)
    same(later.params, row.end, 'end')
  },
)

const { AveragedModel, getEmaMultiAvgFn, updateBn } = optim.swaUtils

test.each([
  [0, {}],
  [1, { multiAvgFn: getEmaMultiAvgFn(0.8) }],
  [2, { multiAvgFn: getEmaMultiAvgFn(0.8), useBuffers: true }],
])('an averaged model (%d)', async (which, options) => {
  const { before, after, y, net: expected } = fixture.swa[which]
  manualSeed(0)
  const net = new nn.Sequential(new nn.Linear(3, 4), new nn.BatchNorm1d(4), new nn.Linear(4, 2)).double()
  const averaged = new AveragedModel(net, options)
  const optimizer = new optim.SGD(net.parameters(), { lr: 0.1 })
  const xs = linspace(-2, 3, 60, { dtype: 'float64' }).reshape([4, 5, 3]).sin().unbind(0)
  for (const x of xs) {
    optimizer.zeroGrad()
    net.forward(x).square().sum().backward()
    optimizer.step()
    averaged.updateParameters(net)
  }
  const near = (state: Record<string, Tensor>, want: Record<string, Packed>): void => {
    expect(Object.keys(state).sort()).toEqual(Object.keys(want).sort())
    for (const [key, packed] of Object.entries(want)) close(state[key], packed)
  }
  // The starting values are drawn in single precision here and there.
  const close = (t: Tensor, packed: Packed): void => {
    expect([t.dtype, [...t.shape]]).toEqual([packed.tensor, packed.shape])
    const got = t.detach().to('float64').reshape([-1]).toArray() as number[]
    packed.data.forEach((value, i) => {
      expect(Math.abs(got[i] - value)).toBeLessThanOrEqual(1e-4)
    })
  }
  near(averaged.stateDict(), before)
  await updateBn(xs, averaged)
  near(averaged.stateDict(), after)
  close(averaged.eval().forward(xs[0]), y)
  // The model itself was left alone.
  expect(net.training).toBe(true)
  close(net.eval().forward(xs[0]), expected)
  const other = new AveragedModel(net)
  other.loadStateDict(averaged.stateDict())
  close(other.eval().forward(xs[0]), y)
})
