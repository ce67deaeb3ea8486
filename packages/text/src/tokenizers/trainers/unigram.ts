// Learning SentencePiece's unigram model.
import { ArgumentError } from '@flambeau/core'
import { describe } from '@flambeau/core/errors'
import type { AddedToken } from '../added-tokens.js'
import { Trie } from '../models/trie.js'
import { Unigram } from '../models/unigram.js'
import { contentOf, type Trained, type Trainer } from './trainer.js'

export interface UnigramTrainerOptions {
  /** Tokens in all, special ones included. Default 8,000. */
  readonly vocabSize?: number
  /** The first tokens, which `decode` leaves out. Default none. */
  readonly specialTokens?: readonly (string | AddedToken)[]
  /** Characters that are tokens whether they occur or not. Default none. */
  readonly initialAlphabet?: readonly string[]
  /** The token of what is unknown; it becomes the first where it is not special. Default null. */
  readonly unkToken?: string | null
  /** The part of the tokens that a round keeps. Default 0.75. */
  readonly shrinkingFactor?: number
  /** Characters that a token may have. Default 16. */
  readonly maxPieceLength?: number
  /** Rounds of estimation before each pruning. Default 2. */
  readonly nSubIterations?: number
  /** Candidates to begin with. Default 1,000,000. */
  readonly seedSize?: number
}

interface Piece {
  readonly text: string
  score: number
}

/** ψ(x), the derivative of the logarithm of Γ. */
function digamma(x: number): number {
  let result = 0
  let y = x
  for (; y < 7; y++) result -= 1 / y
  y -= 0.5
  const y2 = 1 / (y * y)
  return result + Math.log(y) + y2 * (1 / 24 - y2 * (7 / 960 - y2 * (31 / 8064 - (y2 * 127) / 30720)))
}

const logAddExp = (a: number, b: number): number => {
  if (a === Number.NEGATIVE_INFINITY) return b
  const most = Math.max(a, b)
  return most + Math.log1p(Math.exp(Math.min(a, b) - most))
}

/** An edge of a word's lattice. */
interface Edge {
  readonly start: number
  readonly end: number
  readonly piece: number
}

/**
 * Learns the pieces of a unigram model: from many candidates those stay without which the text would become less
 * probable.
 *
 * @see https://arxiv.org/abs/1804.10959
 */
export class UnigramTrainer implements Trainer {
  readonly options: Required<UnigramTrainerOptions>

  constructor(options: UnigramTrainerOptions = {}) {
    this.options = {
      vocabSize: 8000,
      specialTokens: [],
      initialAlphabet: [],
      unkToken: null,
      shrinkingFactor: 0.75,
      maxPieceLength: 16,
      nSubIterations: 2,
      seedSize: 1_000_000,
      ...options,
    }
    const { maxPieceLength, nSubIterations, seedSize, shrinkingFactor, vocabSize } = this.options
    for (const [name, value] of Object.entries({ vocabSize, maxPieceLength, nSubIterations, seedSize }))
      if (!Number.isInteger(value) || value < 1)
        throw new ArgumentError(`UnigramTrainer: expected ${name} to be a positive integer, got ${describe(value)}`)
    if (!(shrinkingFactor > 0 && shrinkingFactor < 1))
      throw new ArgumentError(
        `UnigramTrainer: expected shrinkingFactor to be between 0 and 1, got ${describe(shrinkingFactor)}`,
      )
  }

  train(counts: ReadonlyMap<string, number>): Trained {
    const { nSubIterations, shrinkingFactor, vocabSize } = this.options
    const words = [...counts]
    const alphabet = this.#alphabet(words)
    let pieces = this.#seed(words, alphabet)
    // A little more than what is wanted: the last choice is by score.
    const wanted = Math.max(1, Math.floor(vocabSize * 1.1))
    for (;;) {
      for (let i = 0; i < nSubIterations; i++) pieces = this.#estimate(words, pieces, alphabet)
      if (pieces.length <= wanted) break
      const fewer = this.#prune(words, pieces, alphabet, Math.max(wanted, Math.floor(pieces.length * shrinkingFactor)))
      if (fewer.length === pieces.length) break
      pieces = fewer
    }
    return { model: this.#finish(pieces, alphabet), specialTokens: this.options.specialTokens }
  }

  /** Characters, the most frequent first. */
  #alphabet(words: readonly (readonly [string, number])[]): Map<string, number> {
    const found = new Map<string, number>()
    for (const [word, count] of words)
      for (const character of word) found.set(character, (found.get(character) ?? 0) + count)
    for (const text of this.options.initialAlphabet)
      for (const first of Array.from(text).slice(0, 1)) if (!found.has(first)) found.set(first, 1)
    return new Map([...found].sort(([, a], [, b]) => b - a))
  }

