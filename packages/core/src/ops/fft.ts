// Discrete Fourier transforms.
import * as kernels from '../binding/kernels.gen.js'
import { ArgumentError, DTypeError, describe, IndexError, ShapeError } from '../errors.js'
import { allocate } from '../tensor/create.js'
import { DTYPES, type DType, getDefaultDtype, isComplex, isDifferentiable, toComplex, toReal } from '../tensor/dtype.js'
import { formatShape, wrapDim } from '../tensor/shape.js'
import type { Tensor } from '../tensor/tensor.js'
import { div, mul } from './arithmetic.js'
import { to } from './copies.js'
import { arange, type TensorOptions } from './creation.js'
import { composite, primitive } from './dispatch.js'
import { cat } from './joining.js'
import { pad } from './nn/padding.js'
import { roll } from './rearrange.js'
import { type FunctionOp, saving } from './record.js'
import { narrow } from './slicing.js'
import { real } from './strided.js'

/**
 * Which of the two directions divides by the number of points: `'backward'` (the default) the inverse, `'forward'` the
 * forward one, `'ortho'` both by its square root.
 */
export type FftNorm = 'backward' | 'forward' | 'ortho'

/** The options of the transforms. */
export interface FftOptions {
  /** Default 'backward'. */
  readonly norm?: FftNorm | null
}

/** The sizes of a transform over several dimensions; -1 leaves a dimension as it is. */
export type FftSizes = number | readonly number[] | null
/** The dimensions of a transform. */
export type FftDims = number | readonly number[] | null

/** The transform along each of `dims`, times `scale`. */
const complexTransform: FunctionOp<[input: Tensor, dims: readonly number[], forward: boolean, scale: number], Tensor> =
  primitive({
    signature: '_fft_c2c(input, dims, forward, scale)',
    forward(input: Tensor, dims: readonly number[], forward: boolean, scale: number) {
      const out = allocate(input.shape, input.dtype, input.device)
      // From the first result on in place; the scale comes with the first.
      dims.forEach((dim, i) => {
        kernels.fftComplex(out, i === 0 ? input : out, dim, forward, i === 0 ? scale : 1)
      })
      return saving(out, dims, forward, scale)
    },
    backward: (grad, [dims, forward, scale]) => [complexTransform(grad, dims, !forward, scale)],
  })

/** `t` times 1 at the ends of a half spectrum of `n` points along `dim`, times `factor` between them. */
function scaleInside(t: Tensor, dim: number, n: number, factor: number): Tensor {
  const last = n % 2 === 0 ? t.shape[dim] - 1 : t.shape[dim]
  if (last <= 1) return t
  const parts = [narrow(t, dim, 0, 1), mul(narrow(t, dim, 1, last - 1), factor)]
  if (last < t.shape[dim]) parts.push(narrow(t, dim, last, 1))
  return cat(parts, dim)
}

/** The transform of a real signal: the first half of its spectrum, which the other mirrors, or all of it. */
const fromReal: FunctionOp<[input: Tensor, dim: number, onesided: boolean, forward: boolean, scale: number], Tensor> =
  primitive({
    signature: '_fft_r2c(input, dim, onesided, forward, scale)',
    forward(input: Tensor, dim: number, onesided: boolean, forward: boolean, scale: number) {
      const n = input.shape[dim]
      const shape = input.shape.with(dim, onesided ? Math.floor(n / 2) + 1 : n)
      const out = allocate(shape, toComplex(input.dtype), input.device)
      kernels.fftFromReal(out, input, dim, forward, scale)
      return saving(out, dim, n, onesided, forward, scale)
    },
    backward(grad, [dim, n, onesided, forward, scale]) {
      if (!onesided) return [real(complexTransform(grad, [dim], !forward, scale))]
      // Terms inside count twice in the inverse, since it adds what mirrors them.
      return [toRealSignal(scaleInside(grad, dim, n, 0.5), dim, n, !forward, scale)]
    },
  })

/** The real signal of `n` points of which `input` is the first half of the spectrum. */
const toRealSignal: FunctionOp<[input: Tensor, dim: number, n: number, forward: boolean, scale: number], Tensor> =
  primitive({
    signature: '_fft_c2r(input, dim, n, forward, scale)',
    forward(input: Tensor, dim: number, n: number, forward: boolean, scale: number) {
      const out = allocate(input.shape.with(dim, n), toReal(input.dtype), input.device)
      kernels.fftToReal(out, input, dim, forward, scale)
      return saving(out, dim, n, forward, scale)
    },
    backward: (grad, [dim, n, forward, scale]) => [scaleInside(fromReal(grad, dim, true, !forward, scale), dim, n, 2)],
  })

