// The region proposal network (Ren et al., 2015, arXiv:1506.01497).
import { cat, F, full, nn, split, type Tensor, zeros } from '@flambeau/core'
import {
  batchedNms,
  boxIou,
  Conv2dNormActivation,
  clipBoxesToImage,
  type Features,
  removeSmallBoxes,
} from '../../ops/index.js'
import type { AnchorGenerator } from './anchors.js'
import { BELOW, BETWEEN, BoxCoder, match, sample, smoothL1, together } from './boxes.js'
import type { ImageList, Target } from './transform.js'

/** Scores and box codes of every anchor. */
export class RPNHead extends nn.Module<[maps: readonly Tensor[]], [scores: Tensor[], codes: Tensor[]]> {
  readonly conv: nn.Sequential
  readonly cls_logits: nn.Conv2d
  readonly bbox_pred: nn.Conv2d

  constructor(inChannels: number, numAnchors: number, { convDepth = 1 }: { readonly convDepth?: number } = {}) {
    super()
    const layer = (): Conv2dNormActivation => new Conv2dNormActivation(inChannels, inChannels, { normLayer: null })
    this.conv = new nn.Sequential(...Array.from({ length: convDepth }, layer))
    this.cls_logits = new nn.Conv2d(inChannels, numAnchors, 1)
    this.bbox_pred = new nn.Conv2d(inChannels, 4 * numAnchors, 1)
    for (const module of this.modules())
      if (module instanceof nn.Conv2d) {
        nn.init.normal_(module.weight, 0, 0.01)
        if (module.bias !== null) nn.init.zeros_(module.bias)
      }
    // In checkpoints from before TorchVision 0.13 the convolution stands there without lists around it.
    this.registerLoadStateDictPreHook((state, prefix) => {
      for (const kind of ['weight', 'bias']) {
        const old = `${prefix}conv.${kind}`
        if (!state.has(old)) continue
        state.set(`${prefix}conv.0.0.${kind}`, state.get(old))
        state.delete(old)
      }
    })
  }

  override forward(maps: readonly Tensor[]): [Tensor[], Tensor[]] {
    const hidden = maps.map((map) => this.conv.forward(map))
    return [hidden.map((t) => this.cls_logits.forward(t)), hidden.map((t) => this.bbox_pred.forward(t))]
  }
}

/** The numbers of a region proposal network. */
export interface RPNOptions {
  readonly preNmsTopN: { readonly training: number; readonly testing: number }
  readonly postNmsTopN: { readonly training: number; readonly testing: number }
  readonly nmsThresh: number
  readonly scoreThresh: number
  readonly fgIouThresh: number
  readonly bgIouThresh: number
  readonly batchSizePerImage: number
  readonly positiveFraction: number
}

/** [N, A · C, H, W] as [N, H · W · A, C]. */
function flattened(t: Tensor, width: number): Tensor {
  const [n, channels, h, w] = t.shape
  return t
    .reshape([n, channels / width, width, h, w])
    .permute([0, 3, 4, 1, 2])
    .reshape([n, -1, width])
}

/** Proposes regions that may hold an object. */
export class RegionProposalNetwork extends nn.Module<
  [images: ImageList, features: Features, targets: readonly Target[] | null],
  [boxes: Tensor[], losses: Record<string, Tensor>]
