// The namespace `distributions.constraints`: where parameters may be and where values lie.
import { ArgumentError } from '../errors.js'
import { cat as concatenate, linalg, onesLike, stack as stackTensors } from '../ops/index.js'
import type { Tensor } from '../tensor/tensor.js'

type Bound = Tensor | number

/** A region of tensors. The last `eventDim` dimensions are judged together. */
export abstract class Constraint {
  get isDiscrete(): boolean {
    return false
  }
  get eventDim(): number {
    return 0
  }
  /** Whether each event lies in the region: bool, of the shape before the event's dimensions. */
  abstract check(value: Tensor): Tensor

  toString(): string {
    return this.constructor.name
  }
}

/** All of the last `dims` dimensions. */
const allOf = (mask: Tensor, dims: number): Tensor =>
  dims === 0 ? mask : mask.reshape([...mask.shape.slice(0, mask.ndim - dims), -1]).all(-1)
const yes = (value: Tensor): Tensor => onesLike(value, { dtype: 'bool' })

/** Depends on other parameters: only the distribution at hand knows. */
class Dependent extends Constraint {
  override check(): Tensor {
    throw new ArgumentError('constraints.dependent: cannot be checked without its distribution')
  }
}
class BooleanConstraint extends Constraint {
  override get isDiscrete(): boolean {
    return true
  }
  override check(value: Tensor): Tensor {
    return value.eq(0).logicalOr(value.eq(1))
  }
}
class OneHot extends Constraint {
  override get isDiscrete(): boolean {
    return true
  }
  override get eventDim(): number {
    return 1
  }
  override check(value: Tensor): Tensor {
    return allOf(value.eq(0).logicalOr(value.eq(1)), 1).logicalAnd(value.sum(-1).eq(1))
  }
}
class IntegerInterval extends Constraint {
  override get isDiscrete(): boolean {
    return true
  }
  readonly lowerBound: Bound
  readonly upperBound: Bound
  constructor(lowerBound: Bound, upperBound: Bound) {
    super()
    this.lowerBound = lowerBound
    this.upperBound = upperBound
  }
  override check(value: Tensor): Tensor {
    const whole = value.remainder(1).eq(0)
    return whole.logicalAnd(value.ge(this.lowerBound)).logicalAnd(value.le(this.upperBound))
  }
}
class IntegerLessThan extends Constraint {
  override get isDiscrete(): boolean {
    return true
  }
  readonly upperBound: Bound
  constructor(upperBound: Bound) {
    super()
    this.upperBound = upperBound
  }
  override check(value: Tensor): Tensor {
    return value.remainder(1).eq(0).logicalAnd(value.le(this.upperBound))
  }
}
class IntegerGreaterThan extends Constraint {
  override get isDiscrete(): boolean {
    return true
  }
  readonly lowerBound: Bound
  constructor(lowerBound: Bound) {
    super()
    this.lowerBound = lowerBound
  }
  override check(value: Tensor): Tensor {
    return value.remainder(1).eq(0).logicalAnd(value.ge(this.lowerBound))
  }
}
class Real extends Constraint {
  override check(value: Tensor): Tensor {
    return value.eq(value)
  }
}
class GreaterThan extends Constraint {
  readonly lowerBound: Bound
  constructor(lowerBound: Bound) {
    super()
    this.lowerBound = lowerBound
  }
  override check(value: Tensor): Tensor {
    return value.gt(this.lowerBound)
  }
}
class GreaterThanEq extends Constraint {
  readonly lowerBound: Bound
  constructor(lowerBound: Bound) {
    super()
    this.lowerBound = lowerBound
  }
  override check(value: Tensor): Tensor {
    return value.ge(this.lowerBound)
  }
}
class LessThan extends Constraint {
  readonly upperBound: Bound
  constructor(upperBound: Bound) {
    super()
    this.upperBound = upperBound
  }
  override check(value: Tensor): Tensor {
    return value.lt(this.upperBound)
  }
}
class Interval extends Constraint {
  readonly lowerBound: Bound
  readonly upperBound: Bound
  constructor(lowerBound: Bound, upperBound: Bound) {
    super()
    this.lowerBound = lowerBound
    this.upperBound = upperBound
  }
  override check(value: Tensor): Tensor {
    return value.ge(this.lowerBound).logicalAnd(value.le(this.upperBound))
  }
}
class HalfOpenInterval extends Interval {
  override check(value: Tensor): Tensor {
    return value.ge(this.lowerBound).logicalAnd(value.lt(this.upperBound))
  }
}
class Simplex extends Constraint {
  override get eventDim(): number {
    return 1
  }
  override check(value: Tensor): Tensor {
    return allOf(value.ge(0), 1).logicalAnd(value.sum(-1).sub(1).abs().lt(1e-6))
  }
}
class MultinomialConstraint extends Constraint {
  override get isDiscrete(): boolean {
    return true
  }
  override get eventDim(): number {
    return 1
  }
  readonly upperBound: Bound
  constructor(upperBound: Bound) {
    super()
    this.upperBound = upperBound
  }
  override check(value: Tensor): Tensor {
    return allOf(value.ge(0), 1).logicalAnd(value.sum(-1).le(this.upperBound))
  }
}
class LowerTriangular extends Constraint {
  override get eventDim(): number {
    return 2
  }
  override check(value: Tensor): Tensor {
    return allOf(value.tril().eq(value), 2)
  }
}
const positiveDiagonal = (value: Tensor): Tensor => value.diagonal(0, -2, -1).gt(0).all(-1)
class LowerCholesky extends LowerTriangular {
  override check(value: Tensor): Tensor {
    return super.check(value).logicalAnd(positiveDiagonal(value))
  }
}
const EPSILON: Readonly<Record<string, number>> = {
  float64: 2 ** -52,
  float32: 2 ** -23,
  float16: 2 ** -10,
  bfloat16: 2 ** -7,
}
class CorrCholesky extends LowerCholesky {
  override check(value: Tensor): Tensor {
    const tolerance = (EPSILON[value.dtype] ?? 0) * value.shape[value.ndim - 1] * 10
    const unit = value.square().sum(-1).sqrt().sub(1).abs().lt(tolerance)
    return unit.all(-1).logicalAnd(super.check(value))
  }
}
class Square extends Constraint {
  override get eventDim(): number {
    return 2
  }
  override check(value: Tensor): Tensor {
    const square = value.shape[value.ndim - 2] === value.shape[value.ndim - 1]
    const mask = yes(value)
      .reshape([...value.shape.slice(0, -2), -1])
      .any(-1)
    return square ? mask : mask.logicalNot()
  }
}
class SymmetricConstraint extends Square {
  override check(value: Tensor): Tensor {
    if (value.shape[value.ndim - 2] !== value.shape[value.ndim - 1]) return super.check(value)
    const other = value.transpose(-2, -1)
    const near = value.sub(other).abs().le(other.abs().mul(1e-5).add(1e-6))
    return allOf(near, 2)
  }
}
class PositiveSemidefinite extends SymmetricConstraint {
  override check(value: Tensor): Tensor {
    const symmetric = super.check(value)
    return symmetric.all().item() ? symmetric.logicalAnd(linalg.eigvalsh(value).ge(0).all(-1)) : symmetric
  }
}
class PositiveDefinite extends SymmetricConstraint {
  override check(value: Tensor): Tensor {
    const symmetric = super.check(value)
    return symmetric.all().item() ? symmetric.logicalAnd(linalg.choleskyEx(value).info.eq(0)) : symmetric
  }
}
/** Judges more dimensions together than the constraint below it. */
class IndependentConstraint extends Constraint {
  readonly baseConstraint: Constraint
  readonly reinterpretedBatchNdims: number
  constructor(baseConstraint: Constraint, reinterpretedBatchNdims: number) {
    super()
    this.baseConstraint = baseConstraint
    this.reinterpretedBatchNdims = reinterpretedBatchNdims
  }
  override get isDiscrete(): boolean {
    return this.baseConstraint.isDiscrete
  }
  override get eventDim(): number {
    return this.baseConstraint.eventDim + this.reinterpretedBatchNdims
  }
  override check(value: Tensor): Tensor {
    const inner = this.baseConstraint.check(value)
    if (inner.ndim < this.reinterpretedBatchNdims)
      throw new ArgumentError(
        `constraints.independent: expected at least ${this.eventDim} dimensions, got ${value.ndim}`,
      )
    return allOf(inner, this.reinterpretedBatchNdims)
  }
}
/** Different constraints for parts of a dimension. */
class CatConstraint extends Constraint {
  readonly cseq: readonly Constraint[]
  readonly dim: number
  readonly lengths: readonly number[]
  constructor(cseq: readonly Constraint[], dim = 0, lengths: readonly number[] = cseq.map(() => 1)) {
    super()
    this.cseq = cseq
    this.dim = dim
    this.lengths = lengths
  }
  override get isDiscrete(): boolean {
    return this.cseq.some((c) => c.isDiscrete)
  }
  override get eventDim(): number {
    return Math.max(...this.cseq.map((c) => c.eventDim))
  }
  override check(value: Tensor): Tensor {
    let at = 0
    const parts = this.cseq.map((c, i) => {
      const part = c.check(value.narrow(this.dim, at, this.lengths[i]))
      at += this.lengths[i]
      return part
    })
    return concatenate(parts, this.dim)
  }
}
/** Different constraints for slices along a dimension. */
class StackConstraint extends Constraint {
  readonly cseq: readonly Constraint[]
  readonly dim: number
  constructor(cseq: readonly Constraint[], dim = 0) {
    super()
    this.cseq = cseq
    this.dim = dim
  }
  override get isDiscrete(): boolean {
    return this.cseq.some((c) => c.isDiscrete)
  }
  override get eventDim(): number {
    const dim = Math.max(...this.cseq.map((c) => c.eventDim))
    return this.dim + dim < 0 ? dim + 1 : dim
  }
  override check(value: Tensor): Tensor {
    return stackTensors(
      this.cseq.map((c, i) => c.check(value.select(this.dim, i))),
      this.dim,
    )
  }
}
/** Where a mixture's value lies: its components' support. */
export class MixtureSameFamilyConstraint extends Constraint {
  readonly baseConstraint: Constraint
  constructor(baseConstraint: Constraint) {
    super()
    this.baseConstraint = baseConstraint
  }
  override get isDiscrete(): boolean {
    return this.baseConstraint.isDiscrete
  }
  override get eventDim(): number {
    return this.baseConstraint.eventDim
  }
  override check(value: Tensor): Tensor {
    // For each component, then all of them.
    const padded = value.unsqueeze(-1 - this.eventDim)
    return this.baseConstraint.check(padded).all(-1)
  }
}

