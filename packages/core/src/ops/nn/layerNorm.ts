// Normalization over trailing dimensions, and to unit length.
import { gradMode } from '../../autograd/mode.js'
import * as kernels from '../../binding/kernels.gen.js'
import { DTypeError, describe, ShapeError } from '../../errors.js'
import { alias, allocate } from '../../tensor/create.js'
import { isComplex, isFloating, toReal } from '../../tensor/dtype.js'
import { contiguousStrides, formatShape, numelOf, sameShape, wrapDim } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { add, div, mul, sub } from '../arithmetic.js'
import { composite, primitive } from '../dispatch.js'
import { clampMin } from '../extrema.js'
import { contiguousRaw } from '../inplace.js'
import { rsqrt, square } from '../powers.js'
import { type FunctionOp, saving } from '../record.js'
import type { Dim } from '../reduce.js'
import { mean, sum } from '../reductions.js'
import { vectorNorm } from '../statistics.js'
import { type AffineOptions, allocateGrads, present, statisticsOf } from './normalizing.js'

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

/** What a normalization of rows does beside scaling them. */
interface RowNorm {
  /** The last dimensions of the input, and the shape of weight and bias. */
  readonly shape: readonly number[]
  readonly eps: number
  /** Take the mean away first; without it, rows are divided by their root mean square. */
  readonly centered: boolean
}

type NormalizeRows = FunctionOp<[input: Tensor, weight: Tensor | null, bias: Tensor | null, how: RowNorm], Tensor>

/** Layer normalization, and root-mean-square normalization, which is the same without a mean. */
const normalizeRows: NormalizeRows = primitive({
  signature: '_layer_norm(input, weight, bias, how)',
  forward(input: Tensor, weight: Tensor | null, bias: Tensor | null, how: RowNorm) {
    const n = numelOf(how.shape)
    const rows = asRows(input, n)
    const statistics = () => allocate([rows.shape[0]], statisticsOf(input.dtype), input.device)
    const average = how.centered ? statistics() : null
    const rstd = statistics()
    const out = allocate(input.shape, input.dtype, input.device)
    kernels.layerNorm(asRows(out, n), average, rstd, rows, flatRaw(weight), flatRaw(bias), how.eps)
    return saving(out, input, weight, bias !== null, average, rstd, how)
  },
  backward(grad, [input, weight, hasBias, average, rstd, how], needs) {
    if (gradMode.enabled) return rowGrads(grad, input, weight, hasBias, how)
    const n = numelOf(how.shape)
    const [dx, dw, db] = allocateGrads(input, how.shape, weight, hasBias, needs)
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
    return present(weight, hasBias, dx, dw, db)
  },
})

/** The gradients of normalized rows in operators that can be differentiated again. */
function rowGrads(
  grad: Tensor,
  input: Tensor,
  weight: Tensor | null,
  hasBias: boolean,
  { shape, eps, centered }: RowNorm,
): (Tensor | null)[] {
  const dims = shape.map((_, i) => input.ndim - shape.length + i)
  const lead = Array.from({ length: input.ndim - shape.length }, (_, i) => i)
  const average = (t: Tensor): Tensor => mean(t, dims, { keepdim: true })
  const x = centered ? sub(input, average(input)) : input
  const scale = rsqrt(add(average(square(x)), eps))
  const normal = mul(x, scale)
  const g = weight === null ? grad : mul(grad, weight)
  const free = centered ? sub(g, average(g)) : g
  const dx = mul(scale, sub(free, mul(normal, average(mul(g, normal)))))
  const total = (t: Tensor): Tensor => (lead.length > 0 ? sum(t, lead) : t)
  return present(weight, hasBias, dx, weight && total(mul(grad, normal)), hasBias ? total(grad) : null)
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
    const how = { shape: [...normalizedShape], eps: options.eps ?? 1e-5, centered: true }
    return normalizeRows(input, options.weight ?? null, options.bias ?? null, how)
  },
)

/** The options of `rmsNorm`. */
export interface RmsNormOptions {
  readonly weight?: Tensor | null
  /** Added to the mean of squares. Default: the smallest step of the dtype. */
  readonly eps?: number | null
}

const EPSILON = { float64: 2 ** -52, float32: 2 ** -23, float16: 2 ** -10, bfloat16: 2 ** -7 } as const

/** The same of complex numbers, or with a weight of another dtype. */
function scaledByRms(x: Tensor, weight: Tensor | null, shape: readonly number[], eps: number): Tensor {
  const dims = shape.map((_, i) => x.ndim - shape.length + i)
  const normal = mul(x, rsqrt(add(mean(square(x), dims, { keepdim: true }), eps)))
  return weight ? mul(normal, weight) : normal
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
      : normalizeRows(input, weight ?? null, null, { shape: [...normalizedShape], eps: step, centered: false })
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
