import { type DType, manualSeed, noGrad, ones, randn, stack, type Tensor, tensor, zeros } from '@flambeau/core'
import { ops, transforms, tvTensors } from '@flambeau/vision'
import { expect, test } from '@jest/globals'
import { fixture, hashed } from './support/hashed.js'

const F = transforms.functional
type Values = number[][][]
interface Expected {
  readonly uint8: Record<string, Values>
  readonly float32: Record<string, Values>
  readonly drawn: Record<string, unknown[][]>
  readonly toFloat: Values
  readonly toBytes: Values
  readonly normalize: Values
}
/** TorchVision 0.14's: fixtures/make_transforms.py. */
const expected = fixture<Expected>('transforms')

const image = hashed([3, 11, 14], 0).mul(256).to('uint8')
const real = hashed([3, 11, 14], 1)
const start = [
  [0, 0],
  [13, 0],
  [13, 10],
  [0, 10],
] as const
const end = [
  [2, 1],
  [12, 0],
  [11, 9],
  [1, 10],
] as const

const bytes = (x: Tensor): boolean => x.dtype === 'uint8'
const cases: Record<string, (x: Tensor) => Tensor> = {
  resize: (x) => F.resize(x, [7, 9]),
  resizeUp: (x) => F.resize(x, [17, 19]),
  resizeShort: (x) => F.resize(x, 8, { maxSize: 9, antialias: false }),
  resizeNearest: (x) => F.resize(x, [5, 21], { interpolation: 'nearest' }),
  resizeBicubic: (x) => F.resize(x, [6, 20], { interpolation: 'bicubic' }),
  centerCrop: (x) => F.centerCrop(x, [6, 9]),
  centerCropLarge: (x) => F.centerCrop(x, [13, 8]),
  cropOutside: (x) => F.crop(x, -2, 5, 8, 12),
  resizedCrop: (x) => F.resizedCrop(x, 2, 3, 6, 7, [9, 5]),
  pad: (x) => F.pad(x, [1, 2, 3, 4], { fill: 7 }),
  padEdge: (x) => F.pad(x, [2, 1], { paddingMode: 'edge' }),
  padReflect: (x) => F.pad(x, [2, 1], { paddingMode: 'reflect' }),
  padSymmetric: (x) => F.pad(x, [2, 1], { paddingMode: 'symmetric' }),
  rotate: (x) => F.rotate(x, 30),
  rotateBilinear: (x) => F.rotate(x, -50, { interpolation: 'bilinear', fill: [3, 4, 5] }),
  rotateExpand: (x) => F.rotate(x, 20, { interpolation: 'bilinear', expand: true }),
  rotateCenter: (x) => F.rotate(x, 20, { center: [2, 3], fill: 9 }),
  affine: (x) => F.affine(x, { angle: 15, translate: [2, -1], scale: 1.2, shear: [5, 8] }),
  affineBilinear: (x) =>
    F.affine(x, {
      angle: -15,
      translate: [1, 3],
      scale: 0.7,
      shear: [0, 20],
      interpolation: 'bilinear',
      fill: [2, 3, 4],
    }),
  affineCenter: (x) => F.affine(x, { angle: 40, translate: [1, 0], scale: 1, shear: [10], center: [0, 0] }),
  perspective: (x) => F.perspective(x, start, end),
  perspectiveNearest: (x) => F.perspective(x, start, end, { interpolation: 'nearest', fill: 3 }),
  brightness: (x) => F.adjustBrightness(x, 1.4),
  contrast: (x) => F.adjustContrast(x, 0.6),
  saturation: (x) => F.adjustSaturation(x, 1.7),
  hue: (x) => F.adjustHue(x, 0.3),
  sharpness: (x) => F.adjustSharpness(x, 2.5),
  invert: (x) => F.invert(x),
  posterize: (x) => (bytes(x) ? F.posterize(x, 3) : x),
  solarize: (x) => F.solarize(x, bytes(x) ? 100 : 0.4),
  autocontrast: (x) => F.autocontrast(x),
  equalize: (x) => (bytes(x) ? F.equalize(x) : x),
  grayscale: (x) => F.rgbToGrayscale(x, 3),
  gaussianBlur: (x) => F.gaussianBlur(x, [5, 3], [1.5, 0.8]),
}

