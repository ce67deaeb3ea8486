// Steps in a bare loop and through the trainer, which also logs. Microseconds of processor time a step, of an epoch from its first
// batch to what is logged at its end. The argument is a question: `bare small`, `fit large`.
import { Writable } from 'node:stream'
import { data, F, manualSeed, nn, optim, randint, randn, setNumThreads } from '@flambeau/core'
import { CSVLogger, LightningModule, ProgressBar, Trainer } from '@flambeau/trainer'
import { serve } from '../support/serve.mjs'

const [folder] = process.argv.slice(2)
const BATCH = 64
/** A network whose step takes about 5 ms, and one whose step is nearly nothing. */
const sizes = { large: { features: 256, width: 768, steps: 100 }, small: { features: 8, width: 8, steps: 1000 } }
setNumThreads(1)
manualSeed(0)

class Net extends LightningModule {
  constructor({ features, width }) {
    super()
    this.body = new nn.Sequential(
      new nn.Linear(features, width),
      new nn.ReLU(),
      new nn.Linear(width, width),
      new nn.ReLU(),
      new nn.Linear(width, 10),
    )
  }
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
  onTrainStart() {
    this.before = process.cpuUsage()
  }
  onTrainEnd() {
    this.taken = process.cpuUsage(this.before)
  }
}

const subjects = Object.fromEntries(
  Object.entries(sizes).map(([name, size]) => {
    const samples = new data.TensorDataset(
      randn([size.steps * BATCH, size.features]),
      randint(0, 10, [size.steps * BATCH]),
    )
    const loader = () => new data.DataLoader(samples, { batchSize: BATCH, shuffle: true })
    return [name, { loader, net: new Net(size), steps: size.steps }]
  }),
)

const ways = {
  async bare(net, loader) {
    const optimizer = net.configureOptimizers()
    let sum = 0
    net.train()
    net.onTrainStart()
    for await (const [x, y] of loader()) {
      const loss = F.crossEntropy(net.forward(x), y)
      optimizer.zeroGrad()
      loss.backward()
      optimizer.step()
      sum += loss.item()
    }
    net.onTrainEnd()
    return sum
  },
  async fit(net, loader) {
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

await serve(async (question) => {
  const [way, size] = question.split(' ')
  const { loader, net, steps } = subjects[size]
  await ways[way](net, loader)
  const { user, system } = net.taken
  return (user + system) / steps
})
