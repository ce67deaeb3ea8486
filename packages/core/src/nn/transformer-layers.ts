// The layers of the transformer's encoder and decoder.
import { noGrad } from '../autograd/mode.js'
import { ArgumentError, describe } from '../errors.js'
import { F, getRngState, setRngState } from '../ops/index.js'
import type { Tensor } from '../tensor/tensor.js'
import { MultiheadAttention } from './attention.js'
import { Dropout } from './dropout.js'
import { Linear } from './linear.js'
import { type LayerOptions, Module } from './module.js'
import { LayerNorm } from './normalization.js'

/** What stands between the two linear layers: a name, a function or a module. */
export type TransformerActivation = 'relu' | 'gelu' | ((input: Tensor) => Tensor) | Module<[Tensor], Tensor>

export interface TransformerLayerOptions extends LayerOptions {
  /** The features between the two linear layers. Default 2048. */
  readonly dimFeedforward?: number
  /** Default 0.1. */
  readonly dropout?: number
  /** Default 'relu'. */
  readonly activation?: TransformerActivation
  /** Added to the variance in layer normalizations. Default 1e-5. */
  readonly layerNormEps?: number
  /** Whether tensors are [N, L, E] rather than [L, N, E]. Default false. */
  readonly batchFirst?: boolean
  /** Whether normalization comes before attention and the linear layers rather than after. Default false. */
  readonly normFirst?: boolean
  /** Whether linear layers and normalizations have biases. Default true. */
  readonly bias?: boolean
}

/** The masks of a call of `TransformerEncoderLayer`. */
export interface EncoderLayerMasks {
  /** [L, L] or [N · heads, L, L]: of bool, true where a position must not see another; otherwise added to the scores. */
  readonly srcMask?: Tensor | null
  /** [N, L] or [L]: of bool, true where a position is ignored; otherwise added to the scores. */
  readonly srcKeyPaddingMask?: Tensor | null
  /** Says that `srcMask` is the causal mask. Default false. */
  readonly isCausal?: boolean
}

/** The masks of a call of `TransformerDecoderLayer`. */
export interface DecoderLayerMasks {
  /** [L, L] or [N · heads, L, L], among targets: of bool, true where a position must not see another. */
  readonly tgtMask?: Tensor | null
  /** [L, S] or [N · heads, L, S], from targets to the memory. */
  readonly memoryMask?: Tensor | null
  /** [N, L] or [L]: of bool, true where a target is ignored. */
  readonly tgtKeyPaddingMask?: Tensor | null
  /** [N, S] or [S]: of bool, true where a position of the memory is ignored. */
  readonly memoryKeyPaddingMask?: Tensor | null
  /** Says that `tgtMask` is the causal mask. Default false. */
  readonly tgtIsCausal?: boolean
  /** Says that `memoryMask` is the causal mask. Default false. */
  readonly memoryIsCausal?: boolean
}

type Activation = Module<[Tensor], Tensor> | ((input: Tensor) => Tensor)

function activationOf(layer: string, activation: TransformerActivation): Activation {
  if (activation === 'relu') return F.relu
  if (activation === 'gelu') return (input) => F.gelu(input)
  if (activation instanceof Module || typeof activation === 'function') return activation
  throw new ArgumentError(
    `${layer}: expected 'relu', 'gelu', a function or a module for activation, got ${describe(activation)}`,
  )
}

/** What both kinds of layers share: attention to themselves, and two linear layers. */
abstract class TransformerLayer<Args extends unknown[]> extends Module<Args> {
  readonly dModel: number
  readonly nhead: number
  readonly options: TransformerLayerOptions
  readonly normFirst: boolean
  // Declared only: the order in which they are assigned is that of PyTorch's keys.
  declare self_attn: MultiheadAttention
  declare linear1: Linear
  declare dropout: Dropout
  declare linear2: Linear
  declare norm1: LayerNorm
  declare norm2: LayerNorm
  declare dropout1: Dropout
  declare dropout2: Dropout
  activation: Activation

  constructor(dModel: number, nhead: number, options: TransformerLayerOptions, between: () => void = () => {}) {
    super()
    const { dimFeedforward = 2048, dropout = 0.1, normFirst = false } = options
    this.dModel = dModel
    this.nhead = nhead
    this.options = options
    this.normFirst = normFirst
    this.self_attn = this.attention()
    between.call(this)
    const { bias = true, ...place } = this.place()
    this.linear1 = new Linear(dModel, dimFeedforward, { bias, ...place })
    this.dropout = new Dropout(dropout)
    this.linear2 = new Linear(dimFeedforward, dModel, { bias, ...place })
    this.norm1 = this.norm()
    this.norm2 = this.norm()
    this.dropout1 = new Dropout(dropout)
    this.dropout2 = new Dropout(dropout)
    this.activation = activationOf(new.target.name, options.activation ?? 'relu')
  }

  protected place(): LayerOptions & { bias?: boolean } {
    const { bias = true, device, dtype } = this.options
    return { bias, ...(device && { device }), ...(dtype && { dtype }) }
  }

  protected attention(): MultiheadAttention {
    const { dropout = 0.1, batchFirst = false } = this.options
    return new MultiheadAttention(this.dModel, this.nhead, { dropout, batchFirst, ...this.place() })
  }

  protected norm(): LayerNorm {
    return new LayerNorm(this.dModel, { eps: this.options.layerNormEps ?? 1e-5, ...this.place() })
  }

  protected activate(input: Tensor): Tensor {
    return this.activation instanceof Module ? this.activation.forward(input) : this.activation(input)
  }

