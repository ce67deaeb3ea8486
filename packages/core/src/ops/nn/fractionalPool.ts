// Fractional max pooling.
import * as kernels from '../../binding/kernels.gen.js'
import { ArgumentError, DTypeError, describe, ShapeError } from '../../errors.js'
import { allocate } from '../../tensor/create.js'
import { formatShape, sameShape } from '../../tensor/shape.js'
import { Tensor } from '../../tensor/tensor.js'
import { composite, primitive } from '../dispatch.js'
import type { DrawOptions } from '../generator.js'
import { contiguousRaw } from '../inplace.js'
import { rand } from '../random.js'
import { type AnyRecord, type FunctionOp, saving } from '../record.js'
import { reshape } from '../views.js'
import { type MaxPoolResult, maxPoolScatter } from './pooling.js'
import { type Sizes, spread } from './spatial.js'

/** The options of fractional max pooling: one of `outputSize` and `outputRatio` is needed. */
export interface FractionalMaxPoolOptions extends DrawOptions {
  /** The sizes of the result. */
  readonly outputSize?: Sizes | null
  /** The sizes of the result as parts of the input's, between 0 and 1. */
  readonly outputRatio?: number | readonly number[] | null
  /** Also give where the maxima are. Default false. */
  readonly returnIndices?: boolean
  /** Where the windows are, instead of drawn numbers: [N, C, 2] or [N, C, 3], in [0, 1). */
  readonly _randomSamples?: Tensor | null
}

const pool: FunctionOp<[input: Tensor, samples: Tensor, kernel: readonly number[], size: readonly number[]], Tensor[]> =
  primitive({
    signature: '_fractional_max_pool(input, samples, kernel, size)',
    forward(input: Tensor, samples: Tensor, kernel: readonly number[], size: readonly number[]) {
      const shape = [...input.shape.slice(0, 2), ...size]
      const out = allocate(shape, input.dtype, input.device)
      const indices = allocate(shape, 'int64', input.device)
      kernels.fractionalMaxPool(out, indices, contiguousRaw(input), contiguousRaw(samples), kernel)
      return saving([out, indices], indices, input.shape)
    },
    backward: ([grad], [indices, shape]) => [grad && maxPoolScatter(grad, indices, shape), null],
  })

function resultSizes(
  operation: string,
  sizes: readonly number[],
  { outputSize, outputRatio }: FractionalMaxPoolOptions,
): number[] {
  const sized = outputSize !== undefined && outputSize !== null
  const given = outputRatio !== undefined && outputRatio !== null
  if (sized === given)
    throw new ArgumentError(
      `${operation}: expected one of outputSize and outputRatio, got ${sized ? 'both' : 'neither'}`,
    )
  if (sized) return spread(operation, 'outputSize', outputSize, sizes.length, 1)
  const ratios: unknown = Array.isArray(outputRatio) ? outputRatio : sizes.map(() => outputRatio)
  if (
    !Array.isArray(ratios) ||
    ratios.length !== sizes.length ||
    ratios.some((r) => typeof r !== 'number' || !(r > 0 && r < 1))
  )
    throw new ArgumentError(
      `${operation}: expected a number between 0 and 1 for outputRatio, or ${sizes.length} of them, got ${describe(outputRatio)}`,
    )
  return sizes.map((n, d) => Math.floor(n * ratios[d]))
}

function run(
  operation: string,
  spatial: number,
  input: Tensor,
  kernelSize: Sizes,
  options: FractionalMaxPoolOptions,
): Tensor | MaxPoolResult {
  if (!input.isFloatingPoint())
    throw new DTypeError(`${operation}: expected a floating-point input, got ${input.dtype}`)
  if (input.ndim !== spatial + 1 && input.ndim !== spatial + 2)
    throw new ShapeError(
      `${operation}: expected an input of ${spatial + 2} dimensions, or ${spatial + 1} without a batch, got shape ${formatShape(input.shape)}`,
    )
  const batch = input.ndim === spatial + 2 ? input : reshape(input, [1, ...input.shape])
  const kernel = spread(operation, 'kernelSize', kernelSize, spatial, 1)
  const sizes = batch.shape.slice(2)
  const size = resultSizes(operation, sizes, options)
  if (batch.shape[1] === 0 || size.some((n, d) => n < 1 || n + kernel[d] - 1 > sizes[d]))
    throw new ShapeError(
      `${operation}: ${formatShape(size)} windows of ${formatShape(kernel)} do not fit input ${formatShape(input.shape)}`,
    )
  const { returnIndices = false, _randomSamples, generator } = options
  const wanted = [batch.shape[0], batch.shape[1], spatial]
  const samples =
    _randomSamples ??
    rand(wanted, { dtype: input.dtype, device: input.device, ...(generator !== undefined && { generator }) })
  if (!(samples instanceof Tensor) || !sameShape(samples.shape, wanted) || samples.dtype !== input.dtype)
    throw new ArgumentError(
      `${operation}: expected _randomSamples of shape ${formatShape(wanted)} and dtype ${input.dtype}, got ${describe(samples)}`,
    )
  const [values, indices] = pool(batch, samples, kernel, size)
  const own = (t: Tensor): Tensor => (batch === input ? t : reshape(t, t.shape.slice(1)))
  return returnIndices ? { values: own(values), indices: own(indices) } : own(values)
}

/** Fractional max pooling: the maxima, or with `returnIndices` the maxima and where they are. */
export interface FractionalMaxPoolOp {
  (
    input: Tensor,
    kernelSize: Sizes,
    options: FractionalMaxPoolOptions & { readonly returnIndices: true },
  ): MaxPoolResult
  (input: Tensor, kernelSize: Sizes, options: FractionalMaxPoolOptions & { readonly returnIndices?: false }): Tensor
  readonly record: AnyRecord
}

const poolOp = (name: string, operation: string, spatial: number): FractionalMaxPoolOp =>
  composite(
    `nn.functional.${name}(input, kernel_size, {output_size, output_ratio, return_indices, _random_samples, generator})`,
    (input: Tensor, kernelSize: Sizes, options: FractionalMaxPoolOptions = {}) =>
      run(operation, spatial, input, kernelSize, options),
  ) as FractionalMaxPoolOp

/**
 * Maxima over windows at pseudo-random places that cover an image evenly, for a result of any size.
 * [Graham, 2014](https://arxiv.org/abs/1412.6071)
 *
 * @param input shape [N, C, H, W] or [C, H, W]
 * @param kernelSize the size of a window
 * @returns shape [N, C, H_out, W_out]
 * @throws ShapeError when the windows do not fit
 * @example
 * ```ts
 * import { F, ones } from '@flambeau/core'
 * console.log(F.fractionalMaxPool2d(ones([1, 1, 9, 9]), 2, { outputSize: [5, 6] }).shape) // → [ 1, 1, 5, 6 ]
 * ```
 */
export const fractionalMaxPool2d: FractionalMaxPoolOp = poolOp('fractional_max_pool2d', 'fractionalMaxPool2d', 2)
/** Maxima over windows at pseudo-random places of a volume. @param input [N, C, D, H, W] or [C, D, H, W] @param kernelSize the size of a window */
export const fractionalMaxPool3d: FractionalMaxPoolOp = poolOp('fractional_max_pool3d', 'fractionalMaxPool3d', 3)
