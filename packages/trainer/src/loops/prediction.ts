// Prediction: what the module gives for every batch.
import { type Context, inEvaluation, placed, withoutGrad } from '../run/context.js'
import { iterate } from '../run/loaders.js'
import { breathe } from '../run/signals.js'
import type { Loader } from '../types.js'

/** Predicts. @returns the results of each loader's batches */
export async function predict(
  context: Context,
  loaders: readonly Loader[],
  limits: readonly number[],
): Promise<unknown[][]> {
  const { trainer, module, hooks } = context
  const predictions: unknown[][] = []
  context.strategy.syncBuffers(module)
  await inEvaluation(module, async () => {
    await hooks.call('onPredictStart')
    await hooks.call('onPredictEpochStart')
    for (let l = 0; l < loaders.length; l++) {
      const batches = iterate(loaders[l])
      const outputs: unknown[] = []
      try {
        for (let i = 0; i < limits[l]; i++) {
          const next = await batches.next()
          if (next.done) break
          const batch = placed(context, next.value)
          await hooks.call('onPredictBatchStart', batch, i, l)
          trainer.results.hook = 'predictStep'
          const output = await withoutGrad(context, () => module.predictStep(batch, i, l))
          trainer.results.hook = null
          outputs.push(output)
          await hooks.call('onPredictBatchEnd', output, batch, i, l)
          await breathe()
        }
      } finally {
        trainer.results.hook = null
        await batches.return?.()
      }
      predictions.push(outputs)
    }
    await hooks.call('onPredictEpochEnd')
    await hooks.call('onPredictEnd')
  })
  return predictions
}
