// This process's part of a loader.
import { ArgumentError, data } from '@flambeau/core'
import type * as Distributed from '@flambeau/core/distributed'
import { globalSeed } from '../seed.js'
import type { Loader } from '../types.js'

/** Every sample once: parts differ by one in size. For evaluation, where nobody waits for the others batch by batch. */
class Share extends data.Sampler {
  readonly #samples: number
  readonly #rank: number
  readonly #replicas: number

  constructor(samples: number, rank: number, replicas: number) {
    super()
    this.#samples = samples
    this.#rank = rank
    this.#replicas = replicas
  }

  get length(): number {
    return Math.ceil((this.#samples - this.#rank) / this.#replicas)
  }

  *[Symbol.iterator](): Iterator<number> {
    for (let i = this.#rank; i < this.#samples; i += this.#replicas) yield i
  }
}

const REMEDY =
  'give a DataLoader over a data set with a length, without sampler and batchSampler; or let each process read its own part ' +
  '(trainer.globalRank of trainer.worldSize), and set useDistributedSampler: false'

/**
 * The loader that reads this process's part: of training, PyTorch's `DistributedSampler`, in a new order each epoch where the
 * loader shuffles; of evaluation, every sample once.
 */
export async function shardOf(
  distributed: typeof Distributed,
  loader: Loader,
  training: boolean,
  divides: boolean,
): Promise<Loader> {
  if (!divides || distributed.getWorldSize() === 1) return loader
  if (!(loader instanceof data.DataLoader))
    throw new ArgumentError(`ddp: cannot divide ${loader.constructor.name} among the processes; ${REMEDY}`)
  if (loader.sampler instanceof distributed.DistributedSampler) return loader
  if (loader.sampler !== undefined || loader.batchSampler !== undefined)
    throw new ArgumentError(`ddp: cannot divide a DataLoader with a sampler of its own among the processes; ${REMEDY}`)
  await loader.ready()
  const { samples, shuffle } = loader
  // Its workers know the samples' number; those that read are started with each epoch.
  await loader.close()
  if (samples === null)
    throw new ArgumentError(`ddp: cannot divide a DataLoader over a stream among the processes; ${REMEDY}`)
  return loader.withSampler(
    training
      ? new distributed.DistributedSampler({ length: samples }, { shuffle, seed: globalSeed() })
      : new Share(samples, distributed.getRank(), distributed.getWorldSize()),
  )
}
