// Beam search, step for step as Hugging Face's: complete sequences are kept apart from those that go on.
import { type Generator, logSoftmax, softmax, tensor } from '@flambeau/core'
import type { Decoding } from './model.js'
import type { LogitsProcessor, Settings } from './options.js'
import { finished } from './stopping.js'

/** What stands for a score that cannot be. */
const OUT = -1e9

const f = Math.fround

interface Beam {
  readonly tokens: number[]
  readonly score: number
}

interface Candidate extends Beam {
  /** The beam that it continues. */
  readonly from: number
  readonly complete: boolean
}

/** A text's beams. */
interface Item {
  running: Beam[]
  complete: (Beam & { readonly isComplete: boolean })[]
  canImprove: boolean
}

/** The `count` largest, the largest first. */
function largest(values: ArrayLike<number>, count: number): number[] {
  const best: number[] = []
  for (let i = 0; i < values.length; i++) {
    if (best.length === count && !(values[i] > values[best[count - 1]])) continue
    let at = best.length
    while (at > 0 && values[i] > values[best[at - 1]]) at--
    best.splice(at, 0, i)
    if (best.length > count) best.pop()
  }
  return best
}

/** @returns for each text the best sequences with their scores, the best first */
export async function beamSearch(
  decoding: Decoding,
  prompts: readonly (readonly number[])[],
  settings: Settings,
  processors: readonly LogitsProcessor[],
  generator: Generator | undefined,
  pause: () => Promise<void>,
): Promise<Beam[][]> {
  const { doSample, earlyStopping, lengthPenalty, maxLength, numBeams } = settings
  const prompt = prompts[0].length
  const kept = Math.max(2, 1 + settings.eos.length) * numBeams
  const items: Item[] = prompts.map((tokens) => ({
    // Only the first continues at the beginning: all are the same.
    running: Array.from({ length: numBeams }, (_, beam) => ({ tokens: [...tokens], score: beam === 0 ? 0 : OUT })),
    complete: Array.from({ length: numBeams }, () => ({ tokens: [], score: OUT, isComplete: false })),
    canImprove: true,
  }))
  let logits = decoding.start(numBeams)
  for (let length = prompt; ; ) {
    await pause()
    const probabilities = logSoftmax(logits, -1)
    const scores = probabilities.to('float32').data() as Float32Array
    const vocabulary = logits.shape[1]
    logits.dispose()
    probabilities.dispose()
    const order: number[] = []
    const next: number[] = []
    let open = false
    for (const [index, item] of items.entries()) {
      const all = scores.subarray(index * numBeams * vocabulary, (index + 1) * numBeams * vocabulary)
      for (const [beam, { score, tokens }] of item.running.entries()) {
        const row = all.subarray(beam * vocabulary, (beam + 1) * vocabulary)
        for (const processor of processors) processor(tokens, row)
        for (let i = 0; i < vocabulary; i++) row[i] += score
      }
      const chosen = doSample
        ? (softmax(tensor(all), -1).multinomial(kept, false, { generator }).toArray() as number[])
        : largest(all, Math.min(kept, all.length))
      const candidates = chosen.map((at): Candidate => {
        const from = Math.floor(at / vocabulary)
        const tokens = [...item.running[from].tokens, at % vocabulary]
        return { tokens, from, score: all[at], complete: finished(tokens, prompt, settings) !== null }
      })
      if (candidates.some(({ complete }) => !complete)) open = true
      const going = candidates.map(({ complete, score }) => f(score + (complete ? OUT : 0)))
      const onward = largest(going, numBeams).map((i) => ({ ...candidates[i], score: going[i] }))
      item.running = onward
      for (const { from, tokens } of onward) {
        order.push(index * numBeams + from)
        next.push(tokens[tokens.length - 1])
      }
      // Only the best may end: the others are there so that enough go on.
      const full = item.complete.every(({ isComplete }) => isComplete) && earlyStopping === true
      const ended = candidates.map(({ complete, score, tokens }, i) => {
        const counts = complete && i < numBeams
        let final = f(score / (length + 1 - prompt) ** lengthPenalty)
        for (const out of [full, !item.canImprove, !counts]) if (out) final = f(final + OUT)
        return { tokens, score: final, isComplete: counts }
      })
      const merged = [...item.complete, ...ended]
      item.complete = largest(
        merged.map(({ score }) => score),
        numBeams,
      ).map((i) => merged[i])
    }
    length++
    for (const item of items) {
      const hypothetical = earlyStopping === 'never' && lengthPenalty > 0 ? maxLength - prompt : length - prompt
      const best = item.running[0].score / hypothetical ** lengthPenalty
      const worst = Math.min(...item.complete.map(({ score }) => score))
      item.canImprove &&= item.complete.some(({ isComplete }) => best > (isComplete ? worst : OUT))
    }
    const improvable = items.some(({ canImprove }) => canImprove)
    const incomplete = !(
      earlyStopping === true && items.every(({ complete }) => complete.every(({ isComplete }) => isComplete))
    )
    if (!improvable || !incomplete || !open) break
    logits = decoding.next(next, order)
  }
  return items.map(({ complete }) => complete.map(({ score, tokens }) => ({ score, tokens })))
}
