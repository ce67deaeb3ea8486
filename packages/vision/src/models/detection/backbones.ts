// Networks that give a detector its features.
import { ArgumentError, nn, type Tensor } from '@flambeau/core'
import type { Layer } from '../../layer.js'
import {
  type ExtraFPNBlock,
  FeaturePyramidNetwork,
  type Features,
  FrozenBatchNorm2d,
  LastLevelMaxPool,
  type NormLayer,
} from '../../ops/index.js'
import type { MobileNetV3 } from '../mobilenet-v3.js'
import type { ResNet } from '../resnet.js'
import { IntermediateLayerGetter, stagesOf, widthAt } from '../segmentation.js'

/** Features by name, the finest first; `outChannels` each. */
export interface Backbone extends nn.Module<[Tensor], Features> {
  readonly outChannels: number
}

/** The options of `BackboneWithFPN`. */
export interface BackboneOptions {
  /** What adds coarser levels. Default: one by pooling. */
  readonly extraBlocks?: ExtraFPNBlock | null
  /** Behind the pyramid's convolutions. Default: none. */
  readonly normLayer?: NormLayer | null
}

/**
 * A feature pyramid over stages of a network.
 *
 * @example
 * ```ts
 * import { nn, rand } from '@flambeau/core'
 * import { models } from '@flambeau/vision'
 * const stage = (from: number, to: number) => new nn.Sequential(new nn.Conv2d(from, to, 3, { stride: 2, padding: 1 }), new nn.ReLU())
 * const body = new nn.Sequential({ a: stage(3, 8), b: stage(8, 16) })
 * const backbone = new models.BackboneWithFPN(body, { a: '0', b: '1' }, [8, 16], 32)
 * console.log(Object.keys(backbone.forward(rand([1, 3, 32, 32])))) // → [ '0', '1', 'pool' ]
 * ```
 */
export class BackboneWithFPN extends nn.Module<[Tensor], Features> implements Backbone {
  readonly body: IntermediateLayerGetter
  readonly fpn: FeaturePyramidNetwork
  readonly outChannels: number

  /** @param returnLayers the children of `network` whose results are used, and the names of these */
  constructor(
    network: nn.AnyModule,
    returnLayers: Readonly<Record<string, string>>,
    inChannelsList: readonly number[],
    outChannels: number,
    { extraBlocks = new LastLevelMaxPool(), normLayer = null }: BackboneOptions = {},
  ) {
    super()
    this.body = new IntermediateLayerGetter(network, returnLayers)
    this.fpn = new FeaturePyramidNetwork(inChannelsList, outChannels, { extraBlocks, normLayer })
    this.outChannels = outChannels
  }

  override forward(x: Tensor): Features {
    return this.fpn.forward(this.body.forward(x))
  }
}

/** Lets the parameters of all but the last stages stay as they are. */
function freeze(model: nn.AnyModule, trained: (name: string) => boolean): void {
  for (const [name, parameter] of model.namedParameters()) if (!trained(name)) parameter.requiresGrad_(false)
}

/** A pyramid over the four stages of a ResNet. @param trainableLayers how many of its five parts are trained, from the last on */
export function resnetFpn(network: ResNet, trainableLayers = 5, options: BackboneOptions = {}): BackboneWithFPN {
  if (!Number.isInteger(trainableLayers) || trainableLayers < 0 || trainableLayers > 5)
    throw new ArgumentError(`resnetFpn: expected trainableLayers from 0 to 5, got ${trainableLayers}`)
  const parts = ['layer4', 'layer3', 'layer2', 'layer1', 'conv1', ...(trainableLayers === 5 ? ['bn1'] : [])]
  const trained = parts.slice(0, trainableLayers === 5 ? 6 : trainableLayers)
  freeze(network, (name) => trained.some((part) => name.startsWith(part)))
  const last = network.fc.inFeatures
  const layers = { layer1: '0', layer2: '1', layer3: '2', layer4: '3' }
  return new BackboneWithFPN(network, layers, [last / 8, last / 4, last / 2, last], 256, options)
}

/** A pyramid over the last two stages of MobileNet V3. @param trainableLayers how many of its stages are trained, from the last on */
export function mobilenetFpn(
  network: MobileNetV3,
  trainableLayers = 6,
  options: BackboneOptions = {},
): BackboneWithFPN {
  const { features } = network
  const stages = stagesOf(features)
  if (!Number.isInteger(trainableLayers) || trainableLayers < 0 || trainableLayers > stages.length)
    throw new ArgumentError(`mobilenetFpn: expected trainableLayers from 0 to ${stages.length}, got ${trainableLayers}`)
  const from = trainableLayers === 0 ? features.length : stages[stages.length - trainableLayers]
  freeze(features, (name) => Number(name.split('.')[0]) >= from)
  const [first, second] = stages.slice(-2)
  const widths = [first, second].map((i) => widthAt(features, i))
  return new BackboneWithFPN(features, { [first]: '0', [second]: '1' }, widths, 256, options)
}

/** Batch normalization as weights from ImageNet bring it along. */
export const frozen: NormLayer = (channels: number): Layer => new FrozenBatchNorm2d(channels)
