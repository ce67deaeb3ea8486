// Fits a line with several processes: `npx flambeau run --nproc 2 docs/dist/distributed.js`. By itself it is one process.
import { existsSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { data, F, load, manualSeed, nn, optim, randn, save, type Tensor } from '@flambeau/core'
import * as distributed from '@flambeau/core/distributed'

if (process.env.RANK === undefined) {
  const store = new distributed.TCPStore('127.0.0.1', 0, { isMaster: true })
  distributed.initProcessGroup({ store, rank: 0, worldSize: 1 })
} else {
  distributed.initProcessGroup()
}
const rank = distributed.getRank()
const checkpoint = process.argv[2] ?? join(mkdtempSync(join(tmpdir(), 'flambeau-example-')), 'checkpoint.pt')

manualSeed(0)
const x = randn([512, 3])
const dataset = new data.TensorDataset(x, x.sum(1, { keepdim: true }).mul(2))
// Each process reads its own part.
const sampler = new distributed.DistributedSampler(dataset)
const loader = new data.DataLoader<Tensor[]>(dataset, { batchSize: 32, sampler })
const model = new distributed.DistributedDataParallel(new nn.Linear(3, 1))
const optimizer = new optim.Adam(model.parameters(), { lr: 0.05 })

// After a restart, every process goes on from what was saved last.
let epoch = 0
if (existsSync(checkpoint)) {
  const state = load<{ model: nn.StateDict; optimizer: optim.OptimizerState; epoch: number }>(checkpoint)
  model.loadStateDict(state.model)
  optimizer.loadStateDict(state.optimizer)
  epoch = state.epoch
}
for (; epoch < 10; ) {
  sampler.setEpoch(epoch)
  for await (const [input, target] of loader) {
    optimizer.zeroGrad()
    F.mseLoss(model.forward(input), target).backward()
    optimizer.step()
  }
  epoch++
  if (rank === 0) save(checkpoint, { model: model.stateDict(), optimizer: optimizer.stateDict(), epoch })
  distributed.barrier()
}
if (rank === 0) {
  const weights = (model.module.weight.tolist() as number[][])[0].map((w) => w.toFixed(2))
  console.log(`${distributed.getWorldSize()} processes, weights ${weights.join(', ')}`)
}
distributed.destroyProcessGroup()
