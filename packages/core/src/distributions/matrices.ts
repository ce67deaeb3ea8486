// Distributions of matrices: Wishart, and Cholesky factors of correlations.
import { noGrad } from '../autograd/mode.js'
import { ArgumentError, describe } from '../errors.js'
import { arange, cat, eye, linalg, randn, tensor, zeros } from '../ops/index.js'
import { broadcastShapes } from '../tensor/shape.js'
import type { Tensor } from '../tensor/tensor.js'
import { type Constraint, corrCholesky, greaterThan, lowerCholesky, positive, positiveDefinite } from './constraints.js'
import {
  broadcastAll,
  Distribution,
  type DistributionOptions,
  finfo,
  masked,
  type Param,
  placeOf,
  type Shape,
} from './distribution.js'
import { ExponentialFamily } from './exponential-family.js'
import { Beta, Chi2 } from './gamma.js'
import {
  factorOf,
  givenMatrix,
  inverseOfFactor,
  logDiagonal,
  type MATRICES,
  type MatrixOptions,
  mT,
  solveLower,
} from './multivariate.js'

/** The derivative of `mvlgamma`. */
const mvdigamma = (x: Tensor, p: number): Tensor =>
  x
    .unsqueeze(-1)
    .sub(arange(p, placeOf(x)).mul(0.5))
    .digamma()
    .sum(-1)

/** The Wishart distribution over positive definite matrices. */
export class Wishart extends ExponentialFamily {
  readonly df: Tensor
  readonly #factor: Tensor
  readonly #given: (typeof MATRICES)[number]
  readonly #matrix: Tensor

