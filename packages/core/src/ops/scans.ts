// Running sums, products and extremes along a dimension.
import { gradMode } from '../autograd/mode.js'
import * as kernels from '../binding/kernels.gen.js'
import { ArgumentError, describe } from '../errors.js'
import { alias, allocate } from '../tensor/create.js'
import { type DType, isDifferentiable } from '../tensor/dtype.js'
import { wrapDim } from '../tensor/shape.js'
import type { Tensor } from '../tensor/tensor.js'
import { putAlong } from './along.js'
import { add, div, mul, neg, sub } from './arithmetic.js'
import { eq, gt, lt, ne } from './comparison.js'
import { conj } from './complex.js'
import { where } from './conditional.js'
import { clone, detach, to } from './copies.js'
import { fillRaw } from './creation.js'
import { composite, inplaceComposite, primitive } from './dispatch.js'
import { cat } from './joining.js'
import { type FunctionOp, type InplaceOp, type Op, saving } from './record.js'
import { checkInexact, dtypeOption } from './reduce.js'
import { sum } from './reductions.js'
import { narrow } from './slicing.js'
import { exp, log } from './transcendental.js'

/** ScanOp of native/src/cpu/scan.cpp. */
const SCAN = { cumsum: 0, cumprod: 1, logcumsumexp: 2, cummax: 3, cummin: 4 } as const

/** The values in reverse order along `dim`, in the same memory: kernels take negative strides. */
function reversed(t: Tensor, dim: number): Tensor {
  if (t.ndim === 0 || t.shape[dim] === 0) return t
  const strides = [...t.strides]
  strides[dim] = -strides[dim]
  return alias(t, t.shape, strides, t.offset + (t.shape[dim] - 1) * t.strides[dim])
}

function scanRaw(op: keyof typeof SCAN, input: Tensor, dim: number, reverse: boolean): Tensor {
  const out = allocate(input.shape, input.dtype, input.device)
  kernels.scan(reverse ? reversed(out, dim) : out, null, reverse ? reversed(input, dim) : input, dim, SCAN[op])
  return out
}

type Scan = FunctionOp<[input: Tensor, dim: number, reverse: boolean], Tensor>

const runningSum: Scan = primitive({
  signature: '_running_sum(input, dim, reverse)',
  forward: (input: Tensor, dim: number, reverse: boolean) =>
    saving(scanRaw('cumsum', input, dim, reverse), dim, reverse),
  backward: (grad, [dim, reverse]) => [runningSum(grad, dim, !reverse)],
})

const runningProduct: Scan = primitive({
  signature: '_running_product(input, dim, reverse)',
  forward(input: Tensor, dim: number, reverse: boolean) {
    const out = scanRaw('cumprod', input, dim, reverse)
    return saving(out, input, out, dim, reverse)
  },
  backward(grad, [input, out, dim, reverse]) {
    if (sum(to(eq(input, 0), 'int64')).itemBigInt() === 0n)
      return [div(runningSum(mul(grad, conj(out)), dim, !reverse), conj(input))]
    return [runningProductGrad(grad, input, out, dim, reverse)]
  },
})

/** Where an element is zero, one term an element: Σ over the results it is part of, times all other factors. */
function runningProductGrad(grad: Tensor, input: Tensor, out: Tensor, dim: number, reverse: boolean): Tensor {
  if (input.ndim === 0) return grad
  const n = input.shape[dim]
  const shape = [...input.shape]
  shape[dim] = 1
  const one = fillRaw(shape, 1, input.dtype, input.device)
  // In the order of the scan, position k is element `at(k)`, and what follows it a range.
  const at = (t: Tensor, k: number): Tensor => narrow(t, dim, reverse ? n - 1 - k : k, 1)
  const from = (t: Tensor, k: number): Tensor => narrow(t, dim, reverse ? 0 : k, n - k)
  const columns: Tensor[] = []
  for (let k = 0; k < n; k++) {
    let factors = one
    if (k < n - 1) {
      const after = runningProduct(from(input, k + 1), dim, reverse)
      factors = cat(reverse ? [after, one] : [one, after], dim)
    }
    if (k > 0) factors = mul(factors, at(out, k - 1))
    columns.push(sum(mul(from(grad, k), conj(factors)), dim, { keepdim: true }))
  }
  return cat(reverse ? columns.reverse() : columns, dim)
}

/** For each element along `dim`, the product of all others; right also where some are zero. */
export function exclusiveProduct(input: Tensor, dim: number): Tensor {
  if (input.ndim === 0 || input.shape[dim] <= 1) return fillRaw(input.shape, 1, input.dtype, input.device)
  const n = input.shape[dim]
  const shape = [...input.shape]
  shape[dim] = 1
  const one = fillRaw(shape, 1, input.dtype, input.device)
  const before = runningProduct(cat([one, narrow(input, dim, 0, n - 1)], dim), dim, false)
  const after = runningProduct(cat([narrow(input, dim, 1, n - 1), one], dim), dim, true)
  return mul(before, after)
}

export interface ScanOptions {
  /** Convert to this dtype first; the result has it. */
  readonly dtype?: DType
}

/** The input of a running sum or product: integers and bool become int64. */
function scanned(operation: string, self: Tensor, dtype: DType | undefined): Tensor {
  const result = dtypeOption(operation, dtype) ?? (isDifferentiable(self.dtype) ? self.dtype : 'int64')
  return to(self, result)
}

/**
 * The running sum along `dim`. Integers and bool are summed as int64.
 *
 * @example
 * ```ts
 * import { tensor } from '@flambeau/core'
 * console.log(tensor([1, 2, 3]).cumsum(0).toArray()) // → [ 1, 3, 6 ]
 * ```
 */
