// Saves the best of a run, the last, or every one.
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { ArgumentError } from '@flambeau/core'
import { CheckpointCallback } from '../callback.js'
import { checkKeys } from '../errors.js'
import { makeFolder } from '../run/checkpoint.js'
import type { Trainer } from '../trainer.js'
import { checkMode, isBetter, type Mode, monitored } from './monitored.js'

/** The options of `ModelCheckpoint`. */
export interface ModelCheckpointOptions {
  /** Default: `checkpoints` in the first logger's folder, or in `defaultRootDir`. */
  readonly dirpath?: string | null
  /** With `{epoch}`, `{step}` and names of logged metrics, such as `{epoch}-{val_loss:.2f}`. Default '{epoch}-{step}'. */
  readonly filename?: string | null
  /** The metric by which checkpoints are compared. Default null: the last is the best. */
  readonly monitor?: string | null
  /** Default 'min'. */
  readonly mode?: Mode
  /** Also keep `last.ckpt`, at every save. Default false. */
  readonly saveLast?: boolean
  /** How many of the best are kept; -1 for all, 0 for none. Default 1. */
  readonly saveTopK?: number
  /** Save the module alone: a run cannot go on from it. Default false. */
  readonly saveWeightsOnly?: boolean
  /** Save every so many optimizer steps, and not at the ends of epochs. */
  readonly everyNTrainSteps?: number | null
  /** Save every so many epochs. Default 1, where neither steps nor seconds are given. */
  readonly everyNEpochs?: number | null
  /** Save every so many seconds. */
  readonly trainTimeInterval?: number | null
  /** At the end of an epoch of training rather than of validation. Default: where validation is at the end of each epoch. */
  readonly saveOnTrainEpochEnd?: boolean | null
  /** Write names of metrics into file names: `val_loss=0.12`. Default true. */
  readonly autoInsertMetricName?: boolean
  /** Say what is saved. Default false. */
  readonly verbose?: boolean
}

const KEYS = [
  'dirpath',
  'filename',
  'monitor',
  'mode',
  'saveLast',
  'saveTopK',
  'saveWeightsOnly',
  'everyNTrainSteps',
  'everyNEpochs',
  'trainTimeInterval',
  'saveOnTrainEpochEnd',
  'autoInsertMetricName',
  'verbose',
]

/**
 * Saves checkpoints from which `fit` goes on exactly where they were made. A new file is whole before an old one is
 * removed.
 */
export class ModelCheckpoint extends CheckpointCallback {
  readonly options: ModelCheckpointOptions
  readonly monitor: string | null
  readonly mode: Mode
  readonly saveTopK: number
  /** Where checkpoints are; null until the trainer is known. */
  dirpath: string | null
  bestModelPath = ''
  bestModelScore: number | null = null
  lastModelPath = ''
  /** The scores of the files that are kept. */
  bestKModels: Record<string, number> = {}
  #lastStep = -1
  #savedAt = Date.now()

  constructor(options: ModelCheckpointOptions = {}) {
    super()
    checkKeys('ModelCheckpoint', options, KEYS)
    const { monitor = null, mode = 'min', saveTopK = 1, dirpath = null } = options
    if (!Number.isInteger(saveTopK) || saveTopK < -1)
      throw new ArgumentError(`ModelCheckpoint: expected saveTopK to be -1 (all), 0 (none) or more, got ${saveTopK}`)
    if (monitor === null && saveTopK > 1)
      throw new ArgumentError(
        `ModelCheckpoint: saveTopK ${saveTopK} needs a monitor by which the best are told; -1 keeps all`,
      )
    const { everyNTrainSteps: steps = null, everyNEpochs: epochs = null, trainTimeInterval: seconds = null } = options
    if ([steps, epochs, seconds].filter((every) => every !== null).length > 1)
      throw new ArgumentError(
        'ModelCheckpoint: expected one of everyNTrainSteps, everyNEpochs and trainTimeInterval; take several callbacks for several',
      )
    for (const [name, every] of Object.entries({ everyNTrainSteps: steps, everyNEpochs: epochs }))
      if (every !== null && !(Number.isInteger(every) && every >= 1))
        throw new ArgumentError(`ModelCheckpoint: expected ${name} ≥ 1, got ${every}`)
    this.options = options
    this.monitor = monitor
    this.mode = checkMode('ModelCheckpoint', mode)
    this.saveTopK = saveTopK
    this.dirpath = dirpath
  }

  override get stateKey(): string {
    const { monitor, mode } = this
    const { everyNTrainSteps = null, everyNEpochs = null, trainTimeInterval = null } = this.options
    return `ModelCheckpoint${JSON.stringify({ monitor, mode, everyNTrainSteps, everyNEpochs, trainTimeInterval })}`
  }

  override setup(trainer: Trainer): void {
    this.dirpath ??= join(trainer.loggers[0]?.logDir ?? trainer.options.defaultRootDir, 'checkpoints')
  }

