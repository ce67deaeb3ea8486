// Schedules that multiply the learning rate, epoch after epoch.
import { expectThat, LRScheduler, perGroup, type ScheduledOptimizer, type SchedulerOptions } from './scheduler.js'

/** A factor that depends on the epoch. */
export type EpochFunction = (epoch: number) => number

/** The initial learning rate times `lrLambda(epoch)`. */
export class LambdaLR extends LRScheduler {
  readonly lrLambdas: EpochFunction[]

  /** @param lrLambda one function for all groups, or one for each */
  constructor(
    optimizer: ScheduledOptimizer,
    lrLambda: EpochFunction | readonly EpochFunction[],
    options: SchedulerOptions = {},
  ) {
    super(optimizer, options)
    this.lrLambdas = perGroup('LambdaLR', 'lrLambda', optimizer, lrLambda)
    for (const fn of this.lrLambdas)
      expectThat(typeof fn === 'function', 'LambdaLR', 'lrLambda', 'to be a function', fn)
    this.start()
  }

  protected override getLr(): number[] {
    return this.baseLrs.map((base, i) => base * this.lrLambdas[i](this.lastEpoch))
  }
}

/** The learning rate times `lrLambda(epoch)`, epoch after epoch. */
export class MultiplicativeLR extends LRScheduler {
  readonly lrLambdas: EpochFunction[]

  /** @param lrLambda one function for all groups, or one for each */
  constructor(
    optimizer: ScheduledOptimizer,
    lrLambda: EpochFunction | readonly EpochFunction[],
    options: SchedulerOptions = {},
  ) {
    super(optimizer, options)
    this.lrLambdas = perGroup('MultiplicativeLR', 'lrLambda', optimizer, lrLambda)
    for (const fn of this.lrLambdas)
      expectThat(typeof fn === 'function', 'MultiplicativeLR', 'lrLambda', 'to be a function', fn)
    this.start()
  }

  protected override getLr(): number[] {
    return this.initial ? this.current : this.current.map((lr, i) => lr * this.lrLambdas[i](this.lastEpoch))
  }
}

export interface GammaOptions extends SchedulerOptions {
  /** The factor. Default 0.1. */
  readonly gamma?: number
}

/**
 * The learning rate times `gamma` every `stepSize` epochs.
 *
 * @example
 * ```ts
 * import { ones, optim } from '@flambeau/core'
 * const optimizer = new optim.SGD([ones([1]).requiresGrad_()], { lr: 1 })
 * const scheduler = new optim.lrScheduler.StepLR(optimizer, 2, { gamma: 0.5 })
 * for (let epoch = 0; epoch < 4; epoch++) {
 *   optimizer.step()
 *   scheduler.step()
 * }
 * console.log(scheduler.getLastLr()) // → [ 0.25 ]
 * ```
 */
export class StepLR extends LRScheduler {
  stepSize: number
  gamma: number

  constructor(optimizer: ScheduledOptimizer, stepSize: number, options: GammaOptions = {}) {
    super(optimizer, options)
    expectThat(Number.isInteger(stepSize) && stepSize > 0, 'StepLR', 'stepSize', 'to be a positive integer', stepSize)
    this.stepSize = stepSize
    this.gamma = options.gamma ?? 0.1
    this.start()
  }

  protected override getLr(): number[] {
    if (this.lastEpoch === 0 || this.lastEpoch % this.stepSize !== 0) return this.current
    return this.current.map((lr) => lr * this.gamma)
  }

  protected override closedForm(): number[] {
    return this.baseLrs.map((base) => base * this.gamma ** Math.floor(this.lastEpoch / this.stepSize))
  }
}

/** The learning rate times `gamma` at each milestone. */
export class MultiStepLR extends LRScheduler {
  /** How often each epoch is among the milestones. */
  milestones: Record<string, number> = {}
  gamma: number

  constructor(optimizer: ScheduledOptimizer, milestones: Iterable<number>, options: GammaOptions = {}) {
    super(optimizer, options)
    for (const epoch of milestones) this.milestones[epoch] = (this.milestones[epoch] ?? 0) + 1
    this.gamma = options.gamma ?? 0.1
    this.start()
  }

  protected override getLr(): number[] {
    const times = this.milestones[this.lastEpoch] ?? 0
    return times === 0 ? this.current : this.current.map((lr) => lr * this.gamma ** times)
  }

  protected override closedForm(): number[] {
    const passed = Object.entries(this.milestones).reduce(
      (n, [epoch, times]) => (Number(epoch) <= this.lastEpoch ? n + times : n),
      0,
    )
    return this.baseLrs.map((base) => base * this.gamma ** passed)
  }
}

