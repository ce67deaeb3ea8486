// SentencePiece's compiled normalization: a double array that maps beginnings of texts to their replacement.
import { FormatError } from '@flambeau/core'
import type { Change } from './aligned.js'

const encoder = new TextEncoder()

/** A map of character sequences, as SentencePiece compiles it: the size of the trie, the trie, and replacements that end in a zero. */
export class CharacterMap {
  readonly #trie: Uint32Array
  readonly #replacements: string
  readonly #bytes: Uint8Array

  /** @param base64 the map as tokenizer.json has it */
  constructor(base64: string, place: string) {
    const bytes = Buffer.from(base64, 'base64')
    const size = bytes.length < 4 ? -1 : bytes.readUInt32LE(0)
    if (size < 0 || size % 4 !== 0 || size > bytes.length - 4 || size === 0)
      throw new FormatError(`${place}: expected a compiled character map, got ${bytes.length} bytes that are none`)
    this.#trie = new Uint32Array(size / 4)
    for (let i = 0; i < this.#trie.length; i++) this.#trie[i] = bytes.readUInt32LE(4 + i * 4)
    this.#bytes = bytes.subarray(4 + size)
    this.#replacements = place
  }

  /** What the shortest known beginning of `text` becomes, or undefined. */
  lookup(text: string): string | undefined {
    const trie = this.#trie
    let node = offsetOf(trie[0])
    for (const byte of encoder.encode(text)) {
      if (byte === 0) return undefined
      node ^= byte
      const unit = trie[node]
      if (unit === undefined || labelOf(unit) !== byte) return undefined
      node ^= offsetOf(unit)
      if (((unit >>> 8) & 1) === 1) return this.#replacementAt(trie[node])
    }
    return undefined
  }

  #replacementAt(unit: number | undefined): string {
    const start = (unit ?? 0xffffffff) & 0x7fffffff
    if (start >= this.#bytes.length)
      throw new FormatError(`${this.#replacements}: the compiled character map is damaged`)
    const end = this.#bytes.indexOf(0, start)
    return Buffer.from(this.#bytes.subarray(start, end < 0 ? undefined : end)).toString('utf8')
  }

  /** What becomes of each character of a text, or null where nothing changes. */
  changes(text: string): { readonly changes: Change[]; readonly skipped: number } | null {
    const changes: Change[] = []
    let changed = false
    let skipped = 0
    const replace = (part: string, becomes: string): void => {
      changed = true
      const characters = Array.from(becomes)
      const more = characters.length - Array.from(part).length
      for (const [i, character] of characters.entries())
        changes.push([character, more > 0 && i >= characters.length - more ? 1 : 0])
      if (more >= 0) return
      // What is dropped counts for the last character, be it of an earlier part.
      const last = changes.pop()
      if (last === undefined) skipped -= more
      else changes.push([last[0], last[1] + more])
    }
    for (const { segment } of graphemes.segment(text)) {
      const whole = encoder.encode(segment).length < 6 ? this.lookup(segment) : undefined
      if (whole !== undefined) {
        replace(segment, whole)
        continue
      }
      for (const character of segment) {
        const becomes = this.lookup(character)
        if (becomes === undefined) changes.push([character, 0])
        else replace(character, becomes)
      }
    }
    return changed ? { changes, skipped } : null
  }
}

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })

const labelOf = (unit: number): number => (unit & 0x800000ff) >>> 0
const offsetOf = (unit: number): number => ((unit >>> 10) << ((unit & 0x200) >>> 6)) >>> 0
