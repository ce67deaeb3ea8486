// The strategy axis: where a module computes, and with which other processes. One device is the identity.
import { ArgumentError, cuda, type Device, type Tensor } from '@flambeau/core'
import { lookup } from '../errors.js'
import type { AnyLightningModule } from '../types.js'
import { mapTensors } from './tree.js'

/** Where a run computes, and with whom. */
export interface Strategy {
  readonly name: string
  readonly device: Device
  /** The number of processes, and which this is. */
  readonly worldSize: number
  readonly globalRank: number
  /** Moves the module before its optimizers are made. */
  setup(module: AnyLightningModule): void
  /** Moves a batch. */
  toDevice(batch: unknown): unknown
  /** One value of those of all processes. */
  reduce(value: number, by: 'mean' | 'sum' | 'min' | 'max'): number
  /** Waits for all processes. */
  barrier(): void
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
  setup: (module) => {
    if (module.parameters().some((p) => p.device !== device)) module.to(device)
  },
  toDevice: (batch) =>
    device === 'cpu' ? batch : mapTensors(batch, (t: Tensor) => (t.device === device ? t : t.to(device))),
  reduce: (value) => value,
  barrier: () => {},
})

const strategies = new Map<string, StrategyMaker>([
  ['auto', single],
  ['single_device', single],
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

/** The strategy of a name, on a kind of device. @throws ArgumentError that lists the known names */
export function strategyOf(name: string | Strategy, accelerator: string): Strategy {
  if (typeof name === 'object') return name
  const make = lookup('Trainer', 'strategy', name, strategies)
  return make(lookup('Trainer', 'accelerator', accelerator, accelerators)())
}
