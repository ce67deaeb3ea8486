// Histograms over any number of dimensions.
import { ArgumentError, DTypeError, describe, ShapeError } from '../errors.js'
import { formatShape, numelOf, sameShape } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import { add, div, mul } from './arithmetic.js'
import { ge, le, logicalAnd } from './comparison.js'
import { where } from './conditional.js'
import { clone, contiguous } from './copies.js'
import { searchsorted } from './counting.js'
import { linspace, ones, zeros } from './creation.js'
import { composite } from './dispatch.js'
import { clamp } from './extrema.js'
import { scatterAdd } from './indexing.js'
import { item } from './reading.js'
import type { Op } from './record.js'
import { amax, amin, sum } from './reductions.js'
import { diff } from './scans.js'
import { narrow, select } from './slicing.js'
import { reshape } from './views.js'

/** The options of `histogram` and `histogramdd`. */
export interface HistogramOptions {
  /** The outer edges of each dimension, `[low, high, …]`, where bins are counted. Default: those of the data. */
  readonly range?: readonly number[] | null
  /** What each value counts. Default 1. */
  readonly weight?: Tensor | null
  /** Divides by the total and by the size of the bins, so that the integral is 1. Default false. */
  readonly density?: boolean
}

/** Edges of `bins` equal bins between the data's extremes or over the range given. */
function evenEdges(operation: string, column: Tensor, bins: number, range: readonly number[] | null): Tensor {
  if (!Number.isInteger(bins) || bins < 1)
    throw new ArgumentError(`${operation}: expected at least one bin, got ${describe(bins)}`)
  let [low, high] = range ?? [0, 1]
  if (!range && column.numel() > 0) [low, high] = [Number(item(amin(column))), Number(item(amax(column)))]
  if (!Number.isFinite(low) || !Number.isFinite(high) || low > high)
    throw new ArgumentError(`${operation}: expected a finite range with low ≤ high, got [${low}, ${high}]`)
  if (low === high) {
    low -= 0.5
    high += 0.5
  }
  return linspace(low, high, bins + 1, { dtype: column.dtype, device: column.device })
}

function givenEdges(operation: string, column: Tensor, edges: Tensor, range: readonly number[] | null): Tensor {
  if (range) throw new ArgumentError(`${operation}: a range is for counted bins, not for given edges`)
  if (edges.ndim !== 1 || edges.shape[0] < 1)
    throw new ShapeError(`${operation}: expected edges of one dimension, got ${formatShape(edges.shape)}`)
  if (edges.dtype !== column.dtype)
    throw new DTypeError(`${operation}: expected edges of the input's dtype ${column.dtype}, got ${edges.dtype}`)
  return contiguous(edges)
}

/** Counts the rows of `points` `[n, dimensions]` in the boxes between edges. */
function count(points: Tensor, edges: readonly Tensor[], weight: Tensor | null, density: boolean): Tensor {
  const shape = edges.map((e) => e.shape[0] - 1)
  const make = { dtype: points.dtype, device: points.device }
  let place = zeros([points.shape[0]], { dtype: 'int64', device: points.device })
  let inside = ones([points.shape[0]], { dtype: 'bool', device: points.device })
  edges.forEach((edge, d) => {
    const x = contiguous(select(points, 1, d))
    const last = shape[d]
    inside = logicalAnd(inside, logicalAnd(ge(x, select(edge, 0, 0)), le(x, select(edge, 0, last))))
    // The bin whose lower edge is the last not above x; the highest edge belongs to the last bin.
    const bin = clamp(add(searchsorted(edge, x, { right: true }), -1), 0, Math.max(0, last - 1))
    place = add(mul(place, last), bin)
  })
  const total = numelOf(shape)
  const flat = zeros([total], make)
  if (total === 0) return reshape(flat, shape)
  const amount = where(inside, weight ?? ones([points.shape[0]], make), 0)
  let result = reshape(scatterAdd(flat, 0, where(inside, place, 0), amount), shape)
  if (!density) return result
  result = div(result, sum(result))
  edges.forEach((edge, d) => {
    result = div(
      result,
      reshape(
        diff(edge),
        shape.map((size, i) => (i === d ? size : 1)),
      ),
    )
  })
  return result
}

