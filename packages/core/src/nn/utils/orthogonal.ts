import { noGrad } from '../../autograd/mode.js'
import { ArgumentError, describe, ShapeError } from '../../errors.js'
import { cat, diagonalScatter, eye, geqrf, linalg, randn, sgn, zeros } from '../../ops/index.js'
import { isComplex } from '../../tensor/dtype.js'
import { formatShape, sameShape } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { type AnyModule, Module } from '../module.js'
import { tensorAt } from './entries.js'
import { NotInvertibleError, registerParametrization } from './parametrize.js'

/** How an orthogonal matrix is made of any. */
export type OrthogonalMap = 'matrix_exp' | 'cayley' | 'householder'
const MAPS: readonly string[] = ['matrix_exp', 'cayley', 'householder']

const placeOf = ({ dtype, device }: Tensor): Pick<Tensor, 'dtype' | 'device'> => ({ dtype, device })
const mT = (t: Tensor): Tensor => t.transpose(-2, -1)
const mH = (t: Tensor): Tensor => mT(t).conj()
const rowsOf = (t: Tensor): number => t.shape[t.ndim - 2]
const columnsOf = (t: Tensor): number => t.shape[t.ndim - 1]
const diagonal = (t: Tensor): Tensor => t.diagonal(0, -2, -1)
const EPSILON: Readonly<Record<string, number>> = { float32: 2 ** -23, complex64: 2 ** -23 }

function isOrthogonal(q: Tensor): boolean {
  const off = mH(q)
    .matmul(q)
    .sub(eye(columnsOf(q), undefined, placeOf(q)))
    .abs()
  const tolerance = 10 * rowsOf(q) * (EPSILON[q.dtype] ?? 2 ** -52)
  return (
    off
      .sub(eye(columnsOf(q), undefined, placeOf(off)).mul(1e-5))
      .amax()
      .item<number>() <= tolerance
  )
}

/** Q of the QR decomposition with a positive diagonal of R. */
function orthogonalized(a: Tensor): Tensor {
  const { a: reflectors, tau } = geqrf(a)
  return linalg.householderProduct(reflectors, tau).mul(sgn(diagonal(reflectors)).unsqueeze(-2))
}

class Orthogonal extends Module {
  readonly shape: readonly number[]
  readonly map: OrthogonalMap
  readonly #trivialized: boolean

  constructor(weight: Tensor, map: OrthogonalMap, trivialized: boolean) {
    super()
    if (isComplex(weight.dtype) && map === 'householder')
      throw new ArgumentError("orthogonal: 'householder' does not take complex tensors")
    this.shape = [...weight.shape]
    this.map = map
    this.#trivialized = trivialized
    if (trivialized) this.registerBuffer('base', null)
  }

  override forward(given: Tensor): Tensor {
    const wide = rowsOf(given) < columnsOf(given)
    const x = wide ? mT(given) : given
    const [n, k] = [rowsOf(x), columnsOf(x)]
    let q = this.map === 'householder' ? ofReflections(x) : this.#ofSkew(x, n, k)
    if (this.#trivialized) q = this.getBuffer('base').matmul(q)
    return wide ? mT(q) : q
  }

  /** The first columns of a map of the skew-symmetric matrix below the diagonal. */
  #ofSkew(x: Tensor, n: number, k: number): Tensor {
    const lower = x.tril()
    const rest = zeros([...x.shape.slice(0, -2), n, n - k], placeOf(x))
    const whole = n === k ? lower : cat([lower, rest], -1)
    const a = whole.sub(mH(whole))
    const unit = eye(n, undefined, placeOf(a))
    const q = this.map === 'matrix_exp' ? linalg.matrixExp(a) : linalg.solve(unit.sub(a.mul(0.5)), unit.add(a.mul(0.5)))
    return n === k ? q : q.narrow(-1, 0, k)
  }

  rightInverse(given: Tensor): Tensor {
    if (!sameShape(given.shape, this.shape))
      throw new ShapeError(`orthogonal: expected shape ${formatShape(this.shape)}, got ${formatShape(given.shape)}`)
    return noGrad(() => {
      const wide = rowsOf(given) < columnsOf(given)
      const q = wide ? mT(given) : given
      const [n, k] = [rowsOf(q), columnsOf(q)]
      if (!this.#trivialized) return this.#reflections(q, wide)
      const missing = n === k ? q : cat([q, randn([...q.shape.slice(0, -2), n, n - k], placeOf(q))], -1)
      this.setBuffer('base', n === k && isOrthogonal(q) ? q.clone() : orthogonalized(missing))
      // Where the map gives the identity, so that the base is what remains.
      return eye(rowsOf(given), columnsOf(given), placeOf(given)).neg().expand(given.shape).clone()
    })
  }

  #reflections(q: Tensor, wide: boolean): Tensor {
    if (this.map !== 'householder')
      throw new NotInvertibleError(`orthogonal: nothing can be assigned under '${this.map}' without trivialization`)
    const { a, tau } = geqrf(q)
    // A reflection that is none leaves the sign to the diagonal.
    const signs = diagonal(a).sign().mul(tau.eq(0).to(a.dtype).mul(-2).add(1))
    const result = diagonalScatter(a, signs, 0, -2, -1)
    return wide ? mT(result) : result
  }
}

/** The product of the reflections whose vectors are below the diagonal. */
function ofReflections(x: Tensor): Tensor {
  const a = x.tril(-1)
  const tau = a.square().sum(-2).add(1).reciprocal().mul(2)
  return linalg.householderProduct(a, tau).mul(diagonal(x).trunc().unsqueeze(-2))
}

export interface OrthogonalOptions {
  /** Default: 'matrix_exp' for square or complex weights, else 'householder'. */
  readonly orthogonalMap?: OrthogonalMap | null
  /** Start from the weight, kept as `base`, so that any orthogonal matrix can be assigned. Default true. */
  readonly useTrivialization?: boolean
}

/**
 * Keeps a weight, or each matrix of a batch, orthogonal: `QᵀQ = I` for its columns or, where there are more of them, its
 * rows. [Lezcano-Casado, 2019](https://arxiv.org/abs/1909.09501)
 *
 * @returns `module`
 * @example
 * ```ts
 * import { nn } from '@flambeau/core'
 * const { weight } = nn.utils.parametrizations.orthogonal(new nn.Linear(4, 4))
 * console.log(weight.t().matmul(weight).trace().item<number>().toFixed(3)) // → 4.000
 * ```
 */
export function orthogonal<M extends AnyModule>(module: M, name = 'weight', options: OrthogonalOptions = {}): M {
  const weight = tensorAt('orthogonal', module, name)
  if (weight.ndim < 2)
    throw new ShapeError(`orthogonal: expected a matrix or a batch of them, got shape ${formatShape(weight.shape)}`)
  const square = rowsOf(weight) === columnsOf(weight)
  const map = options.orthogonalMap ?? (square || isComplex(weight.dtype) ? 'matrix_exp' : 'householder')
  if (!MAPS.includes(map))
    throw new ArgumentError(`orthogonal: expected 'matrix_exp', 'cayley' or 'householder', got ${describe(map)}`)
  const parametrization = new Orthogonal(weight, map, options.useTrivialization ?? true)
  return registerParametrization(module, name, parametrization, { unsafe: true })
}
