// From the import to the first operator's result, each time in a fresh process, against `import torch`.
import { Contestant, median, needPyTorch, python, report, worker } from './support/alternate.mjs'

needPyTorch()

async function once(command, file) {
  const contestant = new Contestant(command, [worker(file)])
  const time = await contestant.ask('')
  contestant.close()
  return time
}

const times = { ours: [], theirs: [] }
for (let round = 0; round <= 9; round++) {
  const ours = await once(process.execPath, 'import.mjs')
  const theirs = await once(python, 'import.py')
  // The first round fills the file cache.
  if (round > 0) {
    times.ours.push(ours)
    times.theirs.push(theirs)
  }
}
report('import to first result', { ours: median(times.ours), theirs: median(times.theirs) }, 0.08, 'ms')
