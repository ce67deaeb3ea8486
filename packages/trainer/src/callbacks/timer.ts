// Ends a run after some time, over restarts.
import { ArgumentError } from '@flambeau/core'
import { Callback } from '../callback.js'
import type { Trainer } from '../trainer.js'

/** Seconds of a number, or of 'DD:HH:MM:SS'. */
export function secondsOf(duration: number | string): number {
  if (typeof duration === 'number' && duration >= 0) return duration
  const parts = /^(\d+):(\d\d):(\d\d):(\d\d)$/.exec(String(duration))
  if (parts === null)
    throw new ArgumentError(`Timer: expected seconds or 'DD:HH:MM:SS' as duration, got '${String(duration)}'`)
  const [days, hours, minutes, seconds] = parts.slice(1).map(Number)
  return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
}

/** Measures training, and ends it where a duration is given. */
export class Timer extends Callback {
  readonly duration: number | null
  readonly interval: 'step' | 'epoch'
  #before = 0
  #started: number | null = null

  constructor(duration: number | string | null = null, { interval = 'step' }: { interval?: 'step' | 'epoch' } = {}) {
    super()
    this.duration = duration === null ? null : secondsOf(duration)
    if (interval !== 'step' && interval !== 'epoch')
      throw new ArgumentError(`Timer: expected interval 'step' or 'epoch', got '${String(interval)}'`)
    this.interval = interval
  }

  /** Seconds of training so far. */
  get timeElapsed(): number {
    return this.#before + (this.#started === null ? 0 : (performance.now() - this.#started) / 1000)
  }

  /** Seconds that are left; null without a duration. */
  get timeRemaining(): number | null {
    return this.duration === null ? null : this.duration - this.timeElapsed
  }

  override onTrainStart(): void {
    this.#started = performance.now()
  }

  override onTrainEnd(): void {
    this.#before = this.timeElapsed
    this.#started = null
  }

  override onTrainBatchEnd(trainer: Trainer): void {
    if (this.interval === 'step') this.#check(trainer)
  }

  override onTrainEpochEnd(trainer: Trainer): void {
    if (this.interval === 'epoch') this.#check(trainer)
  }

  #check(trainer: Trainer): void {
    if ((this.timeRemaining ?? 1) <= 0) trainer.shouldStop = true
  }

  override stateDict(): Record<string, unknown> {
    return { time_elapsed: this.timeElapsed }
  }

  override loadStateDict(state: Record<string, unknown>): void {
    this.#before = Number(state.time_elapsed)
  }
}
