// Recursive linear filters.
import * as kernels from '../binding/kernels.gen.js'
import { DTypeError, ShapeError } from '../errors.js'
import { alias, allocate } from '../tensor/create.js'
import { formatShape } from '../tensor/shape.js'
import type { Tensor } from '../tensor/tensor.js'
import { mul, neg } from './arithmetic.js'
import { onesLike } from './creation.js'
import { composite, primitive } from './dispatch.js'
import { contiguousRaw } from './inplace.js'
import { stack } from './joining.js'
import { type FunctionOp, saving } from './record.js'
import { sum } from './reductions.js'
import { narrow } from './slicing.js'

/** The values in reverse order along the last dimension, in the same memory: the kernel takes negative strides. */
function reversed(t: Tensor): Tensor {
  if (t.shape[2] === 0) return t
  const [batch, channel, step] = t.strides
  return alias(t, t.shape, [batch, channel, -step], t.offset + (t.shape[2] - 1) * step)
}

type Filter = FunctionOp<[input: Tensor, a: Tensor, b: Tensor, backwards: boolean], Tensor>

const filter: Filter = primitive({
  signature: '_linear_filter(input, a, b, backwards)',
  forward(input: Tensor, a: Tensor, b: Tensor, backwards: boolean) {
    const out = allocate(input.shape, input.dtype, input.device)
    if (backwards) kernels.linearFilter(reversed(out), reversed(input), contiguousRaw(a), contiguousRaw(b))
    else kernels.linearFilter(out, input, contiguousRaw(a), contiguousRaw(b))
    return saving(out, input, a, b, out, backwards)
  },
  // A y = B x. With h, the result of 1 / A in the other direction of time on the gradient:
  // dx = Bᵀ h, db[k] = Σ h[t] x[t - k], da[k] = -Σ h[t] y[t - k]
  backward(grad, [input, a, b, out, backwards], needs) {
    const h = filter(grad, a, onesLike(narrow(a, 1, 0, 1)), !backwards)
    return [
      needs(0) ? filter(h, onesLike(narrow(a, 1, 0, 1)), b, !backwards) : null,
      needs(1) ? neg(lagged(h, out, a.shape[1], backwards)) : null,
      needs(2) ? lagged(h, input, b.shape[1], backwards) : null,
    ]
  },
})

/** Σ h[t] x[t - k] over batch and time for each lag k, or with t + k where time runs backwards. @returns [C, lags] */
function lagged(h: Tensor, x: Tensor, lags: number, backwards: boolean): Tensor {
  const length = h.shape[2]
  const at = (k: number): Tensor => {
    const n = Math.max(0, length - k)
    const shift = Math.min(k, length)
    const product = mul(narrow(h, 2, backwards ? 0 : shift, n), narrow(x, 2, backwards ? shift : 0, n))
    return sum(product, [0, 2])
  }
  return stack(
    Array.from({ length: lags }, (_, k) => at(k)),
    1,
  )
}

/**
 * The linear filter of a difference equation, along the last dimension, from rest:
 * `a[0] y[t] = Σ b[k] x[t - k] - Σ a[k > 0] y[t - k]`, computed in double precision. Its derivative is such a filter too.
 *
 * @param input the signals, shape [N, C, T]
 * @param a what feeds back, shape [C, P]; `a[0]` is not 0
 * @param b what feeds forward, shape [C, Q]
 * @returns shape [N, C, T]
 * @throws ShapeError where the coefficients are not those of C channels
 * @example
 * ```ts
 * import { linearFilter, tensor } from '@flambeau/core'
 * const impulse = tensor([[[1, 0, 0, 0]]])
 * console.log(linearFilter(impulse, tensor([[1, -0.5]]), tensor([[1]])).toArray()) // → [ [ [ 1, 0.5, 0.25, 0.125 ] ] ]
 * ```
 */
export const linearFilter: FunctionOp<[input: Tensor, a: Tensor, b: Tensor], Tensor> = composite(
  'linear_filter(input, a, b)',
  (input: Tensor, a: Tensor, b: Tensor): Tensor => {
    if (input.dtype !== 'float32' && input.dtype !== 'float64')
      throw new DTypeError(`linear_filter: expected input of dtype float32 or float64, got ${input.dtype}`)
    if (input.ndim !== 3)
      throw new ShapeError(`linear_filter: expected input of shape [N, C, T], got ${formatShape(input.shape)}`)
    for (const [name, t] of [
      ['a', a],
      ['b', b],
    ] as const) {
      if (t.ndim !== 2 || t.shape[0] !== input.shape[1] || t.shape[1] === 0)
        throw new ShapeError(
          `linear_filter: expected ${name} of shape [${input.shape[1]}, 1 or more] for input ${formatShape(input.shape)}, got ${formatShape(t.shape)}`,
        )
      if (t.dtype !== input.dtype)
        throw new DTypeError(`linear_filter: expected ${name} of the input's dtype ${input.dtype}, got ${t.dtype}`)
    }
    return filter(input, a, b, false)
  },
)
