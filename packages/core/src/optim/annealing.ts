// Schedules in waves: cosine annealing, cycles, and one cycle.
import { ArgumentError } from '../errors.js'
import {
  expectThat,
  LRScheduler,
  perGroup,
  type ScheduledGroup,
  type ScheduledOptimizer,
  type SchedulerOptions,
} from './scheduler.js'

export interface CosineAnnealingLROptions extends SchedulerOptions {
  /** The smallest learning rate. Default 0. */
  readonly etaMin?: number
}

/**
 * Half a cosine from the initial learning rate to `etaMin` within `tMax` epochs.
 * [Loshchilov and Hutter, 2016](https://arxiv.org/abs/1608.03983)
 */
export class CosineAnnealingLR extends LRScheduler {
  tMax: number
  etaMin: number

  constructor(optimizer: ScheduledOptimizer, tMax: number, options: CosineAnnealingLROptions = {}) {
    super(optimizer, options)
    expectThat(typeof tMax === 'number' && tMax > 0, 'CosineAnnealingLR', 'tMax', '> 0', tMax)
    this.tMax = tMax
    this.etaMin = options.etaMin ?? 0
    this.start()
  }

  protected override getLr(): number[] {
    const { tMax, etaMin, lastEpoch } = this
    if (this.initial) return this.current
    if (this.stepCount === 1 && lastEpoch > 0) return this.closedForm()
    if ((lastEpoch - 1 - tMax) % (2 * tMax) === 0)
      return this.current.map((lr, i) => lr + ((this.baseLrs[i] - etaMin) * (1 - Math.cos(Math.PI / tMax))) / 2)
    const ratio = (1 + Math.cos((Math.PI * lastEpoch) / tMax)) / (1 + Math.cos((Math.PI * (lastEpoch - 1)) / tMax))
    return this.current.map((lr) => ratio * (lr - etaMin) + etaMin)
  }

  protected override closedForm(): number[] {
    const { tMax, etaMin, lastEpoch } = this
    return this.baseLrs.map((base) => etaMin + ((base - etaMin) * (1 + Math.cos((Math.PI * lastEpoch) / tMax))) / 2)
  }
}

export interface WarmRestartsOptions extends CosineAnnealingLROptions {
  /** How much longer each wave is than the one before. Default 1. */
  readonly tMult?: number
}

/**
 * Cosine annealing that begins anew after `t0` epochs, then after `t0 · tMult`, and so on.
 * [Loshchilov and Hutter, 2016](https://arxiv.org/abs/1608.03983)
 */
export class CosineAnnealingWarmRestarts extends LRScheduler {
  t0: number
  tI: number
  tMult: number
  etaMin: number
  tCur: number

  constructor(optimizer: ScheduledOptimizer, t0: number, options: WarmRestartsOptions = {}) {
    super(optimizer, options)
    const { tMult = 1, etaMin = 0, lastEpoch = -1 } = options
    expectThat(Number.isInteger(t0) && t0 > 0, 'CosineAnnealingWarmRestarts', 't0', 'to be a positive integer', t0)
    expectThat(
      Number.isInteger(tMult) && tMult >= 1,
      'CosineAnnealingWarmRestarts',
      'tMult',
      'to be an integer ≥ 1',
      tMult,
    )
    this.t0 = t0
    this.tI = t0
    this.tMult = tMult
    this.etaMin = etaMin
    this.tCur = lastEpoch
    this.start()
  }

  protected override getLr(): number[] {
    return this.baseLrs.map(
      (base) => this.etaMin + ((base - this.etaMin) * (1 + Math.cos((Math.PI * this.tCur) / this.tI))) / 2,
    )
  }

