// Files that PyTorch wrote (fixtures/files/make_torch.py), and ours. tools/interop/torch-files.mjs compares with PyTorch alive.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  ArgumentError,
  DisposedError,
  F,
  load,
  nn,
  ones,
  optim,
  type SavedValue,
  save,
  Tensor,
  tensor,
  zeros,
} from '@flambeau/core'
import { afterAll, expect, test } from '@jest/globals'

const folder = mkdtempSync(join(tmpdir(), 'flambeau-torch-'))
afterAll(() => rmSync(folder, { recursive: true }))
const at = (name: string): string => join(folder, name)
const fixture = (name: string): string => fileURLToPath(new URL(`fixtures/files/${name}`, import.meta.url))

type Values = Record<string, unknown> & Record<'base' | 'transposed' | 'row' | 'again', Tensor>

const DTYPES = [
  'float32',
  'float64',
  'float16',
  'bfloat16',
  'int8',
  'uint8',
  'int16',
  'int32',
  'int64',
  'bool',
  'complex64',
  'complex128',
]
/** A tensor as plain data, anything else as it is. */
const plain = (value: unknown): unknown => (value instanceof Tensor ? value.toArray() : value)

const forms = ['torch-values.pt', 'torch-protocol-5.pt', 'torch-legacy.pt']

test.each(forms)('%s: plain values', (file) => {
  const values = load<Values>(fixture(file))
  const expected = {
    dtype: 'float16',
    device: 'cpu',
    size: [4, 6],
    tuple: [1, [2, 3]],
    list: [1, 2.5, 'ä', null, true, false],
    set: new Set([1, 2]),
    frozenset: new Set([3]),
    complex: { re: 1, im: 2 },
    bytes: Uint8Array.of(0x61, 0x62, 0xff),
    bytearray: Uint8Array.of(0x78, 0x79),
    integers: [0, 255, 256, 65535, 65536, -1, -(2 ** 31), 2 ** 31, 2n ** 53n, -(2n ** 53n), 2n ** 80n, -(2n ** 80n)],
    floats: [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, -0, 1e-300],
    ordered: { a: 1 },
    defaultdict: { a: [1] },
    counter: { a: 2, b: 1 },
    'numpy scalars': [2.5, 7, true, { re: 0, im: 1 }],
  }
  for (const [name, value] of Object.entries(expected)) expect([name, values[name]]).toEqual([name, value])
  const endless = values.endless as unknown[]
  expect(endless[1]).toBe(endless)
  expect([...(values['other keys'] as Map<unknown, unknown>)]).toEqual([
    [1, 'a'],
    [[2, 3], 'b'],
    [null, 'c'],
  ])
  // A key of that name is a key, and changes nothing about the object.
  expect(Object.getPrototypeOf(values)).toBe(Object.prototype)
  expect(Object.getOwnPropertyDescriptor(values, '__proto__')?.value).toEqual({ x: 1 })
})

test.each(forms)('%s: tensors of every kind and dtype', (file) => {
  const values = load<Values>(fixture(file))
  const rows: [string, unknown, number[], Partial<Record<'requiresGrad' | 'device' | 'dtype', unknown>>][] = [
    ['scalar', 3.5, [], {}],
    ['empty', [[], []], [2, 0, 3], {}],
    ['expanded', [2, 2, 2, 2, 2], [5], {}],
    [
      'conjugated',
      [
        { re: 1, im: -2 },
        { re: 3, im: 1 },
      ],
      [2],
      { dtype: 'complex64' },
    ],
    ['negated', [-1, -1], [2], {}],
    ['parameter', [1, 1], [2], { requiresGrad: true }],
    ['frozen', [1, 1], [2], { requiresGrad: false }],
    ['requires grad', [1, 1, 1], [3], { requiresGrad: true }],
    ['storage', [0, 1, 2, 3], [4], { dtype: 'uint8' }],
    [
      'numpy',
      [
        [0, 1, 2],
        [3, 4, 5],
      ],
      [2, 3],
      { dtype: 'int64' },
    ],
    [
      'fortran',
      [
        [0, 1, 2],
        [3, 4, 5],
      ],
      [2, 3],
      { dtype: 'float64' },
    ],
  ]
  for (const [name, array, shape, properties] of rows) {
    const t = values[name] as Tensor
    expect([name, t.toArray(), t.shape]).toEqual([name, array, shape])
    expect(t).toMatchObject({ requiresGrad: false, dtype: 'float32', ...properties })
  }
  expect(values.parameter).toBeInstanceOf(nn.Parameter)
  expect(values.frozen).toBeInstanceOf(nn.Parameter)
  expect((values.expanded as Tensor).stride()).toEqual([0])
  expect(values.meta).toMatchObject({ device: 'meta', shape: [3, 2] })
  for (const dtype of DTYPES) {
    const t = values[`torch.${dtype}`] as Tensor
    const numbers = [
      [0, 1, 3],
      [1, 0, 7],
    ]
    const expected = dtype.startsWith('complex')
      ? numbers.map((row) => row.map((re) => ({ re, im: 0 })))
      : dtype === 'bool'
        ? numbers.map((row) => row.map(Boolean))
        : numbers
    expect([t.dtype, t.toArray()]).toEqual([dtype, expected])
  }
})

