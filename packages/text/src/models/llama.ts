// Llama and its like: rotary positions, grouped queries, RMS norms, gated feed-forward.
import { type DType, F, nn, type Tensor } from '@flambeau/core'
import * as hub from '@flambeau/core/hub'
import { CausalModel } from '../generation/model.js'
import type { Config } from '../tokenizers/config.js'
import { type ActivationName, activation, readActivation } from './activations.js'
import type { KeyValueCache } from './cache.js'
import { checkIds, checkPositive } from './checks.js'
import { attend, causal, joinHeads, splitHeads, type Visibility } from './masks.js'
import { type CausalInputs, type DecoderInputs, type LMOutput, nextTokenLoss } from './outputs.js'
import { configOf, initialize, type PretrainedOptions, withWeights } from './pretrained.js'
import { DEFAULT_ROPE, type RopeConfig, Rotary, readRope, rotate } from './rope.js'

/** The sizes of a Llama, by default those of Llama 2 7B. */
export interface LlamaConfig {
  readonly vocabSize?: number
  readonly hiddenSize?: number
  readonly intermediateSize?: number
  readonly numHiddenLayers?: number
  readonly numAttentionHeads?: number
  /** Heads of keys and values, each for several of the queries. Default: as many as there are of queries. */
  readonly numKeyValueHeads?: number
  /** Features of a head. Default hiddenSize / numAttentionHeads. */
  readonly headDim?: number
  readonly hiddenAct?: ActivationName
  readonly maxPositionEmbeddings?: number
  readonly initializerRange?: number
  readonly rmsNormEps?: number
  readonly rope?: Partial<RopeConfig>
  readonly attentionBias?: boolean
  readonly mlpBias?: boolean
  readonly tieWordEmbeddings?: boolean
  readonly bosTokenId?: number | null
  readonly eosTokenId?: number | readonly number[] | null
  readonly padTokenId?: number | null
}

interface FullConfig extends Required<LlamaConfig> {
  readonly rope: RopeConfig
}

function fullConfig(config: LlamaConfig): FullConfig {
  const { hiddenSize = 4096, numAttentionHeads = 32 } = config
  const full = {
    vocabSize: 32000,
    hiddenSize,
    intermediateSize: 11008,
    numHiddenLayers: 32,
    numAttentionHeads,
    numKeyValueHeads: numAttentionHeads,
    headDim: hiddenSize / numAttentionHeads,
    hiddenAct: 'silu' as ActivationName,
    maxPositionEmbeddings: 2048,
    initializerRange: 0.02,
    rmsNormEps: 1e-6,
    attentionBias: false,
    mlpBias: false,
    tieWordEmbeddings: false,
    bosTokenId: 1,
    eosTokenId: 2,
    padTokenId: null,
    ...config,
    rope: { ...DEFAULT_ROPE, ...config.rope },
  }
  checkPositive('Llama', full, [
    'vocabSize',
    'hiddenSize',
    'intermediateSize',
    'numHiddenLayers',
    'numAttentionHeads',
    'numKeyValueHeads',
    'headDim',
    'maxPositionEmbeddings',
  ])
  const queries = { 'numAttentionHeads / numKeyValueHeads': full.numAttentionHeads / full.numKeyValueHeads }
  checkPositive('Llama', queries, ['numAttentionHeads / numKeyValueHeads'])
  checkPositive('Llama', { 'headDim / 2': full.headDim / 2 }, ['headDim / 2'])
  return full
}

/** An id, several, or none. */
const readEnds = (c: Config): number | readonly number[] | null =>
  c.lacks('eos_token_id')
    ? null
    : Array.isArray(c.raw('eos_token_id'))
      ? c.list('eos_token_id').map((id) => {
          if (typeof id !== 'number' || !Number.isInteger(id)) throw c.wrong('eos_token_id', 'ids')
          return id
        })
      : c.integer('eos_token_id')

