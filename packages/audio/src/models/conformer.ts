// Conformer (https://arxiv.org/abs/2005.08100): attention and convolutions between two halves of a feed-forward layer.
import { ArgumentError, arange, nn, ShapeError, type Tensor } from '@flambeau/core'
import { formatShape } from '@flambeau/core/errors'

class ConvolutionModule extends nn.Module {
  readonly layer_norm: nn.LayerNorm
  readonly sequential: nn.Sequential

  constructor(dim: number, kernelSize: number, dropout: number, useGroupNorm: boolean) {
    super()
    if (kernelSize % 2 !== 1)
      throw new ArgumentError(`Conformer: expected an odd depthwiseConvKernelSize, got ${kernelSize}`)
    this.layer_norm = new nn.LayerNorm(dim)
    this.sequential = new nn.Sequential(
      new nn.Conv1d(dim, 2 * dim, 1),
      new nn.GLU(1),
      new nn.Conv1d(dim, dim, kernelSize, { padding: (kernelSize - 1) / 2, groups: dim }),
      useGroupNorm ? new nn.GroupNorm(1, dim) : new nn.BatchNorm1d(dim),
      new nn.SiLU(),
      new nn.Conv1d(dim, dim, 1),
      new nn.Dropout(dropout),
    )
  }

  override forward(x: Tensor): Tensor {
    return this.sequential.forward(this.layer_norm.forward(x).transpose(1, 2)).transpose(1, 2)
  }
}

class FeedForwardModule extends nn.Module {
  readonly sequential: nn.Sequential

  constructor(dim: number, hidden: number, dropout: number) {
    super()
    this.sequential = new nn.Sequential(
      new nn.LayerNorm(dim),
      new nn.Linear(dim, hidden),
      new nn.SiLU(),
      new nn.Dropout(dropout),
      new nn.Linear(hidden, dim),
      new nn.Dropout(dropout),
    )
  }

  override forward(x: Tensor): Tensor {
    return this.sequential.forward(x)
  }
}

/** The options of `Conformer`. */
export interface ConformerOptions {
  /** Features of a frame. */
  readonly inputDim: number
  readonly numHeads: number
  /** Of the feed-forward layers. */
  readonly ffnDim: number
  readonly numLayers: number
  /** Odd. */
  readonly depthwiseConvKernelSize: number
  /** Default 0. */
  readonly dropout?: number
  /** Group rather than batch normalization. Default false. */
  readonly useGroupNorm?: boolean
  /** Convolution before attention. Default false. */
  readonly convolutionFirst?: boolean
}

/** One layer. Shape: [time, batch, features], and a mask [batch, time] that is true for padding → the same */
export class ConformerLayer extends nn.Module<[input: Tensor, keyPaddingMask: Tensor | null]> {
  readonly ffn1: FeedForwardModule
  readonly self_attn_layer_norm: nn.LayerNorm
  readonly self_attn: nn.MultiheadAttention
  readonly self_attn_dropout: nn.Dropout
  readonly conv_module: ConvolutionModule
  readonly ffn2: FeedForwardModule
  readonly final_layer_norm: nn.LayerNorm
  readonly convolutionFirst: boolean

  constructor(options: ConformerOptions) {
    super()
    const { inputDim: dim, ffnDim, numHeads, depthwiseConvKernelSize, dropout = 0 } = options
    this.ffn1 = new FeedForwardModule(dim, ffnDim, dropout)
    this.self_attn_layer_norm = new nn.LayerNorm(dim)
    this.self_attn = new nn.MultiheadAttention(dim, numHeads, { dropout })
    this.self_attn_dropout = new nn.Dropout(dropout)
    this.conv_module = new ConvolutionModule(dim, depthwiseConvKernelSize, dropout, options.useGroupNorm ?? false)
    this.ffn2 = new FeedForwardModule(dim, ffnDim, dropout)
    this.final_layer_norm = new nn.LayerNorm(dim)
    this.convolutionFirst = options.convolutionFirst ?? false
  }

  #convolve(x: Tensor): Tensor {
    return x.add(this.conv_module.forward(x.transpose(0, 1)).transpose(0, 1))
  }

  override forward(input: Tensor, keyPaddingMask: Tensor | null): Tensor {
    let x = this.ffn1.forward(input).mul(0.5).add(input)
    if (this.convolutionFirst) x = this.#convolve(x)
    const y = this.self_attn_layer_norm.forward(x)
    const options = { needWeights: false, ...(keyPaddingMask && { keyPaddingMask }) }
    x = this.self_attn_dropout.forward(this.self_attn.forward(y, y, y, options)[0]).add(x)
    if (!this.convolutionFirst) x = this.#convolve(x)
    return this.final_layer_norm.forward(this.ffn2.forward(x).mul(0.5).add(x))
  }
}

/**
 * A stack of Conformer layers.
 *
 * Shape: features [batch, time, inputDim] and their lengths [batch] → the same
 *
 * @example
 * ```ts
 * import { randn, tensor } from '@flambeau/core'
 * import { models } from '@flambeau/audio'
 * const options = { inputDim: 16, numHeads: 4, ffnDim: 32, numLayers: 2, depthwiseConvKernelSize: 7 }
 * const net = new models.Conformer(options).eval()
 * const [out, lengths] = net.forward(randn([2, 10, 16]), tensor([10n, 6n]))
 * console.log(out.shape, lengths.toArray()) // → [ 2, 10, 16 ] [ 10, 6 ]
 * ```
 */
export class Conformer extends nn.Module<[input: Tensor, lengths: Tensor], [output: Tensor, lengths: Tensor]> {
  readonly conformer_layers: nn.ModuleList<ConformerLayer>

  constructor(options: ConformerOptions) {
    super()
    this.conformer_layers = new nn.ModuleList(
      Array.from({ length: options.numLayers }, () => new ConformerLayer(options)),
    )
  }

  override forward(input: Tensor, lengths: Tensor): [Tensor, Tensor] {
    if (input.ndim !== 3 || lengths.ndim !== 1 || lengths.shape[0] !== input.shape[0])
      throw new ShapeError(
        `Conformer: expected input [batch, time, features] and lengths [batch], got shapes ${formatShape(input.shape)} and ${formatShape(lengths.shape)}`,
      )
    const longest = Number(lengths.max().item())
    if (longest !== input.shape[1])
      throw new ArgumentError(
        `Conformer: expected the largest length to be the input's ${input.shape[1]} frames, got ${longest}; cut the input`,
      )
    const padding = arange(longest).ge(lengths.unsqueeze(1))
    let x = input.transpose(0, 1)
    for (const layer of this.conformer_layers) x = layer.forward(x, padding)
    return [x.transpose(0, 1), lengths]
  }
}
