// Resizing signals, images and volumes.
import * as kernels from '../../binding/kernels.gen.js'
import { ArgumentError, DTypeError, describe, ShapeError } from '../../errors.js'
import { formatShape } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { composite, primitive } from '../dispatch.js'
import { type FunctionOp, saving } from '../record.js'
import { adaptiveAvgPool1d, adaptiveAvgPool2d, adaptiveAvgPool3d } from './pooling.js'
import { allocateInLayoutOf, dense, type Sizes } from './spatial.js'

/** How a resized element is made of its neighbours. */
export type InterpolateMode =
  | 'nearest'
  | 'nearest-exact'
  | 'linear'
  | 'bilinear'
  | 'trilinear'
  | 'bicubic'
  | 'lanczos'
  | 'area'

/** The spatial dimensions that a mode is for. */
const SPATIAL: Readonly<Record<InterpolateMode, readonly number[]>> = {
  nearest: [1, 2, 3],
  'nearest-exact': [1, 2, 3],
  area: [1, 2, 3],
  linear: [1],
  bilinear: [2],
  bicubic: [2],
  lanczos: [2],
  trilinear: [3],
}

/** Resize in native/src/cpu/interpolate_taps.h. */
const KERNEL = {
  nearest: 0,
  'nearest-exact': 1,
  linear: 2,
  cubic: 3,
  linearAntialias: 4,
  cubicAntialias: 5,
  lanczosAntialias: 6,
} as const

interface Resize {
  readonly kernel: (typeof KERNEL)[keyof typeof KERNEL]
  /** How many times as large, or -1 to tell it from the sizes. */
  readonly scales: readonly number[]
  readonly alignCorners: boolean
}

const resize: FunctionOp<[input: Tensor, size: readonly number[], how: Resize], Tensor> = primitive({
  signature: '_interpolate(input, size, how)',
  opaque: true,
  forward(input: Tensor, size: readonly number[], how: Resize) {
    const out = allocateInLayoutOf(input, [...input.shape.slice(0, 2), ...size])
    // Smooth resizing of bytes reads any strides: of images whose channels come last, or of a part of one.
    const source = input.dtype === 'uint8' && how.kernel >= KERNEL.linear ? input : dense(input)
    kernels.interpolate(out, source, how.scales, how.kernel, how.alignCorners, false)
    return saving(out, input.shape.slice(2), how)
  },
  backward: (grad, [size, how]) => [resizeTransposed(grad, size, how)],
})

/** The gradient of a `resize` from `size`: the transposed map. */
const resizeTransposed: FunctionOp<[grad: Tensor, size: readonly number[], how: Resize], Tensor> = primitive({
  signature: '_interpolate_backward(grad, size, how)',
  opaque: true,
  forward(grad: Tensor, size: readonly number[], how: Resize) {
    const out = allocateInLayoutOf(grad, [...grad.shape.slice(0, 2), ...size])
    kernels.interpolate(out, dense(grad), how.scales, how.kernel, how.alignCorners, true)
    return saving(out, grad.shape.slice(2), how)
  },
  backward: (cotangent, [size, how]) => [resize(cotangent, size, how)],
})

/** The options of `interpolate`: one of `size` and `scaleFactor` is needed. */
export interface InterpolateOptions {
  /** The spatial sizes of the result, or one for all. */
  readonly size?: Sizes | null
  /** How many times as large, for each spatial dimension or for all. */
  readonly scaleFactor?: number | readonly number[] | null
  /** Default 'nearest'. 'nearest' floors as OpenCV does, 'nearest-exact' rounds as Pillow does. */
  readonly mode?: InterpolateMode
  /** Whether the corners of input and result are the centers of their corner pixels. Default false. */
  readonly alignCorners?: boolean | null
  /** Tell the scale from the rounded sizes instead of `scaleFactor`. Default false. */
  readonly recomputeScaleFactor?: boolean | null
  /** Smooth when shrinking; for 'bilinear' and 'bicubic', and always for 'lanczos'. Default false. */
  readonly antialias?: boolean
}

