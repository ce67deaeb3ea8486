// All cases: { name: { kind, limit, prepare } }. `prepare` makes the inputs and gives the step that is timed. Each has its
// counterpart of the same name in the .py file beside; both draw the same random numbers, so that results can be compared.
import convolution from './convolution.mjs'
import * as kernels from './kernels.mjs'
import matmul from './matmul.mjs'
import * as small from './small.mjs'
import workloads from './workloads.mjs'

/** The ratio to PyTorch's time that a case may reach, where it is not that of its kind. */
const LIMITS = {
  'resnet18 training': 0.6,
  'add of 4 floats with autograd': 0.3,
  'matmul 256': 0.9,
  'matmul 512': 0.9,
  'matmul 1024': 0.9,
}
const KIND_LIMITS = { workload: 0.95, kernel: 1.3, dispatch: 0.35 }

/** Kernels that are measured once more with their results left to the collector, as most programs leave them. */
const COLLECTED = [
  'matmul 512',
  'add 1M',
  'relu 1M',
  'exp 1M',
  'cat rows',
  'softmax 4096x1024 rows',
  'layer norm 1024x768 and backward',
]

const cases = {}
function add(kind, group) {
  for (const [name, prepare] of Object.entries(group))
    cases[name] = { kind, limit: LIMITS[name] ?? KIND_LIMITS[kind], prepare }
}
add('workload', workloads)
add('dispatch', small.dispatch)
add('kernel', matmul)
add('kernel', convolution)
for (const group of Object.values(kernels)) add('kernel', group)
add('kernel', small.optimizers)
add('kernel', small.loading)
for (const name of COLLECTED) cases[`${name}, collected`] = { ...cases[name], kind: 'collected', limit: undefined }

export default cases