/** The learning rate times `gamma` every epoch. */
export class ExponentialLR extends LRScheduler {
  gamma: number

  constructor(optimizer: ScheduledOptimizer, gamma: number, options: SchedulerOptions = {}) {
    super(optimizer, options)
    expectThat(typeof gamma === 'number', 'ExponentialLR', 'gamma', 'to be a number', gamma)
    this.gamma = gamma
    this.start()
  }

  protected override getLr(): number[] {
    return this.initial ? this.current : this.current.map((lr) => lr * this.gamma)
  }

  protected override closedForm(): number[] {
    return this.baseLrs.map((base) => base * this.gamma ** this.lastEpoch)
  }
}

export interface ConstantLROptions extends SchedulerOptions {
  /** Default 1/3. */
  readonly factor?: number
  /** Default 5. */
  readonly totalIters?: number
}

/** The learning rate times `factor` until `totalIters`. */
export class ConstantLR extends LRScheduler {
  factor: number
  totalIters: number

  constructor(optimizer: ScheduledOptimizer, options: ConstantLROptions = {}) {
    super(optimizer, options)
    this.factor = options.factor ?? 1 / 3
    this.totalIters = options.totalIters ?? 5
    expectThat(this.factor >= 0 && this.factor <= 1, 'ConstantLR', 'factor', 'in [0, 1]', this.factor)
    this.start()
  }

  protected override getLr(): number[] {
    if (this.lastEpoch === 0) return this.current.map((lr) => lr * this.factor)
    return this.lastEpoch === this.totalIters ? this.current.map((lr) => lr * (1 / this.factor)) : this.current
  }

  protected override closedForm(): number[] {
    const done = this.lastEpoch >= this.totalIters ? 1 : 0
    return this.baseLrs.map((base) => base * (this.factor + done * (1 - this.factor)))
  }
}

export interface LinearLROptions extends SchedulerOptions {
  /** Default 1/3. */
  readonly startFactor?: number
  /** Default 1. */
  readonly endFactor?: number
  /** Default 5. */
  readonly totalIters?: number
}

/** The learning rate's factor goes in a line from `startFactor` to `endFactor` within `totalIters`. */
export class LinearLR extends LRScheduler {
  startFactor: number
  endFactor: number
  totalIters: number

  constructor(optimizer: ScheduledOptimizer, options: LinearLROptions = {}) {
    super(optimizer, options)
    this.startFactor = options.startFactor ?? 1 / 3
    this.endFactor = options.endFactor ?? 1
    this.totalIters = options.totalIters ?? 5
    expectThat(this.startFactor > 0 && this.startFactor <= 1, 'LinearLR', 'startFactor', 'in (0, 1]', this.startFactor)
    expectThat(this.endFactor >= 0 && this.endFactor <= 1, 'LinearLR', 'endFactor', 'in [0, 1]', this.endFactor)
    this.start()
  }

  protected override getLr(): number[] {
    const { startFactor, endFactor, totalIters, lastEpoch } = this
    if (lastEpoch === 0) return this.current.map((lr) => lr * startFactor)
    if (this.initial || lastEpoch > totalIters) return this.current
    const change = endFactor - startFactor
    return this.current.map((lr) => lr * (1 + change / (totalIters * startFactor + (lastEpoch - 1) * change)))
  }

  protected override closedForm(): number[] {
    const { startFactor, endFactor, totalIters, lastEpoch } = this
    return this.baseLrs.map(
      (base) => base * (startFactor + ((endFactor - startFactor) * Math.min(totalIters, lastEpoch)) / totalIters),
    )
  }
}

export interface PolynomialLROptions extends SchedulerOptions {
  /** Default 5. */
  readonly totalIters?: number
  /** Default 1. */
  readonly power?: number
}

/** The learning rate goes to 0 as `(1 - epoch / totalIters) ^ power`. */
export class PolynomialLR extends LRScheduler {
  totalIters: number
  power: number

  constructor(optimizer: ScheduledOptimizer, options: PolynomialLROptions = {}) {
    super(optimizer, options)
    this.totalIters = options.totalIters ?? 5
    this.power = options.power ?? 1
    this.start()
  }

  protected override getLr(): number[] {
    const { totalIters, power, lastEpoch } = this
    if (this.initial || lastEpoch > totalIters) return this.current
    const factor = ((1 - lastEpoch / totalIters) / (1 - (lastEpoch - 1) / totalIters)) ** power
    return this.current.map((lr) => lr * factor)
  }

  protected override closedForm(): number[] {
    return this.baseLrs.map(
      (base) => base * (1 - Math.min(this.totalIters, this.lastEpoch) / this.totalIters) ** this.power,
    )
  }
}
