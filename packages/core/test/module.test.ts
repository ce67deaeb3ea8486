import { inspect } from 'node:util'
import { ArgumentError, gradcheck, manualSeed, nn, noGrad, ones, type Tensor, tensor, zeros } from '@flambeau/core'
import { expect, test } from '@jest/globals'

class Block extends nn.Module {
  readonly scale = new nn.Parameter(ones([2]))
  readonly #unseen = new nn.Parameter(ones([1]))
  constructor() {
    super()
    this.registerBuffer('count', zeros([]))
    this.registerBuffer('scratch', zeros([3]), { persistent: false })
    this.registerParameter('shift', null)
  }
  override forward(x: Tensor): Tensor {
    return x.mul(this.scale).mul(this.#unseen)
  }
}

class Net extends nn.Module {
  private readonly first = new nn.Linear(3, 2)
  readonly blocks = new nn.ModuleList([new Block(), new Block()])
  readonly named = new nn.ModuleDict([
    ['10', new nn.ReLU()],
    ['2', new nn.Identity()],
  ])
  readonly tail = new nn.Sequential({ norm: new nn.BatchNorm1d(2), act: new nn.ReLU() })
  override forward(x: Tensor): Tensor {
    let y = this.first.forward(x)
    for (const block of this.blocks) y = block.forward(y)
    return this.tail.forward(y)
  }
}

test('state dicts have the keys and the order of PyTorch', () => {
  expect(Object.keys(new Net().stateDict())).toEqual([
    'first.weight',
    'first.bias',
    'blocks.0.scale',
    'blocks.0.count',
    'blocks.1.scale',
    'blocks.1.count',
    'tail.norm.weight',
    'tail.norm.bias',
    'tail.norm.running_mean',
    'tail.norm.running_var',
    'tail.norm.num_batches_tracked',
  ])
})

test('a module finds what it is made of', () => {
  const net = new Net()
  expect([...net.namedModules()].map(([name]) => name)).toEqual([
    '', 'first', 'blocks', 'blocks.0', 'blocks.1', 'named', 'named.10', 'named.2', 'tail', 'tail.norm', 'tail.act',
  ]) // biome-ignore format: names
  expect([...net.namedBuffers()].map(([name]) => name)).toContain('blocks.0.scratch')
  expect(net.getParameter('tail.norm.weight').shape).toEqual([2])
  expect(() => net.getSubmodule('blocks.2')).toThrow("ModuleList has no module '2' (it has: 0, 1)")
  net.blocks.set(1, net.blocks.at(0))
  expect(net.parameters()).toHaveLength(5)
  expect(net.children()).toHaveLength(4)
})

test('a tree is printed, equal neighbours counted', () => {
  const net = new nn.Sequential(new nn.Linear(3, 2, { bias: false }), new nn.ReLU(), new nn.ReLU())
  const text = [
    'Sequential(',
    '  (0): Linear(inFeatures=3, outFeatures=2, bias=false)',
    '  (1-2): 2 x ReLU()',
    ')',
  ].join('\n')
  expect(String(net)).toBe(text)
  expect(inspect(net)).toBe(text)
})

test('loading is strict, lists every problem, and changes nothing when there is one', () => {
  const net = new nn.Sequential(new nn.Linear(2, 2), new nn.BatchNorm1d(2))
  const before = net.stateDict()['0.weight'].toArray()
  const { '0.bias': _, ...state } = net.stateDict()
  const bad = { ...state, '0.weight': zeros([2, 3]), extra: zeros([1]) }
  expect(() => net.loadStateDict(bad)).toThrow(ArgumentError)
  expect(() => net.loadStateDict(bad)).toThrow(
    [
      'loadStateDict: error(s) in loading stateDict for Sequential:',
      '  Missing key(s) in stateDict: "0.bias".',
      '  Unexpected key(s) in stateDict: "extra".',
      '  size mismatch for 0.weight: copying a param with shape [2, 3] from checkpoint, the shape in current model is [2, 2].',
    ].join('\n'),
  )
  expect(net.stateDict()['0.weight'].toArray()).toEqual(before)
  const { '1.num_batches_tracked': __, ...old } = state
  expect(net.loadStateDict({ ...old, extra: zeros([1]) }, { strict: false })).toEqual({
    missingKeys: ['0.bias'],
    unexpectedKeys: ['extra'],
  })
  const other = new nn.Sequential(new nn.Linear(2, 2), new nn.BatchNorm1d(2))
  other.loadStateDict(net.stateDict())
  expect(other.stateDict()['0.weight'].toArray()).toEqual(before)
})

test('hooks run with forward and backward, and may replace what goes by', () => {
  const layer = new nn.Identity()
  const seen: string[] = []
  const pre = layer.registerForwardPreHook((_, [x]) => [x.mul(2)])
  layer.registerForwardHook((_, args, out) => {
    seen.push(`forward ${args[0].item()} ${out.item()}`)
    return out.add(1)
  })
  layer.registerFullBackwardPreHook((_, [g]) => [g === null ? null : g.mul(10)])
  layer.registerFullBackwardHook((_, [input], [output]) => {
    seen.push(`backward ${input?.item()} ${output?.item()}`)
    return [input === null ? null : input.mul(3)]
  })
  const x = tensor(1.5).requiresGrad_()
  layer.forward(x).backward()
  expect(seen).toEqual(['forward 3 3', 'backward 10 10'])
  expect(x.grad?.item()).toBe(60)
  pre.remove()
  expect(layer.forward(x).item()).toBe(2.5)
})

test('conversion keeps parameters and their identity', () => {
  const net = new nn.BatchNorm1d(2)
  const [weight] = net.parameters()
  weight.grad = ones([2])
  net.double()
  expect([weight === net.weight, weight.dtype, weight.grad?.dtype, net.runningMean?.dtype, net.numBatchesTracked?.dtype]).toEqual([
    true, 'float64', 'float64', 'float64', 'int64',
  ]) // biome-ignore format: dtypes
  net.requiresGrad_(false)
  expect(weight.requiresGrad).toBe(false)
  net.zeroGrad({ setToNull: false })
  expect(weight.grad?.toArray()).toEqual([0, 0])
  net.zeroGrad()
  expect(weight.grad).toBeNull()
  expect(net.eval().training).toBe(false)
})

test('names that cannot be are refused', () => {
  const layer = new nn.Identity()
  for (const name of ['', 'a.b', 'forward', 'training'])
    expect(() => layer.registerBuffer(name, zeros([1]))).toThrow(ArgumentError)
  expect(() => new nn.ModuleDict({ 'a.b': layer })).toThrow(ArgumentError)
  expect(() => new nn.ModuleList([layer]).at(1)).toThrow('[-1, 0]')
})

// torch.manual_seed(0); the first values of torch.nn.Linear(4, 3).weight and .bias, Conv2d(4, 6, (3, 2), groups=2).weight,
// torch.nn.init.trunc_normal_(torch.empty(6, 5), 0.5, 1.0, -1, 1.5), orthogonal_(torch.empty(6, 4), 1.5), and so on.
test('layers and nn.init draw the numbers of PyTorch', () => {
  const first = (make: () => Tensor): number[] => {
    manualSeed(0)
    return noGrad(() => [...(make().detach().clone().data() as Float32Array)].slice(0, 3))
  }
  const { init } = nn
  const rows: [() => Tensor, number[]][] = [
    [() => new nn.Linear(4, 3).weight, [-0.00374341, 0.2682218, -0.4115226]],
    [() => new nn.Conv2d(4, 6, [3, 2], { groups: 2 }).weight, [-0.002161259, 0.1548579, -0.2375927]],
    [() => new nn.Embedding(5, 4, { paddingIdx: 1 }).weight, [-1.12584, -1.15236, -0.2505786]],
    [() => init.xavierNormal_(zeros([5, 4, 3])), [-0.3064148, -0.3136327, -0.06819885]],
    [
      () => init.kaimingUniform_(zeros([5, 4, 3]), { mode: 'fan_out', nonlinearity: 'relu' }),
      [-0.004735081, 0.3392767, -0.5205395],
    ],
    [() => init.truncNormal_(zeros([6, 5]), 0.5, 1, -1, 1.5), [-0.6258398, -0.6523602, 0.2494214]],
    [() => init.truncNormal_(zeros([6, 5]), 0, 0.02), [-0.0225168, -0.0230472, -0.005011572]],
    [() => init.orthogonal_(zeros([6, 4]), 1.5), [-0.9046285, -0.238462, 0.3259851]],
    [() => init.sparse_(zeros([6, 5]), 0.3), [0, -0.0115236, -0.002505786]],
    [() => init.dirac_(zeros([4, 2, 3, 3]), 2), [0, 0, 0]],
  ]
  for (const [make, want] of rows) {
    const got = first(make)
    want.forEach((value, i) => {
      expect(got[i]).toBeCloseTo(value, 5)
    })
  }
})

test('clipping, and vectors of parameters', () => {
  const a = new nn.Parameter(ones([2]))
  const b = new nn.Parameter(ones([1, 2]))
  a.grad = tensor([3, 0])
  b.grad = tensor([[0, 4]])
  expect(nn.utils.clipGradNorm_([a, b], 1).item()).toBeCloseTo(5)
  expect(a.grad.at(0).item()).toBeCloseTo(0.6)
  nn.utils.clipGradValue_([a, b], 0.5)
  expect(b.grad.toArray()).toEqual([[0, 0.5]])
  expect(nn.utils.parametersToVector([a, b]).shape).toEqual([4])
  nn.utils.vectorToParameters(tensor([1, 2, 3, 4]), [a, b])
  expect(b.toArray()).toEqual([[3, 4]])
  expect(() => nn.utils.vectorToParameters(tensor([1]), [a])).toThrow(ArgumentError)
})

test('a layer passes the gradient check', () => {
  const layer = new nn.Bilinear(2, 3, 2, { dtype: 'float64' })
  const [x, y] = [
    ones([2, 2], { dtype: 'float64' }).requiresGrad_(),
    ones([2, 3], { dtype: 'float64' }).requiresGrad_(),
  ]
  expect(gradcheck((a: Tensor, b: Tensor) => layer.forward(a, b), [x, y])).toBe(true)
})
