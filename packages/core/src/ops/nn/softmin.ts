// Softmax and its kin as functions of `F`.
import type { Tensor } from '../../tensor/tensor.js'
import { neg } from '../arithmetic.js'
import { composite } from '../dispatch.js'
import type { FunctionOp } from '../record.js'
import { type SoftmaxOptions, softmax } from '../softmax.js'

export { logSoftmax, type SoftmaxOptions, softmax } from '../softmax.js'

/** Softmax of the negated input along `dim`. */
export const softmin: FunctionOp<[input: Tensor, dim: number, options?: SoftmaxOptions], Tensor> = composite(
  'nn.functional.softmin(input, dim, {dtype})',
  (input: Tensor, dim: number, options: SoftmaxOptions = {}): Tensor => softmax(neg(input), dim, options),
)
