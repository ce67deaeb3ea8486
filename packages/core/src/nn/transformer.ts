// The transformer: stacks of encoder and decoder layers.
import { ArgumentError, describe, ShapeError } from '../errors.js'
import { all, eq, full, triu } from '../ops/index.js'
import { formatShape } from '../tensor/shape.js'
import type { Tensor } from '../tensor/tensor.js'
import { ModuleList } from './containers.js'
import { xavierUniform_ } from './init.js'
import { type LayerOptions, Module } from './module.js'
import { LayerNorm } from './normalization.js'
import { checkSize } from './shapes.js'
import {
  type DecoderLayerMasks,
  type EncoderLayerMasks,
  TransformerDecoderLayer,
  TransformerEncoderLayer,
  type TransformerLayerOptions,
} from './transformer-layers.js'

/** The masks of a call of `TransformerEncoder`. */
export interface EncoderMasks {
  /** [L, L] or [N · heads, L, L]: of bool, true where a position must not see another; otherwise added to the scores. */
  readonly mask?: Tensor | null
  /** [N, L] or [L]: of bool, true where a position is ignored; otherwise added to the scores. */
  readonly srcKeyPaddingMask?: Tensor | null
  /** Says whether `mask` is the causal mask; null looks. Default null. */
  readonly isCausal?: boolean | null
}

/** The masks of a call of `TransformerDecoder`. */
export interface DecoderMasks extends Omit<DecoderLayerMasks, 'tgtIsCausal'> {
  /** Says whether `tgtMask` is the causal mask; null looks. Default null. */
  readonly tgtIsCausal?: boolean | null
}

export interface StackOptions {
  /** Applied to the result of the last layer. */
  readonly norm?: Module<[Tensor], Tensor> | null
}

/** Whether a mask is the causal one, so that attention need not read it. */
function isCausalMask(mask: Tensor | null | undefined, given: boolean | null | undefined): boolean {
  if (given !== null && given !== undefined) return given
  if (mask?.ndim !== 2 || mask.shape[0] !== mask.shape[1] || mask.dtype === 'bool') return false
  const causal = Transformer.generateSquareSubsequentMask(mask.shape[0], { dtype: mask.dtype, device: mask.device })
  return all(eq(mask, causal)).item<boolean>()
}

/**
 * A stack of encoder layers.
 *
 * @example
 * ```ts
 * import { nn, ones } from '@flambeau/core'
 * const layer = new nn.TransformerEncoderLayer(8, 2, { dimFeedforward: 16 })
 * const encoder = new nn.TransformerEncoder(layer, 3)
 * console.log(encoder.forward(ones([5, 4, 8])).shape) // → [ 5, 4, 8 ]
 * ```
 */
export class TransformerEncoder extends Module<[src: Tensor, masks?: EncoderMasks]> {
  static readonly signature: string =
    'TransformerEncoder(encoder_layer, num_layers, {norm, enable_nested_tensor, mask_check})'
  static readonly forwardSignature: string = 'forward(src, {mask, src_key_padding_mask, is_causal})'
  layers: ModuleList<Module<[src: Tensor, masks?: EncoderLayerMasks]>>
  norm: Module<[Tensor], Tensor> | null
  readonly numLayers: number

  /** @param encoderLayer each layer of the stack is a copy of it, with the same weights at first */
  constructor(encoderLayer: TransformerEncoderLayer, numLayers: number, { norm = null }: StackOptions = {}) {
    super()
    if (!(encoderLayer instanceof TransformerEncoderLayer))
      throw new ArgumentError(
        `TransformerEncoder: expected a TransformerEncoderLayer for encoderLayer, got ${describe(encoderLayer)}`,
      )
    this.numLayers = checkSize('TransformerEncoder', 'numLayers', numLayers, 0)
    this.layers = new ModuleList(Array.from({ length: numLayers }, () => encoderLayer.clone()))
    this.norm = norm
  }

  override forward(src: Tensor, { mask = null, srcKeyPaddingMask = null, isCausal }: EncoderMasks = {}): Tensor {
    const causal = isCausalMask(mask, isCausal)
    let out = src
    for (const layer of this.layers) out = layer.forward(out, { srcMask: mask, srcKeyPaddingMask, isCausal: causal })
    return this.norm === null ? out : this.norm.forward(out)
  }
}

/** A stack of decoder layers. */
export class TransformerDecoder extends Module<[tgt: Tensor, memory: Tensor, masks?: DecoderMasks]> {
  static readonly signature: string = 'TransformerDecoder(decoder_layer, num_layers, {norm})'
  static readonly forwardSignature: string =
    'forward(tgt, memory, {tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask, tgt_is_causal, memory_is_causal})'
  layers: ModuleList<Module<[tgt: Tensor, memory: Tensor, masks?: DecoderLayerMasks]>>
  norm: Module<[Tensor], Tensor> | null
  readonly numLayers: number

  /** @param decoderLayer each layer of the stack is a copy of it, with the same weights at first */
  constructor(decoderLayer: TransformerDecoderLayer, numLayers: number, { norm = null }: StackOptions = {}) {
    super()
    if (!(decoderLayer instanceof TransformerDecoderLayer))
      throw new ArgumentError(
        `TransformerDecoder: expected a TransformerDecoderLayer for decoderLayer, got ${describe(decoderLayer)}`,
      )
    this.numLayers = checkSize('TransformerDecoder', 'numLayers', numLayers, 0)
    this.layers = new ModuleList(Array.from({ length: numLayers }, () => decoderLayer.clone()))
    this.norm = norm
  }

