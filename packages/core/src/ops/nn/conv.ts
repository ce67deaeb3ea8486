// Convolutions.
import { gradMode } from '../../autograd/mode.js'
import * as kernels from '../../binding/kernels.gen.js'
import { ArgumentError, DTypeError, describe, ShapeError } from '../../errors.js'
import { allocate } from '../../tensor/create.js'
import { formatShape } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { conj } from '../complex.js'
import { composite, primitive } from '../dispatch.js'
import { contiguousRaw } from '../inplace.js'
import { type FunctionOp, saving } from '../record.js'
import { sumToSize } from '../reductions.js'
import { reshape } from '../views.js'
import { allocateActivation, batched, dense, type Sizes, spread } from './spatial.js'

/** The geometry of a convolution, one number a spatial dimension. */
interface Geometry {
  readonly stride: readonly number[]
  readonly padding: readonly number[]
  readonly dilation: readonly number[]
  readonly groups: number
}

/** The sizes of the result along the spatial dimensions. */
const outputSizes = (input: Tensor, weight: Tensor, { stride, padding, dilation }: Geometry): number[] =>
  stride.map(
    (s, i) => Math.floor((input.shape[i + 2] + 2 * padding[i] - dilation[i] * (weight.shape[i + 2] - 1) - 1) / s) + 1,
  )

type Convolution = FunctionOp<
  [input: Tensor, weight: Tensor, bias: Tensor | null, geometry: Geometry, sizes: readonly number[]],
  Tensor
>

/** input [N, C, …] ⋆ weight [O, C / groups, …], giving [N, O, …sizes]; fewer sizes than fit leave the input's end out. */
const convolution: Convolution = primitive({
  signature: '_convolution(input, weight, bias, geometry, sizes)',
  opaque: true,
  forward(input: Tensor, weight: Tensor, bias: Tensor | null, geometry: Geometry, sizes: readonly number[]) {
    const { stride, padding, dilation, groups } = geometry
    const out = allocateActivation([input.shape[0], weight.shape[0], ...sizes], input.dtype, input)
    kernels.convolution(
      out,
      dense(input),
      contiguousRaw(weight),
      bias && contiguousRaw(bias),
      stride,
      padding,
      dilation,
      groups,
    )
    return saving(out, input, weight, bias !== null, geometry)
  },
  backward(grad, [input, weight, hasBias, geometry], needs) {
    const gradInput = needs(0) ? convolutionInput(grad, conj(weight), input.shape, geometry) : null
    if (hasBias && needs(1) && needs(2) && !gradMode.enabled)
      return [gradInput, ...weightAndBias(grad, conj(input), weight.shape, geometry)]
    const gradWeight = needs(1) ? convolutionWeight(grad, conj(input), weight.shape, geometry) : null
    return hasBias ? [gradInput, gradWeight, needs(2) ? channelSums(grad) : null] : [gradInput, gradWeight]
  },
})

/** The gradients of weight and bias in one kernel. */
function weightAndBias(grad: Tensor, input: Tensor, shape: readonly number[], geometry: Geometry): [Tensor, Tensor] {
  const { stride, padding, dilation, groups } = geometry
  const gradWeight = allocate(shape, grad.dtype, grad.device)
  const gradBias = allocate([shape[0]], grad.dtype, grad.device)
  kernels.convolutionBackwardWeight(gradWeight, gradBias, dense(grad), dense(input), stride, padding, dilation, groups)
  return [gradWeight, gradBias]
}

/** The sum over all dimensions but the channels'. */
const channelSums = (t: Tensor): Tensor =>
  reshape(
    sumToSize(
      t,
      t.shape.map((n, i) => (i === 1 ? n : 1)),
    ),
    [t.shape[1]],
  )

/** The gradient with respect to the input; by itself, a transposed convolution of `grad`. */
const convolutionInput: FunctionOp<
  [grad: Tensor, weight: Tensor, shape: readonly number[], geometry: Geometry],
  Tensor