/** The input as the kernels take it: integers and bool become the default dtype. */
function inexact(operation: string, input: Tensor): Tensor {
  const dtype: DType = isDifferentiable(input.dtype) ? input.dtype : getDefaultDtype()
  if (DTYPES[dtype].compute !== dtype)
    throw new DTypeError(`${operation}: expected float32, float64, complex64 or complex128, got ${dtype}`)
  return to(input, dtype)
}

const asComplex = (t: Tensor): Tensor => (isComplex(t.dtype) ? t : to(t, toComplex(t.dtype)))

function realInput(operation: string, input: Tensor): Tensor {
  if (isComplex(input.dtype)) throw new DTypeError(`${operation}: expected a real input, got ${input.dtype}`)
  return inexact(operation, input)
}

function scaleOf(operation: string, norm: FftNorm | null | undefined, points: number, forward: boolean): number {
  switch (norm ?? 'backward') {
    case 'backward':
      return forward ? 1 : 1 / points
    case 'forward':
      return forward ? 1 / points : 1
    case 'ortho':
      return 1 / Math.sqrt(points)
    default:
      throw new ArgumentError(
        `${operation}: expected norm to be 'backward', 'forward' or 'ortho', got ${describe(norm)}`,
      )
  }
}

/** Zeros behind, or a cut, so that `dim` has `size` elements. */
function resized(input: Tensor, dim: number, size: number): Tensor {
  const held = input.shape[dim]
  if (held === size) return input
  if (held > size) return narrow(input, dim, 0, size)
  const borders = new Array<number>(2 * (input.ndim - dim)).fill(0)
  borders[borders.length - 1] = size - held
  return pad(input, borders)
}

function checkPoints(operation: string, points: unknown, input: Tensor): number {
  if (typeof points !== 'number' || !Number.isInteger(points) || points < 1)
    throw new ArgumentError(
      `${operation}: expected at least one point to transform, got ${describe(points)} (input ${formatShape(input.shape)})`,
    )
  return points
}

function oneDim(operation: string, input: Tensor, dim: number): number {
  if (input.ndim === 0) throw new IndexError(`${operation}: expected a tensor with dimensions, got one without`)
  return wrapDim(operation, dim, input.ndim)
}

/** Dimensions and sizes of a transform over several; the last size is that of the whole signal where `half` is set. */
function shapeOf(
  operation: string,
  input: Tensor,
  s: FftSizes | undefined,
  dim: FftDims | undefined,
  half: boolean,
): { dims: number[]; sizes: number[] } {
  const given = typeof s === 'number' ? [s] : s
  let dims: number[]
  if (dim !== null && dim !== undefined) {
    dims = (typeof dim === 'number' ? [dim] : dim).map((d) => oneDim(operation, input, d))
    if (new Set(dims).size < dims.length)
      throw new ArgumentError(`${operation}: expected distinct dimensions, got ${describe(dim)}`)
    if (given && given.length !== dims.length)
      throw new ArgumentError(
        `${operation}: expected as many sizes as dimensions, got ${describe(s)} and ${describe(dim)}`,
      )
  } else {
    const count = given ? given.length : input.ndim
    if (count > input.ndim)
      throw new ShapeError(
        `${operation}: expected at most ${input.ndim} sizes for ${formatShape(input.shape)}, got ${describe(s)}`,
      )
    dims = Array.from({ length: count }, (_, i) => input.ndim - count + i)
  }
  const sizes = dims.map((d, i) => {
    const whole = half && i === dims.length - 1 ? 2 * (input.shape[d] - 1) : input.shape[d]
    return checkPoints(operation, given && given[i] !== -1 ? given[i] : whole, input)
  })
  return { dims, sizes }
}

const product = (sizes: readonly number[]): number => sizes.reduce((n, size) => n * size, 1)

/** Complex results of any input. */
function complexResult(
  operation: string,
  input: Tensor,
  { dims, sizes }: { dims: readonly number[]; sizes: readonly number[] },
  norm: FftNorm | null | undefined,
  forward: boolean,
): Tensor {
  const scale = scaleOf(operation, norm, product(sizes), forward)
  const signal = dims.reduce((t, d, i) => resized(t, d, sizes[i]), inexact(operation, input))
  const last = dims.at(-1)
  if (last === undefined) return asComplex(signal)
  if (isComplex(signal.dtype)) return complexTransform(signal, [...dims].reverse(), forward, scale)
  const first = fromReal(signal, last, false, forward, scale)
  return dims.length === 1 ? first : complexTransform(first, dims.slice(0, -1), forward, 1)
}

