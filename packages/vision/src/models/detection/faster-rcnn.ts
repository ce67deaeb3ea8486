// Faster R-CNN (Ren et al., 2015, arXiv:1506.01497).
import { ArgumentError, nn, noGrad, Tensor } from '@flambeau/core'
import { describe } from '@flambeau/core/errors'
import { checkInteger } from '../../check.js'
import type { Layer } from '../../layer.js'
import { MultiScaleRoIAlign } from '../../ops/index.js'
import { mobilenet_v3_large } from '../mobilenet-v3.js'
import { register } from '../registry.js'
import { resnet50 } from '../resnet.js'
import { AnchorGenerator } from './anchors.js'
import { type Backbone, frozen, mobilenetFpn, resnetFpn } from './backbones.js'
import { FastRCNNConvFCHead, FastRCNNPredictor, RoIHeads, TwoMLPHead } from './roi-heads.js'
import { RegionProposalNetwork, RPNHead } from './rpn.js'
import {
  checkTargets,
  type Detection,
  type DetectionTransformOptions,
  GeneralizedRCNNTransform,
  sizeOf,
  type Target,
} from './transform.js'

/** The options of `FasterRCNN`, TorchVision's. */
export interface FasterRCNNOptions extends DetectionTransformOptions {
  readonly rpnAnchorGenerator?: AnchorGenerator
  readonly rpnHead?: RPNHead
  readonly rpnPreNmsTopNTrain?: number
  readonly rpnPreNmsTopNTest?: number
  readonly rpnPostNmsTopNTrain?: number
  readonly rpnPostNmsTopNTest?: number
  readonly rpnNmsThresh?: number
  readonly rpnFgIouThresh?: number
  readonly rpnBgIouThresh?: number
  readonly rpnBatchSizePerImage?: number
  readonly rpnPositiveFraction?: number
  readonly rpnScoreThresh?: number
  readonly boxRoiPool?: MultiScaleRoIAlign
  readonly boxHead?: Layer
  readonly boxPredictor?: nn.Module<[Tensor], [Tensor, Tensor]>
  readonly boxScoreThresh?: number
  readonly boxNmsThresh?: number
  readonly boxDetectionsPerImg?: number
  readonly boxFgIouThresh?: number
  readonly boxBgIouThresh?: number
  readonly boxBatchSizePerImage?: number
  readonly boxPositiveFraction?: number
  /** The width of the linear layers over a region, where there is no `boxHead`. Default 1024. */
  readonly representationSize?: number
}

/** Losses by name in training, and otherwise what was found in each image. */
export type DetectionOutput = Record<string, Tensor> | Detection[]

/** A detector that proposes regions and then names what is in them. */
export class FasterRCNN extends nn.Module<
  [images: readonly Tensor[], targets?: readonly Target[] | null],
  DetectionOutput
> {
  readonly transform: GeneralizedRCNNTransform
  readonly backbone: Backbone
  readonly rpn: RegionProposalNetwork
  readonly roi_heads: RoIHeads

  /** @param numClasses with the background, which is class 0 */
  constructor(backbone: Backbone, numClasses: number, options: FasterRCNNOptions = {}) {
    super()
    checkInteger('FasterRCNN', 'numClasses', numClasses, 2)
    const { outChannels } = backbone
    const anchors = options.rpnAnchorGenerator ?? new AnchorGenerator([[32], [64], [128], [256], [512]], [[0.5, 1, 2]])
    const head = options.rpnHead ?? new RPNHead(outChannels, anchors.numAnchorsPerLocation()[0])
    const pool = options.boxRoiPool ?? new MultiScaleRoIAlign(['0', '1', '2', '3'], 7, 2)
    const resolution = typeof pool.outputSize === 'number' ? pool.outputSize : pool.outputSize[0]
    const representation = options.representationSize ?? 1024
    this.transform = new GeneralizedRCNNTransform(options)
    this.backbone = backbone
    this.rpn = new RegionProposalNetwork(anchors, head, {
      preNmsTopN: { training: options.rpnPreNmsTopNTrain ?? 2000, testing: options.rpnPreNmsTopNTest ?? 1000 },
      postNmsTopN: { training: options.rpnPostNmsTopNTrain ?? 2000, testing: options.rpnPostNmsTopNTest ?? 1000 },
      nmsThresh: options.rpnNmsThresh ?? 0.7,
      scoreThresh: options.rpnScoreThresh ?? 0,
      fgIouThresh: options.rpnFgIouThresh ?? 0.7,
      bgIouThresh: options.rpnBgIouThresh ?? 0.3,
      batchSizePerImage: options.rpnBatchSizePerImage ?? 256,
      positiveFraction: options.rpnPositiveFraction ?? 0.5,
    })
    this.roi_heads = new RoIHeads(
      pool,
      options.boxHead ?? new TwoMLPHead(outChannels * resolution ** 2, representation),
      options.boxPredictor ?? new FastRCNNPredictor(representation, numClasses),
      {
        fgIouThresh: options.boxFgIouThresh ?? 0.5,
        bgIouThresh: options.boxBgIouThresh ?? 0.5,
        batchSizePerImage: options.boxBatchSizePerImage ?? 512,
        positiveFraction: options.boxPositiveFraction ?? 0.25,
        scoreThresh: options.boxScoreThresh ?? 0.05,
        nmsThresh: options.boxNmsThresh ?? 0.5,
        detectionsPerImg: options.boxDetectionsPerImg ?? 100,
      },
    )
  }

  /**
   * @param images floating point in [0, 1], each [3, H, W], of any sizes
   * @param targets what is in each; needed in training
   * @returns in training the losses, which are to be added up; otherwise what was found in each image
   */
  override forward(images: readonly Tensor[], targets: readonly Target[] | null = null): DetectionOutput {
    if (!this.training) return this.detect(images)
    if (targets === null)
      throw new ArgumentError('FasterRCNN: expected targets in training, got none; call eval() to detect')
    return this.losses(images, targets)
  }

  /** The losses of images whose contents are known. */
  losses(images: readonly Tensor[], targets: readonly Target[]): Record<string, Tensor> {
    checkImages(images)
    checkTargets(images, targets)
    const [list, scaled] = this.transform.forward(images, targets)
    const features = this.backbone.forward(list.tensors)
    const [proposals, rpn] = this.rpn.forward(list, features, scaled)
    const [, heads] = this.roi_heads.forward(features, proposals, list.sizes, scaled)
    return { ...heads, ...rpn }
  }

  /** What is in images, without recording gradients. */
  detect(images: readonly Tensor[]): Detection[] {
    checkImages(images)
    return noGrad(() => {
      const [list] = this.transform.forward(images, null)
      const features = this.backbone.forward(list.tensors)
      const [proposals] = this.rpn.forward(list, features, null)
      const [found] = this.roi_heads.forward(features, proposals, list.sizes, null)
      return this.transform.postprocess(found, list.sizes, images.map(sizeOf))
    })
  }
}

