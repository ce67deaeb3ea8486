// Tells spam from other mail: a tokenizer trained on the mails, and a network over the tokens and their pairs.
import { data, F, Generator, manualSeed, nn, noGrad, optim, type Tensor, tensor } from '@flambeau/core'
import { Tokenizer, tokenizers } from '@flambeau/text'
import { beginning, loadMails, type Mail } from './spam/mails.js'

// The tests run every example with a small budget.
const quick = process.env.FLAMBEAU_EXAMPLE_QUICK === '1'
const epochs = quick ? 3 : 8
const vocabSize = quick ? 1000 : 8000
/** Rows of the table that pairs of tokens share. */
const pairs = quick ? 2 ** 12 : 2 ** 17
/** Characters of a mail that are read: spam shows early. */
const longest = quick ? 1000 : 6000

const started = performance.now()
const seconds = () => `${((performance.now() - started) / 1000).toFixed(0)} s`
manualSeed(0)

const mails = loadMails()
const used = quick ? mails.slice(0, 700) : mails
const held = Math.floor(used.length / 5)
const [train, test] = data.randomSplit(
  { length: used.length, get: (i: number) => used[i] },
  [used.length - held, held],
  {
    generator: new Generator().manualSeed(1),
  },
)
const all = (part: data.MapStyle<Mail>): Mail[] => Array.from({ length: part.length }, (_, i) => part.get(i) as Mail)
const [trainMails, testMails] = [all(train), all(test)]

const { models, normalizers, preTokenizers, trainers } = tokenizers
const tokenizer = new Tokenizer(new models.BPE(), {
  normalizer: new normalizers.NFKC(),
  preTokenizer: new preTokenizers.ByteLevel({ addPrefixSpace: false }),
})
tokenizer.trainFromIterator(
  trainMails.map((mail) => beginning(mail, longest / 2)),
  new trainers.BpeTrainer({ vocabSize, minFrequency: 2, initialAlphabet: preTokenizers.ByteLevel.alphabet() }),
)
console.log(`${used.length} mails, ${tokenizer.vocabSize} tokens learned (${seconds()})`)

/** The tokens of a mail and the pairs of neighbours, each once. */
function featuresOf(mail: Mail): number[] {
  const { ids } = tokenizer.encode(beginning(mail, longest))
  const features = new Set(ids)
  for (let i = 1; i < ids.length; i++)
    features.add(tokenizer.vocabSize + ((Math.imul(ids[i - 1] * 31 + ids[i], 0x9e3779b1) >>> 0) % pairs))
  return features.size > 0 ? [...features] : [0]
}

interface Sample {
  readonly features: readonly number[]
  readonly label: number
}
const samplesOf = (list: readonly Mail[]): Sample[] =>
  list.map((mail) => ({ features: featuresOf(mail), label: mail.isSpam ? 1 : 0 }))
const [trainSamples, testSamples] = [samplesOf(trainMails), samplesOf(testMails)]
console.log(`${trainSamples.length} mails to learn from, ${testSamples.length} held out (${seconds()})`)

/** The features of all mails in one row, and where each mail's begin. */
function collate(samples: readonly Sample[]): { features: Tensor; offsets: Tensor; labels: Tensor } {
  let end = 0
  const offsets = samples.map(({ features }) => {
    end += features.length
    return end - features.length
  })
  return {
    features: tensor(
      BigInt64Array.from(
        samples.flatMap(({ features }) => features as number[]),
        BigInt,
      ),
    ),
    offsets: tensor(BigInt64Array.from(offsets, BigInt)),
    labels: tensor(samples.map(({ label }) => label)),
  }
}

class SpamNet extends nn.Module<[features: Tensor, offsets: Tensor]> {
  table = new nn.EmbeddingBag(tokenizer.vocabSize + pairs, 32, { mode: 'mean' })
  dropout = new nn.Dropout(0.3)
  hidden = new nn.Linear(32, 32)
  out = new nn.Linear(32, 1)

  override forward(features: Tensor, offsets: Tensor): Tensor {
    const mean = this.dropout.forward(this.table.forward(features, offsets)) // [N, 32]
    return this.out.forward(this.hidden.forward(mean).relu()).squeeze(1) //     [N]
  }
}

const model = new SpamNet()
nn.init.normal_(model.table.weight, 0, 0.1)
const optimizer = new optim.Adam(model.parameters(), { lr: 5e-3 })

/** The share of mails that are judged right. */
function accuracy(samples: readonly Sample[]): number {
  model.eval()
  const { features, labels, offsets } = collate(samples)
  const judged = noGrad(() => model.forward(features, offsets).gt(0).to('float32'))
  model.train()
  return judged.eq(labels).to('float32').mean().item()
}

for (let epoch = 1; epoch <= epochs; epoch++) {
  let sum = 0
  const loader = new data.DataLoader(
    { length: trainSamples.length, get: (i: number) => trainSamples[i] },
    { batchSize: 32, shuffle: true, collateFn: collate },
  )
  for await (const { features, labels, offsets } of loader) {
    const loss = F.binaryCrossEntropyWithLogits(model.forward(features, offsets), labels)
    optimizer.zeroGrad()
    loss.backward()
    optimizer.step()
    sum += loss.item()
  }
  console.log(
    `epoch ${epoch}: loss ${(sum / loader.length).toFixed(4)}, held out ${accuracy(testSamples).toFixed(4)} (${seconds()})`,
  )
}

const reached = accuracy(testSamples)
console.log(`${(100 * reached).toFixed(2)} % of the mails that it has never seen are judged right`)
const wanted = quick ? 0.8 : 0.985
if (reached < wanted) {
  console.error(`expected at least ${wanted}, got ${reached.toFixed(4)}`)
  process.exitCode = 1
}
