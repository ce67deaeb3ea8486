// Reductions and normalizations that leave masked-out elements out of account: the namespace `masked`.
import { ArgumentError, DTypeError, describe, ShapeError } from '../errors.js'
import { DTYPES, type DType, isComplex, isFloating, toReal } from '../tensor/dtype.js'
import { formatShape, wrapDims } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import { div, mul, sub } from './arithmetic.js'
import { eq, isnan, logicalNot, logicalOr } from './comparison.js'
import { conj } from './complex.js'
import { maskedFill, where } from './conditional.js'
import { to } from './copies.js'
import { composite } from './dispatch.js'
import { clampMin } from './extrema.js'
import { softmin as plainSoftmin } from './nn/softmin.js'
import { sqrt } from './powers.js'
import type { FunctionOp } from './record.js'
import { checkInexact, type Dim, dtypeOption } from './reduce.js'
import * as reductions from './reductions.js'
import * as scans from './scans.js'
import * as selection from './selection.js'
import * as softmaxes from './softmax.js'
import { logsumexp as plainLogsumexp, vectorNorm } from './statistics.js'
import { logaddexp as plainLogaddexp } from './transcendental.js'
import { expand, reshape } from './views.js'

/** What every masked operator takes. */
export interface MaskedOptions {
  /** Bool, broadcast to the input: which elements count. Default: all. */
  readonly mask?: Tensor | null
  /** The dtype of the result. */
  readonly dtype?: DType
}

/** What masked reductions take. */
export interface MaskedReduceOptions extends MaskedOptions {
  /** Keep the reduced dimensions, with size 1. Default false. */
  readonly keepdim?: boolean
}

/** The mask of all elements of `input`. */
function spread(operation: string, input: Tensor, mask: unknown, name = 'mask'): Tensor {
  if (!(mask instanceof Tensor))
    throw new ArgumentError(`masked.${operation}: expected a tensor for ${name}, got ${describe(mask)}`)
  if (mask.ndim > input.ndim)
    throw new ShapeError(
      `masked.${operation}: expected ${name} that broadcasts to ${formatShape(input.shape)}, got shape ${formatShape(mask.shape)}`,
    )
  return expand(to(mask, 'bool'), input.shape)
}

type Neutral = number | (() => number | bigint)

/** The input with `neutral` in place of what is masked out. */
function filled(operation: string, input: Tensor, mask: Tensor | null | undefined, neutral: Neutral): Tensor {
  if (!(input instanceof Tensor))
    throw new ArgumentError(`masked.${operation}: expected a tensor for input, got ${describe(input)}`)
  if (mask === null || mask === undefined) return input
  const value = typeof neutral === 'number' ? neutral : neutral()
  return where(spread(operation, input, mask), input, input.newFull([], value))
}

/**
 * `compute` of the filled input. Where the mask holds nothing over `dims`, its result is `empty` all the same, but it is
 * given zeros: infinities there would enter the gradients of gradients as NaN.
 */
function guarded(
  operation: string,
  input: Tensor,
  dims: number[],
  { keepdim = true, mask }: MaskedReduceOptions,
  neutral: () => number | bigint,
  empty: number,
  compute: (values: Tensor) => Tensor,
): Tensor {
  const values = filled(operation, input, mask, neutral)
  if (!mask || !input.requiresGrad) return compute(values)
  const nothing = logicalNot(reductions.any(spread(operation, input, mask), dims, { keepdim: true }))
  const out = compute(maskedFill(values, nothing, 0))
  return maskedFill(out, keepdim ? nothing : reshape(nothing, out.shape), empty)
}

/** The least or the greatest number of a dtype. */
function extreme(operation: string, dtype: DType, greatest: boolean): number | bigint {
  if (isFloating(dtype) || (operation === 'logsumexp' && isComplex(dtype)))
    return greatest ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY
  if (isComplex(dtype) || dtype === 'bool') throw new DTypeError(`masked.${operation}: not implemented for ${dtype}`)
  const bits = BigInt(8 * DTYPES[dtype].size)
  if (dtype === 'uint8') return greatest ? 255 : 0
  return greatest ? (1n << (bits - 1n)) - 1n : -(1n << (bits - 1n))
}

/** Dimensions in ascending order; an empty list is all. */
const dimsOf = (operation: string, dim: Dim | undefined, ndim: number): number[] =>
  wrapDims(`masked.${operation}`, Array.isArray(dim) && dim.length === 0 ? null : dim, ndim).sort((a, b) => a - b)

