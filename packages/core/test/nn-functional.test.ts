import { ArgumentError, F, IndexError, manualSeed, nn, ShapeError, type Tensor, tensor } from '@flambeau/core'
import { expect, test } from '@jest/globals'

const range = (n: number, shape: number[], value: (i: number) => number = (i) => i): Tensor =>
  tensor(
    Array.from({ length: n }, (_, i) => value(i)),
    { dtype: 'float32' },
  ).reshape(shape)
const flat = (t: Tensor): number[] => Array.from(t.to('float64').reshape([-1]).data() as Float64Array)
function expectClose(t: Tensor, values: readonly number[]): void {
  const got = flat(t)
  expect(got.length).toBe(values.length)
  got.forEach((v, i) => {
    if (Number.isNaN(values[i])) expect(v).toBeNaN()
    else expect(v).toBeCloseTo(values[i], 4)
  })
}

// What the conformance cases cannot say, since their results are random or PyTorch's table lacks them.
test('response normalization across maps, where PyTorch subtracts all that has left the window', () => {
  // x = (torch.arange(6.).reshape(1, 6, 1, 1) / 3 - 1); nn.CrossMapLRN2d(4, alpha=.5, beta=.75, k=2)(x)[:, :2]
  const x = range(6, [1, 6, 1, 1], (i) => i / 3 - 1)
  const layer = new nn.CrossMapLRN2d(4, { alpha: 0.5, beta: 0.75, k: 2 })
  expectClose(layer.forward(x).narrow(1, 0, 2), [-0.557281509, -0.369756058])
  // the same with size 5 and x[:, :3]
  const wide = new nn.CrossMapLRN2d(5, { alpha: 0.5, beta: 0.75, k: 2 })
  expectClose(wide.forward(x.narrow(1, 0, 3)), [-0.562122002, -0.374748002, -0.187374001])
  expect(() => layer.forward(x.reshape([6]))).toThrow('CrossMapLRN2d: expected an input [N, C, H, W], got shape [6]')
})

test('fractional max pooling at given places', () => {
  // F.fractional_max_pool2d(torch.arange(25.).reshape(1,1,5,5), 2, output_size=(3,2), _random_samples=torch.tensor([[[.3,.7]]]), return_indices=True)
  const two = F.fractionalMaxPool2d(range(25, [1, 1, 5, 5]), 2, {
    outputSize: [3, 2],
    returnIndices: true,
    _randomSamples: tensor([[[0.3, 0.7]]]),
  })
  expectClose(two.values, [6, 9, 11, 14, 21, 24])
  expectClose(two.indices, [6, 9, 11, 14, 21, 24])
  // x = (torch.arange(216.)*7%11).reshape(1,1,6,6,6); s = torch.tensor([[[.1,.5,.9]]])
  // F.fractional_max_pool3d(x, 2, output_size=(2,3,2), _random_samples=s, return_indices=True)
  const three = F.fractionalMaxPool3d(
    range(216, [1, 1, 6, 6, 6], (i) => (i * 7) % 11),
    2,
    { outputSize: [2, 3, 2], returnIndices: true, _randomSamples: tensor([[[0.1, 0.5, 0.9]]]) },
  )
  expectClose(three.values, [10, 10, 7, 10, 10, 9, 7, 10, 10, 9, 10, 10])
  expectClose(three.indices, [36, 47, 12, 58, 25, 28, 144, 190, 157, 160, 168, 179])
})

test('fractional max pooling draws as PyTorch does', () => {
  // torch.manual_seed(3); nn.FractionalMaxPool2d(3, output_ratio=.5)(torch.arange(64.).reshape(1,1,8,8))
  manualSeed(3)
  expectClose(
    new nn.FractionalMaxPool2d(3, { outputRatio: 0.5 }).forward(range(64, [1, 1, 8, 8])),
    [18, 19, 21, 23, 26, 27, 29, 31, 42, 43, 45, 47, 58, 59, 61, 63],
  )
  // torch.manual_seed(3); nn.FractionalMaxPool3d(2, output_size=3)(torch.arange(216.).reshape(1,1,6,6,6))
  manualSeed(3)
  expectClose(
    new nn.FractionalMaxPool3d(2, { outputSize: 3 }).forward(range(216, [1, 1, 6, 6, 6])),
    [
      43, 45, 47, 55, 57, 59, 67, 69, 71, 115, 117, 119, 127, 129, 131, 139, 141, 143, 187, 189, 191, 199, 201, 203,
      211, 213, 215,
    ],
  )
})

