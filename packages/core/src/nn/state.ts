import { ArgumentError, describe } from '../errors.js'
import { reshape } from '../ops/index.js'
import { formatShape, sameShape } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import type { AnyModule } from './module.js'
import { isLazy } from './uninitialized.js'

/** A module's parameters and buffers by dotted name. */
export type StateDict = Record<string, Tensor>

export interface LoadOptions {
  /** Whether the keys must be the module's exactly. Default true. */
  readonly strict?: boolean
  /** Take over the tensors themselves, with their dtype and device, rather than copy their values. Default false. */
  readonly assign?: boolean
}

/** What `loadStateDict` did not find, and what it had no use for. */
export interface LoadResult {
  readonly missingKeys: string[]
  readonly unexpectedKeys: string[]
}

/** @internal What brings the keys of older checkpoints of a module up to date, before they are looked at. */
export const migrations = new WeakMap<AnyModule, ((given: Map<string, unknown>, prefix: string) => void)[]>()

interface Copy {
  readonly target: Tensor
  readonly value: Tensor
  readonly replace: (value: Tensor) => void
}

const quoted = (keys: readonly string[]): string => keys.map((key) => `"${key}"`).join(', ')

/** Compares a state dict with a module; throws what does not fit, and lists what is to be copied. */
export function checkStateDict(
  module: AnyModule,
  state: StateDict | ReadonlyMap<string, Tensor>,
  strict: boolean,
): { result: LoadResult; copies: Copy[] } {
  if (typeof state !== 'object' || state === null)
    throw new ArgumentError(`loadStateDict: expected an object of tensors by name, got ${describe(state)}`)
  const given = new Map<string, unknown>(state instanceof Map ? state : Object.entries(state))
  const missingKeys: string[] = []
  const expected = new Set<string>()
  const problems: string[] = []
  const copies: Copy[] = []

  const take = (
    owner: AnyModule,
    prefix: string,
    name: string,
    target: Tensor,
    replace: (value: Tensor) => void,
  ): void => {
    const key = prefix + name
    expected.add(key)
    if (!given.has(key)) {
      if (!owner.mayMiss(name)) missingKeys.push(key)
      return
    }
    const value = given.get(key)
    if (!(value instanceof Tensor)) {
      problems.push(
        `While copying the parameter named "${key}", expected a tensor from the checkpoint, got ${describe(value)}.`,
      )
      return
    }
    if (isLazy(value)) {
      if (!isLazy(target)) problems.push(`${key}: has no shape yet in the checkpoint, and one in the current model.`)
      return
    }
    if (isLazy(target)) {
      copies.push({ target, value, replace })
      return
    }
    // Checkpoints of old hold a scalar as a list of one.
    const fitting = target.ndim === 0 && value.ndim === 1 && value.numel() === 1 ? reshape(value, []) : value
    if (sameShape(fitting.shape, target.shape)) copies.push({ target, value: fitting, replace })
    else
      problems.push(
        `size mismatch for ${key}: copying a param with shape ${formatShape(value.shape)} from checkpoint, the shape in current model is ${formatShape(target.shape)}.`,
      )
  }
  const visit = (owner: AnyModule, prefix: string): void => {
    for (const migrate of migrations.get(owner) ?? []) migrate(given, prefix)
    for (const [name, parameter] of owner.ownParameters()) take(owner, prefix, name, parameter, () => {})
    for (const [name, buffer, persistent] of owner.ownBuffers())
      if (persistent) take(owner, prefix, name, buffer, (value) => owner.setBuffer(name, value))
    for (const [name, child] of owner.ownModules()) visit(child, `${prefix}${name}.`)
  }
  visit(module, '')

  const unexpectedKeys = [...given.keys()].filter((key) => !expected.has(key))
  if (strict) {
    if (unexpectedKeys.length > 0) problems.unshift(`Unexpected key(s) in stateDict: ${quoted(unexpectedKeys)}.`)
    if (missingKeys.length > 0) problems.unshift(`Missing key(s) in stateDict: ${quoted(missingKeys)}.`)
  }
  if (problems.length > 0)
    throw new ArgumentError(
      `loadStateDict: error(s) in loading stateDict for ${module.constructor.name}:\n  ${problems.join('\n  ')}`,
    )
  return { result: { missingKeys, unexpectedKeys }, copies }
}
