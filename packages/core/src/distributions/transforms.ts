// The namespace `distributions.transforms`: differentiable maps with the logarithm of their Jacobian's determinant.
import { noGrad } from '../autograd/mode.js'
import { ArgumentError, ShapeError } from '../errors.js'
import { cat, F, linalg, ones, stack, tensor, zerosLike } from '../ops/index.js'
import { formatShape, numelOf } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import {
  type Constraint,
  cat as catConstraint,
  corrCholesky,
  independent,
  interval,
  lowerCholesky,
  positive,
  positiveDefinite,
  real,
  realVector,
  simplex,
  stack as stackConstraint,
  unitInterval,
} from './constraints.js'
import type { Distribution } from './distribution.js'
import { finfo, NotImplementedError, type Shape, sumRightmost } from './distribution.js'

export interface TransformOptions {
  /** 1 keeps the latest pair of x and y, so that the inverse of a result is exact. Default 0. */
  readonly cacheSize?: 0 | 1
}

/** A map from `domain` to `codomain`. */
export abstract class Transform {
  readonly cacheSize: number
  /** Whether it has an inverse for every value. */
  get bijective(): boolean {
    return false
  }
  #cached: readonly [x: Tensor, y: Tensor] | null = null
  #inverse: WeakRef<Transform> | null = null

  constructor({ cacheSize = 0 }: TransformOptions = {}) {
    if (cacheSize !== 0 && cacheSize !== 1)
      throw new ArgumentError(`${this.constructor.name}: expected cacheSize 0 or 1, got ${cacheSize}`)
    this.cacheSize = cacheSize
  }

  abstract get domain(): Constraint
  abstract get codomain(): Constraint
  /** Computes y. */
  protected abstract apply(x: Tensor): Tensor
  /** Computes x. */
  protected invert(_y: Tensor): Tensor {
    throw new NotImplementedError(`${this.constructor.name}: has no inverse`)
  }
  /** The logarithm of |dy/dx|. */
  logAbsDetJacobian(_x: Tensor, _y: Tensor): Tensor {
    throw new NotImplementedError(`${this.constructor.name}: has no logAbsDetJacobian`)
  }
  /** The sign of dy/dx where that is monotone. */
  get sign(): number | Tensor {
    throw new NotImplementedError(`${this.constructor.name}: has no sign`)
  }

