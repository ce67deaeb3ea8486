import { decoders, functional } from '@flambeau/audio'
import { F, manualSeed, randn, type Tensor, tensor } from '@flambeau/core'
import { expect, test } from '@jest/globals'

const TOKENS = ['-', 'a', 'b', '|']

/** What an alignment says: repetitions and blanks taken out. */
const said = (path: readonly number[]): number[] => path.filter((c, t) => c !== 0 && c !== path[t - 1])

/** Every alignment of so many frames. */
function* paths(frames: number, classes: number): Generator<number[]> {
  for (let code = 0; code < classes ** frames; code++)
    yield Array.from({ length: frames }, (_, t) => Math.floor(code / classes ** t) % classes)
}

/** The probability of each text, over all alignments or by the best one. */
function everyText(emissions: Tensor, sum: boolean): Map<string, number> {
  const rows = F.softmax(emissions.to('float64'), -1).toArray() as number[][]
  const texts = new Map<string, number>()
  for (const path of paths(rows.length, rows[0].length)) {
    const p = path.reduce((product, c, t) => product * rows[t][c], 1)
    const text = said(path).join(',')
    const known = texts.get(text) ?? 0
    texts.set(text, sum ? known + p : Math.max(known, p))
  }
  return texts
}

test.each([
  [true, 0],
  [true, 1],
  [true, 2],
  [false, 3],
  [false, 4],
])('the beam search finds the best texts of all (logAdd %s, seed %i)', (logAdd, seed) => {
  manualSeed(seed)
  const emissions = randn([1, 5, 4]).mul(2)
  const truth = [...everyText(emissions.select(0, 0), logAdd)].sort((a, b) => b[1] - a[1]).slice(0, 5)
  const found = new decoders.CTCDecoder(TOKENS, { nbest: 5, beamSize: 1000, logAdd }).decode(emissions)[0]
  expect(found.map(({ tokens }) => tokens.join(','))).toEqual(truth.map(([text]) => text))
  for (const [i, [, p]] of truth.entries()) expect(found[i].score).toBeCloseTo(Math.log(p), 6)
})

const ARPA = `\\data\\
ngram 1=6
ngram 2=3

\\1-grams:
-1.0\t<s>\t-0.5
-0.8\ta\t-0.2
-0.7\tb\t-0.3
-0.9\t|
-1.1\t</s>
-2.0\t<unk>

\\2-grams:
-0.3\t<s> a
-0.1\ta b
-0.4\tb </s>

\\end\\
`

test('n-gram models back off', () => {
  const lm = decoders.NGramModel.fromArpa(ARPA)
  const log10 = (x: number) => x / Math.LN10
  expect(lm.order).toBe(2)
  expect(log10(lm.score([], 'a'))).toBeCloseTo(-0.3)
  expect(log10(lm.score([], 'b'))).toBeCloseTo(-0.5 - 0.7)
  expect(log10(lm.score(['b', 'a'], 'b'))).toBeCloseTo(-0.1)
  expect(log10(lm.score(['a'], 'a'))).toBeCloseTo(-0.2 - 0.8)
  expect(log10(lm.score(['a'], 'z'))).toBeCloseTo(-2)
  expect(log10(lm.finish(['b']))).toBeCloseTo(-0.4)
  expect(() => decoders.NGramModel.fromArpa('hello')).toThrow(/ARPA format/)
  expect(() => decoders.NGramModel.fromArpa('\\1-grams:\nx y\n\\end\\')).toThrow(/line 2, got 'x y'/)
})

