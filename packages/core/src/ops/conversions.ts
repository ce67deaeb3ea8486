// Methods that convert: `x.float()`, `x.long()`, `x.cpu()` and so on. They are methods only, since `float` marks numbers.
import { DeviceError } from '../errors.js'
import { checkDevice } from '../tensor/device.js'
import type { DType } from '../tensor/dtype.js'
import type { Tensor } from '../tensor/tensor.js'
import { pinned, type ToOptions, to } from './copies.js'
import { composite } from './dispatch.js'
import type { Op } from './record.js'

type ConversionOp = Op<[self: Tensor, options?: Pick<ToOptions, 'memoryFormat'>]>
const conversion = (name: string, dtype: DType): ConversionOp =>
  composite(
    `${name}(self, {memoryFormat})`,
    (self: Tensor, options: Pick<ToOptions, 'memoryFormat'> = {}): Tensor => to(self, { ...options, dtype }),
  )

/** As float32. */
export const float: ConversionOp = conversion('float', 'float32')
/** As float64. */
export const double: ConversionOp = conversion('double', 'float64')
/** As float16. */
export const half: ConversionOp = conversion('half', 'float16')
/** As bfloat16. */
export const bfloat16: ConversionOp = conversion('bfloat16', 'bfloat16')
/** As int8. */
export const char: ConversionOp = conversion('char', 'int8')
/** As uint8. */
export const byte: ConversionOp = conversion('byte', 'uint8')
/** As int16. */
export const short: ConversionOp = conversion('short', 'int16')
/** As int32. */
export const int: ConversionOp = conversion('int', 'int32')
/** As int64. */
export const long: ConversionOp = conversion('long', 'int64')
/** As bool: whether each element is not zero. */
export const bool: ConversionOp = conversion('bool', 'bool')
/** As complex64. */
export const cfloat: ConversionOp = conversion('cfloat', 'complex64')
/** As complex128. */
export const cdouble: ConversionOp = conversion('cdouble', 'complex128')
/** As complex32, which is for keeping: it can be read, copied, indexed and computed with elementwise. */
export const chalf: ConversionOp = conversion('chalf', 'complex32')
/** On the cpu. */
export const cpu: Op<[self: Tensor]> = composite('cpu(self)', (self: Tensor): Tensor => to(self, { device: 'cpu' }))
/** On the current CUDA device. */
export const cuda: Op<[self: Tensor]> = composite('cuda(self)', (self: Tensor): Tensor => to(self, { device: 'cuda' }))
/**
 * In pinned memory of the CPU, from which CUDA devices copy by themselves: `to('cuda', { nonBlocking: true })` then does not wait. The tensor
 * itself where it is there already.
 *
 * @throws DeviceError where the tensor is not on the CPU, or there is no CUDA device
 */
export const pinMemory: Op<[self: Tensor]> = composite('pin_memory(self)', (self: Tensor): Tensor => {
  if (self.device !== 'cpu')
    throw new DeviceError(
      `pinMemory: expected a tensor on cpu, got one on ${self.device}: only the cpu's memory is pinned`,
    )
  checkDevice('pinMemory', 'cuda')
  return self.isPinned() ? self : pinned(self)
})
/** In the dtype of `other`. */
export const typeAs: Op<[self: Tensor, other: Tensor]> = composite(
  'type_as(self, other)',
  (self: Tensor, other: Tensor): Tensor => to(self, { dtype: other.dtype }),
)