test.each(forms)('%s: views share a storage, and an object that occurs twice is one', (file) => {
  const { base, transposed, row, again } = load<Values>(fixture(file))
  expect(again).toBe(base)
  expect([transposed.shape, transposed.stride(), row.storageOffset()]).toEqual([[6, 4], [1, 6], 6])
  base.fill_(7)
  row.fill_(8)
  expect(transposed.toArray()).toEqual(Array.from({ length: 6 }, () => [7, 8, 7, 7]))
})

test('a file of a big-endian machine', () => {
  const values = load<Record<string, Tensor>>(fixture('torch-big-endian.pt'))
  expect(Object.entries(values).map(([name, t]) => [name, t.dtype, t.toArray()])).toEqual([
    ['float32', 'float32', [1.5, -2]],
    ['int64', 'int64', [2 ** 40, -3]],
    ['complex128', 'complex128', [{ re: 1, im: 2 }]],
    ['bfloat16', 'bfloat16', [1.5, -2]],
    ['bool', 'bool', [true, false]],
  ])
})

test('element types that tensors do not have become the smallest that hold them', () => {
  const values = load<Record<string, Tensor>>(fixture('torch-foreign.pt'))
  const rows = [
    [1, 2, 4],
    [8, 16, 64],
  ]
  const expected = {
    uint16: 'int32',
    uint32: 'int64',
    uint64: 'int64',
    float8_e5m2: 'float16',
    float8_e4m3fn: 'float16',
    float8_e8m0fnu: 'float32',
  }
  for (const [name, dtype] of Object.entries(expected)) {
    const t = values[`torch.${name}`]
    expect([name, t.dtype, t.toArray()]).toEqual([name, dtype, rows])
  }
  expect(values.large.toArray()).toEqual([60000, 3])
  values['torch.uint16'].fill_(9)
  expect(values.view.toArray()).toEqual([
    [9, 9],
    [9, 9],
    [9, 9],
  ])
  expect(() => load(fixture('torch-uint64.pt'))).toThrow('uint64 values above 2^63 - 1')
})

interface Training {
  readonly model: nn.StateDict
  readonly optimizer: optim.OptimizerState
  readonly scheduler: optim.lrScheduler.SchedulerState
  readonly x: Tensor
  readonly y: Tensor
  readonly losses: number[]
  readonly after: nn.StateDict
}

/** Takes up a run where PyTorch left it, and makes three more steps. */
function resume(state: Training): { losses: number[]; model: nn.StateDict; state: Omit<Training, 'after' | 'losses'> } {
  const model = new nn.Sequential(
    new nn.Linear(3, 4, { bias: false }),
    new nn.BatchNorm1d(4),
    new nn.Tanh(),
    new nn.Linear(4, 1),
  )
  const [first, second, , last] = [...model.children()]
  const optimizer = new optim.AdamW([
    { params: first.parameters(), lr: 1 },
    { params: [...second.parameters(), ...last.parameters()] },
  ])
  const scheduler = new optim.lrScheduler.StepLR(optimizer, 2, { gamma: 0.5 })
  model.loadStateDict(state.model)
  optimizer.loadStateDict(state.optimizer)
  scheduler.loadStateDict(state.scheduler)
  const { x, y } = state
  const again = structuredState(model, optimizer, scheduler, x, y)
  const losses: number[] = []
  for (let i = 0; i < 3; i++) {
    optimizer.zeroGrad()
    const loss = F.mseLoss(model.forward(x), y)
    loss.backward()
    optimizer.step()
    scheduler.step()
    losses.push(loss.item() as number)
  }
  return { losses, model: model.stateDict(), state: again }
}

/** The state as `save` writes it now: later steps change it. */
function structuredState(
  model: nn.Sequential,
  optimizer: optim.AdamW,
  scheduler: optim.lrScheduler.StepLR,
  x: Tensor,
  y: Tensor,
): Omit<Training, 'after' | 'losses'> {
  const path = at('resumed.pt')
  save(path, {
    model: model.stateDict(),
    optimizer: optimizer.stateDict(),
    scheduler: scheduler.stateDict(),
    x,
    y,
  })
  return load(path)
}

test('a training run of PyTorch goes on here, and from our own file of it', () => {
  const state = load<Training>(fixture('torch-training.pt'))
  const here = resume(state)
  const again = resume({ ...state, ...here.state })
  for (const { losses, model } of [here, again]) {
    for (const [i, loss] of losses.entries()) expect(loss).toBeCloseTo(state.losses[i], 5)
    for (const [name, expected] of Object.entries(state.after))
      expect([name, model[name].allclose(expected, { rtol: 1e-4, atol: 1e-5 })]).toEqual([name, true])
  }
  expect(again.losses).toEqual(here.losses)
})

