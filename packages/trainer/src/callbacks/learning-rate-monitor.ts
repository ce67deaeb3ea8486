// Logs the learning rates.
import { ArgumentError } from '@flambeau/core'
import { Callback } from '../callback.js'
import type { Trainer } from '../trainer.js'

/** The options of `LearningRateMonitor`. */
export interface LearningRateMonitorOptions {
  /** Log at each step that is logged, or at the beginning of each epoch. Default: as each scheduler is stepped. */
  readonly loggingInterval?: 'step' | 'epoch' | null
  /** Also log momentum, or the first beta. Default false. */
  readonly logMomentum?: boolean
}

/** Logs the learning rate of each group of each optimizer: `lr-Adam`, or `lr-Adam/pg1` for several groups. */
export class LearningRateMonitor extends Callback {
  readonly options: LearningRateMonitorOptions

  constructor(options: LearningRateMonitorOptions = {}) {
    super()
    const { loggingInterval: interval = null } = options
    if (interval !== null && interval !== 'step' && interval !== 'epoch')
      throw new ArgumentError(
        `LearningRateMonitor: expected loggingInterval 'step' or 'epoch', got '${String(interval)}'`,
      )
    this.options = options
  }

  override onTrainBatchStart(trainer: Trainer): void {
    const at = trainer.progress.stepped
    if ((at + 1) % trainer.options.logEveryNSteps === 0) this.#log(trainer, 'step', at)
  }

  override onTrainEpochStart(trainer: Trainer): void {
    this.#log(trainer, 'epoch', trainer.progress.stepped)
  }

  #log(trainer: Trainer, interval: 'step' | 'epoch', step: number): void {
    const wanted = this.options.loggingInterval ?? null
    if (wanted !== null && wanted !== interval) return
    const rates: Record<string, number> = {}
    const names = trainer.optimizers.map(({ optimizer }) => optimizer.constructor.name)
    trainer.optimizers.forEach(({ optimizer, paramGroups }, i) => {
      const config = trainer.lrSchedulerConfigs.find(({ scheduler }) => scheduler.optimizer === optimizer)
      if (wanted === null && (config?.interval ?? 'epoch') !== interval) return
      const same = names.filter((name) => name === names[i]).length > 1
      const name =
        config?.name ?? `lr-${names[i]}${same ? `-${names.slice(0, i).filter((n) => n === names[i]).length}` : ''}`
      paramGroups.forEach((group: Record<string, unknown>, g: number) => {
        const full = paramGroups.length > 1 ? `${name}/pg${g + 1}` : name
        rates[full] = Number(group.lr)
        const { momentum, betas } = group
        if (this.options.logMomentum)
          rates[`${full}-momentum`] = Number(Array.isArray(betas) ? betas[0] : (momentum ?? 0))
      })
    })
    if (Object.keys(rates).length > 0) trainer.logMetrics(rates, step)
  }
}
