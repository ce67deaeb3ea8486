import { full, ones, tensor, zeros } from '@flambeau/core'
import { utils } from '@flambeau/vision'
import { expect, test } from '@jest/globals'

const black = zeros([3, 6, 7], { dtype: 'uint8' })

test('boxes are drawn where they are', () => {
  const boxes = tensor([[1, 1, 4.9, 3]])
  const rows = (options: utils.DrawBoxesOptions): string[] =>
    (utils.drawBoundingBoxes(black, boxes, options).select(0, 0).toArray() as number[][]).map((row) =>
      row.map((v) => (v === 0 ? '.' : v === 255 ? '#' : '+')).join(''),
    )
  const frame = ['.......', '.####..', '.#..#..', '.####..', '.......', '.......']
  expect(rows({ colors: '#ff0000' })).toEqual(frame)
  expect(rows({ colors: [[255, 0, 0]], fill: true })[2]).toBe('.#++#..')
  expect(rows({ colors: [255, 0, 0], width: 2 })[2]).toBe('.####..')
  // Outside of the image, and across its edge.
  const far = tensor([
    [-5, -5, 2, 2],
    [100, 100, 1e9, 1e9],
  ])
  const out = utils.drawBoundingBoxes(black, far, { colors: '#ffffff' })
  expect(out.select(0, 0).toArray().toString()).toBe(
    [
      [0, 0, 255, 0, 0, 0, 0],
      [0, 0, 255, 0, 0, 0, 0],
      [255, 255, 255, 0, 0, 0, 0],
      [0, 0, 0, 0, 0, 0, 0],
      [0, 0, 0, 0, 0, 0, 0],
      [0, 0, 0, 0, 0, 0, 0],
    ].toString(),
  )
  expect(utils.drawBoundingBoxes(black, zeros([0, 4])).toArray()).toEqual(black.toArray())
  // A label of two letters stands above its box.
  const large = zeros([1, 40, 40], { dtype: 'uint8' })
  const labelled = utils.drawBoundingBoxes(large, tensor([[5, 20, 30, 30]]), { labels: ['I?'], colors: '#ffffff' })
  expect(labelled.shape).toEqual([3, 40, 40])
  expect(labelled.narrow(1, 14, 5).gt(0).sum().item()).toBe(3 * (9 + 6))
})

test('masks are mixed into the image', () => {
  const image = full([3, 2, 2], 100, { dtype: 'uint8' })
  const masks = tensor([
    [
      [true, true],
      [false, false],
    ],
    [
      [false, true],
      [false, false],
    ],
  ])
  const out = utils.drawSegmentationMasks(image, masks, { alpha: 0.5, colors: ['#c80000', '#0000c8'] })
  expect(out.toArray()).toEqual([
    [
      [150, 50],
      [100, 100],
    ],
    [
      [50, 50],
      [100, 100],
    ],
    [
      [50, 150],
      [100, 100],
    ],
  ])
})

test('what does not fit is refused', () => {
  const rows: [() => unknown, RegExp][] = [
    [() => utils.drawBoundingBoxes(ones([3, 4, 4]), ones([1, 4])), /uint8 image \[1 or 3, H, W\], got a float32/],
    [() => utils.drawBoundingBoxes(black, ones([4])), /boxes of shape \[N, 4\]/],
    [() => utils.drawBoundingBoxes(black, tensor([[3, 3, 1, 4]])), /expected x1 ≤ x2 and y1 ≤ y2, got \[3, 3, 1, 4\]/],
    [() => utils.drawBoundingBoxes(black, tensor([[NaN, 3, 1, 4]])), /expected finite corners/],
    [() => utils.drawBoundingBoxes(black, ones([1, 4]), { labels: [] }), /expected 1 labels/],
    [() => utils.drawBoundingBoxes(black, ones([1, 4]), { colors: 'red' }), /a colour such as '#ff8000', got 'red'/],
    [() => utils.drawSegmentationMasks(black, ones([1, 6, 7])), /bool masks \[N, 6, 7\]/],
  ]
  for (const [run, message] of rows) expect(run).toThrow(message)
})
