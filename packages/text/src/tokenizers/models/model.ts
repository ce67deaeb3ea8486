// What a model of a tokenizer is: it turns a part of a text into tokens.
import { ArgumentError, FormatError } from '@flambeau/core'
import { describe } from '@flambeau/core/errors'
import type { Config, Json } from '../config.js'

/** The tokens of a part of a text. */
export interface ModelTokens {
  readonly ids: readonly number[]
  readonly values: readonly string[]
  /** Token i is [bounds[2 i], bounds[2 i + 1]) of the part, in UTF-16 code units. */
  readonly bounds: readonly number[]
}

export interface Model {
  tokenize(text: string): ModelTokens
  tokenToId(token: string): number | undefined
  idToToken(id: number): string | undefined
  /** All tokens by name. */
  readonly vocab: ReadonlyMap<string, number>
  toJSON(): Json
}

/** A vocabulary, both ways. */
export class Vocabulary {
  readonly ids: ReadonlyMap<string, number>
  readonly tokens: ReadonlyMap<number, string>

  constructor(operation: string, vocab: Iterable<readonly [string, number]>) {
    const ids = new Map<string, number>()
    const tokens = new Map<number, string>()
    for (const [token, id] of vocab) {
      if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id > 0x7fffffff)
        throw new ArgumentError(
          `${operation}: expected ids from 0 to 2³¹ - 1 in vocab, got ${describe(id)} for ${describe(token)}`,
        )
      ids.set(token, id)
      tokens.set(id, token)
    }
    this.ids = ids
    this.tokens = tokens
  }

  toJSON(): { readonly [token: string]: number } {
    return Object.fromEntries([...this.ids].sort(([, a], [, b]) => a - b))
  }
}

/** The vocabulary of a file: an object of ids by token. */
export function readVocab(config: Config, name: string): [string, number][] {
  return [...config.config(name).entries()].map(([token, id]) => {
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id > 0x7fffffff)
      throw new FormatError(
        `${config.at(name)}: expected ids from 0 to 2³¹ - 1, got ${describe(id)} for ${describe(token)}`,
      )
    return [token, id]
  })
}

/** The bytes of UTF-8 as tokens are named that stand for one: '<0xE4>'. */
export const byteTokens = (text: string): string[] =>
  Array.from(Buffer.from(text, 'utf8'), (byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`)

/** What was found before, until there is too much of it. */
export class TokenCache {
  readonly #capacity: number
  #entries = new Map<string, ModelTokens>()

  constructor(capacity = 10_000) {
    this.#capacity = capacity
  }

  get(text: string): ModelTokens | undefined {
    return this.#entries.get(text)
  }

  set(text: string, tokens: ModelTokens): void {
    if (text.length > 256) return
    if (this.#entries.size >= this.#capacity) this.#entries = new Map()
    this.#entries.set(text, tokens)
  }
}