function compare(name: string, out: Tensor, want: Values, tolerance: number): void {
  const values = tensor(want, { dtype: 'float32' })
  expect([name, out.shape]).toEqual([name, values.shape])
  const off = out.to('float32').sub(values).abs()
  // TorchVision solves for a perspective in single precision: a point on the edge of a pixel may fall beside it.
  if (name.startsWith('perspectiveNearest')) {
    expect(off.gt(tolerance).to('float32').mean().item<number>()).toBeLessThan(0.03)
    return
  }
  expect([name, off.max().item<number>() <= tolerance, off.mean().item<number>() <= tolerance / 3]).toEqual([
    name,
    true,
    true,
  ])
}

test("functional transforms give TorchVision's values", () => {
  expect(Object.keys(cases)).toEqual(Object.keys(expected.uint8))
  for (const [name, run] of Object.entries(cases))
    for (const x of [image, real]) {
      const out = noGrad(() => run(x))
      expect([name, out.dtype]).toEqual([name, x.dtype])
      const dtype = x.dtype as 'uint8' | 'float32'
      // Of bytes, resizing rounds and cuts off between its two passes.
      compare(
        `${name} ${dtype}`,
        out,
        expected[dtype][name],
        dtype === 'uint8' ? (name === 'resizeBicubic' ? 6 : 1) : 1e-4,
      )
      // A batch, and a video, are transformed image by image.
      const batch = run(stack([x, x], 0))
      expect([name, batch.select(0, 1).toArray()]).toEqual([name, out.toArray()])
    }
  compare('to float', F.toDtype(image, 'float32', true), expected.toFloat, 1e-6)
  compare('to bytes', F.toDtype(real, 'uint8', true), expected.toBytes, 0)
  compare('normalize', F.normalize(real, [0.4, 0.5, 0.6], [0.2, 0.3, 0.4]), expected.normalize, 1e-5)
  for (const [from, to] of [
    ['uint8', 'int32'],
    ['int32', 'uint8'],
    ['float64', 'float32'],
  ] as [DType, DType][])
    expect(F.toDtype(F.toDtype(image, from, true), to, true).dtype).toBe(to)
})

/** What a transform draws; seen by a subclass in TorchVision too. */
const drawn = (transform: object, x: Tensor): unknown =>
  (Reflect.get(transform, 'makeParams') as (leaves: unknown[]) => unknown).call(transform, [x])

test("random transforms draw TorchVision's numbers", () => {
  const big = zeros([3, 60, 90])
  const round = (value: unknown): unknown =>
    JSON.parse(JSON.stringify(value), (_, v: unknown) => (typeof v === 'number' ? Math.round(v * 1e5) / 1e5 : v))
  type Place = { top: number; left: number; height: number; width: number }
  const rows: Record<string, [object, (params: never) => unknown]> = {
    resizedCrop: [
      new transforms.RandomResizedCrop(10),
      ({ top, left, height, width }: Place) => [top, left, height, width],
    ],
    crop: [new transforms.RandomCrop([20, 30]), ({ top, left }: Place) => [top, left, 20, 30]],
    rotation: [new transforms.RandomRotation([-30, 40]), (angle: number) => angle],
    affine: [
      new transforms.RandomAffine([-10, 10], { translate: [0.2, 0.3], scale: [0.5, 2], shear: [-5, 5] }),
      (p: Record<string, unknown>) => [p.angle, p.translate, p.scale, p.shear],
    ],
    perspective: [new transforms.RandomPerspective({ distortionScale: 0.4 }), (points: unknown) => points],
    erasing: [new transforms.RandomErasing(), ({ i, j, h, w }: Record<string, number>) => [i, j, h, w]],
  }
  for (const [name, [transform, shown]] of Object.entries(rows)) {
    manualSeed(7)
    const values = [0, 1, 2].map(() => shown(drawn(transform, big) as never))
    expect([name, round(values)]).toEqual([name, round(expected.drawn[name])])
  }
  manualSeed(7)
  const jitter = new transforms.ColorJitter({ brightness: 0.5, contrast: 0.4, hue: 0.1 })
  const kinds = ['brightness', 'contrast', 'saturation', 'hue']
  const steps = [0, 1, 2].map(() => drawn(jitter, big) as [string, number][])
  for (const [i, [order, ...factors]] of (expected.drawn.jitter as [number[], ...number[]][]).entries())
    expect(round(steps[i])).toEqual(round(order.filter((k) => factors[k] !== null).map((k) => [kinds[k], factors[k]])))
})

