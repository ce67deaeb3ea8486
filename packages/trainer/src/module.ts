// What is trained: a network with what a step of training, validation, test and prediction is.
import { ArgumentError, nn, type Tensor } from '@flambeau/core'
import type { Logger } from './loggers/logger.js'
import type { AnyScheduler, ConfiguredOptimizers, LightningOptimizer } from './run/optimizers.js'
import type { LogOptions, LogValue } from './run/results.js'
import type { Trainer } from './trainer.js'
import type { Checkpoint, Loaders, MaybePromise, Stage, StepOutput } from './types.js'

type Result = MaybePromise<void>

/**
 * A network that says what a step is; the `Trainer` does the rest. At least `forward`, `trainingStep` and
 * `configureOptimizers` are written by a subclass; hooks have the names that callbacks have.
 *
 * @typeParam Batch what a loader gives
 * @typeParam Args the arguments of `forward`
 * @typeParam Out its result
 * @example
 * ```ts
 * import { F, nn, optim, randn, type Tensor } from '@flambeau/core'
 * import { LightningModule, Trainer } from '@flambeau/trainer'
 * class Line extends LightningModule<[Tensor, Tensor]> {
 *   readonly layer = new nn.Linear(1, 1)
 *   override forward(x: Tensor): Tensor {
 *     return this.layer.forward(x)
 *   }
 *   override trainingStep([x, y]: [Tensor, Tensor]): Tensor {
 *     const loss = F.mseLoss(this.forward(x), y)
 *     this.log('train_loss', loss)
 *     return loss
 *   }
 *   override configureOptimizers() {
 *     return new optim.SGD(this.parameters(), { lr: 0.1 })
 *   }
 * }
 * const x = randn([8, 1])
 * const trainer = new Trainer({ maxEpochs: 50, logger: false, enableCheckpointing: false, enableProgressBar: false, enableModelSummary: false })
 * const line = new Line()
 * await trainer.fit(line, { trainDataloaders: [[x, x.mul(3)]] })
 * console.log(trainer.globalStep, trainer.callbackMetrics.train_loss < 1) // → 50 true
 * ```
 */
export abstract class LightningModule<
  Batch = unknown,
  Args extends unknown[] = [Tensor],
  Out = Tensor,
> extends nn.Module<Args, Out> {
  /** False where `trainingStep` calls `manualBackward` and the steps of its optimizers itself. */
  automaticOptimization = true
  /** What `saveHyperparameters` was given: saved with every checkpoint, and logged. */
  hparams: Readonly<Record<string, unknown>> = {}
  #trainer: Trainer | null = null

  /** One step of training. @returns the loss; nothing skips the batch */
  trainingStep?(batch: Batch, batchIndex: number): MaybePromise<StepOutput>
  /** One batch of validation, without gradient. */
  validationStep?(batch: Batch, batchIndex: number, dataloaderIndex: number): MaybePromise<unknown>
  /** One batch of test, without gradient. */
  testStep?(batch: Batch, batchIndex: number, dataloaderIndex: number): MaybePromise<unknown>
  /** One batch of prediction, without gradient. Default: `forward` of the batch, or of its first item. */
  predictStep(batch: Batch, _batchIndex: number, _dataloaderIndex: number): MaybePromise<unknown> {
    return this.forward(...([Array.isArray(batch) ? batch[0] : batch] as Args))
  }

  /** The optimizers and their schedulers. */
  configureOptimizers(): ConfiguredOptimizers {
    throw new ArgumentError(
      `${this.constructor.name}: expected configureOptimizers to give an optimizer; write it, or return null to train without one`,
    )
  }

  trainDataloader?(): Loaders<Batch>
  valDataloader?(): Loaders<Batch>
  testDataloader?(): Loaders<Batch>
  predictDataloader?(): Loaders<Batch>
  /** What is done once before `setup`, such as downloads. */
  prepareData?(): Result
  setup?(stage: Stage): Result
  teardown?(stage: Stage): Result
  onFitStart?(): Result
  onFitEnd?(): Result
  onTrainStart?(): Result
  onTrainEnd?(): Result
  onTrainEpochStart?(): Result
  onTrainEpochEnd?(): Result
  onTrainBatchStart?(batch: Batch, batchIndex: number): Result
  onTrainBatchEnd?(outputs: unknown, batch: Batch, batchIndex: number): Result
  onBeforeZeroGrad?(optimizer: LightningOptimizer): Result
  onBeforeBackward?(loss: Tensor): Result
  onAfterBackward?(): Result
  onBeforeOptimizerStep?(optimizer: LightningOptimizer): Result
  onValidationStart?(): Result
  onValidationEnd?(): Result
  onValidationEpochStart?(): Result
  onValidationEpochEnd?(): Result
  onTestStart?(): Result
  onTestEnd?(): Result
  onTestEpochStart?(): Result
  onTestEpochEnd?(): Result
  onPredictStart?(): Result
  onPredictEnd?(): Result
  onPredictEpochStart?(): Result
  onPredictEpochEnd?(): Result
  onSaveCheckpoint?(checkpoint: Checkpoint): void
  onLoadCheckpoint?(checkpoint: Checkpoint): void

  /** Limits the gradients. Default: as the trainer's `gradientClipVal` and `gradientClipAlgorithm` say. */
  configureGradientClipping(_optimizer: LightningOptimizer, value: number | null, algorithm: 'norm' | 'value'): void {
    if (value === null) return
    if (algorithm === 'norm') nn.utils.clipGradNorm_(this.parameters(), value)
    else nn.utils.clipGradValue_(this.parameters(), value)
  }

  /** Logs a value: of a step, and of what the steps of an epoch add up to. */
  log(name: string, value: LogValue, options?: LogOptions): void {
    this.trainer.results.log(name, value, options)
  }

  /** Logs several values. */
  logDict(values: Readonly<Record<string, LogValue>>, options?: LogOptions): void {
    for (const [name, value] of Object.entries(values)) this.log(name, value, options)
  }

  /** Keeps what the module was made from: it is saved with every checkpoint, and logged. */
  saveHyperparameters(hparams: Readonly<Record<string, unknown>>): void {
    this.hparams = { ...this.hparams, ...hparams }
  }

  /** Backward, where `automaticOptimization` is false. */
  manualBackward(loss: Tensor): void {
    loss.backward()
  }

  /** The optimizers, whose steps count as the run's. */
  optimizers(): LightningOptimizer[] {
    return this.trainer.optimizers
  }

  /** The schedulers, to step where `automaticOptimization` is false. */
  lrSchedulers(): AnyScheduler[] {
    return this.trainer.lrSchedulerConfigs.map(({ scheduler }) => scheduler)
  }

  /** The trainer that runs this module. @throws ArgumentError where none does */
  get trainer(): Trainer {
    if (this.#trainer === null)
      throw new ArgumentError(`${this.constructor.name}: no trainer runs this module; call trainer.fit(module, …)`)
    return this.#trainer
  }

  /** @internal */
  attach(trainer: Trainer | null): void {
    this.#trainer = trainer
  }

  get currentEpoch(): number {
    return this.#trainer?.currentEpoch ?? 0
  }

  get globalStep(): number {
    return this.#trainer?.globalStep ?? 0
  }

  /** The first logger of the trainer. */
  get logger(): Logger | null {
    return this.#trainer?.loggers[0] ?? null
  }
}
