// One model on several processes, each with its part of the batch.
import { isGradEnabled, noGrad } from '../autograd/mode.js'
import { ArgumentError, DistributedError, describe } from '../errors.js'
import { type AnyModule, Module } from '../nn/module.js'
import { isLazy } from '../nn/uninitialized.js'
import { tensor } from '../ops/index.js'
import { allocate } from '../tensor/create.js'
import { formatShape } from '../tensor/shape.js'
import type { Tensor } from '../tensor/tensor.js'
import type { GradBucket } from './bucket.js'
import { broadcastAll } from './coalesced.js'
import { allGather, allReduce } from './collectives.js'
import { allreduceHook, type CommHook, type PendingGradients } from './comm-hooks.js'
import { allGatherObject } from './objects.js'
import { groupFor, type ProcessGroup } from './process-group.js'
import { Reducer } from './reducer.js'

export interface DataParallelOptions {
  /** Default: all processes. */
  readonly processGroup?: ProcessGroup | null
  /** Whether rank 0's buffers are given to all before each forward pass. Default true. */
  readonly broadcastBuffers?: boolean
  /** Whether rank 0's parameters are given to all at the start. Default true. */
  readonly initSync?: boolean
  /** Gradients are exchanged in pieces of about this size. Default 25. */
  readonly bucketCapMb?: number
  /** Whether a pass may leave parameters out, on some ranks or on all. Default false. */
  readonly findUnusedParameters?: boolean
  /** Whether gradients stay in the memory that they are exchanged from, which saves a copy of all. Default false. */
  readonly gradientAsBucketView?: boolean
}

export interface JoinOptions {
  /** Divide by the number of processes, also when some have no more data; otherwise by those that have. Default true. */
  readonly divideByInitialWorldSize?: boolean
}

/** What a rank says at the beginning of a training step while inputs may be uneven. */
const JOINED = 0
const ACTIVE = 1
const ACTIVE_WITHOUT_SYNC = 2

/**
 * Trains a module on several processes: each has a copy and a part of the batch, and `backward` averages the gradients of all,
 * bucket by bucket, while it goes on. State-dict keys begin with `module.`, as PyTorch's do.
 *
 * Every process makes the same modules in the same order, and calls the same methods.
 *
 * @throws DistributedError when the parameters differ between the ranks
 * @example
 * ```ts
 * import { nn, ones } from '@flambeau/core'
 * import * as distributed from '@flambeau/core/distributed'
 * const store = new distributed.TCPStore('127.0.0.1', 0, { isMaster: true })
 * distributed.initProcessGroup({ store, rank: 0, worldSize: 1 })
 * const model = new distributed.DistributedDataParallel(new nn.Linear(3, 1))
 * model.forward(ones([4, 3])).sum().backward()
 * console.log(model.module.weight.grad?.tolist()) // → [ [ 4, 4, 4 ] ]
 * distributed.destroyProcessGroup()
 * store.close()
 * ```
 */
export class DistributedDataParallel<
  M extends Module<Args, Out>,
  // biome-ignore lint/suspicious/noExplicitAny: they are inferred from the module
  Args extends unknown[] = M extends Module<infer A, any> ? A : never,
  // biome-ignore lint/suspicious/noExplicitAny: they are inferred from the module
  Out = M extends Module<any[], infer O> ? O : never,
