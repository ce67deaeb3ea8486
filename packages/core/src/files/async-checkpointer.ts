// Saving while training goes on: the caller's thread copies the values, another one writes them.
import type { MessagePort, Worker } from 'node:worker_threads'
import { observed } from '../binding/call.js'
import * as kernels from '../binding/kernels.gen.js'
import { native } from '../binding/native.js'
import { threads } from '../builtins.js'
import { ArgumentError, describe, NativeError } from '../errors.js'
import { DTYPES } from '../tensor/dtype.js'
import { Storage } from '../tensor/storage.js'
import { CHUNK, chunks } from './mapped-file.js'
import { pickle } from './torch-pickle.js'

/** What the thread is started with. */
export interface Setup {
  readonly port: MessagePort
  /** How many saves it has finished. */
  readonly finished: SharedArrayBuffer
}

/** A save. */
export interface Job {
  readonly id: number
  readonly path: string
  readonly pickle: Uint8Array
  /** Of the memory that holds all storages. */
  readonly token: number
  readonly storages: readonly { readonly key: string; readonly nbytes: number; readonly offset: number }[]
}

/** How a save ended. */
export interface Outcome {
  readonly id: number
  readonly error: {
    readonly name: string
    readonly message: string
    readonly stack: string
    readonly code: string | null
  } | null
}

/** The options of an `AsyncCheckpointer`. */
export interface AsyncCheckpointerOptions {
  /**
   * How many saves may wait to be written, each with a copy of what it saves; a further one waits until one is done.
   * Default 1.
   */
  readonly maxPending?: number
}

/** What is copied begins at multiples of this. */
const ALIGNMENT = 64
/** How long a save may wait for the one before it. */
const PATIENCE_MS = 30 * 60_000

interface Pending {
  readonly buffer: Storage
  resolve(): void
  reject(error: Error): void
}

/**
 * Saves as `save` does, while training goes on: a call copies the values and returns, and a thread of its own writes them.
 * What is changed afterwards does not change what is saved.
 *
 * The memory of the copies is kept for the next save, until `close()`. A process that ends by itself waits for saves that
 * are under way; one that is ended leaves the old file or the new one.
 *
 * @example
 * ```ts
 * import { mkdtempSync } from 'node:fs'
 * import { tmpdir } from 'node:os'
 * import { join } from 'node:path'
 * import { AsyncCheckpointer, load, ones, type Tensor } from '@flambeau/core'
 * const path = join(mkdtempSync(join(tmpdir(), 'example-')), 'checkpoint.pt')
 * const checkpointer = new AsyncCheckpointer()
 * const weight = ones([2])
 * const saved = checkpointer.save(path, { weight })
 * weight.add_(1)
 * await saved
 * console.log(load<{ weight: Tensor }>(path).weight.toArray()) // → [ 1, 1 ]
 * await checkpointer.close()
 * ```
 */
export class AsyncCheckpointer {
  readonly #maxPending: number
  readonly #finished = new Int32Array(new SharedArrayBuffer(4))
  readonly #pending = new Map<number, Pending>()
  /** Memory of earlier saves. */
  readonly #free: Storage[] = []
  #thread: { readonly worker: Worker; readonly port: MessagePort; readonly channel: number } | null = null
  #next = 0
  #last: Promise<void> = Promise.resolve()
  #closed = false

  constructor(options: AsyncCheckpointerOptions = {}) {
    const { maxPending = 1 } = options
    if (!Number.isInteger(maxPending) || maxPending < 1)
      throw new ArgumentError(
        `AsyncCheckpointer: expected maxPending to be an integer ≥ 1, got ${describe(maxPending)}`,
      )
    this.#maxPending = maxPending
  }

