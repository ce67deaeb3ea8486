// Max and average pooling.
import { gradMode } from '../../autograd/mode.js'
import * as kernels from '../../binding/kernels.gen.js'
import { ArgumentError, DTypeError, describe, ShapeError } from '../../errors.js'
import { allocate } from '../../tensor/create.js'
import { isFloating } from '../../tensor/dtype.js'
import { formatShape } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { composite, primitive } from '../dispatch.js'
import { type AnyRecord, type FunctionOp, saving } from '../record.js'
import { mean } from '../reductions.js'
import { reshape } from '../views.js'
import { allocateInLayoutOf, batched, dense, inLayoutOf, type Sizes, spread } from './spatial.js'

/** The windows of a pooling, one number a spatial dimension. */
interface Windows {
  /** For adaptive pooling, the sizes of the result. */
  readonly kernel: readonly number[]
  readonly stride: readonly number[]
  readonly padding: readonly number[]
  readonly dilation: readonly number[]
  readonly ceilMode: boolean
  readonly adaptive: boolean
}

/** The shape of the result. */
function pooledShape(
  operation: string,
  input: Tensor,
  { kernel, stride, padding, dilation, ceilMode, adaptive }: Windows,
): number[] {
  const lead = input.shape.slice(0, 2)
  const sizes = input.shape.slice(2)
  if (sizes.some((n) => n === 0) || input.shape[1] === 0)
    throw new ShapeError(
      `${operation}: expected channels and sizes that are not 0, got input ${formatShape(input.shape)}`,
    )
  if (adaptive) return [...lead, ...kernel]
  const out = sizes.map((n, i) => {
    const span = n + 2 * padding[i] - dilation[i] * (kernel[i] - 1) - 1
    let size = Math.floor((span + (ceilMode ? stride[i] - 1 : 0)) / stride[i]) + 1
    // A window must begin inside of the input or of the padding before it.
    if (ceilMode && (size - 1) * stride[i] >= n + padding[i]) size--
    return size
  })
  if (out.some((n) => n < 1))
    throw new ShapeError(`${operation}: windows of ${formatShape(kernel)} do not fit input ${formatShape(input.shape)}`)
  return [...lead, ...out]
}

/** The maxima and where they are; the positions are integers within a spatial plane, laid out like the maxima. */
const maxPool: FunctionOp<[input: Tensor, windows: Windows, positions: 'int32' | 'int64'], Tensor[]> = primitive({
  signature: '_max_pool(input, windows, positions)',
  opaque: true,
  forward(input: Tensor, windows: Windows, positions: 'int32' | 'int64') {
    const { kernel, stride, padding, dilation, adaptive } = windows
    if (positions === 'int64') input.storage.makeStrided()
    const shape = pooledShape('max_pool', input, windows)
    const out = allocateInLayoutOf(input, shape)
    const indices = allocateInLayoutOf(input, shape, positions)
    kernels.maxPool(out, indices, dense(input), kernel, stride, padding, dilation, adaptive)
    return saving([out, indices], indices, input.shape, input.storage.layout)
  },
  backward: ([grad], [indices, shape]) => [grad && maxPoolScatter(grad, indices, shape)],
})

/** The maxima by themselves, of a blocked input whose gradient nobody wants. */
const maxima: FunctionOp<[input: Tensor, windows: Windows], Tensor> = primitive({
  signature: '_maxima(input, windows)',
  opaque: true,
  forward(input: Tensor, windows: Windows) {
    const { kernel, stride, padding, dilation, adaptive } = windows
    const out = allocateInLayoutOf(input, pooledShape('max_pool', input, windows))
    const positions = allocate([0], 'int32', input.device)
    kernels.maxPool(out, positions, input, kernel, stride, padding, dilation, adaptive)
    return saving(out)
  },
})

/** Each element of `grad` added to where its maximum was. */
export const maxPoolScatter: FunctionOp<[grad: Tensor, indices: Tensor, shape: readonly number[]], Tensor> = primitive({
  signature: '_max_pool_scatter(grad, indices, shape)',
  opaque: true,
  forward(grad: Tensor, indices: Tensor, shape: readonly number[]) {
    const g = inLayoutOf(indices, grad)
    const out = allocateInLayoutOf(g, shape)
    kernels.maxPoolScatter(out, g, dense(indices), shape.length - 2)
    return saving(out, indices)
  },
  backward: (cotangent, [indices]) => [maxPoolGather(cotangent, indices), null],
})

