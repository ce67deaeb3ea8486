// Several calls as one program, so that what lies between them never reaches memory.
import { KERNEL_NAMES } from '../binding/kernelNames.gen.js'
import { MICRO } from '../binding/micro.gen.js'
import { REDUCE } from '../ops/reduce.js'
import { contiguousStrides, numelOf } from '../tensor/shape.js'
import {
  arityOf,
  BOOL,
  computeOf,
  dividesWhole,
  type Elementwise,
  evenRow,
  type Fusible,
  isDense,
  isFloat,
  isLogic,
  isPredicate,
  isVariance,
  type Reduction,
  repeatsAlongRows,
  rowStart,
  sameShape,
  sameView,
  sizeOf,
  type View,
  vector,
} from './program.js'
import type { Step } from './recording.js'

/** kMaxRegisters in native/src/cpu/elementwise.cpp and kMaxOperands in iterate.h. */
const MAX_REGISTERS = 64
const MAX_OPERANDS = 24
/** kMaxTileRegisters in native/src/cpu/tile_plan.h. */
const MAX_TILE_REGISTERS = 128
/** Bytes of the longest row of which values are kept from one stage to the next, and of the longest sums across rows. */
const MAX_ROW_BYTES = 65536

/** InstructionKind in native/src/cpu/tile_plan.h. */
const KIND = { element: 0, row: 1, expand: 2, reduceRow: 3, reduceColumn: 4, reduceAll: 5 } as const
type Kind = keyof typeof KIND

/** What an instruction reads. */
interface Ref {
  readonly kind: 'in' | 'rowIn' | 'constant' | 'instruction'
  readonly index: number
}

interface Instruction {
  readonly kind: Kind
  readonly op: number
  readonly args: readonly Ref[]
}

/** Of which a row has many, of which it has one, or of which there is one a column or one in all. */
type Level = 'element' | 'row' | 'end'

interface Made {
  readonly view: View
  readonly ref: Ref
  readonly level: Level
}

interface State {
  /** The elements of a row, once something is reduced. */
  readonly row: number | null
  readonly ins: readonly View[]
  readonly rowIns: readonly View[]
  readonly constants: readonly (readonly number[])[]
  readonly instructions: readonly Instruction[]
  readonly outs: readonly Made[]
}

const same = (a: Ref, b: Ref): boolean => a.kind === b.kind && a.index === b.index

/** Calls over one shape in one compute type, and reductions of what they compute. */
export class Group {
  readonly #first: Step
  readonly #compute: number
  readonly #shape: readonly number[]
  readonly #layout: number
  /** Whether it runs as a program over tiles, which may have reductions. */
  readonly #tiled: boolean
  #joined = 1
  #closed = false
  #refusal: string | null = null
  #state: State = { row: null, ins: [], rowIns: [], constants: [], instructions: [], outs: [] }

