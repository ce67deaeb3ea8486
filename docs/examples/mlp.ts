// A small network that tells two interleaved spirals apart, from data to evaluation.
import { cat, data, F, linspace, manualSeed, nn, noGrad, optim, randn, stack, type Tensor, zeros } from '@flambeau/core'

const quick = process.env.FLAMBEAU_EXAMPLE_QUICK === '1'
const epochs = quick ? 2 : 60

/** Points of one spiral, turned by `angle`. @returns [n, 2] */
function spiral(n: number, angle: number): Tensor {
  const t = linspace(0.5, 3 * Math.PI, n)
  const turn = t.add(angle)
  const points = stack([turn.cos().mul(t), turn.sin().mul(t)], 1)
  return points.div(3 * Math.PI).add(randn([n, 2]).mul(0.02))
}

manualSeed(1)
const n = quick ? 200 : 1000
const points = cat([spiral(n, 0), spiral(n, Math.PI)], 0) // [2n, 2]
const labels = cat([zeros([n]), zeros([n]).add(1)], 0).to('int64') // [2n]
const [train, test] = data.randomSplit(new data.TensorDataset(points, labels), [0.8, 0.2])

class MLP extends nn.Module {
  layers = new nn.Sequential(
    new nn.Linear(2, 64),
    new nn.Tanh(),
    new nn.Linear(64, 64),
    new nn.Tanh(),
    new nn.Linear(64, 2),
  )
  override forward(x: Tensor): Tensor {
    return this.layers.forward(x)
  }
}

const model = new MLP()
console.log(String(model))
const optimizer = new optim.AdamW(model.parameters(), { lr: 0.01 })
const schedule = new optim.lrScheduler.CosineAnnealingLR(optimizer, epochs)

for (let epoch = 1; epoch <= epochs; epoch++) {
  let total = 0
  for await (const [x, y] of new data.DataLoader(train, { batchSize: 64, shuffle: true })) {
    optimizer.zeroGrad()
    const loss = F.crossEntropy(model.forward(x), y)
    loss.backward()
    optimizer.step()
    total += loss.item() * y.shape[0]
  }
  schedule.step()
  if (epoch % 10 === 0 || epoch === epochs) console.log(`epoch ${epoch}: loss ${(total / train.length).toFixed(4)}`)
}

let right = 0
for await (const [x, y] of new data.DataLoader(test, { batchSize: 100 }))
  right += noGrad(() => model.forward(x).argmax(1).eq(y).sum().item())
console.log(`test accuracy: ${((100 * right) / test.length).toFixed(2)}%`)
