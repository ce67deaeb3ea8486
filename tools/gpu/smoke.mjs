// Each kind of kernel on the device against the CPU: values and gradients. Goes on past failures and counts them.
import {
  arange,
  cuda,
  F,
  fft,
  manualSeed,
  nn,
  ones,
  optim,
  randint,
  randn,
  synchronize,
  tensor,
  zeros,
} from '@flambeau/core'

if (!cuda.isAvailable()) {
  console.error(`cuda is not available: ${cuda.unavailableReason()}`)
  process.exit(2)
}
console.log(cuda.getDeviceProperties())
cuda.allowTf32({ convolution: false })

let passed = 0
let failed = 0
function check(name, body) {
  try {
    body()
    passed++
  } catch (error) {
    failed++
    console.log(`✗ ${name}: ${String(error?.message ?? error).split('\n')[0]}`)
  }
}
const flat = (t) => Array.from(t.detach().to('cpu').to('float64').reshape([-1]).toArray())
function close(a, b, tolerance) {
  if (String(a.shape) !== String(b.shape)) throw new Error(`shape [${a.shape}], expected [${b.shape}]`)
  const [x, y] = [flat(a), flat(b)]
  const scale = y.reduce((most, v) => (Number.isFinite(v) ? Math.max(most, Math.abs(v)) : most), 1e-6)
  let worst = 0
  let at = 0
  for (let i = 0; i < x.length; i++) {
    if (Object.is(x[i], y[i]) || (Number.isNaN(x[i]) && Number.isNaN(y[i])) || x[i] === y[i]) continue
    const off = Math.abs(x[i] - y[i]) / scale
    if (!(off <= worst)) [worst, at] = [off, i]
  }
  if (!(worst <= tolerance)) throw new Error(`differs by ${worst} at ${at}: ${x[at]}, expected ${y[at]}`)
}
const weights = (t) =>
  arange(t.numel(), { device: t.device }).to('float64').mul(0.37).sin().add(0.5).reshape(t.shape).to(t.dtype)
/** Runs `body` with the same inputs on both devices and compares results and the gradients of floating-point inputs. */
function same(name, inputs, body, { tolerance = 1e-5, gradients = true } = {}) {
  check(name, () => {
    const results = ['cpu', 'cuda'].map((device) => {
      const leaves = inputs.map((t) => {
        const leaf = t.to({ device, copy: true })
        return gradients && leaf.isFloatingPoint() ? leaf.requiresGrad_() : leaf
      })
      const out = body(...leaves)
      const outs = Array.isArray(out) ? out : [out]
      const differentiable = gradients && outs[0].requiresGrad
      // Weights that no symmetry of the operator cancels.
      if (differentiable) outs[0].mul(weights(outs[0])).sum().backward()
      return [...outs, ...(differentiable ? leaves.filter((t) => t.grad !== null).map((t) => t.grad) : [])]
    })
    for (const [i, expected] of results[0].entries()) close(results[1][i], expected, tolerance)
  })
}

manualSeed(0)
const a = randn([33, 65])
const b = randn([33, 65])
same('add', [a, b], (x, y) => x.add(y))
same('broadcast', [a, randn([65])], (x, y) => x.mul(y))
same('broadcast columns', [a, randn([33, 1])], (x, y) => x.sub(y))
same('transposed', [a, randn([65, 33])], (x, y) => x.mul(y.t()))
same('scalar', [a], (x) => x.mul(2).add(1))
for (const name of ['exp', 'sigmoid', 'tanh', 'relu', 'sin', 'abs', 'square', 'erf', 'neg', 'round'])
  same(name, [a], (x) => x[name]())
