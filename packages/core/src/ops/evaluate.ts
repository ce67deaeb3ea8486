// How an elementwise operator is run: dtype, shape and layout are inferred, the result is allocated, and its program goes to
// the kernel (native/src/cpu/elementwise.cpp).
import type { Scalar, TensorArg } from '../binding/call.js'
import * as kernels from '../binding/kernels.gen.js'
import { explaining, type Failure } from '../binding/status.js'
import { ArgumentError, DeviceError, DTypeError, describe, type FlambeauError, ShapeError } from '../errors.js'
import { agreedStrides, allocate, allocateSame } from '../tensor/create.js'
import { DTYPES, type DType, getDefaultDtype, isComplex, isFloating, toComplex, toReal } from '../tensor/dtype.js'
import { broadcastShapes, broadcastStrides, formatShape, sameShape } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import type { ProgramCache } from './programs.js'
import { canCast, constant, type FloatScalar, type Operand, resultType, scalarDType } from './promotion.js'

/** Which dtype the result has, and in which the operands are read. */
export type ResultRule =
  | 'promote' // the promoted dtype
  | 'float' // the same, integers becoming the default dtype
  | 'bool' // compares in the promoted dtype, gives bool
  | 'real' // like promote, complex becoming real (abs)
  | 'realFloat' // like float, complex becoming real (angle)
  | 'complex' // like float, real becoming complex
  | 'count' // int64
  | 'first' // the dtype of the first operand that takes part

/** The letter of a compute type in MICRO_TYPES. */
const TYPE_LETTER = { bool: 'i', int: 'i', float: 'f', complex: 'c' } as const

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

/** What an operator's calls have in common. */
export interface Plan {
  readonly name: string
  readonly cache: ProgramCache
  /** For plain operands, by their dtype's code; null where more must be looked at. */
  readonly plain: (PlainProgram | null | undefined)[]
  /** The same where the second operand is a number. */
  readonly withNumber: (PlainProgram | null | undefined)[]
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

/** The program for plain operands of one dtype, where that of the result depends on nothing else; `mask` tells which are tensors. */
function plainProgram(plan: Plan, dtype: DType, mask: number, operands: number): PlainProgram | null {
  const { cache, result, conditions } = plan
  const real = result === 'real' || result === 'realFloat'
  if (conditions > 0 || plan.explain !== undefined || !(isFloating(dtype) || isComplex(dtype))) return null
  if (result === 'complex' || result === 'count') return null
  const { compute, kind } = DTYPES[dtype]
  const compiled = cache.get(mask, operands)
  if (!compiled.types.includes(TYPE_LETTER[kind]) || plan.refuses.includes(dtype)) return null
  return {
    code: compiled.code,
    constants: compiled.constants,
    results: compiled.results,
    compute: DTYPES[compute].code,
    dtype: result === 'bool' ? 'bool' : real ? toReal(dtype) : dtype,
  }
}

// Lists that live for one call: new ones would be a third of the garbage that a small operator makes.
const NOTHING: TensorArg = {
  storage: { handle: null, device: 'meta', base: 0, meta: true, layout: 0 },
  code: 0,
  shape: [],
  strides: [],
  offset: 0,
}
const RESULTS = [NOTHING]
const OPERANDS = [NOTHING]
const NUMBERS = [0]

function call(program: PlainProgram, out: Tensor, ins: readonly TensorArg[], constants: readonly number[]): void {
  RESULTS[0] = out
  kernels.elementwise(RESULTS, ins, constants, program.code, program.results, program.compute)
  RESULTS[0] = NOTHING
}

/** What `run` gives for plain operands; null where more must be inferred. */
function runPlain(plan: Plan, operands: readonly Operand[]): Tensor | null {
  if (isPlain(operands)) {
    const [a] = operands
    let program = plan.plain[a.code]
    if (program === undefined) {
      program = plainProgram(plan, a.dtype, operands.length === 1 ? 1 : 3, operands.length)
      plan.plain[a.code] = program
    }
    if (program === null) return null
    const out = allocateSame(a, program.dtype)
    call(program, out, operands, program.constants)
    return out
  }
  // Real numbers leave floating-point and complex tensors as they are.
  const [a, number] = operands
  if (operands.length !== 2 || typeof number !== 'number' || plan.tensors > 1) return null
  if (!(a instanceof Tensor) || a.storage.layout !== 0 || !a.isContiguous()) return null
  let program = plan.withNumber[a.code]
  if (program === undefined) {
    program = plainProgram(plan, a.dtype, 1, 2)
    plan.withNumber[a.code] = program
  }
  if (program === null) return null
  const out = allocateSame(a, program.dtype)
  OPERANDS[0] = a
  NUMBERS[0] = number
  call(program, out, OPERANDS, program.constants.length === 0 ? NUMBERS : [number, ...program.constants])
  OPERANDS[0] = NOTHING
  return out
}

/** Infers, allocates (unless `into` is given) and runs. `params` are numbers that take no part in promotion. */
export function run(plan: Plan, operands: readonly Operand[], params: readonly Scalar[], into: Tensor | null): Tensor {
  if (into === null && params.length === 0) {
    const out = runPlain(plan, operands)
    if (out !== null) return out
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
