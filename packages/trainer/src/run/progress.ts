// How far a run is: saved with every checkpoint, so that it goes on at that very point.

/** Counts of a run of `fit`. */
export interface Progress {
  /** Epochs that are complete. */
  epoch: number
  /** Batches of the epoch under way that are complete. */
  batch: number
  /** Whether the epoch under way has begun. */
  epochStarted: boolean
  /** Whether all of its batches are done. */
  batchesDone: boolean
  /** After how many batches of the epoch the last validation was; -1 for none. */
  validatedAt: number
  /** Batches of all epochs. */
  totalBatches: number
  /** Batches at which gradients became a step: what loggers call the step. */
  stepped: number
  /** Optimizer steps. */
  globalStep: number
  /** Evaluation batches that were logged by step. */
  evaluated: number
}

export const initialProgress = (): Progress => ({
  epoch: 0,
  batch: 0,
  epochStarted: false,
  batchesDone: false,
  validatedAt: -1,
  totalBatches: 0,
  stepped: 0,
  globalStep: 0,
  evaluated: 0,
})