test('the gradient of fractional max pooling goes to the maxima', () => {
  const x = range(25, [1, 1, 5, 5]).requiresGrad_()
  F.fractionalMaxPool2d(x, 2, { outputSize: [1, 2], _randomSamples: tensor([[[0.3, 0.7]]]) })
    .sum()
    .backward()
  expect(flat(x.grad as Tensor).filter((g) => g !== 0)).toEqual([1, 1])
})

const theta = tensor([
  [
    [1, 0.5, 0, 0.1],
    [0, 1, 0.25, 0],
    [0, 0, 2, -0.5],
  ],
])
const points = tensor([
  [
    [
      [Number.NaN, 0],
      [Number.POSITIVE_INFINITY, 0],
      [5, -5],
    ],
  ],
])
const squares = range(16, [1, 1, 4, 4], (i) => i * i)
const { NaN: nan } = Number

// The values are those of the same line in PyTorch.
const VALUES: [string, () => Tensor, number[]][] = [
  [
    'affine_grid(theta, (1,1,1,2,2), align_corners=False)',
    () => F.affineGrid(theta, [1, 1, 1, 2, 2]),
    [-0.65, -0.5, -0.5, 0.35, -0.5, -0.5, -0.15, 0.5, -0.5, 0.85, 0.5, -0.5],
  ],
  [
    'affine_grid(theta, (1,1,2,1,2), align_corners=True)',
    () => F.affineGrid(theta, [1, 1, 2, 1, 2], { alignCorners: true }),
    [-0.9, -0.25, -2.5, 1.1, -0.25, -2.5, -0.9, 0.25, 1.5, 1.1, 0.25, 1.5],
  ],
  [
    'fold(arange(16.).reshape(1,4,4), (3,3), 2)',
    () => F.fold(range(16, [1, 4, 4]), 3, 2),
    [0, 5, 5, 10, 30, 20, 10, 25, 15],
  ],
  [
    'interpolate(squares, size=(2,3), mode="bicubic", antialias=True)',
    () => F.interpolate(squares, { size: [2, 3], mode: 'bicubic', antialias: true }),
    [10.61999, 19.05341, 30.77989, 101.0646, 128.64018, 159.50883],
  ],
  [
    'interpolate(squares, scale_factor=.6, mode="bilinear", antialias=True)',
    () => F.interpolate(squares, { scaleFactor: 0.6, mode: 'bilinear', antialias: true }),
    [8.7551, 18.15873, 78.39683, 107.55556],
  ],
  [
    'interpolate(squares, size=(4,3), mode="lanczos", antialias=True)',
    () => F.interpolate(squares, { size: [4, 3], mode: 'lanczos', antialias: true }),
    [
      0.025353, 2.25, 8.068997, 17.300497, 30.25, 46.793858, 66.575638, 90.25, 117.518723, 147.850784, 182.25,
      220.243591,
    ],
  ],
  [
    'interpolate((arange(64) * 4).to(uint8).reshape(1,1,8,8), size=(5,3), mode="lanczos", antialias=True)',
    () =>
      F.interpolate(range(64, [1, 1, 8, 8], (i) => 4 * i).to('uint8'), {
        size: [5, 3],
        mode: 'lanczos',
        antialias: true,
      }),
    [13, 24, 35, 63, 74, 85, 115, 126, 137, 167, 178, 189, 217, 228, 239],
  ],
  ['grid_sample outside of an image', () => F.gridSample(range(4, [1, 1, 2, 2]), points), [nan, nan, 0]],
  [
    'grid_sample at the border of an image',
    () => F.gridSample(range(4, [1, 1, 2, 2]), points, { paddingMode: 'border' }),
    [1, 2, 1],
  ],
  [
    'grid_sample outside of a volume',
    () => F.gridSample(range(8, [1, 1, 2, 2, 2]), F.pad(points, [0, 1]).unsqueeze(0)),
    [0, 0, 0],
  ],
  [
    'manual_seed(5); gumbel_softmax(tensor([[0., 1, 2]]), tau=.5)',
    () => {
      manualSeed(5)
      return F.gumbelSoftmax(tensor([[0, 1, 2]]), { tau: 0.5 })
    },
    [0.00267, 0.22997, 0.76737],
  ],
]
test.each(VALUES)('%s', (_, run, values) => expectClose(run(), values))

