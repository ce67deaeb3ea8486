// Weights, inputs and probes that the other side makes by the same formula (support/weights.py).
import { arange, noGrad } from '@flambeau/core'

/** Element i is scale · sin(i² mod 997 + seed). */
export function wave(shape, seed, scale) {
  const n = shape.reduce((a, b) => a * b, 1)
  const i = arange(0, n, 1, { dtype: 'float64' })
  return i.mul(i).remainder(997).add(seed).sin().mul(scale).to('float32').reshape(shape)
}

/** Gives every matrix values of its own and every bias zeros; the weights of normalizations stay 1. */
export function fill(module, scale) {
  noGrad(() => {
    Array.from(module.namedParameters()).forEach(([name, p], k) => {
      if (p.ndim >= 2) p.copy_(wave(p.shape, k, scale))
      else if (name.split('.').at(-1).startsWith('bias')) p.zero_()
    })
  })
  return module
}

/** Three numbers that stand for a tensor. */
export const probe = (t) => {
  const x = t.detach().to('float64')
  return [
    x.sum().item(),
    x.abs().sum().item(),
    x
      .mul(wave(t.shape, 1, 1).to('float64'))
      .sum()
      .item(),
  ]
}

/** Loss, gradients and updated parameters of one step, by name. */
export function checked(module, step) {
  const result = { loss: [step()] }
  for (const [name, p] of module.namedParameters()) {
    result[`gradient of ${name}`] = probe(p.grad)
    result[`updated ${name}`] = probe(p)
  }
  return result
}
