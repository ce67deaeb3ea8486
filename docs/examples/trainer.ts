// Tells two spirals apart by the trainer. Ended at any moment and started again, it goes on where it was; with DEVICES=2, or
// by `npx flambeau run --nproc 2 docs/dist/trainer.js`, several processes train it.
import { cat, data, F, Generator, nn, ones, optim, rand, randn, stack, type Tensor, zeros } from '@flambeau/core'
import { Accuracy } from '@flambeau/core/metrics'
import {
  Callback,
  CSVLogger,
  EarlyStopping,
  JSONLinesLogger,
  LearningRateMonitor,
  LightningDataModule,
  LightningModule,
  ModelCheckpoint,
  seedEverything,
  Trainer,
} from '@flambeau/trainer'

// The tests run every example with a small budget.
const quick = process.env.FLAMBEAU_EXAMPLE_QUICK === '1'
type Batch = [points: Tensor, spiral: Tensor]

/** Two spirals with noise, the second the first turned by half a circle. */
class Spirals extends LightningDataModule<Batch> {
  readonly batchSize: number
  #parts: data.MapStyle<Batch>[] = []

  constructor(batchSize: number) {
    super()
    this.batchSize = batchSize
  }

  override setup(): void {
    const generator = new Generator().manualSeed(1)
    const n = 600
    const angle = rand([n], { generator })
      .sqrt()
      .mul(3 * Math.PI)
    const arm = stack([angle.cos().mul(angle), angle.sin().mul(angle)], 1).div(10)
    const points = cat([arm, arm.neg()]).add(randn([2 * n, 2], { generator }).mul(0.02))
    const spiral = cat([zeros([n]), ones([n])]).to('int64')
    this.#parts = data.randomSplit(new data.TensorDataset(points, spiral), [0.7, 0.15, 0.15], { generator })
  }

  override trainDataloader() {
    return new data.DataLoader(this.#parts[0], { batchSize: this.batchSize, shuffle: true })
  }

  override valDataloader() {
    return new data.DataLoader(this.#parts[1], { batchSize: 180 })
  }

  override testDataloader() {
    return new data.DataLoader(this.#parts[2], { batchSize: 180 })
  }
}

class Classifier extends LightningModule<Batch> {
  readonly net: nn.Sequential
  readonly valAccuracy = new Accuracy({ task: 'binary' })
  readonly testAccuracy = new Accuracy({ task: 'binary' })

  constructor(hparams: { readonly width: number; readonly lr: number }) {
    super()
    this.saveHyperparameters(hparams)
    const { width } = hparams
    this.net = new nn.Sequential(
      new nn.Linear(2, width),
      new nn.Tanh(),
      new nn.Linear(width, width),
      new nn.Tanh(),
      new nn.Linear(width, 1),
      new nn.Flatten(0),
    )
  }

  /** @param points [N, 2]. @returns logits [N] */
  override forward(points: Tensor): Tensor {
    return this.net.forward(points)
  }

  override trainingStep([points, spiral]: Batch): Tensor {
    const loss = F.binaryCrossEntropyWithLogits(this.forward(points), spiral.to('float32'))
    this.log('train_loss', loss, { progBar: true })
    return loss
  }

  override validationStep([points, spiral]: Batch): void {
    const logits = this.forward(points)
    this.valAccuracy.update(logits, spiral)
    this.log('val_loss', F.binaryCrossEntropyWithLogits(logits, spiral.to('float32')), { progBar: true })
    this.log('val_accuracy', this.valAccuracy, { progBar: true })
  }

  override testStep([points, spiral]: Batch): void {
    this.testAccuracy.update(this.forward(points), spiral)
    this.log('test_accuracy', this.testAccuracy)
  }

  override configureOptimizers() {
    const optimizer = new optim.AdamW(this.parameters(), { lr: Number(this.hparams.lr) })
    const scheduler = new optim.lrScheduler.ReduceLROnPlateau(optimizer, { factor: 0.5, patience: 8 })
    return { optimizer, lrScheduler: { scheduler, monitor: 'val_loss' } }
  }
}

/** Remembers the largest gradient that a step had; a run that goes on remembers it too. */
class LargestGradient extends Callback {
  largest = 0

  override onBeforeOptimizerStep(_trainer: Trainer, module: LightningModule): void {
    for (const { grad } of module.parameters())
      if (grad !== null) this.largest = Math.max(this.largest, grad.abs().max().item<number>())
  }

  override stateDict() {
    return { largest: this.largest }
  }

  override loadStateDict(state: Record<string, unknown>): void {
    this.largest = Number(state.largest)
  }
}

seedEverything(0)
const gradients = new LargestGradient()
const best = new ModelCheckpoint({
  monitor: 'val_loss',
  saveTopK: 2,
  filename: '{epoch}-{val_loss:.3f}',
  saveLast: true,
})
const trainer = new Trainer({
  accelerator: 'cpu',
  devices: process.env.DEVICES === undefined ? 'auto' : Number(process.env.DEVICES),
  maxEpochs: quick ? 3 : 120,
  gradientClipVal: 1,
  logEveryNSteps: 10,
  defaultRootDir: 'out/spirals',
  logger: [new CSVLogger('out/spirals'), new JSONLinesLogger('out/spirals', { name: 'lines' })],
  callbacks: [gradients, new LearningRateMonitor(), new EarlyStopping({ monitor: 'val_loss', patience: 30 }), best],
})
const spirals = new Spirals(64)
const classifier = new Classifier({ width: 48, lr: 0.01 })
await trainer.fit(classifier, { datamodule: spirals, ckptPath: 'last' })
const [{ test_accuracy: accuracy }] = await trainer.test(classifier, { datamodule: spirals, ckptPath: 'best' })
if (trainer.isGlobalZero) {
  console.log(
    `${trainer.globalStep} steps, largest gradient ${gradients.largest.toFixed(2)}, best: ${best.bestModelPath}`,
  )
  console.log(`test accuracy: ${(100 * accuracy).toFixed(1)} %`)
}
