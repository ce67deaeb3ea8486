// Activations that write their result into the input.
import type { Tensor } from '../../tensor/tensor.js'
import { inplace } from '../inplace.js'
import type { InplaceOp } from '../record.js'
import { celu, elu, hardtanh, leakyRelu, relu, rrelu, selu, threshold } from './activations.js'

const inplaceOf =
  <Rest extends unknown[]>(op: InplaceOp<[input: Tensor, ...rest: Rest]>) =>
  (input: Tensor, ...rest: Rest): Tensor =>
    inplace(op.record, [input, ...rest])

/** `relu` in place. */
export const relu_ = inplaceOf(relu)
/** `elu` in place. */
export const elu_ = inplaceOf(elu)
/** `selu` in place. */
export const selu_ = inplaceOf(selu)
/** `celu` in place. */
export const celu_ = inplaceOf(celu)
/** `hardtanh` in place. */
export const hardtanh_ = inplaceOf(hardtanh)
/** `leakyRelu` in place. */
export const leakyRelu_ = inplaceOf(leakyRelu)
/** `rrelu` in place. */
export const rrelu_ = inplaceOf(rrelu)
/** `threshold` in place. */
export const threshold_ = inplaceOf(threshold)
