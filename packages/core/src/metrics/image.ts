// Metrics of images: peak signal-to-noise ratio and structural similarity.
import { noGrad } from '../autograd/mode.js'
import { ArgumentError, describe, ShapeError } from '../errors.js'
import { cat, F, tensor } from '../ops/index.js'
import { isDifferentiable } from '../tensor/dtype.js'
import { formatShape } from '../tensor/shape.js'
import type { Tensor } from '../tensor/tensor.js'
import { checkPair } from './check.js'
import { Metric, type StateEntries, summed } from './metric.js'

/** How the values of images become one. */
export type ImageReduction = 'elementwise_mean' | 'sum' | 'none' | null

/** The options of `PeakSignalNoiseRatio`. */
export interface PsnrOptions {
  /** The size of the range of values, or the range itself, to which values are then clamped. */
  readonly dataRange: number | readonly [low: number, high: number]
  /** Of the logarithm. Default 10. */
  readonly base?: number
  /** Default 'elementwise_mean'. */
  readonly reduction?: ImageReduction
  /** The dimensions over which errors are summed; null for all, which gives one value. Default null. */
  readonly dim?: number | readonly number[] | null
}

/** The options of `StructuralSimilarityIndexMeasure`. */
export interface SsimOptions {
  /** Weighs a neighbourhood by a Gaussian, or else evenly. Default true. */
  readonly gaussianKernel?: boolean
  /** Of the Gaussian, in pixels. Default 1.5. */
  readonly sigma?: number | readonly [y: number, x: number]
  /** Of the even neighbourhood. Default 11. */
  readonly kernelSize?: number | readonly [y: number, x: number]
  /** Default 'elementwise_mean'. */
  readonly reduction?: ImageReduction
  /** The size of the range of values, or the range, to which values are then clamped. Default: what the images have. */
  readonly dataRange?: number | readonly [low: number, high: number] | null
  /** Default 0.01. */
  readonly k1?: number
  /** Default 0.03. */
  readonly k2?: number
}

const REDUCTIONS: readonly unknown[] = ['elementwise_mean', 'sum', 'none', null, undefined]

function checkReduction(metric: string, reduction: unknown): void {
  if (!REDUCTIONS.includes(reduction))
    throw new ArgumentError(
      `${metric}: expected reduction 'elementwise_mean', 'sum' or 'none', got ${describe(reduction)}`,
    )
}

function reduced(t: Tensor, reduction: ImageReduction = 'elementwise_mean'): Tensor {
  return reduction === 'elementwise_mean' ? t.mean() : reduction === 'sum' ? t.sum() : t
}

/** Clamped to the range, where one is given, and its size. */
function ranged(
  preds: Tensor,
  target: Tensor,
  range: number | readonly [number, number],
): { preds: Tensor; target: Tensor; size: number } {
  if (typeof range === 'number') return { preds, target, size: range }
  const [low, high] = range
  return { preds: preds.clamp(low, high), target: target.clamp(low, high), size: high - low }
}

function checkRange(metric: string, range: unknown): void {
  const size = Array.isArray(range) ? range[1] - range[0] : range
  if (!(typeof size === 'number' && size > 0))
    throw new ArgumentError(`${metric}: expected dataRange > 0 or [low, high], got ${describe(range)}`)
}

function checkPsnr(metric: string, options: PsnrOptions): void {
  checkRange(metric, options?.dataRange)
  checkReduction(metric, options.reduction)
  const { base = 10 } = options
  if (!(typeof base === 'number' && base > 1))
    throw new ArgumentError(`${metric}: expected base > 1, got ${describe(base)}`)
}

/** Squared errors, summed over the dimensions, and of how many each is the sum. */
function squaredErrors(
  metric: string,
  preds: Tensor,
  target: Tensor,
  options: PsnrOptions,
): { sum: Tensor; count: number } {
  checkPair(metric, preds, target)
  const { dim = null } = options
  const { preds: p, target: t } = ranged(preds, target, options.dataRange)
  const difference = p.to('float64').sub(t.to('float64'))
  const squares = difference.mul(difference)
  if (dim === null) return { sum: squares.sum(), count: target.numel() }
  const dims = typeof dim === 'number' ? [dim] : [...dim]
  const count = dims.reduce((n, d) => n * (target.shape[d < 0 ? d + target.ndim : d] ?? 1), 1)
  return { sum: squares.sum(dims), count }
}

