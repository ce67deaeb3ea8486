// Drawing what was found into an image.
import { ArgumentError, Tensor, tensor } from '@flambeau/core'
import { describe } from '@flambeau/core/errors'
import { checkBoxes, checkInteger } from '../check.js'
import { textPixels } from './font.js'

/** A colour: red, green and blue from 0 to 255, or '#rrggbb'. */
export type Color = readonly [number, number, number] | string

function rgb(operation: string, color: Color): readonly number[] {
  if (typeof color === 'string') {
    const [, r, g, b] = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(color) ?? []
    if (b === undefined)
      throw new ArgumentError(`${operation}: expected a colour such as '#ff8000', got ${describe(color)}`)
    return [r, g, b].map((hex) => Number.parseInt(hex, 16))
  }
  if (color.length !== 3 || !color.every((c) => c >= 0 && c <= 255))
    throw new ArgumentError(`${operation}: expected three numbers from 0 to 255 for a colour, got ${describe(color)}`)
  return color
}

/** Colours that differ, as TorchVision makes them. */
const palette = (i: number): readonly number[] => [2 ** 25 - 1, 2 ** 15 - 1, 2 ** 21 - 1].map((p) => (i * p) % 255)

function colorsOf(
  operation: string,
  colors: Color | readonly Color[] | undefined,
  count: number,
): (readonly number[])[] {
  if (colors === undefined) return Array.from({ length: count }, (_, i) => palette(i))
  const single = typeof colors === 'string' || typeof colors[0] === 'number'
  if (single) return Array.from({ length: count }, () => rgb(operation, colors as Color))
  if (colors.length < count)
    throw new ArgumentError(`${operation}: expected a colour for each of ${count}, got ${colors.length}`)
  return (colors as readonly Color[]).map((color) => rgb(operation, color))
}

/** The pixels of an image as RGB. */
function pixelsOf(operation: string, image: Tensor): { pixels: Uint8Array; height: number; width: number } {
  if (!(image instanceof Tensor) || image.dtype !== 'uint8' || image.ndim !== 3 || ![1, 3].includes(image.shape[0]))
    throw new ArgumentError(`${operation}: expected a uint8 image [1 or 3, H, W], got ${describe(image)}`)
  const colour = image.shape[0] === 1 ? image.expand([3, image.shape[1], image.shape[2]]) : image
  return { pixels: colour.contiguous().data() as Uint8Array, height: image.shape[1], width: image.shape[2] }
}

/** The options of `drawBoundingBoxes`. */
export interface DrawBoxesOptions {
  /** A text for each box, written above it. */
  readonly labels?: readonly (string | null)[]
  /** One colour for all or one each. Default: colours that differ. */
  readonly colors?: Color | readonly Color[]
  /** Tint the boxes. Default false. */
  readonly fill?: boolean
  /** The lines' width in pixels. Default 1. */
  readonly width?: number
}

/**
 * Draws boxes into a copy of an image. What lies outside of the image is not drawn.
 *
 * @param image uint8, [1 or 3, H, W]
 * @param boxes corners, [N, 4]
 * @returns uint8, [3, H, W]
 */
export function drawBoundingBoxes(image: Tensor, boxes: Tensor, options: DrawBoxesOptions = {}): Tensor {
  const operation = 'drawBoundingBoxes'
  const { pixels, height, width } = pixelsOf(operation, image)
  checkBoxes(operation, 'boxes', boxes)
  const { labels, fill = false, width: line = 1 } = options
  checkInteger(operation, 'width', line, 1)
  const count = boxes.shape[0]
  if (labels !== undefined && labels.length !== count)
    throw new ArgumentError(`${operation}: expected ${count} labels, one a box, got ${labels.length}`)
  const colors = colorsOf(operation, options.colors, count)
  const plane = height * width
  const paint = (x: number, y: number, color: readonly number[], opacity = 1): void => {
    if (x < 0 || y < 0 || x >= width || y >= height) return
    for (let c = 0; c < 3; c++) {
      const at = c * plane + y * width + x
      pixels[at] = Math.round(pixels[at] * (1 - opacity) + color[c] * opacity)
    }
  }
  const rows = boxes.to('float64').toArray() as number[][]
  for (const [i, corners] of rows.entries()) {
    if (!corners.every(Number.isFinite))
      throw new ArgumentError(`${operation}: expected finite corners, got ${describe(corners)} for box ${i}`)
    const [x1, y1, x2, y2] = corners.map(Math.trunc)
    if (x2 < x1 || y2 < y1)
      throw new ArgumentError(`${operation}: expected x1 ≤ x2 and y1 ≤ y2, got ${describe(corners)} for box ${i}`)
    // Beyond the image there is nothing to paint.
    for (let y = Math.max(0, y1); y <= Math.min(height - 1, y2); y++)
      for (let x = Math.max(0, x1); x <= Math.min(width - 1, x2); x++) {
        const edge = x < x1 + line || x > x2 - line || y < y1 + line || y > y2 - line
        if (edge) paint(x, y, colors[i])
        else if (fill) paint(x, y, colors[i], 100 / 255)
      }
    const label = labels?.[i]
    if (label === null || label === undefined) continue
    const scale = Math.max(1, Math.round(Math.min(height, width) / 150))
    const top = y1 - 6 * scale >= 0 ? y1 - 6 * scale : y1 + line + scale
    for (const [r, row] of textPixels(label).entries())
      for (const [c, set] of row.entries())
        for (let dy = 0; set && dy < scale; dy++)
          for (let dx = 0; dx < scale; dx++) paint(x1 + c * scale + dx, top + r * scale + dy, colors[i])
  }
  return tensor(pixels).reshape([3, height, width])
}

/** The options of `drawSegmentationMasks`. */
export interface DrawMasksOptions {
  /** How much of the image the masks hide, in [0, 1]. Default 0.8. */
  readonly alpha?: number
  /** One colour for all or one each. Default: colours that differ. */
  readonly colors?: Color | readonly Color[]
}

/**
 * Tints masks in a copy of an image.
 *
 * @param image uint8, [3, H, W]
 * @param masks bool, [N, H, W] or [H, W]
 * @returns uint8, [3, H, W]
 */
export function drawSegmentationMasks(
  image: Tensor,
  masks: Tensor,
  { alpha = 0.8, colors }: DrawMasksOptions = {},
): Tensor {
  const operation = 'drawSegmentationMasks'
  const { pixels, height, width } = pixelsOf(operation, image)
  if (!(alpha >= 0 && alpha <= 1))
    throw new ArgumentError(`${operation}: expected alpha in [0, 1], got ${describe(alpha)}`)
  const list = masks.ndim === 2 ? masks.unsqueeze(0) : masks
  if (list.ndim !== 3 || list.dtype !== 'bool' || list.shape[1] !== height || list.shape[2] !== width)
    throw new ArgumentError(`${operation}: expected bool masks [N, ${height}, ${width}], got ${describe(masks)}`)
  const chosen = colorsOf(operation, colors, list.shape[0])
  const set = list.to('uint8').contiguous().data() as Uint8Array
  const plane = height * width
  for (let at = 0; at < plane; at++) {
    // The last mask is on top.
    let top = list.shape[0] - 1
    while (top >= 0 && set[top * plane + at] === 0) top--
    if (top < 0) continue
    for (let c = 0; c < 3; c++) {
      const i = c * plane + at
      pixels[i] = Math.floor(Math.fround(pixels[i] * (1 - alpha) + chosen[top][c] * alpha))
    }
  }
  return tensor(pixels).reshape([3, height, width])
}
