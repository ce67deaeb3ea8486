// Normalization over trailing dimensions, over groups of channels, and to unit length.
import { gradMode } from '../../autograd/mode.js'
import * as kernels from '../../binding/kernels.gen.js'
import { ArgumentError, DTypeError, describe, ShapeError } from '../../errors.js'
import { alias, allocate } from '../../tensor/create.js'
import { isComplex, isFloating, toReal } from '../../tensor/dtype.js'
import { contiguousStrides, formatShape, numelOf, sameShape, wrapDim } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { add, div, mul, rsqrt, square, sub } from '../arithmetic.js'
import { composite, primitive } from '../dispatch.js'
import { clampMin } from '../extrema.js'
import { contiguousRaw } from '../inplace.js'
import { type FunctionOp, saving } from '../record.js'
import type { Dim } from '../reduce.js'
import { mean, sum } from '../reductions.js'
import { vectorNorm } from '../statistics.js'
import { reshape } from '../views.js'
import { batchNorm } from './batchNorm.js'

/** The last dimensions as one, the others as another, of a contiguous tensor. */
function asRows(t: Tensor, n: number): Tensor {
  const flat = contiguousRaw(t)
  const shape = [n === 0 ? 0 : flat.numel() / n, n]
  return alias(flat, shape, contiguousStrides(shape))
}

const flatRaw = (t: Tensor | null): Tensor | null => {
  if (t === null) return null
  const flat = contiguousRaw(t)
  return alias(flat, [flat.numel()], [1])
}

type LayerNormOf = FunctionOp<
  [input: Tensor, weight: Tensor | null, bias: Tensor | null, shape: readonly number[], eps: number],
  Tensor
>

const layerNormOf: LayerNormOf = primitive({
  signature: '_layer_norm(input, weight, bias, normalized_shape, eps)',
  forward(input: Tensor, weight: Tensor | null, bias: Tensor | null, shape: readonly number[], eps: number) {
    const n = numelOf(shape)
    const rows = asRows(input, n)
    const statistics = input.dtype === 'float64' ? 'float64' : 'float32'
    const average = allocate([rows.shape[0]], statistics, input.device)
    const rstd = allocate([rows.shape[0]], statistics, input.device)
    const out = allocate(input.shape, input.dtype, input.device)
    kernels.layerNorm(asRows(out, n), average, rstd, rows, flatRaw(weight), flatRaw(bias), eps)
    return saving(out, input, weight, bias !== null, average, rstd, shape, eps)
  },
  backward(grad, [input, weight, hasBias, average, rstd, shape, eps], needs) {
    if (gradMode.enabled) return layerNormGrads(grad, input, weight, hasBias, shape, eps)
    const n = numelOf(shape)
    // Arguments that are absent have no place among the gradients.
    const biasAt = weight === null ? 1 : 2
    const make = (wanted: boolean, like: readonly number[]): Tensor | null =>
      wanted ? allocate(like, input.dtype, input.device) : null
    const dx = make(needs(0), input.shape)
    const dw = make(weight !== null && needs(1), shape)
    const db = make(hasBias && needs(biasAt), shape)
    kernels.layerNormBackward(
      asRows(grad, n),
      dx && asRows(dx, n),
      flatRaw(dw),
      flatRaw(db),
      asRows(input, n),
      average,
      rstd,
      flatRaw(weight),
    )
    return [dx, ...(weight === null ? [] : [dw]), ...(hasBias ? [db] : [])]
  },
})

/** The gradients of layerNorm in operators that can be differentiated again. */
function layerNormGrads(
  grad: Tensor,
  input: Tensor,
  weight: Tensor | null,
  hasBias: boolean,
  shape: readonly number[],
  eps: number,
): (Tensor | null)[] {
  const dims = shape.map((_, i) => input.ndim - shape.length + i)
  const lead = Array.from({ length: input.ndim - shape.length }, (_, i) => i)
  const average = (t: Tensor): Tensor => mean(t, dims, { keepdim: true })
  const centered = sub(input, average(input))
  const scale = rsqrt(add(average(square(centered)), eps))
  const normal = mul(centered, scale)
  const g = weight === null ? grad : mul(grad, weight)
  const dx = mul(scale, sub(sub(g, average(g)), mul(normal, average(mul(g, normal)))))
  const total = (t: Tensor): Tensor => (lead.length > 0 ? sum(t, lead) : t)
  return [dx, ...(weight === null ? [] : [total(mul(grad, normal))]), ...(hasBias ? [total(grad)] : [])]
}

