// How tokens become a text again: the decoders of the Python package, by its names.
import { BYTE_CHARACTERS } from './aligned.js'
import { type Config, fromRegistry, type Json, type Registry } from './config.js'
import { Pattern, type PatternLike } from './pattern.js'
import { type MetaspaceOptions, Metaspace as MetaspacePreTokenizer, readMetaspace } from './pre-tokenizers.js'

/** Changes tokens into parts of the text. */
export interface Decoder {
  decode(tokens: readonly string[]): string[]
  toJSON(): Json
}

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })
const strictUtf8 = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true })
const encoder = new TextEncoder()

const BYTES: ReadonlyMap<string, number> = new Map(BYTE_CHARACTERS.map((character, byte) => [character, byte]))

/** What ByteLevel split. Bytes that are no UTF-8 become U+FFFD. */
export class ByteLevel implements Decoder {
  decode(tokens: readonly string[]): string[] {
    const bytes: number[] = []
    for (const token of tokens) {
      const own = Array.from(token, (character) => BYTES.get(character))
      if (own.includes(undefined)) for (const byte of encoder.encode(token)) bytes.push(byte)
      else for (const byte of own) bytes.push(byte ?? 0)
    }
    return [utf8.decode(Uint8Array.from(bytes))]
  }
  toJSON(): Json {
    return { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true }
  }
}

/** English without the spaces that tokenization put into it. */
function cleanUp(text: string): string {
  const pairs = [
    [' .', '.'],
    [' ?', '?'],
    [' !', '!'],
    [' ,', ','],
    [" ' ", "'"],
    [" n't", "n't"],
    [" 'm", "'m"],
    [' do not', " don't"],
    [" 's", "'s"],
    [" 've", "'ve"],
    [" 're", "'re"],
  ] as const
  return pairs.reduce((result, [from, to]) => result.replaceAll(from, to), text)
}

/** BERT's: a space before each token that does not begin with the prefix. */
export class WordPiece implements Decoder {
  readonly prefix: string
  readonly cleanup: boolean

  constructor({ prefix = '##', cleanup = true }: { readonly prefix?: string; readonly cleanup?: boolean } = {}) {
    this.prefix = prefix
    this.cleanup = cleanup
  }

  decode(tokens: readonly string[]): string[] {
    return tokens.map((token, i) => {
      const text = i === 0 ? token : token.startsWith(this.prefix) ? token.slice(this.prefix.length) : ` ${token}`
      return this.cleanup ? cleanUp(text) : text
    })
  }

  toJSON(): Json {
    return { type: 'WordPiece', prefix: this.prefix, cleanup: this.cleanup }
  }
}

/** SentencePiece's: a space for each replacement character; none at the beginning. */
export class Metaspace implements Decoder {
  readonly #options: MetaspacePreTokenizer

  constructor(options: MetaspaceOptions = {}) {
    this.#options = new MetaspacePreTokenizer(options)
  }

  decode(tokens: readonly string[]): string[] {
    const { prependScheme, replacement } = this.#options.options
    return tokens.map((token, i) => token.replaceAll(replacement, i === 0 && prependScheme !== 'never' ? '' : ' '))
  }

  toJSON(): Json {
    return this.#options.toJSON()
  }
}

/** Of BPE whose words end in a suffix. */
export class BPEDecoder implements Decoder {
  readonly suffix: string

  constructor({ suffix = '</w>' }: { readonly suffix?: string } = {}) {
    this.suffix = suffix
  }

  decode(tokens: readonly string[]): string[] {
    return tokens.map((token, i) => token.replaceAll(this.suffix, i === tokens.length - 1 ? '' : ' '))
  }

  toJSON(): Json {
    return { type: 'BPEDecoder', suffix: this.suffix }
  }
}

export interface CTCOptions {
  /** Default '<pad>'. */
  readonly padToken?: string
  /** Default '|'. */
  readonly wordDelimiterToken?: string
  /** Default true. */
  readonly cleanup?: boolean
}

/** Of connectionist temporal classification: what repeats is one. */
export class CTC implements Decoder {
  readonly options: Required<CTCOptions>

  constructor(options: CTCOptions = {}) {
    this.options = { padToken: '<pad>', wordDelimiterToken: '|', cleanup: true, ...options }
  }

  decode(tokens: readonly string[]): string[] {
    const { cleanup, padToken, wordDelimiterToken } = this.options
    return tokens
      .filter((token, i) => i === 0 || token !== tokens[i - 1])
      .map((token) => {
        const text = token.replaceAll(padToken, '')
        return cleanup ? cleanUp(text).replaceAll(wordDelimiterToken, ' ') : text
      })
      .filter((text) => text !== '')
  }

