// Convolutional networks in float32 keep blocked layouts between operators; in float64 everything is strided and
// convolutions are unfolded. Both must agree, whatever comes between the convolutions.

import {
  cat,
  ELLIPSIS,
  F,
  getNumThreads,
  setNumThreads,
  slice,
  type Tensor,
  tensor,
  where,
  zeros,
} from '@flambeau/core'
import { expect, test } from '@jest/globals'

/** Reproducible numbers in [-1, 1). */
const noise = (shape: number[], seed: number): Tensor => {
  let state = seed
  const next = () => {
    state = (state * 1103515245 + 12345) % 2147483648
    return state / 1073741824 - 1
  }
  return tensor(Float32Array.from({ length: shape.reduce((a, b) => a * b) }, next)).reshape(shape)
}

const close = (a: Tensor, b: Tensor): void => {
  expect(a.shape).toEqual(b.shape)
  const x = a.to('float64').data() as Float64Array
  const y = b.to('float64').data() as Float64Array
  const largest = (values: Float64Array) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  const scale = Math.max(largest(y), 1e-6)
  expect(largest(x.map((value, i) => (value - y[i]) / scale))).toBeLessThan(2e-5)
}

type Program = (x: Tensor, w: Tensor, v: Tensor) => Tensor

/** x: [2, 16, 9, 9], w: [32, 16, 3, 3], v: [32, 32, 3, 3]. */
const programs: Record<string, Program> = {
  'conv relu conv': (x, w, v) => F.conv2d(F.conv2d(x, w).relu(), v, { padding: 1 }),
  'max pool': (x, w, v) => F.conv2d(F.maxPool2d(F.conv2d(x, w, { padding: 1 }), 3, { stride: 2, padding: 1 }), v),
  'average pool': (x, w, v) => F.conv2d(F.avgPool2d(F.conv2d(x, w, { padding: 1 }), 2), v),
  'nearest resize': (x, w, v) => F.conv2d(F.interpolate(F.conv2d(x, w), { scaleFactor: 2 }), v),
  'bilinear resize': (x, w, v) =>
    F.conv2d(F.interpolate(F.conv2d(x, w), { size: [12, 5], mode: 'bilinear', alignCorners: true }), v),
  'antialiased resize': (x, w, v) =>
    F.conv2d(F.interpolate(F.conv2d(x, w), { size: [5, 4], mode: 'bicubic', antialias: true }), v),
  'global pool': (x, w) => F.adaptiveAvgPool2d(F.conv2d(x, w), 1).flatten(1),
  'batch norm': (x, w, v) => F.conv2d(F.batchNorm(F.conv2d(x, w), null, null, { training: true }).relu(), v),
  residual: (x, w, v) => {
    const h = F.conv2d(x, w, { padding: 1 })
    return F.conv2d(h, v, { padding: 1 }).add(h).relu()
  },
  'mixed layouts': (x, w) =>
    F.conv2d(x, w, { padding: 1 })
      .add(x.narrow(1, 0, 1))
      .mul(2),
  'broadcast channel': (x, w) =>
    F.conv2d(x, w).mul(w.narrow(1, 0, 1).narrow(2, 0, 1).narrow(3, 0, 1).reshape([1, 32, 1, 1])),
  'views and reductions': (x, w) => F.conv2d(x, w).permute([0, 2, 3, 1]).narrow(1, 1, 3).sum([1, 2]),
  concatenation: (x, w) => cat([F.conv2d(x, w), F.conv2d(x, w).sigmoid()], 1),
  'in place': (x, w, v) => F.conv2d(F.conv2d(x, w).relu_().mul_(0.5), v),
  'write through a view': (x, w, v) => {
    const h = F.conv2d(x, w)
    h.select(1, 3).mul_(3)
    return F.conv2d(h, v)
  },
  strided: (x, w, v) => F.conv2d(F.conv2d(x, w, { stride: 2, padding: 1 }), v, { dilation: 2 }),
}

for (const [name, program] of Object.entries(programs))
  test(`blocked and strided agree: ${name}`, () => {
    const x = noise([2, 16, 9, 9], 1)
    const w = noise([32, 16, 3, 3], 2).mul(0.1)
    const v = noise([32, 32, 3, 3], 3).mul(0.1)
    const results = (['float32', 'float64'] as const).map((dtype) => {
      const leaves = [x, w, v].map((t) => t.to({ dtype, copy: true }).requiresGrad_())
      const y = program(leaves[0], leaves[1], leaves[2])
      y.mul(tensor(0.5, { dtype })).pow(2).sum().backward()
      return [y.detach(), ...leaves.flatMap((t) => (t.grad ? [t.grad] : []))]
    })
    expect(results[0].length).toBe(results[1].length)
    for (const [i, t] of results[0].entries()) close(t, results[1][i])
  })

test('elementwise operators, chosen variants among them, keep the layout', () => {
  const h = F.conv2d(noise([2, 16, 9, 9], 1), noise([32, 16, 3, 3], 2))
  const { layout } = h.storage
  for (const t of [h.relu(), h.add(h), h.sub(h), h.mul(2), F.gelu(h), F.hardtanh(h), h.clamp(0)])
    expect(t.storage.layout).toBe(layout)
})

