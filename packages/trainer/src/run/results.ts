// What modules log: values of a step, and what they add up to over an epoch.
import { ArgumentError, Tensor } from '@flambeau/core'
import { type AnyMetric, Metric, type MetricState } from '@flambeau/core/metrics'
import type { HookName } from '../callback.js'
import { checkKeys } from '../errors.js'

/** How the values of steps become one of an epoch. */
export type ReduceFx = 'mean' | 'sum' | 'min' | 'max'

/** The options of `log`. */
export interface LogOptions {
  /** Whether the progress bar shows it. Default false. */
  readonly progBar?: boolean
  /** Whether loggers get it. Default true. */
  readonly logger?: boolean
  /** Whether each step is logged. Default: in training steps. */
  readonly onStep?: boolean
  /** Whether what the steps add up to is logged. Default: everywhere else. */
  readonly onEpoch?: boolean
  /** Default 'mean', weighted by the batch sizes. */
  readonly reduceFx?: ReduceFx
  /** Default: the first size of the batch's first tensor. */
  readonly batchSize?: number
  /**
   * Whether the value is that of all processes: default for values of an epoch, which are put together at its end. With
   * `true`, that of each step too, at the cost of an exchange in each.
   */
  readonly syncDist?: boolean
  /** Whether the names of several validation sets tell them apart. Default true. */
  readonly addDataloaderIdx?: boolean
}

const OPTIONS = ['progBar', 'logger', 'onStep', 'onEpoch', 'reduceFx', 'batchSize', 'syncDist', 'addDataloaderIdx']

/** What can be logged. */
export type LogValue = number | Tensor | AnyMetric

/** The state of an entry, as it is saved. */
interface Entry {
  readonly name: string
  readonly onStep: boolean
  readonly onEpoch: boolean
  readonly progBar: boolean
  readonly logger: boolean
  readonly reduceFx: ReduceFx
  readonly loader: number | null
  /** Whether processes put it together at the end of an epoch. */
  readonly shared: boolean
  sum: number
  weight: number
  extreme: number
}

/** An entry with what is not saved. */
interface Live extends Entry {
  /** The last value; read when somebody asks for it. */
  last: number | Tensor
  /** Values on a device that have not been read yet, with their weights. */
  pending: [Tensor, number][]
  metric: AnyMetric | null
  /** In which batch it was logged last. */
  serial: number
  /** As what its value, that of a step, and that of an epoch are known. */
  readonly names: Names
}

interface Names {
  readonly plain: string
  readonly step: string
  readonly epoch: string
}

const REDUCTIONS: readonly unknown[] = ['mean', 'sum', 'min', 'max'] satisfies ReduceFx[]
const STEP_HOOKS = new Set<HookName | 'trainingStep'>(['trainingStep', 'onTrainBatchStart', 'onTrainBatchEnd'])
const FORBIDDEN = new Set<string>(['onFitStart', 'onFitEnd', 'onTrainEnd', 'onSanityCheckStart', 'onSaveCheckpoint'])

/** Values that are read from their tensors when somebody looks. */
export class Values {
  readonly #values = new Map<string, number | Tensor>()

  set(name: string, value: number | Tensor): void {
    this.#values.set(name, value)
  }

  read(): Record<string, number> {
    const result: Record<string, number> = {}
    for (const [name, value] of this.#values) {
      const number = numberOf(value)
      if (typeof value !== 'number') this.#values.set(name, number)
      result[name] = number
    }
    return result
  }

  load(values: Readonly<Record<string, number>>): void {
    this.#values.clear()
    for (const [name, value] of Object.entries(values)) this.#values.set(name, value)
  }
}

const numberOf = (value: number | Tensor): number => (typeof value === 'number' ? value : Number(value.item()))

/** The other processes, as far as values concern them. */
export interface Peers {
  readonly worldSize: number
  gather<T>(value: T): T[]
  reduce(values: readonly number[], by: ReduceFx): number[]
}

/** What one process knows of an entry at the end of an epoch. */
interface Part {
  readonly key: string
  readonly entry: Entry
  readonly path: string | null
  readonly state: MetricState | null
}

/** Everything logged in a run. */
export class Results {
  /** The hook or step that is running. */
  hook: HookName | 'trainingStep' | 'validationStep' | 'testStep' | 'predictStep' | null = null
  /** The number of samples of the batch that is under way. */
  batchSize = 1
  /** Which of several validation sets is being read; null where there is one. */
  loader: number | null = null
  /** The last value of everything, for callbacks and for the progress bar. */
  readonly callback = new Values()
  readonly progress = new Values()
  #entries = new Map<string, Live>()
  #serial = 0
  readonly #peers: Peers

  constructor(peers: Peers) {
    this.#peers = peers
  }

