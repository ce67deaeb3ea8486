// One training step of a GPT of 4 layers against PyTorch's: width 192, 6 heads, context 128, vocabulary 65, batch 8.
import { alternate, flambeau, needPyTorch, pytorch, report } from './support/alternate.mjs'
import { needSame } from './support/same.mjs'

needPyTorch()
const ours = flambeau('gpt')
const theirs = pytorch('gpt')
await needSame(ours, theirs, 1e-3)
report('training step of a GPT, 4 × 192, context 128, batch 8', await alternate(ours, theirs, 'run', 9), 1, 'ms')
ours.close()
theirs.close()
