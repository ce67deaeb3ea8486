// What is put around the tokens of a text: the post-processors of the Python package, by its names.
import { ArgumentError, FormatError } from '@flambeau/core'
import { describe } from '@flambeau/core/errors'
import { BYTE_CHARACTERS } from './aligned.js'
import { Config, fromRegistry, type Json, type Registry } from './config.js'
import { Encoding } from './encoding.js'
import { type ByteLevelOptions, ByteLevel as ByteLevelPreTokenizer, readByteLevel } from './pre-tokenizers.js'

/** Puts special tokens around sequences. */
export interface PostProcessor {
  /** How many tokens it adds to one sequence, or to a pair. */
  addedTokens(isPair: boolean): number
  /** @param encodings one or two, which are to become one */
  process(encodings: readonly Encoding[], addSpecialTokens: boolean): Encoding[]
  toJSON(): Json
}

type Special = readonly [token: string, id: number]

/** One of all, and what becomes of the parts that overflow. */
export function joined(encodings: readonly Encoding[], join: (encodings: readonly Encoding[]) => Encoding): Encoding {
  const [first, second] = encodings
  const result = join(encodings)
  const overflowing: Encoding[] = []
  for (const part of first.overflowing) overflowing.push(join(second === undefined ? [part] : [part, second]))
  if (second !== undefined)
    for (const part of second.overflowing) {
      overflowing.push(join([first, part]))
      for (const other of first.overflowing) overflowing.push(join([other, part]))
    }
  result.overflowing = overflowing
  return result
}

const isSpace = (character: string): boolean => character === BYTE_CHARACTERS[32] || /\p{White_Space}/u.test(character)

/** Offsets without the white space that tokens begin and end with. */
function trimmed(encoding: Encoding, addPrefixSpace: boolean): Encoding {
  const offsets = encoding.offsets.map(([start, end], i): [number, number] => {
    const characters = Array.from(encoding.tokens[i])
    let leading = characters.findIndex((c) => !isSpace(c))
    if (leading < 0) leading = characters.length
    let trailing = 0
    while (trailing < characters.length && isSpace(characters[characters.length - 1 - trailing])) trailing++
    if (leading === 0 && trailing === 0) return [start, end]
    // The space that was put before the text is not in it.
    const isFirst = i === 0 || start === 0
    if (leading > 0 && isFirst && addPrefixSpace) leading--
    const from = Math.min(start + leading, end)
    return [from, trailing > 0 && end >= trailing ? Math.max(end - trailing, from) : end]
  })
  return new Encoding(
    { ...encoding, offsets },
    encoding.overflowing.map((part) => trimmed(part, addPrefixSpace)),
  )
}

/** Leaves white space out of the offsets of byte-level tokens. */
export class ByteLevel implements PostProcessor {
  readonly #options: ByteLevelPreTokenizer

  constructor(options: ByteLevelOptions = {}) {
    this.#options = new ByteLevelPreTokenizer(options)
  }

  addedTokens(): number {
    return 0
  }

  process(encodings: readonly Encoding[]): Encoding[] {
    const { addPrefixSpace, trimOffsets } = this.#options.options
    const result = trimOffsets ? encodings.map((e) => trimmed(e, addPrefixSpace)) : [...encodings]
    return result.map((e, i) => e.withSequence(i, encodings[i].typeIds[0] ?? 0))
  }

  toJSON(): Json {
    return this.#options.toJSON()
  }
}

/** `[CLS] A [SEP]`, `[CLS] A [SEP] B [SEP]`. */
export class BertProcessing implements PostProcessor {
  readonly sep: Special
  readonly cls: Special

  constructor(sep: Special, cls: Special) {
    this.sep = sep
    this.cls = cls
  }

  addedTokens(isPair: boolean): number {
    return isPair ? 3 : 2
  }

  process(encodings: readonly Encoding[], addSpecialTokens: boolean): Encoding[] {
    if (!addSpecialTokens) return [...encodings]
    const special = ([token, id]: Special, typeId: number) => Encoding.special([id], [token], typeId)
    return [
      joined(encodings, ([a, b]) =>
        Encoding.concat([
          special(this.cls, 0),
          a.withSequence(0, 0),
          special(this.sep, 0),
          ...(b === undefined ? [] : [b.withSequence(1, 1), special(this.sep, 1)]),
        ]),
      ),
    ]
  }

  toJSON(): Json {
    return { type: 'BertProcessing', sep: this.sep, cls: this.cls }
  }
}

export interface RobertaOptions {
  readonly trimOffsets?: boolean
  readonly addPrefixSpace?: boolean
}

