// Rotary position embedding.
import { arange, cat, FormatError, keep, type Tensor, tensor } from '@flambeau/core'
import type { Config } from '../tokenizers/config.js'

/** How far apart positions are. */
export interface RopeConfig {
  readonly theta: number
  readonly type: 'default' | 'linear' | 'llama3'
  readonly factor: number
  readonly lowFreqFactor: number
  readonly highFreqFactor: number
  readonly originalMaxPositionEmbeddings: number
}

export const DEFAULT_ROPE: RopeConfig = {
  theta: 10000,
  type: 'default',
  factor: 1,
  lowFreqFactor: 1,
  highFreqFactor: 4,
  originalMaxPositionEmbeddings: 8192,
}

/** The rotation of a configuration, which old and new files write in different places. */
export function readRope(config: Config): RopeConfig {
  const place = ['rope_parameters', 'rope_scaling'].find((name) => !config.lacks(name))
  const theta = config.number('rope_theta', DEFAULT_ROPE.theta)
  if (place === undefined) return { ...DEFAULT_ROPE, theta }
  const rope = config.config(place)
  const type = rope.oneOf(rope.lacks('rope_type') ? 'type' : 'rope_type', ['default', 'linear', 'llama3'] as const)
  const full: RopeConfig = {
    theta: rope.number('rope_theta', theta),
    type,
    factor: rope.number('factor', 1),
    lowFreqFactor: rope.number('low_freq_factor', 1),
    highFreqFactor: rope.number('high_freq_factor', 4),
    originalMaxPositionEmbeddings: rope.number('original_max_position_embeddings', 8192),
  }
  if (!(full.theta > 0 && full.factor > 0) || full.lowFreqFactor === full.highFreqFactor)
    throw new FormatError(`${config.at(place)}: expected positive numbers, and different factors of frequency`)
  return full
}

/** The angles of a step, for each pair of features; float32 as the originals compute it. Shape [features / 2]. */
function frequencies(features: number, rope: RopeConfig): Tensor {
  const plain = tensor(rope.theta)
    .pow(arange(0, features, 2).to('float32').div(features))
    .reciprocal()
  if (rope.type === 'default') return plain
  if (rope.type === 'linear') return plain.div(rope.factor)
  const { factor, highFreqFactor: high, lowFreqFactor: low, originalMaxPositionEmbeddings: length } = rope
  const values = (plain.toArray() as number[]).map((frequency) => {
    const wavelength = (2 * Math.PI) / frequency
    if (wavelength < length / high) return frequency
    if (wavelength > length / low) return frequency / factor
    const smooth = (length / wavelength - low) / (high - low)
    return ((1 - smooth) * frequency) / factor + smooth * frequency
  })
  return tensor(values, { dtype: 'float32' })
}

/** Cosines and sines of positions, made when they are first wanted. */
export class Rotary {
  readonly #features: number
  readonly #config: RopeConfig
  #tables: { readonly cos: Tensor; readonly sin: Tensor; readonly length: number } | null = null

  constructor(features: number, config: RopeConfig) {
    this.#features = features
    this.#config = config
  }

  /** @returns cosines and sines, shape [L, features] of positions from `start`, or [B, 1, L, features] of given ones */
  at(start: number, length: number, positionIds: Tensor | null, like: Tensor): [cos: Tensor, sin: Tensor] {
    const needed = positionIds === null ? start + length : Number(positionIds.max().item()) + 1
    if (this.#tables === null || this.#tables.length < needed) this.#grow(needed)
    const tables = this.#tables
    if (tables === null) throw new FormatError('rotary tables are missing')
    const part = (table: Tensor): Tensor =>
      (positionIds === null
        ? table.narrow(0, start, length)
        : table
            .indexSelect(0, positionIds.reshape([-1]))
            .reshape([...positionIds.shape, this.#features])
            .unsqueeze(1)
      ).to(like.dtype)
    return [part(tables.cos), part(tables.sin)]
  }

  #grow(needed: number): void {
    const length = Math.max(needed, 2 * (this.#tables?.length ?? 32))
    const half = arange(length).to('float32').outer(frequencies(this.#features, this.#config))
    const angles = cat([half, half], -1)
    this.#tables = { cos: keep(angles.cos()), sin: keep(angles.sin()), length }
  }
}

/** x turned by the angles: the first half of its features with the second. */
export function rotate(x: Tensor, cos: Tensor, sin: Tensor): Tensor {
  const half = x.shape[x.ndim - 1] / 2
  const turned = cat([x.narrow(-1, half, half).neg(), x.narrow(-1, 0, half)], -1)
  return x.mul(cos).add(turned.mul(sin))
}
