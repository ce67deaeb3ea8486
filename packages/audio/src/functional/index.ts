export * from './alignment.js'
export * from './biquads.js'
export {
  type CmnOptions,
  computeDeltas,
  type DeltaOptions,
  detectPitchFrequency,
  editDistance,
  type MaskOptions,
  maskAlongAxis,
  maskAlongAxisIid,
  type PitchOptions,
  slidingWindowCmn,
} from './features.js'
export * from './filtering.js'
export * from './levels.js'
export * from './mel.js'
export * from './mixing.js'
export {
  type PitchShiftOptions,
  pitchShift,
  type ResampleOptions,
  type ResamplingMethod,
  resample,
  speed,
} from './resample.js'
export * from './spectral.js'
