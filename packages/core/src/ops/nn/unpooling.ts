// Max unpooling: values put back to where maxima were.
import { ArgumentError, DTypeError, describe, ShapeError } from '../../errors.js'
import { formatShape, numelOf, sameShape } from '../../tensor/shape.js'
import { Tensor } from '../../tensor/tensor.js'
import { zeros } from '../creation.js'
import { composite } from '../dispatch.js'
import { scatter } from '../indexing.js'
import type { FunctionOp } from '../record.js'
import { reshape } from '../views.js'
import { type Sizes, spread } from './spatial.js'

/** The options of max unpooling: those of the pooling that it undoes. */
export interface MaxUnpoolOptions {
  /** Default: the size of the window. */
  readonly stride?: Sizes | null
  /** Default 0. */
  readonly padding?: Sizes
  /** The sizes of the result, spatial or all, where the pooling's rounding leaves them open. */
  readonly outputSize?: readonly number[] | null
}

function outputSizes(
  operation: string,
  spatial: number,
  input: Tensor,
  kernelSize: Sizes,
  { stride, padding = 0, outputSize }: MaxUnpoolOptions,
): readonly number[] {
  const kernel = spread(operation, 'kernelSize', kernelSize, spatial, 1)
  const steps = stride === undefined || stride === null ? kernel : spread(operation, 'stride', stride, spatial, 1)
  const pads = spread(operation, 'padding', padding, spatial, 0)
  const usual = input.shape.slice(-spatial).map((n, d) => (n - 1) * steps[d] + kernel[d] - 2 * pads[d])
  if (outputSize === undefined || outputSize === null) {
    if (usual.some((n) => n < 0))
      throw new ShapeError(`${operation}: expected sizes that are not negative, got ${formatShape(usual)}`)
    return usual
  }
  if (!Array.isArray(outputSize) || outputSize.some((n) => !Number.isInteger(n) || n < 0))
    throw new ArgumentError(`${operation}: expected integers ≥ 0 for outputSize, got ${describe(outputSize)}`)
  const sizes: readonly number[] = outputSize.length === spatial + 2 ? outputSize.slice(2) : outputSize
  if (sizes.length !== spatial)
    throw new ArgumentError(
      `${operation}: expected ${spatial} or ${spatial + 2} numbers for outputSize, got ${describe(outputSize)}`,
    )
  sizes.forEach((n, d) => {
    if (Math.abs(n - usual[d]) >= steps[d])
      throw new ArgumentError(
        `${operation}: expected outputSize between ${usual[d] - steps[d] + 1} and ${usual[d] + steps[d] - 1} in dimension ${d}, got ${n}`,
      )
  })
  return sizes
}

function unpool(
  operation: string,
  spatial: number,
  input: Tensor,
  indices: Tensor,
  kernelSize: Sizes,
  options: MaxUnpoolOptions,
): Tensor {
  if (input.dtype === 'bool' || !input.isFloatingPoint())
    throw new DTypeError(`${operation}: expected a floating-point input, got ${input.dtype}`)
  if (!(indices instanceof Tensor) || indices.dtype !== 'int64')
    throw new DTypeError(
      `${operation}: expected indices of dtype int64, got ${indices instanceof Tensor ? indices.dtype : describe(indices)}`,
    )
  if (input.ndim !== spatial + 1 && input.ndim !== spatial + 2)
    throw new ShapeError(
      `${operation}: expected an input of ${spatial + 2} dimensions, or ${spatial + 1} without a batch, got shape ${formatShape(input.shape)}`,
    )
  if (!sameShape(input.shape, indices.shape))
    throw new ShapeError(
      `${operation}: expected indices of the input's shape ${formatShape(input.shape)}, got ${formatShape(indices.shape)}`,
    )
  const lead = input.shape.slice(0, -spatial)
  if (input.shape.slice(1).includes(0))
    throw new ShapeError(`${operation}: expected sizes that are not 0, got input ${formatShape(input.shape)}`)
  const sizes = outputSizes(operation, spatial, input, kernelSize, options)
  const flat = [...lead, numelOf(input.shape.slice(-spatial))]
  const empty = zeros([...lead, numelOf(sizes)], { dtype: input.dtype, device: input.device })
  return reshape(scatter(empty, -1, reshape(indices, flat), reshape(input, flat)), [...lead, ...sizes])
}

/** Max unpooling. */
export type MaxUnpoolOp = FunctionOp<
  [input: Tensor, indices: Tensor, kernelSize: Sizes, options?: MaxUnpoolOptions],
  Tensor
>

const unpoolOp = (name: string, operation: string, spatial: number): MaxUnpoolOp =>
  composite(
    `nn.functional.${name}(input, indices, kernel_size, {stride, padding, output_size})`,
    (input: Tensor, indices: Tensor, kernelSize: Sizes, options: MaxUnpoolOptions = {}) =>
      unpool(operation, spatial, input, indices, kernelSize, options),
  )

/** Puts the maxima of `maxPool1d` back, zeros elsewhere. @param input [N, C, L] or [C, L] @param indices where they were */
export const maxUnpool1d: MaxUnpoolOp = unpoolOp('max_unpool1d', 'maxUnpool1d', 1)
/**
 * Puts the maxima of `maxPool2d` back, zeros elsewhere.
 *
 * @param input shape [N, C, H, W] or [C, H, W]
 * @param indices where the maxima were, as `maxPool2d` gives them
 * @param kernelSize the size of a window of that pooling
 * @returns shape [N, C, H_in, W_in]
 * @throws IndexError when an index is out of range
 * @example
 * ```ts
 * import { F, tensor } from '@flambeau/core'
 * const { values, indices } = F.maxPool2d(tensor([[[1, 2], [3, 4]]]), 2, { returnIndices: true })
 * console.log(F.maxUnpool2d(values, indices, 2).toArray()) // → [ [ [ 0, 0 ], [ 0, 4 ] ] ]
 * ```
 */
export const maxUnpool2d: MaxUnpoolOp = unpoolOp('max_unpool2d', 'maxUnpool2d', 2)
/** Puts the maxima of `maxPool3d` back, zeros elsewhere. @param input [N, C, D, H, W] or [C, D, H, W] @param indices where they were */
export const maxUnpool3d: MaxUnpoolOp = unpoolOp('max_unpool3d', 'maxUnpool3d', 3)
