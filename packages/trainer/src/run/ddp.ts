// Several processes that train one module: each has a copy and a part of the data, and gradients are averaged.
import { ArgumentError, cuda, type Device, DistributedError, nn, type Tensor, tensor } from '@flambeau/core'
import type * as Distributed from '@flambeau/core/distributed'
import { checkKeys, messageOf, TrainerError } from '../errors.js'
import type { AnyLightningModule, Loader } from '../types.js'
import { checkLaunch, startOthers } from './launch.js'
import type { ReduceFx } from './results.js'
import { shardOf } from './shard.js'
import type { ConnectOptions, Strategy } from './strategy.js'
import { mapTensors } from './tree.js'

/** The options of `DDPStrategy`. */
export interface DDPOptions {
  /** Whether a step may leave parameters out. Default false. */
  readonly findUnusedParameters?: boolean
  /** Whether gradients stay in the memory that they are exchanged from. Default false. */
  readonly gradientAsBucketView?: boolean
  /** Gradients are exchanged in pieces of about this size. Default 25. */
  readonly bucketCapMb?: number
  /** How long a process waits for the others, in milliseconds. Default 1,800,000. */
  readonly timeout?: number
}

const KEYS = ['findUnusedParameters', 'gradientAsBucketView', 'bucketCapMb', 'timeout']
/** Where a process that fails says why. */
const FAILED = 'trainer/failed'

/** What is wrapped: its forward pass is a step of training, whatever that calls. */
class Step extends nn.Module<[body: () => void], void> {
  readonly module: AnyLightningModule

  constructor(module: AnyLightningModule) {
    super()
    this.module = module
  }

  override forward(body: () => void): void {
    body()
  }
}

/**
 * Data-parallel training on the CPUs or CUDA devices of one machine or more, as `strategy: 'ddp'`; made by hand to give options.
 * CPUs exchange gradients by Gloo. With `accelerator: 'gpu'` each process has the device of its local rank, and they exchange by NCCL.
 *
 * The processes are those that `npx flambeau run` has started; without it, the trainer starts `devices − 1` more of this
 * program when it is first used.
 */
export class DDPStrategy implements Strategy {
  readonly name = 'ddp'
  readonly options: DDPOptions
  #device: Device = 'cpu'
  #distributed: typeof Distributed | null = null
  #parallel: Distributed.DistributedDataParallel<Step> | null = null
  #joined = false
  #divides = true

  constructor(options: DDPOptions = {}) {
    checkKeys('DDPStrategy', options, KEYS)
    this.options = options
  }

  get #joinedWorld(): typeof Distributed {
    if (this.#distributed === null || !this.#joined)
      throw new ArgumentError('ddp: the processes have not met yet; they do when the trainer first runs')
    return this.#distributed
  }

  /** This process's device, once the processes have met. */
  get device(): Device {
    return this.#device
  }

  get worldSize(): number {
    return this.#joined ? this.#joinedWorld.getWorldSize() : Number(process.env.WORLD_SIZE ?? 1)
  }

  get globalRank(): number {
    return this.#joined ? this.#joinedWorld.getRank() : Number(process.env.RANK ?? 0)
  }

  get localRank(): number {
    return Number(process.env.LOCAL_RANK ?? 0)
  }

  async connect(options: ConnectOptions): Promise<void> {
    const { devices, numNodes, useDistributedSampler } = options
    this.#divides = useDistributedSampler
    this.#distributed = await import('@flambeau/core/distributed')
    const distributed = this.#distributed
    const backend = backendFor(distributed, options)
    if (!distributed.isInitialized()) {
      const { timeout } = this.options
      const others = distributed.isLaunched()
        ? {}
        : startOthers(distributed, devices === 'auto' ? 1 : devices, numNodes)
      distributed.initProcessGroup({ backend, timeout, ...others })
    }
    this.#device = backend === 'nccl' ? `cuda:${cuda.currentDevice()}` : 'cpu'
    this.#joined = true
    checkLaunch(distributed.getWorldSize(), options)
  }

