// Against the Python package `tokenizers`: what tools/interop/text_tokens.py has written into the fixture.
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { FormatError } from '@flambeau/core'
import { AddedToken, Tokenizer, tokenizers } from '@flambeau/text'

const { decoders, models, normalizers, preTokenizers, processors, trainers } = tokenizers

import { expect, test } from '@jest/globals'

const fixture: Record<string, unknown> = JSON.parse(
  gunzipSync(readFileSync(new URL('fixtures/tokens.json.gz', import.meta.url))).toString(),
)
const texts = fixture['texts.json'] as string[]
const names = Object.keys(fixture)
  .filter((name) => name.endsWith('.expected.json'))
  .map((name) => name.slice(0, -'.expected.json'.length))

test.each(names)('%s: tokens, offsets and decoded texts are those of the Python package', (name) => {
  const tokenizer = Tokenizer.fromString(JSON.stringify(fixture[`${name}.json`]))
  const expected = fixture[`${name}.expected.json`] as [number[], number[], string][]
  const again = Tokenizer.fromString(JSON.stringify(tokenizer))
  for (const [i, text] of texts.entries()) {
    const [ids, offsets, decoded] = expected[i]
    const encoding = tokenizer.encode(text)
    expect(encoding.ids).toEqual(ids)
    expect(encoding.offsets.flat()).toEqual(offsets)
    expect(tokenizer.decode(ids)).toBe(decoded)
    expect(again.encode(text).ids).toEqual(ids)
  }
})

test('training learns what the Python package learns', () => {
  const learned = (name: string) => fixture[`${name}.trained.json`] as { vocab: object; merges: string[][] }
  const bpe = new Tokenizer(new models.BPE(), {
    preTokenizer: new preTokenizers.ByteLevel({ addPrefixSpace: false }),
  })
  const alphabet = preTokenizers.ByteLevel.alphabet()
  const corpus = fixture['training.json'] as string[]
  bpe.trainFromIterator(
    corpus,
    new trainers.BpeTrainer({ vocabSize: 350, minFrequency: 2, specialTokens: ['<s>'], initialAlphabet: alphabet }),
  )
  expect(JSON.parse(JSON.stringify(bpe)).model).toMatchObject(learned('bpe'))
  const limited = new Tokenizer(new models.BPE(), {
    normalizer: new normalizers.NFC(),
    preTokenizer: new preTokenizers.Whitespace(),
  })
  limited.trainFromIterator(
    corpus,
    new trainers.BpeTrainer({ vocabSize: 350, specialTokens: ['<unk>'], maxTokenLength: 6 }),
  )
  expect(JSON.parse(JSON.stringify(limited)).model).toMatchObject(learned('bpe-short'))
})

test('a trained WordPiece and a trained unigram model find words again', () => {
  const corpus = Array.from({ length: 50 }, (_, i) => `unbelievable believers believe in belief ${i} and unbelief`)
  const pieces = new Tokenizer(new models.WordPiece(), {
    preTokenizer: new preTokenizers.BertPreTokenizer(),
    decoder: new decoders.WordPiece(),
  })
  pieces.trainFromIterator(corpus, new trainers.WordPieceTrainer({ vocabSize: 70, specialTokens: ['[UNK]'] }))
  expect(pieces.encode('unbelievable beliefs').tokens[0]).toMatch(/^un/)
  expect(pieces.decode(pieces.encode('unbelief and belief').ids)).toBe('unbelief and belief')
  expect(pieces.encode('漢').tokens).toEqual(['[UNK]'])

  const unigram = new Tokenizer(new models.Unigram(), {
    preTokenizer: new preTokenizers.Metaspace(),
    decoder: new decoders.Metaspace(),
  })
  unigram.trainFromIterator(corpus, new trainers.UnigramTrainer({ vocabSize: 60, unkToken: '<unk>' }))
  const { ids, tokens } = unigram.encode('believe in unbelief')
  expect(unigram.vocabSize).toBeLessThanOrEqual(60)
  expect(tokens.length).toBeLessThan(9)
  expect(unigram.decode(ids)).toBe('believe in unbelief')
  expect(unigram.encode('漢字').tokens).toEqual(['▁', '漢字'])
})

