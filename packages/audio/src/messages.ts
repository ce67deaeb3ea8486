/** How a value reads in an error message. */
export function describe(value: unknown): string {
  if (typeof value === 'string') return value.length <= 60 ? `'${value}'` : `'${value.slice(0, 57)}…'`
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'function') return `function ${value.name || '(anonymous)'}`
  if (Array.isArray(value)) return `an array of ${value.length}`
  if (typeof value === 'object' && value !== null) return value.constructor?.name ?? 'an object'
  return String(value)
}

/** A shape as messages have it. */
export const formatShape = (shape: readonly number[]): string => `[${shape.join(', ')}]`
