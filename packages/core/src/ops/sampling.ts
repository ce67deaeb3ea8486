// Draws whose parameters are tensors: Poisson, binomial, gamma and Dirichlet, in PyTorch's order of engine calls.
import * as kernels from '../binding/kernels.gen.js'
import { explaining } from '../binding/status.js'
import { ArgumentError, DTypeError, describe, ShapeError } from '../errors.js'
import { allocate } from '../tensor/create.js'
import { type DType, isFloating } from '../tensor/dtype.js'
import { broadcastShapes, formatShape } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import { mul, sub, zeroGrad } from './arithmetic.js'
import { to } from './copies.js'
import { primitive } from './dispatch.js'
import { clamp } from './extrema.js'
import { type DrawOptions, stateOf } from './generator.js'
import { type Op, saving } from './record.js'
import { sum } from './reductions.js'
import { expand } from './views.js'

const HALVES: readonly DType[] = ['float16', 'bfloat16']

function checkFloat(operation: string, tensors: readonly Tensor[], refused = HALVES): DType {
  for (const t of tensors) {
    if (!(t instanceof Tensor)) throw new ArgumentError(`${operation}: expected a tensor, got ${describe(t)}`)
    if (!isFloating(t.dtype) || t.dtype !== tensors[0].dtype)
      throw new DTypeError(
        `${operation}: expected floating-point tensors of one dtype, got ${tensors.map(({ dtype }) => dtype).join(' and ')}`,
      )
    if (refused.includes(t.dtype)) throw new DTypeError(`${operation}: not implemented for ${t.dtype}`)
  }
  return tensors[0].dtype
}

/** Runs a kernel of the host on tensors of any device. */
function onHost(
  like: Tensor,
  dtype: DType,
  inputs: readonly Tensor[],
  run: (out: Tensor, host: Tensor[]) => void,
): Tensor {
  if (like.storage.meta) return allocate(like.shape, dtype, like.device)
  const out = allocate(like.shape, dtype, 'cpu')
  run(
    out,
    inputs.map((t) => to(t, 'cpu')),
  )
  return to(out, like.device)
}

const notNegative =
  (operation: string, name: string) =>
  ({ position }: { readonly position: number }): ArgumentError =>
    new ArgumentError(`${operation}: expected ${name} ≥ 0, element ${position} is not`)

/**
 * Whole numbers of Poisson distributions, one for each rate.
 *
 * @param self rates ≥ 0
 * @returns the shape and dtype of `self`
 * @throws ArgumentError where a rate is negative
 * @example
 * ```ts
 * import { manualSeed, poisson, tensor } from '@flambeau/core'
 * manualSeed(0)
 * console.log(poisson(tensor([1, 5, 20])).toArray()) // → [ 2, 6, 19 ]
 * ```
 */
export const poisson: Op<[self: Tensor, options?: DrawOptions]> = primitive({
  signature: 'poisson(self, {generator})',
  forward(self: Tensor, options?: DrawOptions) {
    const dtype = checkFloat('poisson', [self], [])
    const state = stateOf('poisson', options)
    const out = onHost(self, dtype, [self], (result, [rate]) => {
      explaining(notNegative('poisson', 'rates'), () => kernels.samplePoisson(result, rate, state))
    })
    return saving(out)
  },
  backward: (grad) => [zeroGrad(grad)],
})

/**
 * Numbers of successes in `count` trials of probability `prob`, element by element.
 *
 * @param self the numbers of trials
 * @param prob the probability of a success, of the same dtype; the shapes broadcast
 * @returns the shape that both broadcast to
 */
export const binomial: Op<[self: Tensor, prob: Tensor, options?: DrawOptions]> = primitive({
  signature: 'binomial(self, prob, {generator})',
  forward(self: Tensor, prob: Tensor, options?: DrawOptions) {
    const dtype = checkFloat('binomial', [self, prob])
    const shape = broadcastShapes('binomial', self.shape, prob.shape)
    const counts = expand(self, shape)
    const state = stateOf('binomial', options)
    const out = onHost(counts, dtype, [counts, expand(prob, shape)], (result, [count, p]) => {
      kernels.sampleBinomial(result, count, p, state)
    })
    return saving(out)
  },
  backward: (grad) => [zeroGrad(grad), zeroGrad(grad)],
})

const gammaGrad: Op<[self: Tensor, output: Tensor]> = primitive({
  signature: '_standard_gamma_grad(self, output)',
  forward(self: Tensor, output: Tensor) {
    const dtype = checkFloat('_standard_gamma_grad', [self, output])
    const out = onHost(self, dtype, [self, output], (result, [alpha, x]) => {
      kernels.gammaSampleGrad(result, alpha, x)
    })
    return saving(out)
  },
})

/**
 * Draws of gamma distributions of rate 1, one for each shape parameter. The gradient is that of the draw as the
 * parameter moves (implicit reparameterization, [Figurnov et al., 2018](https://arxiv.org/abs/1805.08498)).
 *
 * @param self shape parameters > 0
 * @throws ArgumentError where a parameter is negative
 */
export const standardGamma: Op<[self: Tensor, options?: DrawOptions]> = primitive({
  signature: '_standard_gamma(self, {generator})',
  forward(self: Tensor, options?: DrawOptions) {
    const dtype = checkFloat('_standard_gamma', [self])
    const state = stateOf('_standard_gamma', options)
    const out = onHost(self, dtype, [self], (result, [alpha]) => {
      explaining(notNegative('_standard_gamma', 'parameters'), () => kernels.sampleGamma(result, alpha, state))
    })
    return saving(out, self, out)
  },
  backward: (grad, [self, out]) => [mul(grad, gammaGrad(self, out))],
})

const dirichletGrad: Op<[self: Tensor, alpha: Tensor, total: Tensor]> = primitive({
  signature: '_dirichlet_grad(self, alpha, total)',
  forward(self: Tensor, alpha: Tensor, total: Tensor) {
    const dtype = checkFloat('_dirichlet_grad', [self, alpha, total])
    const out = onHost(self, dtype, [self, alpha, total], (result, [x, a, t]) => {
      kernels.dirichletSampleGrad(result, x, a, t)
    })
    return saving(out)
  },
})

/** The smallest normal number, and the largest below 1. */
const OPEN_UNIT: Partial<Record<DType, readonly [number, number]>> = {
  float64: [2 ** -1022, 1 - 2 ** -53],
  float32: [2 ** -126, 1 - 2 ** -24],
}

/**
 * Draws of Dirichlet distributions: positive numbers along the last dimension whose sum is 1, by gamma draws. The
 * gradient is that of the draw as the parameters move.
 *
 * @param self concentrations > 0, shape [*, k]
 */
export const sampleDirichlet: Op<[self: Tensor, options?: DrawOptions]> = primitive({
  signature: '_sample_dirichlet(self, {generator})',
  forward(self: Tensor, options?: DrawOptions) {
    const dtype = checkFloat('_sample_dirichlet', [self])
    if (self.ndim === 0)
      throw new ShapeError(`_sample_dirichlet: expected at least 1 dimension, got shape ${formatShape(self.shape)}`)
    const gamma = standardGamma(to(self, 'float64'), options)
    const [low, high] = OPEN_UNIT[dtype] ?? [0, 1]
    const out = clamp(to(gamma.div(sum(gamma, -1, { keepdim: true })), dtype), low, high)
    return saving(out, self, out)
  },
  backward(grad, [self, out]) {
    const total = expand(sum(self, -1, { keepdim: true }), self.shape)
    return [mul(dirichletGrad(out, self, total), sub(grad, sum(mul(out, grad), -1, { keepdim: true })))]
  },
})
