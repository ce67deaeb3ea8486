// Against transformers: what fixtures/models.py has written.
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { equal, FormatError, manualSeed, noGrad, optim, stack, type Tensor, tensor } from '@flambeau/core'
import { type GenerateOptions, models, Tokenizer, tokenizers } from '@flambeau/text'
import { beforeAll, expect, test } from '@jest/globals'

interface Generation {
  options: Record<string, unknown>
  seed: number | null
  padded: boolean
  sequences: number[][]
  scores: number[] | null
}
interface Fixture {
  config: Record<string, unknown>
  weights: string
  logits: number[]
  loss: number
  padded?: number[]
  hidden?: number[]
  generations?: Generation[]
}
const fixture: { models: Record<string, Fixture> } & Record<'ids' | 'left' | 'right' | 'types' | 'labels', number[][]> =
  JSON.parse(gunzipSync(readFileSync(new URL('fixtures/models.json.gz', import.meta.url))).toString())
const int = (rows: number[][] | number[]) => tensor(rows, { dtype: 'int64' })
const ids = int(fixture.ids)
const left = int(fixture.left)
const right = int(fixture.right)

const folders: Record<string, string> = {}
beforeAll(() => {
  const root = mkdtempSync(join(tmpdir(), 'flambeau-models-'))
  for (const [name, { config, weights }] of Object.entries(fixture.models)) {
    folders[name] = join(root, name)
    mkdirSync(folders[name])
    writeFileSync(join(folders[name], 'config.json'), JSON.stringify(config))
    writeFileSync(join(folders[name], 'model.safetensors'), Buffer.from(weights, 'base64'))
  }
})

function close(actual: Tensor, expected: readonly number[]) {
  const values = actual.reshape([-1]).toArray() as number[]
  expect(values.length).toBe(expected.length)
  const worst = values.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i])), 0)
  expect(worst).toBeLessThan(1e-4)
}

type Causal = InstanceType<typeof models.GPT2LMHeadModel> | InstanceType<typeof models.LlamaForCausalLM>

test.each(['gpt2', 'llama', 'llama-tied'])('%s gives what transformers gives', async (name) => {
  const model = (await models.fromPretrained(folders[name])) as Causal
  const expected = fixture.models[name]
  noGrad(() => {
    const { logits, loss } = model.forward(ids, { labels: int(fixture.labels) })
    close(logits, expected.logits)
    expect(loss?.item()).toBeCloseTo(expected.loss, 4)
    const positionIds = left.cumsum(-1).sub(1).clamp(0)
    const padded = model.forward(ids, { attentionMask: left, positionIds }).logits
    close(padded.select(0, 1).narrow(0, 3, 4), expected.padded ?? [])
    // The same token by token.
    const cache = new models.KeyValueCache(7)
    const parts = [ids.narrow(1, 0, 3), ids.narrow(1, 3, 2), ids.narrow(1, 5, 1), ids.narrow(1, 6, 1)]
    const steps = parts.map((part) => model.forward(part, { cache }).logits)
    let at = 0
    for (const step of steps) {
      expect(
        step
          .sub(logits.narrow(1, at, step.shape[1]))
          .abs()
          .max()
          .item(),
      ).toBeLessThan(1e-4)
      at += step.shape[1]
    }
    expect(() => model.forward(ids.narrow(1, 0, 1), { cache })).toThrow(/at most 7 tokens, got 8/)
  })
})

test.each(['t5', 't5-gated'])('%s gives what transformers gives', async (name) => {
  const model = await models.T5ForConditionalGeneration.fromPretrained(folders[name])
  const { logits, loss } = model.forward(ids, { attentionMask: right, labels: int(fixture.labels) })
  expect(loss?.item()).toBeCloseTo(fixture.models[name].loss, 4)
  close(logits, fixture.models[name].logits)
  expect(logits.shape).toEqual([2, 7, 40])
})

test('bert gives what transformers gives', async () => {
  const masked = (await models.fromPretrained(folders.bert)) as InstanceType<typeof models.BertForMaskedLM>
  const inputs = { attentionMask: right, tokenTypeIds: int(fixture.types) }
  const out = masked.forward(ids, { ...inputs, labels: int(fixture.labels) })
  close(out.logits, fixture.models.bert.logits)
  expect(out.loss?.item()).toBeCloseTo(fixture.models.bert.loss, 4)
  const plain = await models.BertModel.fromPretrained(folders.bert)
  close(plain.forward(ids).lastHiddenState, fixture.models.bert.hidden ?? [])
  const classes = await models.BertForSequenceClassification.fromPretrained(folders['bert-classes'])
  const classified = classes.forward(ids, { ...inputs, labels: int([0, 2]) })
  close(classified.logits, fixture.models['bert-classes'].logits)
  expect(classified.loss?.item()).toBeCloseTo(fixture.models['bert-classes'].loss, 4)
})

