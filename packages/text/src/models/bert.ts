// BERT's encoder.
import { arange, type DType, nn, type Tensor, zerosLike } from '@flambeau/core'
import * as hub from '@flambeau/core/hub'
import type { Config } from '../tokenizers/config.js'
import { type ActivationName, activation, readActivation } from './activations.js'
import { checkIds, checkPositive } from './checks.js'
import { attend, bidirectional, joinHeads, splitHeads, type Visibility } from './masks.js'
import { configOf, initialize, type PretrainedOptions, withWeights } from './pretrained.js'

/** The sizes of a BERT, by default those of the base one. */
export interface BertConfig {
  readonly vocabSize?: number
  readonly hiddenSize?: number
  readonly numHiddenLayers?: number
  readonly numAttentionHeads?: number
  readonly intermediateSize?: number
  readonly hiddenAct?: ActivationName
  readonly hiddenDropoutProb?: number
  readonly attentionProbsDropoutProb?: number
  readonly maxPositionEmbeddings?: number
  readonly typeVocabSize?: number
  readonly initializerRange?: number
  readonly layerNormEps?: number
  readonly padTokenId?: number
  /** Classes of a classifier. Default 2. */
  readonly numLabels?: number
  /** Before a classifier of texts or tokens; null, the default, for `hiddenDropoutProb`. */
  readonly classifierDropout?: number | null
}

const DEFAULTS = {
  vocabSize: 30522,
  hiddenSize: 768,
  numHiddenLayers: 12,
  numAttentionHeads: 12,
  intermediateSize: 3072,
  hiddenAct: 'gelu',
  hiddenDropoutProb: 0.1,
  attentionProbsDropoutProb: 0.1,
  maxPositionEmbeddings: 512,
  typeVocabSize: 2,
  initializerRange: 0.02,
  layerNormEps: 1e-12,
  padTokenId: 0,
  numLabels: 2,
  classifierDropout: null,
} as const satisfies Required<BertConfig>

/** @internal */
export type FullConfig = Required<BertConfig>

function fullConfig(config: BertConfig): FullConfig {
  const full = { ...DEFAULTS, ...config }
  checkPositive('Bert', full, [
    'vocabSize',
    'hiddenSize',
    'numHiddenLayers',
    'numAttentionHeads',
    'intermediateSize',
    'maxPositionEmbeddings',
    'typeVocabSize',
    'numLabels',
  ])
  const features = { 'hiddenSize / numAttentionHeads': full.hiddenSize / full.numAttentionHeads }
  checkPositive('Bert', features, ['hiddenSize / numAttentionHeads'])
  return full
}

/** @internal What a `config.json` says. */
export function readConfig(c: Config): BertConfig {
  const labels = c.lacks('id2label') ? c.integer('num_labels', 2) : [...c.config('id2label').entries()].length
  return {
    vocabSize: c.integer('vocab_size', DEFAULTS.vocabSize),
    hiddenSize: c.integer('hidden_size', DEFAULTS.hiddenSize),
    numHiddenLayers: c.integer('num_hidden_layers', DEFAULTS.numHiddenLayers),
    numAttentionHeads: c.integer('num_attention_heads', DEFAULTS.numAttentionHeads),
    intermediateSize: c.integer('intermediate_size', DEFAULTS.intermediateSize),
    hiddenAct: readActivation(c, 'hidden_act', DEFAULTS.hiddenAct),
    hiddenDropoutProb: c.number('hidden_dropout_prob', DEFAULTS.hiddenDropoutProb),
    attentionProbsDropoutProb: c.number('attention_probs_dropout_prob', DEFAULTS.attentionProbsDropoutProb),
    maxPositionEmbeddings: c.integer('max_position_embeddings', DEFAULTS.maxPositionEmbeddings),
    typeVocabSize: c.integer('type_vocab_size', DEFAULTS.typeVocabSize),
    initializerRange: c.number('initializer_range', DEFAULTS.initializerRange),
    layerNormEps: c.number('layer_norm_eps', DEFAULTS.layerNormEps),
    padTokenId: c.lacks('pad_token_id') ? 0 : c.integer('pad_token_id'),
    numLabels: labels,
    classifierDropout: c.lacks('classifier_dropout') ? null : c.number('classifier_dropout'),
  }
}

export interface BertInputs {
  /** Shape [B, L]: 0 for padding. */
  readonly attentionMask?: Tensor | null
  /** Shape [B, L]: which text of a pair. Default 0. */
  readonly tokenTypeIds?: Tensor | null
  /** Shape [B, L]. Default 0, 1, 2… */
  readonly positionIds?: Tensor | null
}

