// Elementwise operators: a short program over broadcast operands (native/src/cpu/elementwise.cpp runs it).
import type { Complex, Scalar } from '../binding/call.js'
import * as kernels from '../binding/kernels.gen.js'
import { MICRO, MICRO_TYPES, type MicroOp } from '../binding/micro.gen.js'
import { explaining, type Failure } from '../binding/status.js'
import {
  ArgumentError,
  AutogradError,
  DeviceError,
  DTypeError,
  describe,
  type FlambeauError,
  ShapeError,
} from '../errors.js'
import { agreedStrides, allocate } from '../tensor/create.js'
import {
  DTYPES,
  type DType,
  getDefaultDtype,
  isComplex,
  isFloating,
  promoteTypes,
  toComplex,
  toReal,
} from '../tensor/dtype.js'
import { broadcastShapes, broadcastStrides, formatShape, sameShape } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import { inplacePrimitive } from './dispatch.js'
import { type InplaceOp, saving } from './record.js'

export type { Complex, Scalar }

/** A number that counts as floating-point in promotion, also when it is whole: JavaScript's 2 and 2.0 are the same. */
export class FloatScalar {
  readonly value: number
  constructor(value: number) {
    this.value = value
  }
}

/** Marks a number as floating-point: `ints.mul(float(2))` is float32 where `ints.mul(2)` stays an integer. */
export function float(value: number): FloatScalar {
  if (typeof value !== 'number') throw new ArgumentError(`float: expected a number, got ${describe(value)}`)
  return new FloatScalar(value)
}

/** The number itself. */
export const unwrap = (value: number | FloatScalar): number => (value instanceof FloatScalar ? value.value : value)

/** What an elementwise operator takes: a tensor, or a number that broadcasts. */
export type Operand = Tensor | Scalar | FloatScalar

/** A register of a program while it is being written. */
export interface Register {
  readonly kind: 'operand' | 'constant' | 'instruction'
  readonly index: number
}

/** Writes a program: one method a micro-op. */
export class ProgramWriter {
  readonly code: { op: number; args: Register[] }[] = []
  readonly constants: number[] = []

  readonly #known = new Map<string, Register>()

  constant(value: number): Register {
    return this.#once(`${Object.is(value, -0) ? '-0' : value}`, () => ({
      kind: 'constant',
      index: this.constants.push(value) - 1,
    }))
  }

  /** An instruction; numbers become constants. What was computed before is not computed again. */
  op(name: MicroOp, ...args: (Register | number)[]): Register {
    const registers = args.map((arg) => (typeof arg === 'number' ? this.constant(arg) : arg))
    const key = `${name} ${registers.map((r) => `${r.kind}${r.index}`).join(' ')}`
    return this.#once(key, () => ({
      kind: 'instruction',
      index: this.code.push({ op: MICRO[name], args: registers }) - 1,
    }))
  }

  #once(key: string, make: () => Register): Register {
    const known = this.#known.get(key) ?? make()
    this.#known.set(key, known)
    return known
  }
}

/** A micro-op's name, or a function that writes a longer program. */
export type Program = MicroOp | ((p: ProgramWriter, ...operands: Register[]) => Register)

/** Which dtype the result has, and in which the operands are read. */
type ResultRule =
  | 'promote' // the promoted dtype
  | 'float' // the same, integers becoming the default dtype
  | 'bool' // compares in the promoted dtype, gives bool
  | 'real' // like promote, complex becoming real (abs)
  | 'realFloat' // like float, complex becoming real (angle)
  | 'complex' // like float, real becoming complex
  | 'count' // int64
  | 'first' // the dtype of the first operand that takes part

interface Compiled {
  readonly code: readonly number[]
  readonly constants: readonly number[]
  readonly results: readonly number[]
  /** The kinds of compute types that all of its instructions have. */
  readonly types: string
}

/** The programs of one operator: one for each choice of operands that are numbers. */
class ProgramCache {
  readonly #program: Program
  readonly #compiled = new Map<number, Compiled>()

  constructor(program: Program) {
    this.#program = program
  }

