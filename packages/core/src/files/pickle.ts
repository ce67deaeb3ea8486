// A machine for Python's pickles that knows data and nothing else: what a pickle may call is a closed list that the
// caller gives, so that no code of a file is ever run. Protocols 0 to 5; nothing in it recurses.
// https://github.com/python/cpython/blob/main/Lib/pickletools.py
import { FormatError } from '../errors.js'
import type { PickleInput } from './pickle-input.js'
import { type Buildable, describePy, PyDict, PyGlobal, PySet, PyTuple } from './pickle-values.js'

/** More values than any real file has: what is over them is a file made to exhaust memory. */
const MAX_VALUES = 2 ** 25
const MAX_CONTAINERS = 5_000_000
/** Bytes of an integer. */
const MAX_INTEGER = 4096

/** What a pickle may use. */
export interface PickleScope {
  /** What stands for the function, class or constant of that name; undefined where it is not to be used. */
  find(name: string): unknown
  /** What a persistent id stands for. */
  persistent(id: unknown): unknown
}

/** Opcodes, by their bytes. */
const OP = {
  MARK: 0x28,
  STOP: 0x2e,
  POP: 0x30,
  POP_MARK: 0x31,
  DUP: 0x32,
  FLOAT: 0x46,
  INT: 0x49,
  BININT: 0x4a,
  BININT1: 0x4b,
  LONG: 0x4c,
  BININT2: 0x4d,
  NONE: 0x4e,
  PERSID: 0x50,
  BINPERSID: 0x51,
  REDUCE: 0x52,
  STRING: 0x53,
  BINSTRING: 0x54,
  SHORT_BINSTRING: 0x55,
  UNICODE: 0x56,
  BINUNICODE: 0x58,
  APPEND: 0x61,
  BUILD: 0x62,
  GLOBAL: 0x63,
  DICT: 0x64,
  APPENDS: 0x65,
  GET: 0x67,
  BINGET: 0x68,
  INST: 0x69,
  LONG_BINGET: 0x6a,
  LIST: 0x6c,
  OBJ: 0x6f,
  PUT: 0x70,
  BINPUT: 0x71,
  LONG_BINPUT: 0x72,
  SETITEM: 0x73,
  TUPLE: 0x74,
  SETITEMS: 0x75,
  EMPTY_DICT: 0x7d,
  EMPTY_LIST: 0x5d,
  EMPTY_TUPLE: 0x29,
  BINFLOAT: 0x47,
  BINBYTES: 0x42,
  SHORT_BINBYTES: 0x43,
  PROTO: 0x80,
  NEWOBJ: 0x81,
  EXT1: 0x82,
  EXT2: 0x83,
  EXT4: 0x84,
  TUPLE1: 0x85,
  TUPLE2: 0x86,
  TUPLE3: 0x87,
  NEWTRUE: 0x88,
  NEWFALSE: 0x89,
  LONG1: 0x8a,
  LONG4: 0x8b,
  SHORT_BINUNICODE: 0x8c,
  BINUNICODE8: 0x8d,
  BINBYTES8: 0x8e,
  EMPTY_SET: 0x8f,
  ADDITEMS: 0x90,
  FROZENSET: 0x91,
  NEWOBJ_EX: 0x92,
  STACK_GLOBAL: 0x93,
  MEMOIZE: 0x94,
  FRAME: 0x95,
  BYTEARRAY8: 0x96,
  NEXT_BUFFER: 0x97,
  READONLY_BUFFER: 0x98,
} as const

/** Reads one pickle. @throws FormatError for whatever is damaged, or asks for what `scope` does not have */
export function readPickle(input: PickleInput, scope: PickleScope): unknown {
  return new Machine(input, scope).run()
}

class Machine {
  readonly #input: PickleInput
  readonly #scope: PickleScope
  readonly #stack: unknown[] = []
  readonly #marks: number[] = []
  readonly #memo = new Map<number, unknown>()
  #values = 0
  #containers = 0

  constructor(input: PickleInput, scope: PickleScope) {
    this.#input = input
    this.#scope = scope
  }

