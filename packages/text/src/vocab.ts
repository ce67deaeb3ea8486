// Words as numbers, as TorchText has it.
import { ArgumentError } from '@flambeau/core'
import { describe } from '@flambeau/core/errors'

/**
 * Maps tokens to indices and back.
 *
 * @example
 * ```ts
 * import { buildVocabFromIterator } from '@flambeau/text'
 * const vocab = buildVocabFromIterator([['a', 'b', 'b'], ['b', 'c']], { specials: ['<unk>'] })
 * vocab.setDefaultIndex(vocab.get('<unk>'))
 * console.log(vocab.forward(['b', 'c', 'never'])) // → [ 1, 3, 0 ]
 * console.log(vocab.lookupTokens([1, 2])) // → [ 'b', 'a' ]
 * ```
 */
export class Vocab {
  readonly #tokens: string[]
  readonly #indices = new Map<string, number>()
  #defaultIndex: number | null = null

  /** @param tokens in the order of their indices @throws ArgumentError for a token that comes twice */
  constructor(tokens: Iterable<string> = []) {
    this.#tokens = []
    for (const token of tokens) this.appendToken(token)
  }

  get length(): number {
    return this.#tokens.length
  }

  has(token: string): boolean {
    return this.#indices.has(token)
  }

  /** The index of a token, or the default index. @throws ArgumentError for an unknown token where there is none */
  get(token: string): number {
    const index = this.#indices.get(token) ?? this.#defaultIndex
    if (index === null)
      throw new ArgumentError(
        `Vocab: ${describe(token)} is not in the vocabulary, and there is no default index: setDefaultIndex says what stands for the unknown`,
      )
    return index
  }

  /** The indices of tokens. */
  forward(tokens: readonly string[]): number[] {
    return tokens.map((token) => this.get(token))
  }

  lookupIndices(tokens: readonly string[]): number[] {
    return this.forward(tokens)
  }

  lookupToken(index: number): string {
    if (!Number.isInteger(index) || index < 0 || index >= this.length)
      throw new ArgumentError(`Vocab: expected an index from 0 to ${this.length - 1}, got ${describe(index)}`)
    return this.#tokens[index]
  }

  lookupTokens(indices: readonly number[]): string[] {
    return indices.map((index) => this.lookupToken(index))
  }

  /** The index of what is not in the vocabulary; null: it is an error. */
  setDefaultIndex(index: number | null): void {
    if (index !== null) this.lookupToken(index)
    this.#defaultIndex = index
  }

  getDefaultIndex(): number | null {
    return this.#defaultIndex
  }

  appendToken(token: string): void {
    this.insertToken(token, this.length)
  }

  /** Puts a token at an index; those from there on move up. */
  insertToken(token: string, index: number): void {
    if (typeof token !== 'string') throw new ArgumentError(`Vocab: expected a token, got ${describe(token)}`)
    if (this.#indices.has(token))
      throw new ArgumentError(`Vocab: ${describe(token)} is in the vocabulary already, at ${this.#indices.get(token)}`)
    if (!Number.isInteger(index) || index < 0 || index > this.length)
      throw new ArgumentError(`Vocab: expected an index from 0 to ${this.length}, got ${describe(index)}`)
    this.#tokens.splice(index, 0, token)
    for (let i = index; i < this.length; i++) this.#indices.set(this.#tokens[i], i)
  }

  /** Tokens with their indices. */
  getStoi(): Map<string, number> {
    return new Map(this.#indices)
  }

  /** Tokens in the order of their indices. */
  getItos(): string[] {
    return [...this.#tokens]
  }
}

/**
 * A vocabulary of tokens with how often they occur, in the order in which they come.
 *
 * @param counts of each token
 */
export function vocab(
  counts: Iterable<readonly [token: string, count: number]>,
  options: { readonly minFreq?: number; readonly specials?: readonly string[]; readonly specialFirst?: boolean } = {},
): Vocab {
  const { minFreq = 1, specialFirst = true, specials = [] } = options
  const special = new Set(specials)
  const tokens = [...counts].filter(([token, count]) => count >= minFreq && !special.has(token)).map(([token]) => token)
  return new Vocab(specialFirst ? [...specials, ...tokens] : [...tokens, ...specials])
}

/** Options of `buildVocabFromIterator`. */
export interface BuildVocabOptions {
  /** How often a token must occur. Default 1. */
  readonly minFreq?: number
  /** Tokens that are there whatever occurs. */
  readonly specials?: readonly string[]
  /** Whether they come first. Default true. */
  readonly specialFirst?: boolean
  /** Tokens at most, special ones included. Default null: any number. */
  readonly maxTokens?: number | null
}

/** A vocabulary of what occurs in lists of tokens: the most frequent first, equal ones in the order of the alphabet. */
export function buildVocabFromIterator(texts: Iterable<Iterable<string>>, options: BuildVocabOptions = {}): Vocab {
  const counts = new Map<string, number>()
  for (const tokens of texts) for (const token of tokens) counts.set(token, (counts.get(token) ?? 0) + 1)
  const { maxTokens = null, specials = [] } = options
  if (maxTokens !== null && !(Number.isInteger(maxTokens) && maxTokens > specials.length))
    throw new ArgumentError(
      `buildVocabFromIterator: expected maxTokens to be more than the ${specials.length} special tokens, got ${describe(maxTokens)}`,
    )
  const ordered = [...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
  return vocab(maxTokens === null ? ordered : ordered.slice(0, maxTokens - specials.length), options)
}
