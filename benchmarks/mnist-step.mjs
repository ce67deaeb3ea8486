// One training step of the example's network at batch 64 against PyTorch's, with as many threads as each takes.
import { alternate, flambeau, needPyTorch, pytorch, report } from './support/alternate.mjs'

needPyTorch()
const ours = flambeau('mnist-step')
const theirs = pytorch('mnist-step')
report('training step of the digits network, batch 64', await alternate(ours, theirs, 'run', 9), 1.2, 'ms')
ours.close()
theirs.close()
