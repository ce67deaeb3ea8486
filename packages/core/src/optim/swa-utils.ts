// The namespace `optim.swaUtils`: averages of a model's parameters over the steps of training.
import { noGrad } from '../autograd/mode.js'
import { ArgumentError, describe } from '../errors.js'
import { fillRaw } from '../ops/creation.js'
import { clone, copy_, detach, lerp } from '../ops/index.js'
import { alias } from '../tensor/create.js'
import { isDifferentiable } from '../tensor/dtype.js'
import { Tensor } from '../tensor/tensor.js'
import {
  expectThat,
  LRScheduler,
  perGroup,
  type ScheduledGroup,
  type ScheduledOptimizer,
  type SchedulerOptions,
} from './scheduler.js'

/** What of a module is averaged. */
interface Averaged {
  training: boolean
  namedParameters(): Iterable<[string, Tensor]>
  namedBuffers(): Iterable<[string, Tensor]>
  modules(): Iterable<object>
  train(mode?: boolean): unknown
  // biome-ignore lint/suspicious/noExplicitAny: a module of any arguments
  forward(...args: any[]): unknown
}

/** The new average of one parameter, from the average so far, the model's value, and how many values it is made of. */
export type AvgFn = (averaged: Tensor, current: Tensor, count: number) => Tensor
/** The same for all parameters at once, written to the averages. */
export type MultiAvgFn = (averaged: readonly Tensor[], current: readonly Tensor[], count: number) => void

/** The mean of all values. */
export const getSwaAvgFn = (): AvgFn => (averaged, current, count) => towards(averaged, current, 1 / (count + 1))

/** Between the average and a value; of integers, whatever is left of it when it is written back. */
const towards = (averaged: Tensor, current: Tensor, weight: number): Tensor =>
  isDifferentiable(averaged.dtype)
    ? lerp(averaged, current, weight)
    : averaged
        .to('float64')
        .mul(1 - weight)
        .add(current.to('float64').mul(weight))

const checkDecay = (operation: string, decay: number): number => {
  if (!(typeof decay === 'number' && decay >= 0 && decay <= 1))
    throw new ArgumentError(`${operation}: expected decay in [0, 1], got ${describe(decay)}`)
  return decay
}

/** The exponential moving average `decay · averaged + (1 - decay) · current`. */
export function getEmaAvgFn(decay = 0.999): AvgFn {
  checkDecay('getEmaAvgFn', decay)
  return (averaged, current) => towards(averaged, current, 1 - decay)
}

const each =
  (fn: AvgFn): MultiAvgFn =>
  (averaged, current, count) => {
    averaged.forEach((t, i) => void copy_(t, fn(t, current[i], count)))
  }

/** `getSwaAvgFn` for all parameters at once. */
export const getSwaMultiAvgFn = (): MultiAvgFn => each(getSwaAvgFn())
/** `getEmaAvgFn` for all parameters at once. */
export const getEmaMultiAvgFn = (decay = 0.999): MultiAvgFn => each(getEmaAvgFn(checkDecay('getEmaMultiAvgFn', decay)))

export interface AveragedModelOptions {
  /** How one parameter is averaged. Default: the mean. */
  readonly avgFn?: AvgFn
  /** How all are averaged at once, in place of `avgFn`. */
  readonly multiAvgFn?: MultiAvgFn
  /** Average buffers too, rather than copy them. Default false. */
  readonly useBuffers?: boolean
}

/**
 * A model's parameters and buffers, averaged over the steps at which `updateParameters` is called, and the model run
 * with them. Stochastic weight averaging: [Izmailov et al., 2018](https://arxiv.org/abs/1803.05407).
 *
 * The averages are tensors beside the model, which lends them its code: a call of `forward` is without gradient.
 *
 * @example
 * ```ts
 * import { nn, ones, optim } from '@flambeau/core'
 * const model = new nn.Linear(2, 1)
 * const averaged = new optim.swaUtils.AveragedModel(model, { multiAvgFn: optim.swaUtils.getEmaMultiAvgFn(0.9) })
 * averaged.updateParameters(model)
 * console.log(averaged.forward(ones([2])).shape, Object.keys(averaged.stateDict())) // → [ 1 ] [ 'n_averaged', 'module.weight', 'module.bias' ]
 * ```
 */
