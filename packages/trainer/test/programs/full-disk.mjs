// Trains a module that grows, in a process that may not write large files: says what happened.
import { readdirSync } from 'node:fs'
import { nn, optim, randn } from '@flambeau/core'
import { LightningModule, ModelCheckpoint, Trainer } from '@flambeau/trainer'

const [dirpath] = process.argv.slice(2)

class Growing extends LightningModule {
  layer = new nn.Linear(4, 1)
  extra = null
  forward(x) {
    return this.layer.forward(x)
  }
  trainingStep(x) {
    return this.forward(x).square().mean()
  }
  onSaveCheckpoint(checkpoint) {
    if (this.currentEpoch > 0) checkpoint.extra = randn([100_000])
  }
  configureOptimizers() {
    return new optim.SGD(this.parameters(), { lr: 0.1 })
  }
}

const trainer = new Trainer({
  accelerator: 'cpu',
  maxEpochs: 3,
  logger: false,
  enableProgressBar: false,
  enableModelSummary: false,
  callbacks: new ModelCheckpoint({ dirpath, saveTopK: 1 }),
})
try {
  await trainer.fit(new Growing(), { trainDataloaders: [randn([2, 4])] })
} catch ({ name, message }) {
  console.log(JSON.stringify({ name, message, kept: readdirSync(dirpath) }))
}
