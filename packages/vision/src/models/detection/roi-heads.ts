// What is in the proposed regions (Girshick, 2015, arXiv:1504.08083).
import { ArgumentError, arange, cat, F, nn, type Tensor, zeros } from '@flambeau/core'
import { formatShape } from '@flambeau/core/errors'
import type { Layer } from '../../layer.js'
import {
  batchedNms,
  boxIou,
  Conv2dNormActivation,
  clipBoxesToImage,
  type Features,
  type MultiScaleRoIAlign,
  type NormLayer,
  removeSmallBoxes,
} from '../../ops/index.js'
import { BETWEEN, BoxCoder, match, sample, smoothL1, together } from './boxes.js'
import type { Detection, ImageList, Target } from './transform.js'

/** Two linear layers over pooled regions. */
export class TwoMLPHead extends nn.Module {
  readonly fc6: nn.Linear
  readonly fc7: nn.Linear

  constructor(inChannels: number, representationSize: number) {
    super()
    this.fc6 = new nn.Linear(inChannels, representationSize)
    this.fc7 = new nn.Linear(representationSize, representationSize)
  }

  override forward(x: Tensor): Tensor {
    return this.fc7.forward(this.fc6.forward(x.flatten(1)).relu()).relu()
  }
}

/** Convolutions and linear layers over pooled regions. */
export class FastRCNNConvFCHead extends nn.Sequential {
  constructor(
    inputSize: readonly [channels: number, height: number, width: number],
    convLayers: readonly number[],
    fcLayers: readonly number[],
    normLayer: NormLayer | null = null,
  ) {
    const [channels, height, width] = inputSize
    const layers: Layer[] = []
    let from = channels
    for (const to of convLayers) {
      layers.push(new Conv2dNormActivation(from, to, { normLayer }))
      from = to
    }
    layers.push(new nn.Flatten())
    from *= height * width
    for (const to of fcLayers) {
      layers.push(new nn.Linear(from, to), new nn.ReLU({ inplace: true }))
      from = to
    }
    super(...layers)
    for (const layer of this.modules())
      if (layer instanceof nn.Conv2d) {
        nn.init.kaimingNormal_(layer.weight, { mode: 'fan_out', nonlinearity: 'relu' })
        if (layer.bias !== null) nn.init.zeros_(layer.bias)
      }
  }
}

/** Scores of each class, and box codes for each. */
export class FastRCNNPredictor extends nn.Module<[Tensor], [scores: Tensor, codes: Tensor]> {
  readonly cls_score: nn.Linear
  readonly bbox_pred: nn.Linear

  constructor(inChannels: number, numClasses: number) {
    super()
    this.cls_score = new nn.Linear(inChannels, numClasses)
    this.bbox_pred = new nn.Linear(inChannels, numClasses * 4)
  }

  override forward(x: Tensor): [Tensor, Tensor] {
    if (x.ndim === 4 && (x.shape[2] !== 1 || x.shape[3] !== 1))
      throw new ArgumentError(`FastRCNNPredictor: expected features [N, C], got shape ${formatShape(x.shape)}`)
    const flat = x.flatten(1)
    return [this.cls_score.forward(flat), this.bbox_pred.forward(flat)]
  }
}

/** The numbers of the heads. */
export interface RoIHeadsOptions {
  readonly fgIouThresh: number
  readonly bgIouThresh: number
  readonly batchSizePerImage: number
  readonly positiveFraction: number
  readonly scoreThresh: number
  readonly nmsThresh: number
  readonly detectionsPerImg: number
}

/** Pools the proposed regions, names what is in them and refines their boxes. */
export class RoIHeads extends nn.Module<
  [features: Features, proposals: Tensor[], sizes: ImageList['sizes'], targets: readonly Target[] | null],
  [detections: Detection[], losses: Record<string, Tensor>]
