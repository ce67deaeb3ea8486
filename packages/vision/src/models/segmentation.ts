// Semantic segmentation: FCN (Long et al., 2014, arXiv:1411.4038), DeepLab V3 (Chen et al., 2017, arXiv:1706.05587) and
// LR-ASPP (Howard et al., 2019, arXiv:1905.02244).
import { ArgumentError, cat, F, nn, type Tensor } from '@flambeau/core'
import type { Layer } from '../layer.js'
import type { Features } from '../ops/index.js'
import { InvertedResidualV3, mobilenet_v3_large } from './mobilenet-v3.js'
import { register } from './registry.js'
import { resnet50, resnet101 } from './resnet.js'

/** The first children of a network, and the results of those among them that are asked for. */
export class IntermediateLayerGetter extends nn.Module<[Tensor], Features> {
  readonly #layers: readonly (readonly [string, Layer])[]
  readonly #returned: ReadonlyMap<string, string>

  /** @param returnLayers the name that each child's result is to have */
  constructor(model: nn.AnyModule, returnLayers: Readonly<Record<string, string>>) {
    super()
    const children = model.namedChildren() as [string, Layer][]
    const names = children.map(([name]) => name)
    const missing = Object.keys(returnLayers).filter((name) => !names.includes(name))
    if (missing.length > 0)
      throw new ArgumentError(
        `IntermediateLayerGetter: expected some of the children ${names.join(', ')}, got ${missing.join(', ')}`,
      )
    const last = Math.max(...Object.keys(returnLayers).map((name) => names.indexOf(name)))
    this.#layers = children.slice(0, last + 1)
    this.#returned = new Map(Object.entries(returnLayers))
  }

  override *ownModules(): Iterable<[string, nn.AnyModule]> {
    for (const [name, layer] of this.#layers) yield [name, layer]
  }

  override forward(input: Tensor): Features {
    const found: Features = {}
    let x = input
    for (const [name, layer] of this.#layers) {
      x = layer.forward(x)
      const key = this.#returned.get(name)
      if (key !== undefined) found[key] = x
    }
    return found
  }
}

const conv = (from: number, to: number, kernelSize: number, dilation = 1): Layer[] => [
  new nn.Conv2d(from, to, kernelSize, {
    padding: kernelSize === 1 ? 0 : dilation,
    dilation,
    bias: false,
  }),
  new nn.BatchNorm2d(to),
  new nn.ReLU(),
]

class FCNHead extends nn.Sequential {
  constructor(inChannels: number, channels: number) {
    const between = Math.floor(inChannels / 4)
    super(...conv(inChannels, between, 3), new nn.Dropout(0.1), new nn.Conv2d(between, channels, 1))
  }
}

class ASPPPooling extends nn.Sequential {
  constructor(from: number, to: number) {
    super(new nn.AdaptiveAvgPool2d(1), ...conv(from, to, 1))
  }

  override forward(x: Tensor): Tensor {
    return F.interpolate(super.forward(x), { size: x.shape.slice(-2), mode: 'bilinear', alignCorners: false })
  }
}

/** Convolutions of several dilations side by side. */
class ASPP extends nn.Module {
  readonly convs: nn.ModuleList
  readonly project: nn.Sequential

  constructor(from: number, rates: readonly number[], to = 256) {
    super()
    this.convs = new nn.ModuleList([
      new nn.Sequential(...conv(from, to, 1)),
      ...rates.map((rate) => new nn.Sequential(...conv(from, to, 3, rate))),
      new ASPPPooling(from, to),
    ])
    this.project = new nn.Sequential(...conv(this.convs.length * to, to, 1), new nn.Dropout(0.5))
  }