export const cumsum: InplaceOp<[self: Tensor, dim: number, options?: ScanOptions]> = inplaceComposite(
  'cumsum(self, dim, {dtype})',
  (self: Tensor, dim: number, { dtype }: ScanOptions = {}): Tensor =>
    runningSum(scanned('cumsum', self, dtype), wrapDim('cumsum', dim, self.ndim), false),
)

/** The running product along `dim`. Integers and bool are multiplied as int64. */
export const cumprod: InplaceOp<[self: Tensor, dim: number, options?: ScanOptions]> = inplaceComposite(
  'cumprod(self, dim, {dtype})',
  (self: Tensor, dim: number, { dtype }: ScanOptions = {}): Tensor =>
    runningProduct(scanned('cumprod', self, dtype), wrapDim('cumprod', dim, self.ndim), false),
)

/** The last result of a scan, which is its largest. */
const narrowEnd = (out: Tensor, dim: number, reverse: boolean): Tensor =>
  out.ndim === 0 || out.shape[dim] === 0 ? out : narrow(out, dim, reverse ? 0 : out.shape[dim] - 1, 1)

const runningLogSumExp: Scan = primitive({
  signature: '_running_logsumexp(input, dim, reverse)',
  forward(input: Tensor, dim: number, reverse: boolean) {
    const out = scanRaw('logcumsumexp', input, dim, reverse)
    return saving(out, input, out, dim, reverse)
  },
  backward(grad, [input, out, dim, reverse]) {
    // Differentiable again: exp(x) times the running sum of grad / exp(out), both relative to the largest result.
    if (gradMode.enabled) {
      const level = narrowEnd(detach(out), dim, reverse)
      const scaled = mul(grad, conj(exp(sub(level, out))))
      return [mul(runningSum(scaled, dim, !reverse), conj(exp(sub(input, level))))]
    }
    // Signs apart, so that the sums stay in the logarithm and cannot overflow.
    const back = (logGrad: Tensor): Tensor => exp(add(runningLogSumExp(sub(logGrad, out), dim, !reverse), input))
    if (grad.isComplex()) return [conj(back(log(conj(grad))))]
    const positive = back(where(gt(grad, 0), log(grad), -Infinity))
    const negative = back(where(lt(grad, 0), log(neg(grad)), -Infinity))
    return [sub(positive, negative)]
  },
})

/** The logarithm of the running sum of exponentials along `dim`. */
export const logcumsumexp: Op<[self: Tensor, dim: number]> = composite(
  'logcumsumexp(self, dim)',
  (self: Tensor, dim: number): Tensor => {
    checkInexact('logcumsumexp', self.dtype)
    return runningLogSumExp(self, wrapDim('logcumsumexp', dim, self.ndim), false)
  },
)

/** Values, and where each was found. */
export interface ValuesIndices {
  readonly values: Tensor
  /** int64, positions along the dimension. */
  readonly indices: Tensor
}

const runningExtreme = (name: 'cummax' | 'cummin'): Op<[self: Tensor, dim: number], ValuesIndices> => {
  const op: FunctionOp<[self: Tensor, dim: number], Tensor[]> = primitive({
    signature: `_${name}(input, dim)`,
    forward(input: Tensor, dim: number) {
      const values = allocate(input.shape, input.dtype, input.device)
      const indices = allocate(input.shape, 'int64', input.device)
      kernels.scan(values, indices, input, dim, SCAN[name])
      return saving([values, indices], indices, dim, input.shape[dim] ?? 1)
    },
    backward: ([grad], [indices, dim, size]) => [grad && putAlong(grad, indices, dim, size)],
  })
  return composite(`${name}(self, dim)`, (self: Tensor, dim: number): ValuesIndices => {
    const [values, indices] = op(self, wrapDim(name, dim, self.ndim))
    return { values, indices }
  })
}

/** The largest so far along `dim`, and its last position. */
export const cummax: Op<[self: Tensor, dim: number], ValuesIndices> = runningExtreme('cummax')

/** The smallest so far along `dim`, and its last position. */
export const cummin: Op<[self: Tensor, dim: number], ValuesIndices> = runningExtreme('cummin')

/** The options of `diff`. */
export interface DiffOptions {
  /** Put before the tensor along `dim`. */
  readonly prepend?: Tensor | null
  /** Put after it. */
  readonly append?: Tensor | null
}

/** The `n`-th difference of neighbours along `dim`; for bool, where they differ. */
export const diff: Op<[self: Tensor, n?: number, dim?: number, options?: DiffOptions]> = composite(
  'diff(self, n, dim, {prepend, append})',
  (self: Tensor, n = 1, dim = -1, { prepend, append }: DiffOptions = {}): Tensor => {
    const d = wrapDim('diff', dim, self.ndim)
    const parts = [prepend, self, append].filter((t): t is Tensor => t !== null && t !== undefined)
    if (!Number.isInteger(n) || n < 0) throw new ArgumentError(`diff: expected n ≥ 0, got ${describe(n)}`)
    if (n === 0) return clone(self)
    let result = parts.length > 1 ? cat(parts, d) : self
    for (let i = 0; i < n; i++) {
      const size = Math.max(0, result.shape[d] - 1)
      const [later, earlier] = [narrow(result, d, Math.min(1, result.shape[d]), size), narrow(result, d, 0, size)]
      result = self.dtype === 'bool' ? to(ne(later, earlier), 'bool') : sub(later, earlier)
      if (size === 0) break
    }
    return result
  },
)