  /** Goes to the next epoch, or to `epoch`, which may have a fraction. */
  override step(epoch?: number): void {
    const to = epoch ?? (this.lastEpoch < 0 ? 0 : undefined)
    if (to === undefined) {
      this.tCur++
      if (this.tCur >= this.tI) {
        this.tCur %= this.tI
        this.tI *= this.tMult
      }
      this.jump(this.lastEpoch + 1)
      return
    }
    expectThat(to >= 0, 'CosineAnnealingWarmRestarts', 'epoch', '≥ 0', to)
    if (to < this.t0) {
      this.tI = this.t0
      this.tCur = to
    } else if (this.tMult === 1) {
      this.tCur = to % this.t0
    } else {
      const n = Math.trunc(Math.log((to / this.t0) * (this.tMult - 1) + 1) / Math.log(this.tMult))
      this.tCur = to - (this.t0 * (this.tMult ** n - 1)) / (this.tMult - 1)
      this.tI = this.t0 * this.tMult ** n
    }
    this.jump(Math.floor(to))
  }
}

/** Sets the momentum of a group: `momentum`, or the first of `betas`. */
function setMomentum(group: ScheduledGroup, momentum: number, beta: boolean): void {
  if (!beta) {
    Reflect.set(group, 'momentum', momentum)
    return
  }
  const betas: unknown = Reflect.get(group, 'betas')
  if (Array.isArray(betas)) Reflect.set(group, 'betas', [momentum, ...betas.slice(1)])
}

/** Whether the optimizer's momentum is the first of its betas. */
function usesBeta(scheduler: string, optimizer: ScheduledOptimizer): boolean {
  const beta = 'betas' in optimizer.defaults
  if (!beta && !('momentum' in optimizer.defaults))
    throw new ArgumentError(
      `${scheduler}: expected an optimizer with momentum or betas; pass { cycleMomentum: false } for this one`,
    )
  return beta
}

export interface CyclicLROptions extends SchedulerOptions {
  /** Steps of the rising half. Default 2000. */
  readonly stepSizeUp?: number
  /** Steps of the falling half. Default: `stepSizeUp`. */
  readonly stepSizeDown?: number
  /** Cycles of one height, halved each time, or shrinking by `gamma` each step. Default 'triangular'. */
  readonly mode?: 'triangular' | 'triangular2' | 'exp_range'
  /** Default 1. */
  readonly gamma?: number
  /** The height of a cycle, by its number or by the step; in place of `mode`. */
  readonly scaleFn?: (x: number) => number
  /** What `scaleFn` is given. Default 'cycle'. */
  readonly scaleMode?: 'cycle' | 'iterations'
  /** Let momentum fall while the learning rate rises. Default true. */
  readonly cycleMomentum?: boolean
  /** Default 0.8. */
  readonly baseMomentum?: number | readonly number[]
  /** Default 0.9. */
  readonly maxMomentum?: number | readonly number[]
}

/** The learning rate goes up and down between two bounds. [Smith, 2015](https://arxiv.org/abs/1506.01186) */
export class CyclicLR extends LRScheduler {
  maxLrs: number[]
  totalSize: number
  stepRatio: number
  mode: string
  gamma: number
  scaleMode: string
  cycleMomentum: boolean
  useBeta1 = false
  baseMomentums: number[] = []
  maxMomentums: number[] = []
  readonly #scale: (x: number) => number

