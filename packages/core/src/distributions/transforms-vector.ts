// Transforms to simplexes, triangles and positive definite matrices.
import { ShapeError } from '../errors.js'
import { F, linalg, ones, tensor } from '../ops/index.js'
import { formatShape } from '../tensor/shape.js'
import type { Tensor } from '../tensor/tensor.js'
import { corrCholesky, independent, lowerCholesky, positiveDefinite, real, realVector, simplex } from './constraints.js'
import { finfo, type Shape } from './distribution.js'
import { Transform } from './transform.js'

/** `y = softmax(x)`: many x have one y; the inverse is the logarithm. */
export class SoftmaxTransform extends Transform {
  override readonly domain = realVector
  override readonly codomain = simplex
  protected override apply(x: Tensor): Tensor {
    const shifted = x.sub(x.amax(-1, { keepdim: true })).exp()
    return shifted.div(shifted.sum(-1, { keepdim: true }))
  }
  protected override invert(y: Tensor): Tensor {
    return y.log()
  }
  override forwardShape(shape: Shape): Shape {
    return checkedEvent('SoftmaxTransform', shape, 1)
  }
  override inverseShape(shape: Shape): Shape {
    return checkedEvent('SoftmaxTransform', shape, 1)
  }
}
function checkedEvent(name: string, shape: Shape, dims: number): Shape {
  if (shape.length < dims)
    throw new ShapeError(`${name}: expected at least ${dims} dimensions, got ${formatShape(shape)}`)
  return shape
}

