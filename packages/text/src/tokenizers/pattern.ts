// What a part of a tokenizer looks for: a text as it is, or a regular expression.
import { type AlignedText, type Match, matchesOf } from './aligned.js'
import type { Config, Json } from './config.js'
import { exactly, fromOniguruma } from './oniguruma.js'

/** A text to be found as it is, or a regular expression in Oniguruma's syntax. */
export type PatternLike = string | { readonly regex: string }

export class Pattern {
  readonly #source: PatternLike
  readonly #compiled: RegExp

  constructor(source: PatternLike, place: string) {
    this.#source = source
    this.#compiled = typeof source === 'string' ? exactly(source) : fromOniguruma(source.regex, place)
  }

  static read(config: Config, name: string): Pattern {
    if (typeof config.raw(name) === 'string') return new Pattern(config.string(name), config.at(name))
    const pattern = config.config(name)
    return pattern.lacks('Regex')
      ? new Pattern(pattern.string('String'), config.at(name))
      : new Pattern({ regex: pattern.string('Regex') }, config.at(name))
  }

  matches(text: AlignedText | string, invert = false): Match[] {
    if (this.#source === '') return []
    return matchesOf(this.#compiled, typeof text === 'string' ? text : text.text, invert)
  }

  /** A text with `content` in place of what matches. */
  replaceIn(text: string, content: string): string {
    return this.#source === '' ? text : text.replace(this.#compiled, () => content)
  }

  toJSON(): Json {
    return typeof this.#source === 'string' ? { String: this.#source } : { Regex: this.#source.regex }
  }
}
