// What a checkpoint is made of, and how a run takes it over.
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ArgumentError, load, noGrad, save, type Tensor } from '@flambeau/core'
import { CheckpointCallback } from '../callback.js'
import { TrainerError } from '../errors.js'
import type { FitRun } from '../loops/fit.js'
import type { Trainer } from '../trainer.js'
import type { AnyLightningModule, Checkpoint } from '../types.js'
import { type RandomState, randomState } from './loaders.js'
import { metricsOf, singleMetricsOf } from './metrics.js'

/** Of the layout of a checkpoint; a later one may read an earlier. */
const VERSION = 1

/** What each process has of its own. */
type Part = {
  readonly random: { readonly now: unknown; readonly epoch: unknown }
  /** Of an accumulation that is under way. */
  readonly gradients: Record<string, Tensor> | null
  readonly results: Record<string, unknown>
  readonly metrics: Record<string, unknown>
}

/** Everything that a run goes on from; with `weightsOnly`, the module alone. Keys are Lightning's where it has them. */
export function dump(
  trainer: Trainer,
  module: AnyLightningModule,
  run: FitRun | null,
  weightsOnly: boolean,
): Checkpoint {
  const checkpoint: Checkpoint = {
    flambeau_trainer: VERSION,
    epoch: trainer.currentEpoch,
    global_step: trainer.globalStep,
    state_dict: module.stateDict(),
    hyper_parameters: { ...module.hparams },
  }
  if (!weightsOnly && run !== null) {
    const own: Part = {
      random: { now: random(run.resumeRandom ?? randomState(run.generators)), epoch: random(run.epochRandom) },
      gradients: run.gradientsUsed ? null : gradientsOf(module),
      results: trainer.results.stateDict(singleMetricsOf(module)),
      metrics: Object.fromEntries([...metricsOf(module)].map(([path, metric]) => [path, metric.stateDict()])),
    }
    Object.assign(checkpoint, own, {
      ranks: trainer.worldSize === 1 ? null : trainer.strategy.gather(own),
      loops: { ...run.progress, should_stop: trainer.shouldStop },
      optimizer_states: run.optimizers.map(({ optimizer }) => optimizer.stateDict()),
      lr_schedulers: run.ownSchedulers.map(({ scheduler }) => scheduler.stateDict()),
      loggers: trainer.loggers.map((logger) => logger.stateDict()),
      callbacks: Object.fromEntries(trainer.callbacks.map((callback) => [callback.stateKey, callback.stateDict()])),
      datamodule: trainer.datamodule?.stateDict() ?? null,
    })
  }
  for (const callback of trainer.callbacks) callback.onSaveCheckpoint?.(trainer, module, checkpoint)
  module.onSaveCheckpoint?.(checkpoint)
  return checkpoint
}

const random = (state: RandomState | null): unknown => state && { global: state.global, own: [...state.own] }

function gradientsOf(module: AnyLightningModule): Record<string, Tensor> {
  const result: Record<string, Tensor> = {}
  for (const [name, { grad }] of module.namedParameters()) if (grad !== null) result[name] = grad
  return result
}

/** Writes a checkpoint whole or not at all. @throws TrainerError that says what to do, and what is still there */
export function write(path: string, checkpoint: Checkpoint): void {
  try {
    save(path, checkpoint)
  } catch (error) {
    // What cannot be saved at all is a mistake in the program, and says where it is.
    if (error instanceof ArgumentError) throw error
    const reason = typeof error === 'object' && error !== null && 'message' in error ? error.message : String(error)
    const others = files(dirname(path))
    throw new TrainerError(
      `saveCheckpoint: ${path} could not be written: ${reason}. Make room, or choose another folder (dirpath), and go on by ` +
        `trainer.fit(module, { ckptPath }) from ${others.length > 0 ? `one that is whole: ${others.slice(-3).join(', ')}` : 'the start: there is no earlier one'}`,
      { cause: error },
    )
  }
}

/** Makes a folder of checkpoints. */
export function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true })
  } catch (error) {
    throw new TrainerError(
      `checkpoints: the folder ${folder} could not be made: ${(error as Error).message}; choose another (dirpath, defaultRootDir)`,
      { cause: error },
    )
  }
}

/** Checkpoints in a folder, the newest last. */
function files(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter((name) => name.endsWith('.ckpt'))
    .map((name) => join(folder, name))
    .map((path) => ({ path, time: statSync(path).mtimeMs }))
    .sort((a, b) => a.time - b.time)
    .map(({ path }) => path)
}

/**
 * The file that is meant: a path; 'last' for the newest that a run of these callbacks or in this folder has left, null
 * where there is none yet; 'best' for that of the first callback that watches a metric.
 */
