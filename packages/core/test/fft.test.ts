// Fourier transforms at lengths that no conformance case has: long ones, large primes, every small length.

import { arange, complex, fft, getNumThreads, randn, real, setNumThreads, type Tensor } from '@flambeau/core'
import { expect, test } from '@jest/globals'

// torch.fft.fft(torch.sin(torch.arange(N, dtype=torch.float64)))[INDICES]
const LONG: [n: number, at: number[], values: [re: number, im: number][]][] = [
  [
    1009,
    [0, 1, 160, 504],
    [
      [1.956919234954, 0],
      [1.956990774268, 0.003533156867269],
      [253.9025297515, 71.22652387432],
      [-0.2453840086018, -0.0005272109699378],
    ],
  ],
  [
    2 ** 20,
    [0, 1, 166886, 2 ** 19],
    [
      [-0.1138175474974, 0],
      [-0.1138175474954, -0.000002153972142914],
      [87465.12961913, -514430.4636922],
      [-0.1805953771709, 0],
    ],
  ],
  [
    1_000_003,
    [0, 1, 159155, 500000],
    [
      [1.479472902796, 0],
      [1.47947290287, -0.000003271345550346],
      [355352.5180137, -90576.7384771],
      [-0.7523170525354, 0.000001464482150437],
    ],
  ],
]

test.each(LONG)('a signal of %i points has the spectrum that PyTorch finds', (n, at, values) => {
  const x = arange(0, n, 1, { dtype: 'float64' }).sin()
  const size = Math.sqrt(n)
  for (const spectrum of [fft.fft(x), fft.fft(x.to({ dtype: 'complex128' })), fft.rfft(x)])
    at.forEach((k, i) => {
      const { re, im } = spectrum.select(0, k).item() as { re: number; im: number }
      expect(Math.hypot(re - values[i][0], im - values[i][1])).toBeLessThan(1e-10 * size)
    })
  const single = fft.rfft(x.float()).to({ dtype: 'complex128' })
  expect(distance(single, fft.rfft(x))).toBeLessThan(2e-6 * n)
  expect(distance(fft.irfft(fft.rfft(x), n), x)).toBeLessThan(1e-12)
})

const distance = (a: Tensor, b: Tensor): number => a.sub(b).abs().max().item() as number

/** Σ x[j] exp(-2πi jk/n), as a product with the matrix of roots. */
function byDefinition(x: Tensor, n: number): Tensor {
  const k = arange(0, n, 1, { dtype: 'float64' })
  const angle = k
    .unsqueeze(1)
    .mul(k)
    .remainder(n)
    .mul((-2 * Math.PI) / n)
  return x.matmul(complex(angle.cos(), angle.sin()))
}

test('every short length, along rows and columns, of a few lines and of many', () => {
  for (let n = 1; n <= 70; n++)
    for (const lines of [1, 11]) {
      const x = randn([lines, n], { dtype: 'complex128' })
      const expected = byDefinition(x, n)
      const columns = fft.fft(x.t().contiguous(), null, 0).t()
      const inverse = fft.ifft(x.conj(), null, -1, { norm: 'forward' }).conj()
      for (const found of [fft.fft(x), columns, inverse]) expect(distance(found, expected)).toBeLessThan(1e-11)
      const signal = real(x).contiguous()
      const half = byDefinition(signal.to({ dtype: 'complex128' }), n).narrow(1, 0, Math.floor(n / 2) + 1)
      const strided = fft.rfft(signal.t().contiguous(), null, 0).t()
      for (const found of [fft.rfft(signal), strided]) expect(distance(found, half)).toBeLessThan(1e-11)
      expect(distance(fft.irfft(half, n), signal)).toBeLessThan(1e-11)
    }
})

test('the number of threads changes no bit', () => {
  const threads = getNumThreads()
  const x = randn([3, 60_000])
  const results = [1, 2, 3].map((n) => {
    setNumThreads(n)
    return [fft.rfft(x), fft.fft(x, 59_999)]
  })
  setNumThreads(threads)
  for (const [half, prime] of results) {
    expect(distance(half, results[0][0])).toBe(0)
    expect(distance(prime, results[0][1])).toBe(0)
  }
})
