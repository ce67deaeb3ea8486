// A loss curve as a picture.
import { ones, type Tensor, tensor } from '@flambeau/core'

/** A line through values over steps. */
export interface Curve {
  readonly colour: readonly [number, number, number]
  readonly points: readonly (readonly [step: number, value: number])[]
}

/** Draws curves on white, with a grey line at each whole tenth that is divisible by 0.5. @returns [3, height, width] */
export function drawCurves(curves: readonly Curve[], width = 640, height = 360): Tensor {
  const points = curves.flatMap((curve) => curve.points)
  const last = Math.max(1, ...points.map(([step]) => step))
  const [low, high] = [Math.min(...points.map(([, v]) => v)) - 0.05, Math.max(...points.map(([, v]) => v)) + 0.05]
  const picture = ones([3, height, width])
  const row = (value: number): number =>
    Math.min(height - 1, Math.max(0, Math.round(((high - value) / (high - low)) * (height - 1))))
  for (let value = Math.ceil(low * 2) / 2; value <= high; value += 0.5) picture.narrow(1, row(value), 1).fill_(0.85)
  for (const { colour, points: line } of curves) {
    const paint = tensor(colour).view([3, 1, 1])
    for (let i = 1; i < line.length; i++) {
      const [[x0, y0], [x1, y1]] = [line[i - 1], line[i]].map(([step, value]) => [
        (step / last) * (width - 1),
        row(value),
      ])
      const count = Math.max(1, Math.ceil(Math.max(x1 - x0, Math.abs(y1 - y0))))
      for (let k = 0; k <= count; k++) {
        const [x, y] = [x0 + ((x1 - x0) * k) / count, y0 + ((y1 - y0) * k) / count].map(Math.round)
        picture
          .narrow(1, Math.min(y, height - 2), 2)
          .narrow(2, Math.min(x, width - 2), 2)
          .copy_(paint.expand([3, 2, 2]))
      }
    }
  }
  return picture
}
