// The suite's training networks over the operators of a peer: `p` are the parameters by PyTorch's names, `o` the operators.

function mlp(o, p, x) {
  const h1 = o.relu(o.linear(x, p['0.weight'], p['0.bias']))
  const h2 = o.relu(o.linear(h1, p['2.weight'], p['2.bias']))
  return o.linear(h2, p['4.weight'], p['4.bias'])
}

function digits(o, p, x) {
  const h1 = o.relu(o.conv(x, p['0.weight'], p['0.bias']))
  const h2 = o.relu(o.conv(h1, p['2.weight'], p['2.bias']))
  const h3 = o.dropout(o.flattenImages(o.maxPool2(h2)), 0.25) // [N, 9216]
  const h4 = o.relu(o.linear(h3, p['7.weight'], p['7.bias']))
  return o.linear(o.dropout(h4, 0.5), p['10.weight'], p['10.bias'])
}

const WIDTH = 192
const HEADS = 6
const LAYERS = 4
const [BATCH, TIME] = [8, 128]

function block(o, p, at, x) {
  const n = (name) => p[`blocks.${at}.${name}`]
  const heads = o.linear(o.layerNorm(x, n('norm1.weight'), n('norm1.bias')), n('qkv.weight'), n('qkv.bias'))
  const [q, k, v] = o
    .split(heads, 3)
    .map((part) => o.transpose(o.reshape(part, [BATCH, TIME, HEADS, WIDTH / HEADS]), [0, 2, 1, 3]))
  const attended = o.reshape(o.transpose(o.causalAttention(q, k, v), [0, 2, 1, 3]), [BATCH * TIME, WIDTH])
  const y = o.add(x, o.linear(attended, n('project.weight'), n('project.bias')))
  const up = o.gelu(o.linear(o.layerNorm(y, n('norm2.weight'), n('norm2.bias')), n('up.weight'), n('up.bias')))
  return o.add(y, o.linear(up, n('down.weight'), n('down.bias')))
}

function gpt(o, p, x) {
  const tokens = o.reshape(o.embedding(p['tokens.weight'], x), [BATCH, TIME, WIDTH])
  let h = o.reshape(o.add(tokens, p['positions.weight']), [BATCH * TIME, WIDTH])
  for (let i = 0; i < LAYERS; i++) h = block(o, p, i, h)
  return o.linear(o.layerNorm(h, p['norm.weight'], p['norm.bias']), p['head.weight'], null)
}

/** [T, N, 64] → [N, 10], from the last step's state. */
function lstm(o, p, x) {
  const [time, batch, hidden] = [64, 32, 128]
  let inputs = x
  let last
  for (let layer = 0; layer < 2; layer++) {
    const name = (kind) => p[`lstm.${kind}_l${layer}`]
    const bias = o.add(name('bias_ih'), name('bias_hh'))
    const width = layer === 0 ? 64 : hidden
    const all = o.reshape(o.linear(o.reshape(inputs, [time * batch, width]), name('weight_ih'), bias), [
      time,
      batch,
      4 * hidden,
    ])
    const steps = o.rows(all, time)
    let h = null
    let c = null
    const outputs = []
    for (const step of steps) {
      const [i, f, g, out] = o.split(h === null ? step : o.add(step, o.linear(h, name('weight_hh'), null)), 4)
      const fresh = o.mul(o.sigmoid(i), o.tanh(g))
      c = c === null ? fresh : o.add(o.mul(o.sigmoid(f), c), fresh)
      h = o.mul(o.sigmoid(out), o.tanh(c))
      outputs.push(h)
    }
    last = h
    if (layer === 0) inputs = o.stack(outputs)
  }
  return o.linear(last, p['head.weight'], p['head.bias'])
}

/** Each gives logits; `images` are converted to the peer's layout once, before the first step. */
export const networks = {
  'mlp training': { forward: mlp, classes: 10 },
  'digits training': { forward: digits, classes: 10, images: true },
  'gpt training': { forward: gpt, classes: 65, indices: true, weightDecay: 0.01 },
  'lstm training': { forward: lstm, classes: 10 },
}

export const ADAM = { lr: 1e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8 }
