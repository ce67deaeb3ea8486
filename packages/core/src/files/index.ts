export {
  loadSafetensors,
  type NamedTensors,
  type SaveSafetensorsOptions,
  safetensorsMetadata,
  saveSafetensors,
} from './safetensors.js'