/** Half a spectrum of a real input. */
function halfResult(
  operation: string,
  input: Tensor,
  { dims, sizes }: { dims: readonly number[]; sizes: readonly number[] },
  norm: FftNorm | null | undefined,
  forward: boolean,
): Tensor {
  const last = dims.at(-1)
  if (last === undefined) throw new ArgumentError(`${operation}: expected at least one dimension to transform`)
  const scale = scaleOf(operation, norm, product(sizes), forward)
  const signal = dims.reduce((t, d, i) => resized(t, d, sizes[i]), realInput(operation, input))
  const first = fromReal(signal, last, true, forward, scale)
  return dims.length === 1 ? first : complexTransform(first, dims.slice(0, -1), forward, 1)
}

/** A real signal of half a spectrum. */
function realResult(
  operation: string,
  input: Tensor,
  { dims, sizes }: { dims: readonly number[]; sizes: readonly number[] },
  norm: FftNorm | null | undefined,
  forward: boolean,
): Tensor {
  const last = dims.at(-1)
  if (last === undefined) throw new ArgumentError(`${operation}: expected at least one dimension to transform`)
  const n = sizes[sizes.length - 1]
  const scale = scaleOf(operation, norm, product(sizes), forward)
  let spectrum = asComplex(inexact(operation, input))
  dims.forEach((d, i) => {
    spectrum = resized(spectrum, d, d === last ? Math.floor(n / 2) + 1 : sizes[i])
  })
  if (dims.length > 1) spectrum = complexTransform(spectrum, dims.slice(0, -1), forward, 1)
  return toRealSignal(spectrum, last, n, forward, scale)
}

type Result = typeof complexResult
type OneOp = FunctionOp<[input: Tensor, n?: number | null, dim?: number, options?: FftOptions], Tensor>
type ManyOp = FunctionOp<[input: Tensor, s?: FftSizes, dim?: FftDims, options?: FftOptions], Tensor>

const one = (name: string, result: Result, forward: boolean): OneOp => {
  const operation = `fft.${name}`
  return composite(
    `${operation}(input, n, dim, {norm})`,
    (input: Tensor, n: number | null = null, dim = -1, { norm }: FftOptions = {}): Tensor => {
      const d = oneDim(operation, input, dim)
      const whole = result === realResult ? 2 * (input.shape[d] - 1) : input.shape[d]
      const points = checkPoints(operation, n === null || n === -1 ? whole : n, input)
      return result(operation, input, { dims: [d], sizes: [points] }, norm, forward)
    },
  )
}
const many = (name: string, result: Result, forward: boolean, over: readonly number[] | null): ManyOp => {
  const operation = `fft.${name}`
  return composite(
    `${operation}(input, s, dim, {norm})`,
    (input: Tensor, s: FftSizes = null, dim: FftDims = over, { norm }: FftOptions = {}): Tensor =>
      result(operation, input, shapeOf(operation, input, s, dim, result === realResult), norm, forward),
  )
}

/** The dimensions that a shift moves: all, or those given. */
const shifted = (input: Tensor, dim: FftDims): readonly number[] =>
  dim === null ? input.shape.map((_, d) => d) : typeof dim === 'number' ? [dim] : dim
type ShiftOp = FunctionOp<[input: Tensor, dim?: FftDims], Tensor>
const shift = (name: string, by: (size: number) => number): ShiftOp =>
  composite(`fft.${name}(input, dim)`, (input: Tensor, dim: FftDims = null): Tensor => {
    const dims = shifted(input, dim).map((d) => wrapDim(`fft.${name}`, d, input.ndim))
    if (input.ndim === 0) return to(input, { copy: true })
    return roll(
      input,
      dims.map((d) => by(input.shape[d])),
      dims,
    )
  })

