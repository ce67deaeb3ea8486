// Variance, norms, and sums of exponentials.
import * as kernels from '../binding/kernels.gen.js'
import { ArgumentError, describe } from '../errors.js'
import { allocate } from '../tensor/create.js'
import { DTYPES, type DType, getDefaultDtype, isComplex, isDifferentiable, toReal } from '../tensor/dtype.js'
import { numelOf } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import { abs, add, div, mul, sgn, sub } from './arithmetic.js'
import { eq, isnan, logicalAnd, logicalOr } from './comparison.js'
import { conj } from './complex.js'
import { maskedFill } from './conditional.js'
import { to } from './copies.js'
import { composite, primitive } from './dispatch.js'
import { pow } from './powers.js'
import { type FunctionOp, type Op, saving } from './record.js'
import {
  castRaw,
  checkInexact,
  type Dim,
  dropDims,
  dtypeOption,
  expandReduced,
  type KeepdimOptions,
  keptShape,
  type REDUCE,
  reducedDims,
  reduceRaw,
  unreduce,
} from './reduce.js'
import { amax, checkNonEmpty, mean, sum } from './reductions.js'
import { real } from './strided.js'
import { exp, log } from './transcendental.js'

/** The options of `var`, `std` and their kin. */
export interface VarianceOptions extends KeepdimOptions {
  /** Divide by the number of elements less this. Default 1. */
  readonly correction?: number | null
  /** False is `correction: 0`. */
  readonly unbiased?: boolean
}

/** A complex tensor's parts, as a last dimension of size 2 of the same memory. */
function partsRaw(t: Tensor): Tensor {
  const strides = [...t.strides.map((s) => 2 * s), 1]
  return new Tensor(t.storage, toReal(t.dtype), [...t.shape, 2], strides, 2 * t.offset)
}

/** The variance or its root, and the mean where it is wanted; the result keeps `dims`, of size 1. */
function varianceRaw(self: Tensor, dims: readonly number[], correction: number, root: boolean): [Tensor, Tensor] {
  const shape = keptShape(self.shape, dims)
  const average = allocate(shape, self.dtype, self.device)
  if (!isComplex(self.dtype)) {
    const out = allocate(shape, self.dtype, self.device)
    kernels.variance(out, average, self, correction, root)
    return [out, average]
  }
  // The sum of the variances of both parts.
  const parts = partsRaw(self)
  const of = allocate([...shape, 2], parts.dtype, self.device)
  kernels.variance(of, partsRaw(average), parts, correction, false)
  const total = reduceRaw('sum', of, [shape.length], false, parts.dtype)
  return [root ? pow(total, 0.5) : total, average]
}

type Moments = FunctionOp<
  [self: Tensor, dims: readonly number[], correction: number, keepdim: boolean, root: boolean],
  Tensor[]
>

const moments: Moments = primitive({
  signature: '_moments(input, dims, correction, keepdim, root)',
  forward(input: Tensor, dims: readonly number[], correction: number, keepdim: boolean, root: boolean) {
    const out = varianceRaw(input, dims, correction, root)
    if (!keepdim) for (const t of out) dropDims(t, dims)
    return saving(out, input, root ? out[0] : null, dims, correction, keepdim)
  },
  backward([grad, meanGrad], [input, deviation, dims, correction, keepdim]) {
    const count = numelOf(dims.map((d) => input.shape[d] ?? 1))
    let result = meanGrad && div(expandReduced(meanGrad, input.shape, dims, keepdim), count)
    if (grad) {
      const g = deviation === null ? grad : maskedFill(div(grad, mul(deviation, 2)), eq(deviation, 0), 0)
      const scale = mul(expandReduced(g, input.shape, dims, keepdim), 2 / Math.max(0, count - correction))
      const part = mul(scale, sub(input, mean(input, dims, { keepdim: true })))
      result = result ? add(result, part) : part
    }
    return [result]
  },
})

