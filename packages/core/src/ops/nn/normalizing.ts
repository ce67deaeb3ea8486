// What the normalizations share.
import { allocate } from '../../tensor/create.js'
import type { DType } from '../../tensor/dtype.js'
import type { Tensor } from '../../tensor/tensor.js'

/** Scale and shift after a normalization. */
export interface AffineOptions {
  readonly weight?: Tensor | null
  readonly bias?: Tensor | null
  /** Added to the variance. Default 1e-5. */
  readonly eps?: number
}

/** The dtype of means and deviations. */
export const statisticsOf = (dtype: DType): DType => (dtype === 'float64' ? 'float64' : 'float32')

/** Uninitialised gradients of input, weight and bias, where they are wanted; parameters have the given shape. */
export function allocateGrads(
  input: Tensor,
  shape: readonly number[],
  weight: Tensor | null,
  hasBias: boolean,
  needs: (i: number) => boolean,
): [dx: Tensor | null, dw: Tensor | null, db: Tensor | null] {
  const make = (wanted: boolean, like: readonly number[]): Tensor | null =>
    wanted ? allocate(like, input.dtype, input.device) : null
  return [
    make(needs(0), input.shape),
    make(weight !== null && needs(1), shape),
    make(hasBias && needs(weight === null ? 1 : 2), shape),
  ]
}

/** The gradients in the order of the tensors that were given: absent arguments have no place among them. */
export const present = (
  weight: Tensor | null,
  hasBias: boolean,
  dx: Tensor | null,
  dw: Tensor | null,
  db: Tensor | null,
): (Tensor | null)[] => [dx, ...(weight === null ? [] : [dw]), ...(hasBias ? [db] : [])]
