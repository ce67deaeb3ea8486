// Byte-pair encoding.
import { ArgumentError, FormatError, rand } from '@flambeau/core'
import { describe } from '@flambeau/core/errors'
import type { Config, Json } from '../config.js'
import { Heap } from '../heap.js'
import { byteTokens, type Model, type ModelTokens, readVocab, TokenCache, Vocabulary } from './model.js'

export interface BPEOptions {
  /** Ids by token. */
  readonly vocab?: Iterable<readonly [string, number]>
  /** Pairs that become one token, the first first. */
  readonly merges?: Iterable<readonly [string, string]>
  /** The chance of leaving out a merge, for regularization. */
  readonly dropout?: number | null
  /** The token of what is not in the vocabulary; without one it is dropped. */
  readonly unkToken?: string | null
  /** What tokens inside of a word begin with. */
  readonly continuingSubwordPrefix?: string | null
  /** What the last token of a word ends with. */
  readonly endOfWordSuffix?: string | null
  /** One unknown token for several in a row. Default false. */
  readonly fuseUnk?: boolean
  /** Unknown characters as tokens of their bytes, such as '<0xE4>'. Default false. */
  readonly byteFallback?: boolean
  /** Whether a word that is a token is that, whatever the merges say. Default false. */
  readonly ignoreMerges?: boolean
}

/** Words of more symbols than this are merged with a heap: searching all pairs again would be quadratic. */
const LONG = 48

interface Merge {
  readonly rank: number
  readonly id: number
}

/**
 * Byte-pair encoding: characters are merged, always the pair that was learned first.
 *
 * @see https://arxiv.org/abs/1508.07909
 */
export class BPE implements Model {
  readonly vocab: ReadonlyMap<string, number>
  readonly options: Omit<BPEOptions, 'vocab' | 'merges'>
  readonly #vocabulary: Vocabulary
  readonly #pairs: readonly (readonly [string, string])[]
  readonly #merges = new Map<number, Merge>()
  readonly #stride: number
  readonly #unkId: number | null
  readonly #cache = new TokenCache()

  constructor({ vocab = [], merges = [], ...options }: BPEOptions = {}) {
    this.#vocabulary = new Vocabulary('BPE', vocab)
    this.vocab = this.#vocabulary.ids
    this.options = options
    const { continuingSubwordPrefix, dropout = null, unkToken = null } = options
    if (dropout !== null && !(dropout >= 0 && dropout <= 1))
      throw new ArgumentError(`BPE: expected dropout to be in [0, 1], got ${describe(dropout)}`)
    this.#unkId = unkToken === null ? null : this.#idOf('unkToken', unkToken)
    let largest = 0
    for (const id of this.vocab.values()) largest = Math.max(largest, id)
    this.#stride = largest + 1
    this.#pairs = [...merges]
    const skipped = continuingSubwordPrefix?.length ?? 0
    for (const [rank, [left, right]] of this.#pairs.entries()) {
      const key = this.#idOf('merges', left) * this.#stride + this.#idOf('merges', right)
      this.#merges.set(key, { rank, id: this.#idOf('merges', left + right.slice(skipped)) })
    }
  }