function momentsOf(
  name: string,
  self: Tensor,
  dim: Dim | boolean | undefined,
  { correction, unbiased, keepdim = false }: VarianceOptions,
  root: boolean,
): Tensor[] {
  checkInexact(name, self.dtype)
  const flag = typeof dim === 'boolean' ? dim : unbiased
  const dims = reducedDims(name, typeof dim === 'boolean' ? null : dim, self.ndim)
  const less = correction ?? (flag === false ? 0 : 1)
  if (typeof less !== 'number')
    throw new ArgumentError(`${name}: expected a number for correction, got ${describe(less)}`)
  return moments(self, dims, less, keepdim, root)
}

type VarianceOp<R> = Op<[self: Tensor, dim?: Dim | boolean, options?: VarianceOptions], R>

const variance: VarianceOp<Tensor> = composite(
  'var(self, dim, {unbiased, keepdim, correction})',
  (self: Tensor, dim?: Dim | boolean, options: VarianceOptions = {}): Tensor =>
    momentsOf('var', self, dim, options, false)[0],
)

/** The variance over `dim`, or of all elements: Σ (x - mean)² / (n - correction). `dim` may be `unbiased` instead. */
export { variance as var }

/** The standard deviation over `dim`, or of all elements. @see var */
export const std: VarianceOp<Tensor> = composite(
  'std(self, dim, {unbiased, keepdim, correction})',
  (self: Tensor, dim?: Dim | boolean, options: VarianceOptions = {}): Tensor =>
    momentsOf('std', self, dim, options, true)[0],
)

/** The variance and the mean. @see var */
export const varMean: VarianceOp<{ var: Tensor; mean: Tensor }> = composite(
  'var_mean(self, dim, {unbiased, keepdim, correction})',
  (self: Tensor, dim?: Dim | boolean, options: VarianceOptions = {}) => {
    const [of, average] = momentsOf('var_mean', self, dim, options, false)
    return { var: of, mean: average }
  },
)

/** The standard deviation and the mean. @see var */
export const stdMean: VarianceOp<{ std: Tensor; mean: Tensor }> = composite(
  'std_mean(self, dim, {unbiased, keepdim, correction})',
  (self: Tensor, dim?: Dim | boolean, options: VarianceOptions = {}) => {
    const [of, average] = momentsOf('std_mean', self, dim, options, true)
    return { std: of, mean: average }
  },
)

/** Which reduction gives a norm; the sum of p-th powers where none is special. */
function normKind(p: number): keyof typeof REDUCE {
  if (p === 0) return 'countNonzero'
  if (p === 1) return 'norm1'
  if (p === 2) return 'norm2'
  if (p === Infinity) return 'normInf'
  return p === -Infinity ? 'normNegInf' : 'normP'
}

/** The options of `vectorNorm`. */
export interface VectorNormOptions extends KeepdimOptions {
  readonly dtype?: DType
}

const vectorNormOf: FunctionOp<[x: Tensor, ord: number, dims: readonly number[], keepdim: boolean], Tensor> = primitive(
  {
    signature: '_vector_norm(x, ord, dims, keepdim)',
    forward(x: Tensor, ord: number, dims: readonly number[], keepdim: boolean) {
      const out = reduceRaw(normKind(ord), x, dims, keepdim, toReal(x.dtype), ord)
      return saving(out, x, out, ord, dims, keepdim)
    },
    // As PyTorch's norm_backward: subgradients where a norm has a corner, zero where all is zero.
    backward(grad, [x, out, p, dims, keepdim]) {
      const g = unreduce(grad, x.shape, dims, keepdim)
      const norm = unreduce(out, x.shape, dims, keepdim)
      // Divided by instead of the norm, so that what is filled in where it is zero hides no NaN in second derivatives.
      const zero = eq(norm, 0)
      const divisor = maskedFill(norm, zero, 1)
      if (p === 0) return [mul(x, 0)]
      if (p === 1) return [mul(sgn(x), g)]
      if (p === 2) return [mul(x, maskedFill(div(g, divisor), zero, 0))]
      if (Math.abs(p) === Infinity) {
        const size = abs(x)
        const mask = logicalOr(eq(size, norm), logicalAnd(isnan(norm), isnan(size)))
        return [mul(mul(sgn(x), mask), div(g, sum(mask, dims, { keepdim: true })))]
      }
      const scaled = mul(sgn(x), pow(abs(x), p - 1))
      if (p < 1) return [mul(mul(maskedFill(scaled, eq(x, 0), 0), g), pow(norm, 1 - p))]
      return [mul(scaled, maskedFill(div(g, pow(divisor, p - 1)), zero, 0))]
    },
  },
)

