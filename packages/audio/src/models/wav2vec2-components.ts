// The parts of Wav2Vec2: convolutions over the sound, then a transformer. Names of properties are TorchAudio's keys.
import { ArgumentError, arange, F, nn, rand, ShapeError, type Tensor } from '@flambeau/core'
import { formatShape } from '@flambeau/core/errors'
import { whole } from '../check.js'

/** A layer of the feature extractor: channels, kernel size and stride. */
export type ConvShape = readonly [channels: number, kernelSize: number, stride: number]

/** Layer normalization over channels of [batch, channels, time]. */
class ChannelNorm extends nn.LayerNorm {
  override forward(input: Tensor): Tensor {
    return super.forward(input.transpose(-2, -1)).transpose(-2, -1)
  }
}

class ConvLayerBlock extends nn.Module<[x: Tensor, lengths: Tensor | null], [Tensor, Tensor | null]> {
  readonly conv: nn.Conv1d
  readonly layer_norm: nn.Module | null
  readonly kernelSize: number
  readonly stride: number

  constructor(inChannels: number, [channels, kernelSize, stride]: ConvShape, bias: boolean, norm: nn.Module | null) {
    super()
    this.kernelSize = kernelSize
    this.stride = stride
    this.layer_norm = norm
    this.conv = new nn.Conv1d(inChannels, channels, kernelSize, { stride, bias })
  }

  override forward(x: Tensor, lengths: Tensor | null): [Tensor, Tensor | null] {
    const convolved = this.conv.forward(x)
    const normed = this.layer_norm === null ? convolved : this.layer_norm.forward(convolved)
    const left = lengths?.sub(this.kernelSize).div(this.stride, { roundingMode: 'floor' }).add(1).clampMin(0) ?? null
    return [F.gelu(normed), left]
  }
}

/** How the feature extractor normalizes: the first layer in groups, or every layer. */
export type ExtractorMode = 'group_norm' | 'layer_norm'

export class FeatureExtractor extends nn.Module<[x: Tensor, lengths: Tensor | null], [Tensor, Tensor | null]> {
  readonly conv_layers: nn.ModuleList<ConvLayerBlock>

  constructor(mode: ExtractorMode, shapes: readonly ConvShape[], bias: boolean) {
    super()
    let channels = 1
    this.conv_layers = new nn.ModuleList(
      shapes.map((shape, i) => {
        const norm =
          mode === 'layer_norm' ? new ChannelNorm(shape[0]) : i === 0 ? new nn.GroupNorm(shape[0], shape[0]) : null
        const block = new ConvLayerBlock(channels, shape, bias, norm)
        channels = shape[0]
        return block
      }),
    )
  }

  /** @param x shape [batch, time]. @returns [batch, frames, channels] */
  override forward(x: Tensor, lengths: Tensor | null): [Tensor, Tensor | null] {
    if (x.ndim !== 2)
      throw new ShapeError(`Wav2Vec2Model: expected waveforms of shape [batch, time], got ${formatShape(x.shape)}`)
    let state: [Tensor, Tensor | null] = [x.unsqueeze(1), lengths]
    for (const layer of this.conv_layers) state = layer.forward(...state)
    return [state[0].transpose(1, 2), state[1]]
  }
}

class FeatureProjection extends nn.Module {
  readonly layer_norm: nn.LayerNorm
  readonly projection: nn.Linear
  readonly dropout: nn.Dropout

  constructor(inFeatures: number, outFeatures: number, dropout: number) {
    super()
    this.layer_norm = new nn.LayerNorm(inFeatures)
    this.projection = new nn.Linear(inFeatures, outFeatures)
    this.dropout = new nn.Dropout(dropout)
  }

  override forward(x: Tensor): Tensor {
    return this.dropout.forward(this.projection.forward(this.layer_norm.forward(x)))
  }
}

class ConvolutionalPositionalEmbedding extends nn.Module {
  readonly conv: nn.Conv1d
  readonly kernelSize: number

  constructor(embedDim: number, kernelSize: number, groups: number) {
    super()
    this.kernelSize = kernelSize
    const conv = new nn.Conv1d(embedDim, embedDim, kernelSize, { padding: Math.floor(kernelSize / 2), groups })
    this.conv = nn.utils.weightNorm(conv, 'weight', 2)
  }

