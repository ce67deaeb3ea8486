// Text of tokens that come one by one.
import type { Tokenizer } from '../tokenizers/index.js'

/**
 * Turns tokens into text as they come: what is complete comes at once, the bytes of a character that is not wait for
 * the others.
 *
 * @example
 * ```ts
 * import { StreamDecoder, Tokenizer, tokenizers } from '@flambeau/text'
 * const tokenizer = new Tokenizer(new tokenizers.models.BPE(), {
 *   preTokenizer: new tokenizers.preTokenizers.ByteLevel({ addPrefixSpace: false }),
 *   decoder: new tokenizers.decoders.ByteLevel(),
 * })
 * tokenizer.trainFromIterator([], new tokenizers.trainers.BpeTrainer({ initialAlphabet: tokenizers.preTokenizers.ByteLevel.alphabet() }))
 * const decoder = new StreamDecoder(tokenizer)
 * console.log(tokenizer.encode('aé').ids.map((id) => decoder.push(id))) // → [ 'a', '', 'é' ]
 * ```
 */
export class StreamDecoder {
  readonly #tokenizer: Tokenizer
  readonly #skip: boolean
  /** Tokens of which not all is said: the first ones are there because what follows a token may depend on it. */
  #tokens: number[] = []
  #said = ''

  constructor(tokenizer: Tokenizer, { skipSpecialTokens = true }: { readonly skipSpecialTokens?: boolean } = {}) {
    this.#tokenizer = tokenizer
    this.#skip = skipSpecialTokens
  }

  /** @returns what can be said now */
  push(id: number): string {
    this.#tokens.push(id)
    const text = this.#decode()
    if (text.endsWith('\ufffd')) return ''
    return this.#say(text)
  }

  /** @returns what has waited, be it complete or not */
  finish(): string {
    const rest = this.#say(this.#decode())
    this.#tokens = []
    this.#said = ''
    return rest
  }

  #decode(): string {
    return this.#tokenizer.decode(this.#tokens, { skipSpecialTokens: this.#skip })
  }

  #say(text: string): string {
    const fresh = text.slice(this.#said.length)
    // Few are enough to know what comes next: decoding all of them again and again would be quadratic.
    if (this.#tokens.length > 8 && fresh !== '') this.#tokens = this.#tokens.slice(-4)
    this.#said = this.#decode()
    return fresh
  }
}