> {
  readonly box_roi_pool: MultiScaleRoIAlign
  readonly box_head: Layer
  readonly box_predictor: nn.Module<[Tensor], [Tensor, Tensor]>
  readonly options: RoIHeadsOptions
  readonly #coder = new BoxCoder([10, 10, 5, 5])

  constructor(
    pool: MultiScaleRoIAlign,
    head: Layer,
    predictor: nn.Module<[Tensor], [Tensor, Tensor]>,
    options: RoIHeadsOptions,
  ) {
    super()
    this.box_roi_pool = pool
    this.box_head = head
    this.box_predictor = predictor
    this.options = options
  }

  override forward(
    features: Features,
    proposals: Tensor[],
    sizes: ImageList['sizes'],
    targets: readonly Target[] | null,
  ): [Detection[], Record<string, Tensor>] {
    const chosen = targets === null ? null : this.#choose(proposals, targets)
    const regions = chosen?.map(({ boxes }) => boxes) ?? proposals
    const pooled = this.box_roi_pool.forward(features, regions, sizes)
    const [scores, codes] = this.box_predictor.forward(this.box_head.forward(pooled))
    if (chosen === null) return [this.#detections(scores, codes, proposals, sizes), {}]
    return [
      [],
      losses(
        scores,
        codes,
        cat(
          chosen.map((c) => c.labels),
          0,
        ),
        cat(
          chosen.map((c) => c.codes),
          0,
        ),
      ),
    ]
  }

  /** Regions to learn from, what is in them and what would make the true boxes of them. */
  #choose(
    proposals: readonly Tensor[],
    targets: readonly Target[],
  ): { boxes: Tensor; labels: Tensor; codes: Tensor }[] {
    const { fgIouThresh, bgIouThresh, batchSizePerImage, positiveFraction } = this.options
    const candidates = proposals.map((boxes, i) => {
      const truth = targets[i].boxes.to(boxes.dtype)
      const all = cat([boxes, truth], 0)
      if (truth.numel() === 0) {
        const nothing = zeros([all.shape[0]], { dtype: 'int64' })
        return { all, matched: nothing, labels: nothing, truth: zeros([1, 4]) }
      }
      const found = match(boxIou(truth, all), fgIouThresh, bgIouThresh, false)
      const matched = found.clamp(0)
      const labels = targets[i].labels
        .indexSelect(0, matched)
        .maskedFill(found.lt(0), 0)
        .maskedFill(found.eq(BETWEEN), -1)
      return { all, matched, labels, truth }
    })
    const drawn = candidates.map(({ labels }) => sample(labels, batchSizePerImage, positiveFraction))
    return candidates.map(({ all, matched, labels, truth }, i) => {
      // In the order of the candidates.
      const at = together(...drawn[i]).sort(0).values
      const boxes = all.indexSelect(0, at)
      return {
        boxes,
        labels: labels.indexSelect(0, at),
        codes: this.#coder.encode(truth.indexSelect(0, matched.indexSelect(0, at)), boxes),
      }
    })
  }

  #detections(scores: Tensor, codes: Tensor, proposals: readonly Tensor[], sizes: ImageList['sizes']): Detection[] {
    const { scoreThresh, nmsThresh, detectionsPerImg } = this.options
    const classes = scores.shape[1]
    const decoded = this.#coder.decode(codes, cat([...proposals], 0)) // [R, classes, 4]
    const probabilities = scores.softmax(1)
    let first = 0
    return proposals.map(({ shape: [count] }, i) => {
      const [boxesOf, scoresOf] = [decoded.narrow(0, first, count), probabilities.narrow(0, first, count)]
      first += count
      let boxes = clipBoxesToImage(boxesOf, sizes[i])
        .narrow(1, 1, classes - 1)
        .reshape([-1, 4])
      let score = scoresOf.narrow(1, 1, classes - 1).reshape([-1])
      let labels = arange(1, classes)
        .unsqueeze(0)
        .expand([count, classes - 1])
        .reshape([-1])
      const keep = (at: Tensor): void => {
        boxes = boxes.indexSelect(0, at)
        score = score.indexSelect(0, at)
        labels = labels.indexSelect(0, at)
      }
      keep(score.gt(scoreThresh).nonzero().reshape([-1]))
      keep(removeSmallBoxes(boxes, 1e-2))
      const kept = batchedNms(boxes, score, labels, nmsThresh)
      keep(kept.narrow(0, 0, Math.min(kept.numel(), detectionsPerImg)))
      return { boxes, labels, scores: score }
    })
  }
}

function losses(scores: Tensor, codes: Tensor, labels: Tensor, wanted: Tensor): Record<string, Tensor> {
  const positive = labels.gt(0).nonzero().reshape([-1])
  const classes = scores.shape[1]
  const own = codes.reshape([-1, classes, 4]).indexSelect(0, positive)
  const at = labels.indexSelect(0, positive).view([-1, 1, 1]).expand([positive.numel(), 1, 4])
  const boxLoss = smoothL1(own.gather(1, at).squeeze(1), wanted.indexSelect(0, positive), 1 / 9)
  return {
    loss_classifier: F.crossEntropy(scores, labels),
    loss_box_reg: boxLoss.div(Math.max(1, labels.numel())),
  }
}