export interface BertOutput {
  /** Shape [B, L, hiddenSize]. */
  readonly lastHiddenState: Tensor
  /** Shape [B, hiddenSize]: of the first token; null for a model without pooler. */
  readonly poolerOutput: Tensor | null
}

class BertEmbeddings extends nn.Module<[inputIds: Tensor, inputs: BertInputs]> {
  word_embeddings: nn.Embedding
  position_embeddings: nn.Embedding
  token_type_embeddings: nn.Embedding
  LayerNorm: nn.LayerNorm
  dropout: nn.Dropout

  constructor(config: FullConfig) {
    super()
    const { hiddenSize, layerNormEps: eps, padTokenId: paddingIdx } = config
    this.word_embeddings = new nn.Embedding(config.vocabSize, hiddenSize, { paddingIdx })
    this.position_embeddings = new nn.Embedding(config.maxPositionEmbeddings, hiddenSize)
    this.token_type_embeddings = new nn.Embedding(config.typeVocabSize, hiddenSize)
    this.LayerNorm = new nn.LayerNorm(hiddenSize, { eps })
    this.dropout = new nn.Dropout(config.hiddenDropoutProb)
  }

  override forward(inputIds: Tensor, { positionIds, tokenTypeIds }: BertInputs): Tensor {
    const words = this.word_embeddings.forward(inputIds)
    const types = this.token_type_embeddings.forward(tokenTypeIds ?? zerosLike(inputIds))
    const positions = this.position_embeddings.forward(positionIds ?? arange(inputIds.shape[1]).unsqueeze(0))
    return this.dropout.forward(this.LayerNorm.forward(words.add(types).add(positions)))
  }
}

class BertSelfAttention extends nn.Module<[x: Tensor, visibility: Visibility]> {
  query: nn.Linear
  key: nn.Linear
  value: nn.Linear
  readonly #heads: number
  readonly #dropout: number

  constructor({ attentionProbsDropoutProb, hiddenSize, numAttentionHeads }: FullConfig) {
    super()
    this.query = new nn.Linear(hiddenSize, hiddenSize)
    this.key = new nn.Linear(hiddenSize, hiddenSize)
    this.value = new nn.Linear(hiddenSize, hiddenSize)
    this.#heads = numAttentionHeads
    this.#dropout = attentionProbsDropoutProb
  }

