// `@flambeau/core/regions`: the operators with kernels that `@flambeau/vision` builds its pooling of regions on.
import * as kernels from '../binding/kernels.gen.js'
import { explaining, type Failure } from '../binding/status.js'
import { ArgumentError, DTypeError, describe, type FlambeauError, IndexError, ShapeError } from '../errors.js'
import { allocate } from '../tensor/create.js'
import { formatShape } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import { primitive } from './dispatch.js'
import { contiguousRaw } from './inplace.js'
import { type FunctionOp, saving } from './record.js'

/** How `roiAlign` reads a feature map. */
export interface RoiAlignHow {
  /** The number of bins along each dimension. */
  readonly size: readonly [height: number, width: number]
  /** From the coordinates of boxes to those of the feature map. */
  readonly scale: number
  /** Points a bin and dimension; 0 for as many as pixels. */
  readonly sampling: number
  /** Whether pixel centres lie half a pixel from the corner. */
  readonly aligned: boolean
}

function check(operation: string, input: Tensor, rois: Tensor, size: readonly number[]): void {
  if (!(input instanceof Tensor) || input.ndim !== 4)
    throw new ShapeError(`${operation}: expected an input [N, C, H, W], got ${describe(input)}`)
  if (!(rois instanceof Tensor) || rois.ndim !== 2 || rois.shape[1] !== 5)
    throw new ShapeError(
      `${operation}: expected regions [K, 5] of image number, x1, y1, x2 and y2, got ${describe(rois)}`,
    )
  if (!input.isFloatingPoint() || rois.dtype !== input.dtype)
    throw new DTypeError(
      `${operation}: expected input and regions of one floating-point dtype, got ${input.dtype} and ${rois.dtype}`,
    )
  if (rois.shape[0] > 0 && input.shape.includes(0))
    throw new ShapeError(`${operation}: expected an input with pixels, got shape ${formatShape(input.shape)}`)
  if (size.length !== 2 || !size.every((n) => Number.isInteger(n) && n > 0))
    throw new ArgumentError(`${operation}: expected two integers ≥ 1 for the size, got ${describe(size)}`)
}

const failed =
  (operation: string) =>
  ({ code, position, value, limit }: Failure): FlambeauError => {
    if (code === 'index out of range')
      return new IndexError(`${operation}: expected image numbers below ${limit}, got ${value} for region ${position}`)
    if (code === 'invalid value')
      return new ArgumentError(`${operation}: expected finite corners, got others for region ${position}`)
    return new DTypeError(`${operation}: not implemented for this dtype (${code})`)
  }

/**
 * The mean of bilinear samples in each bin of each region. [He et al., 2017](https://arxiv.org/abs/1703.06870)
 *
 * @param input [N, C, H, W]
 * @param rois [K, 5]: image number and corners; not differentiated
 * @returns [K, C, height, width]
 * @throws IndexError for an image that is not there
 */
export const roiAlign: FunctionOp<[input: Tensor, rois: Tensor, how: RoiAlignHow], Tensor> = primitive({
  signature: '_roi_align(input, rois, how)',
  forward(input: Tensor, rois: Tensor, how: RoiAlignHow) {
    const { size, scale, sampling, aligned } = how
    check('roiAlign', input, rois, size)
    const out = allocate([rois.shape[0], input.shape[1], ...size], input.dtype, input.device)
    const boxes = contiguousRaw(rois)
    explaining(failed('roiAlign'), () => kernels.roiAlign(out, contiguousRaw(input), boxes, scale, sampling, aligned))
    return saving(out, boxes, input.shape, how)
  },
  backward: (grad, [rois, shape, how]) => [roiAlignTransposed(grad, rois, shape, how), null],
})

/** The gradient of `roiAlign` for an input of `shape`: the transposed map. */
const roiAlignTransposed: FunctionOp<[grad: Tensor, rois: Tensor, shape: readonly number[], how: RoiAlignHow], Tensor> =
  primitive({
    signature: '_roi_align_backward(grad, rois, shape, how)',
    forward(grad: Tensor, rois: Tensor, shape: readonly number[], how: RoiAlignHow) {
      const out = allocate(shape, grad.dtype, grad.device)
      const { scale, sampling, aligned } = how
      explaining(failed('roiAlign'), () =>
        kernels.roiAlignBackward(out, contiguousRaw(grad), contiguousRaw(rois), scale, sampling, aligned),
      )
      return saving(out, rois, how)
    },
    backward: (cotangent, [rois, how]) => [roiAlign(cotangent, rois, how), null],
  })

/**
 * Where the largest value of each bin of each region is in the flattened input, or -1 for an empty bin.
 *
 * @param input [N, C, H, W]
 * @param rois [K, 5]: image number and corners
 * @returns int64, [K, C, height, width]
 * @throws IndexError for an image that is not there
 */
export const roiMaxPositions: FunctionOp<
  [input: Tensor, rois: Tensor, size: readonly [number, number], scale: number],
  Tensor
> = primitive({
  signature: '_roi_max_positions(input, rois, size, scale)',
  forward(input: Tensor, rois: Tensor, size: readonly [number, number], scale: number) {
    check('roiPool', input, rois, size)
    const out = allocate([rois.shape[0], input.shape[1], ...size], 'int64', input.device)
    explaining(failed('roiPool'), () => kernels.roiMaxPositions(out, contiguousRaw(input), contiguousRaw(rois), scale))
    return saving(out)
  },
})