  protected attendSelf(
    x: Tensor,
    attnMask: Tensor | null | undefined,
    keyPaddingMask: Tensor | null | undefined,
    isCausal: boolean | undefined,
  ): Tensor {
    const [out] = this.self_attn.forward(x, x, x, {
      attnMask: attnMask ?? null,
      keyPaddingMask: keyPaddingMask ?? null,
      isCausal: isCausal ?? false,
      needWeights: false,
    })
    return this.dropout1.forward(out)
  }

  protected feedForward(x: Tensor, dropout: Dropout): Tensor {
    const inner = this.dropout.forward(this.activate(this.linear1.forward(x)))
    return dropout.forward(this.linear2.forward(inner))
  }

  /** A layer of the same options and weights. A subclass with another constructor overrides it. */
  clone(): this {
    // PyTorch copies a layer without drawing: the stream stays where it is.
    const state = getRngState()
    const Layer = this.constructor as new (dModel: number, nhead: number, options: TransformerLayerOptions) => this
    const copy = new Layer(this.dModel, this.nhead, this.options)
    setRngState(state)
    noGrad(() => copy.loadStateDict(this.stateDict()))
    return copy.train(this.training)
  }
}

/**
 * Attention of a sequence to itself, and two linear layers, each with a residual and a layer normalization.
 * [Vaswani et al., 2017](https://arxiv.org/abs/1706.03762)
 *
 * Input: shape [L, N, dModel] or [L, dModel], [N, L, dModel] with `batchFirst`; result: the same.
 *
 * @example
 * ```ts
 * import { nn, ones } from '@flambeau/core'
 * const layer = new nn.TransformerEncoderLayer(8, 2, { dimFeedforward: 16, batchFirst: true })
 * console.log(layer.forward(ones([4, 5, 8])).shape) // → [ 4, 5, 8 ]
 * ```
 */
export class TransformerEncoderLayer extends TransformerLayer<[src: Tensor, masks?: EncoderLayerMasks]> {
  static readonly signature: string =
    'TransformerEncoderLayer(d_model, nhead, {dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias, device, dtype})'
  static readonly forwardSignature: string = 'forward(src, {src_mask, src_key_padding_mask, is_causal})'

  constructor(dModel: number, nhead: number, options: TransformerLayerOptions = {}) {
    super(dModel, nhead, options)
  }

  override forward(src: Tensor, masks: EncoderLayerMasks = {}): Tensor {
    const attend = (x: Tensor): Tensor => this.attendSelf(x, masks.srcMask, masks.srcKeyPaddingMask, masks.isCausal)
    if (this.normFirst) {
      const x = src.add(attend(this.norm1.forward(src)))
      return x.add(this.feedForward(this.norm2.forward(x), this.dropout2))
    }
    const x = this.norm1.forward(src.add(attend(src)))
    return this.norm2.forward(x.add(this.feedForward(x, this.dropout2)))
  }
}

/**
 * Attention of targets to themselves, attention to a memory, and two linear layers, each with a residual and a layer
 * normalization. [Vaswani et al., 2017](https://arxiv.org/abs/1706.03762)
 *
 * Target: shape [L, N, dModel] or [L, dModel]; memory: [S, N, dModel] or [S, dModel]; N first with `batchFirst`.
 * Result: of the target's shape.
 */
export class TransformerDecoderLayer extends TransformerLayer<
  [tgt: Tensor, memory: Tensor, masks?: DecoderLayerMasks]
> {
  static readonly signature: string =
    'TransformerDecoderLayer(d_model, nhead, {dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias, device, dtype})'
  static readonly forwardSignature: string =
    'forward(tgt, memory, {tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask, tgt_is_causal, memory_is_causal})'
  declare multihead_attn: MultiheadAttention
  norm3: LayerNorm
  dropout3: Dropout

  constructor(dModel: number, nhead: number, options: TransformerLayerOptions = {}) {
    // Made where PyTorch makes it, so that both draw the same weights.
    super(dModel, nhead, options, function (this: TransformerDecoderLayer) {
      this.multihead_attn = this.attention()
    })
    this.norm3 = this.norm()
    this.dropout3 = new Dropout(options.dropout ?? 0.1)
  }

  #attendMemory(x: Tensor, memory: Tensor, masks: DecoderLayerMasks): Tensor {
    const [out] = this.multihead_attn.forward(x, memory, memory, {
      attnMask: masks.memoryMask ?? null,
      keyPaddingMask: masks.memoryKeyPaddingMask ?? null,
      isCausal: masks.memoryIsCausal ?? false,
      needWeights: false,
    })
    return this.dropout2.forward(out)
  }

  override forward(tgt: Tensor, memory: Tensor, masks: DecoderLayerMasks = {}): Tensor {
    const attend = (x: Tensor): Tensor => this.attendSelf(x, masks.tgtMask, masks.tgtKeyPaddingMask, masks.tgtIsCausal)
    if (this.normFirst) {
      const x = tgt.add(attend(this.norm1.forward(tgt)))
      const y = x.add(this.#attendMemory(this.norm2.forward(x), memory, masks))
      return y.add(this.feedForward(this.norm3.forward(y), this.dropout3))
    }
    const x = this.norm1.forward(tgt.add(attend(tgt)))
    const y = this.norm2.forward(x.add(this.#attendMemory(x, memory, masks)))
    return this.norm3.forward(y.add(this.feedForward(y, this.dropout3)))
  }
}
