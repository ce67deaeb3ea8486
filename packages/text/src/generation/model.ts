// Models that write.
import {
  ArgumentError,
  F,
  inferenceMode,
  keep,
  nn,
  ShapeError,
  softmax,
  type Tensor,
  tensor,
  tidy,
} from '@flambeau/core'
import { KeyValueCache } from '../models/cache.js'
import { checkIds } from '../models/checks.js'
import type { CausalInputs, LMOutput } from '../models/outputs.js'
import type { Tokenizer } from '../tokenizers/index.js'
import { beamSearch } from './beams.js'
import { type GenerateOptions, type LogitsProcessor, type ModelDefaults, type Settings, settingsOf } from './options.js'
import { processorsOf } from './processors.js'
import { type FinishReason, finished } from './stopping.js'
import { StreamDecoder } from './stream-decoder.js'

/** What `generate` gives. N sequences: those of the first text first. */
export interface Generated {
  /** Shape [N, L], int64: what was given and what was generated, filled up. */
  readonly sequences: Tensor
  /** Why each of them ends; of a beam search, null. */
  readonly finishReasons: readonly FinishReason[] | null
  /** The score of each, of a beam search; otherwise null. */
  readonly scores: readonly number[] | null
}

/** A batch that is being written. */
export interface Decoding {
  /** The tokens that each sequence begins with: of decoders that begin anew, not those that were given. */
  readonly prompts: readonly (readonly number[])[]
  /** Reads what is given. @returns logits of the next token, [B · copies, vocabulary]; each sequence `copies` times */
  start(copies: number): Tensor
  /** Reads one more token of each sequence, which first are put in another order. @returns [rows, vocabulary] */
  next(tokens: readonly number[], order?: readonly number[]): Tensor
  dispose(): void
}

const ids = (rows: readonly (readonly number[])[]): Tensor => {
  const width = rows[0]?.length ?? 0
  return tensor(BigInt64Array.from(rows.flat(), BigInt)).reshape([rows.length, width])
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A model with a language modelling head: it generates texts. */
export abstract class GenerativeModel<Args extends unknown[], Out> extends nn.Module<Args, Out> {
  /** Tokens that have a meaning for the model. */
  protected abstract get generationDefaults(): ModelDefaults
  /** Tokens that it can read. */
  protected abstract get longest(): number
  /** Begins to write. */
  protected abstract startDecoding(inputIds: Tensor, attentionMask: Tensor | null, settings: Settings): Decoding

  /** The length of what new tokens are put behind. */
  protected promptLength(inputIds: Tensor): number {
    return inputIds.shape[1]
  }

  /**
   * Goes on with texts: the most probable token (greedy), drawn ones (`doSample`), or a beam search (`numBeams`). With
   * the same weights and options it gives what Hugging Face's `generate` gives.
   *
   * @param inputIds shape [B, L], filled up on the left with `attentionMask` 0 there
   * @throws ArgumentError for options that make no sense, or where there is no room
   */
  async generate(inputIds: Tensor, options: GenerateOptions = {}): Promise<Generated> {
    const { settings, processors } = this.#prepare(inputIds, options)
    const { maxLength, numBeams, numReturnSequences, pad } = settings
    if (numBeams > 1) return this.#search(inputIds, options, settings, processors)
    let rows: readonly number[][] = []
    let reasons: readonly FinishReason[] = []
    for await (const step of this.#write(inputIds, options, settings, processors)) {
      rows = step.rows
      reasons = step.reasons
    }
    if (maxLength === this.promptLength(inputIds)) rows = new Array<number[]>(numReturnSequences).fill([])
    return { sequences: filled(rows, pad), finishReasons: reasons, scores: null }
  }

  /** The same token by token: an iterator of the new tokens, one of each sequence. */
  async *stream(inputIds: Tensor, options: GenerateOptions = {}): AsyncGenerator<number[], void, undefined> {
    const { processors, settings } = this.#prepare(inputIds, options)
    if (settings.numBeams > 1)
      throw new ArgumentError('stream: a beam search knows its tokens at the end only: expected numBeams to be 1')
    for await (const step of this.#write(inputIds, options, settings, processors)) yield step.tokens
  }

  /** Goes on with a text: an iterator of parts of the new text, as soon as they can be said. */
  async *streamText(
    tokenizer: Tokenizer,
    text: string,
    options: GenerateOptions = {},
  ): AsyncGenerator<string, void, undefined> {
    const inputIds = ids([tokenizer.encode(text).ids])
    const decoder = new StreamDecoder(tokenizer)
    for await (const [token] of this.stream(inputIds, { tokenizer, ...options, numReturnSequences: 1 })) {
      const part = decoder.push(token)
      if (part !== '') yield part
    }
    const rest = decoder.finish()
    if (rest !== '') yield rest
  }

  #prepare(inputIds: Tensor, options: GenerateOptions): { settings: Settings; processors: LogitsProcessor[] } {
    checkIds('generate', inputIds)
    const { attentionMask } = options
    if (attentionMask && attentionMask.shape.join() !== inputIds.shape.join())
      throw new ShapeError(
        `generate: expected attentionMask of the shape of inputIds, [${inputIds.shape.join(', ')}], got [${attentionMask.shape.join(', ')}]`,
      )
    const settings = settingsOf(options, this.generationDefaults, this.promptLength(inputIds), this.longest)
    return { settings, processors: processorsOf(options, settings) }
  }

  #begin(inputIds: Tensor, { attentionMask = null }: GenerateOptions, settings: Settings): Decoding {
    // A mask that hides nothing costs time at every step.
    const hides = attentionMask !== null && !attentionMask.to('bool').all().item()
    return this.startDecoding(inputIds, hides ? attentionMask : null, settings)
  }

  async *#write(
    inputIds: Tensor,
    options: GenerateOptions,
    settings: Settings,
    processors: readonly LogitsProcessor[],
  ): AsyncGenerator<{ tokens: number[]; rows: number[][]; reasons: FinishReason[] }, void, undefined> {
    const { doSample, maxLength, numReturnSequences, pad } = settings
    const decoding = this.#begin(inputIds, options, settings)
    const rows = decoding.prompts.flatMap((prompt) => Array.from({ length: numReturnSequences }, () => [...prompt]))
    const prompt = rows[0].length
    const reasons: (FinishReason | null)[] = rows.map(() => null)
    try {
      for (let length = prompt; length < maxLength; length++) {
        options.signal?.throwIfAborted()
        const before = length === prompt ? null : rows.map((row) => row[row.length - 1])
        const tokens = inferenceMode(() =>
          tidy(() => {
            const logits = before === null ? decoding.start(numReturnSequences) : decoding.next(before)
            const chosen = choose(logits, rows, processors, doSample, options)
            logits.dispose()
            return chosen
          }),
        )
        for (const [i, row] of rows.entries()) {
          if (reasons[i] !== null) tokens[i] = pad
          row.push(tokens[i])
          reasons[i] ??= finished(row, prompt, settings)
        }
        const done = reasons.every((reason) => reason !== null)
        yield { tokens, rows, reasons: reasons.map((reason) => reason ?? 'length') }
        if (done) return
        await turn()
      }
    } finally {
      decoding.dispose()
    }
  }

  async #search(
    inputIds: Tensor,
    options: GenerateOptions,
    settings: Settings,
    processors: readonly LogitsProcessor[],
  ): Promise<Generated> {
    const decoding = this.#begin(inputIds, options, settings)
    try {
      const quiet: Decoding = {
        prompts: decoding.prompts,
        start: (copies) => inferenceMode(() => tidy(() => decoding.start(copies))),
        next: (tokens, order) => inferenceMode(() => tidy(() => decoding.next(tokens, order))),
        dispose: () => {},
      }
      const pause = async (): Promise<void> => {
        options.signal?.throwIfAborted()
        await turn()
      }
      const found = await beamSearch(quiet, decoding.prompts, settings, processors, options.generator, pause)
      const best = found.flatMap((beams) => beams.slice(0, settings.numReturnSequences))
      return {
        sequences: filled(
          best.map(({ tokens }) => tokens),
          settings.pad,
        ),
        finishReasons: null,
        scores: best.map(({ score }) => score),
      }
    } finally {
      decoding.dispose()
    }
  }
}

