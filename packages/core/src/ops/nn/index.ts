// Functional neural network operators: the namespace `F`.

export { pdist } from '../distances.js'
export * from './activations.js'
export { type AttentionOptions, scaledDotProductAttention } from './attention.js'
export { type BatchNormOptions, batchNorm } from './batchNorm.js'
export * from './bilinear.js'
export {
  type CrossEntropyOptions,
  crossEntropy,
  type NllLossOptions,
  nllLoss,
  type Reduction,
} from './classLosses.js'
export * from './conv.js'
export { type CtcLossOptions, ctcLoss } from './ctcLoss.js'
export * from './dropout.js'
export { type EmbeddingOptions, embedding, oneHot } from './embedding.js'
export { type BagMode, type EmbeddingBagOptions, embeddingBag } from './embeddingBag.js'
export * from './fold.js'
export * from './fractionalPool.js'
export {
  type AffineGridOptions,
  affineGrid,
  type GridMode,
  type GridPadding,
  type GridSampleOptions,
  gridSample,
} from './gridSample.js'
export * from './groupNorm.js'
export * from './gumbelSoftmax.js'
export * from './inplaceActivations.js'
export {
  type InterpolateMode,
  type InterpolateOptions,
  interpolate,
  type UpsampleOptions,
  type UpsampleSizeOptions,
  upsample,
  upsampleBilinear,
  upsampleNearest,
} from './interpolate.js'
export * from './layerNorm.js'
export * from './linear.js'
export {
  type LinearCrossEntropyChunks,
  type LinearCrossEntropyOptions,
  linearCrossEntropy,
} from './linearCrossEntropy.js'
export * from './localResponseNorm.js'
export * from './losses.js'
export * from './lpPool.js'
export * from './multiHeadAttention.js'
export type { AffineOptions } from './normalizing.js'
export { type PadMode, type PadOptions, pad } from './padding.js'
export * from './pooling.js'
export {
  type AdaptiveMaxPoolOp,
  type AvgPoolOp,
  type AvgPoolOptions,
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  adaptiveAvgPool3d,
  adaptiveMaxPool1d,
  adaptiveMaxPool2d,
  adaptiveMaxPool3d,
  avgPool1d,
  avgPool2d,
  avgPool3d,
  type MaxPoolOp,
  type MaxPoolOptions,
  type MaxPoolResult,
  maxPool1d,
  maxPool2d,
  maxPool3d,
  type OutputSizes,
} from './pooling.js'
export * from './shuffle.js'
export * from './softmin.js'
export * from './unpooling.js'