same('gelu', [a], (x) => F.gelu(x))
same('silu', [a], (x) => F.silu(x))
same('log', [a.abs().add(1)], (x) => x.log().add(x.sqrt()).add(x.rsqrt()))
same('pow', [a.abs()], (x) => x.pow(2.5))
same('div', [a, b.abs().add(1)], (x, y) => x.div(y))
same('where', [a, b], (x, y) => x.where(x.gt(y), y), { gradients: false })
same('float64', [a.double(), b.double()], (x, y) => x.mul(y).add(x.exp()), { tolerance: 1e-12 })
same('bfloat16', [a.bfloat16(), b.bfloat16()], (x, y) => x.mul(y).add(x), { tolerance: 1e-2 })
same('float16', [a.half(), b.half()], (x, y) => x.mul(y).add(x), { tolerance: 2e-3 })
same('int64', [randint(-50, 50, [77]), randint(1, 9, [77])], (x, y) => x.mul(y).add(x.remainder(y)))
same('complex', [a], (x) => x.to('complex64').mul(2).abs(), { gradients: false })
for (const dtype of ['float64', 'float16', 'bfloat16', 'int8', 'uint8', 'int16', 'int32', 'int64', 'bool'])
  same(`cast to ${dtype}`, [a.abs().mul(10)], (x) => x.to(dtype), { gradients: false })