  /** y of x. */
  forward(x: Tensor): Tensor {
    if (this.cacheSize === 0) return this.apply(x)
    if (this.#cached !== null && this.#cached[0] === x) return this.#cached[1]
    const y = this.apply(x)
    this.#cached = [x, y]
    return y
  }
  /** x of y. */
  inverse(y: Tensor): Tensor {
    if (this.cacheSize === 0) return this.invert(y)
    if (this.#cached !== null && this.#cached[1] === y) return this.#cached[0]
    const x = this.invert(y)
    this.#cached = [x, y]
    return x
  }
  /** The inverse as a transform. */
  get inv(): Transform {
    let inverse = this.#inverse?.deref()
    if (inverse === undefined) {
      inverse = new InverseTransform(this)
      this.#inverse = new WeakRef(inverse)
    }
    return inverse
  }
  /** The shape of y. */
  forwardShape(shape: Shape): Shape {
    return shape
  }
  /** The shape of x. */
  inverseShape(shape: Shape): Shape {
    return shape
  }
  /** Whether another transform does the same. */
  equals(other: Transform): boolean {
    return other.constructor === this.constructor
  }

  toString(): string {
    return `${this.constructor.name}()`
  }
}

class InverseTransform extends Transform {
  readonly of: Transform
  constructor(of: Transform) {
    super()
    this.of = of
  }
  override get bijective(): boolean {
    return this.of.bijective
  }
  override get domain(): Constraint {
    return this.of.codomain
  }
  override get codomain(): Constraint {
    return this.of.domain
  }
  override get sign(): number | Tensor {
    return this.of.sign
  }
  override get inv(): Transform {
    return this.of
  }
  override forward(x: Tensor): Tensor {
    return this.of.inverse(x)
  }
  override inverse(y: Tensor): Tensor {
    return this.of.forward(y)
  }
  protected override apply(x: Tensor): Tensor {
    return this.of.inverse(x)
  }
  override logAbsDetJacobian(x: Tensor, y: Tensor): Tensor {
    return this.of.logAbsDetJacobian(y, x).neg()
  }
  override forwardShape(shape: Shape): Shape {
    return this.of.inverseShape(shape)
  }
  override inverseShape(shape: Shape): Shape {
    return this.of.forwardShape(shape)
  }
  override equals(other: Transform): boolean {
    return other instanceof InverseTransform && this.of.equals(other.of)
  }
}

/** Transforms one after the other. */
export class ComposeTransform extends Transform {
  readonly parts: readonly Transform[]
  constructor(parts: readonly Transform[], options?: TransformOptions) {
    super(options)
    this.parts = parts
  }
  override get bijective(): boolean {
    return this.parts.every((part) => part.bijective)
  }
  override get sign(): number | Tensor {
    return this.parts.reduce((sign: number | Tensor, { sign: next }) => times(sign, next), 1)
  }
  override get domain(): Constraint {
    const [first] = this.parts
    if (first === undefined) return real
    // How many dimensions belong together, seen from the last part backwards.
    let dims = this.parts[this.parts.length - 1].codomain.eventDim
    for (const part of [...this.parts].reverse())
      dims = Math.max(dims + part.domain.eventDim - part.codomain.eventDim, part.domain.eventDim)
    return dims > first.domain.eventDim ? independent(first.domain, dims - first.domain.eventDim) : first.domain
  }
  override get codomain(): Constraint {
    const last = this.parts[this.parts.length - 1]
    if (last === undefined) return real
    let dims = this.parts[0].domain.eventDim
    for (const part of this.parts)
      dims = Math.max(dims + part.codomain.eventDim - part.domain.eventDim, part.codomain.eventDim)
    return dims > last.codomain.eventDim ? independent(last.codomain, dims - last.codomain.eventDim) : last.codomain
  }
  protected override apply(x: Tensor): Tensor {
    return this.parts.reduce((value, part) => part.forward(value), x)
  }
  protected override invert(y: Tensor): Tensor {
    return this.parts.reduceRight((value, part) => part.inverse(value), y)
  }
  override logAbsDetJacobian(x: Tensor, y: Tensor): Tensor {
    if (this.parts.length === 0) return zerosLike(x)
    const values = [x]
    for (const part of this.parts.slice(0, -1)) values.push(part.forward(values[values.length - 1]))
    values.push(y)
    let dims = this.domain.eventDim
    let sum: Tensor | null = null
    this.parts.forEach((part, i) => {
      const term = sumRightmost(part.logAbsDetJacobian(values[i], values[i + 1]), dims - part.domain.eventDim)
      sum = sum === null ? term : sum.add(term)
      dims += part.codomain.eventDim - part.domain.eventDim
    })
    return sum ?? zerosLike(x)
  }
  override forwardShape(shape: Shape): Shape {
    return this.parts.reduce((s, part) => part.forwardShape(s), shape)
  }
  override inverseShape(shape: Shape): Shape {
    return this.parts.reduceRight((s, part) => part.inverseShape(s), shape)
  }
  override equals(other: Transform): boolean {
    return (
      other instanceof ComposeTransform &&
      other.parts.length === this.parts.length &&
      this.parts.every((part, i) => part.equals(other.parts[i]))
    )
  }
}
const times = (a: number | Tensor, b: number | Tensor): number | Tensor =>
  a instanceof Tensor ? a.mul(b) : b instanceof Tensor ? b.mul(a) : a * b

/** Does nothing. */
export const identityTransform: Transform = new ComposeTransform([])

/** Counts more dimensions to the event. */
export class IndependentTransform extends Transform {
  readonly baseTransform: Transform
  readonly reinterpretedBatchNdims: number
  constructor(baseTransform: Transform, reinterpretedBatchNdims: number, options?: TransformOptions) {
    super(options)
    this.baseTransform = baseTransform
    this.reinterpretedBatchNdims = reinterpretedBatchNdims
  }
  override get bijective(): boolean {
    return this.baseTransform.bijective
  }
  override get sign(): number | Tensor {
    return this.baseTransform.sign
  }
  override get domain(): Constraint {
    return independent(this.baseTransform.domain, this.reinterpretedBatchNdims)
  }
  override get codomain(): Constraint {
    return independent(this.baseTransform.codomain, this.reinterpretedBatchNdims)
  }
  protected override apply(x: Tensor): Tensor {
    this.#check(x, this.domain)
    return this.baseTransform.forward(x)
  }
  protected override invert(y: Tensor): Tensor {
    this.#check(y, this.codomain)
    return this.baseTransform.inverse(y)
  }
  #check(t: Tensor, { eventDim }: Constraint): void {
    if (t.ndim < eventDim)
      throw new ShapeError(
        `IndependentTransform: expected at least ${eventDim} dimensions, got shape ${formatShape(t.shape)}`,
      )
  }
  override logAbsDetJacobian(x: Tensor, y: Tensor): Tensor {
    return sumRightmost(this.baseTransform.logAbsDetJacobian(x, y), this.reinterpretedBatchNdims)
  }
  override forwardShape(shape: Shape): Shape {
    return this.baseTransform.forwardShape(shape)
  }
  override inverseShape(shape: Shape): Shape {
    return this.baseTransform.inverseShape(shape)
  }
  override equals(other: Transform): boolean {
    return (
      other instanceof IndependentTransform &&
      other.reinterpretedBatchNdims === this.reinterpretedBatchNdims &&
      this.baseTransform.equals(other.baseTransform)
    )
  }
}

/** Events in another shape of as many elements. */
export class ReshapeTransform extends Transform {
  override get bijective(): boolean {
    return true
  }
  readonly inShape: Shape
  readonly outShape: Shape
  constructor(inShape: Shape, outShape: Shape, options?: TransformOptions) {
    super(options)
    if (numelOf(inShape) !== numelOf(outShape))
      throw new ShapeError(
        `ReshapeTransform: expected as many elements, got ${formatShape(inShape)} and ${formatShape(outShape)}`,
      )
    this.inShape = [...inShape]
    this.outShape = [...outShape]
  }
  override get domain(): Constraint {
    return independent(real, this.inShape.length)
  }
  override get codomain(): Constraint {
    return independent(real, this.outShape.length)
  }
  #exchanged(shape: Shape, from: Shape, to: Shape): number[] {
    const cut = shape.length - from.length
    if (cut < 0 || from.some((n, i) => shape[cut + i] !== n))
      throw new ShapeError(
        `ReshapeTransform: expected a shape that ends with ${formatShape(from)}, got ${formatShape(shape)}`,
      )
    return [...shape.slice(0, cut), ...to]
  }
  protected override apply(x: Tensor): Tensor {
    return x.reshape(this.#exchanged(x.shape, this.inShape, this.outShape))
  }
  protected override invert(y: Tensor): Tensor {
    return y.reshape(this.#exchanged(y.shape, this.outShape, this.inShape))
  }
  override logAbsDetJacobian(x: Tensor): Tensor {
    return zerosLike(x.reshape([...x.shape.slice(0, x.ndim - this.inShape.length), -1]).select(-1, 0))
  }
  override forwardShape(shape: Shape): Shape {
    return this.#exchanged(shape, this.inShape, this.outShape)
  }
  override inverseShape(shape: Shape): Shape {
    return this.#exchanged(shape, this.outShape, this.inShape)
  }
  override equals(other: Transform): boolean {
    return (
      other instanceof ReshapeTransform &&
      String(other.inShape) === String(this.inShape) &&
      String(other.outShape) === String(this.outShape)
    )
  }
}

/** `y = eˣ`. */
export class ExpTransform extends Transform {
  override get bijective(): boolean {
    return true
  }
  override get sign(): number | Tensor {
    return 1
  }
  override readonly domain = real
  override readonly codomain = positive
  protected override apply(x: Tensor): Tensor {
    return x.exp()
  }
  protected override invert(y: Tensor): Tensor {
    return y.log()
  }
  override logAbsDetJacobian(x: Tensor): Tensor {
    return x
  }
}

/** `y = x^exponent`. */
export class PowerTransform extends Transform {
  override get bijective(): boolean {
    return true
  }
  override readonly domain = positive
  override readonly codomain = positive
  readonly exponent: Tensor | number
  constructor(exponent: Tensor | number, options?: TransformOptions) {
    super(options)
    this.exponent = exponent
  }
  override get sign(): number | Tensor {
    return this.exponent instanceof Tensor ? this.exponent.sign() : Math.sign(this.exponent)
  }
  protected override apply(x: Tensor): Tensor {
    return x.pow(this.exponent)
  }
  protected override invert(y: Tensor): Tensor {
    return y.pow(this.exponent instanceof Tensor ? this.exponent.reciprocal() : 1 / this.exponent)
  }
  override logAbsDetJacobian(x: Tensor, y: Tensor): Tensor {
    return y.mul(this.exponent).div(x).abs().log()
  }
  override equals(other: Transform): boolean {
    return other instanceof PowerTransform && sameValues(this.exponent, other.exponent)
  }
}
const sameValues = (a: Tensor | number, b: Tensor | number): boolean => {
  if (!(a instanceof Tensor) || !(b instanceof Tensor)) return a === b
  return a === b || (String(a.shape) === String(b.shape) && Boolean(noGrad(() => a.eq(b).all().item())))
}

/** `y = 1 / (1 + e⁻ˣ)`. */
export class SigmoidTransform extends Transform {
  override get bijective(): boolean {
    return true
  }
  override get sign(): number | Tensor {
    return 1
  }
  override readonly domain = real
  override readonly codomain = unitInterval
  protected override apply(x: Tensor): Tensor {
    const { tiny, eps } = finfo(x.dtype)
    return x.sigmoid().clamp(tiny, 1 - eps)
  }
  protected override invert(y: Tensor): Tensor {
    const { tiny, eps } = finfo(y.dtype)
    const safe = y.clamp(tiny, 1 - eps)
    return safe.log().sub(safe.neg().log1p())
  }
  override logAbsDetJacobian(x: Tensor): Tensor {
    return F.softplus(x.neg()).neg().sub(F.softplus(x))
  }
}

/** `y = log(1 + eˣ)`. */
export class SoftplusTransform extends Transform {
  override get bijective(): boolean {
    return true
  }
  override get sign(): number | Tensor {
    return 1
  }
  override readonly domain = real
  override readonly codomain = positive
  protected override apply(x: Tensor): Tensor {
    return F.softplus(x)
  }
  protected override invert(y: Tensor): Tensor {
    return y.neg().expm1().neg().log().add(y)
  }
  override logAbsDetJacobian(x: Tensor): Tensor {
    return F.softplus(x.neg()).neg()
  }
}

const MINUS_ONE_TO_ONE = interval(-1, 1)

/** `y = tanh x`. */
export class TanhTransform extends Transform {
  override get bijective(): boolean {
    return true
  }
  override get sign(): number | Tensor {
    return 1
  }
  override readonly domain = real
  override get codomain(): Constraint {
    return MINUS_ONE_TO_ONE
  }
  protected override apply(x: Tensor): Tensor {
    return x.tanh()
  }
  protected override invert(y: Tensor): Tensor {
    return y.atanh()
  }
  override logAbsDetJacobian(x: Tensor): Tensor {
    // Better behaved than log(1 - tanh²).
    return x
      .neg()
      .add(Math.LN2)
      .sub(F.softplus(x.mul(-2)))
      .mul(2)
  }
}

/** `y = |x|`; of two x, the inverse gives the one ≥ 0. */
export class AbsTransform extends Transform {
  override readonly domain = real
  override readonly codomain = positive
  protected override apply(x: Tensor): Tensor {
    return x.abs()
  }
  protected override invert(y: Tensor): Tensor {
    return y
  }
}

/** `y = loc + scale · x`. */
export class AffineTransform extends Transform {
  override get bijective(): boolean {
    return true
  }
  readonly loc: Tensor | number
  readonly scale: Tensor | number
  readonly eventDim: number
  constructor(
    loc: Tensor | number,
    scale: Tensor | number,
    options: TransformOptions & { readonly eventDim?: number } = {},
  ) {
    super(options)
    this.loc = loc
    this.scale = scale
    this.eventDim = options.eventDim ?? 0
  }
  override get domain(): Constraint {
    return this.eventDim === 0 ? real : independent(real, this.eventDim)
  }
  override get codomain(): Constraint {
    return this.domain
  }
  override get sign(): number | Tensor {
    return this.scale instanceof Tensor ? this.scale.sign() : Math.sign(this.scale)
  }
  protected override apply(x: Tensor): Tensor {
    return x.mul(this.scale).add(this.loc)
  }
  protected override invert(y: Tensor): Tensor {
    return y.sub(this.loc).div(this.scale)
  }
  override logAbsDetJacobian(x: Tensor): Tensor {
    const { scale } = this
    const each = scale instanceof Tensor ? scale.abs().log() : zerosLike(x).add(Math.log(Math.abs(scale)))
    const summed =
      each.ndim < this.eventDim
        ? each
        : sumRightmost(each.expand(this.eventDim === 0 ? each.shape : x.shape), this.eventDim)
    return summed.expand(x.shape.slice(0, x.ndim - this.eventDim))
  }
  override equals(other: Transform): boolean {
    return other instanceof AffineTransform && sameValues(this.loc, other.loc) && sameValues(this.scale, other.scale)
  }
}

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

/** Different transforms for parts of a dimension. */
export class CatTransform extends Transform {
  readonly transforms: readonly Transform[]
  readonly dim: number
  readonly lengths: readonly number[]
  constructor(
    transforms: readonly Transform[],
    dim = 0,
    lengths: readonly number[] = transforms.map(() => 1),
    options?: TransformOptions,
  ) {
    super(options)
    if (lengths.length !== transforms.length)
      throw new ArgumentError(`CatTransform: expected ${transforms.length} lengths, got ${lengths.length}`)
    this.transforms = transforms
    this.dim = dim
    this.lengths = lengths
  }
  override get bijective(): boolean {
    return this.transforms.every((t) => t.bijective)
  }
  override get domain(): Constraint {
    return catConstraint(
      this.transforms.map((t) => t.domain),
      this.dim,
      this.lengths,
    )
  }
  override get codomain(): Constraint {
    return catConstraint(
      this.transforms.map((t) => t.codomain),
      this.dim,
      this.lengths,
    )
  }
  #parts(t: Tensor): Tensor[] {
    return t.splitWithSizes([...this.lengths], this.dim)
  }
  protected override apply(x: Tensor): Tensor {
    return cat(
      this.#parts(x).map((part, i) => this.transforms[i].forward(part)),
      this.dim,
    )
  }
  protected override invert(y: Tensor): Tensor {
    return cat(
      this.#parts(y).map((part, i) => this.transforms[i].inverse(part)),
      this.dim,
    )
  }
  override logAbsDetJacobian(x: Tensor, y: Tensor): Tensor {
    const ys = this.#parts(y)
    const eventDim = Math.max(...this.transforms.map((t) => t.domain.eventDim))
    const terms = this.#parts(x).map((part, i) => {
      const t = this.transforms[i]
      return sumRightmost(t.logAbsDetJacobian(part, ys[i]), eventDim - t.domain.eventDim)
    })
    const dim = (this.dim >= 0 ? this.dim - x.ndim : this.dim) + eventDim
    return dim < 0 ? cat(terms, dim) : terms.reduce((a, b) => a.add(b))
  }
}