/** The dtype of a sum or product: the wish, or int64 for integers and bool. */
const wide = (operation: string, input: Tensor, dtype: DType | undefined): DType =>
  dtypeOption(`masked.${operation}`, dtype) ??
  (isFloating(input.dtype) || isComplex(input.dtype) ? input.dtype : 'int64')

const converted = (out: Tensor, operation: string, dtype: DType | undefined, fallback: DType): Tensor =>
  to(out, dtypeOption(`masked.${operation}`, dtype) ?? fallback)

type Reduction = FunctionOp<[input: Tensor, dim?: Dim, options?: MaskedReduceOptions], Tensor>

const reduction = (
  name: string,
  compute: (input: Tensor, dim: Dim | undefined, options: MaskedReduceOptions) => Tensor,
): Reduction =>
  composite(
    `masked.${name}(input, dim, {keepdim, dtype, mask})`,
    (input: Tensor, dim?: Dim, options: MaskedReduceOptions = {}): Tensor => compute(input, dim, options),
  )

/** The sum over `dim` of what the mask holds; 0 where it holds nothing. */
export const sum: Reduction = reduction('sum', (input, dim, { keepdim, dtype, mask }) =>
  reductions.sum(filled('sum', input, mask, 0), dimsOf('sum', dim, input.ndim), {
    keepdim,
    dtype: wide('sum', input, dtype),
  }),
)

/** The product over `dim` of what the mask holds; 1 where it holds nothing. */
export const prod: Reduction = reduction('prod', (input, dim, { keepdim, dtype, mask }) => {
  let out = to(filled('prod', input, mask, 1), wide('prod', input, dtype))
  for (const d of dimsOf('prod', dim, input.ndim).reverse()) out = reductions.prod(out, d, { keepdim })
  return out
})

const extremeOf = (name: 'amax' | 'amin', compute: typeof reductions.amax): Reduction =>
  reduction(name, (input, dim, { keepdim, dtype, mask }) =>
    converted(
      compute(
        filled(name, input, mask, () => extreme(name, input.dtype, name === 'amin')),
        dimsOf(name, dim, input.ndim),
        { keepdim },
      ),
      name,
      dtype,
      input.dtype,
    ),
  )

/** The largest over `dim` of what the mask holds; the least number of the dtype where it holds nothing. */
export const amax: Reduction = extremeOf('amax', reductions.amax)
/** The smallest over `dim` of what the mask holds; the greatest number of the dtype where it holds nothing. */
export const amin: Reduction = extremeOf('amin', reductions.amin)

type ArgReduction = FunctionOp<[input: Tensor, dim?: number | null, options?: MaskedReduceOptions], Tensor>

const argExtreme = (name: 'argmax' | 'argmin', compute: typeof selection.argmax): ArgReduction =>
  composite(
    `masked.${name}(input, dim, {keepdim, dtype, mask})`,
    (input: Tensor, dim: number | null = null, { keepdim, dtype, mask }: MaskedReduceOptions = {}): Tensor =>
      converted(
        compute(
          filled(name, input, mask, () => extreme(name, input.dtype, name === 'argmin')),
          dim,
          { keepdim },
        ),
        name,
        dtype,
        input.dtype,
      ),
  )

/** The position of the largest element that the mask holds. @returns the dtype of the input, as in PyTorch */
export const argmax: ArgReduction = argExtreme('argmax', selection.argmax)
/** The position of the smallest element that the mask holds. @returns the dtype of the input, as in PyTorch */
export const argmin: ArgReduction = argExtreme('argmin', selection.argmin)

/** How many elements the mask holds over `dims`. */
function counted(
  operation: string,
  input: Tensor,
  dims: number[],
  mask: Tensor | null | undefined,
  keepdim: boolean | undefined,
): Tensor {
  const held =
    mask === null || mask === undefined
      ? expand(input.newOnes([], { dtype: 'bool' }), input.shape)
      : spread(operation, input, mask)
  return reductions.sum(held, dims, { keepdim })
}

/** The mean over `dim` of what the mask holds; NaN where it holds nothing. */
export const mean: Reduction = reduction('mean', (input, dim, { keepdim, dtype, mask }) => {
  checkInexact('masked.mean', dtypeOption('masked.mean', dtype) ?? input.dtype, dtype ? 'dtype' : 'input')
  const dims = dimsOf('mean', dim, input.ndim)
  const count = counted('mean', input, dims, mask, keepdim)
  // Not divided by zero: that would enter the gradients of gradients.
  return maskedFill(div(sum(input, dims, { keepdim, dtype, mask }), clampMin(count, 1)), eq(count, 0), Number.NaN)
})