> = primitive({
  signature: '_convolution_input(grad, weight, shape, geometry)',
  opaque: true,
  forward(grad: Tensor, weight: Tensor, shape: readonly number[], geometry: Geometry) {
    const { stride, padding, dilation, groups } = geometry
    const out = allocateActivation(shape, grad.dtype, grad)
    kernels.convolutionBackwardInput(out, dense(grad), contiguousRaw(weight), stride, padding, dilation, groups)
    return saving(out, grad, weight, geometry)
  },
  backward: (cotangent, [grad, weight, geometry], needs) => [
    needs(0) ? convolution(cotangent, conj(weight), null, geometry, grad.shape.slice(2)) : null,
    needs(1) ? convolutionWeight(conj(grad), cotangent, weight.shape, geometry) : null,
  ],
})

/** The gradient with respect to the weight. */
const convolutionWeight: FunctionOp<
  [grad: Tensor, input: Tensor, shape: readonly number[], geometry: Geometry],
  Tensor
> = primitive({
  signature: '_convolution_weight(grad, input, shape, geometry)',
  opaque: true,
  forward(grad: Tensor, input: Tensor, shape: readonly number[], geometry: Geometry) {
    const { stride, padding, dilation, groups } = geometry
    const out = allocate(shape, grad.dtype, grad.device)
    kernels.convolutionBackwardWeight(out, null, dense(grad), dense(input), stride, padding, dilation, groups)
    return saving(out, grad, input, geometry)
  },
  backward: (cotangent, [grad, input, geometry], needs) => [
    needs(0) ? convolution(conj(input), cotangent, null, geometry, grad.shape.slice(2)) : null,
    needs(1) ? convolutionInput(conj(grad), cotangent, input.shape, geometry) : null,
  ],
})

/** The options of a convolution. */
export interface ConvOptions {
  /** Shape [C_out]. Default none. */
  readonly bias?: Tensor | null
  /** Default 1. */
  readonly stride?: Sizes
  /** Zeros added on both sides of each dimension, `'valid'` for none, `'same'` to keep the size. Default 0. */
  readonly padding?: Sizes | 'valid' | 'same'
  /** Distance between the taps of the kernel. Default 1. */
  readonly dilation?: Sizes
  /** Groups of channels that are convolved by themselves. Default 1. */
  readonly groups?: number
}

function checkConv(
  operation: string,
  input: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  spatial: number,
  groups: unknown,
): void {
  if (weight.ndim !== spatial + 2)
    throw new ShapeError(
      `${operation}: expected a weight of ${spatial + 2} dimensions, got shape ${formatShape(weight.shape)}`,
    )
  if (typeof groups !== 'number' || !Number.isInteger(groups) || groups < 1)
    throw new ArgumentError(`${operation}: expected an integer ≥ 1 for groups, got ${describe(groups)}`)
  for (const [name, t] of [
    ['weight', weight],
    ['bias', bias],
  ] as const)
    if (t !== null && t.dtype !== input.dtype)
      throw new DTypeError(`${operation}: expected a ${name} of the input's dtype ${input.dtype}, got ${t.dtype}`)
}

function checkBias(operation: string, bias: Tensor | null, channels: number): void {
  if (bias !== null && (bias.ndim !== 1 || bias.shape[0] !== channels))
    throw new ShapeError(`${operation}: expected a bias of shape [${channels}], got ${formatShape(bias.shape)}`)
}

/** The padding in numbers; `'same'` may need one more zero at the end than at the start. */
function paddingOf(
  operation: string,
  padding: unknown,
  weight: Tensor,
  stride: readonly number[],
  dilation: readonly number[],
) {
  const spatial = stride.length
  if (padding === 'valid')
    return { before: new Array<number>(spatial).fill(0), extra: new Array<number>(spatial).fill(0) }
  if (padding === 'same') {
    if (stride.some((s) => s !== 1))
      throw new ArgumentError(`${operation}: padding 'same' needs stride 1, got ${describe(stride)}`)
    const total = dilation.map((d, i) => d * (weight.shape[i + 2] - 1))
    return { before: total.map((n) => Math.floor(n / 2)), extra: total.map((n) => n % 2) }
  }
  if (typeof padding === 'string')
    throw new ArgumentError(`${operation}: expected a number, 'valid' or 'same' for padding, got ${describe(padding)}`)
  return { before: spread(operation, 'padding', padding, spatial, 0), extra: new Array<number>(spatial).fill(0) }
}

