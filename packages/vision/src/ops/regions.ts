// Pooling over regions of feature maps.
import { ArgumentError, cat, full, nn, ShapeError, Tensor, where, zeros } from '@flambeau/core'
import { describe } from '@flambeau/core/errors'
import * as regions from '@flambeau/core/regions'
import { checkBoxes, checkInteger } from '../check.js'
import { boxArea } from './boxes.js'
import type { Features } from './feature-pyramid.js'

/** The bins of a pooled region: one number for both dimensions, or height and width. */
export type OutputSize = number | readonly [height: number, width: number]

/** The options of `roiAlign`. */
export interface RoiAlignOptions {
  /** From the coordinates of boxes to those of the feature map. Default 1. */
  readonly spatialScale?: number
  /** Points a bin and dimension; -1 for as many as pixels. Default -1. */
  readonly samplingRatio?: number
  /** Whether pixel centres lie half a pixel from the corner. Default false. */
  readonly aligned?: boolean
}

const pair = (operation: string, size: OutputSize): [number, number] => {
  const [height, width] = typeof size === 'number' ? [size, size] : size
  return [checkInteger(operation, 'outputSize', height, 1), checkInteger(operation, 'outputSize', width, 1)]
}

function checkScale(operation: string, scale: number): number {
  if (!(scale > 0 && Number.isFinite(scale)))
    throw new ArgumentError(`${operation}: expected a number above 0 for spatialScale, got ${describe(scale)}`)
  return scale
}

/** Boxes as [K, 5], the number of their image first. */
function numbered(operation: string, input: Tensor, boxes: Tensor | readonly Tensor[]): Tensor {
  if (boxes instanceof Tensor) return boxes.to(input.dtype)
  if (boxes.length !== input.shape[0])
    throw new ShapeError(
      `${operation}: expected a list of boxes for each of ${input.shape[0]} images, got ${boxes.length}`,
    )
  for (const t of boxes) checkBoxes(operation, 'boxes', t)
  if (boxes.length === 0) return zeros([0, 5], { dtype: input.dtype, device: input.device })
  const rows = boxes.map((t, i) =>
    cat([full([t.shape[0], 1], i, { dtype: input.dtype, device: input.device }), t.detach().to(input.dtype)], 1),
  )
  return cat(rows, 0)
}

/**
 * The mean of bilinear samples in each bin of each region. [He et al., 2017](https://arxiv.org/abs/1703.06870)
 *
 * @param input [N, C, H, W]
 * @param boxes corners of each image's regions, a list of [L, 4]; or [K, 5] with the number of the image first
 * @param outputSize the bins
 * @returns [K, C, height, width]
 * @throws IndexError for a region of an image that is not there
 * @example
 * ```ts
 * import { ones, tensor } from '@flambeau/core'
 * import { ops } from '@flambeau/vision'
 * const pooled = ops.roiAlign(ones([1, 2, 8, 8]), [tensor([[0, 0, 4, 4]])], 3)
 * console.log(pooled.shape, pooled.max().item()) // → [ 1, 2, 3, 3 ] 1
 * ```
 */
export function roiAlign(
  input: Tensor,
  boxes: Tensor | readonly Tensor[],
  outputSize: OutputSize,
  { spatialScale = 1, samplingRatio = -1, aligned = false }: RoiAlignOptions = {},
): Tensor {
  return regions.roiAlign(input, numbered('roiAlign', input, boxes), {
    size: pair('roiAlign', outputSize),
    scale: checkScale('roiAlign', spatialScale),
    sampling: Math.max(0, checkInteger('roiAlign', 'samplingRatio', samplingRatio, -1)),
    aligned,
  })
}

/**
 * The largest value in each bin of each region, corners rounded to pixels. [Girshick, 2015](https://arxiv.org/abs/1504.08083)
 *
 * @param input [N, C, H, W]
 * @param boxes as for `roiAlign`
 * @returns [K, C, height, width]; 0 for a bin without a pixel
 */
export function roiPool(
  input: Tensor,
  boxes: Tensor | readonly Tensor[],
  outputSize: OutputSize,
  { spatialScale = 1 }: Pick<RoiAlignOptions, 'spatialScale'> = {},
): Tensor {
  const size = pair('roiPool', outputSize)
  const rois = numbered('roiPool', input, boxes)
  const at = regions.roiMaxPositions(input.detach(), rois, size, checkScale('roiPool', spatialScale))
  if (at.numel() === 0) return input.sum().mul(0).expand(at.shape)
  return where(at.ge(0), input.take(at.clamp(0)), zeros([], { dtype: input.dtype, device: input.device }))
}

