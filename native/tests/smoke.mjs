// A small training run through every layer, for the sanitizers: FLAMBEAU_NATIVE names the addon to load.
import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import { manualSeed, nn, optim, randn, zeros } from '@flambeau/core'

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

const losses = train()
assert(losses.at(-1) < losses[0] / 2, `the loss went from ${losses[0]} to ${losses.at(-1)}`)

if (isMainThread) {
  // Enough for the collector to free many of these while the loop runs.
  for (let i = 0; i < 300; i++) zeros([1 << 18]).add(1)
  // Large enough for several threads.
  assert.equal(zeros([1000, 1000]).add(1).sum().item(), 1e6)
  // Another environment of the same addon, at work at the same time.
  const worker = new Worker(fileURLToPath(import.meta.url))
  const theirs = new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
  assert.deepEqual(train(), losses)
  assert.deepEqual(await theirs, losses)
  console.log(`smoke: loss ${losses[0].toFixed(4)} → ${losses.at(-1).toFixed(4)}`)
} else {
  parentPort.postMessage(losses)
}