/** Rows of one length. */
function filled(rows: readonly (readonly number[])[], pad: number): Tensor {
  const width = rows.reduce((longest, row) => Math.max(longest, row.length), 0)
  return ids(rows.map((row) => [...row, ...new Array<number>(width - row.length).fill(pad)]))
}

/** The next token of each row. @param logits shape [rows, vocabulary] */
function choose(
  logits: Tensor,
  rows: readonly (readonly number[])[],
  processors: readonly LogitsProcessor[],
  doSample: boolean,
  { generator }: GenerateOptions,
): number[] {
  let scores = logits.dtype === 'float32' ? logits : logits.to('float32')
  if (processors.length > 0) {
    const [, vocabulary] = scores.shape
    const values = scores.data() as Float32Array
    for (const [i, row] of rows.entries()) {
      const own = values.subarray(i * vocabulary, (i + 1) * vocabulary)
      for (const processor of processors) processor(row, own)
    }
    scores = tensor(values).reshape([rows.length, vocabulary])
  }
  const chosen = doSample ? softmax(scores, -1).multinomial(1, false, { generator }).squeeze(1) : scores.argmax(-1)
  return (chosen.toArray() as (number | bigint)[]).map(Number)
}

/** A decoder alone: it goes on with what is given. */
export abstract class CausalModel extends GenerativeModel<[inputIds: Tensor, inputs?: CausalInputs], LMOutput> {
  protected override startDecoding(inputIds: Tensor, attentionMask: Tensor | null, settings: Settings): Decoding {
    const prompts = (inputIds.toArray() as (number | bigint)[][]).map((row) => row.map(Number))
    const cache = new KeyValueCache(settings.maxLength)
    // The places of tokens behind padding begin with 0.
    let mask = attentionMask === null ? null : attentionMask.to('int64')
    const last = (logits: Tensor): Tensor => logits.reshape([logits.shape[0], logits.shape[2]])
    const read = (tokens: Tensor, positionIds: Tensor | null): Tensor =>
      last(this.forward(tokens, { attentionMask: mask, positionIds, cache, lastOnly: true }).logits)
    return {
      prompts,
      start: (copies) => {
        const positions = mask === null ? null : mask.cumsum(-1).sub(1).clamp(0)
        const logits = read(inputIds, positions)
        if (copies === 1) return logits
        const order = tensor(BigInt64Array.from(prompts.flatMap((_, i) => new Array<bigint>(copies).fill(BigInt(i)))))
        cache.reorder(order)
        if (mask !== null) mask = keep(mask.indexSelect(0, order))
        return logits.indexSelect(0, order)
      },
      next: (tokens, order) => {
        if (order?.some((from, i) => from !== i)) {
          const places = tensor(BigInt64Array.from(order, BigInt))
          cache.reorder(places)
          if (mask !== null) mask = keep(mask.indexSelect(0, places))
        }
        const fresh = ids(tokens.map((token) => [token]))
        if (mask === null) return read(fresh, null)
        const positions = mask.sum(-1, { keepdim: true })
        mask = keep(F.pad(mask, [0, 1], { value: 1 }))
        return read(fresh, positions)
      },
      dispose: () => cache.dispose(),
    }
  }
}
