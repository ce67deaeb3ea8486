// jax-js on WebAssembly, the whole step in one jit. Its functions take ownership of their arguments, so that `.ref` keeps them.
import { ADAM, networks } from './networks.mjs'
import { readWeights, sample } from './weights.mjs'

function operators({ numpy: np, lax, nn, random }, training) {
  const kept =
    (f) =>
    (x, ...rest) =>
      f(x.ref, ...rest)
  const both = (f) => (x, y) => f(x.ref, y.ref)
  const linear = (x, w, b) => {
    const y = np.matmul(x.ref, np.transpose(w.ref))
    return b === null ? y : y.add(b.ref)
  }
  return {
    add: both((x, y) => x.add(y)),
    mul: both((x, y) => x.mul(y)),
    relu: kept(nn.relu),
    sigmoid: kept(nn.sigmoid),
    tanh: kept(np.tanh),
    reshape: kept(np.reshape),
    transpose: kept(np.transpose),
    split: (x, n) => np.split(x.ref, n, -1),
    rows: (x) => np.unstack(x.ref, 0),
    stack: (list) => np.stack(list.map((x) => x.ref)),
    linear,
    conv: (x, w, b) => lax.conv(x.ref, w.ref, [1, 1], 'VALID').add(np.reshape(b.ref, [-1, 1, 1])),
    maxPool2: (x) => {
      const [n, c, h, w] = x.shape
      return np.max(np.reshape(x.ref, [n, c, h / 2, 2, w / 2, 2]), [3, 5])
    },
    flattenImages: (x) => np.reshape(x.ref, [x.shape[0], -1]),
    dropout: (x, p) => {
      if (!training.on) return x
      const keep = random.bernoulli(training.key(), 1 - p, x.shape)
      return np.where(keep, x.ref.mul(1 / (1 - p)), 0)
    },
    embedding: (w, indices) => np.matmul(nn.oneHot(np.reshape(indices.ref, [-1]), w.shape[0]), w.ref),
    layerNorm: (x, w, b) => {
      const centred = x.ref.sub(np.mean(x.ref, -1, { keepdims: true }))
      const variance = np.mean(np.square(centred.ref), -1, { keepdims: true })
      return centred
        .div(np.sqrt(variance.add(1e-5)))
        .mul(w.ref)
        .add(b.ref)
    },
    gelu: (x) => nn.gelu(x.ref, { approximate: false }),
    causalAttention: (q, k, v) => {
      const time = q.shape[2]
      const scores = np.matmul(q.ref, np.transpose(k.ref, [0, 1, 3, 2])).mul(1 / Math.sqrt(q.shape[3]))
      const mask = np.tri(time).sub(1).mul(1e9)
      return np.matmul(nn.softmax(scores.add(mask), -1), v.ref)
    },
  }
}

export async function prepare(load, name, file) {
  const jax = await load('@jax-js/jax')
  const { numpy: np, nn, random, tree } = jax
  await jax.init('wasm')
  jax.defaultDevice('wasm')
  const { forward, classes, indices, weightDecay = 0 } = networks[name]
  const { x: input, y: target, ...weights } = readWeights(file)
  const arrayOf = ({ shape, data }, dtype = np.float32) => np.array(data, { shape, dtype })
  const x = arrayOf(input, indices ? np.int32 : np.float32)
  const labels = nn.oneHot(arrayOf(target, np.int32), classes)
  const { lr, beta1, beta2, eps } = ADAM

  let parameters = Object.fromEntries(Object.entries(weights).map(([key, w]) => [key, arrayOf(w)]))
  const keys = Object.keys(parameters)
  let first = tree.map((p) => np.zerosLike(p), tree.ref(parameters))
  let second = tree.map((p) => np.zerosLike(p), tree.ref(parameters))
  let time = 0

  /** A step: the loss, the gradients, and what is updated. */
  function make(training) {
    const o = operators(jax, training)
    const loss = (p, x, labels, key) => {
      training.start?.(key)
      const logits = forward(o, p, x)
      return np.sum(nn.logSoftmax(logits, -1).mul(labels.ref)).mul(-1 / labels.shape[0])
    }
    const gradient = jax.valueAndGrad(loss)
    return jax.jit((p, m, v, x, labels, key, c1, c2) => {
      const [value, grads] = gradient(tree.ref(p), x, labels, key)
      const [newP, newM, newV] = [{}, {}, {}]
      for (const name of keys) {
        const g = grads[name]
        newM[name] = m[name].mul(beta1).add(g.ref.mul(1 - beta1))
        newV[name] = v[name].mul(beta2).add(np.square(g.ref).mul(1 - beta2))
        const change = newM[name].ref.mul(c1.ref).div(np.sqrt(newV[name].ref.mul(c2.ref)).add(eps))
        newP[name] = p[name].mul(1 - lr * weightDecay).sub(change.mul(lr))
      }
      return [value, training.on ? {} : grads, newP, newM, newV]
    })
  }
  let compiled = make({ on: false })

  async function step() {
    time++
    const [c1, c2] = [beta1, beta2].map((beta) => np.array(1 / (1 - beta ** time)))
    const key = random.key(time)
    const [value, grads, p, m, v] = compiled(parameters, first, second, x.ref, labels.ref, key, c1, c2)
    parameters = p
    first = m
    second = v
    await jax.blockUntilReady([parameters, first, second])
    return { loss: (await value.data())[0], grads }
  }
  const shown = async (arrays) =>
    Object.fromEntries(
      await Promise.all(keys.map(async (key) => [key, sample(arrays[key].shape, await arrays[key].ref.data())])),
    )
  return {
    async check(steps) {
      const losses = []
      let gradients
      for (let i = 0; i < steps; i++) {
        const { loss, grads } = await step()
        losses.push(loss)
        gradients ??= await shown(grads)
        tree.dispose(grads)
      }
      const updated = await shown(parameters)
      let drawn
      compiled = make({
        on: true,
        start: (key) => {
          drawn = random.split(key, 2)
        },
        key: () => {
          const [one, other] = np.unstack(drawn, 0)
          drawn = np.stack([other.ref, other])
          return one
        },
      })
      return { losses, gradients, updated }
    },
    step,
  }
}
