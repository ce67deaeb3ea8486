// A feature pyramid over the stages of a network.
import { ArgumentError, F, nn, type Tensor } from '@flambeau/core'
import { Conv2dNormActivation, type NormLayer } from './layers.js'

/** Feature maps by name, the finest first. */
export type Features = Record<string, Tensor>

/** What adds levels at the coarse end of a pyramid. */
export abstract class ExtraFPNBlock extends nn.Module<
  [results: Tensor[], x: Tensor[], names: string[]],
  [results: Tensor[], names: string[]]
> {}

/** One more level: every other pixel of the coarsest. */
export class LastLevelMaxPool extends ExtraFPNBlock {
  override forward(results: Tensor[], _x: Tensor[], names: string[]): [Tensor[], string[]] {
    const pooled = F.maxPool2d(results[results.length - 1], 1, { stride: 2 })
    return [
      [...results, pooled],
      [...names, 'pool'],
    ]
  }
}

/** Two more levels by convolutions of stride 2, as RetinaNet has them. */
export class LastLevelP6P7 extends ExtraFPNBlock {
  readonly p6: nn.Conv2d
  readonly p7: nn.Conv2d
  readonly useP5: boolean

  constructor(inChannels: number, outChannels: number) {
    super()
    this.p6 = new nn.Conv2d(inChannels, outChannels, 3, { stride: 2, padding: 1 })
    this.p7 = new nn.Conv2d(outChannels, outChannels, 3, { stride: 2, padding: 1 })
    this.useP5 = inChannels === outChannels
    for (const { weight, bias } of [this.p6, this.p7]) {
      nn.init.kaimingUniform_(weight, { a: 1 })
      if (bias !== null) nn.init.zeros_(bias)
    }
  }

  override forward(results: Tensor[], x: Tensor[], names: string[]): [Tensor[], string[]] {
    const source = this.useP5 ? results : x
    const p6 = this.p6.forward(source[source.length - 1])
    const p7 = this.p7.forward(p6.relu())
    return [
      [...results, p6, p7],
      [...names, 'p6', 'p7'],
    ]
  }
}

/** The options of `FeaturePyramidNetwork`. */
export interface FeaturePyramidOptions {
  readonly extraBlocks?: ExtraFPNBlock | null
  /** Behind every convolution. Default: none. */
  readonly normLayer?: NormLayer | null
}

/**
 * Adds to each stage's features, brought to one width, those of the next coarser stage, enlarged.
 * [Lin et al., 2016](https://arxiv.org/abs/1612.03144)
 *
 * @example
 * ```ts
 * import { rand } from '@flambeau/core'
 * import { ops } from '@flambeau/vision'
 * const fpn = new ops.FeaturePyramidNetwork([4, 8], 16)
 * const out = fpn.forward({ a: rand([1, 4, 8, 8]), b: rand([1, 8, 4, 4]) })
 * console.log(out.a.shape, out.b.shape) // → [ 1, 16, 8, 8 ] [ 1, 16, 4, 4 ]
 * ```
 */
export class FeaturePyramidNetwork extends nn.Module<[Features], Features> {
  readonly inner_blocks: nn.ModuleList<Conv2dNormActivation> = new nn.ModuleList()
  readonly layer_blocks: nn.ModuleList<Conv2dNormActivation> = new nn.ModuleList()
  readonly extra_blocks: ExtraFPNBlock | null

  constructor(inChannelsList: readonly number[], outChannels: number, options: FeaturePyramidOptions = {}) {
    super()
    const { extraBlocks = null, normLayer = null } = options
    for (const inChannels of inChannelsList) {
      if (inChannels === 0) throw new ArgumentError('FeaturePyramidNetwork: expected channels ≥ 1, got 0')
      const common = { normLayer, activationLayer: null }
      this.inner_blocks.append(
        new Conv2dNormActivation(inChannels, outChannels, { ...common, kernelSize: 1, padding: 0 }),
      )
      this.layer_blocks.append(new Conv2dNormActivation(outChannels, outChannels, { ...common, kernelSize: 3 }))
    }
    this.extra_blocks = extraBlocks
    for (const module of this.modules())
      if (module instanceof nn.Conv2d) {
        nn.init.kaimingUniform_(module.weight, { a: 1 })
        if (module.bias !== null) nn.init.zeros_(module.bias)
      }
    // In checkpoints from before TorchVision 0.13 the convolutions stand there without a list around them.
    this.registerLoadStateDictPreHook((state, prefix) => {
      for (const list of ['inner_blocks', 'layer_blocks'])
        for (let i = 0; i < inChannelsList.length; i++)
          for (const kind of ['weight', 'bias']) {
            const old = `${prefix}${list}.${i}.${kind}`
            if (!state.has(old)) continue
            state.set(`${prefix}${list}.${i}.0.${kind}`, state.get(old))
            state.delete(old)
          }
    })
  }

  override forward(x: Features): Features {
    const names = Object.keys(x)
    const inputs = Object.values(x)
    if (inputs.length !== this.inner_blocks.length)
      throw new ArgumentError(
        `FeaturePyramidNetwork: expected ${this.inner_blocks.length} feature maps, got ${inputs.length}`,
      )
    const coarsest = inputs.length - 1
    let last = this.inner_blocks.at(coarsest).forward(inputs[coarsest])
    const results = [this.layer_blocks.at(coarsest).forward(last)]
    for (let i = coarsest - 1; i >= 0; i--) {
      const lateral = this.inner_blocks.at(i).forward(inputs[i])
      last = lateral.add(F.interpolate(last, { size: lateral.shape.slice(-2), mode: 'nearest' }))
      results.unshift(this.layer_blocks.at(i).forward(last))
    }
    const [maps, keys] = this.extra_blocks?.forward(results, inputs, names) ?? [results, names]
    return Object.fromEntries(keys.map((name, i) => [name, maps[i]]))
  }
}
