// Different transforms for parts of a tensor, and distribution functions.
import { ArgumentError, ShapeError } from '../errors.js'
import { cat, stack } from '../ops/index.js'
import { formatShape } from '../tensor/shape.js'
import type { Tensor } from '../tensor/tensor.js'
import { type Constraint, cat as catConstraint, stack as stackConstraint, unitInterval } from './constraints.js'
import { type Distribution, sumRightmost } from './distribution.js'
import { Transform, type TransformOptions } from './transform.js'

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