same('copy transposed', [randn([3, 70, 90])], (x) => x.transpose(1, 2).contiguous())
same('sum', [randn([1000, 300])], (x) => x.sum(), { tolerance: 1e-4 })
same('sum rows', [randn([100, 3000])], (x) => x.sum(1), { tolerance: 1e-4 })
same('sum columns', [randn([3000, 100])], (x) => x.sum(0), { tolerance: 1e-4 })
same('sum middle', [randn([7, 50, 9])], (x) => x.sum(1), { tolerance: 1e-4 })
same('sum outer and inner', [randn([16, 8, 10, 10])], (x) => x.sum([0, 2, 3]), { tolerance: 1e-4 })
same('mean', [a], (x) => x.mean(0))
same('max', [a], (x) => x.amax(1))
same('argmax', [a], (x) => x.argmax(1), { gradients: false })
same('var', [a], (x) => x.var(1), { tolerance: 1e-4 })
same('norm', [a], (x) => x.norm(), { tolerance: 1e-4 })
same('any', [a.gt(2)], (x) => x.any(1))
same('cumsum', [a], (x) => x.cumsum(1), { tolerance: 1e-4 })
same('prod', [a.mul(0.1).add(1)], (x) => x.prod(1), { tolerance: 1e-4 })
same('matmul', [randn([70, 50]), randn([50, 90])], (x, y) => x.matmul(y))
same('matmul transposed', [randn([50, 70]), randn([90, 50])], (x, y) => x.t().matmul(y.t()))
same('matmul batched', [randn([5, 6, 20, 30]), randn([5, 6, 30, 10])], (x, y) => x.matmul(y))
same('matmul broadcast', [randn([5, 6, 20, 30]), randn([30, 10])], (x, y) => x.matmul(y))
same('matmul permuted', [randn([5, 20, 6, 30]), randn([5, 30, 6, 10])], (x, y) =>
  x.transpose(1, 2).matmul(y.permute([0, 2, 1, 3])),
)
same('matmul float64', [randn([30, 40]).double(), randn([40, 20]).double()], (x, y) => x.matmul(y), {
  tolerance: 1e-12,
})
same('matmul bfloat16', [randn([32, 64]).bfloat16(), randn([64, 16]).bfloat16()], (x, y) => x.matmul(y), {
  tolerance: 2e-2,
})
same('matmul int64', [randint(-9, 9, [20, 30]), randint(-9, 9, [30, 10])], (x, y) => x.matmul(y))
same('matvec', [randn([20, 30]), randn([30])], (x, y) => x.matmul(y))
same('linear', [randn([17, 30]), randn([40, 30]), randn([40])], (x, w, bias) => F.linear(x, w, bias))
same('linear 3d', [randn([4, 17, 30]), randn([40, 30]), randn([40])], (x, w, bias) => F.linear(x, w, bias))
same('softmax', [a], (x) => F.softmax(x, 1))
same('softmax outer', [a], (x) => F.softmax(x, 0))
same('log softmax long', [randn([5, 3000])], (x) => F.logSoftmax(x, 1))
same('layer norm', [a, randn([65]), randn([65])], (x, w, bias) => F.layerNorm(x, [65], { weight: w, bias }), {
  tolerance: 1e-4,
})
same(
  'layer norm long',
  [randn([9, 2048]), randn([2048]), randn([2048])],
  (x, w, bias) => F.layerNorm(x, [2048], { weight: w, bias }),
  { tolerance: 1e-4 },
)
same(
  'batch norm',
  [randn([8, 6, 5, 5]), randn([6]), randn([6])],
  (x, w, bias) =>
    F.batchNorm(x, zeros([6], { device: x.device }), ones([6], { device: x.device }), {
      weight: w,
      bias,
      training: true,
    }),
  { tolerance: 1e-4 },
)
same('cross entropy', [randn([40, 12]), randint(0, 12, [40])], (x, y) => F.crossEntropy(x, y))
same('cross entropy images', [randn([4, 5, 7, 3]), randint(0, 5, [4, 7, 3])], (x, y) =>
  F.crossEntropy(x, y, { reduction: 'none' }),
)
same('embedding', [randn([20, 33]), randint(0, 20, [6, 9])], (w, i) => F.embedding(i, w))
same('gather', [a, randint(0, 65, [33, 7])], (x, i) => x.gather(1, i))
same('scatter add', [a, randint(0, 65, [33, 7]), randn([33, 7])], (x, i, v) => x.scatterAdd(1, i, v))
same('index', [a, randint(-33, 33, [9])], (x, i) => x.at(i))
same('index select', [a, randint(0, 33, [9])], (x, i) => x.indexSelect(0, i))
same('mask', [a], (x) => x.maskedSelect(x.gt(0)))
same('nonzero', [a.gt(1)], (x) => x.nonzero())
same('tril', [randn([4, 9, 9])], (x) => x.tril(1))
same('cat', [a, b], (x, y) => x.mul(1).matmul(y.t()).sum(0))
same('max pool', [randn([4, 3, 12, 10])], (x) => F.maxPool2d(x, 2))
same('max pool overlapping', [randn([4, 3, 12, 10])], (x) => F.maxPool2d(x, 3, { stride: 2, padding: 1 }))
same('avg pool', [randn([4, 3, 12, 10])], (x) => F.avgPool2d(x, 3, { stride: 2, padding: 1 }))
same('adaptive avg pool', [randn([4, 3, 12, 10])], (x) => F.adaptiveAvgPool2d(x, 5))
same('global avg pool', [randn([4, 3, 12, 10])], (x) => F.adaptiveAvgPool2d(x, 1))
same(
  'conv2d',
  [randn([4, 3, 12, 10]), randn([8, 3, 3, 3]), randn([8])],
  (x, w, bias) => F.conv2d(x, w, { bias, padding: 1 }),
  { tolerance: 1e-4 },
)
same(
  'conv2d strided',
  [randn([4, 16, 12, 12]), randn([32, 16, 3, 3])],
  (x, w) => F.conv2d(x, w, { padding: 1, stride: 2 }),
  { tolerance: 1e-4 },
)
same('conv2d 1x1', [randn([4, 16, 12, 12]), randn([32, 16, 1, 1])], (x, w) => F.conv2d(x, w, { stride: 2 }), {
  tolerance: 1e-4,
})
same('conv2d groups', [randn([4, 16, 12, 12]), randn([32, 4, 3, 3])], (x, w) => F.conv2d(x, w, { groups: 4 }), {
  tolerance: 1e-4,
})
same('conv1d', [randn([4, 6, 30]), randn([8, 6, 5])], (x, w) => F.conv1d(x, w, { padding: 2 }), { tolerance: 1e-4 })
same('conv3d', [randn([2, 3, 6, 7, 8]), randn([4, 3, 3, 3, 3])], (x, w) => F.conv3d(x, w), { tolerance: 1e-4 })
same(
  'conv transpose',
  [randn([2, 6, 7, 7]), randn([6, 4, 3, 3])],
  (x, w) => F.convTranspose2d(x, w, { stride: 2, padding: 1 }),
  { tolerance: 1e-4 },
)
for (const [n, d] of [
  [50, 32],
  [128, 64],
  [40, 100],
  [33, 160],
])
  for (const isCausal of [false, true])
    same(
      `attention ${n}×${d}${isCausal ? ' causal' : ''}`,
      [randn([2, 3, n, d]), randn([2, 3, n, d]), randn([2, 3, n, d])],
      (q, k, v) => F.scaledDotProductAttention(q, k, v, { isCausal }),
      { tolerance: 1e-4 },
    )
