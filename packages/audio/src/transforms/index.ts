export * from './features.js'
export * from './spectra.js'
export * from './waveforms.js'
