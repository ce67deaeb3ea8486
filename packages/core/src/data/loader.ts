// DataLoader: batches of a data set, in this thread or from workers.
import { ArgumentError, describe } from '../errors.js'
import type { Generator } from '../ops/index.js'
import { checkDevice } from '../tensor/device.js'
import { type Collated, defaultCollate } from './collate.js'
import { isMapStyle, isPromise, type MapStyle } from './dataset.js'
import { type Batching, checkSource, FetchError, fetchIndices, type Source, StreamReader } from './fetch.js'
import { type DatasetModule, instantiate, isModuleExport, type ModuleExport, resolveExport } from './module.js'
import { pinned } from './pin.js'
import { WorkerPool } from './pool.js'
import { BatchSampler, RandomSampler, randomSeed, SequentialSampler } from './sampler.js'

/** Indices to read, with their number where it is known. */
type Indices<I> = Iterable<I> & { readonly length?: number }

/** The options of a `DataLoader`. */
export interface DataLoaderOptions<T, B> {
  /** Samples a batch; null gives single samples. Default 1. */
  readonly batchSize?: number | null
  /** Read in a new random order each epoch. Default false. */
  readonly shuffle?: boolean
  /** The order of samples, instead of `shuffle`. */
  readonly sampler?: Indices<number>
  /** The batches themselves, instead of `batchSize`, `shuffle`, `sampler` and `dropLast`. */
  readonly batchSampler?: Indices<readonly number[]>
  /** Leave out a last batch that is not full. Default false. */
  readonly dropLast?: boolean
  /** Makes a batch of samples; with workers, where they import it from. Default `defaultCollate`. */
  readonly collateFn?: ((samples: T[]) => B) | ModuleExport
  /** Threads that read. 0 reads in this one. Default 0. */
  readonly numWorkers?: number
  /** Batches that each worker reads ahead, by default 2; without workers, batches of an asynchronous data set, by default 0. */
  readonly prefetchFactor?: number
  /** Keep the workers and their data sets from one epoch to the next, until `close()`. Default false. */
  readonly persistentWorkers?: boolean
  /** Called with its id in each worker at its start. */
  readonly workerInitFn?: ModuleExport
  /**
   * Put the tensors of each batch into pinned memory, from which `to('cuda', { nonBlocking: true })` copies without waiting. Default
   * false; it takes a CUDA device.
   */
  readonly pinMemory?: boolean
  /** Seconds to wait for a worker's batch; 0 waits for ever. Default 0. */
  readonly timeout?: number
  /** Where shuffling and the workers' seeds come from. Default: the global generator. */
  readonly generator?: Generator
}

/**
 * Batches of a data set: an asynchronous iterable, one epoch each time it is iterated.
 *
 * With `numWorkers`, threads read ahead and hand their tensors over without a copy; batches come in the same order
 * whatever the number of workers. A thread cannot be given an object with methods, so the data set is then named as
 * `{ module, export, args }`, and each worker makes its own. Leaving the loop early stops the workers.
 *
 * @throws WorkerError where a worker failed: its message, `cause` and stack are those of the error, with the index of
 * the sample
 * @example
 * ```ts
 * import { data, randn } from '@flambeau/core'
 * const pairs = new data.TensorDataset(randn([10, 3]), randn([10]))
 * const loader = new data.DataLoader(pairs, { batchSize: 4, shuffle: true })
 * for await (const [x, y] of loader) console.log(x.shape, y.shape)
 * ```
 */
export class DataLoader<T, B = Collated<T>> implements AsyncIterable<B> {
  /** The data set; where it is named by module, once `ready()` has made it in this thread, otherwise null. */
  dataset: MapStyle<T> | Iterable<T> | AsyncIterable<T> | null = null
  readonly batchSize: number | null
  readonly numWorkers: number
  readonly #options: DataLoaderOptions<T, B>
  readonly #spec: DatasetModule | null
  readonly #prefetch: number
  /** The number of samples; null for an iterable data set, undefined until it is known. */
  #samples: number | null | undefined
  #pool: WorkerPool | null = null
  #poolBusy = false
  /** Whether the coming epoch's seed has been drawn. */
  #seeded = false

