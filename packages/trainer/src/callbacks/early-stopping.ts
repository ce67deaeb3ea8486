// Ends a run when a metric no longer improves.
import { ArgumentError } from '@flambeau/core'
import { Callback } from '../callback.js'
import { checkKeys } from '../errors.js'
import type { Trainer } from '../trainer.js'
import { checkMode, isBetter, type Mode, monitored } from './monitored.js'

/** The options of `EarlyStopping`. */
export interface EarlyStoppingOptions {
  /** A metric that is logged. */
  readonly monitor: string
  /** The least change that counts as an improvement. Default 0. */
  readonly minDelta?: number
  /** Checks without improvement that are tolerated. Default 3. */
  readonly patience?: number
  /** Default 'min'. */
  readonly mode?: Mode
  /** Whether a monitor that nobody logs is an error. Default true. */
  readonly strict?: boolean
  /** Stop where the metric is NaN or infinite. Default true. */
  readonly checkFinite?: boolean
  /** Stop as soon as the metric is at least as good as this. */
  readonly stoppingThreshold?: number | null
  /** Stop as soon as the metric is worse than this. */
  readonly divergenceThreshold?: number | null
  /** Look at the end of training epochs rather than of validation. Default: where nothing is validated. */
  readonly checkOnTrainEpochEnd?: boolean | null
  readonly verbose?: boolean
}

const KEYS = [
  'monitor',
  'minDelta',
  'patience',
  'mode',
  'strict',
  'checkFinite',
  'stoppingThreshold',
  'divergenceThreshold',
  'checkOnTrainEpochEnd',
  'verbose',
]

/** Ends a run when a metric no longer improves. */
export class EarlyStopping extends Callback {
  readonly options: EarlyStoppingOptions
  readonly mode: Mode
  waitCount = 0
  stoppedEpoch = 0
  bestScore: number

  constructor(options: EarlyStoppingOptions) {
    super()
    if (typeof options?.monitor !== 'string')
      throw new ArgumentError("EarlyStopping: expected the name of a logged metric: { monitor: 'val_loss' }")
    checkKeys('EarlyStopping', options, KEYS)
    this.options = options
    this.mode = checkMode('EarlyStopping', options.mode ?? 'min')
    this.bestScore = this.mode === 'min' ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY
  }

  override get stateKey(): string {
    return `EarlyStopping${JSON.stringify({ monitor: this.options.monitor, mode: this.mode })}`
  }

  #onTrainEnd(trainer: Trainer): boolean {
    return this.options.checkOnTrainEpochEnd ?? !trainer.validates
  }

  override onTrainEpochEnd(trainer: Trainer): void {
    if (this.#onTrainEnd(trainer)) this.#check(trainer)
  }

  override onValidationEnd(trainer: Trainer): void {
    if (!this.#onTrainEnd(trainer) && !trainer.sanityChecking && trainer.fitting) this.#check(trainer)
  }

  #check(trainer: Trainer): void {
    const { monitor, strict = true, patience = 3 } = this.options
    // Every process looks at rank 0's value.
    const value = trainer.strategy.onMain(() =>
      !strict && trainer.callbackMetrics[monitor] === undefined ? null : monitored('EarlyStopping', trainer, monitor),
    )
    if (value === null) return
    const reason = this.#reason(value, patience)
    if (reason === null) return
    trainer.shouldStop = true
    this.stoppedEpoch = trainer.currentEpoch
    if (this.options.verbose && trainer.isGlobalZero) console.log(`EarlyStopping: ${reason}`)
  }

  /** Why training ends now, or null. */
  #reason(value: number, patience: number): string | null {
    const {
      monitor,
      minDelta = 0,
      checkFinite = true,
      stoppingThreshold = null,
      divergenceThreshold = null,
    } = this.options
    if (checkFinite && !Number.isFinite(value)) return `${monitor} is ${value}`
    if (stoppingThreshold !== null && isBetter(this.mode, value, stoppingThreshold))
      return `${monitor} is ${value}, which is good enough`
    if (divergenceThreshold !== null && isBetter(this.mode, divergenceThreshold, value))
      return `${monitor} is ${value}: it diverges`
    const delta = this.mode === 'min' ? Math.abs(minDelta) : -Math.abs(minDelta)
    if (isBetter(this.mode, value + delta, this.bestScore)) {
      this.bestScore = value
      this.waitCount = 0
      return null
    }
    this.waitCount++
    return this.waitCount >= patience
      ? `${monitor} has not improved on ${this.bestScore} for ${this.waitCount} checks`
      : null
  }

  override stateDict(): Record<string, unknown> {
    return { wait_count: this.waitCount, stopped_epoch: this.stoppedEpoch, best_score: this.bestScore }
  }

  override loadStateDict(state: Record<string, unknown>): void {
    this.waitCount = Number(state.wait_count)
    this.stoppedEpoch = Number(state.stopped_epoch)
    this.bestScore = Number(state.best_score)
  }
}
