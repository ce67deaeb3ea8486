// Joins neighbouring elementwise calls into one program, so that what lies between them never reaches memory.

import type { RecordedCall } from '../binding/call.js'
import { MICRO } from '../binding/micro.gen.js'
import { DTYPES, type DType } from '../tensor/dtype.js'
import type { Step } from './recording.js'

/** kMaxRegisters in native/src/cpu/elementwise.cpp, and kMaxOperands in iterate.h. */
const MAX_REGISTERS = 64
const MAX_OPERANDS = 24
/** Integer divisors are looked through before a program runs, so they must lie in memory. */
const DIVISIONS: readonly number[] = [MICRO.truncDivide, MICRO.floorDivide, MICRO.fmod, MICRO.remainder]

const BY_CODE: readonly DType[] = (Object.keys(DTYPES) as DType[]).sort((a, b) => DTYPES[a].code - DTYPES[b].code)
const computeOf = (code: number): number => DTYPES[DTYPES[BY_CODE[code]].compute].code
const isWhole = (compute: number): boolean => DTYPES[BY_CODE[compute]].kind === 'int'

/** A tensor of a call. */
interface View {
  readonly slot: number
  readonly code: number
  readonly layout: number
  readonly offset: number
  readonly shape: readonly number[]
  readonly strides: readonly number[]
}

/** What an instruction reads. */
type Ref = { readonly kind: 'in' | 'constant' | 'instruction'; readonly index: number }

interface Instruction {
  readonly op: number
  readonly args: readonly Ref[]
}

interface Elementwise {
  readonly outs: readonly View[]
  readonly ins: readonly View[]
  /** Three words each. */
  readonly constants: readonly (readonly number[])[]
  /** Four numbers an instruction, as in kernels/elementwise.def. */
  readonly code: readonly number[]
  readonly results: readonly number[]
  readonly compute: number
}

/** Reads the words of an elementwise call. */
function decode({ call: { words }, slots }: Step): Elementwise {
  let at = 0
  let tensors = 0
  const next = (): number => words[at++]
  const list = <T>(read: () => T): T[] => Array.from({ length: next() }, read)
  const numbers = (n: number): number[] => Array.from({ length: n }, next)
  const view = (): View => {
    const [code, layout, offset, ndim] = numbers(4)
    return { slot: slots[tensors++], code, layout, offset, shape: numbers(ndim), strides: numbers(ndim) }
  }
  return {
    outs: list(view),
    ins: list(view),
    constants: list(() => numbers(3)),
    code: list(next),
    results: list(next),
    compute: next(),
  }
}

const sameList = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((x, i) => x === b[i])

/** Whether both are the same elements in the same order; the stride of a single element says nothing. */
const sameView = (a: View, b: View): boolean =>
  a.slot === b.slot &&
  a.code === b.code &&
  a.layout === b.layout &&
  a.offset === b.offset &&
  sameList(a.shape, b.shape) &&
  a.strides.every((s, i) => s === b.strides[i] || a.shape[i] === 1)

/** Several elementwise calls as one program. */
class Group {
  readonly #compute: number
  readonly #shape: readonly number[]
  readonly #layout: number
  #ins: View[] = []
  #constants: (readonly number[])[] = []
  #instructions: Instruction[] = []
  #outs: { readonly view: View; readonly ref: Ref }[] = []
  #closed = false
  readonly #call: RecordedCall

  constructor(step: Step) {
    const first = decode(step)
    this.#call = step.call
    this.#compute = first.compute
    this.#shape = first.outs[0].shape
    this.#layout = first.outs[0].layout
    this.#closed = !this.#append(first)
  }