export function resolve(trainer: Trainer, ckptPath: string): string | null {
  const callbacks = trainer.callbacks.filter((callback) => callback instanceof CheckpointCallback)
  if (ckptPath === 'best') {
    const best = trainer.checkpointCallback?.bestModelPath ?? ''
    if (best === '')
      throw new ArgumentError("ckptPath: 'best' is known once a ModelCheckpoint with a monitor has saved; give a path")
    return best
  }
  if (ckptPath !== 'last') {
    if (!existsSync(ckptPath))
      throw new ArgumentError(`ckptPath: there is no ${ckptPath}; give a checkpoint's path, 'last', 'best' or null`)
    return ckptPath
  }
  const folders = callbacks.flatMap(({ dirpath }) => (dirpath === null ? [] : [dirpath]))
  const runs = join(trainer.options.defaultRootDir, 'lightning_logs')
  if (existsSync(runs)) for (const run of readdirSync(runs)) folders.push(join(runs, run, 'checkpoints'))
  folders.push(join(trainer.options.defaultRootDir, 'checkpoints'), trainer.options.defaultRootDir)
  const found = [...new Set(folders)]
    .flatMap(files)
    .map((path) => ({ path, time: statSync(path).mtimeMs }))
    .sort((a, b) => a.time - b.time)
  return found.at(-1)?.path ?? null
}

/** Reads a checkpoint. @throws ArgumentError where it is none */
export function read(path: string): Checkpoint {
  const checkpoint = load<Checkpoint>(path)
  if (typeof checkpoint !== 'object' || checkpoint === null || !('state_dict' in checkpoint))
    throw new ArgumentError(`${path}: expected a checkpoint with a state_dict, got ${typeof checkpoint}`)
  return checkpoint
}

/** Takes the module's part over. */
export function restoreModule(trainer: Trainer, module: AnyLightningModule, checkpoint: Checkpoint): void {
  for (const callback of trainer.callbacks) callback.onLoadCheckpoint?.(trainer, module, checkpoint)
  module.onLoadCheckpoint?.(checkpoint)
  module.loadStateDict(checkpoint.state_dict as Record<string, Tensor>)
}

/** Takes the rest over: from here on, all is as it was. */
export function restoreRun(trainer: Trainer, module: AnyLightningModule, run: FitRun, checkpoint: Checkpoint): void {
  const part = <T>(name: string): T => {
    if (!(name in checkpoint))
      throw new ArgumentError(
        `ckptPath: the checkpoint has no '${name}': it holds weights alone (saveWeightsOnly). Load them by module.loadStateDict, ` +
          'or go on from a checkpoint of a whole run',
      )
    return checkpoint[name] as T
  }
  const { should_stop: shouldStop, ...loops } = part<Record<string, unknown>>('loops')
  Object.assign(trainer.progress, loops)
  trainer.shouldStop = shouldStop === true
  const optimizers = part<unknown[]>('optimizer_states')
  const schedulers = part<Record<string, unknown>[]>('lr_schedulers')
  if (optimizers.length !== run.optimizers.length || schedulers.length !== run.ownSchedulers.length)
    throw new ArgumentError(
      `ckptPath: the checkpoint has ${optimizers.length} optimizers and ${schedulers.length} schedulers, configureOptimizers gives ` +
        `${run.optimizers.length} and ${run.ownSchedulers.length}`,
    )
  run.optimizers.forEach(({ optimizer }, i) => {
    optimizer.loadStateDict(optimizers[i] as ReturnType<typeof optimizer.stateDict>)
  })
  run.ownSchedulers.forEach(({ scheduler }, i) => {
    scheduler.loadStateDict(schedulers[i])
  })
  const own = ownPart(trainer, checkpoint)
  const states = own.random as { now: RandomState; epoch: RandomState | null }
  run.resumeRandom = states.now
  run.epochRandom = states.epoch
  const { gradients } = own
  if (gradients !== null) {
    noGrad(() => {
      for (const [name, parameter] of module.namedParameters())
        if (gradients[name] !== undefined) parameter.grad = gradients[name].clone()
    })
    run.gradientsUsed = false
  }
  trainer.results.loadStateDict(own.results, singleMetricsOf(module))
  const metrics = own.metrics as Record<string, Record<string, unknown>>
  for (const [path, metric] of metricsOf(module)) if (metrics[path] !== undefined) metric.loadStateDict(metrics[path])
  const loggers = part<Record<string, unknown>[]>('loggers')
  trainer.loggers.forEach((logger, i) => {
    if (loggers[i] !== undefined) logger.loadStateDict(loggers[i])
  })
  const callbacks = part<Record<string, Record<string, unknown>>>('callbacks')
  for (const callback of trainer.callbacks) {
    const state = callbacks[callback.stateKey]
    if (state !== undefined) callback.loadStateDict(state)
  }
  const datamodule = part<Record<string, unknown> | null>('datamodule')
  if (datamodule !== null) trainer.datamodule?.loadStateDict(datamodule)
}

/** A checkpoint of a run: rank 0's part, and where there are several processes, everyone's. */
type Whole = Part & { readonly ranks?: Part[] | null; readonly loops: { readonly epochStarted: boolean } }

/** What this process has of its own in a checkpoint. */
function ownPart(trainer: Trainer, checkpoint: Checkpoint): Part {
  const whole = checkpoint as Whole
  const ranks = whole.ranks ?? [whole]
  if (ranks.length === trainer.worldSize) return ranks[trainer.globalRank]
  // Between epochs all processes are in the same state, but for their random numbers.
  if (!whole.loops.epochStarted) return whole
  throw new ArgumentError(
    `ckptPath: the checkpoint is of ${ranks.length} processes in the middle of an epoch, and there are ${trainer.worldSize}; go on with as many, ` +
      'or from a checkpoint of the end of an epoch',
  )
}
