import { manualSeed, noGrad, ones, randperm, type Tensor, tensor, zeros } from '@flambeau/core'
import { ops } from '@flambeau/vision'
import { expect, test } from '@jest/globals'
import { fillNetwork, fixture, hashed } from './support/hashed.js'

type Nested = number | Nested[]
interface Expected extends Record<string, unknown> {
  nms: Record<string, number[]>
}
/** TorchVision 0.14's values: fixtures/make_ops.py. */
const expected = fixture<Expected>('ops')

function near(t: Tensor, name: string, tolerance = 1e-5, value: unknown = expected[name]): void {
  const want = tensor(value as number[], { dtype: 'float64' })
  expect({ name, shape: t.shape }).toEqual({ name, shape: want.shape })
  const difference = t.detach().to('float64').sub(want).abs()
  const largest = want.numel() === 0 ? 0 : difference.div(want.abs().add(1)).max().item<number>()
  expect({ name, close: largest <= tolerance, largest }).toEqual({ name, close: true, largest })
}

const boxes = (n: number, seed: number, size = 20): Tensor => {
  const t = hashed([n, 4], seed)
  const corner = t.narrow(1, 0, 2).mul(100)
  return ones([n, 4]).copy_(
    corner.repeat([1, 2]).add(zeros([n, 4]).put(['...', '2:'], t.narrow(1, 2, 2).mul(size).add(1))),
  )
}
const [a, b] = [boxes(6, 0, 60), boxes(4, 1, 60)]

test('boxes: areas, overlaps, conversions', () => {
  near(ops.boxIou(a, b), 'box_iou')
  near(ops.generalizedBoxIou(a, b), 'generalized_box_iou')
  near(ops.distanceBoxIou(a, b), 'distance_box_iou')
  near(ops.completeBoxIou(a, b), 'complete_box_iou')
  near(ops.boxArea(a), 'box_area')
  for (const format of ['xywh', 'cxcywh'] as const) {
    near(ops.boxConvert(a, 'xyxy', format), `to_${format}`)
    near(ops.boxConvert(a, format, 'xyxy'), `from_${format}`)
  }
  near(ops.clipBoxesToImage(a.mul(2).sub(50), [60, 80]), 'clip')
  near(ops.removeSmallBoxes(a, 30), 'small')
  near(ops.masksToBoxes(hashed([3, 9, 11], 5).gt(0.8)), 'masks_to_boxes')
  expect(ops.boxIou(zeros([0, 4]), b).shape).toEqual([0, 4])
  // Areas of bytes do not overflow.
  expect(ops.boxArea(tensor([[0, 0, 200, 200]], { dtype: 'uint8' })).toArray()).toEqual([40000])
})

test('nms', () => {
  const [many, scores, idxs] = [boxes(400, 2), hashed([400], 3), hashed([400], 4).mul(5).to('int64')]
  for (const [threshold, kept] of Object.entries(expected.nms))
    expect(ops.nms(many, scores, Number(threshold)).toArray()).toEqual(kept)
  expect(ops.batchedNms(many, scores, idxs, 0.3).toArray()).toEqual(expected.batched_nms)
  expect(ops.nms(zeros([0, 4]), zeros([0]), 0.5).shape).toEqual([0])
  // Boxes outside of any image, without an area, upside down, infinite or not a number suppress nobody.
  const odd = tensor([
    [-1e6, -1e6, -9e5, -9e5],
    [5, 5, 5, 5],
    [5, 5, 5, 5],
    [9, 9, 1, 1],
    [0, 0, Infinity, Infinity],
    [NaN, 0, 1, 1],
    [0, 0, 10, 10],
    [0, 0, 10, 9],
  ])
  const score = tensor([8, 7, 6, 5, 4, 3, 2, 1])
  expect(ops.nms(odd, score, 0.5).toArray()).toEqual([0, 1, 2, 3, 4, 5, 6])
  expect(ops.nms(odd.narrow(0, 6, 2).to('float64'), score.narrow(0, 6, 2), 0.95).toArray()).toEqual([0, 1])
  // A negative threshold leaves the best alone.
  expect(ops.nms(many, scores, -0.1).toArray()).toEqual([scores.argmax().item()])
})

test('nms by cells is nms by all pairs', () => {
  manualSeed(0)
  for (const [count, size] of [
    [300, 3],
    [300, 400],
    [100, 0.01],
  ]) {
    // A few boxes are much larger than the others.
    const some = boxes(count, count + 50, size).mul(hashed([count, 1], 77).gt(0.95).to('float32').mul(8).add(1))
    const scores = randperm(count).to('float32')
    const iou = ops.boxIou(some, some)
    const order = scores.argsort(0, { descending: true }).toArray() as number[]
    const kept: number[] = []
    const over = iou.gt(0.4).toArray() as boolean[][]
    for (const i of order) if (!kept.some((j) => over[j][i])) kept.push(i)
    expect(ops.nms(some, scores, 0.4).toArray()).toEqual(kept)
  }
})