  /** `mask` has bit i set where operand i is a tensor. */
  get(mask: number, operands: number): Compiled {
    const key = mask * 64 + operands
    let compiled = this.#compiled.get(key)
    if (compiled === undefined) {
      compiled = this.#compile(mask, operands)
      this.#compiled.set(key, compiled)
    }
    return compiled
  }

  #compile(mask: number, operands: number): Compiled {
    const writer = new ProgramWriter()
    const inputs = Array.from({ length: operands }, (_, index): Register => ({ kind: 'operand', index }))
    const program = this.#program
    const result = typeof program === 'string' ? writer.op(program, ...inputs) : program(writer, ...inputs)
    // Registers: tensors, numbers among the operands, constants of the program, instructions.
    const position: number[] = []
    let next = 0
    for (let i = 0; i < operands; i++) if (mask & (1 << i)) position[i] = next++
    for (let i = 0; i < operands; i++) if (!(mask & (1 << i))) position[i] = next++
    const first = operands + writer.constants.length
    const number = (r: Register): number =>
      r.kind === 'operand' ? position[r.index] : r.kind === 'constant' ? operands + r.index : first + r.index
    const code = writer.code.flatMap(({ op, args }) => [
      op,
      ...[0, 1, 2].map((i) => (i < args.length ? number(args[i]) : number(args[0] ?? inputs[0]))),
    ])
    const types = ['f', 'i', 'c']
      .filter((type) => writer.code.every(({ op }) => MICRO_TYPES[op].includes(type)))
      .join('')
    return { code, constants: writer.constants, results: [number(result)], types }
  }
}

/** The scalar as it takes part in promotion. */
function scalarDType(operation: string, value: Scalar | FloatScalar): DType {
  switch (typeof value) {
    case 'number':
      return Number.isInteger(value) ? 'int64' : getDefaultDtype()
    case 'bigint':
      return 'int64'
    case 'boolean':
      return 'bool'
    default:
      if (value instanceof FloatScalar) return getDefaultDtype()
      if (typeof value === 'object' && value !== null && typeof value.re === 'number' && typeof value.im === 'number')
        return toComplex(getDefaultDtype())
      throw new ArgumentError(`${operation}: expected a tensor or a number, got ${describe(value)}`)
  }
}

/** The letter of a compute type in MICRO_TYPES. */
const TYPE_LETTER = { bool: 'i', int: 'i', float: 'f', complex: 'c' } as const

const CATEGORY = { bool: 0, int: 1, float: 2, complex: 3 } as const
const category = (d: DType): number => CATEGORY[DTYPES[d].kind]

/** PyTorch's rule: a lower priority only counts where its kind is higher. */
function combine(higher: DType | null, lower: DType | null): DType | null {
  if (higher === null) return lower
  if (lower === null) return higher
  if (category(lower) <= category(higher)) return higher
  return isComplex(lower) && isFloating(higher) ? toComplex(higher) : lower
}

/** The dtype that an elementwise operator on these operands has: tensors with dimensions first, then 0-d ones, then numbers. */
export function resultType(operation: string, operands: readonly Operand[]): DType {
  let dims: DType | null = null
  let zero: DType | null = null
  let numbers: DType | null = null
  for (const operand of operands) {
    if (operand instanceof Tensor) {
      if (operand.shape.length > 0) dims = dims === null ? operand.dtype : promoteTypes(dims, operand.dtype)
      else zero = zero === null ? operand.dtype : promoteTypes(zero, operand.dtype)
    } else {
      const dtype = scalarDType(operation, operand)
      numbers = numbers === null ? dtype : promoteTypes(numbers, dtype)
    }
  }
  return combine(dims, combine(zero, numbers)) ?? getDefaultDtype()
}

/** A number as a constant of the compute type. */
function constant(value: Scalar | FloatScalar, compute: DType): Scalar {
  if (value instanceof FloatScalar) return value.value
  if (typeof value === 'number' && compute === 'int64' && !Number.isSafeInteger(value))
    return Number.isInteger(value) ? BigInt(value) : value
  // Integers wrap, as those in tensors do.
  if (
    compute === 'int32' &&
    (typeof value === 'bigint' || (typeof value === 'number' && value !== (value | 0) && Number.isInteger(value)))
  )
    return Number(BigInt.asIntN(32, BigInt(value)))
  return value
}

