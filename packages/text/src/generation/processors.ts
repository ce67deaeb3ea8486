// What is done to the scores of the next token.
import { ArgumentError } from '@flambeau/core'
import { describe } from '@flambeau/core/errors'
import type { GenerateOptions, LogitsProcessor, Settings } from './options.js'

const NEVER = Number.NEGATIVE_INFINITY

const repetitionPenalty =
  (penalty: number): LogitsProcessor =>
  (tokens, scores) => {
    for (const token of new Set(tokens))
      scores[token] = scores[token] < 0 ? scores[token] * penalty : scores[token] / penalty
  }

const noRepeatNgram =
  (size: number): LogitsProcessor =>
  (tokens, scores) => {
    if (tokens.length + 1 < size) return
    const last = tokens.slice(tokens.length - size + 1)
    for (let start = 0; start + size <= tokens.length; start++)
      if (last.every((token, i) => tokens[start + i] === token)) scores[tokens[start + size - 1]] = NEVER
  }

const badWords =
  (words: readonly (readonly number[])[]): LogitsProcessor =>
  (tokens, scores) => {
    for (const word of words) {
      const before = word.slice(0, -1)
      const at = tokens.length - before.length
      if (at >= 0 && before.every((token, i) => tokens[at + i] === token)) scores[word[word.length - 1]] = NEVER
    }
  }

const suppress =
  (banned: readonly number[]): LogitsProcessor =>
  (_, scores) => {
    for (const token of banned) scores[token] = NEVER
  }

const minLength =
  (least: number, eos: readonly number[]): LogitsProcessor =>
  (tokens, scores) => {
    if (tokens.length < least) for (const token of eos) scores[token] = NEVER
  }

const temperature =
  (value: number): LogitsProcessor =>
  (_, scores) => {
    for (let i = 0; i < scores.length; i++) scores[i] /= value
  }

/** The k-th largest of the scores. */
function kthLargest(scores: Float32Array, k: number): number {
  // A heap of the k largest, the least on top.
  const heap = scores.slice(0, k).sort()
  for (let i = k; i < scores.length; i++) {
    const value = scores[i]
    if (!(value > heap[0])) continue
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= k) break
      if (child + 1 < k && heap[child + 1] < heap[child]) child++
      if (heap[child] >= value) break
      heap[at] = heap[child]
      at = child
    }
    heap[at] = value
  }
  return heap[0]
}

const topK =
  (k: number, keep: number): LogitsProcessor =>
  (_, scores) => {
    const least = kthLargest(scores, Math.min(Math.max(k, keep), scores.length))
    for (let i = 0; i < scores.length; i++) if (scores[i] < least) scores[i] = NEVER
  }

/** The tokens that can still come, the most probable first, with the probabilities of all. */
function ranked(scores: Float32Array): { order: number[]; probabilities: Float64Array } {
  let most = NEVER
  for (const score of scores) if (score > most) most = score
  const probabilities = new Float64Array(scores.length)
  const order: number[] = []
  let sum = 0
  for (let i = 0; i < scores.length; i++) {
    if (scores[i] === NEVER) continue
    probabilities[i] = Math.exp(scores[i] - most)
    sum += probabilities[i]
    order.push(i)
  }
  for (const i of order) probabilities[i] /= sum
  return { order: order.sort((a, b) => scores[b] - scores[a]), probabilities }
}

/** Leaves the tokens of the first `count` places. */
function keepFirst(scores: Float32Array, order: readonly number[], count: number): void {
  for (let place = count; place < order.length; place++) scores[order[place]] = NEVER
}

const topP =
  (p: number, keep: number): LogitsProcessor =>
  (_, scores) => {
    const { order, probabilities } = ranked(scores)
    // From the least probable on, as long as they are within 1 - p together.
    let rest = 0
    let count = order.length
    while (count > keep) {
      rest += probabilities[order[count - 1]]
      if (rest > 1 - p) break
      count--
    }
    keepFirst(scores, order, count)
  }

const minP =
  (p: number, keep: number): LogitsProcessor =>
  (_, scores) => {
    const { order, probabilities } = ranked(scores)
    const least = p * probabilities[order[0]]
    let count = order.length
    while (count > keep && probabilities[order[count - 1]] < least) count--
    keepFirst(scores, order, count)
  }

const typicalP =
  (mass: number, keep: number): LogitsProcessor =>
  (_, scores) => {
    const { order, probabilities } = ranked(scores)
    const entropy = order.reduce((sum, i) => sum - probabilities[i] * Math.log(probabilities[i] || 1), 0)
    const distance = (i: number) => Math.abs(-Math.log(probabilities[i]) - entropy)
    order.sort((a, b) => distance(a) - distance(b))
    let sum = 0
    let count = 0
    while (count < order.length && (sum < mass || count < keep)) sum += probabilities[order[count++]]
    keepFirst(scores, order, count)
  }

/** What the options ask for, in the order in which Hugging Face does it. */
export function processorsOf(options: GenerateOptions, settings: Settings): LogitsProcessor[] {
  const list: LogitsProcessor[] = []
  const { badWordsIds, noRepeatNgramSize = 0, suppressTokens = [] } = options
  if (options.repetitionPenalty !== undefined && options.repetitionPenalty !== 1)
    list.push(repetitionPenalty(options.repetitionPenalty))
  if (noRepeatNgramSize > 0) list.push(noRepeatNgram(noRepeatNgramSize))
  if (badWordsIds !== undefined) {
    if (!Array.isArray(badWordsIds) || badWordsIds.some((word) => !Array.isArray(word) || word.length === 0))
      throw new ArgumentError(`generate: expected badWordsIds to be lists of ids, got ${describe(badWordsIds)}`)
    list.push(badWords(badWordsIds))
  }
  if (settings.minLength > 0 && settings.eos.length > 0) list.push(minLength(settings.minLength, settings.eos))
  if (suppressTokens.length > 0) list.push(suppress(suppressTokens))
  list.push(...(options.logitsProcessors ?? []))
  if (!settings.doSample) return list
  // A beam search must be able to go on.
  const keep = settings.numBeams > 1 ? settings.eos.length + 1 : 1
  if (options.temperature !== undefined && options.temperature !== 1) list.push(temperature(options.temperature))
  if ((options.topK ?? 50) > 0) list.push(topK(options.topK ?? 50, keep))
  if ((options.topP ?? 1) < 1) list.push(topP(options.topP ?? 1, keep))
  if ((options.minP ?? 0) > 0) list.push(minP(options.minP ?? 0, keep))
  if ((options.typicalP ?? 1) < 1) list.push(typicalP(options.typicalP ?? 1, keep))
  return list
}
