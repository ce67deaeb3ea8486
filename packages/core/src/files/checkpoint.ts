// Checkpoints of a training run: models, optimizers, schedules, random states and plain values in one file.
import { ArgumentError, describe, FormatError } from '../errors.js'
import { defaultGenerator, Generator } from '../ops/index.js'
import { Tensor } from '../tensor/tensor.js'
import { load } from './torch.js'
import type { SavedValue } from './torch-build.js'
import { save } from './torch-save.js'

/** What has a state: modules, optimizers, schedulers, averaged models. */
export interface Stateful {
  stateDict(): unknown
  // What each one takes is its own; a method's parameters may be narrower than this.
  loadStateDict(state: never, options?: { readonly strict?: boolean }): unknown
}

/** What a checkpoint is made of, by name: what has a state, generators, and what `save` takes. */
export type CheckpointParts = Readonly<Record<string, unknown>>

/** The options of `saveCheckpoint` and `checkpointState`. */
export interface CheckpointOptions {
  /** Whether the state of the default generator is included, as `rng_state`. Default true. */
  readonly rng?: boolean
}

/** Under which the default generator's state is saved, as a tensor that `torch.set_rng_state` takes. */
const RNG = 'rng_state'

const isStateful = (value: unknown): value is Stateful =>
  typeof value === 'object' &&
  value !== null &&
  'stateDict' in value &&
  typeof value.stateDict === 'function' &&
  'loadStateDict' in value &&
  typeof value.loadStateDict === 'function'

/**
 * What `saveCheckpoint` saves: the state of each part that has one, and the other parts as they are. The tensors are
 * those of the parts, not copies.
 *
 * @throws ArgumentError where `rng_state` is a part's name
 */
export function checkpointState(parts: CheckpointParts, options: CheckpointOptions = {}): Record<string, unknown> {
  checkParts('checkpointState', parts)
  const state: Record<string, unknown> = {}
  for (const [name, part] of Object.entries(parts))
    state[name] = isStateful(part) ? part.stateDict() : part instanceof Generator ? part.getState() : part
  if (options.rng ?? true) {
    if (RNG in parts)
      throw new ArgumentError(
        `checkpointState: '${RNG}' is the default generator's; rename the part, or set { rng: false }`,
      )
    state[RNG] = defaultGenerator.getState()
  }
  return state
}

function checkParts(operation: string, parts: unknown): void {
  if (
    typeof parts !== 'object' ||
    parts === null ||
    Array.isArray(parts) ||
    parts instanceof Tensor ||
    isStateful(parts)
  )
    throw new ArgumentError(
      `${operation}: expected an object such as { model, optimizer, epoch }, got ${describe(parts)}`,
    )
}

/**
 * Saves the state of a training run, so that `loadCheckpoint` goes on from it: of models, optimizers and schedulers their
 * state dicts, of generators their states, and the default generator's. PyTorch reads the file with
 * `torch.load(path, weights_only=True)`. The file appears whole or not at all.
 *
 * @param path the file; an existing one is replaced
 * @param parts by name; what has no state is saved as `save` does
 * @throws ArgumentError for what cannot be saved
 * @example
 * ```ts
 * import { mkdtempSync } from 'node:fs'
 * import { tmpdir } from 'node:os'
 * import { join } from 'node:path'
 * import { loadCheckpoint, nn, optim, saveCheckpoint } from '@flambeau/core'
 * const path = join(mkdtempSync(join(tmpdir(), 'example-')), 'checkpoint.pt')
 * const model = new nn.Linear(3, 2)
 * const optimizer = new optim.Adam(model.parameters())
 * saveCheckpoint(path, { model, optimizer, epoch: 7 })
 * const { values } = loadCheckpoint(path, { model, optimizer })
 * console.log(values.epoch) // → 7
 * ```
 */
export function saveCheckpoint(path: string, parts: CheckpointParts, options: CheckpointOptions = {}): void {
  save(path, checkpointState(parts, options))
}

/** The options of `loadCheckpoint`. */
export interface LoadCheckpointOptions {
  /** Whether the file must have every part, and models' keys must be exactly theirs. Default true. */
  readonly strict?: boolean
  /** Whether the default generator goes on from the saved state. Default true. */
  readonly rng?: boolean
}

/** What `loadCheckpoint` found. */
export interface LoadedCheckpoint {
  /** What the file holds beside the parts that were asked for. */
  readonly values: Readonly<Record<string, SavedValue>>
  /** With `strict: false`: parts, and keys of parts such as `model.0.weight`, that the file does not have. */
  readonly missingKeys: readonly string[]
  /** With `strict: false`: keys of parts that the parts do not have. */
  readonly unexpectedKeys: readonly string[]
}

/**
 * Gives the state that `saveCheckpoint` saved, or a dict of state dicts that PyTorch did, back to the parts of a run.
 *
 * @param path the file
 * @param parts by the names under which they were saved: modules, optimizers, schedulers, generators
 * @returns the other values of the file, and with `strict: false` what did not fit
 * @throws ArgumentError for missing parts, and with the keys that are missing, unexpected, or of another shape
 * @throws FormatError for a damaged file, or one that is no dict
 */
export function loadCheckpoint(
  path: string,
  parts: Readonly<Record<string, Stateful | Generator>> = {},
  options: LoadCheckpointOptions = {},
): LoadedCheckpoint {
  const { strict = true, rng = true } = options
  checkParts('loadCheckpoint', parts)
  for (const [name, part] of Object.entries(parts))
    if (!isStateful(part) && !(part instanceof Generator))
      throw new ArgumentError(
        `loadCheckpoint: expected a module, an optimizer, a scheduler or a generator as '${name}', got ${describe(part)}; values are returned`,
      )
  const saved = load<SavedValue>(path)
  if (!isRecord(saved)) throw new FormatError(`${path}: expected a checkpoint of named parts, got ${describe(saved)}`)
  const absent = Object.keys(parts).filter((name) => !Object.hasOwn(saved, name))
  if (strict && absent.length > 0)
    throw new ArgumentError(
      `loadCheckpoint: ${path} does not have ${absent.map(describe).join(', ')}; it has: ${Object.keys(saved).join(', ')}`,
    )
  const missingKeys = [...absent]
  const unexpectedKeys: string[] = []
  for (const [name, part] of Object.entries(parts)) {
    if (absent.includes(name)) continue
    if (part instanceof Generator) part.setState(saved[name] as Tensor)
    else {
      const result = part.loadStateDict(saved[name] as never, { strict })
      if (!isLoadResult(result)) continue
      for (const key of result.missingKeys) missingKeys.push(`${name}.${key}`)
      for (const key of result.unexpectedKeys) unexpectedKeys.push(`${name}.${key}`)
    }
  }
  const { [RNG]: state, ...values } = Object.fromEntries(Object.entries(saved).filter(([name]) => !(name in parts)))
  if (rng && state !== undefined) defaultGenerator.setState(state as Tensor)
  return { values, missingKeys, unexpectedKeys }
}

const isRecord = (value: SavedValue): value is { readonly [key: string]: SavedValue } =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  !(value instanceof Tensor) &&
  Object.prototype.toString.call(value) === '[object Object]'

const isLoadResult = (
  result: unknown,
): result is { readonly missingKeys: readonly string[]; readonly unexpectedKeys: readonly string[] } =>
  typeof result === 'object' && result !== null && 'missingKeys' in result && 'unexpectedKeys' in result
