// Language models with counts that back off, in the ARPA format.
import { FormatError } from '@flambeau/core'

/** What a decoder asks of a language model over tokens. */
export interface LanguageModel {
  /** The natural logarithm of the probability of `token` after `history`. */
  score(history: readonly string[], token: string): number
  /** The same of the end after `history`. */
  finish(history: readonly string[]): number
}

interface Entry {
  readonly probability: number
  readonly backoff: number
}

/** An n-gram model with back-off, as SRILM and KenLM write it. */
export class NGramModel implements LanguageModel {
  readonly order: number
  readonly #entries: ReadonlyMap<string, Entry>

  private constructor(order: number, entries: ReadonlyMap<string, Entry>) {
    this.order = order
    this.#entries = entries
  }

  /**
   * The model that a text in ARPA format says.
   *
   * @throws FormatError where it is no such text
   * @example
   * ```ts
   * import { decoders } from '@flambeau/audio'
   * const lm = decoders.NGramModel.fromArpa('\\data\\\nngram 1=2\n\n\\1-grams:\n-0.30103\ta\n-0.30103\t</s>\n\n\\end\\\n')
   * console.log(lm.score([], 'a').toFixed(3)) // → -0.693
   * ```
   */
  static fromArpa(text: string): NGramModel {
    const entries = new Map<string, Entry>()
    let order = 0
    let ended = false
    for (const [number, raw] of text.split(/\r?\n/).entries()) {
      const line = raw.trim()
      const section = /^\\(\d+)-grams:$/.exec(line)
      if (section !== null) order = Number(section[1])
      else if (line === '\\end\\') ended = true
      else if (order > 0 && line !== '' && !ended) {
        const [probability, ...rest] = line.split(/\s+/)
        const words = rest.slice(0, order)
        const backoff = rest[order] === undefined ? 0 : Number(rest[order])
        if (
          words.length < order ||
          rest.length > order + 1 ||
          !Number.isFinite(Number(probability)) ||
          !Number.isFinite(backoff)
        )
          throw new FormatError(
            `NGramModel: expected a probability and ${order} words in line ${number + 1}, got '${line.slice(0, 60)}'`,
          )
        entries.set(words.join(' '), { probability: Number(probability) * Math.LN10, backoff: backoff * Math.LN10 })
      }
    }
    if (!ended || entries.size === 0)
      throw new FormatError('NGramModel: expected a language model in ARPA format, with sections and \\end\\')
    return new NGramModel(order, entries)
  }

  score(history: readonly string[], token: string): number {
    const context = ['<s>', ...history].slice(-(this.order - 1 || 1))
    let penalty = 0
    for (let from = this.order === 1 ? context.length : 0; from <= context.length; from++) {
      const words = context.slice(from)
      const entry = this.#entries.get([...words, token].join(' '))
      if (entry !== undefined) return penalty + entry.probability
      penalty += this.#entries.get(words.join(' '))?.backoff ?? 0
    }
    return this.#entries.get('<unk>')?.probability ?? Number.NEGATIVE_INFINITY
  }

  finish(history: readonly string[]): number {
    return this.score(history, '</s>')
  }
}