function decibels(sum: Tensor, count: number | Tensor, { dataRange, base = 10, reduction }: PsnrOptions): Tensor {
  const size = typeof dataRange === 'number' ? dataRange : dataRange[1] - dataRange[0]
  const ratio = sum
    .div(count)
    .log()
    .neg()
    .add(2 * Math.log(size))
  return reduced(ratio.mul(10 / Math.log(base)), reduction).to('float32')
}

/** 10 log₁₀(range² / mean squared error), in decibels; infinite for equal images. */
export function peakSignalNoiseRatio(preds: Tensor, target: Tensor, options: PsnrOptions): Tensor {
  checkPsnr('peakSignalNoiseRatio', options)
  const { sum, count } = squaredErrors('peakSignalNoiseRatio', preds, target, options)
  return decibels(sum, count, options)
}

type PsnrState = { sum: Tensor | Tensor[]; total: Tensor | Tensor[] }

/** 10 log₁₀(range² / mean squared error), in decibels. */
export class PeakSignalNoiseRatio extends Metric<PsnrState> {
  override readonly higherIsBetter = true
  readonly options: PsnrOptions

  constructor(options: PsnrOptions) {
    checkPsnr('PeakSignalNoiseRatio', options)
    const list = { initial: (): Tensor[] => [], reduction: 'cat' } as const
    const whole = (options.dim ?? null) === null
    const entries: StateEntries<PsnrState> = whole
      ? { sum: summed([], 'float64'), total: summed([], 'int64') }
      : { sum: list, total: list }
    super(entries)
    this.options = options
  }

  override update(preds: Tensor, target: Tensor): void {
    noGrad(() => {
      const { sum, count } = squaredErrors('PeakSignalNoiseRatio', preds, target, this.options)
      if (!Array.isArray(this.state.sum)) {
        this.add('sum', sum)
        this.add('total', count)
        return
      }
      const flat = sum.reshape([-1])
      this.append('sum', flat)
      this.append('total', flat.mul(0).add(count).to('int64'))
    })
  }

  override compute(): Tensor {
    const { sum, total } = this.state
    if (!Array.isArray(sum) || !Array.isArray(total)) return decibels(sum as Tensor, total as Tensor, this.options)
    if (sum.length === 0) throw new ArgumentError('PeakSignalNoiseRatio: expected an update before compute, got none')
    return decibels(cat(sum), cat(total), this.options)
  }
}

const two = (metric: string, name: string, value: number | readonly [number, number]): [number, number] => {
  const pair: [number, number] = typeof value === 'number' ? [value, value] : [value[0], value[1]]
  if (!pair.every((v) => typeof v === 'number' && v > 0))
    throw new ArgumentError(`${metric}: expected ${name} > 0, got ${describe(value)}`)
  return pair
}

function checkSsim(metric: string, options: SsimOptions): void {
  checkReduction(metric, options.reduction)
  if (options.dataRange !== undefined && options.dataRange !== null) checkRange(metric, options.dataRange)
  two(metric, 'sigma', options.sigma ?? 1.5)
  const size = two(metric, 'kernelSize', options.kernelSize ?? 11)
  if (!size.every((n) => Number.isInteger(n) && n % 2 === 1))
    throw new ArgumentError(`${metric}: expected kernelSize to be odd, got ${describe(options.kernelSize)}`)
}

function gaussian(size: number, sigma: number): number[] {
  const weights = Array.from({ length: size }, (_, i) => Math.exp(-(((i - (size - 1) / 2) / sigma) ** 2) / 2))
  const sum = weights.reduce((a, b) => a + b, 0)
  return weights.map((w) => w / sum)
}

/** The weights of a neighbourhood: [1, 1, height, width]. */
function kernelOf(metric: string, options: SsimOptions): Tensor {
  const { gaussianKernel = true, sigma = 1.5, kernelSize = 11 } = options
  const sizes = two(metric, 'kernelSize', kernelSize)
  const sigmas = two(metric, 'sigma', sigma)
  const [y, x] = sizes.map((n, i) =>
    gaussianKernel ? gaussian(Math.trunc(3.5 * sigmas[i] + 0.5) * 2 + 1, sigmas[i]) : new Array<number>(n).fill(1 / n),
  )
  return tensor([[y.map((a) => x.map((b) => a * b))]], { dtype: 'float64' })
}

