import type { Op } from './record.js'
import { composite } from './dispatch.js'
import type { Tensor } from '../tensor/tensor.js'
/** The sum over broadcast dimensions. */
export const sumToSize: Op<[self: Tensor, size: readonly number[]]> = composite('sum_to_size(self, size)', (self: Tensor, _size: readonly number[]): Tensor => self)
