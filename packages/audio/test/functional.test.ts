// Every row is computed by TorchAudio 0.13.1 in fixtures/make_functional.py, under the same name.
import { join } from 'node:path'
import { compliance, functional as F, transforms as T } from '@flambeau/audio'
import { hannWindow, linspace, loadNpz, manualSeed, ones, type Tensor, tensor, viewAsReal } from '@flambeau/core'
import { expect, test } from '@jest/globals'

const expected = loadNpz(join(import.meta.dirname, 'fixtures/functional.npz')) as Record<string, Tensor>
const { wave, voice } = expected
const { kaldi } = compliance
const rate = 8000
const frames = { window: hannWindow(64), nFft: 64, hopLength: 32, winLength: 64 }
const features = F.spectrogram(wave, frames)
const complex = expected.complex
const advance = linspace(0, Math.PI * 32, 33).unsqueeze(1)
const a = tensor([1.2, -0.5, 0.3])
const b = tensor([0.5, 0.2, -0.1])
const manyA = tensor([
  [1, 0.1, 0.2],
  [2, -0.3, 0.4],
])
const manyB = tensor([
  [0.3, 0.2, 0.1],
  [0.1, 0.5, 0.9],
])
const high = tensor([1, -0.1, 0.05, 0.02, -0.01, 0.03, 0.01])
const mel = { nFft: 128, hopLength: 64, nMels: 16, fMin: 50 }
const module = { sampleRate: rate, ...mel }
const seeded = (seed: number, make: () => Tensor): Tensor => {
  manualSeed(seed)
  return make()
}

/** The largest difference that is due to rounding, where it is not 2e-5 of the largest value. */
const LOOSE: Readonly<Record<string, number>> = {
  // Phases are accumulated, and TorchAudio's filters are computed in single precision.
  griffinlim: 1e-3,
  'phaseVocoder.slow': 2e-4,
  pitchShift: 2e-3,
  'pitchShift.module': 2e-3,
  // Ours runs in double precision.
  'cmn.center': 1e-3,
  // Logarithms of nearly nothing.
  'kaldi.spectrogram': 1e-3,
}

