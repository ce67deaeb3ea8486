// What fusion knows of kernel calls: their tensors, and what they do to elements.
import { MICRO, MICRO_ARITY } from '../binding/micro.gen.js'
import { REDUCE } from '../ops/reduce.js'
import { DTYPES, type DType } from '../tensor/dtype.js'
import { numelOf } from '../tensor/shape.js'
import type { Step } from './recording.js'

/** A tensor of a call. */
export interface View {
  readonly slot: number
  readonly code: number
  readonly layout: number
  readonly offset: number
  readonly shape: readonly number[]
  readonly strides: readonly number[]
}

/** Elements of one shape from elements of the same shape. */
export interface Elementwise {
  readonly kind: 'elementwise'
  readonly outs: readonly View[]
  readonly ins: readonly View[]
  /** Three words each. */
  readonly constants: readonly (readonly number[])[]
  /** Four numbers an instruction, as in kernels/elementwise.def. */
  readonly code: readonly number[]
  readonly results: readonly number[]
  readonly compute: number
}

/** A reduction of rows of `row` elements: of each row, across the rows, or of everything. */
export interface Reduction {
  readonly kind: 'reduction'
  /** The result; of a variance, also the mean. */
  readonly outs: readonly View[]
  readonly ins: readonly [View]
  readonly op: number
  /** What a variance takes from the number of elements. */
  readonly correction: number
  readonly over: 'row' | 'column' | 'all'
  readonly row: number
  readonly compute: number
}

export type Fusible = Elementwise | Reduction

const BY_CODE: readonly DType[] = (Object.keys(DTYPES) as DType[]).sort((a, b) => DTYPES[a].code - DTYPES[b].code)
export const BOOL = DTYPES.bool.code
export const computeOf = (code: number): number => DTYPES[DTYPES[BY_CODE[code]].compute].code
export const sizeOf = (code: number): number => DTYPES[BY_CODE[code]].size
const kindOf = (code: number) => DTYPES[BY_CODE[code]].kind
export const isFloat = (code: number): boolean => kindOf(code) === 'float'

/** Integer divisors are looked through before a program runs, so they must lie in memory. */
const DIVISIONS: readonly number[] = [MICRO.truncDivide, MICRO.floorDivide, MICRO.fmod, MICRO.remainder]
export const dividesWhole = ({ code, compute }: Elementwise): boolean =>
  kindOf(compute) === 'int' && code.some((op, i) => i % 4 === 0 && DIVISIONS.includes(op))

/** Instructions whose results are 0 or 1. */
const PREDICATES: readonly number[] = [
  MICRO.eq,
  MICRO.ne,
  MICRO.lt,
  MICRO.le,
  MICRO.gt,
  MICRO.ge,
  MICRO.logicalAnd,
  MICRO.logicalOr,
  MICRO.logicalXor,
  MICRO.logicalNot,
  MICRO.isnan,
  MICRO.isinf,
  MICRO.isfinite,
  MICRO.isposinf,
  MICRO.isneginf,
  MICRO.signbit,
]
export const isPredicate = (op: number): boolean => PREDICATES.includes(op)

/** Whether the call makes bools of bools in a way that 0 and 1 in floating point go through just as well. */
export const isLogic = ({ outs, ins, code, constants }: Elementwise): boolean =>
  [...outs, ...ins].every((view) => view.code === BOOL) &&
  constants.length === 0 &&
  code.every((op, i) => i % 4 !== 0 || isPredicate(op) || op === MICRO.where)

const sameList = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((x, i) => x === b[i])
export const sameShape = (a: View, shape: readonly number[]): boolean => sameList(a.shape, shape)

/** Whether both are the same elements in the same order; the stride of a single element says nothing. */
export const sameView = (a: View, b: View): boolean =>
  a.slot === b.slot &&
  a.code === b.code &&
  a.layout === b.layout &&
  a.offset === b.offset &&
  sameList(a.shape, b.shape) &&
  a.strides.every((s, i) => s === b.strides[i] || a.shape[i] === 1)