export class AveragedModel<M extends Averaged = Averaged> {
  /** The model whose code runs. */
  readonly module: M
  /** How many values the averages are made of; int64, no dimensions. */
  readonly nAveraged: Tensor
  training: boolean
  readonly #parameters = new Map<string, Tensor>()
  readonly #buffers = new Map<string, Tensor>()
  readonly #average: MultiAvgFn
  readonly #useBuffers: boolean
  #running = false

  constructor(model: M, { avgFn, multiAvgFn, useBuffers = false }: AveragedModelOptions = {}) {
    if (avgFn !== undefined && multiAvgFn !== undefined)
      throw new ArgumentError('AveragedModel: expected avgFn or multiAvgFn, got both')
    this.module = model
    this.training = model.training
    this.nAveraged = fillRaw([], 0, 'int64', 'cpu')
    this.#average = multiAvgFn ?? each(avgFn ?? getSwaAvgFn())
    this.#useBuffers = useBuffers
    noGrad(() => {
      for (const [name, t] of model.namedParameters()) this.#parameters.set(name, clone(detach(t)))
      for (const [name, t] of model.namedBuffers()) this.#buffers.set(name, clone(detach(t)))
    })
  }

  /** The averaged parameters with dotted names. */
  namedParameters(): IterableIterator<[string, Tensor]> {
    return this.#parameters.entries()
  }

  /** The buffers with dotted names. */
  namedBuffers(): IterableIterator<[string, Tensor]> {
    return this.#buffers.entries()
  }

