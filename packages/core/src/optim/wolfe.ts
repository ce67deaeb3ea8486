// A line search for the strong Wolfe conditions, by cubic interpolation. Nocedal and Wright, Numerical Optimization, 3.5.
import { clone } from '../ops/index.js'
import { reduceRaw } from '../ops/reduce.js'
import type { Tensor } from '../tensor/tensor.js'

/** The largest magnitude among the elements of a vector. */
export const largest = (t: Tensor): number => reduceRaw('normInf', t, [0], false, t.dtype).item()

interface Point {
  readonly t: number
  readonly loss: number
  readonly grad: Tensor
  /** The derivative along the direction. */
  readonly slope: number
}

/** The minimum of the cubic through two points with their slopes, within bounds. */
function cubicMinimum(a: Omit<Point, 'grad'>, b: Omit<Point, 'grad'>, bounds?: readonly [number, number]): number {
  const [low, high] = bounds ?? (a.t <= b.t ? [a.t, b.t] : [b.t, a.t])
  const d1 = a.slope + b.slope - (3 * (a.loss - b.loss)) / (a.t - b.t)
  const square = d1 * d1 - a.slope * b.slope
  if (!(square >= 0)) return (low + high) / 2
  const d2 = Math.sqrt(square)
  const at =
    a.t <= b.t
      ? b.t - (b.t - a.t) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2))
      : a.t - (a.t - b.t) * ((a.slope + d2 - d1) / (a.slope - b.slope + 2 * d2))
  return Math.min(Math.max(at, low), high)
}

const C1 = 1e-4
const C2 = 0.9
const SMALLEST_BRACKET = 1e-9

/** A step length that lowers the loss and flattens the slope. */
export function strongWolfe(
  evaluate: (t: number) => { loss: number; grad: Tensor },
  first: number,
  direction: Tensor,
  loss: number,
  grad: Tensor,
  slope: number,
  most: number,
): { loss: number; grad: Tensor; t: number; evaluations: number } {
  const size: number = largest(direction)
  let evaluations = 0
  const probe = (t: number): Point => {
    const { loss, grad } = evaluate(t)
    evaluations++
    return { t, loss, grad: clone(grad), slope: grad.mul(direction).sum().item<number>() }
  }
  const rises = (p: Point): boolean => p.loss > loss + C1 * p.t * slope
  const flat = (p: Point): boolean => Math.abs(p.slope) <= -C2 * slope

  const start: Point = { t: 0, loss, grad: clone(grad), slope }
  let before = start
  let now = probe(first)
  let rounds = 0
  let bracket: Point[] = []
  let done = false
  while (rounds < most) {
    if (rises(now) || (rounds > 1 && now.loss >= before.loss)) {
      bracket = [before, now]
      break
    }
    if (flat(now)) {
      bracket = [now]
      done = true
      break
    }
    if (now.slope >= 0) {
      bracket = [before, now]
      break
    }
    const t = cubicMinimum(before, now, [now.t + 0.01 * (now.t - before.t), now.t * 10])
    before = now
    now = probe(t)
    rounds++
  }
  if (bracket.length === 0) bracket = [start, now]

  let [low, high] =
    bracket[0].loss <= bracket[bracket.length - 1].loss ? [0, bracket.length - 1] : [bracket.length - 1, 0]
  let stuck = false
  while (!done && rounds < most) {
    const [a, b] = bracket
    if (Math.abs(b.t - a.t) * size < SMALLEST_BRACKET) break
    let t = cubicMinimum(a, b)
    // Near the bracket's end twice in a row, or at it: step away by a tenth.
    const left = Math.min(a.t, b.t)
    const right = Math.max(a.t, b.t)
    const margin = 0.1 * (right - left)
    if (Math.min(right - t, t - left) < margin) {
      if (stuck || t >= right || t <= left) {
        t = Math.abs(t - right) < Math.abs(t - left) ? right - margin : left + margin
        stuck = false
      } else stuck = true
    } else stuck = false
    const point = probe(t)
    rounds++
    if (rises(point) || point.loss >= bracket[low].loss) {
      bracket[high] = point
      ;[low, high] = bracket[0].loss <= bracket[1].loss ? [0, 1] : [1, 0]
    } else {
      if (flat(point)) done = true
      else if (point.slope * (bracket[high].t - bracket[low].t) >= 0) bracket[high] = bracket[low]
      bracket[low] = point
    }
  }
  const found = bracket[low]
  return { loss: found.loss, grad: found.grad, t: found.t, evaluations }
}
