// A token for each word.
import { ArgumentError } from '@flambeau/core'
import { describe } from '@flambeau/core/errors'
import type { Config, Json } from '../config.js'
import { type Model, type ModelTokens, readVocab, Vocabulary } from './model.js'

/** Each part of the text is a token, or unknown. */
export class WordLevel implements Model {
  readonly vocab: ReadonlyMap<string, number>
  readonly unkToken: string
  readonly #vocabulary: Vocabulary

  constructor({
    vocab = [],
    unkToken = '<unk>',
  }: { readonly vocab?: Iterable<readonly [string, number]>; readonly unkToken?: string } = {}) {
    this.#vocabulary = new Vocabulary('WordLevel', vocab)
    this.vocab = this.#vocabulary.ids
    this.unkToken = unkToken
  }

  static read(config: Config): WordLevel {
    return new WordLevel({ vocab: readVocab(config, 'vocab'), unkToken: config.string('unk_token') })
  }

  tokenToId(token: string): number | undefined {
    return this.vocab.get(token)
  }

  idToToken(id: number): string | undefined {
    return this.#vocabulary.tokens.get(id)
  }

  tokenize(text: string): ModelTokens {
    const id = this.vocab.get(text)
    if (id !== undefined) return { ids: [id], values: [text], bounds: [0, text.length] }
    const unknown = this.vocab.get(this.unkToken)
    if (unknown === undefined)
      throw new ArgumentError(
        `WordLevel: ${describe(text)} is not in the vocabulary, and neither is the token for the unknown, ${describe(this.unkToken)}`,
      )
    return { ids: [unknown], values: [this.unkToken], bounds: [0, text.length] }
  }

  toJSON(): Json {
    return { type: 'WordLevel', vocab: this.#vocabulary.toJSON(), unk_token: this.unkToken }
  }
}
