// COCO's protocol for boxes (https://cocodataset.org/#detection-eval), on plain numbers.

/** A box as [x, y, width, height]. */
export type Box = readonly [x: number, y: number, width: number, height: number]

/** What was found in an image. */
export interface Detection {
  readonly box: Box
  readonly score: number
  readonly label: number
}

/** What is in an image. */
export interface Truth {
  readonly box: Box
  readonly label: number
  readonly crowd: boolean
  readonly area: number
}

/** An image: what was found, and what is in it. */
export interface EvaluatedImage {
  readonly detections: readonly Detection[]
  readonly truths: readonly Truth[]
}

/** The thresholds of an evaluation. */
export interface Protocol {
  readonly iouThresholds: readonly number[]
  readonly recThresholds: readonly number[]
  readonly maxDetections: readonly number[]
}

/** Objects by their area in pixels. */
export const AREAS = {
  all: [0, 1e10],
  small: [0, 32 ** 2],
  medium: [32 ** 2, 96 ** 2],
  large: [96 ** 2, 1e10],
} as const
export type AreaName = keyof typeof AREAS

/** Where PyTorch's vector code rounds `linspace(0, 1, 101)` otherwise than its own formula. */
const ROUNDED: readonly (readonly [index: number, value: number])[] = [
  [53, 0.53000003],
  [57, 0.57],
  [58, 0.58],
  [65, 0.65000004],
  [66, 0.66],
  [70, 0.7],
  [71, 0.71],
  [78, 0.78000003],
]

/**
 * 0, 0.01, … 1 in single precision, as torchmetrics has them: the last bit decides whether a recall of exactly a
 * threshold, such as 1/5, has reached it.
 */
export function recallThresholds(): number[] {
  const step = Math.fround(0.01)
  const list = Array.from({ length: 101 }, (_, i) =>
    i < 50 ? Math.fround(step * i) : Math.fround(1 - Math.fround(step * (100 - i))),
  )
  for (const [index, value] of ROUNDED) list[index] = Math.fround(value)
  return list
}

/** Precision at each recall threshold, and the recall reached, for each IoU threshold; null without objects. */
export interface Evaluation {
  readonly precision: readonly (readonly number[])[]
  readonly recall: readonly number[]
}

/** What became of the detections of one image, one class and one range of areas. */
interface Matches {
  readonly scores: readonly number[]
  /** For each IoU threshold, whether each detection was matched, and whether it does not count. */
  readonly matched: readonly (readonly boolean[])[]
  readonly ignored: readonly (readonly boolean[])[]
  /** Objects that count. */
  readonly objects: number
}

/** Overlap by union; of a crowd, by the detection's own area. */
function iou(a: Box, truth: Truth): number {
  const b = truth.box
  const width = Math.min(a[0] + a[2], b[0] + b[2]) - Math.max(a[0], b[0])
  const height = Math.min(a[1] + a[3], b[1] + b[3]) - Math.max(a[1], b[1])
  if (width <= 0 || height <= 0) return 0
  const overlap = width * height
  return overlap / (truth.crowd ? a[2] * a[3] : a[2] * a[3] + b[2] * b[3] - overlap)
}

/** Detections, best first, each take the free object that they overlap most. */
function match(
  image: EvaluatedImage,
  label: number,
  area: AreaName,
  { iouThresholds, maxDetections }: Protocol,
): Matches | null {
  const [low, high] = AREAS[area]
  const most = maxDetections[maxDetections.length - 1]
  const found = image.detections
    .filter((d) => d.label === label)
    .sort((a, b) => b.score - a.score)
    .slice(0, most)
  const all = image.truths.filter((t) => t.label === label)
  if (found.length === 0 && all.length === 0) return null
  const skip = (t: Truth): boolean => t.crowd || t.area < low || t.area > high
  const truths = [...all.filter((t) => !skip(t)), ...all.filter(skip)]
  const skipped = truths.map(skip)
  const overlaps = found.map((d) => truths.map((t) => iou(d.box, t)))
  const matched: boolean[][] = []
  const ignored: boolean[][] = []
  for (const threshold of iouThresholds) {
    const taken = truths.map(() => false)
    const hits: boolean[] = []
    const unseen: boolean[] = []
    found.forEach((d, i) => {
      let best = Math.min(threshold, 1 - 1e-10)
      let at = -1
      for (let g = 0; g < truths.length; g++) {
        if (taken[g] && !truths[g].crowd) continue
        // Objects that do not count come last: a match that counts is not given up for one of them.
        if (at > -1 && !skipped[at] && skipped[g]) break
        if (overlaps[i][g] < best) continue
        best = overlaps[i][g]
        at = g
      }
      const size = d.box[2] * d.box[3]
      hits.push(at >= 0)
      unseen.push(at >= 0 ? skipped[at] : size < low || size > high)
      if (at >= 0) taken[at] = true
    })
    matched.push(hits)
    ignored.push(unseen)
  }
  return { scores: found.map((d) => d.score), matched, ignored, objects: skipped.filter((s) => !s).length }
}

/** Evaluates one class in one range of areas, with at most so many detections an image; null where no object counts. */
export function evaluate(
  images: readonly EvaluatedImage[],
  label: number,
  area: AreaName,
  protocol: Protocol,
): (maxDetections: number) => Evaluation | null {
  const parts = images.map((image) => match(image, label, area, protocol)).filter((part) => part !== null)
  const objects = parts.reduce((sum, part) => sum + part.objects, 0)
  return (maxDetections) => (objects === 0 ? null : accumulate(parts, objects, maxDetections, protocol))
}

function accumulate(parts: readonly Matches[], objects: number, most: number, protocol: Protocol): Evaluation {
  const entries = parts.flatMap((part, p) => part.scores.slice(0, most).map((score, i) => ({ score, p, i })))
  entries.sort((a, b) => b.score - a.score)
  const precision: number[][] = []
  const recall: number[] = []
  protocol.iouThresholds.forEach((_, t) => {
    const precisions: number[] = []
    const recalls: number[] = []
    let [hits, misses] = [0, 0]
    for (const { p, i } of entries) {
      if (!parts[p].ignored[t][i]) {
        if (parts[p].matched[t][i]) hits++
        else misses++
      }
      recalls.push(hits / objects)
      precisions.push(hits / (hits + misses + Number.EPSILON))
    }
    for (let i = precisions.length - 1; i > 0; i--) precisions[i - 1] = Math.max(precisions[i - 1], precisions[i])
    recall.push(recalls.at(-1) ?? 0)
    let at = 0
    precision.push(
      protocol.recThresholds.map((threshold) => {
        while (at < recalls.length && recalls[at] < threshold) at++
        return precisions[at] ?? 0
      }),
    )
  })
  return { precision, recall }
}