  override forward(tgt: Tensor, memory: Tensor, masks: DecoderMasks = {}): Tensor {
    const tgtIsCausal = isCausalMask(masks.tgtMask, masks.tgtIsCausal)
    let out = tgt
    for (const layer of this.layers) out = layer.forward(out, memory, { ...masks, tgtIsCausal })
    return this.norm === null ? out : this.norm.forward(out)
  }
}

export interface TransformerOptions extends TransformerLayerOptions {
  /** The features of each position. Default 512. */
  readonly dModel?: number
  /** The heads of each attention. Default 8. */
  readonly nhead?: number
  /** Default 6. */
  readonly numEncoderLayers?: number
  /** Default 6. */
  readonly numDecoderLayers?: number
  /** Takes the place of the encoder. */
  readonly customEncoder?: Module<[src: Tensor, masks?: EncoderMasks]> | null
  /** Takes the place of the decoder. */
  readonly customDecoder?: Module<[tgt: Tensor, memory: Tensor, masks?: DecoderMasks]> | null
}

/** The masks of a call of `Transformer`. */
export interface TransformerMasks extends DecoderMasks {
  /** [S, S] or [N · heads, S, S], among sources. */
  readonly srcMask?: Tensor | null
  /** [N, S] or [S]: of bool, true where a source is ignored. */
  readonly srcKeyPaddingMask?: Tensor | null
  /** Says whether `srcMask` is the causal mask; null looks. Default null. */
  readonly srcIsCausal?: boolean | null
}

/**
 * An encoder and a decoder. [Vaswani et al., 2017](https://arxiv.org/abs/1706.03762)
 *
 * Source: shape [S, N, dModel] or [S, dModel]; target: [L, N, dModel] or [L, dModel]; N first with `batchFirst`.
 * Result: of the target's shape.
 *
 * @example
 * ```ts
 * import { nn, ones } from '@flambeau/core'
 * const model = new nn.Transformer({ dModel: 8, nhead: 2, numEncoderLayers: 1, numDecoderLayers: 1, dimFeedforward: 16 })
 * const tgtMask = nn.Transformer.generateSquareSubsequentMask(3)
 * console.log(model.forward(ones([5, 4, 8]), ones([3, 4, 8]), { tgtMask }).shape) // → [ 3, 4, 8 ]
 * ```
 */
export class Transformer extends Module<[src: Tensor, tgt: Tensor, masks?: TransformerMasks]> {
  static readonly signature: string =
    'Transformer({d_model, nhead, num_encoder_layers, num_decoder_layers, dim_feedforward, dropout, activation, custom_encoder, custom_decoder, layer_norm_eps, batch_first, norm_first, bias, device, dtype})'
  static readonly forwardSignature: string =
    'forward(src, tgt, {src_mask, tgt_mask, memory_mask, src_key_padding_mask, tgt_key_padding_mask, memory_key_padding_mask, src_is_causal, tgt_is_causal, memory_is_causal})'
  encoder: Module<[src: Tensor, masks?: EncoderMasks]>
  decoder: Module<[tgt: Tensor, memory: Tensor, masks?: DecoderMasks]>
  readonly dModel: number
  readonly nhead: number
  readonly batchFirst: boolean

  constructor(options: TransformerOptions = {}) {
    super()
    const { dModel = 512, nhead = 8, numEncoderLayers = 6, numDecoderLayers = 6 } = options
    const { customEncoder, customDecoder, ...layer } = options
    const norm = (): LayerNorm =>
      new LayerNorm(dModel, {
        eps: layer.layerNormEps ?? 1e-5,
        bias: layer.bias ?? true,
        ...(layer.device && { device: layer.device }),
        ...(layer.dtype && { dtype: layer.dtype }),
      })
    this.encoder =
      customEncoder ??
      new TransformerEncoder(new TransformerEncoderLayer(dModel, nhead, layer), numEncoderLayers, { norm: norm() })
    this.decoder =
      customDecoder ??
      new TransformerDecoder(new TransformerDecoderLayer(dModel, nhead, layer), numDecoderLayers, { norm: norm() })
    this.dModel = dModel
    this.nhead = nhead
    this.batchFirst = layer.batchFirst ?? false
    for (const parameter of this.parameters()) if (parameter.ndim > 1) xavierUniform_(parameter)
  }

  override forward(src: Tensor, tgt: Tensor, masks: TransformerMasks = {}): Tensor {
    const batch = this.batchFirst ? 0 : 1
    if (src.ndim === 3 && tgt.ndim === 3 && src.shape[batch] !== tgt.shape[batch])
      throw new ShapeError(
        `Transformer: expected src and tgt of one batch size, got shapes ${formatShape(src.shape)} and ${formatShape(tgt.shape)}`,
      )
    for (const t of [src, tgt])
      if (t.shape[t.ndim - 1] !== this.dModel)
        throw new ShapeError(`Transformer: expected ${this.dModel} features, got shape ${formatShape(t.shape)}`)
    const { srcMask = null, srcKeyPaddingMask = null, srcIsCausal = null, ...rest } = masks
    const memory = this.encoder.forward(src, { mask: srcMask, srcKeyPaddingMask, isCausal: srcIsCausal })
    return this.decoder.forward(tgt, memory, rest)
  }

  /** The causal mask of a sequence: [size, size], -∞ above the diagonal and 0 elsewhere. */
  static generateSquareSubsequentMask(size: number, options: LayerOptions = {}): Tensor {
    return triu(full([size, size], Number.NEGATIVE_INFINITY, options), 1)
  }
}