/** `<s> A </s>`, `<s> A </s> </s> B </s>`. */
export class RobertaProcessing implements PostProcessor {
  readonly sep: Special
  readonly cls: Special
  readonly options: Required<RobertaOptions>

  constructor(sep: Special, cls: Special, options: RobertaOptions = {}) {
    this.sep = sep
    this.cls = cls
    this.options = { trimOffsets: true, addPrefixSpace: true, ...options }
  }

  addedTokens(isPair: boolean): number {
    return isPair ? 4 : 2
  }

  process(encodings: readonly Encoding[], addSpecialTokens: boolean): Encoding[] {
    const { addPrefixSpace, trimOffsets } = this.options
    const own = (trimOffsets ? encodings.map((e) => trimmed(e, addPrefixSpace)) : encodings).map((e, i) =>
      e.withSequence(i, 0),
    )
    if (!addSpecialTokens) return own
    const special = ([token, id]: Special) => Encoding.special([id], [token], 0)
    return [
      joined(own, ([a, b]) =>
        Encoding.concat([
          special(this.cls),
          a,
          special(this.sep),
          ...(b === undefined ? [] : [special(this.sep), b, special(this.sep)]),
        ]),
      ),
    ]
  }

  toJSON(): Json {
    const { addPrefixSpace, trimOffsets } = this.options
    return {
      type: 'RobertaProcessing',
      sep: this.sep,
      cls: this.cls,
      trim_offsets: trimOffsets,
      add_prefix_space: addPrefixSpace,
    }
  }
}

/** A piece of a template: a sequence, or a special token. */
export type TemplatePiece =
  | { readonly sequence: 'A' | 'B'; readonly typeId: number }
  | { readonly special: string; readonly typeId: number }

/** A special token of a template, which may stand for several. */
export interface TemplateToken {
  readonly id: string
  readonly ids: readonly number[]
  readonly tokens: readonly string[]
}

export interface TemplateOptions {
  /** Such as '[CLS] $A [SEP]'. */
  readonly single: string | readonly TemplatePiece[]
  /** Such as '[CLS] $A [SEP] $B:1 [SEP]:1'. Default '$A:0 $B:1'. */
  readonly pair?: string | readonly TemplatePiece[]
  /** The special tokens that it uses, with their ids. */
  readonly specialTokens?: readonly (Special | TemplateToken)[]
}

function piecesOf(argument: string, template: string | readonly TemplatePiece[]): readonly TemplatePiece[] {
  if (typeof template !== 'string') return template
  return template
    .split(/\s+/)
    .filter((word) => word !== '')
    .map((word): TemplatePiece => {
      const match = /^(\$)?(.*?)(?::(\d+))?$/.exec(word)
      const name = match?.[2] ?? ''
      const typeId = match?.[3] === undefined ? 0 : Number(match[3])
      if (match?.[1] === undefined) return { special: name, typeId }
      if (name === '' || name === 'A' || name === 'a') return { sequence: 'A', typeId }
      if (name === 'B' || name === 'b') return { sequence: 'B', typeId }
      if (/^\d+$/.test(name)) return { sequence: 'A', typeId: Number(name) }
      throw new ArgumentError(`TemplateProcessing: expected $A or $B in ${argument}, got ${describe(word)}`)
    })
}

/** Special tokens where a template says. */
export class TemplateProcessing implements PostProcessor {
  readonly #single: readonly TemplatePiece[]
  readonly #pair: readonly TemplatePiece[]
  readonly #special: ReadonlyMap<string, TemplateToken>

