// Data for every stage, apart from what is trained on it.
import type { Loaders, MaybePromise, Stage } from './types.js'

/** Data for training, validation, test and prediction: override what there is. */
export abstract class LightningDataModule<Batch = unknown> {
  /** What is done once before `setup`, such as downloads. */
  prepareData?(): MaybePromise<void>
  setup?(stage: Stage): MaybePromise<void>
  teardown?(stage: Stage): MaybePromise<void>
  trainDataloader?(): Loaders<Batch>
  valDataloader?(): Loaders<Batch>
  testDataloader?(): Loaders<Batch>
  predictDataloader?(): Loaders<Batch>

  /** What must survive a restart. */
  stateDict(): Record<string, unknown> {
    return {}
  }

  loadStateDict(_state: Record<string, unknown>): void {}
}
