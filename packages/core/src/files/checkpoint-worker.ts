// The thread of an AsyncCheckpointer: writes the snapshots that it is sent, in order.
import { workerData } from 'node:worker_threads'
import { native } from '../binding/native.js'
import { NativeError } from '../errors.js'
import type { Job, Outcome, Setup } from './async-checkpointer.js'
import { writeTorch } from './torch-save.js'

const { port, finished } = workerData as Setup
const count = new Int32Array(finished)

function write({ path, pickle, token, storages }: Job): void {
  const handle = native.receiveStorage(token)
  if (handle === undefined) throw new NativeError('the snapshot was received already')
  try {
    writeTorch(
      path,
      pickle,
      storages.map(({ key, nbytes, offset }) => ({
        key,
        nbytes,
        read: (at, into) => native.read(handle, offset + at, into),
      })),
    )
  } finally {
    native.dispose(handle)
  }
}

port.on('message', (job: Job) => {
  let error: Outcome['error'] = null
  try {
    write(job)
  } catch (thrown) {
    const { name = 'Error', message = String(thrown), stack = '', code } = (thrown ?? {}) as NodeJS.ErrnoException
    error = { name, message, stack, code: typeof code === 'string' ? code : null }
  }
  port.postMessage({ id: job.id, error } satisfies Outcome)
  // After the message: whoever waits for the count finds it.
  Atomics.add(count, 0, 1)
  Atomics.notify(count, 0)
})
