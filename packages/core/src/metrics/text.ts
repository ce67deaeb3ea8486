// Metrics of text: perplexity, error rates of words and characters, BLEU.
import { noGrad } from '../autograd/mode.js'
import { ArgumentError, DTypeError, describe, ShapeError } from '../errors.js'
import { tensor } from '../ops/index.js'
import { isDifferentiable } from '../tensor/dtype.js'
import { formatShape, sameShape } from '../tensor/shape.js'
import type { Tensor } from '../tensor/tensor.js'
import { Metric, summed } from './metric.js'

/** The options of `Perplexity`. */
export interface PerplexityOptions {
  /** Positions with this target do not count. */
  readonly ignoreIndex?: number | null
}

function logLikelihood(
  metric: string,
  preds: Tensor,
  target: Tensor,
  ignore: number | null,
): { sum: Tensor; count: Tensor } {
  if (preds.ndim !== 3 || target.ndim !== 2 || !sameShape(preds.shape.slice(0, 2), target.shape))
    throw new ShapeError(
      `${metric}: expected preds [batch, length, vocabulary] and target [batch, length], got preds ${formatShape(preds.shape)} and target ${formatShape(target.shape)}`,
    )
  if (!isDifferentiable(preds.dtype)) throw new DTypeError(`${metric}: expected logits for preds, got ${preds.dtype}`)
  if (target.dtype !== 'int64') throw new DTypeError(`${metric}: expected int64 for target, got ${target.dtype}`)
  const counts = target.ne(ignore ?? -1).reshape([-1])
  const flat = target.reshape([-1])
  const ids = ignore === null ? flat : flat.maskedFill(counts.logicalNot(), 0)
  const likelihood = preds
    .reshape([-1, preds.shape[2]])
    .to('float64')
    .logSoftmax(1)
    .gather(1, ids.unsqueeze(1))
    .squeeze(1)
  if (ignore === null) return { sum: likelihood.sum().neg(), count: tensor(flat.numel(), { dtype: 'int64' }) }
  return { sum: likelihood.maskedFill(counts.logicalNot(), 0).sum().neg(), count: counts.sum() }
}

/**
 * How many words a model is as unsure between: exp of the mean negative log-likelihood.
 *
 * @param preds logits [batch, length, vocabulary]
 * @param target int64 [batch, length]
 */
export function perplexity(preds: Tensor, target: Tensor, { ignoreIndex = null }: PerplexityOptions = {}): Tensor {
  const { sum, count } = logLikelihood('perplexity', preds, target, ignoreIndex)
  return sum.div(count).exp().to('float32')
}

/** How many words a model is as unsure between: exp of the mean negative log-likelihood. */
export class Perplexity extends Metric<{ sum: Tensor; count: Tensor }> {
  override readonly higherIsBetter = false
  readonly ignoreIndex: number | null

  constructor({ ignoreIndex = null }: PerplexityOptions = {}) {
    super({ sum: summed([], 'float64'), count: summed([], 'int64') })
    this.ignoreIndex = ignoreIndex
  }

  override update(preds: Tensor, target: Tensor): void {
    noGrad(() => {
      const { sum, count } = logLikelihood('Perplexity', preds, target, this.ignoreIndex)
      this.add('sum', sum)
      this.add('count', count)
    })
  }

  override compute(): Tensor {
    return this.state.sum.div(this.state.count).exp().to('float32')
  }
}

/** A text, or several. */
export type Texts = string | readonly string[]

function textsOf(metric: string, name: string, given: Texts): readonly string[] {
  const list = typeof given === 'string' ? [given] : given
  if (!Array.isArray(list) || !list.every((text) => typeof text === 'string'))
    throw new ArgumentError(`${metric}: expected texts for ${name}, got ${describe(given)}`)
  return list
}

function pairs(metric: string, preds: Texts, target: Texts): [string, string][] {
  const [a, b] = [textsOf(metric, 'preds', preds), textsOf(metric, 'target', target)]
  if (a.length !== b.length)
    throw new ArgumentError(`${metric}: expected as many preds as targets, got ${a.length} and ${b.length}`)
  return a.map((text, i) => [text, b[i]])
}