/** Scale and shift after a normalization. */
export interface AffineOptions {
  readonly weight?: Tensor | null
  readonly bias?: Tensor | null
  /** Added to the variance. Default 1e-5. */
  readonly eps?: number
}

function checkNormalized(
  operation: string,
  input: Tensor,
  shape: readonly number[],
  { weight, bias }: AffineOptions,
): void {
  if (!Array.isArray(shape) || shape.length === 0)
    throw new ShapeError(`${operation}: expected a normalized shape of at least one dimension, got ${describe(shape)}`)
  if (!sameShape(input.shape.slice(Math.max(0, input.ndim - shape.length)), shape))
    throw new ShapeError(
      `${operation}: expected input of shape [*, ${shape.join(', ')}], got ${formatShape(input.shape)}`,
    )
  if (!isFloating(input.dtype) && !(operation === 'rms_norm' && isComplex(input.dtype)))
    throw new DTypeError(`${operation}: expected a floating-point input, got ${input.dtype}`)
  for (const [name, t] of [
    ['weight', weight],
    ['bias', bias],
  ] as const)
    if (t && !sameShape(t.shape, shape))
      throw new ShapeError(`${operation}: expected ${name} of shape ${formatShape(shape)}, got ${formatShape(t.shape)}`)
}

/**
 * Normalizes over the last dimensions: (x - mean) / √(variance + eps) · weight + bias.
 *
 * @param normalizedShape the last dimensions of `input`, and the shape of `weight` and `bias`
 * @see https://arxiv.org/abs/1607.06450
 */
export const layerNorm: FunctionOp<
  [input: Tensor, normalizedShape: readonly number[], options?: AffineOptions],
  Tensor
> = composite(
  'nn.functional.layer_norm(input, normalized_shape, {weight, bias, eps})',
  (input: Tensor, normalizedShape: readonly number[], options: AffineOptions = {}): Tensor => {
    checkNormalized('layer_norm', input, normalizedShape, options)
    return layerNormOf(input, options.weight ?? null, options.bias ?? null, [...normalizedShape], options.eps ?? 1e-5)
  },
)

/** The options of `rmsNorm`. */
export interface RmsNormOptions {
  readonly weight?: Tensor | null
  /** Added to the mean of squares. Default: the smallest step of the dtype. */
  readonly eps?: number | null
}

const EPSILON = { float64: 2 ** -52, float32: 2 ** -23, float16: 2 ** -10, bfloat16: 2 ** -7 } as const

type RmsNormOf = FunctionOp<[input: Tensor, weight: Tensor | null, shape: readonly number[], eps: number], Tensor>

/** The layer-normalization kernel without its mean. */
const rmsNormOf: RmsNormOf = primitive({
  signature: '_rms_norm(input, weight, normalized_shape, eps)',
  forward(input: Tensor, weight: Tensor | null, shape: readonly number[], eps: number) {
    const n = numelOf(shape)
    const rows = asRows(input, n)
    const rstd = allocate([rows.shape[0]], input.dtype === 'float64' ? 'float64' : 'float32', input.device)
    const out = allocate(input.shape, input.dtype, input.device)
    kernels.layerNorm(asRows(out, n), null, rstd, rows, flatRaw(weight), null, eps)
    return saving(out, input, weight, rstd, shape, eps)
  },
  backward(grad, [input, weight, rstd, shape, eps], needs) {
    if (gradMode.enabled) return rmsNormGrads(grad, input, weight, shape, eps)
    const n = numelOf(shape)
    const make = (wanted: boolean, like: readonly number[]): Tensor | null =>
      wanted ? allocate(like, input.dtype, input.device) : null
    const dx = make(needs(0), input.shape)
    const dw = make(weight !== null && needs(1), shape)
    kernels.layerNormBackward(
      asRows(grad, n),
      dx && asRows(dx, n),
      flatRaw(dw),
      null,
      asRows(input, n),
      null,
      rstd,
      flatRaw(weight),
    )
    return [dx, ...(weight === null ? [] : [dw])]
  },
})

/** The same of complex numbers, or with a weight of another dtype. */
function scaledByRms(x: Tensor, weight: Tensor | null, shape: readonly number[], eps: number): Tensor {
  const dims = shape.map((_, i) => x.ndim - shape.length + i)
  const normal = mul(x, rsqrt(add(mean(square(x), dims, { keepdim: true }), eps)))
  return weight ? mul(normal, weight) : normal
}

