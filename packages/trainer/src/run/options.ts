// The options of a trainer, checked.
import { ArgumentError } from '@flambeau/core'
import type { Callback } from '../callback.js'
import { checkKeys } from '../errors.js'
import type { Logger } from '../loggers/logger.js'
import type { Precision } from './precision.js'
import type { Accelerator, Strategy } from './strategy.js'

/** The options of a `Trainer`, by Lightning's names. A share of batches is a fraction; 1 is one batch. */
export interface TrainerOptions {
  /** Default 'auto': a GPU where there is one. */
  readonly accelerator?: Accelerator
  /** 'single_device' or 'ddp', a name that was registered, or a strategy. Default 'auto': 'ddp' for several processes. */
  readonly strategy?: string | Strategy
  /** Processes on each machine. Default 'auto': as many as the launcher has started, or one. */
  readonly devices?: number | 'auto'
  /** Machines. Default 1. */
  readonly numNodes?: number
  /** Divide loaders among the processes; otherwise each is to read its own part. Default true. */
  readonly useDistributedSampler?: boolean
  /** Default '32-true'. */
  readonly precision?: string | number | Precision
  /** A logger, several, true for a `CSVLogger` in `defaultRootDir`, or false. Default true. */
  readonly logger?: boolean | Logger | readonly Logger[]
  readonly callbacks?: Callback | readonly Callback[]
  /** Run so many batches (true: one) of everything, without loggers and checkpoints. Default false. */
  readonly fastDevRun?: boolean | number
  /** -1 for no limit. Default 1000, where neither `maxSteps` nor `maxTime` is given. */
  readonly maxEpochs?: number | null
  readonly minEpochs?: number | null
  /** Optimizer steps; -1 for no limit. Default -1. */
  readonly maxSteps?: number
  readonly minSteps?: number | null
  /** Seconds, or 'DD:HH:MM:SS'. */
  readonly maxTime?: number | string | null
  readonly limitTrainBatches?: number | null
  readonly limitValBatches?: number | null
  readonly limitTestBatches?: number | null
  readonly limitPredictBatches?: number | null
  /** Train and validate on the same few batches, or share of them, in one order. Default 0: off. */
  readonly overfitBatches?: number
  /** Validate after so many batches, or so large a share of an epoch. Default: at its end. */
  readonly valCheckInterval?: number | null
  /** Default 1; null counts the batches of `valCheckInterval` over epochs. */
  readonly checkValEveryNEpoch?: number | null
  /** Batches of validation before training begins; -1 for all. Default 2. */
  readonly numSanityValSteps?: number
  /** Default 50. */
  readonly logEveryNSteps?: number
  /** Default true. */
  readonly enableCheckpointing?: boolean
  /** Default true. */
  readonly enableProgressBar?: boolean
  /** Default true. */
  readonly enableModelSummary?: boolean
  /** Batches whose gradients add up to a step. Default 1. */
  readonly accumulateGradBatches?: number
  readonly gradientClipVal?: number | null
  /** Default 'norm'. */
  readonly gradientClipAlgorithm?: 'norm' | 'value'
  /** Refuse what is not computed in the same way each time. Default false. */
  readonly deterministic?: boolean
  /** Evaluate under `inferenceMode` rather than `noGrad`. Default true. */
  readonly inferenceMode?: boolean
  /** Where logs and checkpoints go. Default: the working directory. */
  readonly defaultRootDir?: string
  /** End with a checkpoint on SIGINT and SIGTERM; a second signal ends at once. Default true. */
  readonly enableGracefulStop?: boolean
}

/** Options with every default filled in. */
export type CheckedOptions = { readonly [K in keyof TrainerOptions]-?: Exclude<TrainerOptions[K], undefined> }

