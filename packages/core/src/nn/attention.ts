// Multi-head attention as a layer.
import { ArgumentError, describe } from '../errors.js'
import { empty, F } from '../ops/index.js'
import { transpose } from '../ops/views.js'
import { Parameter } from '../tensor/parameter.js'
import type { Tensor } from '../tensor/tensor.js'
import { constant_, xavierNormal_, xavierUniform_ } from './init.js'
import { Linear } from './linear.js'
import { type LayerOptions, Module } from './module.js'
import { checkSize, showAll } from './shapes.js'

export interface MultiheadAttentionOptions extends LayerOptions {
  /** The probability with which an attention weight is zeroed while training. Default 0. */
  readonly dropout?: number
  /** Whether projections have biases. Default true. */
  readonly bias?: boolean
  /** Whether there is one more, learned key and value. Default false. */
  readonly addBiasKv?: boolean
  /** Whether there is one more key and value of zeros. Default false. */
  readonly addZeroAttn?: boolean
  /** The features of keys. Default `embedDim`. */
  readonly kdim?: number | null
  /** The features of values. Default `embedDim`. */
  readonly vdim?: number | null
  /** Whether tensors are [N, L, E] rather than [L, N, E]. Default false. */
  readonly batchFirst?: boolean
}

/** How a call of `MultiheadAttention` attends. */
export interface AttendOptions {
  /** [N, S] or [S]: of bool, true where a key is ignored; otherwise added to the scores. */
  readonly keyPaddingMask?: Tensor | null
  /** Whether the attention weights are returned; without, the work is faster. Default true. */
  readonly needWeights?: boolean
  /** [L, S] or [N · heads, L, S]: of bool, true where a query must not see a key; otherwise added to the scores. */
  readonly attnMask?: Tensor | null
  /** Whether the returned weights are the mean over the heads. Default true. */
  readonly averageAttnWeights?: boolean
  /** Says that `attnMask`, which must be given, is the causal mask. Default false. */
  readonly isCausal?: boolean
}

/**
 * Several heads that each attend to a part of the features. [Vaswani et al., 2017](https://arxiv.org/abs/1706.03762)
 *
 * Query: shape [L, N, embedDim] or [L, embedDim]; key and value [S, N, kdim] and [S, N, vdim]; N comes first with
 * `batchFirst`. Result: of the query's shape, and the weights [N, L, S], or null.
 *
 * @example
 * ```ts
 * import { nn, ones } from '@flambeau/core'
 * const attention = new nn.MultiheadAttention(8, 2, { batchFirst: true })
 * const x = ones([4, 5, 8])
 * const [out, weights] = attention.forward(x, x, x)
 * console.log(out.shape, weights?.shape) // → [ 4, 5, 8 ] [ 4, 5, 5 ]
 * ```
 */
export class MultiheadAttention extends Module<
  [query: Tensor, key: Tensor, value: Tensor, options?: AttendOptions],
  [output: Tensor, weights: Tensor | null]
