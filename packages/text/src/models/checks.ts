// What the models' constructors and forwards check.
import { ArgumentError, DTypeError, ShapeError, type Tensor } from '@flambeau/core'
import { describe } from '@flambeau/core/errors'

/** Throws unless the named sizes are positive integers. */
export function checkPositive<K extends string>(
  model: string,
  config: Readonly<Record<K, unknown>>,
  names: readonly K[],
) {
  for (const name of names) {
    const value = config[name]
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 1)
      throw new ArgumentError(`${model}: expected ${name} to be a positive integer, got ${describe(value)}`)
  }
}

/** Throws unless `ids` are token ids. @returns [batch, length] */
export function checkIds(model: string, ids: Tensor): [batch: number, length: number] {
  if (ids.ndim !== 2 || ids.shape[1] === 0)
    throw new ShapeError(
      `${model}: expected inputIds [batch, length] with at least one token, got shape [${ids.shape.join(', ')}]`,
    )
  if (ids.dtype !== 'int64' && ids.dtype !== 'int32')
    throw new DTypeError(`${model}: expected inputIds of dtype int64, got ${ids.dtype}`)
  return [ids.shape[0], ids.shape[1]]
}
