import type { HookHandle } from '../../autograd/hooks.js'
import { noGrad } from '../../autograd/mode.js'
import { ArgumentError, describe } from '../../errors.js'
import { mv } from '../../ops/index.js'
import { allocate } from '../../tensor/create.js'
import { Parameter } from '../../tensor/parameter.js'
import type { Tensor } from '../../tensor/tensor.js'
import type { AnyModule } from '../module.js'
import { asMatrix, normalized, outputDim, parameterAt, wrapDim } from './entries.js'

export interface SpectralNormOptions {
  /** Steps of the power iteration at each call in training. Default 1. */
  readonly nPowerIterations?: number
  /** The least norm that is divided by. Default 1e-12. */
  readonly eps?: number
  /** The dimension of the outputs. Default 0; 1 for transposed convolutions. */
  readonly dim?: number | null
}

/** A direction drawn at random. */
export const direction = (like: Tensor, size: number, eps: number): Tensor =>
  normalized(allocate([size], like.dtype, like.device).normal_(0, 1), eps)

interface Normed {
  readonly handle: HookHandle
  readonly compute: (iterate: boolean) => Tensor
}
const normed = new WeakMap<AnyModule, Map<string, Normed>>()

/**
 * Divides a weight by its largest singular value, which a power iteration follows: before each `forward` it is
 * computed from `weight_orig`. [Miyato et al., 2018](https://arxiv.org/abs/1802.05957).
 * `parametrizations.spectralNorm` is its successor.
 *
 * @returns `module`
 */
export function spectralNorm<M extends AnyModule>(module: M, name = 'weight', options: SpectralNormOptions = {}): M {
  const { nPowerIterations = 1, eps = 1e-12 } = options
  if (!Number.isInteger(nPowerIterations) || nPowerIterations < 1)
    throw new ArgumentError(
      `spectralNorm: expected nPowerIterations to be an integer ≥ 1, got ${describe(nPowerIterations)}`,
    )
  const known = normed.get(module) ?? new Map<string, Normed>()
  if (known.has(name)) throw new ArgumentError(`spectralNorm: '${name}' has a spectral norm already`)
  const weight = parameterAt('spectralNorm', module, name)
  const dim = wrapDim('spectralNorm', options.dim ?? outputDim(module), weight)
  noGrad(() => {
    const matrix = asMatrix(weight, dim)
    const u = direction(weight, matrix.shape[0], eps)
    const v = direction(weight, matrix.shape[1], eps)
    module.unregister(name)
    module.registerParameter(`${name}_orig`, weight)
    Reflect.set(module, name, weight.detach())
    module.registerBuffer(`${name}_u`, u)
    module.registerBuffer(`${name}_v`, v)
  })
  const compute = (iterate: boolean): Tensor => {
    const original = parameterAt('spectralNorm', module, `${name}_orig`)
    const matrix = asMatrix(original, dim)
    if (iterate)
      noGrad(() => {
        for (let i = 0; i < nPowerIterations; i++) {
          const u = module.getBuffer(`${name}_u`)
          const v = module.getBuffer(`${name}_v`)
          v.copy_(normalized(mv(matrix.t(), u), eps))
          u.copy_(normalized(mv(matrix, v), eps))
        }
      })
    // Copies: the next call changes the buffers, and the gradient still needs these.
    const u = module.getBuffer(`${name}_u`).clone()
    const sigma = u.mul(mv(matrix, module.getBuffer(`${name}_v`).clone())).sum()
    return original.div(sigma)
  }
  const handle = module.registerForwardPreHook(() => {
    Reflect.set(module, name, compute(module.training))
  })
  normed.set(module, known.set(name, { handle, compute }))
  return module
}

/** Makes a parameter again of a weight under `spectralNorm`, divided by its norm. @returns `module` */
export function removeSpectralNorm<M extends AnyModule>(module: M, name = 'weight'): M {
  const found = normed.get(module)?.get(name)
  if (found === undefined)
    throw new ArgumentError(`removeSpectralNorm: '${name}' of ${module.constructor.name} has no spectral norm`)
  const weight = noGrad(() => found.compute(false))
  found.handle.remove()
  normed.get(module)?.delete(name)
  for (const key of [name, `${name}_u`, `${name}_v`, `${name}_orig`]) module.unregister(key)
  module.registerParameter(name, new Parameter(weight))
  return module
}
