// What the conformance cases of interpolate, which are small and contiguous, cannot say.

import { allclose, F, rand, type Tensor, tensor } from '@flambeau/core'
import { expect, test } from '@jest/globals'

/** `((i * 7919 + i * i % 251) % 256)` for i = 0, 1, …, as bytes. */
function image(...shape: number[]): Tensor {
  const count = shape.reduce((n, d) => n * d, 1)
  return tensor(Uint8Array.from({ length: count }, (_, i) => (i * 7919 + ((i * i) % 251)) % 256)).reshape(shape)
}

/** `(y.flatten().long() * (torch.arange(y.numel()) % 1009 + 1)).sum()`. */
const digest = (y: Tensor): number =>
  [...(y.contiguous().data() as Uint8Array)].reduce((sum, byte, i) => sum + byte * ((i % 1009) + 1), 0)

/** The same image with its channels last in memory, in the middle of a larger one. */
function inside(x: Tensor): Tensor {
  const [n, c, h, w] = x.shape
  const canvas = image(n, h + 5, w + 3, c).permute([0, 3, 1, 2])
  const part = canvas.narrow(2, 2, h).narrow(3, 1, w)
  part.copy_(x)
  return part
}

// F.interpolate(image(*shape), size, mode=mode, antialias=antialias) in PyTorch 2.13.
const BYTES: [shape: number[], size: number[], mode: 'bilinear' | 'bicubic', antialias: boolean, digest: number][] = [
  [[1, 3, 50, 70], [21, 33], 'bilinear', true, 129296629],
  [[2, 3, 37, 41], [60, 90], 'bicubic', true, 2062319881],
  [[3, 1, 64, 20], [64, 7], 'bilinear', true, 71433497],
  [[1, 5, 19, 83], [5, 83], 'bicubic', true, 129265307],
  [[1, 4, 40, 40], [17, 23], 'bilinear', false, 85533839],
  [[2, 3, 9, 200], [30, 11], 'bicubic', false, 123068305],
]

test("bytes are PyTorch's to the bit, whatever the strides", () => {
  for (const [shape, size, mode, antialias, expected] of BYTES) {
    const x = image(...shape)
    for (const source of [x, inside(x), x.permute([0, 1, 3, 2]).contiguous().permute([0, 1, 3, 2])])
      expect([mode, shape, digest(F.interpolate(source, { size, mode, antialias }))]).toEqual([mode, shape, expected])
  }
})

test('rows in groups of any number agree with float64', () => {
  for (const height of [1, 3, 5, 8, 13, 40])
    for (const [to, width] of [
      [7, 9],
      [50, 31],
      [height, 64],
    ]) {
      const x = rand([2, 3, height, 33])
      for (const mode of ['bilinear', 'bicubic'] as const)
        for (const antialias of [false, true]) {
          const [single, double] = [x, x.to('float64')].map((t) => {
            const leaf = t.clone().requiresGrad_()
            const y = F.interpolate(leaf, { size: [to, width], mode, antialias })
            y.mul(y.detach()).sum().backward()
            return { y, grad: leaf.grad }
          })
          expect(allclose(single.y.to('float64'), double.y, { rtol: 1e-5, atol: 1e-5 })).toBe(true)
          expect(
            single.grad && double.grad && allclose(single.grad.to('float64'), double.grad, { rtol: 1e-4, atol: 1e-4 }),
          ).toBe(true)
        }
    }
})
