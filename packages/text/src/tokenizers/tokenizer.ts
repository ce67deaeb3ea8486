// A tokenizer: normalizer, pre-tokenizer, model, post-processor and decoder, one after the other.
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { ArgumentError, FormatError, type Tensor, tensor } from '@flambeau/core'
import { describe } from '@flambeau/core/errors'
import { loneSurrogate } from '../utils.js'
import { AddedToken, AddedVocabulary } from './added-tokens.js'
import { AlignedText } from './aligned.js'
import { Config, type Json } from './config.js'
import { type Decoder, readDecoder } from './decoders.js'
import { Encoding, type TruncationOptions, truncatePair } from './encoding.js'
import {
  checkPadding,
  checkTruncation,
  type PaddingOptions,
  padded,
  readPadding,
  readTruncation,
  writePadding,
  writeTruncation,
} from './lengths.js'
import type { Model } from './models/model.js'
import { readModel } from './models/read.js'
import { type Normalizer, readNormalizer } from './normalizers.js'
import { type PreTokenizer, readPreTokenizer } from './pre-tokenizers.js'
import { joined, type PostProcessor, readPostProcessor } from './processors.js'
import type { Trainer } from './trainers/trainer.js'

/** A text, or the words of one. */
export type TextInput = string | readonly string[]

export interface EncodeOptions {
  /** The second text of a pair. */
  readonly pair?: TextInput
  /** Whether the post-processor puts its tokens around. Default true. */
  readonly addSpecialTokens?: boolean
}

export interface EncodeBatchOptions {
  /** The second texts of pairs. */
  readonly pairs?: readonly TextInput[]
  /** Whether the post-processor puts its tokens around. Default true. */
  readonly addSpecialTokens?: boolean
}

/** A batch of texts as tensors. B texts, L tokens each. */
export interface BatchEncoding {
  /** Shape [B, L], int64. */
  readonly inputIds: Tensor
  /** Shape [B, L], int64: 0 for padding. */
  readonly attentionMask: Tensor
  /** Shape [B, L], int64. */
  readonly tokenTypeIds: Tensor
  /** Shape [B, L], int64: 1 for tokens that are not of the text. */
  readonly specialTokensMask: Tensor
  /** Shape [B, L, 2], int64: [start, end) of each token in its text, in UTF-16 code units. */
  readonly offsets: Tensor
  readonly encodings: readonly Encoding[]
}

/** The parts of a tokenizer beside its model. */
export interface TokenizerParts {
  readonly normalizer?: Normalizer | null
  readonly preTokenizer?: PreTokenizer | null
  readonly postProcessor?: PostProcessor | null
  readonly decoder?: Decoder | null
}

/**
 * Turns texts into tokens and back, as the Python package `tokenizers` does: same files, same tokens. Offsets count
 * UTF-16 code units where Python's count characters.
 *
 * @example
 * ```ts
 * import { Tokenizer, tokenizers } from '@flambeau/text'
 * const { decoders, models, preTokenizers, trainers } = tokenizers
 * const tokenizer = new Tokenizer(new models.BPE(), {
 *   preTokenizer: new preTokenizers.ByteLevel({ addPrefixSpace: false }),
 *   decoder: new decoders.ByteLevel(),
 * })
 * tokenizer.trainFromIterator(['low lower lowest', 'new newer newest'], new trainers.BpeTrainer({ vocabSize: 300 }))
 * const { ids, tokens, offsets } = tokenizer.encode('lower newest')
 * console.log(tokens, offsets) // → [ 'lo', 'wer', 'Ġnewest' ] [ [ 0, 2 ], [ 2, 5 ], [ 5, 12 ] ]
 * console.log(tokenizer.decode(ids)) // → lower newest
 * ```
 */
export class Tokenizer {
  postProcessor: PostProcessor | null
  decoder: Decoder | null
  preTokenizer: PreTokenizer | null
  #model: Model
  #normalizer: Normalizer | null
  #added = new AddedVocabulary()
  #truncation: TruncationOptions | null = null
  #padding: PaddingOptions | null = null

  constructor(model: Model, parts: TokenizerParts = {}) {
    this.#model = model
    this.#normalizer = parts.normalizer ?? null
    this.preTokenizer = parts.preTokenizer ?? null
    this.postProcessor = parts.postProcessor ?? null
    this.decoder = parts.decoder ?? null
  }

  /** A tokenizer.json. @throws FormatError for a file that is none */
  static fromFile(path: string): Tokenizer {
    if (typeof path !== 'string') throw new ArgumentError(`Tokenizer.fromFile: expected a path, got ${describe(path)}`)
    return Tokenizer.#parse(readFileSync(path, 'utf8'), path)
  }