  run(): unknown {
    for (let op = this.#input.u8(); op !== OP.STOP; op = this.#input.u8()) this.#step(op)
    const result = this.#pop()
    if (this.#stack.length > 0) this.fail(`${this.#stack.length} values are left over`)
    return result
  }

  fail(why: string): never {
    throw new FormatError(`${this.#input.name}: the pickle is corrupt: ${why} (before byte ${this.#input.position})`)
  }

  #push(value: unknown): void {
    if (++this.#values > MAX_VALUES) this.#tooLarge(MAX_VALUES, 'values')
    this.#stack.push(value)
  }

  /** Pushes what takes memory of its own. */
  #pushContainer(value: unknown): void {
    if (++this.#containers > MAX_CONTAINERS) this.#tooLarge(MAX_CONTAINERS, 'lists, tuples and dicts')
    this.#push(value)
  }

  #tooLarge(limit: number, what: string): never {
    throw new FormatError(`${this.#input.name}: the pickle is refused: it has more than ${limit} ${what}`)
  }

  #pop(): unknown {
    const { length } = this.#stack
    if (length === 0 || length === this.#marks[this.#marks.length - 1]) this.fail('a value is missing')
    return this.#stack.pop()
  }

  #top(): unknown {
    const { length } = this.#stack
    if (length === 0 || length === this.#marks[this.#marks.length - 1]) this.fail('a value is missing')
    return this.#stack[length - 1]
  }

  /** What was pushed since the last mark. */
  #popMark(): unknown[] {
    const mark = this.#marks.pop() ?? this.fail('a mark is missing')
    return this.#stack.splice(mark)
  }

