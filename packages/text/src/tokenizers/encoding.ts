// The tokens of a text.
import { ArgumentError } from '@flambeau/core'
import { describe } from '@flambeau/core/errors'

/** What an `Encoding` is made of: lists of equal length. */
export interface EncodingParts {
  readonly ids: number[]
  readonly tokens: string[]
  /** Where each token lies in its text, [start, end) in UTF-16 code units, as `slice` takes them. */
  readonly offsets: [number, number][]
  /** Which sequence of a pair: what models call token types or segments. */
  readonly typeIds: number[]
  /** The part of the text that a token belongs to, null for special tokens. */
  readonly wordIds: (number | null)[]
  /** The sequence that a token belongs to, null for special tokens. */
  readonly sequenceIds: (number | null)[]
  /** 1 for tokens that are not of the text. */
  readonly specialTokensMask: number[]
  /** 0 for padding. */
  readonly attentionMask: number[]
}

export type Direction = 'left' | 'right'

const LISTS = [
  'ids',
  'tokens',
  'offsets',
  'typeIds',
  'wordIds',
  'sequenceIds',
  'specialTokensMask',
  'attentionMask',
] as const satisfies readonly (keyof EncodingParts)[]

export interface PadOptions {
  readonly direction?: Direction
  readonly padId?: number
  readonly padTypeId?: number
  readonly padToken?: string
}

/** The tokens of a text, with where each comes from. Offsets count UTF-16 code units: `text.slice(...offsets[i])`. */
export class Encoding implements EncodingParts {
  readonly ids: number[]
  readonly tokens: string[]
  readonly offsets: [number, number][]
  readonly typeIds: number[]
  readonly wordIds: (number | null)[]
  readonly sequenceIds: (number | null)[]
  readonly specialTokensMask: number[]
  readonly attentionMask: number[]
  /** What truncation cut off, in parts of the same length. */
  overflowing: Encoding[]

  constructor(parts: EncodingParts, overflowing: Encoding[] = []) {
    this.ids = parts.ids
    this.tokens = parts.tokens
    this.offsets = parts.offsets
    this.typeIds = parts.typeIds
    this.wordIds = parts.wordIds
    this.sequenceIds = parts.sequenceIds
    this.specialTokensMask = parts.specialTokensMask
    this.attentionMask = parts.attentionMask
    this.overflowing = overflowing
  }

  static empty(): Encoding {
    return new Encoding({
      ids: [],
      tokens: [],
      offsets: [],
      typeIds: [],
      wordIds: [],
      sequenceIds: [],
      specialTokensMask: [],
      attentionMask: [],
    })
  }

  /** Special tokens, which lie nowhere in the text. */
  static special(ids: readonly number[], tokens: readonly string[], typeId: number): Encoding {
    const all = <T>(value: T): T[] => ids.map(() => value)
    return new Encoding({
      ids: [...ids],
      tokens: [...tokens],
      offsets: ids.map(() => [0, 0]),
      typeIds: all(typeId),
      wordIds: all(null),
      sequenceIds: all(null),
      specialTokensMask: all(1),
      attentionMask: all(1),
    })
  }

  /** Several, one after the other. */
  static concat(encodings: readonly Encoding[]): Encoding {
    const result = Encoding.empty()
    for (const encoding of encodings)
      for (const list of LISTS) {
        const to: unknown[] = result[list]
        for (const value of encoding[list]) to.push(value)
      }
    return result
  }

  get length(): number {
    return this.ids.length
  }

  slice(start: number, end: number): Encoding {
    return new Encoding({
      ids: this.ids.slice(start, end),
      tokens: this.tokens.slice(start, end),
      offsets: this.offsets.slice(start, end),
      typeIds: this.typeIds.slice(start, end),
      wordIds: this.wordIds.slice(start, end),
      sequenceIds: this.sequenceIds.slice(start, end),
      specialTokensMask: this.specialTokensMask.slice(start, end),
      attentionMask: this.attentionMask.slice(start, end),
    })
  }

  /** The same tokens with other types and sequence. */
  withSequence(sequence: number, typeId: number): Encoding {
    return new Encoding(
      { ...this, typeIds: this.ids.map(() => typeId), sequenceIds: this.ids.map(() => sequence) },
      this.overflowing.map((part) => part.withSequence(sequence, typeId)),
    )
  }