test('losses and their gradients', () => {
  const [x, y] = [hashed([5, 3], 6).sub(0.5).mul(8), hashed([5, 3], 7).gt(0.5).to('float32')]
  near(ops.sigmoidFocalLoss(x, y), 'sigmoid_focal_loss')
  near(ops.sigmoidFocalLoss(x, y, { alpha: -1, gamma: 1.5, reduction: 'sum' }), 'sigmoid_focal_loss_plain')
  for (const [name, loss] of Object.entries({
    generalized_box_iou_loss: ops.generalizedBoxIouLoss,
    distance_box_iou_loss: ops.distanceBoxIouLoss,
    complete_box_iou_loss: ops.completeBoxIouLoss,
  })) {
    const p = a.narrow(0, 0, 4).clone().requiresGrad_()
    const value = loss(p, b, { reduction: 'sum' })
    value.backward()
    const [want, grad] = expected[name] as [Nested, Nested]
    near(value, name, 1e-5, want)
    near(p.grad as Tensor, `${name} gradient`, 1e-5, grad)
    expect(loss(zeros([0, 4]), zeros([0, 4]), { reduction: 'mean' }).item()).toBe(0)
  }
})

test('blocks', () => {
  const pyramid = new ops.FeaturePyramidNetwork([3, 5], 4, { extraBlocks: new ops.LastLevelP6P7(5, 4) })
  expect(Object.keys(pyramid.stateDict())).toEqual(expected.fpn_keys)
  fillNetwork(pyramid)
  const levels = { a: hashed([1, 3, 8, 9], 11), b: hashed([1, 5, 4, 5], 12) }
  const out = noGrad(() => pyramid.forward(levels))
  for (const [name, values] of Object.entries(expected.fpn as Record<string, Nested>))
    near(out[name], name, 1e-5, values)
  // Keys of TorchVision before 0.13.
  const old = Object.fromEntries(
    Object.entries(pyramid.stateDict()).map(([key, t]) => [key.replace(/(blocks\.\d)\.0\./, '$1.'), t]),
  )
  expect(Object.keys(old)[0]).toBe('inner_blocks.0.weight')
  pyramid.loadStateDict(old)

  manualSeed(3)
  near(ops.stochasticDepth(ones([6, 2]), 0.4, 'row'), 'stochastic_depth')
  manualSeed(3)
  near(ops.dropBlock2d(ones([1, 2, 7, 7]), 0.3, 3), 'drop_block')
  expect(ops.dropBlock3d(ones([1, 2, 5, 5, 5]), 0.5, 2).shape).toEqual([1, 2, 5, 5, 5])
  const squeeze = new ops.SqueezeExcitation(4, 2)
  fillNetwork(squeeze)
  near(squeeze.forward(hashed([1, 4, 3, 3], 17)), 'squeeze')
  const layer = new ops.Conv2dNormActivation(3, 8, { kernelSize: 5, dilation: 2, stride: 2 })
  expect([Object.keys(layer.stateDict())[0], layer.forward(ones([1, 3, 9, 9])).shape]).toEqual([
    '0.weight',
    [1, 8, 5, 5],
  ])
  expect(new ops.MLP(4, [8, 3], { dropout: 0.5 }).forward(ones([2, 4])).shape).toEqual([2, 3])
  const frozen = new ops.FrozenBatchNorm2d(2)
  frozen.loadStateDict({ ...frozen.stateDict(), num_batches_tracked: tensor(1) })
  expect(frozen.parameters()).toEqual([])
})

test('what does not fit is refused', () => {
  const rows: [() => unknown, RegExp][] = [
    [() => ops.nms(ones([3, 5]), ones([3]), 0.5), /nms: expected boxes of shape \[N, 4\] for boxes, got .*\[3, 5\]/],
    [() => ops.nms(ones([3, 4]), ones([2]), 0.5), /nms: expected scores of shape \[3\]/],
    [() => ops.batchedNms(ones([3, 4]), ones([3]), ones([3, 1]), 0.5), /batchedNms: expected idxs of shape \[3\]/],
    [() => ops.boxIou(ones([3, 4]), ones([4])), /boxIou: expected boxes of shape \[N, 4\] for boxes2/],
    [() => ops.boxConvert(a, 'xyxy', 'yxyx' as 'xyxy'), /for outFmt, got 'yxyx'/],
    [() => ops.masksToBoxes(zeros([2, 3, 3])), /mask 0 has no pixel/],
    [() => ops.stochasticDepth(ones([2]), 1.5, 'row'), /number in \[0, 1\] for p, got 1.5/],
    [() => ops.sigmoidFocalLoss(ones([2]), ones([2]), { alpha: 2 }), /alpha in \[0, 1\] or -1, got 2/],
    [
      () => new ops.FeaturePyramidNetwork([3, 5], 4).forward({ a: ones([1, 3, 4, 4]) }),
      /expected 2 feature maps, got 1/,
    ],
  ]
  for (const [run, message] of rows) expect(run).toThrow(message)
})