/** `roiAlign` as a layer. */
export class RoIAlign extends nn.Module<[input: Tensor, rois: Tensor | readonly Tensor[]]> {
  readonly outputSize: OutputSize
  readonly options: RoiAlignOptions

  constructor(outputSize: OutputSize, options: RoiAlignOptions = {}) {
    super()
    this.outputSize = outputSize
    this.options = options
  }

  override forward(input: Tensor, rois: Tensor | readonly Tensor[]): Tensor {
    return roiAlign(input, rois, this.outputSize, this.options)
  }
}

/** `roiPool` as a layer. */
export class RoIPool extends nn.Module<[input: Tensor, rois: Tensor | readonly Tensor[]]> {
  readonly outputSize: OutputSize
  readonly spatialScale: number

  constructor(outputSize: OutputSize, spatialScale: number) {
    super()
    this.outputSize = outputSize
    this.spatialScale = spatialScale
  }

  override forward(input: Tensor, rois: Tensor | readonly Tensor[]): Tensor {
    return roiPool(input, rois, this.outputSize, { spatialScale: this.spatialScale })
  }
}

/** The options of `MultiScaleRoIAlign`. */
export interface MultiScaleOptions {
  /** The side of a box that belongs to `canonicalLevel`. Default 224. */
  readonly canonicalScale?: number
  /** Default 4. */
  readonly canonicalLevel?: number
}

/**
 * `roiAlign` on the level of a feature pyramid that fits the size of each box. [Lin et al., 2016](https://arxiv.org/abs/1612.03144), equation 1
 */
export class MultiScaleRoIAlign extends nn.Module<
  [x: Features, boxes: readonly Tensor[], imageShapes: readonly (readonly [height: number, width: number])[]]
> {
  readonly featmapNames: readonly string[]
  readonly outputSize: OutputSize
  readonly samplingRatio: number
  readonly canonicalScale: number
  readonly canonicalLevel: number

  /** @param featmapNames which of the feature maps are used, the finest first */
  constructor(
    featmapNames: readonly string[],
    outputSize: OutputSize,
    samplingRatio: number,
    { canonicalScale = 224, canonicalLevel = 4 }: MultiScaleOptions = {},
  ) {
    super()
    this.featmapNames = featmapNames
    this.outputSize = outputSize
    this.samplingRatio = samplingRatio
    this.canonicalScale = canonicalScale
    this.canonicalLevel = canonicalLevel
  }

  /** @param boxes the regions of each image, [L, 4] @param imageShapes the sizes of the images that the maps are of */
  override forward(
    x: Features,
    boxes: readonly Tensor[],
    imageShapes: readonly (readonly [height: number, width: number])[],
  ): Tensor {
    const maps = this.featmapNames.filter((name) => name in x).map((name) => x[name])
    if (maps.length === 0)
      throw new ArgumentError(
        `MultiScaleRoIAlign: expected feature maps named ${this.featmapNames.join(', ')}, got ${Object.keys(x).join(', ') || 'none'}`,
      )
    const tallest = Math.max(...imageShapes.map(([height]) => height))
    // Strides are powers of 2; sizes are rounded.
    const scales = maps.map((map) => 2 ** Math.round(Math.log2(map.shape[2] / tallest)))
    const rois = numbered('MultiScaleRoIAlign', maps[0], boxes)
    const { outputSize, samplingRatio } = this
    const pool = (map: Tensor, some: Tensor, spatialScale: number): Tensor =>
      roiAlign(map, some, outputSize, { spatialScale, samplingRatio })
    if (maps.length === 1) return pool(maps[0], rois, scales[0])
    const levels = this.#levels(rois, scales)
    const result = zeros([rois.shape[0], maps[0].shape[1], ...pair('MultiScaleRoIAlign', outputSize)], {
      dtype: maps[0].dtype,
      device: maps[0].device,
    })
    return maps.reduce((sum, map, level) => {
      const which = levels.eq(level).nonzero().reshape([-1])
      if (which.numel() === 0) return sum
      return sum.indexAdd(0, which, pool(map, rois.indexSelect(0, which), scales[level]))
    }, result)
  }

  /** The position of the level of each region. */
  #levels(rois: Tensor, scales: readonly number[]): Tensor {
    const [least, most] = [-Math.log2(scales[0]), -Math.log2(scales[scales.length - 1])]
    const side = boxArea(rois.narrow(1, 1, 4)).sqrt()
    const target = side.div(this.canonicalScale).log2().add(this.canonicalLevel).add(1e-6).floor()
    return target.clamp(least, most).sub(least)
  }
}
