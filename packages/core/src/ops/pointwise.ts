// How elementwise operators are declared: a short program over broadcast operands, with its derivatives.
import type { Scalar } from '../binding/call.js'
import type { Failure } from '../binding/status.js'
import { ArgumentError, AutogradError, describe, type FlambeauError } from '../errors.js'
import { DTYPES, type DType } from '../tensor/dtype.js'
import { Tensor } from '../tensor/tensor.js'
import { inplacePrimitive } from './dispatch.js'
import { type Plan, type ResultRule, run } from './evaluate.js'
import { type Program, ProgramCache } from './programs.js'
import { FloatScalar, type Operand } from './promotion.js'
import { type InplaceOp, saving } from './record.js'

interface SpecBase {
  /** As in a record: operands first, then parameters: numbers that take no part in promotion. */
  readonly signature: string
  readonly program: Program
  readonly result?: ResultRule
  /** How many of the first operands are conditions, which take no part in promotion. */
  readonly conditions?: number
  /** Which operands may be numbers: all but the first (default), none, any as long as one is a tensor, or all. */
  readonly scalars?: 'rest' | 'none' | 'any' | 'all'
  /** Dtypes that the operator does not take, beyond those that its instructions lack. */
  readonly refuses?: readonly DType[]
  /** What a refusal of the values means. */
  readonly explain?: (failure: Failure) => FlambeauError
  /** For parameters that are left out. */
  readonly defaults?: readonly Scalar[]
}

export interface UnarySpec extends SpecBase {
  /** What the derivative is given after the gradient: the operand (default), the result, or nothing. */
  readonly saves?: 'operand' | 'result' | 'none'
  readonly derivative?: (grad: Tensor, saved: Tensor, ...params: number[]) => Tensor
}

export interface BinarySpec extends SpecBase {
  /**
   * What the derivatives are given after the gradient: both operands (default), nothing, or, where each derivative
   * needs the other operand only, `'crossed'`: an operand whose partner wants no gradient is not kept.
   */
  readonly saves?: 'operands' | 'crossed' | 'none'
  /** With respect to each operand. */
  readonly derivatives?: readonly [
    (grad: Tensor, self: Tensor, other: Operand, ...params: number[]) => Tensor,
    (grad: Tensor, self: Tensor, other: Operand, ...params: number[]) => Tensor,
  ]
}

export interface TernarySpec extends SpecBase {
  readonly saves?: 'operands' | 'none'
  /** With respect to each operand; null where no gradient flows. */
  readonly derivatives?: readonly (
    | ((grad: Tensor, a: Tensor, b: Operand, c: Operand, ...params: number[]) => Tensor)
    | null
  )[]
}

/** How many of the first operands are tensors, by `scalars`; below 0, none need be. */
const LEAST_TENSORS = { none: Number.POSITIVE_INFINITY, rest: 1, any: 0, all: -1 } as const

const planOf = (spec: SpecBase): Plan => ({
  name: spec.signature.slice(0, spec.signature.indexOf('(')),
  cache: new ProgramCache(spec.program),
  plain: new Array(Object.keys(DTYPES).length).fill(undefined),
  withNumber: new Array(Object.keys(DTYPES).length).fill(undefined),
  result: spec.result ?? 'promote',
  conditions: spec.conditions ?? 0,
  tensors: LEAST_TENSORS[spec.scalars ?? 'rest'],
  refuses: spec.refuses ?? [],
  explain: spec.explain,
})

const NO_PARAMETERS: readonly number[] = []

/** Parameters with what was left out; each must be a number. Most are real: derivatives declare what they take. */
function parameters(
  name: string,
  given: readonly (Scalar | FloatScalar)[],
  defaults: readonly Scalar[] | undefined,
): readonly number[] {
  if (given.length === 0 && defaults === undefined) return NO_PARAMETERS
  const filled =
    defaults === undefined ? given : [...given, ...defaults.slice(given.length)].map((p, i) => p ?? defaults[i])
  const numbers = filled.map((p): Scalar => {
    if (p instanceof FloatScalar) return p.value
    if (typeof p === 'number' || typeof p === 'bigint' || typeof p === 'boolean') return p
    if (typeof p === 'object' && p !== null && 're' in p) return p
    throw new ArgumentError(`${name}: expected a number, got ${describe(p)}`)
  })
  return numbers as readonly number[]
}