function checkInput(operation: string, self: Tensor, weight: Tensor | null, shape: readonly number[]): void {
  if (self.dtype !== 'float32' && self.dtype !== 'float64')
    throw new DTypeError(`${operation}: expected float32 or float64, got ${self.dtype}`)
  if (weight && weight.dtype !== self.dtype)
    throw new DTypeError(`${operation}: expected weights of the input's dtype ${self.dtype}, got ${weight.dtype}`)
  if (weight && !sameShape(weight.shape, shape))
    throw new ShapeError(
      `${operation}: expected weights of shape ${formatShape(shape)}, got ${formatShape(weight.shape)}`,
    )
}

/** Checks and cuts the outer edges of `dimensions` dimensions. */
function rangesOf(
  operation: string,
  range: readonly number[] | null,
  dimensions: number,
): (readonly number[] | null)[] {
  if (range && range.length !== 2 * dimensions)
    throw new ArgumentError(`${operation}: expected ${2 * dimensions} numbers for range, got ${describe(range)}`)
  return Array.from({ length: dimensions }, (_, d) => range?.slice(2 * d, 2 * d + 2) ?? null)
}

/**
 * How many values lie between neighbouring edges; the last bin includes its upper edge, what lies outside is left out.
 *
 * @param bins how many equal bins, or their edges in ascending order
 * @returns `hist` of shape `[bins]` and `binEdges` of shape `[bins + 1]`
 * @throws DTypeError unless float32 or float64
 * @example
 * ```ts
 * import { tensor } from '@flambeau/core'
 * const { hist, binEdges } = tensor([1, 2, 1, 4]).histogram(3, { range: [1, 4] })
 * console.log(hist.toArray(), binEdges.toArray()) // → [ 2, 1, 1 ] [ 1, 2, 3, 4 ]
 * ```
 */
export const histogram: Op<
  [self: Tensor, bins: number | Tensor, options?: HistogramOptions],
  { hist: Tensor; binEdges: Tensor }
> = composite(
  'histogram(self, bins, {range, weight, density})',
  (self: Tensor, bins: number | Tensor, { range = null, weight = null, density = false }: HistogramOptions = {}) => {
    checkInput('histogram', self, weight, self.shape)
    const points = reshape(self.detach(), [-1, 1])
    const [outer] = rangesOf('histogram', range, 1)
    const binEdges =
      bins instanceof Tensor
        ? clone(givenEdges('histogram', points, bins, outer))
        : evenEdges('histogram', points, bins, outer)
    return { hist: count(points, [binEdges], weight && reshape(weight.detach(), [-1]), density), binEdges }
  },
)

/**
 * A histogram of points, whose coordinates are the last dimension of `self`.
 *
 * @param bins how many equal bins each dimension has, or their edges
 * @returns `hist` with as many dimensions as a point has coordinates, and the edges along each
 */
export const histogramdd: Op<
  [self: Tensor, bins: number | readonly (number | Tensor)[], options?: HistogramOptions],
  { hist: Tensor; binEdges: Tensor[] }
> = composite(
  'histogramdd(self, bins, {range, weight, density})',
  (
    self: Tensor,
    bins: number | readonly (number | Tensor)[],
    { range = null, weight = null, density = false }: HistogramOptions = {},
  ) => {
    if (self.ndim < 2)
      throw new ShapeError(`histogramdd: expected at least 2 dimensions, got shape ${formatShape(self.shape)}`)
    checkInput('histogramdd', self, weight, self.shape.slice(0, -1))
    const dimensions = self.shape[self.ndim - 1]
    const each = typeof bins === 'number' ? new Array<number>(dimensions).fill(bins) : bins
    if (!Array.isArray(each) || each.length !== dimensions)
      throw new ArgumentError(`histogramdd: expected bins for ${dimensions} dimensions, got ${describe(bins)}`)
    const points = reshape(self.detach(), [numelOf(self.shape.slice(0, -1)), dimensions])
    const outer = rangesOf('histogramdd', range, dimensions)
    const binEdges = each.map((of: number | Tensor, d): Tensor => {
      const column = narrow(points, 1, d, 1)
      return of instanceof Tensor
        ? givenEdges('histogramdd', column, of, outer[d])
        : evenEdges('histogramdd', column, of, outer[d])
    })
    return { hist: count(points, binEdges, weight && reshape(weight.detach(), [-1]), density), binEdges }
  },
)
