// Reductions of runs of neighbours.
import { ArgumentError, DTypeError, describe, ShapeError } from '../errors.js'
import { isFloating } from '../tensor/dtype.js'
import { formatShape, numelOf, sameShape, wrapDim } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import { div } from './arithmetic.js'
import { eq, ge, isnan, logicalOr, lt, ne } from './comparison.js'
import { maskedFill, where } from './conditional.js'
import { to } from './copies.js'
import { arange, full } from './creation.js'
import { composite } from './dispatch.js'
import { cat } from './joining.js'
import type { FunctionOp } from './record.js'
import { any } from './reductions.js'
import { cumsum, diff } from './scans.js'
import { scatterReduce } from './scatterReduce.js'
import { narrow } from './slicing.js'
import { expand, reshape } from './views.js'

/** How the elements of a segment are combined. */
export type SegmentReduction = 'sum' | 'mean' | 'max' | 'min' | 'prod'

/** What `segmentReduce` takes; `lengths` or `offsets` is needed. */
export interface SegmentReduceOptions {
  /** The size of each segment along `axis`: integers, shape [...data.shape[:axis], S]. */
  readonly lengths?: Tensor | null
  /** Where each segment begins, and where the last one ends: S + 1 integers a row, instead of `lengths`. */
  readonly offsets?: Tensor | null
  /** The dimension that is cut into segments. Default 0. */
  readonly axis?: number
  /** Whether the lengths may leave out the last elements. Default false. */
  readonly unsafe?: boolean
  /** Takes part in the reduction of every segment. Default: what changes nothing. */
  readonly initial?: number | null
}

const REDUCTIONS: readonly string[] = ['sum', 'mean', 'max', 'min', 'prod'] satisfies SegmentReduction[]

/**
 * The lengths of the segments, with one before them and one after them for what is in none.
 *
 * @returns shape [rows, S + 2]
 */
function checkedLengths(
  lead: readonly number[],
  size: number,
  { lengths, offsets, unsafe = false }: SegmentReduceOptions,
): Tensor {
  const given = lengths ?? offsets
  if (!(given instanceof Tensor) || (lengths && offsets))
    throw new ArgumentError('segment_reduce: expected a tensor for one of lengths and offsets')
  const name = lengths ? 'lengths' : 'offsets'
  if (given.dtype !== 'int64' && given.dtype !== 'int32')
    throw new DTypeError(`segment_reduce: expected ${name} of dtype int64 or int32, got ${given.dtype}`)
  const last = given.shape[given.ndim - 1]
  if (given.ndim !== lead.length + 1 || !sameShape(given.shape.slice(0, -1), lead) || (offsets && last === 0))
    throw new ShapeError(
      `segment_reduce: expected ${name} of shape [${[...lead, lengths ? 'S' : 'S + 1'].join(', ')}], got ${formatShape(given.shape)}`,
    )
  const rows = reshape(to(given, 'int64'), [numelOf(lead), last])
  const column = (value: number): Tensor => full([rows.shape[0], 1], value, { dtype: 'int64', device: rows.device })
  const bounds = offsets
    ? cat([column(0), rows, column(size)], 1)
    : cat([column(0), column(0), cumsum(rows, 1), column(size)], 1)
  const all = diff(bounds, 1, 1)
  if (any(lt(all, 0)).item<boolean>())
    throw new ArgumentError(`segment_reduce: expected ${name} of segments within rows of ${size} elements`)
  if (lengths && !unsafe && any(ne(all.select(1, -1), 0)).item<boolean>())
    throw new ArgumentError(`segment_reduce: expected lengths that sum to ${size} in each row`)
  return all
}

/**
 * Reduces each segment of neighbours along `axis` to one value.
 *
 * @param data floating-point
 * @returns the shape of `data`, with the number of segments at `axis`
 * @example
 * ```ts
 * import { segmentReduce, tensor } from '@flambeau/core'
 * const data = tensor([1, 2, 3, 4])
 * console.log(segmentReduce(data, 'sum', { lengths: tensor([1n, 3n]) }).toArray()) // → [ 1, 9 ]
 * ```
 */
export const segmentReduce: FunctionOp<
  [data: Tensor, reduce: SegmentReduction, options: SegmentReduceOptions],
  Tensor
> = composite(
  'segment_reduce(data, reduce, {lengths, offsets, axis, unsafe, initial})',
  (data: Tensor, reduce: SegmentReduction, options: SegmentReduceOptions): Tensor => {
    if (!REDUCTIONS.includes(reduce))
      throw new ArgumentError(
        `segment_reduce: expected reduce to be one of ${REDUCTIONS.join(', ')}, got ${describe(reduce)}`,
      )
    if (!isFloating(data.dtype))
      throw new DTypeError(`segment_reduce: expected a floating-point dtype, got ${data.dtype}`)
    if (data.ndim === 0) throw new ShapeError('segment_reduce: expected data of at least 1 dimension')
    const { initial, axis = 0 } = options
    if (initial !== undefined && initial !== null && typeof initial !== 'number')
      throw new ArgumentError(`segment_reduce: expected a number for initial, got ${describe(initial)}`)
    const d = wrapDim('segment_reduce', axis, data.ndim)
    const [lead, size, rest] = [data.shape.slice(0, d), data.shape[d], data.shape.slice(d + 1)]
    const lengths = checkedLengths(lead, size, options)
    const total = lengths.numel()
    const segments = lengths.shape[1] - 2
    // The rows one after the other are one row of all segments.
    const flat = reshape(data, [numelOf(lead) * size, numelOf(rest)])
    const ids = arange(0, total, 1, { device: data.device }).repeatInterleave(reshape(lengths, [total]))
    const index = expand(reshape(ids, [flat.shape[0], 1]), flat.shape)
    const perSegment = reshape(lengths, [total, 1])
    const start = (value: number): Tensor =>
      full([total, flat.shape[1]], value, { dtype: data.dtype, device: data.device })
    const shaped = (t: Tensor): Tensor =>
      reshape(narrow(reshape(t, [numelOf(lead), segments + 2, numelOf(rest)]), 1, 1, segments), [
        ...lead,
        segments,
        ...rest,
      ])

    if (reduce === 'max' || reduce === 'min') {
      const lowest = reduce === 'max' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
      const found = scatterReduce(start(lowest), 0, index, flat, reduce === 'max' ? 'amax' : 'amin', {
        includeSelf: false,
      })
      if (initial === undefined || initial === null) return shaped(found)
      const beats = reduce === 'max' ? ge(found, initial) : ge(start(initial), found)
      return shaped(where(logicalOr(beats, isnan(found)), found, initial))
    }
    if (reduce === 'prod') return shaped(scatterReduce(start(initial ?? 1), 0, index, flat, 'prod'))
    const sums = scatterReduce(start(initial ?? 0), 0, index, flat, 'sum')
    if (reduce === 'sum') return shaped(sums)
    const empty = eq(perSegment, 0)
    const means = div(sums, maskedFill(perSegment, empty, 1))
    return shaped(initial === undefined || initial === null ? maskedFill(means, empty, Number.NaN) : means)
  },
)
