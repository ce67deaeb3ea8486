// Losses of detectors.
import { ArgumentError, F, maximum, minimum, type Tensor } from '@flambeau/core'
import { describe } from '@flambeau/core/errors'
import { checkBoxes } from '../check.js'

/** What becomes of the losses of single elements. */
export type Reduction = 'none' | 'mean' | 'sum'

function reduce(operation: string, loss: Tensor, reduction: Reduction): Tensor {
  if (reduction === 'none') return loss
  // Without a box there is no loss, rather than a mean of nothing.
  if (reduction === 'mean') return loss.numel() > 0 ? loss.mean() : loss.sum().mul(0)
  if (reduction === 'sum') return loss.sum()
  throw new ArgumentError(`${operation}: expected reduction 'none', 'mean' or 'sum', got ${describe(reduction)}`)
}

/** The options of `sigmoidFocalLoss`. */
export interface FocalLossOptions {
  /** The weight of positive examples; -1 for no weights. Default 0.25. */
  readonly alpha?: number
  /** How much less easy examples count. Default 2. */
  readonly gamma?: number
  /** Default 'none'. */
  readonly reduction?: Reduction
}

/**
 * `α (1 - p)^γ · -log p`, p being the probability given to the right answer. [Lin et al., 2017](https://arxiv.org/abs/1708.02002)
 *
 * @param inputs logits
 * @param targets 0 or 1, of the inputs' shape
 */
export function sigmoidFocalLoss(
  inputs: Tensor,
  targets: Tensor,
  { alpha = 0.25, gamma = 2, reduction = 'none' }: FocalLossOptions = {},
): Tensor {
  if (!(alpha === -1 || (alpha >= 0 && alpha <= 1)))
    throw new ArgumentError(`sigmoidFocalLoss: expected alpha in [0, 1] or -1, got ${describe(alpha)}`)
  const p = inputs.sigmoid()
  const crossEntropy = F.binaryCrossEntropyWithLogits(inputs, targets, { reduction: 'none' })
  const others = targets.neg().add(1)
  const right = p.mul(targets).add(p.neg().add(1).mul(others))
  let loss = crossEntropy.mul(right.neg().add(1).pow(gamma))
  if (alpha >= 0)
    loss = targets
      .mul(alpha)
      .add(others.mul(1 - alpha))
      .mul(loss)
  return reduction === 'mean' ? loss.mean() : reduce('sigmoidFocalLoss', loss, reduction)
}

/** The options of the losses of pairs of boxes. */
export interface BoxLossOptions {
  /** Default 'none'. */
  readonly reduction?: Reduction
  /** Added to divisors. Default 1e-7. */
  readonly eps?: number
}

/** What the losses of pairs of boxes have in common: areas of intersection and union, and the box around both. */
function pairs(operation: string, boxes1: Tensor, boxes2: Tensor) {
  checkBoxes(operation, 'boxes1', boxes1, true)
  checkBoxes(operation, 'boxes2', boxes2, true)
  const wide = (t: Tensor): Tensor[] => (t.dtype === 'float64' ? t : t.to('float32')).unbind(-1)
  const [a, b] = [wide(boxes1), wide(boxes2)]
  const w = minimum(a[2], b[2]).sub(maximum(a[0], b[0]))
  const h = minimum(a[3], b[3]).sub(maximum(a[1], b[1]))
  const inter = w.clamp(0).mul(h.clamp(0))
  const area = ([x1, y1, x2, y2]: Tensor[]): Tensor => x2.sub(x1).mul(y2.sub(y1))
  const union = area(a).add(area(b)).sub(inter)
  const width = maximum(a[2], b[2]).sub(minimum(a[0], b[0]))
  const height = maximum(a[3], b[3]).sub(minimum(a[1], b[1]))
  return { a, b, inter, union, width, height }
}

/** `1 - GIoU` of pairs of boxes. [Rezatofighi et al., 2019](https://arxiv.org/abs/1902.09630) @param boxes1 corners, [..., 4] */
export function generalizedBoxIouLoss(
  boxes1: Tensor,
  boxes2: Tensor,
  { reduction = 'none', eps = 1e-7 }: BoxLossOptions = {},
): Tensor {
  const { inter, union, width, height } = pairs('generalizedBoxIouLoss', boxes1, boxes2)
  const hull = width.mul(height)
  const giou = inter.div(union.add(eps)).sub(hull.sub(union).div(hull.add(eps)))
  return reduce('generalizedBoxIouLoss', giou.neg().add(1), reduction)
}

function distanceLoss({ a, b, inter, union, width, height }: ReturnType<typeof pairs>, eps: number): [Tensor, Tensor] {
  const iou = inter.div(union.add(eps))
  const square = (t: Tensor): Tensor => t.mul(t)
  const diagonal = square(width).add(square(height)).add(eps)
  const centre = ([x1, y1, x2, y2]: Tensor[]): [Tensor, Tensor] => [x1.add(x2).div(2), y1.add(y2).div(2)]
  const [[ax, ay], [bx, by]] = [centre(a), centre(b)]
  const distance = square(ax.sub(bx)).add(square(ay.sub(by)))
  return [iou.neg().add(1).add(distance.div(diagonal)), iou]
}

/** `1 - DIoU` of pairs of boxes. [Zheng et al., 2019](https://arxiv.org/abs/1911.08287) @param boxes1 corners, [..., 4] */
export function distanceBoxIouLoss(
  boxes1: Tensor,
  boxes2: Tensor,
  { reduction = 'none', eps = 1e-7 }: BoxLossOptions = {},
): Tensor {
  const [loss] = distanceLoss(pairs('distanceBoxIouLoss', boxes1, boxes2), eps)
  return reduce('distanceBoxIouLoss', loss, reduction)
}

/** `1 - CIoU` of pairs of boxes. [Zheng et al., 2019](https://arxiv.org/abs/1911.08287) @param boxes1 corners, [..., 4] */
export function completeBoxIouLoss(
  boxes1: Tensor,
  boxes2: Tensor,
  { reduction = 'none', eps = 1e-7 }: BoxLossOptions = {},
): Tensor {
  const parts = pairs('completeBoxIouLoss', boxes1, boxes2)
  const [distance, iou] = distanceLoss(parts, eps)
  const angle = ([x1, y1, x2, y2]: Tensor[]): Tensor => x2.sub(x1).div(y2.sub(y1)).atan()
  const difference = angle(parts.b).sub(angle(parts.a))
  const v = difference.mul(difference).mul(4 / Math.PI ** 2)
  const alpha = v.div(v.sub(iou).add(1 + eps)).detach()
  return reduce('completeBoxIouLoss', distance.add(alpha.mul(v)), reduction)
}