  /**
   * Cut to `maxLength` tokens; the rest is `overflowing`, in parts that share `stride` tokens with the one before.
   *
   * @throws ArgumentError unless stride is smaller than maxLength
   */
  truncate(
    maxLength: number,
    { stride = 0, direction = 'right' }: { stride?: number; direction?: Direction } = {},
  ): Encoding {
    if (maxLength >= this.length) return this
    if (maxLength === 0) return new Encoding(Encoding.empty(), [this.slice(0, this.length)])
    if (stride >= maxLength)
      throw new ArgumentError(
        `truncate: expected stride to be smaller than the ${maxLength} tokens that are left, got ${stride}`,
      )
    const parts: Encoding[] = []
    const step = maxLength - stride
    if (direction === 'right')
      for (let start = 0; ; start += step) {
        parts.push(this.slice(start, start + maxLength))
        if (start + maxLength >= this.length) break
      }
    else
      for (let stop = this.length; ; stop -= step) {
        parts.push(this.slice(Math.max(0, stop - maxLength), stop))
        if (stop <= maxLength) break
      }
    const [first, ...rest] = parts
    first.overflowing = rest
    return first
  }

  /** Filled up to `length` tokens, and so is what overflows. */
  pad(length: number, options: PadOptions = {}): Encoding {
    const overflowing = this.overflowing.map((part) => part.pad(length, options))
    const missing = length - this.length
    if (missing <= 0) return new Encoding(this, overflowing)
    const { direction = 'right', padId = 0, padToken = '[PAD]', padTypeId = 0 } = options
    const all = <T>(value: T): T[] => new Array(missing).fill(value)
    const padding = Encoding.special(all(padId), all(padToken), padTypeId)
    padding.attentionMask.fill(0)
    const padded = Encoding.concat(direction === 'left' ? [padding, this] : [this, padding])
    padded.overflowing = overflowing
    return padded
  }

  /** The token that the character at `index` of a sequence belongs to, or null. */
  charToToken(index: number, sequence = 0): number | null {
    const i = this.offsets.findIndex(
      ([start, end], token) => this.sequenceIds[token] === sequence && start <= index && index < end,
    )
    return i < 0 ? null : i
  }

  /** The tokens [start, end) of a word of a sequence, or null. */
  wordToTokens(word: number, sequence = 0): [number, number] | null {
    const isIn = (id: number | null, token: number) => id === word && this.sequenceIds[token] === sequence
    const start = this.wordIds.findIndex(isIn)
    return start < 0 ? null : [start, this.wordIds.findLastIndex(isIn) + 1]
  }
}

/** How pairs that are too long are cut. */
export type TruncationStrategy = 'longest_first' | 'only_first' | 'only_second'

export const TRUNCATION_STRATEGIES: readonly TruncationStrategy[] = ['longest_first', 'only_first', 'only_second']

export interface TruncationOptions {
  readonly maxLength: number
  /** Tokens that parts which overflow share with the one before. Default 0. */
  readonly stride?: number
  /** Default 'longest_first'. */
  readonly strategy?: TruncationStrategy
  /** The end that is cut off. Default 'right'. */
  readonly direction?: Direction
}

/** A sequence, or a pair of them, cut to `maxLength` tokens together. */
export function truncatePair(
  first: Encoding,
  second: Encoding | null,
  { maxLength, strategy = 'longest_first', ...how }: TruncationOptions,
): [Encoding, Encoding | null] {
  const total = first.length + (second?.length ?? 0)
  if (total <= maxLength) return [first, second]
  if (strategy === 'longest_first') {
    if (second === null) return [first.truncate(maxLength, how), null]
    let shorter = Math.min(first.length, second.length)
    let longer = shorter > maxLength ? shorter : Math.max(shorter, maxLength - shorter)
    if (shorter + longer > maxLength) {
      shorter = Math.floor(maxLength / 2)
      longer = shorter + (maxLength % 2)
    }
    const [a, b] = first.length > second.length ? [longer, shorter] : [shorter, longer]
    return [first.truncate(a, how), second.truncate(b, how)]
  }
  const target = strategy === 'only_first' ? first : second
  if (target === null) throw new ArgumentError(`truncation: expected a pair for ${strategy}, got one sequence`)
  const left = target.length - (total - maxLength)
  if (left <= 0)
    throw new ArgumentError(
      `truncation: expected maxLength to leave something of the sequence that ${strategy} cuts, of ${target.length} tokens, got ${describe(maxLength)} for ${total} tokens`,
    )
  const cut = target.truncate(left, how)
  return strategy === 'only_first' ? [cut, second] : [first, cut]
}
