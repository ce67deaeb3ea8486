// Every elementwise operator.
export * from './arithmetic.js'
export * from './comparison.js'
export * from './complex.js'
export * from './conditional.js'
export * from './extrema.js'
export * from './rounding.js'
export * from './transcendental.js'
