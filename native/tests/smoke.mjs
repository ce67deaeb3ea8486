// A small training run through every layer, for the sanitizers: FLAMBEAU_NATIVE names the addon to load.
import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { manualSeed, nn, ones, optim, randn, zeros } from '@flambeau/core'
import * as distributed from '@flambeau/core/distributed'

function train() {
  manualSeed(0)
  const x = randn([64, 2]) // [N, 2]
  const y = x.pow(2).sum(1, { keepdim: true }) // [N, 1]
  const model = new nn.Sequential(new nn.Linear(2, 16), new nn.ReLU(), new nn.Linear(16, 1))
  const optimizer = new optim.Adam(model.parameters(), { lr: 0.02 })
  const criterion = new nn.MSELoss()
  const losses = []
  for (let step = 0; step < 50; step++) {
    optimizer.zeroGrad()
    const loss = criterion.forward(model.forward(x), y)
    loss.backward()
    optimizer.step()
    losses.push(loss.item())
  }
  return losses
}

/** A process group of two threads: collectives that wait and that do not, objects, and a model that is trained by both. */
async function together(rank, store) {
  distributed.initProcessGroup({ store, rank, worldSize: 2, timeout: 60_000 })
  const t = ones([100_000]).mul(rank + 1)
  distributed.allReduce(t)
  const work = distributed.allReduce(t, { asyncOp: true })
  await work.getFuture()
  assert.equal(t.mean().item(), 6)
  assert.deepEqual(distributed.allGatherObject([], { rank }), [{ rank: 0 }, { rank: 1 }])
  manualSeed(rank)
  const model = new distributed.DistributedDataParallel(new nn.Sequential(new nn.Linear(3, 300), new nn.Linear(300, 1)))
  const optimizer = new optim.SGD(model.parameters(), { lr: 1e-3 })
  for (let step = 0; step < 20; step++) {
    optimizer.zeroGrad()
    model
      .forward(ones([4, 3]).mul(rank))
      .pow(2)
      .mean()
      .backward()
    optimizer.step()
  }
  const sums = distributed.allGatherObject(
    [],
    model.parameters().map((p) => p.sum().item()),
  )
  assert.deepEqual(sums[0], sums[1])
  distributed.destroyProcessGroup()
}

const losses = train()
assert(losses.at(-1) < losses[0] / 2, `the loss went from ${losses[0]} to ${losses.at(-1)}`)

if (isMainThread) {
  // Enough for the collector to free many of these while the loop runs.
  for (let i = 0; i < 300; i++) zeros([1 << 18]).add(1)
  // Large enough for several threads.
  assert.equal(zeros([1000, 1000]).add(1).sum().item(), 1e6)
  // Another environment of the same addon, at work at the same time.
  const store = distributed.isAvailable() ? new distributed.TCPStore('127.0.0.1', 0, { isMaster: true }) : null
  const worker = new Worker(fileURLToPath(import.meta.url), { workerData: store?.port })
  const theirs = new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
  assert.deepEqual(train(), losses)
  if (store !== null) await together(0, store)
  assert.deepEqual(await theirs, losses)
  store?.close()
  console.log(`smoke: loss ${losses[0].toFixed(4)} → ${losses.at(-1).toFixed(4)}`)
} else {
  if (workerData !== undefined) await together(1, new distributed.TCPStore('127.0.0.1', workerData))
  parentPort.postMessage(losses)
}
