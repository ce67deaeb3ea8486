// Python's literals, as the headers of .npy files are: what repr() gives of dicts, tuples, strings and numbers.

/** A Python value: tuples and lists are arrays, dicts are Maps, None is null. */
export type Literal = null | boolean | number | string | readonly Literal[] | ReadonlyMap<string, Literal>

/** Nothing that is read nests deeper. */
const MAX_DEPTH = 16

const CLOSING: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' }
const NAMES: ReadonlyMap<string, Literal> = new Map<string, Literal>([
  ['True', true],
  ['False', false],
  ['None', null],
])

/** @throws SyntaxError with what was not expected */
export function parseLiteral(text: string): Literal {
  const parser = new Parser(text)
  const value = parser.value(0)
  parser.end()
  return value
}

class Parser {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  #fail(): never {
    const rest = this.#text.slice(this.#at, this.#at + 20)
    throw new SyntaxError(rest === '' ? 'it ends too early' : `it has ${JSON.stringify(rest)} at ${this.#at}`)
  }

  #match(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at
    const match = pattern.exec(this.#text)
    if (match === null) return null
    this.#at += match[0].length
    return match[0]
  }

  #space(): void {
    this.#match(/[ \t\r\n]*/y)
  }

  end(): void {
    this.#space()
    if (this.#at < this.#text.length) this.#fail()
  }

  value(depth: number): Literal {
    this.#space()
    const c = this.#text[this.#at]
    if (depth > MAX_DEPTH) this.#fail()
    if (c === "'" || c === '"') return this.#string()
    if (c === '(' || c === '[') return this.#list(c, depth)
    if (c === '{') return this.#dict(depth)
    // Python 2 wrote an L after long integers.
    const number = this.#match(/-?\d{1,20}L?/y)
    if (number !== null) return Number(number.replace('L', ''))
    const name = NAMES.get(this.#match(/[A-Z][a-z]+/y) ?? '')
    return name === undefined ? this.#fail() : name
  }

  #string(): string {
    const quote = this.#text[this.#at]
    const start = this.#at
    let result = ''
    for (this.#at++; this.#text[this.#at] !== quote; this.#at++) {
      let c = this.#text[this.#at]
      if (c === '\\') {
        this.#at++
        c = this.#text[this.#at]
        // No other escape stands in the names and types that NumPy writes.
        if (c !== '\\' && c !== "'" && c !== '"') this.#fail()
      }
      if (c === undefined) {
        this.#at = start
        this.#fail()
      }
      result += c
    }
    this.#at++
    return result
  }

  /** Whether the container goes on with another item. */
  #more(open: string): boolean {
    this.#space()
    if (this.#text[this.#at] !== CLOSING[open]) return true
    this.#at++
    return false
  }

  #comma(open: string): void {
    this.#space()
    if (this.#text[this.#at] === ',') this.#at++
    else if (this.#text[this.#at] !== CLOSING[open]) this.#fail()
  }

  #list(open: string, depth: number): Literal[] {
    this.#at++
    const list: Literal[] = []
    while (this.#more(open)) {
      list.push(this.value(depth + 1))
      this.#comma(open)
    }
    return list
  }

  #dict(depth: number): Map<string, Literal> {
    this.#at++
    const dict = new Map<string, Literal>()
    while (this.#more('{')) {
      const key = this.value(depth + 1)
      this.#space()
      if (typeof key !== 'string' || dict.has(key) || this.#text[this.#at] !== ':') this.#fail()
      this.#at++
      dict.set(key, this.value(depth + 1))
      this.#comma('{')
    }
    return dict
  }
}
