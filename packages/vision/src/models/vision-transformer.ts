// The vision transformer (Dosovitskiy et al., 2020, arXiv:2010.11929).
import { ArgumentError, cat, empty, nn, ShapeError, type Tensor, zeros } from '@flambeau/core'
import { formatShape } from '@flambeau/core/errors'
import type { PublishedWeights } from '@flambeau/core/hub'
import { MLP } from '../ops/index.js'
import type { ClassifierOptions } from './common.js'
import { register } from './registry.js'

const norm = (size: number): nn.LayerNorm => new nn.LayerNorm(size, { eps: 1e-6 })

class EncoderBlock extends nn.Module {
  readonly ln_1: nn.LayerNorm
  readonly self_attention: nn.MultiheadAttention
  readonly dropout: nn.Dropout
  readonly ln_2: nn.LayerNorm
  readonly mlp: MLP

  constructor(heads: number, hidden: number, mlpDim: number, dropout: number, attentionDropout: number) {
    super()
    this.ln_1 = norm(hidden)
    this.self_attention = new nn.MultiheadAttention(hidden, heads, { dropout: attentionDropout, batchFirst: true })
    this.dropout = new nn.Dropout(dropout)
    this.ln_2 = norm(hidden)
    this.mlp = new MLP(hidden, [mlpDim, hidden], { activationLayer: () => new nn.GELU(), dropout })
    for (const layer of this.mlp)
      if (layer instanceof nn.Linear) {
        nn.init.xavierUniform_(layer.weight)
        if (layer.bias !== null) nn.init.normal_(layer.bias, 0, 1e-6)
      }
    // Checkpoints from before TorchVision 0.13 name the linear layers.
    this.mlp.registerLoadStateDictPreHook((state, prefix) => {
      for (const [i, at] of [0, 3].entries())
        for (const kind of ['weight', 'bias']) {
          const old = `${prefix}linear_${i + 1}.${kind}`
          if (!state.has(old)) continue
          state.set(`${prefix}${at}.${kind}`, state.get(old))
          state.delete(old)
        }
    })
  }

  override forward(input: Tensor): Tensor {
    const normal = this.ln_1.forward(input)
    const [attended] = this.self_attention.forward(normal, normal, normal, { needWeights: false })
    const x = this.dropout.forward(attended).add(input)
    return x.add(this.mlp.forward(this.ln_2.forward(x)))
  }
}

class Encoder extends nn.Module {
  readonly pos_embedding: nn.Parameter
  readonly dropout: nn.Dropout
  readonly layers: nn.Sequential
  readonly ln: nn.LayerNorm

  constructor(length: number, layers: number, hidden: number, dropout: number, block: () => EncoderBlock) {
    super()
    this.pos_embedding = new nn.Parameter(nn.init.normal_(empty([1, length, hidden]), 0, 0.02))
    this.dropout = new nn.Dropout(dropout)
    this.layers = new nn.Sequential(
      Object.fromEntries(Array.from({ length: layers }, (_, i) => [`encoder_layer_${i}`, block()])),
    )
    this.ln = norm(hidden)
  }

  override forward(input: Tensor): Tensor {
    return this.ln.forward(this.layers.forward(this.dropout.forward(input.add(this.pos_embedding))))
  }
}

/** The options of `VisionTransformer`. */
export interface VisionTransformerOptions extends ClassifierOptions {
  /** Height and width of the images. Default 224. */
  readonly imageSize?: number
  /** Default 0. */
  readonly dropout?: number
  /** Default 0. */
  readonly attentionDropout?: number
  /** The width of a layer before the last. Default: there is none. */
  readonly representationSize?: number | null
}

/** The shape of a vision transformer. */
export interface VisionTransformerShape {
  readonly patchSize: number
  readonly numLayers: number
  readonly numHeads: number
  readonly hiddenDim: number
  readonly mlpDim: number
}

/** A transformer over patches of an image. */
export class VisionTransformer extends nn.Module {
  readonly imageSize: number
  readonly patchSize: number
  readonly class_token: nn.Parameter
  readonly conv_proj: nn.Conv2d
  readonly encoder: Encoder
  readonly heads: nn.Sequential

