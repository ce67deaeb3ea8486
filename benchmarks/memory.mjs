// Memory without dispose, tidy or a pause for the event loop: 5,000 tensors of 4 MB, and 200,000 training steps.
import { Contestant, figure, median, worker } from './support/alternate.mjs'

async function ask(file, ...args) {
  const contestant = new Contestant(process.execPath, [worker(file), ...args])
  const answer = await contestant.ask('')
  contestant.close()
  return answer
}

const megabytes = (bytes) => `${(bytes / 1e6).toFixed(0)} MB`
figure('peak memory of 5,000 tensors of 4 MB', await ask('tensors.mjs', '5000'), 400e6, megabytes)

const resident = await ask('training.mjs', '200000')
// Warm is after a tenth of the way; both ends are medians, since the collector comes and goes.
const warm = median(resident.slice(10, 20))
const end = median(resident.slice(-10))
figure(
  `growth over 200,000 training steps (${megabytes(warm)} to ${megabytes(end)})`,
  end / warm - 1,
  0.05,
  (x) => `${(x * 100).toFixed(1)} %`,
)
