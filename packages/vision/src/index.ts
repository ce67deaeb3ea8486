export * as datasets from './datasets/index.js'
export * as io from './io/index.js'
export * as ops from './ops/index.js'
export * as utils from './utils.js'
