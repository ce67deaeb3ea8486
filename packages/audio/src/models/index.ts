export * from './conformer.js'
export * from './conv-tasnet.js'
export * from './registry.js'
export * from './wav2vec2.js'