  /** Takes a further call in, where that changes nothing but the order in which memory is touched. */
  add(call: Elementwise): boolean {
    return (
      !this.#closed &&
      call.compute === this.#compute &&
      call.outs[0].layout === this.#layout &&
      sameList(call.outs[0].shape, this.#shape) &&
      !dividesWhole(call) &&
      this.#append(call)
    )
  }

  /** False, and nothing changed, where the call must stay by itself. */
  #append(call: Elementwise): boolean {
    const before = [this.#ins, this.#constants, this.#instructions, this.#outs] as const
    this.#ins = [...this.#ins]
    this.#constants = [...this.#constants]
    this.#instructions = [...this.#instructions]
    this.#outs = [...this.#outs]
    const first = before[3].length === 0
    if ((first || this.#isSafe(call)) && this.#join(call) && this.#fits()) return !first || !dividesWhole(call)
    if (!first) [this.#ins, this.#constants, this.#instructions, this.#outs] = before
    return false
  }

  /** What is written may be read or written elsewhere in the group only as the very same elements. */
  #isSafe(call: Elementwise): boolean {
    const clashes = (a: View, b: View): boolean => a.slot === b.slot && !sameView(a, b)
    return !call.outs.some(
      (out) =>
        this.#ins.some((view) => clashes(view, out)) ||
        call.ins.some((view) => clashes(view, out)) ||
        this.#outs.some(({ view }) => clashes(view, out)),
    )
  }

  #join(call: Elementwise): boolean {
    const operands: Ref[] = []
    for (const view of call.ins) {
      const ref = this.#read(view)
      if (ref === null) return false
      operands.push(ref)
    }
    for (const words of call.constants) operands.push(this.#constant(words))
    const registers = [...operands]
    for (let i = 0; i < call.code.length; i += 4)
      registers.push(
        this.#instruction(
          call.code[i],
          [1, 2, 3].map((k) => registers[call.code[i + k]]),
        ),
      )
    for (const [i, view] of call.outs.entries()) {
      this.#outs = this.#outs.filter((out) => !sameView(out.view, view))
      this.#outs.push({ view, ref: registers[call.results[i]] })
    }
    return true
  }

  /** The value of a view: what the group has computed for it, or the memory. Null where it can be neither. */
  #read(view: View): Ref | null {
    const made = this.#outs.find((out) => out.view.slot === view.slot)
    if (made !== undefined) {
      if (!sameView(made.view, view)) return null
      if (computeOf(view.code) === this.#compute && view.code === this.#compute) return made.ref
      // A bool is 0 or 1 once it is read back; other narrower dtypes round.
      if (BY_CODE[view.code] !== 'bool') return null
      const zero = this.#constant([0, 0, 0])
      return this.#instruction(MICRO.ne, [made.ref, zero, made.ref])
    }
    const known = this.#ins.findIndex((other) => sameView(other, view))
    return { kind: 'in', index: known >= 0 ? known : this.#ins.push(view) - 1 }
  }

  #constant(words: readonly number[]): Ref {
    const known = this.#constants.findIndex((other) => other.every((x, i) => Object.is(x, words[i])))
    return { kind: 'constant', index: known >= 0 ? known : this.#constants.push(words) - 1 }
  }

  #instruction(op: number, args: readonly Ref[]): Ref {
    const same = (a: Ref, b: Ref): boolean => a.kind === b.kind && a.index === b.index
    const known = this.#instructions.findIndex(
      (other) => other.op === op && other.args.every((arg, i) => same(arg, args[i])),
    )
    return { kind: 'instruction', index: known >= 0 ? known : this.#instructions.push({ op, args }) - 1 }
  }

  #fits(): boolean {
    return (
      this.#ins.length + this.#constants.length + this.#instructions.length <= MAX_REGISTERS &&
      this.#ins.length + this.#outs.length <= MAX_OPERANDS
    )
  }

  /** Whether the call and the group must stay in their order: one writes what the other touches. */
  orders(call: Elementwise): boolean {
    const writes = this.#outs.map(({ view }) => view.slot)
    return (
      call.ins.some(({ slot }) => writes.includes(slot)) ||
      call.outs.some(({ slot }) => writes.includes(slot) || this.#ins.some((view) => view.slot === slot))
    )
  }

  /** The call of the whole group that writes only what `wanted` holds for; null where that is nothing. */
  encode(wanted: (slot: number) => boolean): Step | null {
    const outs = this.#outs.filter(({ view }) => wanted(view.slot))
    if (outs.length === 0) return null
    // What the remaining results need, and its registers: tensors, constants, instructions.
    const needed = new Set<Ref>()
    const keep = { in: new Set<number>(), constant: new Set<number>(), instruction: new Set<number>() }
    const visit = (ref: Ref): void => {
      if (keep[ref.kind].has(ref.index)) return
      keep[ref.kind].add(ref.index)
      needed.add(ref)
      if (ref.kind === 'instruction') for (const arg of this.#instructions[ref.index].args) visit(arg)
    }
    for (const { ref } of outs) visit(ref)
    const order = (kind: Ref['kind']): number[] => [...keep[kind]].sort((a, b) => a - b)
    const [ins, constants, instructions] = [order('in'), order('constant'), order('instruction')]
    const register = ({ kind, index }: Ref): number => {
      switch (kind) {
        case 'in':
          return ins.indexOf(index)
        case 'constant':
          return ins.length + constants.indexOf(index)
        case 'instruction':
          return ins.length + constants.length + instructions.indexOf(index)
        default:
          return kind satisfies never
      }
    }
    const words: number[] = []
    const places: number[] = []
    const slots: number[] = []
    const writeView = (view: View): void => {
      places.push(words.length + 2)
      slots.push(view.slot)
      words.push(view.code, view.layout, view.offset, view.shape.length, ...view.shape, ...view.strides)
    }
    words.push(outs.length)
    for (const { view } of outs) writeView(view)
    words.push(ins.length)
    for (const i of ins) writeView(this.#ins[i])
    words.push(constants.length, ...constants.flatMap((i) => this.#constants[i]))
    words.push(4 * instructions.length)
    for (const i of instructions) {
      const { op, args } = this.#instructions[i]
      words.push(op, ...args.map(register))
    }
    words.push(outs.length, ...outs.map(({ ref }) => register(ref)), this.#compute)
    const { kernel, name } = this.#call
    return { call: { kernel, name, words: Float64Array.from(words), storages: [], places }, slots }
  }
}

const dividesWhole = ({ code, compute }: Elementwise): boolean =>
  isWhole(compute) && code.some((op, i) => i % 4 === 0 && DIVISIONS.includes(op))

/** How many calls back a call may be moved. */
const REACH = 16

/** Puts an elementwise call into the latest group that it fits and that nothing in between keeps it from. */
function place(step: Step, parts: readonly (Step | Group)[]): boolean {
  const call = decode(step)
  for (let i = parts.length - 1; i >= Math.max(0, parts.length - REACH); i--) {
    const part = parts[i]
    if (part instanceof Group) {
      if (part.add(call)) return true
      if (part.orders(call)) return false
    } else if (part.slots.some((slot) => step.slots.includes(slot))) return false
  }
  return false
}

/**
 * The same steps in fewer calls: elementwise calls over one shape are joined.
 * @param lives whether a slot's memory is read after the last step
 */
export function fuse(steps: readonly Step[], lives: (slot: number) => boolean): Step[] {
  const parts: (Step | Group)[] = []
  for (const step of steps) {
    if (step.call.name !== 'elementwise') parts.push(step)
    else if (!place(step, parts)) parts.push(new Group(step))
  }
  // From the end, so that what only dropped calls read counts as unread.
  const used = new Set<number>()
  const fused: Step[] = []
  for (const part of parts.reverse()) {
    const step = part instanceof Group ? part.encode((slot) => used.has(slot) || lives(slot)) : part
    if (step === null) continue
    for (const slot of step.slots) used.add(slot)
    fused.push(step)
  }
  return fused.reverse()
}
