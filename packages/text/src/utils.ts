// What the messages of this package are made of.

/** A value as a message names it. */
export function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)
  if (Array.isArray(value)) return `an array of ${value.length}`
  if (typeof value === 'object' && value !== null) return `an object of class ${value.constructor?.name ?? 'null'}`
  if (typeof value === 'function') return 'a function'
  return String(value)
}

/** Where a string has half of a surrogate pair, or -1. */
export function loneSurrogate(text: string): number {
  return text.search(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/)
}