/** The view's elements, in order, as a vector; null where they are not evenly spaced. */
export function vector(view: View): View | null {
  let stride: number | null = null
  let next = 0
  for (let d = view.shape.length - 1; d >= 0; d--) {
    if (view.shape[d] === 1) continue
    stride ??= next = view.strides[d]
    if (view.strides[d] !== next) return null
    next *= view.shape[d]
  }
  return { ...view, shape: [numelOf(view.shape)], strides: [stride ?? 1] }
}
export const isDense = (view: View): boolean => view.layout === 0 && vector(view)?.strides[0] === 1

/** Where the dimensions of a row begin in `shape`; -1 where rows of that many elements do not end with a dimension. */
export function rowStart(shape: readonly number[], row: number): number {
  let n = 1
  for (let d = shape.length; d >= 0; d--) {
    if (n === row) return d
    n *= shape[d - 1]
  }
  return -1
}

/** Rows shorter than this are better gathered, several to a block. */
const SHORT_ROW = 256

/** The elements of the longest rows along which every view is evenly spaced; everything where those are short. */
export function evenRow(views: readonly View[]): number {
  const [{ shape }] = views
  const tail = (view: View, d: number): View => ({ ...view, shape: shape.slice(d), strides: view.strides.slice(d) })
  for (let d = 0; d < shape.length; d++) {
    const row = numelOf(shape.slice(d))
    if (row < SHORT_ROW) break
    if (views.every((view) => vector(tail(view, d)) !== null)) return row
  }
  return numelOf(shape)
}

/** Whether `view` repeats the values of a dense vector, one a row, along the rows. */
export function repeatsAlongRows(view: View, values: View, row: number): boolean {
  const start = rowStart(view.shape, row)
  if (view.slot !== values.slot || view.code !== values.code || view.offset !== values.offset || start < 0) return false
  let expected = 1
  for (let d = start - 1; d >= 0; d--) {
    if (view.shape[d] !== 1 && view.strides[d] !== expected) return false
    expected *= view.shape[d]
  }
  return view.strides.every((stride, d) => d < start || stride === 0 || view.shape[d] === 1)
}

class Words {
  readonly #step: Step
  #at = 0
  #tensors = 0

