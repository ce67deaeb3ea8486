import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { DownloadError, data, FormatError, manualSeed, nn, tensor } from '@flambeau/core'
import * as hub from '@flambeau/core/hub'
import {
  BucketBatchSampler,
  bucketLoader,
  buildVocabFromIterator,
  datasets,
  padBatch,
  Tokenizer,
  tokenizers,
  transforms,
  Vocab,
  vocab,
} from '@flambeau/text'
import { expect, test } from '@jest/globals'

function layout(files: Record<string, string>): string {
  const root = mkdtempSync(join(tmpdir(), 'flambeau-text-'))
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), content)
  }
  return root
}

test('a vocabulary of what occurs', () => {
  const built = buildVocabFromIterator(
    [
      ['b', 'a', 'b'],
      ['c', 'a', 'b'],
    ],
    { specials: ['<unk>'], minFreq: 2 },
  )
  expect(built.getItos()).toEqual(['<unk>', 'b', 'a'])
  expect(() => built.get('c')).toThrow(/'c' is not in the vocabulary, and there is no default index/)
  built.setDefaultIndex(0)
  expect(built.forward(['a', 'zzz'])).toEqual([2, 0])
  built.insertToken('new', 1)
  expect([built.get('b'), built.lookupToken(1), built.length, built.has('new')]).toEqual([2, 'new', 4, true])
  expect(() => built.insertToken('b', 0)).toThrow(/'b' is in the vocabulary already, at 2/)
  expect(() => built.lookupToken(9)).toThrow(/an index from 0 to 3, got 9/)
  expect(() => built.setDefaultIndex(-1)).toThrow(/an index from 0/)
  expect(
    buildVocabFromIterator([['a', 'b', 'b']], { maxTokens: 2, specials: ['<p>'], specialFirst: false }).getItos(),
  ).toEqual(['b', '<p>'])
  expect(() => buildVocabFromIterator([], { maxTokens: 1, specials: ['<p>'] })).toThrow(/more than the 1 special/)
  expect(
    vocab(
      [
        ['x', 1],
        ['y', 5],
      ],
      { minFreq: 2 },
    ).getItos(),
  ).toEqual(['y'])
  // A token may be called like something of every object.
  expect(new Vocab(['constructor', '__proto__']).forward(['__proto__'])).toEqual([1])
})

test('transforms', () => {
  const words = new Vocab(['<pad>', '<bos>', '<eos>', 'a', 'b'])
  const all = new transforms.Sequential<string>(
    (text: string) => text.split(' '),
    new transforms.VocabTransform(words),
    new transforms.Truncate(3),
    new transforms.AddToken(1),
    new transforms.AddToken(2, false),
    new transforms.ToTensor(),
    new transforms.PadTransform(7, 0),
  )
  expect(all.forward('a b a b').toArray()).toEqual([1, 3, 4, 3, 2, 0, 0])
  const batch = new transforms.VocabTransform(words).forward([['a'], ['b', 'a']])
  expect(new transforms.ToTensor(0, 'int32').forward(batch).toArray()).toEqual([
    [3, 0],
    [4, 3],
  ])
  expect(new transforms.LabelToIndex(['no', 'yes']).forward(['yes', 'no'])).toEqual([1, 0])
  expect(() => new transforms.LabelToIndex(['no']).forward('yes')).toThrow(/expected one of no, got 'yes'/)
  expect(new transforms.StrToInt().forward(['3', '-4'])).toEqual([3, -4])
  expect(() => new transforms.StrToInt().forward(['3x'])).toThrow(/an integer, got '3x'/)
  expect(() => new transforms.Truncate(-1)).toThrow(/maxSeqLen to be an integer ≥ 0, got -1/)
  const tokenizer = new Tokenizer(new tokenizers.models.WordLevel({ vocab: [['a', 0]], unkToken: 'a' }))
  expect(new transforms.TokenizerTransform(tokenizer).forward(['a', 'a'])).toEqual([[0], [0]])
  expect(new transforms.VocabTransform(words)).toBeInstanceOf(nn.Module)
})