  /** The averaged parameters. */
  parameters(): Tensor[] {
    return [...this.#parameters.values()]
  }

  /** The modules of the model. */
  modules(): Iterable<object> {
    return this.module.modules()
  }

  /** Takes the model's values into the averages; the first are taken as they are. */
  updateParameters(model: Averaged): void {
    const current = new Map([...model.namedParameters(), ...(this.#useBuffers ? model.namedBuffers() : [])])
    const averages = new Map([...this.#parameters, ...(this.#useBuffers ? this.#buffers : [])])
    const values = [...averages.keys()].map((name) => {
      const value = current.get(name)
      if (value === undefined) throw new ArgumentError(`updateParameters: the model has no '${name}'`)
      return detach(value)
    })
    noGrad(() => {
      const count = this.nAveraged.item<number>()
      if (count === 0) [...averages.values()].forEach((t, i) => void copy_(t, values[i]))
      else this.#average([...averages.values()], values, count)
      if (!this.#useBuffers)
        for (const [name, value] of model.namedBuffers()) {
          const own = this.#buffers.get(name)
          if (own !== undefined) copy_(own, detach(value))
        }
      this.nAveraged.add_(1)
    })
  }

  /** Switches to training, or to evaluation. @returns this model */
  train(mode = true): this {
    this.training = mode
    return this
  }

  /** Switches to evaluation. @returns this model */
  eval(): this {
    return this.train(false)
  }

  /** The model's result with the averages in the place of its parameters and buffers. */
  forward(...args: Parameters<M['forward']>): ReturnType<M['forward']> {
    return this.run(() => noGrad(() => this.module.forward(...args) as ReturnType<M['forward']>))
  }

  /** @internal Runs `body` while the model has the averages and this one's mode. */
  run<R>(body: () => R): R {
    if (this.#running) return body()
    const mode = this.module.training
    this.#exchange()
    this.#running = true
    if (mode !== this.training) this.module.train(this.training)
    try {
      return body()
    } finally {
      if (mode !== this.training) this.module.train(mode)
      this.#running = false
      this.#exchange()
    }
  }

  /** The model's tensors get the averages' memory, and the averages the model's. */
  #exchange(): void {
    const swap = (own: ReadonlyMap<string, Tensor>, live: Iterable<[string, Tensor]>): void => {
      for (const [name, t] of live) {
        const average = own.get(name)
        if (average === undefined) continue
        const held = alias(t)
        t.setData(average)
        average.setData(held)
      }
    }
    swap(this.#parameters, this.module.namedParameters())
    swap(this.#buffers, this.module.namedBuffers())
  }

  /** The averages under PyTorch's keys: `n_averaged`, then `module.` and each name. */
  stateDict(): Record<string, Tensor> {
    const tensors = [...this.#parameters, ...this.#buffers].map(([name, t]): [string, Tensor] => [`module.${name}`, t])
    return { n_averaged: this.nAveraged, ...Object.fromEntries(tensors) }
  }

  /** Copies the values of a state dict. @throws ArgumentError where a key is missing or not expected */
  loadStateDict(state: { readonly [name: string]: Tensor }): void {
    const own = this.stateDict()
    const missing = Object.keys(own).filter((key) => !(state[key] instanceof Tensor))
    const unexpected = Object.keys(state).filter((key) => !(key in own))
    if (missing.length + unexpected.length > 0)
      throw new ArgumentError(
        `AveragedModel.loadStateDict: missing: ${missing.join(', ') || 'none'}; not expected: ${unexpected.join(', ') || 'none'}`,
      )
    noGrad(() => {
      for (const [key, t] of Object.entries(own)) copy_(t, state[key])
    })
  }
}

interface Statistics {
  momentum: number | null
  resetRunningStats(): void
}
const hasStatistics = (module: object): module is Statistics => 'resetRunningStats' in module && 'momentum' in module

/**
 * Computes the running statistics of a model's batch normalizations anew, as the mean over all batches of a loader:
 * averaged parameters have seen none.
 *
 * @param loader batches, or lists whose first item is one
 */
export async function updateBn(
  loader: Iterable<unknown> | AsyncIterable<unknown>,
  model: Averaged | AveragedModel,
): Promise<void> {
  const norms = [...model.modules()].filter(hasStatistics)
  if (norms.length === 0) return
  const within = <R>(body: () => R): R => (model instanceof AveragedModel ? model.run(body) : body())
  const momenta = norms.map(({ momentum }) => momentum)
  const { training } = model
  model.train(true)
  within(() => {
    for (const norm of norms) norm.resetRunningStats()
  })
  try {
    for await (const batch of loader) {
      const input: unknown = Array.isArray(batch) ? batch[0] : batch
      // A momentum of null is the mean of all batches.
      for (const norm of norms) norm.momentum = null
      try {
        noGrad(() => model.forward(input))
      } finally {
        norms.forEach((norm, i) => {
          norm.momentum = momenta[i]
        })
      }
    }
  } finally {
    model.train(training)
  }
}

export interface SWALROptions extends SchedulerOptions {
  /** Epochs until `swaLr` is reached. Default 10. */
  readonly annealEpochs?: number
  /** Default 'cos'. */
  readonly annealStrategy?: 'cos' | 'linear'
}

/** A group in which `SWALR` keeps where it goes. */
interface SwaGroup extends ScheduledGroup {
  swaLr?: number
}

/** Goes to the learning rate `swaLr` and stays there, for stochastic weight averaging. */
export class SWALR extends LRScheduler {
  annealEpochs: number
  annealStrategy: 'cos' | 'linear'

  constructor(optimizer: ScheduledOptimizer, swaLr: number | readonly number[], options: SWALROptions = {}) {
    super(optimizer, options)
    const { annealEpochs = 10, annealStrategy = 'cos' } = options
    expectThat(
      ['cos', 'linear'].includes(annealStrategy),
      'SWALR',
      'annealStrategy',
      "'cos' or 'linear'",
      annealStrategy,
    )
    expectThat(
      Number.isInteger(annealEpochs) && annealEpochs >= 0,
      'SWALR',
      'annealEpochs',
      'to be an integer ≥ 0',
      annealEpochs,
    )
    perGroup('SWALR', 'swaLr', optimizer, swaLr).forEach((lr, i) => {
      const group: SwaGroup = optimizer.paramGroups[i]
      group.swaLr = lr
    })
    this.annealEpochs = annealEpochs
    this.annealStrategy = annealStrategy
    this.start()
  }

  /** How far along the way, from 0 to 1. */
  #progress(step: number): number {
    const t = Math.max(0, Math.min(1, step / Math.max(1, this.annealEpochs)))
    return this.annealStrategy === 'linear' ? t : (1 - Math.cos(Math.PI * t)) / 2
  }

  protected override getLr(): number[] {
    const step = this.annealEpochs === 0 ? Math.max(1, this.stepCount - 1) : this.stepCount - 1
    const before = this.#progress(step - 1)
    const now = this.#progress(step)
    return this.optimizer.paramGroups.map(({ lr, swaLr = lr }: SwaGroup) => {
      const start = before === 1 ? swaLr : (lr - before * swaLr) / (1 - before)
      return swaLr * now + start * (1 - now)
    })
  }
}
