// What is done to a text before it is split: the normalizers of the Python package, by its names.
import type { AlignedText, Change } from './aligned.js'
import { type Config, fromRegistry, type Json, type Registry } from './config.js'
import { Pattern, type PatternLike } from './pattern.js'
import { CharacterMap } from './precompiled.js'
import { inForm, type NormalForm } from './unicode-forms.js'

/** Changes a text; offsets go on meaning the original. */
export interface Normalizer {
  normalize(text: AlignedText): AlignedText
  toJSON(): Json
}

abstract class OfForm implements Normalizer {
  abstract readonly form: NormalForm
  normalize(text: AlignedText): AlignedText {
    return inForm(text, this.form)
  }
  toJSON(): Json {
    return { type: this.form }
  }
}

/** Composed characters. */
export class NFC extends OfForm {
  readonly form = 'NFC'
}

/** Decomposed characters. */
export class NFD extends OfForm {
  readonly form = 'NFD'
}

/** Composed characters; those that only look different become the same. */
export class NFKC extends OfForm {
  readonly form = 'NFKC'
}

/** Decomposed characters; those that only look different become the same. */
export class NFKD extends OfForm {
  readonly form = 'NFKD'
}

/** Each character in lower case. */
export class Lowercase implements Normalizer {
  normalize(text: AlignedText): AlignedText {
    return text.map((character) => character.toLowerCase())
  }
  toJSON(): Json {
    return { type: 'Lowercase' }
  }
}

/** No white space at the ends. */
export class Strip implements Normalizer {
  readonly left: boolean
  readonly right: boolean

  constructor({ left = true, right = true }: { readonly left?: boolean; readonly right?: boolean } = {}) {
    this.left = left
    this.right = right
  }

  normalize(text: AlignedText): AlignedText {
    const start = this.left ? (/^\p{White_Space}*/u.exec(text.text)?.[0].length ?? 0) : 0
    const end = this.right ? text.length - (/\p{White_Space}*$/u.exec(text.text)?.[0].length ?? 0) : text.length
    return start === 0 && end === text.length ? text : text.slice(start, Math.max(start, end))
  }

  toJSON(): Json {
    return { type: 'Strip', strip_left: this.left, strip_right: this.right }
  }
}

/** No combining marks; accents of composed characters stay, so that NFD comes before. */
export class StripAccents implements Normalizer {
  normalize(text: AlignedText): AlignedText {
    return text.without(/\p{M}/gu)
  }
  toJSON(): Json {
    return { type: 'StripAccents' }
  }
}

/** SentencePiece's rules for machine translation: control characters go, odd spaces become plain ones. */
export class Nmt implements Normalizer {
  normalize(text: AlignedText): AlignedText {
    return (
      text
        // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it removes
        .without(/[\x01-\x08\x0b\x0e-\x1f\x7f\x8f\x9f]/gu)
        .map((c) => (/[\t\n\f\r\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]/u.test(c) ? ' ' : c))
    )
  }
  toJSON(): Json {
    return { type: 'Nmt' }
  }
}

/** Puts `content` in place of a pattern. */
export class Replace implements Normalizer {
  readonly content: string
  readonly #pattern: Pattern

  constructor(pattern: PatternLike | Pattern, content: string) {
    this.#pattern = pattern instanceof Pattern ? pattern : new Pattern(pattern, 'Replace: pattern')
    this.content = content
  }

