// Fourier transforms against PyTorch's (MKL): long lines, prime lengths and batches, complex and real, with as many
// threads as each takes. `--threads N` sets them for both.
import { parseArgs } from 'node:util'
import { alternate, flambeau, needPyTorch, pytorch, report } from './support/alternate.mjs'

const { values } = parseArgs({ options: { threads: { type: 'string', default: '0' } } })

// Operator, shape and dimension.
const CASES = [
  ['fft', [2 ** 20], -1],
  ['rfft', [2 ** 20], -1],
  ['irfft', [2 ** 19 + 1], -1],
  ['fft', [1_000_000], -1],
  ['fft', [1_000_003], -1],
  ['rfft', [1_000_003], -1],
  ['fft', [1009], -1],
  ['rfft', [1009], -1],
  ['fft', [4096], -1],
  ['fft', [256, 1024], -1],
  ['fft', [1024, 256], 0],
  ['rfft', [256, 1024], -1],
  ['fft', [256, 1009], -1],
  ['fft2', [512, 512], -1],
]

needPyTorch()
const ours = flambeau('fft', values.threads)
const theirs = pytorch('fft', values.threads)
for (const [name, shape, dim] of CASES)
  for (const double of [false, true]) {
    const line = JSON.stringify({ name, shape, dim, double })
    report(
      `${name} [${shape.join(', ')}]${dim === 0 ? ' over dim 0' : ''}, ${double ? 'double' : 'single'} precision`,
      await alternate(ours, theirs, line, 9),
      1.5,
      'ms',
    )
  }
ours.close()
theirs.close()