  override onTrainBatchEnd(trainer: Trainer): void {
    const { everyNTrainSteps: steps = null, trainTimeInterval: seconds = null } = this.options
    const due =
      (steps !== null && trainer.globalStep % steps === 0) ||
      (seconds !== null && trainer.strategy.onMain(() => Date.now() - this.#savedAt >= seconds * 1000))
    if (due && trainer.globalStep > 0) this.#save(trainer)
  }

  override onValidationEnd(trainer: Trainer): void {
    if (!trainer.sanityChecking && this.#byEpoch(trainer) && !this.#atTrainEnd(trainer)) this.#save(trainer)
  }

  override onTrainEpochEnd(trainer: Trainer): void {
    if (this.#byEpoch(trainer) && this.#atTrainEnd(trainer)) this.#save(trainer)
  }

  #byEpoch(trainer: Trainer): boolean {
    const { everyNTrainSteps = null, everyNEpochs = null, trainTimeInterval = null } = this.options
    if (everyNTrainSteps !== null || trainTimeInterval !== null) return false
    return (trainer.currentEpoch + 1) % (everyNEpochs ?? 1) === 0
  }

  #atTrainEnd(trainer: Trainer): boolean {
    const { saveOnTrainEpochEnd = null } = this.options
    if (saveOnTrainEpochEnd !== null) return saveOnTrainEpochEnd
    if (!trainer.validates) return true
    return trainer.options.checkValEveryNEpoch === 1 && trainer.options.valCheckInterval === null
  }

  #save(trainer: Trainer): void {
    if (!trainer.fitting || trainer.globalStep === this.#lastStep) return
    this.#lastStep = trainer.globalStep
    this.#savedAt = Date.now()
    const { monitor } = this
    // Every process decides by rank 0's value, and writes nothing else.
    const { strategy } = trainer
    const score = monitor === null ? null : strategy.onMain(() => monitored('ModelCheckpoint', trainer, monitor))
    const folder = this.dirpath ?? join(trainer.options.defaultRootDir, 'checkpoints')
    this.dirpath = folder
    strategy.onMain(() => makeFolder(folder))
    if (this.saveTopK !== 0) this.#saveTop(trainer, folder, score)
    if (this.options.saveLast) {
      const path = join(folder, 'last.ckpt')
      this.lastModelPath = path
      this.#write(trainer, path)
    }
  }

  #saveTop(trainer: Trainer, folder: string, score: number | null): void {
    const kept = Object.entries(this.bestKModels)
    // Worst first: what goes when there are too many. A score that is no number is the worst of all.
    kept.sort(([, a], [, b]) => (this.#worse(a, b) ? -1 : this.#worse(b, a) ? 1 : 0))
    const full = this.saveTopK > 0 && kept.length >= this.saveTopK
    if (full && score !== null && !this.#worse(kept[0][1], score)) return
    const path = trainer.strategy.onMain(() => this.#free(trainer, join(folder, `${this.#fileName(trainer)}.ckpt`)))
    this.bestKModels[path] = score ?? trainer.globalStep
    const dropped = full && kept[0][0] !== path ? kept[0][0] : null
    if (dropped !== null) delete this.bestKModels[dropped]
    if (score === null || this.bestModelScore === null || isBetter(this.mode, score, this.bestModelScore)) {
      this.bestModelPath = path
      this.bestModelScore = score
    }
    this.#write(trainer, path)
    if (dropped !== null && trainer.isGlobalZero) rmSync(dropped, { force: true })
  }

  #worse(a: number, b: number): boolean {
    if (this.monitor === null) return a < b
    if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) && !Number.isNaN(b)
    return isBetter(this.mode, b, a)
  }

  #write(trainer: Trainer, path: string): void {
    trainer.saveCheckpoint(path, this.options.saveWeightsOnly ?? false)
    if (this.options.verbose && trainer.isGlobalZero)
      console.log(`epoch ${trainer.currentEpoch}, step ${trainer.globalStep}: saved ${path}`)
  }

  /** A name that no other run's checkpoint has; a run that goes on writes its own files again. */
  #free(trainer: Trainer, path: string): string {
    if (trainer.resumed || path in this.bestKModels) return path
    let free = path
    for (let version = 1; existsSync(free); version++) free = path.replace(/\.ckpt$/, `-v${version}.ckpt`)
    return free
  }

  #fileName(trainer: Trainer): string {
    const values: Record<string, number> = {
      ...trainer.callbackMetrics,
      epoch: trainer.currentEpoch,
      step: trainer.globalStep,
    }
    const insert = this.options.autoInsertMetricName ?? true
    return (this.options.filename ?? '{epoch}-{step}').replace(
      /\{([^{}:]+)(?::\.?(\d+)[a-z]?)?\}/g,
      (_, name: string, digits?: string) => {
        const value = values[name] ?? 0
        const text =
          digits === undefined
            ? String(value)
            : name === 'epoch' || name === 'step'
              ? String(value).padStart(Number(digits), '0')
              : value.toFixed(Number(digits))
        return insert ? `${name.replaceAll('/', '_')}=${text}` : text
      },
    )
  }

  override stateDict(): Record<string, unknown> {
    const { bestModelPath, bestModelScore, lastModelPath, bestKModels, dirpath } = this
    return {
      best_model_path: bestModelPath,
      best_model_score: bestModelScore,
      last_model_path: lastModelPath,
      best_k_models: { ...bestKModels },
      dirpath,
      last_step: this.#lastStep,
    }
  }

  override loadStateDict(state: Record<string, unknown>): void {
    this.bestModelPath = String(state.best_model_path)
    this.bestModelScore = state.best_model_score as number | null
    this.lastModelPath = String(state.last_model_path)
    this.bestKModels = { ...(state.best_k_models as Record<string, number>) }
    this.#lastStep = Number(state.last_step)
    // A folder that was chosen by the run that saved is that of the run that goes on.
    if ((this.options.dirpath ?? null) === null) this.dirpath = state.dirpath as string | null
  }
}
