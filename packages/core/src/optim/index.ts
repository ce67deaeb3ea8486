// The namespace `optim`: optimizers and learning rate schedulers by PyTorch's names.
export * from './adafactor.js'
export * from './adam.js'
export * from './adam-family.js'
export * from './adaptive.js'
export * from './lbfgs.js'
export * as lrScheduler from './lr-scheduler.js'
export * from './muon.js'
export {
  Optimizer,
  type OptimizerOptions,
  type OptimizerState,
  type ParamGroup,
  type ParamState,
  type Params,
} from './optimizer.js'
export * from './sgd.js'
export * from './sparse-adam.js'
export * as swaUtils from './swa-utils.js'
