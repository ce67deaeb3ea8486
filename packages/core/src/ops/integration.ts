// Derivatives and integrals of sampled functions.
import { ArgumentError, DTypeError, describe, ShapeError } from '../errors.js'
import { formatShape, wrapDim } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import { add, div, mul, neg, sub } from './arithmetic.js'
import { zeros } from './creation.js'
import { composite } from './dispatch.js'
import { cat } from './joining.js'
import { FloatScalar, float, unwrap } from './promotion.js'
import type { FunctionOp, Op } from './record.js'
import { sum } from './reductions.js'
import { cumsum } from './scans.js'
import { narrow, select } from './slicing.js'
import { reshape } from './views.js'

/** The options of `trapezoid` and its kin. */
export interface TrapezoidOptions {
  /** The distance of the samples, where their places are not given. Default 1. */
  readonly dx?: number | FloatScalar
  /** Default -1. */
  readonly dim?: number
}

/** All but the first and all but the last along `dim`. */
const neighbours = (t: Tensor, dim: number): [later: Tensor, earlier: Tensor] => {
  const size = Math.max(0, t.shape[dim] - 1)
  return [narrow(t, dim, Math.min(1, t.shape[dim]), size), narrow(t, dim, 0, size)]
}

function checkSamples(operation: string, y: Tensor, x: Tensor | null, dx: number | FloatScalar): void {
  if (y.dtype === 'bool' || x?.dtype === 'bool') throw new DTypeError(`${operation}: expected numbers, got bool`)
  if (y.ndim === 0) throw new ShapeError(`${operation}: expected a tensor with dimensions, got one without`)
  if (typeof unwrap(dx) !== 'number')
    throw new ArgumentError(`${operation}: expected a number for dx, got ${describe(dx)}`)
}

/** The distances of places `x`, in as many dimensions as `y` has. */
function distances(operation: string, y: Tensor, x: Tensor, dim: number): Tensor {
  let places = x
  if (x.ndim === 1) {
    if (x.shape[0] !== y.shape[dim])
      throw new ShapeError(
        `${operation}: expected one place for each of the ${y.shape[dim]} samples, got ${x.shape[0]} (y ${formatShape(y.shape)})`,
      )
    places = reshape(
      x,
      y.shape.map((_, d) => (d === dim ? x.shape[0] : 1)),
    )
  } else if (x.ndim < y.ndim) {
    places = reshape(x, [...new Array<number>(y.ndim - x.ndim).fill(1), ...x.shape])
  }
  if (dim >= places.ndim)
    throw new ShapeError(
      `${operation}: expected x of a shape like that of y ${formatShape(y.shape)}, got ${formatShape(x.shape)}`,
    )
  return sub(...neighbours(places, dim))
}

type TrapezoidOp = FunctionOp<[y: Tensor, x?: Tensor | null, options?: TrapezoidOptions], Tensor>
const trapezoidOf = (name: string): TrapezoidOp =>
  composite(
    `${name}(y, x, {dx, dim})`,
    (y: Tensor, x: Tensor | null = null, { dx = 1, dim = -1 }: TrapezoidOptions = {}): Tensor => {
      checkSamples(name, y, x, dx)
      const d = wrapDim(name, dim, y.ndim)
      if (y.shape[d] === 0) return zeros(y.shape.toSpliced(d, 1), { dtype: y.dtype, device: y.device })
      if (x) return div(sum(mul(add(...neighbours(y, d)), distances(name, y, x, d)), d), 2)
      const ends = add(select(y, d, 0), select(y, d, y.shape[d] - 1))
      return mul(sub(sum(y, d), mul(ends, 0.5)), unwrap(dx))
    },
  )

/**
 * The integral along a dimension by the trapezoidal rule: `Σ (y[k] + y[k+1]) / 2 · (x[k+1] - x[k])`.
 *
 * @param x the places of the samples, of the shape of `y` or of one dimension; without it they are `dx` apart
 * @example
 * ```ts
 * import { tensor, trapezoid } from '@flambeau/core'
 * console.log(trapezoid(tensor([1, 5, 10]), tensor([1, 3, 6])).item()) // → 28.5
 * ```
 */
export const trapezoid: TrapezoidOp = trapezoidOf('trapezoid')
/** Another name of `trapezoid`. */
export const trapz: TrapezoidOp = trapezoidOf('trapz')

/** The running integral along a dimension by the trapezoidal rule; one element shorter there. @see trapezoid */
export const cumulativeTrapezoid: TrapezoidOp = composite(
  'cumulative_trapezoid(y, x, {dx, dim})',
  (y: Tensor, x: Tensor | null = null, { dx = 1, dim = -1 }: TrapezoidOptions = {}): Tensor => {
    const name = 'cumulative_trapezoid'
    checkSamples(name, y, x, dx)
    const d = wrapDim(name, dim, y.ndim)
    const pairs = add(...neighbours(y, d))
    return x ? div(cumsum(mul(pairs, distances(name, y, x, d)), d), 2) : mul(cumsum(pairs, d), float(unwrap(dx) / 2))
  },
)

/** The options of `gradient`. */
export interface GradientOptions {
  /** The distance of the samples: one for all dimensions, one for each, or the places along each. Default 1. */
  readonly spacing?: number | FloatScalar | readonly (number | FloatScalar | Tensor)[] | null
  /** Default: all. */
  readonly dim?: number | readonly number[] | null
  /** 1 or 2: the order of the estimate at both ends. Default 1. */
  readonly edgeOrder?: number
}