/** All that a plain call needs: its program in one dtype. */
interface PlainProgram {
  readonly code: readonly number[]
  readonly constants: readonly number[]
  readonly results: readonly number[]
  /** The compute type's code. */
  readonly compute: number
  /** Of the result. */
  readonly dtype: DType
}

interface Plan {
  readonly name: string
  readonly cache: ProgramCache
  /** For plain operands, by their dtype's code; null where more must be looked at. */
  readonly plain: (PlainProgram | null | undefined)[]
  readonly result: ResultRule
  readonly conditions: number
  /** How many of the first operands must be tensors; below 0, none of all. */
  readonly tensors: number
  readonly refuses: readonly DType[]
  readonly explain: ((failure: Failure) => FlambeauError) | undefined
}

/**
 * Whether the operands are one or two contiguous tensors of one shape, dtype and device: what most calls have, and then
 * nothing needs to be inferred.
 */
function isPlain(operands: readonly Operand[]): operands is readonly Tensor[] {
  const [a, b] = operands
  if (operands.length > 2 || !(a instanceof Tensor) || a.storage.layout !== 0 || !a.isContiguous()) return false
  return (
    operands.length === 1 ||
    (b instanceof Tensor &&
      b.code === a.code &&
      b.storage.layout === 0 &&
      b.storage.device === a.storage.device &&
      sameShape(a.shape, b.shape))
  )
}

/** The program for plain operands, where the dtype of the result depends on nothing but theirs. */
function plainProgram(plan: Plan, [{ dtype }, ...others]: readonly Tensor[]): PlainProgram | null {
  const { cache, result, conditions } = plan
  const real = result === 'real' || result === 'realFloat'
  if (conditions > 0 || plan.explain !== undefined || !(isFloating(dtype) || isComplex(dtype))) return null
  if (result === 'complex' || result === 'count') return null
  const { compute, kind } = DTYPES[dtype]
  const compiled = cache.get(others.length === 0 ? 1 : 3, others.length + 1)
  if (!compiled.types.includes(TYPE_LETTER[kind]) || plan.refuses.includes(dtype)) return null
  return {
    code: compiled.code,
    constants: compiled.constants,
    results: compiled.results,
    compute: DTYPES[compute].code,
    dtype: result === 'bool' ? 'bool' : real ? toReal(dtype) : dtype,
  }
}

