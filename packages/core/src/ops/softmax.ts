// Softmax and its logarithm.
import * as kernels from '../binding/kernels.gen.js'
import { DTypeError } from '../errors.js'
import { allocate } from '../tensor/create.js'
import { type DType, isFloating } from '../tensor/dtype.js'
import { wrapDim } from '../tensor/shape.js'
import type { Tensor } from '../tensor/tensor.js'
import { mul, neg, sub } from './arithmetic.js'
import { eq } from './comparison.js'
import { maskedFill } from './conditional.js'
import { to } from './copies.js'
import { composite, primitive } from './dispatch.js'
import { type FunctionOp, type Op, saving } from './record.js'
import { checkInexact, dtypeOption } from './reduce.js'
import { all, sum } from './reductions.js'
import { exp } from './transcendental.js'

type BackwardData = FunctionOp<[gradOutput: Tensor, output: Tensor, dim: number, inputDtype: DType], Tensor>

/** The gradient of softmax, or of its logarithm, from that of the result and the result. */
const backwardData = (name: string, logarithm: boolean): BackwardData => {
  const op: BackwardData = primitive({
    signature: `${name}(grad_output, output, dim, input_dtype)`,
    forward(gradOutput: Tensor, output: Tensor, dim: number, inputDtype: DType) {
      const d = wrapDim(name, dim, output.ndim)
      const out = allocate(output.shape, output.dtype, output.device)
      kernels.softmaxBackward(out, gradOutput, output, d, logarithm)
      return saving(inputDtype === output.dtype ? out : to(out, inputDtype), gradOutput, output, d)
    },
    backward(grad, [g, y, dim]) {
      const total = (t: Tensor): Tensor => sum(t, dim, { keepdim: true })
      if (logarithm) {
        // g - exp(y) Σg
        const p = exp(y)
        return [sub(grad, total(mul(grad, p))), neg(mul(mul(grad, p), total(g)))]
      }
      // y (g - Σ g y)
      const dot = total(mul(grad, y))
      return [mul(y, sub(grad, dot)), sub(mul(grad, sub(g, total(mul(g, y)))), mul(g, dot))]
    },
  })
  return op
}

const softmaxBackwardData = backwardData('_softmax_backward_data', false)
const logSoftmaxBackwardData = backwardData('_log_softmax_backward_data', true)

type Normalize = FunctionOp<[input: Tensor, dim: number], Tensor>

const normalize = (logarithm: boolean): Normalize =>
  primitive({
    signature: `${logarithm ? '_log_softmax' : '_softmax'}(input, dim)`,
    forward(input: Tensor, dim: number) {
      const out = allocate(input.shape, input.dtype, input.device)
      kernels.softmax(out, input, dim, logarithm)
      return saving(out, out, dim)
    },
    backward: (grad, [out, dim]) => [
      (logarithm ? logSoftmaxBackwardData : softmaxBackwardData)(grad, out, dim, out.dtype),
    ],
  })

const probabilities = normalize(false)
const logProbabilities = normalize(true)

export interface SoftmaxOptions {
  /** Convert to this dtype first; the result has it. */
  readonly dtype?: DType
}

function prepared(name: string, input: Tensor, dim: number, dtype: DType | undefined): [Tensor, number] {
  const result = dtypeOption(name, dtype) ?? input.dtype
  checkInexact(name, result)
  if (!isFloating(result)) throw new DTypeError(`${name}: expected a floating-point dtype, got ${result}`)
  return [to(input, result), wrapDim(name, dim, input.ndim)]
}

/**
 * exp(x) / Σ exp(x) along `dim`: positive numbers that sum to one.
 *
 * @example
 * ```ts
 * import { tensor } from '@flambeau/core'
 * console.log(tensor([0, 0]).to('float32').softmax(0).toArray()) // → [ 0.5, 0.5 ]
 * ```
 */
export const softmax: Op<[self: Tensor, dim: number, options?: SoftmaxOptions]> = composite(
  'softmax(self, dim, {dtype})',
  (self: Tensor, dim: number, { dtype }: SoftmaxOptions = {}): Tensor =>
    probabilities(...prepared('softmax', self, dim, dtype)),
)

/** The logarithm of softmax along `dim`, without overflow. */
export const logSoftmax: Op<[self: Tensor, dim: number, options?: SoftmaxOptions]> = composite(
  'log_softmax(self, dim, {dtype})',
  (self: Tensor, dim: number, { dtype }: SoftmaxOptions = {}): Tensor =>
    logProbabilities(...prepared('log_softmax', self, dim, dtype)),
)

/** Softmax along `dim`, with zeros instead of NaN in lines that are -∞ throughout. */
export const safeSoftmax: FunctionOp<[input: Tensor, dim: number, options?: SoftmaxOptions], Tensor> = composite(
  '_safe_softmax(input, dim, {dtype})',
  (input: Tensor, dim: number, options: SoftmaxOptions = {}): Tensor => {
    const nothing = all(eq(input, -Infinity), dim, { keepdim: true })
    // Finite numbers there, so that no NaN enters the gradient.
    return maskedFill(softmax(maskedFill(input, nothing, 0), dim, options), nothing, 0)
  },
)