  constructor(
    optimizer: ScheduledOptimizer,
    baseLr: number | readonly number[],
    maxLr: number | readonly number[],
    options: CyclicLROptions = {},
  ) {
    const {
      lastEpoch = -1,
      stepSizeUp = 2000,
      stepSizeDown = stepSizeUp,
      mode = 'triangular',
      gamma = 1,
      scaleFn,
      cycleMomentum = true,
    } = options
    const baseLrs = perGroup('CyclicLR', 'baseLr', optimizer, baseLr)
    if (lastEpoch === -1)
      optimizer.paramGroups.forEach((group, i) => {
        group.lr = baseLrs[i]
      })
    super(optimizer, options)
    expectThat(
      ['triangular', 'triangular2', 'exp_range'].includes(mode),
      'CyclicLR',
      'mode',
      "'triangular', 'triangular2' or 'exp_range'",
      mode,
    )
    this.maxLrs = perGroup('CyclicLR', 'maxLr', optimizer, maxLr)
    this.totalSize = stepSizeUp + stepSizeDown
    this.stepRatio = stepSizeUp / this.totalSize
    this.mode = mode
    this.gamma = gamma
    this.scaleMode = scaleFn ? (options.scaleMode ?? 'cycle') : mode === 'exp_range' ? 'iterations' : 'cycle'
    this.#scale =
      scaleFn ??
      (mode === 'triangular' ? () => 1 : mode === 'triangular2' ? (x) => 1 / 2 ** (x - 1) : (x) => this.gamma ** x)
    this.cycleMomentum = cycleMomentum
    if (cycleMomentum) {
      this.useBeta1 = usesBeta('CyclicLR', optimizer)
      this.baseMomentums = perGroup('CyclicLR', 'baseMomentum', optimizer, options.baseMomentum ?? 0.8)
      this.maxMomentums = perGroup('CyclicLR', 'maxMomentum', optimizer, options.maxMomentum ?? 0.9)
      if (lastEpoch === -1)
        optimizer.paramGroups.forEach((group, i) => {
          setMomentum(group, this.maxMomentums[i], this.useBeta1)
          group.maxMomentum = this.maxMomentums[i]
          group.baseMomentum = this.baseMomentums[i]
        })
    }
    this.start()
    this.baseLrs = baseLrs
  }

  protected override getLr(): number[] {
    const at = this.lastEpoch / this.totalSize
    const cycle = Math.floor(1 + at)
    const x = 1 + at - cycle
    const height =
      (x <= this.stepRatio ? x / this.stepRatio : (x - 1) / (this.stepRatio - 1)) *
      this.#scale(this.scaleMode === 'cycle' ? cycle : this.lastEpoch)
    if (this.cycleMomentum)
      this.optimizer.paramGroups.forEach((group, i) => {
        const most = this.maxMomentums[i]
        setMomentum(group, most - (most - this.baseMomentums[i]) * height, this.useBeta1)
      })
    return this.baseLrs.map((base, i) => base + (this.maxLrs[i] - base) * height)
  }
}

export interface OneCycleLROptions extends SchedulerOptions {
  /** Steps of the cycle; or `epochs` times `stepsPerEpoch`. */
  readonly totalSteps?: number
  readonly epochs?: number
  readonly stepsPerEpoch?: number
  /** The share of the cycle in which the learning rate rises. Default 0.3. */
  readonly pctStart?: number
  /** Default 'cos'. */
  readonly annealStrategy?: 'cos' | 'linear'
  /** Let momentum fall while the learning rate rises. Default true. */
  readonly cycleMomentum?: boolean
  /** Default 0.85. */
  readonly baseMomentum?: number | readonly number[]
  /** Default 0.95. */
  readonly maxMomentum?: number | readonly number[]
  /** The initial learning rate is `maxLr / divFactor`. Default 25. */
  readonly divFactor?: number
  /** The smallest is the initial one divided by this. Default 1e4. */
  readonly finalDivFactor?: number
  /** Fall to the initial learning rate first and to the smallest then. Default false. */
  readonly threePhase?: boolean
}

type Bound = 'initialLr' | 'maxLr' | 'minLr' | 'maxMomentum' | 'baseMomentum'
interface Phase {
  readonly end: number
  readonly lr: readonly [Bound, Bound]
  readonly momentum: readonly [Bound, Bound]
}

/**
 * One rise and fall of the learning rate over the whole training. Call `step()` after each batch.
 * [Smith and Topin, 2017](https://arxiv.org/abs/1708.07120)
 *
 * @throws ArgumentError from `step()` once the cycle is over
 */
export class OneCycleLR extends LRScheduler {
  totalSteps: number
  cycleMomentum: boolean
  useBeta1 = false
  readonly #phases: readonly Phase[]
  readonly #linear: boolean