  /** @param df degrees of freedom, above n - 1  @param options exactly one matrix, of shape [*, n, n] */
  constructor(df: Param, options: MatrixOptions) {
    const [name, matrix] = givenMatrix('Wishart', options)
    const [d] = broadcastAll('Wishart', df, matrix.select(-1, 0).select(-1, 0).detach())
    const batch = broadcastShapes('Wishart', matrix.shape.slice(0, -2), d.shape)
    const n = matrix.shape[matrix.ndim - 1]
    super(batch, [n, n], options)
    this.df = d.expand(batch)
    this.#given = name
    this.#matrix = matrix.expand([...batch, n, n])
    this.checkArguments('df', name)
    this.#factor = factorOf(name, matrix).expand([...batch, n, n])
  }
  override get hasRsample(): boolean {
    return true
  }
  override get argConstraints(): Record<string, Constraint> {
    return {
      df: greaterThan(this.eventShape[0] - 1),
      covarianceMatrix: positiveDefinite,
      precisionMatrix: positiveDefinite,
      scaleTril: lowerCholesky,
    }
  }
  override get support(): Constraint {
    return positiveDefinite
  }
  get scaleTril(): Tensor {
    return this.#factor
  }
  get covarianceMatrix(): Tensor {
    return this.#given === 'covarianceMatrix' ? this.#matrix : this.#factor.matmul(mT(this.#factor))
  }
  get precisionMatrix(): Tensor {
    return this.#given === 'precisionMatrix' ? this.#matrix : inverseOfFactor(this.#factor)
  }
  override expand(shape: Shape): Wishart {
    const matrix = this.#matrix.expand([...shape, ...this.eventShape])
    return new Wishart(this.df.expand(shape), { [this.#given]: matrix, validateArgs: this.validateArgs })
  }
  /** df for each matrix. */
  get #each(): Tensor {
    return this.df.reshape([...this.batchShape, 1, 1])
  }
  override get mean(): Tensor {
    return this.#each.mul(this.covarianceMatrix)
  }
  override get mode(): Tensor {
    const factor = this.#each.sub(this.eventShape[0] + 1)
    return masked(factor, factor.le(0), Number.NaN).mul(this.covarianceMatrix)
  }
  override get variance(): Tensor {
    const v = this.covarianceMatrix
    const diagonal = v.diagonal(0, -2, -1)
    return this.#each.mul(v.square().add(diagonal.unsqueeze(-1).mul(diagonal.unsqueeze(-2))))
  }
  /** By the decomposition of Bartlett: a triangle of normal variables under a diagonal of chi variables. */
  #draw(shape: Shape): Tensor {
    const n = this.eventShape[0]
    const df = this.df.unsqueeze(-1).sub(arange(n, placeOf(this.df)))
    const noise = new Chi2(df, { validateArgs: false }).rsample(shape).sqrt().clampMin(finfo(df.dtype).eps).diagEmbed()
    const size = [...shape, ...this.batchShape]
    const normal = randn([...size, (n * (n - 1)) / 2], placeOf(this.df))
    const places = Array.from({ length: n * n }, (_, i) => i).filter((i) => i % n < Math.floor(i / n))
    const index = tensor(places, { dtype: 'int64', device: this.df.device })
    const flat = zeros([...size, n * n], placeOf(this.df)).indexCopy(-1, index, normal)
    const triangle = flat.reshape([...size, n, n])
    const chol = this.#factor.matmul(noise.add(triangle))
    return chol.matmul(mT(chol))
  }
  override rsample(shape: Shape = []): Tensor {
    const count = shape.reduce((n, d) => n * d, 1)
    let drawn = this.#draw(shape).reshape([count, ...this.batchShape, ...this.eventShape])
    // PyTorch looks for draws that are no positive definite numbers, but takes the good ones for them: those are drawn
    // again, and then whichever are bad. The stream is the same only so.
    let again = this.#definite(drawn, true)
    for (let tries = 0; again.length > 0 && tries < 10; tries++) {
      const fresh = this.#draw([again.length])
      drawn = drawn.indexCopy(0, tensor(again, { dtype: 'int64', device: drawn.device }), fresh)
      const bad = this.#definite(fresh, false)
      again = bad.map((i) => again[i])
    }
    return drawn.reshape(this.extended(shape))
  }
  /** The rows of which any matrix is, or is not, positive definite. */
  #definite(draws: Tensor, wanted: boolean): number[] {
    return noGrad(() => {
      const mask = positiveDefinite.check(draws).eq(wanted).reshape([draws.shape[0], -1]).any(1)
      return (mask.toArray() as boolean[]).flatMap((hit, i) => (hit ? [i] : []))
    })
  }
  override logProb(value: Tensor): Tensor {
    this.checkSample(value)
    const nu = this.df
    const p = this.eventShape[0]
    const inner = solveLower(this.#factor, value)
    const product = solveLower(this.#factor, mT(inner))
    return nu
      .neg()
      .mul(logDiagonal(this.#factor).add((p * Math.LN2) / 2))
      .sub(nu.div(2).mvlgamma(p))
      .add(
        nu
          .sub(p + 1)
          .div(2)
          .mul(linalg.slogdet(value).logabsdet),
      )
      .sub(product.diagonal(0, -2, -1).sum(-1).div(2))
  }
  override entropy(): Tensor {
    const nu = this.df
    const p = this.eventShape[0]
    return logDiagonal(this.#factor)
      .add((p * Math.LN2) / 2)
      .mul(p + 1)
      .add(nu.div(2).mvlgamma(p))
      .sub(
        nu
          .sub(p + 1)
          .div(2)
          .mul(mvdigamma(nu.div(2), p)),
      )
      .add(nu.mul(p / 2))
  }
  override get naturalParams(): Tensor[] {
    return [this.precisionMatrix.div(-2), this.df.sub(this.eventShape[0] + 1).div(2)]
  }
  override logNormalizer(x: Tensor, y: Tensor): Tensor {
    const p = this.eventShape[0]
    const half = y.add((p + 1) / 2)
    return half
      .mul(
        linalg
          .slogdet(x.mul(-2))
          .logabsdet.neg()
          .add(p * Math.LN2),
      )
      .add(half.mvlgamma(p))
  }
}

/**
 * Cholesky factors of random correlation matrices, by the onion method.
 * [Lewandowski, Kurowicka and Joe, 2009](https://doi.org/10.1016/j.jmva.2009.04.008)
 */
export class LKJCholesky extends Distribution {
  readonly dim: number
  readonly concentration: Tensor

  /** @param dim rows and columns, 2 and more  @param concentration 1 is even over correlations; more favours small ones */
  constructor(dim: number, concentration: Param = 1, options?: DistributionOptions) {
    if (!Number.isInteger(dim) || dim < 2)
      throw new ArgumentError(`LKJCholesky: expected dim to be an integer ≥ 2, got ${describe(dim)}`)
    const [c] = broadcastAll('LKJCholesky', concentration)
    super(c.shape, [dim, dim], options)
    this.dim = dim
    this.concentration = c
    this.checkArguments('concentration')
  }
  override get argConstraints(): Record<string, Constraint> {
    return { concentration: positive }
  }
  override get support(): Constraint {
    return corrCholesky
  }
  override expand(shape: Shape): LKJCholesky {
    return new LKJCholesky(this.dim, this.concentration.expand(shape), { validateArgs: this.validateArgs })
  }
  override sample(shape: Shape = []): Tensor {
    return noGrad(() => {
      const { dim, concentration } = this
      const place = placeOf(concentration)
      const offset = cat([zeros([1], place), arange(dim - 1, place)])
      const marginal = concentration.add(0.5 * (dim - 2)).unsqueeze(-1)
      const beta = new Beta(offset.add(0.5), marginal.sub(offset.mul(0.5)), { validateArgs: false })
      const y = beta.sample(shape).unsqueeze(-1)
      const normal = randn(this.extended(shape), place).tril(-1)
      const unit = normal.div(normal.square().sum(-1, { keepdim: true }).sqrt())
      // The first row has no direction.
      const first = eye(dim, undefined, place).select(0, 0).unsqueeze(-1).gt(0)
      const w = y.sqrt().mul(unit.maskedFill(first.expandAs(unit), 0))
      const rest = w.square().sum(-1).neg().add(1).clampMin(finfo(concentration.dtype).tiny).sqrt()
      return w.add(rest.diagEmbed())
    })
  }
  override logProb(value: Tensor): Tensor {
    this.checkSample(value)
    const { dim, concentration } = this
    const diagonal = value.diagonal(0, -2, -1).narrow(-1, 1, dim - 1)
    const order = concentration
      .sub(1)
      .mul(2)
      .unsqueeze(-1)
      .add(dim)
      .sub(arange(dim - 1, placeOf(concentration)).add(2))
    const unnormalized = order.mul(diagonal.log()).sum(-1)
    const n = dim - 1
    const alpha = concentration.add(0.5 * n)
    const numerator = alpha.sub(0.5).mvlgamma(n)
    return unnormalized.sub(numerator.sub(alpha.lgamma().mul(n)).add(0.5 * n * Math.log(Math.PI)))
  }
}
