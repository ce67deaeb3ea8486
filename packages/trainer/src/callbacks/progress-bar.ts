// How far a run is: a live bar on a terminal, plain lines elsewhere.
import { SingleBar } from 'cli-progress'
import { Callback } from '../callback.js'
import type { Trainer } from '../trainer.js'
import type { AnyLightningModule } from '../types.js'

/** The options of `ProgressBar`. */
export interface ProgressBarOptions {
  /** Milliseconds between two pictures of the bar. Default 100. */
  readonly refreshRate?: number
  /** Seconds between two lines where there is no terminal; lines at the ends of epochs come anyway. Default 10. */
  readonly lineInterval?: number
  /** Where to. Default `process.stdout`. */
  readonly stream?: NodeJS.WriteStream
}

const FORMAT = '{what} {bar} {value}/{total} | {rate} batches/s{metrics}'

/** Shows how far a run is, and what is logged with `progBar: true`. */
export class ProgressBar extends Callback {
  override readonly mainOnly = true
  readonly #refresh: number
  readonly #interval: number
  readonly #stream: NodeJS.WriteStream
  #bar: SingleBar | null = null
  #started = 0
  #first = 0
  #lined = 0
  #drawn = 0

  constructor({ refreshRate = 100, lineInterval = 10, stream = process.stdout }: ProgressBarOptions = {}) {
    super()
    this.#refresh = refreshRate
    this.#interval = lineInterval * 1000
    this.#stream = stream
  }

  override onTrainEpochStart(trainer: Trainer): void {
    this.#begin(`Epoch ${trainer.currentEpoch}`, trainer.numTrainingBatches, trainer)
  }

  override onTrainBatchEnd(trainer: Trainer, _m: AnyLightningModule, _o: unknown, _b: unknown, index: number): void {
    // An epoch that a run goes on with has not been begun here.
    if (this.#started === 0) this.#begin(`Epoch ${trainer.currentEpoch}`, trainer.numTrainingBatches, trainer, index)
    const now = performance.now()
    if (this.#bar !== null) {
      if (now - this.#drawn < this.#refresh) return
      this.#drawn = now
      this.#bar.update(index + 1, this.#shown(trainer, index + 1))
    } else if (now - this.#lined >= this.#interval) {
      this.#lined = now
      this.#line(`Epoch ${trainer.currentEpoch}`, trainer, index + 1, trainer.numTrainingBatches)
    }
  }

  override onTrainEpochEnd(trainer: Trainer): void {
    this.#finish(`Epoch ${trainer.currentEpoch}`, trainer, trainer.progress.batch, trainer.numTrainingBatches)
  }

  override onValidationStart(trainer: Trainer): void {
    if (this.#bar === null || trainer.sanityChecking) return
    this.#bar.update(trainer.progress.batch, {
      ...this.#shown(trainer, trainer.progress.batch),
      metrics: ' | validating',
    })
  }

  override onTestEnd(trainer: Trainer): void {
    this.#line('Test', trainer, 0, 0)
  }

  override onException(): void {
    this.#stop()
  }

  override teardown(): void {
    this.#stop()
  }

  #begin(what: string, total: number, trainer: Trainer, first = 0): void {
    this.#stop()
    this.#started = performance.now()
    this.#lined = this.#started
    this.#first = first
    if (!this.#stream.isTTY) return
    this.#bar = new SingleBar({
      format: FORMAT,
      stream: this.#stream,
      barsize: 24,
      hideCursor: true,
      clearOnComplete: false,
    })
    this.#bar.start(Number.isFinite(total) ? total : 0, first, { what, ...this.#shown(trainer, first) })
  }

  #finish(what: string, trainer: Trainer, done: number, total: number): void {
    if (this.#bar !== null) this.#bar.update(done, this.#shown(trainer, done))
    else this.#line(what, trainer, done, total)
    this.#stop()
  }

  #stop(): void {
    this.#bar?.stop()
    this.#bar = null
    this.#started = 0
  }

  #shown(trainer: Trainer, done: number): { rate: string; metrics: string } {
    const seconds = (performance.now() - this.#started) / 1000
    const shown = Object.entries(trainer.progressBarMetrics).map(([name, value]) => `${name} ${brief(value)}`)
    return {
      rate: seconds > 0 ? ((done - this.#first) / seconds).toFixed(1) : '-',
      metrics: shown.length > 0 ? ` | ${shown.join(', ')}` : '',
    }
  }

  #line(what: string, trainer: Trainer, done: number, total: number): void {
    const { rate, metrics } = this.#shown(trainer, done)
    const count = done > 0 ? `: ${done}${Number.isFinite(total) ? `/${total}` : ''} batches, ${rate} batches/s` : ''
    this.#stream.write(`${what}${count}${metrics}\n`)
  }
}

const brief = (value: number): string => (Number.isInteger(value) ? String(value) : value.toPrecision(4))
