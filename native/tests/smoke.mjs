// A small training run through every layer, for the sanitizers: FLAMBEAU_NATIVE names the addon to load.
import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { compile, F, manualSeed, nn, ones, optim, randn, zeros } from '@flambeau/core'
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

/** The kernels that have memory of their own for each thread, at sizes at which they take several; gives their sums. */
function kernels() {
  manualSeed(1)
  const sums = []
  const sum = (t) => sums.push(t.to('float64').sum().item())
  const differentiated = (body, ...inputs) => {
    for (const t of inputs) t.requiresGrad_(true)
    const result = body(...inputs)
    result.pow(2).mean().backward()
    for (const t of [result.detach(), ...inputs.map(({ grad }) => grad)]) sum(t)
  }
  // Winograd's, and convolutions that are unfolded, in groups, strided or of few channels.
  for (const [inner, outer, kernel, options] of [
    [32, 32, 3, { padding: 1 }],
    [3, 16, 3, { padding: 1 }],
    [16, 32, 3, { padding: 1, stride: 2 }],
    [32, 32, 3, { padding: 1, groups: 32 }],
    [16, 24, 1, {}],
    [16, 16, 3, { padding: 2, dilation: 2 }],
  ]) {
    const x = randn([4, inner, 18, 18])
    differentiated((a, w) => F.conv2d(a, w, options), x, randn([outer, inner / (options.groups ?? 1), kernel, kernel]))
  }
  // Products: few rows, panels, batches, other dtypes.
  for (const [m, k, n] of [
    [1, 300, 200],
    [3, 257, 129],
    [64, 192, 768],
    [130, 70, 33],
  ])
    differentiated((a, b) => a.matmul(b), randn([m, k]), randn([k, n]))
  differentiated((a, b) => a.matmul(b.transpose(1, 2)), randn([6, 40, 33]), randn([6, 50, 33]))
  for (const dtype of ['bfloat16', 'float16']) {
    const [a, b] = [randn([65, 130]).to(dtype), randn([130, 70]).to(dtype)]
    sum(a.matmul(b))
    sum(F.gelu(a.mul(1.5).add(a)).softmax(1))
  }
  // Rows, columns and strides.
  const wide = randn([60, 4, 700])
  sum(wide.transpose(0, 2).mul(2).add(wide.transpose(0, 2)))
  for (const dim of [0, 1, 2]) {
    sum(wide.sum(dim))
    sum(wide.softmax(dim))
    sum(wide.cumsum(dim))
  }
  sum(wide.sort(-1).values)
  const width = 96
  differentiated(
    (a, w, b) => F.layerNorm(a, [width], { weight: w, bias: b }),
    randn([300, width]),
    ones([width]),
    zeros([width]),
  )
  differentiated((a) => F.groupNorm(a, 4), randn([3, 16, 20, 20]))
  differentiated((a) => F.maxPool2d(a, 2).add(F.avgPool2d(a, 2)), randn([4, 16, 32, 32]))
  differentiated((a) => F.interpolate(a, { size: [33, 29], mode: 'bilinear' }), randn([2, 8, 20, 20]))
  differentiated(
    (q, k, v) => F.scaledDotProductAttention(q, k, v, { isCausal: true }),
    ...[0, 1, 2].map(() => randn([2, 4, 70, 32])),
  )
  const lstm = new nn.LSTM(24, 40, { numLayers: 2 })
  differentiated((a) => lstm.forward(a)[0], randn([9, 5, 24]))
  const chain = compile((a, b) => a.mul(b).add(1).tanh().mul(a).sub(b).sum(1))
  for (let i = 0; i < 3; i++) sum(chain(wide, wide.neg()))
  assert(sums.every(Number.isFinite))
  return sums
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
  // What threads share by mistake would differ from time to time.
  const sums = kernels()
  assert.deepEqual(kernels(), sums)
  // Another environment of the same addon, at work at the same time.
  const store = distributed.isAvailable() ? new distributed.TCPStore('127.0.0.1', 0, { isMaster: true }) : null
  const worker = new Worker(fileURLToPath(import.meta.url), { workerData: store?.port })
  const theirs = new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
  assert.deepEqual(train(), losses)
  assert.deepEqual(kernels(), sums)
  if (store !== null) await together(0, store)
  assert.deepEqual(await theirs, losses)
  store?.close()
  console.log(`smoke: loss ${losses[0].toFixed(4)} → ${losses.at(-1).toFixed(4)}, ${sums.length} sums`)
} else {
  if (workerData !== undefined) await together(1, new distributed.TCPStore('127.0.0.1', workerData))
  kernels()
  parentPort.postMessage(losses)
}
