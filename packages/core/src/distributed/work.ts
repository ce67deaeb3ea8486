// What is under way in a process group.
import type { WorkHandle } from '../binding/distributed.js'
import { native } from '../binding/native.js'
import { guarded } from './failures.js'

const lib = native.distributed

/** A collective that was asked for with `asyncOp: true`, or a message. Its tensors are to be left alone until it is done. */
export class Work {
  readonly #operation: string
  readonly #handle: WorkHandle
  #then: ((handle: WorkHandle) => void) | null

  /** @internal @param then what is left to do here once it is done, once */
  constructor(operation: string, handle: WorkHandle, then: (handle: WorkHandle) => void) {
    this.#operation = operation
    this.#handle = handle
    this.#then = then
  }

  /** Blocks until it is done. @throws DistributedError when it failed */
  wait(): void {
    guarded(this.#operation, () => lib.workWait(this.#handle))
    const then = this.#then
    this.#then = null
    then?.(this.#handle)
  }

  /** Whether it is done, or has failed. Its results are there after `wait()`, which then does not block. */
  isCompleted(): boolean {
    return lib.workDone(this.#handle)
  }

  /** Resolves when it is done, and rejects where it failed; the event loop goes on meanwhile. */
  getFuture(): Promise<void> {
    return new Promise((resolve, reject) => {
      lib.workThen(this.#handle, () => {
        try {
          this.wait()
          resolve()
        } catch (error) {
          reject(error as Error)
        }
      })
    })
  }
}