  override forward(x: Tensor): Tensor {
    const frames = x.shape[x.ndim - 2]
    // An even kernel gives one frame too many.
    return F.gelu(this.conv.forward(x.transpose(-2, -1)).narrow(-1, 0, frames)).transpose(-2, -1)
  }
}

class SelfAttention extends nn.Module<[x: Tensor, mask: Tensor | null]> {
  readonly k_proj: nn.Linear
  readonly v_proj: nn.Linear
  readonly q_proj: nn.Linear
  readonly out_proj: nn.Linear
  readonly numHeads: number
  readonly dropout: number

  constructor(embedDim: number, numHeads: number, dropout: number) {
    super()
    if (embedDim % numHeads !== 0)
      throw new ArgumentError(
        `wav2vec2Model: expected encoderNumHeads that divides encoderEmbedDim ${embedDim}, got ${numHeads}`,
      )
    this.numHeads = numHeads
    this.dropout = dropout
    this.k_proj = new nn.Linear(embedDim, embedDim)
    this.v_proj = new nn.Linear(embedDim, embedDim)
    this.q_proj = new nn.Linear(embedDim, embedDim)
    this.out_proj = new nn.Linear(embedDim, embedDim)
  }

  override forward(x: Tensor, mask: Tensor | null): Tensor {
    const [batch, frames, dim] = x.shape
    const heads = (t: Tensor): Tensor => t.reshape([batch, frames, this.numHeads, -1]).transpose(1, 2)
    const [q, k, v] = [this.q_proj, this.k_proj, this.v_proj].map((projection) => heads(projection.forward(x)))
    const dropoutP = this.training ? this.dropout : 0
    const out = F.scaledDotProductAttention(q, k, v, mask === null ? { dropoutP } : { dropoutP, attnMask: mask })
    return this.out_proj.forward(out.transpose(1, 2).reshape([batch, frames, dim]))
  }
}

class FeedForward extends nn.Module {
  readonly intermediate_dense: nn.Linear
  readonly intermediate_dropout: nn.Dropout
  readonly output_dense: nn.Linear
  readonly output_dropout: nn.Dropout

  constructor(features: number, hidden: number, intermediateDropout: number, outputDropout: number) {
    super()
    this.intermediate_dense = new nn.Linear(features, hidden)
    this.intermediate_dropout = new nn.Dropout(intermediateDropout)
    this.output_dense = new nn.Linear(hidden, features)
    this.output_dropout = new nn.Dropout(outputDropout)
  }

  override forward(x: Tensor): Tensor {
    const hidden = this.intermediate_dropout.forward(F.gelu(this.intermediate_dense.forward(x)))
    return this.output_dropout.forward(this.output_dense.forward(hidden))
  }
}

/** The options of the encoder, as the builders have them. */
export interface EncoderOptions {
  readonly encoderEmbedDim: number
  readonly encoderProjectionDropout: number
  readonly encoderPosConvKernel: number
  readonly encoderPosConvGroups: number
  readonly encoderNumLayers: number
  readonly encoderNumHeads: number
  readonly encoderAttentionDropout: number
  readonly encoderFfIntermFeatures: number
  readonly encoderFfIntermDropout: number
  readonly encoderDropout: number
  readonly encoderLayerNormFirst: boolean
  readonly encoderLayerDrop: number
}

class EncoderLayer extends nn.Module<[x: Tensor, mask: Tensor | null]> {
  readonly attention: SelfAttention
  readonly dropout: nn.Dropout
  readonly layer_norm: nn.LayerNorm
  readonly feed_forward: FeedForward
  readonly final_layer_norm: nn.LayerNorm
  readonly layerNormFirst: boolean

  constructor(options: EncoderOptions) {
    super()
    const { encoderEmbedDim: dim, encoderDropout } = options
    this.attention = new SelfAttention(dim, options.encoderNumHeads, options.encoderAttentionDropout)
    this.dropout = new nn.Dropout(encoderDropout)
    this.layer_norm = new nn.LayerNorm(dim)
    this.layerNormFirst = options.encoderLayerNormFirst
    const { encoderFfIntermFeatures, encoderFfIntermDropout } = options
    this.feed_forward = new FeedForward(dim, encoderFfIntermFeatures, encoderFfIntermDropout, encoderDropout)
    this.final_layer_norm = new nn.LayerNorm(dim)
  }

