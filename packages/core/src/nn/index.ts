// The namespace `nn`: modules by PyTorch's names.
export * from './containers.js'
export type { BackwardHook, BackwardPreHook } from './hooks.js'
export * from './linear.js'
export { type AnyModule, type LayerOptions, Module } from './module.js'
export { Parameter } from './parameter.js'
export type { LoadOptions, LoadResult, StateDict } from './state.js'
