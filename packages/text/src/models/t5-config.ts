// The sizes of a T5, given or read from a file.
import type { Config } from '../tokenizers/config.js'
import { checkPositive } from './checks.js'

/** The sizes of a T5, by default those of the small one. */
export interface T5Config {
  readonly vocabSize?: number
  readonly dModel?: number
  /** Features of a head. */
  readonly dKv?: number
  readonly dFf?: number
  readonly numLayers?: number
  /** Default numLayers. */
  readonly numDecoderLayers?: number
  readonly numHeads?: number
  readonly relativeAttentionNumBuckets?: number
  readonly relativeAttentionMaxDistance?: number
  readonly dropoutRate?: number
  readonly layerNormEpsilon?: number
  readonly initializerFactor?: number
  /** 'relu', or gated as in 'gated-gelu'. */
  readonly feedForwardProj?: string
  /** Whether the head's weights are those of the embedding. Default true. */
  readonly tieWordEmbeddings?: boolean
  /** Whether hidden states are divided by √dModel before the head, as T5 1.0 does. Default: where these are tied. */
  readonly scaleDecoderOutputs?: boolean
  readonly padTokenId?: number
  readonly eosTokenId?: number
  readonly decoderStartTokenId?: number
}

const DEFAULTS = {
  vocabSize: 32128,
  dModel: 512,
  dKv: 64,
  dFf: 2048,
  numLayers: 6,
  numHeads: 8,
  relativeAttentionNumBuckets: 32,
  relativeAttentionMaxDistance: 128,
  dropoutRate: 0.1,
  layerNormEpsilon: 1e-6,
  initializerFactor: 1,
  feedForwardProj: 'relu',
  tieWordEmbeddings: true,
  padTokenId: 0,
  eosTokenId: 1,
  decoderStartTokenId: 0,
} as const satisfies T5Config

/** @internal */
export type FullConfig = Required<T5Config>

/** @internal With what is not given, checked. */
export function fullConfig(config: T5Config): FullConfig {
  const full = {
    ...DEFAULTS,
    numDecoderLayers: config.numLayers ?? DEFAULTS.numLayers,
    scaleDecoderOutputs: config.tieWordEmbeddings ?? true,
    ...config,
  }
  checkPositive('T5', full, [
    'vocabSize',
    'dModel',
    'dKv',
    'dFf',
    'numLayers',
    'numDecoderLayers',
    'numHeads',
    'relativeAttentionNumBuckets',
    'relativeAttentionMaxDistance',
  ])
  return full
}

/** @internal What a `config.json` says. */
export function readConfig(c: Config): T5Config {
  const layers = c.integer('num_layers', DEFAULTS.numLayers)
  const feedForward = c.string('feed_forward_proj', DEFAULTS.feedForwardProj)
  if (!['relu', 'gelu', 'gated-gelu', 'gated-silu', 'gated-relu'].includes(feedForward))
    throw c.wrong('feed_forward_proj', "'relu', 'gelu', 'gated-relu', 'gated-gelu' or 'gated-silu'")
  return {
    vocabSize: c.integer('vocab_size', DEFAULTS.vocabSize),
    dModel: c.integer('d_model', DEFAULTS.dModel),
    dKv: c.integer('d_kv', DEFAULTS.dKv),
    dFf: c.integer('d_ff', DEFAULTS.dFf),
    numLayers: layers,
    numDecoderLayers: c.lacks('num_decoder_layers') ? layers : c.integer('num_decoder_layers'),
    numHeads: c.integer('num_heads', DEFAULTS.numHeads),
    relativeAttentionNumBuckets: c.integer('relative_attention_num_buckets', DEFAULTS.relativeAttentionNumBuckets),
    relativeAttentionMaxDistance: c.integer('relative_attention_max_distance', DEFAULTS.relativeAttentionMaxDistance),
    dropoutRate: c.number('dropout_rate', DEFAULTS.dropoutRate),
    layerNormEpsilon: c.number('layer_norm_epsilon', DEFAULTS.layerNormEpsilon),
    initializerFactor: c.number('initializer_factor', DEFAULTS.initializerFactor),
    feedForwardProj: feedForward,
    scaleDecoderOutputs: c.boolean('scale_decoder_outputs', c.boolean('tie_word_embeddings', true)),
    padTokenId: c.integer('pad_token_id', DEFAULTS.padTokenId),
    eosTokenId: c.integer('eos_token_id', DEFAULTS.eosTokenId),
    decoderStartTokenId: c.lacks('decoder_start_token_id') ? 0 : c.integer('decoder_start_token_id'),
  }
}
