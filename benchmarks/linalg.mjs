// Decompositions and a system of 512×512 against PyTorch's: the same results on the same numbers, and the times.
import { alternate, flambeau, needPyTorch, pytorch, report } from './support/alternate.mjs'

const OPERATORS = ['svd', 'eigh', 'qr', 'solve', 'cholesky']
/** Of the largest magnitude; float64 has more than enough of it. */
const TOLERANCE = { float32: 1e-4, float64: 1e-10 }

needPyTorch()
const ours = flambeau('linalg')
const theirs = pytorch('linalg')
for (const dtype of ['float32', 'float64'])
  for (const name of OPERATORS) {
    const [a, b] = [await ours.ask(`values ${name} ${dtype}`), await theirs.ask(`values ${name} ${dtype}`)]
    const largest = (list) => list.reduce((most, x) => Math.max(most, Math.abs(x)), 0)
    const error = largest(a.map((x, i) => x - b[i])) / largest(b)
    if (a.length !== b.length || !(error <= TOLERANCE[dtype])) {
      console.log(`✗ ${name} of ${dtype} differs from PyTorch's by ${error} of the largest`)
      process.exitCode = 1
    }
    report(`${name} of 512×512 ${dtype}`, await alternate(ours, theirs, `time ${name} ${dtype}`, 7), 1.5, 'ms')
  }
ours.close()
theirs.close()