/** A sample of an image with a rectangle, its mask and its box. */
function rectangle(): { image: tvTensors.Image; mask: tvTensors.Mask; boxes: tvTensors.BoundingBoxes; name: string } {
  const mask = zeros([1, 40, 60], { dtype: 'uint8' })
  mask.narrow(1, 10, 15).narrow(2, 20, 25).fill_(1)
  const options = { format: 'xyxy', canvasSize: [40, 60] } as const
  return {
    image: new tvTensors.Image(mask.repeat([3, 1, 1]).mul(200)),
    mask: new tvTensors.Mask(mask),
    boxes: new tvTensors.BoundingBoxes(tensor([[20, 10, 45, 25]]), options),
    name: 'a rectangle',
  }
}

test('image, mask and boxes change together', () => {
  const rows: Record<string, [object, number]> = {
    resize: [new transforms.Resize([20, 90]), 1],
    flip: [new transforms.RandomHorizontalFlip(1), 0],
    upside: [new transforms.RandomVerticalFlip(1), 0],
    crop: [new transforms.RandomCrop([35, 50]), 0],
    resizedCrop: [new transforms.RandomResizedCrop([33, 44], { scale: [0.8, 1] }), 1.5],
    pad: [new transforms.Pad([1, 2, 3, 4]), 0],
    centre: [new transforms.CenterCrop([30, 50]), 0],
    quarter: [new transforms.RandomRotation([90, 90], { expand: true }), 1],
    zoom: [new transforms.RandomZoomOut({ p: 1 }), 0],
    shift: [new transforms.RandomAffine(0, { translate: [0.1, 0.1], scale: [0.8, 1.2] }), 1.5],
    jitter: [new transforms.ScaleJitter([40, 60], { scaleRange: [0.5, 1.5] }), 1.5],
    shortest: [new transforms.RandomShortestSize([30, 50], 70), 1.5],
  }
  manualSeed(1)
  for (const [name, [transform, tolerance]] of Object.entries(rows)) {
    const out = (transform as transforms.Compose).forward(rectangle()) as ReturnType<typeof rectangle>
    expect([out.image instanceof tvTensors.Image, out.mask instanceof tvTensors.Mask, out.name]).toEqual([
      true,
      true,
      'a rectangle',
    ])
    expect([name, out.boxes.canvasSize]).toEqual([name, out.image.shape.slice(1)])
    expect(out.mask.shape.slice(1)).toEqual(out.image.shape.slice(1))
    // The box of the mask's pixels; a box ends behind its last one.
    const seen = ops.masksToBoxes(out.mask).add(tensor([0, 0, 1, 1]))
    expect([name, out.boxes.sub(seen).abs().max().item<number>() <= tolerance]).toEqual([name, true])
    const bright = ops.masksToBoxes(out.image.narrow(0, 0, 1).gt(100))
    expect([
      name,
      bright
        .add(tensor([0, 0, 1, 1]))
        .sub(seen)
        .abs()
        .max()
        .item<number>() <= tolerance,
    ]).toEqual([name, true])
  }
  // A turned or tilted rectangle fits into its box.
  for (const transform of [new transforms.RandomRotation(45), new transforms.RandomPerspective({ p: 1 })]) {
    const { mask, boxes } = transform.forward(rectangle())
    const [seen] = ops.masksToBoxes(mask).toArray() as number[][]
    const [box] = boxes.toArray() as number[][]
    expect(seen[0] >= box[0] - 1 && seen[1] >= box[1] - 1 && seen[2] <= box[2] + 1 && seen[3] <= box[3] + 1).toBe(true)
  }
})

