// Learning byte-pair encoding.
import { ArgumentError } from '@flambeau/core'
import { describe } from '@flambeau/core/errors'
import type { AddedToken } from '../added-tokens.js'
import { Heap } from '../heap.js'
import { BPE, type BPEOptions } from '../models/bpe.js'
import { WordPiece } from '../models/word-piece.js'
import { contentOf, type Trained, type Trainer } from './trainer.js'

export interface BpeTrainerOptions {
  /** Tokens in all, those of the alphabet and special ones included. Default 30,000. */
  readonly vocabSize?: number
  /** How often a pair must occur. Default 0. */
  readonly minFrequency?: number
  /** The first tokens, which `decode` leaves out. Default none. */
  readonly specialTokens?: readonly (string | AddedToken)[]
  /** Keep only so many different characters, the most frequent ones. Default null: all. */
  readonly limitAlphabet?: number | null
  /** Characters that are tokens whether they occur or not. Default none. */
  readonly initialAlphabet?: readonly string[]
  /** What tokens inside of a word begin with. Default null. */
  readonly continuingSubwordPrefix?: string | null
  /** What the last token of a word ends with. Default null. */
  readonly endOfWordSuffix?: string | null
  /** Characters that a token may have. Default null: any number. */
  readonly maxTokenLength?: number | null
  /** Options of the model that comes out, such as its unknown token. */
  readonly model?: Omit<BPEOptions, 'vocab' | 'merges' | 'continuingSubwordPrefix' | 'endOfWordSuffix'>
}

interface Word {
  readonly symbols: number[]
  readonly count: number
}

interface Pair {
  readonly left: number
  readonly right: number
  count: number
  readonly words: Set<number>
}

/** The most ids: two of them make a key that a number holds exactly. */
const MOST = 2 ** 26

const keyOf = (left: number, right: number): number => left * MOST + right

interface Counted {
  readonly pair: Pair
  count: number
}

/** Pairs by how often they occur; of equal ones the one with smaller ids first. */
class PairQueue {
  readonly #heap = new Heap<Counted>((a, b) => {
    if (a.count !== b.count) return a.count > b.count
    return a.pair.left !== b.pair.left ? a.pair.left < b.pair.left : a.pair.right < b.pair.right
  })

  push(pair: Pair): void {
    this.#heap.push({ pair, count: pair.count })
  }

  /** The most frequent pair. Counts that have changed since are put right on the way. */
  pop(): Pair | undefined {
    for (;;) {
      const top = this.#heap.pop()
      if (top === undefined || top.count === top.pair.count) return top?.pair
      top.count = top.pair.count
      this.#heap.push(top)
    }
  }
}

/**
 * Learns the merges of byte-pair encoding: the most frequent pair becomes a token, again and again. The vocabulary is
 * the one that the Python package learns of the same words.
 */
export class BpeTrainer implements Trainer {
  readonly options: BpeTrainerOptions

  constructor(options: BpeTrainerOptions = {}) {
    const { limitAlphabet, maxTokenLength, minFrequency = 0, vocabSize = 30_000 } = options
    for (const [name, value] of Object.entries({ vocabSize, minFrequency, limitAlphabet, maxTokenLength }))
      if (value !== undefined && value !== null && !(Number.isInteger(value) && value >= 0 && value < MOST))
        throw new ArgumentError(`BpeTrainer: expected ${name} to be an integer ≥ 0, got ${describe(value)}`)
    this.options = options
  }