function convolve(
  operation: string,
  spatial: number,
  input: Tensor,
  weight: Tensor,
  options: ConvOptions = {},
): Tensor {
  const { bias = null, groups = 1 } = options
  checkConv(operation, input, weight, bias, spatial, groups)
  const stride = spread(operation, 'stride', options.stride ?? 1, spatial, 1)
  const dilation = spread(operation, 'dilation', options.dilation ?? 1, spatial, 1)
  const { before, extra } = paddingOf(operation, options.padding ?? 0, weight, stride, dilation)
  return batched(operation, input, spatial, (batch) => {
    const shapes = `weight is ${formatShape(weight.shape)}${groups > 1 ? `, groups ${groups}` : ''}`
    if (batch.shape[1] !== weight.shape[1] * groups)
      throw new ShapeError(
        `${operation}: expected input with ${weight.shape[1] * groups} channels (${shapes}), got input ${formatShape(input.shape)}`,
      )
    if (weight.shape[0] % groups !== 0 || weight.shape[0] === 0)
      throw new ShapeError(`${operation}: expected output channels that are a positive multiple of groups (${shapes})`)
    checkBias(operation, bias, weight.shape[0])
    const padded = extra.some((n) => n > 0) ? padEnd(batch, extra) : batch
    for (let i = 0; i < spatial; i++) {
      const size = padded.shape[i + 2] + 2 * before[i]
      const reach = dilation[i] * (weight.shape[i + 2] - 1) + 1
      if (weight.shape[i + 2] < 1 || size < reach)
        throw new ShapeError(
          `${operation}: the kernel spans ${reach} in dimension ${i + 2}, the padded input only ${size} (${shapes}, input ${formatShape(input.shape)})`,
        )
    }
    const geometry = { stride, padding: before, dilation, groups }
    return convolution(padded, weight, bias, geometry, outputSizes(padded, weight, geometry))
  })
}

/** Zeros after the end of each spatial dimension. */
function padEnd(input: Tensor, extra: readonly number[]): Tensor {
  const padded = allocate(
    [...input.shape.slice(0, 2), ...extra.map((n, i) => input.shape[i + 2] + n)],
    input.dtype,
    input.device,
  )
  kernels.fill(padded, 0)
  let part = padded
  extra.forEach((n, i) => {
    if (n > 0) part = part.narrow(i + 2, 0, input.shape[i + 2])
  })
  part.copy_(input)
  return padded
}

/**
 * The 1-D convolution (cross-correlation) of a signal with kernels.
 *
 * @param input shape [N, C, L] or [C, L]
 * @param weight shape [C_out, C / groups, K]
 * @returns shape [N, C_out, L_out] with L_out = ⌊(L + 2·padding − dilation·(K − 1) − 1) / stride⌋ + 1
 */
export const conv1d: FunctionOp<[input: Tensor, weight: Tensor, options?: ConvOptions], Tensor> = composite(
  'nn.functional.conv1d(input, weight, {bias, stride, padding, dilation, groups})',
  (input, weight, options) => convolve('conv1d', 1, input, weight, options),
)

/**
 * The 2-D convolution (cross-correlation) of images with kernels.
 *
 * @param input shape [N, C, H, W] or [C, H, W]
 * @param weight shape [C_out, C / groups, K_h, K_w]
 * @returns shape [N, C_out, H_out, W_out]
 * @throws ShapeError when channels or sizes do not fit
 * @example
 * ```ts
 * import { F, ones } from '@flambeau/core'
 * console.log(F.conv2d(ones([1, 3, 8, 8]), ones([16, 3, 3, 3]), { padding: 1 }).shape) // → [ 1, 16, 8, 8 ]
 * ```
 */
export const conv2d: FunctionOp<[input: Tensor, weight: Tensor, options?: ConvOptions], Tensor> = composite(
  'nn.functional.conv2d(input, weight, {bias, stride, padding, dilation, groups})',
  (input, weight, options) => convolve('conv2d', 2, input, weight, options),
)

/**
 * The 3-D convolution (cross-correlation) of volumes with kernels.
 *
 * @param input shape [N, C, D, H, W] or [C, D, H, W]
 * @param weight shape [C_out, C / groups, K_d, K_h, K_w]
 * @returns shape [N, C_out, D_out, H_out, W_out]
 */
