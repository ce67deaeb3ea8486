// Matrix products: square ones, those of a small network and of attention, and other dtypes.
import { F, matmul, randn } from '@flambeau/core'

const product = (a, b, dtype = 'float32') => {
  return () => {
    const [x, y] = [randn(a).to(dtype), randn(b).to(dtype)]
    return () => matmul(x, y)
  }
}
const square = (n, dtype) => product([n, n], [n, n], dtype)

export default {
  'matmul 64': square(64),
  'matmul 128': square(128),
  'matmul 256': square(256),
  'matmul 512': square(512),
  'matmul 1024': square(1024),
  'matmul 512 float64': square(512, 'float64'),
  'matmul 512 bfloat16': square(512, 'bfloat16'),
  'matmul 512 complex64': square(512, 'complex64'),
  'matmul 128x784x512': product([128, 784], [784, 512]),
  'matmul 1024x192x576': product([1024, 192], [192, 576]),
  'matmul 1x4096x4096': product([1, 4096], [4096, 4096]),
  'matmul transposed 512': () => {
    const [x, y] = [randn([512, 512]), randn([512, 512])]
    return () => matmul(x.t(), y.t())
  },
  'bmm 48x128x32x128': product([48, 128, 32], [48, 32, 128]),
  'mv 4096': product([4096, 4096], [4096]),
  'linear 1024x192x768 and backward': () => {
    const [x, w, b] = [randn([1024, 192]), randn([768, 192]), randn([768])].map((t) => t.requiresGrad_())
    const g = randn([1024, 768])
    return () => {
      for (const t of [x, w, b]) t.grad = null
      F.linear(x, w, b).backward(g)
      return () => [x.grad, w.grad, b.grad]
    }
  },
}
