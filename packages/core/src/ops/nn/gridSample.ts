// Sampling images and volumes at the points of a grid.
import { gradMode } from '../../autograd/mode.js'
import * as kernels from '../../binding/kernels.gen.js'
import { ArgumentError, DTypeError, describe, ShapeError } from '../../errors.js'
import { allocate } from '../../tensor/create.js'
import { formatShape } from '../../tensor/shape.js'
import { Tensor } from '../../tensor/tensor.js'
import { linspace, ones, zeros } from '../creation.js'
import { composite, primitive } from '../dispatch.js'
import { contiguousRaw } from '../inplace.js'
import { stack } from '../joining.js'
import { matmul } from '../matmul.js'
import { type FunctionOp, saving } from '../record.js'
import { expand, reshape, transpose } from '../views.js'
import { sampleByTaps } from './gridTaps.js'
import { recordedGradients } from './recorded.js'

/** Sampling and Border in native/src/cpu/grid_taps.h. */
const MODES = ['bilinear', 'nearest', 'bicubic'] as const
const PADDINGS = ['zeros', 'border', 'reflection'] as const

/** How values between pixels are made. */
export type GridMode = (typeof MODES)[number]
/** What lies outside of the input. */
export type GridPadding = (typeof PADDINGS)[number]

/** How a grid is read. */
export interface Sampling {
  readonly mode: GridMode
  readonly padding: GridPadding
  readonly alignCorners: boolean
}

const codes = ({ mode, padding, alignCorners }: Sampling): [number, number, boolean] => [
  MODES.indexOf(mode),
  PADDINGS.indexOf(padding),
  alignCorners,
]

const sample: FunctionOp<[input: Tensor, grid: Tensor, how: Sampling], Tensor> = primitive({
  signature: '_grid_sample(input, grid, how)',
  forward(input: Tensor, grid: Tensor, how: Sampling) {
    const out = allocate([...input.shape.slice(0, 2), ...grid.shape.slice(1, -1)], input.dtype, input.device)
    kernels.gridSample(out, contiguousRaw(input), contiguousRaw(grid), ...codes(how))
    return saving(out, input, grid, how)
  },
  backward(grad, [input, grid, how], needs) {
    if (gradMode.enabled)
      return recordedGradients([input, grid], grad, needs, ([x, points]) => sampleByTaps(x, points, how))
    const [g, x, points] = [grad, input, grid].map(contiguousRaw)
    const gradInput = needs(0) ? allocate(input.shape, input.dtype, input.device) : null
    if (gradInput !== null) kernels.gridSampleInputBackward(gradInput, g, points, ...codes(how))
    const gradGrid = needs(1) ? allocate(grid.shape, grid.dtype, grid.device) : null
    if (gradGrid !== null) kernels.gridSampleGridBackward(gradGrid, g, x, points, ...codes(how))
    return [gradInput, gradGrid]
  },
})

function checkSampling(operation: string, input: Tensor, grid: Tensor, spatial: readonly number[], mode: string): void {
  if (!(grid instanceof Tensor))
    throw new ArgumentError(`${operation}: expected a tensor for grid, got ${describe(grid)}`)
  if (!input.isFloatingPoint() || input.dtype !== grid.dtype)
    throw new DTypeError(
      `${operation}: expected a floating-point input and a grid of its dtype, got ${input.dtype} and ${grid.dtype}`,
    )
  const n = input.ndim - 2
  const shapes = `got input ${formatShape(input.shape)} and grid ${formatShape(grid.shape)}`
  if (!spatial.includes(n) || grid.ndim !== input.ndim)
    throw new ShapeError(
      `${operation}: expected an input of ${spatial.map((d) => d + 2).join(' or ')} dimensions and a grid of as many, ${shapes}`,
    )
  if (grid.shape[0] !== input.shape[0] || grid.shape[n + 1] !== n)
    throw new ShapeError(`${operation}: expected a grid [${input.shape[0]}, …, ${n}], ${shapes}`)
  if (input.shape.slice(2).includes(0))
    throw new ShapeError(`${operation}: expected spatial sizes that are not 0, ${shapes}`)
  if (mode === 'bicubic' && n !== 2) throw new ArgumentError(`${operation}: mode 'bicubic' is for images, ${shapes}`)
}

/** The options of `gridSample`. */
export interface GridSampleOptions {
  /** Default 'bilinear', which is trilinear for volumes; 'bicubic' is for images only. */
  readonly mode?: GridMode
  /** Default 'zeros'. */
  readonly paddingMode?: GridPadding
  /** Whether -1 and 1 are the centers of the corner pixels rather than their outer edges. Default false. */
  readonly alignCorners?: boolean | null
}

/**
 * The values of an image or a volume at the points of a grid.
 * [Jaderberg et al., 2015](https://arxiv.org/abs/1506.02025)
 *
 * @param input shape [N, C, H, W] or [N, C, D, H, W]
 * @param grid x, y (and z) between -1 and 1: shape [N, H_out, W_out, 2] or [N, D_out, H_out, W_out, 3]
 * @returns shape [N, C, H_out, W_out] or [N, C, D_out, H_out, W_out]
 * @throws ShapeError when the grid does not fit the input
 * @example
 * ```ts
 * import { F, tensor } from '@flambeau/core'
 * const image = tensor([[[[1, 2], [3, 4]]]])
 * console.log(F.gridSample(image, tensor([[[[0, 0], [-0.5, -0.5]]]])).flatten().toArray()) // → [ 2.5, 1 ]
 * ```
 */
