import type { Tensor } from '../tensor/tensor.js'

/** The sum of several tensors. */
export const addN = ([first, ...rest]: readonly Tensor[]): Tensor => rest.reduce((sum, t) => sum.add(t), first)
