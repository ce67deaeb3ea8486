// Computing off the JavaScript thread.
import { type Observer, observed, type RecordedCall } from '../binding/call.js'
import { native } from '../binding/native.js'
import { explanation, raise } from '../binding/status.js'
import { ArgumentError, describe } from '../errors.js'
import { pace } from './collect.js'

/** Notes the kernel calls that are kept for later, and refuses what needs their results now. */
class Deferral implements Observer {
  readonly defers = true
  readonly calls: { readonly name: string; readonly explained: ReturnType<typeof explanation> }[] = []
  readonly #touched = new Set<unknown>()

  called({ name, storages }: RecordedCall): void {
    this.calls.push({ name, explained: explanation() })
    for (const storage of storages) this.#touched.add(storage)
  }
  /** What it noted is not needed any more once all calls are. */
  forget(): void {
    this.#touched.clear()
  }
  made(): void {}
  moved(): void {}
  read(operation: string): void {
    throw new ArgumentError(`runAsync: ${operation} reads values that are not computed yet; read them after the await`)
  }
  wrote(storage: RecordedCall['storages'][number]): void {
    if (this.#touched.has(storage))
      throw new ArgumentError('runAsync: JavaScript values are written to a tensor that is still to be computed with')
  }
}

/** Sequences run one after another: each takes all threads. */
let last: Promise<unknown> = Promise.resolve()

/**
 * Runs what `body` computes on another thread, so that the event loop goes on: a server answers other requests meanwhile.
 *
 * `body` runs at once and only decides which kernels are called; their results are there when the promise resolves. Until
 * then, leave alone what it reads and writes. It cannot read values (`item()`, masks as indices, printing), since they are
 * not computed yet. Several sequences run one after another.
 *
 * @param body a synchronous function of tensor operators
 * @returns what `body` returned
 * @throws ArgumentError when `body` reads values, waits, or calls `runAsync` itself; errors that depend on values, such as
 * an index out of range, reject the promise
 * @example
 * ```ts
 * import { nn, noGrad, randn, runAsync } from '@flambeau/core'
 * const model = new nn.Linear(4, 2)
 * const y = await runAsync(() => noGrad(() => model.forward(randn([3, 4]))))
 * console.log(y.shape) // → [ 3, 2 ]
 * ```
 */
export async function runAsync<R>(body: () => R): Promise<R> {
  if (typeof body !== 'function') throw new ArgumentError(`runAsync: expected a function, got ${describe(body)}`)
  if (observed.by !== null) throw new ArgumentError('runAsync: cannot be called inside of runAsync or compile')
  const deferral = new Deferral()
  observed.by = deferral
  native.defer()
  let result: R
  let kept: ReturnType<typeof native.keepDeferred>
  try {
    result = body()
    if (result instanceof Promise)
      throw new ArgumentError('runAsync: expected a synchronous function; put the waiting outside of it')
  } finally {
    kept = native.keepDeferred()
    observed.by = null
    deferral.forget()
  }
  const { calls } = deferral
  if (calls.length === 0) return result
  // What only the calls need is theirs now, and goes as they are done with it.
  pace(0)
  const before = last
  const done = before.then(
    () =>
      new Promise<void>((resolve, reject) => {
        native.runDeferred(kept, (failed) => {
          try {
            checkDeferred(calls, failed)
            resolve()
          } catch (error) {
            reject(error)
          }
        })
      }),
  )
  last = done.catch(() => {})
  await done
  return result
}

const words = new Float64Array(native.scratch)

function checkDeferred(calls: Deferral['calls'], failed: number): void {
  if (words[0] !== 0) raise(calls[failed].name, calls[failed].explained)
}
