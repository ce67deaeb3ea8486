// `npm run interop:tokenizers -- [--characters N] [--seed N]`: tokens, offsets and decoded texts of mixed scripts, for
// tokenizers of every kind, compared with the Python package `tokenizers`; and what training learns.
// FLAMBEAU_PYTHON names a Python that has it.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual, parseArgs } from 'node:util'
import { Tokenizer, tokenizers } from '@flambeau/text'
import { python } from '../../benchmarks/support/alternate.mjs'

const { models, normalizers, preTokenizers, trainers } = tokenizers
const { values } = parseArgs({
  options: {
    characters: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: '1' },
    folder: { type: 'string' },
  },
})
const folder = values.folder ?? mkdtempSync(join(tmpdir(), 'tokenizers-'))
const read = (name) => JSON.parse(readFileSync(join(folder, name), 'utf8'))
let failures = 0

function compare(name, texts) {
  const tokenizer = Tokenizer.fromFile(join(folder, `${name}.json`))
  const again = Tokenizer.fromString(JSON.stringify(tokenizer))
  const expected = read(`${name}.expected.json`)
  const wrong = { tokens: 0, offsets: 0, decoded: 0, saved: 0 }
  let shown = 0
  const start = performance.now()
  const encodings = texts.map((text) => tokenizer.encode(text))
  const seconds = (performance.now() - start) / 1000
  for (const [i, encoding] of encodings.entries()) {
    const [ids, offsets, decoded] = expected[i]
    const same = {
      tokens: isDeepStrictEqual(encoding.ids, ids),
      // Theirs lose the place of what SentencePiece's rules drop at the very beginning: all that follows is off by it.
      offsets:
        /^[\p{Cc}\u200b-\u200f]/u.test(texts[i]) && name === 'sentencepiece'
          ? true
          : isDeepStrictEqual(encoding.offsets.flat(), offsets),
      decoded: tokenizer.decode(ids) === decoded,
      saved: i % 50 !== 0 || isDeepStrictEqual(again.encode(texts[i]).ids, encoding.ids),
    }
    for (const [what, is] of Object.entries(same)) {
      if (is) continue
      wrong[what]++
      if (shown++ > 2) continue
      const list = what === 'offsets' ? encoding.offsets.flat() : encoding.ids
      const at = list.findIndex((value, j) => value !== (what === 'offsets' ? offsets : ids)[j])
      const token = what === 'offsets' ? at >> 1 : at
      console.log(`  text ${i}: ${what} differ at ${at}`, {
        ours: encoding.tokens.slice(Math.max(0, token - 2), token + 4),
        offsets: encoding.offsets.slice(Math.max(0, token - 2), token + 4).flat(),
        theirs: ids.slice(Math.max(0, token - 2), token + 4).map((id) => tokenizer.idToToken(id)),
        theirOffsets: offsets.slice(2 * Math.max(0, token - 2), 2 * token + 8),
        text: JSON.stringify(
          texts[i].slice(
            Math.max(0, (encoding.offsets[token]?.[0] ?? 0) - 10),
            (encoding.offsets[token]?.[0] ?? 0) + 20,
          ),
        ),
      })
      if (what === 'decoded') console.log({ ours: tokenizer.decode(ids).slice(0, 200), theirs: decoded.slice(0, 200) })
    }
  }
  const sum = Object.values(wrong).reduce((a, b) => a + b, 0)
  failures += sum
  console.log(
    `${sum === 0 ? 'equal ' : 'DIFFER'} ${name.padEnd(16)} ${expected.reduce((n, [ids]) => n + ids.length, 0)} tokens, ${seconds.toFixed(2)} s${sum === 0 ? '' : ` ${JSON.stringify(wrong)}`}`,
  )
}

function compareTraining(name, tokenizer, trainer) {
  tokenizer.trainFromIterator(read('training.json'), trainer)
  const { merges, vocab } = read(`${name}.trained.json`)
  const ours = tokenizer.toJSON().model
  const same = isDeepStrictEqual({ ...ours.vocab }, vocab) && isDeepStrictEqual(ours.merges, merges)
  if (!same) {
    failures++
    const at = merges.findIndex((pair, i) => !isDeepStrictEqual(pair, ours.merges[i]))
    console.log({
      at,
      theirs: merges.slice(at, at + 3),
      ours: ours.merges.slice(at, at + 3),
      sizes: [merges.length, ours.merges.length],
    })
  }
  console.log(`${same ? 'equal ' : 'DIFFER'} training of ${name}: ${merges.length} merges`)
}

try {
  const script = fileURLToPath(new URL('text_tokens.py', import.meta.url))
  if (values.folder === undefined) {
    const made = spawnSync(python, [script, folder, values.characters, values.seed], { stdio: 'inherit' })
    if (made.status !== 0) throw new Error(`${python} could not make the texts: it needs the package tokenizers`)
  }
  const texts = read('texts.json')
  console.log(`${texts.length} texts, ${texts.reduce((n, text) => n + Array.from(text).length, 0)} characters`)
  for (const file of readdirSync(folder).sort())
    if (file.endsWith('.expected.json')) compare(file.slice(0, -'.expected.json'.length), texts)
  compareTraining(
    'bpe',
    new Tokenizer(new models.BPE(), { preTokenizer: new preTokenizers.ByteLevel({ addPrefixSpace: false }) }),
    new trainers.BpeTrainer({
      vocabSize: 700,
      minFrequency: 2,
      specialTokens: ['<s>'],
      initialAlphabet: preTokenizers.ByteLevel.alphabet(),
    }),
  )
  compareTraining(
    'bpe-short',
    new Tokenizer(new models.BPE(), {
      normalizer: new normalizers.NFC(),
      preTokenizer: new preTokenizers.Whitespace(),
    }),
    new trainers.BpeTrainer({
      vocabSize: 9000,
      specialTokens: ['<unk>'],
      maxTokenLength: 6,
      model: { unkToken: '<unk>' },
    }),
  )
} finally {
  if (values.folder === undefined) rmSync(folder, { recursive: true, force: true })
}
process.exitCode = failures === 0 ? 0 : 1
