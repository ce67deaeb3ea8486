// Windows and frequencies that PyTorch's operator table has no cases of. Each row is the same line in PyTorch.
import {
  ArgumentError,
  bartlettWindow,
  blackmanWindow,
  DTypeError,
  fft,
  hammingWindow,
  hannWindow,
  istft,
  kaiserWindow,
  randn,
  type Tensor,
} from '@flambeau/core'
import { expect, test } from '@jest/globals'

const f64 = { dtype: 'float64' } as const
const ROWS: [name: string, make: () => Tensor, expected: number[]][] = [
  ['hann', () => hannWindow(5, f64), [0, 0.3454915, 0.9045085, 0.9045085, 0.3454915]],
  ['hann, symmetric', () => hannWindow(4, false, f64), [0, 0.75, 0.75, 0]],
  ['hann, one point', () => hannWindow(1, f64), [1]],
  ['hann, none', () => hannWindow(0, f64), []],
  ['hamming', () => hammingWindow(5, f64), [0.08, 0.39785218, 0.91214782, 0.91214782, 0.39785218]],
  ['hamming of other factors', () => hammingWindow(4, false, 0.6, 0.3, f64), [0.3, 0.75, 0.75, 0.3]],
  ['blackman', () => blackmanWindow(5, f64), [0, 0.20077014, 0.84922986, 0.84922986, 0.20077014]],
  ['bartlett', () => bartlettWindow(5, f64), [0, 0.4, 0.8, 0.8, 0.4]],
  ['bartlett, symmetric', () => bartlettWindow(4, false, f64), [0, 0.66666667, 0.66666667, 0]],
  ['kaiser', () => kaiserWindow(5, f64), [5.277e-5, 0.10171969, 0.79293983, 0.79293983, 0.10171969]],
  ['kaiser of beta 6.5', () => kaiserWindow(4, false, 6.5, f64), [0.00940797, 0.71115206, 0.71115206, 0.00940797]],
  ['fftfreq', () => fft.fftfreq(5, 1, f64), [0, 0.2, 0.4, -0.4, -0.2]],
  ['fftfreq, half a unit apart', () => fft.fftfreq(4, 0.5, f64), [0, 0.5, -1, -0.5]],
  ['rfftfreq', () => fft.rfftfreq(5, 1, f64), [0, 0.2, 0.4]],
]

test.each(ROWS)('%s', (_, make, expected) => {
  const values = make().toArray() as number[]
  expect(values.length).toBe(expected.length)
  values.forEach((value, i) => {
    expect(value).toBeCloseTo(expected[i], 7)
  })
})

test('a window is of a floating-point dtype and has no negative length', () => {
  expect(hannWindow(5, { dtype: 'bfloat16' }).dtype).toBe('bfloat16')
  expect(() => hannWindow(5, { dtype: 'int64' })).toThrow(DTypeError)
  expect(() => hannWindow(-1)).toThrow(ArgumentError)
})

test('istft takes back what stft makes', () => {
  const signal = randn([2, 400], f64)
  for (const onesided of [true, false]) {
    const options = { hopLength: 16, winLength: 48, window: hannWindow(48, f64), onesided }
    const spectra = signal.stft(64, { ...options, returnComplex: true })
    const back = istft(spectra, 64, { ...options, length: 400 })
    expect(back.sub(signal).abs().max().item()).toBeLessThan(1e-12)
  }
})