  override forward(x: Tensor): Tensor {
    return this.project.forward(
      cat(
        Array.from(this.convs, (layer) => layer.forward(x)),
        1,
      ),
    )
  }
}

class DeepLabHead extends nn.Sequential {
  constructor(inChannels: number, numClasses: number) {
    super(new ASPP(inChannels, [12, 24, 36]), ...conv(256, 256, 3), new nn.Conv2d(256, numClasses, 1))
  }
}

/** Scores of each class for each pixel, [N, numClasses, H, W]: `out`, and `aux` of an earlier stage where there is one. */
export interface SegmentationResult {
  readonly out: Tensor
  readonly aux?: Tensor
}

const enlarge = (scores: Tensor, like: Tensor): Tensor =>
  F.interpolate(scores, { size: like.shape.slice(-2), mode: 'bilinear', alignCorners: false })

/** A backbone and a head that gives each pixel scores. */
export class SegmentationModel extends nn.Module<[Tensor], SegmentationResult> {
  readonly backbone: IntermediateLayerGetter
  readonly classifier: Layer
  readonly aux_classifier: Layer | null

  constructor(backbone: IntermediateLayerGetter, classifier: Layer, auxClassifier: Layer | null) {
    super()
    this.backbone = backbone
    this.classifier = classifier
    this.aux_classifier = auxClassifier
  }

  /** @param x images, [N, 3, H, W] */
  override forward(x: Tensor): SegmentationResult {
    const features = this.backbone.forward(x)
    const out = enlarge(this.classifier.forward(features.out), x)
    return this.aux_classifier === null ? { out } : { out, aux: enlarge(this.aux_classifier.forward(features.aux), x) }
  }
}

/** A fully convolutional network. */
export class FCN extends SegmentationModel {}
/** DeepLab, third version. */
export class DeepLabV3 extends SegmentationModel {}

/** The options of a segmentation network's builder. */
export interface SegmentationOptions {
  /** Default 21, those of Pascal VOC with the background. */
  readonly numClasses?: number
  /** Also score the pixels from an earlier stage. Default false; published weights have it. */
  readonly auxLoss?: boolean
}

type Base = 'resnet50' | 'resnet101' | 'mobilenet_v3_large'

/** A dilated backbone, and the channels of its result and of its earlier stage. */
function backboneOf(base: Base, aux: boolean): { body: IntermediateLayerGetter; out: number; before: number } {
  if (base === 'mobilenet_v3_large') {
    const { features } = mobilenet_v3_large({ dilated: true })
    const [last, fourth] = [...stagesOf(features)].reverse().filter((_, i) => i === 0 || i === 3)
    const layers = { [last]: 'out', ...(aux && { [fourth]: 'aux' }) }
    return {
      body: new IntermediateLayerGetter(features, layers),
      out: widthAt(features, last),
      before: widthAt(features, fourth),
    }
  }
  const make = base === 'resnet50' ? resnet50 : resnet101
  const network = make({ replaceStrideWithDilation: [false, true, true] })
  const layers = { layer4: 'out', ...(aux && { layer3: 'aux' }) }
  return { body: new IntermediateLayerGetter(network, layers), out: 2048, before: 1024 }
}

/** Where the stages of MobileNet V3 end: the first layer, each block that halves the image, and the last layer. */
export function stagesOf(features: nn.Sequential): number[] {
  const inner = [...features].flatMap((layer, i) => (layer instanceof InvertedResidualV3 && layer.isStrided ? [i] : []))
  return [0, ...inner, features.length - 1]
}

/** The channels of a layer's result. */
export function widthAt(features: nn.Sequential, index: number): number {
  const layer = features.at(index)
  const width: unknown = Reflect.get(layer, 'outChannels')
  if (typeof width !== 'number') throw new ArgumentError(`expected a layer with outChannels at ${index}`)
  return width
}

type Builder<M> = (options?: SegmentationOptions) => M
const trained = (): SegmentationOptions => ({ auxLoss: true })

const fcn = (name: string, base: Base): Builder<FCN> =>
  register(
    name,
    ({ numClasses = 21, auxLoss = false }: SegmentationOptions = {}) => {
      const { body, out, before } = backboneOf(base, auxLoss)
      return new FCN(body, new FCNHead(out, numClasses), auxLoss ? new FCNHead(before, numClasses) : null)
    },
    trained,
  )

const deeplab = (name: string, base: Base): Builder<DeepLabV3> =>
  register(
    name,
    ({ numClasses = 21, auxLoss = false }: SegmentationOptions = {}) => {
      const { body, out, before } = backboneOf(base, auxLoss)
      return new DeepLabV3(body, new DeepLabHead(out, numClasses), auxLoss ? new FCNHead(before, numClasses) : null)
    },
    trained,
  )

/** FCN on ResNet-50. */
export const fcn_resnet50: Builder<FCN> = fcn('fcn_resnet50', 'resnet50')
/** FCN on ResNet-101. */
export const fcn_resnet101: Builder<FCN> = fcn('fcn_resnet101', 'resnet101')
/** DeepLab V3 on ResNet-50. */
export const deeplabv3_resnet50: Builder<DeepLabV3> = deeplab('deeplabv3_resnet50', 'resnet50')
/** DeepLab V3 on ResNet-101. */
export const deeplabv3_resnet101: Builder<DeepLabV3> = deeplab('deeplabv3_resnet101', 'resnet101')
/** DeepLab V3 on MobileNet V3. */
export const deeplabv3_mobilenet_v3_large: Builder<DeepLabV3> = deeplab(
  'deeplabv3_mobilenet_v3_large',
  'mobilenet_v3_large',
)

class LRASPPHead extends nn.Module<[Features]> {
  readonly cbr: nn.Sequential
  readonly scale: nn.Sequential
  readonly low_classifier: nn.Conv2d
  readonly high_classifier: nn.Conv2d