test('what was read is written and read again', () => {
  const values = load<Values>(fixture('torch-values.pt'))
  save(at('again.pt'), values)
  const again = load<Values>(at('again.pt'))
  expect(Object.keys(again)).toEqual(Object.keys(values))
  for (const [name, value] of Object.entries(values))
    if (name !== 'endless' && name !== 'meta') expect([name, plain(again[name])]).toEqual([name, plain(value)])
  expect((again.endless as unknown[])[1]).toBe(again.endless)
  expect(again.meta).toMatchObject({ device: 'meta', shape: [3, 2] })
  expect(again.frozen).toBeInstanceOf(nn.Parameter)
  again.base.fill_(1)
  expect(again.row.toArray()).toEqual([1, 1, 1, 1, 1, 1])
  expect(again.again).toBe(again.base)
})

test('bytes load as a path does', () => {
  expect(load<Values>(readFileSync(fixture('torch-values.pt'))).row.toArray()).toEqual([6, 7, 8, 9, 10, 11])
})

test('the memory of a file is aligned, and saved once', () => {
  const base = ones([1000])
  save(at('aligned.pt'), [base, base.narrow(0, 5, 5), tensor([true]), zeros([0])])
  const bytes = readFileSync(at('aligned.pt'))
  expect(bytes.length).toBeLessThan(6000)
  for (const key of [0, 1, 2]) {
    const header = bytes.indexOf(`aligned/data/${key}`) - 30
    const start = header + 30 + bytes.readUInt16LE(header + 26) + bytes.readUInt16LE(header + 28)
    expect(start % 64).toBe(0)
  }
})

test.each([true, false])('a large file, mapped or read (%p): views share, and writing stays in the process', (mmap) => {
  const path = at('large.pt')
  const base = ones([300, 500])
  save(path, { base, row: base.select(0, 7), half: ones([100_000]).to('bfloat16'), flags: ones([70_000]).to('bool') })
  const before = readFileSync(path)
  const { base: loaded, row, half, flags } = load<Record<string, Tensor>>(path, { mmap })
  loaded.mul_(3)
  half.add_(1)
  expect([row.sum().item(), half.float().sum().item(), flags.sum().item()]).toEqual([1500, 200_000, 70_000])
  // Replacing the file does not change what is loaded.
  save(path, { base: zeros([1]) })
  expect(loaded.sum().item()).toBe(450_000)
  writeFileSync(path, before)
  expect(load<{ base: Tensor }>(path).base.sum().item()).toBe(150_000)
})

test('deep nesting is written and read without a deep stack', () => {
  let nested: SavedValue = 'end'
  for (let i = 0; i < 100_000; i++) nested = i % 2 === 0 ? [nested] : { inner: nested }
  save(at('deep.pt'), nested)
  let value: unknown = load(at('deep.pt'))
  let depth = 0
  for (; typeof value === 'object' && value !== null; depth++)
    value = Array.isArray(value) ? value[0] : (value as { inner: unknown }).inner
  expect([depth, value]).toEqual([100_000, 'end'])
})

const disposed = ones([2])
disposed.dispose()
const floats = ones([4])

test.each<[string, unknown, string]>([
  ['a function', { a: [1, () => 1] }, 'got function (anonymous) at value.a[1]'],
  ['a module', { model: new nn.Linear(1, 1) }, 'got Linear; save its stateDict() at value.model'],
  ['a class instance', { when: new Date(0) }, 'got Date at value.when'],
  ['undefined', { a: undefined }, 'got undefined at value.a'],
  ['a symbol', [Symbol('x')], 'at value[0]'],
  ['another typed array', [new Float32Array(2)], 'got Float32Array; make a tensor of it at value[0]'],
  ['half of a surrogate pair', ['\ud800'], 'half of a surrogate pair'],
  ['a Map with a tensor as key', new Map([[floats, 1]]), 'a Map whose key is a float32 tensor of shape [4]'],
  ['two dtypes of one memory', { a: floats, b: floats.view('int32') }, 'a int32 view of float32 that is saved too'],
])('save refuses %s, and leaves the old file', (_, value, message) => {
  const path = at('kept.pt')
  save(path, { kept: 1 })
  expect(() => save(path, value)).toThrow(ArgumentError)
  expect(() => save(path, value)).toThrow(message)
  expect(load(path)).toEqual({ kept: 1 })
  expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([])
})

test('save refuses a disposed tensor', () => {
  expect(() => save(at('x.pt'), [disposed])).toThrow(DisposedError)
})

test('paths and values that are none', () => {
  expect(() => save(1 as never, 1)).toThrow('save: expected a path, got 1')
  expect(() => load(1 as never)).toThrow('load: expected a path or bytes, got 1')
  expect(() => load(folder)).toThrow('expected a file')
  expect(() => load(at('missing.pt'))).toThrow('ENOENT')
  writeFileSync(at('empty.pt'), '')
  expect(() => load(at('empty.pt'))).toThrow('it is empty')
})
