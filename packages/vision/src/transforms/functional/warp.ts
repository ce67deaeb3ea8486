// Rotations, affine maps and perspective: a grid of points that the result's pixels come from.
import { ArgumentError, cat, F, linalg, linspace, ones, stack, type Tensor, tensor } from '@flambeau/core'
import { describe } from '@flambeau/core/errors'
import { asBatch, dispatchKind, type Fill, type FillOf, fillsOf, type Interpolation, inFloat } from './common.js'

/** How warped images are read. */
export interface WarpOptions {
  /** Default 'nearest'. Masks are always 'nearest'. */
  readonly interpolation?: 'nearest' | 'bilinear'
  /** What shows where the image does not reach: one value, one a channel, or one for each kind. Default null: 0. */
  readonly fill?: FillOf
}

type Point = readonly [x: number, y: number]
/** The first two rows of a map of (x, y, 1). */
type Matrix = readonly [number, number, number, number, number, number]

const radians = (degrees: number): number => (degrees * Math.PI) / 180

/** The map from a result's pixels to those of the image, or with `inverted: false` the other way. */
function affineMatrix(
  [cx, cy]: Point,
  angle: number,
  [tx, ty]: Point,
  scale: number,
  shear: Point,
  inverted = true,
): Matrix {
  const rotation = radians(angle)
  const [sx, sy] = [radians(shear[0]), radians(shear[1])]
  const a = Math.cos(rotation - sy) / Math.cos(sy)
  const b = -(a * Math.tan(sx)) - Math.sin(rotation)
  const c = Math.sin(rotation - sy) / Math.cos(sy)
  const d = -(c * Math.tan(sx)) + Math.cos(rotation)
  if (inverted) {
    const [m0, m1, m3, m4] = [d / scale, -b / scale, -c / scale, a / scale]
    const [x, y] = [-cx - tx, -cy - ty]
    return [m0, m1, m0 * x + m1 * y + cx, m3, m4, m3 * x + m4 * y + cy]
  }
  const [m0, m1, m3, m4] = [a * scale, b * scale, c * scale, d * scale]
  return [m0, m1, m0 * -cx + m1 * -cy + cx + tx, m3, m4, m3 * -cx + m4 * -cy + cy + ty]
}

/** The size of the image that holds all of a turned one. */
function expandedSize(matrix: Matrix, width: number, height: number): [width: number, height: number] {
  const [w, h] = [0.5 * width, 0.5 * height]
  const corners: Point[] = [
    [-w, -h],
    [-w, h],
    [w, h],
    [w, -h],
  ]
  const extent = (row: readonly number[], half: number): number => {
    const at = corners.map(([x, y]) => Math.fround(row[0] * x + row[1] * y + row[2]) + half)
    const round = (v: number): number => Math.trunc(v / 1e-4) * 1e-4
    return Math.ceil(round(Math.max(...at))) - Math.floor(round(Math.min(...at)))
  }
  return [extent(matrix.slice(0, 3), w), extent(matrix.slice(3), h)]
}

/** Where the pixels of a result of `width` × `height` lie: [1, height, width, 3]. */
function pixels(width: number, height: number, x0: number, y0: number): Tensor {
  const x = linspace(x0, x0 + width - 1, width)
    .view([1, 1, width, 1])
    .expand([1, height, width, 1])
  const y = linspace(y0, y0 + height - 1, height)
    .view([1, height, 1, 1])
    .expand([1, height, width, 1])
  return cat([x, y, ones([1, height, width, 1])], 3)
}

function affineGrid(matrix: Matrix, width: number, height: number, outWidth: number, outHeight: number): Tensor {
  const base = pixels(outWidth, outHeight, (1 - outWidth) * 0.5, (1 - outHeight) * 0.5)
  const theta = tensor([matrix.slice(0, 3), matrix.slice(3)])
    .t()
    .div(tensor([0.5 * width, 0.5 * height]))
  return base
    .view([1, outHeight * outWidth, 3])
    .matmul(theta)
    .view([1, outHeight, outWidth, 2])
}