// Winograd's tiles are 4×4: sizes that they fit and do not, every padding, more tiles than channels and fewer.
for (const [n, c, k, h, w, padding] of [
  [1, 32, 64, 8, 8, 1],
  [3, 16, 48, 10, 11, 1],
  [2, 64, 32, 7, 9, 1],
  [3, 32, 32, 13, 5, 2],
  [1, 96, 32, 6, 6, 0],
  [1, 32, 96, 30, 31, 1],
  [9, 64, 64, 24, 24, 1],
])
  test(`3×3 convolution of [${[n, c, h, w]}] to ${k} channels with padding ${padding}, and its gradients`, () => {
    const x = noise([n, c, h, w], 1)
    const weight = noise([k, c, 3, 3], 2)
    const bias = noise([k], 3)
    const run = (dtype: 'float32' | 'float64') => {
      const leaves = [x, weight, bias].map((t) => t.to({ dtype, copy: true }).requiresGrad_())
      const y = F.conv2d(leaves[0], leaves[1], { bias: leaves[2], padding })
      y.mul(y.detach().cos()).sum().backward()
      return [y.detach(), ...leaves.map((t) => t.grad as Tensor)]
    }
    const single = run('float32')
    for (const [i, t] of run('float64').entries()) close(single[i], t)
    const threads = getNumThreads()
    setNumThreads(threads === 1 ? 2 : 1)
    const again = run('float32')
    setNumThreads(threads)
    for (const [i, t] of again.entries()) expect(single[i].data()).toEqual(t.data())
  })

// In PyTorch: (zeros(3, 1, 1) + zeros(2, 3, 4, 5).to(memory_format=torch.channels_last)).stride(), and so on.
const channelsLast = (): Tensor => zeros([2, 3, 4, 5]).contiguous({ memoryFormat: 'channels_last' })
const halved = slice(null, null, 2)
const STRIDES: [string, () => Tensor, number[]][] = [
  ['channels last and a channel', () => channelsLast().add(zeros([3, 1, 1])), [60, 1, 15, 3]],
  ['a channel and channels last', () => zeros([3, 1, 1]).add(channelsLast()), [60, 1, 15, 3]],
  [
    'transposed and a row',
    () =>
      zeros([4, 3])
        .t()
        .mul(zeros([4])),
    [1, 3],
  ],
  [
    'permuted with gaps',
    () => zeros([2, 3, 4, 5]).permute([2, 0, 1, 3]).at(ELLIPSIS, halved, slice()).add(1),
    [5, 40, 20, 1],
  ],
  [
    'transposed with gaps and a column',
    () =>
      zeros([6, 4])
        .t()
        .at(halved)
        .mul(zeros([2, 1])),
    [1, 2],
  ],
  [
    'the first operand decides',
    () =>
      zeros([4, 3])
        .t()
        .add(zeros([3, 4])),
    [1, 3],
  ],
  ['the first operand decides, contiguous', () => zeros([3, 4]).add(zeros([4, 3]).t()), [4, 1]],
  ['a condition says nothing', () => where(zeros([5, 1]).gt(0), zeros([3, 5]).t(), 0), [1, 5]],
]

test.each(STRIDES)('elementwise results lie in memory as PyTorch has them: %s', (_, run, strides) => {
  expect(run().stride()).toEqual(strides)
})

test.each([3, 1e4, 1e6])('batch and group normalization around %d keep their digits', (mean) => {
  const x = noise([8, 16, 5, 5], 7).add(mean)
  const exact = x.to('float64')
  const batch = (t: Tensor): Tensor => F.batchNorm(t, null, null, { training: true })
  close(batch(x), batch(exact))
  close(F.groupNorm(x, 4), F.groupNorm(exact, 4))
})

test.each<[Parameters<typeof F.maxPool2d>[1], object]>([
  [2, {}],
  [2, { ceilMode: true }],
  [3, { stride: 2, padding: 1 }],
  [[2, 3], { stride: 1, dilation: [1, 2] }],
])('max pooling of %p with %o gives the same with a gradient and without, and NaN wins', (kernel, options) => {
  const x = noise([3, 16, 11, 14], 5)
  const w = noise([16, 16, 1, 1], 6)
  // Logarithms of what is negative are NaN.
  const h = F.conv2d(x, w).log()
  const pooled = F.maxPool2d(h, kernel, options)
  expect(pooled.storage.layout).toBe(h.storage.layout)
  const asked = F.maxPool2d(F.conv2d(x, w.requiresGrad_()).log(), kernel, options)
  expect(pooled.data()).toEqual(asked.detach().data())
  expect(pooled.data()).toEqual(F.maxPool2d(h.to('float64'), kernel, options).to('float32').data())
})

test.each([1, 2, 3, 4, 5, 7, 8, 9])('rows of %d columns are transposed', (columns) => {
  for (const rows of [2, 3, 4, 5, 8, 17, 1030]) {
    const narrow = noise([3, rows, columns], rows)
    const turned = narrow.transpose(1, 2).contiguous()
    const numbers = narrow.toArray() as number[][][]
    expect(turned.toArray()).toEqual(numbers.map((m) => m[0].map((_, c) => m.map((row) => row[c]))))
  }
})
