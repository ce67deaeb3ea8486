// Mean average precision of detected boxes.
import { ArgumentError, describe, ShapeError } from '../../errors.js'
import { linspace, tensor } from '../../ops/index.js'
import { formatShape } from '../../tensor/shape.js'
import { Tensor } from '../../tensor/tensor.js'
import { collected, Metric } from '../metric.js'
import {
  AREAS,
  type AreaName,
  type Box,
  type EvaluatedImage,
  type Evaluation,
  evaluate,
  type Protocol,
  recallThresholds,
} from './coco.js'

/** What a detector found in an image. */
export interface DetectedBoxes {
  /** [n, 4]. */
  readonly boxes: Tensor
  /** [n]. */
  readonly scores: Tensor
  /** Integers [n]. */
  readonly labels: Tensor
}

/** What is in an image. */
export interface TrueBoxes {
  /** [n, 4]. */
  readonly boxes: Tensor
  /** Integers [n]. */
  readonly labels: Tensor
  /** Whether a box is around a crowd, in which any number may be found; [n]. */
  readonly iscrowd?: Tensor
  /** Areas in pixels [n]; 0 for that of the box. Default: those of the boxes. */
  readonly area?: Tensor
}

/** The options of `MeanAveragePrecision`. */
export interface MeanAveragePrecisionOptions {
  /** What the four numbers of a box are. Default 'xyxy'. */
  readonly boxFormat?: 'xyxy' | 'xywh' | 'cxcywh'
  /** Default 0.5, 0.55, … 0.95. */
  readonly iouThresholds?: readonly number[] | null
  /** Default 0, 0.01, … 1. */
  readonly recThresholds?: readonly number[] | null
  /** Three numbers of detections that count in an image. Default [1, 10, 100]. */
  readonly maxDetectionThresholds?: readonly number[] | null
  /** Whether the values of each class are given too. Default false. */
  readonly classMetrics?: boolean
  /** The mean over classes, or all boxes as if of one class. Default 'macro'. */
  readonly average?: 'macro' | 'micro'
}

/** Values by COCO's names, in camelCase; float32, and -1 where there is nothing to evaluate. */
export interface MeanAveragePrecisionResult {
  readonly map: Tensor
  readonly map50: Tensor
  readonly map75: Tensor
  readonly mapSmall: Tensor
  readonly mapMedium: Tensor
  readonly mapLarge: Tensor
  readonly marSmall: Tensor
  readonly marMedium: Tensor
  readonly marLarge: Tensor
  /** With `classMetrics`, of each of `classes`; otherwise -1. */
  readonly mapPerClass: Tensor
  /** The classes that occur; int32. */
  readonly classes: Tensor
  /** `mar1`, `mar10`, `mar100`, and `mar100PerClass`, by the numbers of detections that count. */
  readonly [mar: `mar${string}`]: Tensor
}

type BoxState = {
  detectionBox: Tensor[]
  detectionScores: Tensor[]
  detectionLabels: Tensor[]
  truthBox: Tensor[]
  truthLabels: Tensor[]
  truthCrowds: Tensor[]
  truthArea: Tensor[]
}

/**
 * Mean average precision and recall of detected boxes by COCO's protocol.
 *
 * @example
 * ```ts
 * import { tensor } from '@flambeau/core'
 * import { MeanAveragePrecision } from '@flambeau/core/metrics'
 * const metric = new MeanAveragePrecision()
 * const found = { boxes: tensor([[258, 41, 606, 285]]), scores: tensor([0.536]), labels: tensor([0n]) }
 * const truth = { boxes: tensor([[214, 41, 562, 285]]), labels: tensor([0n]) }
 * metric.update([found], [truth])
 * const { map, map50 } = metric.compute()
 * console.log(map.item().toFixed(2), map50.item()) // → 0.60 1
 * ```
 */
export class MeanAveragePrecision extends Metric<
  BoxState,
  [preds: readonly DetectedBoxes[], target: readonly TrueBoxes[]],
  MeanAveragePrecisionResult
