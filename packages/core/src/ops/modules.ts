// Every module of operators: what is exported here is exported by the package, and attached to Tensor. A module that has
// helpers of its own for its neighbours names what is public.

export * from './agreement.js'
export * from './arrays.js'
export { at, ELLIPSIS, type Index, indexPut, Slice, slice, takeAlongDim } from './at.js'
export * from './contractions.js'
export { clone, contiguous, copy_, detach, type MemoryFormat, type ToOptions, to } from './copies.js'
export * from './counting.js'
export * from './covariance.js'
export {
  type ArangeArgs,
  arange,
  empty,
  emptyLike,
  emptyPermuted,
  emptyStrided,
  eye,
  type FillValue,
  full,
  fullLike,
  type LogspaceOptions,
  linspace,
  logspace,
  newEmpty,
  newEmptyStrided,
  newFull,
  newOnes,
  newZeros,
  ones,
  onesLike,
  type RangeValue,
  type Size,
  scalarTensor,
  type TensorOptions,
  zeros,
  zerosLike,
} from './creation.js'
export { type CdistOptions, type ComputeMode, cdist, dist } from './distances.js'
export * from './einsum.js'
export * from './elementwise.js'
export { type FftDims, type FftNorm, type FftOptions, type FftSizes, fft } from './fft.js'
export { linearFilter } from './filters.js'
export {
  type DrawOptions,
  defaultGenerator,
  Generator,
  getRngState,
  initialSeed,
  manualSeed,
  type RandomOptions,
  seed,
  setRngState,
} from './generator.js'
export { type HistogramOptions, histogram, histogramdd } from './histogram.js'
export {
  gather,
  type IndexAddOptions,
  indexAdd,
  indexCopy,
  indexFill,
  indexSelect,
  put,
  type ScatterOptions,
  scatter,
  scatterAdd,
  take,
} from './indexing.js'
export {
  cumulativeTrapezoid,
  type GradientOptions,
  gradient,
  type TrapezoidOptions,
  trapezoid,
  trapz,
} from './integration.js'
export * from './joining.js'
export * from './linalg/methods.js'
export * from './masks.js'
export * from './matmul.js'
export { gridSampler, gridSampler2d, gridSampler3d } from './nn/gridSample.js'
export { upsampleBicubic2dAa, upsampleBilinear2dAa } from './nn/interpolate.js'
export * from './nn/native.js'
export { constantPadNd } from './nn/padding.js'
export { gruCell, lstmCell, rnnReluCell, rnnTanhCell } from './nn/rnn.js'
export * from './random.js'
export * from './rearrange.js'
export type { Dim, KeepdimOptions, ReduceOptions } from './reduce.js'
export {
  type AminmaxOptions,
  all,
  amax,
  amin,
  aminmax,
  any,
  countNonzero,
  mean,
  nanmean,
  nansum,
  prod,
  sum,
  sumToSize,
} from './reductions.js'
export { frexp, renorm } from './renorm.js'
export { binomial, poisson, sampleDirichlet, standardGamma } from './sampling.js'
export {
  cummax,
  cummin,
  cumprod,
  cumsum,
  type DiffOptions,
  diff,
  logcumsumexp,
  type ScanOptions,
  type ValuesIndices,
} from './scans.js'
export * from './scatterReduce.js'
export * from './segments.js'
export * from './selection.js'
export {
  chunk,
  diagonal,
  dsplit,
  hsplit,
  narrow,
  select,
  sliceAlong,
  split,
  splitWithSizes,
  tensorSplit,
  unbind,
  unfold,
  vsplit,
} from './slicing.js'
export { logSoftmax, type SoftmaxOptions, safeSoftmax, softmax } from './softmax.js'
export { type SparseOptions, SparseTensor, sparseCooTensor, toDense } from './sparse.js'
export {
  logsumexp,
  std,
  stdMean,
  type VarianceOptions,
  type VectorNormOptions,
  var,
  varMean,
  vectorNorm,
} from './statistics.js'
export { type IstftOptions, istft, type StftOptions, stft } from './stft.js'
export { asStrided, imag, real, viewAsComplex, viewAsReal } from './strided.js'
export * from './unusual.js'
export * from './variants.js'
export {
  atleast1d,
  atleast2d,
  atleast3d,
  broadcastShapes,
  broadcastTensors,
  broadcastTo,
  expand,
  expandAs,
  flatten,
  moveaxis,
  movedim,
  permute,
  ravel,
  reshape,
  reshapeAs,
  squeeze,
  swapaxes,
  swapdims,
  t,
  transpose,
  unflatten,
  unsqueeze,
  view,
  viewAs,
} from './views.js'
export {
  bartlettWindow,
  blackmanWindow,
  hammingWindow,
  hannWindow,
  kaiserWindow,
  signal,
  type WindowOptions,
} from './windows.js'
