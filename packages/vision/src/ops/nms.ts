// Non-maximum suppression. A box is compared with the boxes kept so far only, and of these with those whose centres are
// near enough for the overlap to reach the threshold. The result is that of comparing all pairs.
import { ShapeError, Tensor, tensor } from '@flambeau/core'
import { describe } from '@flambeau/core/errors'
import { checkBoxes } from '../check.js'

/** The cells of the grid along each side. */
const SIDE = 64

/**
 * Keeps the best of boxes that overlap by more than a threshold: from the highest score down, a box is kept unless its
 * IoU with one kept before is above `iouThreshold`.
 *
 * @param boxes corners, [N, 4]
 * @param scores [N]
 * @returns positions of the boxes kept, by decreasing score, int64, [K]
 * @example
 * ```ts
 * import { tensor } from '@flambeau/core'
 * import { ops } from '@flambeau/vision'
 * const boxes = tensor([[0, 0, 10, 10], [1, 1, 11, 11], [20, 20, 30, 30]])
 * console.log(ops.nms(boxes, tensor([0.8, 0.9, 0.7]), 0.5).toArray()) // → [ 1, 2 ]
 * ```
 */
export function nms(boxes: Tensor, scores: Tensor, iouThreshold: number): Tensor {
  return suppress('nms', boxes, scores, null, iouThreshold)
}

/**
 * `nms` in each category by itself.
 *
 * @param boxes corners, [N, 4]
 * @param scores [N]
 * @param idxs the category of each box, [N]
 * @returns positions of the boxes kept, by decreasing score, int64, [K]
 */
export function batchedNms(boxes: Tensor, scores: Tensor, idxs: Tensor, iouThreshold: number): Tensor {
  return suppress('batchedNms', boxes, scores, idxs, iouThreshold)
}

function suppress(operation: string, boxes: Tensor, scores: Tensor, idxs: Tensor | null, iouThreshold: number): Tensor {
  checkBoxes(operation, 'boxes', boxes)
  for (const [name, t] of Object.entries({ scores, idxs }))
    if (t !== null && (!(t instanceof Tensor) || t.ndim !== 1 || t.shape[0] !== boxes.shape[0]))
      throw new ShapeError(
        `${operation}: expected ${name} of shape [${boxes.shape[0]}] for boxes [${boxes.shape.join(', ')}], got ${describe(t)}`,
      )
  const order = scores.detach().sort(0, { descending: true, stable: true }).indices.to('int32').to('cpu')
  const exact = boxes.dtype === 'float64'
  const sorted = boxes
    .detach()
    .to('cpu')
    .to(exact ? 'float64' : 'float32')
    .indexSelect(0, order)
    .t()
    .contiguous()
  const categories = idxs === null ? null : (idxs.to('cpu').to('float64').indexSelect(0, order).data() as Float64Array)
  const kept = keepBest(sorted.data() as Float32Array | Float64Array, boxes.shape[0], categories, iouThreshold)
  const positions = order.data() as Int32Array
  return tensor(
    kept.map((rank) => positions[rank]),
    { dtype: 'int64', device: boxes.device },
  )
}

/** The kept boxes whose centres lie in each cell of a grid, as chains. */
class Cells {
  readonly #left: number
  readonly #top: number
  readonly #perX: number
  readonly #perY: number
  readonly heads: Int32Array = new Int32Array(SIDE * SIDE).fill(-1)
  readonly next: Int32Array

  constructor(count: number, left: number, top: number, right: number, bottom: number) {
    this.#left = left
    this.#top = top
    this.#perX = SIDE / (right - left || 1)
    this.#perY = SIDE / (bottom - top || 1)
    this.next = new Int32Array(count)
  }

  column(x: number): number {
    return Math.max(0, Math.min(SIDE - 1, Math.floor((x - this.#left) * this.#perX)))
  }

  row(y: number): number {
    return Math.max(0, Math.min(SIDE - 1, Math.floor((y - this.#top) * this.#perY)))
  }

  add(x: number, y: number, box: number): void {
    const cell = this.row(y) * SIDE + this.column(x)
    this.next[box] = this.heads[cell]
    this.heads[cell] = box
  }
}

/** @param boxes four rows of `count`, by decreasing score @returns the ranks kept */
function keepBest(
  boxes: Float32Array | Float64Array,
  count: number,
  categories: Float64Array | null,
  threshold: number,
): number[] {
  const round = boxes.BYTES_PER_ELEMENT === 8 ? (x: number) => x : Math.fround
  const [x1, y1, x2, y2] = [0, 1, 2, 3].map((i) => boxes.subarray(i * count, (i + 1) * count))
  const areas = new Float64Array(count)
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity]
  for (let i = 0; i < count; i++) {
    areas[i] = round(round(x2[i] - x1[i]) * round(y2[i] - y1[i]))
    if (!Number.isFinite(areas[i])) continue
    left = Math.min(left, x1[i], x2[i])
    top = Math.min(top, y1[i], y2[i])
    right = Math.max(right, x1[i], x2[i])
    bottom = Math.max(bottom, y1[i], y2[i])
  }
  const cells = new Cells(count, left, top, right, bottom)
  const kept: number[] = []

  // How far apart two centres can be, in widths of one box: an IoU above t asks for an overlap of more than t times the
  // larger width, and for a width of at most 1 / t times the smaller one. With some room for rounding.
  const reach = threshold <= 0 ? Infinity : 1e-3 + (threshold >= 0.5 ? 1 - threshold : (1 / threshold - 1) / 2)
  // Clear cases are told without rounding each step as the boxes' dtype would.
  const [low, high] = [threshold * (1 - 1e-5), threshold * (1 + 1e-5)]

  /** Whether box j, kept, suppresses box i. */
  const suppresses = (j: number, i: number): boolean => {
    if (categories !== null && categories[j] !== categories[i]) return false
    const w = Math.min(x2[i], x2[j]) - Math.max(x1[i], x1[j])
    const h = Math.min(y2[i], y2[j]) - Math.max(y1[i], y1[j])
    const inter = w > 0 && h > 0 ? w * h : 0
    const union = areas[j] + areas[i] - inter
    if (threshold > 0) {
      if (inter < low * union) return false
      if (inter > high * union && union > 0) return true
    }
    const rounded = w > 0 && h > 0 ? round(round(w) * round(h)) : 0
    return round(rounded / round(round(areas[j] + areas[i]) - rounded)) > threshold
  }

  for (let i = 0; i < count; i++) {
    // A negative threshold lets boxes that do not overlap suppress each other.
    if (threshold < 0) {
      if (!kept.some((j) => suppresses(j, i))) kept.push(i)
      continue
    }
    // What is not finite has an IoU of 0 or NaN with any other.
    if (!Number.isFinite(areas[i])) {
      kept.push(i)
      continue
    }
    const [x, y] = [(x1[i] + x2[i]) / 2, (y1[i] + y2[i]) / 2]
    const [farX, farY] = [reach * Math.abs(x2[i] - x1[i]), reach * Math.abs(y2[i] - y1[i])]
    const [firstColumn, lastColumn] = [cells.column(x - farX), cells.column(x + farX)]
    const lastRow = cells.row(y + farY)
    let keep = true
    for (let r = cells.row(y - farY); keep && r <= lastRow; r++)
      for (let c = firstColumn; keep && c <= lastColumn; c++)
        for (let j = cells.heads[r * SIDE + c]; keep && j >= 0; j = cells.next[j]) keep = !suppresses(j, i)
    if (!keep) continue
    kept.push(i)
    cells.add(x, y, i)
  }
  return kept
}