test('batches of samples that are about equally long', async () => {
  manualSeed(0)
  const lengths = Array.from({ length: 103 }, (_, i) => (i * 37) % 50)
  const sampler = new BucketBatchSampler(lengths, { batchSize: 8, bucketSize: 52 })
  const batches = [...sampler]
  expect(batches.length).toBe(sampler.length)
  expect(batches.flat().sort((a, b) => a - b)).toEqual(lengths.map((_, i) => i))
  const spread = (batch: number[]) =>
    Math.max(...batch.map((i) => lengths[i])) - Math.min(...batch.map((i) => lengths[i]))
  expect(batches.filter((batch) => spread(batch) > 20).length).toBeLessThan(3)
  expect([...sampler]).not.toEqual(batches)
  for (const batch of new BucketBatchSampler(lengths, { maxTokens: 100 }))
    expect(batch.length * Math.max(...batch.map((i) => lengths[i]))).toBeLessThanOrEqual(100)
  expect([...new BucketBatchSampler([3, 1, 2], { batchSize: 2, dropLast: true, shuffle: false })]).toEqual([[1, 2]])
  expect(() => new BucketBatchSampler([1], {})).toThrow(/either batchSize or maxTokens/)
  expect(() => new BucketBatchSampler([-1], { batchSize: 1 })).toThrow(/lengths ≥ 0, got -1/)

  const texts = [[1, 2, 3], [4], [5, 6]]
  const loader = bucketLoader({ length: 3, get: (i: number) => texts[i] }, [3, 1, 2], {
    batchSize: 2,
    shuffle: false,
    collateFn: (rows) => padBatch(rows, { padId: 9 }),
  })
  const shapes: unknown[] = []
  for await (const { attentionMask, inputIds } of loader) shapes.push([inputIds.toArray(), attentionMask.toArray()])
  expect(shapes).toEqual([
    [
      [
        [4, 9],
        [5, 6],
      ],
      [
        [1, 0],
        [1, 1],
      ],
    ],
    [[[1, 2, 3]], [[1, 1, 1]]],
  ])
  const { inputIds } = padBatch([tensor([7], { dtype: 'int64' }), [1, 2]], { paddingSide: 'left' })
  expect(inputIds.toArray()).toEqual([
    [0, 7],
    [1, 2],
  ])
})

test('AG_NEWS', () => {
  const root = layout({
    'AG_NEWS/test.csv': '"3","Title, one","Text ""quoted"" one"\n"4","Zwei","two\nlines"\n',
  })
  const news = new datasets.AG_NEWS(root, {
    split: 'test',
    transform: (text) => text.length,
    targetTransform: (c) => c - 1,
  })
  expect(news.length).toBe(2)
  expect(new datasets.AG_NEWS(root, { split: 'test' }).get(0)).toEqual([3, 'Title, one Text "quoted" one'])
  expect(news.get(-1)).toEqual([3, 14])
  expect(() => news.get(2)).toThrow(/index/)
  expect(() => new datasets.AG_NEWS(root)).toThrow(DownloadError)
  expect(() => new datasets.AG_NEWS(root)).toThrow(/train\.csv is missing: `await datasets\.AG_NEWS\.download\(root\)`/)
  expect(() => new datasets.AG_NEWS(root, { split: 'all' as never })).toThrow(/one of train, test, got 'all'/)
  expect(() => new datasets.AG_NEWS('')).toThrow(/root to be a folder/)
})

