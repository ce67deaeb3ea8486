// Random transforms against TorchVision 0.28's, number by number: fixtures/make_augment.py.
import { manualSeed, noGrad, ones, type Tensor, tensor } from '@flambeau/core'
import { transforms as T, tvTensors } from '@flambeau/vision'
import { expect, test } from '@jest/globals'
import { fixture, hashed } from './support/hashed.js'

type Nested = number | Nested[]
type Sample = Record<'image' | 'boxes' | 'masks' | 'labels', Nested>
const expected = fixture<{
  readonly alone: Record<string, Nested[]>
  readonly together: Record<string, Sample[]>
  readonly mixed: Record<string, [Nested, Nested][]>
}>('augment')

const image = hashed([3, 11, 14], 0).mul(256).to('uint8')

/** What is drawn must be the same; a pixel may be rounded the other way, or, on the edge of another, be that one. */
function near(name: string, out: Tensor, want: Nested, tolerance: number, apart = 0): void {
  const values = tensor(want as number[], { dtype: 'float32' })
  const shape = values.numel() === 0 ? out.shape : values.shape
  expect([name, out.shape]).toEqual([name, shape])
  const off = out.to('float32').sub(values.reshape(shape)).abs().gt(tolerance)
  const share = off.numel() === 0 ? 0 : off.to('float32').mean().item<number>()
  expect([name, share <= apart, share]).toEqual([name, true, share])
}

interface Transform {
  forward<X>(x: X): X
}

const alone: Record<string, Transform> = {
  RandAugment: new T.RandAugment(),
  'RandAugment strong': new T.RandAugment({
    numOps: 1,
    magnitude: 7,
    numMagnitudeBins: 10,
    interpolation: 'bilinear',
    fill: [3, 4, 5],
  }),
  TrivialAugmentWide: new T.TrivialAugmentWide(),
  'AutoAugment imagenet': new T.AutoAugment('imagenet'),
  'AutoAugment cifar10': new T.AutoAugment('cifar10'),
  'AutoAugment svhn': new T.AutoAugment('svhn'),
  ColorJitter: new T.ColorJitter({ brightness: 0.4, contrast: 0.3, saturation: 0.5, hue: 0.2 }),
  RandomErasing: new T.RandomErasing({ p: 0.7, value: [9, 8, 7] }),
  GaussianBlur: new T.GaussianBlur(3),
  RandomGrayscale: new T.RandomGrayscale(0.5),
  RandomInvert: new T.RandomInvert(),
  RandomPosterize: new T.RandomPosterize(2),
  RandomSolarize: new T.RandomSolarize(100),
  RandomAdjustSharpness: new T.RandomAdjustSharpness(2),
  RandomAutocontrast: new T.RandomAutocontrast(),
  RandomEqualize: new T.RandomEqualize(),
  RandomChannelPermutation: new T.RandomChannelPermutation(),
}

test('images', () => {
  expect(Object.keys(alone)).toEqual(Object.keys(expected.alone))
  for (const [name, transform] of Object.entries(alone))
    for (const [seed, want] of expected.alone[name].entries()) {
      manualSeed(seed)
      near(`${name}, seed ${seed}`, transform.forward(image), want, 1, 0.01)
    }
})

const together: Record<string, Transform> = {
  Resize: new T.Resize([7, 20]),
  RandomHorizontalFlip: new T.RandomHorizontalFlip(),
  RandomVerticalFlip: new T.RandomVerticalFlip(),
  RandomCrop: new T.RandomCrop([6, 9], { padding: 2, fill: 5 }),
  RandomResizedCrop: new T.RandomResizedCrop([8, 9], { scale: [0.3, 1] }),
  CenterCrop: new T.CenterCrop([13, 8]),
  Pad: new T.Pad([1, 2, 3, 4], { fill: 7 }),
  RandomRotation: new T.RandomRotation([-40, 50], { expand: true }),
  RandomAffine: new T.RandomAffine([-20, 20], { translate: [0.2, 0.3], scale: [0.6, 1.4], shear: [-5, 5, -8, 8] }),
  RandomPerspective: new T.RandomPerspective({ distortionScale: 0.4, p: 0.8 }),
  RandomZoomOut: new T.RandomZoomOut({ fill: 1, sideRange: [1, 2], p: 0.8 }),
  RandomIoUCrop: new T.Compose([new T.RandomIoUCrop(), new T.SanitizeBoundingBoxes()]),
  ScaleJitter: new T.ScaleJitter([12, 15], { scaleRange: [0.5, 1.2] }),
  RandomShortestSize: new T.RandomShortestSize([6, 9, 13], 15),
}