  constructor({ single, pair = '$A:0 $B:1', specialTokens = [] }: TemplateOptions) {
    this.#single = piecesOf('single', single)
    this.#pair = piecesOf('pair', pair)
    this.#special = new Map(
      specialTokens
        .map((token): TemplateToken => ('ids' in token ? token : { id: token[0], ids: [token[1]], tokens: [token[0]] }))
        .map((token) => [token.id, token]),
    )
    const uses = (pieces: readonly TemplatePiece[], name: string) =>
      pieces.some((piece) => 'sequence' in piece && piece.sequence === name)
    if (uses(this.#single, 'B')) throw new ArgumentError('TemplateProcessing: expected no $B in single')
    if (!uses(this.#pair, 'A') || !uses(this.#pair, 'B'))
      throw new ArgumentError('TemplateProcessing: expected $A and $B in pair')
    for (const piece of [...this.#single, ...this.#pair])
      if ('special' in piece && !this.#special.has(piece.special))
        throw new ArgumentError(
          `TemplateProcessing: expected specialTokens to have all that the templates use, got none for ${describe(piece.special)}`,
        )
  }

  static read(config: Config): TemplateProcessing {
    const pieces = (name: string): TemplatePiece[] =>
      config.configs(name).map((piece) => {
        const isSequence = !piece.lacks('Sequence')
        const inner = piece.config(isSequence ? 'Sequence' : 'SpecialToken')
        const typeId = inner.integer('type_id')
        return isSequence
          ? { sequence: inner.oneOf('id', ['A', 'B'] as const), typeId }
          : { special: inner.string('id'), typeId }
      })
    const specialTokens = [...config.config('special_tokens').entries()].map(([id, value]): TemplateToken => {
      const token = new Config(value, `${config.at('special_tokens')}.${id}`)
      const ids = token.list('ids')
      const tokens = token.list('tokens')
      if (!ids.every((i): i is number => typeof i === 'number' && Number.isInteger(i) && i >= 0))
        throw token.wrong('ids', 'ids')
      if (!tokens.every((t): t is string => typeof t === 'string') || tokens.length !== ids.length)
        throw token.wrong('tokens', 'a token for each id')
      return { id, ids, tokens }
    })
    try {
      return new TemplateProcessing({ single: pieces('single'), pair: pieces('pair'), specialTokens })
    } catch (error) {
      if (error instanceof ArgumentError) throw new FormatError(`${config.at('single')}: ${error.message}`)
      throw error
    }
  }

  addedTokens(isPair: boolean): number {
    let added = 0
    for (const piece of isPair ? this.#pair : this.#single)
      if ('special' in piece) added += this.#special.get(piece.special)?.ids.length ?? 0
    return added
  }

  process(encodings: readonly Encoding[], addSpecialTokens: boolean): Encoding[] {
    return [
      joined(encodings, (parts) =>
        Encoding.concat(
          (parts.length === 2 ? this.#pair : this.#single).flatMap((piece) => {
            if ('sequence' in piece) {
              const sequence = piece.sequence === 'A' ? 0 : 1
              return [parts[sequence].withSequence(sequence, piece.typeId)]
            }
            const token = this.#special.get(piece.special)
            return token === undefined || !addSpecialTokens
              ? []
              : [Encoding.special(token.ids, token.tokens, piece.typeId)]
          }),
        ),
      ),
    ]
  }

  toJSON(): Json {
    const write = (pieces: readonly TemplatePiece[]): Json =>
      pieces.map(
        (piece): Json =>
          'sequence' in piece
            ? { Sequence: { id: piece.sequence, type_id: piece.typeId } }
            : { SpecialToken: { id: piece.special, type_id: piece.typeId } },
      )
    return {
      type: 'TemplateProcessing',
      single: write(this.#single),
      pair: write(this.#pair),
      special_tokens: Object.fromEntries(
        [...this.#special].map(([id, token]) => [id, { id, ids: token.ids, tokens: token.tokens }]),
      ),
    }
  }
}

/** Several, one after the other. */
export class Sequence implements PostProcessor {
  readonly processors: readonly PostProcessor[]

  constructor(processors: readonly PostProcessor[]) {
    this.processors = processors
  }

  addedTokens(isPair: boolean): number {
    return this.processors.reduce((sum, processor) => sum + processor.addedTokens(isPair), 0)
  }

  process(encodings: readonly Encoding[], addSpecialTokens: boolean): Encoding[] {
    return this.processors.reduce<Encoding[]>((e, processor) => processor.process(e, addSpecialTokens), [...encodings])
  }

  toJSON(): Json {
    return { type: 'Sequence', processors: this.processors.map((processor) => processor.toJSON()) }
  }
}

/** A token and its id, as a file has them. */
function readSpecial(config: Config, name: string): Special {
  const [token, id] = config.list(name)
  if (typeof token !== 'string' || typeof id !== 'number' || !Number.isInteger(id) || id < 0)
    throw config.wrong(name, 'a token and its id')
  return [token, id]
}

const REGISTRY: Registry<PostProcessor> = {
  ByteLevel: (c) => new ByteLevel(readByteLevel(c)),
  BertProcessing: (c) => new BertProcessing(readSpecial(c, 'sep'), readSpecial(c, 'cls')),
  RobertaProcessing: (c) =>
    new RobertaProcessing(readSpecial(c, 'sep'), readSpecial(c, 'cls'), {
      trimOffsets: c.boolean('trim_offsets', true),
      addPrefixSpace: c.boolean('add_prefix_space', true),
    }),
  TemplateProcessing: (c) => TemplateProcessing.read(c),
  Sequence: (c) => new Sequence(c.configs('processors').map(readPostProcessor)),
}

/** The post-processor that a tokenizer.json describes. */
export function readPostProcessor(config: Config): PostProcessor {
  return fromRegistry(REGISTRY, config)
}