const words = (text: string): string[] => text.split(/\s+/u).filter((word) => word !== '')
const characters = (text: string): string[] => Array.from(text)

/** The least number of insertions, deletions and substitutions (Levenshtein). */
function editDistance(a: readonly string[], b: readonly string[]): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1]
    for (let j = 0; j < b.length; j++)
      next.push(Math.min(row[j + 1] + 1, next[j] + 1, row[j] + (a[i] === b[j] ? 0 : 1)))
    row = next
  }
  return row[b.length]
}

function errorsOf(metric: string, preds: Texts, target: Texts, split: (text: string) => string[]): [number, number] {
  let [errors, total] = [0, 0]
  for (const [pred, truth] of pairs(metric, preds, target)) {
    const units = split(truth)
    errors += editDistance(split(pred), units)
    total += units.length
  }
  return [errors, total]
}

const quotient = ([errors, total]: readonly [number, number]): Tensor => tensor(errors / total, { dtype: 'float32' })

/** Edits that turn the words of the predictions into those of the targets, by the number of the latter. */
export const wordErrorRate = (preds: Texts, target: Texts): Tensor =>
  quotient(errorsOf('wordErrorRate', preds, target, words))

/** Edits that turn the characters of the predictions into those of the targets, by the number of the latter. */
export const charErrorRate = (preds: Texts, target: Texts): Tensor =>
  quotient(errorsOf('charErrorRate', preds, target, characters))

abstract class ErrorRate extends Metric<{ errors: Tensor; total: Tensor }, [preds: Texts, target: Texts]> {
  override readonly higherIsBetter = false

  constructor() {
    super({ errors: summed([], 'int64'), total: summed([], 'int64') })
  }

  protected abstract split(text: string): string[]

  override update(preds: Texts, target: Texts): void {
    const [errors, total] = errorsOf(this.constructor.name, preds, target, (text) => this.split(text))
    this.add('errors', errors)
    this.add('total', total)
  }

  override compute(): Tensor {
    return this.state.errors.div(this.state.total)
  }
}

/**
 * The word error rate of transcripts.
 *
 * @example
 * ```ts
 * import { WordErrorRate } from '@flambeau/core/metrics'
 * const rate = new WordErrorRate()
 * rate.update(['this is the prediction'], ['this is the reference'])
 * console.log(rate.compute().item()) // → 0.25
 * ```
 */
export class WordErrorRate extends ErrorRate {
  protected split(text: string): string[] {
    return words(text)
  }
}

/** The character error rate of transcripts. */
export class CharErrorRate extends ErrorRate {
  protected split(text: string): string[] {
    return characters(text)
  }
}

/** The options of `BLEUScore`. */
export interface BleuOptions {
  /** The longest n-gram. Default 4. */
  readonly nGram?: number
  /** Add 1 to the counts of n-grams longer than 1 (Lin & Och, 2004). Default false. */
  readonly smooth?: boolean
  /** Of each length of n-gram. Default: equal. */
  readonly weights?: readonly number[] | null
}

interface BleuCounts {
  readonly matches: number[]
  readonly totals: number[]
  predsLength: number
  targetLength: number
}

function nGrams(tokens: readonly string[], longest: number): Map<string, { length: number; count: number }> {
  const counts = new Map<string, { length: number; count: number }>()
  for (let length = 1; length <= longest; length++)
    for (let start = 0; start + length <= tokens.length; start++) {
      // No word has a space in it.
      const key = tokens.slice(start, start + length).join(' ')
      const entry = counts.get(key)
      if (entry) entry.count++
      else counts.set(key, { length, count: 1 })
    }
  return counts
}

