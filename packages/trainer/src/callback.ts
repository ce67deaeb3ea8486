// What a callback may do, and when.
import type { LightningOptimizer } from './run/optimizers.js'
import type { Trainer } from './trainer.js'
import type { Checkpoint, MaybePromise, AnyLightningModule as Module, Stage } from './types.js'

type Result = MaybePromise<void>

/**
 * Something that happens beside training: override what is wanted. What must survive a restart is given by
 * `stateDict()` and taken back by `loadStateDict()`.
 *
 * @example
 * ```ts
 * import { Callback, type Trainer } from '@flambeau/trainer'
 * class Announce extends Callback {
 *   override onTrainEpochEnd(trainer: Trainer): void {
 *     console.log(`epoch ${trainer.currentEpoch} is done`)
 *   }
 * }
 * new Announce()
 * ```
 */
export abstract class Callback {
  /** Whether it is for rank 0 alone, such as what writes to a terminal. It may then not wait for other processes. */
  readonly mainOnly: boolean = false

  /** The name of this callback's state in a checkpoint; callbacks of one class that are told apart have different ones. */
  get stateKey(): string {
    return this.constructor.name
  }

  /** What must survive a restart: what `save` takes. */
  stateDict(): Record<string, unknown> {
    return {}
  }

  /** Goes on from a state. */
  loadStateDict(_state: Record<string, unknown>): void {}

  setup?(trainer: Trainer, module: Module, stage: Stage): Result
  teardown?(trainer: Trainer, module: Module, stage: Stage): Result
  onFitStart?(trainer: Trainer, module: Module): Result
  onFitEnd?(trainer: Trainer, module: Module): Result
  onSanityCheckStart?(trainer: Trainer, module: Module): Result
  onSanityCheckEnd?(trainer: Trainer, module: Module): Result
  onTrainStart?(trainer: Trainer, module: Module): Result
  onTrainEnd?(trainer: Trainer, module: Module): Result
  onTrainEpochStart?(trainer: Trainer, module: Module): Result
  onTrainEpochEnd?(trainer: Trainer, module: Module): Result
  onTrainBatchStart?(trainer: Trainer, module: Module, batch: unknown, batchIndex: number): Result
  onTrainBatchEnd?(trainer: Trainer, module: Module, outputs: unknown, batch: unknown, batchIndex: number): Result
  onBeforeZeroGrad?(trainer: Trainer, module: Module, optimizer: LightningOptimizer): Result
  onBeforeBackward?(trainer: Trainer, module: Module, loss: unknown): Result
  onAfterBackward?(trainer: Trainer, module: Module): Result
  onBeforeOptimizerStep?(trainer: Trainer, module: Module, optimizer: LightningOptimizer): Result
  onValidationStart?(trainer: Trainer, module: Module): Result
  onValidationEnd?(trainer: Trainer, module: Module): Result
  onValidationEpochStart?(trainer: Trainer, module: Module): Result
  onValidationEpochEnd?(trainer: Trainer, module: Module): Result
  onValidationBatchStart?(trainer: Trainer, module: Module, batch: unknown, index: number, loader: number): Result
  onValidationBatchEnd?(
    trainer: Trainer,
    module: Module,
    outputs: unknown,
    batch: unknown,
    index: number,
    loader: number,
  ): Result
  onTestStart?(trainer: Trainer, module: Module): Result
  onTestEnd?(trainer: Trainer, module: Module): Result
  onTestEpochStart?(trainer: Trainer, module: Module): Result
  onTestEpochEnd?(trainer: Trainer, module: Module): Result
  onTestBatchStart?(trainer: Trainer, module: Module, batch: unknown, index: number, loader: number): Result
  onTestBatchEnd?(
    trainer: Trainer,
    module: Module,
    outputs: unknown,
    batch: unknown,
    index: number,
    loader: number,
  ): Result
  onPredictStart?(trainer: Trainer, module: Module): Result
  onPredictEnd?(trainer: Trainer, module: Module): Result
  onPredictEpochStart?(trainer: Trainer, module: Module): Result
  onPredictEpochEnd?(trainer: Trainer, module: Module): Result
  onPredictBatchStart?(trainer: Trainer, module: Module, batch: unknown, index: number, loader: number): Result
  onPredictBatchEnd?(
    trainer: Trainer,
    module: Module,
    outputs: unknown,
    batch: unknown,
    index: number,
    loader: number,
  ): Result
  /** After an error, which is then thrown on. */
  onException?(trainer: Trainer, module: Module, error: unknown): Result
  /** May add to what is saved. */
  onSaveCheckpoint?(trainer: Trainer, module: Module, checkpoint: Checkpoint): void
  /** Before anything of a checkpoint is taken over. */
  onLoadCheckpoint?(trainer: Trainer, module: Module, checkpoint: Checkpoint): void
}

/** A callback that saves: it comes after all others, so that what it saves has what they did. */
export abstract class CheckpointCallback extends Callback {
  /** Where it saves; null before that is known. */
  abstract readonly dirpath: string | null
}

/** The names of hooks, in the form in which callbacks have them. */
export type HookName = Exclude<keyof Callback, 'mainOnly' | 'stateKey' | 'stateDict' | 'loadStateDict'>