function readConfig(c: Config): LlamaConfig {
  const heads = c.integer('num_attention_heads', 32)
  const hidden = c.integer('hidden_size', 4096)
  return {
    vocabSize: c.integer('vocab_size', 32000),
    hiddenSize: hidden,
    intermediateSize: c.integer('intermediate_size', 11008),
    numHiddenLayers: c.integer('num_hidden_layers', 32),
    numAttentionHeads: heads,
    numKeyValueHeads: c.lacks('num_key_value_heads') ? heads : c.integer('num_key_value_heads'),
    headDim: c.lacks('head_dim') ? hidden / heads : c.integer('head_dim'),
    hiddenAct: readActivation(c, 'hidden_act', 'silu'),
    maxPositionEmbeddings: c.integer('max_position_embeddings', 2048),
    initializerRange: c.number('initializer_range', 0.02),
    rmsNormEps: c.number('rms_norm_eps', 1e-6),
    rope: readRope(c),
    attentionBias: c.boolean('attention_bias', false),
    mlpBias: c.boolean('mlp_bias', false),
    tieWordEmbeddings: c.boolean('tie_word_embeddings', false),
    bosTokenId: c.lacks('bos_token_id') ? null : c.integer('bos_token_id'),
    eosTokenId: readEnds(c),
    padTokenId: c.lacks('pad_token_id') ? null : c.integer('pad_token_id'),
  }
}

type Angles = readonly [cos: Tensor, sin: Tensor]

class LlamaAttention extends nn.Module<
  [x: Tensor, angles: Angles, visibility: Visibility, cache: KeyValueCache | null]