function bleuCounts(metric: string, preds: Texts, target: readonly Texts[], nGram: number): BleuCounts {
  const list = textsOf(metric, 'preds', preds)
  if (!Array.isArray(target) || target.length !== list.length)
    throw new ArgumentError(
      `${metric}: expected the references of each of ${list.length} preds, got ${describe(target)}`,
    )
  const result: BleuCounts = {
    matches: new Array<number>(nGram).fill(0),
    totals: new Array<number>(nGram).fill(0),
    predsLength: 0,
    targetLength: 0,
  }
  list.forEach((text, i) => {
    const tokens = words(text)
    const references = textsOf(metric, 'target', target[i]).map(words)
    if (references.length === 0)
      throw new ArgumentError(`${metric}: expected at least one reference, got none for pred ${i}`)
    result.predsLength += tokens.length
    const lengths = references.map((reference) => reference.length)
    result.targetLength += lengths.reduce((a, b) => (Math.abs(b - tokens.length) < Math.abs(a - tokens.length) ? b : a))
    const most = new Map<string, number>()
    for (const reference of references)
      for (const [key, { count }] of nGrams(reference, nGram)) most.set(key, Math.max(most.get(key) ?? 0, count))
    for (const [key, { length, count }] of nGrams(tokens, nGram)) {
      result.totals[length - 1] += count
      result.matches[length - 1] += Math.min(count, most.get(key) ?? 0)
    }
  })
  return result
}

function checkBleu(
  metric: string,
  { nGram = 4, weights = null }: BleuOptions,
): { nGram: number; weights: readonly number[] } {
  if (!Number.isInteger(nGram) || nGram < 1)
    throw new ArgumentError(`${metric}: expected nGram ≥ 1, got ${describe(nGram)}`)
  if (weights !== null && weights.length !== nGram)
    throw new ArgumentError(`${metric}: expected ${nGram} weights, one for each length, got ${weights.length}`)
  return { nGram, weights: weights ?? new Array<number>(nGram).fill(1 / nGram) }
}

function bleuOf(counts: BleuCounts, weights: readonly number[], smooth: boolean): number {
  const { matches, totals, predsLength, targetLength } = counts
  if (Math.min(...matches) === 0) return 0
  const logs = matches.map((match, i) => Math.log(smooth && i > 0 ? (match + 1) / (totals[i] + 1) : match / totals[i]))
  const mean = Math.exp(logs.reduce((sum, log, i) => sum + weights[i] * log, 0))
  return mean * (predsLength > targetLength ? 1 : Math.exp(1 - targetLength / predsLength))
}

/**
 * BLEU ([Papineni et al., 2002](https://aclanthology.org/P02-1040/)): how many n-grams of the predictions their
 * references have, and a penalty for being short.
 *
 * @param preds translations
 * @param target the references of each
 */
export function bleuScore(preds: Texts, target: readonly Texts[], options: BleuOptions = {}): Tensor {
  const { nGram, weights } = checkBleu('bleuScore', options)
  return tensor(bleuOf(bleuCounts('bleuScore', preds, target, nGram), weights, options.smooth ?? false))
}

/** BLEU of translations. @see bleuScore */
export class BLEUScore extends Metric<
  { numerator: Tensor; denominator: Tensor; predsLen: Tensor; targetLen: Tensor },
  [preds: Texts, target: readonly Texts[]]
> {
  override readonly higherIsBetter = true
  readonly nGram: number
  readonly weights: readonly number[]
  readonly smooth: boolean

  constructor(options: BleuOptions = {}) {
    const { nGram, weights } = checkBleu('BLEUScore', options)
    super({
      numerator: summed([nGram], 'int64'),
      denominator: summed([nGram], 'int64'),
      predsLen: summed([], 'int64'),
      targetLen: summed([], 'int64'),
    })
    this.nGram = nGram
    this.weights = weights
    this.smooth = options.smooth ?? false
  }

  override update(preds: Texts, target: readonly Texts[]): void {
    const counts = bleuCounts('BLEUScore', preds, target, this.nGram)
    this.add('numerator', tensor(counts.matches, { dtype: 'int64' }))
    this.add('denominator', tensor(counts.totals, { dtype: 'int64' }))
    this.add('predsLen', counts.predsLength)
    this.add('targetLen', counts.targetLength)
  }

  override compute(): Tensor {
    const { numerator, denominator, predsLen, targetLen } = this.state
    const counts: BleuCounts = {
      matches: numerator.toArray() as number[],
      totals: denominator.toArray() as number[],
      predsLength: predsLen.item<number>(),
      targetLength: targetLen.item<number>(),
    }
    return tensor(bleuOf(counts, this.weights, this.smooth))
  }
}
