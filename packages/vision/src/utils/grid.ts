// Showing images.
import { ArgumentError, cat, full, noGrad, stack, Tensor } from '@flambeau/core'
import { writeImage } from '../io/index.js'

/** The options of `makeGrid`. */
export interface GridOptions {
  /** Images a row. Default 8. */
  readonly nrow?: number
  /** Pixels between images and around them. Default 2. */
  readonly padding?: number
  /** Shift and scale values to [0, 1]. Default false. */
  readonly normalize?: boolean
  /** The values that become 0 and 1, by default the smallest and the largest. */
  readonly valueRange?: readonly [low: number, high: number]
  /** Take the range of each image instead of that of all. Default false. */
  readonly scaleEach?: boolean
  /** The value of the padding. Default 0. */
  readonly padValue?: number
}

/**
 * Puts images side by side in rows, as TorchVision's `make_grid` does.
 *
 * @param images [N, C, H, W], or a list of [C, H, W]; images of one channel become grey RGB
 * @returns [C, rows, columns] of pixels; a single image comes back without padding
 * @example
 * ```ts
 * import { rand } from '@flambeau/core'
 * import { utils } from '@flambeau/vision'
 * console.log(utils.makeGrid(rand([12, 3, 8, 8]), { nrow: 4 }).shape) // → [ 3, 32, 42 ]
 * ```
 */
export function makeGrid(images: Tensor | readonly Tensor[], options: GridOptions = {}): Tensor {
  return noGrad(() => grid(images, options))
}

function grid(images: Tensor | readonly Tensor[], options: GridOptions): Tensor {
  const { nrow = 8, padding = 2, normalize = false, valueRange, scaleEach = false, padValue = 0 } = options
  if (!Number.isInteger(nrow) || nrow < 1)
    throw new ArgumentError(`makeGrid: expected an integer ≥ 1 for nrow, got ${nrow}`)
  if (!Number.isInteger(padding) || padding < 0)
    throw new ArgumentError(`makeGrid: expected an integer ≥ 0 for padding, got ${padding}`)
  if (valueRange !== undefined && !(Array.isArray(valueRange) && valueRange.length === 2))
    throw new ArgumentError('makeGrid: expected [low, high] for valueRange')
  let batch = asBatch(images)
  if (normalize)
    batch = scaleEach
      ? stack(
          rows(batch).map((t) => scale(t, valueRange)),
          0,
        )
      : scale(batch, valueRange)
  const [count, channels, height, width] = batch.shape
  if (count === 0) throw new ArgumentError('makeGrid: expected at least one image, got none')
  if (count === 1) return batch.squeeze(0)
  const columns = Math.min(nrow, count)
  const lines = Math.ceil(count / columns)
  const size = [channels, (height + padding) * lines + padding, (width + padding) * columns + padding]
  const result = full(size, padValue, { dtype: batch.dtype, device: batch.device })
  rows(batch).forEach((image, i) => {
    const top = Math.floor(i / columns) * (height + padding) + padding
    const left = (i % columns) * (width + padding) + padding
    result.narrow(1, top, height).narrow(2, left, width).copy_(image)
  })
  return result
}

const rows = (batch: Tensor): Tensor[] => Array.from({ length: batch.shape[0] }, (_, i) => batch.select(0, i))

/** Images as [N, C, H, W]; grey ones as RGB. */
function asBatch(images: Tensor | readonly Tensor[]): Tensor {
  let batch = images instanceof Tensor ? images : stack(images, 0)
  if (batch.ndim === 2) batch = batch.unsqueeze(0)
  if (batch.ndim === 3) batch = batch.unsqueeze(0)
  if (batch.ndim !== 4)
    throw new ArgumentError(`makeGrid: expected images [N, C, H, W], got [${batch.shape.join(', ')}]`)
  return batch.shape[1] === 1 ? cat([batch, batch, batch], 1) : batch
}

function scale(t: Tensor, range?: readonly [number, number]): Tensor {
  const [low, high] = range ?? [t.min().item() as number, t.max().item() as number]
  return t
    .clamp(low, high)
    .sub(low)
    .div(Math.max(high - low, 1e-5))
}

/**
 * Writes images to a file in the format that its name ends in, several as a grid.
 *
 * @param path the file
 * @param images as for `makeGrid`: floating-point values in [0, 1], or uint8
 */
export async function saveImage(
  path: string,
  images: Tensor | readonly Tensor[],
  options: GridOptions = {},
): Promise<void> {
  const picture = makeGrid(images, options).to('cpu')
  await writeImage(path, picture.dtype === 'uint8' ? picture : picture.mul(255).add(0.5).clamp(0, 255).to('uint8'))
}
