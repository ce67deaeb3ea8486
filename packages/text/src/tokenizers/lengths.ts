// How long encodings may be and are made: truncation and padding, and both in a tokenizer.json.
import { ArgumentError } from '@flambeau/core'
import { describe } from '@flambeau/core/errors'
import type { Config, Json } from './config.js'
import { type Direction, type Encoding, TRUNCATION_STRATEGIES, type TruncationOptions } from './encoding.js'

export interface PaddingOptions {
  /** The end that is filled. Default 'right'. */
  readonly direction?: Direction
  /** Default 0. */
  readonly padId?: number
  /** Default 0. */
  readonly padTypeId?: number
  /** Default '[PAD]'. */
  readonly padToken?: string
  /** Up to so many tokens; null: as many as the longest of the batch has. Default null. */
  readonly length?: number | null
  /** Round the length up to a multiple of this. Default null. */
  readonly padToMultipleOf?: number | null
}

/** All of one length: what is asked, or the longest. */
export function padded(encodings: readonly Encoding[], options: PaddingOptions): Encoding[] {
  const { length, padToMultipleOf } = options
  let wanted = length ?? encodings.reduce((longest, encoding) => Math.max(longest, encoding.length), 0)
  if (padToMultipleOf) wanted = Math.ceil(wanted / padToMultipleOf) * padToMultipleOf
  return encodings.map((encoding) => encoding.pad(wanted, options))
}

const isCount = (value: unknown, least: number): boolean => Number.isInteger(value) && (value as number) >= least

export function checkTruncation({
  direction = 'right',
  maxLength,
  strategy = 'longest_first',
  stride = 0,
}: TruncationOptions) {
  const wrong = (name: string, expected: string, value: unknown) =>
    new ArgumentError(`truncation: expected ${expected} for ${name}, got ${describe(value)}`)
  if (!isCount(maxLength, 0)) throw wrong('maxLength', 'an integer ≥ 0', maxLength)
  if (!isCount(stride, 0)) throw wrong('stride', 'an integer ≥ 0', stride)
  if (!TRUNCATION_STRATEGIES.includes(strategy)) throw wrong('strategy', TRUNCATION_STRATEGIES.join(', '), strategy)
  if (direction !== 'left' && direction !== 'right') throw wrong('direction', "'left' or 'right'", direction)
}

export function checkPadding({
  direction = 'right',
  length,
  padId = 0,
  padToMultipleOf,
  padTypeId = 0,
}: PaddingOptions) {
  const wrong = (name: string, expected: string, value: unknown) =>
    new ArgumentError(`padding: expected ${expected} for ${name}, got ${describe(value)}`)
  if (length !== undefined && length !== null && !isCount(length, 0)) throw wrong('length', 'an integer ≥ 0', length)
  if (padToMultipleOf !== undefined && padToMultipleOf !== null && !isCount(padToMultipleOf, 1))
    throw wrong('padToMultipleOf', 'an integer ≥ 1', padToMultipleOf)
  if (!isCount(padId, 0)) throw wrong('padId', 'an id', padId)
  if (!isCount(padTypeId, 0)) throw wrong('padTypeId', 'an id', padTypeId)
  if (direction !== 'left' && direction !== 'right') throw wrong('direction', "'left' or 'right'", direction)
}

const STRATEGIES = { LongestFirst: 'longest_first', OnlyFirst: 'only_first', OnlySecond: 'only_second' } as const
const DIRECTIONS = { Left: 'left', Right: 'right' } as const
const capital = (word: string): string => word.replace(/(?:^|_)(.)/g, (_, letter: string) => letter.toUpperCase())

export function readTruncation(config: Config): TruncationOptions {
  return {
    maxLength: config.integer('max_length'),
    stride: config.integer('stride', 0),
    strategy: STRATEGIES[config.oneOf('strategy', ['LongestFirst', 'OnlyFirst', 'OnlySecond'])],
    direction: DIRECTIONS[config.oneOf('direction', ['Left', 'Right'], 'Right')],
  }
}

export const writeTruncation = (options: TruncationOptions): Json => ({
  direction: capital(options.direction ?? 'right'),
  max_length: options.maxLength,
  strategy: capital(options.strategy ?? 'longest_first'),
  stride: options.stride ?? 0,
})

/** A length that a file asks for beyond this is no tokenizer's, and would take all memory. */
const LONGEST = 1 << 24

export function readPadding(config: Config): PaddingOptions {
  const fixed = typeof config.raw('strategy') === 'string' ? null : config.config('strategy').integer('Fixed')
  if (fixed !== null && fixed > LONGEST) throw config.wrong('strategy', `a length up to ${LONGEST}`)
  const multiple = config.lacks('pad_to_multiple_of') ? null : config.integer('pad_to_multiple_of')
  if (multiple !== null && (multiple < 1 || multiple > LONGEST))
    throw config.wrong('pad_to_multiple_of', `an integer from 1 to ${LONGEST}`)
  return {
    length: fixed,
    direction: DIRECTIONS[config.oneOf('direction', ['Left', 'Right'], 'Right')],
    padToMultipleOf: multiple,
    padId: config.integer('pad_id'),
    padTypeId: config.integer('pad_type_id', 0),
    padToken: config.string('pad_token'),
  }
}

export const writePadding = (options: PaddingOptions): Json => ({
  strategy: options.length === undefined || options.length === null ? 'BatchLongest' : { Fixed: options.length },
  direction: capital(options.direction ?? 'right'),
  pad_to_multiple_of: options.padToMultipleOf ?? null,
  pad_id: options.padId ?? 0,
  pad_type_id: options.padTypeId ?? 0,
  pad_token: options.padToken ?? '[PAD]',
})
