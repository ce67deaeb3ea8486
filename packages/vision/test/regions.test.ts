import { gradcheck, gradgradcheck, ones, type Tensor, tensor, zeros } from '@flambeau/core'
import { ops } from '@flambeau/vision'
import { expect, test } from '@jest/globals'
import { fixture, hashed } from './support/hashed.js'

/** TorchVision 0.14's values: fixtures/make_ops.py. */
const expected = fixture<Record<string, unknown>>('ops')

function near(t: Tensor, value: unknown): void {
  const want = tensor(value as number[])
  expect(t.shape).toEqual(want.shape)
  expect(t.detach().sub(want).abs().max().item<number>()).toBeLessThan(2e-5)
}

const feature = hashed([2, 3, 10, 12], 8)
const regions = tensor([
  [0, 0.3, 1.2, 20, 30],
  [1, -3, -5, 8.5, 9],
  [1, 10, 4, 60, 70],
  [0, 5, 5, 5, 5],
  [1, 40, 30, 20, 10],
])

test('roiAlign and its gradient', () => {
  for (const [name, options] of Object.entries({
    plain: {},
    aligned: { aligned: true },
    sampled: { samplingRatio: 2 },
    both: { samplingRatio: 3, aligned: true },
  })) {
    const input = feature.clone().requiresGrad_()
    const out = ops.roiAlign(input, regions, [3, 4], { spatialScale: 0.25, ...options })
    out.mul(hashed(out.shape, 9)).sum().backward()
    const [value, grad] = expected[`roi_align_${name}`] as unknown[]
    near(out, value)
    near(input.grad as Tensor, grad)
  }
  const small = hashed([1, 2, 4, 5], 3).to('float64').requiresGrad_()
  const boxes = [tensor([[0.2, 0.4, 3.1, 2.7]])]
  const pool = (x: Tensor): Tensor => ops.roiAlign(x, boxes, 2, { samplingRatio: 2 })
  expect(gradcheck(pool, [small]) && gradgradcheck(pool, [small])).toBe(true)
})

test('roiPool and its gradient', () => {
  const input = feature.clone().requiresGrad_()
  const out = ops.roiPool(input, regions, [3, 4], { spatialScale: 0.25 })
  out.mul(hashed(out.shape, 9)).sum().backward()
  const [value, grad] = expected.roi_pool as unknown[]
  near(out, value)
  near(input.grad as Tensor, grad)
})

test('regions on the level of a pyramid that fits them', () => {
  const boxes = (n: number, seed: number, size: number): Tensor => {
    const t = hashed([n, 4], seed)
    const corner = t.narrow(1, 0, 2).mul(100)
    return corner.repeat([1, 2]).add(zeros([n, 4]).put(['...', '2:'], t.narrow(1, 2, 2).mul(size).add(1)))
  }
  const pooler = new ops.MultiScaleRoIAlign(['a', 'b'], 3, 2)
  const levels = { a: hashed([2, 3, 32, 40], 13), b: hashed([2, 3, 16, 20], 14), other: ones([1]) }
  const proposals = [boxes(3, 15, 100).mul(1.2), boxes(2, 16, 30).mul(0.8)]
  const sizes = [
    [128, 160],
    [120, 150],
  ] as const
  near(pooler.forward(levels, proposals, sizes), expected.multi_scale)
  expect(pooler.forward(levels, [zeros([0, 4]), zeros([0, 4])], sizes).shape).toEqual([0, 3, 3, 3])
  expect(() => pooler.forward({ c: ones([1]) }, proposals, sizes)).toThrow(/feature maps named a, b, got c/)
})

test('regions outside of the image, without an end, of no image', () => {
  const x = ones([1, 1, 4, 4])
  const pool = (...box: number[]): number[] =>
    ops
      .roiAlign(x, tensor([[0, ...box]]), 1)
      .reshape([-1])
      .toArray() as number[]
  expect(pool(100, 100, 120, 120)).toEqual([0])
  // Most of its samples lie outside.
  const started = performance.now()
  expect(pool(-1e9, -1e9, 1e9, 1e9)[0]).toBeLessThan(1e-6)
  expect(performance.now() - started).toBeLessThan(1000)
  expect(
    ops
      .roiPool(x, tensor([[0, 100, 100, 120, 120]]), 2)
      .sum()
      .item(),
  ).toBe(0)
  expect(ops.roiPool(x, tensor([[0, -1e30, -1e30, 1e30, 1e30]]), 1).shape).toEqual([1, 1, 1, 1])
  const rows: [() => unknown, RegExp][] = [
    [
      () => ops.roiAlign(x, tensor([[1, 0, 0, 2, 2]]), 2),
      /roiAlign: expected image numbers below 1, got 1 for region 0/,
    ],
    [
      () => ops.roiAlign(x, tensor([[0, 0, 0, 2, NaN]]), 2),
      /roiAlign: expected finite corners, got others for region 0/,
    ],
    [() => ops.roiPool(x, tensor([[-1, 0, 0, 2, 2]]), 2), /roiPool: expected image numbers below 1/],
    [() => ops.roiAlign(x, [ones([1, 4]), ones([1, 4])], 2), /a list of boxes for each of 1 images, got 2/],
    [() => ops.roiAlign(x, ones([1, 4]), 2), /expected regions \[K, 5\]/],
    [() => ops.roiAlign(x, [ones([1, 4])], 0), /integer ≥ 1 for outputSize, got 0/],
    [() => ops.roiAlign(ones([4, 4]), [ones([1, 4])], 1), /roiAlign/],
  ]
  for (const [run, message] of rows) expect(run).toThrow(message)
})
