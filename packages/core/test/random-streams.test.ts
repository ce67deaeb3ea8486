// Every random operator, nn.init function and layer against PyTorch after manual_seed(0): fixtures/random/make_random.py
// makes the values, and a hash of the generator's state after each draw, which must be ours too.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import * as flambeau from '@flambeau/core'
import {
  asStrided,
  type DType,
  F,
  frombuffer,
  Generator,
  getRngState,
  manualSeed,
  nn,
  randn,
  type Tensor,
  tensor,
  viewAsReal,
  zeros,
} from '@flambeau/core'
import { expect, test } from '@jest/globals'

interface Packed {
  readonly dtype: DType
  readonly read: 'float32' | 'float64' | 'int64' | 'int32' | 'int16' | 'int8' | 'uint8' | 'bool'
  readonly shape: number[]
  readonly data: string
}
interface Row {
  readonly call?: string
  readonly fill?: string
  readonly on?: string
  readonly init?: string
  readonly layer?: string
  readonly args?: unknown[]
  readonly options?: Record<string, unknown>
  readonly dtype?: DType
  readonly layout?: [number[], number[], number]
  readonly inputs?: Packed[]
  readonly transposed?: boolean[]
  readonly shape?: number[]
  readonly grad?: boolean
  readonly values: Record<string, Packed>
  readonly state: string
}

const fixture = JSON.parse(
  gunzipSync(readFileSync(new URL('fixtures/random/random.json.gz', import.meta.url))).toString(),
) as { rows: Row[]; exchanged: { state: string; next: Packed; seeded: string; fresh: string } }

const camel = (name: string): string => name.replace(/_([a-z])/g, (_, c: string) => c.toUpperCase())
const camelKeys = (options: Record<string, unknown> = {}): Record<string, unknown> =>
  Object.fromEntries(Object.entries(options).map(([key, value]) => [camel(key), value]))
const hash = (state: Tensor): string =>
  createHash('sha256')
    .update(state.data() as Uint8Array)
    .digest('hex')
    .slice(0, 16)

const unpacked = ({ read, shape, data }: Packed): Tensor => {
  const bytes = Buffer.from(data, 'base64')
  return bytes.length === 0
    ? zeros(shape, { dtype: read })
    : frombuffer(new Uint8Array(bytes), { dtype: read }).reshape(shape)
}
const numbers = (t: Tensor): number[] => {
  const flat = t.contiguous().reshape([-1])
  return flat.dtype === 'int64'
    ? Array.from(flat.data() as BigInt64Array, Number)
    : (flat.toArray() as unknown[]).map(Number)
}

/** A function of a namespace, to be called with what a row says. */
function named(space: object, name: string): (...args: unknown[]) => unknown {
  const found: unknown = Reflect.get(space, name)
  if (typeof found !== 'function') throw new Error(`there is no ${name}`)
  return (...args) => Reflect.apply(found, space, args) as unknown
}

function draw(row: Row): Record<string, Tensor> {
  const { args = [], options } = row
  const given = options === undefined || Object.keys(options).length === 0 ? [] : [camelKeys(options)]
  if (row.call !== undefined) return { '': named(flambeau, row.call)(...args, ...given) as Tensor }
  if (row.fill !== undefined) {
    const target = asStrided(zeros([64], { dtype: row.dtype }), ...(row.layout ?? [[1], [1], 0]))
    return { '': named(target, camel(row.fill))(...args) as Tensor }
  }
  if (row.init !== undefined) {
    const target = zeros(row.shape ?? [], { dtype: row.dtype })
    return { '': named(nn.init, camel(row.init))(target, ...args, ...given) as Tensor }
  }
  if (row.layer !== undefined) {
    const found: unknown = Reflect.get(nn, row.layer)
    if (typeof found !== 'function') throw new Error(`there is no nn.${row.layer}`)
    const layer: unknown = Reflect.construct(found, [...args, { ...given[0], dtype: row.dtype }])
    if (!(layer instanceof nn.Module)) throw new Error(`nn.${row.layer} is no module`)
    return layer.stateDict()
  }
  const inputs = (row.inputs ?? []).map((packed, i) => {
    const t = unpacked(packed).to(packed.dtype)
    return row.transposed?.[i] ? t.t().contiguous().t() : t
  })
  const name = row.on ?? ''
  const op = name.startsWith('F.') ? named(F, name.slice(2)) : named(flambeau, name)
  if (!row.grad) return { '': op(...inputs, ...args, ...given) as Tensor }
  const [parameter] = inputs
  parameter.requiresGrad_()
  const x = op(parameter) as Tensor
  const last = x.shape[x.ndim - 1]
  const weights =
    x.ndim === 1
      ? 1
      : tensor(
          Array.from({ length: last }, (_, i) => -1 + (2 * i) / (last - 1)),
          { dtype: x.dtype },
        )
  x.mul(weights).sum().backward()
  return { '': x, grad: parameter.grad ?? zeros([]) }
}

const label = ({ values: _values, state: _state, inputs, ...what }: Row): string =>
  JSON.stringify({
    ...what,
    ...(inputs && { inputs: inputs.map(({ dtype, shape }) => `${dtype} [${shape.join(', ')}]`) }),
  })

test.each(fixture.rows.map((row) => ({ row, name: label(row) })))('$name', ({ row }) => {
  manualSeed(0)
  const drawn = draw(row)
  const after = hash(getRngState())
  expect(Object.keys(drawn)).toEqual(Object.keys(row.values))
  for (const [key, packed] of Object.entries(row.values)) {
    const t = drawn[key]
    expect([t.dtype, [...t.shape]]).toEqual([packed.dtype, packed.shape])
    const got = numbers(t.detach().dtype.startsWith('complex') ? viewAsReal(t.detach()) : t.detach())
    const expected = numbers(
      unpacked(packed.dtype.startsWith('complex') ? { ...packed, shape: [...packed.shape, 2] } : packed),
    )
    // A transformed number may be one step of its dtype away; a gradient is a fit of single precision's accuracy.
    const step = { bfloat16: 2 ** -7, float16: 2 ** -10 }[packed.dtype as string] ?? (key === 'grad' ? 2e-5 : 1e-6)
    got.forEach((value, i) => {
      if (value !== expected[i])
        expect(Math.abs(value - expected[i])).toBeLessThanOrEqual(2e-6 + step * Math.abs(expected[i]))
    })
  }
  expect(after).toBe(row.state)
})

test('states are exchanged with torch.Generator', () => {
  const { state, next, seeded, fresh } = fixture.exchanged
  const bytes = Buffer.from(state, 'base64')
  const g = new Generator().setState(frombuffer(new Uint8Array(bytes), { dtype: 'uint8' }))
  expect(g.initialSeed()).toBe(42n)
  manualSeed(42)
  randn([3])
  expect(Buffer.from(getRngState().data() as Uint8Array).equals(bytes)).toBe(true)
  const copy = g.clone()
  expect(numbers(randn([5], { generator: g })).map(Math.fround)).toEqual(numbers(randn([5], { generator: copy })))
  const expected = numbers(unpacked(next))
  numbers(randn([5], { generator: copy.setState(frombuffer(new Uint8Array(bytes), { dtype: 'uint8' })) })).forEach(
    (v, i) => {
      expect(v).toBeCloseTo(expected[i], 5)
    },
  )
  expect(hash(new Generator().manualSeed(2 ** 40 + 7).getState())).toBe(seeded)
  expect(hash(new Generator().getState())).toBe(fresh)
})
