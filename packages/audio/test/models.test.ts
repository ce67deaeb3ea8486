// Models of TorchAudio 0.13.1 with small sizes: fixtures/make_models.py.
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { functional as F, models } from '@flambeau/audio'
import { loadNpz, loadSafetensors, type nn, noGrad, type Tensor, tensor, zeros } from '@flambeau/core'
import { expect, test } from '@jest/globals'

const fixtures = join(import.meta.dirname, 'fixtures')
const expected = loadNpz(join(fixtures, 'models.npz')) as Record<string, Tensor>
const folder = mkdtempSync(join(tmpdir(), 'flambeau-audio-'))
const weightsFile = join(folder, 'models.safetensors')
writeFileSync(weightsFile, gunzipSync(readFileSync(join(fixtures, 'models.safetensors.gz'))))
const weights = loadSafetensors(weightsFile)

/** The model with its weights, which must be there by the same names, no more and no less. */
function loaded<M extends nn.AnyModule>(name: string, model: M): M {
  const own = Object.entries(weights).filter(
    ([key]) => key.startsWith(`${name}.`) && !(name === 'tasnet' && key.startsWith('tasnet.odd.')),
  )
  model.loadStateDict(
    Object.fromEntries(own.map(([key, t]) => [key.slice(name.length + 1), t.isFloatingPoint() ? t.to('float32') : t])),
  )
  model.eval()
  return model
}

const close = (ours: Tensor, name: string): void => {
  expect(ours.shape).toEqual(expected[name].shape)
  expect(ours.sub(expected[name]).abs().max().item()).toBeLessThan(1e-4)
}

test.each([
  ['base', 'group_norm', false],
  ['lv60k', 'layer_norm', true],
] as const)('Wav2Vec2 %s', (name, extractorMode, encoderLayerNormFirst) => {
  const model = loaded(
    name,
    models.wav2vec2Model({
      extractorMode,
      extractorConvLayerConfig: [
        [8, 10, 5],
        [8, 3, 2],
        [8, 2, 2],
      ],
      extractorConvBias: extractorMode === 'layer_norm',
      encoderEmbedDim: 16,
      encoderProjectionDropout: 0.1,
      encoderPosConvKernel: 8,
      encoderPosConvGroups: 4,
      encoderNumLayers: 2,
      encoderNumHeads: 4,
      encoderAttentionDropout: 0.1,
      encoderFfIntermFeatures: 24,
      encoderFfIntermDropout: 0.1,
      encoderDropout: 0.1,
      encoderLayerNormFirst,
      encoderLayerDrop: 0.1,
      auxNumOut: 7,
    }),
  )
  noGrad(() => {
    close(model.forward(expected.wave)[0], name)
    const [masked, lengths] = model.forward(expected.wave, expected.lengths)
    close(masked, `${name}.masked`)
    expect(lengths?.toArray()).toEqual(expected[`${name}.lengths`].toArray())
    const [layers] = model.extractFeatures(expected.wave, expected.lengths, 1)
    close(layers[0], `${name}.layer1`)
    expect(() => model.extractFeatures(expected.wave, null, 3)).toThrow(/numLayers of at most 2/)
  })
  expect(() => model.forward(zeros([1, 1, 900]))).toThrow(/waveforms of shape \[batch, time\]/)
})

