// The method of `where`, whose tensor comes first: `x.where(condition, other)`.
import type { Tensor } from '../tensor/tensor.js'
import { where as choose } from './conditional.js'
import { composite } from './dispatch.js'
import type { Operand } from './promotion.js'
import type { Op } from './record.js'

/** `self` where `condition` holds, otherwise `other`. */
export const where: Op<[self: Tensor, condition: Tensor, other: Operand]> = composite(
  '__where__(self, condition, other)',
  (self: Tensor, condition: Tensor, other: Operand): Tensor => choose(condition, self, other),
)