/** Different transforms for slices along a dimension. */
export class StackTransform extends Transform {
  readonly transforms: readonly Transform[]
  readonly dim: number
  constructor(transforms: readonly Transform[], dim = 0, options?: TransformOptions) {
    super(options)
    this.transforms = transforms
    this.dim = dim
  }
  override get bijective(): boolean {
    return this.transforms.every((t) => t.bijective)
  }
  override get domain(): Constraint {
    return stackConstraint(
      this.transforms.map((t) => t.domain),
      this.dim,
    )
  }
  override get codomain(): Constraint {
    return stackConstraint(
      this.transforms.map((t) => t.codomain),
      this.dim,
    )
  }
  #slices(t: Tensor): Tensor[] {
    const slices = t.unbind(this.dim)
    if (slices.length !== this.transforms.length)
      throw new ShapeError(
        `StackTransform: expected ${this.transforms.length} slices, got shape ${formatShape(t.shape)}`,
      )
    return slices
  }
  protected override apply(x: Tensor): Tensor {
    return stack(
      this.#slices(x).map((part, i) => this.transforms[i].forward(part)),
      this.dim,
    )
  }
  protected override invert(y: Tensor): Tensor {
    return stack(
      this.#slices(y).map((part, i) => this.transforms[i].inverse(part)),
      this.dim,
    )
  }
  override logAbsDetJacobian(x: Tensor, y: Tensor): Tensor {
    const ys = this.#slices(y)
    return stack(
      this.#slices(x).map((part, i) => this.transforms[i].logAbsDetJacobian(part, ys[i])),
      this.dim,
    )
  }
}

/** `y = F(x)` for the distribution function F of a distribution. */
export class CumulativeDistributionTransform extends Transform {
  override get bijective(): boolean {
    return true
  }
  override get sign(): number | Tensor {
    return 1
  }
  override readonly codomain = unitInterval
  readonly distribution: Distribution
  constructor(distribution: Distribution, options?: TransformOptions) {
    super(options)
    this.distribution = distribution
  }
  override get domain(): Constraint {
    return this.distribution.support
  }
  protected override apply(x: Tensor): Tensor {
    return this.distribution.cdf(x)
  }
  protected override invert(y: Tensor): Tensor {
    return this.distribution.icdf(y)
  }
  override logAbsDetJacobian(x: Tensor): Tensor {
    return this.distribution.logProb(x)
  }
}