test('the adaptive softmax is the softmax of its clusters', () => {
  // m = nn.AdaptiveLogSoftmaxWithLoss(4, 8, [2, 5], div_value=2.)
  // for p in m.parameters(): p.copy_((torch.arange(p.numel()).reshape(p.shape) % 5 - 2) / 4)
  const m = new nn.AdaptiveLogSoftmaxWithLoss(4, 8, [2, 5], { divValue: 2 })
  expect(Object.entries(m.stateDict()).map(([name, t]) => [name, (t as Tensor).shape])).toEqual([
    ['head.weight', [4, 4]],
    ['tail.0.0.weight', [2, 4]],
    ['tail.0.1.weight', [3, 2]],
    ['tail.1.0.weight', [1, 4]],
    ['tail.1.1.weight', [3, 1]],
  ])
  for (const p of m.parameters()) p.detach().copy_(range(p.numel(), [...p.shape], (i) => ((i % 5) - 2) / 4))
  // x = (torch.arange(12.).reshape(3, 4) - 5) / 6; m(x, torch.tensor([0, 3, 7])); m.log_prob(x)[0]; m.predict(x)
  const x = range(12, [3, 4], (i) => (i - 5) / 6)
  const { output, loss } = m.forward(x, tensor([0n, 3n, 7n]))
  expectClose(output, [-0.95442, -2.69695, -2.3081])
  expectClose(loss, [1.98649])
  expectClose(
    m.logProb(x).select(0, 0),
    [-0.95442, -1.41275, -3.03462, -2.76379, -2.54504, -2.93324, -2.80824, -2.68324],
  )
  expectClose(m.predict(x), [0, 0, 0])
  expect(() => m.forward(x, tensor([0n, 3n, 8n]))).toThrow(IndexError)
})

test('chunks give the loss and the gradients of the whole', () => {
  const input = range(24, [6, 4], (i) => Math.sin(i))
  const weight = range(20, [5, 4], (i) => Math.cos(3 * i))
  const bias = range(5, [5], (i) => i / 7)
  const target = tensor([0n, 4n, 2n, -100n, 1n, 3n])
  const classWeight = tensor([1, 2, 0.5, 1, 3])
  for (const reduction of ['none', 'mean', 'sum'] as const) {
    const run = (options: object): number[][] => {
      const leaves = [input, weight, bias].map((t) => t.clone().requiresGrad_())
      const [x, w, linearBias] = leaves
      const loss = F.linearCrossEntropy(x, w, target, { linearBias, weight: classWeight, reduction, ...options })
      loss.square().sum().backward()
      return [loss.detach(), ...leaves.map((t) => t.grad as Tensor)].map(flat)
    }
    const whole = run({})
    for (const options of [{ batchChunkSize: 4 }, { chunkingMethod: 'aspect_ratio:3' }, {}])
      run({ options }).forEach((values, i) => {
        values.forEach((v, j) => {
          expect(v).toBeCloseTo(whole[i][j], 4)
        })
      })
  }
})

test('what does not fit is refused', () => {
  const image = range(16, [1, 1, 4, 4])
  const refused: [() => unknown, typeof ArgumentError][] = [
    [() => F.interpolate(image, {}), ArgumentError],
    [() => F.interpolate(image, { size: 2, scaleFactor: 2 }), ArgumentError],
    [() => F.interpolate(image, { size: 2, mode: 'trilinear' }), ArgumentError],
    [() => F.interpolate(image, { size: 2, alignCorners: true }), ArgumentError],
    [() => F.gridSample(image, range(6, [1, 1, 2, 3])), ShapeError],
    [() => F.pixelShuffle(image, 2), ShapeError],
    [() => F.unfold(image, 5), ShapeError],
    [() => F.fold(range(16, [1, 4, 4]), 4, 2), ShapeError],
    [() => F.maxUnpool2d(image, tensor([[[[99n]]]]).expand([1, 1, 4, 4]), 2), IndexError],
    [() => F.maxUnpool2d(image, image, 2), ArgumentError],
    [() => F.ctcLoss(F.logSoftmax(range(12, [3, 2, 2]), -1), tensor([[1n], [2n]]), [3, 3], [1, 1]), IndexError],
    [() => F.ctcLoss(range(12, [3, 2, 2]), tensor([[1n], [1n]]), [3, 4], [1, 1]), ArgumentError],
    [() => F.embeddingBag(tensor([0n, 9n]), range(4, [2, 2]), { offsets: tensor([0n]) }), IndexError],
    [() => F.embeddingBag(tensor([0n, 1n]), range(4, [2, 2]), { offsets: tensor([1n]) }), ArgumentError],
    [() => F.fractionalMaxPool2d(image, 2, { outputSize: 4 }), ShapeError],
    [() => F.affineGrid(theta, [1, 1, 2, 2]), ShapeError],
    [
      () =>
        F.linearCrossEntropy(image.reshape([4, 4]), image.reshape([4, 4]), tensor([0n]), {
          options: { size: 1 } as object,
        }),
      ArgumentError,
    ],
  ]
  for (const [call, error] of refused) expect(call).toThrow(error)
})