/** The record of an elementwise operator of one tensor. */
export function unaryRecord(spec: UnarySpec) {
  const plan = planOf(spec)
  const { derivative, saves = 'operand' } = spec
  return {
    signature: spec.signature,
    opaque: true,
    forward(self: Tensor, ...given: number[]) {
      const params = parameters(plan.name, given, spec.defaults)
      const out = run(plan, [self], params, null)
      return saving(out, saves === 'result' ? out : saves === 'operand' ? self : null, ...params)
    },
    into(self: Tensor, ...given: number[]) {
      run(plan, [self], parameters(plan.name, given, spec.defaults), self)
    },
    ...(derivative && {
      backward: (grad: Tensor, [saved, ...params]: readonly [Tensor | null, ...number[]]) => [
        derivative(grad, saved ?? grad, ...params),
      ],
    }),
  }
}

/** The record of an elementwise operator of a tensor and a tensor or number. */
export function binaryRecord(spec: BinarySpec) {
  const plan = planOf(spec)
  const { derivatives } = spec
  const keeps = spec.saves !== 'none'
  const wants = (partner: Operand): boolean =>
    keeps && (spec.saves !== 'crossed' || (partner instanceof Tensor && partner.requiresGrad))
  const forward = (self: Tensor, other: Operand, ...given: number[]) => {
    const params = parameters(plan.name, given, spec.defaults)
    const out = run(plan, [self, other], params, null)
    // One operand that is a number has no gradient; which one is told by what is saved.
    return saving(
      out,
      wants(other) || !(self instanceof Tensor) ? self : null,
      wants(self) || !(other instanceof Tensor) ? other : null,
      params,
    )
  }
  return {
    signature: spec.signature,
    opaque: true,
    forward,
    into(self: Tensor, other: Operand, ...given: number[]) {
      run(plan, [self, other], parameters(plan.name, given, spec.defaults), self)
    },
    ...(derivatives && {
      backward(
        grad: Tensor,
        [self, other, params]: readonly [Tensor | null, Operand | null, readonly number[]],
        needs: (i: number) => boolean,
      ): (Tensor | null)[] {
        const isTensor = (saved: unknown) => saved === null || saved instanceof Tensor
        const a = self ?? grad
        const b = other ?? grad
        if (!isTensor(other)) return [derivatives[0](grad, a, b, ...params)]
        if (!isTensor(self)) return [derivatives[1](grad, a, b, ...params)]
        return [
          needs(0) ? derivatives[0](grad, a, b, ...params) : null,
          needs(1) ? derivatives[1](grad, a, b, ...params) : null,
        ]
      },
    }),
  }
}

/** The record of an elementwise operator of several operands; the first is a tensor. */
export function multiRecord(
  spec: SpecBase & { readonly saves?: 'operands' | 'none' },
  count: number,
  derivatives: readonly (((grad: Tensor, ...rest: never[]) => Tensor) | null)[] | undefined,
) {
  const plan = planOf(spec)
  const keeps = spec.saves !== 'none' && derivatives !== undefined
  return {
    signature: spec.signature,
    opaque: true,
    forward(...args: (Operand | number)[]) {
      const operands = args.slice(0, count)
      const params = parameters(plan.name, args.slice(count) as number[], spec.defaults)
      const out = run(plan, operands, params, null)
      return saving(
        out,
        operands.map((o) => o instanceof Tensor),
        ...(keeps ? operands : operands.map(() => null)),
        ...params,
      )
    },
    into(...args: (Operand | number)[]) {
      run(
        plan,
        args.slice(0, count),
        parameters(plan.name, args.slice(count) as number[], spec.defaults),
        args[0] as Tensor,
      )
    },
    ...(derivatives && {
      backward(
        grad: Tensor,
        [isTensor, ...saved]: readonly [boolean[], ...(Operand | null)[]],
        needs: (i: number) => boolean,
      ) {
        const result: (Tensor | null)[] = []
        isTensor.forEach((tensor, i) => {
          if (!tensor) return
          const derivative = derivatives[i]
          result.push(derivative && needs(result.length) ? derivative(grad, ...(saved as never[])) : null)
        })
        return result
      },
    }),
  }
}