test('the beam search with a language model finds the best of all texts', () => {
  manualSeed(7)
  const lm = decoders.NGramModel.fromArpa(ARPA)
  const lmWeight = 0.7
  const emissions = randn([1, 5, 4])
  const scored = [...everyText(emissions.select(0, 0), true)].map(([text, p]): [string, number] => {
    const tokens = text === '' ? [] : text.split(',').map((i) => TOKENS[Number(i)])
    const language = tokens.reduce((sum, token, i) => sum + lm.score(tokens.slice(0, i), token), lm.finish(tokens))
    return [text, Math.log(p) + lmWeight * language]
  })
  const [text, score] = scored.sort((a, b) => b[1] - a[1])[0]
  const [best] = new decoders.CTCDecoder(TOKENS, { beamSize: 1000, lm, lmWeight }).decode(emissions)[0]
  expect(best.tokens.join(',')).toBe(text)
  expect(best.score).toBeCloseTo(score, 6)
})

test('words, frames and lengths', () => {
  const path = [1, 1, 0, 1, 3, 3, 2, 0]
  const emissions = F.oneHot(tensor([path], { dtype: 'int64' }), 4)
    .to('float32')
    .mul(20)
  const greedy = new decoders.GreedyCTCDecoder(TOKENS)
  const [whole] = greedy.decode(emissions)
  expect([whole.words, whole.tokens, whole.timesteps]).toEqual([
    ['aa', 'b'],
    [1, 1, 3, 2],
    [0, 3, 4, 6],
  ])
  const [[beam]] = new decoders.CTCDecoder(TOKENS, { beamSize: 3, beamSizeToken: 2 }).decode(emissions)
  expect([beam.words, beam.tokens, beam.timesteps]).toEqual([
    ['aa', 'b'],
    [1, 1, 3, 2],
    [0, 3, 4, 6],
  ])
  expect(greedy.decode(emissions, tensor([3n]))[0].words).toEqual(['a'])
  expect(new decoders.CTCDecoder(TOKENS).decode(emissions, tensor([0n]))[0][0].tokens).toEqual([])
})

test('forced alignment is the best of all paths that say the labels', () => {
  for (const [seed, labels] of [
    [1, [1, 2]],
    [2, [1, 1]],
    [3, [2]],
    [4, []],
  ] as const) {
    manualSeed(seed)
    const logProbs = F.logSoftmax(randn([1, 5, 3], { dtype: 'float64' }), -1)
    const rows = logProbs.select(0, 0).toArray() as number[][]
    const score = (path: number[]) => path.reduce((sum, c, t) => sum + rows[t][c], 0)
    const best = [...paths(5, 3)]
      .filter((path) => said(path).join() === labels.join())
      .sort((a, b) => score(b) - score(a))[0]
    const targets = tensor([...labels], { dtype: 'int64' }).unsqueeze(0)
    const [tokens, scores] = functional.forcedAlign(logProbs, targets)
    expect(tokens.toArray()).toEqual([best])
    expect(scores.sum().item()).toBeCloseTo(score(best), 9)
  }
  const spans = functional.mergeTokens(tensor([0, 1, 1, 0, 2], { dtype: 'int64' }), tensor([0, -1, -3, 0, -5]))
  expect(spans).toEqual([
    { token: 1, start: 1, end: 3, score: -2 },
    { token: 2, start: 4, end: 5, score: -5 },
  ])
})

test('what does not fit is refused', () => {
  expect(() => new decoders.CTCDecoder(['a', 'b'])).toThrow(/expected the blank '-' among the tokens a b/)
  expect(() => new decoders.CTCDecoder(TOKENS, { beamSize: 0 })).toThrow(/expected beamSize/)
  const decoder = new decoders.GreedyCTCDecoder(TOKENS)
  expect(() => decoder.decode(randn([1, 5, 3]))).toThrow(/\[batch, frames, 4\] for 4 tokens, got \[1, 5, 3\]/)
  expect(() => decoder.decode(randn([1, 5, 4]), tensor([6n]))).toThrow(/lengths between 0 and 5/)
  const targets = tensor([[1n, 1n]])
  expect(() => functional.forcedAlign(randn([1, 2, 3]), targets)).toThrow(
    /at least 3 frames for 2 labels with 1 repetitions/,
  )
  expect(() => functional.forcedAlign(randn([1, 9, 3]), tensor([[3n]]))).toThrow(/labels in \[0, 3\)/)
})