function checkImages(images: readonly Tensor[]): void {
  if (!Array.isArray(images) || images.length === 0 || !images.every((image) => image instanceof Tensor))
    throw new ArgumentError(`FasterRCNN: expected a list of images [3, H, W], got ${describe(images)}`)
}

/** The options of a builder of Faster R-CNN. */
export interface FasterRCNNBuilderOptions extends FasterRCNNOptions {
  /** With the background. Default 91, those of COCO. */
  readonly numClasses?: number
  /** How many stages of the backbone are trained, from the last on. Default: all. */
  readonly trainableBackboneLayers?: number
  /** Whether the backbone's batch normalization is frozen, as weights from ImageNet want it. Default false. */
  readonly frozenBatchNorm?: boolean
}

type Builder = (options?: FasterRCNNBuilderOptions) => FasterRCNN
const trained = (): FasterRCNNBuilderOptions => ({ frozenBatchNorm: true, trainableBackboneLayers: 3 })

/** Faster R-CNN on a pyramid over ResNet-50. */
export const fasterrcnn_resnet50_fpn: Builder = register(
  'fasterrcnn_resnet50_fpn',
  (options: FasterRCNNBuilderOptions = {}) => {
    const { numClasses = 91, trainableBackboneLayers = 5, frozenBatchNorm = false, ...rest } = options
    const network = resnet50(frozenBatchNorm ? { normLayer: frozen } : {})
    return new FasterRCNN(resnetFpn(network, trainableBackboneLayers), numClasses, rest)
  },
  trained,
)

/** Faster R-CNN on a pyramid over ResNet-50, with more convolutions in its heads. [Li et al., 2021](https://arxiv.org/abs/2111.11429) */
export const fasterrcnn_resnet50_fpn_v2: Builder = register(
  'fasterrcnn_resnet50_fpn_v2',
  (options: FasterRCNNBuilderOptions = {}) => {
    const { numClasses = 91, trainableBackboneLayers = 5, frozenBatchNorm = false, ...rest } = options
    const normLayer = (channels: number): Layer => new nn.BatchNorm2d(channels)
    const network = resnet50(frozenBatchNorm ? { normLayer: frozen } : {})
    const backbone = resnetFpn(network, trainableBackboneLayers, { normLayer })
    return new FasterRCNN(backbone, numClasses, {
      rpnHead: new RPNHead(256, 3, { convDepth: 2 }),
      boxHead: new FastRCNNConvFCHead([256, 7, 7], [256, 256, 256, 256], [1024], normLayer),
      ...rest,
    })
  },
  (): FasterRCNNBuilderOptions => ({ trainableBackboneLayers: 3 }),
)

function onMobileNet(name: string, defaults: FasterRCNNOptions): Builder {
  return register(
    name,
    (options: FasterRCNNBuilderOptions = {}) => {
      const { numClasses = 91, trainableBackboneLayers = 6, frozenBatchNorm = false, ...rest } = options
      const normLayer = frozenBatchNorm ? frozen : (channels: number): Layer => new nn.BatchNorm2d(channels)
      const backbone = mobilenetFpn(mobilenet_v3_large({ normLayer }), trainableBackboneLayers)
      const sizes = [32, 64, 128, 256, 512]
      const rpnAnchorGenerator = new AnchorGenerator([sizes, sizes, sizes], [[0.5, 1, 2]])
      return new FasterRCNN(backbone, numClasses, { rpnAnchorGenerator, rpnScoreThresh: 0.05, ...defaults, ...rest })
    },
    trained,
  )
}

/** Faster R-CNN on a pyramid over MobileNet V3. */
export const fasterrcnn_mobilenet_v3_large_fpn: Builder = onMobileNet('fasterrcnn_mobilenet_v3_large_fpn', {})
/** Faster R-CNN on a pyramid over MobileNet V3, for small images. */
export const fasterrcnn_mobilenet_v3_large_320_fpn: Builder = onMobileNet('fasterrcnn_mobilenet_v3_large_320_fpn', {
  minSize: 320,
  maxSize: 640,
  rpnPreNmsTopNTest: 150,
  rpnPostNmsTopNTest: 150,
})