/** The gradients of rmsNorm in operators that can be differentiated again. */
function rmsNormGrads(
  grad: Tensor,
  input: Tensor,
  weight: Tensor | null,
  shape: readonly number[],
  eps: number,
): (Tensor | null)[] {
  const dims = shape.map((_, i) => input.ndim - shape.length + i)
  const lead = Array.from({ length: input.ndim - shape.length }, (_, i) => i)
  const scale = rsqrt(add(mean(square(input), dims, { keepdim: true }), eps))
  const normal = mul(input, scale)
  const g = weight === null ? grad : mul(grad, weight)
  const dx = mul(scale, sub(g, mul(normal, mean(mul(g, normal), dims, { keepdim: true }))))
  const products = mul(grad, normal)
  return [dx, ...(weight === null ? [] : [lead.length > 0 ? sum(products, lead) : products])]
}

/** Divides by the root mean square over the last dimensions: x / √(mean(x²) + eps) · weight. */
export const rmsNorm: FunctionOp<
  [input: Tensor, normalizedShape: readonly number[], options?: RmsNormOptions],
  Tensor
> = composite(
  'nn.functional.rms_norm(input, normalized_shape, {weight, eps})',
  (input: Tensor, normalizedShape: readonly number[], { weight, eps }: RmsNormOptions = {}): Tensor => {
    checkNormalized('rms_norm', input, normalizedShape, { weight })
    const { dtype } = input
    const half = dtype === 'float16' || dtype === 'bfloat16'
    const step = eps ?? EPSILON[half ? 'float32' : (toReal(dtype) as keyof typeof EPSILON)]
    return isComplex(dtype) || (weight && weight.dtype !== dtype)
      ? scaledByRms(input, weight ?? null, normalizedShape, step)
      : rmsNormOf(input, weight ?? null, [...normalizedShape], step)
  },
)

/** A weight or bias of [C], shaped to broadcast over [N, C, …]. */
const perChannel = (t: Tensor, ndim: number): Tensor =>
  reshape(t, [1, t.shape[0], ...Array.from({ length: ndim - 2 }, () => 1)])

/**
 * Normalizes over groups of channels of an input [N, C, …].
 *
 * @param numGroups divides C
 * @see https://arxiv.org/abs/1803.08494
 */
export const groupNorm: FunctionOp<[input: Tensor, numGroups: number, options?: AffineOptions], Tensor> = composite(
  'nn.functional.group_norm(input, num_groups, {weight, bias, eps})',
  (input: Tensor, numGroups: number, { weight, bias, eps = 1e-5 }: AffineOptions = {}): Tensor => {
    if (input.ndim < 2)
      throw new ShapeError(`group_norm: expected input of at least 2 dimensions, got ${formatShape(input.shape)}`)
    const [batch, channels] = input.shape
    if (!Number.isInteger(numGroups) || numGroups <= 0 || channels % numGroups !== 0)
      throw new ArgumentError(
        `group_norm: expected num_groups that divides ${channels} channels, got ${describe(numGroups)}`,
      )
    for (const [name, t] of [
      ['weight', weight],
      ['bias', bias],
    ] as const)
      if (t && !sameShape(t.shape, [channels]))
        throw new ShapeError(`group_norm: expected ${name} of shape [${channels}], got ${formatShape(t.shape)}`)
    const size = (channels / numGroups) * numelOf(input.shape.slice(2))
    const normal = reshape(layerNormOf(reshape(input, [batch * numGroups, size]), null, null, [size], eps), input.shape)
    const scaled = weight ? mul(normal, perChannel(weight, input.ndim)) : normal
    return bias ? add(scaled, perChannel(bias, input.ndim)) : scaled
  },
)

/** The options of `instanceNorm`. */
export interface InstanceNormOptions extends AffineOptions {
  readonly runningMean?: Tensor | null
  readonly runningVar?: Tensor | null
  /** Normalize by the input's own statistics rather than the running ones. Default true. */
  readonly useInputStats?: boolean
  /** The part of the new in the running statistics. Default 0.1. */
  readonly momentum?: number
}

