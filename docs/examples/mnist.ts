// Trains a convolutional network on 8,000 handwritten digits and tests it on 2,000 others: what `npm start` runs.
import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { data, F, Generator, loadSafetensors, manualSeed, nn, noGrad, optim, saveSafetensors } from '@flambeau/core'
import { utils } from '@flambeau/vision'
import { type Digits, loadDigits } from './mnist/digits.js'
import { captioned } from './mnist/picture.js'
import { Progress } from './mnist/progress.js'

// The tests run every example with a small budget.
const quick = process.env.FLAMBEAU_EXAMPLE_QUICK === '1'
const epochs = quick ? 1 : 8
const modelFile = 'out/mnist.safetensors'
const pictureFile = 'out/mnist.png'

const network = () =>
  new nn.Sequential(
    //           [N, 1, 28, 28]
    new nn.Conv2d(1, 32, 3), //   [N, 32, 26, 26]
    new nn.ReLU(),
    new nn.Conv2d(32, 64, 3), //  [N, 64, 24, 24]
    new nn.ReLU(),
    new nn.MaxPool2d(2), //       [N, 64, 12, 12]
    new nn.Dropout(0.25),
    new nn.Flatten(), //          [N, 9216]
    new nn.Linear(9216, 128),
    new nn.ReLU(),
    new nn.Dropout(0.5),
    new nn.Linear(128, 10),
  )

/** The same digits each time: some to train on, and others that the network never sees in training. */
function split(): Digits[] {
  const digits = loadDigits()
  const lengths = quick ? [640, 200, digits.length - 840] : [8000, 2000]
  return data.randomSplit(digits, lengths, { generator: new Generator().manualSeed(0) })
}

/** The share of digits that the network reads right, as a percentage. */
async function accuracy(model: nn.Sequential, digits: Digits): Promise<string> {
  model.eval()
  let right = 0
  for await (const [images, labels] of new data.DataLoader(digits, { batchSize: 500 }))
    right += noGrad(() => model.forward(images).argmax(1).eq(labels).sum().item())
  return `${((100 * right) / digits.length).toFixed(2)}%`
}

async function train(model: nn.Sequential, digits: Digits): Promise<void> {
  const loader = new data.DataLoader(digits, { batchSize: 64, shuffle: true })
  const optimizer = new optim.Adam(model.parameters())
  const schedule = new optim.lrScheduler.OneCycleLR(optimizer, 2e-3, { epochs, stepsPerEpoch: loader.length })
  const progress = new Progress(epochs, digits.length)
  model.train()
  for (let epoch = 1; epoch <= epochs; epoch++) {
    for await (const [images, labels] of loader) {
      const scores = model.forward(images) // [N, 10]
      const loss = F.crossEntropy(scores, labels)
      optimizer.zeroGrad()
      loss.backward()
      optimizer.step()
      schedule.step()
      const right = noGrad(() => scores.argmax(1).eq(labels).sum().item())
      progress.step(epoch, labels.shape[0], loss.item(), right)
    }
  }
  progress.end()
}

/** Draws 25 digits of the test part, with what the network reads in each below it. */
async function drawReadings(model: nn.Sequential, digits: Digits): Promise<void> {
  for await (const [images, labels] of new data.DataLoader(digits, { batchSize: 25 })) {
    const readings = noGrad(() => model.forward(images).argmax(1))
    await utils.saveImage(pictureFile, captioned(images, readings, labels), { nrow: 5 })
    break
  }
}

if (process.argv[2] === '--evaluate') {
  const model = network()
  model.loadStateDict(loadSafetensors(modelFile))
  console.log(await accuracy(model, split()[1]))
} else {
  manualSeed(0)
  const [trainDigits, testDigits] = split()
  const model = network()
  await train(model, trainDigits)
  const reached = await accuracy(model, testDigits)

  mkdirSync('out', { recursive: true })
  saveSafetensors(modelFile, model.stateDict(), { metadata: { format: 'pt' } })
  // A new process has nothing but the file, and must read the digits just as well.
  const evaluate = [fileURLToPath(import.meta.url), '--evaluate']
  const again = execFileSync(process.execPath, evaluate, { encoding: 'utf8' }).trim()
  if (again !== reached) throw new Error(`the loaded network reaches ${again}, the trained one ${reached}`)
  console.log(`saved ${modelFile}; loaded in a new process, it reaches ${again} as well`)

  await drawReadings(model, testDigits)
  console.log(`wrote ${pictureFile}: 25 digits from the test part, and what the network reads in each`)
  console.log(`test accuracy: ${reached}`)
}
