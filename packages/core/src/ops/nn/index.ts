// Functional neural network operators: the namespace `F`.

export * from './activations.js'
export { type AttentionOptions, scaledDotProductAttention } from './attention.js'
export * from './batchNorm.js'
export * from './bilinear.js'
export {
  type CrossEntropyOptions,
  crossEntropy,
  type NllLossOptions,
  nllLoss,
  type Reduction,
} from './classLosses.js'
export * from './conv.js'
export * from './dropout.js'
export * from './embedding.js'
export * from './layerNorm.js'
export * from './linear.js'
export * from './losses.js'
export * from './multiHeadAttention.js'
export * from './padding.js'
export * from './pooling.js'
export * from './softmin.js'