  /** All characters, and the parts of words that occur more than once, by how much of the text they cover. */
  #seed(words: readonly (readonly [string, number])[], alphabet: ReadonlyMap<string, number>): Piece[] {
    const found = new Map<string, number>()
    for (const [word, count] of words) {
      const characters = Array.from(word)
      for (let start = 0; start < characters.length; start++) {
        let text = characters[start]
        const most = Math.min(characters.length, start + this.options.maxPieceLength)
        for (let end = start + 1; end < most; end++) {
          text += characters[end]
          found.set(text, (found.get(text) ?? 0) + count)
        }
      }
    }
    const candidates = [...found].filter(([, count]) => count > 1)
    const covers = ([text, count]: readonly [string, number]) => count * Array.from(text).length
    const chosen = candidates
      .map((candidate): [string, number] => [candidate[0], covers(candidate)])
      .sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
      .slice(0, this.options.seedSize)
    const all = [...alphabet, ...chosen]
    const sum = Math.log(all.reduce((total, [, score]) => total + score, 0))
    return all.map(([text, score]) => ({ text, score: Math.log(score) - sum }))
  }

  #trie(pieces: readonly Piece[]): Trie {
    const trie = new Trie()
    for (const [i, { text }] of pieces.entries()) trie.add(text, i)
    return trie
  }

  #edges(trie: Trie, word: string): Edge[] {
    const edges: Edge[] = []
    for (let start = 0; start < word.length; start++) {
      const code = word.charCodeAt(start)
      if (code >= 0xdc00 && code < 0xe000) continue
      trie.prefixes(word, start, (end, piece) => edges.push({ start, end, piece }))
    }
    return edges
  }

  /** One round of expectation and maximization. */
  #estimate(
    words: readonly (readonly [string, number])[],
    pieces: readonly Piece[],
    alphabet: ReadonlyMap<string, number>,
  ): Piece[] {
    const trie = this.#trie(pieces)
    const expected = new Float64Array(pieces.length)
    for (const [word, count] of words) {
      const edges = this.#edges(trie, word)
      const forward = new Float64Array(word.length + 1).fill(Number.NEGATIVE_INFINITY)
      const backward = new Float64Array(word.length + 1).fill(Number.NEGATIVE_INFINITY)
      forward[0] = 0
      backward[word.length] = 0
      for (const { end, piece, start } of edges)
        forward[end] = logAddExp(forward[end], forward[start] + pieces[piece].score)
      for (let i = edges.length - 1; i >= 0; i--) {
        const { end, piece, start } = edges[i]
        backward[start] = logAddExp(backward[start], backward[end] + pieces[piece].score)
      }
      const total = forward[word.length]
      if (total === Number.NEGATIVE_INFINITY) continue
      for (const { end, piece, start } of edges)
        expected[piece] += count * Math.exp(forward[start] + pieces[piece].score + backward[end] - total)
    }
    const rare = 0.5
    const kept = pieces.flatMap(({ text }, i) =>
      expected[i] >= rare || alphabet.has(text) ? [{ text, count: Math.max(expected[i], rare) }] : [],
    )
    const sum = digamma(kept.reduce((total, { count }) => total + count, 0))
    return kept.map(({ count, text }) => ({ text, score: digamma(count) - sum }))
  }

  /** The best way to write a text, which may have to be in several pieces. */
  #best(pieces: readonly Piece[], trie: Trie, text: string, several: boolean): number[] | null {
    const scores = new Float64Array(text.length + 1).fill(Number.NEGATIVE_INFINITY)
    const from = new Int32Array(text.length + 1).fill(-1)
    scores[0] = 0
    for (const { end, piece, start } of this.#edges(trie, text)) {
      if (several && end - start === text.length) continue
      const score = scores[start] + pieces[piece].score
      if (score > scores[end]) {
        scores[end] = score
        from[end] = piece
      }
    }
    if (scores[text.length] === Number.NEGATIVE_INFINITY) return null
    const path: number[] = []
    for (let end = text.length; end > 0; end -= pieces[from[end]].text.length) path.push(from[end])
    return path.reverse()
  }

  /** Those pieces that the text would miss most; characters always stay. */
  #prune(
    words: readonly (readonly [string, number])[],
    pieces: readonly Piece[],
    alphabet: ReadonlyMap<string, number>,
    size: number,
  ): Piece[] {
    const trie = this.#trie(pieces)
    const counts = new Float64Array(pieces.length)
    let sum = 0
    for (const [word, count] of words)
      for (const piece of this.#best(pieces, trie, word, false) ?? []) {
        counts[piece] += count
        sum += count
      }
    const logSum = Math.log(sum)
    const kept: Piece[] = []
    const candidates: { piece: Piece; loss: number }[] = []
    for (const [i, piece] of pieces.entries()) {
      const instead = alphabet.has(piece.text) ? null : this.#best(pieces, trie, piece.text, true)
      if (instead === null) {
        kept.push(piece)
        continue
      }
      if (counts[i] === 0) continue
      const before = Math.log(counts[i]) - logSum
      const sumWithout = Math.log(sum + counts[i] * (instead.length - 1))
      const after = instead.reduce((total, other) => total + Math.log(counts[other] + counts[i]) - sumWithout, 0)
      candidates.push({ piece, loss: (counts[i] / sum) * (before - after) })
    }
    candidates.sort((a, b) => b.loss - a.loss)
    return [...kept, ...candidates.slice(0, Math.max(0, size - kept.length)).map(({ piece }) => piece)]
  }

  /** The pieces with the best scores, all characters among them, behind the special tokens. */
  #finish(pieces: readonly Piece[], alphabet: ReadonlyMap<string, number>): Unigram {
    const { specialTokens, unkToken, vocabSize } = this.options
    const special = specialTokens.map(contentOf)
    if (unkToken !== null && !special.includes(unkToken)) special.unshift(unkToken)
    const least = pieces.reduce((score, piece) => Math.min(score, piece.score), 0)
    const scores = new Map(pieces.map(({ score, text }) => [text, score]))
    const chosen = new Map<string, number>()
    const room = Math.max(0, vocabSize - special.length)
    // Characters that no piece needs for itself come last, and all different.
    let rank = 0
    for (const character of alphabet.keys())
      if (chosen.size < room) chosen.set(character, scores.get(character) ?? least - 0.0001 * ++rank)
    for (const { score, text } of [...pieces].sort((a, b) => b.score - a.score))
      if (chosen.size < room && !special.includes(text)) chosen.set(text, score)
    const vocab = [
      ...special.map((token): [string, number] => [token, 0]),
      ...[...chosen].sort(([, a], [, b]) => b - a),
    ]
    return new Unigram({ vocab, unkId: unkToken === null ? null : special.indexOf(unkToken) })
  }
}