test('images with boxes and masks', () => {
  expect(Object.keys(together)).toEqual(Object.keys(expected.together))
  for (const [name, transform] of Object.entries(together))
    for (const [seed, want] of expected.together[name].entries()) {
      const corners = tensor([
        [2, 1, 9, 8],
        [0, 0, 14, 11],
        [6, 5, 8, 10.5],
      ])
      const sample = {
        image: new tvTensors.Image(image),
        boxes: new tvTensors.BoundingBoxes(corners, { format: 'xyxy', canvasSize: [11, 14] }),
        masks: new tvTensors.Mask(hashed([3, 11, 14], 3).gt(0.6).to('uint8')),
        labels: tensor([1n, 2n, 3n]),
      }
      manualSeed(seed)
      const out = transform.forward(sample)
      const say = (what: string): string => `${name}, seed ${seed}: ${what}`
      near(say('image'), out.image, want.image, 1, 0.02)
      // Of an image that grows, ours lie where the image is: its size is rounded up, and it stays in the middle.
      near(say('boxes'), out.boxes, want.boxes, name === 'RandomRotation' ? 1 : 1e-3)
      near(say('masks'), out.masks, want.masks, 0, 0.02)
      near(say('labels'), out.labels, want.labels, 0)
    }
})

test('mixtures of images and of labels', () => {
  const mixes: Record<string, Transform & { forward(x: Tensor, y: Tensor): [Tensor, Tensor] }> = {
    MixUp: new T.MixUp({ numClasses: 4 }),
    'MixUp alpha': new T.MixUp({ alpha: 0.3, numClasses: 4 }),
    CutMix: new T.CutMix({ numClasses: 4 }),
  }
  expect(Object.keys(mixes)).toEqual(Object.keys(expected.mixed))
  for (const [name, mix] of Object.entries(mixes))
    for (const [seed, [images, labels]] of expected.mixed[name].entries()) {
      manualSeed(seed)
      const [x, y] = noGrad(() => mix.forward(hashed([3, 1, 5, 6], 9), tensor([0n, 3n, 1n])))
      near(`${name}, seed ${seed}: images`, x, images, 1e-5)
      near(`${name}, seed ${seed}: labels`, y, labels, 1e-5)
    }
})

test('masks are filled with the number that images are, or with their own', () => {
  const sample = { image: new tvTensors.Image(ones([3, 1, 1])), mask: new tvTensors.Mask(ones([2, 1, 1])) }
  const seen = (transform: Transform): number[] => {
    const { image: x, mask } = transform.forward(sample)
    return [x.at(0, 0, 0).item<number>(), mask.at(0, 0, 0).item<number>()]
  }
  expect(seen(new T.Pad(1, { fill: 7 }))).toEqual([7, 7])
  expect(seen(new T.Pad(1, { fill: { images: [7, 8, 9], masks: 255 } }))).toEqual([7, 255])
  expect(seen(new T.RandomCrop(3, { padding: 1, fill: { images: 7 } }))).toEqual([7, 0])
  const turned = { fill: { images: 7, masks: 3 }, expand: true }
  expect(seen(new T.Compose([new T.Pad(3), new T.RandomRotation([45, 45], turned)]))).toEqual([7, 3])
  for (const transform of [new T.Pad(1, { fill: [7, 8, 9] }), new T.RandomAffine(9, { fill: [7, 8, 9] })])
    expect(() => transform.forward(sample)).toThrow(/a number to fill masks with, got \[7, 8, 9\]; give fill as/)
})
