import { compliance, functional as F, transforms as T } from '@flambeau/audio'
import { gradcheck, hannWindow, linspace, manualSeed, ones, randn, type Tensor, tensor, zeros } from '@flambeau/core'
import { expect, test } from '@jest/globals'

const largest = (a: Tensor, b: Tensor): number => a.sub(b).abs().max().item() as number

/** Σ x[i] y[t - i], as it is written. */
function convolved(x: number[], y: number[]): number[] {
  const out = Array<number>(x.length + y.length - 1).fill(0)
  for (const [i, a] of x.entries()) for (const [j, b] of y.entries()) out[i + j] += a * b
  return out
}

test('convolve and fftconvolve are the convolution, in all modes and broadcast', () => {
  manualSeed(0)
  for (const [n, m] of [
    [9, 4],
    [4, 9],
    [5, 5],
  ]) {
    const [x, y] = [randn([2, 1, n]), randn([1, 3, m])]
    const truth = tensor(
      (x.toArray() as number[][][]).map(([a]) => (y.toArray() as number[][][])[0].map((b) => convolved(a, b))),
    )
    for (const convolve of [F.convolve, F.fftconvolve]) {
      expect(largest(convolve(x, y), truth)).toBeLessThan(1e-5)
      const same = convolve(x, y, 'same')
      expect(largest(same, truth.narrow(-1, Math.floor((m - 1) / 2), n))).toBeLessThan(1e-5)
      const valid = convolve(x, y, 'valid')
      expect(largest(valid, truth.narrow(-1, Math.min(n, m) - 1, Math.abs(n - m) + 1))).toBeLessThan(1e-5)
    }
  }
  expect(new T.Convolve('same').forward(ones([4]), ones([2])).toArray()).toEqual([1, 2, 2, 2])
  expect(() => F.convolve(ones([2, 3]), ones([3]))).toThrow(/as many dimensions/)
})

test('addNoise gives the ratio that was asked for', () => {
  manualSeed(1)
  const [voice, noise] = [randn([2, 400]).mul(3), randn([2, 400])]
  const noisy = F.addNoise(voice, noise, tensor([10, -5]))
  const added = noisy.sub(voice)
  const ratio = voice.square().sum(-1).div(added.square().sum(-1)).log10().mul(10)
  expect(largest(ratio, tensor([10, -5]))).toBeLessThan(1e-3)
  const part = F.addNoise(voice, noise, tensor([10, -5]), tensor([100n, 400n])).sub(voice)
  const energy = (x: Tensor) => x.at(0).narrow(0, 0, 100).square().sum().item() as number
  expect(10 * Math.log10(energy(voice) / energy(part))).toBeCloseTo(10, 3)
  expect(() => F.addNoise(voice, noise.narrow(1, 0, 3), tensor([1, 1]))).toThrow(/noise as long as the waveform/)
})

test('emphasis is undone, speed changes lengths', () => {
  const wave = linspace(-0.4, 0.4, 50).sin()
  expect(F.preemphasis(tensor([1, 2, 4]), 0.5).toArray()).toEqual([1, 1.5, 3])
  expect(largest(new T.Deemphasis().forward(new T.Preemphasis().forward(wave)), wave)).toBeLessThan(1e-6)
  const [fast, lengths] = new T.Speed(8000, 1.25).forward(randn([2, 1000]), tensor([1000n, 501n]))
  expect([fast.shape, lengths?.toArray()]).toEqual([
    [2, 800],
    [800, 401],
  ])
})

test('a tone that is resampled is the tone at the other rate', () => {
  const tone = (rate: number, n: number) =>
    linspace(0, (n - 1) / rate, n, { dtype: 'float64' })
      .mul(2 * Math.PI * 300)
      .sin()
  for (const rate of [16000, 5000, 11025, 7999]) {
    const out = F.resample(tone(8000, 2000), 8000, rate)
    const n = Math.ceil((2000 * rate) / 8000)
    expect(out.shape).toEqual([n])
    const middle = (t: Tensor) => t.narrow(0, Math.floor(n / 4), Math.floor(n / 2))
    expect(largest(middle(out), middle(tone(rate, n)))).toBeLessThan(5e-3)
  }
})

test('gradients reach sounds and coefficients', () => {
  manualSeed(2)
  const wave = randn([1, 40], { dtype: 'float64' }).mul(0.1).requiresGrad_()
  const cutoff = tensor(900, { dtype: 'float64' }).requiresGrad_()
  expect(gradcheck((x, f) => F.lowpassBiquad(x, 8000, f), [wave, cutoff])).toBe(true)
  expect(gradcheck((x) => F.resample(x, 4, 3), [wave])).toBe(true)
  const frames = { window: hannWindow(8, { dtype: 'float64' }), nFft: 8, hopLength: 4, winLength: 8 }
  expect(gradcheck((x) => F.spectrogram(x, frames), [wave])).toBe(true)
  expect(gradcheck((x) => F.amplitudeToDB(x.square().add(0.1), { dbMultiplier: 0.5, topDb: 80 }), [wave])).toBe(true)
  expect(
    gradcheck(
      (x) => F.filtfilt(x, tensor([1, -0.5], { dtype: 'float64' }), tensor([1, 0.2], { dtype: 'float64' })),
      [wave],
    ),
  ).toBe(true)
})

