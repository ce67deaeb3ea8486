// One training step of docs/examples/mnist.ts at batch 64: forward, loss, backward, Adam. Milliseconds.
import { F, manualSeed, nn, optim, randint, randn } from '@flambeau/core'
import { serve, timed } from '../support/serve.mjs'

manualSeed(0)
const model = new nn.Sequential(
  new nn.Conv2d(1, 32, 3), // [N, 32, 26, 26]
  new nn.ReLU(),
  new nn.Conv2d(32, 64, 3), // [N, 64, 24, 24]
  new nn.ReLU(),
  new nn.MaxPool2d(2), // [N, 64, 12, 12]
  new nn.Dropout(0.25),
  new nn.Flatten(), // [N, 9216]
  new nn.Linear(9216, 128),
  new nn.ReLU(),
  new nn.Dropout(0.5),
  new nn.Linear(128, 10),
)
const optimizer = new optim.Adam(model.parameters())
const images = randn([64, 1, 28, 28])
const labels = randint(0, 10, [64])

function step() {
  const loss = F.crossEntropy(model.forward(images), labels)
  optimizer.zeroGrad()
  loss.backward()
  optimizer.step()
  return loss.item()
}

await serve(() => timed(10, step) / 1e6)
