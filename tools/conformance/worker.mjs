// A child process that runs folders. Before each case it writes the case's number where the parent finds it again when
// the process dies in the middle.
import { openSync, writeSync } from 'node:fs'
import { readFolder } from './cases.mjs'
import { core, setDevice } from './library.mjs'
import { runModules } from './modules.mjs'
import { runOps } from './ops.mjs'
import { runOptims } from './optims.mjs'

const [, , marker, device] = process.argv
setDevice(device)
const file = openSync(marker, 'w')
const onCuda = device.startsWith('cuda')
// Float32 is compared to more digits than TF32 has.
if (onCuda) core.cuda.allowTf32({ convolution: false })

/** A device that has failed answers nothing more in this process: the case before is at fault. */
function checkDevice() {
  try {
    core.synchronize(device)
  } catch (error) {
    if (String(error?.message).includes('the device failed')) {
      console.error(error.message)
      process.exit(70)
    }
  }
}

function startCase(i) {
  if (onCuda) checkDevice()
  writeSync(file, String(i).padStart(8), 0)
}

function run({ dir, folder, skip }) {
  const { cases, data } = readFolder(dir, folder)
  if (cases.length === 0) return { passed: 0, failed: 0, missing: 0, failures: [] }
  const job = { cases, data, skip: new Map(skip), started: startCase }
  const [first] = cases
  return first.op !== undefined ? runOps(job) : first.module !== undefined ? runModules(job) : runOptims(job)
}

process.on('message', (job) => {
  let result
  try {
    result = run(job)
  } catch (error) {
    result = {
      passed: 0,
      failed: 1,
      missing: 0,
      failures: [{ sample: 0, call: '', problem: `the runner failed: ${error?.stack ?? error}` }],
    }
  }
  process.send({ folder: job.folder, result })
})
process.on('disconnect', () => process.exit(0))
process.send({ ready: true })