/** Classes, for registering transforms by the kind of constraint. */
export const kinds = {
  Real,
  GreaterThan,
  GreaterThanEq,
  LessThan,
  Interval,
  HalfOpenInterval,
  Simplex,
  LowerCholesky,
  CorrCholesky,
  PositiveDefinite,
  PositiveSemidefinite,
  IndependentConstraint,
  CatConstraint,
  StackConstraint,
} as const

export const dependent: Constraint = new Dependent()
export const boolean: Constraint = new BooleanConstraint()
export const oneHot: Constraint = new OneHot()
export const nonnegativeInteger: Constraint = new IntegerGreaterThan(0)
export const positiveInteger: Constraint = new IntegerGreaterThan(1)
export const integerInterval = (lower: Bound, upper: Bound): Constraint => new IntegerInterval(lower, upper)
export const integerLessThan = (upper: Bound): Constraint => new IntegerLessThan(upper)
export const integerGreaterThan = (lower: Bound): Constraint => new IntegerGreaterThan(lower)
export const real: Constraint = new Real()
export const positive: GreaterThan = new GreaterThan(0)
export const nonnegative: GreaterThanEq = new GreaterThanEq(0)
export const greaterThan = (lower: Bound): GreaterThan => new GreaterThan(lower)
export const greaterThanEq = (lower: Bound): GreaterThanEq => new GreaterThanEq(lower)
export const lessThan = (upper: Bound): LessThan => new LessThan(upper)
export const unitInterval: Interval = new Interval(0, 1)
export const interval = (lower: Bound, upper: Bound): Interval => new Interval(lower, upper)
export const halfOpenInterval = (lower: Bound, upper: Bound): HalfOpenInterval => new HalfOpenInterval(lower, upper)
export const simplex: Constraint = new Simplex()
export const multinomial = (upper: Bound): Constraint => new MultinomialConstraint(upper)
export const lowerTriangular: Constraint = new LowerTriangular()
export const lowerCholesky: Constraint = new LowerCholesky()
export const corrCholesky: Constraint = new CorrCholesky()
export const square: Constraint = new Square()
export const symmetric: Constraint = new SymmetricConstraint()
export const positiveSemidefinite: Constraint = new PositiveSemidefinite()
export const positiveDefinite: Constraint = new PositiveDefinite()
export const independent = (base: Constraint, dims: number): Constraint => new IndependentConstraint(base, dims)
export const realVector: Constraint = independent(real, 1)
export const cat = (parts: readonly Constraint[], dim = 0, lengths?: readonly number[]): Constraint =>
  new CatConstraint(parts, dim, lengths)
export const stack = (parts: readonly Constraint[], dim = 0): Constraint => new StackConstraint(parts, dim)
