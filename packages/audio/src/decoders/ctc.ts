// Texts of what a network with connectionist temporal classification says frame by frame.
import { ArgumentError, F, ShapeError, type Tensor } from '@flambeau/core'
import { describe, formatShape } from '@flambeau/core/errors'
import { floating, whole } from '../check.js'
import type { LanguageModel } from './ngram.js'

/** A text, and how sure it is. */
export interface CTCHypothesis {
  /** Indices of tokens. */
  readonly tokens: readonly number[]
  /** The tokens put together and split at silence. */
  readonly words: readonly string[]
  /** The logarithm of the probability, with the language model's part. */
  readonly score: number
  /** The frame at which each token is most likely to begin. */
  readonly timesteps: readonly number[]
}

/** The options of both decoders. */
export interface CTCOptions {
  /** Default '-'. */
  readonly blankToken?: string
  /** What stands between words. Default '|'. */
  readonly silToken?: string
}

/** The options of the beam search. */
export interface CTCBeamOptions extends CTCOptions {
  /** Texts to return. Default 1. */
  readonly nbest?: number
  /** Texts that are kept from frame to frame. Default 50. */
  readonly beamSize?: number
  /** Tokens that are tried at each frame. Default: all. */
  readonly beamSizeToken?: number
  /** How much worse than the best a text may be. Default 50. */
  readonly beamThreshold?: number
  /** Adds the probabilities of all alignments of a text; otherwise the best one counts. Default true. */
  readonly logAdd?: boolean
  /** Over tokens. Default: none. */
  readonly lm?: LanguageModel | null
  /** Default 2. */
  readonly lmWeight?: number
}

interface Alphabet {
  readonly tokens: readonly string[]
  readonly blank: number
  readonly silToken: string
}

function alphabet(operation: string, tokens: readonly string[], options: CTCOptions): Alphabet {
  const { blankToken = '-', silToken = '|' } = options
  if (!Array.isArray(tokens) || tokens.length === 0)
    throw new ArgumentError(`${operation}: expected tokens to be a list of strings, got ${describe(tokens)}`)
  const blank = tokens.indexOf(blankToken)
  if (blank < 0)
    throw new ArgumentError(
      `${operation}: expected the blank '${blankToken}' among the tokens ${tokens.join(' ')}; name it with blankToken`,
    )
  return { tokens, blank, silToken }
}

const wordsOf = ({ tokens, silToken }: Alphabet, indices: readonly number[]): string[] =>
  indices
    .map((i) => tokens[i])
    .join('')
    .split(silToken)
    .filter((word) => word !== '')

/** Emissions as numbers, one list of frames a sound. */
function framesOf(operation: string, emissions: Tensor, lengths: Tensor | null, classes: number): number[][][] {
  floating(operation, 'emissions', emissions)
  if (emissions.ndim !== 3 || emissions.shape[2] !== classes)
    throw new ShapeError(
      `${operation}: expected emissions of shape [batch, frames, ${classes}] for ${classes} tokens, got ${formatShape(emissions.shape)}`,
    )
  const [batch, frames] = emissions.shape
  const counts = lengths === null ? null : (lengths.to('int64').toArray() as number[])
  if (counts !== null && (counts.length !== batch || counts.some((n) => n < 0 || n > frames)))
    throw new ArgumentError(`${operation}: expected ${batch} lengths between 0 and ${frames}, got ${describe(counts)}`)
  const all = F.logSoftmax(emissions.detach().to('float64'), -1).toArray() as number[][][]
  return all.map((sound, i) => sound.slice(0, counts?.[i] ?? frames))
}

/**
 * Takes the likeliest token of each frame.
 *
 * @param tokens what the classes stand for
 */
export class GreedyCTCDecoder {
  readonly #alphabet: Alphabet

  constructor(tokens: readonly string[], options: CTCOptions = {}) {
    this.#alphabet = alphabet('GreedyCTCDecoder', tokens, options)
  }