test('bert with heads for tokens and for answers gives what transformers gives', async () => {
  const inputs = { attentionMask: right, tokenTypeIds: int(fixture.types) }
  const tokens = await models.BertForTokenClassification.fromPretrained(folders['bert-tokens'])
  const kinds = fixture.labels.map((row) => row.map((id) => (id < 0 ? id : id % 3)))
  const tagged = tokens.forward(ids, { ...inputs, labels: int(kinds) })
  expect([tagged.logits.shape, tokens.dropout.p]).toEqual([[2, 7, 3], 0.3])
  close(tagged.logits, fixture.models['bert-tokens'].logits)
  expect(tagged.loss?.item()).toBeCloseTo(fixture.models['bert-tokens'].loss, 4)
  const answers = await models.fromPretrained(folders['bert-answers'])
  if (!(answers instanceof models.BertForQuestionAnswering))
    throw new Error('expected the model that config.json names')
  // The second answer is outside of the text.
  const found = answers.forward(ids, { ...inputs, startPositions: int([2, 9]), endPositions: int([5, 9]) })
  close(stack([found.startLogits, found.endLogits], 0), fixture.models['bert-answers'].logits)
  expect(found.loss?.item()).toBeCloseTo(fixture.models['bert-answers'].loss, 4)
  expect(answers.forward(ids, inputs).loss).toBeNull()
  // A head that the file does not have begins with random weights; the encoder is the file's.
  const fresh = await models.BertForTokenClassification.fromPretrained(folders['bert-answers'])
  const words = 'bert.embeddings.word_embeddings.weight'
  expect(equal(fresh.stateDict()[words], answers.stateDict()[words])).toBe(true)
  expect(fresh.classifier.weight.shape).toEqual([2, 16])
})

const camel = (name: string) => name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase())
const cases = Object.entries(fixture.models).flatMap(([name, { generations = [] }]) =>
  generations.map((generation) => [name, JSON.stringify(generation.options), generation] as const),
)

test.each(cases)(
  '%s generates what transformers generates: %s',
  async (name, _, { options, padded, scores, seed, sequences }) => {
    const model = (await models.fromPretrained(folders[name])) as Causal
    const given = Object.fromEntries(
      Object.entries(options).map(([key, value]) => [camel(key), value]),
    ) as GenerateOptions
    if (seed !== null) manualSeed(seed)
    const out = await model.generate(ids, { ...given, attentionMask: padded ? left : null })
    expect(out.sequences.toArray()).toEqual(sequences)
    if (scores !== null) for (const [i, score] of (out.scores ?? []).entries()) expect(score).toBeCloseTo(scores[i], 3)
  },
)

const load = (name: string) => models.fromPretrained(folders[name]) as Promise<Causal>

test('tokens stream as they are made, and a signal ends it', async () => {
  const model = await load('gpt2')
  const options = { maxNewTokens: 8, padTokenId: 3 }
  const steps: number[][] = []
  for await (const tokens of model.stream(ids, options)) steps.push(tokens)
  const { finishReasons, sequences } = await model.generate(ids, options)
  expect(steps).toEqual((sequences.narrow(1, 7, 8).t().toArray() as number[][]).map((row) => row))
  expect(finishReasons).toEqual(['length', 'length'])
  const controller = new AbortController()
  let count = 0
  await expect(async () => {
    for await (const _ of model.stream(ids, { ...options, signal: controller.signal }))
      if (++count === 2) controller.abort()
  }).rejects.toThrow(/abort/i)
  expect(count).toBe(2)
})

const words = () =>
  new Tokenizer(
    new tokenizers.models.WordLevel({ vocab: Array.from({ length: 40 }, (_, i) => [`w${i}`, i]), unkToken: 'w0' }),
    { preTokenizer: new tokenizers.preTokenizers.Whitespace() },
  )

