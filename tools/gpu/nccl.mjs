// Every collective of the backend 'nccl' on this machine's CUDA devices: one process for each of up to two of them, since
// NCCL allows no more than one rank a device. With one device the world has one rank: calls, dtypes and refusals are
// checked, and what several ranks have to say to each other is not. Goes on past failures and counts them.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { cuda, manualSeed, nn, ones, optim, randn, tensor, zeros } from '@flambeau/core'
import * as distributed from '@flambeau/core/distributed'

if (!cuda.isAvailable()) {
  console.error(`cuda is not available: ${cuda.unavailableReason()}`)
  process.exit(2)
}
if (!distributed.isNcclAvailable()) {
  try {
    distributed.initProcessGroup({ backend: 'nccl' })
  } catch (error) {
    console.error(error.message)
  }
  process.exit(2)
}
if (process.env.RANK === undefined) {
  const size = Math.min(cuda.deviceCount(), 2)
  const store = new distributed.TCPStore('127.0.0.1', 0, { isMaster: true })
  const children = Array.from({ length: size }, (_, rank) => {
    const env = {
      ...process.env,
      RANK: String(rank),
      LOCAL_RANK: String(rank),
      WORLD_SIZE: String(size),
      MASTER_ADDR: '127.0.0.1',
      MASTER_PORT: String(store.port),
      FLAMBEAU_LAUNCHER_STORE: '1',
    }
    return spawn(process.execPath, [fileURLToPath(import.meta.url)], { env, stdio: 'inherit' })
  })
  const codes = await Promise.all(children.map((child) => new Promise((resolve) => child.on('exit', resolve))))
  store.close()
  console.log(`${size} of ${cuda.deviceCount()} devices`)
  process.exit(codes.every((code) => code === 0) ? 0 : 1)
}

distributed.initProcessGroup({ backend: 'nccl', timeout: 60_000 })
const [rank, size] = [distributed.getRank(), distributed.getWorldSize()]
const device = `cuda:${cuda.currentDevice()}`
const { ReduceOp } = distributed
let passed = 0
let failed = 0
function check(name, body) {
  try {
    body()
    passed++
  } catch (error) {
    failed++
    console.log(`✗ rank ${rank}: ${name}: ${error?.message ?? error}`)
  }
}
const values = (t) => t.to('cpu').toArray()
function equal(got, expected) {
  const [a, b] = [got, expected].map((x) => JSON.stringify(x, (_, v) => (typeof v === 'bigint' ? String(v) : v)))
  if (a !== b) throw new Error(`got ${a}, expected ${b}`)
}
function refuses(pattern, body) {
  let message = 'nothing'
  try {
    body()
  } catch (error) {
    message = error.message
  }
  if (!pattern.test(message)) throw new Error(`got '${message}'`)
}
const here = (list, options = {}) => tensor(list, { device, ...options })
const ranks = Array.from({ length: size }, (_, i) => i)
const total = (of) => ranks.reduce((sum, r) => sum + of(r), 0)

for (const dtype of ['float32', 'float64', 'float16', 'bfloat16', 'int8', 'uint8', 'int32', 'int64'])
  check(`allReduce of ${dtype}`, () => {
    const t = here([1, 2, 3])
      .to(dtype)
      .mul(rank + 1)
    distributed.allReduce(t)
    equal(
      values(t.to('float64')),
      [1, 2, 3].map((v) => total((r) => v * (r + 1))),
    )
  })
check('allReduce of complex64', () => {
  const t = here([1, 2]).to('complex64')
  distributed.allReduce(t)
  equal(values(t.abs()), [size, 2 * size])
})
check('allReduce of bool', () => {
  const t = here([rank === 0, false])
  distributed.allReduce(t)
  equal(values(t), [true, false])
})
for (const [op, expected] of [
  [ReduceOp.AVG, total((r) => r + 1) / size],
  [ReduceOp.PRODUCT, ranks.reduce((p, r) => p * (r + 1), 1)],
  [ReduceOp.MIN, 1],
  [ReduceOp.MAX, size],
])
  check(`allReduce(${op})`, () => {
    const t = here([rank + 1])
    distributed.allReduce(t, { op })
    equal(values(t), [expected])
  })
