// Training steps of a small network without a pause for the event loop; prints resident memory, in bytes, every
// hundredth of the way.
import { manualSeed, nn, optim, randn, setNumThreads } from '@flambeau/core'

const steps = Number(process.argv[2])
manualSeed(0)
// Too small to gain from threads.
setNumThreads(1)
const x = randn([16, 8]) // [N, 8]
const y = randn([16, 1]) // [N, 1]
const model = new nn.Sequential(new nn.Linear(8, 16), new nn.ReLU(), new nn.Linear(16, 1))
const optimizer = new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 })
const criterion = new nn.MSELoss()
const resident = []
for (let step = 1; step <= steps; step++) {
  optimizer.zeroGrad()
  criterion.forward(model.forward(x), y).backward()
  optimizer.step()
  if (step % (steps / 100) === 0) resident.push(process.memoryUsage.rss())
}
console.log(JSON.stringify(resident))
