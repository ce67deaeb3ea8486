// Two processes of one thread each, against PyTorch's Gloo and DistributedDataParallel: each side's rank 0 takes turns.
import { loadavg } from 'node:os'
import { alternate, Contestant, needPyTorch, python, report, worker } from './support/alternate.mjs'

needPyTorch()
const env = { OMP_NUM_THREADS: '1', MKL_NUM_THREADS: '1' }
const ours = new Contestant(process.execPath, [worker('distributed.mjs')], env)
const theirs = new Contestant(python, [worker('distributed.py')], env)
for (const [line, name, rounds] of [
  ['all-reduce', 'all-reduce of 100 MB', 15],
  ['small', 'all-reduce of 100 floats', 15],
  ['gpt', 'data-parallel training step of a GPT, 4 × 192', 15],
])
  report(name, await alternate(ours, theirs, line, rounds), 1.1, 'ms')
console.log(
  `  load of the machine: ${loadavg()
    .map((x) => x.toFixed(1))
    .join(', ')}`,
)
ours.close()
theirs.close()