  constructor(step: Step) {
    this.#step = step
  }
  number = (): number => this.#step.call.words[this.#at++]
  numbers = (n: number): number[] => Array.from({ length: n }, this.number)
  list = <T>(read: () => T): T[] => Array.from({ length: this.number() }, read)
  optionalTensor = (): View | null => {
    if (this.#step.call.words[this.#at] >= 0) return this.tensor()
    this.#at++
    return null
  }
  tensor = (): View => {
    const [code, layout, offset, ndim] = this.numbers(4)
    const slot = this.#step.slots[this.#tensors++]
    return { slot, code, layout, offset, shape: this.numbers(ndim), strides: this.numbers(ndim) }
  }
}

function decodeElementwise({ list, tensor, numbers, number }: Words): Elementwise {
  return {
    kind: 'elementwise',
    outs: list(tensor),
    ins: list(tensor),
    constants: list(() => numbers(3)),
    code: list(number),
    results: list(number),
    compute: number(),
  }
}

/** A copy of real numbers to floating-point ones is an elementwise call of no instructions. */
function decodeCopy({ tensor }: Words): Elementwise | null {
  const [out, input] = [tensor(), tensor()]
  const strides = input.strides.filter((s, d) => s !== 0 && input.shape[d] !== 1)
  // Transposing has a better kernel of its own.
  const ordered = strides.every((s, i) => i === 0 || s <= strides[i - 1])
  if (!isFloat(out.code) || kindOf(input.code) === 'complex' || out.layout !== 0 || input.layout !== 0) return null
  if (!ordered || !sameShape(input, out.shape)) return null
  return {
    kind: 'elementwise',
    outs: [out],
    ins: [input],
    constants: [],
    code: [],
    results: [0],
    compute: computeOf(out.code),
  }
}

/** Those that accumulate real numbers and take no parameter. */
const REDUCTIONS: readonly number[] = [
  REDUCE.sum,
  REDUCE.mean,
  REDUCE.prod,
  REDUCE.amax,
  REDUCE.amin,
  REDUCE.nansum,
  REDUCE.norm1,
  REDUCE.norm2,
  REDUCE.normInf,
  REDUCE.normNegInf,
]
/** After those in native/src/cpu/tile_plan.cpp. */
const VARIANCE = Object.keys(REDUCE).length
const DEVIATION = VARIANCE + 1
export const isVariance = (op: number): boolean => op >= VARIANCE
/** Columns of fewer elements are reduced in another order. */
const LEAST_COLUMNS = 4

/** A reduction of dense rows or columns whose values keep the dtype in which they are computed; otherwise what it is not. */
function reduction(outs: readonly View[], input: View, op: number, correction: number): Reduction | string {
  const [out] = outs
  const numel = numelOf(input.shape)
  const dtype = BY_CODE[input.code]
  if (!isFloat(input.code) || computeOf(input.code) !== input.code) return `it reduces ${dtype}`
  if (numel < 2) return 'it reduces fewer than two elements'
  if (!isDense(input) || !outs.every((view) => view.code === input.code && isDense(view)))
    return 'it reads or writes a tensor that is not dense, or of another dtype'
  const sized = input.shape.flatMap((n, d) => (n === 1 ? [] : [{ n, reduced: out.shape[d] !== n }]))
  const first = sized[0].reduced
  const change = sized.findIndex(({ reduced }) => reduced !== first)
  const made = (over: Reduction['over'], row: number): Reduction => {
    return { kind: 'reduction', outs, ins: [input], op, correction, over, row, compute: input.code }
  }
  if (change < 0) return first ? made('all', numel) : 'it reduces dimensions of one element'
  if (sized.slice(change).some(({ reduced }) => reduced === first))
    return 'the dimensions that it reduces are neither the first nor the last'
  const row = numelOf(sized.slice(change).map(({ n }) => n))
  if (!first) return made('row', row)
  return row < LEAST_COLUMNS ? `it has fewer than ${LEAST_COLUMNS} columns` : made('column', row)
}

function decodeReduce({ tensor, number }: Words): Reduction | string {
  const [out, input, op] = [tensor(), tensor(), number()]
  return REDUCTIONS.includes(op) ? reduction([out], input, op, 0) : 'it takes a parameter, or gives no real number'
}

function decodeVariance({ tensor, optionalTensor, number }: Words): Reduction | string {
  const [out, mean, input, correction, root] = [tensor(), optionalTensor(), tensor(), number(), number()]
  return reduction(mean === null ? [out] : [out, mean], input, root === 0 ? VARIANCE : DEVIATION, correction)
}

/** What a reduction does, or why it cannot be joined with others; null for other steps. */
export function decodeReduction(step: Step, reductions: boolean): Reduction | string | null {
  const name = step.call.name
  if (name !== 'reduce' && name !== 'variance') return null
  if (!reductions) return 'only on the CPU are reductions joined'
  return name === 'reduce' ? decodeReduce(new Words(step)) : decodeVariance(new Words(step))
}

/** What a step does, where it is something that may be joined with others; `reductions` where these may. */
export function decode(step: Step, reductions: boolean): Fusible | null {
  switch (step.call.name) {
    case 'elementwise':
      return decodeElementwise(new Words(step))
    case 'copy':
      return decodeCopy(new Words(step))
    default: {
      const found = decodeReduction(step, reductions)
      return typeof found === 'string' ? null : found
    }
  }
}

export const arityOf = (op: number): number => MICRO_ARITY[op]
