// Chains of elementwise operators on a million floats and reductions of them, which `compile` fuses; chains.py has the same.
import { compile, noGrad, randn, where } from '@flambeau/core'

const LINE = [1_000_000]
const ROWS = [1000, 1000]

/** The shapes of a chain's arguments, and the chain. */
const functions = {
  'tanh(a·b+a)·sigmoid(b) − sqrt(exp a)': [
    [LINE, LINE],
    (a, b) => a.mul(b).add(a).tanh().mul(b.sigmoid()).sub(a.exp().sqrt()),
  ],
  'gelu by tanh': [[LINE], (x) => x.add(x.mul(x).mul(x).mul(0.044715)).mul(0.7978845608).tanh().add(1).mul(x).mul(0.5)],
  'swiglu with bias': [
    [ROWS, [1000], ROWS],
    (x, bias, gate) => {
      const y = x.add(bias)
      return y.mul(y.sigmoid()).mul(gate)
    },
  ],
  'huber of a difference': [
    [LINE, LINE],
    (a, b) => {
      const d = a.sub(b).abs()
      return where(d.lt(1), d.mul(d).mul(0.5), d.sub(0.5))
    },
  ],
  'standardized and clipped': [
    [ROWS, [1000], [1000]],
    (x, mean, scale) => x.sub(mean).mul(scale.exp()).clamp(-3, 3).div(x.mul(x).add(1).sqrt()),
  ],
  'ending in a sum': [[LINE, LINE], (a, b) => a.sub(b).square().mul(a.sigmoid()).sum()],
  'mean squared error': [[ROWS, ROWS], (a, b) => a.sub(b).square().mean()],
  'penalty of squares and sizes': [[LINE], (a) => a.square().sum().mul(0.01).add(a.abs().sum().mul(0.001))],
  'sums of rows': [[ROWS, ROWS], (a, b) => a.mul(b).tanh().sum(1)],
  'largest of columns': [[ROWS, [1000]], (a, b) => a.mul(b).abs().amax(0)],
  'softmax by hand': [
    [ROWS],
    (x) => {
      const e = x.sub(x.amax(-1, { keepdim: true })).exp()
      return e.div(e.sum(-1, { keepdim: true }))
    },
  ],
  'layer norm by hand': [
    [ROWS, [1000], [1000]],
    (x, weight, bias) => {
      const d = x.sub(x.mean(-1, { keepdim: true }))
      const scale = d.square().mean(-1, { keepdim: true }).add(1e-5).rsqrt()
      return d.mul(scale).mul(weight).add(bias)
    },
  ],
  'root mean square norm by hand': [
    [ROWS, [1000]],
    (x, weight) => x.mul(x.square().mean(-1, { keepdim: true }).add(1e-6).rsqrt()).mul(weight),
  ],
  'cross entropy of probabilities': [
    [ROWS, ROWS],
    (x, target) => {
      const largest = x.amax(-1, { keepdim: true })
      const total = x.sub(largest).exp().sum(-1, { keepdim: true }).log().add(largest)
      return total.sub(x).mul(target).sum(-1).mean()
    },
  ],
}

const forward = (shapes, call) => () => {
  const inputs = shapes.map((shape) => randn(shape))
  return () => noGrad(() => call(...inputs))
}

const training = (shapes, call) => () => {
  const inputs = shapes.map((shape) => randn(shape).requiresGrad_())
  const g = randn(noGrad(() => call(...inputs)).shape)
  return () => {
    for (const t of inputs) t.grad = null
    const y = call(...inputs)
    y.backward(g)
    return () => [y, ...inputs.map((t) => t.grad)]
  }
}

/** Cases like the suite's, the functions compiled or not. */
export const chains = (compiled) =>
  Object.fromEntries(
    Object.entries(functions).flatMap(([name, [shapes, call]]) =>
      [
        [name, forward],
        [`${name}, and backward`, training],
      ].map(([title, kind]) => [title, { prepare: () => kind(shapes, compiled ? compile(call) : call)() }]),
    ),
  )
