// Chains of elementwise operators on a million floats, which `compile` fuses; chains.py has the same.
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
    return [y, ...inputs.map((t) => t.grad)]
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