  toJSON(): Json {
    const { cleanup, padToken, wordDelimiterToken } = this.options
    return { type: 'CTC', pad_token: padToken, word_delimiter_token: wordDelimiterToken, cleanup }
  }
}

/** Puts `content` in place of a pattern. */
export class Replace implements Decoder {
  readonly content: string
  readonly #pattern: Pattern

  constructor(pattern: PatternLike | Pattern, content: string) {
    this.#pattern = pattern instanceof Pattern ? pattern : new Pattern(pattern, 'Replace: pattern')
    this.content = content
  }

  decode(tokens: readonly string[]): string[] {
    return tokens.map((token) => this.#pattern.replaceIn(token, this.content))
  }

  toJSON(): Json {
    return { type: 'Replace', pattern: this.#pattern.toJSON(), content: this.content }
  }
}

/** All in one. */
export class Fuse implements Decoder {
  decode(tokens: readonly string[]): string[] {
    return [tokens.join('')]
  }
  toJSON(): Json {
    return { type: 'Fuse' }
  }
}

/** Drops a character at the ends: at most `start` of them in front and `stop` behind. */
export class Strip implements Decoder {
  readonly content: string
  readonly start: number
  readonly stop: number

  constructor({ content = ' ', start = 0, stop = 0 }: { content?: string; start?: number; stop?: number } = {}) {
    this.content = content
    this.start = start
    this.stop = stop
  }

  decode(tokens: readonly string[]): string[] {
    return tokens.map((token) => {
      const characters = Array.from(token)
      let from = 0
      while (from < this.start && characters[from] === this.content) from++
      let to = characters.length
      while (to > from && characters.length - to < this.stop && characters[to - 1] === this.content) to--
      return characters.slice(from, to).join('')
    })
  }

  toJSON(): Json {
    return { type: 'Strip', content: this.content, start: this.start, stop: this.stop }
  }
}

/** Tokens such as '<0xE4>' as the bytes that they are. Bytes that are no UTF-8 become U+FFFD each. */
export class ByteFallback implements Decoder {
  decode(tokens: readonly string[]): string[] {
    const result: string[] = []
    let bytes: number[] = []
    const flush = (): void => {
      if (bytes.length === 0) return
      try {
        result.push(strictUtf8.decode(Uint8Array.from(bytes)))
      } catch {
        for (const _ of bytes) result.push('\ufffd')
      }
      bytes = []
    }
    for (const token of tokens) {
      const hex = /^<0x([0-9A-Fa-f]{2})>$/.exec(token)
      if (hex !== null) bytes.push(Number.parseInt(hex[1], 16))
      else {
        flush()
        result.push(token)
      }
    }
    flush()
    return result
  }
  toJSON(): Json {
    return { type: 'ByteFallback' }
  }
}

/** Several, one after the other. */
export class Sequence implements Decoder {
  readonly decoders: readonly Decoder[]

  constructor(decoders: readonly Decoder[]) {
    this.decoders = decoders
  }

  decode(tokens: readonly string[]): string[] {
    return this.decoders.reduce<string[]>((result, decoder) => decoder.decode(result), [...tokens])
  }

  toJSON(): Json {
    return { type: 'Sequence', decoders: this.decoders.map((decoder) => decoder.toJSON()) }
  }
}

const REGISTRY: Registry<Decoder> = {
  ByteLevel: () => new ByteLevel(),
  WordPiece: (c) => new WordPiece({ prefix: c.string('prefix', '##'), cleanup: c.boolean('cleanup', true) }),
  Metaspace: (c) => {
    if (Array.from(c.string('replacement')).length !== 1) throw c.wrong('replacement', 'one character')
    return new Metaspace(readMetaspace(c))
  },
  BPEDecoder: (c) => new BPEDecoder({ suffix: c.string('suffix', '</w>') }),
  CTC: (c) =>
    new CTC({
      padToken: c.string('pad_token'),
      wordDelimiterToken: c.string('word_delimiter_token'),
      cleanup: c.boolean('cleanup'),
    }),
  Replace: (c) => new Replace(Pattern.read(c, 'pattern'), c.string('content')),
  Fuse: () => new Fuse(),
  Strip: (c) => new Strip({ content: c.string('content'), start: c.integer('start'), stop: c.integer('stop') }),
  ByteFallback: () => new ByteFallback(),
  Sequence: (c) => new Sequence(c.configs('decoders').map(readDecoder)),
}

/** The decoder that a tokenizer.json describes. */
export function readDecoder(config: Config): Decoder {
  return fromRegistry(REGISTRY, config)
}
