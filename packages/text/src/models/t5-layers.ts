// The layers of T5: attention by distances, feed-forward, and stacks of both.
import { type DType, F, full, nn, ShapeError, type Tensor, tensor } from '@flambeau/core'
import { type ActivationName, activation } from './activations.js'
import type { KeyValueCache } from './cache.js'
import { checkIds } from './checks.js'
import { attend, joinHeads, splitHeads } from './masks.js'
import type { FullConfig } from './t5-config.js'

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

/** @internal The encoder, or the decoder. */
export class T5Stack extends nn.Module<
  [inputIds: Tensor, inputs: Omit<StackInputs, 'bias'> & { mask: Tensor | null }]
> {
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
export function maskBias(mask: Tensor | null | undefined, dtype: DType): Tensor | null {
  if (!mask) return null
  const hidden = mask.to('bool').logicalNot().reshape([-1, 1, 1, mask.shape[1]])
  return hidden.to(dtype).maskedFill(hidden, Number.NEGATIVE_INFINITY)
}
