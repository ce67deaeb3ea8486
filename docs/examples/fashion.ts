// Trains a small residual network on Fashion-MNIST through the trainer, tests it on the 10,000 images it has not seen, and
// draws what it confuses. The files are those of Debian's dataset-fashion-mnist, or of FASHION_MNIST.
import { mkdirSync } from 'node:fs'
import { data, F, manualSeed, nn, optim, rand, type Tensor, where } from '@flambeau/core'
import { Accuracy, ConfusionMatrix } from '@flambeau/core/metrics'
import { CSVLogger, LearningRateMonitor, LightningModule, ModelCheckpoint, Trainer } from '@flambeau/trainer'
import { datasets, utils } from '@flambeau/vision'
import { drawMisread, report } from './fashion/report.js'

// The tests run every example with a small budget.
const quick = process.env.FLAMBEAU_EXAMPLE_QUICK === '1'
const root = process.env.FASHION_MNIST ?? '/usr/share/datasets/fashion-mnist'
const epochs = quick ? 1 : Number(process.env.EPOCHS ?? 10)
const picture = 'out/fashion.png'
const { classes } = datasets.FashionMNIST
type Batch = [images: Tensor, labels: Tensor]

/** Two convolutions beside a way past them. */
class Block extends nn.Module {
  readonly body: nn.Sequential
  readonly past: nn.Module

  constructor(inputs: number, outputs: number, stride: number) {
    super()
    const half = (from: number, to: number, by: number) => [
      new nn.Conv2d(from, to, 3, { stride: by, padding: 1, bias: false }),
      new nn.BatchNorm2d(to),
    ]
    this.body = new nn.Sequential(...half(inputs, outputs, stride), new nn.ReLU(), ...half(outputs, outputs, 1))
    this.past =
      stride === 1 && inputs === outputs
        ? new nn.Identity()
        : new nn.Sequential(new nn.Conv2d(inputs, outputs, 1, { stride, bias: false }), new nn.BatchNorm2d(outputs))
  }

  override forward(x: Tensor): Tensor {
    return this.body.forward(x).add(this.past.forward(x)).relu()
  }
}

class Clothes extends LightningModule<Batch> {
  readonly net = new nn.Sequential(
    //                                                     [N, 1, 28, 28]
    new nn.Conv2d(1, 24, 3, { padding: 1, bias: false }), // [N, 24, 28, 28]
    new nn.BatchNorm2d(24),
    new nn.ReLU(),
    new nn.MaxPool2d(2), //                                  [N, 24, 14, 14]
    new Block(24, 48, 1), //                                 [N, 48, 14, 14]
    new Block(48, 96, 2), //                                 [N, 96, 7, 7]
    new nn.AdaptiveAvgPool2d(1),
    new nn.Flatten(), //                                     [N, 96]
    new nn.Linear(96, 10),
  )
  readonly accuracy = new Accuracy({ task: 'multiclass', numClasses: 10 })
  readonly confusion = new ConfusionMatrix({ task: 'multiclass', numClasses: 10 })
  readonly #steps: number

  constructor(steps: number) {
    super()
    this.#steps = steps
  }

  /** @param images uint8 [N, 1, 28, 28] */
  override forward(images: Tensor): Tensor {
    return this.net.forward(
      images
        .to('float32')
        .mul(1 / 255)
        .sub(0.286)
        .mul(1 / 0.353),
    )
  }

  override trainingStep([images, labels]: Batch): Tensor {
    // Clothes look the same in a mirror, so half of the images are mirrored.
    const mirrored = where(rand([images.shape[0], 1, 1, 1]).lt(0.5), images.flip([3]), images)
    const loss = F.crossEntropy(this.forward(mirrored), labels)
    this.log('train_loss', loss, { progBar: true, onEpoch: true })
    return loss
  }

  override testStep([images, labels]: Batch): void {
    const scores = this.forward(images)
    this.accuracy.update(scores, labels)
    this.confusion.update(scores, labels)
    this.log('test_accuracy', this.accuracy, { onEpoch: true })
  }

  override predictStep([images]: Batch): Tensor {
    return this.forward(images).argmax(1)
  }

  override configureOptimizers() {
    const optimizer = new optim.SGD(this.parameters(), { lr: 0.1, momentum: 0.9, nesterov: true, weightDecay: 5e-4 })
    const scheduler = new optim.lrScheduler.OneCycleLR(optimizer, 0.2, { totalSteps: this.#steps, pctStart: 0.25 })
    return { optimizer, lrScheduler: { scheduler, interval: 'step' as const } }
  }
}

manualSeed(0)
const part = (train: boolean, most: number): data.MapStyle<Batch> => {
  const { data: images, targets } = new datasets.FashionMNIST(root, { train })
  const n = Math.min(most, targets.numel())
  return new data.TensorDataset(images.narrow(0, 0, n).unsqueeze(1), targets.narrow(0, 0, n))
}
const train = new data.DataLoader<Batch, Batch>(part(true, quick ? 640 : 60_000), {
  batchSize: 128,
  shuffle: true,
  dropLast: true,
})
const test = new data.DataLoader<Batch, Batch>(part(false, quick ? 250 : 10_000), { batchSize: 250 })

const module = new Clothes(epochs * train.length)
const trainer = new Trainer({
  accelerator: 'cpu',
  maxEpochs: epochs,
  logger: new CSVLogger('out', { name: 'fashion' }),
  callbacks: [new LearningRateMonitor(), new ModelCheckpoint({ saveLast: true })],
})
const started = performance.now()
await trainer.fit(module, { trainDataloaders: train })
console.log(`trained in ${((performance.now() - started) / 1000).toFixed(0)} s`)

const [{ test_accuracy: accuracy }] = await trainer.test(module, { dataloaders: test })
const matrix = module.confusion.compute()
const readings = (await trainer.predict(module, { dataloaders: test })) as Tensor[]
mkdirSync('out', { recursive: true })
await utils.saveImage(picture, await drawMisread(matrix, test, readings))
console.log(report(matrix, classes))
console.log(`wrote ${picture}: the confusion matrix, and images that were misread`)
console.log(`test accuracy: ${(100 * accuracy).toFixed(2)}%`)