/** Reads an image at the points of a grid. */
function sample(image: Tensor, grid: Tensor, mode: 'nearest' | 'bilinear', fill: Fill): Tensor {
  return asBatch(image, (batch) =>
    inFloat(batch, (pixelsOf) => {
      const points = grid.to(pixelsOf.dtype).expand([batch.shape[0], ...grid.shape.slice(1)])
      const options = { mode, paddingMode: 'zeros', alignCorners: false } as const
      if (fill === null) return F.gridSample(pixelsOf, points, options)
      const channels = batch.shape[1]
      const inside = ones([batch.shape[0], 1, ...batch.shape.slice(2)], { dtype: pixelsOf.dtype })
      const both = F.gridSample(cat([pixelsOf, inside], 1), points, options)
      const [out, mask] = [both.narrow(1, 0, channels), both.narrow(1, channels, 1)]
      const values = tensor(typeof fill === 'number' ? [fill] : [...fill], { dtype: pixelsOf.dtype }).view([
        1, -1, 1, 1,
      ])
      if (values.shape[1] !== 1 && values.shape[1] !== channels)
        throw new ArgumentError(`expected one fill value or ${channels}, one a channel, got ${describe(fill)}`)
      if (mode === 'nearest') return values.expand(out.shape).where(mask.lt(0.5), out)
      return out.mul(mask).add(mask.neg().add(1).mul(values))
    }),
  )
}

function checkWarp(operation: string, interpolation: Interpolation | undefined): void {
  if (interpolation !== undefined && interpolation !== 'nearest' && interpolation !== 'bilinear')
    throw new ArgumentError(
      `${operation}: expected 'nearest' or 'bilinear' for interpolation, got ${describe(interpolation)}`,
    )
}

/** The smallest upright boxes around boxes whose corners have moved. */
function around(boxes: Tensor, move: (x: Tensor, y: Tensor) => [Tensor, Tensor]): Tensor {
  const [x1, y1, x2, y2] = boxes.unbind(1)
  const [x, y] = move(stack([x1, x2, x2, x1], 1), stack([y1, y1, y2, y2], 1))
  return stack([x.amin(1), y.amin(1), x.amax(1), y.amax(1)], 1)
}

const through =
  (m: Matrix) =>
  (x: Tensor, y: Tensor): [Tensor, Tensor] => [
    x.mul(m[0]).add(y.mul(m[1])).add(m[2]),
    x.mul(m[3]).add(y.mul(m[4])).add(m[5]),
  ]

/** The options of `affine`. */
export interface AffineOptions extends WarpOptions {
  /** Degrees, clockwise. */
  readonly angle: number
  /** Pixels to the right and down. */
  readonly translate: Point
  readonly scale: number
  /** Degrees along x and y. */
  readonly shear: number | readonly number[]
  /** What stays where it is, [x, y] from the top left. Default: the middle. */
  readonly center?: Point | null
}

const shearOf = (shear: number | readonly number[]): Point =>
  typeof shear === 'number' ? [shear, 0] : [shear[0], shear[1] ?? shear[0]]

/** Turns, moves, scales and shears. */
export function affine(inpt: Tensor, options: AffineOptions): Tensor {
  const { angle, translate, scale, shear, center = null, interpolation = 'nearest', fill = null } = options
  checkWarp('affine', interpolation)
  const fills = fillsOf('affine', fill)
  if (!(scale > 0)) throw new ArgumentError(`affine: expected a number above 0 for scale, got ${describe(scale)}`)
  const image = (mode: 'nearest' | 'bilinear', filled: Fill) => (t: Tensor) => {
    const [height, width] = t.shape.slice(-2)
    const middle: Point = center === null ? [0, 0] : [center[0] - width * 0.5, center[1] - height * 0.5]
    const matrix = affineMatrix(middle, angle, translate, scale, shearOf(shear))
    return sample(t, affineGrid(matrix, width, height, width, height), mode, filled)
  }
  return dispatchKind(inpt, {
    image: image(interpolation, fills.images),
    mask: (mask) => image('nearest', fills.masks())(mask),
    boxes: (boxes, [height, width]) => {
      const middle = center ?? ([width * 0.5, height * 0.5] as const)
      return around(boxes, through(affineMatrix(middle, angle, translate, scale, shearOf(shear), false)))
    },
  })
}

/** The options of `rotate`. */
export interface RotateOptions extends WarpOptions {
  /** Make the result large enough for all of the image. Default false. */
  readonly expand?: boolean
  /** What stays where it is, [x, y] from the top left. Default: the middle. */
  readonly center?: Point | null
}

