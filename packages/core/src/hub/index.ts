// `@flambeau/core/hub`: models of the Hugging Face hub, and what any download needs.
export { DownloadError } from '../errors.js'
export { type ExtractOptions, extractArchive } from './archive.js'
export type { RepoType } from './cache.js'
export { type Checksum, type DownloadOptions, download, type Progress, type TransferOptions } from './download.js'
export { type LoadedModel, type LoadModelOptions, load } from './load.js'
export {
  type LoadWeightsOptions,
  type ModelEntry,
  ModelRegistry,
  type PublishedWeights,
} from './registry.js'
export {
  cachedSnapshot,
  downloadFile,
  downloadSnapshot,
  type RepoInfo,
  type RepoOptions,
  repoInfo,
  type Snapshot,
  type SnapshotOptions,
} from './repository.js'
export { type FetchOptions, fetchResources, type Resource } from './resources.js'