/** The elements of `input` where the maxima were. */
const maxPoolGather: FunctionOp<[input: Tensor, indices: Tensor], Tensor> = primitive({
  signature: '_max_pool_gather(input, indices)',
  opaque: true,
  forward(input: Tensor, indices: Tensor) {
    const source = inLayoutOf(indices, input)
    const out = allocateInLayoutOf(source, indices.shape)
    kernels.maxPoolGather(out, source, dense(indices), input.ndim - 2)
    return saving(out, indices, input.shape)
  },
  backward: (cotangent, [indices, shape]) => [maxPoolScatter(cotangent, indices, shape), null],
})

interface Averages extends Windows {
  readonly includePadding: boolean
  /** 0 to divide by the size of the window. */
  readonly divisor: number
}

const avgPool: FunctionOp<[input: Tensor, windows: Averages], Tensor> = primitive({
  signature: '_avg_pool(input, windows)',
  opaque: true,
  forward(input: Tensor, windows: Averages) {
    const { kernel, stride, padding, adaptive, includePadding, divisor } = windows
    const out = allocateInLayoutOf(input, pooledShape('avg_pool', input, windows))
    kernels.avgPool(out, dense(input), kernel, stride, padding, adaptive, includePadding, divisor)
    return saving(out, input.shape, windows)
  },
  backward: (grad, [shape, windows]) => [avgPoolBackward(grad, shape, windows)],
})

const avgPoolBackward: FunctionOp<[grad: Tensor, shape: readonly number[], windows: Averages], Tensor> = primitive({
  signature: '_avg_pool_backward(grad, shape, windows)',
  opaque: true,
  forward(grad: Tensor, shape: readonly number[], windows: Averages) {
    const { kernel, stride, padding, adaptive, includePadding, divisor } = windows
    const out = allocateInLayoutOf(grad, shape)
    kernels.avgPoolBackward(out, dense(grad), kernel, stride, padding, adaptive, includePadding, divisor)
    return saving(out, windows)
  },
  backward: (cotangent, [windows]) => [avgPool(cotangent, windows)],
})

/** The options of max pooling. */
export interface MaxPoolOptions {
  /** Default: the size of the window. */
  readonly stride?: Sizes | null
  /** −∞ added on both sides, at most half of the window. Default 0. */
  readonly padding?: Sizes
  /** Distance between the elements of a window. Default 1. */
  readonly dilation?: Sizes
  /** Round the size of the result up. Default false. */
  readonly ceilMode?: boolean
  /** Also give where the maxima are. Default false. */
  readonly returnIndices?: boolean
}

/** The options of average pooling. */
export interface AvgPoolOptions {
  /** Default: the size of the window. */
  readonly stride?: Sizes | null
  /** Zeros added on both sides, at most half of the window. Default 0. */
  readonly padding?: Sizes
  /** Round the size of the result up. Default false. */
  readonly ceilMode?: boolean
  /** Count the padding in the average. Default true. */
  readonly countIncludePad?: boolean
  /** Divide by this instead of the size of the window. */
  readonly divisorOverride?: number | null
}

function windowsOf(operation: string, spatial: number, kernelSize: Sizes, options: MaxPoolOptions): Windows {
  const kernel = spread(operation, 'kernelSize', kernelSize, spatial, 1)
  const { stride, padding = 0, dilation = 1, ceilMode = false } = options
  const emptyStride = Array.isArray(stride) && stride.length === 0
  const windows = {
    kernel,
    stride:
      stride === undefined || stride === null || emptyStride ? kernel : spread(operation, 'stride', stride, spatial, 1),
    padding: spread(operation, 'padding', padding, spatial, 0),
    dilation: spread(operation, 'dilation', dilation, spatial, 1),
    ceilMode,
    adaptive: false,
  }
  windows.padding.forEach((p, i) => {
    const reach = windows.dilation[i] * (kernel[i] - 1) + 1
    if (p > reach / 2)
      throw new ArgumentError(`${operation}: expected a padding of at most half of the window (${reach}), got ${p}`)
  })
  return windows
}

function checkReal(operation: string, input: Tensor): void {
  if (input.dtype === 'bool' || input.isComplex())
    throw new DTypeError(`${operation}: not implemented for ${input.dtype}`)
}

/** Both results of a max pooling. */
export interface MaxPoolResult {
  readonly values: Tensor
  /** int64 positions within the flattened spatial dimensions of the input. */
  readonly indices: Tensor
}