  #step(op: number): void {
    const input = this.#input
    switch (op) {
      case OP.PROTO: {
        const protocol = input.u8()
        if (protocol > 5) this.fail(`protocol ${protocol} is not known`)
        return
      }
      case OP.FRAME: {
        const length = input.u64()
        if (length > input.rest) this.fail(`a frame of ${length} bytes is announced and ${input.rest} follow`)
        return
      }
      case OP.MARK:
        if (++this.#values > MAX_VALUES) this.#tooLarge(MAX_VALUES, 'values')
        this.#marks.push(this.#stack.length)
        return
      case OP.POP:
        if (this.#marks[this.#marks.length - 1] === this.#stack.length) this.#marks.pop()
        else this.#pop()
        return
      case OP.POP_MARK:
        this.#popMark()
        return
      case OP.DUP:
        this.#push(this.#top())
        return
      case OP.NONE:
        this.#push(null)
        return
      case OP.NEWTRUE:
        this.#push(true)
        return
      case OP.NEWFALSE:
        this.#push(false)
        return
      case OP.BININT:
        this.#push(input.i32())
        return
      case OP.BININT1:
        this.#push(input.u8())
        return
      case OP.BININT2:
        this.#push(input.u16())
        return
      case OP.LONG1:
        this.#push(this.#long(input.u8()))
        return
      case OP.LONG4:
        this.#push(this.#long(input.i32()))
        return
      case OP.INT:
      case OP.LONG:
        this.#push(this.#decimal(input.line()))
        return
      case OP.BINFLOAT:
        this.#push(input.f64())
        return
      case OP.FLOAT:
        this.#push(this.#float(input.line()))
        return
      case OP.EMPTY_LIST:
        this.#pushContainer([])
        return
      case OP.EMPTY_DICT:
        this.#pushContainer(new PyDict())
        return
      case OP.EMPTY_SET:
        this.#pushContainer(new PySet())
        return
      case OP.EMPTY_TUPLE:
        this.#push(EMPTY)
        return
      case OP.LIST:
        this.#pushContainer(this.#popMark())
        return
      case OP.TUPLE:
        this.#pushContainer(new PyTuple(this.#popMark()))
        return
      case OP.TUPLE1:
      case OP.TUPLE2:
      case OP.TUPLE3: {
        const items = Array.from({ length: op - OP.TUPLE1 + 1 }, () => this.#pop())
        this.#pushContainer(new PyTuple(items.reverse()))
        return
      }
      case OP.DICT: {
        const dict = new PyDict()
        this.#setItems(dict, this.#popMark())
        this.#pushContainer(dict)
        return
      }
      case OP.FROZENSET:
      case OP.ADDITEMS:
      case OP.APPEND:
      case OP.APPENDS:
      case OP.SETITEM:
      case OP.SETITEMS:
        this.#fill(op)
        return
      case OP.GET:
        this.#push(this.#recall(Number(input.line())))
        return
      case OP.BINGET:
        this.#push(this.#recall(input.u8()))
        return
      case OP.LONG_BINGET:
        this.#push(this.#recall(input.u32()))
        return
      case OP.PUT:
        this.#remember(Number(input.line()))
        return
      case OP.BINPUT:
        this.#remember(input.u8())
        return
      case OP.LONG_BINPUT:
        this.#remember(input.u32())
        return
      case OP.MEMOIZE:
        this.#remember(this.#memo.size)
        return
      case OP.PERSID:
        this.#push(this.#scope.persistent(input.line()))
        return
      case OP.BINPERSID:
        this.#push(this.#scope.persistent(this.#pop()))
        return
      case OP.GLOBAL:
        this.#push(this.#global(input.line(), input.line()))
        return
      case OP.STACK_GLOBAL: {
        const name = this.#pop()
        const module = this.#pop()
        if (typeof module !== 'string' || typeof name !== 'string')
          this.fail(
            `expected the names of a module and of what is in it, got ${describePy(module)}, ${describePy(name)}`,
          )
        this.#push(this.#global(module, name))
        return
      }
      case OP.REDUCE:
      case OP.NEWOBJ: {
        const args = this.#pop()
        this.#call(this.#pop(), args)
        return
      }
      case OP.NEWOBJ_EX: {
        const named = this.#pop()
        const args = this.#pop()
        if (!(named instanceof PyDict) || named.entries.size > 0) this.fail('arguments given by name are not known')
        this.#call(this.#pop(), args)
        return
      }
      case OP.INST: {
        const callee = this.#global(input.line(), input.line())
        this.#call(callee, new PyTuple(this.#popMark()))
        return
      }
      case OP.OBJ: {
        const [callee, ...args] = this.#popMark()
        this.#call(callee, new PyTuple(args))
        return
      }
      case OP.BUILD:
        this.#build(this.#pop(), this.#top())
        return
      case OP.EXT1:
      case OP.EXT2:
      case OP.EXT4:
        throw this.fail('it uses the registry of extensions, which no file of tensors needs')
      case OP.NEXT_BUFFER:
      case OP.READONLY_BUFFER:
        throw this.fail('it refers to buffers that are not in the file')
      default:
        this.#string(op)
        return
    }
  }

  #string(op: number): void {
    const input = this.#input
    switch (op) {
      case OP.SHORT_BINUNICODE:
        this.#push(input.text(input.u8()))
        return
      case OP.BINUNICODE:
        this.#push(input.text(input.u32()))
        return
      case OP.BINUNICODE8:
        this.#push(input.text(input.u64()))
        return
      case OP.UNICODE:
        this.#push(unescaped(input.line()))
        return
      case OP.SHORT_BINSTRING:
        this.#push(pythonTwo(input.bytes(input.u8())))
        return
      case OP.BINSTRING:
        this.#push(pythonTwo(input.bytes(input.u32())))
        return
      case OP.STRING: {
        const quoted = /^(['"])(.*)\1$/.exec(input.line()) ?? this.fail('a string has no quotes')
        if (quoted[2].includes('\\')) this.fail('a string has escapes')
        this.#push(quoted[2])
        return
      }
      case OP.SHORT_BINBYTES:
        this.#pushContainer(input.bytes(input.u8()))
        return
      case OP.BINBYTES:
        this.#pushContainer(input.bytes(input.u32()))
        return
      case OP.BINBYTES8:
      case OP.BYTEARRAY8:
        this.#pushContainer(input.bytes(input.u64()))
        return
      default:
        this.fail(`0x${op.toString(16)} is no opcode`)
    }
  }

  #fill(op: number): void {
    switch (op) {
      case OP.FROZENSET: {
        const set = new PySet()
        for (const item of this.#popMark()) set.items.add(item)
        this.#pushContainer(set)
        return
      }
      case OP.ADDITEMS: {
        const items = this.#popMark()
        const set = this.#top()
        if (!(set instanceof PySet)) this.fail(`expected a set to add to, got ${describePy(set)}`)
        for (const item of items) set.items.add(item)
        return
      }
      case OP.APPEND:
      case OP.APPENDS: {
        const items = op === OP.APPEND ? [this.#pop()] : this.#popMark()
        const list = this.#top()
        if (!Array.isArray(list)) this.fail(`expected a list to append to, got ${describePy(list)}`)
        for (const item of items) list.push(item)
        return
      }
      default: {
        const items = op === OP.SETITEM ? [this.#pop(), this.#pop()].reverse() : this.#popMark()
        const dict = this.#top()
        if (!(dict instanceof PyDict)) this.fail(`expected a dict to set items of, got ${describePy(dict)}`)
        this.#setItems(dict, items)
      }
    }
  }

  #setItems(dict: PyDict, items: readonly unknown[]): void {
    if (items.length % 2 !== 0) this.fail('a key has no value')
    for (let i = 0; i < items.length; i += 2) dict.set(items[i], items[i + 1])
  }

  #recall(index: number): unknown {
    if (!this.#memo.has(index)) this.fail(`it refers to value ${index}, which it has not made`)
    return this.#memo.get(index)
  }

  #remember(index: number): void {
    if (!Number.isSafeInteger(index) || index < 0) this.fail(`a value is to be remembered as number ${index}`)
    if (++this.#values > MAX_VALUES) this.#tooLarge(MAX_VALUES, 'values')
    this.#memo.set(index, this.#top())
  }

  #global(module: string, name: string): unknown {
    const full = `${module === '__builtin__' ? 'builtins' : module}.${name}`
    const found = this.#scope.find(full)
    if (found === undefined)
      throw new FormatError(
        `${this.#input.name}: the file asks for ${describePy(full).slice(1, -1)}, which is not on the list of what a file of tensors may use; nothing of it was run`,
      )
    return found
  }

  #call(callee: unknown, args: unknown): void {
    if (!(callee instanceof PyGlobal) || !callee.callable)
      this.fail(`expected something to call, got ${describePy(callee)}`)
    if (!(args instanceof PyTuple)) this.fail(`expected arguments of ${callee.name}, got ${describePy(args)}`)
    this.#pushContainer(callee.call(args.items))
  }

  #build(state: unknown, target: unknown): void {
    // Attributes that Python code set on a dict, such as the versions of a state dict's modules, are not part of its data.
    if (isBuildable(target)) target.build(state)
    else if (!(target instanceof PyDict)) this.fail(`expected something to set the state of, got ${describePy(target)}`)
  }

  /** A little-endian integer in two's complement. */
  #long(size: number): number | bigint {
    if (size < 0 || size > MAX_INTEGER) this.fail(`an integer has ${size} bytes`)
    const bytes = this.#input.bytes(size)
    if (size === 0) return 0
    const value = BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`)
    return exact(BigInt.asIntN(8 * size, value))
  }

  #decimal(line: string): number | bigint | boolean {
    if (line === '00' || line === '01') return line === '01'
    const digits = /^([+-]?\d+)L?$/.exec(line.trim())?.[1]
    if (digits === undefined || digits.length > MAX_INTEGER) return this.fail('an integer is not one')
    return exact(BigInt(digits.replace(/^\+/, '')))
  }

  #float(line: string): number {
    const text = line.trim()
    if (/^[+-]?(inf|infinity)$/i.test(text))
      return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
    if (/^[+-]?nan$/i.test(text)) return Number.NaN
    const value = Number(text)
    if (text === '' || Number.isNaN(value)) this.fail('a float is not one')
    return value
  }
}

const EMPTY = new PyTuple([])

const exact = (value: bigint): number | bigint =>
  value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value

const isBuildable = (value: unknown): value is Buildable =>
  typeof value === 'object' && value !== null && 'build' in value && typeof value.build === 'function'

/** A string of Python 2, where text and bytes are one: text where it can be. */
function pythonTwo(bytes: Uint8Array): string | Uint8Array {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return bytes
  }
}

const unescaped = (line: string): string =>
  line.replace(/\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})/g, (whole, short: string, long: string) => {
    const code = Number.parseInt(short ?? long, 16)
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole
  })