  setup(module: AnyLightningModule, training: boolean): void {
    const { DistributedDataParallel, broadcast } = this.#joinedWorld
    this.teardown()
    const { device } = this
    if ([...module.parameters(), ...module.buffers()].some((t) => t.device !== device)) module.to(device)
    if (!training) {
      for (const t of [...module.parameters(), ...module.buffers()]) broadcast(t, 0)
      return
    }
    const { findUnusedParameters, gradientAsBucketView, bucketCapMb } = this.options
    this.#parallel = new DistributedDataParallel(new Step(module), {
      findUnusedParameters,
      gradientAsBucketView,
      bucketCapMb,
    })
  }

  shard(loader: Loader, training: boolean): Promise<Loader> {
    return shardOf(this.#joinedWorld, loader, training, this.#divides)
  }

  toDevice(batch: unknown): unknown {
    const { device } = this
    if (device === 'cpu') return batch
    return mapTensors(batch, (t: Tensor) => (t.device === device ? t : t.to(device, { nonBlocking: true })))
  }

  step<R>(body: () => R): R {
    if (this.#parallel === null) return body()
    const results: R[] = []
    this.#parallel.forward(() => void results.push(body()))
    return results[0]
  }

  noSync(body: () => void): void {
    if (this.#parallel === null) body()
    else this.#parallel.noSync(body)
  }

  syncGradients(module: AnyLightningModule): void {
    const { allReduce, ReduceOp } = this.#joinedWorld
    for (const { grad } of module.parameters()) if (grad !== null) allReduce(grad, { op: ReduceOp.AVG })
  }

  syncBuffers(module: AnyLightningModule): void {
    const { broadcast } = this.#joinedWorld
    for (const buffer of module.buffers()) broadcast(buffer, 0)
  }

  reduce(values: readonly number[], by: ReduceFx): number[] {
    const { allReduce, getWorldSize, ReduceOp } = this.#joinedWorld
    const op = { mean: ReduceOp.SUM, sum: ReduceOp.SUM, min: ReduceOp.MIN, max: ReduceOp.MAX }[by]
    const all: Tensor = tensor([...values], { dtype: 'float64', device: this.device })
    allReduce(all, { op })
    const reduced = all.toArray() as number[]
    return by === 'mean' ? reduced.map((value) => value / getWorldSize()) : reduced
  }

  gather<T>(value: T): T[] {
    return this.#joinedWorld.allGatherObject<T>([], value)
  }

  onMain<R>(body: () => R): R {
    const { broadcastObjectList } = this.#joinedWorld
    if (this.globalRank === 0) {
      let value: R
      try {
        value = body()
      } catch (error) {
        broadcastObjectList<Outcome<R>>([{ failed: messageOf(error) }])
        throw error
      }
      broadcastObjectList<Outcome<R>>([{ value }])
      return value
    }
    const list: Outcome<R>[] = []
    broadcastObjectList(list)
    const [outcome] = list
    if ('failed' in outcome) throw new TrainerError(`on rank 0: ${outcome.failed}`)
    return outcome.value
  }

  barrier(): void {
    this.#joinedWorld.barrier()
  }

  failed(error: unknown): unknown {
    if (!this.#joined) return error
    const distributed = this.#joinedWorld
    this.#joined = false
    this.teardown()
    const told = this.#told(distributed, error)
    // Whoever waits for this process learns at once that it is gone.
    distributed.destroyProcessGroup()
    return told
  }

  /** The error of the process that failed first; a process that only lost another one hears of it here. */
  #told(distributed: typeof Distributed, error: unknown): unknown {
    const store = distributed.getDefaultStore()
    const own = `rank ${this.globalRank}: ${messageOf(error)}`
    try {
      if (!(error instanceof DistributedError)) {
        if (!store.check([FAILED])) store.set(FAILED, own)
        return error
      }
      if (!store.check([FAILED])) return error
      return new TrainerError(`another process failed: ${store.getText(FAILED)}`, { cause: error })
    } catch (lost) {
      // The process that held the store is gone as well.
      if (lost instanceof DistributedError) return error
      throw lost
    }
  }

  teardown(): void {
    this.#parallel?.close()
    this.#parallel = null
  }
}

/** What the processes exchange gradients by: NCCL, where each has a CUDA device, or Gloo. */
function backendFor(
  distributed: typeof Distributed,
  { accelerator, devices }: ConnectOptions,
): 'gloo' | 'mpi' | 'nccl' {
  if (distributed.isInitialized()) {
    const backend = distributed.getBackend()
    if (accelerator === 'auto' || (accelerator === 'cpu') === (backend !== 'nccl')) return backend
    throw new ArgumentError(
      `ddp: the process group is one of '${backend}', got accelerator '${accelerator}'; take 'auto', or another backend`,
    )
  }
  if (accelerator === 'cpu') return 'gloo'
  const there = distributed.isNcclAvailable()
  if (accelerator === 'auto') {
    const local = Number(process.env.LOCAL_WORLD_SIZE ?? (devices === 'auto' ? 1 : devices))
    return there && local <= cuda.deviceCount() ? 'nccl' : 'gloo'
  }
  if (there) return 'nccl'
  throw new ArgumentError(
    `ddp: accelerator '${accelerator}' needs NCCL, which cannot be used here (${cuda.unavailableReason() || 'libnccl.so.2 cannot be loaded'}); ` +
      "take accelerator: 'cpu'",
  )
}

type Outcome<R> = { readonly value: R } | { readonly failed: string }