function maxOf(
  operation: string,
  spatial: number,
  input: Tensor,
  windows: Windows,
  returnIndices = false,
): Tensor | MaxPoolResult {
  checkReal(operation, input)
  if (!returnIndices)
    return batched(operation, input, spatial, (batch) =>
      batch.storage.layout > 0 && !(gradMode.enabled && batch.requiresGrad)
        ? maxima(batch, windows)
        : maxPool(batch, windows, 'int32')[0],
    )
  let indices: Tensor | undefined
  const values = batched(operation, input, spatial, (batch) => {
    const [maxima, at] = maxPool(batch, windows, 'int64')
    indices = batch === input ? at : reshape(at, at.shape.slice(1))
    return maxima
  })
  return { values, indices: indices as Tensor }
}

/** Max pooling: the maxima, or with `returnIndices` the maxima and where they are. */
export interface MaxPoolOp {
  (input: Tensor, kernelSize: Sizes, options: MaxPoolOptions & { readonly returnIndices: true }): MaxPoolResult
  (input: Tensor, kernelSize: Sizes, options?: MaxPoolOptions & { readonly returnIndices?: false }): Tensor
  readonly record: AnyRecord
}

const maxPoolOp = (name: string, operation: string, spatial: number): MaxPoolOp =>
  composite(
    `nn.functional.${name}(input, kernel_size, {stride, padding, dilation, ceil_mode, return_indices})`,
    (input: Tensor, kernelSize: Sizes, options: MaxPoolOptions = {}) =>
      maxOf(operation, spatial, input, windowsOf(operation, spatial, kernelSize, options), options.returnIndices),
  ) as MaxPoolOp

/** The maximum of each window of a signal. @param input [N, C, L] or [C, L] @param kernelSize the size of a window */
export const maxPool1d: MaxPoolOp = maxPoolOp('max_pool1d', 'maxPool1d', 1)
/**
 * The maximum of each window of an image.
 *
 * @param input shape [N, C, H, W] or [C, H, W]
 * @param kernelSize the size of a window
 * @returns shape [N, C, H_out, W_out]
 * @example
 * ```ts
 * import { F, ones } from '@flambeau/core'
 * console.log(F.maxPool2d(ones([1, 3, 8, 8]), 2).shape) // → [ 1, 3, 4, 4 ]
 * ```
 */
export const maxPool2d: MaxPoolOp = maxPoolOp('max_pool2d', 'maxPool2d', 2)
/** The maximum of each window of a volume. @param input [N, C, D, H, W] or [C, D, H, W] @param kernelSize the size of a window */
export const maxPool3d: MaxPoolOp = maxPoolOp('max_pool3d', 'maxPool3d', 3)

function averageOf(
  operation: string,
  spatial: number,
  input: Tensor,
  kernelSize: Sizes,
  options: AvgPoolOptions = {},
): Tensor {
  checkReal(operation, input)
  const { countIncludePad = true, divisorOverride } = options
  if (
    divisorOverride !== undefined &&
    divisorOverride !== null &&
    (!Number.isInteger(divisorOverride) || divisorOverride === 0)
  )
    throw new ArgumentError(
      `${operation}: expected an integer that is not 0 for divisorOverride, got ${describe(divisorOverride)}`,
    )
  const windows = windowsOf(operation, spatial, kernelSize, options)
  return batched(operation, input, spatial, (batch) =>
    avgPool(batch, { ...windows, includePadding: countIncludePad, divisor: divisorOverride ?? 0 }),
  )
}

export type AvgPoolOp = FunctionOp<[input: Tensor, kernelSize: Sizes, options?: AvgPoolOptions], Tensor>

/** The average of each window of a signal. @param input [N, C, L] or [C, L] @param kernelSize the size of a window */
export const avgPool1d: AvgPoolOp = composite(
  'nn.functional.avg_pool1d(input, kernel_size, {stride, padding, ceil_mode, count_include_pad})',
  (input, kernelSize, options) => averageOf('avgPool1d', 1, input, kernelSize, options),
)
/** The average of each window of an image. @param input [N, C, H, W] or [C, H, W] @param kernelSize the size of a window */
export const avgPool2d: AvgPoolOp = composite(
  'nn.functional.avg_pool2d(input, kernel_size, {stride, padding, ceil_mode, count_include_pad, divisor_override})',
  (input, kernelSize, options) => averageOf('avgPool2d', 2, input, kernelSize, options),
)
/** The average of each window of a volume. @param input [N, C, D, H, W] or [C, D, H, W] @param kernelSize the size of a window */
export const avgPool3d: AvgPoolOp = composite(
  'nn.functional.avg_pool3d(input, kernel_size, {stride, padding, ceil_mode, count_include_pad, divisor_override})',
  (input, kernelSize, options) => averageOf('avgPool3d', 3, input, kernelSize, options),
)

