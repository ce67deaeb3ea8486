// A run of several processes, or of one with the whole batch: the first argument says which, the second is a folder.
// Rank 0 prints what it came to; all print the digest of their weights.
import { createHash } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { data, F, Generator, manualSeed, nn, optim, randn, setNumThreads } from '@flambeau/core'
import { DistributedSampler } from '@flambeau/core/distributed'
import { Accuracy } from '@flambeau/core/metrics'
import {
  Callback,
  CSVLogger,
  DDPStrategy,
  EarlyStopping,
  LightningModule,
  ModelCheckpoint,
  Trainer,
} from '@flambeau/trainer'

const [which, folder, argument = '{}'] = process.argv.slice(2)
const {
  batch = 8,
  accumulate = 1,
  epochs = 2,
  options = {},
  failAt = null,
  resume = null,
  noisy = false,
} = JSON.parse(argument)
setNumThreads(1)
manualSeed(3)

const points = 96
const x = randn([points, 6], { generator: new Generator().manualSeed(1) })
const dataset = new data.TensorDataset(x, x.sum(1).gt(0).to('int64'))
// An odd number, so that the processes have parts of different sizes.
const held = new data.Subset(
  dataset,
  Array.from({ length: 29 }, (_, i) => i),
)

class Net extends LightningModule {
  body = new nn.Sequential(
    new nn.Linear(6, 8),
    ...(noisy ? [new nn.BatchNorm1d(8), new nn.Dropout(0.2)] : []),
    new nn.Tanh(),
    new nn.Linear(8, 2),
  )
  accuracy = new Accuracy({ task: 'multiclass', numClasses: 2 })
  forward(input) {
    return this.body.forward(input)
  }
  trainingStep([input, target], index) {
    if (failAt !== null && this.trainer.globalRank === failAt && index === 2) throw new RangeError('a broken sample')
    const loss = F.crossEntropy(this.forward(input), target)
    this.log('train_loss', loss, { onEpoch: true, syncDist: true })
    return loss
  }
  validationStep([input, target]) {
    const logits = this.forward(input)
    this.accuracy.update(logits, target)
    this.log('val_loss', F.crossEntropy(logits, target))
    this.log('val_accuracy', this.accuracy)
    this.log('worst', F.crossEntropy(logits, target), { reduceFx: 'max' })
  }
  testStep([input, target]) {
    this.log('test_loss', F.crossEntropy(this.forward(input), target))
  }
  configureOptimizers() {
    return new optim.AdamW(this.parameters(), { lr: 0.02 })
  }
}

/** Rank 1 alone wants to stop, or gets a signal in the middle of an accumulation. */
class Ending extends Callback {
  async onTrainBatchEnd(trainer) {
    if (trainer.globalRank !== 1) return
    if (which === 'agreed' && trainer.globalStep === 5) trainer.shouldStop = true
    if (which !== 'signal' || trainer.progress.totalBatches !== 22) return
    process.kill(process.pid, 'SIGTERM')
    // The handler runs in the event loop.
    while (!trainer.signalled) await pause(5)
  }
}

const whole = which === 'alone'
const sampler = whole ? new DistributedSampler(dataset, { numReplicas: 1, rank: 0 }) : undefined
const train = new data.DataLoader(dataset, whole ? { batchSize: batch, sampler } : { batchSize: batch, shuffle: true })
const net = new Net()
const checkpoint = new ModelCheckpoint({ monitor: 'val_loss', saveLast: true, saveTopK: 2 })
const trainer = new Trainer({
  accelerator: 'cpu',
  maxEpochs: epochs,
  accumulateGradBatches: accumulate,
  gradientClipVal: 1,
  logEveryNSteps: 1,
  valCheckInterval: 4,
  defaultRootDir: folder,
  enableProgressBar: false,
  enableModelSummary: false,
  logger: [new CSVLogger(folder)],
  callbacks: [new Ending(), new EarlyStopping({ monitor: 'val_loss', patience: 100 }), checkpoint],
  strategy: whole ? 'single_device' : new DDPStrategy({ timeout: 600_000 }),
  ...options,
})
await trainer.fit(net, {
  trainDataloaders: train,
  valDataloaders: new data.DataLoader(held, { batchSize: 5 }),
  ckptPath: resume,
})
const [tested] = await trainer.test(net, { dataloaders: new data.DataLoader(held, { batchSize: 5 }) })

const digest = createHash('sha256')
for (const t of Object.values(net.stateDict())) digest.update(t.contiguous().data())
const said = {
  rank: trainer.globalRank,
  digest: digest.digest('hex'),
  step: trainer.globalStep,
  interrupted: trainer.interrupted,
}
if (trainer.isGlobalZero)
  Object.assign(said, {
    weights: Object.values(net.stateDict()).map((t) => t.flatten().tolist()),
    metrics: trainer.callbackMetrics,
    tested,
    best: checkpoint.bestModelPath,
    last: checkpoint.lastModelPath,
  })
console.log(`SAID ${JSON.stringify(said)}`)