> {
  override readonly higherIsBetter = true
  readonly boxFormat: 'xyxy' | 'xywh' | 'cxcywh'
  readonly protocol: Protocol
  readonly classMetrics: boolean
  readonly average: 'macro' | 'micro'

  constructor(options: MeanAveragePrecisionOptions = {}) {
    super({
      detectionBox: collected(),
      detectionScores: collected(),
      detectionLabels: collected(),
      truthBox: collected(),
      truthLabels: collected(),
      truthCrowds: collected(),
      truthArea: collected(),
    })
    const { boxFormat = 'xyxy', classMetrics = false, average = 'macro' } = options
    if (!['xyxy', 'xywh', 'cxcywh'].includes(boxFormat))
      throw new ArgumentError(
        `MeanAveragePrecision: expected boxFormat 'xyxy', 'xywh' or 'cxcywh', got ${describe(boxFormat)}`,
      )
    if (average !== 'macro' && average !== 'micro')
      throw new ArgumentError(`MeanAveragePrecision: expected average 'macro' or 'micro', got ${describe(average)}`)
    const maxDetections = [...(options.maxDetectionThresholds ?? [1, 10, 100])].sort((a, b) => a - b)
    if (maxDetections.length !== 3 || !maxDetections.every((n) => Number.isInteger(n) && n > 0))
      throw new ArgumentError(
        `MeanAveragePrecision: expected three maxDetectionThresholds ≥ 1, got ${describe(options.maxDetectionThresholds)}`,
      )
    this.boxFormat = boxFormat
    this.classMetrics = classMetrics
    this.average = average
    this.protocol = {
      iouThresholds: options.iouThresholds ?? (linspace(0.5, 0.95, 10).toArray() as number[]),
      recThresholds: options.recThresholds ?? recallThresholds(),
      maxDetections,
    }
  }

  /** Takes images in: what was found in each, and what is in it. */
  override update(preds: readonly DetectedBoxes[], target: readonly TrueBoxes[]): void {
    if (!Array.isArray(preds) || !Array.isArray(target) || preds.length !== target.length)
      throw new ArgumentError(
        `MeanAveragePrecision: expected as many preds as targets, one of each an image, got ${describe(preds)} and ${describe(target)}`,
      )
    const found = preds.map((image: DetectedBoxes, i) => checkBoxes('preds', i, image, ['scores', 'labels']))
    const truths = target.map((image: TrueBoxes, i) => checkBoxes('target', i, image, ['labels']))
    for (const { boxes, scores, labels } of found) {
      this.append('detectionBox', boxes)
      this.append('detectionScores', scores)
      this.append('detectionLabels', labels)
    }
    for (const { boxes, labels, iscrowd, area } of truths) {
      this.append('truthBox', boxes)
      this.append('truthLabels', labels)
      this.append('truthCrowds', iscrowd ?? labels.to('int64').mul(0))
      this.append('truthArea', area ?? labels.to('float64').mul(0))
    }
  }

  override compute(): MeanAveragePrecisionResult {
    const { detectionLabels, truthLabels } = this.state
    const images = this.#images(this.average === 'micro')
    const present = classesOf([...detectionLabels, ...truthLabels])
    const evaluated = this.average === 'micro' && present.length > 0 ? [0] : present
    const overall = summarize(images, evaluated, this.protocol)
    const most = this.protocol.maxDetections[2]
    let [mapPerClass, marPerClass] = [[-1], [-1]]
    if (this.classMetrics) {
      const own = this.#images(false)
      const each = present.map((label) => summarize(own, [label], this.protocol))
      mapPerClass = each.map((values) => values.map)
      marPerClass = each.map((values) => values[`mar${most}`])
    }
    const scalars = Object.entries(overall).map(([name, value]) => [name, tensor(value, { dtype: 'float32' })])
    return {
      ...Object.fromEntries(scalars),
      mapPerClass: listOrOne(mapPerClass, this.classMetrics),
      [`mar${most}PerClass`]: listOrOne(marPerClass, this.classMetrics),
      classes: tensor(present, { dtype: 'int32' }),
    } as MeanAveragePrecisionResult
  }

  #images(oneClass: boolean): EvaluatedImage[] {
    const { state } = this
    return state.detectionBox.map((boxes, i) => {
      const scores = numbers(state.detectionScores[i])
      const labels = numbers(state.detectionLabels[i])
      const truthLabels = numbers(state.truthLabels[i])
      const crowds = numbers(state.truthCrowds[i])
      const areas = numbers(state.truthArea[i])
      return {
        detections: boxesOf(boxes, this.boxFormat).map((box, j) => ({
          box,
          score: scores[j],
          label: oneClass ? 0 : labels[j],
        })),
        truths: boxesOf(state.truthBox[i], this.boxFormat).map((box, j) => ({
          box,
          label: oneClass ? 0 : truthLabels[j],
          crowd: crowds[j] !== 0,
          area: areas[j] > 0 ? areas[j] : box[2] * box[3],
        })),
      }
    })
  }
}

const listOrOne = (list: readonly number[], asList: boolean): Tensor =>
  tensor(asList ? [...list] : list[0], { dtype: 'float32' })

const numbers = (t: Tensor): number[] => t.to('float64').reshape([-1]).toArray() as number[]

