import { ArgumentError, manualSeed } from '@flambeau/core'

/**
 * Seeds the random numbers of tensors, from which loaders and their workers draw theirs.
 *
 * @returns the seed
 */
export function seedEverything(seed: number): number {
  if (!Number.isSafeInteger(seed)) throw new ArgumentError(`seedEverything: expected an integer, got ${String(seed)}`)
  manualSeed(seed)
  return seed
}
