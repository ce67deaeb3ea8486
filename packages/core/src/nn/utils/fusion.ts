// Batch normalization folded into the layer before it, for inference.
import { noGrad } from '../../autograd/mode.js'
import { ArgumentError, ShapeError } from '../../errors.js'
import { onesLike, zerosLike } from '../../ops/index.js'
import { Parameter } from '../../tensor/parameter.js'
import type { Tensor } from '../../tensor/tensor.js'
import { Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d } from '../conv.js'
import { Linear } from '../linear.js'
import type { BatchNorm1d, BatchNorm2d, BatchNorm3d } from '../normalization.js'
import { skipInit } from './skip-init.js'

type BatchNorm = BatchNorm1d | BatchNorm2d | BatchNorm3d
type Conv = Conv1d | Conv2d | Conv3d
type ConvTranspose = ConvTranspose1d | ConvTranspose2d | ConvTranspose3d

/** The statistics and parameters of a batch normalization. */
export interface BatchNormValues {
  readonly runningMean: Tensor
  readonly runningVar: Tensor
  readonly eps: number
  readonly weight?: Tensor | null
  readonly bias?: Tensor | null
}

function fused(
  weight: Tensor,
  bias: Tensor | null,
  { runningMean, runningVar, eps, weight: scale, bias: shift }: BatchNormValues,
  shape: readonly number[],
): [Parameter, Parameter] {
  return noGrad(() => {
    const factor = runningVar
      .add(eps)
      .rsqrt()
      .mul(scale ?? onesLike(runningMean))
    const moved = (bias ?? zerosLike(runningMean))
      .sub(runningMean)
      .mul(factor)
      .add(shift ?? zerosLike(runningMean))
    return [
      new Parameter(weight.mul(factor.reshape(shape)).to(weight.dtype), weight.requiresGrad),
      new Parameter(moved.to(bias?.dtype ?? weight.dtype), bias?.requiresGrad ?? false),
    ]
  })
}

/** Weight and bias of a convolution with a batch normalization folded in. @param transpose whether it is a transposed one */
export function fuseConvBnWeights(
  weight: Tensor,
  bias: Tensor | null,
  norm: BatchNormValues,
  transpose = false,
): [weight: Parameter, bias: Parameter] {
  const around = weight.shape.slice(2).map(() => 1)
  return fused(weight, bias, norm, transpose ? [1, -1, ...around] : [-1, 1, ...around])
}

/** Weight and bias of a linear layer with a batch normalization folded in. */
export const fuseLinearBnWeights = (
  weight: Tensor,
  bias: Tensor | null,
  norm: BatchNormValues,
): [weight: Parameter, bias: Parameter] => fused(weight, bias, norm, [-1, 1])

function valuesOf(operation: string, layer: { readonly training: boolean }, norm: BatchNorm): BatchNormValues {
  if (layer.training || norm.training)
    throw new ArgumentError(`${operation}: expected both modules in evaluation; call eval() first`)
  const { runningMean, runningVar, eps, weight, bias } = norm
  if (runningMean === null || runningVar === null)
    throw new ArgumentError(`${operation}: expected a batch normalization with running statistics`)
  return { runningMean, runningVar, eps, weight, bias }
}

function emptied(conv: Conv | ConvTranspose): Conv | ConvTranspose {
  const { inChannels, outChannels, kernelSize, stride, dilation, groups } = conv
  const options = { stride, dilation, groups, device: conv.weight.device, dtype: conv.weight.dtype }
  for (const layer of [Conv1d, Conv2d, Conv3d])
    if (conv instanceof layer) {
      const { padding, paddingMode } = conv
      return skipInit(layer, inChannels, outChannels, kernelSize, { ...options, padding, paddingMode })
    }
  for (const layer of [ConvTranspose1d, ConvTranspose2d, ConvTranspose3d])
    if (conv instanceof layer) {
      const { padding, outputPadding } = conv
      return skipInit(layer, inChannels, outChannels, kernelSize, { ...options, padding, outputPadding })
    }
  throw new ArgumentError('fuseConvBnEval: expected a convolution')
}

/**
 * A convolution that does what `conv` and then `norm` do in evaluation.
 *
 * @param transpose whether `conv` is a transposed one; by default it is looked at
 * @throws ArgumentError where one of them is in training, or `norm` has no running statistics
 */
export function fuseConvBnEval<C extends Conv | ConvTranspose>(
  conv: C,
  norm: BatchNorm,
  transpose: boolean = conv instanceof ConvTranspose1d ||
    conv instanceof ConvTranspose2d ||
    conv instanceof ConvTranspose3d,
): C {
  const values = valuesOf('fuseConvBnEval', conv, norm)
  const result = emptied(conv).eval()
  ;[result.weight, result.bias] = fuseConvBnWeights(conv.weight, conv.bias, values, transpose)
  return result as C
}

/** A linear layer that does what `linear` and then `norm` do in evaluation. */
export function fuseLinearBnEval(linear: Linear, norm: BatchNorm): Linear {
  const values = valuesOf('fuseLinearBnEval', linear, norm)
  if (norm.numFeatures !== linear.outFeatures && norm.numFeatures !== 1)
    throw new ShapeError(
      `fuseLinearBnEval: expected a batch normalization of ${linear.outFeatures} features or 1, got ${norm.numFeatures}`,
    )
  const { device, dtype } = linear.weight
  const result = skipInit(Linear, linear.inFeatures, linear.outFeatures, { device, dtype }).eval()
  ;[result.weight, result.bias] = fuseLinearBnWeights(linear.weight, linear.bias, values)
  return result
}
