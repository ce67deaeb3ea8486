/** What a data set can know of the worker thread that it is in. */
export interface WorkerInfo {
  /** Which worker this is, from 0. */
  readonly id: number
  readonly numWorkers: number
  /** The seed that this worker's random numbers started from. */
  readonly seed: bigint
  /** This worker's copy of the data set. */
  readonly dataset: unknown
}

// Under a registered symbol, so that a data set finds it even through another copy of this module.
const key = Symbol.for('flambeau.workerInfo')
const place = globalThis as { [key]?: WorkerInfo }

export function setWorkerInfo(info: WorkerInfo): void {
  place[key] = info
}

/**
 * The DataLoader worker that this code runs in; null outside of one. An iterable data set uses it to give each worker
 * a part of its own.
 */
export const getWorkerInfo = (): WorkerInfo | null => place[key] ?? null
