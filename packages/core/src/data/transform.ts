// What a data set does to a sample before it gives it away.

/** Makes a Y of an X: a plain function, or a module (or anything else) with `forward`. */
export type Transform<X, Y> = ((x: X) => Y) | { forward(x: X): Y }

/**
 * The result of a transform, whichever kind it is.
 *
 * @example
 * ```ts
 * import { data, nn, type Tensor, tensor } from '@flambeau/core'
 * const transforms: data.Transform<Tensor, Tensor>[] = [(x) => x.mul(2), new nn.ReLU()]
 * console.log(transforms.map((t) => data.applyTransform(t, tensor([-1, 3])).toArray())) // → [ [ -2, 6 ], [ 0, 3 ] ]
 * ```
 */
export const applyTransform = <X, Y>(transform: Transform<X, Y>, x: X): Y =>
  typeof transform === 'function' ? transform(x) : transform.forward(x)
