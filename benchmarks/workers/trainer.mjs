// Steps of about 5 ms, in a bare loop or through the trainer, which also logs. Milliseconds of processor time a step.
import { Writable } from 'node:stream'
import { data, F, manualSeed, nn, optim, randint, randn, setNumThreads } from '@flambeau/core'
import { CSVLogger, LightningModule, ProgressBar, Trainer } from '@flambeau/trainer'
import { serve } from '../support/serve.mjs'

const [folder] = process.argv.slice(2)
const STEPS = 300
setNumThreads(1)
manualSeed(0)
const samples = new data.TensorDataset(randn([STEPS * 64, 256]), randint(0, 10, [STEPS * 64]))
const loader = () => new data.DataLoader(samples, { batchSize: 64, shuffle: true })

class Net extends LightningModule {
  body = new nn.Sequential(
    new nn.Linear(256, 768),
    new nn.ReLU(),
    new nn.Linear(768, 768),
    new nn.ReLU(),
    new nn.Linear(768, 10),
  )
  forward(x) {
    return this.body.forward(x)
  }
  trainingStep([x, y]) {
    const loss = F.crossEntropy(this.forward(x), y)
    this.log('train_loss', loss, { progBar: true, onEpoch: true })
    return loss
  }
  configureOptimizers() {
    return new optim.Adam(this.parameters())
  }
}

const net = new Net()
const ways = {
  async bare() {
    const optimizer = new optim.Adam(net.parameters())
    let sum = 0
    net.train()
    for await (const [x, y] of loader()) {
      const loss = F.crossEntropy(net.forward(x), y)
      optimizer.zeroGrad()
      loss.backward()
      optimizer.step()
      sum += loss.item()
    }
    return sum
  },
  async fit() {
    const stream = new Writable({ write: (_chunk, _encoding, done) => done() })
    const trainer = new Trainer({
      accelerator: 'cpu',
      maxEpochs: 1,
      logger: new CSVLogger(folder),
      enableCheckpointing: false,
      enableModelSummary: false,
      callbacks: new ProgressBar({ stream }),
    })
    await trainer.fit(net, { trainDataloaders: loader() })
    return trainer.globalStep
  },
}

await serve(async (way) => {
  const before = process.cpuUsage()
  await ways[way]()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000 / STEPS
})
