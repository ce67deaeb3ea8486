// The worker thread of a DataLoader: makes its copy of the data set, then answers requests in order.
import { parentPort, workerData } from 'node:worker_threads'
import { native } from '../binding/native.js'
import { ArgumentError, describe } from '../errors.js'
import { manualSeed } from '../ops/index.js'
import { defaultCollate } from './collate.js'
import { isMapStyle } from './dataset.js'
import { type Batching, checkSource, FetchError, fetchIndices, type Source, StreamReader } from './fetch.js'
import { importExport, instantiate, type ResolvedExport } from './module.js'
import type { Reply, Request, SentError, WorkerSetup } from './pool.js'
import { cancel, disposeAll, send } from './transfer.js'
import { setWorkerInfo } from './worker-info.js'

const setup = workerData as WorkerSetup
const port = parentPort
if (port === null) throw new ArgumentError('data/worker.js runs in a DataLoader only')

const reply = (message: Reply) => port.postMessage(message)

function describeError(error: unknown): SentError {
  const index = error instanceof FetchError ? error.index : null
  const cause = error instanceof FetchError ? error.cause : error
  const isError = typeof cause === 'object' && cause !== null && 'message' in cause
  if (!isError) return { name: 'Error', message: String(cause), stack: String(cause), index }
  const { name, message, stack } = cause as Error
  return { name: String(name), message: String(message), stack: String(stack ?? message), index }
}

async function batching(): Promise<Batching | null> {
  if (setup.batchSize === null) return null
  if (setup.collate === null) return { collate: defaultCollate, standard: true }
  return { collate: await functionAt(setup.collate), standard: false }
}

async function functionAt(spec: ResolvedExport): Promise<(argument: unknown) => unknown> {
  const value = await importExport(spec)
  if (typeof value !== 'function')
    throw new ArgumentError(`${spec.url}: expected '${spec.export}' to be a function, got ${describe(value)}`)
  return (argument) => value(argument)
}

class Server {
  readonly #source: Source
  readonly #batching: Batching | null
  readonly #epoch = new Int32Array(setup.epoch)
  readonly #requests: Request[] = []
  #reader: { readonly epoch: number; readonly stream: StreamReader } | null = null
  #busy = false

  constructor(source: Source, how: Batching | null) {
    this.#source = source
    this.#batching = how
  }

  async handle(request: Request): Promise<void> {
    this.#requests.push(request)
    if (this.#busy) return
    this.#busy = true
    for (let next = this.#requests.shift(); next !== undefined; next = this.#requests.shift()) {
      // Of an iteration that the caller has left.
      if (next.epoch === Atomics.load(this.#epoch, 0)) await this.#answer(next)
    }
    this.#busy = false
  }

  async #answer({ id, epoch, indices }: Request): Promise<void> {
    try {
      const batch = indices === null ? await this.#nextOfStream(epoch) : { value: await this.#fetch(indices) }
      if (batch === undefined) return reply({ kind: 'end', id, epoch })
      const sent = send(batch.value, setup.channel)
      try {
        reply({ kind: 'batch', id, epoch, sent })
      } catch (error) {
        cancel(sent)
        throw error
      }
      // Stacked here and nowhere else; the receiver holds the memory now.
      if (this.#batching?.standard && !('getBatch' in this.#source)) disposeAll(batch.value)
    } catch (error) {
      reply({ kind: 'error', id, epoch, error: describeError(error) })
    }
  }

  #fetch(indices: readonly number[]): unknown {
    if (!isMapStyle(this.#source)) throw new ArgumentError('an iterable data set was asked for indices')
    return fetchIndices(this.#source, indices, this.#batching)
  }

  async #nextOfStream(epoch: number): Promise<{ value: unknown } | undefined> {
    if (this.#reader?.epoch !== epoch) {
      await this.#reader?.stream.close()
      const source = this.#source as Iterable<unknown>
      this.#reader = { epoch, stream: new StreamReader(source, this.#batching, setup.batchSize ?? 1, setup.dropLast) }
    }
    return this.#reader.stream.next()
  }
}

async function start(): Promise<Server> {
  native.setNumThreads(1)
  const { id, numWorkers, seed } = setup
  manualSeed(seed)
  const source = checkSource('DataLoader', await instantiate(setup.dataset, setup.args))
  setWorkerInfo({ id, numWorkers, seed, dataset: source })
  if (setup.init !== null) await (await functionAt(setup.init))(id)
  const server = new Server(source, await batching())
  reply({ kind: 'ready', length: isMapStyle(source) ? source.length : null })
  return server
}

const server = start().catch((error: unknown) => {
  reply({ kind: 'failed', error: describeError(error) })
  port.close()
  return null
})
port.on('message', async (request: Request | 'stop') => {
  if (request === 'stop') port.close()
  else await (await server)?.handle(request)
})
