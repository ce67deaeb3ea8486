// What an operator costs when there is nothing to compute: `add` of two tensors of 4 floats, with and without autograd,
// against PyTorch from Python.
import { alternate, flambeau, needPyTorch, pytorch, report } from './support/alternate.mjs'

needPyTorch()
const ours = flambeau('dispatch')
const theirs = pytorch('dispatch')
for (const [line, name, limit] of [
  ['plain', 'add of 4 floats', 0.35],
  ['autograd', 'add of 4 floats, recorded', 0.3],
])
  report(name, await alternate(ours, theirs, line, 9), limit, 'ns')
ours.close()
theirs.close()
