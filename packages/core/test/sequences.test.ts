// Sequence modules against PyTorch where the conformance cases have none; fixtures/sequences/make.py made the values.
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import {
  arange,
  type DType,
  F,
  full,
  grad,
  gradcheck,
  gradgradcheck,
  manualSeed,
  nn,
  noGrad,
  Tensor,
  tensor,
  triu,
  zeros,
} from '@flambeau/core'
import { describe, expect, test } from '@jest/globals'

const file = new URL('./fixtures/sequences/sequences.json.gz', import.meta.url)
const expected: Record<string, number[][]> = JSON.parse(gunzipSync(readFileSync(file)).toString())

/** Element i is scale · sin(0.7 i + seed). */
function wave(shape: readonly number[], seed: number, scale = 1): Tensor {
  const n = shape.reduce((a, b) => a * b, 1)
  return arange(0, n, 1, { dtype: 'float64' }).mul(0.7).add(seed).sin().mul(scale).to('float32').reshape(shape)
}

function fill<M extends nn.AnyModule>(module: M): M {
  noGrad(() => {
    module.parameters().forEach((p, k) => {
      p.copy_(wave(p.shape, k, 0.4))
    })
  })
  return module
}

function compare(name: string, got: readonly Tensor[]): void {
  const want = expected[name]
  expect(got.length).toBe(want.length)
  got.forEach((t, i) => {
    const values = Array.from(t.detach().contiguous().data() as Float32Array)
    expect(values.length).toBe(want[i].length)
    const worst = Math.max(...values.map((x, j) => Math.abs(x - want[i][j]) / (1 + Math.abs(want[i][j]))))
    expect(`${i}: ${worst < 2e-5 ? 'near' : worst}`).toBe(`${i}: near`)
  })
}

describe('TransformerEncoder', () => {
  const causal = nn.Transformer.generateSquareSubsequentMask(5)
  const no = [false, false, false, false, false]
  const padding = tensor([no, [false, false, false, true, true]])
  const mask = wave([5, 5], 3)
    .gt(0.6)
    .mul(tensor([0, 1, 2, 3, 4].map((i) => [0, 1, 2, 3, 4].map((j) => i !== j))))
  const rows: [string, nn.TransformerLayerOptions, boolean, nn.EncoderMasks][] = [
    ['encoder plain', {}, false, {}],
    ['encoder causal', { batchFirst: true }, false, { mask: causal }],
    ['encoder hint', { batchFirst: true, normFirst: true }, false, { mask: causal, isCausal: true }],
    ['encoder padding', { activation: 'gelu' }, true, { srcKeyPaddingMask: padding }],
    ['encoder both', { batchFirst: true, bias: false }, false, { mask, srcKeyPaddingMask: padding }],
  ]
  test.each(rows)('%s', (name, options, normed, masks) => {
    const layer = new nn.TransformerEncoderLayer(8, 2, { dimFeedforward: 12, dropout: 0, ...options })
    const model = fill(new nn.TransformerEncoder(layer, 2, { norm: normed ? new nn.LayerNorm(8) : null }))
    const x = wave(options.batchFirst ? [2, 5, 8] : [5, 2, 8], 5).requiresGrad_()
    const out = model.forward(x, masks)
    compare(name, [out, ...grad(out, [x, ...model.parameters()], { gradOutputs: [wave(out.shape, 9)] })])
  })

  test('layers are copies of the given one, and draw nothing', () => {
    manualSeed(3)
    const layer = new nn.TransformerEncoderLayer(8, 2, { dimFeedforward: 12 })
    const next = tensor(0).uniform_().item()
    manualSeed(3)
    const same = new nn.TransformerEncoderLayer(8, 2, { dimFeedforward: 12 })
    const model = new nn.TransformerEncoder(same, 2)
    expect(tensor(0).uniform_().item()).toBe(next)
    const state = model.stateDict()
    for (const [key, value] of Object.entries(layer.stateDict()))
      for (const i of [0, 1]) expect(state[`layers.${i}.${key}`].toArray()).toEqual(value.toArray())
  })
})

