import { ArgumentError, FlambeauError } from '@flambeau/core'

/** Training that cannot go on: the message says what to do, and what is saved stays saved. */
export class TrainerError extends FlambeauError {
  override name = 'TrainerError'
}

/** An error in one line, for another process. */
export function messageOf(error: unknown): string {
  const { name, message } = (typeof error === 'object' && error !== null ? error : {}) as Record<string, unknown>
  return message === undefined ? String(error) : `${String(name)}: ${String(message)}`
}

/** Throws where an object has other keys than the known ones; names the one that was probably meant. */
export function checkKeys(operation: string, given: object, known: readonly string[]): void {
  for (const key of Object.keys(given)) {
    if (known.includes(key)) continue
    const near = known.find((name) => distance(name.toLowerCase(), key.toLowerCase()) <= 2)
    throw new ArgumentError(
      `${operation}: unknown option '${key}'${near === undefined ? '' : `; did you mean '${near}'?`} (known: ${known.join(', ')})`,
    )
  }
}

/** The least number of edits between two words. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1]
    for (let j = 0; j < b.length; j++)
      next.push(Math.min(row[j + 1] + 1, next[j] + 1, row[j] + (a[i] === b[j] ? 0 : 1)))
    row = next
  }
  return row[b.length]
}

/** Looks a name up; an unknown one lists the known ones. */
export function lookup<T>(operation: string, what: string, name: string, known: ReadonlyMap<string, T>): T {
  const found = known.get(name)
  if (found === undefined)
    throw new ArgumentError(
      `${operation}: expected ${what} to be one of ${[...known.keys()].map((key) => `'${key}'`).join(', ')}, got '${name}'`,
    )
  return found
}