test('IMDB', async () => {
  const root = layout({
    'aclImdb/train/pos/0_9.txt': 'good',
    'aclImdb/train/neg/0_1.txt': 'bad',
    'aclImdb/train/neg/1_2.txt': 'worse',
    'aclImdb/train/neg/notes.md': 'no review',
    'aclImdb/train/unsup/0_0.txt': 'some',
  })
  const reviews = new datasets.IMDB(root)
  const all: unknown[] = []
  for await (const batch of new data.DataLoader(reviews, {
    batchSize: 2,
    collateFn: (rows: [number, string][]) => rows,
  }))
    all.push(batch)
  expect(all).toEqual([
    [
      [1, 'bad'],
      [1, 'worse'],
    ],
    [[2, 'good']],
  ])
  expect(new datasets.IMDB(root, { split: 'unsup' }).get(0)).toEqual([0, 'some'])
  expect(() => new datasets.IMDB(root, { split: 'test' })).toThrow(/test.neg is missing/)
})

test('WikiText', () => {
  const root = layout({
    'wikitext-2/wiki.valid.tokens': ' \n = Title = \n \n Text é 😀 . \n',
    'wikitext-103/wiki.test.tokens': 'no end',
  })
  const lines = new datasets.WikiText2(root, { split: 'valid' })
  expect(Array.from({ length: lines.length }, (_, i) => lines.get(i))).toEqual([
    ' ',
    ' = Title = ',
    ' ',
    ' Text é 😀 . ',
  ])
  const whole = new datasets.WikiText103(root, { split: 'test', transform: (line) => line.split(' ') })
  expect([whole.length, whole.get(0)]).toEqual([1, ['no', 'end']])
  expect(() => lines.get(4)).toThrow(/expected an index in \[-4, 3\], got 4/)
})

test('SQuAD', () => {
  const qas = (list: object[]) =>
    JSON.stringify({
      version: '1.1',
      data: [{ title: 't', paragraphs: [{ context: '😀 Paris is in France.', qas: list }] }],
    })
  const root = layout({
    'SQuAD1/dev-v1.1.json': qas([{ id: 'q1', question: 'Where?', answers: [{ text: 'France', answer_start: 14 }] }]),
    'SQuAD2/train-v2.0.json': qas([{ id: 'q2', question: 'Why?', is_impossible: true, answers: [] }]),
    'SQuAD2/dev-v2.0.json': qas([{ id: 'q3', question: 'Why?', answers: [{ text: 'x', answer_start: 900 }] }]),
    'SQuAD1/train-v1.1.json': '{ "data": [',
  })
  const sample = new datasets.SQuAD1(root, { split: 'dev' }).get(0)
  expect(sample).toEqual({
    id: 'q1',
    context: '😀 Paris is in France.',
    question: 'Where?',
    answers: ['France'],
    answerStarts: [15],
  })
  expect(sample.context.slice(15, 21)).toBe('France')
  expect(new datasets.SQuAD2(root).get(0)).toMatchObject({ answers: [''], answerStarts: [-1] })
  expect(() => new datasets.SQuAD2(root, { split: 'dev' })).toThrow(
    /question q3: expected answer_start to be in the context, got 900/,
  )
  expect(() => new datasets.SQuAD1(root)).toThrow(FormatError)
})

test("downloads are the hub's: a file with another checksum is refused, and nothing is left", async () => {
  const server = createServer((_, response) => response.end('not the real file')).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const root = mkdtempSync(join(tmpdir(), 'flambeau-text-'))
  try {
    const { AG_NEWS, IMDB, SQuAD1, SQuAD2, WikiText2, WikiText103 } = datasets
    for (const { resources } of [AG_NEWS, IMDB, SQuAD1, SQuAD2, WikiText2, WikiText103])
      for (const { checksum } of resources) expect(checksum?.digest).toMatch(/^[0-9a-f]{32}$/)
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/train.csv`
    const [train] = AG_NEWS.resources
    await expect(hub.fetchResources('AG_NEWS', root, [{ ...train, url }])).rejects.toThrow(
      /b1a00f826fdfbd249f79597b59e1dc12/,
    )
    expect(existsSync(join(root, 'AG_NEWS/train.csv'))).toBe(false)
    await expect(AG_NEWS.download(root, { signal: AbortSignal.abort() })).rejects.toThrow(/abort/i)
  } finally {
    server.close()
    server.closeAllConnections()
  }
})
