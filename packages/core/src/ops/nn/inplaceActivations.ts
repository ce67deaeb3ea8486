// Activations that overwrite their input, under PyTorch's names: `F.relu_(x)` is `x.relu_()`.
import type { Tensor } from '../../tensor/tensor.js'
import { inplace } from '../inplace.js'
import type { AnyRecord } from '../record.js'
import { celu, elu, hardtanh, leakyRelu, relu, rrelu, selu, threshold } from './activations.js'

/** Arguments and result as the operator has them; the input is the result. */
function inplaceOf<Args extends [Tensor, ...unknown[]]>(
  op: ((...args: Args) => Tensor) & { readonly record: AnyRecord },
): (...args: Args) => Tensor {
  return (...args) => inplace(op.record, args)
}

/** `celu`, in place. @see celu */
export const celu_: (...args: Parameters<typeof celu>) => Tensor = inplaceOf(celu)
/** `elu`, in place. @see elu */
export const elu_: (...args: Parameters<typeof elu>) => Tensor = inplaceOf(elu)
/** `hardtanh`, in place. @see hardtanh */
export const hardtanh_: (...args: Parameters<typeof hardtanh>) => Tensor = inplaceOf(hardtanh)
/** `leakyRelu`, in place. @see leakyRelu */
export const leakyRelu_: (...args: Parameters<typeof leakyRelu>) => Tensor = inplaceOf(leakyRelu)
/** `relu`, in place. @see relu */
export const relu_: (...args: Parameters<typeof relu>) => Tensor = inplaceOf(relu)
/** `rrelu`, in place. @see rrelu */
export const rrelu_: (...args: Parameters<typeof rrelu>) => Tensor = inplaceOf(rrelu)
/** `selu`, in place. @see selu */
export const selu_: (...args: Parameters<typeof selu>) => Tensor = inplaceOf(selu)
/** `threshold`, in place. @see threshold */
export const threshold_: (...args: Parameters<typeof threshold>) => Tensor = inplaceOf(threshold)
