// The namespace `nn.init`: starting values for parameters, with PyTorch's random stream.
import { noGrad } from '../autograd/mode.js'
import { ArgumentError, describe, ShapeError } from '../errors.js'
import { fillRaw } from '../ops/creation.js'
import type { DrawOptions } from '../ops/generator.js'
import { copy_, emptyLike, eye, randperm, where } from '../ops/index.js'
import { formatShape } from '../tensor/shape.js'
import type { Tensor } from '../tensor/tensor.js'

/** What stands between two layers. */
export type Nonlinearity =
  | 'linear'
  | 'conv1d'
  | 'conv2d'
  | 'conv3d'
  | 'conv_transpose1d'
  | 'conv_transpose2d'
  | 'conv_transpose3d'
  | 'sigmoid'
  | 'tanh'
  | 'relu'
  | 'leaky_relu'
  | 'selu'

/** The factor by which a nonlinearity's inputs should be larger, so that variance neither grows nor fades. @param param the slope of `'leaky_relu'`, 0.01 by default */
export function calculateGain(nonlinearity: Nonlinearity, param?: number): number {
  switch (nonlinearity) {
    case 'linear':
    case 'conv1d':
    case 'conv2d':
    case 'conv3d':
    case 'conv_transpose1d':
    case 'conv_transpose2d':
    case 'conv_transpose3d':
    case 'sigmoid':
      return 1
    case 'tanh':
      return 5 / 3
    case 'relu':
      return Math.sqrt(2)
    case 'leaky_relu':
      return Math.sqrt(2 / (1 + (param ?? 0.01) ** 2))
    case 'selu':
      return 3 / 4
    default:
      throw new ArgumentError(
        `calculateGain: expected a nonlinearity such as 'relu', got ${describe(nonlinearity satisfies never)}`,
      )
  }
}

/** How many values each output is made from, and each input goes to. @throws ShapeError for fewer than two dimensions */
export function calculateFanInAndFanOut(tensor: Tensor): { fanIn: number; fanOut: number } {
  if (tensor.ndim < 2)
    throw new ShapeError(`init: expected a tensor of at least 2 dimensions, got shape ${formatShape(tensor.shape)}`)
  const [out, input, ...field] = tensor.shape
  const size = field.reduce((n, d) => n * d, 1)
  return { fanIn: input * size, fanOut: out * size }
}

function fill(tensor: Tensor, values: (t: Tensor) => void): Tensor {
  noGrad(() => values(tensor))
  return tensor
}

/** Values drawn evenly from [a, b). @returns `tensor` */
export const uniform_ = (tensor: Tensor, a = 0, b = 1, { generator = null }: DrawOptions = {}): Tensor =>
  fill(tensor, (t) => t.uniform_(a, b, { generator }))

/** Values drawn from a normal distribution. @returns `tensor` */
export const normal_ = (tensor: Tensor, mean = 0, std = 1, { generator = null }: DrawOptions = {}): Tensor =>
  fill(tensor, (t) => t.normal_(mean, std, { generator }))

/** One value everywhere. @returns `tensor` */
export const constant_ = (tensor: Tensor, value: number): Tensor =>
  fill(tensor, (t) => copy_(t, fillRaw([], value, t.dtype, t.device)))

/** Ones. @returns `tensor` */
export const ones_ = (tensor: Tensor): Tensor => constant_(tensor, 1)

/** Zeros. @returns `tensor` */
export const zeros_ = (tensor: Tensor): Tensor => constant_(tensor, 0)

/** The identity matrix. @returns `tensor` */
export function eye_(tensor: Tensor): Tensor {
  if (tensor.ndim !== 2) throw new ShapeError(`eye_: expected a matrix, got shape ${formatShape(tensor.shape)}`)
  return fill(tensor, (t) => copy_(t, eye(t.shape[0], t.shape[1], { dtype: t.dtype, device: t.device })))
}

/** A convolution's weight that passes on as many channels as it can unchanged. @returns `tensor` */
export function dirac_(tensor: Tensor, groups = 1): Tensor {
  const { shape, ndim } = tensor
  if (ndim < 3 || ndim > 5)
    throw new ShapeError(`dirac_: expected a tensor of 3, 4 or 5 dimensions, got shape ${formatShape(shape)}`)
  if (shape[0] % groups !== 0)
    throw new ShapeError(`dirac_: expected a first size that ${groups} groups divide, got shape ${formatShape(shape)}`)
  const perGroup = shape[0] / groups
  const centre = shape.slice(2).map((n) => Math.floor(n / 2))
  return fill(tensor, (t) => {
    zeros_(t)
    for (let g = 0; g < groups; g++)
      for (let d = 0; d < Math.min(perGroup, shape[1]); d++) {
        let element = t.select(0, g * perGroup + d).select(0, d)
        for (const at of centre) element = element.select(0, at)
        ones_(element)
      }
  })
}

