import { ArgumentError, manualSeed } from '@flambeau/core'

let chosen = 0

/** What `seedEverything` was given last; 0 before. */
export const globalSeed = (): number => chosen

/**
 * Seeds the random numbers of tensors, from which loaders and their workers draw theirs.
 *
 * @returns the seed
 */
export function seedEverything(seed: number): number {
  if (!Number.isSafeInteger(seed)) throw new ArgumentError(`seedEverything: expected an integer, got ${String(seed)}`)
  manualSeed(seed)
  chosen = seed
  return seed
}