/** Infers, allocates (unless `into` is given) and runs. `params` are numbers that take no part in promotion. */
function run(plan: Plan, operands: readonly Operand[], params: readonly Scalar[], into: Tensor | null): Tensor {
  if (into === null && params.length === 0 && isPlain(operands)) {
    const { shape, code, storage } = operands[0]
    plan.plain[code] ??= plainProgram(plan, operands)
    const program = plan.plain[code]
    if (program !== null) {
      const out = allocate(shape, program.dtype, storage.device)
      kernels.elementwise([out], operands, program.constants, program.code, program.results, program.compute)
      return out
    }
  }
  const { name, cache, result, conditions } = plan
  let shape: readonly number[] | null = null
  let lead: Tensor | null = null
  let mask = 0
  let uniform = true
  let numbers = false
  for (let i = 0; i < operands.length; i++) {
    const operand = operands[i]
    if (!(operand instanceof Tensor)) {
      if (i < plan.tensors)
        throw new ArgumentError(`${name}: expected a tensor for argument ${i + 1}, got ${describe(operand)}`)
      if (typeof operand === 'number') numbers = true
      else uniform = false
      continue
    }
    mask |= 1 << i
    shape = shape === null ? operand.shape : broadcastShapes(name, shape, operand.shape)
    if (lead === null) lead = operand
    else if (operand.dtype !== lead.dtype) uniform = false
    if (operand.storage.device !== lead.storage.device)
      throw new DeviceError(`${name}: expected tensors on one device, got ${lead.device} and ${operand.device}`)
  }
  if (lead === null && plan.tensors < 0 && into === null) {
    const [first, ...others] = operands as readonly (Scalar | FloatScalar)[]
    const dtype = scalarDType(name, first)
    const tensor = allocate([], dtype, 'cpu')
    kernels.fill(tensor, constant(first, dtype))
    return run(plan, [tensor, ...others], params, null)
  }
  if (lead === null || shape === null)
    throw new ArgumentError(`${name}: expected a tensor, got ${operands.map(describe).join(', ')}`)
  // Real numbers leave floating-point and complex tensors as they are.
  const promoted =
    uniform && conditions === 0 && (!numbers || isFloating(lead.dtype) || isComplex(lead.dtype))
      ? lead.dtype
      : resultType(
          name,
          result === 'first'
            ? operands.slice(conditions, conditions + 1)
            : conditions > 0
              ? operands.slice(conditions)
              : operands,
        )
  const floating =
    (result === 'float' || result === 'realFloat' || result === 'complex') &&
    !isFloating(promoted) &&
    !isComplex(promoted)
      ? getDefaultDtype()
      : promoted
  const common = result === 'complex' ? toComplex(floating) : result === 'count' ? 'int64' : floating
  const { compute, kind } = DTYPES[common]
  const compiled = cache.get(mask, operands.length + params.length)
  if (!compiled.types.includes(TYPE_LETTER[kind]) || plan.refuses.includes(common))
    throw new DTypeError(`${name}: not implemented for ${common}`)
  const dtype = result === 'bool' ? 'bool' : result === 'real' || result === 'realFloat' ? toReal(common) : common

  const layout = commonLayout(operands, shape)
  let out: Tensor
  if (into === null) {
    out = allocateLike(operands, lead, shape, dtype)
    if (layout !== 0) out.storage.makeBlocked(layout, shape, out.code)
  } else {
    if (!sameShape(shape, into.shape))
      throw new ShapeError(
        `${name}_: expected a result of the tensor's shape ${formatShape(into.shape)}, got ${formatShape(shape)}`,
      )
    if (!canCast(dtype, into.dtype))
      throw new DTypeError(`${name}_: a result of dtype ${dtype} cannot be written to a tensor of dtype ${into.dtype}`)
    out = into
  }
  const ins: {
    storage: Tensor['storage']
    code: number
    shape: readonly number[]
    strides: readonly number[]
    offset: number
  }[] = []
  const constants: Scalar[] = []
  for (const operand of operands) {
    if (!(operand instanceof Tensor)) constants.push(constant(operand, compute))
    else if (operand.shape === shape || sameShape(operand.shape, shape)) ins.push(operand)
    else
      ins.push({
        storage: operand.storage,
        code: operand.code,
        shape,
        strides: broadcastStrides(operand.shape, operand.strides, shape),
        offset: operand.offset,
      })
  }
  for (const param of params) constants.push(param)
  const { code, constants: literals, results } = compiled
  for (const literal of literals) constants.push(literal)
  const computeCode = DTYPES[compute].code
  if (plan.explain === undefined) kernels.elementwise([out], ins, constants, code, results, computeCode)
  else explaining(plan.explain, () => kernels.elementwise([out], ins, constants, code, results, computeCode))
  return out
}

/** The blocked layout of all tensors, over which the operator may run flat; where they differ, they are made strided. */
function commonLayout(operands: readonly Operand[], shape: readonly number[]): number {
  let layout = -1
  let same = true
  for (const operand of operands) {
    if (!(operand instanceof Tensor)) continue
    if (layout === -1) layout = operand.storage.layout
    if (operand.storage.layout !== layout || (layout !== 0 && !sameShape(operand.shape, shape))) same = false
  }
  if (same) return Math.max(layout, 0)
  for (const operand of operands) if (operand instanceof Tensor) operand.storage.makeStrided()
  return 0
}

/** Whether an in-place result may be stored: the kind must not be lowered. */
export const canCast = (from: DType, to: DType): boolean => category(from) <= category(to)

/** A result that lies in memory as its operands do, such as channels last; row-major where they do not agree. */
function allocateLike(operands: readonly Operand[], lead: Tensor, shape: readonly number[], dtype: DType): Tensor {
  const out = allocate(shape, dtype, lead.storage.device)
  for (const operand of operands)
    if (operand instanceof Tensor && !operand.isContiguous()) {
      const tensors = operands.filter((o): o is Tensor => o instanceof Tensor)
      out.strides = agreedStrides(
        shape,
        tensors.map((t) => broadcastStrides(t.shape, t.strides, shape)),
      )
      break
    }
  return out
}

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
