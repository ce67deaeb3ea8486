// Gradients and parameters of a whole model at once.
import { noGrad } from '../../autograd/mode.js'
import { ArgumentError, describe } from '../../errors.js'
import { fillRaw } from '../../ops/creation.js'
import { cat, copy_, detach, reshape, to } from '../../ops/index.js'
import { reduceRaw } from '../../ops/reduce.js'
import type { Tensor } from '../../tensor/tensor.js'
import { Tensor as TensorClass } from '../../tensor/tensor.js'

type Tensors = Tensor | Iterable<Tensor>

const gradients = (parameters: Tensors): Tensor[] =>
  (parameters instanceof TensorClass ? [parameters] : [...parameters]).flatMap(({ grad }) =>
    grad === null ? [] : [grad],
  )

/** The norm of all elements; a tensor without dimensions. */
function norm(t: Tensor, p: number): Tensor {
  const dims = t.shape.map((_, d) => d)
  const value = detach(t)
  if (p === 1) return reduceRaw('norm1', value, dims, false, t.dtype)
  if (p === 2) return reduceRaw('norm2', value, dims, false, t.dtype)
  if (p === Number.POSITIVE_INFINITY) return reduceRaw('normInf', value, dims, false, t.dtype)
  if (p === Number.NEGATIVE_INFINITY) return reduceRaw('normNegInf', value, dims, false, t.dtype)
  return reduceRaw('normP', value, dims, false, t.dtype, p)
}

/** The norm of all tensors together, as if they were one vector. @param normType the p of the norm, infinity included */
export function getTotalNorm(tensors: Iterable<Tensor>, normType = 2): Tensor {
  const list = [...tensors]
  if (list.length === 0) return fillRaw([], 0, 'float32', 'cpu')
  return noGrad(() => norm(cat(list.map((t) => reshape(norm(t, normType), [1]))), normType))
}

export interface ClipOptions {
  /** The p of the norm. Default 2. */
  readonly normType?: number
  /** Throw where the norm is not finite. Default false. */
  readonly errorIfNonfinite?: boolean
}

/**
 * Scales the gradients so that their norm, taken over all of them together, is at most `maxNorm`.
 *
 * @returns the norm before
 */
export function clipGradNorm_(
  parameters: Tensors,
  maxNorm: number,
  { normType = 2, errorIfNonfinite = false }: ClipOptions = {},
): Tensor {
  const grads = gradients(parameters)
  const total = getTotalNorm(grads, normType)
  if (errorIfNonfinite && !Number.isFinite(total.item<number>()))
    throw new ArgumentError(
      `clipGradNorm_: the norm of order ${normType} of the gradients is not finite, so they cannot be clipped`,
    )
  scaleTo(grads, maxNorm, total)
  return total
}

function scaleTo(grads: readonly Tensor[], maxNorm: number, total: Tensor): void {
  noGrad(() => {
    const scale = total.add(1e-6).reciprocal().mul(maxNorm).clamp(undefined, 1)
    for (const grad of grads) grad.mul_(to(scale, grad.dtype))
  })
}

/** Scales the gradients as `clipGradNorm_` does, by a norm that is known, such as one taken over several models. */
export function clipGradsWithNorm_(parameters: Tensors, maxNorm: number, totalNorm: Tensor): void {
  scaleTo(gradients(parameters), maxNorm, totalNorm)
}

/** Limits each element of the gradients to [-clipValue, clipValue]. */
export function clipGradValue_(parameters: Tensors, clipValue: number): void {
  noGrad(() => {
    for (const grad of gradients(parameters)) grad.clamp_(-clipValue, clipValue)
  })
}

/** All parameters in one vector, one after the other. */
export const parametersToVector = (parameters: Iterable<Tensor>): Tensor =>
  cat(Array.from(parameters, (t) => reshape(t, [-1])))

/** Copies the parts of a vector to the parameters. @throws ArgumentError when there are not as many elements */
export function vectorToParameters(vector: Tensor, parameters: Iterable<Tensor>): void {
  if (!(vector instanceof TensorClass))
    throw new ArgumentError(`vectorToParameters: expected a tensor, got ${describe(vector)}`)
  const list = [...parameters]
  const wanted = list.reduce((n, t) => n + t.numel(), 0)
  if (vector.numel() !== wanted)
    throw new ArgumentError(`vectorToParameters: expected ${wanted} elements, got ${vector.numel()}`)
  noGrad(() => {
    let at = 0
    for (const parameter of list) {
      const n = parameter.numel()
      copy_(parameter, reshape(vector.narrow(0, at, n), parameter.shape))
      at += n
    }
  })
}
