export {
  loadSafetensors,
  type NamedTensors,
  type SaveSafetensorsOptions,
  safetensorsMetadata,
  saveSafetensors,
} from './safetensors.js'
export { load } from './torch.js'
export type { SavedValue } from './torch-build.js'
export { save } from './torch-save.js'
