// The models by name, with the weights that TorchAudio publishes.
import { type LoadWeightsOptions, ModelRegistry, type PublishedWeights } from '@flambeau/core/hub'
import { Conformer, type ConformerOptions } from './conformer.js'
import { ConvTasNet, type ConvTasNetOptions, convTasnetBase } from './conv-tasnet.js'
import {
  hubertBase,
  hubertLarge,
  hubertXlarge,
  type Wav2Vec2Model,
  type Wav2Vec2Options,
  wav2vec2Base,
  wav2vec2Large,
  wav2vec2LargeLv60k,
} from './wav2vec2.js'

/** Any of the networks. */
export type AudioModel = Wav2Vec2Model | ConvTasNet | Conformer
/** The options of any of the builders. */
export type AudioModelOptions = Wav2Vec2Options & Partial<ConformerOptions> & ConvTasNetOptions

export const registry: ModelRegistry<AudioModel, AudioModelOptions> = new ModelRegistry('@flambeau/audio')

const published = (path: string, meta: Readonly<Record<string, unknown>>): PublishedWeights => ({
  url: `https://download.pytorch.org/torchaudio/models/${path}`,
  meta: { sampleRate: 16000, ...meta },
})
const LIBRISPEECH = { data: 'LibriSpeech, 960 hours', licence: 'MIT' }
const LIBRILIGHT = { data: 'Libri-Light, 60,000 hours', licence: 'MIT' }

registry.register('wav2vec2_base', {
  build: wav2vec2Base,
  weights: { WAV2VEC2_BASE: published('wav2vec2_fairseq_base_ls960.pth', LIBRISPEECH) },
})
registry.register('wav2vec2_large', {
  build: wav2vec2Large,
  weights: { WAV2VEC2_LARGE: published('wav2vec2_fairseq_large_ls960.pth', LIBRISPEECH) },
})
registry.register('wav2vec2_large_lv60k', {
  build: wav2vec2LargeLv60k,
  weights: {
    WAV2VEC2_LARGE_LV60K: published('wav2vec2_fairseq_large_lv60k.pth', LIBRILIGHT),
    WAV2VEC2_XLSR53: published('wav2vec2_fairseq_large_xlsr53.pth', {
      data: '53 languages, 56,000 hours',
      licence: 'MIT',
    }),
  },
})
registry.register('hubert_base', {
  build: hubertBase,
  weights: { HUBERT_BASE: published('hubert_fairseq_base_ls960.pth', LIBRISPEECH) },
})
registry.register('hubert_large', {
  build: hubertLarge,
  weights: { HUBERT_LARGE: published('hubert_fairseq_large_ll60k.pth', LIBRILIGHT) },
})
registry.register('hubert_xlarge', {
  build: hubertXlarge,
  weights: { HUBERT_XLARGE: published('hubert_fairseq_xlarge_ll60k.pth', LIBRILIGHT) },
})
registry.register('conv_tasnet_base', {
  build: convTasnetBase,
  weights: {
    CONVTASNET_BASE_LIBRI2MIX: published('conv_tasnet_base_libri2mix.pt', { data: 'Libri2Mix', sampleRate: 8000 }),
  },
})
registry.register('conv_tasnet', { build: (options) => new ConvTasNet(options) })
registry.register('conformer', {
  // The sizes of the example in TorchAudio's documentation.
  build: (options) =>
    new Conformer({
      inputDim: 80,
      numHeads: 4,
      ffnDim: 128,
      numLayers: 4,
      depthwiseConvKernelSize: 31,
      ...options,
    }),
})

/** The model with random weights. */
export const getModel = (name: string, options?: AudioModelOptions): AudioModel => registry.get(name, options)
/** The names of all models, or of those that `include` matches. */
export const listModels = (include?: RegExp): string[] => registry.list(include)
/** The model with published weights, 'DEFAULT' by default, or with those of a file. */
export const loadModel = (name: string, options?: LoadWeightsOptions<AudioModelOptions>): Promise<AudioModel> =>
  registry.load(name, options)
