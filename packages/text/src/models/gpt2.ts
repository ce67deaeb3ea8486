// GPT-2.
import { addmm, arange, type DType, empty, nn, type Tensor, zeros } from '@flambeau/core'
import * as hub from '@flambeau/core/hub'
import { CausalModel } from '../generation/model.js'
import type { Config } from '../tokenizers/config.js'
import { type ActivationName, activation, readActivation } from './activations.js'
import type { KeyValueCache } from './cache.js'
import { checkIds, checkPositive } from './checks.js'
import { attend, causal, joinHeads, splitHeads, type Visibility } from './masks.js'
import { type CausalInputs, type DecoderInputs, type LMOutput, nextTokenLoss } from './outputs.js'
import { configOf, initialize, type PretrainedOptions, type WeightRules, withWeights } from './pretrained.js'

/** The sizes of a GPT-2, by default those of the small one. */
export interface GPT2Config {
  readonly vocabSize?: number
  readonly nPositions?: number
  readonly nEmbd?: number
  readonly nLayer?: number
  readonly nHead?: number
  /** Default 4 · nEmbd. */
  readonly nInner?: number | null
  readonly activationFunction?: ActivationName
  readonly residPdrop?: number
  readonly embdPdrop?: number
  readonly attnPdrop?: number
  readonly layerNormEpsilon?: number
  readonly initializerRange?: number
  readonly bosTokenId?: number | null
  readonly eosTokenId?: number | null
  readonly tieWordEmbeddings?: boolean
}

const DEFAULTS = {
  vocabSize: 50257,
  nPositions: 1024,
  nEmbd: 768,
  nLayer: 12,
  nHead: 12,
  nInner: null,
  activationFunction: 'gelu_new',
  residPdrop: 0.1,
  embdPdrop: 0.1,
  attnPdrop: 0.1,
  layerNormEpsilon: 1e-5,
  initializerRange: 0.02,
  bosTokenId: 50256,
  eosTokenId: 50256,
  tieWordEmbeddings: true,
} as const satisfies Required<GPT2Config>

function fullConfig(config: GPT2Config): Required<GPT2Config> {
  const full = { ...DEFAULTS, ...config }
  checkPositive('GPT2', full, ['vocabSize', 'nPositions', 'nEmbd', 'nLayer', 'nHead'])
  if (full.nEmbd % full.nHead !== 0) checkPositive('GPT2: nEmbd / nHead', { nEmbd: full.nEmbd / full.nHead }, ['nEmbd'])
  return full
}

function readConfig(c: Config): GPT2Config {
  return {
    vocabSize: c.integer('vocab_size', DEFAULTS.vocabSize),
    nPositions: c.integer('n_positions', DEFAULTS.nPositions),
    nEmbd: c.integer('n_embd', DEFAULTS.nEmbd),
    nLayer: c.integer('n_layer', DEFAULTS.nLayer),
    nHead: c.integer('n_head', DEFAULTS.nHead),
    nInner: c.lacks('n_inner') ? null : c.integer('n_inner'),
    activationFunction: readActivation(c, 'activation_function', DEFAULTS.activationFunction),
    residPdrop: c.number('resid_pdrop', DEFAULTS.residPdrop),
    embdPdrop: c.number('embd_pdrop', DEFAULTS.embdPdrop),
    attnPdrop: c.number('attn_pdrop', DEFAULTS.attnPdrop),
    layerNormEpsilon: c.number('layer_norm_epsilon', DEFAULTS.layerNormEpsilon),
    initializerRange: c.number('initializer_range', DEFAULTS.initializerRange),
    bosTokenId: c.lacks('bos_token_id') ? null : c.integer('bos_token_id'),
    eosTokenId: c.lacks('eos_token_id') ? null : c.integer('eos_token_id'),
    tieWordEmbeddings: c.boolean('tie_word_embeddings', true),
  }
}

/** A linear layer whose weight lies the other way round: y = x W + b. */
class Conv1D extends nn.Module {
  /** Shape [inputs, outputs]. */
  weight: nn.Parameter
  bias: nn.Parameter

  constructor(outputs: number, inputs: number, std: number) {
    super()
    this.weight = new nn.Parameter(nn.init.normal_(empty([inputs, outputs]), 0, std))
    this.bias = new nn.Parameter(zeros([outputs]))
  }

  override forward(x: Tensor): Tensor {
    const [inputs, outputs] = this.weight.shape
    return addmm(this.bias, x.reshape([-1, inputs]), this.weight).reshape([...x.shape.slice(0, -1), outputs])
  }
}

