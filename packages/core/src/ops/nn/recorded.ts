// Derivatives of fused backward passes.
import { grad as gradientsOf } from '../../autograd/engine.js'
import type { Tensor } from '../../tensor/tensor.js'
import { view } from '../views.js'

/**
 * The gradients of `body` at `inputs`, recorded so that they can be differentiated again: what the backward pass of an
 * operator with a fused kernel gives under `createGraph`, from the composite of that operator.
 */
export function recordedGradients(
  inputs: readonly Tensor[],
  grad: Tensor,
  needs: (i: number) => boolean,
  body: (inputs: readonly Tensor[]) => Tensor,
): (Tensor | null)[] {
  // Views have nodes of their own: an input that depends on another one is not counted twice.
  const own = inputs.map((t) => view(t, t.shape))
  const wanted = own.filter((t, i) => needs(i) && t.requiresGrad)
  if (wanted.length === 0) return inputs.map(() => null)
  const found = gradientsOf([body(own)], wanted, { gradOutputs: [grad], createGraph: true, allowUnused: true })
  return own.map((t) => (wanted.includes(t) ? found[wanted.indexOf(t)] : null))
}