describe('packed sequences', () => {
  const { padPackedSequence, packPaddedSequence, packSequence, unpackSequence } = nn.utils.rnn
  const rows: [string, () => nn.RNN | nn.GRU | nn.LSTM][] = [
    ['packed RNN', () => new nn.RNN(3, 4, { numLayers: 2, bidirectional: true, nonlinearity: 'relu' })],
    ['packed LSTM', () => new nn.LSTM(3, 4, { numLayers: 2, bidirectional: true })],
    ['packed LSTM3', () => new nn.LSTM(3, 4, { numLayers: 2, bidirectional: true, projSize: 3 })],
    ['packed GRU', () => new nn.GRU(3, 4, { numLayers: 2, bidirectional: true })],
  ]
  test.each(rows)('%s', (name, make) => {
    const model = fill(make())
    const x = wave([5, 4, 3], 2).requiresGrad_()
    const h = wave([4, 4, name.endsWith('3') ? 3 : 4], 1)
    const sequence = packPaddedSequence(x, [3, 5, 1, 5], { enforceSorted: false })
    const [out, last] =
      model instanceof nn.LSTM ? model.forward(sequence, [h, wave([4, 4, 4], 4)]) : model.forward(sequence, h)
    const [padded, lengths] = padPackedSequence(out, { paddingValue: -1, totalLength: 6 })
    expect(lengths.toArray()).toEqual([3, 5, 1, 5])
    const states = last instanceof Tensor ? [last] : [...last]
    let total = padded.sum()
    for (const t of states) total = total.add(t.mul(t).sum())
    compare(name, [padded, ...states, ...grad(total, [x, ...model.parameters()])])
  })

  test('packing and unpacking give the sequences back', () => {
    const sequences = [tensor([1, 2]), tensor([3, 4, 5]), tensor([6])]
    const packed = packSequence(sequences, { enforceSorted: false })
    expect(packed.data.toArray()).toEqual([3, 1, 6, 4, 2, 5])
    expect(packed.batchSizes.toArray()).toEqual([3, 2, 1])
    expect(unpackSequence(packed).map((t) => t.toArray())).toEqual([[1, 2], [3, 4, 5], [6]])
    expect(() => packSequence(sequences)).toThrow(/enforceSorted/)
  })
})

describe('attention', () => {
  const leaves = (shape: readonly number[], ...seeds: number[]): Tensor[] =>
    seeds.map((seed) => wave(shape, seed).requiresGrad_())
  const run = (name: string, inputs: Tensor[], options: object): void => {
    const [q, k, v] = inputs
    const out = F.scaledDotProductAttention(q, k, v, options)
    compare(name, [out, ...grad(out, inputs, { gradOutputs: [wave(out.shape, 9)] })])
  }
  const [q, k, v] = leaves([2, 4, 3, 5], 1, 2, 3)

  test('a query that may see nothing gets zeros, and no NaN as gradients', () => {
    const attnMask = tensor([
      [true, true, false],
      [false, false, false],
      [true, false, true],
    ])
    run('attention hidden row', [q, k, v], { attnMask })
  })
  test('heads that serve several queries', () => {
    run('attention groups', [q, ...leaves([2, 2, 3, 5], 2, 3)], { isCausal: true, scale: 0.3, enableGqa: true })
  })
  test('a mask that is learned', () => {
    const mask = wave([4, 3, 3], 6).requiresGrad_()
    run('attention mask', [q, k, v, mask], { attnMask: mask })
  })
  test('weights of each head, with features of their own for keys and values', () => {
    const model = fill(new nn.MultiheadAttention(8, 2, { kdim: 6, vdim: 5, addBiasKv: true, addZeroAttn: true }))
    const keyPaddingMask = tensor([
      [false, false, true, true],
      [false, false, false, false],
    ])
    const [out, weights] = model.forward(wave([3, 2, 8], 1), wave([4, 2, 6], 2), wave([4, 2, 5], 3), {
      keyPaddingMask,
      averageAttnWeights: false,
    })
    compare('heads', weights === null ? [out] : [out, weights])
  })
})

