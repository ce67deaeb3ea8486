// Optimizers that divide by a running size of the gradient.
import * as kernels from '../binding/kernels.gen.js'
import { add, div, pow, sqrt } from '../ops/index.js'
import { addSparse_, type SparseTensor, valuesAt } from '../ops/sparse.js'
import { byStep, fusedStep, scalar, stateTensor, strided } from './fused.js'
import { Optimizer, type OptimizerOptions, type ParamGroup, type Params, type Update } from './optimizer.js'

export interface RMSpropOptions extends OptimizerOptions {
  /** Default 1e-2. */
  readonly lr?: number
  /** How slowly the average of the squared gradient changes. Default 0.99. */
  readonly alpha?: number
  /** Added to the denominator. Default 1e-8. */
  readonly eps?: number
  /** The L2 penalty. Default 0. */
  readonly weightDecay?: number
  /** Default 0. */
  readonly momentum?: number
  /** Divide by the deviation rather than the root mean square. Default false. */
  readonly centered?: boolean
  /** Ascend instead. Default false. */
  readonly maximize?: boolean
}

/** RMSprop: the gradient over the root of its running square. [Graves, 2013](https://arxiv.org/abs/1308.0850) */
export class RMSprop extends Optimizer<RMSpropOptions> {
  static readonly signature: string = 'RMSprop(params, {lr, alpha, eps, weight_decay, momentum, centered, maximize})'
  protected override readonly foreign = { foreach: null, capturable: false, differentiable: false }

  constructor(params: Params<RMSpropOptions>, options: RMSpropOptions = {}) {
    super(params, {
      lr: 1e-2,
      alpha: 0.99,
      eps: 1e-8,
      weightDecay: 0,
      momentum: 0,
      centered: false,
      maximize: false,
      ...options,
    })
  }

  protected override check({ lr, alpha, eps, weightDecay, momentum }: ParamGroup<RMSpropOptions>): void {
    this.expect(lr >= 0, 'lr', '≥ 0', lr)
    this.expect(eps >= 0, 'eps', '≥ 0', eps)
    this.expect(momentum >= 0, 'momentum', '≥ 0', momentum)
    this.expect(weightDecay >= 0, 'weightDecay', '≥ 0', weightDecay)
    this.expect(alpha >= 0, 'alpha', '≥ 0', alpha)
  }

  protected override update(group: ParamGroup<RMSpropOptions>, updates: Update[]): void {
    const { lr, alpha, eps, weightDecay, momentum, centered, maximize } = group
    byStep(updates)
    const keys = ['square_avg', ...(momentum > 0 ? ['momentum_buffer'] : []), ...(centered ? ['grad_avg'] : [])]
    fusedStep(kernels.rmspropStep, updates, keys, [
      lr,
      alpha,
      eps,
      weightDecay,
      momentum,
      maximize ? -1 : 1,
      Number(centered),
    ])
  }
}

export interface AdagradOptions extends OptimizerOptions {
  /** Default 1e-2. */
  readonly lr?: number
  /** How fast the learning rate falls. Default 0. */
  readonly lrDecay?: number
  /** The L2 penalty. Default 0. */
  readonly weightDecay?: number
  /** Where the sums of squares begin. Default 0. */
  readonly initialAccumulatorValue?: number
  /** Added to the denominator. Default 1e-10. */
  readonly eps?: number
  /** Ascend instead. Default false. */
  readonly maximize?: boolean
}

/** Adagrad: the gradient over the root of the sum of its squares. [Duchi et al., 2011](https://jmlr.org/papers/v12/duchi11a.html) */
export class Adagrad extends Optimizer<AdagradOptions> {
  static readonly signature: string =
    'Adagrad(params, {lr, lr_decay, weight_decay, initial_accumulator_value, eps, maximize})'
  protected override readonly foreign = { foreach: null, differentiable: false, fused: null }
  protected override readonly gradients = 'both'

