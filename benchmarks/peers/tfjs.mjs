// TensorFlow.js on its WebAssembly backend. Its layout of images is NHWC, of filters HWIO.
import { ADAM, networks } from './networks.mjs'
import { readWeights, sample } from './weights.mjs'

/**
 * The backend has no gradient of a convolution with respect to its filter: it is the input convolved with the gradient. That with respect
 * to the input is written out, too: its transposed convolution takes 18 times as long as the convolution.
 */
function convolution(tf) {
  return tf.customGrad((x, w, save) => {
    save([x, w])
    return {
      value: tf.conv2d(x, w, 1, 'valid'),
      gradFunc: (g, [input, filter]) => {
        const k = filter.shape[0] - 1
        const padded = tf.pad(g, [
          [0, 0],
          [k, k],
          [k, k],
          [0, 0],
        ])
        const found = tf.conv2d(tf.transpose(input, [3, 1, 2, 0]), tf.transpose(g, [1, 2, 0, 3]), 1, 'valid')
        return [
          tf.conv2d(padded, tf.transpose(tf.reverse(filter, [0, 1]), [0, 1, 3, 2]), 1, 'valid'),
          tf.transpose(found, [1, 2, 0, 3]),
        ]
      },
    }
  })
}

function operators(tf, training) {
  const conv = convolution(tf)
  const mask = tf.tidy(() =>
    tf.linalg
      .bandPart(tf.ones([128, 128]), -1, 0)
      .sub(1)
      .mul(1e9),
  )
  tf.keep(mask)
  return {
    add: tf.add,
    mul: tf.mul,
    relu: tf.relu,
    sigmoid: tf.sigmoid,
    tanh: tf.tanh,
    reshape: tf.reshape,
    transpose: tf.transpose,
    split: (x, n) => tf.split(x, n, x.rank - 1),
    rows: (x) => tf.unstack(x),
    stack: (list) => tf.stack(list),
    linear: (x, w, b) => {
      const y = tf.matMul(x, w, false, true)
      return b === null ? y : tf.add(y, b)
    },
    conv: (x, w, b) => tf.add(conv(x, w), b),
    maxPool2: (x) => tf.maxPool(x, 2, 2, 'valid'),
    flattenImages: (x) => tf.reshape(tf.transpose(x, [0, 3, 1, 2]), [x.shape[0], -1]),
    dropout: (x, p) => (training.on ? tf.dropout(x, p) : x),
    // Gathering has no gradient on this backend.
    embedding: (w, indices) => tf.matMul(tf.oneHot(tf.reshape(indices, [-1]), w.shape[0]).toFloat(), w),
    layerNorm: (x, w, b) => {
      const { mean, variance } = tf.moments(x, -1, true)
      return tf.add(tf.mul(tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, 1e-5))), w), b)
    },
    gelu: (x) => tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1)),
    causalAttention: (q, k, v) => {
      const scores = tf.mul(tf.matMul(q, k, false, true), 1 / Math.sqrt(q.shape[3]))
      return tf.matMul(tf.softmax(tf.add(scores, mask)), v)
    },
  }
}

export async function prepare(load, name, file) {
  const tf = await load('@tensorflow/tfjs')
  await load('@tensorflow/tfjs-backend-wasm')
  if (!(await tf.setBackend('wasm'))) throw new Error('the wasm backend does not start')
  await tf.ready()
  const { forward, classes, images, indices, weightDecay = 0 } = networks[name]
  const { x: input, y: target, ...weights } = readWeights(file)
  const filter = (shape) => shape.length === 4
  const parameters = Object.fromEntries(
    Object.entries(weights).map(([key, { shape, data }]) => {
      const t = tf.tensor(data, shape)
      return [key, tf.variable(filter(shape) ? tf.transpose(t, [2, 3, 1, 0]) : t)]
    }),
  )
  const given = tf.tensor(input.data, input.shape, indices ? 'int32' : 'float32')
  const x = images ? tf.transpose(given, [0, 2, 3, 1]) : given
  const labels = tf.oneHot(tf.tensor1d(target.data, 'int32'), classes).toFloat()
  const training = { on: false }
  const o = operators(tf, training)
  const { lr, beta1, beta2, eps } = ADAM
  const optimizer = tf.train.adam(lr, beta1, beta2, eps)
  const variables = Object.values(parameters)
  const loss = () => tf.losses.softmaxCrossEntropy(labels, forward(o, parameters, x))
  const named = Object.fromEntries(Object.entries(parameters).map(([key, v]) => [v.name, key]))
  const torch = (t) => (filter(t.shape) ? tf.transpose(t, [3, 2, 0, 1]) : t)
  const shown = (t) => tf.tidy(() => sample(torch(t).shape, torch(t).dataSync()))

  function update(grads) {
    if (weightDecay > 0)
      tf.tidy(() => {
        for (const v of variables) v.assign(tf.mul(v, 1 - lr * weightDecay))
      })
    optimizer.applyGradients(grads)
  }
  function step(look) {
    const { value, grads } = tf.variableGrads(loss, variables)
    const seen = look?.(value, grads)
    update(grads)
    const number = value.dataSync()[0]
    value.dispose()
    tf.dispose(grads)
    return seen ?? number
  }
  return {
    check(steps) {
      const losses = []
      let gradients
      for (let i = 0; i < steps; i++)
        step((value, grads) => {
          losses.push(value.dataSync()[0])
          gradients ??= Object.fromEntries(Object.entries(grads).map(([key, g]) => [named[key], shown(g)]))
        })
      const updated = Object.fromEntries(Object.entries(parameters).map(([key, v]) => [key, shown(v)]))
      training.on = true
      return { losses, gradients, updated }
    },
    step: () => step(),
  }
}
