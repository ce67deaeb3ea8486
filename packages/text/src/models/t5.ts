// T5: an encoder and a decoder whose attention knows distances instead of places.
import { type DType, F, inferenceMode, keep, nn, ShapeError, type Tensor, tensor } from '@flambeau/core'
import * as hub from '@flambeau/core/hub'
import { type Decoding, GenerativeModel } from '../generation/model.js'
import type { Settings } from '../generation/options.js'
import { KeyValueCache } from './cache.js'
import { configOf, type PretrainedOptions, type WeightRules, withWeights } from './pretrained.js'
import { type FullConfig, fullConfig, readConfig, type T5Config } from './t5-config.js'
import { maskBias, type T5Cache, T5Stack } from './t5-layers.js'

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