const small = () =>
  new Tokenizer(
    new models.WordLevel({
      vocab: ['[PAD]', '[CLS]', '[SEP]', 'a', 'b', 'c', 'd', 'e', '<unk>'].map((token, i) => [token, i]),
    }),
    {
      preTokenizer: new preTokenizers.Whitespace(),
      postProcessor: new processors.TemplateProcessing({
        single: '[CLS] $A [SEP]',
        pair: '[CLS] $A [SEP] $B:1 [SEP]:1',
        specialTokens: [
          ['[CLS]', 1],
          ['[SEP]', 2],
        ],
      }),
    },
  )

test('tensors of a batch, padded, with offsets and masks', () => {
  const tokenizer = small()
  const { attentionMask, inputIds, offsets, specialTokensMask, tokenTypeIds } = tokenizer.encodeTensors(['a b', 'c'], {
    pairs: ['d', 'e'],
  })
  expect(inputIds.toArray()).toEqual([
    [1, 3, 4, 2, 6, 2],
    [1, 5, 2, 7, 2, 0],
  ])
  expect(inputIds.dtype).toBe('int64')
  expect(attentionMask.toArray()).toEqual([
    [1, 1, 1, 1, 1, 1],
    [1, 1, 1, 1, 1, 0],
  ])
  expect(tokenTypeIds.toArray()).toEqual([
    [0, 0, 0, 0, 1, 1],
    [0, 0, 0, 1, 1, 0],
  ])
  expect(specialTokensMask.at(0).toArray()).toEqual([1, 0, 0, 1, 0, 1])
  expect(offsets.at(0).toArray()).toEqual([
    [0, 0],
    [0, 1],
    [2, 3],
    [0, 0],
    [0, 1],
    [0, 0],
  ])
  expect(tokenizer.encodeTensors([]).inputIds.shape).toEqual([0, 0])
})

// tokenizer.enable_truncation(5, stride=1, strategy=…); tokenizer.encode('a b c d e').overflowing
test('truncation keeps what overflows, with stride, strategy and direction', () => {
  const tokenizer = small()
  tokenizer.truncation = { maxLength: 5, stride: 1 }
  const encoding = tokenizer.encode('a b c d e')
  expect(encoding.tokens).toEqual(['[CLS]', 'a', 'b', 'c', '[SEP]'])
  expect(encoding.overflowing.map((part) => part.tokens)).toEqual([['[CLS]', 'c', 'd', 'e', '[SEP]']])
  tokenizer.truncation = { maxLength: 5, direction: 'left' }
  expect(tokenizer.encode('a b c d e').tokens).toEqual(['[CLS]', 'c', 'd', 'e', '[SEP]'])
  tokenizer.truncation = { maxLength: 7, strategy: 'only_second' }
  const pair = tokenizer.encode('a b', { pair: 'c d e a' })
  expect(pair.tokens).toEqual(['[CLS]', 'a', 'b', '[SEP]', 'c', 'd', '[SEP]'])
  expect(pair.overflowing.map((part) => part.tokens.join(' '))).toEqual(['[CLS] a b [SEP] e a [SEP]'])
  tokenizer.truncation = { maxLength: 6 }
  expect(tokenizer.encode('a b c d', { pair: 'e' }).tokens.join(' ')).toBe('[CLS] a b [SEP] e [SEP]')
  expect(() => tokenizer.encodeBatch(['a', 'b'], { pairs: ['c'] })).toThrow(/as many pairs as texts/)
  tokenizer.truncation = { maxLength: 4, strategy: 'only_second' }
  expect(() => tokenizer.encode('a b c', { pair: 'd' })).toThrow(/leave something/)
  tokenizer.truncation = { maxLength: 4, stride: 3 }
  expect(() => tokenizer.encode('a b c')).toThrow(/stride to be smaller/)
})