const rows: Record<string, () => Tensor> = {
  spectrogram: () => features,
  'spectrogram.magnitude': () => F.spectrogram(wave, { ...frames, power: 1 }),
  'spectrogram.cube': () => F.spectrogram(wave, { ...frames, power: 3 }),
  'spectrogram.window': () => F.spectrogram(wave, { ...frames, normalized: 'window' }),
  'spectrogram.frame': () => F.spectrogram(wave, { ...frames, normalized: 'frame_length', pad: 10 }),
  'spectrogram.edges': () => F.spectrogram(wave, { ...frames, center: false, onesided: false }),
  'spectrogram.short': () =>
    F.spectrogram(wave, { ...frames, window: hannWindow(40), winLength: 40, padMode: 'constant' }),
  complex: () => F.spectrogram(wave, { ...frames, power: null }),
  inverse: () => F.inverseSpectrogram(complex, { ...frames, length: 440 }),
  'inverse.window': () => F.inverseSpectrogram(complex, { ...frames, length: 440, pad: 16, normalized: true }),
  griffinlim: () => F.griffinlim(features, { ...frames, nIter: 4, length: 480, randInit: false }),
  'phaseVocoder.fast': () => F.phaseVocoder(complex, 1.3, advance).abs(),
  'phaseVocoder.slow': () => viewAsReal(F.phaseVocoder(complex, 0.7, advance)),
  spectralCentroid: () => F.spectralCentroid(wave, rate, frames),

  'fbanks.htk': () => F.melscaleFbanks(33, 20, 4000, 12, rate),
  'fbanks.slaney': () => F.melscaleFbanks(129, 0, 4000, 20, rate, { norm: 'slaney', melScale: 'slaney' }),
  'fbanks.linear': () => F.linearFbanks(33, 100, 3500, 8, rate),
  'dct.ortho': () => F.createDct(6, 12, 'ortho'),
  dct: () => F.createDct(6, 12, null),
  db: () => F.amplitudeToDB(features),
  'db.top': () => F.amplitudeToDB(features, { multiplier: 20, amin: 1e-5, dbMultiplier: 0.3, topDb: 30 }),
  'db.top.batch': () => F.amplitudeToDB(features.unsqueeze(1), { topDb: 20 }),
  amplitude: () => F.dbToAmplitude(F.amplitudeToDB(features), 2, 0.5),
  mulaw: () => F.muLawEncoding(wave),
  'mulaw.back': () => F.muLawDecoding(F.muLawEncoding(wave, 200), 200),

  'resample.down': () => F.resample(wave, 8000, 6000),
  'resample.up': () => F.resample(wave, 8000, 11025, { lowpassFilterWidth: 4 }),
  'resample.kaiser': () =>
    F.resample(wave, 8000, 4000, { resamplingMethod: 'sinc_interp_kaiser', rolloff: 0.9, beta: 12 }),
  'resample.module': () => new T.Resample(8000, 5000).forward(wave),
  pitchShift: () => F.pitchShift(wave, rate, 4, { nFft: 64 }),
  'pitchShift.module': () => new T.PitchShift(rate, -3, { nFft: 128, hopLength: 32 }).forward(wave),

  lfilter: () => F.lfilter(wave, a, b),
  'lfilter.loud': () => F.lfilter(wave.mul(10), a, b, { clamp: false }),
  'lfilter.channels': () => F.lfilter(wave, manyA, manyB),
  'lfilter.all': () => F.lfilter(wave, manyA, manyB, { batching: false }),
  'lfilter.high': () => F.lfilter(wave, high, high.flip([0])),
  filtfilt: () => F.filtfilt(wave, a, b),
  'biquad.lowpass': () => F.lowpassBiquad(wave, rate, 1000),
  'biquad.highpass': () => F.highpassBiquad(wave, rate, 1000, { Q: 0.5 }),
  'biquad.allpass': () => F.allpassBiquad(wave, rate, 1500),
  'biquad.bandpass': () => F.bandpassBiquad(wave, rate, 1500),
  'biquad.bandpass.skirt': () => F.bandpassBiquad(wave, rate, 1500, { Q: 2, constSkirtGain: true }),
  'biquad.bandreject': () => F.bandrejectBiquad(wave, rate, 1500),
  'biquad.band': () => F.bandBiquad(wave, rate, 1500),
  'biquad.band.noise': () => F.bandBiquad(wave, rate, 1500, { Q: 0.9, noise: true }),
  'biquad.equalizer': () => F.equalizerBiquad(wave, rate, 1500, 6, { Q: 1.5 }),
  'biquad.bass': () => F.bassBiquad(wave, rate, 8),
  'biquad.treble': () => F.trebleBiquad(wave, rate, -8, { centralFreq: 2000, Q: 0.6 }),
  'biquad.deemph': () => F.deemphBiquad(wave, 44100),
  'biquad.riaa': () => F.riaaBiquad(wave, 48000),
  'lfilter.grads': () => {
    const leaves = [wave.narrow(1, 0, 60), a, b].map((t) => t.to('float64').clone().requiresGrad_())
    const [x, aCoeffs, bCoeffs] = leaves
    F.lfilter(x, aCoeffs, bCoeffs).square().sum().backward()
    return tensor(leaves.flatMap((t) => t.grad?.flatten().toArray() as number[]))
  },

  deltas: () => F.computeDeltas(features),
  'deltas.wide': () => F.computeDeltas(features, { winLength: 9, mode: 'constant' }),
  cmn: () => F.slidingWindowCmn(features.transpose(1, 2), { cmnWindow: 10, minCmnWindow: 4 }),
  'cmn.center': () =>
    F.slidingWindowCmn(features.transpose(1, 2), { cmnWindow: 9, minCmnWindow: 4, center: true, normVars: true }),
  pitch: () => F.detectPitchFrequency(voice, rate, { winLength: 11 }),
  loudness: () => F.loudness(voice.mul(tensor([[1], [0.1]])), rate),
  gain: () => F.gain(wave, 3),
  'vol.power': () => new T.Vol(2, 'power').forward(wave),

  MelSpectrogram: () => new T.MelSpectrogram(module).forward(wave),
  'MelSpectrogram.slaney': () =>
    new T.MelSpectrogram({ ...module, norm: 'slaney', melScale: 'slaney', normalized: true }).forward(wave),
  MFCC: () => new T.MFCC({ sampleRate: rate, nMfcc: 10, melkwargs: mel }).forward(wave),
  'MFCC.log': () =>
    new T.MFCC({ sampleRate: rate, nMfcc: 10, logMels: true, norm: null, melkwargs: mel }).forward(wave),
  LFCC: () =>
    new T.LFCC({ sampleRate: rate, nFilter: 12, nLfcc: 8, speckwargs: { nFft: 128, hopLength: 64 } }).forward(wave),
  TimeStretch: () => new T.TimeStretch({ hopLength: 32, nFreq: 33, fixedRate: 1.2 }).forward(complex).abs(),

  'kaldi.spectrogram': () => kaldi.spectrogram(wave, { sampleFrequency: rate }),
  'kaldi.fbank': () => kaldi.fbank(wave, { sampleFrequency: rate }),
  'kaldi.fbank.options': () =>
    kaldi.fbank(wave, {
      channel: 1,
      sampleFrequency: rate,
      numMelBins: 10,
      useEnergy: true,
      htkCompat: true,
      usePower: false,
      snipEdges: false,
      windowType: 'hamming',
      rawEnergy: false,
      energyFloor: 0,
      vtlnWarp: 1.1,
      vtlnHigh: -300,
      subtractMean: true,
    }),
  'kaldi.fbank.blackman': () =>
    kaldi.fbank(wave, { sampleFrequency: rate, windowType: 'blackman', useLogFbank: false }),
  'kaldi.mfcc': () => kaldi.mfcc(wave, { sampleFrequency: rate }),
  'kaldi.mfcc.htk': () => kaldi.mfcc(wave, { sampleFrequency: rate, htkCompat: true, useEnergy: true, numCeps: 8 }),
  'kaldi.mfcc.htk0': () => kaldi.mfcc(wave, { sampleFrequency: rate, htkCompat: true, cepstralLifter: 0 }),
}
for (const fadeShape of ['linear', 'exponential', 'logarithmic', 'quarter_sine', 'half_sine'] as const)
  rows[`fade.${fadeShape}`] = () => new T.Fade({ fadeInLen: 50, fadeOutLen: 70, fadeShape }).forward(ones([1, 200]))
