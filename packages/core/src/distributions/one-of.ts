import { ArgumentError } from '../errors.js'

/** The one of two parameters that is given. */
export function oneOf<T>(operation: string, probs: T | undefined, logits: T | undefined): T {
  if ((probs === undefined) === (logits === undefined))
    throw new ArgumentError(`${operation}: expected exactly one of probs and logits`)
  return (probs ?? logits) as T
}