  override forward(x: Tensor, visibility: Visibility): Tensor {
    const [query, key, value] = [this.query, this.key, this.value].map((p) => splitHeads(p.forward(x), this.#heads))
    return joinHeads(attend(query, key, value, visibility, this.training ? this.#dropout : 0))
  }
}

/** What follows attention and the feed-forward layer: a projection, added to what there was, and normalized. */
class BertOutputLayer extends nn.Module<[x: Tensor, before: Tensor]> {
  dense: nn.Linear
  LayerNorm: nn.LayerNorm
  dropout: nn.Dropout

  constructor(inputs: number, { hiddenDropoutProb, hiddenSize, layerNormEps: eps }: FullConfig) {
    super()
    this.dense = new nn.Linear(inputs, hiddenSize)
    this.LayerNorm = new nn.LayerNorm(hiddenSize, { eps })
    this.dropout = new nn.Dropout(hiddenDropoutProb)
  }

  override forward(x: Tensor, before: Tensor): Tensor {
    return this.LayerNorm.forward(this.dropout.forward(this.dense.forward(x)).add(before))
  }
}

class BertAttention extends nn.Module<[x: Tensor, visibility: Visibility]> {
  self: BertSelfAttention
  output: BertOutputLayer

  constructor(config: FullConfig) {
    super()
    this.self = new BertSelfAttention(config)
    this.output = new BertOutputLayer(config.hiddenSize, config)
  }

  override forward(x: Tensor, visibility: Visibility): Tensor {
    return this.output.forward(this.self.forward(x, visibility), x)
  }
}

class BertIntermediate extends nn.Module {
  dense: nn.Linear
  readonly #activation: (x: Tensor) => Tensor

  constructor({ hiddenAct, hiddenSize, intermediateSize }: FullConfig) {
    super()
    this.dense = new nn.Linear(hiddenSize, intermediateSize)
    this.#activation = activation(hiddenAct)
  }

  override forward(x: Tensor): Tensor {
    return this.#activation(this.dense.forward(x))
  }
}

class BertLayer extends nn.Module<[x: Tensor, visibility: Visibility]> {
  attention: BertAttention
  intermediate: BertIntermediate
  output: BertOutputLayer

  constructor(config: FullConfig) {
    super()
    this.attention = new BertAttention(config)
    this.intermediate = new BertIntermediate(config)
    this.output = new BertOutputLayer(config.intermediateSize, config)
  }

  override forward(x: Tensor, visibility: Visibility): Tensor {
    const attended = this.attention.forward(x, visibility)
    return this.output.forward(this.intermediate.forward(attended), attended)
  }
}

class BertEncoder extends nn.Module<[x: Tensor, visibility: Visibility]> {
  layer: nn.ModuleList<BertLayer>

  constructor(config: FullConfig) {
    super()
    this.layer = new nn.ModuleList(Array.from({ length: config.numHiddenLayers }, () => new BertLayer(config)))
  }

  override forward(x: Tensor, visibility: Visibility): Tensor {
    let hidden = x
    for (const layer of this.layer) hidden = layer.forward(hidden, visibility)
    return hidden
  }
}

class BertPooler extends nn.Module {
  dense: nn.Linear

  constructor({ hiddenSize }: FullConfig) {
    super()
    this.dense = new nn.Linear(hiddenSize, hiddenSize)
  }

  override forward(x: Tensor): Tensor {
    return this.dense.forward(x.select(1, 0)).tanh()
  }
}

/** Old files call the parameters of layer norms otherwise, and have positions among the weights. */
function modern(key: string): string | undefined {
  if (key.endsWith('embeddings.position_ids')) return undefined
  return key.replace(/LayerNorm\.gamma$/, 'LayerNorm.weight').replace(/LayerNorm\.beta$/, 'LayerNorm.bias')
}

/** @internal The names of a model that has the encoder under `bert.`; heads of other tasks are left out. */
export const within =
  (wanted: RegExp) =>
  (key: string): string | undefined => {
    const name = modern(key)
    if (name === undefined) return undefined
    const full = /^(embeddings|encoder|pooler)\./.test(name) ? `bert.${name}` : name
    return wanted.test(full) ? full : undefined
  }

/**
 * BERT without a head.
 *
 * @see https://arxiv.org/abs/1810.04805
 * @example
 * ```ts
 * import { tensor } from '@flambeau/core'
 * import { models } from '@flambeau/text'
 * const model = new models.BertModel({ vocabSize: 40, hiddenSize: 16, numHiddenLayers: 2, numAttentionHeads: 2, intermediateSize: 32 })
 * const { lastHiddenState, poolerOutput } = model.eval().forward(tensor([[1, 2, 3]], { dtype: 'int64' }))
 * console.log(lastHiddenState.shape, poolerOutput?.shape) // → [ 1, 3, 16 ] [ 1, 16 ]
 * ```
 */
export class BertModel extends nn.Module<[inputIds: Tensor, inputs?: BertInputs], BertOutput> {
  readonly config: FullConfig
  embeddings: BertEmbeddings
  encoder: BertEncoder
  pooler: BertPooler | null

  constructor(config: BertConfig = {}, { addPoolingLayer = true }: { readonly addPoolingLayer?: boolean } = {}) {
    super()
    const full = fullConfig(config)
    this.config = full
    this.embeddings = new BertEmbeddings(full)
    this.encoder = new BertEncoder(full)
    this.pooler = addPoolingLayer ? new BertPooler(full) : null
    initialize(this, full.initializerRange)
  }

  /** @param inputIds shape [B, L] */
  override forward(inputIds: Tensor, inputs: BertInputs = {}): BertOutput {
    checkIds('BertModel', inputIds)
    const visibility = bidirectional(inputs.attentionMask ?? null)
    const lastHiddenState = this.encoder.forward(this.embeddings.forward(inputIds, inputs), visibility)
    return { lastHiddenState, poolerOutput: this.pooler?.forward(lastHiddenState) ?? null }
  }

  static async fromPretrained(from: string, options: PretrainedOptions = {}): Promise<BertModel> {
    return BertModel.load(await hub.load(from, options), options.dtype)
  }

  /** @internal */
  static load(loaded: hub.LoadedModel, dtype?: DType): BertModel {
    const inside = within(/^bert\./)
    return withWeights(
      () => new BertModel(readConfig(configOf(loaded))),
      loaded,
      {
        rename: (key) => inside(key)?.replace(/^bert\./, ''),
        optional: (key) => key.startsWith('pooler.'),
      },
      dtype,
    )
  }
}
