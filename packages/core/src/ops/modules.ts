// Every module of operators, a line each: what it exports is exported by the package, and attached to Tensor.

export { at, ELLIPSIS, type Index, indexPut, Slice, slice, takeAlongDim } from './at.js'
export * from './copies.js'
export * from './counting.js'
export * from './creation.js'
export * from './elementwise.js'
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
export * from './joining.js'
export * from './masks.js'
export * from './matmul.js'
export * from './random.js'
export * from './rearrange.js'
export type { Dim, KeepdimOptions, ReduceOptions } from './reduce.js'
export * from './reductions.js'
export * from './scans.js'
export * from './scatterReduce.js'
export * from './selection.js'
export * from './slicing.js'
export { logSoftmax, type SoftmaxOptions, softmax } from './softmax.js'
export * from './statistics.js'
export * from './strided.js'
export * from './unusual.js'
export * from './variants.js'
export * from './views.js'
