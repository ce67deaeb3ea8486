// Validation and test: every batch once, without gradient.
import { ArgumentError } from '@flambeau/core'
import type { HookName } from '../callback.js'
import { type Context, inEvaluation, placed, withoutGrad } from '../run/context.js'
import { iterate } from '../run/loaders.js'
import { singleMetricsOf } from '../run/metrics.js'
import { breathe } from '../run/signals.js'
import type { Loader } from '../types.js'

/** Which evaluation. */
export type Evaluation = 'validation' | 'test'

interface Names {
  readonly start: HookName
  readonly epochStart: HookName
  readonly batchStart: HookName
  readonly batchEnd: HookName
  readonly epochEnd: HookName
  readonly end: HookName
  readonly step: 'validationStep' | 'testStep'
}

const names: Readonly<Record<Evaluation, Names>> = {
  validation: {
    start: 'onValidationStart',
    epochStart: 'onValidationEpochStart',
    batchStart: 'onValidationBatchStart',
    batchEnd: 'onValidationBatchEnd',
    epochEnd: 'onValidationEpochEnd',
    end: 'onValidationEnd',
    step: 'validationStep',
  },
  test: {
    start: 'onTestStart',
    epochStart: 'onTestEpochStart',
    batchStart: 'onTestBatchStart',
    batchEnd: 'onTestBatchEnd',
    epochEnd: 'onTestEpochEnd',
    end: 'onTestEnd',
    step: 'testStep',
  },
}

/** What is evaluated, and what happens when it has been. */
export interface EvaluationRequest {
  readonly loaders: readonly Loader[]
  readonly limits: readonly number[]
  /** At which step loggers get the result; null for none of them. */
  readonly step: number | null
  /** Called once all is done but what callbacks save. */
  readonly done?: () => void
}

/** Evaluates. @returns what was logged, for each loader */
export async function evaluate(
  context: Context,
  kind: Evaluation,
  request: EvaluationRequest,
): Promise<Record<string, number>[]> {
  const { trainer, module, hooks } = context
  const { results } = trainer
  const { loaders, step } = request
  const hook = names[kind]
  if (module[hook.step] === undefined)
    throw new ArgumentError(`${module.constructor.name}: expected ${hook.step} to be written, for the ${kind} loader`)
  // An epoch of training that is under way keeps what it has logged.
  const training = results.exchange()
  // Statistics are those of each process's part until now.
  context.strategy.syncBuffers(module)
  let metrics: Record<string, number> = {}
  try {
    await inEvaluation(module, async () => {
      await hooks.call(hook.start)
      await hooks.call(hook.epochStart)
      for (let i = 0; i < loaders.length; i++) {
        results.loader = loaders.length > 1 ? i : null
        await evaluateLoader(context, hook, loaders[i], i, request)
      }
      results.loader = null
      await hooks.call(hook.epochEnd)
      metrics = results.endEpoch(() => singleMetricsOf(module))
      if (step !== null) trainer.logMetrics(metrics, step)
      await hooks.early(hook.end)
    })
  } finally {
    results.loader = null
    results.exchange(training)
  }
  request.done?.()
  await hooks.late(hook.end)
  return loaders.map((_, i) => ofLoader(metrics, loaders.length > 1 ? i : null))
}

async function evaluateLoader(
  context: Context,
  hook: Names,
  loader: Loader,
  index: number,
  request: EvaluationRequest,
): Promise<void> {
  const { trainer, module, hooks } = context
  const { results } = trainer
  const batches = iterate(loader)
  const limit = request.limits[index]
  try {
    for (let i = 0; i < limit; i++) {
      const next = await batches.next()
      if (next.done) break
      const batch = placed(context, next.value)
      if (hooks.has(hook.batchStart)) await hooks.call(hook.batchStart, batch, i, index)
      results.hook = hook.step
      const outputs = await withoutGrad(context, () => module[hook.step]?.(batch, i, index))
      results.hook = null
      if (hooks.has(hook.batchEnd)) await hooks.call(hook.batchEnd, outputs, batch, i, index)
      if (request.step !== null) {
        const metrics = results.stepMetrics()
        if (Object.keys(metrics).length > 0) trainer.logMetrics(metrics, trainer.progress.evaluated)
        trainer.progress.evaluated++
      }
      await breathe()
    }
  } finally {
    results.hook = null
    await batches.return?.()
  }
}

/** The metrics of one loader of several. */
function ofLoader(metrics: Readonly<Record<string, number>>, loader: number | null): Record<string, number> {
  const suffix = /\/dataloader_idx_(\d+)$/
  return Object.fromEntries(
    Object.entries(metrics).filter(([name]) => {
      const of = suffix.exec(name)?.[1]
      return loader === null || of === undefined || Number(of) === loader
    }),
  )
}
