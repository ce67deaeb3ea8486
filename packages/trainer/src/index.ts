// `@flambeau/trainer`: Lightning's names.
export { Callback, CheckpointCallback, type HookName } from './callback.js'
export { EarlyStopping, type EarlyStoppingOptions } from './callbacks/early-stopping.js'
export { LambdaCallback, type LambdaHooks } from './callbacks/lambda.js'
export { LearningRateMonitor, type LearningRateMonitorOptions } from './callbacks/learning-rate-monitor.js'
export { ModelCheckpoint, type ModelCheckpointOptions } from './callbacks/model-checkpoint.js'
export { ModelSummary, summarize } from './callbacks/model-summary.js'
export { ProgressBar, type ProgressBarOptions } from './callbacks/progress-bar.js'
export { Timer } from './callbacks/timer.js'
export {
  type EMAOptions,
  EMAWeightAveraging,
  StochasticWeightAveraging,
  type SWAOptions,
} from './callbacks/weight-averaging.js'
export { LightningDataModule } from './datamodule.js'
export { TrainerError } from './errors.js'
export { CSVLogger } from './loggers/csv.js'
export { JSONLinesLogger } from './loggers/json-lines.js'
export { FileLogger, type FileLoggerOptions, Logger } from './loggers/logger.js'
export { TensorBoardLogger } from './loggers/tensorboard.js'
export { LightningModule } from './module.js'
export { type DDPOptions, DDPStrategy } from './run/ddp.js'
export type {
  ConfiguredOptimizers,
  LightningOptimizer,
  OptimizerConfig,
  SchedulerConfig,
} from './run/optimizers.js'
export type { TrainerOptions } from './run/options.js'
export { type Precision, registerPrecision } from './run/precision.js'
export type { LogOptions, ReduceFx } from './run/results.js'
export { type ConnectOptions, registerStrategy, type Strategy, type StrategyMaker } from './run/strategy.js'
export { seedEverything } from './seed.js'
export { type FitOptions, type RunOptions, Trainer } from './trainer.js'
export { LRFinder, type LRFindOptions, lrFind } from './tuner.js'
export type { AnyLightningModule, Checkpoint, Loader, Loaders, MaybePromise, Stage, StepOutput } from './types.js'
