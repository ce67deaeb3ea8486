// Oniguruma's regular expressions, which tokenizer.json has, as JavaScript's with the flag v.
import { FormatError } from '@flambeau/core'
import { describe } from '@flambeau/core/errors'

/** Letters that case folding brings to these beside their other case. */
const FOLDS: Readonly<Record<string, string>> = { s: 'ſ', k: '\u212a' }

/** POSIX brackets by their Unicode meaning. */
const POSIX: Readonly<Record<string, string>> = {
  alnum: '[\\p{L}\\p{M}\\p{Nd}]',
  alpha: '[\\p{L}\\p{M}]',
  ascii: '[\\x00-\\x7f]',
  blank: '[\\p{Zs}\\t]',
  cntrl: '[\\p{Cc}\\p{Cf}\\p{Cn}\\p{Co}]',
  digit: '\\p{Nd}',
  lower: '\\p{Ll}',
  punct: '[\\p{P}$+<=>^`\\|~]',
  space: '\\p{White_Space}',
  upper: '\\p{Lu}',
  word: '[\\p{L}\\p{M}\\p{N}\\p{Pc}]',
  xdigit: '[0-9A-Fa-f]',
}

/** Escapes that mean a set, and how it is negated. */
const SETS: Readonly<Record<string, string>> = {
  s: '\\p{White_Space}',
  S: '\\P{White_Space}',
  d: '\\p{Nd}',
  D: '\\P{Nd}',
  w: '[\\p{L}\\p{M}\\p{N}\\p{Pc}]',
  W: '[^\\p{L}\\p{M}\\p{N}\\p{Pc}]',
  h: '[0-9A-Fa-f]',
  H: '[^0-9A-Fa-f]',
}

const CONTROLS: Readonly<Record<string, string>> = {
  t: '\\t',
  n: '\\n',
  r: '\\r',
  f: '\\f',
  v: '\\v',
  a: '\\x07',
  e: '\\x1b',
}

