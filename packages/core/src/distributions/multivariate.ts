// Multivariate normal distributions.
import { ArgumentError, ShapeError } from '../errors.js'
import { eye, linalg } from '../ops/index.js'
import { broadcastShapes, formatShape } from '../tensor/shape.js'
import type { Tensor } from '../tensor/tensor.js'
import {
  type Constraint,
  independent,
  lowerCholesky,
  positive,
  positiveDefinite,
  real,
  realVector,
} from './constraints.js'
import { Distribution, type DistributionOptions, placeOf, type Shape, standardNormal } from './distribution.js'

/** A matrix transposed. */
export const mT = (t: Tensor): Tensor => t.transpose(-2, -1)
/** Matrices times vectors. */
export const batchMv = (matrix: Tensor, vector: Tensor): Tensor => matrix.matmul(vector.unsqueeze(-1)).squeeze(-1)
/** The logarithm of the determinant of a triangular matrix. */
export const logDiagonal = (lower: Tensor): Tensor => lower.diagonal(0, -2, -1).log().sum(-1)
/** `L⁻¹ b` for a lower triangular L. */
export const solveLower = (lower: Tensor, b: Tensor): Tensor => linalg.solveTriangular(lower, b, { upper: false })
/** `xᵀ (L Lᵀ)⁻¹ x`. */
export const mahalanobis = (lower: Tensor, x: Tensor): Tensor =>
  solveLower(lower, x.unsqueeze(-1)).square().sum([-2, -1])
/** The Cholesky factor of the inverse of a matrix. */
export function factorOfInverse(precision: Tensor): Tensor {
  const flipped = linalg.cholesky(precision.flip([-2, -1]))
  const inverse = mT(flipped.flip([-2, -1]))
  return solveLower(inverse, eye(precision.shape[precision.ndim - 1], undefined, placeOf(precision)))
}
/** `(L Lᵀ)⁻¹`. */
export function inverseOfFactor(lower: Tensor): Tensor {
  const inverse = solveLower(lower, eye(lower.shape[lower.ndim - 1], undefined, placeOf(lower)))
  return mT(inverse).matmul(inverse)
}

/** Exactly one of the three, of shape [*, n, n]. */
export interface MatrixOptions extends DistributionOptions {
  readonly covarianceMatrix?: Tensor
  readonly precisionMatrix?: Tensor
  /** The lower triangular factor of the covariance. */
  readonly scaleTril?: Tensor
}
/** The names of the matrices. */
export const MATRICES = ['covarianceMatrix', 'precisionMatrix', 'scaleTril'] as const

/** The matrix that is given. */
export function givenMatrix(operation: string, options: MatrixOptions): [(typeof MATRICES)[number], Tensor] {
  const given = MATRICES.flatMap((name): [(typeof MATRICES)[number], Tensor][] => {
    const value = options[name]
    return value === undefined ? [] : [[name, value]]
  })
  if (given.length !== 1) throw new ArgumentError(`${operation}: expected exactly one of ${MATRICES.join(', ')}`)
  const [name, matrix] = given[0]
  if (matrix.ndim < 2 || matrix.shape[matrix.ndim - 1] !== matrix.shape[matrix.ndim - 2])
    throw new ShapeError(`${operation}: expected square matrices for ${name}, got shape ${formatShape(matrix.shape)}`)
  return [name, matrix]
}
/** The lower triangular factor of the covariance, from whichever matrix is given. */
export const factorOf = (name: (typeof MATRICES)[number], matrix: Tensor): Tensor =>
  name === 'scaleTril' ? matrix : name === 'covarianceMatrix' ? linalg.cholesky(matrix) : factorOfInverse(matrix)

/**
 * The multivariate normal distribution.
 *
 * @example
 * ```ts
 * import { eye, zeros } from '@flambeau/core'
 * import * as distributions from '@flambeau/core/distributions'
 * const d = new distributions.MultivariateNormal(zeros([3]), { covarianceMatrix: eye(3) })
 * console.log(d.sample([2]).shape, d.logProb(zeros([3])).shape) // → [ 2, 3 ] []
 * ```
 */
