// Where the batches of a run come from: what is given, the data module, or the module.
import { ArgumentError } from '@flambeau/core'
import type { LightningDataModule } from '../datamodule.js'
import type { AnyLightningModule, Loader, Loaders } from '../types.js'
import { checkLoader, iterate, limited, listed } from './loaders.js'

type Source = 'trainDataloader' | 'valDataloader' | 'testDataloader' | 'predictDataloader'

/** The loaders of a stage. */
export function loadersOf(
  module: AnyLightningModule,
  datamodule: LightningDataModule | null,
  source: Source,
  given: Loaders,
): Loader[] {
  const loaders = given ?? datamodule?.[source]?.() ?? module[source]?.()
  return listed(loaders).map((loader) => checkLoader(source, loader))
}

/** The one loader of training. */
export function trainLoaderOf(
  module: AnyLightningModule,
  datamodule: LightningDataModule | null,
  given: Loaders,
): Loader {
  const loaders = loadersOf(module, datamodule, 'trainDataloader', given)
  if (loaders.length === 1) return loaders[0]
  throw new ArgumentError(
    `fit: expected one loader of batches to train on, got ${loaders.length || 'none'}; give { trainDataloaders }, { datamodule }, or write trainDataloader()`,
  )
}

/** The first batches of a loader, kept: they come in the same order each time. */
export async function firstBatches(loader: Loader, limit: number): Promise<unknown[]> {
  const count = limited('overfitBatches', limit, loader)
  const batches = iterate(loader)
  const kept: unknown[] = []
  try {
    while (kept.length < count) {
      const next = await batches.next()
      if (next.done) break
      kept.push(next.value)
    }
  } finally {
    await batches.return?.()
  }
  return kept
}
