// Wav2Vec2 (https://arxiv.org/abs/2006.11477) and HuBERT (https://arxiv.org/abs/2106.07447), which is the same network.
import { ArgumentError, FormatError, nn, type Tensor } from '@flambeau/core'
import { describe } from '@flambeau/core/errors'
import type { LoadedModel } from '@flambeau/core/hub'
import { oneOf } from '../check.js'
import {
  type ConvShape,
  Encoder,
  type EncoderOptions,
  type ExtractorMode,
  FeatureExtractor,
} from './wav2vec2-components.js'

export type { ConvShape, ExtractorMode } from './wav2vec2-components.js'

/** All options of the network. */
export interface Wav2Vec2Config extends EncoderOptions {
  readonly extractorMode: ExtractorMode
  /** Default: seven layers of 512 channels, which take 320 samples to a frame. */
  readonly extractorConvLayerConfig?: readonly ConvShape[] | null
  readonly extractorConvBias: boolean
  /** Classes of a linear layer at the end; null leaves it out. */
  readonly auxNumOut: number | null
}

/** What builders let one choose. */
export interface Wav2Vec2Options {
  readonly encoderProjectionDropout?: number
  readonly encoderAttentionDropout?: number
  readonly encoderFfIntermDropout?: number
  readonly encoderDropout?: number
  readonly encoderLayerDrop?: number
  /** Classes of a linear layer at the end; null, the default, leaves it out. */
  readonly auxNumOut?: number | null
}

const LAYERS: readonly ConvShape[] = [[512, 10, 5], ...Array<ConvShape>(4).fill([512, 3, 2]), [512, 2, 2], [512, 2, 2]]

/**
 * A network from sounds at 16 kHz to features or to logits of characters, frame by frame.
 *
 * Shape: waveforms [batch, time], and their lengths [batch] where they differ → [batch, frames, features] and lengths
 */
export class Wav2Vec2Model extends nn.Module<
  [waveforms: Tensor, lengths?: Tensor | null],
  [features: Tensor, lengths: Tensor | null]
> {
  readonly feature_extractor: FeatureExtractor
  readonly encoder: Encoder
  readonly aux: nn.Linear | null

  constructor(config: Wav2Vec2Config) {
    super()
    oneOf('wav2vec2Model', 'extractorMode', config.extractorMode, ['group_norm', 'layer_norm'])
    const shapes = config.extractorConvLayerConfig ?? LAYERS
    const last = shapes.at(-1)
    if (last === undefined) throw new ArgumentError('wav2vec2Model: expected at least one convolution, got none')
    this.feature_extractor = new FeatureExtractor(config.extractorMode, shapes, config.extractorConvBias)
    this.encoder = new Encoder(last[0], config)
    this.aux = config.auxNumOut === null ? null : new nn.Linear(config.encoderEmbedDim, config.auxNumOut)
  }

  override forward(waveforms: Tensor, lengths: Tensor | null = null): [Tensor, Tensor | null] {
    const [features, left] = this.feature_extractor.forward(waveforms, lengths)
    const out = this.encoder.forward(features, left)
    return [this.aux === null ? out : this.aux.forward(out), left]
  }

  /** What the first `numLayers` layers of the transformer give, all of them where it is null. */
  extractFeatures(
    waveforms: Tensor,
    lengths: Tensor | null = null,
    numLayers: number | null = null,
  ): [features: Tensor[], lengths: Tensor | null] {
    const [features, left] = this.feature_extractor.forward(waveforms, lengths)
    return [this.encoder.extractFeatures(features, left, numLayers), left]
  }
}

/**
 * A network of any size.
 *
 * @example
 * ```ts
 * import { randn } from '@flambeau/core'
 * import { models } from '@flambeau/audio'
 * const net = models.wav2vec2Model({
 *   extractorMode: 'group_norm', extractorConvLayerConfig: [[16, 10, 5], [16, 8, 4]], extractorConvBias: false,
 *   encoderEmbedDim: 32, encoderProjectionDropout: 0, encoderPosConvKernel: 8, encoderPosConvGroups: 4,
 *   encoderNumLayers: 2, encoderNumHeads: 4, encoderAttentionDropout: 0, encoderFfIntermFeatures: 64,
 *   encoderFfIntermDropout: 0, encoderDropout: 0, encoderLayerNormFirst: false, encoderLayerDrop: 0, auxNumOut: 29,
 * })
 * console.log(net.eval().forward(randn([1, 1600]))[0].shape) // → [ 1, 78, 29 ]
 * ```
 */
export const wav2vec2Model = (config: Wav2Vec2Config): Wav2Vec2Model => new Wav2Vec2Model(config)

interface Size {
  readonly dim: number
  readonly layers: number
  readonly heads: number
  readonly hidden: number
}

const BASE: Size = { dim: 768, layers: 12, heads: 12, hidden: 3072 }
const LARGE: Size = { dim: 1024, layers: 24, heads: 16, hidden: 4096 }
const XLARGE: Size = { dim: 1280, layers: 48, heads: 16, hidden: 5120 }

type Defaults = Required<Omit<Wav2Vec2Options, 'auxNumOut'>>

const dropouts = (projection: number, attention: number, hidden: number, all: number, layer: number): Defaults => ({
  encoderProjectionDropout: projection,
  encoderAttentionDropout: attention,
  encoderFfIntermDropout: hidden,
  encoderDropout: all,
  encoderLayerDrop: layer,
})