for (const seed of [1, 2]) {
  rows[`mask.freq.${seed}`] = () => seeded(seed, () => new T.FrequencyMasking(12).forward(features))
  rows[`mask.time.${seed}`] = () => seeded(seed, () => new T.TimeMasking(20, { p: 0.5 }).forward(features, 3))
  rows[`mask.iid.${seed}`] = () =>
    seeded(seed, () => new T.TimeMasking(10, { iidMasks: true }).forward(features.unsqueeze(0)))
}

test('every case of the fixtures has a row', () => {
  expect(Object.keys(rows).sort()).toEqual(
    Object.keys(expected)
      .filter((k) => k !== 'wave' && k !== 'voice')
      .sort(),
  )
})

test.each(Object.entries(rows))('%s', (name, make) => {
  const [ours, truth] = [make(), expected[name]]
  expect(ours.shape).toEqual(truth.shape)
  if (!truth.isComplex()) expect(ours.isFloatingPoint()).toBe(truth.isFloatingPoint())
  const real = (t: Tensor): Tensor => (t.isComplex() ? viewAsReal(t) : t).to('float64')
  const scale = Math.max(1e-6, real(truth).abs().max().item() as number)
  const difference = real(ours).sub(real(truth)).abs().max().item() as number
  expect(difference / scale).toBeLessThanOrEqual(LOOSE[name] ?? 2e-5)
})
