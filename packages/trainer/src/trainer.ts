// The trainer: options, what is known of a run, and fit, validate, test and predict.
import { join } from 'node:path'
import { ArgumentError } from '@flambeau/core'
import type { Callback } from './callback.js'
import { ModelCheckpoint } from './callbacks/model-checkpoint.js'
import type { LightningDataModule } from './datamodule.js'
import { TrainerError } from './errors.js'
import { DistantLogger } from './loggers/distant.js'
import type { Logger } from './loggers/logger.js'
import { type Evaluation, evaluate } from './loops/evaluation.js'
import { FitRun } from './loops/fit.js'
import { predict } from './loops/prediction.js'
import { LightningModule } from './module.js'
import * as checkpoints from './run/checkpoint.js'
import type { Context } from './run/context.js'
import { firstBatches, loadersOf, trainLoaderOf } from './run/data.js'
import { Hooks } from './run/hooks.js'
import { limited } from './run/loaders.js'
import type { LightningOptimizer, Scheduled } from './run/optimizers.js'
import { type CheckedOptions, checkOptions, type TrainerOptions } from './run/options.js'
import { type Precision, precisionOf } from './run/precision.js'
import { initialProgress, type Progress } from './run/progress.js'
import { callbacksOf, loggersOf } from './run/registry.js'
import { Results } from './run/results.js'
import { onFirstSignal } from './run/signals.js'
import { type Strategy, strategyOf } from './run/strategy.js'
import type { AnyLightningModule, Loader, Loaders, Stage } from './types.js'

/** What `fit` takes beside the module. */
export interface FitOptions {
  readonly trainDataloaders?: Loaders
  readonly valDataloaders?: Loaders
  readonly datamodule?: LightningDataModule | null
  /** The checkpoint to go on from: a path, or 'last' for the newest there is, which may be none. */
  readonly ckptPath?: string | null
}

/** What `validate`, `test` and `predict` take beside the module. */
export interface RunOptions {
  readonly dataloaders?: Loaders
  readonly datamodule?: LightningDataModule | null
  /** The checkpoint whose weights are taken: a path, 'best' or 'last'. */
  readonly ckptPath?: string | null
}

/**
 * Trains and evaluates modules. The loop is Lightning's; a run that was ended at any moment, even by SIGKILL, goes on
 * from its last checkpoint as if it had not been: with the same weights, to the bit, and logs without a gap or a
 * repetition.
 *
 * @throws ArgumentError for an unknown option, with the one that was probably meant
 */
export class Trainer {
  readonly options: CheckedOptions
  readonly callbacks: Callback[]
  readonly loggers: Logger[]
  readonly precision: Precision
  readonly strategy: Strategy
  /** What has been logged. */
  readonly results: Results
  /** How far the run is. */
  progress: Progress = initialProgress()
  /** Set by whoever wants training to end after this batch. */
  shouldStop = false
  /** Whether a signal has ended the run, which can go on from its checkpoint. */
  interrupted = false
  /** @internal A signal that has come, of which the processes do not know yet in common. */
  signalled = false
  /** Whether the run goes on from a checkpoint. */
  resumed = false
  sanityChecking = false
  validating = false
  fitting = false
  /** @internal Whether what happens now still belongs to the epoch that has just been counted. */
  endingEpoch = false
  datamodule: LightningDataModule | null = null
  #module: AnyLightningModule | null = null
  #run: FitRun | null = null

  constructor(options: TrainerOptions = {}) {
    this.options = checkOptions(options)
    this.precision = precisionOf(this.options.precision)
    this.strategy = strategyOf(this.options.strategy, this.options)
    this.results = new Results(this.strategy)
    this.#checkDeterministic()
    this.loggers = loggersOf(this.options)
    this.callbacks = callbacksOf(this.options)
  }

