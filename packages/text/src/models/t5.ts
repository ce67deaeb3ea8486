// T5: an encoder and a decoder whose attention knows distances instead of places.
import { type DType, F, full, inferenceMode, keep, nn, ShapeError, type Tensor, tensor } from '@flambeau/core'
import * as hub from '@flambeau/core/hub'
import { type Decoding, GenerativeModel } from '../generation/model.js'
import type { Settings } from '../generation/options.js'
import type { Config } from '../tokenizers/config.js'
import { type ActivationName, activation } from './activations.js'
import { KeyValueCache } from './cache.js'
import { checkIds, checkPositive } from './checks.js'
import { attend, joinHeads, splitHeads } from './masks.js'
import { configOf, type PretrainedOptions, type WeightRules, withWeights } from './pretrained.js'

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

type FullConfig = Required<T5Config>

function fullConfig(config: T5Config): FullConfig {
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

function readConfig(c: Config): T5Config {
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

class T5LayerNorm extends nn.Module {
  weight: nn.Parameter
  readonly #eps: number

  constructor({ dModel, initializerFactor, layerNormEpsilon }: FullConfig) {
    super()
    this.weight = new nn.Parameter(full([dModel], initializerFactor))
    this.#eps = layerNormEpsilon
  }

  override forward(x: Tensor): Tensor {
    return F.rmsNorm(x, [this.weight.shape[0]], { weight: this.weight, eps: this.#eps })
  }
}

const linear = (inputs: number, outputs: number, std: number): nn.Linear => {
  const layer = new nn.Linear(inputs, outputs, { bias: false })
  nn.init.normal_(layer.weight, 0, std)
  return layer
}

/** Which bucket of distances each is in: the near ones have their own, the far ones are counted in logarithms. */
function bucketOf(distance: number, bidirectional: boolean, buckets: number, most: number): number {
  let count = buckets
  let base = 0
  let away = distance
  if (bidirectional) {
    count = Math.floor(count / 2)
    if (distance > 0) base = count
    away = Math.abs(distance)
  } else away = Math.max(-distance, 0)
  const exact = Math.floor(count / 2)
  if (away < exact) return base + away
  const far = Math.fround(Math.fround(Math.log(away / exact)) / Math.fround(Math.log(most / exact)))
  return base + Math.min(exact + Math.trunc(Math.fround(far * (count - exact))), count - 1)
}

interface AttentionInputs {
  /** Added to the scores: broadcasts to [B, H, L, S]. */
  readonly bias: Tensor | null
  readonly cache: KeyValueCache | null
  /** Where keys and values are from, if not from x: shape [B, S, dModel]. */
  readonly memory?: Tensor
}

class T5Attention extends nn.Module<[x: Tensor, inputs: AttentionInputs]> {
  q: nn.Linear
  k: nn.Linear
  v: nn.Linear
  o: nn.Linear
  declare relative_attention_bias?: nn.Embedding
  readonly #config: FullConfig
  readonly #bidirectional: boolean
  readonly #layer: number

  constructor(
    config: FullConfig,
    layer: number,
    { bidirectional, distances }: { bidirectional: boolean; distances: boolean },
  ) {
    super()
    const { dKv, dModel, initializerFactor: f, numHeads, relativeAttentionNumBuckets } = config
    const inner = numHeads * dKv
    this.q = linear(dModel, inner, f * (dModel * dKv) ** -0.5)
    this.k = linear(dModel, inner, f * dModel ** -0.5)
    this.v = linear(dModel, inner, f * dModel ** -0.5)
    this.o = linear(inner, dModel, f * inner ** -0.5)
    if (distances) {
      const table = new nn.Embedding(relativeAttentionNumBuckets, numHeads)
      nn.init.normal_(table.weight, 0, f * dModel ** -0.5)
      this.relative_attention_bias = table
    }
    this.#config = config
    this.#bidirectional = bidirectional
    this.#layer = layer
  }

  /** What distances add to the scores of queries that begin at `past`. @returns shape [1, H, L, S] */
  positionBias(queries: number, keys: number, past: number): Tensor {
    const { relativeAttentionMaxDistance: most, relativeAttentionNumBuckets: buckets } = this.#config
    const index = new BigInt64Array(queries * keys)
    for (let i = 0; i < queries; i++)
      for (let j = 0; j < keys; j++)
        index[i * keys + j] = BigInt(bucketOf(j - i - past, this.#bidirectional, buckets, most))
    const table = this.relative_attention_bias
    if (table === undefined) throw new ShapeError('T5Attention: this layer has no distances')
    return table
      .forward(tensor(index).reshape([queries, keys]))
      .permute([2, 0, 1])
      .unsqueeze(0)
  }

  override forward(x: Tensor, { bias, cache, memory }: AttentionInputs): Tensor {
    const { dropoutRate, numHeads } = this.#config
    const query = splitHeads(this.q.forward(x), numHeads)
    const project = (from: Tensor): [Tensor, Tensor] => [
      splitHeads(this.k.forward(from), numHeads),
      splitHeads(this.v.forward(from), numHeads),
    ]
    const [keys, values] =
      cache === null
        ? project(memory ?? x)
        : memory === undefined
          ? cache.append(this.#layer, ...project(x))
          : cache.fixed(this.#layer, () => project(memory))
    const visibility = { attnMask: bias, isCausal: false }
    return this.o.forward(joinHeads(attend(query, keys, values, visibility, this.training ? dropoutRate : 0, 1)))
  }
}

class T5LayerSelfAttention extends nn.Module<[x: Tensor, inputs: AttentionInputs]> {
  SelfAttention: T5Attention
  layer_norm: T5LayerNorm
  dropout: nn.Dropout

  constructor(config: FullConfig, layer: number, isDecoder: boolean) {
    super()
    this.SelfAttention = new T5Attention(config, layer, { bidirectional: !isDecoder, distances: layer === 0 })
    this.layer_norm = new T5LayerNorm(config)
    this.dropout = new nn.Dropout(config.dropoutRate)
  }

  override forward(x: Tensor, inputs: AttentionInputs): Tensor {
    return x.add(this.dropout.forward(this.SelfAttention.forward(this.layer_norm.forward(x), inputs)))
  }
}

class T5LayerCrossAttention extends nn.Module<[x: Tensor, inputs: AttentionInputs]> {
  EncDecAttention: T5Attention
  layer_norm: T5LayerNorm
  dropout: nn.Dropout

  constructor(config: FullConfig, layer: number) {
    super()
    this.EncDecAttention = new T5Attention(config, layer, { bidirectional: true, distances: false })
    this.layer_norm = new T5LayerNorm(config)
    this.dropout = new nn.Dropout(config.dropoutRate)
  }

  override forward(x: Tensor, inputs: AttentionInputs): Tensor {
    return x.add(this.dropout.forward(this.EncDecAttention.forward(this.layer_norm.forward(x), inputs)))
  }
}

/** The feed-forward layer: of one projection that is activated, or of two of which one is. */
class T5DenseReluDense extends nn.Module {
  declare wi?: nn.Linear
  declare wi_0?: nn.Linear
  declare wi_1?: nn.Linear
  wo: nn.Linear
  dropout: nn.Dropout
  readonly #activation: (x: Tensor) => Tensor

  constructor({ dFf, dModel, dropoutRate, feedForwardProj, initializerFactor: f }: FullConfig) {
    super()
    const [gate, name = gate] = feedForwardProj.split('-')
    const std = f * dModel ** -0.5
    if (gate === 'gated') {
      this.wi_0 = linear(dModel, dFf, std)
      this.wi_1 = linear(dModel, dFf, std)
    } else this.wi = linear(dModel, dFf, std)
    this.wo = linear(dFf, dModel, f * dFf ** -0.5)
    this.dropout = new nn.Dropout(dropoutRate)
    this.#activation = activation((gate === 'gated' && name === 'gelu' ? 'gelu_new' : name) as ActivationName)
  }

  override forward(x: Tensor): Tensor {
    const hidden =
      this.wi_0 !== undefined && this.wi_1 !== undefined
        ? this.#activation(this.wi_0.forward(x)).mul(this.wi_1.forward(x))
        : this.#activation(this.wi?.forward(x) ?? x)
    return this.wo.forward(this.dropout.forward(hidden))
  }
}

class T5LayerFF extends nn.Module {
  DenseReluDense: T5DenseReluDense
  layer_norm: T5LayerNorm
  dropout: nn.Dropout

  constructor(config: FullConfig) {
    super()
    this.DenseReluDense = new T5DenseReluDense(config)
    this.layer_norm = new T5LayerNorm(config)
    this.dropout = new nn.Dropout(config.dropoutRate)
  }

  override forward(x: Tensor): Tensor {
    return x.add(this.dropout.forward(this.DenseReluDense.forward(this.layer_norm.forward(x))))
  }
}

/** Keys and values of a decoder: its own, and the encoder's. */
export interface T5Cache {
  readonly own: KeyValueCache
  readonly memory: KeyValueCache
}

interface StackInputs {
  /** Added to the scores. */
  readonly bias: Tensor | null
  readonly cache: T5Cache | null
  readonly memory?: Tensor
  readonly memoryBias?: Tensor | null
}

class T5Block extends nn.Module<[x: Tensor, inputs: StackInputs]> {
  layer: nn.ModuleList<T5LayerSelfAttention | T5LayerCrossAttention | T5LayerFF>
  readonly #attention: T5LayerSelfAttention
  readonly #cross: T5LayerCrossAttention | null
  readonly #feedForward: T5LayerFF

  constructor(config: FullConfig, layer: number, isDecoder: boolean) {
    super()
    this.#attention = new T5LayerSelfAttention(config, layer, isDecoder)
    this.#cross = isDecoder ? new T5LayerCrossAttention(config, layer) : null
    this.#feedForward = new T5LayerFF(config)
    this.layer = new nn.ModuleList(
      this.#cross === null ? [this.#attention, this.#feedForward] : [this.#attention, this.#cross, this.#feedForward],
    )
  }

  get selfAttention(): T5Attention {
    return this.#attention.SelfAttention
  }

  override forward(x: Tensor, { bias, cache, memory, memoryBias = null }: StackInputs): Tensor {
    let hidden = this.#attention.forward(x, { bias, cache: cache?.own ?? null })
    if (this.#cross !== null && memory !== undefined)
      hidden = this.#cross.forward(hidden, { bias: memoryBias, cache: cache?.memory ?? null, memory })
    return this.#feedForward.forward(hidden)
  }
}

class T5Stack extends nn.Module<[inputIds: Tensor, inputs: Omit<StackInputs, 'bias'> & { mask: Tensor | null }]> {
  embed_tokens: nn.Embedding
  block: nn.ModuleList<T5Block>
  final_layer_norm: T5LayerNorm
  dropout: nn.Dropout
  readonly #isDecoder: boolean

  constructor(config: FullConfig, shared: nn.Parameter, isDecoder: boolean) {
    super()
    this.embed_tokens = new nn.Embedding(0, config.dModel)
    this.embed_tokens.weight = shared
    const layers = isDecoder ? config.numDecoderLayers : config.numLayers
    this.block = new nn.ModuleList(Array.from({ length: layers }, (_, layer) => new T5Block(config, layer, isDecoder)))
    this.final_layer_norm = new T5LayerNorm(config)
    this.dropout = new nn.Dropout(config.dropoutRate)
    this.#isDecoder = isDecoder
  }

  override forward(
    inputIds: Tensor,
    { cache, mask, memory, memoryBias }: Omit<StackInputs, 'bias'> & { mask: Tensor | null },
  ): Tensor {
    const [, length] = checkIds('T5', inputIds)
    const past = cache?.own.length ?? 0
    let x = this.dropout.forward(F.embedding(inputIds, this.embed_tokens.weight))
    let bias = this.block.at(0).selfAttention.positionBias(length, past + length, past)
    if (this.#isDecoder && length > 1) bias = bias.add(causalBias(length, past + length, bias.dtype))
    if (mask !== null) bias = bias.add(mask)
    for (const block of this.block) x = block.forward(x, { bias, cache, memory, memoryBias })
    cache?.own.advance(length)
    return this.dropout.forward(this.final_layer_norm.forward(x))
  }
}

/** What is added to scores of keys that lie behind their query. */
function causalBias(queries: number, keys: number, dtype: DType): Tensor {
  const values = new Float32Array(queries * keys)
  for (let i = 0; i < queries; i++)
    values.fill(Number.NEGATIVE_INFINITY, i * keys + i + 1 + keys - queries, (i + 1) * keys)
  return tensor(values).reshape([queries, keys]).to(dtype)
}

/** A mask of 0 and 1 as what is added to scores. @returns shape [B, 1, 1, S] */
function maskBias(mask: Tensor | null | undefined, dtype: DType): Tensor | null {
  if (!mask) return null
  const hidden = mask.to('bool').logicalNot().reshape([-1, 1, 1, mask.shape[1]])
  return hidden.to(dtype).maskedFill(hidden, Number.NEGATIVE_INFINITY)
}

export interface T5Inputs {
  /** Shape [B, S], of the text that is given: 0 for padding. */
  readonly attentionMask?: Tensor | null
  /** Shape [B, L]: what the decoder reads. Default: the labels, shifted. */
  readonly decoderInputIds?: Tensor | null
  readonly decoderAttentionMask?: Tensor | null
  /** Shape [B, L]: -100 where there is no loss. */
  readonly labels?: Tensor | null
  /** Shape [B, S, dModel]: what the encoder has made of the text before. */
  readonly encoderHiddenStates?: Tensor | null
  readonly cache?: T5Cache | null
}

export interface T5Output {
  /** Shape [B, L, vocabSize]. */
  readonly logits: Tensor
  readonly loss: Tensor | null
  /** Shape [B, S, dModel]. */
  readonly encoderLastHiddenState: Tensor
}

/**
 * T5 that turns texts into texts.
 *
 * @see https://arxiv.org/abs/1910.10683
 * @example
 * ```ts
 * import { tensor } from '@flambeau/core'
 * import { models } from '@flambeau/text'
 * const model = new models.T5ForConditionalGeneration({ vocabSize: 40, dModel: 16, dKv: 8, dFf: 32, numLayers: 2, numHeads: 2 }).eval()
 * const inputIds = tensor([[5, 6, 7, 1]], { dtype: 'int64' })
 * const { logits, loss } = model.forward(inputIds, { labels: tensor([[8, 9, 1]], { dtype: 'int64' }) })
 * console.log(logits.shape, loss?.shape) // → [ 1, 3, 40 ] []
 * ```
 */
export class T5ForConditionalGeneration extends GenerativeModel<[inputIds: Tensor, inputs?: T5Inputs], T5Output> {
  readonly config: FullConfig
  shared: nn.Embedding
  encoder: T5Stack
  decoder: T5Stack
  lm_head: nn.Linear

  constructor(config: T5Config = {}) {
    super()
    const sizes = fullConfig(config)
    this.config = sizes
    this.shared = new nn.Embedding(sizes.vocabSize, sizes.dModel)
    nn.init.normal_(this.shared.weight, 0, sizes.initializerFactor)
    this.encoder = new T5Stack(sizes, this.shared.weight, false)
    this.decoder = new T5Stack(sizes, this.shared.weight, true)
    this.lm_head = new nn.Linear(sizes.dModel, sizes.tieWordEmbeddings ? 0 : sizes.vocabSize, { bias: false })
    if (sizes.tieWordEmbeddings) this.lm_head.weight = this.shared.weight
    else nn.init.normal_(this.lm_head.weight, 0, sizes.initializerFactor)
  }

  /** What the encoder makes of texts. @param inputIds shape [B, S] @returns shape [B, S, dModel] */
  encode(inputIds: Tensor, attentionMask: Tensor | null = null): Tensor {
    return this.encoder.forward(inputIds, { mask: maskBias(attentionMask, this.shared.weight.dtype), cache: null })
  }

  /** @param inputIds shape [B, S] */
  override forward(inputIds: Tensor, inputs: T5Inputs = {}): T5Output {
    const { attentionMask = null, cache = null, decoderAttentionMask = null, encoderHiddenStates, labels } = inputs
    const decoderIds = inputs.decoderInputIds ?? (labels ? this.#shifted(labels) : null)
    if (decoderIds === null) throw new ShapeError('T5: expected decoderInputIds or labels, got neither')
    const memory = encoderHiddenStates ?? this.encode(inputIds, attentionMask)
    const { dtype } = this.shared.weight
    let hidden = this.decoder.forward(decoderIds, {
      mask: maskBias(decoderAttentionMask, dtype),
      cache,
      memory,
      memoryBias: maskBias(attentionMask, dtype),
    })
    if (this.config.scaleDecoderOutputs) hidden = hidden.mul(this.config.dModel ** -0.5)
    const logits = this.lm_head.forward(hidden)
    const loss = labels ? F.crossEntropy(logits.reshape([-1, this.config.vocabSize]), labels.reshape([-1])) : null
    return { logits, loss, encoderLastHiddenState: memory }
  }

  /** What the decoder reads to say the labels: they begin one later. */
  #shifted(labels: Tensor): Tensor {
    const { decoderStartTokenId, padTokenId } = this.config
    const known = labels.maskedFill(labels.eq(-100), padTokenId)
    return F.pad(known.narrow(1, 0, labels.shape[1] - 1), [1, 0], { value: decoderStartTokenId })
  }

  protected override get generationDefaults() {
    return { eosTokenId: this.config.eosTokenId, padTokenId: this.config.padTokenId }
  }

  protected override get longest(): number {
    return Number.POSITIVE_INFINITY
  }

  protected override promptLength(): number {
    return 1
  }

  protected override startDecoding(inputIds: Tensor, attentionMask: Tensor | null, settings: Settings): Decoding {
    const start = this.config.decoderStartTokenId
    const cache: T5Cache = { own: new KeyValueCache(settings.maxLength), memory: new KeyValueCache(inputIds.shape[1]) }
    let memory = inferenceMode(() => keep(this.encode(inputIds, attentionMask)))
    let mask = attentionMask
    const read = (tokens: readonly number[]): Tensor => {
      const decoderInputIds = tensor(BigInt64Array.from(tokens, BigInt)).unsqueeze(1)
      const inputs = { attentionMask: mask, decoderInputIds, encoderHiddenStates: memory, cache }
      return this.forward(inputIds, inputs).logits.squeeze(1)
    }
    const select = (order: readonly number[], caches: readonly KeyValueCache[]): void => {
      const places = tensor(BigInt64Array.from(order, BigInt))
      for (const own of caches) own.reorder(places)
      memory = keep(memory.indexSelect(0, places))
      if (mask !== null) mask = keep(mask.indexSelect(0, places))
    }
    const batch = inputIds.shape[0]
    return {
      prompts: Array.from({ length: batch }, () => [start]),
      start: (copies) => {
        if (copies > 1)
          select(
            Array.from({ length: batch * copies }, (_, i) => Math.floor(i / copies)),
            [],
          )
        return read(new Array<number>(batch * copies).fill(start))
      },
      next: (tokens, order) => {
        if (order?.some((from, i) => from !== i)) select(order, [cache.own, cache.memory])
        return read(tokens)
      },
      dispose: () => {
        cache.own.dispose()
        cache.memory.dispose()
      },
    }
  }

  /** The model of a folder in Hugging Face's layout, or of the hub. */
  static async fromPretrained(from: string, options: PretrainedOptions = {}): Promise<T5ForConditionalGeneration> {
    return T5ForConditionalGeneration.load(await hub.load(from, options), options.dtype)
  }

  /** @internal */
  static load(loaded: hub.LoadedModel, dtype?: DType): T5ForConditionalGeneration {
    // Configurations say that they are tied where they are not: the file tells.
    const tieWordEmbeddings = loaded.stateDict['lm_head.weight'] === undefined
    const config = { ...readConfig(configOf(loaded)), tieWordEmbeddings }
    const rules: WeightRules = {
      // Old files have a table in the cross attention that nobody reads.
      rename: (key) => (/EncDecAttention\.relative_attention_bias/.test(key) ? undefined : key),
      tied: {
        'encoder.embed_tokens.weight': 'shared.weight',
        'decoder.embed_tokens.weight': 'shared.weight',
        ...(tieWordEmbeddings ? { 'lm_head.weight': 'shared.weight' } : {}),
      },
    }
    return withWeights(() => new T5ForConditionalGeneration(config), loaded, rules, dtype)
  }
}