/** The estimate from samples `step` apart. */
function evenGradient(f: Tensor, d: number, step: number, edgeOrder: number): Tensor {
  const n = f.shape[d]
  const at = (k: number): Tensor => narrow(f, d, k < 0 ? n + k : k, 1)
  const inner = div(div(sub(narrow(f, d, 2, n - 2), narrow(f, d, 0, n - 2)), step), 2)
  const [first, last] =
    edgeOrder === 1
      ? [sub(at(1), at(0)), sub(at(-1), at(-2))]
      : [
          sub(add(mul(at(0), -1.5), mul(at(1), 2)), mul(at(2), 0.5)),
          add(sub(mul(at(-1), 1.5), mul(at(-2), 2)), mul(at(-3), 0.5)),
        ]
  return cat([div(first, step), inner, div(last, step)], d)
}

/** The estimate from samples at `places`: parabolas through three neighbours. */
function unevenGradient(f: Tensor, d: number, places: Tensor, edgeOrder: number): Tensor {
  const n = f.shape[d]
  const at = (k: number): Tensor => narrow(f, d, k < 0 ? n + k : k, 1)
  const along = f.shape.map((_, i) => (i === d ? n - 1 : 1))
  const steps = reshape(sub(...neighbours(places, 0)), along)
  const step = (k: number): Tensor => narrow(steps, d, k < 0 ? n - 1 + k : k, 1)
  const weighted = (weights: readonly Tensor[], values: readonly Tensor[]): Tensor =>
    add(add(mul(weights[0], values[0]), mul(weights[1], values[1])), mul(weights[2], values[2]))
  const p = narrow(steps, d, 0, n - 2)
  const q = narrow(steps, d, 1, n - 2)
  const inner = weighted(
    [neg(div(q, mul(p, add(p, q)))), div(sub(q, p), mul(p, q)), div(p, mul(q, add(p, q)))],
    [narrow(f, d, 0, n - 2), narrow(f, d, 1, n - 2), narrow(f, d, 2, n - 2)],
  )
  if (edgeOrder === 1) return cat([div(sub(at(1), at(0)), step(0)), inner, div(sub(at(-1), at(-2)), step(-1))], d)
  const edge = (near: Tensor, far: Tensor): Tensor[] => {
    const both = add(near, far)
    return [neg(div(add(both, near), mul(near, both))), div(both, mul(near, far)), neg(div(near, mul(far, both)))]
  }
  const first = weighted(edge(step(0), step(1)), [at(0), at(1), at(2)])
  // From the other end distances are negative.
  const last = neg(weighted(edge(step(-1), step(-2)), [at(-1), at(-2), at(-3)]))
  return cat([first, inner, last], d)
}

/**
 * Estimates of the derivative along each dimension, by differences of neighbours, of second order inside.
 *
 * @returns one tensor of the shape of `self` for each dimension
 * @throws ArgumentError where spacing does not fit the dimensions, or a dimension is shorter than `edgeOrder + 1`
 * @example
 * ```ts
 * import { tensor } from '@flambeau/core'
 * console.log(tensor([1, 4, 9, 16]).gradient()[0].toArray()) // → [ 3, 4, 6, 7 ]
 * ```
 */
export const gradient: Op<[self: Tensor, options?: GradientOptions], Tensor[]> = composite(
  'gradient(self, {spacing, dim, edgeOrder})',
  (self: Tensor, { spacing = null, dim = null, edgeOrder = 1 }: GradientOptions = {}): Tensor[] => {
    if (edgeOrder !== 1 && edgeOrder !== 2)
      throw new ArgumentError(`gradient: expected edgeOrder 1 or 2, got ${describe(edgeOrder)}`)
    const given = dim === null ? self.shape.map((_, d) => d) : typeof dim === 'number' ? [dim] : dim
    const dims = given.map((d) => wrapDim('gradient', d, self.ndim))
    if (new Set(dims).size < dims.length)
      throw new ArgumentError(`gradient: expected distinct dimensions, got ${describe(dim)}`)
    for (const d of dims)
      if (self.shape[d] < edgeOrder + 1)
        throw new ShapeError(
          `gradient: expected at least ${edgeOrder + 1} elements along dimension ${d}, got ${formatShape(self.shape)}`,
        )
    if (Array.isArray(spacing) && spacing.length !== dims.length)
      throw new ArgumentError(
        `gradient: expected one spacing, or one for each of ${dims.length} dimensions, got ${spacing.length}`,
      )
    return dims.map((d, i) => {
      const step: unknown = Array.isArray(spacing) ? spacing[i] : (spacing ?? 1)
      if (step instanceof FloatScalar) return evenGradient(self, d, step.value, edgeOrder)
      if (typeof step === 'number') return evenGradient(self, d, step, edgeOrder)
      if (!(step instanceof Tensor))
        throw new ArgumentError(`gradient: expected numbers or tensors for spacing, got ${describe(step)}`)
      if (step.ndim !== 1 || step.shape[0] !== self.shape[d])
        throw new ShapeError(
          `gradient: expected places of shape [${self.shape[d]}] along dimension ${d}, got ${formatShape(step.shape)}`,
        )
      return unevenGradient(self, d, step, edgeOrder)
    })
  },
)
