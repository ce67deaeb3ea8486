// Non-maximum suppression. A box is compared with the boxes kept so far only, and of these with those in the same cells
// of a grid: what does not overlap cannot suppress. The result is that of comparing all pairs.
import { ShapeError, Tensor, tensor } from '@flambeau/core'
import { checkBoxes, describe } from '../check.js'

/** The cells of the grid along each side, at most. */
const MOST_CELLS = 64

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

/** Which kept boxes lie in each cell: chains through growing arrays. */
class Cells {
  readonly #left: number
  readonly #top: number
  readonly #perX: number
  readonly #perY: number
  readonly #across: number
  readonly #down: number
  readonly heads: Int32Array
  next = new Int32Array(1024)
  box = new Int32Array(1024)
  #used = 0

  /** @param mean the mean width and height: a box should cover few cells */
  constructor(left: number, top: number, right: number, bottom: number, mean: readonly [number, number]) {
    const count = (range: number, size: number): number =>
      Math.max(1, Math.min(MOST_CELLS, Math.floor(range / Math.max(size, range / MOST_CELLS)) || 1))
    this.#left = left
    this.#top = top
    this.#across = count(right - left, mean[0])
    this.#down = count(bottom - top, mean[1])
    this.#perX = this.#across / (right - left || 1)
    this.#perY = this.#down / (bottom - top || 1)
    this.heads = new Int32Array(this.#across * this.#down).fill(-1)
  }

  /** First and last column, first and last row of the cells that a box touches. */
  span(x1: number, y1: number, x2: number, y2: number): [number, number, number, number] {
    const column = (x: number): number =>
      Math.max(0, Math.min(this.#across - 1, Math.floor((x - this.#left) * this.#perX)))
    const row = (y: number): number => Math.max(0, Math.min(this.#down - 1, Math.floor((y - this.#top) * this.#perY)))
    return [column(x1), column(x2), row(y1), row(y2)]
  }

  cell(column: number, row: number): number {
    return row * this.#across + column
  }

  add(cell: number, box: number): void {
    if (this.#used === this.next.length) {
      const [next, boxes] = [new Int32Array(2 * this.#used), new Int32Array(2 * this.#used)]
      next.set(this.next)
      boxes.set(this.box)
      this.next = next
      this.box = boxes
    }
    this.next[this.#used] = this.heads[cell]
    this.box[this.#used] = box
    this.heads[cell] = this.#used++
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
  let [left, top, right, bottom, width, height, finite] = [Infinity, Infinity, -Infinity, -Infinity, 0, 0, 0]
  for (let i = 0; i < count; i++) {
    const [w, h] = [round(x2[i] - x1[i]), round(y2[i] - y1[i])]
    areas[i] = round(w * h)
    if (!Number.isFinite(w + h)) continue
    left = Math.min(left, x1[i], x2[i])
    top = Math.min(top, y1[i], y2[i])
    right = Math.max(right, x1[i], x2[i])
    bottom = Math.max(bottom, y1[i], y2[i])
    width += Math.abs(w)
    height += Math.abs(h)
    finite++
  }
  const cells = new Cells(left, top, right, bottom, [width / finite, height / finite])
  const tested = new Int32Array(count).fill(-1)
  const kept: number[] = []

  /** Whether box j, kept, suppresses box i. */
  const suppresses = (j: number, i: number): boolean => {
    if (categories !== null && categories[j] !== categories[i]) return false
    const w = round(Math.min(x2[i], x2[j]) - Math.max(x1[i], x1[j]))
    const h = round(Math.min(y2[i], y2[j]) - Math.max(y1[i], y1[j]))
    const inter = w > 0 && h > 0 ? round(w * h) : 0
    return round(inter / round(round(areas[j] + areas[i]) - inter)) > threshold
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
    const [c1, c2, r1, r2] = cells.span(x1[i], y1[i], x2[i], y2[i])
    let keep = true
    for (let r = r1; keep && r <= r2; r++)
      for (let c = c1; keep && c <= c2; c++)
        for (let at = cells.heads[cells.cell(c, r)]; at >= 0; at = cells.next[at]) {
          const j = cells.box[at]
          if (tested[j] === i) continue
          tested[j] = i
          if (suppresses(j, i)) {
            keep = false
            break
          }
        }
    if (!keep) continue
    kept.push(i)
    for (let r = r1; r <= r2; r++) for (let c = c1; c <= c2; c++) cells.add(cells.cell(c, r), i)
  }
  return kept
}
