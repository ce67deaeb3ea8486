export * as compliance from './compliance/index.js'
export * as functional from './functional/index.js'
export * as io from './io/index.js'
export * as transforms from './transforms/index.js'
