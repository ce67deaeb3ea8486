// Methods that convert: `x.float()`, `x.long()`, `x.cpu()` and so on. They are methods only, since `float` marks numbers.
import type { DType } from '../tensor/dtype.js'
import type { Tensor } from '../tensor/tensor.js'
import { to } from './copies.js'
import { composite } from './dispatch.js'
import type { Op } from './record.js'

const conversion = (name: string, dtype: DType): Op<[self: Tensor]> =>
  composite(`${name}(self)`, (self: Tensor): Tensor => to(self, { dtype }))

/** As float32. */
export const float: Op<[self: Tensor]> = conversion('float', 'float32')
/** As float64. */
export const double: Op<[self: Tensor]> = conversion('double', 'float64')
/** As float16. */
export const half: Op<[self: Tensor]> = conversion('half', 'float16')
/** As bfloat16. */
export const bfloat16: Op<[self: Tensor]> = conversion('bfloat16', 'bfloat16')
/** As int8. */
export const char: Op<[self: Tensor]> = conversion('char', 'int8')
/** As uint8. */
export const byte: Op<[self: Tensor]> = conversion('byte', 'uint8')
/** As int16. */
export const short: Op<[self: Tensor]> = conversion('short', 'int16')
/** As int32. */
export const int: Op<[self: Tensor]> = conversion('int', 'int32')
/** As int64. */
export const long: Op<[self: Tensor]> = conversion('long', 'int64')
/** As bool: whether each element is not zero. */
export const bool: Op<[self: Tensor]> = conversion('bool', 'bool')
/** As complex64. */
export const cfloat: Op<[self: Tensor]> = conversion('cfloat', 'complex64')
/** As complex128. */
export const cdouble: Op<[self: Tensor]> = conversion('cdouble', 'complex128')
/** On the cpu. */
export const cpu: Op<[self: Tensor]> = composite('cpu(self)', (self: Tensor): Tensor => to(self, { device: 'cpu' }))
/** In the dtype of `other`. */
export const typeAs: Op<[self: Tensor, other: Tensor]> = composite(
  'type_as(self, other)',
  (self: Tensor, other: Tensor): Tensor => to(self, { dtype: other.dtype }),
)
