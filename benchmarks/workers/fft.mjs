// One Fourier transform: milliseconds a call.
import { fft, rand, setNumThreads } from '@flambeau/core'
import { serve, timed } from '../support/serve.mjs'

const threads = Number(process.argv[2])
if (threads > 0) setNumThreads(threads)

const inputs = new Map()
await serve((line) => {
  const { name, shape, dim, double } = JSON.parse(line)
  const real = name === 'rfft'
  let x = inputs.get(line)
  if (!x) {
    inputs.clear()
    x = rand(shape, { dtype: real ? (double ? 'float64' : 'float32') : double ? 'complex128' : 'complex64' })
    inputs.set(line, x)
  }
  const run = name === 'fft2' ? () => fft.fft2(x) : () => fft[name](x, null, dim)
  run()
  const once = timed(1, run)
  return timed(Math.max(1, Math.min(1000, Math.round(5e7 / once))), run) / 1e6
})
