// The learning-rate finder: losses over growing rates, and where they fall fastest.
import { ArgumentError, getRngState, setRngState, type Tensor } from '@flambeau/core'
import { Callback } from './callback.js'
import { checkKeys } from './errors.js'
import { Trainer } from './trainer.js'
import type { AnyLightningModule, Loaders } from './types.js'

/** The options of `lrFind`. */
export interface LRFindOptions {
  readonly trainDataloaders?: Loaders
  /** Default 1e-8. */
  readonly minLr?: number
  /** Default 1. */
  readonly maxLr?: number
  /** How many rates are tried. Default 100. */
  readonly numTraining?: number
  /** How rates grow. Default 'exponential'. */
  readonly mode?: 'exponential' | 'linear'
  /** Stop where the smoothed loss is more than so many times the best; null never does. Default 4. */
  readonly earlyStopThreshold?: number | null
}

/** What was found: the losses, smoothed, at each rate. */
export class LRFinder {
  readonly results: { readonly lr: readonly number[]; readonly loss: readonly number[] }

  constructor(lr: readonly number[], loss: readonly number[]) {
    this.results = { lr, loss }
  }

  /** The rate at which the loss falls fastest; null where there are too few. @param skipBegin @param skipEnd points that are noise */
  suggestion(skipBegin = 10, skipEnd = 1): number | null {
    const { lr, loss } = this.results
    const end = loss.length - skipEnd
    const kept = loss.slice(skipBegin, end).filter(Number.isFinite)
    if (kept.length < 2) return null
    // Central differences, one-sided at both ends.
    const slopes = kept.map((_, i) => {
      const [a, b] = [Math.max(0, i - 1), Math.min(kept.length - 1, i + 1)]
      return (kept[b] - kept[a]) / (b - a)
    })
    const steepest = slopes.indexOf(Math.min(...slopes))
    return lr[steepest + skipBegin]
  }
}

class Sweep extends Callback {
  readonly lrs: number[] = []
  readonly losses: number[] = []
  readonly #rate: (step: number) => number
  readonly #threshold: number | null
  #average = 0
  #best = Number.POSITIVE_INFINITY

  constructor(rate: (step: number) => number, threshold: number | null) {
    super()
    this.#rate = rate
    this.#threshold = threshold
  }

  override onTrainBatchStart(trainer: Trainer): void {
    const lr = this.#rate(this.lrs.length)
    for (const { paramGroups } of trainer.optimizers) for (const group of paramGroups) group.lr = lr
    this.lrs.push(lr)
  }

  override onTrainBatchEnd(trainer: Trainer, _module: AnyLightningModule, outputs: unknown): void {
    const loss = (outputs as { loss?: Tensor }).loss ?? (outputs as Tensor)
    this.#average = 0.98 * this.#average + 0.02 * Number(loss.item())
    const smoothed = this.#average / (1 - 0.98 ** this.lrs.length)
    this.losses.push(smoothed)
    if (this.#threshold !== null && this.lrs.length > 1 && !(smoothed <= this.#threshold * this.#best))
      trainer.shouldStop = true
    if (smoothed < this.#best) this.#best = smoothed
  }
}

/**
 * Trains for a little while with growing learning rates ([Smith, 2017](https://arxiv.org/abs/1506.01186)); the module
 * and the random numbers are then as they were before.
 *
 * @param module whose `configureOptimizers` gives one optimizer
 * @example
 * ```ts
 * import { F, nn, optim, randn, type Tensor } from '@flambeau/core'
 * import { LightningModule, lrFind } from '@flambeau/trainer'
 * class Line extends LightningModule<[Tensor, Tensor]> {
 *   readonly layer = new nn.Linear(1, 1)
 *   override forward(x: Tensor): Tensor {
 *     return this.layer.forward(x)
 *   }
 *   override trainingStep([x, y]: [Tensor, Tensor]): Tensor {
 *     return F.mseLoss(this.forward(x), y)
 *   }
 *   override configureOptimizers() {
 *     return new optim.SGD(this.parameters(), { lr: 0.1 })
 *   }
 * }
 * const x = randn([8, 1])
 * const finder = await lrFind(new Line(), { trainDataloaders: [[x, x.mul(3)]], numTraining: 40 })
 * console.log(finder.results.lr.length > 10, finder.suggestion() !== null) // → true true
 * ```
 */
export async function lrFind(module: AnyLightningModule, options: LRFindOptions = {}): Promise<LRFinder> {
  checkKeys('lrFind', options, ['trainDataloaders', 'minLr', 'maxLr', 'numTraining', 'mode', 'earlyStopThreshold'])
  const { minLr = 1e-8, maxLr = 1, numTraining = 100, mode = 'exponential', earlyStopThreshold = 4 } = options
  if (!(minLr > 0 && maxLr > minLr && Number.isInteger(numTraining) && numTraining >= 2))
    throw new ArgumentError(
      `lrFind: expected 0 < minLr < maxLr and numTraining ≥ 2, got minLr ${minLr}, maxLr ${maxLr}, numTraining ${numTraining}`,
    )
  const share = (step: number): number => Math.min(1, step / (numTraining - 1))
  const rate =
    mode === 'linear'
      ? (step: number): number => minLr + (maxLr - minLr) * share(step)
      : (step: number): number => minLr * (maxLr / minLr) ** share(step)
  const before = Object.entries(module.stateDict()).map(([name, t]) => [name, t.clone()] as const)
  const random = getRngState()
  const sweep = new Sweep(rate, earlyStopThreshold)
  const trainer = new Trainer({
    maxSteps: numTraining,
    maxEpochs: -1,
    callbacks: [sweep],
    logger: false,
    enableCheckpointing: false,
    enableProgressBar: false,
    enableModelSummary: false,
    numSanityValSteps: 0,
    limitValBatches: 0,
    accelerator: 'auto',
    strategy: 'single_device',
  })
  try {
    await trainer.fit(module, { trainDataloaders: options.trainDataloaders })
  } finally {
    module.loadStateDict(Object.fromEntries(before))
    module.zeroGrad()
    setRngState(random)
  }
  return new LRFinder(sweep.lrs, sweep.losses)
}