  train(counts: ReadonlyMap<string, number>): Trained {
    const { continuingSubwordPrefix: prefix = null, endOfWordSuffix: suffix = null, minFrequency = 0 } = this.options
    const { maxTokenLength, specialTokens = [], vocabSize = 30_000 } = this.options
    const ids = new Map<string, number>()
    const tokens: string[] = []
    const idOf = (token: string): number => {
      const known = ids.get(token)
      if (known !== undefined) return known
      ids.set(token, tokens.length)
      return tokens.push(token) - 1
    }
    for (const token of specialTokens) idOf(contentOf(token))
    for (const character of this.#alphabet(counts)) idOf(character)
    const words = this.#words(counts, ids, idOf)

    const pairs = new Map<number, Pair>()
    const fresh = new Set<Pair>()
    const change = (left: number, right: number, by: number, word: number): void => {
      const key = keyOf(left, right)
      let pair = pairs.get(key)
      if (pair === undefined) {
        pair = { left, right, count: 0, words: new Set() }
        pairs.set(key, pair)
      }
      pair.count += by
      if (by > 0) {
        if (!pair.words.has(word)) pair.words.add(word)
        fresh.add(pair)
      }
    }
    const queue = new PairQueue()
    const enqueue = (): void => {
      for (const pair of fresh) if (pair.count > 0) queue.push(pair)
      fresh.clear()
    }
    for (const [index, { count, symbols }] of words.entries())
      for (let i = 0; i + 1 < symbols.length; i++) change(symbols[i], symbols[i + 1], count, index)
    enqueue()

    const lengths = tokens.map((token) => Array.from(token).length)
    const fits = (a: number, b: number) =>
      maxTokenLength === undefined || maxTokenLength === null || lengths[a] + lengths[b] < maxTokenLength
    const merges: [string, string][] = []
    while (tokens.length < vocabSize) {
      const pair = queue.pop()
      if (pair === undefined || pair.count < 1 || pair.count < minFrequency) break
      const { left, right } = pair
      const known = tokens.length
      const token = idOf(tokens[left] + (prefix === null ? tokens[right] : tokens[right].slice(prefix.length)))
      if (token === known) lengths.push(Array.from(tokens[token]).length)
      merges.push([tokens[left], tokens[right]])
      for (const index of pair.words) {
        const { count, symbols } = words[index]
        for (let i = 0; i + 1 < symbols.length; i++) {
          if (symbols[i] !== left || symbols[i + 1] !== right) continue
          if (i > 0) {
            change(symbols[i - 1], left, -count, index)
            if (fits(symbols[i - 1], token)) change(symbols[i - 1], token, count, index)
          }
          symbols.splice(i, 2, token)
          if (i + 1 < symbols.length) {
            change(right, symbols[i + 1], -count, index)
            if (fits(token, symbols[i + 1])) change(token, symbols[i + 1], count, index)
          }
        }
      }
      // It is done with, whatever its count has become.
      pairs.delete(keyOf(left, right))
      fresh.delete(pair)
      enqueue()
    }
    const model = new BPE({
      ...this.options.model,
      vocab: ids,
      merges,
      continuingSubwordPrefix: prefix,
      endOfWordSuffix: suffix,
    })
    return { model, specialTokens }
  }

  /** The characters that are tokens, in the order of their codes. */
  #alphabet(counts: ReadonlyMap<string, number>): string[] {
    const { initialAlphabet = [], limitAlphabet = null } = this.options
    const found = new Map<string, number>()
    for (const [word, count] of counts)
      for (const character of word) found.set(character, (found.get(character) ?? 0) + count)
    for (const text of initialAlphabet)
      for (const first of Array.from(text).slice(0, 1)) found.set(first, Number.POSITIVE_INFINITY)
    const code = (character: string) => character.codePointAt(0) ?? 0
    let kept = [...found]
    if (limitAlphabet !== null && kept.length > limitAlphabet)
      kept = kept.sort(([a, x], [b, y]) => (x === y ? code(a) - code(b) : y > x ? 1 : -1)).slice(0, limitAlphabet)
    return kept.map(([character]) => character).sort((a, b) => code(a) - code(b))
  }

  /** Words as symbols. Characters outside of the alphabet are left out. */
  #words(
    counts: ReadonlyMap<string, number>,
    ids: ReadonlyMap<string, number>,
    idOf: (token: string) => number,
  ): Word[] {
    const { continuingSubwordPrefix: prefix, endOfWordSuffix: suffix } = this.options
    return [...counts].map(([word, count]) => {
      const characters = Array.from(word)
      const symbols: number[] = []
      for (const [i, character] of characters.entries()) {
        if (!ids.has(character)) continue
        let symbol = character
        if (i > 0 && prefix) symbol = prefix + symbol
        if (i === characters.length - 1 && suffix) symbol += suffix
        symbols.push(idOf(symbol))
      }
      return { symbols, count }
    })
  }
}

export interface WordPieceTrainerOptions extends Omit<BpeTrainerOptions, 'model' | 'maxTokenLength'> {
  /** Default '[UNK]'. It must be among the special tokens for texts with unknown characters. */
  readonly unkToken?: string
}

/** Learns pieces as the Python package does: those of byte-pair encoding, inside of a word with '##'. */
export class WordPieceTrainer implements Trainer {
  readonly options: WordPieceTrainerOptions

  constructor(options: WordPieceTrainerOptions = {}) {
    this.options = { continuingSubwordPrefix: '##', ...options }
  }

  train(counts: ReadonlyMap<string, number>): Trained {
    const { unkToken = '[UNK]', ...options } = this.options
    const { model, specialTokens } = new BpeTrainer(options).train(counts)
    return {
      model: new WordPiece({
        vocab: model.vocab,
        unkToken,
        continuingSubwordPrefix: options.continuingSubwordPrefix ?? '',
      }),
      specialTokens,
    }
  }
}