  /**
   * @param emissions log-probabilities or logits, shape [batch, frames, tokens]
   * @param lengths valid frames, shape [batch]
   */
  decode(emissions: Tensor, lengths: Tensor | null = null): CTCHypothesis[] {
    const { blank, tokens: all } = this.#alphabet
    return framesOf('GreedyCTCDecoder', emissions, lengths, all.length).map((frames) => {
      const tokens: number[] = []
      const timesteps: number[] = []
      let score = 0
      let before = blank
      for (const [t, row] of frames.entries()) {
        const best = row.indexOf(Math.max(...row))
        score += row[best]
        if (best !== blank && best !== before) {
          tokens.push(best)
          timesteps.push(t)
        }
        before = best
      }
      return { tokens, words: wordsOf(this.#alphabet, tokens), score, timesteps }
    })
  }
}

const NEVER = Number.NEGATIVE_INFINITY

function logAddExp(a: number, b: number): number {
  if (a === NEVER) return b
  if (b === NEVER) return a
  return Math.max(a, b) + Math.log1p(Math.exp(-Math.abs(a - b)))
}

/** A beginning of a text, with the probabilities of the alignments that end in a blank and of those that do not. */
class Prefix {
  readonly parent: Prefix | null
  readonly token: number
  readonly lm: number
  readonly children = new Map<number, Prefix>()
  blank = NEVER
  token_ = NEVER
  nextBlank = NEVER
  nextToken = NEVER
  /** The frame at which this token most likely begins, and how likely. */
  frame = 0
  best = NEVER

  constructor(parent: Prefix | null, token: number, lm: number) {
    this.parent = parent
    this.token = token
    this.lm = lm
  }

  /** From the first to the last. */
  path(): Prefix[] {
    const path: Prefix[] = []
    for (let at: Prefix = this; at.parent !== null; at = at.parent) path.push(at)
    return path.reverse()
  }
}

/**
 * A beam search over texts: each text's score is the probability of all its alignments, or of the best one, and what a
 * language model says of its tokens. [Hannun et al., 2014](https://arxiv.org/abs/1408.2873)
 *
 * @param tokens what the classes stand for
 * @example
 * ```ts
 * import { tensor } from '@flambeau/core'
 * import { decoders } from '@flambeau/audio'
 * const emissions = tensor([[[0.4, 0.6], [0.4, 0.6]]]).log()
 * const decoder = new decoders.CTCDecoder(['a', '-'])
 * console.log(decoder.decode(emissions)[0][0].words, new decoders.GreedyCTCDecoder(['a', '-']).decode(emissions)[0].words)
 * // → [ 'a' ] []
 * ```
 */
export class CTCDecoder {
  readonly #alphabet: Alphabet
  readonly #options: Required<Omit<CTCBeamOptions, keyof CTCOptions>>

  constructor(tokens: readonly string[], options: CTCBeamOptions = {}) {
    this.#alphabet = alphabet('CTCDecoder', tokens, options)
    const { nbest = 1, beamSize = 50, beamSizeToken = tokens.length, beamThreshold = 50 } = options
    const { logAdd = true, lm = null, lmWeight = 2 } = options
    whole('CTCDecoder', 'nbest', nbest)
    whole('CTCDecoder', 'beamSize', beamSize)
    whole('CTCDecoder', 'beamSizeToken', beamSizeToken)
    this.#options = { nbest, beamSize, beamSizeToken, beamThreshold, logAdd, lm, lmWeight }
  }

  /**
   * @param emissions log-probabilities or logits, shape [batch, frames, tokens]
   * @param lengths valid frames, shape [batch]
   * @returns for each sound the best texts, the best one first
   */
  decode(emissions: Tensor, lengths: Tensor | null = null): CTCHypothesis[][] {
    return framesOf('CTCDecoder', emissions, lengths, this.#alphabet.tokens.length).map((frames) =>
      this.#search(frames),
    )
  }

  #search(frames: readonly number[][]): CTCHypothesis[] {
    const { beamSize, beamThreshold, beamSizeToken, logAdd } = this.#options
    const { blank } = this.#alphabet
    const add = logAdd ? logAddExp : Math.max
    const total = (p: Prefix): number => add(p.blank, p.token_) + p.lm
    const root = new Prefix(null, -1, 0)
    root.blank = 0
    let beam = [root]
    for (const [t, row] of frames.entries()) {
      const tried = topTokens(row, beamSizeToken)
      const touched = new Set<Prefix>()
      const grow = (p: Prefix, part: 'nextBlank' | 'nextToken', value: number): void => {
        p[part] = add(p[part], value)
        touched.add(p)
      }
      for (const p of beam) {
        const any = add(p.blank, p.token_)
        for (const c of tried) {
          if (c === blank) grow(p, 'nextBlank', any + row[c])
          else {
            // The same token again goes on, unless a blank is between.
            if (c === p.token) grow(p, 'nextToken', p.token_ + row[c])
            const begins = (c === p.token ? p.blank : any) + row[c]
            if (begins === NEVER) continue
            const child = this.#child(p, c)
            grow(child, 'nextToken', begins)
            if (begins > child.best) {
              child.best = begins
              child.frame = t
            }
          }
        }
      }
      for (const p of beam) if (!touched.has(p)) p.blank = p.token_ = NEVER
      for (const p of touched) {
        p.blank = p.nextBlank
        p.token_ = p.nextToken
        p.nextBlank = p.nextToken = NEVER
      }
      const sorted = [...touched].sort((a, b) => total(b) - total(a))
      const least = sorted.length === 0 ? NEVER : total(sorted[0]) - beamThreshold
      for (const p of sorted.slice(beamSize)) p.blank = p.token_ = NEVER
      beam = sorted.slice(0, beamSize).filter((p) => total(p) >= least && total(p) > NEVER)
    }
    return beam
      .map((p) => this.#hypothesis(p, total(p)))
      .sort((a, b) => b.score - a.score)
      .slice(0, this.#options.nbest)
  }

  #child(p: Prefix, token: number): Prefix {
    const known = p.children.get(token)
    if (known !== undefined) return known
    const { lm, lmWeight } = this.#options
    const { tokens } = this.#alphabet
    const history = lm === null ? [] : p.path().map(({ token }) => tokens[token])
    const child = new Prefix(p, token, lm === null ? 0 : p.lm + lmWeight * lm.score(history, tokens[token]))
    p.children.set(token, child)
    return child
  }

  #hypothesis(p: Prefix, score: number): CTCHypothesis {
    const { lm, lmWeight } = this.#options
    const path = p.path()
    const tokens = path.map(({ token }) => token)
    const end = lm === null ? 0 : lmWeight * lm.finish(tokens.map((i) => this.#alphabet.tokens[i]))
    return {
      tokens,
      words: wordsOf(this.#alphabet, tokens),
      score: score + end,
      timesteps: path.map(({ frame }) => frame),
    }
  }
}

/** The likeliest classes of a frame. */
function topTokens(row: readonly number[], count: number): number[] {
  const all = row.map((_, i) => i)
  return count >= row.length ? all : all.sort((a, b) => row[b] - row[a]).slice(0, count)
}
