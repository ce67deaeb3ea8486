// Boxes: conversion between formats, areas, overlaps.
import { ArgumentError, clamp, DTypeError, maximum, minimum, stack, type Tensor, tensor, zeros } from '@flambeau/core'
import { describe, formatShape } from '@flambeau/core/errors'
import { checkBoxes } from '../check.js'

/** How four numbers describe a box: two corners; a corner and a size; the centre and the size. */
export type BoxFormat = 'xyxy' | 'xywh' | 'cxcywh'

/** Sums and products of small integers overflow; floating-point numbers stay what they are. */
const upcast = (t: Tensor): Tensor =>
  t.isFloatingPoint() ? (t.dtype === 'float64' || t.dtype === 'float32' ? t : t.to('float32')) : t.to('int64')

const columns = (boxes: Tensor): Tensor[] => boxes.unbind(-1)

/**
 * Converts boxes from one format to another.
 *
 * @param boxes shape [..., 4]
 * @returns shape [..., 4]
 * @example
 * ```ts
 * import { tensor } from '@flambeau/core'
 * import { ops } from '@flambeau/vision'
 * console.log(ops.boxConvert(tensor([[10, 20, 30, 60]]), 'xyxy', 'cxcywh').toArray()) // → [ [ 20, 40, 20, 40 ] ]
 * ```
 */
export function boxConvert(boxes: Tensor, inFmt: BoxFormat, outFmt: BoxFormat): Tensor {
  checkBoxes('boxConvert', 'boxes', boxes, true)
  for (const [name, format] of Object.entries({ inFmt, outFmt }))
    if (!['xyxy', 'xywh', 'cxcywh'].includes(format))
      throw new ArgumentError(`boxConvert: expected 'xyxy', 'xywh' or 'cxcywh' for ${name}, got ${describe(format)}`)
  if (inFmt === outFmt) return boxes.clone()
  const corners = toCorners(boxes, inFmt)
  return outFmt === 'xyxy' ? corners : fromCorners(corners, outFmt)
}

const half = (t: Tensor): Tensor => (t.isFloatingPoint() ? t.mul(0.5) : t.div(2, { roundingMode: 'trunc' }))

function toCorners(boxes: Tensor, format: BoxFormat): Tensor {
  if (format === 'xyxy') return boxes
  const [a, b, w, h] = columns(boxes)
  if (format === 'xywh') return stack([a, b, a.add(w), b.add(h)], -1)
  return stack([a.sub(half(w)), b.sub(half(h)), a.add(half(w)), b.add(half(h))], -1)
}

function fromCorners(boxes: Tensor, format: BoxFormat): Tensor {
  const [x1, y1, x2, y2] = columns(boxes)
  const [w, h] = [x2.sub(x1), y2.sub(y1)]
  return stack(format === 'xywh' ? [x1, y1, w, h] : [half(x1.add(x2)), half(y1.add(y2)), w, h], -1)
}

/** The areas of boxes. @param boxes corners, [N, 4] @returns [N] */
export function boxArea(boxes: Tensor): Tensor {
  checkBoxes('boxArea', 'boxes', boxes)
  return areaOf(upcast(boxes))
}

function areaOf(boxes: Tensor): Tensor {
  const [x1, y1, x2, y2] = columns(boxes)
  return x2.sub(x1).mul(y2.sub(y1))
}

/** Areas of the pairs' intersections and unions, [N, M]. */
function overlaps(boxes1: Tensor, boxes2: Tensor): [inter: Tensor, union: Tensor] {
  const [a, b] = [upcast(boxes1), upcast(boxes2)]
  const rows = a.unsqueeze(1)
  const low = maximum(rows.narrow(2, 0, 2), b.narrow(1, 0, 2))
  const high = minimum(rows.narrow(2, 2, 2), b.narrow(1, 2, 2))
  const size = high.sub(low).clamp(0)
  const inter = size.select(2, 0).mul(size.select(2, 1))
  return [inter, areaOf(a).unsqueeze(1).add(areaOf(b)).sub(inter)]
}

function checkPair(operation: string, boxes1: Tensor, boxes2: Tensor): void {
  checkBoxes(operation, 'boxes1', boxes1)
  checkBoxes(operation, 'boxes2', boxes2)
}

/**
 * Intersection over union of every pair.
 *
 * @param boxes1 corners, [N, 4]
 * @param boxes2 corners, [M, 4]
 * @returns [N, M]
 */
export function boxIou(boxes1: Tensor, boxes2: Tensor): Tensor {
  checkPair('boxIou', boxes1, boxes2)
  const [inter, union] = overlaps(boxes1, boxes2)
  return inter.div(union)
}

/** The smallest boxes around each pair: width and height, [N, M, 2]. */
function hulls(boxes1: Tensor, boxes2: Tensor): Tensor {
  const [a, b] = [upcast(boxes1).unsqueeze(1), upcast(boxes2)]
  const low = minimum(a.narrow(2, 0, 2), b.narrow(1, 0, 2))
  const high = maximum(a.narrow(2, 2, 2), b.narrow(1, 2, 2))
  return high.sub(low).clamp(0)
}

