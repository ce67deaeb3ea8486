import { ArgumentError, describe } from '../errors.js'

/** An integer of at least `least`. */
export function checkSize(layer: string, name: string, value: unknown, least: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least)
    throw new ArgumentError(`${layer}: expected ${name} to be an integer ≥ ${least}, got ${describe(value)}`)
  return value
}

/** A number for each of `spatial` dimensions, from one for all or a list. */
export function spread(
  layer: string,
  name: string,
  value: number | readonly number[],
  spatial: number,
  least: number,
): number[] {
  const list = Array.isArray(value)
    ? value.length === 1
      ? new Array<number>(spatial).fill(value[0])
      : value
    : new Array<number>(spatial).fill(value as number)
  if (list.length !== spatial)
    throw new ArgumentError(`${layer}: expected ${name} of ${spatial} sizes, got ${describe(value)}`)
  return list.map((n) => checkSize(layer, name, n, least))
}

/** An option as it is printed. */
export const show = (value: unknown): string => (Array.isArray(value) ? `[${value.join(', ')}]` : String(value))

/** Options as they are printed: `name=value`, separated by commas. */
export const showAll = (options: Readonly<Record<string, unknown>>): string =>
  Object.entries(options)
    .map(([name, value]) => `${name}=${show(value)}`)
    .join(', ')
