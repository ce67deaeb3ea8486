// `@flambeau/core/metrics`: metrics by torchmetrics' names.
export {
  type AggregationOptions,
  CatMetric,
  MaxMetric,
  MeanMetric,
  MinMetric,
  type NanStrategy,
  SumMetric,
} from './aggregation.js'
export {
  ConfusionMatrix,
  type ConfusionMatrixOptions,
  JaccardIndex,
  type JaccardOptions,
} from './classification/confusion.js'
export { AUROC, type AurocOptions, AveragePrecision, type CurveOptions } from './classification/curves.js'
export {
  Accuracy,
  F1Score,
  type FBetaOptions,
  FBetaScore,
  Precision,
  Recall,
  type ZeroDivisionOptions,
} from './classification/scores.js'
export { StatScores } from './classification/stat-scores.js'
export type { Average, ScoreOptions, Task, TaskOptions } from './classification/task.js'
export { MetricCollection, type MetricCollectionOptions } from './collection.js'
export {
  type DetectedBoxes,
  MeanAveragePrecision,
  type MeanAveragePrecisionOptions,
  type MeanAveragePrecisionResult,
  type TrueBoxes,
} from './detection/mean-average-precision.js'
export * as functional from './functional.js'
export {
  type ImageReduction,
  PeakSignalNoiseRatio,
  type PsnrOptions,
  type SsimOptions,
  StructuralSimilarityIndexMeasure,
} from './image.js'
export {
  type AnyMetric,
  collected,
  Metric,
  type MetricState,
  type StateEntries,
  type StateEntry,
  type StateReduction,
  summed,
} from './metric.js'
export {
  type ErrorOptions,
  MeanAbsoluteError,
  MeanSquaredError,
  type MeanSquaredErrorOptions,
  R2Score,
  type R2ScoreOptions,
} from './regression.js'
export {
  BLEUScore,
  type BleuOptions,
  CharErrorRate,
  Perplexity,
  type PerplexityOptions,
  type Texts,
  WordErrorRate,
} from './text.js'