> extends Module<Args, Out> {
  readonly module: M
  readonly #group: ProcessGroup
  readonly #reducer: Reducer
  readonly #broadcastBuffers: boolean
  #joining: JoinOptions | null = null
  /** The ranks that took part in the latest step, while inputs may be uneven. */
  #active: readonly number[]

  constructor(module: M, options: DataParallelOptions = {}) {
    super()
    const name = 'DistributedDataParallel'
    if (!(module instanceof Module)) throw new ArgumentError(`${name}: expected a module, got ${describe(module)}`)
    const { processGroup, broadcastBuffers = true, initSync = true, bucketCapMb = 25 } = options
    if (typeof bucketCapMb !== 'number' || !(bucketCapMb > 0))
      throw new ArgumentError(`${name}: expected a positive number for bucketCapMb, got ${describe(bucketCapMb)}`)
    this.module = module
    this.#group = groupFor(name, processGroup)
    this.#group.handleFor(name)
    this.#active = this.#group.ranks
    this.#broadcastBuffers = broadcastBuffers
    const lazy = [...module.namedParameters()].find(([, p]) => isLazy(p))
    if (lazy !== undefined)
      throw new ArgumentError(`${name}: '${lazy[0]}' has no shape yet; run the module once before it is wrapped`)
    const learned = [...module.namedParameters()].filter(([, p]) => p.requiresGrad)
    if (learned.length === 0)
      throw new ArgumentError(
        `${name}: expected a module with parameters that require grad; this one needs no wrapping`,
      )
    verify(module, this.#group)
    if (initSync) this.#give([...module.parameters(), ...module.buffers()], this.#group.ranks[0])
    this.#reducer = new Reducer(
      learned,
      {
        group: this.#group,
        bucketCapMb,
        findUnusedParameters: options.findUnusedParameters ?? false,
        gradientAsBucketView: options.gradientAsBucketView ?? false,
      },
      (bucket) => this.#mean(bucket),
    )
  }

  override forward(...args: Args): Out {
    if (isGradEnabled() && this.training) {
      if (this.#joining !== null) this.#announce(this.#reducer.sync ? ACTIVE : ACTIVE_WITHOUT_SYNC)
      if (this.#reducer.sync) this.#giveBuffers()
    }
    return this.module.forward(...args)
  }

  /** Gradients stay on their ranks in backward passes inside of `body`, to be exchanged with those of the next one. */
  noSync<R>(body: () => R): R {
    const outer = this.#reducer.sync
    this.#reducer.sync = false
    try {
      const result = body()
      if (result instanceof Promise)
        throw new ArgumentError('noSync: expected a synchronous function; put noSync around its synchronous parts')
      return result
    } finally {
      this.#reducer.sync = outer
    }
  }

  /**
   * Exchanges gradients by `hook` instead of by their mean.
   *
   * @param state is given to the hook: a process group for those that are there, or null for all processes
   */
  registerCommHook<State>(state: State, hook: CommHook<State>): void {
    if (typeof hook !== 'function')
      throw new ArgumentError(`registerCommHook: expected a function for hook, got ${describe(hook)}`)
    this.#reducer.exchange = (bucket) => hook(state, bucket)
  }

  /**
   * Trains on inputs of which some ranks have more than others: ranks whose `body` is done take part in the others' steps with
   * gradients of zero, and get the final parameters at the end.
   */
  join<R>(body: () => Promise<R>, options?: JoinOptions): Promise<R>
  join<R>(body: () => R, options?: JoinOptions): R
  join<R>(body: () => R | Promise<R>, options: JoinOptions = {}): R | Promise<R> {
    if (this.#joining !== null) throw new ArgumentError('join: it cannot be called inside of itself')
    this.#joining = options
    this.#active = this.#group.ranks
    const end = (): void => {
      this.#joining = null
    }
    try {
      const result = body()
      if (result instanceof Promise)
        return result
          .then((value) => {
            this.#follow()
            return value
          })
          .finally(end)
      this.#follow()
      end()
      return result
    } catch (error) {
      end()
      throw error
    }
  }

  /** Leaves the module alone from now on: its gradients are no longer exchanged. */
  close(): void {
    this.#reducer.close()
  }

  /** Takes part in the steps of the others, until nobody has any left. */
  #follow(): void {
    let latest = this.#active
    for (;;) {
      const states = this.#announce(JOINED)
      if (this.#active.length === 0) break
      latest = this.#active
      if (states.includes(ACTIVE_WITHOUT_SYNC)) continue
      this.#giveBuffers()
      this.#reducer.shadow()
    }
    this.#give([...this.module.parameters(), ...this.module.buffers()], latest[0] ?? this.#group.ranks[0])
  }

  /** Tells the others whether this rank has data, and hears it of them. */
  #announce(state: number): number[] {
    const { size, ranks, device } = this.#group
    const states = Array.from({ length: size }, () => allocate([], 'int32', device))
    allGather(states, tensor(state, { dtype: 'int32', device }), { group: this.#group })
    const values = states.map((t) => t.item<number>())
    this.#active = ranks.filter((_, i) => values[i] !== JOINED)
    return values
  }

  #giveBuffers(): void {
    if (this.#broadcastBuffers && this.#active.length > 0) this.#give(this.module.buffers(), this.#active[0])
  }

  #give(tensors: readonly Tensor[], src: number): void {
    if (tensors.length > 0) broadcastAll(tensors, src, this.#group)
  }

  #mean(bucket: GradBucket): PendingGradients {
    const among = this.#active.length
    if (this.#joining?.divideByInitialWorldSize !== false || among === 0) return allreduceHook(this.#group, bucket)
    const buffer = bucket.buffer()
    const work = allReduce(buffer, { group: this.#group, asyncOp: true })
    return {
      wait() {
        work.wait()
        return noGrad(() => buffer.mul_(1 / among))
      },
    }
  }
}

/** Throws on every rank where the ranks' parameters or buffers differ in number, shape or dtype. */
function verify(module: AnyModule, group: ProcessGroup): void {
  const own = [...module.namedParameters(), ...module.namedBuffers()].map(
    ([name, t]) => `'${name}' (${t.dtype} ${formatShape(t.shape)}${t.requiresGrad ? ', learned' : ''})`,
  )
  const all = allGatherObject<string[]>([], own, { group })
  const [first] = all
  for (const [rank, theirs] of all.entries()) {
    const at = first.findIndex((one, i) => one !== theirs[i])
    if (at < 0 && first.length === theirs.length) continue
    const i = at < 0 ? first.length : at
    throw new DistributedError(
      `DistributedDataParallel: expected the same parameters and buffers on every rank, got ${first[i] ?? 'none'} on rank ` +
        `${group.ranks[0]} and ${theirs[i] ?? 'none'} on rank ${group.ranks[rank]}`,
      'mismatch',
    )
  }
}