> {
  readonly anchor_generator: AnchorGenerator
  readonly head: RPNHead
  readonly options: RPNOptions
  readonly #coder = new BoxCoder([1, 1, 1, 1])

  constructor(anchorGenerator: AnchorGenerator, head: RPNHead, options: RPNOptions) {
    super()
    this.anchor_generator = anchorGenerator
    this.head = head
    this.options = options
  }

  override forward(
    { tensors, sizes }: ImageList,
    features: Features,
    targets: readonly Target[] | null,
  ): [Tensor[], Record<string, Tensor>] {
    const maps = Object.values(features)
    const [logits, deltas] = this.head.forward(maps)
    const anchors = this.anchor_generator.all([tensors.shape[2], tensors.shape[3]], maps)
    const perLevel = logits.map((t) => t.shape[1] * t.shape[2] * t.shape[3])
    const scores = cat(
      logits.map((t) => flattened(t, 1)),
      1,
    ).squeeze(2) // [N, anchors]
    const codes = cat(
      deltas.map((t) => flattened(t, 4)),
      1,
    ) // [N, anchors, 4]
    const boxes = this.#proposals(codes.detach(), scores.detach(), anchors, perLevel, sizes)
    return [boxes, targets === null ? {} : this.#losses(scores, codes, anchors, targets)]
  }

  #proposals(
    codes: Tensor,
    scores: Tensor,
    anchors: Tensor,
    perLevel: readonly number[],
    sizes: readonly (readonly [number, number])[],
  ): Tensor[] {
    const { preNmsTopN, postNmsTopN, nmsThresh, scoreThresh } = this.options
    const mode = this.training ? 'training' : 'testing'
    const levels = cat(
      perLevel.map((n, level) => full([n], level, { dtype: 'int64' })),
      0,
    )
    return sizes.map((size, i) => {
      const own = scores.select(0, i)
      let first = 0
      const best = cat(
        split(own, [...perLevel]).map((part) => {
          const { indices } = part.topk(Math.min(preNmsTopN[mode], part.shape[0]))
          const shifted = indices.add(first)
          first += part.shape[0]
          return shifted
        }),
        0,
      )
      const decoded = this.#coder
        .decode(codes.select(0, i).indexSelect(0, best), anchors.indexSelect(0, best))
        .squeeze(1)
      let boxes = clipBoxesToImage(decoded, size)
      let score = own.indexSelect(0, best).sigmoid()
      let level = levels.indexSelect(0, best)
      const keep = (at: Tensor): void => {
        boxes = boxes.indexSelect(0, at)
        score = score.indexSelect(0, at)
        level = level.indexSelect(0, at)
      }
      keep(removeSmallBoxes(boxes, 1e-3))
      keep(score.ge(scoreThresh).nonzero().reshape([-1]))
      const kept = batchedNms(boxes, score, level, nmsThresh)
      keep(kept.narrow(0, 0, Math.min(kept.numel(), postNmsTopN[mode])))
      return boxes
    })
  }

  #losses(scores: Tensor, codes: Tensor, anchors: Tensor, targets: readonly Target[]): Record<string, Tensor> {
    const { fgIouThresh, bgIouThresh, batchSizePerImage, positiveFraction } = this.options
    const count = anchors.shape[0]
    const chosen = targets.map(({ boxes }) => {
      const none = boxes.numel() === 0
      const matched = none
        ? full([count], BELOW, { dtype: 'int64' })
        : match(boxIou(boxes, anchors), fgIouThresh, bgIouThresh, true)
      const labels = matched.ge(0).to('float32').maskedFill(matched.eq(BETWEEN), -1)
      const truth = none ? zeros([count, 4]) : boxes.indexSelect(0, matched.clamp(0))
      return { labels, truth }
    })
    // All images draw before any loss is computed.
    const drawn = chosen.map(({ labels }) => sample(labels, batchSizePerImage, positiveFraction))
    const positives: Tensor[] = []
    const differences: [Tensor, Tensor][] = []
    const scored: Tensor[] = []
    const wanted: Tensor[] = []
    drawn.forEach(([positive, negative], i) => {
      const all = together(positive, negative)
      scored.push(scores.select(0, i).indexSelect(0, all))
      wanted.push(chosen[i].labels.indexSelect(0, all))
      positives.push(positive)
      const target = this.#coder.encode(chosen[i].truth.indexSelect(0, positive), anchors.indexSelect(0, positive))
      differences.push([codes.select(0, i).indexSelect(0, positive), target])
    })
    const total = scored.reduce((n, t) => n + t.numel(), 0)
    const boxLoss = smoothL1(
      cat(
        differences.map(([a]) => a),
        0,
      ),
      cat(
        differences.map(([, b]) => b),
        0,
      ),
      1 / 9,
    )
    return {
      loss_objectness: F.binaryCrossEntropyWithLogits(cat(scored, 0), cat(wanted, 0)),
      loss_rpn_box_reg: boxLoss.div(Math.max(1, total)),
    }
  }
}
