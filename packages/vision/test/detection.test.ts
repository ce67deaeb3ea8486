import { manualSeed, nn, ones, type Tensor, tensor, zeros } from '@flambeau/core'
import { models } from '@flambeau/vision'
import { expect, test } from '@jest/globals'
import { fillNetwork, fixture, hashed } from './support/hashed.js'

interface Expected {
  readonly keys: string[]
  readonly found: { boxes: number[][]; labels: number[]; scores: number[] }[]
  readonly losses: Record<string, number>
  readonly gradients: Record<string, number>
}
/** TorchVision 0.14's: fixtures/make_detection.py. */
const expected = fixture<Expected>('detection')

function network(): models.FasterRCNN {
  const backbone = models.mobilenetFpn(models.mobilenet_v3_small({ widthMult: 0.35 }), 5)
  const sizes = [16, 32]
  const model = new models.FasterRCNN(backbone, 4, {
    minSize: 64,
    maxSize: 90,
    rpnAnchorGenerator: new models.AnchorGenerator([sizes, sizes, sizes], [[0.5, 1, 2]]),
    boxDetectionsPerImg: 12,
    boxScoreThresh: 0.1,
    rpnPostNmsTopNTest: 40,
    rpnPostNmsTopNTrain: 60,
    rpnBatchSizePerImage: 32,
    boxBatchSizePerImage: 16,
  })
  fillNetwork(model)
  return model
}

const images = [hashed([3, 50, 80], 2000), hashed([3, 70, 60], 2001)]

const close = (t: Tensor, want: unknown): number => {
  const values = tensor(want as number[], { dtype: 'float32' })
  expect(t.shape).toEqual(values.shape)
  return t.numel() === 0 ? 0 : t.sub(values).abs().max().item<number>()
}

test("a small Faster R-CNN finds what TorchVision's does", () => {
  const model = network().eval()
  expect(Object.keys(model.stateDict())).toEqual(expected.keys)
  const found = model.detect(images)
  for (const [i, want] of expected.found.entries()) {
    expect(found[i].labels.toArray()).toEqual(want.labels)
    expect(close(found[i].scores, want.scores)).toBeLessThan(1e-4)
    expect(close(found[i].boxes, want.boxes)).toBeLessThan(1e-2)
  }
})

test("its losses and gradients are TorchVision's", () => {
  const model = network().train()
  // With so few images, statistics of a batch would amplify rounding.
  for (const module of model.modules()) if (module instanceof nn.BatchNorm2d) module.eval()
  const targets = [
    {
      boxes: tensor([
        [5, 6, 40, 45],
        [50.5, 10, 75, 30],
      ]),
      labels: tensor([1, 3], { dtype: 'int64' }),
    },
    { boxes: zeros([0, 4]), labels: zeros([0], { dtype: 'int64' }) },
  ]
  manualSeed(5)
  const losses = model.forward(images, targets) as Record<string, Tensor>
  expect(Object.keys(losses).sort()).toEqual(Object.keys(expected.losses).sort())
  for (const [name, want] of Object.entries(expected.losses))
    expect([name, Math.abs(losses[name].item<number>() - want) < 1e-3 * Math.max(1, Math.abs(want))]).toEqual([
      name,
      true,
    ])
  Object.values(losses)
    .reduce((a, b) => a.add(b))
    .backward()
  for (const [name, want] of Object.entries(expected.gradients)) {
    const got = (model.getParameter(name).grad as Tensor).abs().sum().item<number>()
    expect([name, Math.abs(got - want) <= 2e-3 * Math.max(1, want)]).toEqual([name, true])
  }
})

test('what a detector cannot learn from is refused', () => {
  const model = network().train()
  const labels = tensor([1], { dtype: 'int64' })
  const one = [images[0]]
  const rows: [() => unknown, RegExp][] = [
    [() => model.forward(one), /expected targets in training, got none/],
    [() => model.detect([]), /expected a list of images/],
    [() => model.forward(one, []), /targets for each of 1 images, got 0/],
    [
      () => model.forward(one, [{ boxes: tensor([[5, 5, 2, 9]]), labels }]),
      /positive width and height, got \[5, 5, 2, 9\]/,
    ],
    [() => model.forward(one, [{ boxes: tensor([[NaN, 5, 2, 9]]), labels }]), /positive width and height/],
    [() => model.forward(one, [{ boxes: ones([2, 4]), labels }]), /expected 2 int64 labels for target 0/],
    [() => model.detect([zeros([3, 8, 8], { dtype: 'uint8' })]), /floating-point images \[C, H, W\]/],
    [() => new models.FasterRCNN(model.backbone, 1), /integer ≥ 2 for numClasses, got 1/],
  ]
  for (const [run, message] of rows) expect(run).toThrow(message)
  // A box outside of the image is nothing's best match, but no reason to fail.
  const outside = [{ boxes: tensor([[500, 500, 600, 620]]), labels }]
  for (const loss of Object.values(model.losses(one, outside))) expect(Number.isFinite(loss.item<number>())).toBe(true)
})

test('checkpoints from before TorchVision 0.13 load', () => {
  const model = network()
  const old = Object.fromEntries(
    Object.entries(model.stateDict()).map(([key, t]) => [
      key.replace(/(blocks\.\d)\.0\./, '$1.').replace('rpn.head.conv.0.0.', 'rpn.head.conv.'),
      t,
    ]),
  )
  expect('rpn.head.conv.weight' in old).toBe(true)
  model.loadStateDict(old)
})