/** Turns an image. @param angle degrees, counter-clockwise */
export function rotate(inpt: Tensor, angle: number, options: RotateOptions = {}): Tensor {
  const { interpolation = 'nearest', expand = false, center = null, fill = null } = options
  checkWarp('rotate', interpolation)
  const fills = fillsOf('rotate', fill)
  if (!Number.isFinite(angle)) throw new ArgumentError(`rotate: expected degrees for angle, got ${describe(angle)}`)
  const inverse = (width: number, height: number): Matrix => {
    const middle: Point = center === null || expand ? [0, 0] : [center[0] - width * 0.5, center[1] - height * 0.5]
    return affineMatrix(middle, -angle, [0, 0], 1, [0, 0])
  }
  const sizeAfter = (width: number, height: number): [number, number] =>
    expand ? expandedSize(inverse(width, height), width, height) : [width, height]
  const image = (mode: 'nearest' | 'bilinear', filled: Fill) => (t: Tensor) => {
    const [height, width] = t.shape.slice(-2)
    const grid = affineGrid(inverse(width, height), width, height, ...sizeAfter(width, height))
    return sample(t, grid, mode, filled)
  }
  return dispatchKind(inpt, {
    image: image(interpolation, fills.images),
    mask: (mask) => image('nearest', fills.masks())(mask),
    boxes: (boxes, [height, width]) => {
      const middle = center === null || expand ? ([width * 0.5, height * 0.5] as const) : center
      const [outWidth, outHeight] = sizeAfter(width, height)
      const shift: Point = [(outWidth - width) / 2, (outHeight - height) / 2]
      return around(boxes, through(affineMatrix(middle, -angle, shift, 1, [0, 0], false)))
    },
    size: ([height, width]) => {
      const [outWidth, outHeight] = sizeAfter(width, height)
      return [outHeight, outWidth]
    },
  })
}

/** The eight numbers of the map that takes end points to start points. */
function perspectiveCoefficients(start: readonly Point[], end: readonly Point[]): number[] {
  if (start.length !== 4 || end.length !== 4)
    throw new ArgumentError(`perspective: expected 4 points each, got ${start.length} and ${end.length}`)
  const rows = end.flatMap(([x, y], i) => {
    const [u, v] = start[i]
    return [
      [x, y, 1, 0, 0, 0, -u * x, -u * y],
      [0, 0, 0, x, y, 1, -v * x, -v * y],
    ]
  })
  const wanted = tensor(
    start.flatMap(([u, v]) => [[u], [v]]),
    { dtype: 'float64' },
  )
  const { solution } = linalg.lstsq(tensor(rows, { dtype: 'float64' }), wanted)
  return solution.to('float32').reshape([8]).toArray() as number[]
}

/**
 * Shows an image as seen from elsewhere.
 *
 * @param startpoints four points [x, y] of the image
 * @param endpoints where they are to be
 */
export function perspective(
  inpt: Tensor,
  startpoints: readonly Point[],
  endpoints: readonly Point[],
  { interpolation = 'bilinear', fill = null }: WarpOptions = {},
): Tensor {
  checkWarp('perspective', interpolation)
  const fills = fillsOf('perspective', fill)
  const c = perspectiveCoefficients(startpoints, endpoints)
  const image = (mode: 'nearest' | 'bilinear', filled: Fill) => (t: Tensor) => {
    const [height, width] = t.shape.slice(-2)
    const base = pixels(width, height, 0.5, 0.5).view([1, height * width, 3])
    const numerator = tensor([c.slice(0, 3), c.slice(3, 6)])
      .t()
      .div(tensor([0.5 * width, 0.5 * height]))
    const last = [c[6], c[7], 1]
    const denominator = tensor([last, last]).t()
    const grid = base.matmul(numerator).div(base.matmul(denominator)).sub(1).view([1, height, width, 2])
    return sample(t, grid, mode, filled)
  }
  return dispatchKind(inpt, {
    image: image(interpolation, fills.images),
    mask: (mask) => image('nearest', fills.masks())(mask),
    boxes: (boxes) => {
      // The map the other way: the inverse of the 3 × 3 matrix, up to a factor.
      const [a, b, d, e, f, g, h, k] = c
      const inverse = [
        f - g * k,
        d * k - b,
        b * g - d * f,
        g * h - e,
        a - d * h,
        d * e - a * g,
        e * k - f * h,
        b * h - a * k,
        a * f - b * e,
      ]
      // Named as rows: [a, b, d], [e, f, g], [h, k, 1].
      return around(boxes, (x, y) => {
        const row = (i: number): Tensor =>
          x
            .mul(inverse[i])
            .add(y.mul(inverse[i + 1]))
            .add(inverse[i + 2])
        const scale = row(6)
        return [row(0).div(scale), row(3).div(scale)]
      })
    },
  })
}