const classesOf = (labels: readonly Tensor[]): number[] => [...new Set(labels.flatMap(numbers))].sort((a, b) => a - b)

function boxesOf(boxes: Tensor, format: 'xyxy' | 'xywh' | 'cxcywh'): Box[] {
  if (boxes.numel() === 0) return []
  const [a, b, c, d] = boxes.to('float32').unbind(1)
  const [x, y] = format === 'cxcywh' ? [a.sub(c.mul(0.5)), b.sub(d.mul(0.5))] : [a, b]
  const [w, h] = format === 'xyxy' ? [c.sub(a), d.sub(b)] : [c, d]
  const columns = [x, y, w, h].map(numbers)
  return columns[0].map((_, i) => [columns[0][i], columns[1][i], columns[2][i], columns[3][i]])
}

function checkBoxes<T extends DetectedBoxes | TrueBoxes>(
  argument: string,
  image: number,
  given: T,
  needed: string[],
): T {
  const operation = `MeanAveragePrecision: image ${image} of ${argument}`
  if (typeof given !== 'object' || given === null)
    throw new ArgumentError(`${operation}: expected { boxes, ${needed.join(', ')} }, got ${describe(given)}`)
  const { boxes } = given
  if (!(boxes instanceof Tensor) || (boxes.numel() > 0 && (boxes.ndim !== 2 || boxes.shape[1] !== 4)))
    throw new ShapeError(
      `${operation}: expected boxes [n, 4], got ${boxes instanceof Tensor ? formatShape(boxes.shape) : describe(boxes)}`,
    )
  const n = boxes.numel() / 4
  for (const [name, value] of Object.entries({ ...given })) {
    if (name === 'boxes' || value === undefined || !['scores', 'labels', 'iscrowd', 'area'].includes(name)) continue
    if (!(value instanceof Tensor) || value.numel() !== n)
      throw new ShapeError(
        `${operation}: expected ${name} [${n}] for ${n} boxes, got ${value instanceof Tensor ? formatShape(value.shape) : describe(value)}`,
      )
  }
  for (const name of needed)
    if (!(Reflect.get(given, name) instanceof Tensor))
      throw new ArgumentError(`${operation}: expected a tensor for ${name}, got ${describe(Reflect.get(given, name))}`)
  for (const [name, t] of [
    ['boxes', boxes],
    ['scores', Reflect.get(given, 'scores')],
  ])
    if (t instanceof Tensor && t.to('float64').isnan().any().item())
      throw new ArgumentError(`${operation}: ${name} has NaN, which overlaps nothing: the detector has diverged`)
  return given
}

/** The twelve values of COCO, over the given classes. */
function summarize(
  images: readonly EvaluatedImage[],
  classes: readonly number[],
  protocol: Protocol,
): Record<string, number> {
  const { maxDetections, iouThresholds } = protocol
  const most = maxDetections[2]
  const areas = Object.keys(AREAS) as AreaName[]
  const found = new Map<string, Evaluation[]>()
  for (const label of classes)
    for (const area of areas) {
      const at = evaluate(images, label, area, protocol)
      for (const max of area === 'all' ? maxDetections : [most]) {
        const evaluation = at(max)
        const key = `${area} ${max}`
        if (evaluation !== null) found.set(key, [...(found.get(key) ?? []), evaluation])
      }
    }
  const mean = (list: readonly number[]): number =>
    list.length === 0 ? -1 : list.reduce((a, b) => a + b, 0) / list.length
  const precision = (area: AreaName, iou?: number): number => {
    const evaluations = found.get(`${area} ${most}`) ?? []
    const rows = evaluations.flatMap((e) => e.precision.filter((_, t) => iou === undefined || iouThresholds[t] === iou))
    return mean(rows.flat())
  }
  const recall = (area: AreaName, max: number): number =>
    mean((found.get(`${area} ${max}`) ?? []).flatMap((e) => [...e.recall]))
  return {
    map: precision('all'),
    map50: precision('all', 0.5),
    map75: precision('all', 0.75),
    mapSmall: precision('small'),
    mapMedium: precision('medium'),
    mapLarge: precision('large'),
    ...Object.fromEntries(maxDetections.map((max) => [`mar${max}`, recall('all', max)])),
    marSmall: recall('small', most),
    marMedium: recall('medium', most),
    marLarge: recall('large', most),
  }
}

/** Mean average precision and recall of detected boxes. @see MeanAveragePrecision */
export function meanAveragePrecision(
  preds: readonly DetectedBoxes[],
  target: readonly TrueBoxes[],
  options: MeanAveragePrecisionOptions = {},
): MeanAveragePrecisionResult {
  const metric = new MeanAveragePrecision(options)
  metric.update(preds, target)
  return metric.compute()
}
