// SentencePiece's unigram model.
import { ArgumentError, FormatError } from '@flambeau/core'
import { describe } from '@flambeau/core/errors'
import type { Config, Json } from '../config.js'
import { byteTokens, type Model, type ModelTokens, TokenCache } from './model.js'
import { Trie } from './trie.js'

export interface UnigramOptions {
  /** Tokens with the logarithm of their probability; a token's id is its place. */
  readonly vocab?: Iterable<readonly [string, number]>
  /** The id of what is not in the vocabulary. */
  readonly unkId?: number | null
  /** Unknown characters as tokens of their bytes, such as '<0xE4>'. Default false. */
  readonly byteFallback?: boolean
}

/** How much worse an unknown character is than the worst token. */
const UNKNOWN_PENALTY = 10

/**
 * The most probable way to write a text in tokens, each being independent of the others.
 *
 * @see https://arxiv.org/abs/1804.10959
 */
export class Unigram implements Model {
  readonly pieces: readonly (readonly [string, number])[]
  readonly vocab: ReadonlyMap<string, number>
  readonly unkId: number | null
  readonly byteFallback: boolean
  readonly #trie = new Trie()
  readonly #unknownScore: number
  readonly #cache = new TokenCache()

  constructor({ vocab = [], unkId = null, byteFallback = false }: UnigramOptions = {}) {
    this.pieces = [...vocab]
    const ids = new Map<string, number>()
    let least = Number.POSITIVE_INFINITY
    for (const [id, [token, score]] of this.pieces.entries()) {
      if (typeof token !== 'string' || typeof score !== 'number' || Number.isNaN(score))
        throw new ArgumentError(
          `Unigram: expected pairs of a token and its score for vocab, got ${describe(token)} with ${describe(score)}`,
        )
      ids.set(token, id)
      least = Math.min(least, score)
      if (token !== '') this.#trie.add(token, id)
    }
    if (unkId !== null && !(Number.isInteger(unkId) && unkId >= 0 && unkId < this.pieces.length))
      throw new ArgumentError(
        `Unigram: expected unkId to be null or a token's, of which there are ${this.pieces.length}, got ${describe(unkId)}`,
      )
    this.vocab = ids
    this.unkId = unkId
    this.byteFallback = byteFallback
    this.#unknownScore = least - UNKNOWN_PENALTY
  }

  static read(config: Config): Unigram {
    const vocab = config.list('vocab').map((pair): [string, number] => {
      if (!Array.isArray(pair) || typeof pair[0] !== 'string' || typeof pair[1] !== 'number')
        throw new FormatError(`${config.at('vocab')}: expected pairs of a token and its score, got ${describe(pair)}`)
      return [pair[0], pair[1]]
    })
    const unkId = config.lacks('unk_id') ? null : config.integer('unk_id')
    if (unkId !== null && unkId >= vocab.length) throw config.wrong('unk_id', `an id below ${vocab.length}`)
    return new Unigram({ vocab, unkId, byteFallback: config.boolean('byte_fallback', false) })
  }

  tokenToId(token: string): number | undefined {
    return this.vocab.get(token)
  }

  idToToken(id: number): string | undefined {
    return this.pieces[id]?.[0]
  }

  tokenize(text: string): ModelTokens {
    const known = this.#cache.get(text)
    if (known !== undefined) return known
    const tokens = this.#best(text)
    this.#cache.set(text, tokens)
    return tokens
  }

  /** Viterbi's algorithm: the best way to each place of the text. */
  #best(text: string): ModelTokens {
    const size = text.length
    const scores = new Float64Array(size + 1)
    const from = new Int32Array(size + 1).fill(-1)
    const id = new Int32Array(size + 1)
    let at = 0
    while (at < size) {
      const units = (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1
      const here = scores[at]
      let single = false
      this.#trie.prefixes(text, at, (end, token) => {
        const score = this.pieces[token][1] + here
        if (from[end] < 0 || score > scores[end]) {
          scores[end] = score
          from[end] = at
          id[end] = token
        }
        if (end - at === units) single = true
      })
      if (!single) {
        const end = at + units
        const score = this.#unknownScore + here
        if (from[end] < 0 || score > scores[end]) {
          scores[end] = score
          from[end] = at
          id[end] = this.#unknown(text.slice(at, end))
        }
      }
      at += units
    }
    const cuts: number[] = []
    for (let end = size; end > 0; end = from[end]) cuts.push(end)
    return this.#tokens(text, cuts.reverse(), id)
  }

  #unknown(text: string): number {
    if (this.unkId === null)
      throw new ArgumentError(`Unigram: ${describe(text)} is not in the vocabulary, and there is no unkId`)
    return this.unkId
  }

  /** The tokens that end at the cuts; unknown ones in a row are one. */
  #tokens(text: string, cuts: readonly number[], id: Int32Array): ModelTokens {
    const ids: number[] = []
    const values: string[] = []
    const bounds: number[] = []
    let start = 0
    for (const [i, end] of cuts.entries()) {
      if (id[end] === this.unkId && i + 1 < cuts.length && id[cuts[i + 1]] === this.unkId) continue
      const value = text.slice(start, end)
      const known = this.vocab.get(value)
      const bytes = known === undefined && this.byteFallback ? byteTokens(value) : []
      const byteIds = bytes.map((byte) => this.vocab.get(byte))
      if (bytes.length > 0 && !byteIds.includes(undefined)) {
        for (const [j, byte] of bytes.entries()) {
          ids.push(byteIds[j] ?? 0)
          values.push(byte)
          bounds.push(start, end)
        }
      } else {
        ids.push(known ?? this.#unknown(value))
        values.push(value)
        bounds.push(start, end)
      }
      start = end
    }
    return { ids, values, bounds }
  }

  toJSON(): Json {
    return { type: 'Unigram', unk_id: this.unkId, vocab: this.pieces, byte_fallback: this.byteFallback }
  }
}