  /** @param tiles whether the device has programs over tiles */
  constructor(step: Step, call: Fusible, tiles: boolean) {
    const [{ shape, layout }] = call.kind === 'reduction' ? call.ins : call.outs
    this.#first = step
    this.#compute = call.compute
    this.#shape = shape
    this.#layout = layout
    this.#tiled = tiles && layout === 0 && isFloat(call.compute)
    const joined = this.#append(call, true)
    this.#closed = !joined || (call.kind === 'elementwise' && dividesWhole(call))
    // By itself it is what it was; this is what others must not pass.
    const unread: Ref = { kind: 'in', index: 0 }
    if (!joined)
      this.#state = {
        ...this.#state,
        ins: call.ins,
        outs: call.outs.map((view) => ({ view, ref: unread, level: 'end' as const })),
      }
  }

  /** Takes a further call in, where that changes nothing but the order in which memory is touched. */
  add(call: Fusible): boolean {
    this.#refusal = null
    if (this.#closed || !this.#computes(call)) return false
    const before = this.#state
    if (this.#isSafe(call) && this.#append(call, false) && this.#fits()) {
      this.#joined++
      return true
    }
    this.#state = before
    return false
  }

  #computes(call: Fusible): boolean {
    if (call.kind === 'elementwise' && dividesWhole(call)) return false
    return call.compute === this.#compute || (call.kind === 'elementwise' && isLogic(call) && isFloat(this.#compute))
  }

  /** What is written may be read or written elsewhere in the group only as the very same elements. */
  #isSafe(call: Fusible): boolean {
    const clashes = (a: View, b: View): boolean => a.slot === b.slot && !sameView(a, b)
    return !call.outs.some(
      (out) =>
        this.#state.ins.some((view) => clashes(view, out)) ||
        call.ins.some((view) => clashes(view, out)) ||
        this.#state.outs.some(({ view }) => clashes(view, out)),
    )
  }

  /** Stages read the same elements several times, so nothing may be written where something is read. */
  #isDisjoint(): boolean {
    const { ins, rowIns, outs } = this.#state
    return outs.every(({ view: { slot } }) => ![...ins, ...rowIns].some((view) => view.slot === slot))
  }

  /** False where the call must stay by itself; the state is then of no use. */
  #append(call: Fusible, first: boolean): boolean {
    if (call.kind === 'reduction') return this.#reduce(call, first)
    const [{ shape, layout }] = call.outs
    if (sameShape(call.outs[0], this.#shape) && layout === this.#layout)
      return this.#join(call, 'element', (view) => this.#element(view))
    const { row } = this.#state
    if (row === null || numelOf(shape) * row !== numelOf(this.#shape) || !call.outs.every(isDense)) return false
    return this.#join(call, 'row', (view) => this.#rowValue(view))
  }

  #join(call: Elementwise, level: 'element' | 'row', read: (view: View) => Ref | null): boolean {
    const registers: Ref[] = []
    for (const view of call.ins) {
      const ref = read(view)
      if (ref === null) return false
      registers.push(ref)
    }
    for (const words of call.constants) registers.push(this.#constant(words))
    for (let i = 0; i < call.code.length; i += 4) {
      const op = call.code[i]
      const args = call.code.slice(i + 1, i + 1 + arityOf(op)).map((r) => registers[r])
      registers.push(this.#instruction(level, op, args))
    }
    for (const [i, view] of call.outs.entries()) {
      const ref = registers[call.results[i]]
      if (ref.kind === 'constant') return false
      this.#write({ view, ref, level })
    }
    return this.#state.row === null || this.#isDisjoint()
  }

  #reduce(call: Reduction, first: boolean): boolean {
    this.#refusal = this.#refusalOf(call, first)
    return this.#refusal === null
  }

  /** Takes a reduction in, or says why it does not fit; the state is then of no use. */
  #refusalOf(call: Reduction, first: boolean): string | null {
    const [out] = call.outs
    const [input] = call.ins
    if (!this.#tiled || numelOf(input.shape) !== numelOf(this.#shape))
      return `it reduces [${input.shape}], and the calls before it compute [${this.#shape}]`
    // A sum of everything fits rows of any length.
    const row = call.over === 'all' ? (this.#state.row ?? call.row) : call.row
    if (this.#state.row !== null && this.#state.row !== row)
      return `it has rows of ${row} elements, and a reduction before it of ${this.#state.row}`
    const long = `its rows of ${row} elements take more than ${MAX_ROW_BYTES} bytes`
    if (rowStart(this.#shape, row) < 0) return `[${this.#shape}] has no rows of ${row} elements`
    if (call.over === 'column' && !this.#isShort(row)) return long
    // What everything is summed of decides about the rows, so it must be of the group.
    const apart = first || call.over !== 'all' || this.#state.row !== null
    this.#state = { ...this.#state, row }
    const ref = this.#dense(input, apart)
    if (ref === null) return 'the calls before it neither compute nor read all that it reduces'
    const each = call.over === 'row' || row === numelOf(this.#shape)
    if (isVariance(call.op)) {
      if (!each) return 'it is a variance of columns'
      if (!this.#isShort(row)) return long
      this.#variance(call, ref)
    } else {
      const kind = each ? 'reduceRow' : call.over === 'column' ? 'reduceColumn' : 'reduceAll'
      this.#write({ view: out, ref: this.#instruction(kind, call.op, [ref]), level: each ? 'row' : 'end' })
    }
    return this.#isDisjoint() ? null : 'its result lies where another call reads'
  }

  /** In two stages, by way of the mean. */
  #variance({ op, outs: [out, average], correction }: Reduction, ref: Ref): void {
    const mean = this.#instruction('reduceRow', REDUCE.mean, [ref])
    const less = this.#constant([0, correction, 0])
    this.#write({ view: out, ref: this.#instruction('reduceRow', op, [ref, mean, less]), level: 'row' })
    if (average) this.#write({ view: average, ref: mean, level: 'row' })
  }

  #isShort(row: number): boolean {
    return row * sizeOf(this.#compute) <= MAX_ROW_BYTES
  }

  #write(made: Made): void {
    const outs = this.#state.outs.filter((out) => !sameView(out.view, made.view))
    this.#state = { ...this.#state, outs: [...outs, made] }
  }

  /** A dense input of a reduction, of whatever shape: what the group has computed, or reads, or may read, from memory. */
  #dense(view: View, apart: boolean): Ref | null {
    const { ins, outs } = this.#state
    const alike = (other: View): boolean =>
      other.slot === view.slot && other.offset === view.offset && other.code === view.code && isDense(other)
    const made = outs.find((out) => out.view.slot === view.slot)
    if (made !== undefined) return made.level === 'element' && alike(made.view) ? made.ref : null
    const known = ins.findIndex(alike)
    if (known >= 0) return { kind: 'in', index: known }
    if (!apart) return null
    return this.#in({ ...view, shape: this.#shape, strides: contiguousStrides(this.#shape) })
  }

  /** The value of a view: what the group has computed for it, or the memory. Null where it can be neither. */
  #element(view: View): Ref | null {
    const made = this.#state.outs.find((out) => out.view.slot === view.slot)
    if (made === undefined) return this.#in(view)
    const { row } = this.#state
    if (made.level === 'element') return sameView(made.view, view) ? this.#held(made) : null
    if (made.level !== 'row' || row === null || !this.#isShort(row)) return null
    const ref = repeatsAlongRows(view, made.view, row) ? this.#held(made) : null
    return ref && this.#instruction('expand', 0, [ref])
  }

  /** The same of a value of which a row has one. */
  #rowValue(view: View): Ref | null {
    const values = vector(view)
    if (values === null || values.layout !== 0) return null
    const made = this.#state.outs.find((out) => out.view.slot === view.slot)
    if (made === undefined) {
      const { rowIns } = this.#state
      const known = rowIns.findIndex((other) => sameView(other, values))
      if (known >= 0) return { kind: 'rowIn', index: known }
      this.#state = { ...this.#state, rowIns: [...rowIns, values] }
      return { kind: 'rowIn', index: rowIns.length }
    }
    const whole = made.level === 'row' && made.view.offset === view.offset && made.view.code === view.code
    return whole && isDense(view) ? this.#held(made) : null
  }

  /** What is read back of a value that was written; null where that is not the register. */
  #held({ view, ref, level }: Made): Ref | null {
    if (computeOf(view.code) === this.#compute && view.code === this.#compute) return ref
    // A bool is 0 or 1 once it is read back; other narrower dtypes round.
    if (view.code !== BOOL) return null
    if (ref.kind === 'instruction' && isPredicate(this.#state.instructions[ref.index].op)) return ref
    return this.#instruction(level === 'row' ? 'row' : 'element', MICRO.ne, [ref, this.#constant([0, 0, 0])])
  }

  #in(view: View): Ref {
    const { ins } = this.#state
    const known = ins.findIndex((other) => sameView(other, view))
    if (known >= 0) return { kind: 'in', index: known }
    this.#state = { ...this.#state, ins: [...ins, view] }
    return { kind: 'in', index: ins.length }
  }

  #constant(words: readonly number[]): Ref {
    const { constants } = this.#state
    const known = constants.findIndex((other) => other.every((x, i) => Object.is(x, words[i])))
    if (known >= 0) return { kind: 'constant', index: known }
    this.#state = { ...this.#state, constants: [...constants, words] }
    return { kind: 'constant', index: constants.length }
  }

  #instruction(kind: Kind, op: number, args: readonly Ref[]): Ref {
    const { instructions } = this.#state
    const known = instructions.findIndex(
      (other) => other.kind === kind && other.op === op && other.args.every((arg, i) => same(arg, args[i])),
    )
    if (known >= 0) return { kind: 'instruction', index: known }
    this.#state = { ...this.#state, instructions: [...instructions, { kind, op, args }] }
    return { kind: 'instruction', index: instructions.length }
  }

  #fits(): boolean {
    const { ins, rowIns, constants, instructions, outs } = this.#state
    const registers = ins.length + rowIns.length + constants.length + instructions.length
    return this.#tiled
      ? registers <= MAX_TILE_REGISTERS
      : registers <= MAX_REGISTERS && ins.length + outs.length <= MAX_OPERANDS
  }

  /** Why the last reduction that was offered was not taken in; null where none was, or it was. */
  get refusal(): string | null {
    return this.#refusal
  }

  /** Its only step, where it has joined none. */
  get single(): Step | null {
    return this.#joined === 1 ? this.#first : null
  }

  /** How many elements it runs over. */
  get size(): number {
    return numelOf(this.#shape)
  }

  /** Whether the call reads what the group reads or writes. */
  touches(call: Fusible): boolean {
    const { ins, rowIns, outs } = this.#state
    const slots = [...ins, ...rowIns, ...outs.map(({ view }) => view)].map(({ slot }) => slot)
    return call.ins.some(({ slot }) => slots.includes(slot))
  }

  /** Whether the call and the group must stay in their order: one writes what the other touches. */
  orders(call: Fusible): boolean {
    const { ins, rowIns, outs } = this.#state
    const writes = outs.map(({ view }) => view.slot)
    const reads = [...ins, ...rowIns].map(({ slot }) => slot)
    return (
      call.ins.some(({ slot }) => writes.includes(slot)) ||
      call.outs.some(({ slot }) => writes.includes(slot) || reads.includes(slot))
    )
  }

  /** The call of the whole group that writes only what `wanted` holds for; null where that is nothing. */
  encode(wanted: (slot: number) => boolean): Step | null {
    const { row, ins, rowIns, constants, instructions } = this.#state
    const outs = this.#state.outs.filter(({ view }) => wanted(view.slot))
    if (outs.length === 0) return null
    if (this.#joined === 1) return this.#first
    // What the remaining results need, and its registers: tensors, constants, instructions.
    const keep = {
      in: new Set<number>(),
      rowIn: new Set<number>(),
      constant: new Set<number>(),
      instruction: new Set<number>(),
    }
    const visit = (ref: Ref): void => {
      if (keep[ref.kind].has(ref.index)) return
      keep[ref.kind].add(ref.index)
      if (ref.kind === 'instruction') for (const arg of instructions[ref.index].args) visit(arg)
    }
    for (const { ref } of outs) visit(ref)
    const kept: { readonly [K in Ref['kind']]: readonly number[] } = {
      in: [...keep.in].sort((a, b) => a - b),
      rowIn: [...keep.rowIn].sort((a, b) => a - b),
      constant: [...keep.constant].sort((a, b) => a - b),
      instruction: [...keep.instruction].sort((a, b) => a - b),
    }
    const before = {
      in: 0,
      rowIn: kept.in.length,
      constant: kept.in.length + kept.rowIn.length,
      instruction: kept.in.length + kept.rowIn.length + kept.constant.length,
    }
    const register = ({ kind, index }: Ref): number => before[kind] + kept[kind].indexOf(index)
    const operands = (args: readonly Ref[]): number[] =>
      [0, 1, 2].map((i) => register(args[Math.min(i, args.length - 1)]))

    const words: number[] = []
    const places: number[] = []
    const slots: number[] = []
    const writeViews = (views: readonly View[]): void => {
      words.push(views.length)
      for (const view of views) {
        places.push(words.length + 2)
        slots.push(view.slot)
        words.push(view.code, view.layout, view.offset, view.shape.length, ...view.shape, ...view.strides)
      }
    }
    const program = kept.instruction.map((i) => instructions[i])
    const reduces = row !== null && (kept.rowIn.length > 0 || program.some(({ kind }) => kind !== 'element'))
    const numel = numelOf(this.#shape)
    writeViews(outs.map(({ view, level }) => (level === 'row' ? (vector(view) ?? view) : view)))
    writeViews(kept.in.map((i) => ins[i]))
    if (this.#tiled) writeViews(kept.rowIn.map((i) => rowIns[i]))
    words.push(kept.constant.length, ...kept.constant.flatMap((i) => constants[i]))
    const code = program.flatMap(({ kind, op, args }) =>
      this.#tiled ? [KIND[kind], op, ...operands(args)] : [op, ...operands(args)],
    )
    words.push(code.length, ...code)
    words.push(outs.length, ...outs.map(({ ref }) => register(ref)))
    if (this.#tiled) {
      const length = reduces ? row : evenRow([...outs.map(({ view }) => view), ...kept.in.map((i) => ins[i])])
      words.push(length === 0 ? 0 : numel / length, length)
    }
    words.push(this.#compute)
    const name = this.#tiled ? 'tile_program' : 'elementwise'
    const kernel = KERNEL_NAMES.indexOf(name)
    return { call: { kernel, name, words: Float64Array.from(words), storages: [], places }, slots }
  }
}
