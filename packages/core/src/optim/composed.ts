// Schedulers made of others, and the one that watches a metric.
import { ArgumentError } from '../errors.js'
import { expectThat, LRScheduler, perGroup, type ScheduledOptimizer, type SchedulerState } from './scheduler.js'

function checkAll(name: string, schedulers: readonly LRScheduler[], optimizer: ScheduledOptimizer): void {
  schedulers.forEach((scheduler, i) => {
    if (!(scheduler instanceof LRScheduler))
      throw new ArgumentError(`${name}: expected schedulers of epochs, got another thing at ${i}`)
    if (scheduler.optimizer !== optimizer)
      throw new ArgumentError(`${name}: expected schedulers of one optimizer, the one at ${i} has another`)
  })
}

const passed = (milestones: readonly number[], epoch: number): number => milestones.filter((m) => m <= epoch).length

function undo(scheduler: LRScheduler): void {
  if (scheduler instanceof SequentialLR || scheduler instanceof ChainedScheduler)
    for (const inner of scheduler.schedulers) undo(inner)
  else scheduler.lastEpoch--
}

/** One scheduler after the other: the next takes over at each milestone. */
export class SequentialLR extends LRScheduler {
  readonly schedulers: LRScheduler[]
  readonly sequence: number[]

  constructor(
    optimizer: ScheduledOptimizer,
    schedulers: readonly LRScheduler[],
    milestones: readonly number[],
    options: { readonly lastEpoch?: number } = {},
  ) {
    expectThat(schedulers.length > 0, 'SequentialLR', 'schedulers', 'not to be empty', schedulers)
    checkAll('SequentialLR', schedulers, optimizer)
    if (milestones.length !== schedulers.length - 1)
      throw new ArgumentError(
        `SequentialLR: expected ${schedulers.length - 1} milestones for ${schedulers.length} schedulers, got ${milestones.length}`,
      )
    super(optimizer)
    this.schedulers = [...schedulers]
    this.sequence = [...milestones]
    this.lastEpoch = (options.lastEpoch ?? -1) + 1
    for (const group of optimizer.paramGroups) group.lr = group.initialLr ?? group.lr
    // Each scheduler made its first step when it was made: take those back, and let the first one begin.
    for (const scheduler of schedulers) undo(scheduler)
    const first = this.schedulers[passed(this.sequence, 0)]
    first.start()
    this.lastLr = first.getLastLr()
  }

  protected override getLr(): number[] {
    return this.current
  }

  override step(): void {
    this.lastEpoch++
    const at = passed(this.sequence, this.lastEpoch)
    const scheduler = this.schedulers[at]
    if (at > 0 && this.sequence[at - 1] === this.lastEpoch) scheduler.jump(0)
    else scheduler.step()
    this.lastLr = scheduler.getLastLr()
  }
}

/** Several schedulers at once, each on what the one before has set. */
export class ChainedScheduler extends LRScheduler {
  readonly schedulers: LRScheduler[]

  constructor(schedulers: readonly LRScheduler[], optimizer?: ScheduledOptimizer) {
    expectThat(
      Array.isArray(schedulers) && schedulers.length > 0,
      'ChainedScheduler',
      'schedulers',
      'not to be empty',
      schedulers,
    )
    super(optimizer ?? schedulers[0].optimizer)
    checkAll('ChainedScheduler', schedulers, this.optimizer)
    this.schedulers = [...schedulers]
    this.lastLr = this.current
  }

  protected override getLr(): number[] {
    return this.current
  }

  override step(): void {
    for (const scheduler of this.schedulers) scheduler.step()
    this.lastLr = this.current
  }
}

export interface ReduceLROnPlateauOptions {
  /** Whether the metric should fall or rise. Default 'min'. */
  readonly mode?: 'min' | 'max'
  /** Default 0.1. */
  readonly factor?: number
  /** Epochs without improvement that are tolerated. Default 10. */
  readonly patience?: number
  /** What counts as an improvement. Default 1e-4. */
  readonly threshold?: number
  /** Whether `threshold` is a share of the best value or an amount. Default 'rel'. */
  readonly thresholdMode?: 'rel' | 'abs'
  /** Epochs to wait after a reduction. Default 0. */
  readonly cooldown?: number
  /** The smallest learning rate, for all groups or each. Default 0. */
  readonly minLr?: number | readonly number[]
  /** Smaller changes are not made. Default 1e-8. */
  readonly eps?: number
}

