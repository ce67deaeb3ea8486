// Numbers that Python makes as well, from positions and a seed: see fixtures/hashed.py.

import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { type nn, noGrad, type Tensor, tensor } from '@flambeau/core'

// Names of the global object are slow to look up inside of a test.
const { imul } = Math

/** Evenly spread over [0, 1), in steps of 2⁻²⁴. */
export function hashed(shape: readonly number[], seed: number): Tensor {
  const values = new Float32Array(shape.reduce((n, size) => n * size, 1))
  for (let i = 0; i < values.length; i++) {
    let h = imul(i, 0x9e3779b1) ^ imul(seed + 1, 0x85ebca77)
    h = imul(h ^ (h >>> 16), 0x21f0aaad)
    h = imul(h ^ (h >>> 15), 0x735a2d97)
    values[i] = ((h ^ (h >>> 15)) >>> 8) / 2 ** 24
  }
  return tensor(values).reshape([...shape])
}

/** Fills a network's parameters and statistics by their shapes: weights that keep variances near 1. */
export function fillNetwork(module: nn.AnyModule): void {
  noGrad(() => {
    const entries = Object.entries(module.stateDict()).sort(([a], [b]) => (a < b ? -1 : 1))
    for (const [i, [name, t]] of entries.entries()) {
      if (t.dtype === 'int64') continue
      const values = hashed(t.shape, i).sub(0.5)
      const fan = t.numel() / t.shape[0]
      if (name.endsWith('running_var') || (t.ndim === 1 && name.endsWith('weight'))) t.copy_(values.mul(0.2).add(1))
      else if (t.ndim <= 1) t.copy_(values.mul(0.2))
      else t.copy_(values.mul(Math.sqrt(12 / fan)))
    }
  })
}

/** A fixture that `fixtures/make.py` wrote. */
export const fixture = <T>(name: string): T =>
  JSON.parse(gunzipSync(readFileSync(new URL(`../fixtures/${name}.json.gz`, import.meta.url))).toString()) as T
