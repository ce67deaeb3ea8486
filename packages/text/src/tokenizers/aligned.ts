// Text on its way through a tokenizer, which remembers where in the original each of its characters comes from.

/** A character that a normalizer wants, and how it came: 0 replaces one, 1 is inserted, -n replaces one and drops n after it. */
export type Change = readonly [character: string, change: number]

/** What becomes of the places where a text is split. */
export type SplitBehavior = 'Removed' | 'Isolated' | 'MergedWithPrevious' | 'MergedWithNext' | 'Contiguous'

export const SPLIT_BEHAVIORS: readonly SplitBehavior[] = [
  'Removed',
  'Isolated',
  'MergedWithPrevious',
  'MergedWithNext',
  'Contiguous',
]

/** A part of a text: [start, end) and whether it matched. */
export type Match = readonly [start: number, end: number, matched: boolean]

/** Where each code unit of a text lies in the original: all by one distance, or each for itself. */
type Places = { readonly base: number } | { readonly starts: Int32Array; readonly ends: Int32Array }

/** The bytes of UTF-8 as the printable characters that byte-level tokenizers write for them. */
export const BYTE_CHARACTERS: readonly string[] = (() => {
  const printable = (b: number) => (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || (b >= 174 && b <= 255)
  let others = 0
  return Array.from({ length: 256 }, (_, b) => String.fromCharCode(printable(b) ? b : 256 + others++))
})()

const encoder = new TextEncoder()

/** Matches what UTF-8 does not write in one byte. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the point is where ASCII ends
const BEYOND_ASCII = /[^\x00-\x7f]/

export class AlignedText {
  readonly text: string
  readonly #places: Places

  constructor(text: string, places: Places = { base: 0 }) {
    this.text = text
    this.#places = places
  }

  get length(): number {
    return this.text.length
  }

  /** Where in the original the code unit at `i` begins. */
  startAt(i: number): number {
    const places = this.#places
    return 'base' in places ? places.base + i : places.starts[i]
  }

  /** Where in the original the code unit at `i` ends. */
  endAt(i: number): number {
    const places = this.#places
    return 'base' in places ? places.base + i + 1 : places.ends[i]
  }

  /** The part of the original that [start, end) comes from. */
  original(start: number, end: number): [number, number] {
    if (start >= end) {
      const at = this.length === 0 ? 0 : start < this.length ? this.startAt(start) : this.endAt(this.length - 1)
      return [at, at]
    }
    return [this.startAt(start), this.endAt(end - 1)]
  }

  slice(start: number, end: number): AlignedText {
    const places = this.#places
    return new AlignedText(
      this.text.slice(start, end),
      'base' in places
        ? { base: places.base + start }
        : { starts: places.starts.subarray(start, end), ends: places.ends.subarray(start, end) },
    )
  }

  /** Another text, of which each character comes from the part of this one that `from` gives. */
  #made(characters: readonly string[], from: readonly (readonly [number, number])[]): AlignedText {
    const text = characters.join('')
    const starts = new Int32Array(text.length)
    const ends = new Int32Array(text.length)
    let at = 0
    for (let i = 0; i < characters.length; i++)
      for (let unit = 0; unit < characters[i].length; unit++, at++) {
        starts[at] = from[i][0]
        ends[at] = from[i][1]
      }
    return new AlignedText(text, { starts, ends })
  }

  /** Replaces characters by what `changes` says of each; `skipped` of them are dropped at the beginning. */
  transform(changes: readonly Change[], skipped = 0): AlignedText {
    const old = Array.from(this.text)
    const places: [number, number][] = []
    let unit = 0
    for (const character of old) {
      places.push(this.original(unit, unit + character.length))
      unit += character.length
    }
    let next = skipped
    const from = changes.map(([, change]): [number, number] => {
      // Whatever a normalizer claims, no character comes from beyond the text.
      if (change > 0) return next === 0 ? [0, 0] : places[Math.min(next, places.length) - 1]
      const place = places[Math.min(next, places.length - 1)]
      next += 1 - change
      return place
    })
    return this.#made(
      changes.map(([character]) => character),
      from,
    )
  }

  /** One character for each, of any number of code units. */
  map(change: (character: string) => string): AlignedText {
    let same = true
    const characters: string[] = []
    const from: [number, number][] = []
    let unit = 0
    for (const character of this.text) {
      const becomes = change(character)
      if (becomes !== character) same = false
      characters.push(becomes)
      from.push(this.original(unit, unit + character.length))
      unit += character.length
    }
    return same ? this : this.#made(characters, from)
  }

  /** Without the characters that a pattern matches. It must have the flags g and u. */
  without(pattern: RegExp): AlignedText {
    return this.text.search(pattern) < 0 ? this : this.map((character) => character.replace(pattern, ''))
  }

  /** Puts `content` in place of each match; it lies where the last character of the match did. */
  replace(matches: readonly Match[], content: string): AlignedText {
    if (!matches.some(([, , matched]) => matched)) return this
    const characters: string[] = []
    const from: [number, number][] = []
    for (const [start, end, matched] of matches) {
      if (matched) {
        const place: [number, number] = end === 0 ? [0, 0] : [this.#characterStart(end), this.endAt(end - 1)]
        for (const character of content) {
          characters.push(character)
          from.push(place)
        }
      } else {
        for (let i = start; i < end; i++) {
          characters.push(this.text[i])
          from.push([this.startAt(i), this.endAt(i)])
        }
      }
    }
    return this.#made(characters, from)
  }

  /** Where in the original the character that ends at `end` begins. */
  #characterStart(end: number): number {
    const pair = end > 1 && /[\udc00-\udfff]/.test(this.text[end - 1])
    return this.startAt(pair ? end - 2 : end - 1)
  }

  prepend(prefix: string): AlignedText {
    return this.length === 0 ? this : this.#extended(prefix, '')
  }

  append(suffix: string): AlignedText {
    return this.length === 0 ? this : this.#extended('', suffix)
  }

  #extended(prefix: string, suffix: string): AlignedText {
    const text = prefix + this.text + suffix
    const starts = new Int32Array(text.length)
    const ends = new Int32Array(text.length)
    const last = this.length - 1
    const firstLength = (this.text.codePointAt(0) ?? 0) > 0xffff ? 2 : 1
    for (let i = 0; i < text.length; i++) {
      const at = i - prefix.length
      starts[i] = at > last ? this.#characterStart(this.length) : this.startAt(Math.max(at, 0))
      ends[i] = at < 0 ? this.endAt(firstLength - 1) : this.endAt(Math.min(at, last))
    }
    return new AlignedText(text, { starts, ends })
  }

  /** The bytes of its UTF-8, a printable character each. */
  bytes(): AlignedText {
    if (!BEYOND_ASCII.test(this.text)) {
      let text = ''
      for (let i = 0; i < this.length; i++) text += BYTE_CHARACTERS[this.text.charCodeAt(i)]
      return new AlignedText(text, this.#places)
    }
    const bytes = encoder.encode(this.text)
    const starts = new Int32Array(bytes.length)
    const ends = new Int32Array(bytes.length)
    let text = ''
    let at = 0
    let unit = 0
    while (unit < this.length) {
      const code = this.text.codePointAt(unit) ?? 0
      const units = code > 0xffff ? 2 : 1
      const count = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4
      const start = this.startAt(unit)
      const end = this.endAt(unit + units - 1)
      for (let i = 0; i < count; i++, at++) {
        text += BYTE_CHARACTERS[bytes[at]]
        starts[at] = start
        ends[at] = end
      }
      unit += units
    }
    return new AlignedText(text, { starts, ends })
  }

  /** Its parts, where what matched goes as `behavior` says. */
  split(matches: readonly Match[], behavior: SplitBehavior): AlignedText[] {
    const parts: [number, number][] = []
    let previous = false
    for (const [start, end, matched] of matches) {
      const last = parts[parts.length - 1]
      switch (behavior) {
        case 'Removed':
          if (!matched) parts.push([start, end])
          break
        case 'Isolated':
          parts.push([start, end])
          break
        case 'Contiguous':
          if (last !== undefined && matched === previous) last[1] = end
          else parts.push([start, end])
          break
        case 'MergedWithPrevious':
          if (last !== undefined && matched && !previous) last[1] = end
          else parts.push([start, end])
          break
        case 'MergedWithNext':
          if (last !== undefined && !matched && previous) last[1] = end
          else parts.push([start, end])
          break
        default:
          behavior satisfies never
      }
      previous = matched
    }
    return parts.filter(([start, end]) => end > start).map(([start, end]) => this.slice(start, end))
  }
}

/** All of a text in parts: those that a pattern with the flag g matches, and those between. */
export function matchesOf(pattern: RegExp, text: string, invert = false): Match[] {
  const parts: Match[] = []
  let end = 0
  for (const match of text.matchAll(pattern)) {
    if (match.index > end) parts.push([end, match.index, invert])
    end = match.index + match[0].length
    parts.push([match.index, end, !invert])
  }
  if (end < text.length) parts.push([end, text.length, invert])
  return parts
}
