// The namespace `nn.utils`.

export * as rnn from '../packed-sequence.js'
export * from './fusion.js'
export * from './gradients.js'
export * as parametrizations from './parametrizations.js'
export * as parametrize from './parametrize.js'
export * as prune from './prune.js'
export * from './skip-init.js'
export { removeSpectralNorm, type SpectralNormOptions, spectralNorm } from './spectral-norm.js'
export * as stateless from './stateless.js'
export { removeWeightNorm, weightNorm } from './weight-norm.js'
