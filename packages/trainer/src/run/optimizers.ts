// What `configureOptimizers` gives, in one form.
import { ArgumentError, optim, type Tensor } from '@flambeau/core'
import { checkKeys } from '../errors.js'
import type { Trainer } from '../trainer.js'
import type { AnyLightningModule } from '../types.js'

/** Any optimizer. */
export type AnyOptimizer = optim.Optimizer

/** Any scheduler: those by epochs or steps, and those that look at a metric. */
export type AnyScheduler = optim.lrScheduler.LRScheduler | optim.lrScheduler.ReduceLROnPlateau

/** A scheduler with when it is stepped. */
export interface SchedulerConfig {
  readonly scheduler: AnyScheduler
  /** Default 'epoch'. */
  readonly interval?: 'epoch' | 'step'
  /** Every how many. Default 1. */
  readonly frequency?: number
  /** What `ReduceLROnPlateau` looks at. */
  readonly monitor?: string
  /** Whether a `monitor` that nobody has logged is an error. Default true. */
  readonly strict?: boolean
  /** Under which `LearningRateMonitor` logs it. */
  readonly name?: string
}

/** An optimizer with its scheduler. */
export interface OptimizerConfig {
  readonly optimizer: AnyOptimizer
  readonly lrScheduler?: AnyScheduler | SchedulerConfig
  readonly monitor?: string
}

/** What `configureOptimizers` may give. */
export type ConfiguredOptimizers =
  | AnyOptimizer
  | OptimizerConfig
  | readonly (AnyOptimizer | OptimizerConfig)[]
  | readonly [readonly AnyOptimizer[], readonly (AnyScheduler | SchedulerConfig)[]]
  | null
  | undefined
  | void

/** A scheduler with everything said. */
export type Scheduled = Required<Omit<SchedulerConfig, 'monitor' | 'name'>> & {
  readonly monitor: string | null
  readonly name: string | null
}

/** An optimizer as a module gets it: a step counts as one of the run. */
export class LightningOptimizer {
  readonly optimizer: AnyOptimizer
  readonly #stepped: (optimizer: LightningOptimizer, step: () => void) => void

  constructor(optimizer: AnyOptimizer, stepped: (optimizer: LightningOptimizer, step: () => void) => void) {
    this.optimizer = optimizer
    this.#stepped = stepped
  }

  get paramGroups(): AnyOptimizer['paramGroups'] {
    return this.optimizer.paramGroups
  }

  /** Changes the parameters. @param closure computes the loss and its gradients again, for optimizers that need it */
  step(closure?: () => Tensor): void {
    this.#stepped(this, () => {
      if (closure === undefined) this.optimizer.step()
      else this.optimizer.step(closure)
    })
  }

  /** Drops the gradients. */
  zeroGrad(): void {
    this.optimizer.zeroGrad()
  }
}

const isOptimizer = (value: unknown): value is AnyOptimizer =>
  typeof value === 'object' && value !== null && 'paramGroups' in value && 'zeroGrad' in value
const isScheduler = (value: unknown): value is AnyScheduler =>
  typeof value === 'object' && value !== null && 'step' in value && 'optimizer' in value && 'stateDict' in value

/** The optimizers and schedulers of a module. @throws ArgumentError for what is none */
export function configured(module: AnyLightningModule): { optimizers: AnyOptimizer[]; schedulers: Scheduled[] } {
  const given: unknown = module.configureOptimizers()
  const optimizers: AnyOptimizer[] = []
  const schedulers: Scheduled[] = []
  const take = (item: unknown): void => {
    if (isOptimizer(item)) optimizers.push(item)
    else if (typeof item === 'object' && item !== null && 'optimizer' in item && isOptimizer(item.optimizer)) {
      const config = item as OptimizerConfig
      checkKeys('configureOptimizers', config, ['optimizer', 'lrScheduler', 'monitor'])
      optimizers.push(config.optimizer)
      if (config.lrScheduler !== undefined) schedulers.push(scheduled(config.lrScheduler, config.monitor))
    } else
      throw new ArgumentError(
        `${module.constructor.name}.configureOptimizers: expected an optimizer, { optimizer, lrScheduler }, a list of such, ` +
          `or [optimizers, schedulers], got ${item === null ? 'null' : typeof item}`,
      )
  }
  if (Array.isArray(given) && given.length === 2 && Array.isArray(given[0]) && Array.isArray(given[1])) {
    given[0].forEach(take)
    for (const scheduler of given[1]) schedulers.push(scheduled(scheduler as AnyScheduler | SchedulerConfig))
  } else if (Array.isArray(given)) given.forEach(take)
  else if (given !== null && given !== undefined) take(given)
  if (module.automaticOptimization && optimizers.length > 1)
    throw new ArgumentError(
      `${module.constructor.name}: ${optimizers.length} optimizers need manual optimization: set automaticOptimization = false and ` +
        'call manualBackward and the steps of optimizers() in trainingStep',
    )
  return { optimizers, schedulers }
}

function scheduled(given: AnyScheduler | SchedulerConfig, monitor?: string): Scheduled {
  const config: SchedulerConfig = isScheduler(given) ? { scheduler: given } : given
  if (!isScheduler(config.scheduler))
    throw new ArgumentError('configureOptimizers: expected a scheduler as lrScheduler or its `scheduler`')
  checkKeys('lrScheduler', config, ['scheduler', 'interval', 'frequency', 'monitor', 'strict', 'name'])
  const { interval = 'epoch', frequency = 1, strict = true } = config
  if (interval !== 'epoch' && interval !== 'step')
    throw new ArgumentError(`lrScheduler: expected interval 'epoch' or 'step', got '${String(interval)}'`)
  if (!Number.isInteger(frequency) || frequency < 1)
    throw new ArgumentError(`lrScheduler: expected frequency ≥ 1, got ${frequency}`)
  const watched = config.monitor ?? monitor ?? null
  if (config.scheduler instanceof optim.lrScheduler.ReduceLROnPlateau && watched === null)
    throw new ArgumentError(
      "lrScheduler: ReduceLROnPlateau needs the name of a logged metric: { scheduler, monitor: 'val_loss' }",
    )
  return { scheduler: config.scheduler, interval, frequency, strict, monitor: watched, name: config.name ?? null }
}

/** Steps the schedulers whose turn it is. @param index of the epoch or batch that has just ended */
export function stepSchedulers(
  schedulers: readonly Scheduled[],
  interval: 'epoch' | 'step',
  index: number,
  trainer: Trainer,
): void {
  for (const config of schedulers) {
    if (config.interval !== interval || (index + 1) % config.frequency !== 0) continue
    const { scheduler, monitor } = config
    if (!(scheduler instanceof optim.lrScheduler.ReduceLROnPlateau)) {
      scheduler.step()
      continue
    }
    // Every process takes the rate that rank 0 takes.
    const [value, logged] = trainer.strategy.onMain(() => {
      const metrics = trainer.callbackMetrics
      return [monitor === null ? undefined : metrics[monitor], Object.keys(metrics)] as const
    })
    if (value !== undefined) scheduler.step(value)
    else if (config.strict)
      throw new ArgumentError(
        `ReduceLROnPlateau: nothing logs its monitor '${monitor}' (logged: ${logged.join(', ') || 'nothing'}); ` +
          `log it by this.log('${monitor}', …) in a step, or name another`,
      )
  }
}