/** The learning rate times `factor` when a metric has stopped improving. */
export class ReduceLROnPlateau {
  readonly optimizer: ScheduledOptimizer
  mode: 'min' | 'max'
  factor: number
  patience: number
  threshold: number
  thresholdMode: 'rel' | 'abs'
  cooldown: number
  minLrs: number[]
  eps: number
  best: number
  cooldownCounter = 0
  numBadEpochs = 0
  lastEpoch = 0
  #lastLr: number[]

  constructor(optimizer: ScheduledOptimizer, options: ReduceLROnPlateauOptions = {}) {
    const {
      mode = 'min',
      factor = 0.1,
      patience = 10,
      threshold = 1e-4,
      thresholdMode = 'rel',
      cooldown = 0,
      minLr = 0,
      eps = 1e-8,
    } = options
    expectThat(factor < 1, 'ReduceLROnPlateau', 'factor', '< 1', factor)
    expectThat(mode === 'min' || mode === 'max', 'ReduceLROnPlateau', 'mode', "'min' or 'max'", mode)
    expectThat(
      thresholdMode === 'rel' || thresholdMode === 'abs',
      'ReduceLROnPlateau',
      'thresholdMode',
      "'rel' or 'abs'",
      thresholdMode,
    )
    this.optimizer = optimizer
    this.mode = mode
    this.factor = factor
    this.patience = patience
    this.threshold = threshold
    this.thresholdMode = thresholdMode
    this.cooldown = cooldown
    this.minLrs = perGroup('ReduceLROnPlateau', 'minLr', optimizer, minLr)
    this.eps = eps
    this.best = mode === 'min' ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY
    this.#lastLr = optimizer.paramGroups.map(({ lr }) => lr)
  }

  /** Looks at the metric of an epoch. */
  step(metric: number | { item(): number }): void {
    const value = typeof metric === 'number' ? metric : metric.item()
    expectThat(typeof value === 'number', 'ReduceLROnPlateau', 'a metric', 'to be a number', value)
    this.lastEpoch++
    if (this.#improves(value)) {
      this.best = value
      this.numBadEpochs = 0
    } else {
      this.numBadEpochs++
    }
    if (this.cooldownCounter > 0) {
      this.cooldownCounter--
      this.numBadEpochs = 0
    }
    if (this.numBadEpochs > this.patience) {
      this.optimizer.paramGroups.forEach((group, i) => {
        const rate = Math.max(group.lr * this.factor, this.minLrs[i] ?? 0)
        if (group.lr - rate > this.eps) group.lr = rate
      })
      this.cooldownCounter = this.cooldown
      this.numBadEpochs = 0
    }
    this.#lastLr = this.optimizer.paramGroups.map(({ lr }) => lr)
  }

  #improves(value: number): boolean {
    const { best, threshold, thresholdMode, mode } = this
    if (mode === 'min') return value < (thresholdMode === 'rel' ? best * (1 - threshold) : best - threshold)
    return value > (thresholdMode === 'rel' ? best * (1 + threshold) : best + threshold)
  }

  /** The learning rates that the last step left. */
  getLastLr(): number[] {
    return [...this.#lastLr]
  }

  /** The state under PyTorch's names. */
  stateDict(): SchedulerState {
    const {
      factor,
      minLrs,
      patience,
      cooldown,
      eps,
      lastEpoch,
      mode,
      threshold,
      thresholdMode,
      best,
      cooldownCounter,
      numBadEpochs,
    } = this
    return {
      factor,
      min_lrs: [...minLrs],
      patience,
      cooldown,
      eps,
      last_epoch: lastEpoch,
      _last_lr: [...this.#lastLr],
      mode,
      threshold,
      threshold_mode: thresholdMode,
      best,
      cooldown_counter: cooldownCounter,
      num_bad_epochs: numBadEpochs,
      mode_worse: mode === 'min' ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY,
    }
  }

  /** Takes over a state from `stateDict()`. */
  loadStateDict(state: SchedulerState): void {
    const own: Readonly<Record<string, string>> = {
      factor: 'factor',
      min_lrs: 'minLrs',
      patience: 'patience',
      cooldown: 'cooldown',
      eps: 'eps',
      last_epoch: 'lastEpoch',
      mode: 'mode',
      threshold: 'threshold',
      threshold_mode: 'thresholdMode',
      best: 'best',
      cooldown_counter: 'cooldownCounter',
      num_bad_epochs: 'numBadEpochs',
    }
    for (const [name, key] of Object.entries(own))
      if (name in state) Reflect.set(this, key, structuredClone(state[name]))
    if (Array.isArray(state._last_lr)) this.#lastLr = [...state._last_lr]
  }
}
