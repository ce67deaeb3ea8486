// Functional neural network operators: the namespace `F`.

export * from './activations.js'
export * from './batchNorm.js'
export * from './conv.js'
export * from './linear.js'
export * from './pooling.js'
export * from './activations.js'
export * from './dropout.js'
