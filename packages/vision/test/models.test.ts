import { createHash } from 'node:crypto'
import { type nn, noGrad, ones, setDefaultDevice, type Tensor, tensor } from '@flambeau/core'
import { models } from '@flambeau/vision'
import { expect, test } from '@jest/globals'
import { fillNetwork, fixture, hashed } from './support/hashed.js'

interface Expected {
  readonly digests: Record<string, string>
  readonly small: Record<string, { readonly digest: string; readonly out: number[][] }>
}
/** Of TorchVision 0.14: fixtures/make_models.py. `npm run interop:vision` compares whole results of all models. */
const expected = fixture<Expected>('models')

/** A digest of the names and shapes of parameters and buffers. */
const digest = (model: nn.AnyModule): string =>
  createHash('sha256')
    .update(
      Object.entries(model.stateDict())
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, t]) => `${key} [${t.shape.join(', ')}]\n`)
        .join(''),
    )
    .digest('hex')
    .slice(0, 16)

test("state dicts have TorchVision's keys and shapes", () => {
  expect(models.listModels()).toEqual(Object.keys(expected.digests).sort())
  // Shapes alone, without the memory.
  setDefaultDevice('meta')
  try {
    for (const [name, want] of Object.entries(expected.digests)) {
      const options = {
        ...(/^(fcn|deeplab)/.test(name) && { auxLoss: true }),
        ...(/^vit/.test(name) && { imageSize: name === 'vit_h_14' ? 56 : 64 }),
      }
      expect([name, digest(models.getModel(name, options))]).toEqual([name, want])
    }
  } finally {
    setDefaultDevice('cpu')
  }
})

test("small networks of each kind compute what TorchVision's do", () => {
  const networks: Record<string, [build: () => nn.Module, size: number]> = {
    resnet18: [() => models.resnet18({ numClasses: 5 }), 32],
    resnext50: [() => models.resnet50({ numClasses: 5, groups: 8, widthPerGroup: 4 }), 32],
    dilated: [
      () => models.resnet50({ numClasses: 5, replaceStrideWithDilation: [false, true, true], widthPerGroup: 8 }),
      32,
    ],
    mobilenet_v2: [() => models.mobilenet_v2({ numClasses: 5, widthMult: 0.25 }), 48],
    mobilenet_v3_small: [
      () => models.mobilenet_v3_small({ numClasses: 5, widthMult: 0.35, reducedTail: true, dilated: true }),
      48,
    ],
    mobilenet_v3_large: [() => models.mobilenet_v3_large({ numClasses: 5, widthMult: 0.25 }), 48],
    efficientnet_b0: [() => models.efficientnet_b0({ numClasses: 5 }), 48],
    efficientnet_v2: [
      () =>
        new models.EfficientNet(
          [
            { fused: true, expandRatio: 1, kernelSize: 3, stride: 1, from: 8, to: 8, layers: 1 },
            { fused: true, expandRatio: 4, kernelSize: 3, stride: 2, from: 8, to: 16, layers: 2 },
            { fused: false, expandRatio: 4, kernelSize: 3, stride: 2, from: 16, to: 24, layers: 2 },
          ],
          32,
          { numClasses: 5 },
        ),
      32,
    ],
    convnext: [
      () =>
        new models.ConvNeXt(
          [
            [8, 1],
            [16, 2],
            [24, 1],
          ],
          { numClasses: 5, layerScale: 0.5 },
        ),
      32,
    ],
    vit: [
      () =>
        new models.VisionTransformer(
          { patchSize: 8, numLayers: 2, numHeads: 4, hiddenDim: 16, mlpDim: 32 },
          { imageSize: 32, numClasses: 5, representationSize: 12 },
        ),
      32,
    ],
  }
  expect(Object.keys(networks)).toEqual(Object.keys(expected.small))
  for (const [name, [build, size]] of Object.entries(networks)) {
    const model = build().eval()
    fillNetwork(model)
    expect([name, digest(model)]).toEqual([name, expected.small[name].digest])
    const out: Tensor = noGrad(() => model.forward(hashed([2, 3, size, size], 1000).sub(0.5)))
    const want = tensor(expected.small[name].out)
    expect(out.shape).toEqual(want.shape)
    const scale = Math.max(1, want.abs().max().item<number>())
    expect([name, out.sub(want).abs().max().item<number>() / scale < 1e-4]).toEqual([name, true])
  }
})

test('every network trains', () => {
  for (const model of [
    models.mobilenet_v3_small({ numClasses: 3, widthMult: 0.35 }),
    new models.ResNet('basic', [1, 1, 1, 1], { numClasses: 3, zeroInitResidual: true }),
    new models.ConvNeXt(
      [
        [8, 2],
        [16, 1],
      ],
      { numClasses: 3, stochasticDepthProb: 0.5 },
    ),
  ]) {
    model
      .forward(ones([2, 3, 32, 32]))
      .sum()
      .backward()
    expect([...model.namedParameters()].filter(([, p]) => p.grad === null).map(([name]) => name)).toEqual([])
  }
})

test('models by name, and their published weights', async () => {
  expect(() => models.getModel('resnet19')).toThrow(/getModel: expected one of convnext_base, .* got 'resnet19'/)
  const weights = models.getModelWeights('resnet50')
  expect(Object.keys(weights)).toEqual(['IMAGENET1K_V2', 'IMAGENET1K_V1'])
  expect([weights.IMAGENET1K_V1.sha256, weights.IMAGENET1K_V2.meta?.numClasses]).toEqual(['0676ba61', 1000])
  await expect(models.loadModel('resnet18', { weights: 'IMAGENET22K' })).rejects.toThrow(
    /weights of resnet18 to be 'IMAGENET1K_V1'/,
  )
  expect(() => models.vit_b_16({ imageSize: 100 })).toThrow(/multiple of the patch size 16, got 100/)
  expect(() => models.vit_b_32({ imageSize: 64 }).forward(ones([1, 3, 32, 32]))).toThrow(
    /expected images \[N, 3, 64, 64\], got shape \[1, 3, 32, 32\]/,
  )
})