/** IoU less the share of the smallest box around a pair that neither covers, [N, M]. [Rezatofighi et al., 2019](https://arxiv.org/abs/1902.09630) */
export function generalizedBoxIou(boxes1: Tensor, boxes2: Tensor): Tensor {
  checkPair('generalizedBoxIou', boxes1, boxes2)
  const [inter, union] = overlaps(boxes1, boxes2)
  const size = hulls(boxes1, boxes2)
  const area = size.select(2, 0).mul(size.select(2, 1))
  return inter.div(union).sub(area.sub(union).div(area))
}

const squared = (t: Tensor): Tensor => t.mul(t)

function distances(boxes1: Tensor, boxes2: Tensor, eps: number): Tensor {
  const [inter, union] = overlaps(boxes1, boxes2)
  const size = hulls(boxes1, boxes2)
  const diagonal = squared(size).sum(2).add(eps)
  const [a, b] = [upcast(boxes1), upcast(boxes2)]
  const centre = (t: Tensor): Tensor =>
    t
      .narrow(1, 0, 2)
      .add(t.narrow(1, 2, 2))
      .div(2)
  const distance = squared(centre(a).unsqueeze(1).sub(centre(b))).sum(2)
  return inter.div(union).sub(distance.div(diagonal))
}

/** IoU less the squared distance of the centres over the squared diagonal of the box around both, [N, M]. [Zheng et al., 2019](https://arxiv.org/abs/1911.08287) */
export function distanceBoxIou(boxes1: Tensor, boxes2: Tensor, eps = 1e-7): Tensor {
  checkPair('distanceBoxIou', boxes1, boxes2)
  return distances(boxes1, boxes2, eps)
}

/** `distanceBoxIou` less a measure of how aspect ratios differ, [N, M]. [Zheng et al., 2019](https://arxiv.org/abs/1911.08287) */
export function completeBoxIou(boxes1: Tensor, boxes2: Tensor, eps = 1e-7): Tensor {
  checkPair('completeBoxIou', boxes1, boxes2)
  const [inter, union] = overlaps(boxes1, boxes2)
  const iou = inter.div(union)
  const angle = (t: Tensor): Tensor => {
    const [x1, y1, x2, y2] = columns(upcast(t))
    return x2.sub(x1).div(y2.sub(y1)).atan()
  }
  const v = squared(angle(boxes1).unsqueeze(1).sub(angle(boxes2))).mul(4 / Math.PI ** 2)
  const alpha = v.div(v.sub(iou).add(1 + eps)).detach()
  return distances(boxes1, boxes2, eps).sub(alpha.mul(v))
}

/**
 * Boxes cut off at the edges of an image.
 *
 * @param boxes corners, [..., 4]
 * @param size height and width
 */
export function clipBoxesToImage(boxes: Tensor, size: readonly [height: number, width: number]): Tensor {
  checkBoxes('clipBoxesToImage', 'boxes', boxes, true)
  checkSize('clipBoxesToImage', size)
  const [x1, y1, x2, y2] = columns(boxes)
  const [height, width] = size
  return stack([clamp(x1, 0, width), clamp(y1, 0, height), clamp(x2, 0, width), clamp(y2, 0, height)], -1)
}

function checkSize(operation: string, size: readonly number[]): void {
  if (!Array.isArray(size) || size.length !== 2 || !size.every((n) => typeof n === 'number' && n >= 0))
    throw new ArgumentError(`${operation}: expected [height, width] for size, got ${describe(size)}`)
}

/** Positions of the boxes whose sides are both at least `minSize`. @param boxes corners, [N, 4] @returns int64, [K] */
export function removeSmallBoxes(boxes: Tensor, minSize: number): Tensor {
  checkBoxes('removeSmallBoxes', 'boxes', boxes)
  const [x1, y1, x2, y2] = columns(boxes)
  return x2.sub(x1).ge(minSize).logicalAnd(y2.sub(y1).ge(minSize)).nonzero().reshape([-1])
}

/**
 * The smallest boxes around masks.
 *
 * @param masks [N, H, W], not 0 where a mask is
 * @returns corners, float32, [N, 4]
 * @throws ArgumentError for a mask without a pixel
 */
export function masksToBoxes(masks: Tensor): Tensor {
  if (masks.ndim !== 3) throw new DTypeError(`masksToBoxes: expected masks [N, H, W], got ${describe(masks)}`)
  const count = masks.shape[0]
  if (masks.numel() === 0) {
    if (count > 0)
      throw new ArgumentError(`masksToBoxes: expected masks with pixels, got shape ${formatShape(masks.shape)}`)
    return zeros([0, 4])
  }
  const set = masks.ne(0)
  const extent = (dim: number): number[][] => {
    const rows = set.any(dim).to('uint8').to('cpu')
    return Array.from({ length: count }, (_, i) => {
      const flags = rows.select(0, i).data() as Uint8Array
      return [flags.indexOf(1), flags.lastIndexOf(1)]
    })
  }
  const [xs, ys] = [extent(1), extent(2)]
  const empty = xs.findIndex(([first]) => first < 0)
  if (empty >= 0)
    throw new ArgumentError(`masksToBoxes: mask ${empty} has no pixel, so that it has no box; leave it out`)
  return tensor(
    xs.map(([x1, x2], i) => [x1, ys[i][0], x2, ys[i][1]]),
    { dtype: 'float32', device: masks.device },
  )
}