test('boxes of every format, outside of the image, and their labels', () => {
  const data = tensor([
    [20, 10, 45, 25],
    [-10, 5, 5, 9],
    [70, 50, 90, 80],
    [3, 3, 3.4, 9],
  ])
  const boxes = new tvTensors.BoundingBoxes(data, { format: 'xyxy', canvasSize: [40, 60] })
  for (const format of ['xywh', 'cxcywh'] as const) {
    const other = F.convertBoundingBoxFormat(boxes, format)
    const flipped = F.convertBoundingBoxFormat(F.horizontalFlip(other) as tvTensors.BoundingBoxes, 'xyxy')
    expect(flipped.sub(F.horizontalFlip(boxes)).abs().max().item<number>()).toBeLessThan(1e-4)
  }
  expect(F.clampBoundingBoxes(boxes).narrow(0, 1, 2).toArray()).toEqual([
    [0, 5, 5, 9],
    [60, 40, 60, 40],
  ])
  const chain = new transforms.Compose([new transforms.ClampBoundingBoxes(), new transforms.SanitizeBoundingBoxes()])
  const sample = { boxes, labels: tensor([1, 2, 3, 4]), masks: new tvTensors.Mask(ones([4, 40, 60])), id: 7 }
  const out = chain.forward([zeros([3, 40, 60]), sample])
  expect([out[1].labels.toArray(), out[1].boxes.shape, out[1].masks.shape, out[1].id]).toEqual([
    [1, 2],
    [2, 4],
    [2, 40, 60],
    7,
  ])
  manualSeed(0)
  const crop = new transforms.RandomIoUCrop()
  for (let i = 0; i < 5; i++) {
    const cropped = crop.forward(zeros([3, 40, 60]), sample)
    expect(cropped[1].boxes.canvasSize).toEqual(cropped[0].shape.slice(1))
  }
  expect(() => crop.forward(zeros([3, 4, 4]))).toThrow(/expected BoundingBoxes in the sample, got none/)
  expect(() => new tvTensors.BoundingBoxes(ones([3]), { format: 'xyxy', canvasSize: [1, 1] })).toThrow(/expected boxes/)
  expect(() => new tvTensors.BoundingBoxes(data, { format: 'xyxy', canvasSize: [0, 1] })).toThrow(/canvasSize/)
})

test('a plain tensor is an image where no other tensor is one', () => {
  const flip = new transforms.RandomHorizontalFlip(1)
  const x = tensor([[[1, 2]]])
  const [a, b] = flip.forward(x, x)
  expect([a.toArray(), b.toArray()]).toEqual([[[[2, 1]]], [[[1, 2]]]])
  const marked = flip.forward({ label: x, image: new tvTensors.Image(x) })
  expect([marked.label.toArray(), marked.image.toArray()]).toEqual([[[[1, 2]]], [[[2, 1]]]])
  expect(flip.forward('text')).toBe('text')
  const grey = x.clone().requiresGrad_()
  new tvTensors.Image(grey).mul(3).sum().backward()
  expect(grey.grad?.toArray()).toEqual([[[3, 3]]])
})

test('every augmentation on every kind of image', () => {
  manualSeed(3)
  const pictures = [image, real, stack([image, image], 0), image.narrow(0, 0, 1)]
  const chains = [
    new transforms.RandAugment({ numOps: 3 }),
    new transforms.TrivialAugmentWide({ interpolation: 'bilinear', fill: 100 }),
    new transforms.AutoAugment('imagenet'),
    new transforms.AutoAugment('cifar10'),
    new transforms.AutoAugment('svhn'),
    new transforms.ColorJitter({ brightness: 0.5, contrast: 0.5, saturation: 0.5, hue: 0.5 }),
    new transforms.RandomErasing({ p: 1, value: 'random' }),
    new transforms.GaussianBlur(3),
    new transforms.RandomGrayscale(1),
    new transforms.RandomPosterize(2, 1),
    new transforms.RandomEqualize(1),
  ]
  for (const picture of pictures)
    for (const chain of chains)
      for (let i = 0; i < 8; i++) {
        const out = chain.forward(picture)
        expect([chain.constructor.name, out.shape, out.dtype]).toEqual([
          chain.constructor.name,
          picture.shape,
          picture.dtype,
        ])
      }
  expect(() => chains[0].forward(rectangle())).toThrow(/RandAugment: expected images alone, got boxes or masks/)
  const [first, ...others] = new transforms.TenCrop(4).forward(image) as Tensor & Tensor[]
  expect([first.shape, others.length]).toEqual([[3, 4, 4], 9])
})

test('MixUp and CutMix', () => {
  manualSeed(2)
  const images = stack([zeros([3, 8, 8]), ones([3, 8, 8])], 0)
  const labels = tensor([0, 2], { dtype: 'int64' })
  for (const mix of [new transforms.MixUp({ numClasses: 3 }), new transforms.CutMix({ numClasses: 3 })]) {
    const [x, y] = mix.forward(images, labels)
    expect([x.shape, y.shape, y.sum(1).toArray()]).toEqual([
      [2, 3, 8, 8],
      [2, 3],
      [1, 1],
    ])
    // The mean of an image is the share of its class.
    expect(x.mean([1, 2, 3]).sub(y.select(1, 2)).abs().max().item<number>()).toBeLessThan(1e-6)
  }
  expect(() => new transforms.MixUp().forward(images, labels)).toThrow(
    /expected numClasses, since the labels are integers/,
  )
  expect(() => new transforms.CutMix().forward(images)).toThrow(/expected labels \[2\]/)
})

