// What the loops work with.
import { inferenceMode, noGrad } from '@flambeau/core'
import type { Trainer } from '../trainer.js'
import type { AnyLightningModule } from '../types.js'
import type { Hooks } from './hooks.js'
import type { Precision } from './precision.js'
import type { Strategy } from './strategy.js'
import { batchSizeOf } from './tree.js'

/** A module that is being run. */
export interface Context {
  readonly trainer: Trainer
  readonly module: AnyLightningModule
  readonly hooks: Hooks
  readonly precision: Precision
  readonly strategy: Strategy
}

/** A batch where the module is, and as what it computes in. */
export function placed({ trainer, precision, strategy }: Context, batch: unknown): unknown {
  trainer.results.startBatch()
  trainer.results.batchSize = batchSizeOf(batch)
  return precision.convertInput(strategy.toDevice(batch))
}

/** Runs a step, which may be asynchronous, without gradient. */
export async function withoutGrad<R>({ trainer }: Context, body: () => R | Promise<R>): Promise<R> {
  const guard = trainer.options.inferenceMode ? inferenceMode() : noGrad()
  try {
    return await body()
  } finally {
    guard.dispose()
  }
}

/** Runs `body` with the module in evaluation, and puts every submodule back in its mode. */
export async function inEvaluation<R>(module: AnyLightningModule, body: () => Promise<R>): Promise<R> {
  const modes = module.modules().map((m) => [m, m.training] as const)
  module.eval()
  try {
    return await body()
  } finally {
    for (const [m, training] of modes) m.training = training
  }
}
