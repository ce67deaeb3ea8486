// The derivative of a kernel's derivative: that of the operators that the kernel stands for.
import { grad } from '../../autograd/engine.js'
import type { Tensor } from '../../tensor/tensor.js'
import { view } from '../views.js'

/**
 * The gradients of `inputs` from those of what `compute` makes of them, so that they can be differentiated again. Costs
 * another forward pass; a fused backward kernel leaves to it what only second derivatives need.
 */
export function composedGradients(
  compute: (inputs: Tensor[]) => readonly Tensor[],
  inputs: readonly Tensor[],
  grads: readonly (Tensor | null)[],
): (Tensor | null)[] {
  // A node of its own for each: one input may be made of another, and their gradients must not run together.
  const own = inputs.map((t) => (t.requiresGrad ? view(t, [...t.shape]) : t))
  const outs: Tensor[] = []
  const gradOutputs: Tensor[] = []
  compute(own).forEach((out, i) => {
    const g = grads[i]
    if (!g || !out.requiresGrad) return
    outs.push(out)
    gradOutputs.push(g)
  })
  const wanted = own.filter((t) => t.requiresGrad)
  const found =
    outs.length > 0 && wanted.length > 0
      ? grad(outs, wanted, { gradOutputs, createGraph: true, allowUnused: true })
      : wanted.map(() => null)
  return own.map((t) => (t.requiresGrad ? (found.shift() ?? null) : null))
}
