// An epoch of training: its batches, validation in between, and what happens at its end.

import { placed } from '../run/context.js'
import { iterate, randomState, setEpoch, setRandomState } from '../run/loaders.js'
import { singleMetricsOf } from '../run/metrics.js'
import { stepSchedulers } from '../run/optimizers.js'
import { breathe } from '../run/signals.js'
import type { FitRun } from './fit.js'
import { optimize, step } from './optimization.js'

/** Trains for an epoch, or for the rest of one. An interrupted run leaves it where it is. */
export async function trainEpoch(run: FitRun): Promise<void> {
  const { progress, context } = run
  const { hooks, trainer } = context
  if (!progress.epochStarted) {
    progress.epochStarted = true
    progress.batch = 0
    progress.batchesDone = false
    progress.validatedAt = -1
    run.epochRandom = null
    await hooks.call('onTrainEpochStart')
  }
  if (!progress.batchesDone) await trainBatches(run)
  if (trainer.interrupted) return
  if (run.resumeRandom !== null) {
    setRandomState(run.resumeRandom, run.generators)
    run.resumeRandom = null
  }
  if (dueAtEnd(run) && progress.validatedAt !== progress.batch) await run.validate()
  await endEpoch(run)
}

async function trainBatches(run: FitRun): Promise<void> {
  const { progress, context } = run
  const { trainer } = context
  let batches: AsyncIterator<unknown> | Iterator<unknown> | null = null
  try {
    for (;;) {
      if (progress.validatedAt !== progress.batch && dueNow(run)) await run.validate()
      run.agree()
      if (trainer.interrupted) return
      if (progress.batch >= run.limit || stopped(run)) break
      batches ??= await startBatches(run)
      const next = await batches.next()
      if (next.done) break
      await trainBatch(run, next.value)
      const pause = breathe()
      if (pause !== undefined) await pause
    }
    // A loader that did not say how many batches it has may end in the middle of an accumulation.
    if (!run.gradientsUsed && run.optimizers[0] !== undefined) {
      context.strategy.syncGradients(context.module)
      await step(run, run.optimizers[0])
    }
    progress.batchesDone = true
  } finally {
    await batches?.return?.()
  }
}

/** Whether the epoch ends before its last batch. */
function stopped({ context, progress, longEnough }: FitRun): boolean {
  const { maxSteps } = context.trainer.limits
  return (maxSteps >= 0 && progress.globalStep >= maxSteps) || (context.trainer.shouldStop && longEnough)
}

/** The batches of this epoch; of one that goes on, those that are left, in the order in which they would have come. */
async function startBatches(run: FitRun): Promise<AsyncIterator<unknown> | Iterator<unknown>> {
  const { progress } = run
  setEpoch(run.trainLoader, progress.epoch)
  const later = run.resumeRandom
  run.resumeRandom = null
  if (run.epochRandom === null) {
    if (later !== null) setRandomState(later, run.generators)
    run.epochRandom = randomState(run.generators)
    return iterate(run.trainLoader)
  }
  setRandomState(run.epochRandom, run.generators)
  const batches = iterate(run.trainLoader)
  // Loaders draw their order when they are first asked, so the state of then must hold until they have been.
  for (let i = 0; i < progress.batch; i++) await batches.next()
  if (later !== null && progress.batch > 0) setRandomState(later, run.generators)
  return batches
}

async function trainBatch(run: FitRun, given: unknown): Promise<void> {
  const { progress, context } = run
  const { trainer, module, hooks } = context
  const index = progress.batch
  const batch = placed(context, given)
  if (hooks.has('onTrainBatchStart')) await hooks.call('onTrainBatchStart', batch, index)
  const { accumulateGradBatches: parts } = trainer.options
  const closes = (index + 1) % parts === 0 || index + 1 === run.limit
  const { outputs, stepped } = await optimize(run, batch, index, closes)
  const at = progress.stepped
  progress.batch++
  progress.totalBatches++
  if (stepped) progress.stepped++
  if (stepped && module.automaticOptimization) stepSchedulers(run.schedulers, 'step', index, trainer)
  const ended = hooks.early('onTrainBatchEnd', outputs, batch, index)
  if (ended !== undefined) await ended
  if (stepped && (at + 1) % trainer.options.logEveryNSteps === 0) trainer.logMetrics(trainer.results.stepMetrics(), at)
  const saved = hooks.late('onTrainBatchEnd', outputs, batch, index)
  if (saved !== undefined) await saved
}

/** Whether validation is due in the middle of an epoch. */
function dueNow(run: FitRun): boolean {
  const { options } = run.context.trainer
  const { valCheckInterval: interval, checkValEveryNEpoch: epochs } = options
  const { progress } = run
  if (interval === null || !run.validates || progress.batch === 0) return false
  if (epochs === null) return progress.totalBatches % interval === 0
  if ((progress.epoch + 1) % epochs !== 0) return false
  const every = interval < 1 ? Math.max(1, Math.floor(run.limit * interval)) : interval
  return progress.batch % every === 0
}

function dueAtEnd(run: FitRun): boolean {
  const { valCheckInterval: interval, checkValEveryNEpoch: epochs } = run.context.trainer.options
  return run.validates && interval === null && epochs !== null && (run.progress.epoch + 1) % epochs === 0
}

async function endEpoch(run: FitRun): Promise<void> {
  const { progress, context } = run
  const { trainer, module, hooks } = context
  const known = () => singleMetricsOf(module)
  const metrics = trainer.results.endEpoch(known)
  await hooks.early('onTrainEpochEnd')
  trainer.logMetrics({ ...metrics, ...trainer.results.endEpoch(known) }, Math.max(0, progress.stepped - 1))
  if (module.automaticOptimization) stepSchedulers(run.schedulers, 'epoch', progress.epoch, trainer)
  progress.epoch++
  progress.epochStarted = false
  trainer.endingEpoch = true
  try {
    await hooks.late('onTrainEpochEnd')
  } finally {
    trainer.endingEpoch = false
  }
}
