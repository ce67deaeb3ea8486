export { type Collated, defaultCollate } from './collate.js'
export {
  AsyncIterableDataset,
  ConcatDataset,
  Dataset,
  fromArray,
  IterableDataset,
  type MapStyle,
  randomSplit,
  StackDataset,
  Subset,
  TensorDataset,
} from './dataset.js'
export { DataLoader, type DataLoaderOptions } from './loader.js'
export type { DatasetModule, ModuleExport } from './module.js'
export {
  BatchSampler,
  RandomSampler,
  type RandomSamplerOptions,
  Sampler,
  SequentialSampler,
  SubsetRandomSampler,
  WeightedRandomSampler,
  type WeightedRandomSamplerOptions,
} from './sampler.js'
export { applyTransform, type Transform } from './transform.js'
export { getWorkerInfo, type WorkerInfo } from './worker-info.js'