/** The logarithm of the sum over `dim` of exponentials of what the mask holds. */
export const logsumexp: Reduction = reduction('logsumexp', (input, dim, { keepdim = false, dtype, mask }) => {
  const dims = dimsOf('logsumexp', dim, input.ndim)
  const least = (): number | bigint => extreme('logsumexp', input.dtype, false)
  const out = guarded('logsumexp', input, dims, { keepdim, mask }, least, Number.NEGATIVE_INFINITY, (values) =>
    plainLogsumexp(values, dims, { keepdim }),
  )
  return converted(out, 'logsumexp', dtype, input.dtype)
})

/** The median along `dim` of what the mask holds, the lower one of two; NaN where it holds nothing. */
export const median: FunctionOp<[input: Tensor, dim?: number, options?: MaskedReduceOptions], Tensor> = composite(
  'masked.median(input, dim, {keepdim, dtype, mask})',
  (input: Tensor, dim = -1, { keepdim, dtype, mask }: MaskedReduceOptions = {}): Tensor => {
    const floating = isFloating(input.dtype)
    const values = filled('median', floating ? input : to(input, 'float32'), mask, Number.NaN)
    const out = selection.nanmedian(values, dim, { keepdim }).values
    if (floating) return out
    if (reductions.any(isnan(out)).item<boolean>())
      throw new ArgumentError('masked.median: expected a mask that leaves an element of every line of integers')
    return converted(out, 'median', dtype, input.dtype)
  },
)

/** The options of masked `var` and `std`. */
export interface MaskedVarianceOptions extends MaskedReduceOptions {
  /** Divide by the number of elements less this. Default 1. */
  readonly correction?: number | null
}

type Variance = FunctionOp<
  [input: Tensor, dim?: Dim, unbiased?: boolean | null, options?: MaskedVarianceOptions],
  Tensor
>

const variance = (name: 'var' | 'std'): Variance =>
  composite(
    `masked.${name}(input, dim, unbiased, {correction, keepdim, dtype, mask})`,
    (
      input: Tensor,
      dim?: Dim,
      unbiased: boolean | null = null,
      { correction, keepdim, dtype, mask }: MaskedVarianceOptions = {},
    ): Tensor => {
      const chosen = correction !== null && correction !== undefined
      if (unbiased !== null && chosen)
        throw new ArgumentError(`masked.${name}: expected one of unbiased and correction, got both`)
      const less = chosen ? correction : unbiased === false ? 0 : 1
      const inexact = isFloating(input.dtype) || isComplex(input.dtype)
      const result = dtypeOption(`masked.${name}`, dtype) ?? (inexact ? input.dtype : 'float32')
      const computed = isFloating(result) || isComplex(result) ? result : 'float32'
      const dims = dimsOf(name, dim, input.ndim)
      const total = sum(input, dims, { keepdim: true, dtype: result, mask })
      const deviation = sub(input, div(total, counted(name, input, dims, mask, true)))
      const squares = sum(mul(deviation, conj(deviation)), dims, { keepdim, dtype: computed, mask })
      const count = to(counted(name, input, dims, mask, keepdim), toReal(computed))
      const out = to(div(squares, less === 0 ? count : clampMin(sub(count, less), 0)), result)
      return name === 'std' ? sqrt(out) : out
    },
  )

const variances = variance('var')

/** The variance over `dim` of what the mask holds; NaN where it holds nothing. */
export { variances as var }
/** The standard deviation over `dim` of what the mask holds; NaN where it holds nothing. */
export const std: Variance = variance('std')

/** The p-norm over `dim` of what the mask holds. @param ord the exponent. Default 2 */
export const norm: FunctionOp<[input: Tensor, ord?: number | null, dim?: Dim, options?: MaskedReduceOptions], Tensor> =
  composite(
    'masked.norm(input, ord, dim, {keepdim, dtype, mask})',
    (input: Tensor, ord: number | null = 2, dim?: Dim, { keepdim, dtype, mask }: MaskedReduceOptions = {}): Tensor => {
      const p = ord ?? 2
      const neutral = p === Number.NEGATIVE_INFINITY ? () => extreme('norm', input.dtype, true) : 0
      return vectorNorm(filled('norm', input, mask, neutral), p, dimsOf('norm', dim, input.ndim), { keepdim, dtype })
    },
  )