  normalize(text: AlignedText): AlignedText {
    return text.replace(this.#pattern.matches(text), this.content)
  }

  toJSON(): Json {
    return { type: 'Replace', pattern: this.#pattern.toJSON(), content: this.content }
  }
}

/** Puts a text before another that is not empty. */
export class Prepend implements Normalizer {
  readonly prefix: string

  constructor(prefix: string) {
    this.prefix = prefix
  }

  normalize(text: AlignedText): AlignedText {
    return this.prefix === '' ? text : text.prepend(this.prefix)
  }

  toJSON(): Json {
    return { type: 'Prepend', prepend: this.prefix }
  }
}

/** The bytes of UTF-8, a printable character each. */
export class ByteLevel implements Normalizer {
  normalize(text: AlignedText): AlignedText {
    return text.bytes()
  }
  toJSON(): Json {
    return { type: 'ByteLevel' }
  }
}

/** SentencePiece's compiled rules, such as nmt_nfkc. */
export class Precompiled implements Normalizer {
  readonly #map: CharacterMap
  readonly #source: string

  /** @param map in base64, as tokenizer.json has it */
  constructor(map: string, place = 'Precompiled: map') {
    this.#map = new CharacterMap(map, place)
    this.#source = map
  }

  normalize(text: AlignedText): AlignedText {
    const change = this.#map.changes(text.text)
    return change === null ? text : text.transform(change.changes, change.skipped)
  }

  toJSON(): Json {
    return { type: 'Precompiled', precompiled_charsmap: this.#source }
  }
}

export interface BertNormalizerOptions {
  /** Drop control characters, and make all white space plain. Default true. */
  readonly cleanText?: boolean
  /** Put spaces around Chinese characters. Default true. */
  readonly handleChineseChars?: boolean
  /** Drop accents. Default null: where `lowercase` is true. */
  readonly stripAccents?: boolean | null
  /** Default true. */
  readonly lowercase?: boolean
}

const CHINESE =
  /[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/u

/** What BERT does to a text. */
export class BertNormalizer implements Normalizer {
  readonly options: Required<BertNormalizerOptions>

  constructor(options: BertNormalizerOptions = {}) {
    this.options = { cleanText: true, handleChineseChars: true, stripAccents: null, lowercase: true, ...options }
  }

  normalize(text: AlignedText): AlignedText {
    const { cleanText, handleChineseChars, lowercase, stripAccents } = this.options
    let result = text
    if (cleanText)
      result = result
        .without(/[\0\ufffd]|(?![\t\n\r])[\p{Cc}\p{Cf}\p{Co}]/gu)
        .map((c) => (/\p{White_Space}/u.test(c) ? ' ' : c))
    if (handleChineseChars && CHINESE.test(result.text))
      result = result.transform(
        Array.from(result.text).flatMap((c): Change[] =>
          CHINESE.test(c)
            ? [
                [' ', 0],
                [c, 1],
                [' ', 1],
              ]
            : [[c, 0]],
        ),
      )
    if (stripAccents ?? lowercase) result = inForm(result, 'NFD').without(/\p{Mn}/gu)
    return lowercase ? result.map((c) => c.toLowerCase()) : result
  }

  toJSON(): Json {
    const { cleanText, handleChineseChars, lowercase, stripAccents } = this.options
    return {
      type: 'BertNormalizer',
      clean_text: cleanText,
      handle_chinese_chars: handleChineseChars,
      strip_accents: stripAccents,
      lowercase,
    }
  }
}

/** Several, one after the other. */
export class Sequence implements Normalizer {
  readonly normalizers: readonly Normalizer[]

  constructor(normalizers: readonly Normalizer[]) {
    this.normalizers = normalizers
  }

  normalize(text: AlignedText): AlignedText {
    return this.normalizers.reduce((result, normalizer) => normalizer.normalize(result), text)
  }

  toJSON(): Json {
    return { type: 'Sequence', normalizers: this.normalizers.map((normalizer) => normalizer.toJSON()) }
  }
}

const REGISTRY: Registry<Normalizer> = {
  NFC: () => new NFC(),
  NFD: () => new NFD(),
  NFKC: () => new NFKC(),
  NFKD: () => new NFKD(),
  Lowercase: () => new Lowercase(),
  Strip: (c) => new Strip({ left: c.boolean('strip_left', true), right: c.boolean('strip_right', true) }),
  StripAccents: () => new StripAccents(),
  Nmt: () => new Nmt(),
  Replace: (c) => new Replace(Pattern.read(c, 'pattern'), c.string('content')),
  Prepend: (c) => new Prepend(c.string('prepend')),
  ByteLevel: () => new ByteLevel(),
  Precompiled: (c) => new Precompiled(c.string('precompiled_charsmap'), c.at('precompiled_charsmap')),
  BertNormalizer: (c) =>
    new BertNormalizer({
      cleanText: c.boolean('clean_text', true),
      handleChineseChars: c.boolean('handle_chinese_chars', true),
      stripAccents: c.lacks('strip_accents') ? null : c.boolean('strip_accents'),
      lowercase: c.boolean('lowercase', true),
    }),
  Sequence: (c) => new Sequence(c.configs('normalizers').map(readNormalizer)),
}

/** The normalizer that a tokenizer.json describes. */
export function readNormalizer(config: Config): Normalizer {
  return fromRegistry(REGISTRY, config)
}
