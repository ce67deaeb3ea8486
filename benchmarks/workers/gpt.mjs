// One training step of a GPT: 4 layers, width 192, 6 heads, context 128, vocabulary 65, batch 8, AdamW. Milliseconds.
import { arange, F, nn, optim } from '@flambeau/core'
import { serve, timed } from '../support/serve.mjs'
import { checked, fill } from '../support/weights.mjs'

const [LAYERS, WIDTH, HEADS, CONTEXT, VOCABULARY, BATCH] = [4, 192, 6, 128, 65, 8]

class Attention extends nn.Module {
  qkv = new nn.Linear(WIDTH, 3 * WIDTH)
  out = new nn.Linear(WIDTH, WIDTH)

  forward(x) {
    const [q, k, v] = this.qkv
      .forward(x)
      .chunk(3, 2)
      .map((t) => t.view([BATCH, CONTEXT, HEADS, WIDTH / HEADS]).transpose(1, 2)) // [B, H, T, D]
    const y = F.scaledDotProductAttention(q, k, v, { isCausal: true })
    return this.out.forward(y.transpose(1, 2).reshape([BATCH, CONTEXT, WIDTH]))
  }
}

class Block extends nn.Module {
  norm1 = new nn.LayerNorm(WIDTH)
  attention = new Attention()
  norm2 = new nn.LayerNorm(WIDTH)
  up = new nn.Linear(WIDTH, 4 * WIDTH)
  down = new nn.Linear(4 * WIDTH, WIDTH)

  forward(x) {
    const y = x.add(this.attention.forward(this.norm1.forward(x)))
    return y.add(this.down.forward(F.gelu(this.up.forward(this.norm2.forward(y)))))
  }
}

class GPT extends nn.Module {
  tokens = new nn.Embedding(VOCABULARY, WIDTH)
  positions = new nn.Embedding(CONTEXT, WIDTH)
  blocks = new nn.ModuleList(Array.from({ length: LAYERS }, () => new Block()))
  norm = new nn.LayerNorm(WIDTH)
  head = new nn.Linear(WIDTH, VOCABULARY)
  #steps = arange(CONTEXT)

  forward(tokens) {
    let x = this.tokens.forward(tokens).add(this.positions.forward(this.#steps))
    for (const block of this.blocks) x = block.forward(x)
    return this.head.forward(this.norm.forward(x)) // [B, T, vocabulary]
  }
}

const model = fill(new GPT(), 0.05)
const optimizer = new optim.AdamW(model.parameters(), { lr: 3e-4, weightDecay: 0.1 })
const text = arange(BATCH * (CONTEXT + 1))
  .mul(7919)
  .remainder(VOCABULARY)
  .view([BATCH, CONTEXT + 1])
const input = text.narrow(1, 0, CONTEXT).contiguous()
const target = text.narrow(1, 1, CONTEXT).contiguous().view([-1])

function step() {
  const loss = F.crossEntropy(model.forward(input).view([-1, VOCABULARY]), target)
  optimizer.zeroGrad()
  loss.backward()
  optimizer.step()
  return loss.item()
}

await serve((line) => (line === 'check' ? checked(model, step) : timed(5, step) / 1e6))
