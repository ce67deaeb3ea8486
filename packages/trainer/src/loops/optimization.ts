// One batch of training: the loss, its gradients, and a step of the optimizer where it is due.
import { ArgumentError, optim, Tensor, tensor } from '@flambeau/core'
import type { LightningOptimizer } from '../run/optimizers.js'
import type { StepOutput } from '../types.js'
import type { FitRun } from './fit.js'

/** What a batch came to. */
export interface BatchOutcome {
  readonly outputs: unknown
  /** Whether the optimizer took a step, or the module did all by itself. */
  readonly stepped: boolean
}

/** Trains on one batch. @param closes whether the gradients so far become a step */
export async function optimize(run: FitRun, batch: unknown, index: number, closes: boolean): Promise<BatchOutcome> {
  const { module } = run.context
  if (!module.automaticOptimization) {
    const outputs = await trainingStep(run, batch, index, true)
    await run.settle()
    return { outputs, stepped: true }
  }
  const optimizer = run.optimizers[0] ?? null
  if (optimizer?.optimizer instanceof optim.LBFGS) return repeatedly(run, optimizer, batch, index)
  const outputs = await trainingStep(run, batch, index, closes)
  const loss = lossOf(module.constructor.name, outputs)
  if (loss === null) return { outputs, stepped: false }
  await backward(run, optimizer, loss, closes)
  if (closes && optimizer !== null) await step(run, optimizer)
  return { outputs, stepped: closes }
}

/** @param closes whether the gradients become a step, before which processes put theirs together */
async function trainingStep(run: FitRun, batch: unknown, index: number, closes: boolean): Promise<unknown> {
  const { module, trainer, strategy } = run.context
  trainer.results.hook = 'trainingStep'
  try {
    let outputs: unknown
    const body = (): void => {
      outputs = strategy.step(() => module.trainingStep?.(batch, index))
    }
    if (closes) body()
    else strategy.noSync(body)
    return outputs instanceof Promise ? await outputs : outputs
  } finally {
    trainer.results.hook = null
  }
}

function lossOf(module: string, outputs: unknown): Tensor | null {
  const given = outputs as StepOutput
  if (given === null || given === undefined) return null
  const loss = given instanceof Tensor ? given : given.loss
  if (!(loss instanceof Tensor) || loss.numel() !== 1)
    throw new ArgumentError(
      `${module}.trainingStep: expected the loss, a tensor of one element, or { loss }, got ${
        loss instanceof Tensor ? `a tensor of shape [${loss.shape}]` : typeof loss
      }; return nothing to skip a batch`,
    )
  return loss
}

async function backward(
  run: FitRun,
  optimizer: LightningOptimizer | null,
  loss: Tensor,
  closes: boolean,
): Promise<void> {
  const { hooks, strategy, trainer } = run.context
  const parts = trainer.options.accumulateGradBatches
  if (run.gradientsUsed) {
    if (optimizer !== null) {
      if (hooks.has('onBeforeZeroGrad')) await hooks.call('onBeforeZeroGrad', optimizer)
      optimizer.zeroGrad()
    }
    run.gradientsUsed = false
  }
  if (hooks.has('onBeforeBackward')) await hooks.call('onBeforeBackward', loss)
  const part = parts === 1 ? loss : loss.div(parts)
  if (closes) part.backward()
  else strategy.noSync(() => part.backward())
  if (hooks.has('onAfterBackward')) await hooks.call('onAfterBackward')
}

/** Makes a step of the gradients so far. */
export async function step(run: FitRun, optimizer: LightningOptimizer): Promise<void> {
  const { hooks, module, trainer } = run.context
  if (hooks.has('onBeforeOptimizerStep')) await hooks.call('onBeforeOptimizerStep', optimizer)
  const { gradientClipVal, gradientClipAlgorithm } = trainer.options
  module.configureGradientClipping(optimizer, gradientClipVal, gradientClipAlgorithm)
  optimizer.optimizer.step()
  run.progress.globalStep++
  run.gradientsUsed = true
}

/** An optimizer that computes the loss several times in a step. */
async function repeatedly(
  run: FitRun,
  optimizer: LightningOptimizer,
  batch: unknown,
  index: number,
): Promise<BatchOutcome> {
  const { hooks, module, trainer, strategy } = run.context
  let outputs: unknown
  if (hooks.has('onBeforeOptimizerStep')) await hooks.call('onBeforeOptimizerStep', optimizer)
  optimizer.optimizer.step(() => {
    trainer.results.hook = 'trainingStep'
    outputs = strategy.step(() => module.trainingStep?.(batch, index))
    trainer.results.hook = null
    const loss = lossOf(module.constructor.name, outputs)
    if (outputs instanceof Promise || loss === null)
      throw new ArgumentError(
        `${module.constructor.name}.trainingStep: expected a loss at once: LBFGS computes it several times in a step`,
      )
    optimizer.zeroGrad()
    loss.backward()
    // What it decides by is the loss of all.
    return strategy.worldSize === 1 ? loss : tensor(strategy.reduce([loss.item<number>()], 'mean')[0])
  })
  run.progress.globalStep++
  return { outputs, stepped: true }
}
