// Conv-TasNet (https://arxiv.org/abs/1809.07454): voices apart, by masks over a learned transform.
import { F, nn, ShapeError, type Tensor } from '@flambeau/core'
import { formatShape } from '@flambeau/core/errors'
import { oneOf } from '../check.js'

class ConvBlock extends nn.Module<[input: Tensor], [residual: Tensor | null, skip: Tensor]> {
  readonly conv_layers: nn.Sequential
  readonly res_out: nn.Conv1d | null
  readonly skip_out: nn.Conv1d

  constructor(channels: number, hidden: number, kernelSize: number, dilation: number, last: boolean) {
    super()
    this.conv_layers = new nn.Sequential(
      new nn.Conv1d(channels, hidden, 1),
      new nn.PReLU(),
      new nn.GroupNorm(1, hidden, { eps: 1e-8 }),
      new nn.Conv1d(hidden, hidden, kernelSize, { padding: dilation, dilation, groups: hidden }),
      new nn.PReLU(),
      new nn.GroupNorm(1, hidden, { eps: 1e-8 }),
    )
    this.res_out = last ? null : new nn.Conv1d(hidden, channels, 1)
    this.skip_out = new nn.Conv1d(hidden, channels, 1)
  }

  override forward(input: Tensor): [Tensor | null, Tensor] {
    const features = this.conv_layers.forward(input)
    return [this.res_out === null ? null : this.res_out.forward(features), this.skip_out.forward(features)]
  }
}

/** The options of `ConvTasNet`. */
export interface ConvTasNetOptions {
  /** Voices. Default 2. */
  readonly numSources?: number
  /** Default 16. */
  readonly encKernelSize?: number
  /** Default 512. */
  readonly encNumFeats?: number
  /** Default 3. */
  readonly mskKernelSize?: number
  /** Default 128. */
  readonly mskNumFeats?: number
  /** Default 512. */
  readonly mskNumHiddenFeats?: number
  /** Default 8. */
  readonly mskNumLayers?: number
  /** Default 3. */
  readonly mskNumStacks?: number
  /** Default 'sigmoid'. */
  readonly mskActivate?: 'sigmoid' | 'relu'
}

class MaskGenerator extends nn.Module {
  readonly input_norm: nn.GroupNorm
  readonly input_conv: nn.Conv1d
  readonly conv_layers: nn.ModuleList<ConvBlock>
  readonly output_prelu = new nn.PReLU()
  readonly output_conv: nn.Conv1d
  readonly mask_activate: nn.Module
  readonly sources: number

  constructor(dim: number, options: Required<ConvTasNetOptions>) {
    super()
    const { numSources, mskKernelSize, mskNumFeats, mskNumHiddenFeats, mskNumLayers, mskNumStacks } = options
    this.sources = numSources
    this.input_norm = new nn.GroupNorm(1, dim, { eps: 1e-8 })
    this.input_conv = new nn.Conv1d(dim, mskNumFeats, 1)
    const blocks = mskNumLayers * mskNumStacks
    this.conv_layers = new nn.ModuleList(
      Array.from(
        { length: blocks },
        (_, i) =>
          new ConvBlock(mskNumFeats, mskNumHiddenFeats, mskKernelSize, 2 ** (i % mskNumLayers), i === blocks - 1),
      ),
    )
    this.output_conv = new nn.Conv1d(mskNumFeats, dim * numSources, 1)
    this.mask_activate = options.mskActivate === 'relu' ? new nn.ReLU() : new nn.Sigmoid()
  }

  override forward(input: Tensor): Tensor {
    let features = this.input_conv.forward(this.input_norm.forward(input))
    let output: Tensor | null = null
    for (const layer of this.conv_layers) {
      const [residual, skip] = layer.forward(features)
      if (residual !== null) features = features.add(residual)
      output = output === null ? skip : output.add(skip)
    }
    const masks = this.output_conv.forward(this.output_prelu.forward(output ?? features))
    const [batch, dim, frames] = input.shape
    return this.mask_activate.forward(masks).reshape([batch, this.sources, dim, frames])
  }
}

/**
 * Takes a mixture of voices apart.
 *
 * Shape: [batch, 1, time] → [batch, numSources, time]
 *
 * @example
 * ```ts
 * import { randn } from '@flambeau/core'
 * import { models } from '@flambeau/audio'
 * const net = new models.ConvTasNet({ encNumFeats: 32, mskNumFeats: 16, mskNumHiddenFeats: 32, mskNumStacks: 1 })
 * console.log(net.forward(randn([1, 1, 1000])).shape) // → [ 1, 2, 1000 ]
 * ```
 */
export class ConvTasNet extends nn.Module {
  readonly encoder: nn.Conv1d
  readonly mask_generator: MaskGenerator
  readonly decoder: nn.ConvTranspose1d
  readonly encKernelSize: number
  readonly encStride: number

  constructor(options: ConvTasNetOptions = {}) {
    super()
    const { encKernelSize = 16, encNumFeats = 512, mskActivate = 'sigmoid' } = options
    oneOf('ConvTasNet', 'mskActivate', mskActivate, ['sigmoid', 'relu'])
    this.encKernelSize = encKernelSize
    this.encStride = Math.floor(encKernelSize / 2)
    const conv = { stride: this.encStride, padding: this.encStride, bias: false }
    this.encoder = new nn.Conv1d(1, encNumFeats, encKernelSize, conv)
    this.mask_generator = new MaskGenerator(encNumFeats, {
      numSources: 2,
      encKernelSize,
      encNumFeats,
      mskKernelSize: 3,
      mskNumFeats: 128,
      mskNumHiddenFeats: 512,
      mskNumLayers: 8,
      mskNumStacks: 3,
      mskActivate,
      ...options,
    })
    this.decoder = new nn.ConvTranspose1d(encNumFeats, 1, encKernelSize, conv)
  }

  override forward(input: Tensor): Tensor {
    if (input.ndim !== 3 || input.shape[1] !== 1)
      throw new ShapeError(`ConvTasNet: expected input of shape [batch, 1, time], got ${formatShape(input.shape)}`)
    const [batch, , time] = input.shape
    // Whole strides, so that the decoder gives as many samples as come in.
    const odd = this.encKernelSize % 2
    const strides = Math.ceil((time - odd) / this.encStride)
    const padded = F.pad(input, [0, odd + strides * this.encStride - time])
    const features = this.encoder.forward(padded)
    const masks = this.mask_generator.forward(features)
    const [, sources, dim, frames] = masks.shape
    const masked = masks.mul(features.unsqueeze(1)).reshape([batch * sources, dim, frames])
    return this.decoder.forward(masked).reshape([batch, sources, padded.shape[2]]).narrow(2, 0, time)
  }
}

/** Conv-TasNet as in its paper, with five million parameters. */
export const convTasnetBase = ({ numSources = 2 }: { readonly numSources?: number } = {}): ConvTasNet =>
  new ConvTasNet({ numSources, mskActivate: 'relu' })