> {
  static readonly signature: string =
    'MultiheadAttention(embed_dim, num_heads, {dropout, bias, add_bias_kv, add_zero_attn, kdim, vdim, batch_first, device, dtype})'
  static readonly forwardSignature: string =
    'forward(query, key, value, {key_padding_mask, need_weights, attn_mask, average_attn_weights, is_causal})'
  readonly embedDim: number
  readonly numHeads: number
  readonly headDim: number
  readonly kdim: number
  readonly vdim: number
  readonly dropout: number
  readonly batchFirst: boolean
  readonly addZeroAttn: boolean
  /** Shape [3 · embedDim, embedDim]; null where keys or values have features of their own. */
  in_proj_weight: Parameter | null = null
  /** Shape [embedDim, embedDim], where `in_proj_weight` is null. */
  q_proj_weight: Parameter | null = null
  /** Shape [embedDim, kdim], where `in_proj_weight` is null. */
  k_proj_weight: Parameter | null = null
  /** Shape [embedDim, vdim], where `in_proj_weight` is null. */
  v_proj_weight: Parameter | null = null
  /** Shape [3 · embedDim]. */
  in_proj_bias: Parameter | null = null
  /** Shape [1, 1, embedDim]. */
  bias_k: Parameter | null = null
  /** Shape [1, 1, embedDim]. */
  bias_v: Parameter | null = null
  out_proj: Linear

  constructor(embedDim: number, numHeads: number, options: MultiheadAttentionOptions = {}) {
    super()
    const { dropout = 0, bias = true, addBiasKv = false, addZeroAttn = false, batchFirst = false } = options
    const place: LayerOptions = {
      ...(options.device && { device: options.device }),
      ...(options.dtype && { dtype: options.dtype }),
    }
    this.embedDim = checkSize('MultiheadAttention', 'embedDim', embedDim, 1)
    this.numHeads = checkSize('MultiheadAttention', 'numHeads', numHeads, 1)
    if (embedDim % numHeads !== 0)
      throw new ArgumentError(
        `MultiheadAttention: expected numHeads that divides embedDim ${embedDim}, got ${describe(numHeads)}`,
      )
    if (typeof dropout !== 'number' || !(dropout >= 0 && dropout <= 1))
      throw new ArgumentError(`MultiheadAttention: expected dropout in [0, 1], got ${describe(dropout)}`)
    this.headDim = embedDim / numHeads
    this.kdim = checkSize('MultiheadAttention', 'kdim', options.kdim ?? embedDim, 1)
    this.vdim = checkSize('MultiheadAttention', 'vdim', options.vdim ?? embedDim, 1)
    this.dropout = dropout
    this.batchFirst = batchFirst
    this.addZeroAttn = addZeroAttn
    const make = (...shape: number[]): Parameter => new Parameter(empty(shape, place))
    if (this.kdim === embedDim && this.vdim === embedDim) {
      this.in_proj_weight = make(3 * embedDim, embedDim)
    } else {
      this.q_proj_weight = make(embedDim, embedDim)
      this.k_proj_weight = make(embedDim, this.kdim)
      this.v_proj_weight = make(embedDim, this.vdim)
    }
    if (bias) this.in_proj_bias = make(3 * embedDim)
    this.out_proj = new Linear(embedDim, embedDim, { bias, ...place })
    if (addBiasKv) {
      this.bias_k = make(1, 1, embedDim)
      this.bias_v = make(1, 1, embedDim)
    }
    this.#draw()
  }

  #draw(): void {
    for (const weight of [this.in_proj_weight, this.q_proj_weight, this.k_proj_weight, this.v_proj_weight])
      if (weight !== null) xavierUniform_(weight)
    if (this.in_proj_bias !== null) constant_(this.in_proj_bias, 0)
    if (this.out_proj.bias !== null) constant_(this.out_proj.bias, 0)
    for (const bias of [this.bias_k, this.bias_v]) if (bias !== null) xavierNormal_(bias)
  }

  /** Draws weights and biases anew. */
  resetParameters(): void {
    this.out_proj.resetParameters()
    this.#draw()
  }

  override forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    options: AttendOptions = {},
  ): [output: Tensor, weights: Tensor | null] {
    const turned = this.batchFirst && query.ndim === 3
    // Tensors that are the same stay so, and are projected together.
    const turn = (t: Tensor): Tensor => (turned && t.ndim === 3 ? transpose(t, 0, 1) : t)
    const q = turn(query)
    const k = key === query ? q : turn(key)
    const v = value === key ? k : turn(value)
    const [out, weights] = F.multiHeadAttentionForward(
      q,
      k,
      v,
      this.embedDim,
      this.numHeads,
      this.in_proj_weight,
      this.in_proj_bias,
      this.bias_k,
      this.bias_v,
      this.addZeroAttn,
      this.dropout,
      this.out_proj.weight,
      this.out_proj.bias,
      {
        ...options,
        training: this.training,
        useSeparateProjWeight: this.in_proj_weight === null,
        qProjWeight: this.q_proj_weight,
        kProjWeight: this.k_proj_weight,
        vProjWeight: this.v_proj_weight,
      },
    )
    return [turned ? transpose(out, 0, 1) : out, weights]
  }

  override extraRepr(): string {
    const { embedDim, numHeads, dropout, batchFirst } = this
    return `${embedDim}, ${numHeads}, ${showAll({ dropout, batchFirst })}`
  }
}
