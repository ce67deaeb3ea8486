// A run of `fit`: epochs until one of the limits is reached.
import type { Generator } from '@flambeau/core'
import type { Context } from '../run/context.js'
import { generatorsOf, isolated, limited, type RandomState, randomState, setRandomState } from '../run/loaders.js'
import { configured, LightningOptimizer, type Scheduled } from '../run/optimizers.js'
import type { Progress } from '../run/progress.js'
import type { Loader } from '../types.js'
import { evaluate } from './evaluation.js'
import { trainEpoch } from './training-epoch.js'

/** The state of a run of `fit`, all of which a checkpoint has. */
export class FitRun {
  readonly context: Context
  readonly trainLoader: Loader
  readonly valLoaders: readonly Loader[]
  /** Batches of an epoch; Infinity where that is not known. */
  readonly limit: number
  readonly valLimits: readonly number[]
  readonly optimizers: readonly LightningOptimizer[]
  /** The schedulers in use, which a callback may replace. */
  readonly schedulers: Scheduled[]
  /** Those of the module, whose states are saved. */
  readonly ownSchedulers: readonly Scheduled[]
  /** Generators that loaders have of their own: their states are saved too. */
  readonly generators: readonly Generator[]
  /** Random states at the start of the epoch under way, from which its batches come in the same order again. */
  epochRandom: RandomState | null = null
  /** Random states of the checkpoint that this run goes on from, until it has. */
  resumeRandom: RandomState | null = null
  /** Whether the gradients have become a step, so that the next ones begin anew. */
  gradientsUsed = true
  /** Hooks that a step of manual optimization has called. */
  readonly #called: Promise<void>[] = []

  constructor(context: Context, trainLoader: Loader, valLoaders: readonly Loader[]) {
    const { options } = context.trainer
    this.context = context
    this.trainLoader = trainLoader
    this.valLoaders = valLoaders
    this.limit = limited('limitTrainBatches', options.limitTrainBatches, trainLoader)
    this.valLimits = valLoaders.map((loader) => limited('limitValBatches', options.limitValBatches, loader))
    this.generators = [trainLoader, ...valLoaders].flatMap(generatorsOf)
    const { optimizers, schedulers } = configured(context.module)
    this.optimizers = optimizers.map(
      (optimizer) => new LightningOptimizer(optimizer, (own, step) => this.#manual(own, step)),
    )
    this.schedulers = schedulers
    this.ownSchedulers = [...schedulers]
  }

  get progress(): Progress {
    return this.context.trainer.progress
  }

  #manual(optimizer: LightningOptimizer, step: () => void): void {
    const called = this.context.hooks.early('onBeforeOptimizerStep', optimizer)
    if (called !== undefined) this.#called.push(called)
    step()
    this.progress.globalStep++
  }

  /** Waits for hooks that manual steps have called, so that their errors are not lost. */
  async settle(): Promise<void> {
    await Promise.all(this.#called.splice(0))
  }

  /** What one process wants, all do at the same batch: to stop, or to leave because a signal has come. */
  agree(): void {
    const { trainer, strategy } = this.context
    if (strategy.worldSize === 1) {
      trainer.interrupted = trainer.signalled
      return
    }
    const wanted = [trainer.shouldStop, trainer.signalled].map(Number)
    const [stop, leave] = strategy.reduce(wanted, 'max').map(Boolean)
    trainer.shouldStop = stop
    trainer.interrupted = leave
  }

  /** Whether there is something to validate. */
  get validates(): boolean {
    return (
      this.valLoaders.length > 0 &&
      this.context.module.validationStep !== undefined &&
      this.valLimits.some((limit) => limit > 0)
    )
  }

  /** Whether training is over. */
  get finished(): boolean {
    const { trainer } = this.context
    const { maxEpochs, maxSteps } = trainer.limits
    const { epoch, globalStep } = this.progress
    if (maxEpochs >= 0 && epoch >= maxEpochs) return true
    if (maxSteps >= 0 && globalStep >= maxSteps) return true
    return trainer.shouldStop && this.longEnough
  }

  /** Whether it may end before its limits. */
  get longEnough(): boolean {
    const { minEpochs, minSteps } = this.context.trainer.options
    const { epoch, globalStep } = this.progress
    return epoch >= (minEpochs ?? 0) && globalStep >= (minSteps ?? 0)
  }

  async validate(): Promise<void> {
    const { trainer } = this.context
    const { progress } = this
    trainer.validating = true
    // A run that goes on validates with the random numbers with which it would have.
    if (this.resumeRandom !== null) setRandomState(this.resumeRandom, this.generators)
    try {
      await evaluate(this.context, 'validation', {
        loaders: this.valLoaders,
        limits: this.valLimits,
        step: Math.max(0, progress.stepped - 1),
        done: () => {
          progress.validatedAt = progress.batch
        },
      })
      if (this.resumeRandom !== null) this.resumeRandom = randomState(this.generators)
    } finally {
      trainer.validating = false
    }
  }

  /** A few batches of validation before anything else, so that its mistakes show at once. */
  async #sanityCheck(): Promise<void> {
    const { trainer, hooks } = this.context
    const steps = trainer.options.numSanityValSteps
    if (steps === 0 || !this.validates) return
    trainer.sanityChecking = true
    const before = trainer.results.stateDict(new Map())
    try {
      await hooks.call('onSanityCheckStart')
      await isolated(() =>
        evaluate(this.context, 'validation', {
          loaders: this.valLoaders,
          limits: this.valLimits.map((limit) => (steps < 0 ? limit : Math.min(limit, steps))),
          step: null,
        }),
      )
      trainer.results.loadStateDict(before, new Map())
      await hooks.call('onSanityCheckEnd')
    } finally {
      trainer.sanityChecking = false
    }
  }

  /** Trains. @param resumed whether this goes on from a checkpoint */
  async run(resumed: boolean): Promise<void> {
    const { trainer, module, hooks } = this.context
    if (!resumed) await this.#sanityCheck()
    module.train()
    await hooks.call('onTrainStart')
    for (;;) {
      this.agree()
      if (this.finished || trainer.interrupted) break
      // A checkpoint of the end of an epoch has no iteration to go on with.
      if (this.resumeRandom !== null && !this.progress.epochStarted) {
        setRandomState(this.resumeRandom, this.generators)
        this.resumeRandom = null
      }
      await trainEpoch(this)
    }
    if (!trainer.interrupted) await hooks.call('onTrainEnd')
  }
}