/** A size, or null to keep the input's. */
export type OutputSizes = number | null | readonly (number | null)[]

function adaptiveWindows(operation: string, spatial: number, input: Tensor, outputSize: OutputSizes): Windows {
  const own = input.shape.slice(-spatial)
  const list: readonly (number | null)[] = Array.isArray(outputSize)
    ? outputSize
    : new Array<number | null>(spatial).fill(outputSize as number | null)
  const kernel = spread(
    operation,
    'outputSize',
    list.map((n, i) => n ?? own[i]),
    spatial,
    0,
  )
  const ones = new Array<number>(spatial).fill(1)
  return { kernel, stride: ones, padding: ones.map(() => 0), dilation: ones, ceilMode: false, adaptive: true }
}

type AdaptiveOp = FunctionOp<[input: Tensor, outputSize: OutputSizes], Tensor>

const adaptiveAverage = (operation: string, spatial: number, input: Tensor, outputSize: OutputSizes): Tensor => {
  checkReal(operation, input)
  return batched(operation, input, spatial, (batch) => {
    const windows = adaptiveWindows(operation, spatial, batch, outputSize)
    // One window of all: a sum whose gradient is a view.
    if (isFloating(batch.dtype) && windows.kernel.every((size) => size === 1))
      return mean(batch, [2, 3, 4].slice(0, spatial), { keepdim: true })
    return avgPool(batch, { ...windows, includePadding: true, divisor: 0 })
  })
}

/** Averages over windows that split a signal into `outputSize` parts. @param input [N, C, L] or [C, L] */
export const adaptiveAvgPool1d: AdaptiveOp = composite(
  'nn.functional.adaptive_avg_pool1d(input, output_size)',
  (input, size) => adaptiveAverage('adaptiveAvgPool1d', 1, input, size),
)
/** Averages over windows that split an image into `outputSize` parts. @param input [N, C, H, W] or [C, H, W] */
export const adaptiveAvgPool2d: AdaptiveOp = composite(
  'nn.functional.adaptive_avg_pool2d(input, output_size)',
  (input, size) => adaptiveAverage('adaptiveAvgPool2d', 2, input, size),
)
/** Averages over windows that split a volume into `outputSize` parts. @param input [N, C, D, H, W] or [C, D, H, W] */
export const adaptiveAvgPool3d: AdaptiveOp = composite(
  'nn.functional.adaptive_avg_pool3d(input, output_size)',
  (input, size) => adaptiveAverage('adaptiveAvgPool3d', 3, input, size),
)
/** Adaptive max pooling: the maxima, or with `returnIndices` the maxima and where they are. */
export interface AdaptiveMaxPoolOp {
  (input: Tensor, outputSize: OutputSizes, options: { readonly returnIndices: true }): MaxPoolResult
  (input: Tensor, outputSize: OutputSizes, options?: { readonly returnIndices?: false }): Tensor
  readonly record: AnyRecord
}

const adaptiveMaxPoolOp = (name: string, operation: string, spatial: number): AdaptiveMaxPoolOp =>
  composite(
    `nn.functional.${name}(input, output_size, {return_indices})`,
    (input: Tensor, outputSize: OutputSizes, options: { readonly returnIndices?: boolean } = {}) =>
      maxOf(operation, spatial, input, adaptiveWindows(operation, spatial, input, outputSize), options.returnIndices),
  ) as AdaptiveMaxPoolOp

/** Maxima over windows that split a signal into `outputSize` parts. @param input [N, C, L] or [C, L] */
export const adaptiveMaxPool1d: AdaptiveMaxPoolOp = adaptiveMaxPoolOp('adaptive_max_pool1d', 'adaptiveMaxPool1d', 1)
/** Maxima over windows that split an image into `outputSize` parts. @param input [N, C, H, W] or [C, H, W] */
export const adaptiveMaxPool2d: AdaptiveMaxPoolOp = adaptiveMaxPoolOp('adaptive_max_pool2d', 'adaptiveMaxPool2d', 2)
/** Maxima over windows that split a volume into `outputSize` parts. @param input [N, C, D, H, W] or [C, D, H, W] */
export const adaptiveMaxPool3d: AdaptiveMaxPoolOp = adaptiveMaxPoolOp('adaptive_max_pool3d', 'adaptiveMaxPool3d', 3)