  /** Takes a value. */
  log(name: string, value: unknown, options: LogOptions = {}): void {
    const { hook } = this
    if (hook === null || hook === 'predictStep' || FORBIDDEN.has(hook))
      throw new ArgumentError(
        `log('${name}'): nothing can be logged ${hook === null ? 'outside of the trainer' : `in ${hook}`}; ` +
          'log in a training, validation or test step, or in a hook of a batch or an epoch',
      )
    checkKeys(`log('${name}')`, options, OPTIONS)
    const inStep = STEP_HOOKS.has(hook as 'trainingStep')
    const { onStep = inStep, onEpoch = !inStep, progBar = false, logger = true, reduceFx = 'mean' } = options
    if (!REDUCTIONS.includes(reduceFx))
      throw new ArgumentError(`log('${name}'): expected reduceFx 'mean', 'sum', 'min' or 'max', got '${reduceFx}'`)
    const { syncDist } = options
    const several = this.#peers.worldSize > 1
    if (several && syncDist === true && onStep && !inStep)
      throw new ArgumentError(
        `log('${name}'): syncDist of single steps is for training: of validation, processes may have different numbers of batches; ` +
          'leave onStep out',
      )
    const loader = (options.addDataloaderIdx ?? true) ? this.loader : null
    const key = `${hook}.${name}.${loader ?? ''}`
    let entry = this.#entries.get(key)
    if (entry === undefined || entry.onStep !== onStep || entry.onEpoch !== onEpoch || entry.reduceFx !== reduceFx) {
      const saved = { name, onStep, onEpoch, progBar, logger, reduceFx, loader, shared: syncDist !== false }
      entry = fresh({ ...saved, sum: 0, weight: 0, extreme: Number.NaN }, null)
      this.#entries.set(key, entry)
    }
    entry.serial = this.#serial
    if (value instanceof Metric) {
      entry.metric = value
      const { batchValue } = value
      if (onStep && batchValue !== null) entry.last = checkValue(name, batchValue)
    } else {
      const number = checkValue(name, value)
      entry.last = several && syncDist === true && onStep ? this.#peers.reduce([numberOf(number)], reduceFx)[0] : number
      if (onEpoch) accumulate(entry, number, options.batchSize ?? this.batchSize)
    }
    if (onStep && (entry.metric === null || entry.metric.batchValue !== null))
      this.#publish(entry, entry.names.step, entry.last)
  }

