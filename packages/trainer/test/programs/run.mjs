// A run with everything that a run can have, in the folder of the first argument; it goes on from what it finds there.
// Says 'begun' at its first batch, and at its end what it came to.
import { createHash } from 'node:crypto'
import { data, F, Generator, manualSeed, nn, optim, randn, setNumThreads } from '@flambeau/core'
import { Accuracy, MeanMetric } from '@flambeau/core/metrics'
import {
  Callback,
  CSVLogger,
  EMAWeightAveraging,
  JSONLinesLogger,
  LearningRateMonitor,
  LightningModule,
  ModelCheckpoint,
  TensorBoardLogger,
  Trainer,
} from '@flambeau/trainer'

const [folder, epochs = '4'] = process.argv.slice(2)
setNumThreads(1)
manualSeed(7)

class Noisy extends data.Dataset {
  #x = randn([100, 1, 8, 8], { generator: new Generator().manualSeed(1) })
  length = 100
  get(index) {
    const image = this.#x.at(index)
    // Random numbers in reading, from the same stream as dropout's.
    return [image.add(randn([1, 8, 8]).mul(0.1)), image.sum().item() > 0 ? 1n : 0n]
  }
}

class Net extends LightningModule {
  body = new nn.Sequential(
    new nn.Conv2d(1, 4, 3),
    new nn.BatchNorm2d(4),
    new nn.ReLU(),
    new nn.Flatten(),
    new nn.Dropout(0.2),
    new nn.Linear(144, 2),
  )
  accuracy = new Accuracy({ task: 'multiclass', numClasses: 2 })
  seen = new MeanMetric()
  forward(x) {
    return this.body.forward(x)
  }
  trainingStep([x, y]) {
    const logits = this.forward(x)
    const loss = F.crossEntropy(logits, y)
    this.accuracy.forward(logits.detach(), y)
    this.seen.update(loss.detach())
    this.log('train_loss', loss, { onEpoch: true, progBar: true })
    this.log('train_accuracy', this.accuracy, { onStep: true, onEpoch: true })
    this.log('seen', this.seen, { onStep: false, onEpoch: true })
    return loss
  }
  validationStep([x, y]) {
    this.log('val_loss', F.crossEntropy(this.forward(x), y))
  }
  configureOptimizers() {
    const optimizer = new optim.AdamW(this.parameters(), { lr: 1e-2 })
    const scheduler = new optim.lrScheduler.OneCycleLR(optimizer, 1e-2, { totalSteps: 400 })
    return { optimizer, lrScheduler: { scheduler, interval: 'step' } }
  }
}

class Begun extends Callback {
  #said = false
  onTrainBatchStart() {
    if (!this.#said) process.send?.('begun')
    this.#said = true
  }
}

const generator = new Generator().manualSeed(3)
const train = new data.DataLoader(new Noisy(), { batchSize: 8, shuffle: true, generator })
const val = new data.DataLoader(new Noisy(), { batchSize: 25 })
const ema = new EMAWeightAveraging({ decay: 0.9 })
const net = new Net()
const trainer = new Trainer({
  accelerator: 'cpu',
  maxEpochs: Number(epochs),
  accumulateGradBatches: 2,
  gradientClipVal: 1,
  valCheckInterval: 5,
  logEveryNSteps: 1,
  defaultRootDir: folder,
  enableProgressBar: false,
  enableModelSummary: false,
  logger: [
    new CSVLogger(folder),
    new JSONLinesLogger(folder, { version: 'json' }),
    new TensorBoardLogger(folder, { version: 'events' }),
  ],
  callbacks: [
    new Begun(),
    ema,
    new LearningRateMonitor(),
    new ModelCheckpoint({ dirpath: `${folder}/steps`, everyNTrainSteps: 3, saveLast: true }),
    new ModelCheckpoint({ dirpath: `${folder}/best`, monitor: 'val_loss', saveTopK: 2, filename: '{epoch}-{step}' }),
  ],
})
await trainer.fit(net, { trainDataloaders: train, valDataloaders: val, ckptPath: 'last' })

const digest = createHash('sha256')
// A run that was stopped before its first step has no averages yet.
for (const t of [...Object.values(net.stateDict()), ...Object.values(ema.stateDict().averages ?? {})])
  digest.update(t.contiguous().data())
for (const { optimizer } of trainer.optimizers)
  for (const state of Object.values(optimizer.stateDict().state))
    for (const value of Object.values(state)) digest.update(String(value.toArray()))
console.log(
  JSON.stringify({
    digest: digest.digest('hex'),
    step: trainer.globalStep,
    epoch: trainer.currentEpoch,
    interrupted: trainer.interrupted,
    metrics: trainer.callbackMetrics,
    best: trainer.callbacks.at(-1).bestModelScore,
    kept: Object.keys(trainer.callbacks.at(-1).bestKModels).map((path) => path.split('/').at(-1)),
  }),
)