export class MultivariateNormal extends Distribution {
  readonly loc: Tensor
  /** @internal Not expanded to the batch. */
  readonly factor: Tensor
  readonly #given: (typeof MATRICES)[number]
  readonly #matrix: Tensor

  /** @param loc shape [*, n]  @param options exactly one matrix */
  constructor(loc: Tensor, options: MatrixOptions) {
    if (loc.ndim < 1) throw new ShapeError('MultivariateNormal: expected a loc of at least one dimension')
    const [name, matrix] = givenMatrix('MultivariateNormal', options)
    const batch = broadcastShapes('MultivariateNormal', matrix.shape.slice(0, -2), loc.shape.slice(0, -1))
    const n = loc.shape[loc.ndim - 1]
    super(batch, [n], options)
    this.loc = loc.expand([...batch, n])
    this.#given = name
    this.#matrix = matrix.expand([...batch, n, n])
    this.checkArguments('loc', name)
    this.factor = factorOf(name, matrix)
  }
  override get hasRsample(): boolean {
    return true
  }
  override get argConstraints(): Record<string, Constraint> {
    return {
      loc: realVector,
      covarianceMatrix: positiveDefinite,
      precisionMatrix: positiveDefinite,
      scaleTril: lowerCholesky,
    }
  }
  override get support(): Constraint {
    return realVector
  }
  get scaleTril(): Tensor {
    return this.#given === 'scaleTril' ? this.#matrix : this.factor.expand(this.#matrix.shape)
  }
  get covarianceMatrix(): Tensor {
    if (this.#given === 'covarianceMatrix') return this.#matrix
    return this.factor.matmul(mT(this.factor)).expand(this.#matrix.shape)
  }
  get precisionMatrix(): Tensor {
    if (this.#given === 'precisionMatrix') return this.#matrix
    return inverseOfFactor(this.factor).expand(this.#matrix.shape)
  }
  override expand(shape: Shape): MultivariateNormal {
    const n = this.eventShape[0]
    const loc = this.loc.expand([...shape, n])
    return new MultivariateNormal(loc, {
      [this.#given]: this.#matrix.expand([...shape, n, n]),
      validateArgs: this.validateArgs,
    })
  }
  override get mean(): Tensor {
    return this.loc
  }
  override get mode(): Tensor {
    return this.loc
  }
  override get variance(): Tensor {
    return this.factor
      .square()
      .sum(-1)
      .expand([...this.batchShape, ...this.eventShape])
  }
  override rsample(shape: Shape = []): Tensor {
    return this.loc.add(batchMv(this.factor, standardNormal(this.extended(shape), this.loc)))
  }
  override logProb(value: Tensor): Tensor {
    this.checkSample(value)
    const m = mahalanobis(this.factor, value.sub(this.loc))
    return m
      .add(this.eventShape[0] * Math.log(2 * Math.PI))
      .mul(-0.5)
      .sub(logDiagonal(this.factor))
  }
  override entropy(): Tensor {
    const constant = 0.5 * this.eventShape[0] * (1 + Math.log(2 * Math.PI))
    return logDiagonal(this.factor).add(constant).expand(this.batchShape)
  }
}

/** The Cholesky factor of `I + Wᵀ D⁻¹ W`. */
function capacitance(factor: Tensor, diagonal: Tensor): Tensor {
  const inner = mT(factor).div(diagonal.unsqueeze(-2)).matmul(factor)
  return linalg.cholesky(inner.add(eye(inner.shape[inner.ndim - 1], undefined, placeOf(inner))))
}

/** The multivariate normal distribution of covariance `W Wᵀ + D` for a diagonal D. */
export class LowRankMultivariateNormal extends Distribution {
  readonly loc: Tensor
  readonly covFactor: Tensor
  readonly covDiag: Tensor
  /** @internal The factor of the capacitance, by which inverse and determinant are cheap. */
  readonly capacitanceTril: Tensor

  /** @param loc shape [*, n]  @param covFactor W, shape [*, n, r]  @param covDiag shape [*, n] */
  constructor(loc: Tensor, covFactor: Tensor, covDiag: Tensor, options?: DistributionOptions) {
    const n = loc.shape[loc.ndim - 1]
    if (
      loc.ndim < 1 ||
      covFactor.ndim < 2 ||
      covFactor.shape[covFactor.ndim - 2] !== n ||
      covDiag.shape[covDiag.ndim - 1] !== n
    )
      throw new ShapeError(
        `LowRankMultivariateNormal: expected loc [*, n], covFactor [*, n, r] and covDiag [*, n], got ${[loc, covFactor, covDiag].map((t) => formatShape(t.shape)).join(', ')}`,
      )
    const shapes = [loc.shape.slice(0, -1), covFactor.shape.slice(0, -2), covDiag.shape.slice(0, -1)]
    const batch = shapes.reduce<readonly number[]>((a, b) => broadcastShapes('LowRankMultivariateNormal', a, b), [])
    super(batch, [n], options)
    this.loc = loc.expand([...batch, n])
    this.covFactor = covFactor.expand([...batch, ...covFactor.shape.slice(-2)])
    this.covDiag = covDiag.expand([...batch, n])
    this.checkArguments('loc', 'covFactor', 'covDiag')
    this.capacitanceTril = capacitance(covFactor, covDiag)
  }
  override get hasRsample(): boolean {
    return true
  }
  override get argConstraints(): Record<string, Constraint> {
    return { loc: realVector, covFactor: independent(real, 2), covDiag: independent(positive, 1) }
  }
  override get support(): Constraint {
    return realVector
  }
  override expand(shape: Shape): LowRankMultivariateNormal {
    const n = this.eventShape[0]
    const factor = this.covFactor.expand([...shape, ...this.covFactor.shape.slice(-2)])
    const options = { validateArgs: this.validateArgs }
    return new LowRankMultivariateNormal(
      this.loc.expand([...shape, n]),
      factor,
      this.covDiag.expand([...shape, n]),
      options,
    )
  }
  override get mean(): Tensor {
    return this.loc
  }
  override get mode(): Tensor {
    return this.loc
  }
  override get variance(): Tensor {
    return this.covFactor.square().sum(-1).add(this.covDiag)
  }
  get covarianceMatrix(): Tensor {
    return this.covFactor.matmul(mT(this.covFactor)).add(this.covDiag.diagEmbed())
  }
  get precisionMatrix(): Tensor {
    const a = solveLower(this.capacitanceTril, mT(this.covFactor).div(this.covDiag.unsqueeze(-2)))
    return this.covDiag.reciprocal().diagEmbed().sub(mT(a).matmul(a))
  }
  get scaleTril(): Tensor {
    const root = this.covDiag.sqrt().unsqueeze(-1)
    const scaled = this.covFactor.div(root)
    const inner = scaled.matmul(mT(scaled)).add(eye(this.eventShape[0], undefined, placeOf(scaled)))
    return root.mul(linalg.cholesky(inner))
  }
  /** @internal */
  logDet(): Tensor {
    return logDiagonal(this.capacitanceTril).mul(2).add(this.covDiag.log().sum(-1))
  }
  /** @internal */
  mahalanobis(x: Tensor): Tensor {
    const projected = batchMv(mT(this.covFactor).div(this.covDiag.unsqueeze(-2)), x)
    return x.square().div(this.covDiag).sum(-1).sub(mahalanobis(this.capacitanceTril, projected))
  }
  override rsample(shape: Shape = []): Tensor {
    const size = this.extended(shape)
    const rank = this.covFactor.shape[this.covFactor.ndim - 1]
    const low = standardNormal([...size.slice(0, -1), rank], this.loc)
    const own = standardNormal(size, this.loc)
    return this.loc.add(batchMv(this.covFactor, low)).add(this.covDiag.sqrt().mul(own))
  }
  override logProb(value: Tensor): Tensor {
    this.checkSample(value)
    const m = this.mahalanobis(value.sub(this.loc))
    return m
      .add(this.logDet())
      .add(this.eventShape[0] * Math.log(2 * Math.PI))
      .mul(-0.5)
  }
  override entropy(): Tensor {
    const constant = this.eventShape[0] * (1 + Math.log(2 * Math.PI))
    return this.logDet().add(constant).mul(0.5).expand(this.batchShape)
  }
}
