// The caller's side of a DataLoader's worker threads.
import type { Worker } from 'node:worker_threads'
import { native } from '../binding/native.js'
import { threads } from '../builtins.js'
import { WorkerError } from '../errors.js'
import type { ResolvedExport } from './module.js'
import { disposeAll, receive, type Sent } from './transfer.js'

/** What a worker is told at its start. */
export interface WorkerSetup {
  readonly id: number
  readonly numWorkers: number
  readonly seed: bigint
  readonly channel: number
  readonly dataset: ResolvedExport
  readonly args: readonly unknown[]
  readonly collate: ResolvedExport | null
  readonly init: ResolvedExport | null
  readonly batchSize: number | null
  readonly dropLast: boolean
  /** One shared int: requests of another epoch than this are stale. */
  readonly epoch: SharedArrayBuffer
}

export interface Request {
  readonly id: number
  readonly epoch: number
  /** Null for the next batch of an iterable data set. */
  readonly indices: readonly number[] | null
}

export interface SentError {
  readonly name: string
  readonly message: string
  readonly stack: string
  readonly index: number | readonly number[] | null
}

export type Reply =
  | { readonly kind: 'ready'; readonly length: number | null }
  | { readonly kind: 'failed'; readonly error: SentError }
  | { readonly kind: 'batch'; readonly id: number; readonly epoch: number; readonly sent: Sent }
  | { readonly kind: 'end'; readonly id: number; readonly epoch: number }
  | { readonly kind: 'error'; readonly id: number; readonly epoch: number; readonly error: SentError }

/** What comes of one request. */
export type Outcome = { readonly value: unknown } | { readonly error: WorkerError } | 'end'

/**
 * Node's options for a worker thread. It inherits all of the process's, but `--input-type` is an error where the code
 * comes from a file; then only those that change how modules load are kept.
 */
function execArgv(): string[] | undefined {
  const { execArgv } = process
  if (!execArgv.some((option) => option.startsWith('--input-type'))) return undefined
  const loading = /^(--import|--require|-r|--loader|--experimental-loader|--conditions|-C)(=|$)/
  return execArgv.filter(
    (option, i) => loading.test(option) || (i > 0 && /^[^=]*$/.test(execArgv[i - 1]) && loading.test(execArgv[i - 1])),
  )
}

/** How long an idle worker may take to end by itself. */
const GRACE_MS = 2000

interface Thread {
  readonly worker: Worker
  readonly channel: number
  readonly exited: Promise<void>
  /** Why it ended, when it did so unasked. */
  death: WorkerError | null
}

/** `value` as text that names a sample: its index, or the first few of a batch's. */
function position(index: number | readonly number[] | null): string {
  if (index === null) return ''
  if (typeof index === 'number') return ` at index ${index}`
  return ` in the batch of indices ${index.slice(0, 8).join(', ')}${index.length > 8 ? ', …' : ''}`
}

function revive(worker: number, { name, message, stack, index }: SentError): WorkerError {
  const cause = new Error(message)
  cause.name = name
  cause.stack = stack
  const error = new WorkerError(
    `DataLoader worker ${worker} failed${position(index)}: ${name}: ${message}`,
    worker,
    index,
    cause,
  )
  error.stack = `${error.name}: ${error.message}\n${stack.split('\n').slice(1).join('\n')}\n  in worker thread ${worker}`
  return error
}

/** A fixed number of worker threads that answer requests; outcomes are kept until they are asked for. */
export class WorkerPool {
  readonly #threads: Thread[] = []
  readonly #ready: (number | null | undefined)[] = []
  readonly #outcomes = new Map<number, Outcome>()
  readonly #epoch = new Int32Array(new SharedArrayBuffer(4))
  readonly #timeout: number
  /** Called whenever something changed that may end a wait. */
  #wake: (() => void) | null = null
  #closing = false

  /** @param timeout seconds to wait for an answer; 0 waits for ever */
  constructor(setup: Omit<WorkerSetup, 'id' | 'channel' | 'epoch'>, timeout: number) {
    this.#timeout = timeout
    for (let id = 0; id < setup.numWorkers; id++) this.#start({ ...setup, id, seed: setup.seed + BigInt(id) })
  }

