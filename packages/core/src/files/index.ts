export { AsyncCheckpointer, type AsyncCheckpointerOptions } from './async-checkpointer.js'
export {
  type CheckpointOptions,
  type CheckpointParts,
  checkpointState,
  type LoadCheckpointOptions,
  type LoadedCheckpoint,
  loadCheckpoint,
  type Stateful,
  saveCheckpoint,
} from './checkpoint.js'
export { type LoadNpyOptions, loadNpy, saveNpy } from './npy.js'
export { loadNpz, NpzFile, type NpzInfo, openNpz, type SaveNpzOptions, saveNpz } from './npz.js'
export { loadPickle } from './pickle-file.js'
export {
  type LoadSafetensorsOptions,
  loadSafetensors,
  type NamedTensors,
  type SaveSafetensorsOptions,
  safetensorsMetadata,
  saveSafetensors,
} from './safetensors.js'
export { openSafetensors, SafetensorsFile, type SafetensorsInfo } from './safetensors-file.js'
export { type LoadSparseNpzOptions, loadSparseNpz } from './sparse-npz.js'
export { type LoadFileOptions, load } from './torch.js'
export type { SavedValue } from './torch-build.js'
export { save } from './torch-save.js'