export function vectorNormChecked(
  name: string,
  x: Tensor,
  ord: unknown,
  dim: Dim | undefined,
  options: VectorNormOptions,
): Tensor {
  const { keepdim = false } = options
  if (typeof ord !== 'number') throw new ArgumentError(`${name}: expected a number for the order, got ${describe(ord)}`)
  const dtype = dtypeOption(name, options.dtype)
  checkInexact(name, x.dtype)
  if (dtype !== undefined) {
    checkInexact(name, dtype, 'dtype')
    if (isComplex(x.dtype) !== isComplex(dtype) || DTYPES[dtype].size < DTYPES[x.dtype].size)
      throw new ArgumentError(`${name}: expected a dtype that holds ${x.dtype} without loss, got ${dtype}`)
  }
  const dims = reducedDims(name, dim, x.ndim)
  if (ord < 0 || ord === Infinity) checkNonEmpty(name, x, dims)
  return vectorNormOf(dtype === undefined ? x : to(x, dtype), ord, dims, keepdim)
}

/**
 * The p-norm over `dim`, or of all elements as one vector: (Σ |x|ᵖ)^(1/p).
 *
 * @param ord the exponent p; 0 counts what is not zero, ±Infinity is the largest or smallest magnitude
 */
export const vectorNorm: FunctionOp<[x: Tensor, ord?: number, dim?: Dim, options?: VectorNormOptions], Tensor> =
  composite(
    'linalg.vector_norm(x, ord, dim, {keepdim, dtype})',
    (x: Tensor, ord: number = 2, dim?: Dim, options: VectorNormOptions = {}): Tensor =>
      vectorNormChecked('linalg.vector_norm', x, ord, dim, options),
  )

/**
 * The logarithm of the sum of exponentials over `dim`, without overflow.
 *
 * @param dim the dimensions to sum over
 */
export const logsumexp: Op<[self: Tensor, dim: Dim, options?: KeepdimOptions]> = primitive({
  signature: 'logsumexp(self, dim, {keepdim})',
  forward(self: Tensor, dim: Dim, { keepdim = false }: KeepdimOptions = {}) {
    const dims = reducedDims('logsumexp', dim, self.ndim)
    const input = isDifferentiable(self.dtype) ? self : castRaw(self, getDefaultDtype())
    if (numelOf(dims.map((d) => input.shape[d] ?? 1)) === 0) {
      const out = log(sum(exp(input), dims, { keepdim }))
      return saving(out, input, out, dims, keepdim)
    }
    const size = isComplex(input.dtype) ? real(input) : input
    const top = amax(size, dims, { keepdim: true })
    const shift = maskedFill(top, eq(abs(top), Infinity), 0)
    const kept = add(log(sum(exp(sub(input, shift)), dims, { keepdim: true })), shift)
    const out = keepdim ? kept : dropDims(kept, dims)
    return saving(out, input, out, dims, keepdim)
  },
  backward: (grad, [self, out, dims, keepdim]) => [
    mul(unreduce(grad, self.shape, dims, keepdim), conjExp(sub(self, unreduce(out, self.shape, dims, keepdim)))),
  ],
})

/** conj(exp(x)) */
const conjExp = (x: Tensor): Tensor => (isComplex(x.dtype) ? conj(exp(x)) : exp(x))
