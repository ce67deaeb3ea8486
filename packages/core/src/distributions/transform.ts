// Maps with the logarithm of their Jacobian: the base, and those made of others.
import { ArgumentError, ShapeError } from '../errors.js'
import { zerosLike } from '../ops/index.js'
import { formatShape, numelOf } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import { type Constraint, independent, real } from './constraints.js'
import { NotImplementedError, type Shape, sumRightmost } from './distribution.js'

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
