// Keys and values of what has been read, so that the next token costs one token.
import { ArgumentError, indexSelect, keep, type Tensor, zeros } from '@flambeau/core'

interface Layer {
  keys: Tensor
  values: Tensor
}

/**
 * The keys and values of each layer, in memory that is allocated once: a step writes one row of each.
 *
 * Shapes: [batch, heads, capacity, features of a head].
 */
export class KeyValueCache {
  /** Tokens that it can hold. */
  readonly capacity: number
  readonly #layers: (Layer | undefined)[] = []
  #length = 0

  constructor(capacity: number) {
    this.capacity = capacity
  }

  /** Tokens that it holds. */
  get length(): number {
    return this.#length
  }

  /** Writes the rows of new tokens behind the others, and gives all of them. */
  append(layer: number, keys: Tensor, values: Tensor): [keys: Tensor, values: Tensor] {
    const [batch, heads, added, features] = keys.shape
    const end = this.#length + added
    if (end > this.capacity)
      throw new ArgumentError(`KeyValueCache: expected at most ${this.capacity} tokens, got ${end}`)
    let own = this.#layers[layer]
    if (own === undefined) {
      const options = { dtype: keys.dtype, device: keys.device }
      own = {
        keys: keep(zeros([batch, heads, this.capacity, features], options)),
        values: keep(zeros([batch, heads, this.capacity, values.shape[3]], options)),
      }
      this.#layers[layer] = own
    }
    own.keys.narrow(2, this.#length, added).copy_(keys)
    own.values.narrow(2, this.#length, added).copy_(values)
    return [own.keys.narrow(2, 0, end), own.values.narrow(2, 0, end)]
  }

  /** To be called when all layers have appended the rows of `tokens` tokens. */
  advance(tokens: number): void {
    this.#length += tokens
  }

  /** Keys and values that stay as they are, such as those of an encoder: made once. */
  fixed(layer: number, make: () => [keys: Tensor, values: Tensor]): [keys: Tensor, values: Tensor] {
    let own = this.#layers[layer]
    if (own === undefined) {
      const [keys, values] = make()
      own = { keys: keep(keys), values: keep(values) }
      this.#layers[layer] = own
    }
    return [own.keys, own.values]
  }

  /** Puts the sequences in another order; one may come several times. @param order int64, shape [batch] */
  reorder(order: Tensor): void {
    for (const layer of this.#layers)
      if (layer !== undefined) {
        const { keys, values } = layer
        layer.keys = keep(indexSelect(keys, 0, order))
        layer.values = keep(indexSelect(values, 0, order))
        keys.dispose()
        values.dispose()
      }
  }

  /** Gives its memory back now. */
  dispose(): void {
    for (const layer of this.#layers) {
      layer?.keys.dispose()
      layer?.values.dispose()
    }
    this.#layers.length = 0
    this.#length = 0
  }
}