/** Uniform values with variance 2 / (fanIn + fanOut) · gain². [Glorot and Bengio, 2010](https://proceedings.mlr.press/v9/glorot10a.html) @returns `tensor` */
export function xavierUniform_(tensor: Tensor, gain = 1, options: DrawOptions = {}): Tensor {
  const { fanIn, fanOut } = calculateFanInAndFanOut(tensor)
  const bound = Math.sqrt(3) * gain * Math.sqrt(2 / (fanIn + fanOut))
  return uniform_(tensor, -bound, bound, options)
}

/** Normal values with variance 2 / (fanIn + fanOut) · gain². [Glorot and Bengio, 2010](https://proceedings.mlr.press/v9/glorot10a.html) @returns `tensor` */
export function xavierNormal_(tensor: Tensor, gain = 1, options: DrawOptions = {}): Tensor {
  const { fanIn, fanOut } = calculateFanInAndFanOut(tensor)
  return normal_(tensor, 0, gain * Math.sqrt(2 / (fanIn + fanOut)), options)
}

export interface KaimingOptions extends DrawOptions {
  /** The slope of the nonlinearity where it is `'leaky_relu'`. Default 0. */
  readonly a?: number
  /** Keep the variance of the forward pass, or of the backward pass. Default 'fan_in'. */
  readonly mode?: 'fan_in' | 'fan_out'
  /** Default 'leaky_relu'. */
  readonly nonlinearity?: Nonlinearity
}

function kaimingStd(tensor: Tensor, { a = 0, mode = 'fan_in', nonlinearity = 'leaky_relu' }: KaimingOptions): number {
  if (mode !== 'fan_in' && mode !== 'fan_out')
    throw new ArgumentError(`init: expected mode 'fan_in' or 'fan_out', got ${describe(mode)}`)
  const { fanIn, fanOut } = calculateFanInAndFanOut(tensor)
  return calculateGain(nonlinearity, a) / Math.sqrt(mode === 'fan_in' ? fanIn : fanOut)
}

/** Uniform values with variance gain² / fan. [He et al., 2015](https://arxiv.org/abs/1502.01852) @returns `tensor` */
export function kaimingUniform_(tensor: Tensor, options: KaimingOptions = {}): Tensor {
  if (tensor.shape.includes(0)) return tensor
  const bound = Math.sqrt(3) * kaimingStd(tensor, options)
  return uniform_(tensor, -bound, bound, options)
}

/** Normal values with variance gain² / fan. [He et al., 2015](https://arxiv.org/abs/1502.01852) @returns `tensor` */
export function kaimingNormal_(tensor: Tensor, options: KaimingOptions = {}): Tensor {
  return tensor.shape.includes(0) ? tensor : normal_(tensor, 0, kaimingStd(tensor, options), options)
}

/** The share of a standard normal distribution below `x`; error below 1e-15. */
function normalCdf(x: number): number {
  // erfc by its continued fraction far out and by its series near 0.
  const z = Math.abs(x) / Math.SQRT2
  let tail: number
  if (z < 2.5) {
    let term = z
    let sum = z
    for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum) && n < 200; n++) {
      term *= (-z * z) / n
      sum += term / (2 * n + 1)
    }
    tail = 0.5 - sum / Math.sqrt(Math.PI)
  } else {
    let fraction = 0
    for (let n = 60; n > 0; n--) fraction = n / 2 / (z + fraction)
    tail = Math.exp(-z * z) / (z + fraction) / Math.sqrt(Math.PI) / 2
  }
  return x > 0 ? 1 - tail : tail
}

/** Whether an element is true. */
const anyOf = (mask: Tensor): boolean => mask.sum().item<number>() > 0