type Scan = FunctionOp<[input: Tensor, dim: number, options?: MaskedOptions], Tensor>

const scan = (name: 'cumsum' | 'cumprod', compute: typeof scans.cumsum): Scan =>
  composite(
    `masked.${name}(input, dim, {dtype, mask})`,
    (input: Tensor, dim: number, { dtype, mask }: MaskedOptions = {}): Tensor => {
      const result = dtypeOption(`masked.${name}`, dtype) ?? input.dtype
      return to(compute(filled(name, input, mask, name === 'cumsum' ? 0 : 1), dim, { dtype: result }), result)
    },
  )

/** The running sum along `dim` of what the mask holds. @returns the dtype of the input */
export const cumsum: Scan = scan('cumsum', scans.cumsum)
/** The running product along `dim` of what the mask holds. @returns the dtype of the input */
export const cumprod: Scan = scan('cumprod', scans.cumprod)

const softmaxOf = (
  name: 'softmax' | 'log_softmax' | 'softmin',
  compute: (input: Tensor, dim: number, options: { dtype: DType }) => Tensor,
): Scan =>
  composite(
    `masked.${name}(input, dim, {dtype, mask})`,
    (input: Tensor, dim: number, { dtype, mask }: MaskedOptions = {}): Tensor => {
      const least = (): number | bigint => extreme(name, input.dtype, name === 'softmin')
      const result = dtypeOption(`masked.${name}`, dtype) ?? input.dtype
      return guarded(name, input, dimsOf(name, dim, input.ndim), { mask }, least, Number.NaN, (values) =>
        compute(values, dim, { dtype: result }),
      )
    },
  )

/** Softmax along `dim` over what the mask holds; 0 elsewhere. */
export const softmax: Scan = softmaxOf('softmax', softmaxes.softmax)
/** The logarithm of softmax along `dim` over what the mask holds; -∞ elsewhere. */
export const logSoftmax: Scan = softmaxOf('log_softmax', softmaxes.logSoftmax)
/** Softmax of the negated values along `dim` over what the mask holds; 0 elsewhere. */
export const softmin: Scan = softmaxOf('softmin', plainSoftmin)

/** The options of masked `normalize`. */
export interface MaskedNormalizeOptions extends MaskedOptions {
  /** The least norm to divide by. Default 1e-12. */
  readonly eps?: number
}

/** Divides by the p-norm along `dim` of what the mask holds; 0 elsewhere. */
export const normalize: FunctionOp<
  [input: Tensor, ord: number, dim: number, options?: MaskedNormalizeOptions],
  Tensor
> = composite(
  'masked.normalize(input, ord, dim, {eps, dtype, mask})',
  (input: Tensor, ord: number, dim: number, { eps = 1e-12, dtype, mask }: MaskedNormalizeOptions = {}): Tensor =>
    div(filled('normalize', input, mask, 0), clampMin(norm(input, ord, dim, { keepdim: true, dtype, mask }), eps)),
)

/** The options of masked `logaddexp`. */
export interface MaskedLogaddexpOptions {
  /** The dtype of the result. */
  readonly dtype?: DType
  /** Which elements of the input count. */
  readonly inputMask?: Tensor | null
  /** Which elements of the other tensor count. */
  readonly otherMask?: Tensor | null
}

/** log(exp(input) + exp(other)) of what the masks hold. */
export const logaddexp: FunctionOp<[input: Tensor, other: Tensor, options?: MaskedLogaddexpOptions], Tensor> =
  composite(
    'masked.logaddexp(input, other, {dtype, input_mask, other_mask})',
    (input: Tensor, other: Tensor, { dtype, inputMask, otherMask }: MaskedLogaddexpOptions = {}): Tensor => {
      const a = filled('logaddexp', input, inputMask, Number.NEGATIVE_INFINITY)
      const b = filled('logaddexp', other, otherMask, Number.NEGATIVE_INFINITY)
      if (!inputMask || !otherMask) return converted(plainLogaddexp(a, b), 'logaddexp', dtype, input.dtype)
      const held = logicalOr(spread('logaddexp', input, inputMask), spread('logaddexp', other, otherMask))
      // Zeros where neither counts: infinities would enter the gradients of gradients as NaN.
      const nothing = logicalNot(held)
      const out = plainLogaddexp(maskedFill(a, nothing, 0), maskedFill(b, nothing, 0))
      return converted(maskedFill(out, nothing, Number.NEGATIVE_INFINITY), 'logaddexp', dtype, input.dtype)
    },
  )