test('stop strings end a text, and text streams', async () => {
  const model = await load('gpt2')
  const tokenizer = words()
  const free = await model.generate(ids.narrow(0, 0, 1), { maxNewTokens: 6 })
  const made = (free.sequences.toArray() as number[][])[0].slice(7)
  const at = made.findIndex((token, i) => i > 0 && !made.slice(0, i).includes(token))
  const stopStrings = `w${made[at - 1]} w${made[at]}`
  const stopped = await model.generate(ids.narrow(0, 0, 1), { maxNewTokens: 6, stopStrings, tokenizer })
  expect(stopped.sequences.shape).toEqual([1, 7 + at + 1])
  expect(stopped.finishReasons).toEqual(['stop'])
  let text = ''
  const prompt = fixture.ids[0].map((id) => `w${id}`).join(' ')
  for await (const part of model.streamText(tokenizer, prompt, { maxNewTokens: 6 })) text += part
  expect(text.trim()).toBe(made.map((id) => `w${id}`).join(' '))
})

test('what makes no sense is refused', async () => {
  const model = await load('gpt2')
  const refuse = (options: GenerateOptions, message: RegExp) =>
    expect(model.generate(ids, options)).rejects.toThrow(message)
  await refuse({ temperature: 0 }, /expected temperature to be a number > 0, got 0/)
  await refuse({ topP: 2 }, /expected topP to be in \[0, 1\], got 2/)
  await refuse({ maxNewTokens: -1 }, /expected maxNewTokens to be an integer ≥ 0/)
  await refuse({ numReturnSequences: 2 }, /1 unless doSample, got 2/)
  await refuse({ stopStrings: 'a' }, /expected a tokenizer with stopStrings/)
  await refuse({ maxLength: 5 }, /7 tokens where 5 fit in all/)
  await refuse({ attentionMask: ids.narrow(1, 0, 3) }, /attentionMask of the shape of inputIds, \[2, 7\], got \[2, 3\]/)
  await refuse({ badWordsIds: [[]] }, /badWordsIds to be lists of ids/)
  await expect(model.generate(int([1, 2]))).rejects.toThrow(/inputIds \[batch, length\]/)
  await expect(model.generate(ids.to('float32'))).rejects.toThrow(/inputIds of dtype int64, got float32/)
  await expect(model.stream(ids, { numBeams: 2 }).next()).rejects.toThrow(/at the end only/)
  expect(() => new models.GPT2LMHeadModel({ nHead: 5 })).toThrow(/GPT2/)
  expect(() => new models.LlamaForCausalLM({ hiddenSize: 0 })).toThrow(/hiddenSize to be a positive integer, got 0/)
})

test('a folder that is no model of ours says why', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'flambeau-'))
  const write = (config: object, from: string) => {
    writeFileSync(join(folder, 'config.json'), JSON.stringify(config))
    writeFileSync(join(folder, 'model.safetensors'), Buffer.from(fixture.models[from].weights, 'base64'))
  }
  const { config } = fixture.models.gpt2
  write({ ...config, architectures: ['Unheard'] }, 'gpt2')
  await expect(models.fromPretrained(folder)).rejects.toThrow(/expected one of BertForMaskedLM, .* got \["Unheard"\]/)
  write(config, 'llama')
  await expect(models.fromPretrained(folder)).rejects.toThrow(/not those of GPT2LMHeadModel: missing .*; unexpected/)
  write({ ...config, n_embd: 'many' }, 'gpt2')
  await expect(models.fromPretrained(folder)).rejects.toThrow(/config\.json\.n_embd: expected an integer/)
  write({ ...config, n_embd: 32 }, 'gpt2')
  await expect(models.fromPretrained(folder)).rejects.toThrow(FormatError)
  write({ ...config, activation_function: 'warp' }, 'gpt2')
  await expect(models.fromPretrained(folder)).rejects.toThrow(/expected one of gelu, /)
})

test('models learn: a step of training lowers the loss', async () => {
  const model = (await load('gpt2')).train()
  const optimizer = new optim.AdamW(model.parameters(), { lr: 0.01 })
  const losses = Array.from({ length: 4 }, () => {
    optimizer.zeroGrad()
    const { loss } = model.forward(ids, { labels: ids })
    loss?.backward()
    optimizer.step()
    return loss?.item() as number
  })
  expect(losses[3]).toBeLessThan(losses[0])
  expect(Object.keys(model.stateDict())).toContain('lm_head.weight')
  expect(models.registry.list()).toContain('T5ForConditionalGeneration')
})
