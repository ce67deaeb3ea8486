// Programs of micro-ops, as operators write them and as the evaluator takes them.
import { MICRO, MICRO_TYPES, type MicroOp } from '../binding/micro.gen.js'

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

/** A program in numbers, as the kernel takes it. */
export interface Compiled {
  readonly code: readonly number[]
  readonly constants: readonly number[]
  readonly results: readonly number[]
  /** The kinds of compute types that all of its instructions have. */
  readonly types: string
}

/** The programs of one operator: one for each choice of operands that are numbers. */
export class ProgramCache {
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