  #publish(entry: Live, name: string, value: number | Tensor): void {
    const { plain } = entry.names
    this.callback.set(name, value)
    if (plain !== name) this.callback.set(plain, value)
    if (entry.progBar) this.progress.set(name, value)
  }

  /** Begins a batch: what was logged in it can be told from what was logged before. */
  startBatch(): void {
    this.#serial++
  }

  /** What loggers get of this batch. */
  stepMetrics(): Record<string, number> {
    const result: Record<string, number> = {}
    for (const entry of this.#entries.values())
      if (entry.onStep && entry.logger && entry.serial === this.#serial) result[entry.names.step] = numberOf(entry.last)
    return result
  }

  /** Ends an epoch of training or of evaluation: what its steps add up to. @returns what loggers get */
  endEpoch(metrics: () => ReadonlyMap<string, AnyMetric>): Record<string, number> {
    if (this.#peers.worldSize > 1) this.#share(metrics())
    const result: Record<string, number> = {}
    for (const [key, entry] of this.#entries) {
      if (!entry.onEpoch) continue
      const value = entry.metric === null ? epochValue(entry) : checkValue(entry.name, entry.metric.compute())
      const { epoch } = entry.names
      this.#publish(entry, epoch, value)
      if (entry.logger) result[epoch] = numberOf(value)
      entry.metric?.reset()
      this.#entries.delete(key)
    }
    return result
  }

  /** Puts together what the processes know of the entries of an epoch: sums add up, and so do the states of metrics. */
  #share(known: ReadonlyMap<string, AnyMetric>): void {
    const paths = new Map([...known].map(([path, metric]) => [metric, path]))
    const own = [...this.#entries]
      .filter(([, live]) => live.onEpoch && live.shared)
      .map(([key, live]): Part => {
        flush(live)
        const { last, pending, metric, serial, names, ...entry } = live
        const path = metric === null ? null : pathOf(entry.name, metric, paths)
        return { key, entry, path, state: metric?.stateDict() ?? null }
      })
    const parts = this.#peers.gather(own).flat()
    for (const key of new Set(parts.map((part) => part.key))) {
      const of = parts.filter((part) => part.key === key)
      const [{ entry, path }] = of
      const { name, onStep, onEpoch, progBar, logger, reduceFx, loader, shared } = entry
      const total = fresh(
        { name, onStep, onEpoch, progBar, logger, reduceFx, loader, shared, sum: 0, weight: 0, extreme: Number.NaN },
        path === null ? null : (known.get(path) ?? null),
      )
      for (const part of of) join(total, part.entry)
      total.metric?.reset()
      for (const { state } of of) if (state !== null) total.metric?.mergeState(state)
      this.#entries.set(key, total)
    }
  }

  /** Forgets what is under way, such as that of a sanity check. */
  reset(): void {
    for (const entry of this.#entries.values()) entry.metric?.reset()
    this.#entries = new Map()
  }

  /** Puts other entries in the place of these: evaluation in the middle of an epoch of training has its own. */
  exchange(entries: unknown = new Map()): unknown {
    const before = this.#entries
    this.#entries = entries as Map<string, Live>
    return before
  }

  /** @param known the metrics of the module, by path: an entry is saved with the path of its own */
  stateDict(known: ReadonlyMap<string, AnyMetric>): Record<string, unknown> {
    const paths = new Map([...known].map(([path, metric]) => [metric, path]))
    const entries = [...this.#entries].map(([key, live]) => {
      flush(live)
      const { last, pending, metric, serial, names, ...entry } = live
      return { key, path: metric === null ? null : pathOf(entry.name, metric, paths), ...entry }
    })
    return { entries, callback: this.callback.read(), progress: this.progress.read() }
  }

  loadStateDict(state: Record<string, unknown>, known: ReadonlyMap<string, AnyMetric>): void {
    const { entries, callback, progress } = state as {
      entries: (Entry & { key: string; path: string | null })[]
      callback: Record<string, number>
      progress: Record<string, number>
    }
    this.#entries = new Map(
      entries.map(({ key, path, ...entry }) => {
        const metric = path === null ? null : (known.get(path) ?? null)
        return [key, fresh(entry, metric)]
      }),
    )
    this.callback.load(callback)
    this.progress.load(progress)
  }
}

/** Where the module has a metric. */
function pathOf(name: string, metric: AnyMetric, paths: ReadonlyMap<AnyMetric, string>): string {
  const path = paths.get(metric)
  if (path !== undefined) return path
  throw new ArgumentError(
    `log('${name}'): expected a metric that is a property of the module, or in a list or collection that is one: otherwise a run ` +
      'could not go on with it, nor processes put theirs together',
  )
}

/** Adds what another process has logged. */
function join(total: Entry, part: Entry): void {
  total.sum += part.sum
  total.weight += part.weight
  if (Number.isNaN(part.extreme)) return
  const better = total.reduceFx === 'min' ? Math.min : Math.max
  total.extreme = Number.isNaN(total.extreme) ? part.extreme : better(total.extreme, part.extreme)
}

/** An entry of which no batch has logged anything here yet. */
function fresh(entry: Entry, metric: AnyMetric | null): Live {
  const { name, onStep, onEpoch, loader } = entry
  const suffix = loader === null ? '' : `/dataloader_idx_${loader}`
  const names = {
    plain: name + suffix,
    step: `${name}${onEpoch ? '_step' : ''}${suffix}`,
    epoch: `${name}${onStep ? '_epoch' : ''}${suffix}`,
  }
  return { ...entry, last: 0, pending: [], metric, serial: -1, names }
}

function checkValue(name: string, value: unknown): number | Tensor {
  if (typeof value === 'number') return value
  if (value instanceof Tensor && value.numel() === 1) {
    // A value that is at hand is read at once; one on a device when it is needed.
    return value.device === 'cpu' ? Number(value.item()) : value.detach()
  }
  const got = value instanceof Tensor ? `a tensor of shape [${value.shape}]` : typeof value
  throw new ArgumentError(
    `log('${name}'): expected a number, a tensor of one element or a metric, got ${got}; log several values by logDict`,
  )
}

/** How many values on a device may wait to be read. */
const PENDING = 64

function accumulate(entry: Live, value: number | Tensor, weight: number): void {
  if (typeof value === 'number') {
    add(entry, value, weight)
    return
  }
  if (entry.pending.push([value, weight]) >= PENDING) flush(entry)
}

function flush(entry: Live): void {
  for (const [value, weight] of entry.pending) add(entry, numberOf(value), weight)
  entry.pending = []
}

function add(entry: Entry, value: number, weight: number): void {
  if (entry.reduceFx === 'mean') {
    entry.sum += value * weight
    entry.weight += weight
  } else if (entry.reduceFx === 'sum') entry.sum += value
  else {
    const better = entry.reduceFx === 'min' ? Math.min : Math.max
    entry.extreme = Number.isNaN(entry.extreme) ? value : better(entry.extreme, value)
  }
}

function epochValue(entry: Live): number {
  flush(entry)
  if (entry.reduceFx === 'mean') return entry.sum / entry.weight
  return entry.reduceFx === 'sum' ? entry.sum : entry.extreme
}