const defaults: CheckedOptions = {
  accelerator: 'auto',
  strategy: 'auto',
  devices: 'auto',
  numNodes: 1,
  useDistributedSampler: true,
  precision: '32-true',
  logger: true,
  callbacks: [],
  fastDevRun: false,
  maxEpochs: null,
  minEpochs: null,
  maxSteps: -1,
  minSteps: null,
  maxTime: null,
  limitTrainBatches: null,
  limitValBatches: null,
  limitTestBatches: null,
  limitPredictBatches: null,
  overfitBatches: 0,
  valCheckInterval: null,
  checkValEveryNEpoch: 1,
  numSanityValSteps: 2,
  logEveryNSteps: 50,
  enableCheckpointing: true,
  enableProgressBar: true,
  enableModelSummary: true,
  accumulateGradBatches: 1,
  gradientClipVal: null,
  gradientClipAlgorithm: 'norm',
  deterministic: false,
  inferenceMode: true,
  defaultRootDir: process.cwd(),
  enableGracefulStop: true,
}

/** Fills defaults in. @throws ArgumentError for what cannot be meant */
export function checkOptions(given: TrainerOptions): CheckedOptions {
  if (typeof given !== 'object' || given === null)
    throw new ArgumentError(`Trainer: expected options such as { maxEpochs: 10 }, got ${String(given)}`)
  checkKeys('Trainer', given, Object.keys(defaults))
  const present = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
  const options: CheckedOptions = { ...defaults, ...present }
  const whole = (name: keyof CheckedOptions, least: number): void => {
    const value = options[name]
    if (value !== null && !(Number.isInteger(value) && (value as number) >= least))
      throw new ArgumentError(`Trainer: expected ${name} to be an integer ≥ ${least}, got ${String(value)}`)
  }
  for (const name of ['maxEpochs', 'maxSteps', 'numSanityValSteps'] as const) whole(name, -1)
  for (const name of ['minEpochs', 'minSteps'] as const) whole(name, 0)
  for (const name of ['numNodes', 'logEveryNSteps', 'accumulateGradBatches', 'checkValEveryNEpoch'] as const)
    whole(name, 1)
  for (const name of [
    'enableCheckpointing',
    'enableProgressBar',
    'enableModelSummary',
    'deterministic',
    'useDistributedSampler',
  ] as const)
    if (typeof options[name] !== 'boolean')
      throw new ArgumentError(`Trainer: expected ${name} to be true or false, got ${String(options[name])}`)
  if (options.devices !== 'auto' && !(Number.isInteger(options.devices) && options.devices >= 1))
    throw new ArgumentError(
      `Trainer: expected devices to be a number of processes on each machine, or 'auto', got ${String(options.devices)}`,
    )
  if (!['norm', 'value'].includes(options.gradientClipAlgorithm))
    throw new ArgumentError(
      `Trainer: expected gradientClipAlgorithm 'norm' or 'value', got '${options.gradientClipAlgorithm}'`,
    )
  const { gradientClipVal: clip, valCheckInterval: interval } = options
  if (clip !== null && !(typeof clip === 'number' && clip > 0))
    throw new ArgumentError(`Trainer: expected gradientClipVal > 0, got ${String(clip)}`)
  if (interval !== null && !(interval > 0 && (interval < 1 || Number.isInteger(interval))))
    throw new ArgumentError(
      `Trainer: expected valCheckInterval to be a share in (0, 1) or a number of batches, got ${interval}`,
    )
  if (options.checkValEveryNEpoch === null && !Number.isInteger(interval))
    throw new ArgumentError(
      'Trainer: checkValEveryNEpoch of null counts batches over epochs, so valCheckInterval must be a number of them',
    )
  return options.fastDevRun === false ? options : quick(options)
}

/** A run of a few batches that leaves nothing behind. */
function quick(options: CheckedOptions): CheckedOptions {
  const batches = options.fastDevRun === true ? 1 : options.fastDevRun
  if (!Number.isInteger(batches) || (batches as number) < 1)
    throw new ArgumentError(
      `Trainer: expected fastDevRun to be a boolean or a number of batches, got ${String(batches)}`,
    )
  const limit = batches as number
  return {
    ...options,
    maxEpochs: 1,
    maxSteps: limit,
    limitTrainBatches: limit,
    limitValBatches: limit,
    limitTestBatches: limit,
    limitPredictBatches: limit,
    numSanityValSteps: 0,
    valCheckInterval: null,
    checkValEveryNEpoch: 1,
    logger: false,
    enableCheckpointing: false,
    logEveryNSteps: 1,
  }
}
