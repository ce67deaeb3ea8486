// Batches of a loader: how many, from where on, and with which random numbers.
import { ArgumentError, type Generator, getRngState, setRngState, type Tensor } from '@flambeau/core'
import type { Loader, Loaders } from '../types.js'

/** How many batches, as a number or as a share of all. */
export type Limit = number

/** The number of batches of a loader; null where it does not say. */
export function lengthOf(loader: Loader): number | null {
  try {
    const length: unknown = Reflect.get(loader, 'length')
    return typeof length === 'number' ? length : null
  } catch (error) {
    // A DataLoader over a stream has no length, and says so.
    if (error instanceof ArgumentError) return null
    throw error
  }
}

/**
 * How many batches a limit allows: a whole number counts them (1 is one), a fraction is a share.
 *
 * @returns Infinity where all are meant and their number is not known
 */
export function limited(option: string, limit: Limit | null, loader: Loader): number {
  const length = lengthOf(loader)
  if (limit === null) return length ?? Number.POSITIVE_INFINITY
  if (!(typeof limit === 'number' && limit >= 0) || (limit > 1 && !Number.isInteger(limit)))
    throw new ArgumentError(`Trainer: expected ${option} to be a share in [0, 1] or a number of batches, got ${limit}`)
  if (Number.isInteger(limit)) return Math.min(limit, length ?? limit)
  if (length === null)
    throw new ArgumentError(`Trainer: ${option} is a share (${limit}) of a loader without a length; give a number`)
  const batches = Math.floor(length * limit)
  if (batches === 0)
    throw new ArgumentError(
      `Trainer: ${option} is ${limit} of ${length} batches, which is none; take at least ${(1 / length).toFixed(4)}, or 0`,
    )
  return batches
}

/** Loaders as a list. */
export function listed(loaders: Loaders): Loader[] {
  if (loaders === null || loaders === undefined) return []
  // An array of loaders, or an array of batches, which is one.
  if (Array.isArray(loaders) && loaders.length > 0 && loaders.every(isLoader)) return [...loaders]
  return [loaders as Loader]
}

const isLoader = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  (Symbol.asyncIterator in value || (Symbol.iterator in value && 'length' in value))

/** Throws unless it gives batches. */
export function checkLoader(what: string, loader: unknown): Loader {
  if (typeof loader === 'object' && loader !== null && (Symbol.asyncIterator in loader || Symbol.iterator in loader))
    return loader as Loader
  throw new ArgumentError(
    `Trainer: expected a loader of batches as ${what}, got ${loader === null ? 'null' : typeof loader}`,
  )
}

/** Batches one by one, whether they come now or later. */
export function iterate(loader: Loader): AsyncIterator<unknown> | Iterator<unknown> {
  return Symbol.asyncIterator in loader ? loader[Symbol.asyncIterator]() : loader[Symbol.iterator]()
}

/** Tells a loader's sampler which epoch comes, where it wants to know. */
export function setEpoch(loader: Loader, epoch: number): void {
  const sampler: unknown = Reflect.get(loader, 'sampler')
  if (typeof sampler !== 'object' || sampler === null || !('setEpoch' in sampler)) return
  if (typeof sampler.setEpoch === 'function') sampler.setEpoch(epoch)
}

/** The generators that a loader and its sampler have of their own. */
export function generatorsOf(loader: Loader): Generator[] {
  const sampler: unknown = Reflect.get(loader, 'sampler')
  const own: unknown[] = [
    Reflect.get(loader, 'generator'),
    typeof sampler === 'object' && sampler !== null ? Reflect.get(sampler, 'generator') : undefined,
  ]
  const isGenerator = (value: unknown): value is Generator =>
    typeof value === 'object' && value !== null && 'getState' in value && 'setState' in value
  return [...new Set(own.filter(isGenerator))]
}

/** The states of random numbers: of the global generator and of a loader's own. */
export interface RandomState {
  readonly global: Tensor
  readonly own: readonly Tensor[]
}

export const randomState = (generators: readonly Generator[]): RandomState => ({
  global: getRngState(),
  own: generators.map((generator) => generator.getState()),
})

export function setRandomState(state: RandomState, generators: readonly Generator[]): void {
  setRngState(state.global)
  generators.forEach((generator, i) => {
    const own = state.own[i]
    if (own !== undefined) generator.setState(own)
  })
}

/** Runs `body` and leaves the global random numbers as they were. */
export async function isolated<R>(body: () => Promise<R>): Promise<R> {
  const state = getRngState()
  try {
    return await body()
  } finally {
    setRngState(state)
  }
}
