// Convolutions of ResNets and MobileNets, forward and with both gradients, and pooling.
import { F, noGrad, randn } from '@flambeau/core'

/** [batch, channels, size] → filters of k×k. Inside of a network the input is what another convolution gave. */
const shapes = {
  '3x3 64 32²': { n: 16, c: 64, size: 32, out: 64, k: 3, padding: 1 },
  '3x3 128 16²': { n: 16, c: 128, size: 16, out: 128, k: 3, padding: 1 },
  '3x3 256 8²': { n: 16, c: 256, size: 8, out: 256, k: 3, padding: 1 },
  '3x3 512 4²': { n: 16, c: 512, size: 4, out: 512, k: 3, padding: 1 },
  '3x3 stride 2 64 32²': { n: 16, c: 64, size: 32, out: 128, k: 3, padding: 1, stride: 2 },
  '7x7 stride 2 3 224²': { n: 1, c: 3, size: 224, out: 64, k: 7, padding: 3, stride: 2 },
  '1x1 256 28²': { n: 4, c: 256, size: 28, out: 64, k: 1 },
  '1x1 32 56²': { n: 4, c: 32, size: 56, out: 64, k: 1 },
  'depthwise 3x3 96 56²': { n: 4, c: 96, size: 56, out: 96, k: 3, padding: 1, groups: 96 },
}

const operands = ({ n, c, size, out, k, groups = 1 }) => [randn([n, c, size, size]), randn([out, c / groups, k, k])]
const options = ({ padding = 0, stride = 1, groups = 1 }) => ({ padding, stride, groups })

const forward = (shape) => () => {
  const [x, w] = operands(shape)
  const o = options(shape)
  // The identity, so that the input lies in memory as it does inside of a network.
  const inside = F.maxPool2d(F.conv2d(x, w, o), 1)
  const weight = shape.out === shape.c && !shape.stride ? w : null
  return () => noGrad(() => (weight ? F.conv2d(inside, weight, o) : F.conv2d(x, w, o)))
}
const training = (shape) => () => {
  const [x, w] = operands(shape).map((t) => t.requiresGrad_())
  const o = options(shape)
  const g = noGrad(() => F.conv2d(x, w, o).mul(0.01))
  return () => {
    x.grad = w.grad = null
    F.conv2d(x, w, o).backward(g)
    return () => [x.grad, w.grad]
  }
}

const pool = (call) => () => {
  const x = randn([16, 64, 32, 32]).requiresGrad_()
  const y = noGrad(() => call(x))
  return () => {
    x.grad = null
    call(x).backward(y)
    return () => [x.grad]
  }
}

export default {
  ...Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [`conv ${name}`, forward(shape)])),
  ...Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [`conv ${name} and backward`, training(shape)])),
  'max pool and backward': pool((x) => F.maxPool2d(x, 2)),
  'average pool and backward': pool((x) => F.avgPool2d(x, 2)),
  'adaptive average pool and backward': pool((x) => F.adaptiveAvgPool2d(x, 1)),
}