class GPT2Attention extends nn.Module<[x: Tensor, visibility: Visibility, cache: KeyValueCache | null]> {
  c_attn: Conv1D
  c_proj: Conv1D
  resid_dropout: nn.Dropout
  readonly #heads: number
  readonly #dropout: number
  readonly #layer: number

  constructor(config: Required<GPT2Config>, layer: number) {
    super()
    const { attnPdrop, initializerRange: std, nEmbd, nHead, nLayer, residPdrop } = config
    this.c_attn = new Conv1D(3 * nEmbd, nEmbd, std)
    this.c_proj = new Conv1D(nEmbd, nEmbd, std / Math.sqrt(2 * nLayer))
    this.resid_dropout = new nn.Dropout(residPdrop)
    this.#heads = nHead
    this.#dropout = attnPdrop
    this.#layer = layer
  }

  override forward(x: Tensor, visibility: Visibility, cache: KeyValueCache | null): Tensor {
    const [query, key, value] = this.c_attn
      .forward(x)
      .chunk(3, -1)
      .map((part) => splitHeads(part, this.#heads))
    const [keys, values] = cache === null ? [key, value] : cache.append(this.#layer, key, value)
    const mixed = attend(query, keys, values, visibility, this.training ? this.#dropout : 0)
    return this.resid_dropout.forward(this.c_proj.forward(joinHeads(mixed)))
  }
}

class GPT2MLP extends nn.Module {
  c_fc: Conv1D
  c_proj: Conv1D
  dropout: nn.Dropout
  readonly #activation: (x: Tensor) => Tensor

  constructor(config: Required<GPT2Config>) {
    super()
    const { initializerRange: std, nEmbd, nLayer } = config
    const inner = config.nInner ?? 4 * nEmbd
    this.c_fc = new Conv1D(inner, nEmbd, std)
    this.c_proj = new Conv1D(nEmbd, inner, std / Math.sqrt(2 * nLayer))
    this.dropout = new nn.Dropout(config.residPdrop)
    this.#activation = activation(config.activationFunction)
  }

  override forward(x: Tensor): Tensor {
    return this.dropout.forward(this.c_proj.forward(this.#activation(this.c_fc.forward(x))))
  }
}

class GPT2Block extends nn.Module<[x: Tensor, visibility: Visibility, cache: KeyValueCache | null]> {
  ln_1: nn.LayerNorm
  attn: GPT2Attention
  ln_2: nn.LayerNorm
  mlp: GPT2MLP

  constructor(config: Required<GPT2Config>, layer: number) {
    super()
    this.ln_1 = new nn.LayerNorm(config.nEmbd, { eps: config.layerNormEpsilon })
    this.attn = new GPT2Attention(config, layer)
    this.ln_2 = new nn.LayerNorm(config.nEmbd, { eps: config.layerNormEpsilon })
    this.mlp = new GPT2MLP(config)
  }

  override forward(x: Tensor, visibility: Visibility, cache: KeyValueCache | null): Tensor {
    const attended = this.attn.forward(this.ln_1.forward(x), visibility, cache).add(x)
    return this.mlp.forward(this.ln_2.forward(attended)).add(attended)
  }
}

/**
 * GPT-2 without a head: hidden states of tokens.
 *
 * Radford et al., 2019: Language Models are Unsupervised Multitask Learners.
 */
export class GPT2Model extends nn.Module<[inputIds: Tensor, inputs?: DecoderInputs]> {
  readonly config: Required<GPT2Config>
  wte: nn.Embedding
  wpe: nn.Embedding
  drop: nn.Dropout
  h: nn.ModuleList<GPT2Block>
  ln_f: nn.LayerNorm

  constructor(config: GPT2Config = {}) {
    super()
    const full = fullConfig(config)
    this.config = full
    this.wte = new nn.Embedding(full.vocabSize, full.nEmbd)
    this.wpe = new nn.Embedding(full.nPositions, full.nEmbd)
    this.drop = new nn.Dropout(full.embdPdrop)
    this.h = new nn.ModuleList(Array.from({ length: full.nLayer }, (_, layer) => new GPT2Block(full, layer)))
    this.ln_f = new nn.LayerNorm(full.nEmbd, { eps: full.layerNormEpsilon })
    initialize(this, full.initializerRange)
  }

  /** @param inputIds shape [B, L] @returns shape [B, L, nEmbd] */
  override forward(
    inputIds: Tensor,
    { attentionMask = null, cache = null, positionIds = null }: DecoderInputs = {},
  ): Tensor {
    const [, length] = checkIds('GPT2Model', inputIds)
    const past = cache?.length ?? 0
    const positions = positionIds ?? arange(past, past + length).unsqueeze(0)
    let x = this.drop.forward(this.wte.forward(inputIds).add(this.wpe.forward(positions)))
    const visibility = causal(length, past + length, attentionMask)
    for (const block of this.h) x = block.forward(x, visibility, cache)
    cache?.advance(length)
    return this.ln_f.forward(x)
  }

  static async fromPretrained(from: string, options: PretrainedOptions = {}): Promise<GPT2Model> {
    return GPT2Model.load(await hub.load(from, options), options.dtype)
  }

  /** @internal */
  static load(loaded: hub.LoadedModel, dtype?: DType): GPT2Model {
    return withWeights(
      () => new GPT2Model(readConfig(configOf(loaded))),
      loaded,
      { rename: (key) => own(key.replace(/^transformer\./, '')) },
      dtype,
    )
  }
}

/** Not weights, but masks that old files have, and the head where there is none. */
const own = (key: string): string | undefined =>
  /\.attn\.(bias|masked_bias)$/.test(key) || key === 'lm_head.weight' ? undefined : key

/**
 * GPT-2 with a language modelling head.
 *
 * @example
 * ```ts
 * import { tensor } from '@flambeau/core'
 * import { models } from '@flambeau/text'
 * const model = new models.GPT2LMHeadModel({ vocabSize: 60, nPositions: 32, nEmbd: 16, nLayer: 2, nHead: 2 }).eval()
 * const inputIds = tensor([[1, 2, 3]], { dtype: 'int64' })
 * const { logits, loss } = model.forward(inputIds, { labels: inputIds })
 * console.log(logits.shape, loss?.shape) // → [ 1, 3, 60 ] []
 * const { sequences } = await model.generate(inputIds, { maxNewTokens: 5, eosTokenId: null })
 * console.log(sequences.shape) // → [ 1, 8 ]
 * ```
 */
export class GPT2LMHeadModel extends CausalModel {
  readonly config: Required<GPT2Config>
  transformer: GPT2Model
  lm_head: nn.Linear

  constructor(config: GPT2Config = {}) {
    super()
    this.transformer = new GPT2Model(config)
    this.config = this.transformer.config
    const { initializerRange, nEmbd, tieWordEmbeddings, vocabSize } = this.config
    this.lm_head = new nn.Linear(nEmbd, tieWordEmbeddings ? 0 : vocabSize, { bias: false })
    if (tieWordEmbeddings) this.lm_head.weight = this.transformer.wte.weight
    else nn.init.normal_(this.lm_head.weight, 0, initializerRange)
  }

  /** @param inputIds shape [B, L] */
  override forward(inputIds: Tensor, { labels = null, lastOnly = false, ...inputs }: CausalInputs = {}): LMOutput {
    const hidden = this.transformer.forward(inputIds, inputs)
    const logits = this.lm_head.forward(lastOnly ? hidden.narrow(1, hidden.shape[1] - 1, 1) : hidden)
    return { logits, loss: labels === null ? null : nextTokenLoss(logits, labels) }
  }

  protected override get generationDefaults() {
    return { eosTokenId: this.config.eosTokenId, bosTokenId: this.config.bosTokenId }
  }

  protected override get longest(): number {
    return this.config.nPositions
  }

  /** The model of a folder in Hugging Face's layout, or of the hub. */
  static async fromPretrained(from: string, options: PretrainedOptions = {}): Promise<GPT2LMHeadModel> {
    return GPT2LMHeadModel.load(await hub.load(from, options), options.dtype)
  }

  /** @internal */
  static load(loaded: hub.LoadedModel, dtype?: DType): GPT2LMHeadModel {
    const config = readConfig(configOf(loaded))
    const rules: WeightRules = {
      rename: (key) => {
        if (key === 'lm_head.weight') return key
        const name = own(key)
        return name === undefined || name.startsWith('transformer.') ? name : `transformer.${name}`
      },
      tied: config.tieWordEmbeddings === false ? {} : { 'lm_head.weight': 'transformer.wte.weight' },
    }
    return withWeights(() => new GPT2LMHeadModel(config), loaded, rules, dtype)
  }
}