type FrequencyOp = FunctionOp<[n: number, d?: number, options?: TensorOptions], Tensor>
const frequencies = (name: string, make: (n: number, options: TensorOptions) => Tensor): FrequencyOp => {
  const operation = `fft.${name}`
  return composite(
    `${operation}(n, d, {dtype, device, requiresGrad})`,
    (n: number, d = 1, options: TensorOptions = {}) => {
      if (!Number.isInteger(n) || n < 1)
        throw new ArgumentError(`${operation}: expected a whole n ≥ 1, got ${describe(n)}`)
      if (typeof d !== 'number') throw new ArgumentError(`${operation}: expected a number for d, got ${describe(d)}`)
      const { requiresGrad, dtype = getDefaultDtype(), ...rest } = options
      if (!isDifferentiable(dtype))
        throw new DTypeError(`${operation}: expected a floating-point or complex dtype, got ${dtype}`)
      const out = div(make(n, { ...rest, dtype }), n * d)
      return requiresGrad ? out.requiresGrad_() : out
    },
  )
}

/**
 * The discrete Fourier transforms of `torch.fft`. Those over one dimension take `(input, n?, dim?, { norm })`, those over
 * several `(input, s?, dim?, { norm })`. The input is padded with zeros or cut to the size asked for.
 *
 * @example
 * ```ts
 * import { fft, tensor } from '@flambeau/core'
 * const spectrum = fft.rfft(tensor([1, 0, 0, 0]))
 * console.log(spectrum.real().toArray()) // → [ 1, 1, 1 ]
 * ```
 */
export const fft = {
  /** `X[k] = Σ x[j] exp(-2πi jk/n)` along `dim`. @returns complex, of size `n` there */
  fft: one('fft', complexResult, true),
  /** `x[j] = 1/n Σ X[k] exp(2πi jk/n)` along `dim`. @returns complex, of size `n` there */
  ifft: one('ifft', complexResult, false),
  /** `fft` of a real input: the terms 0 … n / 2, which the others mirror. @throws DTypeError for a complex input */
  rfft: one('rfft', halfResult, true),
  /** The real signal of `n` points whose `rfft` is given; `n` is even unless told. */
  irfft: one('irfft', realResult, false),
  /** `fft` of a Hermitian signal given by its first half, which is real. */
  hfft: one('hfft', realResult, true),
  /** `ifft` of a real signal, which is Hermitian: its first half. */
  ihfft: one('ihfft', halfResult, false),
  /** `fft` over two dimensions, the last by default. */
  fft2: many('fft2', complexResult, true, [-2, -1]),
  /** `ifft` over two dimensions, the last by default. */
  ifft2: many('ifft2', complexResult, false, [-2, -1]),
  /** `rfft` over the last of two dimensions and `fft` over the other. */
  rfft2: many('rfft2', halfResult, true, [-2, -1]),
  /** The inverse of `rfft2`. */
  irfft2: many('irfft2', realResult, false, [-2, -1]),
  /** `hfft` over the last of two dimensions and `fft` over the other. */
  hfft2: many('hfft2', realResult, true, [-2, -1]),
  /** The inverse of `hfft2`. */
  ihfft2: many('ihfft2', halfResult, false, [-2, -1]),
  /** `fft` over several dimensions, all by default. */
  fftn: many('fftn', complexResult, true, null),
  /** `ifft` over several dimensions, all by default. */
  ifftn: many('ifftn', complexResult, false, null),
  /** `rfft` over the last of several dimensions and `fft` over the others. */
  rfftn: many('rfftn', halfResult, true, null),
  /** The inverse of `rfftn`. */
  irfftn: many('irfftn', realResult, false, null),
  /** `hfft` over the last of several dimensions and `fft` over the others. */
  hfftn: many('hfftn', realResult, true, null),
  /** The inverse of `hfftn`. */
  ihfftn: many('ihfftn', halfResult, false, null),
  /** Puts the zero frequency in the middle of `dim`, by default of all dimensions. */
  fftshift: shift('fftshift', (size) => Math.floor(size / 2)),
  /** The inverse of `fftshift`. */
  ifftshift: shift('ifftshift', (size) => Math.ceil(size / 2)),
  /** The frequencies of `fft`'s terms, for samples `d` apart: `[0, 1, …, -2, -1] / (n d)`. */
  fftfreq: frequencies('fftfreq', (n, options) => {
    const half = Math.ceil(n / 2)
    return cat([arange(0, half, 1, options), arange(-Math.floor(n / 2), 0, 1, options)], 0)
  }),
  /** The frequencies of `rfft`'s terms, for samples `d` apart: `[0, 1, …, n / 2] / (n d)`. */
  rfftfreq: frequencies('rfftfreq', (n, options) => arange(0, Math.floor(n / 2) + 1, 1, options)),
}
