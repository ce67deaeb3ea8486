// Affine maps.
import * as kernels from '../../binding/kernels.gen.js'
import { DTypeError, ShapeError } from '../../errors.js'
import { alias, allocate } from '../../tensor/create.js'
import { formatShape } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { conj } from '../complex.js'
import { composite, primitive } from '../dispatch.js'
import { matmul } from '../matmul.js'
import { type FunctionOp, saving } from '../record.js'
import { sumToSize } from '../reductions.js'
import { permute, reshape } from '../views.js'

/** x · Wᵀ + b in one call. input: [M, K], weight: [N, K], bias: [N] or none. */
const affine: FunctionOp<[input: Tensor, weight: Tensor, bias: Tensor | null], Tensor> = primitive({
  signature: '_linear(input, weight, bias)',
  forward(input: Tensor, weight: Tensor, bias: Tensor | null) {
    const [m] = input.shape
    const [n, k] = weight.shape
    const out = allocate([m, n], input.dtype, input.device)
    kernels.matmul(out, input, alias(weight, [k, n], [weight.strides[1], weight.strides[0]]), bias)
    return saving(out, input, weight, bias !== null)
  },
  backward(grad, [input, weight, hasBias], needs) {
    const gradInput = needs(0) ? matmul(grad, conj(weight)) : null
    const gradWeight = needs(1) ? matmul(permute(grad, [1, 0]), conj(input)) : null
    if (!hasBias) return [gradInput, gradWeight]
    return [gradInput, gradWeight, needs(2) ? reshape(sumToSize(grad, [1, weight.shape[0]]), [weight.shape[0]]) : null]
  },
})

/**
 * The affine map x · Wᵀ + b over the last dimension.
 *
 * @param input shape […, K]
 * @param weight shape [N, K], or [K] for a map to one number
 * @param bias shape [N], or null
 * @returns shape […, N]
 * @throws ShapeError when the sizes do not fit
 * @example
 * ```ts
 * import { F, ones } from '@flambeau/core'
 * console.log(F.linear(ones([5, 3]), ones([2, 3]), ones([2])).shape) // → [ 5, 2 ]
 * ```
 */
export const linear: FunctionOp<[input: Tensor, weight: Tensor, bias?: Tensor | null], Tensor> = composite(
  'nn.functional.linear(input, weight, bias)',
  (input: Tensor, weight: Tensor, bias: Tensor | null = null): Tensor => {
    const k = input.shape[input.ndim - 1]
    if (weight.ndim < 1 || weight.ndim > 2 || input.ndim < 1 || weight.shape[weight.ndim - 1] !== k)
      throw new ShapeError(
        `linear: expected input […, K] and weight [N, K], got input ${formatShape(input.shape)} and weight ${formatShape(weight.shape)}`,
      )
    for (const t of [weight, bias])
      if (t !== null && t.dtype !== input.dtype)
        throw new DTypeError(`linear: expected weight and bias of the input's dtype ${input.dtype}, got ${t.dtype}`)
    if (weight.ndim === 1) {
      if (bias !== null && bias.ndim > 0)
        throw new ShapeError(
          `linear: expected a bias of shape [] with a weight of shape ${formatShape(weight.shape)}, got ${formatShape(bias.shape)}`,
        )
      const out = matmul(input, weight)
      return bias === null ? out : out.add(bias)
    }
    const n = weight.shape[0]
    if (bias !== null && (bias.ndim > 1 || (bias.ndim === 1 && bias.shape[0] !== n && bias.shape[0] !== 1)))
      throw new ShapeError(`linear: expected a bias of shape [${n}], got ${formatShape(bias.shape)}`)
    if (bias !== null && (bias.ndim !== 1 || bias.shape[0] !== n))
      return matmul(input, permute(weight, [1, 0])).add(bias)
    if (input.ndim === 2) return affine(input, weight, bias)
    const rows = affine(reshape(input, [input.shape.slice(0, -1).reduce((a, b) => a * b, 1), k]), weight, bias)
    return reshape(rows, [...input.shape.slice(0, -1), n])
  },
)
