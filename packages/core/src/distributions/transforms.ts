// The namespace `distributions.transforms`: differentiable maps with the logarithm of their Jacobian's determinant.
export {
  ComposeTransform,
  IndependentTransform,
  identityTransform,
  ReshapeTransform,
  Transform,
  type TransformOptions,
} from './transform.js'
export * from './transforms-elementwise.js'
export * from './transforms-parts.js'
export * from './transforms-vector.js'
