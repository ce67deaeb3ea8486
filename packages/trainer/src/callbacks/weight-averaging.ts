// Averages of the weights over training: stochastic weight averaging, and exponential moving averages.
import { ArgumentError, noGrad, optim, type Tensor } from '@flambeau/core'
import { Callback } from '../callback.js'
import { checkKeys } from '../errors.js'
import type { AnyScheduler, Scheduled } from '../run/optimizers.js'
import type { Trainer } from '../trainer.js'
import type { AnyLightningModule, Loader } from '../types.js'

type Averages = Map<string, Tensor>

const copyOf = (module: AnyLightningModule): Averages =>
  noGrad(() => new Map(Array.from(module.namedParameters(), ([name, p]) => [name, p.detach().clone()])))

/** Takes the weights a step towards the module's. */
function towards(averages: Averages, module: AnyLightningModule, weight: number): void {
  noGrad(() => {
    for (const [name, p] of module.namedParameters()) averages.get(name)?.lerp_(p.detach(), weight)
  })
}

function give(averages: Averages, module: AnyLightningModule): void {
  noGrad(() => {
    for (const [name, p] of module.namedParameters()) {
      const average = averages.get(name)
      if (average !== undefined) p.copy_(average)
    }
  })
}

function taken(state: unknown): Averages | null {
  if (typeof state !== 'object' || state === null) return null
  return new Map(Object.entries(state as Record<string, Tensor>).map(([name, t]) => [name, t.clone()]))
}

/** The options of `EMAWeightAveraging`. */
export interface EMAOptions {
  /** Default 0.999. */
  readonly decay?: number
  /** Default 1. */
  readonly updateEveryNSteps?: number
  /** The first step that counts. Default 0. */
  readonly updateStartingAtStep?: number
}

/**
 * Keeps an exponential moving average of the weights, `decay · average + (1 − decay) · weight`: validation and test
 * use it, and the module has it once training is over.
 */
export class EMAWeightAveraging extends Callback {
  readonly decay: number
  readonly #every: number
  readonly #first: number
  #averages: Averages | null = null
  #weights: Averages | null = null
  #updatedAt = 0

  constructor(options: EMAOptions = {}) {
    super()
    checkKeys('EMAWeightAveraging', options, ['decay', 'updateEveryNSteps', 'updateStartingAtStep'])
    const { decay = 0.999, updateEveryNSteps = 1, updateStartingAtStep = 0 } = options
    if (!(decay >= 0 && decay <= 1))
      throw new ArgumentError(`EMAWeightAveraging: expected decay in [0, 1], got ${decay}`)
    if (!Number.isInteger(updateEveryNSteps) || updateEveryNSteps < 1)
      throw new ArgumentError(`EMAWeightAveraging: expected updateEveryNSteps ≥ 1, got ${updateEveryNSteps}`)
    this.decay = decay
    this.#every = updateEveryNSteps
    this.#first = updateStartingAtStep
  }