/** The sizes of the result, and the scales where they were given. */
function target(
  operation: string,
  input: Tensor,
  { size, scaleFactor }: Pick<InterpolateOptions, 'size' | 'scaleFactor'>,
): { size: number[]; scales: number[] | null } {
  const spatial = input.shape.slice(2)
  const wanted = (name: string, value: unknown, valid: (n: unknown) => boolean, what: string): number[] => {
    const list: unknown = Array.isArray(value) ? value : spatial.map(() => value)
    if (!Array.isArray(list) || list.length !== spatial.length || !list.every(valid))
      throw new ArgumentError(
        `${operation}: expected ${what} for ${name}, or one for each of ${spatial.length} spatial dimensions, got ${describe(value)}`,
      )
    return list as number[]
  }
  const sized = size !== undefined && size !== null
  const scaled = scaleFactor !== undefined && scaleFactor !== null
  if (sized === scaled)
    throw new ArgumentError(`${operation}: expected one of size and scaleFactor, got ${sized ? 'both' : 'neither'}`)
  if (sized)
    return {
      size: wanted('size', size, (n) => Number.isInteger(n) && (n as number) > 0, 'an integer ≥ 1'),
      scales: null,
    }
  const scales = wanted('scaleFactor', scaleFactor, (n) => typeof n === 'number' && n > 0, 'a number above 0')
  const made = spatial.map((n, d) => Math.floor(n * scales[d]))
  if (made.some((n) => n < 1))
    throw new ShapeError(
      `${operation}: the result of input ${formatShape(input.shape)} with scaleFactor ${describe(scaleFactor)} would be empty`,
    )
  return { size: made, scales }
}

function checkInput(operation: string, input: Tensor): void {
  if (input.ndim < 3 || input.ndim > 5)
    throw new ShapeError(
      `${operation}: expected an input of 3 to 5 dimensions, [N, C, …], got shape ${formatShape(input.shape)}`,
    )
  if (input.shape.slice(1).includes(0))
    throw new ShapeError(
      `${operation}: expected channels and sizes that are not 0, got input ${formatShape(input.shape)}`,
    )
}

/** @param name the kernel: `nearest`, `linear`… */
function run(
  operation: string,
  input: Tensor,
  name: keyof typeof KERNEL,
  { size, scales }: { size: number[]; scales: number[] | null },
  alignCorners: boolean,
): Tensor {
  const bytes = input.dtype === 'uint8' && (name.startsWith('nearest') || input.ndim === 4)
  if (!input.isFloatingPoint() && !bytes)
    throw new DTypeError(`${operation}: not implemented for ${input.dtype} with this mode`)
  return resize(input, size, { kernel: KERNEL[name], scales: scales ?? size.map(() => -1), alignCorners })
}

/**
 * Resizes a signal, an image or a volume.
 *
 * @param input shape [N, C, L], [N, C, H, W] or [N, C, D, H, W]
 * @returns shape [N, C, …] of the new sizes: `size`, or `⌊scaleFactor · size⌋`
 * @throws ArgumentError when the mode does not fit the input, or neither or both of size and scaleFactor are given
 * @example
 * ```ts
 * import { F, tensor } from '@flambeau/core'
 * const image = tensor([[[[1, 2], [3, 4]]]])
 * console.log(F.interpolate(image, { scaleFactor: 2, mode: 'bilinear' }).select(2, 0).toArray()) // → [ [ [ 1, 1.25, 1.75, 2 ] ] ]
 * ```
 */
export const interpolate: FunctionOp<[input: Tensor, options: InterpolateOptions], Tensor> = composite(
  'nn.functional.interpolate(input, {size, scale_factor, mode, align_corners, recompute_scale_factor, antialias})',
  (input: Tensor, options: InterpolateOptions): Tensor => {
    const { mode = 'nearest', recomputeScaleFactor = false, antialias = false } = options
    const alignCorners = options.alignCorners ?? null
    if (!(mode in SPATIAL))
      throw new ArgumentError(`interpolate: expected mode ${Object.keys(SPATIAL).join(', ')}, got ${describe(mode)}`)
    checkInput('interpolate', input)
    const spatial = input.ndim - 2
    if (!SPATIAL[mode].includes(spatial))
      throw new ArgumentError(
        `interpolate: mode '${mode}' is for inputs of ${SPATIAL[mode][0] + 2} dimensions, got shape ${formatShape(input.shape)}`,
      )
    const plain = mode === 'nearest' || mode === 'nearest-exact' || mode === 'area'
    if (plain && alignCorners !== null)
      throw new ArgumentError(`interpolate: alignCorners has no meaning with mode '${mode}'`)
    if (antialias && mode !== 'bilinear' && mode !== 'bicubic' && mode !== 'lanczos')
      throw new ArgumentError(
        `interpolate: antialias is for the modes 'bilinear', 'bicubic' and 'lanczos', got '${mode}'`,
      )
    if (mode === 'lanczos' && (!antialias || alignCorners === true))
      throw new ArgumentError("interpolate: mode 'lanczos' goes with antialias, and without alignCorners")
    const made = target('interpolate', input, options)
    if (recomputeScaleFactor && made.scales === null)
      throw new ArgumentError('interpolate: recomputeScaleFactor has no meaning with size')
    if (mode === 'area') {
      const { size } = made
      if (spatial === 1) return adaptiveAvgPool1d(input, size)
      return spatial === 2 ? adaptiveAvgPool2d(input, size) : adaptiveAvgPool3d(input, size)
    }
    const settled = recomputeScaleFactor ? { ...made, scales: null } : made
    if (mode === 'nearest' || mode === 'nearest-exact') return run('interpolate', input, mode, settled, false)
    if (mode === 'lanczos') return run('interpolate', input, 'lanczosAntialias', settled, false)
    const smooth = mode === 'bicubic' ? 'cubic' : 'linear'
    return run('interpolate', input, antialias ? `${smooth}Antialias` : smooth, settled, alignCorners ?? false)
  },
)