check('allReduce waits for what was computed, and is waited for', () => {
  let x = randn([1024, 1024], { device })
  for (let i = 0; i < 20; i++) x = x.matmul(x).mul(0).add(1)
  distributed.allReduce(x)
  equal(x.sum().item(), 1024 * 1024 * size)
})
check('asynchronous, and of a transposed tensor', () => {
  const t = ones([3, 2], { device }).t()
  const work = distributed.allReduce(t, { asyncOp: true })
  work.wait()
  equal(t.to('cpu').tolist(), [Array(3).fill(size), Array(3).fill(size)])
})
check('broadcast', () => {
  const t = here([rank, 7])
  distributed.broadcast(t, size - 1)
  equal(values(t), [size - 1, 7])
})
check('reduce', () => {
  const t = here([rank + 1])
  distributed.reduce(t, 0)
  equal(values(t), [rank === 0 ? total((r) => r + 1) : rank + 1])
})
check('allGather', () => {
  const list = ranks.map(() => zeros([2], { device, dtype: 'int16' }))
  distributed.allGather(list, here([rank, -rank], { dtype: 'int16' }))
  equal(
    list.map(values),
    ranks.map((r) => [r, -r || 0]),
  )
})
check('gather and scatter', () => {
  const list = rank === 0 ? ranks.map(() => zeros([1], { device })) : null
  distributed.gather(here([rank + 0.5]), list, 0)
  if (list !== null)
    equal(
      list.map(values),
      ranks.map((r) => [r + 0.5]),
    )
  const own = zeros([1], { device })
  distributed.scatter(own, rank === 0 ? ranks.map((r) => here([r * 3])) : null, 0)
  equal(values(own), [rank * 3])
})
check('reduceScatter', () => {
  const own = zeros([1], { device })
  distributed.reduceScatter(
    own,
    ranks.map((r) => here([r + rank])),
  )
  equal(values(own), [total((r) => r + rank)])
})
check('allToAllSingle, of unequal parts', () => {
  const input = ones([total((r) => r + 1)], { device }).mul(rank)
  const output = zeros([size * (rank + 1)], { device })
  distributed.allToAllSingle(
    output,
    input,
    ranks.map(() => rank + 1),
    ranks.map((r) => r + 1),
  )
  equal(
    values(output),
    ranks.flatMap((r) => Array(rank + 1).fill(r)),
  )
})
check('barrier', () => distributed.barrier())
check('objects', () => {
  const all = distributed.allGatherObject([], { rank, t: tensor([rank]) })
  equal(
    all.map((one) => one.rank),
    ranks,
  )
  const list = rank === 0 ? ['a', { b: 2 }] : []
  distributed.broadcastObjectList(list)
  equal(list, ['a', { b: 2 }])
})
check('sub-groups', () => {
  const group = distributed.newGroup([size - 1])
  if (rank !== size - 1) return
  const t = here([5])
  distributed.allReduce(t, { group })
  equal(values(t), [5])
})
check('what NCCL does not do', () => {
  refuses(/No backend type associated with device type cpu/, () => distributed.allReduce(tensor([1])))
  refuses(/no operations on bits/, () => distributed.allReduce(here([1], { dtype: 'int32' }), { op: ReduceOp.BAND }))
  refuses(/does not compute with int16/, () => distributed.allReduce(here([1], { dtype: 'int16' })))
  refuses(/complex numbers only/, () => distributed.allReduce(here([1]).to('complex64'), { op: ReduceOp.PRODUCT }))
})
if (size > 1) {
  check('ranks that disagree', () => {
    refuses(/expected the same on every rank/, () => distributed.allReduce(zeros([rank + 1], { device })))
    const t = here([1])
    distributed.allReduce(t)
    equal(values(t), [size])
  })
  check('messages that cross', () => {
    const other = 1 - rank
    const into = zeros([1 << 20], { device })
    const ops = [
      new distributed.P2POp(distributed.isend, ones([1 << 20], { device }).mul(rank), other),
      new distributed.P2POp(distributed.irecv, into, other),
    ]
    for (const work of distributed.batchIsendIrecv(ops)) work.wait()
    equal(into.mean().item(), other)
  })
  check('a message of another size', () => {
    if (rank === 0) distributed.send(ones([5], { device }), 1)
    else refuses(/expected 4 elements .* sent 5/, () => distributed.recv(zeros([4], { device }), 0))
  })
}
check('DistributedDataParallel is one process with the whole batch', () => {
  const make = () => {
    manualSeed(1)
    return new nn.Sequential(new nn.Linear(8, 16), new nn.BatchNorm1d(16), new nn.ReLU(), new nn.Linear(16, 3))
  }
  const batch = (r) => {
    manualSeed(100 + r)
    return randn([4, 8])
  }
  const whole = make()
  const model = new distributed.DistributedDataParallel(nn.SyncBatchNorm.convertSyncBatchnorm(make()).to(device))
  const reference = new optim.SGD(whole.parameters(), { lr: 0.1 })
  const zero = new distributed.ZeroRedundancyOptimizer(model.parameters(), optim.SGD, { lr: 0.1 })
  for (let step = 0; step < 3; step++) {
    reference.zeroGrad()
    let sum = 0
    const all = whole.forward(ranks.map(batch).reduce((a, b) => a.cat(b)))
    sum = all.square().mean()
    sum.backward()
    reference.step()
    model.zeroGrad()
    model.forward(batch(rank).to(device)).square().mean().backward()
    zero.step()
  }
  const [a, b] = [[...model.parameters()], [...whole.parameters()]]
  for (const [i, p] of a.entries()) {
    const off = p.detach().to('cpu').sub(b[i].detach()).abs().max().item()
    if (!(off < 1e-3)) throw new Error(`parameter ${i} differs by ${off}`)
  }
})
check('100 MB', () => {
  const t = ones([25_000_000], { device })
  distributed.allReduce(t)
  const before = performance.now()
  for (let i = 0; i < 5; i++) distributed.allReduce(t)
  if (rank === 0) console.log(`all-reduce of 100 MB: ${((performance.now() - before) / 5).toFixed(2)} ms`)
})
if (size > 1)
  check('a rank that does not come', () => {
    const t = here([1])
    if (rank === 0) refuses(/rank 1 did not come \(within 3000 ms\)/, () => distributed.allReduce(t, { timeout: 3000 }))
    else {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 6000)
      refuses(/rank 0 left the group/, () => distributed.allReduce(t, { timeout: 3000 }))
    }
  })
distributed.destroyProcessGroup()
console.log(`rank ${rank}: ${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