test.each([
  ['conformer', {}],
  ['conformer2', { useGroupNorm: true, convolutionFirst: true }],
])('Conformer: %s', (name, options) => {
  const sizes = { inputDim: 12, numHeads: 3, ffnDim: 20, numLayers: 2, depthwiseConvKernelSize: 5 }
  const model = loaded(name, new models.Conformer({ ...sizes, ...options }))
  const [out] = noGrad(() => model.forward(expected.frames, tensor([9n, 6n])))
  close(out, name)
  expect(() => model.forward(expected.frames, tensor([8n, 6n]))).toThrow(/largest length to be the input's 9 frames/)
})

test.each([
  ['tasnet', {}],
  ['tasnet.odd', { encKernelSize: 7, numSources: 3, mskActivate: 'relu' as const }],
])('ConvTasNet: %s', (name, options) => {
  const sizes = {
    encKernelSize: 8,
    encNumFeats: 10,
    mskNumFeats: 6,
    mskNumHiddenFeats: 12,
    mskNumLayers: 2,
    mskNumStacks: 2,
  }
  const model = loaded(name, new models.ConvTasNet({ ...sizes, ...options }))
  close(
    noGrad(() => model.forward(expected.wave.unsqueeze(1).narrow(2, 0, 203))),
    name,
  )
})

test('a model in the layout of Hugging Face is the same one', () => {
  const rename = (key: string): string =>
    key
      .replace(/^aux\./, 'lm_head.')
      .replace(/^encoder\.feature_projection\./, 'wav2vec2.feature_projection.')
      .replace(/^encoder\.transformer\./, 'wav2vec2.encoder.')
      .replace(/^feature_extractor\./, 'wav2vec2.feature_extractor.')
      .replace(/conv\.weight_g$/, 'conv.parametrizations.weight.original0')
      .replace(/conv\.weight_v$/, 'conv.parametrizations.weight.original1')
  const stateDict: Record<string, Tensor> = { 'wav2vec2.masked_spec_embed': zeros([16]) }
  for (const [key, t] of Object.entries(weights))
    if (key.startsWith('base.')) stateDict[rename(key.slice(5))] = t.to('float32')
  const config = {
    feat_extract_norm: 'group',
    conv_dim: [8, 8, 8],
    conv_kernel: [10, 3, 2],
    conv_stride: [5, 2, 2],
    conv_bias: false,
    hidden_size: 16,
    feat_proj_dropout: 0,
    num_conv_pos_embeddings: 8,
    num_conv_pos_embedding_groups: 4,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    attention_dropout: 0,
    intermediate_size: 24,
    activation_dropout: 0,
    hidden_dropout: 0,
    do_stable_layer_norm: false,
    layerdrop: 0,
  }
  const model = models.importHuggingfaceModel({ folder, config, stateDict }).eval()
  close(
    noGrad(() => model.forward(expected.wave)[0]),
    'base',
  )
  expect(() => models.importHuggingfaceModel({ folder, config: { hidden_size: 3 }, stateDict })).toThrow(
    /got conv_dim undefined/,
  )
})

test('builders have the published numbers of parameters, and the registry knows them', async () => {
  const count = (model: nn.AnyModule) => model.parameters().reduce((n, p) => n + p.numel(), 0)
  // sum(p.numel() for p in torchaudio.models.wav2vec2_base().parameters()), and of conv_tasnet_base
  expect(count(models.wav2vec2Base())).toBe(94370944)
  expect(count(models.convTasnetBase())).toBe(4984881)
  expect(models.listModels(/tasnet/)).toEqual(['conv_tasnet', 'conv_tasnet_base'])
  expect(() => models.getModel('wav2vec3')).toThrow(/expected one of .*wav2vec2_base.*got 'wav2vec3'/)
  await expect(models.loadModel('conformer', { weights: 'BEST' })).rejects.toThrow(/a file \(.pth/)
})

test('rnntLoss and its gradient are TorchAudio’s', () => {
  const logits = expected['rnnt.logits'].clone().requiresGrad_()
  const [frames, labels] = [tensor([6, 4, 5]), tensor([3, 2, 1])]
  const costs = F.rnntLoss(logits, expected['rnnt.targets'], frames, labels, { blank: 0, reduction: 'none' })
  close(costs, 'rnnt.costs')
  costs
    .mul(tensor([1, 2, 3]))
    .sum()
    .backward()
  close(logits.grad as Tensor, 'rnnt.grad')
  expect(() => F.rnntLoss(logits, zeros([3, 2]), frames, labels)).toThrow(/targets \[batch, labels\]/)
  expect(() => F.rnntLoss(logits, expected['rnnt.targets'], tensor([7, 1, 1]), labels)).toThrow(
    /logitLengths between 1 and 6/,
  )
})
