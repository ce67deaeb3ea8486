export * as io from './io/index.js'
