// Every module of operators, a line each: what it exports is exported by the package, and attached to Tensor.
export * from './elementwise.js'
export * from './copies.js'
export * from './creation.js'
export * from './joining.js'
export * from './matmul.js'
export * from './reductions.js'
export * from './slicing.js'
export * from './strided.js'
export * from './views.js'
export { at, ELLIPSIS, type Index, indexPut, Slice, slice, takeAlongDim } from './at.js'
export {
  gather,
  indexAdd,
  type IndexAddOptions,
  indexCopy,
  indexFill,
  indexSelect,
  put,
  scatter,
  scatterAdd,
  type ScatterOptions,
  take,
} from './indexing.js'
export * from './masks.js'