  #checkDeterministic(): void {
    if (this.options.deterministic && this.strategy.device.startsWith('cuda'))
      throw new ArgumentError(
        'Trainer: deterministic is for the cpu: some kernels of CUDA devices add up in any order; take accelerator: "cpu", or leave it out',
      )
  }

  /** The number of processes that train together. */
  get worldSize(): number {
    return this.strategy.worldSize
  }

  /** Which of all processes this is. */
  get globalRank(): number {
    return this.strategy.globalRank
  }

  /** Which of the processes on its machine this is. */
  get localRank(): number {
    return this.strategy.localRank
  }

  /** Whether this process is the one that logs and writes. */
  get isGlobalZero(): boolean {
    return this.globalRank === 0
  }

  /** The epoch under way, from 0. */
  get currentEpoch(): number {
    return this.progress.epoch - (this.endingEpoch ? 1 : 0)
  }

  /** Optimizer steps so far. */
  get globalStep(): number {
    return this.progress.globalStep
  }

  /** When training ends; -1 for no limit. */
  get limits(): { readonly maxEpochs: number; readonly maxSteps: number } {
    const { maxEpochs, maxSteps, maxTime } = this.options
    return { maxEpochs: maxEpochs ?? (maxSteps >= 0 || maxTime !== null ? -1 : 1000), maxSteps }
  }

  /** The last value of everything that was logged. */
  get callbackMetrics(): Record<string, number> {
    return this.results.callback.read()
  }

  /** The last values of what the progress bar shows. */
  get progressBarMetrics(): Record<string, number> {
    return this.results.progress.read()
  }

  /** Batches of an epoch of training; Infinity where the loader does not say. */
  get numTrainingBatches(): number {
    return this.#run?.limit ?? 0
  }

  get trainLoader(): Loader | null {
    return this.#run?.trainLoader ?? null
  }

  /** Whether `fit` validates. */
  get validates(): boolean {
    return this.#run?.validates ?? false
  }

  get optimizers(): LightningOptimizer[] {
    return [...(this.#run?.optimizers ?? [])]
  }

  get lrSchedulerConfigs(): Scheduled[] {
    return this.#run?.schedulers ?? []
  }

  /** The first `ModelCheckpoint`. */
  get checkpointCallback(): ModelCheckpoint | null {
    return this.callbacks.find((callback) => callback instanceof ModelCheckpoint) ?? null
  }

  /** Gives values to all loggers. */
  logMetrics(metrics: Readonly<Record<string, number>>, step: number): void {
    if (Object.keys(metrics).length === 0) return
    const row = { epoch: this.currentEpoch, ...metrics }
    for (const logger of this.loggers) logger.logMetrics(row, step)
  }

  /**
   * Saves everything that the run goes on from; a file that is there is replaced once the new one is whole. Of several
   * processes, all call it, and rank 0 writes.
   *
   * @param weightsOnly save the module alone
   * @throws TrainerError where it cannot be written: the message says what to do, and what is still there
   */
  saveCheckpoint(path: string, weightsOnly = false): void {
    if (this.#module === null)
      throw new ArgumentError('saveCheckpoint: the trainer has run no module yet; call fit, or save module.stateDict()')
    const checkpoint = checkpoints.dump(this, this.#module, this.#run, weightsOnly)
    this.strategy.onMain(() => checkpoints.write(path, checkpoint))
  }

  /** Trains a module. @throws whatever a step or a callback throws, once loggers are closed */
  async fit(module: AnyLightningModule, options: FitOptions = {}): Promise<void> {
    const { trainDataloaders, valDataloaders, datamodule = null, ckptPath = null } = options
    if (module?.trainingStep === undefined)
      throw new ArgumentError(`fit: expected a LightningModule with a trainingStep, got ${nameOf(module)}`)
    await this.#running('fit', module, datamodule, async (context) => {
      this.progress = initialProgress()
      this.shouldStop = false
      this.interrupted = false
      this.signalled = false
      const path = ckptPath === null ? null : this.strategy.onMain(() => checkpoints.resolve(this, ckptPath))
      const checkpoint = path === null ? null : checkpoints.read(path)
      this.resumed = checkpoint !== null
      const run = await this.#prepared(context, trainDataloaders, valDataloaders)
      this.#run = run
      if (checkpoint !== null) {
        checkpoints.restoreModule(this, module, checkpoint)
        checkpoints.restoreRun(this, module, run, checkpoint)
        this.#shareLoggers()
      } else if (Object.keys(module.hparams).length > 0)
        for (const logger of this.loggers) logger.logHyperparams(module.hparams)
      await context.hooks.call('onFitStart')
      const unlisten = this.options.enableGracefulStop ? onFirstSignal((signal) => this.#interrupt(signal)) : () => {}
      try {
        await run.run(this.resumed)
      } finally {
        unlisten()
      }
      if (this.interrupted) this.#saveInterrupted()
      await context.hooks.call('onFitEnd')
    })
  }

  async #prepared(context: Context, train: Loaders, val: Loaders): Promise<FitRun> {
    const { module } = context
    let trainLoader = await this.strategy.shard(trainLoaderOf(module, this.datamodule, train), true)
    let valLoaders = await this.#shards(loadersOf(module, this.datamodule, 'valDataloader', val))
    if (this.options.overfitBatches !== 0) {
      trainLoader = await firstBatches(trainLoader, this.options.overfitBatches)
      if (valLoaders.length > 0) valLoaders = [trainLoader]
    }
    return new FitRun(context, trainLoader, valLoaders)
  }

  async #shards(loaders: readonly Loader[]): Promise<Loader[]> {
    const shards: Loader[] = []
    for (const loader of loaders) shards.push(await this.strategy.shard(loader, false))
    return shards
  }

  /** Loggers of the other processes stand for rank 0's. */
  #shareLoggers(): void {
    if (this.worldSize === 1) return
    const whereabouts = this.strategy.onMain(() =>
      this.loggers.map(({ name, version, logDir }) => ({ name, version, logDir })),
    )
    if (this.isGlobalZero) return
    this.loggers.splice(0, this.loggers.length, ...whereabouts.map((of) => new DistantLogger(of)))
  }

  #interrupt(signal: string): void {
    this.signalled = true
    console.error(`\n${signal}: ending after this batch, with a checkpoint; once more ends at once`)
  }

  #saveInterrupted(): void {
    const folder = this.checkpointCallback?.dirpath ?? join(this.options.defaultRootDir, 'checkpoints')
    const path = join(folder, 'interrupted.ckpt')
    this.strategy.onMain(() => checkpoints.makeFolder(folder))
    this.saveCheckpoint(path)
    if (!this.isGlobalZero) return
    console.error(`saved ${path} at step ${this.globalStep}; trainer.fit(module, { ckptPath }) goes on from it`)
  }

  /** Validates. @returns what was logged, for each loader */
  validate(module: AnyLightningModule, options: RunOptions = {}): Promise<Record<string, number>[]> {
    return this.#evaluated('validate', 'validation', module, options, this.options.limitValBatches)
  }

  /** Tests. @returns what was logged, for each loader */
  test(module: AnyLightningModule, options: RunOptions = {}): Promise<Record<string, number>[]> {
    return this.#evaluated('test', 'test', module, options, this.options.limitTestBatches)
  }

  #evaluated(
    stage: 'validate' | 'test',
    kind: Evaluation,
    module: AnyLightningModule,
    options: RunOptions,
    limit: number | null,
  ): Promise<Record<string, number>[]> {
    const source = stage === 'validate' ? 'valDataloader' : 'testDataloader'
    return this.#running(stage, module, options.datamodule ?? null, async (context) => {
      const loaders = await this.#loaded(stage, module, options, source)
      const limits = loaders.map((loader) =>
        limited(stage === 'test' ? 'limitTestBatches' : 'limitValBatches', limit, loader),
      )
      return evaluate(context, kind, { loaders, limits, step: Math.max(0, this.progress.stepped - 1) })
    })
  }

  /** Predicts. @returns what `predictStep` gave: a list of batches, or of such lists where there are several loaders */
  predict(module: AnyLightningModule, options: RunOptions = {}): Promise<unknown[]> {
    return this.#running('predict', module, options.datamodule ?? null, async (context) => {
      const loaders = await this.#loaded('predict', module, options, 'predictDataloader')
      const limits = loaders.map((loader) => limited('limitPredictBatches', this.options.limitPredictBatches, loader))
      const outputs = await predict(context, loaders, limits)
      return outputs.length === 1 ? outputs[0] : outputs
    })
  }

  /** The loaders of a stage, with the weights that are meant in the module. */
  async #loaded(
    stage: Stage,
    module: AnyLightningModule,
    options: RunOptions,
    source: 'valDataloader' | 'testDataloader' | 'predictDataloader',
  ): Promise<Loader[]> {
    const { ckptPath = null } = options
    if (ckptPath !== null) {
      const path = this.strategy.onMain(() => checkpoints.resolve(this, ckptPath))
      if (path === null) throw new ArgumentError(`${stage}: there is no checkpoint yet for ckptPath '${ckptPath}'`)
      checkpoints.restoreModule(this, module, checkpoints.read(path))
    }
    const loaders = loadersOf(module, this.datamodule, source, options.dataloaders)
    if (loaders.length === 0)
      throw new ArgumentError(`${stage}: expected a loader; give { dataloaders }, { datamodule }, or write ${source}()`)
    return this.#shards(loaders)
  }

  /** Sets a module up, runs `body`, and takes all down again, whatever happens. */
  async #running<R>(
    stage: Stage,
    module: AnyLightningModule,
    datamodule: LightningDataModule | null,
    body: (context: Context) => Promise<R>,
  ): Promise<R> {
    if (!(module instanceof LightningModule))
      throw new ArgumentError(`${stage}: expected a LightningModule, got ${nameOf(module)}`)
    if (this.#module !== null && this.fitting)
      throw new TrainerError(`${stage}: this trainer is running already; wait for it, or make another`)
    await this.strategy.connect(this.options)
    // Only now do several processes know their devices.
    this.#checkDeterministic()
    this.#shareLoggers()
    const hooks = new Hooks(this, module)
    this.#module = module
    this.datamodule = datamodule
    this.fitting = stage === 'fit'
    module.attach(this)
    let status: 'success' | 'failed' | 'interrupted' = 'failed'
    try {
      if (this.localRank === 0) {
        await datamodule?.prepareData?.()
        await module.prepareData?.()
      }
      this.strategy.barrier()
      await datamodule?.setup?.(stage)
      await hooks.call('setup', stage)
      this.precision.convertModule(module)
      this.strategy.setup(module, stage === 'fit')
      const result = await body({ trainer: this, module, hooks, precision: this.precision, strategy: this.strategy })
      // What rank 0 has written is there for all.
      this.strategy.barrier()
      status = this.interrupted ? 'interrupted' : 'success'
      return result
    } catch (thrown) {
      const error = this.strategy.failed(thrown)
      await hooks.call('onException', error)
      throw error
    } finally {
      this.strategy.teardown()
      await hooks.call('teardown', stage)
      await datamodule?.teardown?.(stage)
      this.fitting = false
      for (const logger of this.loggers) logger.finalize(status)
    }
  }
}

const nameOf = (value: unknown): string =>
  value === null || value === undefined ? String(value) : (value as object).constructor.name