  constructor(params: Params<AdagradOptions>, options: AdagradOptions = {}) {
    super(params, {
      lr: 1e-2,
      lrDecay: 0,
      weightDecay: 0,
      initialAccumulatorValue: 0,
      eps: 1e-10,
      maximize: false,
      ...options,
    })
  }

  protected override check({
    lr,
    lrDecay,
    weightDecay,
    initialAccumulatorValue,
    eps,
  }: ParamGroup<AdagradOptions>): void {
    this.expect(lr >= 0, 'lr', '≥ 0', lr)
    this.expect(lrDecay >= 0, 'lrDecay', '≥ 0', lrDecay)
    this.expect(weightDecay >= 0, 'weightDecay', '≥ 0', weightDecay)
    this.expect(initialAccumulatorValue >= 0, 'initialAccumulatorValue', '≥ 0', initialAccumulatorValue)
    this.expect(eps >= 0, 'eps', '≥ 0', eps)
  }

  protected override update(group: ParamGroup<AdagradOptions>, updates: Update[]): void {
    const { lr, lrDecay, weightDecay, initialAccumulatorValue, eps, maximize } = group
    for (const update of updates) stateTensor(update, 'sum', initialAccumulatorValue)
    for (const [step, list] of byStep(updates)) {
      const rate = lr / (1 + (step - 1) * lrDecay)
      const rest = strided(list, (update, grad) => {
        this.expect(weightDecay === 0, 'weightDecay', '0 for sparse gradients', weightDecay)
        sparseStep(update, grad.coalesce(), maximize ? -rate : rate, eps)
      })
      fusedStep(kernels.adagradStep, rest, ['sum'], [rate, eps, weightDecay, maximize ? -1 : 1])
    }
  }
}

/** Adagrad's step at the rows of a coalesced gradient only. */
function sparseStep(update: Update, grad: SparseTensor, rate: number, eps: number): void {
  const sums = stateTensor(update, 'sum')
  addSparse_(sums, grad, 1, pow(grad.values(), 2))
  addSparse_(update.param, grad, -rate, div(grad.values(), add(sqrt(valuesAt(sums, grad)), eps)))
}

export interface AdadeltaOptions extends OptimizerOptions {
  /** Default 1. */
  readonly lr?: number
  /** How slowly the averages change. Default 0.9. */
  readonly rho?: number
  /** Added under the roots. Default 1e-6. */
  readonly eps?: number
  /** The L2 penalty. Default 0. */
  readonly weightDecay?: number
  /** Ascend instead. Default false. */
  readonly maximize?: boolean
}

/** Adadelta: steps of the size of the running steps over that of the running gradients. [Zeiler, 2012](https://arxiv.org/abs/1212.5701) */
export class Adadelta extends Optimizer<AdadeltaOptions> {
  static readonly signature: string = 'Adadelta(params, {lr, rho, eps, weight_decay, maximize})'
  protected override readonly foreign = { foreach: null, capturable: false, differentiable: false }

  constructor(params: Params<AdadeltaOptions>, options: AdadeltaOptions = {}) {
    super(params, { lr: 1, rho: 0.9, eps: 1e-6, weightDecay: 0, maximize: false, ...options })
  }

  protected override check({ lr, rho, eps, weightDecay }: ParamGroup<AdadeltaOptions>): void {
    this.expect(lr >= 0, 'lr', '≥ 0', lr)
    this.expect(rho >= 0 && rho <= 1, 'rho', 'in [0, 1]', rho)
    this.expect(eps >= 0, 'eps', '≥ 0', eps)
    this.expect(weightDecay >= 0, 'weightDecay', '≥ 0', weightDecay)
  }

  protected override update(
    { lr, rho, eps, weightDecay, maximize }: ParamGroup<AdadeltaOptions>,
    updates: Update[],
  ): void {
    byStep(updates)
    fusedStep(
      kernels.adadeltaStep,
      updates,
      ['square_avg', 'acc_delta'],
      [lr, rho, eps, weightDecay, maximize ? -1 : 1],
    )
  }
}

