// What several metrics check of what they are given.
import { ArgumentError, describe, ShapeError } from '../errors.js'
import { formatShape, sameShape } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'

/** Throws unless both are tensors of one shape. */
export function checkPair(metric: string, preds: Tensor, target: Tensor): void {
  for (const [name, t] of [
    ['preds', preds],
    ['target', target],
  ] as const)
    if (!(t instanceof Tensor)) throw new ArgumentError(`${metric}: expected a tensor for ${name}, got ${describe(t)}`)
  if (!sameShape(preds.shape, target.shape))
    throw new ShapeError(
      `${metric}: expected preds and target of one shape, got preds ${formatShape(preds.shape)} and target ${formatShape(target.shape)}`,
    )
}
