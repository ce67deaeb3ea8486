// How a text is split before the model sees it: the pre-tokenizers of the Python package, by its names.
import { ArgumentError } from '@flambeau/core'
import { describe } from '@flambeau/core/errors'
import { type AlignedText, matchesOf, SPLIT_BEHAVIORS, type SplitBehavior } from './aligned.js'
import { type Config, fromRegistry, type Json, type Registry } from './config.js'
import { Pattern, type PatternLike } from './pattern.js'

/** Splits a text into parts that no token reaches across. */
export interface PreTokenizer {
  split(text: AlignedText): AlignedText[]
  toJSON(): Json
}

/** GPT-2's words: English endings, letters, digits and signs with a space before them, and white space. */
const GPT2_WORDS =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu

const WHITE_SPACE = /\p{White_Space}/gu
/** ASCII counts signs such as $ and + as well. */
const PUNCTUATION = /[!-/:-@[-`{-~\p{P}]/gu
const WORDS =
  /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]+|[^\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}\p{White_Space}]+/gu

function checkBehavior(operation: string, behavior: SplitBehavior): SplitBehavior {
  if (!SPLIT_BEHAVIORS.includes(behavior))
    throw new ArgumentError(
      `${operation}: expected behavior to be one of ${SPLIT_BEHAVIORS.join(', ')}, got ${describe(behavior)}`,
    )
  return behavior
}

export interface ByteLevelOptions {
  /** Put a space before a text that begins with none. Default true. */
  readonly addPrefixSpace?: boolean
  /** Split into GPT-2's words. Default true. */
  readonly useRegex?: boolean
  /** Of the post-processor: leave white space out of offsets. Default true. */
  readonly trimOffsets?: boolean
}

/** GPT-2's: words, in bytes that are written as printable characters. */
export class ByteLevel implements PreTokenizer {
  readonly options: Required<ByteLevelOptions>

  constructor(options: ByteLevelOptions = {}) {
    this.options = { addPrefixSpace: true, useRegex: true, trimOffsets: true, ...options }
  }

  /** The characters that bytes are written as: an alphabet that leaves nothing unknown. */
  static alphabet(): string[] {
    return Array.from({ length: 256 }, (_, i) => i)
      .filter((b) => (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174)
      .map((b) => String.fromCharCode(b))
      .concat(Array.from({ length: 68 }, (_, i) => String.fromCharCode(256 + i)))
  }

  split(text: AlignedText): AlignedText[] {
    const { addPrefixSpace, useRegex } = this.options
    const spaced = addPrefixSpace && !text.text.startsWith(' ') ? text.prepend(' ') : text
    const parts = useRegex ? spaced.split(matchesOf(GPT2_WORDS, spaced.text), 'Isolated') : [spaced]
    return parts.map((part) => part.bytes())
  }

  toJSON(): Json {
    const { addPrefixSpace, trimOffsets, useRegex } = this.options
    return { type: 'ByteLevel', add_prefix_space: addPrefixSpace, trim_offsets: trimOffsets, use_regex: useRegex }
  }
}

/** Words and signs, as BERT sees them. */
export class BertPreTokenizer implements PreTokenizer {
  split(text: AlignedText): AlignedText[] {
    return text
      .split(matchesOf(WHITE_SPACE, text.text), 'Removed')
      .flatMap((word) => word.split(matchesOf(PUNCTUATION, word.text), 'Isolated'))
  }
  toJSON(): Json {
    return { type: 'BertPreTokenizer' }
  }
}

/** Words, and what lies between them, without white space. */
export class Whitespace implements PreTokenizer {
  split(text: AlignedText): AlignedText[] {
    return text.split(matchesOf(WORDS, text.text, true), 'Removed')
  }
  toJSON(): Json {
    return { type: 'Whitespace' }
  }
}

/** What lies between white space. */
export class WhitespaceSplit implements PreTokenizer {
  split(text: AlignedText): AlignedText[] {
    return text.split(matchesOf(WHITE_SPACE, text.text), 'Removed')
  }
  toJSON(): Json {
    return { type: 'WhitespaceSplit' }
  }
}

/** What lies between a character. */
export class CharDelimiterSplit implements PreTokenizer {
  readonly delimiter: string
  readonly #pattern: Pattern

  constructor(delimiter: string, place = 'CharDelimiterSplit: delimiter') {
    if (Array.from(delimiter).length !== 1)
      throw new ArgumentError(`${place}: expected one character, got ${describe(delimiter)}`)
    this.delimiter = delimiter
    this.#pattern = new Pattern(delimiter, place)
  }

  split(text: AlignedText): AlignedText[] {
    return text.split(this.#pattern.matches(text), 'Removed')
  }

  toJSON(): Json {
    return { type: 'CharDelimiterSplit', delimiter: this.delimiter }
  }
}

/** Splits at punctuation. */
export class Punctuation implements PreTokenizer {
  readonly behavior: SplitBehavior

  constructor(behavior: SplitBehavior = 'Isolated') {
    this.behavior = checkBehavior('Punctuation', behavior)
  }

  split(text: AlignedText): AlignedText[] {
    return text.split(matchesOf(PUNCTUATION, text.text), this.behavior)
  }

  toJSON(): Json {
    return { type: 'Punctuation', behavior: this.behavior }
  }
}

/** Numbers for themselves, or each digit. */
export class Digits implements PreTokenizer {
  readonly individualDigits: boolean

  constructor({ individualDigits = false }: { readonly individualDigits?: boolean } = {}) {
    this.individualDigits = individualDigits
  }

  split(text: AlignedText): AlignedText[] {
    return text.split(matchesOf(/\p{N}/gu, text.text), this.individualDigits ? 'Isolated' : 'Contiguous')
  }

  toJSON(): Json {
    return { type: 'Digits', individual_digits: this.individualDigits }
  }
}

/** Parts of so many characters. */
export class FixedLength implements PreTokenizer {
  readonly length: number

  constructor({ length = 5 }: { readonly length?: number } = {}) {
    if (!Number.isInteger(length) || length < 1)
      throw new ArgumentError(`FixedLength: expected length to be a positive integer, got ${describe(length)}`)
    this.length = length
  }

  split(text: AlignedText): AlignedText[] {
    return text.split(matchesOf(new RegExp(`[^]{1,${this.length}}`, 'gu'), text.text), 'Isolated')
  }

  toJSON(): Json {
    return { type: 'FixedLength', length: this.length }
  }
}

const SCHEMES = ['always', 'first', 'never'] as const
export type PrependScheme = (typeof SCHEMES)[number]

export interface MetaspaceOptions {
  /** What is written for a space. Default '▁'. */
  readonly replacement?: string
  /** Where one is put before the text: at each part that has none, at the first, or never. Default 'always'. */
  readonly prependScheme?: PrependScheme
  /** Split before each. Default true. */
  readonly split?: boolean
}

/** SentencePiece's: a space is a character of the word that follows it. */
export class Metaspace implements PreTokenizer {
  readonly options: Required<MetaspaceOptions>
  readonly #space = new Pattern(' ', 'Metaspace')
  readonly #replacement: Pattern

  constructor(options: MetaspaceOptions = {}, place = 'Metaspace') {
    this.options = { replacement: '▁', prependScheme: 'always', split: true, ...options }
    const { prependScheme, replacement } = this.options
    if (Array.from(replacement).length !== 1)
      throw new ArgumentError(`${place}: expected one character for replacement, got ${describe(replacement)}`)
    if (!SCHEMES.includes(prependScheme))
      throw new ArgumentError(
        `${place}: expected prependScheme to be one of ${SCHEMES.join(', ')}, got ${describe(prependScheme)}`,
      )
    this.#replacement = new Pattern(replacement, place)
  }

  split(text: AlignedText): AlignedText[] {
    const { prependScheme, replacement, split } = this.options
    let result = text.replace(this.#space.matches(text), replacement)
    const wanted = prependScheme === 'always' || (prependScheme === 'first' && text.length > 0 && text.startAt(0) === 0)
    if (wanted && !result.text.startsWith(replacement)) result = result.prepend(replacement)
    return split ? result.split(this.#replacement.matches(result), 'MergedWithNext') : [result]
  }

  toJSON(): Json {
    const { prependScheme, replacement, split } = this.options
    return { type: 'Metaspace', replacement, prepend_scheme: prependScheme, split }
  }
}

/** The options of a Metaspace, which old files write otherwise. */
export function readMetaspace(config: Config): MetaspaceOptions {
  const prefix = config.lacks('add_prefix_space') ? true : config.boolean('add_prefix_space')
  return {
    replacement: config.string('replacement'),
    prependScheme: config.oneOf('prepend_scheme', SCHEMES, prefix ? 'always' : 'never'),
    split: config.boolean('split', true),
  }
}

/** Splits at a pattern. */
export class Split implements PreTokenizer {
  readonly behavior: SplitBehavior
  readonly invert: boolean
  readonly #pattern: Pattern

  /** @param options `invert` splits at what the pattern does not match */
  constructor(
    pattern: PatternLike | Pattern,
    behavior: SplitBehavior,
    { invert = false }: { readonly invert?: boolean } = {},
  ) {
    this.#pattern = pattern instanceof Pattern ? pattern : new Pattern(pattern, 'Split: pattern')
    this.behavior = checkBehavior('Split', behavior)
    this.invert = invert
  }

  split(text: AlignedText): AlignedText[] {
    return text.split(this.#pattern.matches(text, this.invert), this.behavior)
  }

  toJSON(): Json {
    return { type: 'Split', pattern: this.#pattern.toJSON(), behavior: this.behavior, invert: this.invert }
  }
}

/** Several, one after the other. */
export class Sequence implements PreTokenizer {
  readonly preTokenizers: readonly PreTokenizer[]

  constructor(preTokenizers: readonly PreTokenizer[]) {
    this.preTokenizers = preTokenizers
  }

  split(text: AlignedText): AlignedText[] {
    return this.preTokenizers.reduce((parts, p) => parts.flatMap((part) => p.split(part)), [text])
  }

  toJSON(): Json {
    return { type: 'Sequence', pretokenizers: this.preTokenizers.map((p) => p.toJSON()) }
  }
}

const REGISTRY: Registry<PreTokenizer> = {
  ByteLevel: (c) => new ByteLevel(readByteLevel(c)),
  BertPreTokenizer: () => new BertPreTokenizer(),
  Whitespace: () => new Whitespace(),
  WhitespaceSplit: () => new WhitespaceSplit(),
  CharDelimiterSplit: (c) => {
    if (Array.from(c.string('delimiter')).length !== 1) throw c.wrong('delimiter', 'one character')
    return new CharDelimiterSplit(c.string('delimiter'), c.at('delimiter'))
  },
  Punctuation: (c) => new Punctuation(c.oneOf('behavior', SPLIT_BEHAVIORS, 'Isolated')),
  Digits: (c) => new Digits({ individualDigits: c.boolean('individual_digits', false) }),
  FixedLength: (c) => {
    if (c.integer('length', 5) === 0) throw c.wrong('length', 'a positive integer')
    return new FixedLength({ length: c.integer('length', 5) })
  },
  Metaspace: (c) => {
    if (Array.from(c.string('replacement')).length !== 1) throw c.wrong('replacement', 'one character')
    return new Metaspace(readMetaspace(c), c.at('replacement'))
  },
  Split: (c) =>
    new Split(Pattern.read(c, 'pattern'), c.oneOf('behavior', SPLIT_BEHAVIORS), { invert: c.boolean('invert', false) }),
  Sequence: (c) => new Sequence(c.configs('pretokenizers').map(readPreTokenizer)),
}

export function readByteLevel(config: Config): ByteLevelOptions {
  return {
    addPrefixSpace: config.boolean('add_prefix_space', true),
    useRegex: config.boolean('use_regex', true),
    trimOffsets: config.boolean('trim_offsets', true),
  }
}

/** The pre-tokenizer that a tokenizer.json describes. */
export function readPreTokenizer(config: Config): PreTokenizer {
  return fromRegistry(REGISTRY, config)
}