/** What the record functions above make: the part of a record that computes. */
interface Computation {
  // biome-ignore lint/suspicious/noExplicitAny: computations of any arguments
  forward(...args: any[]): { readonly out: Tensor; readonly saved: readonly unknown[] }
  // biome-ignore lint/suspicious/noExplicitAny: computations of any arguments
  into(...args: any[]): void
  // biome-ignore lint/suspicious/noExplicitAny: what `forward` saved
  backward?(grad: Tensor, saved: any, needs: (i: number) => boolean): (Tensor | null)[]
}

class Variant {
  readonly computation: Computation
  constructor(computation: Computation) {
    this.computation = computation
  }
}

/**
 * An operator whose arguments decide how it is computed: `pick` gives the computation and its arguments, or null for
 * the usual one. Tensors keep their order.
 */
export function choosing<Args extends [Tensor, ...unknown[]]>(
  signature: string,
  usual: Computation,
  pick: (...args: Args) => readonly [Computation, ...unknown[]] | null,
): InplaceOp<Args, Tensor> {
  return inplacePrimitive<Args, readonly unknown[]>({
    signature,
    opaque: true,
    forward(...args: Args) {
      const picked = pick(...args)
      if (picked === null) return usual.forward(...args)
      const [computation, ...rest] = picked
      const { out, saved } = computation.forward(...rest)
      return saving(out, new Variant(computation), ...saved)
    },
    into(...args: Args) {
      const picked = pick(...args)
      if (picked === null) return usual.into(...args)
      const [computation, ...rest] = picked
      computation.into(...rest)
    },
    backward(grad: Tensor, saved: readonly unknown[], needs: (i: number) => boolean) {
      const [variant, ...rest] = saved
      const { backward } = variant instanceof Variant ? variant.computation : usual
      if (backward === undefined)
        throw new AutogradError(`${signature.slice(0, signature.indexOf('('))}: has no derivative`)
      return backward(grad, variant instanceof Variant ? rest : saved, needs)
    },
  })
}

/** An elementwise operator of one tensor. */
export type UnaryOp = InplaceOp<[self: Tensor]>
/** An elementwise operator of a tensor and a tensor or number. */
export type BinaryOp = InplaceOp<[self: Tensor, other: Operand]>

/** An elementwise operator of a tensor and two tensors or numbers. */
export type TernaryOp = InplaceOp<[self: Tensor, a: Operand, b: Operand]>

/** Declares an elementwise operator of one tensor, with an in-place form. */
export const unary = <P extends number[] = []>(spec: UnarySpec): InplaceOp<[self: Tensor, ...params: P], Tensor> =>
  inplacePrimitive(unaryRecord(spec)) as InplaceOp<[self: Tensor, ...params: P], Tensor>

/** Declares an elementwise operator of a tensor and a tensor or number, with an in-place form. */
export const binary = <P extends number[] = []>(
  spec: BinarySpec,
): InplaceOp<[self: Tensor, other: Operand, ...params: P], Tensor> =>
  inplacePrimitive(binaryRecord(spec)) as InplaceOp<[self: Tensor, other: Operand, ...params: P], Tensor>

/** Declares an elementwise operator of a tensor and two tensors or numbers, with an in-place form. */
export const ternary = <P extends number[] = []>(
  spec: TernarySpec,
): InplaceOp<[self: Tensor, a: Operand, b: Operand, ...params: P], Tensor> =>
  inplacePrimitive(multiRecord(spec, 3, spec.derivatives)) as InplaceOp<
    [self: Tensor, a: Operand, b: Operand, ...params: P],
    Tensor
  >
