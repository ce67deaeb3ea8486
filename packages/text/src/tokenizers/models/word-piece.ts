// BERT's words in pieces.
import { ArgumentError } from '@flambeau/core'
import { describe } from '@flambeau/core/errors'
import type { Config, Json } from '../config.js'
import { type Model, type ModelTokens, readVocab, TokenCache, Vocabulary } from './model.js'

export interface WordPieceOptions {
  /** Ids by token. */
  readonly vocab?: Iterable<readonly [string, number]>
  /** Default '[UNK]'. */
  readonly unkToken?: string
  /** What pieces inside of a word begin with. Default '##'. */
  readonly continuingSubwordPrefix?: string
  /** Longer words are unknown. Default 100. */
  readonly maxInputCharsPerWord?: number
}

/** The longest piece that fits, from left to right; a word that does not come out is unknown as a whole. */
export class WordPiece implements Model {
  readonly vocab: ReadonlyMap<string, number>
  readonly options: Required<Omit<WordPieceOptions, 'vocab'>>
  readonly #vocabulary: Vocabulary
  readonly #longest: number
  readonly #cache = new TokenCache()

  constructor({ vocab = [], ...options }: WordPieceOptions = {}) {
    this.#vocabulary = new Vocabulary('WordPiece', vocab)
    this.vocab = this.#vocabulary.ids
    this.options = { unkToken: '[UNK]', continuingSubwordPrefix: '##', maxInputCharsPerWord: 100, ...options }
    let longest = 0
    for (const token of this.vocab.keys()) longest = Math.max(longest, token.length)
    this.#longest = longest
  }

  static read(config: Config): WordPiece {
    return new WordPiece({
      vocab: readVocab(config, 'vocab'),
      unkToken: config.string('unk_token', '[UNK]'),
      continuingSubwordPrefix: config.string('continuing_subword_prefix', '##'),
      maxInputCharsPerWord: config.integer('max_input_chars_per_word', 100),
    })
  }

  tokenToId(token: string): number | undefined {
    return this.vocab.get(token)
  }

  idToToken(id: number): string | undefined {
    return this.#vocabulary.tokens.get(id)
  }

  tokenize(text: string): ModelTokens {
    const known = this.#cache.get(text)
    if (known !== undefined) return known
    const tokens = this.#pieces(text)
    this.#cache.set(text, tokens)
    return tokens
  }

  #pieces(text: string): ModelTokens {
    const { continuingSubwordPrefix: prefix, maxInputCharsPerWord } = this.options
    if (text.length > maxInputCharsPerWord && Array.from(text).length > maxInputCharsPerWord) return this.#unknown(text)
    const ids: number[] = []
    const values: string[] = []
    const bounds: number[] = []
    let start = 0
    while (start < text.length) {
      let end = Math.min(text.length, start + this.#longest)
      let id: number | undefined
      let piece = ''
      for (; end > start; end--) {
        piece = start > 0 ? prefix + text.slice(start, end) : text.slice(start, end)
        id = this.vocab.get(piece)
        if (id !== undefined) break
      }
      if (id === undefined) return this.#unknown(text)
      ids.push(id)
      values.push(piece)
      bounds.push(start, end)
      start = end
    }
    return { ids, values, bounds }
  }

  #unknown(text: string): ModelTokens {
    const { unkToken } = this.options
    const id = this.vocab.get(unkToken)
    if (id === undefined)
      throw new ArgumentError(
        `WordPiece: ${describe(text)} has pieces that are not in the vocabulary, and neither is the token for the unknown, ${describe(unkToken)}`,
      )
    return { ids: [id], values: [unkToken], bounds: [0, text.length] }
  }

  toJSON(): Json {
    const { continuingSubwordPrefix, maxInputCharsPerWord, unkToken } = this.options
    return {
      type: 'WordPiece',
      unk_token: unkToken,
      continuing_subword_prefix: continuingSubwordPrefix,
      max_input_chars_per_word: maxInputCharsPerWord,
      vocab: this.#vocabulary.toJSON(),
    }
  }
}