  /**
   * Copies a value and has it written. Saves are written in the order of the calls.
   *
   * @param path the file; an existing one is replaced
   * @param value what `save` takes, such as `checkpointState({ model, optimizer })`
   * @returns resolves when the file is on the disk, and rejects when it could not be written
   * @throws ArgumentError at once for what cannot be saved
   */
  save(path: string, value: unknown): Promise<void> {
    if (typeof path !== 'string')
      throw new ArgumentError(`AsyncCheckpointer.save: expected a path, got ${describe(path)}`)
    if (this.#closed) throw new ArgumentError('AsyncCheckpointer.save: the checkpointer was closed')
    observed.by?.read('AsyncCheckpointer.save')
    const pickled = pickle(value)
    this.#waitForRoom()
    const { worker, port, channel } = this.#started()
    let end = 0
    const storages = pickled.storages.map(({ key, nbytes }) => {
      const offset = end
      end += Math.ceil(nbytes / ALIGNMENT) * ALIGNMENT
      return { key, nbytes, offset }
    })
    const buffer = this.#buffer(end)
    pickled.storages.forEach(({ storage, nbytes }, i) => {
      copyInto(buffer, storages[i].offset, storage, nbytes)
    })
    const { handle } = buffer
    if (handle === null) throw new NativeError('AsyncCheckpointer.save: the memory of the copy is gone')
    const job: Job = {
      id: this.#next++,
      path,
      pickle: pickled.pickle,
      token: native.sendStorage(handle, channel),
      storages,
    }
    const done = new Promise<void>((resolve, reject) => {
      this.#pending.set(job.id, { buffer, resolve, reject })
    })
    worker.ref()
    port.ref()
    port.postMessage(job)
    this.#last = Promise.allSettled([this.#last, done]).then(() => {})
    return done
  }

  /** Resolves when all saves so far have ended, whether they could be written or not. */
  wait(): Promise<void> {
    return this.#last
  }

  /** Waits for all saves, ends the thread and gives the memory back. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#last
    const thread = this.#thread
    this.#thread = null
    for (const buffer of this.#free.splice(0)) release(buffer)
    if (thread === null) return
    thread.port.close()
    await thread.worker.terminate()
    native.closeChannel(thread.channel)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #started(): { readonly worker: Worker; readonly port: MessagePort; readonly channel: number } {
    if (this.#thread !== null) return this.#thread
    const { MessageChannel, Worker } = threads()
    const { port1: port, port2 } = new MessageChannel()
    const setup: Setup = { port: port2, finished: this.#finished.buffer as SharedArrayBuffer }
    const worker = new Worker(new URL('./checkpoint-worker.js', import.meta.url), {
      name: 'flambeau checkpoints',
      workerData: setup,
      transferList: [port2],
      execArgv: [],
    })
    const thread = { worker, port, channel: native.openChannel() }
    port.on('message', (outcome: Outcome) => this.#settle(outcome))
    worker.on('error', (error) => this.#fail(thread, error))
    worker.on('exit', (code) =>
      this.#fail(thread, new NativeError(`AsyncCheckpointer: its thread ended with exit code ${code}`)),
    )
    this.#thread = thread
    return thread
  }

  /** The thread is gone: what waits for it will not be written. */
  #fail(thread: { readonly channel: number }, error: Error): void {
    if (this.#thread !== thread) return
    this.#thread = null
    native.closeChannel(thread.channel)
    for (const [id, { buffer, reject }] of this.#pending) {
      this.#pending.delete(id)
      release(buffer)
      reject(error)
    }
  }

  #settle({ id, error }: Outcome): void {
    const pending = this.#pending.get(id)
    if (pending === undefined) return
    this.#pending.delete(id)
    this.#free.push(pending.buffer)
    if (this.#pending.size === 0) {
      this.#thread?.worker.unref()
      this.#thread?.port.unref()
    }
    if (error === null) {
      pending.resolve()
      return
    }
    const { code, ...rest } = error
    pending.reject(Object.assign(new Error(error.message), rest, code === null ? {} : { code }))
  }

  /** Also where the caller never gives the event loop a turn. */
  #waitForRoom(): void {
    while (this.#pending.size >= this.#maxPending && this.#thread !== null) {
      const before = Atomics.load(this.#finished, 0)
      const received = threads().receiveMessageOnPort(this.#thread.port)
      if (received !== undefined) this.#settle(received.message as Outcome)
      else if (Atomics.wait(this.#finished, 0, before, PATIENCE_MS) === 'timed-out')
        throw new NativeError('AsyncCheckpointer.save: the save before this one does not end')
    }
  }

  /** Memory for a copy. */
  #buffer(nbytes: number): Storage {
    const at = this.#free.findIndex((free) => free.nbytes >= nbytes)
    if (at >= 0) return this.#free.splice(at, 1)[0]
    for (const buffer of this.#free.splice(0)) release(buffer)
    const buffer = Storage.allocate(nbytes, 'cpu')
    buffer.refs = 1
    buffer.own()
    return buffer
  }
}

const release = (buffer: Storage): void => buffer.release()

const bytes = (storage: Storage, offset: number, nbytes: number) => ({
  storage,
  code: DTYPES.uint8.code,
  shape: [nbytes],
  strides: [1],
  offset,
})

function copyInto(buffer: Storage, offset: number, from: Storage, nbytes: number): void {
  from.makeStrided()
  if (from.device === 'cpu') {
    if (nbytes > 0) kernels.copy(bytes(buffer, offset, nbytes), bytes(from, 0, nbytes))
    return
  }
  const host = new Uint8Array(Math.min(CHUNK, nbytes))
  for (const [at, length] of chunks(nbytes)) {
    const chunk = host.subarray(0, length)
    from.read('AsyncCheckpointer.save', at, chunk)
    buffer.write('AsyncCheckpointer.save', offset + at, chunk)
  }
}
