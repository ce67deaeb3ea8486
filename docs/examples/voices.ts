// Tells five voices apart by a convolutional network over log-mel spectrograms; what is said in the test is said nowhere
// in training. `npm run example voices` needs Debian's recordings of telephone prompts, which it installs.
import { mkdirSync } from 'node:fs'
import { cat, data, F, manualSeed, nn, noGrad, optim, rand, type Tensor, tensor } from '@flambeau/core'
import { io, utils } from '@flambeau/vision'
import { type Clip, loadClips, mels, voices } from './voices/clips.js'

const quick = process.env.FLAMBEAU_EXAMPLE_QUICK === '1'
const epochs = quick ? 1 : 8
/** Frames of 16 ms that the network sees at once: 1.5 s. */
const frames = 96
const pictureFile = 'out/voices.png'

const block = (from: number, to: number): nn.Module[] => [
  new nn.Conv2d(from, to, 3, { padding: 1, bias: false }),
  new nn.BatchNorm2d(to),
  new nn.ReLU(),
  new nn.MaxPool2d(2),
]

const network = () =>
  new nn.Sequential(
    //                  [N, 1, 64, 96]
    ...block(1, 16), //  [N, 16, 32, 48]
    ...block(16, 32), // [N, 32, 16, 24]
    ...block(32, 64), // [N, 64, 8, 12]
    ...block(64, 64), // [N, 64, 4, 6]
    new nn.AdaptiveAvgPool2d([4, 1]),
    new nn.Flatten(), // [N, 256]
    new nn.Dropout(0.3),
    new nn.Linear(256, voices.length),
  )

/** `frames` frames from `start` on; a short clip is repeated. */
function cut(features: Tensor, start: number): Tensor {
  const length = features.shape[1]
  if (length >= frames) return features.narrow(1, start, frames)
  return features.repeat([1, Math.ceil(frames / length)]).narrow(1, 0, frames)
}

/** Another part of each clip in each epoch. */
class Crops extends data.Dataset<[Tensor, number]> {
  readonly clips: readonly Clip[]

  constructor(clips: readonly Clip[]) {
    super()
    this.clips = clips
  }

  get length(): number {
    return this.clips.length
  }

  get(index: number): [Tensor, number] {
    const { features, voice } = this.clips[index]
    const free = Math.max(0, features.shape[1] - frames)
    return [cut(features, Math.floor((rand([1]).item() as number) * (free + 1))).unsqueeze(0), voice]
  }
}

/** What the network thinks of a whole clip: the mean over parts that overlap by half. */
function judge(model: nn.Sequential, { features }: Clip): number {
  const free = Math.max(0, features.shape[1] - frames)
  const starts = Array.from({ length: Math.ceil(free / (frames / 2)) + 1 }, (_, i) => Math.min(free, (i * frames) / 2))
  const parts = starts.map((start) => cut(features, start).unsqueeze(0).unsqueeze(0))
  return noGrad(
    () =>
      F.logSoftmax(model.forward(cat(parts, 0)), 1)
        .mean(0)
        .argmax()
        .item() as number,
  )
}

async function train(model: nn.Sequential, clips: readonly Clip[]): Promise<void> {
  const loader = new data.DataLoader(new Crops(clips), { batchSize: 32, shuffle: true, dropLast: true })
  const optimizer = new optim.AdamW(model.parameters(), { lr: 2e-3, weightDecay: 0.02 })
  const schedule = new optim.lrScheduler.OneCycleLR(optimizer, 4e-3, { epochs, stepsPerEpoch: loader.length })
  for (let epoch = 1; epoch <= epochs; epoch++) {
    model.train()
    let total = 0
    for await (const [batch, labels] of loader) {
      const loss = F.crossEntropy(model.forward(batch), labels, { labelSmoothing: 0.05 })
      optimizer.zeroGrad()
      loss.backward()
      optimizer.step()
      schedule.step()
      total += loss.item() as number
    }
    console.log(`epoch ${epoch}: loss ${(total / loader.length).toFixed(4)}`)
  }
}

/** One prompt in every voice, from low to high frequencies. */
async function picture(clips: readonly Clip[]): Promise<void> {
  const { name } =
    clips.find(({ name }) => voices.every((_, voice) => clips.some((c) => c.name === name && c.voice === voice))) ??
    clips[0]
  const images = clips
    .filter((clip) => clip.name === name)
    .map(({ features }) => cut(features, 0).flip([0]).unsqueeze(0))
  mkdirSync('out', { recursive: true })
  const grid = utils.makeGrid(images, { nrow: 1, normalize: true, scaleEach: true, padding: 4 })
  await io.writePng(pictureFile, grid.mul(255).to('uint8'))
  console.log(`'${name}' in ${images.length} voices: ${pictureFile}`)
}

manualSeed(0)
const started = performance.now()
const clips = await loadClips(quick ? 30 : undefined)
console.log(`${clips.train.length} clips to train on, ${clips.test.length} to test on, ${mels} mel bands`)
const model = network()
await train(model, clips.train)
model.eval()
const guesses = clips.test.map((clip) => judge(model, clip))
const right = guesses.filter((guess, i) => guess === clips.test[i].voice).length
const confusion = voices.map((_, truth) =>
  voices.map((_, guess) => guesses.filter((g, i) => g === guess && clips.test[i].voice === truth).length),
)
console.log(`rows are the true voices, columns the guesses:\n${tensor(confusion, { dtype: 'int64' })}`)
await picture(clips.test)
const accuracy = right / clips.test.length
console.log(`held-out accuracy ${accuracy.toFixed(4)} after ${((performance.now() - started) / 1000).toFixed(0)} s`)
if (!quick && accuracy < 0.985) process.exitCode = 1