  /** @param maxLr the largest learning rate, for all groups or each */
  constructor(optimizer: ScheduledOptimizer, maxLr: number | readonly number[], options: OneCycleLROptions) {
    const {
      totalSteps,
      epochs,
      stepsPerEpoch,
      pctStart = 0.3,
      annealStrategy = 'cos',
      cycleMomentum = true,
      divFactor = 25,
      finalDivFactor = 1e4,
      lastEpoch = -1,
    } = options
    const total = totalSteps ?? (epochs ?? Number.NaN) * (stepsPerEpoch ?? Number.NaN)
    expectThat(
      Number.isInteger(total) && total > 0,
      'OneCycleLR',
      'totalSteps, or epochs and stepsPerEpoch,',
      'to be positive integers',
      total,
    )
    expectThat(pctStart >= 0 && pctStart <= 1, 'OneCycleLR', 'pctStart', 'in [0, 1]', pctStart)
    expectThat(
      annealStrategy === 'cos' || annealStrategy === 'linear',
      'OneCycleLR',
      'annealStrategy',
      "'cos' or 'linear'",
      annealStrategy,
    )
    const maxLrs = perGroup('OneCycleLR', 'maxLr', optimizer, maxLr)
    if (lastEpoch === -1)
      optimizer.paramGroups.forEach((group, i) => {
        group.initialLr = maxLrs[i] / divFactor
        group.maxLr = maxLrs[i]
        group.minLr = group.initialLr / finalDivFactor
      })
    super(optimizer, options)
    this.totalSteps = total
    this.cycleMomentum = cycleMomentum
    this.#linear = annealStrategy === 'linear'
    const up: Phase = {
      end: pctStart * total - 1,
      lr: ['initialLr', 'maxLr'],
      momentum: ['maxMomentum', 'baseMomentum'],
    }
    this.#phases = options.threePhase
      ? [
          up,
          { end: 2 * pctStart * total - 2, lr: ['maxLr', 'initialLr'], momentum: ['baseMomentum', 'maxMomentum'] },
          { end: total - 1, lr: ['initialLr', 'minLr'], momentum: ['maxMomentum', 'maxMomentum'] },
        ]
      : [up, { end: total - 1, lr: ['maxLr', 'minLr'], momentum: ['baseMomentum', 'maxMomentum'] }]
    if (cycleMomentum) {
      this.useBeta1 = usesBeta('OneCycleLR', optimizer)
      const most = perGroup('OneCycleLR', 'maxMomentum', optimizer, options.maxMomentum ?? 0.95)
      const least = perGroup('OneCycleLR', 'baseMomentum', optimizer, options.baseMomentum ?? 0.85)
      if (lastEpoch === -1)
        optimizer.paramGroups.forEach((group, i) => {
          setMomentum(group, most[i], this.useBeta1)
          group.maxMomentum = most[i]
          group.baseMomentum = least[i]
        })
    }
    this.start()
  }

  protected override getLr(): number[] {
    const step = this.lastEpoch
    if (step > this.totalSteps)
      throw new ArgumentError(`OneCycleLR: expected at most ${this.totalSteps} steps, got step ${step}`)
    let begin = 0
    let at = 0
    while (at < this.#phases.length - 1 && step > this.#phases[at].end) begin = this.#phases[at++].end
    const { end, lr, momentum } = this.#phases[at]
    const share = (step - begin) / (end - begin)
    const between = (group: ScheduledGroup, [from, to]: readonly [Bound, Bound]): number => {
      const a = group[from] ?? 0
      const b = group[to] ?? 0
      return this.#linear ? (b - a) * share + a : b + ((a - b) / 2) * (Math.cos(Math.PI * share) + 1)
    }
    return this.optimizer.paramGroups.map((group) => {
      if (this.cycleMomentum) setMomentum(group, between(group, momentum), this.useBeta1)
      return between(group, lr)
    })
  }
}