  override forward(x: Tensor, mask: Tensor | null): Tensor {
    const attend = (t: Tensor): Tensor => x.add(this.dropout.forward(this.attention.forward(t, mask)))
    if (this.layerNormFirst) {
      const y = attend(this.layer_norm.forward(x))
      return y.add(this.feed_forward.forward(this.final_layer_norm.forward(y)))
    }
    const y = this.layer_norm.forward(attend(x))
    return this.final_layer_norm.forward(y.add(this.feed_forward.forward(y)))
  }
}

class Transformer extends nn.Module<[x: Tensor, mask: Tensor | null]> {
  readonly pos_conv_embed: ConvolutionalPositionalEmbedding
  readonly layer_norm: nn.LayerNorm
  readonly dropout: nn.Dropout
  readonly layers: nn.ModuleList<EncoderLayer>
  /** Whether the norm comes before the layers: where theirs come last. */
  readonly layerNormFirst: boolean
  readonly layerDrop: number

  constructor(options: EncoderOptions) {
    super()
    const { encoderEmbedDim: dim } = options
    const { encoderPosConvKernel, encoderPosConvGroups } = options
    this.pos_conv_embed = new ConvolutionalPositionalEmbedding(dim, encoderPosConvKernel, encoderPosConvGroups)
    this.layer_norm = new nn.LayerNorm(dim)
    this.layerNormFirst = !options.encoderLayerNormFirst
    this.layerDrop = options.encoderLayerDrop
    this.dropout = new nn.Dropout(options.encoderDropout)
    this.layers = new nn.ModuleList(Array.from({ length: options.encoderNumLayers }, () => new EncoderLayer(options)))
  }

  #prepare(x: Tensor): Tensor {
    const placed = x.add(this.pos_conv_embed.forward(x))
    return this.dropout.forward(this.layerNormFirst ? this.layer_norm.forward(placed) : placed)
  }

  override forward(x: Tensor, mask: Tensor | null): Tensor {
    let out = this.#prepare(x)
    for (const layer of this.layers) {
      const dropped = this.training && (rand([1]).item() as number) <= this.layerDrop
      if (!dropped) out = layer.forward(out, mask)
    }
    return this.layerNormFirst ? out : this.layer_norm.forward(out)
  }

  intermediateOutputs(x: Tensor, mask: Tensor | null, numLayers: number): Tensor[] {
    const outputs: Tensor[] = []
    let out = this.#prepare(x)
    for (const layer of this.layers) {
      if (outputs.length === numLayers) break
      out = layer.forward(out, mask)
      outputs.push(out)
    }
    return outputs
  }
}

export class Encoder extends nn.Module<[features: Tensor, lengths: Tensor | null]> {
  readonly feature_projection: FeatureProjection
  readonly transformer: Transformer

  constructor(inFeatures: number, options: EncoderOptions) {
    super()
    this.feature_projection = new FeatureProjection(
      inFeatures,
      options.encoderEmbedDim,
      options.encoderProjectionDropout,
    )
    this.transformer = new Transformer(options)
  }

  #prepare(features: Tensor, lengths: Tensor | null): [Tensor, Tensor | null] {
    const x = this.feature_projection.forward(features)
    if (lengths === null) return [x, null]
    const [batch, frames] = x.shape
    const padding = arange(frames).ge(lengths.unsqueeze(1))
    const mask = padding.to(x.dtype).mul(-10000).reshape([batch, 1, 1, frames]).expand([batch, 1, frames, frames])
    return [x.maskedFill(padding.unsqueeze(-1), 0), mask]
  }

  override forward(features: Tensor, lengths: Tensor | null): Tensor {
    return this.transformer.forward(...this.#prepare(features, lengths))
  }

  extractFeatures(features: Tensor, lengths: Tensor | null, numLayers: number | null): Tensor[] {
    const all = this.transformer.layers.length
    if (numLayers !== null && whole('extractFeatures', 'numLayers', numLayers) > all)
      throw new ArgumentError(`extractFeatures: expected numLayers of at most ${all}, got ${numLayers}`)
    return this.transformer.intermediateOutputs(...this.#prepare(features, lengths), numLayers ?? all)
  }
}
