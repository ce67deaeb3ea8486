// Python's values as a pickle makes them, before they become JavaScript's. Lists are arrays.

/** A Python tuple. */
export class PyTuple {
  readonly items: readonly unknown[]
  constructor(items: readonly unknown[]) {
    this.items = items
  }
}

/** A Python dict of any class. Most of the small ones in a file are never filled. */
export class PyDict {
  #entries: Map<unknown, unknown> | null = null

  get entries(): ReadonlyMap<unknown, unknown> {
    return this.#entries ?? NOTHING
  }

  set(key: unknown, value: unknown): void {
    this.#entries ??= new Map()
    this.#entries.set(key, value)
  }
}

const NOTHING: ReadonlyMap<unknown, unknown> = new Map()

/** A Python set or frozenset. */
export class PySet {
  readonly items = new Set<unknown>()
}

/** What a constructor made that has parts a later opcode (BUILD) may set. */
export interface Buildable {
  build(state: unknown): void
}

/** A complex number. */
export class PyComplex {
  readonly re: number
  readonly im: number
  constructor(re: number, im: number) {
    this.re = re
    this.im = im
  }
}

/** A function or class of Python that a pickle may name, and what stands for a call of it here. */
export class PyGlobal {
  /** Such as `torch._utils._rebuild_tensor_v2`. */
  readonly name: string
  readonly #call: ((args: readonly unknown[]) => unknown) | null

  constructor(name: string, call: ((args: readonly unknown[]) => unknown) | null) {
    this.name = name
    this.#call = call
  }

  get callable(): boolean {
    return this.#call !== null
  }

  call(args: readonly unknown[]): unknown {
    return this.#call?.(args)
  }
}

/** How a value of a pickle reads in an error message. */
export function describePy(value: unknown): string {
  if (value === null) return 'None'
  if (value === undefined) return 'nothing'
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (typeof value === 'string') return value.length <= 40 ? `'${value}'` : `'${value.slice(0, 37)}…'`
  if (typeof value === 'number' || typeof value === 'bigint') return String(value).slice(0, 40)
  if (Array.isArray(value)) return `a list of ${value.length}`
  if (value instanceof PyTuple) {
    const parts =
      value.items.length <= 8 ? value.items.map((item) => (item instanceof PyTuple ? '(…)' : describePy(item))) : []
    return parts.length > 0 ? `(${parts.join(', ')})` : `a tuple of ${value.items.length}`
  }
  if (value instanceof PyDict) return `a dict of ${value.entries.size}`
  if (value instanceof PySet) return `a set of ${value.items.size}`
  if (value instanceof PyGlobal) return value.name
  if (value instanceof PyComplex) return 'a complex number'
  if (ArrayBuffer.isView(value)) return `${value.byteLength} bytes`
  return value.constructor.name
}