  constructor(
    dataset: MapStyle<T> | Iterable<T> | AsyncIterable<T> | DatasetModule,
    options: DataLoaderOptions<T, B> = {},
  ) {
    checkOptions(options)
    const { numWorkers = 0, batchSampler, batchSize = batchSampler ? null : 1 } = options
    this.#options = options
    this.batchSize = batchSize
    this.numWorkers = numWorkers
    this.#prefetch = options.prefetchFactor ?? (numWorkers > 0 ? 2 : 0)
    if (isModuleExport(dataset)) {
      this.#spec = dataset
    } else {
      if (numWorkers > 0)
        throw new ArgumentError(
          `DataLoader: expected the data set as { module, export, args } where numWorkers is ${numWorkers}, got ${describe(dataset)}: each worker thread makes its own`,
        )
      this.#spec = null
      this.#adopt(checkSource('DataLoader', dataset))
    }
  }

  #adopt(source: Source): void {
    this.dataset = source as MapStyle<T> | Iterable<T>
    this.#learn(isMapStyle(source) ? source.length : null)
  }

  #learn(samples: number | null): void {
    this.#samples = samples
    const { shuffle, sampler, batchSampler } = this.#options
    if (samples === null && (shuffle || sampler || batchSampler))
      throw new ArgumentError(
        'DataLoader: an iterable data set has no indices, so shuffle, sampler and batchSampler do not apply',
      )
  }

  /** Makes a data set that is named by module, so that `length` is known. With workers, starts those. */
  async ready(): Promise<this> {
    if (this.#samples !== undefined) return this
    if (this.numWorkers > 0) {
      const pool = this.#startPool()
      try {
        this.#learn(await pool.ready())
      } catch (error) {
        await pool.close()
        throw error
      }
      this.#pool = pool
      this.#seeded = true
    } else if (this.#spec !== null) {
      const made = await instantiate(resolveExport('DataLoader', this.#spec), this.#spec.args ?? [])
      this.#adopt(checkSource('DataLoader', made))
    }
    return this
  }

  /** Where shuffling and the workers' seeds come from; undefined for the global generator. */
  get generator(): Generator | undefined {
    return this.#options.generator
  }

  /** The order of samples that was given. */
  get sampler(): Iterable<number> | undefined {
    return this.#options.sampler
  }

  /** Whether each epoch reads in a new random order. */
  get shuffle(): boolean {
    return this.#options.shuffle === true
  }

  /** The batches of indices that were given. */
  get batchSampler(): Iterable<readonly number[]> | undefined {
    return this.#options.batchSampler
  }

  /** The number of samples; null for an iterable data set. @throws ArgumentError where it is not known */
  get samples(): number | null {
    if (this.#samples === undefined)
      throw new ArgumentError(
        'DataLoader: the length of a data set that is named by module is known after `await loader.ready()`',
      )
    return this.#samples
  }

  /** A loader of the same data set and options, but with the samples that `sampler` gives, in its order. */
  withSampler(sampler: Indices<number>): DataLoader<T, B> {
    if (this.#options.batchSampler !== undefined)
      throw new ArgumentError('DataLoader.withSampler: a batchSampler decides on its batches itself')
    const { shuffle, ...rest } = this.#options
    const source = this.numWorkers > 0 || this.dataset === null ? this.#named() : this.dataset
    return new DataLoader<T, B>(source, { ...rest, sampler })
  }

  #named(): DatasetModule {
    if (this.#spec === null) throw new ArgumentError('DataLoader: expected the data set as { module, export, args }')
    return this.#spec
  }

  /** The number of batches an epoch. @throws ArgumentError where it is not known */
  get length(): number {
    if (this.samples === null) throw new ArgumentError('DataLoader: an iterable data set has no length')
    const indices = this.#indices()
    if (indices.length === undefined) throw new ArgumentError('DataLoader: the sampler has no length')
    return indices.length
  }

  /** The lists of indices of an epoch; of one each where batching is off. */
  #indices(): Indices<readonly number[]> {
    const { batchSampler, dropLast, generator, shuffle } = this.#options
    if (batchSampler) return batchSampler
    const source = { length: this.#samples ?? 0 }
    const sampler =
      this.#options.sampler ?? (shuffle ? new RandomSampler(source, { generator }) : new SequentialSampler(source))
    return new BatchSampler(sampler, this.batchSize ?? 1, this.batchSize === null ? false : dropLast)
  }

  get #batched(): boolean {
    return this.batchSize !== null || this.#options.batchSampler !== undefined
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<B, void, undefined> {
    if (this.#options.pinMemory !== true) yield* this.#batches()
    else for await (const batch of this.#batches()) yield pinned(batch) as B
  }

  async *#batches(): AsyncGenerator<B, void, undefined> {
    if (this.numWorkers > 0) {
      yield* this.#fromWorkers() as AsyncGenerator<B, void, undefined>
      return
    }
    await this.ready()
    if (this.dataset === null) return
    const { collateFn } = this.#options
    const batching: Batching | null = !this.#batched
      ? null
      : typeof collateFn === 'function'
        ? { collate: (samples) => collateFn(samples as T[]), standard: false }
        : { collate: defaultCollate, standard: true }
    // Drawn as PyTorch draws the workers' seed, so that the same seed gives the same order.
    randomSeed(this.#options.generator)
    const batches = isMapStyle(this.dataset)
      ? this.#byIndex(this.dataset, batching)
      : this.#fromStream(this.dataset, batching)
    try {
      yield* batches as AsyncGenerator<B, void, undefined>
    } catch (error) {
      throw error instanceof FetchError ? error.cause : error
    }
  }

  async *#byIndex(source: MapStyle<unknown>, batching: Batching | null): AsyncGenerator<unknown, void, undefined> {
    const ahead: unknown[] = []
    for (const indices of this.#indices()) {
      const batch = fetchIndices(source, indices, batching)
      // It is reported when its turn comes, if it ever does.
      if (isPromise(batch)) batch.catch(() => {})
      if (ahead.push(batch) > this.#prefetch) yield await ahead.shift()
    }
    while (ahead.length > 0) yield await ahead.shift()
  }

  async *#fromStream(
    source: Iterable<unknown> | AsyncIterable<unknown>,
    batching: Batching | null,
  ): AsyncGenerator<unknown, void, undefined> {
    const reader = new StreamReader(source, batching, this.batchSize ?? 1, this.#options.dropLast ?? false)
    try {
      for (let batch = await reader.next(); batch !== undefined; batch = await reader.next()) yield batch.value
    } finally {
      await reader.close()
    }
  }

  #startPool(): WorkerPool {
    const { collateFn, workerInitFn, generator, dropLast = false, timeout = 0 } = this.#options
    const source = this.#named()
    const named = (spec: unknown) => (isModuleExport(spec) ? resolveExport('DataLoader', spec) : null)
    return new WorkerPool(
      {
        numWorkers: this.numWorkers,
        seed: randomSeed(generator),
        dataset: resolveExport('DataLoader', source),
        args: source.args ?? [],
        collate: named(collateFn),
        init: named(workerInitFn),
        batchSize: this.#batched ? (this.batchSize ?? 1) : null,
        dropLast,
      },
      timeout,
    )
  }

  async *#fromWorkers(): AsyncGenerator<unknown, void, undefined> {
    // Workers that are kept serve one loop at a time; another loop meanwhile gets its own.
    const kept = this.#poolBusy ? null : this.#pool
    if (kept !== null) this.#pool = null
    const usable = kept !== null && !kept.broken
    // Each epoch draws one seed, whether it starts workers or not, so that the order does not depend on it.
    if (usable && !this.#seeded) randomSeed(this.#options.generator)
    this.#seeded = false
    const pool = usable ? kept : this.#startPool()
    const keep = this.#options.persistentWorkers === true && !this.#poolBusy
    if (keep) this.#poolBusy = true
    let finished = false
    try {
      this.#learn(await pool.ready())
      yield* this.#samples === null ? this.#streams(pool) : this.#requests(pool)
      finished = true
    } finally {
      if (keep) {
        this.#poolBusy = false
        pool.reset()
        if (pool.broken) await pool.close()
        else this.#pool = pool
      } else {
        await pool.close({ now: !finished })
      }
    }
  }

  /** Batch i comes from worker i mod n, in the order of i. */
  async *#requests(pool: WorkerPool): AsyncGenerator<unknown, void, undefined> {
    const { numWorkers } = this
    const batches = this.#indices()[Symbol.iterator]()
    let asked = 0
    const ask = () => {
      const { value, done } = batches.next()
      if (!done) pool.request(asked % numWorkers, asked++, value)
    }
    for (let i = 0; i < this.#prefetch * numWorkers; i++) ask()
    try {
      for (let i = 0; i < asked; i++) {
        const outcome = await pool.outcome(i % numWorkers, i)
        ask()
        if (outcome === 'end') continue
        if ('error' in outcome) throw outcome.error
        yield outcome.value
      }
    } finally {
      batches.return?.()
    }
  }

  /** One batch of each worker's stream in turn; a stream that has ended is left out. */
  async *#streams(pool: WorkerPool): AsyncGenerator<unknown, void, undefined> {
    const active = Array.from({ length: this.numWorkers }, (_, worker) => worker)
    const pending: { worker: number; id: number }[] = []
    let asked = 0
    const ask = (worker: number) => {
      pool.request(worker, asked, null)
      pending.push({ worker, id: asked++ })
    }
    for (let i = 0; i < this.#prefetch; i++) for (const worker of active) ask(worker)
    const ended = new Set<number>()
    for (let next = pending.shift(); next !== undefined; next = pending.shift()) {
      const outcome = await pool.outcome(next.worker, next.id)
      if (outcome === 'end') {
        ended.add(next.worker)
        continue
      }
      if (!ended.has(next.worker)) ask(next.worker)
      if ('error' in outcome) throw outcome.error
      yield outcome.value
    }
  }

  /** Ends workers that are kept from one epoch to the next. */
  async close(): Promise<void> {
    const pool = this.#pool
    this.#pool = null
    await pool?.close({ now: false })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

function checkOptions<T, B>(options: DataLoaderOptions<T, B>): void {
  const wrong = (name: keyof DataLoaderOptions<T, B>, expected: string) =>
    new ArgumentError(`DataLoader: expected ${expected} for ${name}, got ${describe(options[name])}`)
  const {
    batchSize,
    numWorkers = 0,
    prefetchFactor,
    timeout = 0,
    shuffle,
    sampler,
    batchSampler,
    collateFn,
    dropLast,
    workerInitFn,
    pinMemory,
  } = options
  if (pinMemory !== undefined && typeof pinMemory !== 'boolean') throw wrong('pinMemory', 'true or false')
  if (pinMemory) checkDevice('DataLoader: pinMemory', 'cuda')
  if (batchSize !== undefined && batchSize !== null && (!Number.isInteger(batchSize) || batchSize < 1))
    throw wrong('batchSize', 'a positive integer or null')
  if (!Number.isInteger(numWorkers) || numWorkers < 0) throw wrong('numWorkers', 'an integer ≥ 0')
  if (prefetchFactor !== undefined && (!Number.isInteger(prefetchFactor) || prefetchFactor < (numWorkers > 0 ? 1 : 0)))
    throw wrong('prefetchFactor', `an integer ≥ ${numWorkers > 0 ? 1 : 0}`)
  if (typeof timeout !== 'number' || !(timeout >= 0)) throw wrong('timeout', 'seconds ≥ 0')
  if (sampler && shuffle) throw new ArgumentError('DataLoader: sampler and shuffle exclude each other')
  if (batchSampler && ((batchSize !== undefined && batchSize !== null) || shuffle || sampler || dropLast))
    throw new ArgumentError('DataLoader: batchSampler excludes batchSize, shuffle, sampler and dropLast')
  if (batchSize === null && dropLast) throw new ArgumentError('DataLoader: dropLast needs a batchSize')
  if (collateFn !== undefined && typeof collateFn !== 'function' && !isModuleExport(collateFn))
    throw wrong('collateFn', 'a function or { module, export }')
  if (numWorkers > 0 && typeof collateFn === 'function')
    throw new ArgumentError(
      'DataLoader: expected collateFn as { module, export } with numWorkers: a function cannot be posted to a thread',
    )
  if (numWorkers === 0 && isModuleExport(collateFn))
    throw new ArgumentError('DataLoader: expected collateFn as a function without numWorkers')
  if (workerInitFn !== undefined && !isModuleExport(workerInitFn)) throw wrong('workerInitFn', '{ module, export }')
}
