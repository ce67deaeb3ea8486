// A small GPT over characters: rotary positions, squared ReLU, normalization without weights.
import { arange, cat, F, nn, outer, type Tensor } from '@flambeau/core'

const normed = (x: Tensor): Tensor => F.rmsNorm(x, [x.shape[x.shape.length - 1]])

/** Turns pairs of features by angles that grow with the position (RoFormer, arXiv:2104.09864). */
class Rotary {
  readonly #cos: Tensor
  readonly #sin: Tensor

  constructor(features: number, length: number) {
    const rates = arange(0, features, 2)
      .mul(-Math.log(10_000) / features)
      .exp()
    const angles = outer(arange(length).to('float32'), rates)
    const both = cat([angles, angles], 1)
    this.#cos = both.cos()
    this.#sin = both.sin()
  }

  /** @param x [B, H, T, D] */
  turn(x: Tensor): Tensor {
    const [, , t, d] = x.shape
    const other = cat([x.narrow(-1, d / 2, d / 2).neg(), x.narrow(-1, 0, d / 2)], -1)
    return x.mul(this.#cos.narrow(0, 0, t)).add(other.mul(this.#sin.narrow(0, 0, t)))
  }
}

class Block extends nn.Module<[x: Tensor, rotary: Rotary]> {
  readonly qkv: nn.Linear
  readonly out: nn.Linear
  readonly up: nn.Linear
  readonly down: nn.Linear
  readonly #heads: number

  constructor(width: number, heads: number) {
    super()
    this.#heads = heads
    this.qkv = new nn.Linear(width, 3 * width, { bias: false })
    this.out = new nn.Linear(width, width, { bias: false })
    this.up = new nn.Linear(width, 4 * width, { bias: false })
    this.down = new nn.Linear(4 * width, width, { bias: false })
    // At the beginning a block passes on what it is given.
    nn.init.zeros_(this.out.weight)
    nn.init.zeros_(this.down.weight)
  }

  override forward(x: Tensor, rotary: Rotary): Tensor {
    const [b, t, width] = x.shape
    const [q, k, v] = this.qkv
      .forward(normed(x))
      .view([b, t, 3, this.#heads, width / this.#heads])
      .permute([2, 0, 3, 1, 4])
      .unbind(0) // [B, H, T, D]
    const seen = F.scaledDotProductAttention(rotary.turn(normed(q)), rotary.turn(normed(k)), v, { isCausal: true })
    const mixed = x.add(this.out.forward(seen.transpose(1, 2).reshape([b, t, width])))
    return mixed.add(this.down.forward(this.up.forward(normed(mixed)).relu().square()))
  }
}

/** Scores of the next character at every position. */
export class GPT extends nn.Module {
  readonly embedding: nn.Embedding
  readonly blocks: nn.ModuleList<Block>
  readonly head: nn.Linear
  readonly #rotary: Rotary

  constructor(characters: number, width: number, layers: number, heads: number, context: number) {
    super()
    this.embedding = new nn.Embedding(characters, width)
    this.blocks = new nn.ModuleList(Array.from({ length: layers }, () => new Block(width, heads)))
    this.head = new nn.Linear(width, characters, { bias: false })
    nn.init.zeros_(this.head.weight)
    this.#rotary = new Rotary(width / heads, context)
  }

  /** @param ids int64 [B, T] @returns [B, T, characters] */
  override forward(ids: Tensor): Tensor {
    let x = normed(this.embedding.forward(ids))
    for (const block of this.blocks) x = block.forward(x, this.#rotary)
    return this.head.forward(normed(x))
  }
}