/** From n numbers to a simplex of n + 1, by breaking off a share of what is left for each. */
export class StickBreakingTransform extends Transform {
  override get bijective(): boolean {
    return true
  }
  override readonly domain = realVector
  override readonly codomain = simplex
  /** How many are left at each place: n, n - 1 … 1. */
  #left(x: Tensor, n: number): Tensor {
    return ones([n], { dtype: x.dtype, device: x.device })
      .cumsum(-1)
      .neg()
      .add(n + 1)
  }
  protected override apply(x: Tensor): Tensor {
    const z = clampedSigmoid(x.sub(this.#left(x, x.shape[x.ndim - 1]).log()))
    const rest = z.neg().add(1).cumprod(-1)
    return F.pad(z, [0, 1], { value: 1 }).mul(F.pad(rest, [1, 0], { value: 1 }))
  }
  protected override invert(y: Tensor): Tensor {
    const n = y.shape[y.ndim - 1] - 1
    const cropped = y.narrow(-1, 0, n)
    // What floating point may make negative is kept off 0.
    const rest = cropped.cumsum(-1).neg().add(1).clampMin(finfo(y.dtype).tiny)
    return cropped.log().sub(rest.log()).add(this.#left(y, n).log())
  }
  override logAbsDetJacobian(x: Tensor, y: Tensor): Tensor {
    const n = x.shape[x.ndim - 1]
    const shifted = x.sub(this.#left(x, n).log())
    return shifted
      .neg()
      .add(F.logsigmoid(shifted))
      .add(y.narrow(-1, 0, n).log())
      .sum(-1)
  }
  override forwardShape(shape: Shape): Shape {
    checkedEvent('StickBreakingTransform', shape, 1)
    return [...shape.slice(0, -1), shape[shape.length - 1] + 1]
  }
  override inverseShape(shape: Shape): Shape {
    checkedEvent('StickBreakingTransform', shape, 1)
    return [...shape.slice(0, -1), shape[shape.length - 1] - 1]
  }
}
function clampedSigmoid(x: Tensor): Tensor {
  const { tiny, eps } = finfo(x.dtype)
  return x.sigmoid().clamp(tiny, 1 - eps)
}

/** Matrices to lower triangular ones with a positive diagonal: its exponential. */
export class LowerCholeskyTransform extends Transform {
  override readonly domain = independent(real, 2)
  override readonly codomain = lowerCholesky
  protected override apply(x: Tensor): Tensor {
    return x.tril(-1).add(x.diagonal(0, -2, -1).exp().diagEmbed())
  }
  protected override invert(y: Tensor): Tensor {
    return y.tril(-1).add(y.diagonal(0, -2, -1).log().diagEmbed())
  }
}

/** Matrices to positive definite ones, by their Cholesky factor. */
export class PositiveDefiniteTransform extends Transform {
  override readonly domain = independent(real, 2)
  override readonly codomain = positiveDefinite
  protected override apply(x: Tensor): Tensor {
    const lower = new LowerCholeskyTransform().forward(x)
    return lower.matmul(lower.transpose(-2, -1))
  }
  protected override invert(y: Tensor): Tensor {
    return new LowerCholeskyTransform().inverse(linalg.cholesky(y))
  }
}

/** From n(n-1)/2 numbers to the Cholesky factor of an n × n correlation matrix. */
export class CorrCholeskyTransform extends Transform {
  override get bijective(): boolean {
    return true
  }
  override readonly domain = realVector
  override readonly codomain = corrCholesky
  protected override apply(x: Tensor): Tensor {
    const { eps } = finfo(x.dtype)
    const r = vectorToTril(x.tanh().clamp(-1 + eps, 1 - eps), -1)
    // Rows are points of a sphere, each coordinate a share of what is left of the radius.
    const left = r.square().neg().add(1).sqrt().cumprod(-1)
    const n = r.shape[r.ndim - 1]
    const unit = ones([n], { dtype: x.dtype, device: x.device }).diagEmbed()
    return r.add(unit).mul(F.pad(left.narrow(-1, 0, n - 1), [1, 0], { value: 1 }))
  }
  protected override invert(y: Tensor): Tensor {
    const n = y.shape[y.ndim - 1]
    const left = y.square().cumsum(-1).neg().add(1)
    const shifted = F.pad(left.narrow(-1, 0, n - 1), [1, 0], { value: 1 })
    const t = trilToVector(y, -1).div(trilToVector(shifted, -1).sqrt())
    return t.log1p().sub(t.neg().log1p()).div(2)
  }
  override logAbsDetJacobian(x: Tensor, y: Tensor): Tensor {
    const n = y.shape[y.ndim - 1]
    const left = y.square().cumsum(-1).neg().add(1)
    const minors = trilToVector(left, -2)
    const part = minors.log().sum(-1).mul(0.5)
    const tanh = F.softplus(x.mul(2)).neg().add(x).add(Math.LN2).sum(-1).mul(2)
    return n < 3 ? tanh : part.add(tanh)
  }
  override forwardShape(shape: Shape): Shape {
    checkedEvent('CorrCholeskyTransform', shape, 1)
    const m = shape[shape.length - 1]
    const n = Math.round(0.5 + Math.sqrt(0.25 + 2 * m))
    if ((n * (n - 1)) / 2 !== m)
      throw new ShapeError(`CorrCholeskyTransform: expected a last dimension of n(n-1)/2, got ${formatShape(shape)}`)
    return [...shape.slice(0, -1), n, n]
  }
  override inverseShape(shape: Shape): Shape {
    checkedEvent('CorrCholeskyTransform', shape, 2)
    const n = shape[shape.length - 1]
    if (shape[shape.length - 2] !== n)
      throw new ShapeError(`CorrCholeskyTransform: expected square matrices, got ${formatShape(shape)}`)
    return [...shape.slice(0, -2), (n * (n - 1)) / 2]
  }
}

/** Flat places of the lower triangle of an n × n matrix. */
const trilPlaces = (n: number, diagonal: number): number[] =>
  Array.from({ length: n * n }, (_, i) => i).filter((i) => (i % n) - Math.floor(i / n) <= diagonal)
const indexTensor = (places: readonly number[], like: Tensor): Tensor =>
  tensor([...places], { dtype: 'int64', device: like.device })
function vectorToTril(v: Tensor, diagonal: number): Tensor {
  const m = v.shape[v.ndim - 1]
  const n = Math.round((Math.sqrt(1 + 8 * m) + 1) / 2) - (diagonal + 1)
  const flat = ones([...v.shape.slice(0, -1), n * n], { dtype: v.dtype, device: v.device }).mul(0)
  return flat.indexCopy(-1, indexTensor(trilPlaces(n, diagonal), v), v).reshape([...v.shape.slice(0, -1), n, n])
}
function trilToVector(t: Tensor, diagonal: number): Tensor {
  const n = t.shape[t.ndim - 1]
  return t.reshape([...t.shape.slice(0, -2), n * n]).indexSelect(-1, indexTensor(trilPlaces(n, diagonal), t))
}