/** Normalizes each channel of each sample of an input [N, C, …]. */
export const instanceNorm: FunctionOp<[input: Tensor, options?: InstanceNormOptions], Tensor> = composite(
  'nn.functional.instance_norm(input, {running_mean, running_var, weight, bias, use_input_stats, momentum, eps})',
  (input: Tensor, options: InstanceNormOptions = {}): Tensor => {
    const { runningMean, runningVar, weight, bias, useInputStats = true, momentum = 0.1, eps = 1e-5 } = options
    if (input.ndim < 2)
      throw new ShapeError(`instance_norm: expected input of at least 2 dimensions, got ${formatShape(input.shape)}`)
    const [batch, channels, ...rest] = input.shape
    if (useInputStats && numelOf(rest) === 1)
      throw new ShapeError(
        `instance_norm: expected more than one value a channel in training, got input ${formatShape(input.shape)}`,
      )
    if (!useInputStats && (!runningMean || !runningVar))
      throw new ArgumentError('instance_norm: expected runningMean and runningVar where useInputStats is false')
    // Every sample's channel is a channel of one sample; running statistics are averaged over the samples.
    const repeated = (t: Tensor | null | undefined): Tensor | null =>
      t ? reshape(t.expand([batch, channels]), [batch * channels]).clone() : null
    const averages = [repeated(runningMean), repeated(runningVar)]
    const out = batchNorm(reshape(input, [1, batch * channels, ...rest]), averages[0], averages[1], {
      weight: weight ? reshape(weight.expand([batch, channels]), [batch * channels]) : null,
      bias: bias ? reshape(bias.expand([batch, channels]), [batch * channels]) : null,
      training: useInputStats,
      momentum,
      eps,
    })
    for (const [kept, fresh] of [
      [runningMean, averages[0]],
      [runningVar, averages[1]],
    ] as const)
      if (useInputStats && kept && fresh) kept.copy_(mean(reshape(fresh, [batch, channels]), 0))
    return reshape(out, input.shape)
  },
)

/** The options of `normalize`. */
export interface NormalizeOptions {
  /** The exponent of the norm. Default 2. */
  readonly p?: number
  /** Default 1. */
  readonly dim?: Dim
  /** The least norm to divide by. Default 1e-12. */
  readonly eps?: number
}

/** Divides by the p-norm along `dim`. */
export const normalize: FunctionOp<[input: Tensor, options?: NormalizeOptions], Tensor> = composite(
  'nn.functional.normalize(input, {p, dim, eps})',
  (input: Tensor, { p = 2, dim = 1, eps = 1e-12 }: NormalizeOptions = {}): Tensor =>
    div(input, clampMin(vectorNorm(input, p, dim, { keepdim: true }), eps)),
)

/** The options of `cosineSimilarity`. */
export interface CosineSimilarityOptions {
  /** Default 1. */
  readonly dim?: number
  /** The least product of norms to divide by. Default 1e-8. */
  readonly eps?: number
}

/** The cosine of the angle between vectors along `dim`. */
export const cosineSimilarity: FunctionOp<[x1: Tensor, x2: Tensor, options?: CosineSimilarityOptions], Tensor> =
  composite(
    'nn.functional.cosine_similarity(x1, x2, {dim, eps})',
    (x1: Tensor, x2: Tensor, { dim = 1, eps = 1e-8 }: CosineSimilarityOptions = {}): Tensor => {
      // Each is divided by its own norm first, so that the product cannot overflow.
      const unit = (x: Tensor): Tensor => {
        const d = wrapDim('cosine_similarity', dim, Math.max(x1.ndim, x2.ndim)) - Math.max(x1.ndim, x2.ndim)
        return div(x, clampMin(vectorNorm(x, 2, d, { keepdim: true }), eps))
      }
      const shape = add(x1.detach(), x2.detach()).shape
      return sum(mul(unit(x1.expand(shape)), unit(x2.expand(shape))), dim)
    },
  )

/** The options of `pairwiseDistance`. */
export interface PairwiseDistanceOptions {
  /** The exponent of the norm. Default 2. */
  readonly p?: number
  /** Added to the differences. Default 1e-6. */
  readonly eps?: number
  /** Default false. */
  readonly keepdim?: boolean
}

/** The p-norm of the difference of vectors along the last dimension. */
export const pairwiseDistance: FunctionOp<[x1: Tensor, x2: Tensor, options?: PairwiseDistanceOptions], Tensor> =
  composite(
    'nn.functional.pairwise_distance(x1, x2, {p, eps, keepdim})',
    (x1: Tensor, x2: Tensor, { p = 2, eps = 1e-6, keepdim = false }: PairwiseDistanceOptions = {}): Tensor =>
      vectorNorm(add(sub(x1, x2), eps), p, -1, { keepdim }),
  )