  #start(setup: Omit<WorkerSetup, 'channel' | 'epoch'>): void {
    const { id } = setup
    const channel = native.openChannel()
    const workerData: WorkerSetup = { ...setup, channel, epoch: this.#epoch.buffer as SharedArrayBuffer }
    const { Worker } = threads()
    let worker: Worker
    try {
      worker = new Worker(new URL('./worker.js', import.meta.url), {
        name: `flambeau data ${id}`,
        workerData,
        execArgv: execArgv(),
      })
    } catch (error) {
      native.closeChannel(channel)
      void this.close()
      throw error
    }
    // Held only while somebody waits: a loader that was left in mid-epoch must not keep the process alive.
    worker.unref()
    const exited = new Promise<void>((resolve) => {
      worker.on('exit', (code) => {
        native.closeChannel(channel)
        thread.death ??= new WorkerError(`DataLoader worker ${id} ended unexpectedly with exit code ${code}`, id)
        this.#wake?.()
        resolve()
      })
    })
    const thread: Thread = { worker, channel, exited, death: null }
    worker.on('message', (message: Reply) => this.#receive(id, message))
    worker.on('error', (error: unknown) => {
      const { name = 'Error', message = String(error), stack = '' } = (error ?? {}) as Partial<Error>
      thread.death = revive(id, { name, message, stack, index: null })
    })
    this.#threads.push(thread)
  }

  #receive(worker: number, message: Reply): void {
    switch (message.kind) {
      case 'ready':
        this.#ready[worker] = message.length
        break
      case 'failed':
        this.#threads[worker].death = revive(worker, message.error)
        break
      case 'batch': {
        if (this.#closing) break
        const value = receive(message.sent)
        if (message.epoch === this.#epoch[0]) this.#outcomes.set(message.id, { value })
        else disposeAll(value)
        break
      }
      case 'error':
        if (message.epoch === this.#epoch[0]) this.#outcomes.set(message.id, { error: revive(worker, message.error) })
        break
      case 'end':
        if (message.epoch === this.#epoch[0]) this.#outcomes.set(message.id, 'end')
        break
      default:
        message satisfies never
    }
    this.#wake?.()
  }

  /** Waits for all workers to have made their data set. @returns its length; null for an iterable one */
  async ready(): Promise<number | null> {
    for (let id = 0; id < this.#threads.length; id++) await this.#until(id, () => this.#ready[id] !== undefined)
    return this.#ready[0] ?? null
  }

  /** Asks a worker for a batch of the current epoch. */
  request(worker: number, id: number, indices: readonly number[] | null): void {
    const request: Request = { id, epoch: this.#epoch[0], indices }
    this.#threads[worker].worker.postMessage(request)
  }

  /** The outcome of a request. @throws WorkerError when its worker died or timed out */
  async outcome(worker: number, id: number): Promise<Outcome> {
    await this.#until(worker, () => this.#outcomes.has(id))
    const outcome = this.#outcomes.get(id) ?? 'end'
    this.#outcomes.delete(id)
    return outcome
  }

  async #until(worker: number, done: () => boolean): Promise<void> {
    if (done()) return
    const thread = this.#threads[worker]
    for (const { worker } of this.#threads) worker.ref()
    let timer: NodeJS.Timeout | undefined
    let late = false
    try {
      while (!done()) {
        if (thread.death !== null) throw thread.death
        if (late)
          throw new WorkerError(
            `DataLoader worker ${worker} gave no batch within ${this.#timeout} seconds; raise \`timeout\`, or set it to 0 to wait for ever`,
            worker,
          )
        await new Promise<void>((resolve) => {
          this.#wake = resolve
          if (this.#timeout > 0 && timer === undefined)
            timer = setTimeout(() => {
              late = true
              this.#wake?.()
            }, this.#timeout * 1000)
        })
      }
    } finally {
      this.#wake = null
      clearTimeout(timer)
      for (const { worker } of this.#threads) worker.unref()
    }
  }

  /** Whether a worker has ended. */
  get broken(): boolean {
    return this.#closing || this.#threads.some(({ death }) => death !== null)
  }

  /** Forgets everything that was asked for, done or not. */
  reset(): void {
    Atomics.add(this.#epoch, 0, 1)
    this.#drop()
  }

  #drop(): void {
    for (const outcome of this.#outcomes.values())
      if (typeof outcome === 'object' && 'value' in outcome) disposeAll(outcome.value)
    this.#outcomes.clear()
  }

  /** Ends all workers: idle ones by themselves, those at work when `now` is set or after a while. */
  async close({ now = true }: { readonly now?: boolean } = {}): Promise<void> {
    this.#closing = true
    this.reset()
    await Promise.all(this.#threads.map((thread) => end(thread, now)))
    this.#drop()
  }
}

async function end({ worker, exited }: Thread, now: boolean): Promise<void> {
  worker.ref()
  if (!now) {
    worker.postMessage('stop')
    const timer = setTimeout(() => void worker.terminate(), GRACE_MS)
    await exited
    clearTimeout(timer)
  } else {
    await worker.terminate()
    await exited
  }
}
