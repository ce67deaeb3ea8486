// Coding boxes as differences to others, matching them, and choosing which to learn from.
import { ArgumentError, cat, randperm, stack, type Tensor, where } from '@flambeau/core'

/** The largest factor by which a box may grow: what is predicted early must not overflow. */
const MOST_GROWTH = Math.log(1000 / 16)

const sizes = (boxes: Tensor): { w: Tensor; h: Tensor; x: Tensor; y: Tensor } => {
  const [x1, y1, x2, y2] = boxes.unbind(1)
  const [w, h] = [x2.sub(x1), y2.sub(y1)]
  return { w, h, x: x1.add(w.mul(0.5)), y: y1.add(h.mul(0.5)) }
}

/** Boxes as offsets and log sizes relative to others. [Girshick et al., 2013](https://arxiv.org/abs/1311.2524), appendix C */
export class BoxCoder {
  readonly weights: readonly [x: number, y: number, w: number, h: number]

  constructor(weights: readonly [number, number, number, number]) {
    this.weights = weights
  }

  /** What makes `boxes` of `references`, both [N, 4]. */
  encode(boxes: Tensor, references: Tensor): Tensor {
    const [wx, wy, ww, wh] = this.weights
    const [to, from] = [sizes(boxes), sizes(references)]
    return stack(
      [
        to.x.sub(from.x).div(from.w).mul(wx),
        to.y.sub(from.y).div(from.h).mul(wy),
        to.w.div(from.w).log().mul(ww),
        to.h.div(from.h).log().mul(wh),
      ],
      1,
    )
  }

  /** @param codes [N, 4 · classes] @param references [N, 4] @returns [N, classes, 4] */
  decode(codes: Tensor, references: Tensor): Tensor {
    const [wx, wy, ww, wh] = this.weights
    const { w, h, x, y } = sizes(references.to(codes.dtype))
    const [dx, dy, dw, dh] = codes.reshape([codes.shape[0], codes.shape[1] / 4, 4]).unbind(2)
    const column = (t: Tensor): Tensor => t.unsqueeze(1)
    const cx = dx.div(wx).mul(column(w)).add(column(x))
    const cy = dy.div(wy).mul(column(h)).add(column(y))
    const halfW = dw.div(ww).clamp(null, MOST_GROWTH).exp().mul(column(w)).mul(0.5)
    const halfH = dh.div(wh).clamp(null, MOST_GROWTH).exp().mul(column(h)).mul(0.5)
    return stack([cx.sub(halfW), cy.sub(halfH), cx.add(halfW), cy.add(halfH)], 2)
  }
}

/** No true box overlaps enough. */
export const BELOW = -1
/** One overlaps, but not enough to learn from. */
export const BETWEEN = -2

/**
 * The true box that belongs to each candidate.
 *
 * @param quality IoU of true boxes and candidates, [M, N]
 * @param lowQuality also give each true box its best candidates, however bad
 * @returns int64, [N]: the true box, `BELOW` or `BETWEEN`
 */
export function match(quality: Tensor, high: number, low: number, lowQuality: boolean): Tensor {
  if (quality.numel() === 0) throw new ArgumentError('match: expected at least one true box and one candidate')
  const { values, indices } = quality.max(0)
  const below = values.lt(low)
  const unsure = values.ge(low).logicalAnd(values.lt(high))
  const matched = indices.maskedFill(below, BELOW).maskedFill(unsure, BETWEEN)
  if (!lowQuality) return matched
  const best = quality.max(1).values.unsqueeze(1)
  return where(quality.eq(best).any(0), indices, matched)
}

/**
 * Draws candidates to learn from.
 *
 * @param labels [N]: at least 1 for a true box, 0 for background, less for neither
 * @returns positions of candidates with a box and without
 */
export function sample(labels: Tensor, count: number, positiveShare: number): [positive: Tensor, negative: Tensor] {
  const positive = labels.ge(1).nonzero().reshape([-1])
  const negative = labels.eq(0).nonzero().reshape([-1])
  const numPositive = Math.min(positive.numel(), Math.floor(count * positiveShare))
  const numNegative = Math.min(negative.numel(), count - numPositive)
  const draw = (from: Tensor, n: number): Tensor => from.indexSelect(0, randperm(from.numel()).narrow(0, 0, n))
  return [draw(positive, numPositive), draw(negative, numNegative)]
}

/** The loss of box codes: quadratic near 0, linear further out. */
export function smoothL1(input: Tensor, target: Tensor, beta: number): Tensor {
  const difference = input.sub(target).abs()
  return where(difference.lt(beta), difference.mul(difference).mul(0.5 / beta), difference.sub(0.5 * beta)).sum()
}

/** Positions in increasing order, of those that `sample` drew. */
export const together = (positive: Tensor, negative: Tensor): Tensor => cat([positive, negative], 0)