export const conv3d: FunctionOp<[input: Tensor, weight: Tensor, options?: ConvOptions], Tensor> = composite(
  'nn.functional.conv3d(input, weight, {bias, stride, padding, dilation, groups})',
  (input, weight, options) => convolve('conv3d', 3, input, weight, options),
)

/** The options of a transposed convolution. */
export interface ConvTransposeOptions extends Omit<ConvOptions, 'padding'> {
  /** What is cut from both sides of each dimension of the result. Default 0. */
  readonly padding?: Sizes
  /** Added to one side of each dimension of the result. Default 0. */
  readonly outputPadding?: Sizes
}

function convolveTransposed(
  operation: string,
  spatial: number,
  input: Tensor,
  weight: Tensor,
  options: ConvTransposeOptions = {},
): Tensor {
  const { bias = null, groups = 1 } = options
  checkConv(operation, input, weight, bias, spatial, groups)
  const stride = spread(operation, 'stride', options.stride ?? 1, spatial, 1)
  const dilation = spread(operation, 'dilation', options.dilation ?? 1, spatial, 1)
  const padding = spread(operation, 'padding', options.padding ?? 0, spatial, 0)
  const outputPadding = spread(operation, 'outputPadding', options.outputPadding ?? 0, spatial, 0)
  if (outputPadding.some((n, i) => n >= stride[i] && n >= dilation[i]))
    throw new ArgumentError(
      `${operation}: expected outputPadding smaller than stride or dilation, got ${describe(outputPadding)}`,
    )
  return batched(operation, input, spatial, (batch) => {
    if (batch.shape[1] !== weight.shape[0] || weight.shape[0] % groups !== 0)
      throw new ShapeError(
        `${operation}: expected input with ${weight.shape[0]} channels in ${groups} groups (weight is ${formatShape(weight.shape)}), got input ${formatShape(input.shape)}`,
      )
    const channels = weight.shape[1] * groups
    checkBias(operation, bias, channels)
    const sizes = stride.map(
      (s, i) =>
        (batch.shape[i + 2] - 1) * s - 2 * padding[i] + dilation[i] * (weight.shape[i + 2] - 1) + outputPadding[i] + 1,
    )
    if (sizes.some((n) => n < 1))
      throw new ShapeError(`${operation}: the result would have the size ${formatShape(sizes)}`)
    const out = convolutionInput(batch, weight, [batch.shape[0], channels, ...sizes], {
      stride,
      padding,
      dilation,
      groups,
    })
    return bias === null ? out : out.add(reshape(bias, [channels, ...new Array<number>(spatial).fill(1)]))
  })
}

/** The gradient of `conv1d` with respect to its input, as an operator. @param input [N, C, L] @param weight [C, C_out / groups, K] */
export const convTranspose1d: FunctionOp<[input: Tensor, weight: Tensor, options?: ConvTransposeOptions], Tensor> =
  composite(
    'nn.functional.conv_transpose1d(input, weight, {bias, stride, padding, output_padding, groups, dilation})',
    (input, weight, options) => convolveTransposed('convTranspose1d', 1, input, weight, options),
  )

/** The gradient of `conv2d` with respect to its input, as an operator. @param input [N, C, H, W] @param weight [C, C_out / groups, K_h, K_w] */
export const convTranspose2d: FunctionOp<[input: Tensor, weight: Tensor, options?: ConvTransposeOptions], Tensor> =
  composite(
    'nn.functional.conv_transpose2d(input, weight, {bias, stride, padding, output_padding, groups, dilation})',
    (input, weight, options) => convolveTransposed('convTranspose2d', 2, input, weight, options),
  )

/** The gradient of `conv3d` with respect to its input, as an operator. @param input [N, C, D, H, W] @param weight [C, C_out / groups, …] */
export const convTranspose3d: FunctionOp<[input: Tensor, weight: Tensor, options?: ConvTransposeOptions], Tensor> =
  composite(
    'nn.functional.conv_transpose3d(input, weight, {bias, stride, padding, output_padding, groups, dilation})',
    (input, weight, options) => convolveTransposed('convTranspose3d', 3, input, weight, options),
  )