test('padding has a direction, a length and a multiple', () => {
  const tokenizer = small()
  tokenizer.padding = { direction: 'left', padToMultipleOf: 4 }
  expect(tokenizer.encodeBatch(['a', 'a b c']).map((e) => e.ids)).toEqual([
    [0, 0, 0, 0, 0, 1, 3, 2],
    [0, 0, 0, 1, 3, 4, 5, 2],
  ])
  tokenizer.padding = { length: 5, padToken: '<p>', padId: 8 }
  expect(tokenizer.encode('a').tokens).toEqual(['[CLS]', 'a', '[SEP]', '<p>', '<p>'])
  expect(() => {
    tokenizer.padding = { length: -1 }
  }).toThrow('padding: expected an integer ≥ 0 for length, got -1')
})

test('added tokens are found before anything else; words know their tokens', () => {
  const tokenizer = small()
  expect(tokenizer.addTokens([new AddedToken('x y', { singleWord: true }), 'a'])).toBe(1)
  expect(tokenizer.addSpecialTokens(['<end>'])).toBe(1)
  const encoding = tokenizer.encode('a x y b<end>xx y')
  expect(encoding.tokens).toEqual(['[CLS]', 'a', 'x y', 'b', '<end>', '<unk>', '<unk>', '[SEP]'])
  expect(encoding.charToToken(3)).toBe(2)
  expect(encoding.wordToTokens(2)).toEqual([3, 4])
  expect(tokenizer.decode(encoding.ids)).toBe('[CLS] a x y b <unk> <unk> [SEP]')
  expect(tokenizer.decode(encoding.ids, { skipSpecialTokens: false })).toContain('<end>')
  const words = tokenizer.encode(['a', 'b c'])
  expect([words.tokens, words.wordIds]).toEqual([
    ['[CLS]', 'a', 'b', 'c', '[SEP]'],
    [null, 0, 1, 1, null],
  ])
})

test('a file is saved whole and reads the same', () => {
  const path = join(mkdtempSync(join(tmpdir(), 'flambeau-')), 'tokenizer.json')
  const tokenizer = small()
  tokenizer.truncation = { maxLength: 4, stride: 1, strategy: 'only_first', direction: 'left' }
  tokenizer.padding = { length: 6, padId: 0, padToken: '[PAD]' }
  tokenizer.addTokens(['__proto__'])
  tokenizer.save(path)
  const again = Tokenizer.fromFile(path)
  expect(again.toJSON()).toEqual(tokenizer.toJSON())
  expect(again.encode('a b c __proto__').ids).toEqual(tokenizer.encode('a b c __proto__').ids)
})

test('texts with lone surrogates and other things are refused, the tokenizer goes on', () => {
  const tokenizer = small()
  expect(() => tokenizer.encode('a\ud800b')).toThrow(
    'encode: expected well-formed text, got half of a surrogate pair at 1: text.toWellFormed() puts U+FFFD there',
  )
  expect(() => tokenizer.encodeBatch(['a', '\udc00'])).toThrow(/surrogate pair at 0/)
  expect(() => tokenizer.encode(3 as never)).toThrow('encode: expected a text, got 3')
  expect(() => tokenizer.decode('abc' as never)).toThrow(/expected a list of ids/)
  expect(tokenizer.encode('😀 a').ids).toEqual([1, 8, 3, 2])
})

const file = (change: object) => JSON.stringify({ ...(small().toJSON() as object), ...change })