test('spectrograms come back as sounds', () => {
  manualSeed(3)
  const wave = randn([2, 1000])
  const complex = new T.Spectrogram({ power: null }).forward(wave)
  expect(largest(new T.InverseSpectrogram().forward(complex, 1000), wave)).toBeLessThan(1e-5)
  const power = new T.Spectrogram({ nFft: 128 }).forward(wave)
  const guessed = new T.GriffinLim({ nFft: 128, nIter: 30, length: 1000 }).forward(power)
  const again = new T.Spectrogram({ nFft: 128 }).forward(guessed)
  expect(
    (again.sqrt().sub(power.sqrt()).norm().item() as number) / (power.sqrt().norm().item() as number),
  ).toBeLessThan(0.25)
})

test('InverseMelScale finds spectra with the same mel spectra', () => {
  manualSeed(4)
  const spectra = randn([1, 33, 5]).square()
  const mel = new T.MelScale({ nMels: 12, nStft: 33, sampleRate: 8000 })
  const target = mel.forward(spectra)
  const found = new T.InverseMelScale(33, { nMels: 12, sampleRate: 8000, maxIter: 3000 }).forward(target)
  expect([found.shape, (found.min().item() as number) >= 0]).toEqual([[1, 33, 5], true])
  expect((mel.forward(found).sub(target).norm().item() as number) / (target.norm().item() as number)).toBeLessThan(0.05)
})

test('SpecAugment masks at most what it may', () => {
  manualSeed(5)
  const masked = new T.SpecAugment(2, 10, 1, 5, { zeroMasking: true }).forward(ones([3, 2, 20, 60]))
  const zerosOf = (dim: number) => masked.sum(dim).eq(0).sum(-1).max().item() as number
  expect(zerosOf(-2)).toBeLessThanOrEqual(18)
  expect(zerosOf(-1)).toBeLessThanOrEqual(4)
  expect(masked.eq(0).any().item()).toBe(true)
  const mean = new T.SpecAugment(1, 50, 1, 5, { iidMasks: false }).forward(ones([2, 20, 60]))
  expect(mean.eq(1).all().item()).toBe(true)
})

test('modules print and keep buffers', () => {
  const mfcc = new T.MFCC({ nMfcc: 13 })
  expect(Object.keys(mfcc.stateDict())).toEqual([
    'dct_mat',
    'MelSpectrogram.spectrogram.window',
    'MelSpectrogram.mel_scale.fb',
  ])
  expect(String(new T.Resample(8000, 16000))).toBe('Resample(origFreq=8000, newFreq=16000)')
  expect(F.editDistance(['a', 'b'], [])).toBe(2)
})

test.each<[string, () => unknown, RegExp]>([
  ['a sample rate of 0', () => F.resample(zeros([10]), 0, 8000), /expected origFreq to be a whole number ≥ 1, got 0/],
  ['a fractional rate', () => new T.Resample(8000.5, 4), /expected origFreq to be a whole number/],
  ['a mel scale at 0 Hz', () => new T.MelScale({ sampleRate: 0 }), /expected sampleRate to be a number above 0/],
  ['fMin above fMax', () => new T.MelScale({ fMin: 9000 }), /expected 0 ≤ fMin ≤ fMax/],
  ['an unknown mel scale', () => new T.MelScale({ melScale: 'bark' as 'htk' }), /one of 'htk', 'slaney', got 'bark'/],
  ['too many coefficients', () => new T.MFCC({ nMfcc: 200 }), /nMfcc of at most nMels 128/],
  [
    'an integer sound',
    () => new T.Spectrogram().forward(zeros([900], { dtype: 'int16' })),
    /floating-point dtype, got int16/,
  ],
  ['too short a sound', () => new T.Spectrogram().forward(zeros([100])), /more than nFft \/ 2 = 200 samples/],
  ['another window', () => new T.Spectrogram({ windowFn: () => zeros([3]) }), /windowFn to give shape \[400\]/],
  ['a real spectrogram', () => new T.InverseSpectrogram().forward(zeros([201, 5])), /expected a complex spectrogram/],
  ['a momentum of 1', () => new T.GriffinLim({ momentum: 1 }), /momentum in \[0, 1\)/],
  ['a negative topDb', () => new T.AmplitudeToDB({ topDb: -1 }), /topDb to be a number ≥ 0/],
  [
    'coefficients of other shapes',
    () => F.lfilter(zeros([5]), zeros([3]), zeros([2])),
    /of one shape, got \[3\] and \[2\]/,
  ],
  ['filters without channels', () => F.lfilter(zeros([5]), zeros([2, 3]), zeros([2, 3])), /\[..., 2, time\]/],
  ['an unknown record', () => F.riaaBiquad(zeros([5]), 8000), /44100, 48000, 88200, 96000, got 8000/],
  ['a frequency of 0', () => F.lowpassBiquad(zeros([5]), 8000, 0), /expected the frequency to be a number above 0/],
  ['six channels', () => F.loudness(zeros([6, 9000]), 8000), /between 1 and 5 channels/],
  ['no rate', () => new T.TimeStretch().forward(zeros([201, 5])), /expected a rate/],
  ['a mask along channels', () => F.maskAlongAxis(zeros([2, 3, 4]), 2, 0, 0), /expected axis 1 .* or 2/],
  ['a short frame', () => compliance.kaldi.fbank(zeros([1, 100])), /a frame of between 2 and 100 samples/],
  ['no such channel', () => compliance.kaldi.mfcc(zeros([1, 900]), { channel: 1 }), /with a channel 1/],
])('%s is refused', (_, run, message) => {
  expect(run).toThrow(message)
})