same(
  'attention mask',
  [randn([2, 3, 20, 16]), randn([2, 3, 30, 16]), randn([2, 3, 30, 16]), randn([20, 30]).gt(-1)],
  (q, k, v, m) => F.scaledDotProductAttention(q, k, v, { attnMask: m }),
  { tolerance: 1e-4 },
)
same(
  'attention shared heads',
  [randn([2, 6, 20, 16]), randn([2, 2, 20, 16]), randn([2, 2, 20, 16])],
  (q, k, v) => F.scaledDotProductAttention(q, k, v, { enableGqa: true, isCausal: true }),
  { tolerance: 1e-4 },
)
for (const [name, make] of Object.entries({
  sgd: (p) => new optim.SGD(p, { lr: 0.1, momentum: 0.9, weightDecay: 0.01 }),
  adam: (p) => new optim.Adam(p, { lr: 0.1 }),
  adamw: (p) => new optim.AdamW(p, { lr: 0.1, amsgrad: true }),
}))
  check(name, () => {
    const start = randn([60, 70])
    const grad = randn([60, 70])
    const [x, y] = ['cpu', 'cuda'].map((device) => {
      const p = new nn.Parameter(start.to({ device, copy: true }))
      const optimizer = make([p])
      for (let i = 0; i < 5; i++) {
        p.grad = grad.to(device).mul(i - 1)
        optimizer.step()
      }
      return p
    })
    close(y, x, 1e-5)
  })
check('dropout', () => {
  const x = ones([1000, 100], { device: 'cuda' }).requiresGrad_()
  const y = F.dropout(x, { p: 0.3 })
  const kept = y.gt(0).to('float32').mean().item()
  if (Math.abs(kept - 0.7) > 0.01) throw new Error(`kept ${kept}`)
  y.sum().backward()
  close(x.grad, y.detach(), 1e-6)
})
check('random repeats', () => {
  manualSeed(3)
  const [x, y] = [randn([1000], { device: 'cuda' }), randn([1000], { device: 'cuda' })]
  manualSeed(3)
  close(randn([1000], { device: 'cuda' }), x, 0)
  close(randn([1000], { device: 'cuda' }), y, 0)
  const m = x.mean().item()
  if (Math.abs(m) > 0.2) throw new Error(`mean ${m}`)
})
check('an index out of range is reported with the kernel', () => {
  const i = tensor([1n, 99n], { device: 'cuda' })
  let message = ''
  try {
    F.embedding(i, randn([5, 3], { device: 'cuda' }))
    synchronize('cuda')
  } catch (error) {
    message = error.message
  }
  if (!/embedding.*index 99/.test(message)) throw new Error(`got '${message}'`)
  synchronize('cuda')
})
check('a kernel that is missing says so', () => {
  let message = ''
  try {
    fft.fft(randn([5], { device: 'cuda' }))
    synchronize('cuda')
  } catch (error) {
    message = error.message
  }
  if (!/no cuda kernel; move the tensor to cpu/.test(message)) throw new Error(`got '${message}'`)
})
check('memory comes back', () => {
  const before = cuda.memoryAllocated()
  const x = zeros([1 << 20], { device: 'cuda' })
  if (cuda.memoryAllocated() - before < 4 << 20) throw new Error('nothing was counted')
  x.dispose()
  if (cuda.memoryAllocated() !== before) throw new Error('it did not')
  cuda.emptyCache()
})
check('streams and events', () => {
  const stream = new cuda.Stream()
  const [from, to] = [new cuda.Event(), new cuda.Event()]
  const x = randn([512, 512], { device: 'cuda' })
  stream.waitStream(cuda.currentStream())
  from.record(stream)
  const y = cuda.withStream(stream, () => x.matmul(x))
  to.record(stream)
  cuda.currentStream().waitStream(stream)
  close(y, x.to('cpu').matmul(x.to('cpu')), 1e-4)
  to.synchronize()
  if (!(from.elapsedTime(to) > 0)) throw new Error('no time went by')
})
check('a large copy', () => {
  const x = randn([3_000_000])
  close(x.to('cuda').add(0).to('cpu'), x, 0)
})
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
