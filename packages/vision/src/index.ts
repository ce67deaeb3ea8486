export * as datasets from './datasets/index.js'
export * as io from './io.js'
export * as utils from './utils.js'