  override onTrainBatchEnd(trainer: Trainer, module: AnyLightningModule): void {
    const step = trainer.globalStep
    if (step === this.#updatedAt || step < this.#first || step % this.#every !== 0) return
    this.#updatedAt = step
    if (this.#averages === null) this.#averages = copyOf(module)
    else towards(this.#averages, module, 1 - this.decay)
  }

  override onValidationStart(trainer: Trainer, module: AnyLightningModule): void {
    if (this.#averages === null || !trainer.fitting) return
    this.#weights = copyOf(module)
    give(this.#averages, module)
  }

  override onValidationEnd(_trainer: Trainer, module: AnyLightningModule): void {
    if (this.#weights !== null) give(this.#weights, module)
    this.#weights = null
  }

  override onTrainEnd(_trainer: Trainer, module: AnyLightningModule): void {
    if (this.#averages !== null) give(this.#averages, module)
  }

  override stateDict(): Record<string, unknown> {
    return { averages: this.#averages && Object.fromEntries(this.#averages), updated_at: this.#updatedAt }
  }

  override loadStateDict(state: Record<string, unknown>): void {
    this.#averages = taken(state.averages)
    this.#updatedAt = Number(state.updated_at)
  }
}

/** The options of `StochasticWeightAveraging`. */
export interface SWAOptions {
  /** The learning rate that is gone to, of all groups or of each. */
  readonly swaLrs: number | readonly number[]
  /** The first epoch that counts, or its share of all. Default 0.8. */
  readonly swaEpochStart?: number
  /** Epochs until `swaLrs` is reached. Default 10. */
  readonly annealingEpochs?: number
  /** Default 'cos'. */
  readonly annealingStrategy?: 'cos' | 'linear'
}

/**
 * Averages the weights of the last epochs ([Izmailov et al., 2018](https://arxiv.org/abs/1803.05407)): the module has
 * the average once training is over, and its batch normalizations statistics of their own with it.
 */
export class StochasticWeightAveraging extends Callback {
  readonly options: SWAOptions
  #averages: Averages | null = null
  #count = 0
  #scheduler: AnyScheduler | null = null
  #restored: Record<string, unknown> | null = null

  constructor(options: SWAOptions) {
    super()
    checkKeys('StochasticWeightAveraging', options, ['swaLrs', 'swaEpochStart', 'annealingEpochs', 'annealingStrategy'])
    const { swaEpochStart: start = 0.8 } = options
    if (!(start >= 0 && (start <= 1 || Number.isInteger(start))))
      throw new ArgumentError(
        `StochasticWeightAveraging: expected swaEpochStart to be a share in [0, 1] or an epoch, got ${start}`,
      )
    this.options = options
  }

  #start(trainer: Trainer): number {
    const { swaEpochStart: start = 0.8 } = this.options
    if (Number.isInteger(start) && start > 0) return start
    const { maxEpochs } = trainer.limits
    if (maxEpochs < 0)
      throw new ArgumentError(
        'StochasticWeightAveraging: a share of the epochs needs maxEpochs; give swaEpochStart as an epoch',
      )
    return Math.floor(maxEpochs * start)
  }

  override onTrainStart(trainer: Trainer): void {
    // A run that goes on after averaging began needs the schedule in its place again.
    if (this.#restored === null) return
    const groups = trainer.optimizers.flatMap(({ paramGroups }) => paramGroups)
    // A schedule sets rates when it is made; those of the checkpoint are the right ones.
    const before = groups.map(({ params, ...options }) => options)
    this.#anneal(trainer).loadStateDict(this.#restored)
    groups.forEach((group, i) => void Object.assign(group, before[i]))
    this.#restored = null
  }

  override onTrainEpochStart(trainer: Trainer): void {
    if (trainer.currentEpoch >= this.#start(trainer) && this.#scheduler === null) this.#anneal(trainer)
  }

  /** Puts the schedule of averaging in the place of the module's. */
  #anneal(trainer: Trainer): optim.lrScheduler.LRScheduler {
    const [optimizer] = trainer.optimizers
    if (optimizer === undefined)
      throw new ArgumentError('StochasticWeightAveraging: expected configureOptimizers to give an optimizer')
    const { swaLrs, annealingEpochs = 10, annealingStrategy = 'cos' } = this.options
    for (const group of optimizer.paramGroups) group.initialLr = group.lr
    const scheduler = new optim.swaUtils.SWALR(optimizer.optimizer, swaLrs, {
      annealEpochs: annealingEpochs,
      annealStrategy: annealingStrategy,
    })
    const config: Scheduled = { scheduler, interval: 'epoch', frequency: 1, strict: true, monitor: null, name: null }
    trainer.lrSchedulerConfigs.splice(0, trainer.lrSchedulerConfigs.length, config)
    this.#scheduler = scheduler
    return scheduler
  }

  override onTrainEpochEnd(trainer: Trainer, module: AnyLightningModule): void {
    if (trainer.currentEpoch < this.#start(trainer)) return
    this.#count++
    if (this.#averages === null) this.#averages = copyOf(module)
    else towards(this.#averages, module, 1 / this.#count)
  }

  override async onTrainEnd(trainer: Trainer, module: AnyLightningModule): Promise<void> {
    if (this.#averages === null) return
    give(this.#averages, module)
    await optim.swaUtils.updateBn(placedBatches(trainer), module)
  }

  override stateDict(): Record<string, unknown> {
    return {
      averages: this.#averages && Object.fromEntries(this.#averages),
      count: this.#count,
      scheduler: this.#scheduler?.stateDict() ?? null,
    }
  }

  override loadStateDict(state: Record<string, unknown>): void {
    this.#averages = taken(state.averages)
    this.#count = Number(state.count)
    this.#restored = state.scheduler as Record<string, unknown> | null
  }
}

/** The batches of training where the module is. */
async function* placedBatches(trainer: Trainer): AsyncIterable<unknown> {
  const loader: Loader | null = trainer.trainLoader
  let left = trainer.numTrainingBatches
  if (loader === null) return
  for await (const batch of loader) {
    if (left-- <= 0) return
    yield trainer.precision.convertInput(trainer.strategy.toDevice(batch))
  }
}