describe('lazy modules', () => {
  test('refuse to be used before their first input, and say what to do', () => {
    const layer = new nn.LazyLinear(3)
    expect(() => layer.weight.shape).toThrow(/call the module's forward once/)
    expect(() => layer.weight.add(1)).toThrow(/no shape or values yet/)
    expect(Object.keys(layer.stateDict())).toEqual(['weight', 'bias'])
    expect(layer.stateDict().weight).toBe(layer.weight)
  })
  test('become what they stand for, and stay the same object', () => {
    const layer = new nn.LazyConv2d(4, 3, { groups: 2, dtype: 'float64' })
    const { weight } = layer
    let seen = 0
    layer.registerForwardHook(() => {
      seen++
    })
    layer.forward(wave([1, 6, 5, 5], 0).to('float64'))
    layer.forward(wave([1, 6, 5, 5], 0).to('float64'))
    expect(seen).toBe(2)
    expect([layer.weight === weight, weight instanceof nn.UninitializedParameter]).toEqual([true, false])
    expect(layer.constructor).toBe(nn.Conv2d)
    expect([layer.inChannels, ...weight.shape]).toEqual([6, 4, 3, 3, 3])
  })
  test('take the shape of a state dict', () => {
    const full = new nn.BatchNorm1d(5)
    full.forward(wave([4, 5], 0))
    const layer = new nn.LazyBatchNorm1d()
    layer.loadStateDict(full.stateDict())
    expect(
      layer
        .eval()
        .forward(wave([4, 5], 1))
        .toArray(),
    ).toEqual(
      full
        .eval()
        .forward(wave([4, 5], 1))
        .toArray(),
    )
    expect(() => full.loadStateDict(new nn.LazyBatchNorm1d().stateDict())).toThrow(/weight: has no shape yet/)
  })
  test('are converted before their first input', () => {
    const layer = new nn.LazyBatchNorm2d({ affine: false }).to('float64')
    expect(layer.forward(wave([2, 3, 4, 4], 0).to('float64')).shape).toEqual([2, 3, 4, 4])
    expect(layer.runningMean?.dtype).toBe('float64')
  })
})

describe('kernels', () => {
  // Finite differences of the kernel give the fused first derivative, and of that one the composed second.
  const { packPaddedSequence } = nn.utils.rnn
  const double = (t: Tensor): Tensor => t.to('float64')
  const rows: [string, nn.RNN | nn.GRU | nn.LSTM][] = [
    ['RNN', new nn.RNN(1, 2, { bidirectional: true, dtype: 'float64' })],
    ['LSTM', new nn.LSTM(1, 2, { bidirectional: true, dtype: 'float64' })],
    ['GRU', new nn.GRU(1, 2, { bidirectional: true, dtype: 'float64' })],
  ]
  test.each(rows)('%s: gradients of first and second order', (_, model) => {
    fill(model)
    const names = Object.keys(model.stateDict())
    const state = Object.values(model.stateDict()).map((t) => t.clone())
    const bases = [double(wave([3, 2, 1], 2)), double(wave([2, 2, 2], 1)), ...state]
    // One direction for each input: s tells how far along.
    const run = (s: Tensor): Tensor => {
      const [x, h, ...weights] = bases.map((t, i) => t.add(double(wave(t.shape, i + 5)).mul(s.select(0, i))))
      names.forEach((name, i) => {
        Reflect.set(model, name, weights[i])
      })
      const sequence = packPaddedSequence(x, [3, 1])
      const [out, last] =
        model instanceof nn.LSTM ? model.forward(sequence, [h, h.mul(0.5)]) : model.forward(sequence, h)
      const states = last instanceof Tensor ? [last] : [...last]
      return states.reduce((sum, t) => sum.add(t.mul(t).sum()), out.data.square().sum())
    }
    const s = zeros([bases.length], { dtype: 'float64', requiresGrad: true })
    expect(gradcheck(run, [s])).toBe(true)
    expect(gradgradcheck(run, [s])).toBe(true)
  })

  /** Masks of [L, S]: what is given, and the same as numbers to be added. */
  const [L, S] = [130, 150]
  const low = full([L, S], Number.NEGATIVE_INFINITY)
  const holes = wave([L, S], 4)
    .gt(-0.3)
    .mul(wave([L, 1], 1).gt(-0.9))
  const masks: [string, F.AttentionOptions, Tensor][] = [
    ['no mask', {}, zeros([L, S])],
    ['causal', { isCausal: true }, triu(low, 1)],
    ['a mask that hides', { attnMask: holes }, low.mul(1).maskedFill(holes, 0)],
    ['a mask that is added', { attnMask: wave([L, S], 6) }, wave([L, S], 6)],
  ]
  const dtypes: [DType, number][] = [
    ['float64', 1e-12],
    ['float32', 1e-5],
    ['bfloat16', 4e-2],
  ]
  const tiled = masks.flatMap((mask) =>
    dtypes.map(([dtype, near]) => [mask[0], dtype, mask[1], mask[2], near] as const),
  )
  test.each(tiled)('attention over several tiles is as composed: %s, %s', (_, dtype, options, mask, tolerance) => {
    const inputs = [wave([2, 3, L, 20], 1), wave([2, 3, S, 20], 2), wave([2, 3, S, 12], 3)].map((t) =>
      t.transpose(1, 2).contiguous().transpose(1, 2).to(dtype).requiresGrad_(),
    )
    const [q, k, v] = inputs
    const gradOutputs = [wave([2, 3, L, 12], 5).to(dtype)]
    const results = (given: F.AttentionOptions): Tensor[] => {
      const out = F.scaledDotProductAttention(q, k, v, given)
      return [out, ...grad(out, inputs, { gradOutputs })]
    }
    // A mask that requires grad is none for the kernel.
    const want = results({ attnMask: mask.to(dtype).requiresGrad_() })
    results(options).forEach((t, i) => {
      const scale = want[i].abs().max().item<number>()
      expect(t.sub(want[i]).abs().max().item<number>()).toBeLessThan(tolerance * scale)
    })
  })

  test('attention: gradients of first and second order', () => {
    const bases = [double(wave([1, 4, 3, 2], 1)), double(wave([1, 2, 5, 2], 2)), double(wave([1, 2, 5, 3], 3))]
    const run = (s: Tensor): Tensor => {
      const [q, k, v] = bases.map((t, i) => t.add(double(wave(t.shape, i + 5)).mul(s.select(0, i))))
      return F.scaledDotProductAttention(q, k, v, { isCausal: true, enableGqa: true }).square().sum()
    }
    const s = zeros([3], { dtype: 'float64', requiresGrad: true })
    expect(gradcheck(run, [s])).toBe(true)
    expect(gradgradcheck(run, [s])).toBe(true)
  })
})
