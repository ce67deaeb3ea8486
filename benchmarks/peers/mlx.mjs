// node-mlx on the CPU. Its layout of images is NHWC, of filters OHWI.
import { ADAM, networks } from './networks.mjs'
import { readWeights, sample } from './weights.mjs'

function operators(mx, nn, training) {
  const mask = mx.multiply(mx.subtract(mx.tri(128), 1), 1e9)
  return {
    add: mx.add,
    mul: mx.multiply,
    relu: nn.relu,
    sigmoid: mx.sigmoid,
    tanh: mx.tanh,
    reshape: mx.reshape,
    transpose: mx.transpose,
    split: (x, n) => mx.split(x, n, -1),
    rows: (x, n) => mx.split(x, n, 0).map((row) => mx.squeeze(row, 0)),
    stack: (list) => mx.stack(list),
    linear: (x, w, b) => (b === null ? mx.matmul(x, mx.transpose(w)) : mx.addmm(b, x, mx.transpose(w))),
    conv: (x, w, b) => mx.add(mx.conv2d(x, w), b),
    maxPool2: (x) => {
      const [n, h, w, c] = x.shape
      return mx.max(mx.reshape(x, [n, h / 2, 2, w / 2, 2, c]), [2, 4])
    },
    flattenImages: (x) => mx.reshape(mx.transpose(x, [0, 3, 1, 2]), [x.shape[0], -1]),
    dropout: (x, p) =>
      training.on ? mx.multiply(mx.multiply(mx.random.bernoulli(1 - p, x.shape), x), 1 / (1 - p)) : x,
    embedding: (w, indices) => mx.take(w, mx.reshape(indices, [-1]), 0),
    layerNorm: (x, w, b) => mx.fast.layerNorm(x, w, b, 1e-5),
    gelu: nn.gelu,
    causalAttention: (q, k, v) => {
      const scores = mx.multiply(mx.matmul(q, mx.transpose(k, [0, 1, 3, 2])), 1 / Math.sqrt(q.shape[3]))
      return mx.matmul(mx.softmax(mx.add(scores, mask), -1), v)
    },
  }
}

export async function prepare(load, name, file) {
  const { core: mx, nn } = await load('@frost-beta/mlx')
  const { forward, images, indices, weightDecay = 0 } = networks[name]
  const { x: input, y: target, ...weights } = readWeights(file)
  const filter = (shape) => shape.length === 4
  const arrayOf = ({ shape, data }, dtype) => mx.reshape(mx.array(Array.from(data), dtype), shape)
  const keys = Object.keys(weights)
  let parameters = keys.map((key) => {
    const w = arrayOf(weights[key], mx.float32)
    return filter(w.shape) ? mx.transpose(w, [0, 2, 3, 1]) : w
  })
  let first = parameters.map((p) => mx.zerosLike(p))
  let second = parameters.map((p) => mx.zerosLike(p))
  const given = arrayOf(input, indices ? mx.int32 : mx.float32)
  const x = images ? mx.transpose(given, [0, 2, 3, 1]) : given
  const labels = arrayOf(target, mx.int32)
  mx.eval(parameters, first, second, x, labels)
  const training = { on: false }
  const o = operators(mx, nn, training)
  const { lr, beta1, beta2, eps } = ADAM
  const loss = (list) =>
    nn.losses.crossEntropy(
      forward(o, Object.fromEntries(keys.map((key, i) => [key, list[i]])), x),
      labels,
      undefined,
      -1,
      0,
      'mean',
    )
  const gradient = mx.valueAndGrad(loss)
  let time = 0

  function step() {
    time++
    const [c1, c2] = [beta1, beta2].map((beta) => 1 / (1 - beta ** time))
    const [value, grads] = gradient(parameters)
    first = first.map((m, i) => mx.add(mx.multiply(m, beta1), mx.multiply(grads[i], 1 - beta1)))
    second = second.map((v, i) => mx.add(mx.multiply(v, beta2), mx.multiply(mx.square(grads[i]), 1 - beta2)))
    parameters = parameters.map((p, i) => {
      const change = mx.divide(mx.multiply(first[i], c1), mx.add(mx.sqrt(mx.multiply(second[i], c2)), eps))
      return mx.subtract(weightDecay > 0 ? mx.multiply(p, 1 - lr * weightDecay) : p, mx.multiply(change, lr))
    })
    mx.eval(value, parameters, first, second)
    return { loss: value.item(), grads }
  }
  const shown = (arrays) =>
    Object.fromEntries(
      keys.map((key, i) => {
        const t = filter(arrays[i].shape) ? mx.transpose(arrays[i], [0, 3, 1, 2]) : arrays[i]
        return [key, sample(t.shape, mx.reshape(t, [-1]).tolist())]
      }),
    )
  return {
    check(steps) {
      const losses = []
      let gradients
      for (let i = 0; i < steps; i++) {
        const { loss: value, grads } = step()
        losses.push(value)
        gradients ??= shown(grads)
      }
      const updated = shown(parameters)
      training.on = true
      return { losses, gradients, updated }
    },
    step,
  }
}
