// From a constraint to a transform of unconstrained numbers into it.
import { ArgumentError } from '../errors.js'
import { Tensor } from '../tensor/tensor.js'
import { type Constraint, kinds } from './constraints.js'
import {
  AffineTransform,
  CatTransform,
  ComposeTransform,
  CorrCholeskyTransform,
  ExpTransform,
  IndependentTransform,
  identityTransform,
  LowerCholeskyTransform,
  PositiveDefiniteTransform,
  SigmoidTransform,
  SoftmaxTransform,
  StackTransform,
  StickBreakingTransform,
  type Transform,
} from './transforms.js'

type ConstraintClass<C extends Constraint> = abstract new (...args: never[]) => C

/** Transforms by the class of their constraint. */
export class ConstraintRegistry {
  readonly #name: string
  readonly #factories = new Map<unknown, (constraint: Constraint) => Transform>()

  constructor(name: string) {
    this.#name = name
  }

  /** Says how a transform to constraints of a class is made. */
  register<C extends Constraint>(constraint: ConstraintClass<C>, factory: (constraint: C) => Transform): void {
    // Only constraints of that class are looked up under it.
    this.#factories.set(constraint, (c) => factory(c as C))
  }

  /** A transform to a constraint. @throws ArgumentError where none is registered */
  of(constraint: Constraint): Transform {
    const factory = this.#factories.get(constraint.constructor)
    if (factory === undefined) throw new ArgumentError(`${this.#name}: there is no transform to ${constraint}`)
    return factory(constraint)
  }
}

/** @internal */
export const bijections: ConstraintRegistry = new ConstraintRegistry('bijectTo')
/** @internal */
export const transformations: ConstraintRegistry = new ConstraintRegistry('transformTo')

/** A one-to-one transform from unconstrained numbers to a constraint. */
export const bijectTo: ((constraint: Constraint) => Transform) & Pick<ConstraintRegistry, 'register'> = Object.assign(
  (constraint: Constraint): Transform => bijections.of(constraint),
  { register: bijections.register.bind(bijections) },
)
/** A transform from unconstrained numbers to a constraint, perhaps of more numbers than needed, for optimization. */
export const transformTo: ((constraint: Constraint) => Transform) & Pick<ConstraintRegistry, 'register'> =
  Object.assign((constraint: Constraint): Transform => transformations.of(constraint), {
    register: transformations.register.bind(transformations),
  })

const difference = (a: Tensor | number, b: Tensor | number): Tensor | number =>
  a instanceof Tensor ? a.sub(b) : b instanceof Tensor ? b.neg().add(a) : a - b
const isNumber = (value: Tensor | number, expected: number): boolean => value === expected

for (const registry of [bijections, transformations]) {
  const to = (c: Constraint): Transform => registry.of(c)
  registry.register(kinds.Real, () => identityTransform)
  registry.register(
    kinds.IndependentConstraint,
    (c) => new IndependentTransform(to(c.baseConstraint), c.reinterpretedBatchNdims),
  )
  const above = (c: { readonly lowerBound: Tensor | number }): Transform =>
    isNumber(c.lowerBound, 0)
      ? new ExpTransform()
      : new ComposeTransform([new ExpTransform(), new AffineTransform(c.lowerBound, 1)])
  registry.register(kinds.GreaterThan, above)
  registry.register(kinds.GreaterThanEq, above)
  registry.register(
    kinds.LessThan,
    (c) => new ComposeTransform([new ExpTransform(), new AffineTransform(c.upperBound, -1)]),
  )
  const between = (c: { readonly lowerBound: Tensor | number; readonly upperBound: Tensor | number }): Transform => {
    if (isNumber(c.lowerBound, 0) && isNumber(c.upperBound, 1)) return new SigmoidTransform()
    const width = difference(c.upperBound, c.lowerBound)
    return new ComposeTransform([new SigmoidTransform(), new AffineTransform(c.lowerBound, width)])
  }
  registry.register(kinds.Interval, between)
  registry.register(kinds.HalfOpenInterval, between)
  registry.register(kinds.CorrCholesky, () => new CorrCholeskyTransform())
  registry.register(kinds.CatConstraint, (c) => new CatTransform(c.cseq.map(to), c.dim, c.lengths))
  registry.register(kinds.StackConstraint, (c) => new StackTransform(c.cseq.map(to), c.dim))
}
bijections.register(kinds.Simplex, () => new StickBreakingTransform())
transformations.register(kinds.Simplex, () => new SoftmaxTransform())
transformations.register(kinds.LowerCholesky, () => new LowerCholeskyTransform())
transformations.register(kinds.PositiveDefinite, () => new PositiveDefiniteTransform())
transformations.register(kinds.PositiveSemidefinite, () => new PositiveDefiniteTransform())