export const gridSample: FunctionOp<[input: Tensor, grid: Tensor, options?: GridSampleOptions], Tensor> = composite(
  'nn.functional.grid_sample(input, grid, {mode, padding_mode, align_corners})',
  (input: Tensor, grid: Tensor, options: GridSampleOptions = {}): Tensor => {
    const { mode = 'bilinear', paddingMode = 'zeros', alignCorners } = options
    if (!MODES.includes(mode))
      throw new ArgumentError(`gridSample: expected mode ${MODES.join(', ')}, got ${describe(mode)}`)
    if (!PADDINGS.includes(paddingMode))
      throw new ArgumentError(`gridSample: expected paddingMode ${PADDINGS.join(', ')}, got ${describe(paddingMode)}`)
    checkSampling('gridSample', input, grid, [2, 3], mode)
    return sample(input, grid, { mode, padding: paddingMode, alignCorners: alignCorners ?? false })
  },
)

/** Samples with PyTorch's numbers for the modes. */
export type GridSamplerOp = FunctionOp<
  [input: Tensor, grid: Tensor, interpolationMode: number, paddingMode: number, alignCorners: boolean],
  Tensor
>

const sampler = (name: string, operation: string, spatial: readonly number[]): GridSamplerOp =>
  composite(
    `${name}(input, grid, interpolation_mode, padding_mode, align_corners)`,
    (input: Tensor, grid: Tensor, interpolationMode: number, paddingMode: number, alignCorners: boolean): Tensor => {
      const mode = MODES[interpolationMode]
      const padding = PADDINGS[paddingMode]
      if (mode === undefined || padding === undefined)
        throw new ArgumentError(
          `${operation}: expected 0, 1 or 2 for interpolationMode and paddingMode, got ${describe(interpolationMode)} and ${describe(paddingMode)}`,
        )
      checkSampling(operation, input, grid, spatial, mode)
      return sample(input, grid, { mode, padding, alignCorners })
    },
  )

/** `F.gridSample` with numbers for the modes. @param input [N, C, …] @param grid [N, …, 2 or 3] @see gridSample */
export const gridSampler: GridSamplerOp = sampler('grid_sampler', 'gridSampler', [2, 3])
/** `F.gridSample` of images, with numbers for the modes. @param input [N, C, H, W] @param grid [N, H_out, W_out, 2] @see gridSample */
export const gridSampler2d: GridSamplerOp = sampler('grid_sampler_2d', 'gridSampler2d', [2])
/** `F.gridSample` of volumes, with numbers for the modes. @param input [N, C, D, H, W] @param grid [N, D_out, H_out, W_out, 3] @see gridSample */
export const gridSampler3d: GridSamplerOp = sampler('grid_sampler_3d', 'gridSampler3d', [3])

/** The coordinates of `n` pixels between -1 and 1. */
function pixelCenters(n: number, alignCorners: boolean, like: Tensor): Tensor {
  const { dtype, device } = like
  if (n <= 1) return zeros([n], { dtype, device })
  const line = linspace(-1, 1, n, { dtype, device })
  return alignCorners ? line : line.mul((n - 1) / n)
}

/** The options of `affineGrid`. */
export interface AffineGridOptions {
  /** Whether -1 and 1 are the centers of the corner pixels rather than their outer edges. Default false. */
  readonly alignCorners?: boolean | null
}

/**
 * The grid of an affine map, for `gridSample`: where each pixel of the result comes from.
 *
 * @param theta the maps, shape [N, 2, 3] or [N, 3, 4]
 * @param size the sizes of the result, [N, C, H, W] or [N, C, D, H, W]
 * @returns shape [N, H, W, 2] or [N, D, H, W, 3]
 * @throws ShapeError when theta does not fit the size
 * @example
 * ```ts
 * import { F, tensor } from '@flambeau/core'
 * const identity = tensor([[[1, 0, 0], [0, 1, 0]]])
 * console.log(F.affineGrid(identity, [1, 1, 2, 2]).select(1, 0).toArray()) // → [ [ [ -0.5, -0.5 ], [ 0.5, -0.5 ] ] ]
 * ```
 */
export const affineGrid: FunctionOp<[theta: Tensor, size: readonly number[], options?: AffineGridOptions], Tensor> =
  composite(
    'nn.functional.affine_grid(theta, size, {align_corners})',
    (theta: Tensor, size: readonly number[], { alignCorners }: AffineGridOptions = {}): Tensor => {
      if (!theta.isFloatingPoint())
        throw new DTypeError(`affineGrid: expected a floating-point theta, got ${theta.dtype}`)
      if (!Array.isArray(size) || (size.length !== 4 && size.length !== 5))
        throw new ArgumentError(`affineGrid: expected 4 or 5 numbers for size, got ${describe(size)}`)
      if (size.some((n) => !Number.isInteger(n) || n < 1))
        throw new ArgumentError(`affineGrid: expected integers ≥ 1 for size, got ${describe(size)}`)
      const [batch, , ...sizes] = size as readonly number[]
      const n = sizes.length
      if (theta.ndim !== 3 || theta.shape[0] !== batch || theta.shape[1] !== n || theta.shape[2] !== n + 1)
        throw new ShapeError(
          `affineGrid: expected theta [${batch}, ${n}, ${n + 1}] for size ${formatShape(size)}, got ${formatShape(theta.shape)}`,
        )
      // Coordinates from the last dimension on: x, y, z, and 1 for the shift.
      const lines = sizes.map((_, d) => {
        const along = sizes.map((m, e) => (e === n - 1 - d ? m : 1))
        return expand(reshape(pixelCenters(sizes[n - 1 - d], alignCorners ?? false, theta), along), sizes)
      })
      const points = stack([...lines, ones(sizes, { dtype: theta.dtype, device: theta.device })], -1)
      const flat = reshape(points, [1, -1, n + 1])
      return reshape(matmul(flat, transpose(theta, 1, 2)), [batch, ...sizes, n])
    },
  )