/** The similarity of each image; [batch]. */
function similarities(metric: string, preds: Tensor, target: Tensor, options: SsimOptions): Tensor {
  checkPair(metric, preds, target)
  if (preds.ndim !== 4)
    throw new ShapeError(`${metric}: expected images [batch, channels, height, width], got ${formatShape(preds.shape)}`)
  const { k1 = 0.01, k2 = 0.03, dataRange = null } = options
  const [a, b] = [preds, target].map((t) => (isDifferentiable(t.dtype) ? t : t.to('float32')).to('float64'))
  const span = (t: Tensor): number => t.detach().amax().sub(t.detach().amin()).item<number>()
  const { preds: p, target: t, size } = ranged(a, b, dataRange ?? Math.max(span(a), span(b)))
  const [c1, c2] = [(k1 * size) ** 2, (k2 * size) ** 2]
  const kernel = kernelOf(metric, options).to(p.device)
  const [height, width] = kernel.shape.slice(2)
  const [padY, padX] = [(height - 1) / 2, (width - 1) / 2]
  const [n, channels, h, w] = p.shape
  if (padY >= h || padX >= w)
    throw new ShapeError(
      `${metric}: expected images larger than ${padY}×${padX} for a neighbourhood of ${height}×${width}, got ${h}×${w}`,
    )
  const padded = [p, t].map((image) => F.pad(image, [padX, padX, padY, padY], { mode: 'reflect' }))
  const maps = cat([padded[0], padded[1], padded[0].mul(padded[0]), padded[1].mul(padded[1]), padded[0].mul(padded[1])])
  // Every channel by itself.
  const one = maps.reshape([5 * n * channels, 1, ...maps.shape.slice(2)])
  const [meanP, meanT, squareP, squareT, product] = F.conv2d(one, kernel).reshape([5, n, channels, h, w]).unbind(0)
  const [pp, tt, pt] = [meanP.mul(meanP), meanT.mul(meanT), meanP.mul(meanT)]
  const variance = squareP.sub(pp).clamp(0).add(squareT.sub(tt).clamp(0))
  const upper = product.sub(pt).mul(2).add(c2)
  const map = pt
    .mul(2)
    .add(c1)
    .mul(upper)
    .div(pp.add(tt).add(c1).mul(variance.add(c2)))
  return map.reshape([n, -1]).mean(1)
}

/**
 * How alike images are in luminance, contrast and structure
 * ([Wang et al., 2004](https://doi.org/10.1109/TIP.2003.819861)); 1 for equal images.
 *
 * @param preds [batch, channels, height, width]
 * @param target of the same shape
 */
export function structuralSimilarityIndexMeasure(preds: Tensor, target: Tensor, options: SsimOptions = {}): Tensor {
  checkSsim('structuralSimilarityIndexMeasure', options)
  return reduced(similarities('structuralSimilarityIndexMeasure', preds, target, options), options.reduction).to(
    'float32',
  )
}

type SsimState = { similarity: Tensor | Tensor[]; total: Tensor }

/** How alike images are in luminance, contrast and structure. @see structuralSimilarityIndexMeasure */
export class StructuralSimilarityIndexMeasure extends Metric<SsimState> {
  override readonly higherIsBetter = true
  readonly options: SsimOptions

  constructor(options: SsimOptions = {}) {
    checkSsim('StructuralSimilarityIndexMeasure', options)
    const { reduction = 'elementwise_mean' } = options
    const entries: StateEntries<SsimState> = {
      similarity:
        reduction === 'none' || reduction === null ? { initial: () => [], reduction: 'cat' } : summed([], 'float64'),
      total: summed([], 'int64'),
    }
    super(entries)
    this.options = options
  }

  override update(preds: Tensor, target: Tensor): void {
    noGrad(() => {
      const each = similarities('StructuralSimilarityIndexMeasure', preds, target, this.options)
      if (Array.isArray(this.state.similarity)) this.append('similarity', each)
      else this.add('similarity', each.sum())
      this.add('total', preds.shape[0])
    })
  }

  override compute(): Tensor {
    const { similarity, total } = this.state
    if (!Array.isArray(similarity))
      return (this.options.reduction === 'sum' ? similarity : similarity.div(total)).to('float32')
    if (similarity.length === 0)
      throw new ArgumentError('StructuralSimilarityIndexMeasure: expected an update before compute, got none')
    return cat(similarity).to('float32')
  }
}
