// What learns the vocabulary of a tokenizer.
import type { AddedToken } from '../added-tokens.js'
import type { Model } from '../models/model.js'

export interface Trained {
  readonly model: Model
  readonly specialTokens: readonly (string | AddedToken)[]
}

export interface Trainer {
  /** @param counts how often each word occurs */
  train(counts: ReadonlyMap<string, number>): Trained
}

export const contentOf = (token: string | AddedToken): string => (typeof token === 'string' ? token : token.content)