/** Normal values, those outside of [a, b] drawn again. @returns `tensor` */
export function truncNormal_(tensor: Tensor, mean = 0, std = 1, a = -2, b = 2, options: DrawOptions = {}): Tensor {
  if (!(a < b)) throw new ArgumentError(`truncNormal_: expected a < b, got ${a} and ${b}`)
  // What has no values has none outside of the bounds.
  if (tensor.storage.meta) return tensor
  const share = normalCdf((b - mean) / std) - normalCdf((a - mean) / std)
  return fill(tensor, (t) => {
    const values = share > 0.3 ? redrawn(t, mean, std, a, b, options) : accepted(t, mean, std, a, b, options)
    if (values !== t) copy_(t, values)
  })
}

/** Draws from the normal distribution until all values lie within. */
function redrawn(t: Tensor, mean: number, std: number, a: number, b: number, options: DrawOptions): Tensor {
  let values = t.normal_(mean, std, options)
  for (;;) {
    const outside = values.lt(a).logicalOr(values.gt(b))
    if (!anyOf(outside)) return values
    values = where(outside, emptyLike(values).normal_(mean, std, options), values)
  }
}

/** Draws evenly, and accepts a value with its density over the largest one: for bounds far from the mean. */
function accepted(t: Tensor, mean: number, std: number, a: number, b: number, options: DrawOptions): Tensor {
  const peak = -0.5 * ((Math.max(a, Math.min(mean, b)) - mean) / std) ** 2
  const rejects = (values: Tensor): Tensor => {
    const density = values.sub(mean).div_(std).pow_(2).mul_(-0.5).sub_(peak)
    return emptyLike(values).uniform_(0, 1, options).log_().gt(density)
  }
  let values = t.uniform_(a, b, options)
  let pending = rejects(values)
  while (anyOf(pending)) {
    const candidates = emptyLike(values).uniform_(a, b, options)
    values = where(pending, candidates, values)
    pending = pending.logicalAnd(rejects(candidates))
  }
  return values
}

/** A (semi-)orthogonal matrix; dimensions after the first count as one. [Saxe et al., 2013](https://arxiv.org/abs/1312.6120) @returns `tensor` */
export function orthogonal_(tensor: Tensor, gain = 1, { generator = null }: DrawOptions = {}): Tensor {
  if (tensor.ndim < 2)
    throw new ShapeError(
      `orthogonal_: expected a tensor of at least 2 dimensions, got shape ${formatShape(tensor.shape)}`,
    )
  if (tensor.numel() === 0) return tensor
  const rows = tensor.shape[0]
  const columns = tensor.numel() / rows
  return fill(tensor, (t) => {
    const drawn = fillRaw([rows, columns], 0, t.dtype, t.device)
    drawn.normal_(0, 1, { generator })
    const tall = rows < columns ? drawn.permute([1, 0]).clone() : drawn
    const q = orthonormalColumns(tall)
    copy_(t, (rows < columns ? q.permute([1, 0]) : q).reshape(t.shape).mul(gain))
  })
}

/** Q of the QR decomposition with a positive diagonal of R, by Gram–Schmidt done twice for accuracy. */
function orthonormalColumns(matrix: Tensor): Tensor {
  const wide = matrix.to('float64')
  const q = wide.clone()
  for (let j = 0; j < q.shape[1]; j++) {
    const column = q.select(1, j)
    if (j > 0) {
      const before = q.narrow(1, 0, j)
      for (let pass = 0; pass < 2; pass++) column.sub_(before.matmul(before.permute([1, 0]).matmul(column)))
    }
    column.div_(Math.sqrt(column.mul(column).sum().item<number>()))
  }
  return q.to(matrix.dtype)
}

/** Normal values, and in each column a share of zeros. [Martens, 2010](https://www.cs.toronto.edu/~jmartens/docs/Deep_HessianFree.pdf) @returns `tensor` */
export function sparse_(tensor: Tensor, sparsity: number, std = 0.01, { generator = null }: DrawOptions = {}): Tensor {
  if (tensor.ndim !== 2) throw new ShapeError(`sparse_: expected a matrix, got shape ${formatShape(tensor.shape)}`)
  const [rows, columns] = tensor.shape
  const zeros = Math.ceil(sparsity * rows)
  return fill(tensor, (t) => {
    t.normal_(0, std, { generator })
    for (let column = 0; column < columns; column++) {
      const order = randperm(rows, { generator })
      for (const row of order.narrow(0, 0, zeros).toArray() as (number | bigint)[])
        zeros_(t.select(1, column).select(0, Number(row)))
    }
  })
}