function build(
  { dim, layers, heads, hidden }: Size,
  mode: ExtractorMode,
  bias: boolean,
  defaults: Defaults,
  options: Wav2Vec2Options,
): Wav2Vec2Model {
  return new Wav2Vec2Model({
    extractorMode: mode,
    extractorConvBias: bias,
    encoderEmbedDim: dim,
    encoderPosConvKernel: 128,
    encoderPosConvGroups: 16,
    encoderNumLayers: layers,
    encoderNumHeads: heads,
    encoderFfIntermFeatures: hidden,
    encoderLayerNormFirst: mode === 'layer_norm',
    auxNumOut: null,
    ...defaults,
    ...options,
  })
}

/** Wav2Vec2 with 95 million parameters. */
export const wav2vec2Base = (options: Wav2Vec2Options = {}): Wav2Vec2Model =>
  build(BASE, 'group_norm', false, dropouts(0.1, 0.1, 0.1, 0.1, 0.1), options)

/** Wav2Vec2 with 317 million parameters. */
export const wav2vec2Large = (options: Wav2Vec2Options = {}): Wav2Vec2Model =>
  build(LARGE, 'group_norm', false, dropouts(0.1, 0.1, 0.1, 0.1, 0.1), options)

/** Wav2Vec2 with 317 million parameters, normalized in every layer: that of Libri-Light and of XLSR-53. */
export const wav2vec2LargeLv60k = (options: Wav2Vec2Options = {}): Wav2Vec2Model =>
  build(LARGE, 'layer_norm', true, dropouts(0.1, 0, 0.1, 0, 0.1), options)

/** HuBERT with 95 million parameters. */
export const hubertBase = (options: Wav2Vec2Options = {}): Wav2Vec2Model =>
  build(BASE, 'group_norm', false, dropouts(0.1, 0.1, 0, 0.1, 0.05), options)

/** HuBERT with 317 million parameters. */
export const hubertLarge = (options: Wav2Vec2Options = {}): Wav2Vec2Model =>
  build(LARGE, 'layer_norm', false, dropouts(0, 0, 0, 0, 0), options)

/** HuBERT with 964 million parameters. */
export const hubertXlarge = (options: Wav2Vec2Options = {}): Wav2Vec2Model =>
  build(XLARGE, 'layer_norm', false, dropouts(0, 0, 0, 0, 0), options)

/** Where the parts of a Hugging Face model go. */
const PLACES: readonly (readonly [from: RegExp, to: string])[] = [
  [/^(?:wav2vec2|hubert)\./, ''],
  [/^lm_head\./, 'aux.'],
  [/^feature_projection\./, 'encoder.feature_projection.'],
  [/^encoder\.(?!feature_projection\.)/, 'encoder.transformer.'],
  [/\.parametrizations\.weight\.original0$/, '.weight_g'],
  [/\.parametrizations\.weight\.original1$/, '.weight_v'],
]

/**
 * The network of a Wav2Vec2 or HuBERT model in Hugging Face's layout.
 *
 * @param loaded what `hub.load` gives for its folder or repository
 * @throws FormatError where its configuration is not that of such a model
 */
export function importHuggingfaceModel({ config, stateDict, folder }: LoadedModel): Wav2Vec2Model {
  const read = <T>(name: string, is: (value: unknown) => value is T): T => {
    const value = config?.[name]
    if (!is(value))
      throw new FormatError(
        `${folder}: expected the configuration of a Wav2Vec2 or HuBERT model, got ${name} ${describe(value)}`,
      )
    return value
  }
  const number = (name: string): number => read(name, (v): v is number => typeof v === 'number')
  const flag = (name: string): boolean => read(name, (v): v is boolean => typeof v === 'boolean')
  const list = (name: string): number[] =>
    read(name, (v): v is number[] => Array.isArray(v) && v.every((n) => typeof n === 'number'))
  const [dims, kernels, strides] = [list('conv_dim'), list('conv_kernel'), list('conv_stride')]
  const mode = read('feat_extract_norm', (v): v is 'group' | 'layer' => v === 'group' || v === 'layer')
  const weights = Object.fromEntries(
    Object.entries(stateDict)
      .filter(([key]) => !key.endsWith('masked_spec_embed'))
      .map(([key, t]) => [PLACES.reduce((name, [from, to]) => name.replace(from, to), key), t]),
  )
  const model = new Wav2Vec2Model({
    extractorMode: `${mode}_norm`,
    extractorConvLayerConfig: dims.map((dim, i): ConvShape => [dim, kernels[i], strides[i]]),
    extractorConvBias: flag('conv_bias'),
    encoderEmbedDim: number('hidden_size'),
    encoderProjectionDropout: number('feat_proj_dropout'),
    encoderPosConvKernel: number('num_conv_pos_embeddings'),
    encoderPosConvGroups: number('num_conv_pos_embedding_groups'),
    encoderNumLayers: number('num_hidden_layers'),
    encoderNumHeads: number('num_attention_heads'),
    encoderAttentionDropout: number('attention_dropout'),
    encoderFfIntermFeatures: number('intermediate_size'),
    encoderFfIntermDropout: number('activation_dropout'),
    encoderDropout: number('hidden_dropout'),
    encoderLayerNormFirst: flag('do_stable_layer_norm'),
    encoderLayerDrop: number('layerdrop'),
    auxNumOut: 'aux.weight' in weights ? weights['aux.weight'].shape[0] : null,
  })
  model.loadStateDict(weights)
  return model
}