  constructor(low: number, high: number, numClasses: number, between: number) {
    super()
    this.cbr = new nn.Sequential(
      new nn.Conv2d(high, between, 1, { bias: false }),
      new nn.BatchNorm2d(between),
      new nn.ReLU({ inplace: true }),
    )
    this.scale = new nn.Sequential(
      new nn.AdaptiveAvgPool2d(1),
      new nn.Conv2d(high, between, 1, { bias: false }),
      new nn.Sigmoid(),
    )
    this.low_classifier = new nn.Conv2d(low, numClasses, 1)
    this.high_classifier = new nn.Conv2d(between, numClasses, 1)
  }

  override forward({ low, high }: Features): Tensor {
    const x = enlarge(this.cbr.forward(high).mul(this.scale.forward(high)), low)
    return this.low_classifier.forward(low).add(this.high_classifier.forward(x))
  }
}

/** A light head over two stages of a small backbone. */
export class LRASPP extends nn.Module<[Tensor], SegmentationResult> {
  readonly backbone: IntermediateLayerGetter
  readonly classifier: LRASPPHead

  constructor(backbone: IntermediateLayerGetter, low: number, high: number, numClasses: number, between = 128) {
    super()
    this.backbone = backbone
    this.classifier = new LRASPPHead(low, high, numClasses, between)
  }

  /** @param x images, [N, 3, H, W] */
  override forward(x: Tensor): SegmentationResult {
    return { out: enlarge(this.classifier.forward(this.backbone.forward(x)), x) }
  }
}

/** LR-ASPP on MobileNet V3. */
export const lraspp_mobilenet_v3_large: (options?: Pick<SegmentationOptions, 'numClasses'>) => LRASPP = register(
  'lraspp_mobilenet_v3_large',
  ({ numClasses = 21 }: Pick<SegmentationOptions, 'numClasses'> = {}) => {
    const { features } = mobilenet_v3_large({ dilated: true })
    const [high, , , low] = stagesOf(features).reverse()
    const body = new IntermediateLayerGetter(features, { [low]: 'low', [high]: 'high' })
    return new LRASPP(body, widthAt(features, low), widthAt(features, high), numClasses)
  },
)
