// Windows of an image as columns, and back.
import * as kernels from '../../binding/kernels.gen.js'
import { ShapeError } from '../../errors.js'
import { allocate } from '../../tensor/create.js'
import { formatShape } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { composite, primitive } from '../dispatch.js'
import { contiguousRaw } from '../inplace.js'
import { type FunctionOp, saving } from '../record.js'
import { reshape } from '../views.js'
import { type Sizes, spread } from './spatial.js'

/** Two numbers each. */
interface Windows {
  readonly kernel: readonly number[]
  readonly dilation: readonly number[]
  readonly padding: readonly number[]
  readonly stride: readonly number[]
}

const windowsOf = (operation: string, kernel: Sizes, dilation: Sizes, padding: Sizes, stride: Sizes): Windows => ({
  kernel: spread(operation, 'kernelSize', kernel, 2, 1),
  dilation: spread(operation, 'dilation', dilation, 2, 1),
  padding: spread(operation, 'padding', padding, 2, 0),
  stride: spread(operation, 'stride', stride, 2, 1),
})

/** How many windows there are along each side. */
const countWindows = (sizes: readonly number[], { kernel, dilation, padding, stride }: Windows): number[] =>
  sizes.map((n, d) => Math.floor((n + 2 * padding[d] - dilation[d] * (kernel[d] - 1) - 1) / stride[d]) + 1)

/** [N, C, H, W] to [N, C·kh·kw, L]. */
const unfoldOf: FunctionOp<[input: Tensor, windows: Windows], Tensor> = primitive({
  signature: '_unfold_windows(input, windows)',
  forward(input: Tensor, windows: Windows) {
    const [batch, channels, ...sizes] = input.shape
    const [rows, columns] = countWindows(sizes, windows)
    const { kernel, dilation, padding, stride } = windows
    const out = allocate([batch, channels * kernel[0] * kernel[1], rows * columns], input.dtype, input.device)
    kernels.unfoldWindows(out, contiguousRaw(input), kernel, dilation, padding, stride)
    return saving(out, sizes, windows)
  },
  backward: (grad, [sizes, windows]) => [foldOf(grad, sizes, windows)],
})

/** [N, C·kh·kw, L] to [N, C, H, W]. */
const foldOf: FunctionOp<[input: Tensor, sizes: readonly number[], windows: Windows], Tensor> = primitive({
  signature: '_fold_windows(input, sizes, windows)',
  forward(input: Tensor, sizes: readonly number[], windows: Windows) {
    const { kernel, dilation, padding, stride } = windows
    const channels = input.shape[1] / (kernel[0] * kernel[1])
    const out = allocate([input.shape[0], channels, ...sizes], input.dtype, input.device)
    kernels.foldWindows(out, contiguousRaw(input), kernel, dilation, padding, stride)
    return saving(out, windows)
  },
  backward: (grad, [windows]) => [unfoldOf(grad, windows)],
})

/** Runs `body` on a batch: an input of `ndim - 1` dimensions gets one for the call. */
function onBatch(
  operation: string,
  form: string,
  input: Tensor,
  ndim: number,
  body: (batch: Tensor) => Tensor,
): Tensor {
  if (input.ndim === ndim) return body(input)
  if (input.ndim !== ndim - 1)
    throw new ShapeError(`${operation}: expected an input of ${form}, got shape ${formatShape(input.shape)}`)
  const out = body(reshape(input, [1, ...input.shape]))
  return reshape(out, out.shape.slice(1))
}

/**
 * The windows of an image as columns. (`Tensor.unfold` slides along one dimension instead.)
 *
 * @param input shape [N, C, H, W] or [C, H, W]
 * @param kernelSize kh and kw, the size of a window
 * @param dilation distance between the elements of a window; default 1
 * @param padding zeros added on both sides; default 0
 * @param stride distance between windows; default 1
 * @returns shape [N, C·kh·kw, L] or [C·kh·kw, L] for L windows
 * @throws ShapeError when no window fits
 * @example
 * ```ts
 * import { F, ones } from '@flambeau/core'
 * console.log(F.unfold(ones([1, 3, 10, 12]), [4, 5]).shape) // → [ 1, 60, 56 ]
 * ```
 */
export const unfold: FunctionOp<
  [input: Tensor, kernelSize: Sizes, dilation?: Sizes, padding?: Sizes, stride?: Sizes],
  Tensor
> = composite(
  'nn.functional.unfold(input, kernel_size, dilation, padding, stride)',
  (input: Tensor, kernelSize: Sizes, dilation: Sizes = 1, padding: Sizes = 0, stride: Sizes = 1): Tensor => {
    const windows = windowsOf('unfold', kernelSize, dilation, padding, stride)
    return onBatch('unfold', '[N, C, H, W] or [C, H, W]', input, 4, (batch) => {
      const sizes = batch.shape.slice(2)
      if (batch.shape.slice(1).includes(0) || countWindows(sizes, windows).some((n) => n < 1))
        throw new ShapeError(
          `unfold: windows of ${formatShape(windows.kernel)} do not fit input ${formatShape(input.shape)} (dilation ${formatShape(windows.dilation)}, padding ${formatShape(windows.padding)})`,
        )
      return unfoldOf(batch, windows)
    })
  },
)

/**
 * Adds columns up into an image where their windows were: for each pixel the sum of all windows over it.
 *
 * @param input shape [N, C·kh·kw, L] or [C·kh·kw, L]
 * @param outputSize height and width of the image
 * @param kernelSize kh and kw, the size of a window
 * @param dilation distance between the elements of a window; default 1
 * @param padding zeros that were added on both sides; default 0
 * @param stride distance between windows; default 1
 * @returns shape [N, C, H, W] or [C, H, W]
 * @throws ShapeError when the columns are not those of such an image
 * @example
 * ```ts
 * import { F, ones } from '@flambeau/core'
 * console.log(F.fold(ones([1, 12, 12]), [4, 5], 2).shape) // → [ 1, 3, 4, 5 ]
 * ```
 */
export const fold: FunctionOp<
  [input: Tensor, outputSize: Sizes, kernelSize: Sizes, dilation?: Sizes, padding?: Sizes, stride?: Sizes],
  Tensor
> = composite(
  'nn.functional.fold(input, output_size, kernel_size, dilation, padding, stride)',
  (
    input: Tensor,
    outputSize: Sizes,
    kernelSize: Sizes,
    dilation: Sizes = 1,
    padding: Sizes = 0,
    stride: Sizes = 1,
  ): Tensor => {
    const windows = windowsOf('fold', kernelSize, dilation, padding, stride)
    const sizes = spread('fold', 'outputSize', outputSize, 2, 1)
    return onBatch('fold', '[N, C·kh·kw, L] or [C·kh·kw, L]', input, 3, (batch) => {
      const [, rows, length] = batch.shape
      const area = windows.kernel[0] * windows.kernel[1]
      if (rows === 0 || rows % area !== 0)
        throw new ShapeError(
          `fold: expected rows divisible by ${area}, the size of a window, got input ${formatShape(input.shape)}`,
        )
      const counts = countWindows(sizes, windows)
      if (counts.some((n) => n < 1) || counts[0] * counts[1] !== length)
        throw new ShapeError(
          `fold: expected ${Math.max(0, counts[0]) * Math.max(0, counts[1])} windows for an image of ${formatShape(sizes)}, got input ${formatShape(input.shape)}`,
        )
      return foldOf(batch, sizes, windows)
    })
  },
)