test.each([
  ['no JSON', '{', /no JSON/],
  ['an empty file', '', /no JSON/],
  ['an array', '[]', /expected an object, got \[\]/],
  ['nothing', '{}', /tokenizer\.model: expected an object/],
  ['an unknown model', file({ model: { type: 'Nope' } }), /model\.type: expected one of BPE, .*, got 'Nope'/],
  ['the prototype as a model', file({ model: { type: 'constructor' } }), /expected one of BPE/],
  [
    'ids that are none',
    file({ model: { type: 'BPE', vocab: { a: -1 }, merges: [] } }),
    /ids from 0 to 2³¹ - 1, got -1 for 'a'/,
  ],
  [
    'merges of unknown tokens',
    file({ model: { type: 'BPE', vocab: { a: 0 }, merges: ['a b'] } }),
    /tokens of the vocabulary for merges, got 'b'/,
  ],
  [
    'merges that are no pairs',
    file({ model: { type: 'BPE', vocab: { a: 0 }, merges: ['a'] } }),
    /expected pairs of tokens/,
  ],
  [
    'a unigram without its unknown',
    file({ model: { type: 'Unigram', vocab: [['a', 0]], unk_id: 7 } }),
    /unk_id: expected an id below 1, got 7/,
  ],
  [
    'a broken expression',
    file({ pre_tokenizer: { type: 'Split', pattern: { Regex: '((' }, behavior: 'Isolated' } }),
    /regular expression of Oniguruma, got '\(\('/,
  ],
  [
    'a broken character map',
    file({ normalizer: { type: 'Precompiled', precompiled_charsmap: '/////wAA' } }),
    /compiled character map/,
  ],
  [
    'endless padding',
    file({ padding: { strategy: { Fixed: 2e9 }, pad_id: 0, pad_token: 'x' } }),
    /strategy: expected a length up to/,
  ],
  [
    'a template without its tokens',
    file({
      post_processor: {
        type: 'TemplateProcessing',
        single: [{ SpecialToken: { id: 'x', type_id: 0 } }],
        pair: [],
        special_tokens: {},
      },
    }),
    /\$A and \$B in pair/,
  ],
])('a hostile tokenizer.json is refused: %s', (_, text, message) => {
  expect(() => Tokenizer.fromString(text)).toThrow(FormatError)
  expect(() => Tokenizer.fromString(text)).toThrow(message)
})

test('nesting that would overflow the stack is refused, and so is a damaged file on disk', () => {
  const deep = `${'{"type":"Sequence","normalizers":['.repeat(5000)}${']}'.repeat(5000)}`
  const nested = file({ normalizer: 0 }).replace('"normalizer":0', `"normalizer":${deep}`)
  expect(() => Tokenizer.fromString(nested)).toThrow(/at most 64 levels/)
  const path = join(mkdtempSync(join(tmpdir(), 'flambeau-')), 'tokenizer.json')
  writeFileSync(path, file({}).slice(0, 200))
  expect(() => Tokenizer.fromFile(path)).toThrow(FormatError)
})

test('expressions of Oniguruma mean the same in JavaScript', () => {
  const split = (regex: string, text: string) =>
    new Tokenizer(new models.WordLevel({ vocab: [['?', 0]], unkToken: '?' }), {
      preTokenizer: new preTokenizers.Split({ regex }, 'Removed', { invert: true }),
    })
      .encode(text)
      .offsets.map(([start, end]) => text.slice(start, end))
  expect(split("(?i:'s|'LL)", "it'S he'll")).toEqual(["'S", "'ll"])
  expect(split('\\p{L}++x', 'aax')).toEqual([])
  expect(split('(?>a|ab)c|d', 'abc d ac')).toEqual(['d', 'ac'])
  expect(split('[a-z&&[^m-p]]+', 'abcmnopxyz')).toEqual(['abc', 'xyz'])
  expect(split('\\h{2,}|[[:punct:]]', 'ff zz!')).toEqual(['ff', '!'])
  expect(split('^b.$', 'ab\nbc\nbd')).toEqual(['bc', 'bd'])
  expect(split('\\p{Han}+|\\p{IsGreek}', '漢字αb')).toEqual(['漢字', 'α'])
  expect(split('\\s', 'a\u0085b\ufeffc')).toEqual(['\u0085'])
})