/** What `upsample` takes. */
export type UpsampleOptions = Pick<InterpolateOptions, 'size' | 'scaleFactor' | 'mode' | 'alignCorners'>

/** `interpolate` by its former name. @param input [N, C, …] @see interpolate */
export const upsample: FunctionOp<[input: Tensor, options: UpsampleOptions], Tensor> = composite(
  'nn.functional.upsample(input, {size, scale_factor, mode, align_corners})',
  (input: Tensor, options: UpsampleOptions): Tensor => interpolate(input, options),
)

/** What `upsampleNearest` and `upsampleBilinear` take. */
export type UpsampleSizeOptions = Pick<InterpolateOptions, 'size' | 'scaleFactor'>

/** `interpolate` with mode 'nearest', by its former name. @param input [N, C, …] @see interpolate */
export const upsampleNearest: FunctionOp<[input: Tensor, options: UpsampleSizeOptions], Tensor> = composite(
  'nn.functional.upsample_nearest(input, {size, scale_factor})',
  (input: Tensor, options: UpsampleSizeOptions): Tensor => interpolate(input, { ...options, mode: 'nearest' }),
)

/** `interpolate` with mode 'bilinear' and aligned corners, by its former name. @param input [N, C, H, W] @see interpolate */
export const upsampleBilinear: FunctionOp<[input: Tensor, options: UpsampleSizeOptions], Tensor> = composite(
  'nn.functional.upsample_bilinear(input, {size, scale_factor})',
  (input: Tensor, options: UpsampleSizeOptions): Tensor =>
    interpolate(input, { ...options, mode: 'bilinear', alignCorners: true }),
)

/** The arguments of the antialiased forms under PyTorch's names. */
export interface AntialiasOptions {
  readonly scaleFactors?: readonly number[] | null
  /** How many times as high, beside `outputSize`. */
  readonly scalesH?: number | null
  /** How many times as wide, beside `outputSize`. */
  readonly scalesW?: number | null
}

type AntialiasOp = FunctionOp<
  [input: Tensor, outputSize: readonly number[] | null, alignCorners: boolean, options?: AntialiasOptions],
  Tensor
>

const antialiased = (name: string, operation: string, mode: 'bilinear' | 'bicubic'): AntialiasOp =>
  composite(
    `${name}(input, output_size, align_corners, {scale_factors, scales_h, scales_w})`,
    (
      input: Tensor,
      outputSize: readonly number[] | null,
      alignCorners: boolean,
      { scaleFactors = null, scalesH, scalesW }: AntialiasOptions = {},
    ): Tensor => {
      checkInput(operation, input)
      if (input.ndim !== 4)
        throw new ShapeError(`${operation}: expected an input [N, C, H, W], got shape ${formatShape(input.shape)}`)
      const { size, scales } = target(operation, input, { size: outputSize, scaleFactor: scaleFactors })
      const made = { size, scales: scales ?? [scalesH ?? -1, scalesW ?? -1] }
      return run(operation, input, mode === 'bilinear' ? 'linearAntialias' : 'cubicAntialias', made, alignCorners)
    },
  )

/** `interpolate` with mode 'bilinear' and antialias, as PyTorch calls it inside. @param input [N, C, H, W] @see interpolate */
export const upsampleBilinear2dAa: AntialiasOp = antialiased(
  '_upsample_bilinear2d_aa',
  'upsampleBilinear2dAa',
  'bilinear',
)
/** `interpolate` with mode 'bicubic' and antialias, as PyTorch calls it inside. @param input [N, C, H, W] @see interpolate */
export const upsampleBicubic2dAa: AntialiasOp = antialiased('_upsample_bicubic2d_aa', 'upsampleBicubic2dAa', 'bicubic')
