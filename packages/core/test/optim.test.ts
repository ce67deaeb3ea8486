// Values are held against PyTorch by the cases of test/conformance; here is what no case says.
import { ArgumentError, nn, ones, optim, type Tensor, tensor } from '@flambeau/core'
import { expect, test } from '@jest/globals'

type Make = (params: optim.Params<optim.OptimizerOptions>) => optim.Optimizer
const makers: [string, Make][] = [
  ['SGD', (p) => new optim.SGD(p, { lr: 0.1, momentum: 0.9 })],
  ['Adam', (p) => new optim.Adam(p, { amsgrad: true })],
  ['AdamW', (p) => new optim.AdamW(p)],
  ['RMSprop', (p) => new optim.RMSprop(p, { centered: true, momentum: 0.5 })],
  ['Adagrad', (p) => new optim.Adagrad(p)],
  ['Adadelta', (p) => new optim.Adadelta(p)],
  ['Adamax', (p) => new optim.Adamax(p)],
  ['NAdam', (p) => new optim.NAdam(p)],
  ['RAdam', (p) => new optim.RAdam(p)],
  ['ASGD', (p) => new optim.ASGD(p)],
  ['Rprop', (p) => new optim.Rprop(p)],
  ['Adafactor', (p) => new optim.Adafactor(p)],
  ['Muon', (p) => new optim.Muon(p)],
]

const matrix = (): nn.Parameter => new nn.Parameter(tensor([[1, -2], [0.5, 3]])) // biome-ignore format: a matrix
const gradient = (step: number): Tensor => tensor([[0.3, -0.1 * step], [0.7, 0.2]]) // biome-ignore format: a matrix

function run(optimizer: optim.Optimizer, parameter: Tensor, from: number, to: number): void {
  for (let step = from; step < to; step++) {
    parameter.grad = gradient(step).to(parameter.dtype)
    optimizer.step()
  }
}

test.each(makers)('%s goes on from its state dict', (_, make) => {
  const [a, b] = [matrix(), matrix()]
  const first = make([a])
  run(first, a, 0, 3)
  b.detach().copy_(a.detach())
  const second = make([b])
  second.loadStateDict(first.stateDict())
  run(first, a, 3, 5)
  run(second, b, 3, 5)
  expect(b.toArray()).toEqual(a.toArray())
})

test.each(makers)('%s takes a parameter that lies otherwise in memory, and 16-bit floats', (_, make) => {
  const plain = matrix()
  const turned = new nn.Parameter(plain.detach().permute([1, 0]).clone().permute([1, 0]))
  const half = new nn.Parameter(plain.detach().to('bfloat16'))
  for (const parameter of [plain, turned, half]) run(make([parameter]), parameter, 0, 3)
  expect(turned.toArray()).toEqual(plain.toArray())
  const off = half.detach().to('float32').sub(plain.detach()).abs().sum().item()
  expect(off).toBeLessThan(0.15)
})

// p = torch.nn.Parameter(torch.tensor([1.])); o = torch.optim.Adam([p]); p.grad = torch.tensor([1.]); o.step(); o.state_dict()
test('state dicts are in the structure of PyTorch', () => {
  const p = new nn.Parameter(ones([1]))
  const optimizer = new optim.Adam([p])
  p.grad = ones([1])
  optimizer.step()
  const { state, param_groups } = optimizer.stateDict()
  expect(Object.keys(state[0])).toEqual(expect.arrayContaining(['step', 'exp_avg', 'exp_avg_sq']))
  expect((state[0].step as Tensor).dtype).toBe('float32')
  expect(param_groups).toEqual([
    {
      lr: 1e-3,
      betas: [0.9, 0.999],
      eps: 1e-8,
      weight_decay: 0,
      amsgrad: false,
      maximize: false,
      foreach: null,
      capturable: false,
      differentiable: false,
      fused: null,
      decoupled_weight_decay: false,
      params: [0],
    },
  ])
})

test('groups have options of their own, and can be added', () => {
  const [a, b, c] = [new nn.Parameter(ones([1])), new nn.Parameter(ones([1])), new nn.Parameter(ones([1]))]
  const optimizer = new optim.SGD([{ params: a, lr: 0.5 }, { params: [b] }], { lr: 0.1 })
  optimizer.addParamGroup({ params: c, weightDecay: 1 })
  for (const p of [a, b, c]) p.grad = ones([1])
  optimizer.step()
  expect([a, b, c].map((p) => p.item())).toEqual([0.5, Math.fround(0.9), Math.fround(0.8)])
  optimizer.zeroGrad()
  expect(a.grad).toBeNull()
})

test('a step notices what must not be used in backward any more', () => {
  const p = new nn.Parameter(ones([2]))
  const loss = p.mul(p).sum()
  p.grad = ones([2])
  new optim.SGD([p]).step()
  expect(() => loss.backward()).toThrow('modified in place')
})

test('a closure computes the loss again', () => {
  const p = new nn.Parameter(tensor([3]))
  const optimizer = new optim.LBFGS([p], { lineSearchFn: 'strong_wolfe' })
  const closure = (): Tensor => {
    optimizer.zeroGrad()
    const loss = p.sub(1).square().sum()
    loss.backward()
    return loss
  }
  expect(optimizer.step(closure).item()).toBe(4)
  expect(p.item()).toBeCloseTo(1)
})

test('hooks see steps', () => {
  const p = new nn.Parameter(ones([1]))
  const optimizer = new optim.SGD([p])
  const seen: string[] = []
  optimizer.registerStepPreHook(() => void seen.push('before'))
  const after = optimizer.registerStepPostHook(() => void seen.push('after'))
  optimizer.step()
  after.remove()
  optimizer.step()
  expect(seen).toEqual(['before', 'after', 'before'])
})

test('refuses what cannot be optimized', () => {
  const p = new nn.Parameter(ones([1]))
  for (const bad of [
    () => new optim.SGD([]),
    () => new optim.SGD([p], { lr: -1 }),
    () => new optim.SGD([p, p]),
    () => new optim.SGD([p], { nesterov: true }),
    () => new optim.Adam([p.mul(2)]),
    () => new optim.Adam([p], { betas: [1, 0] }),
    () => new optim.Muon([p]),
    () => new optim.SGD([p]).loadStateDict({ state: {}, param_groups: [] }),
  ])
    expect(bad).toThrow(ArgumentError)
})
