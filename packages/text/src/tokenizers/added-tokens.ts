// Tokens that are found in a text before anything else is done to it.
import type { AlignedText } from './aligned.js'
import type { Json } from './config.js'
import type { Model } from './models/model.js'
import type { Normalizer } from './normalizers.js'

export interface AddedTokenOptions {
  /** Only where no letter or digit touches it. Default false. */
  readonly singleWord?: boolean
  /** Takes the white space before it along. Default false. */
  readonly lstrip?: boolean
  /** Takes the white space after it along. Default false. */
  readonly rstrip?: boolean
  /** Looked for in the normalized text rather than in the original. Default: unless it is special. */
  readonly normalized?: boolean
  /** Left out by `decode`. Default false. */
  readonly special?: boolean
}

/** A token that models do not split. */
export class AddedToken {
  readonly content: string
  readonly singleWord: boolean
  readonly lstrip: boolean
  readonly rstrip: boolean
  readonly normalized: boolean
  readonly special: boolean

  constructor(content: string, options: AddedTokenOptions = {}) {
    this.content = content
    this.singleWord = options.singleWord ?? false
    this.lstrip = options.lstrip ?? false
    this.rstrip = options.rstrip ?? false
    this.special = options.special ?? false
    this.normalized = options.normalized ?? !this.special
  }
}

/** A part of a text; with an id where it is an added token. */
export interface Part {
  readonly text: AlignedText
  readonly id: number | null
}

const WORD = '[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}]'
const ENDS_IN_WORD = new RegExp(`${WORD}$`, 'u')
const BEGINS_WITH_WORD = new RegExp(`^${WORD}`, 'u')

/** What is looked for: texts, and the ids that they stand for. */
interface Search {
  readonly pattern: RegExp
  readonly ids: ReadonlyMap<string, number>
}

export class AddedVocabulary {
  readonly #tokens = new Map<number, AddedToken>()
  readonly #ids = new Map<string, number>()
  #searches: { plain: Search | null; normalized: Search | null } | null = null

  /** The added tokens by id, in order. */
  get tokens(): [number, AddedToken][] {
    return [...this.#tokens].sort(([a], [b]) => a - b)
  }

  get size(): number {
    return this.#tokens.size
  }

  /** @returns whether the token is new. An id of a file is taken only where the model does not know the token. */
  add(token: AddedToken, model: Model, id?: number): boolean {
    if (token.content === '') return false
    const known = this.#ids.get(token.content)
    const own = known ?? model.tokenToId(token.content) ?? id ?? this.#free(model)
    this.#tokens.set(own, token)
    this.#ids.set(token.content, own)
    this.#searches = null
    return known === undefined && model.tokenToId(token.content) === undefined
  }

  #free(model: Model): number {
    let free = model.vocab.size
    for (const id of this.#tokens.keys()) free = Math.max(free, id + 1)
    return free
  }

  idOf(content: string): number | undefined {
    return this.#ids.get(content)
  }

  tokenOf(id: number): AddedToken | undefined {
    return this.#tokens.get(id)
  }

  /** To be called where the normalizer changes: what is looked for is normalized as well. */
  normalizerChanged(): void {
    this.#searches = null
  }

  /** The parts of a text, normalized where they are no added tokens. */
  extract(text: AlignedText, normalizer: Normalizer | null, normalizeText: (text: string) => AlignedText): Part[] {
    const normalize = (part: AlignedText) => (normalizer === null ? part : normalizer.normalize(part))
    if (this.#tokens.size === 0) return nonEmpty([{ text: normalize(text), id: null }])
    this.#searches ??= {
      plain: this.#search(false, (content) => content),
      normalized: this.#search(true, (content) => normalizeText(content).text),
    }
    const { normalized, plain } = this.#searches
    const parts = this.#split(text, plain).flatMap((part) =>
      part.id === null ? this.#split(normalize(part.text), normalized) : [part],
    )
    return nonEmpty(parts)
  }

  #search(normalized: boolean, normalize: (content: string) => string): Search | null {
    const ids = new Map<string, number>()
    for (const [id, token] of this.#tokens)
      if (token.normalized === normalized) {
        const content = normalize(token.content)
        if (content !== '' && !ids.has(content)) ids.set(content, id)
      }
    if (ids.size === 0) return null
    const escaped = (content: string) => content.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
    const longestFirst = [...ids.keys()].sort((a, b) => b.length - a.length)
    return { pattern: new RegExp(longestFirst.map(escaped).join('|'), 'gu'), ids }
  }

  #split(part: AlignedText, search: Search | null): Part[] {
    if (search === null) return [{ text: part, id: null }]
    const { text } = part
    const parts: Part[] = []
    let done = 0
    for (const match of text.matchAll(search.pattern)) {
      const id = search.ids.get(match[0])
      const token = id === undefined ? undefined : this.#tokens.get(id)
      if (id === undefined || token === undefined) continue
      let start = match.index
      let stop = start + match[0].length
      const touches =
        ENDS_IN_WORD.test(text.slice(Math.max(0, start - 2), start)) ||
        BEGINS_WITH_WORD.test(text.slice(stop, stop + 2))
      if (start < done || (token.singleWord && touches)) continue
      if (token.lstrip) while (start > done && /\p{White_Space}/u.test(text[start - 1])) start--
      if (token.rstrip) while (stop < text.length && /\p{White_Space}/u.test(text[stop])) stop++
      if (start > done) parts.push({ text: part.slice(done, start), id: null })
      parts.push({ text: part.slice(start, stop), id })
      done = stop
    }
    if (done < text.length) parts.push({ text: done === 0 ? part : part.slice(done, text.length), id: null })
    return parts
  }

  toJSON(): Json {
    return this.tokens.map(([id, token]) => ({
      id,
      content: token.content,
      single_word: token.singleWord,
      lstrip: token.lstrip,
      rstrip: token.rstrip,
      normalized: token.normalized,
      special: token.special,
    }))
  }
}

const nonEmpty = (parts: readonly Part[]): Part[] => parts.filter((part) => part.text.length > 0)
