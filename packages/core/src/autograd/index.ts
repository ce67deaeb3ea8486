// The namespace `autograd`: what goes beyond `backward` and `noGrad`.
export { type BackwardOptions, backward, type GradOptions, grad } from './engine.js'
export { AutogradFunction as Function, FunctionContext } from './function.js'
export type { HookHandle } from './hooks.js'