test('transforms of transforms', () => {
  manualSeed(0)
  const add = (x: Tensor): Tensor => x.add(1)
  const double = (x: Tensor): Tensor => x.mul(2)
  const one = tensor([[[1]]])
  const value = (t: Tensor): number => t.item<number>()
  expect(value(new transforms.Compose([add, double, new transforms.Lambda(add)]).forward(one))).toBe(5)
  const seen = (chain: { forward(x: Tensor): Tensor }): number[] =>
    [...new Set(Array.from({ length: 40 }, () => value(chain.forward(one))))].sort()
  expect(seen(new transforms.RandomOrder([add, double]))).toEqual([3, 4])
  expect(seen(new transforms.RandomChoice([add, (x) => x.mul(7)], [0.3, 0.7]))).toEqual([2, 7])
  expect(seen(new transforms.RandomApply([add, double], 0.5))).toEqual([1, 4])
  expect(new transforms.RandomChoice([add, double], [0, 1]).forward(one).item()).toBe(2)
  const preset = transforms.imageClassification({ cropSize: 8, resizeSize: 10 })
  const out = (preset as (x: Tensor) => Tensor)(image)
  expect([out.shape, out.dtype]).toEqual([[3, 8, 8], 'float32'])
  const printed = String(new transforms.Compose([new transforms.Resize(8), new transforms.RandomHorizontalFlip()]))
  expect(printed).toMatch(/Resize\(size=8, interpolation=bilinear\)/)
})

test('what does not fit is refused', () => {
  const rows: [() => unknown, RegExp][] = [
    [() => new transforms.Resize(0), /integer ≥ 1 for size, got 0/],
    [() => new transforms.Resize(10, { maxSize: 5 }), /maxSize above size 10, got 5/],
    [() => F.resize(image, 5, { interpolation: 'lanczos' as 'nearest' }), /for interpolation, got 'lanczos'/],
    [() => new transforms.RandomCrop(100).forward(image), /at least 100 × 100, got 11 × 14 .* use padIfNeeded/],
    [() => new transforms.RandomCrop(100).forward('x'), /expected an image, a mask or boxes in the sample, got none/],
    [() => F.fiveCrop(image, 20), /size of at most 11 × 14, got 20 × 20/],
    [() => F.pad(image, [1, 2, 3]), /1, 2 or 4 integers for padding/],
    [() => F.pad(image, 20, { paddingMode: 'reflect' }), /padding below the image's 11 × 14/],
    [() => F.normalize(image, [0], [1]), /floating-point image, got uint8; use ToDtype/],
    [() => F.normalize(real, [0, 0], [1, 1]), /3 numbers for mean, got 2/],
    [() => F.adjustHue(image, 0.7), /number in \[-0.5, 0.5\] for hueFactor, got 0.7/],
    [() => F.adjustBrightness(image, -1), /number ≥ 0 for brightnessFactor, got -1/],
    [() => F.gaussianBlur(image, 4), /odd integers for kernelSize, got 4/],
    [() => F.affine(image, { angle: 0, translate: [0, 0], scale: 0, shear: 0 }), /number above 0 for scale, got 0/],
    [() => new transforms.RandomResizedCrop(10, { scale: [1, 0.5] }), /two numbers ≥ 0 in order for scale/],
    [() => new transforms.ColorJitter({ hue: 0.7 }), /numbers ≥ -0.5 in order for hue, got \[-0.7, 0.7\]/],
    [() => new transforms.RandomHorizontalFlip(2), /number in \[0, 1\] for p, got 2/],
    [() => new transforms.Compose([]), /at least one transform/],
    [() => new transforms.RandomChoice([(x) => x], [-1]), /1 weights ≥ 0 for p/],
    [() => new transforms.RandAugment({ magnitude: 31 }), /magnitude below 31, got 31/],
    [() => new transforms.AutoAugment('mnist' as 'svhn'), /policy imagenet, cifar10, svhn, got 'mnist'/],
    [
      () => new transforms.RandomCrop(4).forward([new tvTensors.Image(image), new tvTensors.Mask(randn([4, 4]))]),
      /of one size, got 11 × 14 and 4 × 4/,
    ],
  ]
  for (const [run, message] of rows) expect(run).toThrow(message)
})