  constructor(shape: VisionTransformerShape, options: VisionTransformerOptions = {}) {
    super()
    const { patchSize, numLayers, numHeads, hiddenDim, mlpDim } = shape
    const { imageSize = 224, dropout = 0, attentionDropout = 0, numClasses = 1000, representationSize = null } = options
    if (imageSize % patchSize !== 0)
      throw new ArgumentError(
        `VisionTransformer: expected an imageSize that is a multiple of the patch size ${patchSize}, got ${imageSize}`,
      )
    this.imageSize = imageSize
    this.patchSize = patchSize
    this.conv_proj = new nn.Conv2d(3, hiddenDim, patchSize, { stride: patchSize })
    this.class_token = new nn.Parameter(zeros([1, 1, hiddenDim]))
    const block = (): EncoderBlock => new EncoderBlock(numHeads, hiddenDim, mlpDim, dropout, attentionDropout)
    this.encoder = new Encoder((imageSize / patchSize) ** 2 + 1, numLayers, hiddenDim, dropout, block)
    const head = new nn.Linear(representationSize ?? hiddenDim, numClasses)
    if (representationSize === null) this.heads = new nn.Sequential({ head })
    else {
      const before = new nn.Linear(hiddenDim, representationSize)
      nn.init.truncNormal_(before.weight, 0, Math.sqrt(1 / hiddenDim))
      if (before.bias !== null) nn.init.zeros_(before.bias)
      this.heads = new nn.Sequential({ pre_logits: before, act: new nn.Tanh(), head })
    }
    nn.init.truncNormal_(this.conv_proj.weight, 0, Math.sqrt(1 / (3 * patchSize ** 2)))
    if (this.conv_proj.bias !== null) nn.init.zeros_(this.conv_proj.bias)
    nn.init.zeros_(head.weight)
    if (head.bias !== null) nn.init.zeros_(head.bias)
  }

  /** @param x images, [N, 3, imageSize, imageSize] @returns scores, [N, numClasses] */
  override forward(x: Tensor): Tensor {
    if (x.ndim !== 4 || x.shape[2] !== this.imageSize || x.shape[3] !== this.imageSize)
      throw new ShapeError(
        `VisionTransformer: expected images [N, 3, ${this.imageSize}, ${this.imageSize}], got shape ${formatShape(x.shape)}`,
      )
    const patches = this.conv_proj.forward(x).flatten(2).permute([0, 2, 1]) // [N, patches, hidden]
    const token = this.class_token.expand([x.shape[0], 1, patches.shape[2]])
    return this.heads.forward(this.encoder.forward(cat([token, patches], 1)).select(1, 0))
  }
}

/** Weights that were trained on larger images have positions for those. */
function cropSizeOf(meta: PublishedWeights['meta']): number {
  const transform = meta?.transform
  const size: unknown =
    typeof transform === 'object' && transform !== null ? Reflect.get(transform, 'cropSize') : undefined
  return typeof size === 'number' ? size : 224
}

type Builder = (options?: VisionTransformerOptions) => VisionTransformer
const vit = (
  name: string,
  patchSize: number,
  numLayers: number,
  numHeads: number,
  hiddenDim: number,
  mlpDim: number,
): Builder =>
  register(
    name,
    (options: VisionTransformerOptions = {}) =>
      new VisionTransformer({ patchSize, numLayers, numHeads, hiddenDim, mlpDim }, options),
    ({ meta }): VisionTransformerOptions => ({ imageSize: cropSizeOf(meta) }),
  )

/** The base transformer over patches of 16 × 16 pixels. */
export const vit_b_16: Builder = vit('vit_b_16', 16, 12, 12, 768, 3072)
/** The base transformer over patches of 32 × 32 pixels. */
export const vit_b_32: Builder = vit('vit_b_32', 32, 12, 12, 768, 3072)
/** The large transformer over patches of 16 × 16 pixels. */
export const vit_l_16: Builder = vit('vit_l_16', 16, 24, 16, 1024, 4096)
/** The large transformer over patches of 32 × 32 pixels. */
export const vit_l_32: Builder = vit('vit_l_32', 32, 24, 16, 1024, 4096)
/** The huge transformer over patches of 14 × 14 pixels. */
export const vit_h_14: Builder = vit('vit_h_14', 14, 32, 16, 1280, 5120)
