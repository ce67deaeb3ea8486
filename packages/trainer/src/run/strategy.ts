// The strategy axis: where a module computes, and with which other processes. One device is the identity.
import { ArgumentError, cuda, type Device, type Tensor } from '@flambeau/core'
import { lookup } from '../errors.js'
import type { AnyLightningModule, Loader, MaybePromise } from '../types.js'
import { DDPStrategy } from './ddp.js'
import type { ReduceFx } from './results.js'
import { mapTensors } from './tree.js'

/** Where a run computes, and with whom. Every process calls the same methods in the same order. */
export interface Strategy {
  readonly name: string
  readonly device: Device
  /** The number of processes. */
  readonly worldSize: number
  /** Which of them this is. */
  readonly globalRank: number
  /** Which of those on its machine this is. */
  readonly localRank: number
  /** Joins the other processes, before anything else of a run. */
  connect(options: ConnectOptions): MaybePromise<void>
  /** Moves the module before its optimizers are made. @param training whether it will be trained */
  setup(module: AnyLightningModule, training: boolean): void
  /** This process's part of a loader. */
  shard(loader: Loader, training: boolean): MaybePromise<Loader>
  /** Moves a batch. */
  toDevice(batch: unknown): unknown
  /** A step of training: what its backward passes compute is the gradient of all processes' batches. */
  step<R>(body: () => R): R
  /** Leaves what backward passes in `body` compute with this process, to be put together with the next ones. */
  noSync(body: () => void): void
  /** Puts gradients together that were left with each process. */
  syncGradients(module: AnyLightningModule): void
  /** Gives every process rank 0's buffers. */
  syncBuffers(module: AnyLightningModule): void
  /** Each value, of those of all processes. */
  reduce(values: readonly number[], by: ReduceFx): number[]
  /** The values of all processes, by rank. */
  gather<T>(value: T): T[]
  /** Runs `body` on rank 0: what it gives or throws there, all give or throw. */
  onMain<R>(body: () => R): R
  /** Waits for all processes. */
  barrier(): void
  /** Lets the others know that this process fails. @returns the error to throw, which may be that of another process */
  failed(error: unknown): unknown
  /** Leaves the module alone; the processes stay together. */
  teardown(): void
}

/** With whom a trainer is asked to compute. */
export interface ConnectOptions {
  readonly accelerator: Accelerator
  /** Processes on each machine; 'auto' for as many as the launcher started. */
  readonly devices: number | 'auto'
  readonly numNodes: number
  /** Whether loaders are divided among the processes. */
  readonly useDistributedSampler: boolean
}

/** Which kind of device. */
export type Accelerator = 'auto' | 'cpu' | 'gpu' | 'cuda'

/** Makes a strategy for a device. */
export type StrategyMaker = (device: Device) => Strategy

const single: StrategyMaker = (device) => ({
  name: 'single_device',
  device,
  worldSize: 1,
  globalRank: 0,
  localRank: 0,
  connect: () => {},
  setup: (module) => {
    if (module.parameters().some((p) => p.device !== device)) module.to(device)
  },
  shard: (loader) => loader,
  toDevice: (batch) =>
    device === 'cpu'
      ? batch
      : mapTensors(batch, (t: Tensor) => (t.device === device ? t : t.to(device, { nonBlocking: true }))),
  step: (body) => body(),
  noSync: (body) => body(),
  syncGradients: () => {},
  syncBuffers: () => {},
  reduce: (values) => [...values],
  gather: (value) => [value],
  onMain: (body) => body(),
  barrier: () => {},
  failed: (error) => error,
  teardown: () => {},
})

const strategies = new Map<string, StrategyMaker>([
  ['auto', single],
  ['single_device', single],
  ['ddp', () => new DDPStrategy()],
  ['ddp_find_unused_parameters_true', () => new DDPStrategy({ findUnusedParameters: true })],
])

/** Makes a strategy known by a name. */
export const registerStrategy = (name: string, make: StrategyMaker): void => void strategies.set(name, make)

const accelerators = new Map<string, () => Device>([
  ['auto', () => (cuda.isAvailable() ? 'cuda:0' : 'cpu')],
  ['cpu', () => 'cpu'],
  ['gpu', gpu],
  ['cuda', gpu],
])

function gpu(): Device {
  if (!cuda.isAvailable())
    throw new ArgumentError(
      `Trainer: accelerator 'gpu' is not available here (${cuda.unavailableReason()}); take 'cpu' or 'auto'`,
    )
  return 'cuda:0'
}

/** Whether a launcher has started several processes of this program. */
const launched = (): boolean => process.env.RANK !== undefined && Number(process.env.WORLD_SIZE) > 1

/** The strategy that options mean. @throws ArgumentError that lists the known names */
export function strategyOf(name: string | Strategy, { accelerator, devices, numNodes }: ConnectOptions): Strategy {
  if (typeof name === 'object') return name
  const several = (devices !== 'auto' && devices > 1) || numNodes > 1
  const chosen = name === 'auto' && (several || launched()) ? 'ddp' : name
  const make = lookup('Trainer', 'strategy', chosen, strategies)
  if (several && make === single)
    throw new ArgumentError(
      `Trainer: strategy '${name}' is one process, got devices ${devices} and numNodes ${numNodes}; take strategy: 'ddp'`,
    )
  return make(lookup('Trainer', 'accelerator', accelerator, accelerators)())
}
