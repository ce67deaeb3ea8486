// One training step of an LSTM of 2 layers of 128 against PyTorch's: input 64, 64 steps, batch 32.
import { alternate, flambeau, needPyTorch, pytorch, report } from './support/alternate.mjs'
import { needSame } from './support/same.mjs'

needPyTorch()
const ours = flambeau('lstm')
const theirs = pytorch('lstm')
await needSame(ours, theirs, 1e-4)
report('training step of an LSTM, 2 × 128, 64 steps, batch 32', await alternate(ours, theirs, 'run', 9), 1, 'ms')
ours.close()
theirs.close()
