// Argument checks that the whole package shares.
import { ArgumentError, ShapeError, Tensor } from '@flambeau/core'
import { describe } from '@flambeau/core/errors'

export function checkInteger(operation: string, name: string, value: number, least: number): number {
  if (!Number.isInteger(value) || value < least)
    throw new ArgumentError(`${operation}: expected an integer ≥ ${least} for ${name}, got ${describe(value)}`)
  return value
}

export function checkProbability(operation: string, name: string, value: number): number {
  if (typeof value !== 'number' || !(value >= 0 && value <= 1))
    throw new ArgumentError(`${operation}: expected a number in [0, 1] for ${name}, got ${describe(value)}`)
  return value
}

/** Throws unless `boxes` is [N, 4]; further leading dimensions where `batch` says so. */
export function checkBoxes(operation: string, name: string, boxes: Tensor, batch = false): void {
  if (
    !(boxes instanceof Tensor) ||
    boxes.ndim < (batch ? 1 : 2) ||
    (!batch && boxes.ndim !== 2) ||
    boxes.shape[boxes.ndim - 1] !== 4
  )
    throw new ShapeError(
      `${operation}: expected boxes of shape ${batch ? '[…, 4]' : '[N, 4]'} for ${name}, got ${describe(boxes)}`,
    )
}