export interface RpropOptions extends OptimizerOptions {
  /** The size of the first step. Default 1e-2. */
  readonly lr?: number
  /** How much steps shrink and grow. Default [0.5, 1.2]. */
  readonly etas?: readonly [number, number]
  /** The smallest and the largest step. Default [1e-6, 50]. */
  readonly stepSizes?: readonly [number, number]
  /** Ascend instead. Default false. */
  readonly maximize?: boolean
}

/** Resilient propagation: steps by the gradient's sign, each as long as the signs have agreed. [Riedmiller and Braun, 1993](https://doi.org/10.1109/ICNN.1993.298623) */
export class Rprop extends Optimizer<RpropOptions> {
  static readonly signature: string = 'Rprop(params, {lr, etas, step_sizes, maximize})'
  protected override readonly foreign = { foreach: null, capturable: false, differentiable: false }

  constructor(params: Params<RpropOptions>, options: RpropOptions = {}) {
    super(params, { lr: 1e-2, etas: [0.5, 1.2], stepSizes: [1e-6, 50], maximize: false, ...options })
  }

  protected override check({ lr, etas }: ParamGroup<RpropOptions>): void {
    this.expect(lr >= 0, 'lr', '≥ 0', lr)
    this.expect(etas[0] > 0 && etas[0] < 1 && etas[1] > 1, 'etas', '0 < shrink < 1 < grow', etas)
  }

  protected override update({ lr, etas, stepSizes, maximize }: ParamGroup<RpropOptions>, updates: Update[]): void {
    for (const update of updates) stateTensor(update, 'step_size', lr)
    byStep(updates)
    fusedStep(kernels.rpropStep, updates, ['prev', 'step_size'], [...etas, ...stepSizes, maximize ? -1 : 1])
  }
}

export interface ASGDOptions extends OptimizerOptions {
  /** Default 1e-2. */
  readonly lr?: number
  /** The decay term. Default 1e-4. */
  readonly lambd?: number
  /** The power of the learning rate's fall. Default 0.75. */
  readonly alpha?: number
  /** The step at which averaging begins. Default 1e6. */
  readonly t0?: number
  /** The L2 penalty. Default 0. */
  readonly weightDecay?: number
  /** Ascend instead. Default false. */
  readonly maximize?: boolean
}

/** Averaged stochastic gradient descent; the averages are in the state `ax`. [Polyak and Juditsky, 1992](https://doi.org/10.1137/0330046) */
export class ASGD extends Optimizer<ASGDOptions> {
  static readonly signature: string = 'ASGD(params, {lr, lambd, alpha, t0, weight_decay, maximize})'
  protected override readonly foreign = { foreach: null, capturable: false, differentiable: false }

  constructor(params: Params<ASGDOptions>, options: ASGDOptions = {}) {
    super(params, { lr: 1e-2, lambd: 1e-4, alpha: 0.75, t0: 1e6, weightDecay: 0, maximize: false, ...options })
  }

  protected override check({ lr, weightDecay }: ParamGroup<ASGDOptions>): void {
    this.expect(lr >= 0, 'lr', '≥ 0', lr)
    this.expect(weightDecay >= 0, 'weightDecay', '≥ 0', weightDecay)
  }

  protected override update(
    { lr, lambd, alpha, t0, weightDecay, maximize }: ParamGroup<ASGDOptions>,
    updates: Update[],
  ): void {
    for (const [step, list] of byStep(updates)) {
      // The rates of a step were set by the one before.
      const eta = step === 1 ? scalar(lr) : rate(list[0], 'eta', lr)
      const mu = step === 1 ? 1 : rate(list[0], 'mu', 1)
      fusedStep(kernels.asgdStep, list, ['ax'], [1 - lambd * eta, eta, mu, weightDecay, maximize ? -1 : 1])
      for (const { state } of list) {
        state.eta = scalar(lr / (1 + lambd * lr * step) ** alpha)
        state.mu = scalar(1 / Math.max(1, step - t0))
      }
    }
  }
}

const rate = ({ state }: Update, key: string, otherwise: number): number => {
  const value = state[key]
  return typeof value === 'number' ? value : otherwise
}