  #idOf(argument: string, token: string): number {
    const id = this.vocab.get(token)
    if (id === undefined)
      throw new ArgumentError(`BPE: expected tokens of the vocabulary for ${argument}, got ${describe(token)}`)
    return id
  }

  static read(config: Config): BPE {
    const merges = config.list('merges').map((merge): [string, string] => {
      const pair: unknown = typeof merge === 'string' ? merge.split(' ') : merge
      if (!Array.isArray(pair) || pair.length !== 2 || pair.some((part) => typeof part !== 'string'))
        throw new FormatError(`${config.at('merges')}: expected pairs of tokens, got ${describe(merge)}`)
      return [pair[0], pair[1]]
    })
    const dropout = config.raw('dropout') ?? null
    if (dropout !== null && !(typeof dropout === 'number' && dropout >= 0 && dropout <= 1))
      throw config.wrong('dropout', 'a probability or null')
    try {
      return new BPE({
        vocab: readVocab(config, 'vocab'),
        merges,
        dropout,
        unkToken: config.stringOrNull('unk_token'),
        continuingSubwordPrefix: config.stringOrNull('continuing_subword_prefix'),
        endOfWordSuffix: config.stringOrNull('end_of_word_suffix'),
        fuseUnk: config.boolean('fuse_unk', false),
        byteFallback: config.boolean('byte_fallback', false),
        ignoreMerges: config.boolean('ignore_merges', false),
      })
    } catch (error) {
      if (error instanceof ArgumentError) throw new FormatError(`${config.at('merges')}: ${error.message}`)
      throw error
    }
  }

  tokenToId(token: string): number | undefined {
    return this.vocab.get(token)
  }

  idToToken(id: number): string | undefined {
    return this.#vocabulary.tokens.get(id)
  }

  tokenize(text: string): ModelTokens {
    const { dropout, ignoreMerges } = this.options
    if (ignoreMerges) {
      const id = this.vocab.get(text)
      if (id !== undefined) return { ids: [id], values: [text], bounds: [0, text.length] }
    }
    if (dropout) return this.#merge(text, dropout)
    const known = this.#cache.get(text)
    if (known !== undefined) return known
    const tokens = this.#merge(text, 0)
    this.#cache.set(text, tokens)
    return tokens
  }

  /** The symbols of a word, before merging. */
  #symbols(text: string): { ids: number[]; bounds: number[] } {
    const { byteFallback, continuingSubwordPrefix, endOfWordSuffix, fuseUnk } = this.options
    const ids: number[] = []
    const bounds: number[] = []
    const add = (id: number, start: number, end: number): void => {
      ids.push(id)
      bounds.push(start, end)
    }
    let unknown: [number, number] | null = null
    const flush = (): void => {
      if (unknown !== null && this.#unkId !== null) add(this.#unkId, unknown[0], unknown[1])
      unknown = null
    }
    let at = 0
    for (const character of text) {
      const end = at + character.length
      let symbol = character
      if (at > 0 && continuingSubwordPrefix) symbol = continuingSubwordPrefix + symbol
      if (end === text.length && endOfWordSuffix) symbol += endOfWordSuffix
      const id = this.vocab.get(symbol)
      const bytes = id === undefined && byteFallback ? byteTokens(symbol).map((b) => this.vocab.get(b)) : [undefined]
      if (id !== undefined) {
        flush()
        add(id, at, end)
      } else if (!bytes.includes(undefined)) {
        flush()
        for (const byte of bytes) add(byte ?? 0, at, end)
      } else if (this.#unkId !== null) {
        if (unknown !== null && fuseUnk) unknown[1] = end
        else {
          flush()
          unknown = [at, end]
        }
      }
      at = end
    }
    flush()
    return { ids, bounds }
  }

  #merge(text: string, dropout: number): ModelTokens {
    const { ids, bounds } = this.#symbols(text)
    if (ids.length > 1) {
      if (ids.length > LONG || dropout > 0) this.#mergeLong(ids, bounds, dropout)
      else this.#mergeShort(ids, bounds)
    }
    return { ids, values: ids.map((id) => this.#vocabulary.tokens.get(id) ?? ''), bounds }
  }

  #mergeShort(ids: number[], bounds: number[]): void {
    for (;;) {
      let best: Merge | undefined
      let at = -1
      for (let i = 0; i + 1 < ids.length; i++) {
        const merge = this.#merges.get(ids[i] * this.#stride + ids[i + 1])
        if (merge !== undefined && (best === undefined || merge.rank < best.rank)) {
          best = merge
          at = i
        }
      }
      if (best === undefined) return
      ids.splice(at, 2, best.id)
      bounds.splice(2 * at + 1, 2)
    }
  }

  /** The same with a heap of pairs, ordered by rank and place; a dropped pair comes back after the next merge. */
  #mergeLong(ids: number[], bounds: number[], dropout: number): void {
    const count = ids.length
    const next = Int32Array.from({ length: count }, (_, i) => (i + 1 < count ? i + 1 : -1))
    const previous = Int32Array.from({ length: count }, (_, i) => i - 1)
    const alive = new Uint8Array(count).fill(1)
    const heap = new Heap(before)
    const consider = (at: number): void => {
      if (at < 0 || next[at] < 0) return
      const merge = this.#merges.get(ids[at] * this.#stride + ids[next[at]])
      if (merge !== undefined) heap.push({ at, left: ids[at], right: ids[next[at]], merge })
    }
    for (let i = 0; i < count; i++) consider(i)
    const chances = dropout > 0 ? new Chances() : null
    let skipped: Candidate[] = []
    for (;;) {
      const top = heap.pop()
      if (top === undefined) break
      if (chances !== null && chances.next() < dropout) {
        skipped.push(top)
        continue
      }
      for (const candidate of skipped) heap.push(candidate)
      skipped = []
      const { at, left, merge, right } = top
      const other = next[at]
      if (alive[at] === 0 || other < 0 || ids[at] !== left || ids[other] !== right) continue
      ids[at] = merge.id
      bounds[2 * at + 1] = bounds[2 * other + 1]
      alive[other] = 0
      next[at] = next[other]
      if (next[at] >= 0) previous[next[at]] = at
      consider(previous[at])
      consider(at)
    }
    let kept = 0
    for (let i = 0; i < count; i++)
      if (alive[i] === 1) {
        ids[kept] = ids[i]
        bounds[2 * kept] = bounds[2 * i]
        bounds[2 * kept + 1] = bounds[2 * i + 1]
        kept++
      }
    ids.length = kept
    bounds.length = 2 * kept
  }

  toJSON(): Json {
    const { byteFallback, continuingSubwordPrefix, dropout, endOfWordSuffix, fuseUnk, ignoreMerges, unkToken } =
      this.options
    return {
      type: 'BPE',
      dropout: dropout ?? null,
      unk_token: unkToken ?? null,
      continuing_subword_prefix: continuingSubwordPrefix ?? null,
      end_of_word_suffix: endOfWordSuffix ?? null,
      fuse_unk: fuseUnk ?? false,
      byte_fallback: byteFallback ?? false,
      ignore_merges: ignoreMerges ?? false,
      vocab: this.#vocabulary.toJSON(),
      merges: this.#pairs,
    }
  }
}

/** Uniform numbers of core's default generator, some at a time. */
class Chances {
  #values: ArrayLike<number> = []
  #at = 0

  next(): number {
    if (this.#at === this.#values.length) {
      this.#values = rand([64]).toArray() as number[]
      this.#at = 0
    }
    return this.#values[this.#at++]
  }
}

interface Candidate {
  readonly at: number
  readonly left: number
  readonly right: number
  readonly merge: Merge
}

/** The merge that was learned first goes first; of equal ones the leftmost. */
const before = (a: Candidate, b: Candidate): boolean =>
  a.merge.rank < b.merge.rank || (a.merge.rank === b.merge.rank && a.at < b.at)
