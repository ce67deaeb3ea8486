// How texts are generated.
import { ArgumentError, type Generator, type Tensor } from '@flambeau/core'
import { describe } from '@flambeau/core/errors'
import type { Tokenizer } from '../tokenizers/index.js'

/** Changes the scores of the next token in place. @param tokens what the sequence has so far */
export type LogitsProcessor = (tokens: readonly number[], scores: Float32Array) => void

/** Names and defaults are those of Hugging Face's `generate`, except where it is said. */
export interface GenerateOptions {
  /** Shape [B, L]: 0 for padding, which is on the left. */
  readonly attentionMask?: Tensor | null

  /** Tokens that are generated at most. Default 20, or what `maxLength` leaves. */
  readonly maxNewTokens?: number
  /** Tokens at most, those that were given included. */
  readonly maxLength?: number
  /** Tokens at least, those that were given included: none ends a text before. */
  readonly minLength?: number
  /** Tokens that are generated at least. */
  readonly minNewTokens?: number
  /** What ends a text: a token, several, or null. Default: the model's. */
  readonly eosTokenId?: number | readonly number[] | null
  /** What shorter texts are filled up with. Default: the model's, or the first that ends a text. */
  readonly padTokenId?: number | null
  /** Texts that end a text; they need `tokenizer`. */
  readonly stopStrings?: string | readonly string[]
  readonly tokenizer?: Tokenizer

  /** Draw tokens, rather than take the most probable. Default false. */
  readonly doSample?: boolean
  /** Sequences for each text that is given. Default 1. */
  readonly numReturnSequences?: number
  /** What scores are divided by before drawing. Default 1. */
  readonly temperature?: number
  /** Draw from so many tokens. Default 50; 0 for all. */
  readonly topK?: number
  /** Draw from the fewest tokens whose probabilities sum up to this. Default 1. */
  readonly topP?: number
  /** Draw from tokens that are at least so probable, measured by the most probable. Default 0. */
  readonly minP?: number
  /** Draw from tokens whose information is near what is expected, of this probability together. Default 1. */
  readonly typicalP?: number
  /** Where draws come from. Default: the global generator. */
  readonly generator?: Generator

  /** Sequences that a beam search goes on with. Default 1: no beam search. */
  readonly numBeams?: number
  /** Stop a beam search when there are as many complete sequences; 'never': only when none can be better. Default false. */
  readonly earlyStopping?: boolean | 'never'
  /** What beam scores are divided by: the length to this power. Default 1. */
  readonly lengthPenalty?: number

  /** Above 1: tokens that are there already become less probable. Default 1. */
  readonly repetitionPenalty?: number
  /** No sequence of so many tokens comes twice. Default 0: any may. */
  readonly noRepeatNgramSize?: number
  /** Sequences of tokens that are never generated. */
  readonly badWordsIds?: readonly (readonly number[])[]
  /** Tokens that are never generated. */
  readonly suppressTokens?: readonly number[]
  /** What else is to be done to scores, after the above and before those that draw. */
  readonly logitsProcessors?: readonly LogitsProcessor[]

  /** Ends the generation. */
  readonly signal?: AbortSignal
}

/** Options with their defaults, checked. */
export interface Settings {
  readonly maxLength: number
  readonly minLength: number
  readonly eos: readonly number[]
  readonly pad: number
  readonly stop: readonly string[]
  readonly tokenizer: Tokenizer | null
  readonly doSample: boolean
  readonly numReturnSequences: number
  readonly numBeams: number
  readonly earlyStopping: boolean | 'never'
  readonly lengthPenalty: number
}

export interface ModelDefaults {
  readonly eosTokenId?: number | readonly number[] | null
  readonly padTokenId?: number | null
}

const wrong = (name: string, expected: string, value: unknown) =>
  new ArgumentError(`generate: expected ${name} to be ${expected}, got ${describe(value)}`)

/** @param prompt tokens that are given @param longest tokens that the model can read */
export function settingsOf(
  options: GenerateOptions,
  defaults: ModelDefaults,
  prompt: number,
  longest: number,
): Settings {
  const counts = ['maxNewTokens', 'minNewTokens', 'maxLength', 'minLength', 'noRepeatNgramSize', 'topK'] as const
  for (const name of counts) {
    const value = options[name]
    if (value !== undefined && !(Number.isInteger(value) && value >= 0)) throw wrong(name, 'an integer ≥ 0', value)
  }
  for (const name of ['numBeams', 'numReturnSequences'] as const) {
    const value = options[name]
    if (value !== undefined && !(Number.isInteger(value) && value >= 1)) throw wrong(name, 'a positive integer', value)
  }
  for (const name of ['temperature', 'repetitionPenalty'] as const) {
    const value = options[name]
    if (value !== undefined && !(value > 0 && value < Number.POSITIVE_INFINITY))
      throw wrong(name, 'a number > 0', value)
  }
  for (const name of ['topP', 'minP', 'typicalP'] as const) {
    const value = options[name]
    if (value !== undefined && !(value >= 0 && value <= 1)) throw wrong(name, 'in [0, 1]', value)
  }
  const { doSample = false, earlyStopping = false, lengthPenalty = 1, numBeams = 1, numReturnSequences = 1 } = options
  if (earlyStopping !== 'never' && typeof earlyStopping !== 'boolean')
    throw wrong('earlyStopping', "true, false or 'never'", earlyStopping)
  if (!Number.isFinite(lengthPenalty)) throw wrong('lengthPenalty', 'a number', lengthPenalty)
  if (numBeams > 1 ? numReturnSequences > numBeams : numReturnSequences > 1 && !doSample)
    throw wrong(
      'numReturnSequences',
      numBeams > 1 ? `at most numBeams, ${numBeams}` : '1 unless doSample',
      numReturnSequences,
    )
  const stop = typeof options.stopStrings === 'string' ? [options.stopStrings] : (options.stopStrings ?? [])
  if (stop.some((text) => typeof text !== 'string' || text === ''))
    throw wrong('stopStrings', 'texts', options.stopStrings)
  if (stop.length > 0 && options.tokenizer === undefined)
    throw new ArgumentError('generate: expected a tokenizer with stopStrings, got none')

  const maxLength = Math.min(
    options.maxNewTokens !== undefined ? prompt + options.maxNewTokens : (options.maxLength ?? prompt + 20),
    longest,
  )
  if (maxLength <= prompt && options.maxNewTokens !== 0)
    throw new ArgumentError(
      `generate: expected room for new tokens, got ${prompt} tokens where ${maxLength} fit in all`,
    )
  const eos = options.eosTokenId === undefined ? defaults.eosTokenId : options.eosTokenId
  const ends = eos === null || eos === undefined ? [] : typeof eos === 'number' ? [eos] : eos
  return {
    maxLength,
    minLength: Math.max(options.minLength ?? 0, options.minNewTokens === undefined ? 0 : prompt + options.minNewTokens),
    eos: ends,
    pad: options.padTokenId ?? defaults.padTokenId ?? ends[0] ?? 0,
    stop,
    tokenizer: options.tokenizer ?? null,
    doSample,
    numReturnSequences,
    numBeams,
    earlyStopping,
    lengthPenalty,
  }
}
