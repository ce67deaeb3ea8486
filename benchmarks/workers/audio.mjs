// Answers 'NAME COUNT' with [wall, cpu] milliseconds a call, and 'NAME check' with what the call gives.
import { functional as F, transforms as T } from '@flambeau/audio'
import { arange, noGrad, setNumThreads, tensor } from '@flambeau/core'
import { serve } from '../support/serve.mjs'

setNumThreads(Number(process.argv[2]))
const t = arange(60 * 16000, { dtype: 'float64' })
const wave = t.mul(0.05).sin().mul(0.4).add(t.mul(t).mul(1e-6).sin().mul(0.3)).to('float32').unsqueeze(0)
const [a, b] = [tensor([1, -1.6, 0.8]), tensor([0.3, 0.1, 0.2])]
const mel = new T.MelSpectrogram({ sampleRate: 16000, nFft: 400, hopLength: 160, nMels: 80 })
const mfcc = new T.MFCC({ sampleRate: 16000 })
const [down, up] = [new T.Resample(16000, 8000), new T.Resample(16000, 44100)]
const cases = {
  MelSpectrogram: () => mel.forward(wave),
  MFCC: () => mfcc.forward(wave),
  'Resample 16 to 8 kHz': () => down.forward(wave),
  'Resample 16 to 44.1 kHz': () => up.forward(wave),
  lfilter: () => F.lfilter(wave, a, b),
}

await serve((line) =>
  noGrad(() => {
    const [, name, count] = /^(.*) (\w+)$/.exec(line)
    const call = cases[name]
    if (count === 'check') {
      const all = call().flatten()
      return all.indexSelect(0, arange(0, all.shape[0], 997)).toArray()
    }
    const [wall, cpu] = [performance.now(), process.cpuUsage()]
    for (let i = 0; i < Number(count); i++) call().dispose()
    const { user, system } = process.cpuUsage(cpu)
    return [(performance.now() - wall) / Number(count), (user + system) / 1000 / Number(count)]
  }),
)