> {
  q_proj: nn.Linear
  k_proj: nn.Linear
  v_proj: nn.Linear
  o_proj: nn.Linear
  readonly #config: FullConfig
  readonly #layer: number

  constructor(config: FullConfig, layer: number) {
    super()
    const { attentionBias: bias, headDim, hiddenSize, numAttentionHeads, numKeyValueHeads } = config
    this.q_proj = new nn.Linear(hiddenSize, numAttentionHeads * headDim, { bias })
    this.k_proj = new nn.Linear(hiddenSize, numKeyValueHeads * headDim, { bias })
    this.v_proj = new nn.Linear(hiddenSize, numKeyValueHeads * headDim, { bias })
    this.o_proj = new nn.Linear(numAttentionHeads * headDim, hiddenSize, { bias })
    this.#config = config
    this.#layer = layer
  }

  override forward(x: Tensor, [cos, sin]: Angles, visibility: Visibility, cache: KeyValueCache | null): Tensor {
    const { numAttentionHeads, numKeyValueHeads } = this.#config
    const query = rotate(splitHeads(this.q_proj.forward(x), numAttentionHeads), cos, sin)
    const key = rotate(splitHeads(this.k_proj.forward(x), numKeyValueHeads), cos, sin)
    const value = splitHeads(this.v_proj.forward(x), numKeyValueHeads)
    const [keys, values] = cache === null ? [key, value] : cache.append(this.#layer, key, value)
    return this.o_proj.forward(joinHeads(attend(query, keys, values, visibility, 0)))
  }
}

class LlamaMLP extends nn.Module {
  gate_proj: nn.Linear
  up_proj: nn.Linear
  down_proj: nn.Linear
  readonly #activation: (x: Tensor) => Tensor

  constructor({ hiddenAct, hiddenSize, intermediateSize, mlpBias: bias }: FullConfig) {
    super()
    this.gate_proj = new nn.Linear(hiddenSize, intermediateSize, { bias })
    this.up_proj = new nn.Linear(hiddenSize, intermediateSize, { bias })
    this.down_proj = new nn.Linear(intermediateSize, hiddenSize, { bias })
    this.#activation = activation(hiddenAct)
  }

  override forward(x: Tensor): Tensor {
    return this.down_proj.forward(this.#activation(this.gate_proj.forward(x)).mul(this.up_proj.forward(x)))
  }
}

class LlamaDecoderLayer extends nn.Module<
  [x: Tensor, angles: Angles, visibility: Visibility, cache: KeyValueCache | null]
> {
  self_attn: LlamaAttention
  mlp: LlamaMLP
  input_layernorm: nn.RMSNorm
  post_attention_layernorm: nn.RMSNorm

  constructor(config: FullConfig, layer: number) {
    super()
    const { hiddenSize, rmsNormEps: eps } = config
    this.self_attn = new LlamaAttention(config, layer)
    this.mlp = new LlamaMLP(config)
    this.input_layernorm = new nn.RMSNorm(hiddenSize, { eps })
    this.post_attention_layernorm = new nn.RMSNorm(hiddenSize, { eps })
  }

  override forward(x: Tensor, angles: Angles, visibility: Visibility, cache: KeyValueCache | null): Tensor {
    const attended = this.self_attn.forward(this.input_layernorm.forward(x), angles, visibility, cache).add(x)
    return this.mlp.forward(this.post_attention_layernorm.forward(attended)).add(attended)
  }
}

/**
 * Llama without a head: hidden states of tokens.
 *
 * @see https://arxiv.org/abs/2302.13971
 */
export class LlamaModel extends nn.Module<[inputIds: Tensor, inputs?: DecoderInputs]> {
  readonly config: FullConfig
  embed_tokens: nn.Embedding
  layers: nn.ModuleList<LlamaDecoderLayer>
  norm: nn.RMSNorm
  readonly #rotary: Rotary

  constructor(config: LlamaConfig = {}) {
    super()
    const full = fullConfig(config)
    this.config = full
    this.embed_tokens = new nn.Embedding(full.vocabSize, full.hiddenSize)
    this.layers = new nn.ModuleList(
      Array.from({ length: full.numHiddenLayers }, (_, layer) => new LlamaDecoderLayer(full, layer)),
    )
    this.norm = new nn.RMSNorm(full.hiddenSize, { eps: full.rmsNormEps })
    this.#rotary = new Rotary(full.headDim, full.rope)
    initialize(this, full.initializerRange)
  }

  /** @param inputIds shape [B, L] @returns shape [B, L, hiddenSize] */
  override forward(
    inputIds: Tensor,
    { attentionMask = null, cache = null, positionIds = null }: DecoderInputs = {},
  ): Tensor {
    const [, length] = checkIds('LlamaModel', inputIds)
    const past = cache?.length ?? 0
    let x = this.embed_tokens.forward(inputIds)
    const angles = this.#rotary.at(past, length, positionIds, x)
    const visibility = causal(length, past + length, attentionMask)
    for (const layer of this.layers) x = layer.forward(x, angles, visibility, cache)
    cache?.advance(length)
    return this.norm.forward(x)
  }

  static async fromPretrained(from: string, options: PretrainedOptions = {}): Promise<LlamaModel> {
    return LlamaModel.load(await hub.load(from, options), options.dtype)
  }

  /** @internal */
  static load(loaded: hub.LoadedModel, dtype?: DType): LlamaModel {
    const rename = (key: string) => (key === 'lm_head.weight' ? undefined : notRotary(key.replace(/^model\./, '')))
    return withWeights(() => new LlamaModel(readConfig(configOf(loaded))), loaded, { rename }, dtype)
  }
}

/** Old files have the frequencies, which are computed. */
const notRotary = (key: string): string | undefined => (key.endsWith('rotary_emb.inv_freq') ? undefined : key)

/** Llama with a language modelling head. */
export class LlamaForCausalLM extends CausalModel {
  readonly config: FullConfig
  model: LlamaModel
  lm_head: nn.Linear

  constructor(config: LlamaConfig = {}) {
    super()
    this.model = new LlamaModel(config)
    this.config = this.model.config
    const { hiddenSize, initializerRange, tieWordEmbeddings, vocabSize } = this.config
    this.lm_head = new nn.Linear(hiddenSize, tieWordEmbeddings ? 0 : vocabSize, { bias: false })
    if (tieWordEmbeddings) this.lm_head.weight = this.model.embed_tokens.weight
    else nn.init.normal_(this.lm_head.weight, 0, initializerRange)
  }

  /** @param inputIds shape [B, L] */
  override forward(inputIds: Tensor, { labels = null, lastOnly = false, ...inputs }: CausalInputs = {}): LMOutput {
    const hidden = this.model.forward(inputIds, inputs)
    const logits = F.linear(lastOnly ? hidden.narrow(1, hidden.shape[1] - 1, 1) : hidden, this.lm_head.weight)
    return { logits, loss: labels === null ? null : nextTokenLoss(logits, labels) }
  }

  protected override get generationDefaults() {
    return { eosTokenId: this.config.eosTokenId, padTokenId: this.config.padTokenId }
  }

  protected override get longest(): number {
    return this.config.maxPositionEmbeddings
  }

  /** The model of a folder in Hugging Face's layout, or of the hub. */
  static async fromPretrained(from: string, options: PretrainedOptions = {}): Promise<LlamaForCausalLM> {
    return LlamaForCausalLM.load(await hub.load(from, options), options.dtype)
  }

  /** @internal */
  static load(loaded: hub.LoadedModel, dtype?: DType): LlamaForCausalLM {
    const config = readConfig(configOf(loaded))
    const tied = config.tieWordEmbeddings ? { 'lm_head.weight': 'model.embed_tokens.weight' } : undefined
    return withWeights(() => new LlamaForCausalLM(config), loaded, { rename: notRotary, tied }, dtype)
  }
}