const literal = (character: string): string =>
  /[\^$\\.*+?()[\]{}|/\-&~!#%,:;<=>@`]/.test(character)
    ? `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`
    : character

class Translator {
  readonly #source: string
  #at = 0
  #atomic = 0
  #groups = 0
  #ignoreCase = false
  #extended = false
  #dotAll = false

  constructor(source: string) {
    this.#source = source
  }

  translate(): string {
    const result = this.#alternatives()
    if (this.#at < this.#source.length) throw new SyntaxError(`unmatched ')' at ${this.#at}`)
    return result
  }

  #peek(text: string): boolean {
    return this.#source.startsWith(text, this.#at)
  }

  #take(text: string): boolean {
    if (!this.#peek(text)) return false
    this.#at += text.length
    return true
  }

  #next(): string {
    const code = this.#source.codePointAt(this.#at)
    if (code === undefined) throw new SyntaxError('unexpected end')
    const character = String.fromCodePoint(code)
    this.#at += character.length
    return character
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at
    const match = pattern.exec(this.#source)
    if (match !== null) this.#at += match[0].length
    return match
  }

  #alternatives(): string {
    let result = ''
    while (this.#at < this.#source.length && !this.#peek(')')) result += this.#take('|') ? '|' : this.#quantified()
    return result
  }

  #quantified(): string {
    let atom = this.#atom()
    if (atom === '') return ''
    for (;;) {
      const quantifier = this.#match(/[*+?]|\{\d+(?:,\d*)?\}|\{,\d+\}/y)?.[0]
      if (quantifier === undefined) return atom
      const counted = quantifier.startsWith('{,') ? `{0${quantifier.slice(1)}` : quantifier
      if (this.#take('?')) atom = `(?:${atom}${counted}?)`
      else if (!counted.startsWith('{') && this.#take('+')) atom = this.#cut(`${atom}${counted}`)
      else atom = `(?:${atom}${counted})`
    }
  }

  /** Once matched, never tried otherwise: a lookahead gives nothing back. */
  #cut(inner: string): string {
    const name = `atomic${this.#atomic++}`
    return `(?:(?=(?<${name}>${inner}))\\k<${name}>)`
  }

  #atom(): string {
    if (this.#extended && this.#match(/\s+|#[^\n]*/y)) return ''
    if (this.#take('(')) return this.#group()
    if (this.#take('[')) return this.#set()
    if (this.#take('.')) return this.#dotAll ? '[^]' : '[^\\n]'
    if (this.#take('^')) return '(?:^|(?<=\\n))'
    if (this.#take('$')) return '(?=\\n|$)'
    if (this.#take('\\')) return this.#escape(false)
    const character = this.#next()
    if (/[*+?]/.test(character)) throw new SyntaxError(`nothing to repeat at ${this.#at - 1}`)
    return this.#folded(character)
  }

  #folded(character: string): string {
    if (!this.#ignoreCase) return literal(character)
    const both = new Set([
      character.toLowerCase(),
      character.toUpperCase(),
      FOLDS[character.toLowerCase()] ?? character,
    ])
    const single = [...both].filter((c) => [...c].length === 1)
    return single.length === 1 ? literal(single[0]) : `[${single.map(literal).join('')}]`
  }

  #group(): string {
    const before = [this.#ignoreCase, this.#extended, this.#dotAll] as const
    const finish = (open: string): string => {
      const inner = this.#alternatives()
      if (!this.#take(')')) throw new SyntaxError("missing ')'")
      ;[this.#ignoreCase, this.#extended, this.#dotAll] = before
      return open === 'atomic' ? this.#cut(inner) : `${open}${inner})`
    }
    if (!this.#take('?')) {
      this.#groups++
      return finish('(')
    }
    if (this.#take('#')) {
      this.#match(/[^)]*\)/y)
      return ''
    }
    for (const open of [':', '=', '!', '<=', '<!'] as const) if (this.#take(open)) return finish(`(?${open}`)
    if (this.#take('>')) return finish('atomic')
    const name = this.#match(/<([A-Za-z_]\w*)>/y)?.[1]
    if (name !== undefined) return finish(`(?<${name}>`)
    const flags = this.#match(/([imx]*)(?:-([imx]*))?([:)])/y)
    if (flags === null) throw new SyntaxError(`unknown group at ${this.#at}`)
    const [, on, off = '', end] = flags
    for (const [letters, value] of [
      [on, true],
      [off, false],
    ] as const) {
      if (letters.includes('i')) this.#ignoreCase = value
      if (letters.includes('x')) this.#extended = value
      if (letters.includes('m')) this.#dotAll = value
    }
    if (end === ':') return finish('(?:')
    // Flags alone hold until the end of the group that they stand in.
    const rest = this.#alternatives()
    ;[this.#ignoreCase, this.#extended, this.#dotAll] = before
    return `(?:${rest})`
  }

  #escape(inSet: boolean): string {
    const property = this.#match(/([pP])\{(\^?)([^}]+)\}/y)
    if (property !== null) return this.#property(property[1] === 'P', property[2] === '^', property[3])
    const code = this.#match(/x\{([0-9A-Fa-f]{1,6})\}|x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{4})/y)
    if (code !== null) return literal(String.fromCodePoint(Number.parseInt(code[1] ?? code[2] ?? code[3], 16)))
    const octal = this.#match(/0[0-7]{0,2}/y)
    if (octal !== null) return literal(String.fromCharCode(Number.parseInt(octal[0], 8)))
    if (!inSet) {
      const reference = this.#match(/[1-9]\d*/y)
      if (reference !== null) {
        if (this.#atomic > 0) throw new SyntaxError('a reference by number beside a possessive quantifier')
        if (Number(reference[0]) > this.#groups) throw new SyntaxError(`no group ${reference[0]}`)
        return `\\${reference[0]}`
      }
      const named = this.#match(/k<([A-Za-z_]\w*)>/y)
      if (named !== null) return `\\k<${named[1]}>`
      if (this.#take('A')) return '(?<![^])'
      if (this.#take('z')) return '(?![^])'
      if (this.#take('Z')) return '(?=\\n?(?![^]))'
      const word = SETS.w
      if (this.#take('b')) return `(?:(?<=${word})(?!${word})|(?<!${word})(?=${word}))`
      if (this.#take('B')) return `(?:(?<=${word})(?=${word})|(?<!${word})(?!${word}))`
      if (this.#take('R')) return '(?:\\r\\n|[\\n\\v\\f\\r\\x85\\u2028\\u2029])'
    }
    const character = this.#next()
    if (Object.hasOwn(SETS, character)) return SETS[character]
    if (Object.hasOwn(CONTROLS, character)) return CONTROLS[character]
    if (/[A-Za-z0-9]/.test(character)) throw new SyntaxError(`unknown escape \\${character} at ${this.#at - 1}`)
    return literal(character)
  }

  #property(capital: boolean, caret: boolean, name: string): string {
    const posix = POSIX[name.toLowerCase()]
    const negated = capital !== caret
    if (posix !== undefined) return negated ? `[^${posix}]` : posix
    const p = negated ? '\\P' : '\\p'
    const plain = name.replace(/^Is/, '')
    for (const candidate of [plain, `Script=${plain}`, `Script_Extensions=${plain}`])
      try {
        new RegExp(`\\p{${candidate}}`, 'v')
        return `${p}{${candidate}}`
      } catch {}
    throw new SyntaxError(`unknown property ${name}`)
  }

  #set(): string {
    let result = this.#take('^') ? '[^' : '['
    let first = true
    const intersections: string[] = []
    for (;;) {
      const posix = this.#match(/\[:(\^?)(\w+):\]/y)
      if (posix !== null) {
        const set = POSIX[posix[2]]
        if (set === undefined) throw new SyntaxError(`unknown class [:${posix[2]}:]`)
        result += posix[1] === '^' ? `[^${set}]` : set
      } else if (!first && this.#take(']')) break
      else if (this.#take('[')) result += this.#set()
      else if (this.#take('&&')) {
        intersections.push(result.replace(/^\[\^?/, ''))
        result = result.startsWith('[^') ? '[^' : '['
      } else {
        const start = this.#take('\\') ? this.#escape(true) : literal(this.#next())
        const isSet = /^(?:\\[pP]\{|\[)/.test(start)
        const range = isSet ? null : this.#match(/-(?!\])(?:\\(?![pPsSdDwWhH])|(?=[^\\[]))/y)
        const end = range === null ? null : range[0] === '-' ? literal(this.#next()) : this.#escape(true)
        if (end === null) result += !isSet && this.#ignoreCase ? this.#bothCases(start) : start
        else result += this.#ignoreCase ? this.#range(start, end) : `${start}-${end}`
      }
      first = false
    }
    if (intersections.length === 0) return `${result}]`
    const open = result.startsWith('[^') ? '[^' : '['
    return `${open}${[...intersections, result.slice(open.length)].map((part) => `[${part}]`).join('&&')}]`
  }

  #bothCases(start: string): string {
    return [...start].length === 1 ? this.#folded(start).replace(/^\[|\]$/g, '') : start
  }

  /** A range of letters in both cases. */
  #range(start: string, end: string): string {
    const plain = `${start}-${end}`
    return /^[a-z]-[a-z]$/i.test(plain)
      ? `${plain.toLowerCase()}${plain.toUpperCase()}${'s' >= start.toLowerCase() && 's' <= end.toLowerCase() ? FOLDS.s : ''}${'k' >= start.toLowerCase() && 'k' <= end.toLowerCase() ? FOLDS.k : ''}`
      : plain
  }
}

/** The same expression in JavaScript. @throws FormatError for what is no expression, or has no counterpart */
export function fromOniguruma(source: string, place: string): RegExp {
  try {
    return new RegExp(new Translator(source).translate(), 'gv')
  } catch (error) {
    if (!(error instanceof SyntaxError) && !(error instanceof RangeError)) throw error
    throw new FormatError(
      `${place}: expected a regular expression of Oniguruma, got ${describe(source)}: ${error.message}`,
    )
  }
}

/** Matches exactly a text. */
export const exactly = (text: string): RegExp =>
  new RegExp([...text].map((c) => `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`).join(''), 'gv')