  /** The text of a tokenizer.json. @throws FormatError for a text that is none */
  static fromString(json: string): Tokenizer {
    return Tokenizer.#parse(json, 'tokenizer')
  }

  static #parse(json: string, place: string): Tokenizer {
    let value: unknown
    try {
      value = JSON.parse(json)
    } catch (error) {
      throw new FormatError(`${place}: expected a tokenizer.json, got no JSON: ${(error as Error).message}`)
    }
    return Tokenizer.#read(new Config(value, place))
  }

  static #read(config: Config): Tokenizer {
    const part = <T>(name: string, read: (config: Config) => T): T | null =>
      config.lacks(name) ? null : read(config.config(name))
    const tokenizer = new Tokenizer(part('model', readModel) ?? missing(config, 'model'), {
      normalizer: part('normalizer', readNormalizer),
      preTokenizer: part('pre_tokenizer', readPreTokenizer),
      postProcessor: part('post_processor', readPostProcessor),
      decoder: part('decoder', readDecoder),
    })
    tokenizer.#truncation = part('truncation', readTruncation)
    tokenizer.#padding = part('padding', readPadding)
    if (!config.lacks('added_tokens'))
      for (const token of config.configs('added_tokens'))
        tokenizer.#added.add(
          new AddedToken(token.string('content'), {
            singleWord: token.boolean('single_word', false),
            lstrip: token.boolean('lstrip', false),
            rstrip: token.boolean('rstrip', false),
            normalized: token.boolean('normalized', true),
            special: token.boolean('special', false),
          }),
          tokenizer.#model,
          token.integer('id'),
        )
    return tokenizer
  }

  get model(): Model {
    return this.#model
  }

  get normalizer(): Normalizer | null {
    return this.#normalizer
  }

  set normalizer(normalizer: Normalizer | null) {
    this.#normalizer = normalizer
    this.#added.normalizerChanged()
  }

  // Vocabulary

  tokenToId(token: string): number | undefined {
    return this.#added.idOf(token) ?? this.#model.tokenToId(token)
  }

  idToToken(id: number): string | undefined {
    const added = this.#added.tokenOf(id)
    if (added === undefined) return this.#model.idToToken(id)
    // As the Python package has it: what is looked for in the normalized text is shown normalized.
    return added.normalized ? this.#normalize(added.content).text : added.content
  }

  /** All tokens with their ids. */
  get vocab(): Map<string, number> {
    const vocab = new Map(this.#model.vocab)
    for (const [id, token] of this.#added.tokens) vocab.set(token.content, id)
    return vocab
  }

  get vocabSize(): number {
    const { vocab } = this.#model
    return vocab.size + this.#added.tokens.filter(([, { content }]) => !vocab.has(content)).length
  }

  /** The added tokens by id. */
  get addedTokens(): ReadonlyMap<number, AddedToken> {
    return new Map(this.#added.tokens)
  }

  /** Adds tokens that are found before anything else is done. @returns how many are new */
  addTokens(tokens: readonly (string | AddedToken)[]): number {
    return this.#add(tokens.map((token) => (typeof token === 'string' ? new AddedToken(token) : token)))
  }

  /** Adds tokens that `decode` leaves out. @returns how many are new */
  addSpecialTokens(tokens: readonly (string | AddedToken)[]): number {
    return this.#add(
      tokens.map((token) =>
        typeof token === 'string'
          ? new AddedToken(token, { special: true })
          : new AddedToken(token.content, { ...token, special: true }),
      ),
    )
  }

  #add(tokens: readonly AddedToken[]): number {
    return tokens.filter((token) => this.#added.add(token, this.#model)).length
  }

  // Truncation and padding

  /** How texts are cut; null: they are not. */
  get truncation(): TruncationOptions | null {
    return this.#truncation
  }

  set truncation(options: TruncationOptions | null) {
    if (options !== null) checkTruncation(options)
    this.#truncation = options
  }

  /** How texts are filled up; null: they are not. */
  get padding(): PaddingOptions | null {
    return this.#padding
  }

  set padding(options: PaddingOptions | null) {
    if (options !== null) checkPadding(options)
    this.#padding = options
  }

  // From text to tokens

  /**
   * The tokens of a text.
   *
   * @param text a text, or its words
   * @throws ArgumentError for a text with lone surrogates, which no tokenizer knows
   */
  encode(text: TextInput, options: EncodeOptions = {}): Encoding {
    const encoding = this.#encode('encode', text, options.pair, options.addSpecialTokens ?? true)
    return this.#padding === null ? encoding : padded([encoding], this.#padding)[0]
  }

  /** The tokens of several texts, padded to one length where `padding` says so. */
  encodeBatch(texts: readonly TextInput[], options: EncodeBatchOptions = {}): Encoding[] {
    const { addSpecialTokens = true, pairs } = options
    if (!Array.isArray(texts))
      throw new ArgumentError(`encodeBatch: expected an array of texts, got ${describe(texts)}`)
    if (pairs !== undefined && pairs.length !== texts.length)
      throw new ArgumentError(
        `encodeBatch: expected as many pairs as texts, got ${pairs.length} for ${texts.length} texts`,
      )
    const encodings = texts.map((text, i) => this.#encode('encodeBatch', text, pairs?.[i], addSpecialTokens))
    return this.#padding === null ? encodings : padded(encodings, this.#padding)
  }

  /**
   * The tokens of several texts as tensors; they are padded, by `padding` or else with zeros on the right.
   *
   * @returns tensors of shape [B, L]
   */
  encodeTensors(texts: readonly TextInput[], options: EncodeBatchOptions = {}): BatchEncoding {
    const encodings = padded(this.encodeBatch(texts, options), this.#padding ?? {})
    const length = encodings[0]?.length ?? 0
    const table = (values: (e: Encoding) => readonly number[]): Tensor => {
      const data = new BigInt64Array(encodings.length * length)
      for (const [row, encoding] of encodings.entries())
        for (const [i, value] of values(encoding).entries()) data[row * length + i] = BigInt(value)
      return tensor(data).reshape([encodings.length, length])
    }
    return {
      inputIds: table((e) => e.ids),
      attentionMask: table((e) => e.attentionMask),
      tokenTypeIds: table((e) => e.typeIds),
      specialTokensMask: table((e) => e.specialTokensMask),
      offsets: tensor(
        BigInt64Array.from(
          encodings.flatMap((e) => e.offsets.flat()),
          BigInt,
        ),
      ).reshape([encodings.length, length, 2]),
      encodings,
    }
  }

  #encode(operation: string, text: TextInput, pair: TextInput | undefined, addSpecialTokens: boolean): Encoding {
    const first = this.#sequence(operation, text, 0)
    const second = pair === undefined ? null : this.#sequence(operation, pair, 1)
    const added = addSpecialTokens ? (this.postProcessor?.addedTokens(second !== null) ?? 0) : 0
    const [a, b] =
      this.#truncation === null
        ? [first, second]
        : truncatePair(first, second, {
            ...this.#truncation,
            maxLength: Math.max(0, this.#truncation.maxLength - added),
          })
    const both = b === null ? [a] : [a, b]
    const processed = this.postProcessor?.process(both, addSpecialTokens) ?? both
    const result = processed.length === 1 ? processed[0] : joined(processed, (parts) => Encoding.concat(parts))
    for (const encoding of [result, ...result.overflowing])
      keepPairs(encoding, pair === undefined ? [text] : [text, pair])
    return result
  }

  #sequence(operation: string, text: TextInput, sequence: number): Encoding {
    const encoding = Encoding.empty()
    if (typeof text === 'string') this.#tokenize(checkText(operation, text), sequence, null, encoding)
    else if (Array.isArray(text))
      for (const [i, word] of text.entries()) this.#tokenize(checkText(operation, word), sequence, i, encoding)
    else throw new ArgumentError(`${operation}: expected a text, got ${describe(text)}`)
    return encoding
  }

  #tokenize(text: string, sequence: number, word: number | null, into: Encoding): void {
    let index = 0
    const add = (id: number, token: string, offsets: [number, number]): void => {
      into.ids.push(id)
      into.tokens.push(token)
      into.offsets.push(offsets)
      into.typeIds.push(sequence)
      into.wordIds.push(word ?? index)
      into.sequenceIds.push(sequence)
      into.specialTokensMask.push(0)
      into.attentionMask.push(1)
    }
    for (const part of this.#parts(text)) {
      if (part.id !== null) {
        add(part.id, part.text.text, part.text.original(0, part.text.length))
        index++
        continue
      }
      for (const piece of this.preTokenizer?.split(part.text) ?? [part.text]) {
        if (piece.length === 0) continue
        const { bounds, ids, values } = this.#model.tokenize(piece.text)
        for (let i = 0; i < ids.length; i++) add(ids[i], values[i], piece.original(bounds[2 * i], bounds[2 * i + 1]))
        index++
      }
    }
  }

  #parts(text: string) {
    return this.#added.extract(new AlignedText(text), this.#normalizer, (content) => this.#normalize(content))
  }

  #normalize(text: string): AlignedText {
    const aligned = new AlignedText(text)
    return this.#normalizer === null ? aligned : this.#normalizer.normalize(aligned)
  }

  // From tokens to text

  /** The text of tokens. An id that is no token's is left out. */
  decode(ids: readonly number[] | Tensor, { skipSpecialTokens = true }: { skipSpecialTokens?: boolean } = {}): string {
    const tokens: string[] = []
    for (const id of idsOf('decode', ids)) {
      const token = this.idToToken(id)
      if (token !== undefined && !(skipSpecialTokens && this.#added.tokenOf(id)?.special)) tokens.push(token)
    }
    return this.decoder === null ? tokens.join(' ') : this.decoder.decode(tokens).join('')
  }

  /** The texts of several lists of tokens. */
  decodeBatch(
    batch: readonly (readonly number[] | Tensor)[],
    options: { readonly skipSpecialTokens?: boolean } = {},
  ): string[] {
    return batch.map((ids) => this.decode(ids, options))
  }

  // Training

  /** Learns a new vocabulary of texts; special tokens of the trainer are added. */
  trainFromIterator(texts: Iterable<string>, trainer: Trainer): void {
    const counts = new Map<string, number>()
    for (const text of texts) {
      const normal = this.#normalize(checkText('trainFromIterator', text))
      for (const piece of this.preTokenizer?.split(normal) ?? [normal])
        if (piece.length > 0) counts.set(piece.text, (counts.get(piece.text) ?? 0) + 1)
    }
    const { model, specialTokens } = trainer.train(counts)
    this.#model = model
    this.#added = new AddedVocabulary()
    this.addSpecialTokens(specialTokens)
  }

  // Files

  /** What a tokenizer.json holds. */
  toJSON(): Json {
    return {
      version: '1.0',
      truncation: this.#truncation === null ? null : writeTruncation(this.#truncation),
      padding: this.#padding === null ? null : writePadding(this.#padding),
      added_tokens: this.#added.toJSON(),
      normalizer: this.#normalizer?.toJSON() ?? null,
      pre_tokenizer: this.preTokenizer?.toJSON() ?? null,
      post_processor: this.postProcessor?.toJSON() ?? null,
      decoder: this.decoder?.toJSON() ?? null,
      model: this.#model.toJSON(),
    }
  }

  /** Writes a tokenizer.json, which the Python package reads. It appears whole or not at all. */
  save(path: string): void {
    const beside = `${path}.${process.pid}.tmp`
    writeFileSync(beside, JSON.stringify(this, null, 2))
    renameSync(beside, path)
  }
}

function checkText(operation: string, text: unknown): string {
  if (typeof text !== 'string') throw new ArgumentError(`${operation}: expected a text, got ${describe(text)}`)
  const lone = loneSurrogate(text)
  if (lone >= 0)
    throw new ArgumentError(
      `${operation}: expected well-formed text, got half of a surrogate pair at ${lone}: text.toWellFormed() puts U+FFFD there`,
    )
  return text
}

/** Offsets that were trimmed by one may point between the halves of a surrogate pair: both are trimmed then. */
function keepPairs(encoding: Encoding, texts: readonly TextInput[]): void {
  for (const [i, [start, end]] of encoding.offsets.entries()) {
    const text = texts[encoding.sequenceIds[i] ?? -1]
    const own = typeof text === 'string' ? text : text?.[encoding.wordIds[i] ?? -1]
    if (own === undefined) continue
    const splits = (at: number): boolean => at > 0 && (own.codePointAt(at - 1) ?? 0) > 0xffff
    if (splits(start) || splits(end)) {
      const from = splits(start) ? start + 1 : start
      encoding.offsets[i] = [from, Math.max(from, splits(end) ? end - 1 : end)]
    }
  }
}

function idsOf(operation: string, ids: readonly number[] | Tensor): readonly number[] {
  const list: unknown = Array.isArray(ids) ? ids : (ids as Tensor | null)?.toArray?.()
  if (!Array.isArray(list) || list.some((id) => typeof id !== 'number' && typeof id !== 'bigint'))
    throw new ArgumentError(`${operation}: expected a list of ids, got ${describe(ids)}`)
  return list.map(Number)
}

const missing = (config: Config, name: string): never => {
  throw config.wrong(name, 'an object')
}
