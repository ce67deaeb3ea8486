// Scatters that reduce: sums, products, means and extremes of what is sent to one place.
import { ArgumentError, DTypeError, describe } from '../errors.js'
import { DTYPES, type DType, isComplex, isFloating } from '../tensor/dtype.js'
import { wrapDim } from '../tensor/shape.js'
import type { Tensor } from '../tensor/tensor.js'
import { div, mul } from './arithmetic.js'
import { eq } from './comparison.js'
import { maskedFill, where } from './conditional.js'
import { clone, to } from './copies.js'
import { onesLike, zerosLike } from './creation.js'
import { inplaceComposite, inplacePrimitive } from './dispatch.js'
import { checkSource, gather, REDUCE, scatter, scatterAdd, valueTensor, writeAlong } from './indexing.js'
import { type InplaceOp, saving } from './record.js'
import { expand, reshape } from './views.js'

/** How values that meet are combined. */
export type ScatterReduction = 'sum' | 'prod' | 'mean' | 'amax' | 'amin'
const CODES = { sum: REDUCE.add, mean: REDUCE.add, prod: REDUCE.prod, amax: REDUCE.amax, amin: REDUCE.amin } as const

/** What `scatterReduce` takes. */
export interface ScatterReduceOptions {
  /** Whether the values of `self` count too. Default true. */
  readonly includeSelf?: boolean
}

/** The value that changes nothing. */
function identity(reduce: ScatterReduction, dtype: DType): number | bigint {
  if (reduce === 'prod') return 1
  if (reduce !== 'amax' && reduce !== 'amin') return 0
  const sign = reduce === 'amax' ? -1 : 1
  if (isFloating(dtype)) return sign * Number.POSITIVE_INFINITY
  if (dtype === 'bool' || dtype === 'uint8') return sign < 0 ? 0 : dtype === 'bool' ? 1 : 255
  const bits = BigInt(8 * DTYPES[dtype].size - 1)
  return sign < 0 ? -(1n << bits) : (1n << bits) - 1n
}

/** Into how many values each element was divided; at least one. */
function counts(self: Tensor, dim: number, index: Tensor, src: Tensor, includeSelf: boolean): Tensor {
  const start = includeSelf ? onesLike(self) : zerosLike(self)
  const n = scatterAdd(start, dim, index, onesLike(src))
  return maskedFill(n, eq(n, 0), 1)
}

/**
 * A copy of `self` in which the values of `src` are combined at `index` along `dim`.
 *
 * @param reduce `'sum'`, `'prod'`, `'mean'`, `'amax'` or `'amin'`
 */
export const scatterReduce: InplaceOp<
  [self: Tensor, dim: number, index: Tensor, src: Tensor, reduce: ScatterReduction, options?: ScatterReduceOptions]
> = inplacePrimitive({
  signature: 'scatter_reduce(self, dim, index, src, reduce, {includeSelf})',
  forward(
    self: Tensor,
    dim: number,
    index: Tensor,
    src: Tensor,
    reduce: ScatterReduction,
    { includeSelf = true }: ScatterReduceOptions = {},
  ) {
    if (!(reduce in CODES))
      throw new ArgumentError(
        `scatter_reduce: expected reduce to be one of ${Object.keys(CODES).join(', ')}, got ${describe(reduce)}`,
      )
    if ((reduce === 'amax' || reduce === 'amin') && isComplex(self.dtype))
      throw new DTypeError(`scatter_reduce: ${reduce} is not implemented for ${self.dtype}`)
    checkSource('scatter_reduce', self, src)
    let out = clone(self)
    if (!includeSelf)
      writeAlong(
        'scatter_reduce',
        out,
        dim,
        index,
        null,
        valueTensor('scatter_reduce', self, identity(reduce, self.dtype)),
        REDUCE.assign,
      )
    writeAlong('scatter_reduce', out, dim, index, src, src, CODES[reduce])
    if (reduce === 'mean') {
      const n = counts(self, dim, index, src, includeSelf)
      out =
        isFloating(self.dtype) || isComplex(self.dtype)
          ? div(out, n)
          : to(div(out, n, { roundingMode: 'floor' }), { dtype: self.dtype })
    }
    return saving(out, wrapDim('scatter_reduce', dim, self.ndim), index, reduce, includeSelf, self, src, out)
  },
  backward(grad, [dim, index, reduce, includeSelf, self, src, result]) {
    const at = (t: Tensor): Tensor => gather(t, dim, index)
    let own = grad
    let given: Tensor
    if (reduce === 'sum') {
      given = at(grad)
    } else if (reduce === 'mean') {
      own = div(grad, counts(self, dim, index, src, includeSelf))
      given = at(own)
    } else if (reduce === 'prod') {
      const filled = maskedFill(self, eq(self, 0), 1)
      own = div(mul(grad, scatterReduce(filled, dim, index, src, reduce, { includeSelf })), filled)
      const zero = eq(src, 0)
      const zeros = at(scatterAdd(zerosLike(self), dim, index, to(zero, { dtype: self.dtype })))
      const single = eq(mul(to(zero, { dtype: self.dtype }), zeros), 1)
      const others = scatterReduce(self, dim, index, maskedFill(src, single, 1), reduce, { includeSelf })
      given = where(single, at(mul(grad, others)), div(at(mul(grad, result)), maskedFill(src, zero, 1)))
    } else {
      // Equal extremes share the gradient.
      const mine = to(eq(self, result), { dtype: self.dtype })
      const theirs = to(eq(src, at(result)), { dtype: self.dtype })
      const parts = div(grad, scatterAdd(mine, dim, index, theirs))
      own = mul(mine, parts)
      given = mul(theirs, at(parts))
    }
    return [includeSelf ? own : scatter(own, dim, index, 0), null, given]
  },
})

/** A copy of `self` in which the slices of `source` are combined at the positions `index` of `dim`. */
export const indexReduce: InplaceOp<
  [
    self: Tensor,
    dim: number,
    index: Tensor,
    source: Tensor,
    reduce: Exclude<ScatterReduction, 'sum'>,
    options?: ScatterReduceOptions,
  ]
> = inplaceComposite(
  'index_reduce(self, dim, index, source, reduce, {includeSelf})',
  (
    self: Tensor,
    dim: number,
    index: Tensor,
    source: Tensor,
    reduce: Exclude<ScatterReduction, 'sum'>,
    options: ScatterReduceOptions = {},
  ): Tensor => {
    if ((reduce as string) === 'sum' || !(reduce in CODES))
      throw new ArgumentError(
        `index_reduce: expected reduce to be one of prod, mean, amax, amin, got ${describe(reduce)}`,
      )
    const at = wrapDim('index_reduce', dim, self.ndim)
    if (index.ndim > 1)
      throw new ArgumentError(`index_reduce: expected an index of at most one dimension, got ${index.ndim}`)
    const values = source.ndim === 0 ? reshape(source, [1]) : source
    const base = self.ndim === 0 ? reshape(self, [1]) : self
    if (values.ndim !== base.ndim || values.shape.some((n, d) => n !== (d === at ? index.numel() : base.shape[d])))
      throw new ArgumentError(
        `index_reduce: expected source of shape [${base.shape.map((n, d) => (d === at ? index.numel() : n)).join(', ')}], got [${source.shape.join(', ')}]`,
      )
    const spread = expand(
      reshape(
        index,
        values.shape.map((_, d) => (d === at ? -1 : 1)),
      ),
      values.shape,
    )
    const result = scatterReduce(base, at, spread, values, reduce, options)
    return self.ndim === 0 ? reshape(result, []) : result
  },
)
